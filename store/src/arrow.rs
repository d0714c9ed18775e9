//! Arrow views: record batches whose buffers are the mapped file.
//!
//! Every array keeps the snapshot alive, so a batch may outlive lease, pool and even the file's name. Nothing is
//! copied; there is no null bitmap, a missing float is `NaN`.

use std::collections::BTreeMap;
use std::ops::Range;
use std::ptr::NonNull;
use std::sync::Arc;

use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, PrimitiveArray, RecordBatch, RunArray, StringArray, make_array};
use arrow_buffer::Buffer;
use arrow_data::ArrayData;
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef, TimeUnit};
use barrow_format::{Asset, Column, LogicalType, PhysicalType, Values};

use crate::error::{Error, Result};
use crate::lease::Lease;
use crate::snapshot::Snapshot;

/// The field metadata key under which a decimal column that stays an integer carries its scale.
const SCALE_KEY: &str = "barrow.scale";
/// Most digits that Arrow's 64-bit decimals have.
const DECIMAL_DIGITS: u8 = 18;

impl Lease {
    /// Returns the Arrow schema of this bundle's batches: one field for each column, none nullable.
    ///
    /// Timestamps are `Timestamp(Nanosecond, "UTC")`, decimals `Decimal64(18, scale)`, everything else its own type.
    /// The schema's metadata names bundle, version, frequency, time zone and what the timestamps say.
    pub fn arrow_schema(&self) -> SchemaRef {
        let fields: Vec<Field> = self.schema().columns().iter().map(field).collect();
        Arc::new(Schema::new_with_metadata(fields, self.arrow_metadata().into_iter().collect()))
    }

    /// Returns the whole bundle as one record batch: asset after asset in symbol order, oldest bar first. Zero-copy.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] when a column cannot be read, [`Error::Arrow`] when Arrow refuses it.
    pub fn record_batch(&self) -> Result<RecordBatch> {
        self.batch(0..self.rows())
    }

    /// Returns the bars of one asset as a record batch, oldest first. Zero-copy.
    ///
    /// # Errors
    ///
    /// As [`Lease::record_batch`].
    ///
    /// # Panics
    ///
    /// If the asset is of another bundle version.
    #[track_caller]
    pub fn asset_batch(&self, asset: Asset) -> Result<RecordBatch> {
        self.batch(self.bars(asset).rows())
    }

    /// Returns the whole bundle as one record batch with a first column `symbol`, run-end encoded (run ends of i64 over
    /// strings): one run for each asset with bars. The symbols are copied, the bars are not.
    ///
    /// # Errors
    ///
    /// As [`Lease::record_batch`].
    pub fn record_batch_with_symbols(&self) -> Result<RecordBatch> {
        let bars = self.record_batch()?;
        let (mut ends, mut symbols) = (Vec::new(), Vec::new());
        for asset in self.assets() {
            let asset = asset?;
            if asset.rows() > 0 {
                ends.push(i64::try_from(asset.row_range().end).unwrap_or(i64::MAX));
                symbols.push(self.symbol(asset));
            }
        }
        let ends = PrimitiveArray::<Int64Type>::from(ends);
        let symbols = RunArray::try_new(&ends, &StringArray::from(symbols));
        let symbols: ArrayRef = Arc::new(symbols.map_err(|error| self.refused(error))?);
        let mut fields = vec![Field::new("symbol", symbols.data_type().clone(), false)];
        fields.extend(bars.schema().fields().iter().map(|field| field.as_ref().clone()));
        let metadata = self.arrow_metadata().into_iter().collect();
        let schema = Arc::new(Schema::new_with_metadata(fields, metadata));
        let columns = std::iter::once(symbols).chain(bars.columns().iter().cloned()).collect();
        RecordBatch::try_new(schema, columns).map_err(|error| self.refused(error))
    }

    fn batch(&self, rows: Range<usize>) -> Result<RecordBatch> {
        let snapshot = self.snapshot();
        let columns = self.schema().columns().iter().enumerate();
        let arrays = columns.map(|(index, column)| {
            let whole = snapshot.column_at(index)?;
            let values = whole.slice(rows.clone()).unwrap_or(whole);
            array(snapshot, data_type(column.physical, column.logical), values)
                .map_err(|error| self.refused(error))
        });
        let arrays = arrays.collect::<Result<Vec<_>>>()?;
        RecordBatch::try_new(self.arrow_schema(), arrays).map_err(|error| self.refused(error))
    }

    fn arrow_metadata(&self) -> BTreeMap<String, String> {
        let schema = self.schema();
        [
            ("barrow.bundle", self.name().to_owned()),
            ("barrow.version", self.version().to_string()),
            ("barrow.frequency", schema.frequency().to_string()),
            ("barrow.time_zone", schema.time_zone().to_owned()),
            ("barrow.stamp", schema.stamp().to_string()),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .into()
    }

    fn refused(&self, error: ArrowError) -> Error {
        Error::Arrow { bundle: self.name().to_owned(), source: Arc::new(error) }
    }
}

/// Returns values as an Arrow array that lies in the map and keeps the snapshot alive.
fn array(
    snapshot: &Arc<Snapshot>,
    data_type: DataType,
    values: Values<'_>,
) -> Result<ArrayRef, ArrowError> {
    let buffer = mapped_buffer(snapshot, values.as_bytes());
    let data = ArrayData::builder(data_type).len(values.len()).add_buffer(buffer).build()?;
    Ok(make_array(data))
}

/// Returns bytes of a snapshot's map as an Arrow buffer that owns a share of the snapshot.
///
/// Bytes that lie elsewhere are copied, which cannot happen and keeps the function sound whatever it is given.
fn mapped_buffer(snapshot: &Arc<Snapshot>, bytes: &[u8]) -> Buffer {
    let map = snapshot.bundle().as_bytes().as_ptr_range();
    let range = bytes.as_ptr_range();
    if bytes.is_empty() || range.start < map.start || range.end > map.end {
        return Buffer::from(bytes);
    }
    let start = NonNull::from(bytes).cast::<u8>();
    let owner = Arc::clone(snapshot);
    #[expect(unsafe_code, reason = "a buffer over foreign memory has no safe constructor")]
    // SAFETY: the pointer must be valid for reads of `bytes.len()` bytes for as long as the owner lives: `bytes` is a
    // slice, so it is valid now, and the check above proves that it lies within the map that `owner` holds and never
    // unmaps, remaps or hands out mutably before it is dropped. The memory must not be written while the buffer lives:
    // the map is read-only, of an immutable file (see `mapping.rs`), and `Buffer` only lends `&[u8]`; its conversions
    // to a mutable buffer refuse memory with a custom owner.
    unsafe {
        Buffer::from_custom_allocation(start, bytes.len(), owner)
    }
}

fn field(column: &Column) -> Field {
    let data_type = data_type(column.physical, column.logical);
    let field = Field::new(&column.name, data_type.clone(), false);
    match column.logical {
        LogicalType::Decimal { scale } if data_type == DataType::Int64 => {
            field.with_metadata([(SCALE_KEY.to_owned(), scale.to_string())].into())
        }
        _ => field,
    }
}

/// The Arrow type of values.
pub(crate) fn data_type(physical: PhysicalType, logical: LogicalType) -> DataType {
    match (logical, physical) {
        (LogicalType::Timestamp, _) => {
            DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()))
        }
        (LogicalType::Decimal { scale }, PhysicalType::I64) if scale <= DECIMAL_DIGITS => {
            DataType::Decimal64(DECIMAL_DIGITS, i8::try_from(scale).unwrap_or(0))
        }
        (_, PhysicalType::F64) => DataType::Float64,
        (_, PhysicalType::F32) => DataType::Float32,
        (_, PhysicalType::I64) => DataType::Int64,
        (_, PhysicalType::I32) => DataType::Int32,
        (_, PhysicalType::U32) => DataType::UInt32,
        (_, PhysicalType::U8) => DataType::UInt8,
    }
}
