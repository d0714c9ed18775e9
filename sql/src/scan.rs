//! [`BundleScan`]: the part of a plan that reads a bundle.

use std::fmt;
use std::sync::Arc;

use arrow_array::types::{Float32Type, Float64Type};
use arrow_array::{
    Array, ArrayRef, DictionaryArray, Int32Array, PrimitiveArray, RecordBatch, RecordBatchOptions,
    StringArray, cast::AsArray,
};
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType, SchemaRef};
use barrow_store::Lease;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, Statistics, stats::Precision};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr, PhysicalSortExpr};
use datafusion::physical_plan::execution_plan::{
    Boundedness, EmissionType, ReplaceChildrenOptions,
};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties,
};

use crate::error::external;
use crate::predicate::Pushed;
use crate::stretch::{Chosen, Stretch};

/// Rows of a batch: what fits the caches of a core, a few columns wide.
const BATCH_ROWS: usize = 1 << 16;

/// Yields the chosen rows of a bundle, batch by batch, each a slice of the bundle's memory.
pub(crate) struct BundleScan {
    lease: Lease,
    /// Schema of the batches.
    schema: SchemaRef,
    /// Of each field of `schema`: the column of the bundle, or `None` for the symbol.
    columns: Vec<Option<usize>>,
    pushed: Pushed,
    limit: Option<usize>,
    chosen: Chosen,
    parts: Vec<Vec<Stretch>>,
    /// Keys of a dictionary of one symbol, as many as a batch has rows.
    zeros: Int32Array,
    properties: Arc<PlanProperties>,
}

impl BundleScan {
    pub(crate) fn new(
        lease: Lease,
        schema: SchemaRef,
        columns: Vec<Option<usize>>,
        pushed: Pushed,
        limit: Option<usize>,
        partitions: usize,
    ) -> Result<Self> {
        let chosen = Chosen::of(&lease, &pushed, limit).map_err(external)?;
        let parts = chosen.parts(partitions);
        let longest = chosen.stretches.iter().map(|stretch| stretch.rows.len()).max();
        let zeros = Int32Array::from(vec![0; longest.unwrap_or(0).min(BATCH_ROWS)]);
        let properties = PlanProperties::new(
            EquivalenceProperties::new_with_orderings(
                schema.clone(),
                orders(&columns, &schema, &chosen),
            ),
            Partitioning::UnknownPartitioning(parts.len()),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        let properties = Arc::new(properties);
        Ok(Self { lease, schema, columns, pushed, limit, chosen, parts, zeros, properties })
    }
}

/// The orders that the rows of each part are in, as far as their columns are yielded: by symbol, then by time; of a
/// single asset, by time alone as well.
fn orders(
    columns: &[Option<usize>],
    schema: &SchemaRef,
    chosen: &Chosen,
) -> Vec<Vec<PhysicalSortExpr>> {
    let ascending = |column: Option<usize>| {
        let place = columns.iter().position(|found| *found == column)?;
        let column = Column::new(schema.field(place).name(), place);
        Some(PhysicalSortExpr::new_default(Arc::new(column)))
    };
    let (symbol, time) = (ascending(None), ascending(Some(0)));
    let by_time = if chosen.assets < 2 { time.clone() } else { None };
    let by_symbol = symbol.map(|symbol| [symbol].into_iter().chain(time).collect());
    by_symbol.into_iter().chain(by_time.map(|time| vec![time])).collect()
}

/// Makes the batches of one part.
struct Part {
    lease: Lease,
    schema: SchemaRef,
    columns: Vec<Option<usize>>,
    zeros: Int32Array,
}

impl Part {
    fn batch(&self, stretch: &Stretch) -> Result<RecordBatch> {
        let wanted: Vec<usize> = self.columns.iter().flatten().copied().collect();
        let Stretch { asset, rows } = stretch;
        let bars = self.lease.asset_columns(*asset, &wanted).map_err(external)?;
        let mut bars = bars.columns().iter();
        let mut arrays: Vec<ArrayRef> = Vec::with_capacity(self.columns.len());
        for column in &self.columns {
            let Some(column) = column else {
                let symbols = StringArray::from(vec![self.lease.symbol(*asset)]);
                let keys = self.zeros.slice(0, rows.len());
                arrays.push(Arc::new(DictionaryArray::try_new(keys, Arc::new(symbols))?));
                continue;
            };
            let Some(array) = bars.next() else { continue };
            let array = array.slice(rows.start, rows.len());
            let stats = self.lease.bundle().series_stats(*column, *asset).map_err(external)?;
            arrays.push(if stats.null_count > 0 { with_nulls(&array) } else { array });
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        Ok(RecordBatch::try_new_with_options(self.schema.clone(), arrays, &options)?)
    }
}

/// The same values, those that are NaN marked as missing. The values themselves are not copied.
fn with_nulls(array: &ArrayRef) -> ArrayRef {
    match array.data_type() {
        DataType::Float64 => {
            let values = array.as_primitive::<Float64Type>().values();
            let nulls: NullBuffer = values.iter().map(|value| !value.is_nan()).collect();
            Arc::new(PrimitiveArray::<Float64Type>::new(values.clone(), Some(nulls)))
        }
        DataType::Float32 => {
            let values = array.as_primitive::<Float32Type>().values();
            let nulls: NullBuffer = values.iter().map(|value| !value.is_nan()).collect();
            Arc::new(PrimitiveArray::<Float32Type>::new(values.clone(), Some(nulls)))
        }
        _ => array.clone(),
    }
}

impl fmt::Debug for BundleScan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fmt_as(DisplayFormatType::Verbose, f)
    }
}

impl DisplayAs for BundleScan {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lease = &self.lease;
        let names: Vec<&str> =
            self.schema.fields().iter().map(|field| field.name().as_str()).collect();
        write!(
            f,
            "BundleScan: {}@{}, columns=[{}], assets={} of {}, rows={} of {}",
            lease.name(),
            lease.version().short(),
            names.join(", "),
            self.chosen.assets,
            lease.asset_count(),
            self.chosen.rows(),
            lease.rows(),
        )?;
        if !self.pushed.comparisons.is_empty() {
            write!(f, ", rows skipped by statistics={}", self.chosen.skipped_rows)?;
        }
        match self.limit {
            Some(limit) => write!(f, ", limit={limit}"),
            None => Ok(()),
        }
    }
}

impl ExecutionPlan for BundleScan {
    fn name(&self) -> &'static str {
        "BundleScan"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn with_new_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(&self, part: usize, _: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let stretches = self.parts.get(part).cloned().unwrap_or_default();
        let part = Part {
            lease: self.lease.clone(),
            schema: self.schema.clone(),
            columns: self.columns.clone(),
            zeros: self.zeros.clone(),
        };
        let pieces = stretches.into_iter().flat_map(|Stretch { asset, rows }| {
            rows.clone()
                .step_by(BATCH_ROWS)
                .map(move |start| Stretch { asset, rows: start..rows.end.min(start + BATCH_ROWS) })
        });
        let batches = futures::stream::iter(pieces.map(move |piece| part.batch(&piece)));
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema.clone(), batches)))
    }

    fn partition_statistics(&self, part: Option<usize>) -> Result<Arc<Statistics>> {
        let rows = match part {
            None => self.chosen.rows(),
            Some(part) => self.parts.get(part).into_iter().flatten().map(|s| s.rows.len()).sum(),
        };
        let mut statistics = Statistics::new_unknown(&self.schema);
        statistics.num_rows = Precision::Exact(rows);
        Ok(Arc::new(statistics))
    }
}
