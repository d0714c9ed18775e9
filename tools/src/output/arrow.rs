//! Arrow: an IPC file of record batches, `symbol` as a dictionary, `time` in nanoseconds of UTC.

use std::io::{BufWriter, Write};
use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, Decimal128Array, DictionaryArray, Float32Array, Float64Array, Int32Array, Int64Array,
    RecordBatch, StringArray, TimestampNanosecondArray, UInt8Array, UInt32Array,
};
use arrow_ipc::writer::FileWriter;
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use barrow_format::{Column, LogicalType, PhysicalType};
use barrow_store::ValuesBuf;
use barrow_store::query::Batch;

use super::{Output, Shape};
use crate::manifest;

/// Digits of a decimal: all that an i64 holds.
const PRECISION: u8 = 19;

pub(super) struct ArrowOutput<W: Write> {
    schema: SchemaRef,
    /// All symbols, so that every batch has the same dictionary, as the file format asks.
    symbols: Arc<StringArray>,
    with_symbol: bool,
    with_time: bool,
    logical: Vec<LogicalType>,
    writer: FileWriter<BufWriter<W>>,
}

impl<W: Write> ArrowOutput<W> {
    pub(super) fn new(shape: &Shape<'_>, sink: W) -> anyhow::Result<Self> {
        let utc = DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()));
        let keys = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        let mut fields = Vec::new();
        fields.extend(shape.with_symbol.then(|| Field::new("symbol", keys, false)));
        fields.extend(shape.with_time.then(|| Field::new("time", utc, false)));
        fields.extend(
            shape.columns.iter().map(|column| Field::new(&column.name, data_type(column), false)),
        );
        let metadata = [("barrow.bundle", &shape.bundle), ("barrow.version", &shape.version)]
            .into_iter()
            .chain(shape.manifest.iter().map(|manifest| (manifest::KEY, manifest)))
            .map(|(key, value)| (key.to_owned(), value.clone()))
            .collect();
        let schema = Arc::new(Schema::new_with_metadata(fields, metadata));
        let writer = FileWriter::try_new(BufWriter::with_capacity(1 << 16, sink), &schema)?;
        Ok(Self {
            schema,
            symbols: Arc::new(StringArray::from_iter_values(&shape.symbols)),
            with_symbol: shape.with_symbol,
            with_time: shape.with_time,
            logical: shape.columns.iter().map(|column| column.logical).collect(),
            writer,
        })
    }
}

impl<W: Write> Output for ArrowOutput<W> {
    fn write(&mut self, batch: &Batch) -> anyhow::Result<()> {
        let mut columns: Vec<ArrayRef> = Vec::new();
        if self.with_symbol {
            let keys = batch.assets().map(i32::try_from).collect::<Result<Vec<_>, _>>()?;
            let (keys, symbols) = (Int32Array::from(keys), self.symbols.clone());
            columns.push(Arc::new(DictionaryArray::<Int32Type>::try_new(keys, symbols)?));
        }
        if self.with_time {
            let time = TimestampNanosecondArray::from(batch.time.clone());
            columns.push(Arc::new(time.with_timezone("UTC")));
        }
        for (data, logical) in batch.columns.iter().zip(&self.logical) {
            columns.push(array(data, *logical)?);
        }
        self.writer.write(&RecordBatch::try_new(self.schema.clone(), columns)?)?;
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> anyhow::Result<()> {
        self.writer.finish()?;
        Ok(self.writer.get_mut().flush()?)
    }
}

/// The type that a column has in Arrow.
pub(crate) fn data_type(column: &Column) -> DataType {
    match (column.physical, column.logical) {
        (PhysicalType::F64, _) => DataType::Float64,
        (PhysicalType::F32, _) => DataType::Float32,
        (PhysicalType::I64, LogicalType::Timestamp) => {
            DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()))
        }
        (PhysicalType::I64, LogicalType::Decimal { scale }) => {
            DataType::Decimal128(PRECISION, i8::try_from(scale).unwrap_or(0))
        }
        (PhysicalType::I64, _) => DataType::Int64,
        (PhysicalType::I32, _) => DataType::Int32,
        (PhysicalType::U32, _) => DataType::UInt32,
        (PhysicalType::U8, _) => DataType::UInt8,
    }
}

fn array(data: &ValuesBuf, logical: LogicalType) -> anyhow::Result<ArrayRef> {
    Ok(match data {
        ValuesBuf::F64(values) => Arc::new(Float64Array::from(values.clone())),
        ValuesBuf::F32(values) => Arc::new(Float32Array::from(values.clone())),
        ValuesBuf::I64(values) => match logical {
            LogicalType::Timestamp => {
                Arc::new(TimestampNanosecondArray::from(values.clone()).with_timezone("UTC"))
            }
            LogicalType::Decimal { scale } => {
                let wide = values.iter().map(|value| i128::from(*value));
                let decimals = Decimal128Array::from_iter_values(wide);
                Arc::new(decimals.with_precision_and_scale(PRECISION, i8::try_from(scale)?)?)
            }
            _ => Arc::new(Int64Array::from(values.clone())),
        },
        ValuesBuf::I32(values) => Arc::new(Int32Array::from(values.clone())),
        ValuesBuf::U32(values) => Arc::new(UInt32Array::from(values.clone())),
        ValuesBuf::U8(values) => Arc::new(UInt8Array::from(values.clone())),
    })
}
