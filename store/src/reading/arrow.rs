//! Arrow views: record batches whose buffers are the mapped file, or the memory that a column was decoded into.
//!
//! Every array keeps the snapshot or that memory alive, so a batch may outlive lease, pool and even the file's name.
//! Nothing is copied; there is no null bitmap, a missing float is `NaN`.

use std::collections::BTreeMap;
use std::ptr::NonNull;
use std::sync::Arc;

use arrow_array::types::ArrowDictionaryKeyType;
use arrow_array::{
    ArrayRef, DictionaryArray, PrimitiveArray, RecordBatch, RecordBatchOptions, StringArray,
    make_array,
};
use arrow_buffer::alloc::Allocation;
use arrow_buffer::{ArrowNativeType as _, Buffer, ScalarBuffer};
use arrow_data::ArrayData;
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef, TimeUnit};
use barrow_format::{Asset, Column, LogicalType, PhysicalType, Values};

use crate::cache::decoded::Decoded;
use crate::error::{Error, Result};
use crate::reading::arrow_symbols::fill;
use crate::reading::lease::Lease;
use crate::reading::snapshot::Snapshot;

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

    /// Returns the whole bundle as one record batch: asset after asset in symbol order, oldest bar first. Zero-copy; columns
    /// that are not read in place are decoded as a whole.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] or [`Error::SeriesDigest`] when a column cannot be read, [`Error::Arrow`] when Arrow refuses it.
    pub fn record_batch(&self) -> Result<RecordBatch> {
        self.batch(self.column_of())
    }

    /// Returns some columns of the whole bundle, by their places in the schema, as a record batch, as
    /// [`Lease::record_batch`] does. The other columns are neither touched nor decoded.
    ///
    /// # Errors
    ///
    /// As [`Lease::record_batch`].
    ///
    /// # Panics
    ///
    /// If there is no column of a place.
    pub fn record_batch_of(&self, columns: &[usize]) -> Result<RecordBatch> {
        self.batch_of(columns, Some(self.rows()), self.column_of())
    }

    /// Returns what finds a whole column, and whose memory it lies in.
    fn column_of<'l>(&'l self) -> impl Fn(usize) -> Result<(Values<'l>, Owner<'l>)> {
        let reader = self.reader();
        move |index| {
            if self.snapshot().reads_in_place(index) {
                return Ok((reader.column(index)?, Owner::Snapshot(self.snapshot())));
            }
            let decoded = reader.decoded_column(index)?;
            Ok((decoded.values(), Owner::Decoded(decoded)))
        }
    }

    /// Returns the bars of one asset as a record batch, oldest first. Zero-copy; of columns that are not read in place, the
    /// asset's series are decoded.
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
        self.batch(self.series_of(asset))
    }

    /// Returns some columns of the bars of one asset, by their places in the schema, as a record batch, oldest first.
    /// Zero-copy; the other columns are neither touched nor decoded.
    ///
    /// # Errors
    ///
    /// As [`Lease::record_batch`].
    ///
    /// # Panics
    ///
    /// If the asset is of another bundle version or there is no column of a place.
    #[track_caller]
    pub fn asset_columns(&self, asset: Asset, columns: &[usize]) -> Result<RecordBatch> {
        self.batch_of(columns, Some(asset.rows()), self.series_of(asset))
    }

    /// Returns what finds the values of an asset in a column, and whose memory they lie in.
    #[track_caller]
    fn series_of<'l>(&'l self, asset: Asset) -> impl Fn(usize) -> Result<(Values<'l>, Owner<'l>)> {
        let (reader, bars) = (self.reader(), self.bars(asset));
        move |index| {
            let owner = if self.snapshot().reads_in_place(index) {
                None
            } else {
                reader.decoded(index, asset.ordinal())?
            };
            match owner {
                Some(decoded) => Ok((decoded.values(), Owner::Decoded(decoded))),
                None => Ok((bars.column_at(index)?, Owner::Snapshot(self.snapshot()))),
            }
        }
    }

    /// Returns the whole bundle as one record batch with a first column `symbol`, run-end encoded (run ends of i64 over
    /// strings): one run for each asset with bars. The symbols are copied, the bars are not.
    ///
    /// # Errors
    ///
    /// As [`Lease::record_batch`].
    pub fn record_batch_with_symbols(&self) -> Result<RecordBatch> {
        let bars = self.record_batch()?;
        let symbols = self.symbol_runs()?;
        let mut fields = vec![Field::new("symbol", symbols.data_type().clone(), false)];
        fields.extend(bars.schema().fields().iter().map(|field| field.as_ref().clone()));
        let metadata = self.arrow_metadata().into_iter().collect();
        let schema = Arc::new(Schema::new_with_metadata(fields, metadata));
        let columns = std::iter::once(symbols).chain(bars.columns().iter().cloned()).collect();
        RecordBatch::try_new(schema, columns).map_err(|error| self.refused(error))
    }

    /// Returns the batch of these values of each column.
    fn batch<'l>(
        &'l self,
        column: impl Fn(usize) -> Result<(Values<'l>, Owner<'l>)>,
    ) -> Result<RecordBatch> {
        let all: Vec<usize> = (0..self.schema().columns().len()).collect();
        self.batch_of(&all, None, column)
    }

    /// Returns the batch of these values of some columns; `rows` is told where there may be no column.
    fn batch_of<'l>(
        &'l self,
        columns: &[usize],
        rows: Option<usize>,
        column: impl Fn(usize) -> Result<(Values<'l>, Owner<'l>)>,
    ) -> Result<RecordBatch> {
        let arrays = columns.iter().map(|&index| {
            let (values, owner) = column(index)?;
            let described = &self.schema().columns()[index];
            let data_type = data_type(described.physical, described.logical);
            array(owner, data_type, values).map_err(|error| self.refused(error))
        });
        let arrays = arrays.collect::<Result<Vec<_>>>()?;
        let schema = self.arrow_schema().project(columns).map_err(|error| self.refused(error))?;
        let options = RecordBatchOptions::new().with_row_count(rows);
        RecordBatch::try_new_with_options(Arc::new(schema), arrays, &options)
            .map_err(|error| self.refused(error))
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

    pub(super) fn refused(&self, error: ArrowError) -> Error {
        Error::Arrow { bundle: self.name().to_owned(), source: Arc::new(error) }
    }
}

/// Whose memory values lie in.
#[derive(Debug, Clone, Copy)]
enum Owner<'a> {
    /// That of a snapshot's map.
    Snapshot(&'a Arc<Snapshot>),
    /// That of a decoded series or column.
    Decoded(&'a Arc<Decoded>),
}

/// Returns values as an Arrow array that lies in its owner's memory and keeps the owner alive.
fn array(
    owner: Owner<'_>,
    data_type: DataType,
    values: Values<'_>,
) -> Result<ArrayRef, ArrowError> {
    let (bytes, len) = (values.as_bytes(), values.len());
    let buffer = match owner {
        Owner::Snapshot(owner) => shared_buffer(bytes, owner.bundle().as_bytes(), owner.clone()),
        Owner::Decoded(owner) => shared_buffer(bytes, owner.as_bytes(), owner.clone()),
    };
    let data = ArrayData::builder(data_type).len(len).add_buffer(buffer).build()?;
    Ok(make_array(data))
}

/// Returns bytes as an Arrow buffer that owns a share of what holds them: `held` is the memory of `owner`.
///
/// Bytes that lie elsewhere are copied, which cannot happen and keeps the function sound whatever bytes it is given.
fn shared_buffer(bytes: &[u8], held: &[u8], owner: Arc<dyn Allocation>) -> Buffer {
    let (range, held) = (bytes.as_ptr_range(), held.as_ptr_range());
    if bytes.is_empty() || range.start < held.start || range.end > held.end {
        return Buffer::from(bytes);
    }
    let start = NonNull::from(bytes).cast::<u8>();
    #[expect(unsafe_code, reason = "a buffer over foreign memory has no safe constructor")]
    // SAFETY: the pointer must be valid for reads of `bytes.len()` bytes for as long as the owner lives: `bytes` is a
    // slice, so it is valid now, and the check above proves that it lies within `held`. That is, in both calls (in `array`
    // above, this function's only caller), the memory of `owner`: the map of a snapshot, which it never unmaps, remaps or
    // hands out mutably before it is dropped; or the vector of a decoded series, which are not touched after they
    // were filled and before they are dropped. The memory must not be written while the buffer lives: the map is
    // read-only, of an immutable file (see `disk/mapping.rs`); the vector is only ever lent as `&[u8]`; and `Buffer` only lends
    // `&[u8]`: its conversions to a mutable buffer refuse memory with a custom owner.
    unsafe {
        Buffer::from_custom_allocation(start, bytes.len(), owner)
    }
}

/// Returns a dictionary in which each value stands as often as is said behind it, one after the other.
///
/// # Panics
///
/// If there are more values than keys of that type.
pub(super) fn repeated<K: ArrowDictionaryKeyType>(values: &[(&str, usize)]) -> DictionaryArray<K> {
    let rows = values.iter().map(|(_, len)| len).sum();
    let mut keys = vec![K::Native::default(); rows];
    let (mut rest, mut runs) = (keys.as_mut_slice(), Vec::new());
    for (place, (_, len)) in values.iter().enumerate() {
        let (run, after) = rest.split_at_mut(*len);
        rest = after;
        runs.push((run, K::Native::from_usize(place).expect("there is a key for each value")));
    }
    fill(runs, rows);
    let keys = PrimitiveArray::new(ScalarBuffer::from(keys), None);
    let values = Arc::new(StringArray::from_iter_values(values.iter().map(|(value, _)| value)));
    #[expect(unsafe_code, reason = "Arrow's check of each key takes longer than writing them")]
    // SAFETY: `try_new` must not return an error, which it does where a key that is not null is below zero or not below the number of
    // values. No key is null. Each lies in one of `runs`, since there are as many keys as those are long together, so `fill` has
    // written it: the place of a value in `values`, a number from 0 to below `values.len()`, as `from_usize` returns none but the
    // same number. The array of values has as many. (Were there a run that `fill` left out, its keys would be 0, the place of a value too,
    // since there is a run.)
    unsafe {
        DictionaryArray::new_unchecked(keys, values)
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
