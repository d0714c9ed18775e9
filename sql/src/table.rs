//! [`BundleTable`]: one version of a bundle as a table.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use barrow_store::Lease;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;

use crate::predicate::{Pushed, pushdown};
use crate::scan::BundleScan;

/// A version of a bundle as a table: `symbol` (text by dictionary), `time` (nanoseconds of UTC), then the
/// columns of the bundle. A missing float is null.
#[derive(Debug)]
pub struct BundleTable {
    lease: Lease,
    schema: SchemaRef,
}

impl BundleTable {
    /// Makes a table of the version that a lease pins.
    pub fn new(lease: Lease) -> Self {
        let symbol = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        let mut fields = vec![Arc::new(Field::new("symbol", symbol, false))];
        for field in lease.arrow_schema().fields() {
            let may_miss = matches!(field.data_type(), DataType::Float64 | DataType::Float32);
            fields.push(Arc::new(field.as_ref().clone().with_nullable(may_miss)));
        }
        Self { lease, schema: Arc::new(Schema::new(fields)) }
    }
}

#[async_trait]
impl TableProvider for BundleTable {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let places = match projection {
            Some(places) => places.clone(),
            None => (0..self.schema.fields().len()).collect(),
        };
        let schema = Arc::new(self.schema.project(&places)?);
        // Place 0 is the symbol, which is no column of the bundle.
        let columns = places.iter().map(|place| place.checked_sub(1)).collect();
        let pushed = Pushed::of(filters, self.lease.schema());
        let partitions = session.config().target_partitions();
        let scan = BundleScan::new(self.lease.clone(), schema, columns, pushed, limit, partitions)?;
        Ok(Arc::new(scan))
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        let schema = self.lease.schema();
        Ok(filters.iter().map(|filter| pushdown(filter, schema)).collect())
    }
}
