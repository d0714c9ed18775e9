//! Batches: rows on their way out, of bounded number.

use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, Decimal64Array, DictionaryArray, Float32Array, Float64Array, Int32Array, Int64Array,
    RecordBatch, RecordBatchOptions, StringArray, TimestampNanosecondArray, UInt8Array,
    UInt32Array,
};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use barrow_format::{Column, LogicalType, PhysicalType, ValuesBuf};

/// Rows of a batch at most.
pub const BATCH_ROWS: usize = 1 << 16;

/// What all batches of an answer have in common.
#[derive(Clone, Debug)]
pub struct Header {
    /// The symbols that the runs of a batch refer to, if rows have a symbol.
    pub symbols: Option<Vec<String>>,
    /// What the times of the rows are, if rows have one.
    pub times: Option<Times>,
    /// The columns behind symbol and time.
    pub columns: Vec<Column>,
}

/// What the timestamps of an answer are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Times {
    /// Midnights UTC that stand for dates.
    Sessions,
    /// Instants, in nanoseconds UTC.
    Instants,
}

/// Some rows of an answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// How many rows.
    pub rows: usize,
    /// Runs of rows of one asset: its place among the header's symbols and how many rows. Empty without symbols.
    pub runs: Vec<(usize, usize)>,
    /// Nanoseconds since the epoch, one a row. Empty without times.
    pub time: Vec<i64>,
    /// One for each column of the header.
    pub columns: Vec<ValuesBuf>,
}

impl Batch {
    pub(super) fn new(header: &Header) -> Self {
        let columns = header.columns.iter().map(|column| ValuesBuf::new(column.physical)).collect();
        Self { columns, ..Self::default() }
    }

    /// Returns the place of each row's asset among the header's symbols.
    pub fn assets(&self) -> impl Iterator<Item = usize> + '_ {
        self.runs.iter().flat_map(|(asset, rows)| std::iter::repeat_n(*asset, *rows))
    }

    /// Adds `rows` rows of one asset to the runs.
    pub(super) fn run(&mut self, asset: usize, rows: usize) {
        match self.runs.last_mut() {
            Some((last, count)) if *last == asset => *count += rows,
            _ if rows > 0 => self.runs.push((asset, rows)),
            _ => {}
        }
        self.rows += rows;
    }

    pub(super) fn append(&mut self, other: &Self) {
        let rows = self.rows + other.rows;
        for &(asset, count) in &other.runs {
            self.run(asset, count);
        }
        self.rows = rows;
        self.time.extend_from_slice(&other.time);
        for (data, other) in self.columns.iter_mut().zip(&other.columns) {
            data.extend(other.values());
        }
    }

    /// Keeps the first `rows` rows and returns the rest.
    pub(super) fn split_off(&mut self, rows: usize) -> Self {
        let mut rest = Self {
            rows: self.rows.saturating_sub(rows),
            runs: Vec::new(),
            time: self.time.split_off(rows.min(self.time.len())),
            columns: self.columns.iter_mut().map(|data| data.split_off(rows)).collect(),
        };
        let mut seen = 0;
        for &(asset, count) in &self.runs {
            let behind = (seen + count).saturating_sub(rows.max(seen));
            if behind > 0 {
                rest.runs.push((asset, behind));
            }
            seen += count;
        }
        self.truncate(rows);
        rest
    }

    pub(super) fn truncate(&mut self, rows: usize) {
        if rows >= self.rows {
            return;
        }
        self.time.truncate(rows);
        self.columns.iter_mut().for_each(|data| data.truncate(rows));
        let mut left = rows;
        for run in &mut self.runs {
            run.1 = run.1.min(left);
            left -= run.1;
        }
        self.runs.retain(|run| run.1 > 0);
        self.rows = rows;
    }

    /// The rows at `places`, in their order.
    pub(super) fn gather(&self, places: &[usize]) -> Self {
        let assets: Vec<usize> = self.assets().collect();
        let mut made = Self {
            time: if self.time.is_empty() {
                Vec::new()
            } else {
                places.iter().map(|p| self.time[*p]).collect()
            },
            columns: self.columns.iter().map(|data| data.gather(places)).collect(),
            ..Self::default()
        };
        for place in places {
            if let Some(asset) = assets.get(*place) {
                made.run(*asset, 1);
            }
        }
        made.rows = places.len();
        made
    }

    /// Returns the rows as an Arrow batch of [`Header::arrow_schema`]. Copies the values.
    ///
    /// # Errors
    ///
    /// What Arrow refuses: nothing that comes from a plan.
    pub fn to_arrow(&self, header: &Header) -> Result<RecordBatch, ArrowError> {
        let mut columns: Vec<ArrayRef> = Vec::new();
        if let Some(symbols) = &header.symbols {
            let keys: Result<Vec<i32>, _> = self.assets().map(i32::try_from).collect();
            let keys = keys.map_err(|error| ArrowError::InvalidArgumentError(error.to_string()))?;
            let values = Arc::new(StringArray::from_iter_values(symbols));
            let symbols = DictionaryArray::<Int32Type>::try_new(Int32Array::from(keys), values)?;
            columns.push(Arc::new(symbols));
        }
        if header.times.is_some() {
            columns.push(Arc::new(
                TimestampNanosecondArray::from(self.time.clone()).with_timezone("UTC"),
            ));
        }
        for (data, column) in self.columns.iter().zip(&header.columns) {
            columns.push(array(data, column.logical)?);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        RecordBatch::try_new_with_options(header.arrow_schema(), columns, &options)
    }
}

impl Header {
    /// Returns the Arrow schema of an answer's batches: `symbol` as a dictionary of strings and `time` in nanoseconds of
    /// UTC, where rows have them, then the columns; none nullable, a missing float is NaN.
    pub fn arrow_schema(&self) -> SchemaRef {
        let symbols = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        let mut fields = Vec::new();
        fields.extend(self.symbols.is_some().then(|| Field::new("symbol", symbols, false)));
        let instant = crate::reading::arrow::data_type(PhysicalType::I64, LogicalType::Timestamp);
        fields.extend(self.times.is_some().then(|| Field::new("time", instant, false)));
        let column = |column: &Column| {
            Field::new(
                &column.name,
                crate::reading::arrow::data_type(column.physical, column.logical),
                false,
            )
        };
        fields.extend(self.columns.iter().map(column));
        Arc::new(Schema::new(fields))
    }
}

fn array(data: &ValuesBuf, logical: LogicalType) -> Result<ArrayRef, ArrowError> {
    Ok(match (data, logical) {
        (ValuesBuf::F64(values), _) => Arc::new(Float64Array::from(values.clone())),
        (ValuesBuf::F32(values), _) => Arc::new(Float32Array::from(values.clone())),
        (ValuesBuf::I64(values), LogicalType::Timestamp) => {
            Arc::new(TimestampNanosecondArray::from(values.clone()).with_timezone("UTC"))
        }
        (ValuesBuf::I64(values), LogicalType::Decimal { .. }) => {
            let DataType::Decimal64(precision, scale) =
                crate::reading::arrow::data_type(PhysicalType::I64, logical)
            else {
                return Ok(Arc::new(Int64Array::from(values.clone())));
            };
            let decimals = Decimal64Array::from(values.clone());
            Arc::new(decimals.with_precision_and_scale(precision, scale)?)
        }
        (ValuesBuf::I64(values), _) => Arc::new(Int64Array::from(values.clone())),
        (ValuesBuf::I32(values), _) => Arc::new(Int32Array::from(values.clone())),
        (ValuesBuf::U32(values), _) => Arc::new(UInt32Array::from(values.clone())),
        (ValuesBuf::U8(values), _) => Arc::new(UInt8Array::from(values.clone())),
    })
}
