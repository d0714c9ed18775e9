//! Parquet: one row group a batch, zstd, `symbol` by dictionary, `time` in nanoseconds of UTC.

use std::io::{BufWriter, Write};
use std::sync::Arc;

use barrow_format::{Column, LogicalType as Meaning, PhysicalType};
use barrow_store::ValuesBuf;
use barrow_store::query::Batch;
use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical, ZstdLevel};
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, FloatType, Int32Type, Int64Type};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{ColumnPath, Type, TypePtr};

use super::trials::write_column;
use super::{Output, Shape};
use crate::manifest;

/// Digits of a decimal on i64.
const PRECISION: i32 = 18;

pub(super) struct ParquetOutput<W: Write + Send> {
    symbols: Vec<ByteArray>,
    with_symbol: bool,
    with_time: bool,
    writer: SerializedFileWriter<BufWriter<W>>,
}

impl<W: Write + Send> ParquetOutput<W> {
    pub(super) fn new(shape: Shape<'_>, sink: W) -> anyhow::Result<Self> {
        let metadata = [("barrow.bundle", shape.bundle), ("barrow.version", shape.version)]
            .into_iter()
            .chain(shape.manifest.map(|manifest| (manifest::KEY, manifest)))
            .map(|(key, value)| KeyValue::new(key.to_owned(), value));
        let mut properties = WriterProperties::builder()
            .set_created_by(format!("barrow {}", env!("CARGO_PKG_VERSION")))
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
            .set_key_value_metadata(Some(metadata.collect()));
        // Times hardly repeat: a dictionary of them would be built and thrown away.
        properties = properties.set_column_dictionary_enabled(ColumnPath::from("time"), false);
        let mut fields = Vec::new();
        if shape.with_symbol {
            fields.push(field("symbol", Physical::BYTE_ARRAY, Some(LogicalType::String))?);
        }
        if shape.with_time {
            fields.push(field("time", Physical::INT64, Some(instant()))?);
        }
        for column in &shape.columns {
            fields.push(column_field(column)?);
        }
        let schema = Type::group_type_builder("bars").with_fields(fields).build()?;
        let sink = BufWriter::with_capacity(1 << 16, sink);
        let writer =
            SerializedFileWriter::new(sink, Arc::new(schema), Arc::new(properties.build()))?;
        let symbols = shape.symbols.iter().map(|symbol| ByteArray::from(*symbol)).collect();
        Ok(Self { symbols, with_symbol: shape.with_symbol, with_time: shape.with_time, writer })
    }
}

impl<W: Write + Send> Output for ParquetOutput<W> {
    fn write(&mut self, batch: &Batch) -> anyhow::Result<()> {
        let symbols: Vec<ByteArray> =
            batch.assets().map(|asset| self.symbols[asset].clone()).collect();
        let mut group = self.writer.next_row_group()?;
        if self.with_symbol {
            write_column::<ByteArrayType, _>(&mut group, &symbols, None)?;
        }
        if self.with_time {
            write_column::<Int64Type, _>(&mut group, &batch.time, None)?;
        }
        for data in &batch.columns {
            match data {
                ValuesBuf::F64(values) => write_column::<DoubleType, _>(&mut group, values, None)?,
                ValuesBuf::F32(values) => write_column::<FloatType, _>(&mut group, values, None)?,
                ValuesBuf::I64(values) => write_column::<Int64Type, _>(&mut group, values, None)?,
                ValuesBuf::I32(values) => write_column::<Int32Type, _>(&mut group, values, None)?,
                ValuesBuf::U32(values) => {
                    // Parquet keeps unsigned numbers in the bits of signed ones.
                    let bits: Vec<i32> = values.iter().map(|value| value.cast_signed()).collect();
                    write_column::<Int32Type, _>(&mut group, &bits, None)?;
                }
                ValuesBuf::U8(values) => {
                    let wide: Vec<i32> = values.iter().map(|value| i32::from(*value)).collect();
                    write_column::<Int32Type, _>(&mut group, &wide, None)?;
                }
            }
        }
        group.close()?;
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> anyhow::Result<()> {
        self.writer.finish()?;
        Ok(self.writer.inner_mut().flush()?)
    }
}

fn instant() -> LogicalType {
    LogicalType::timestamp(true, TimeUnit::NANOS)
}

fn field(name: &str, physical: Physical, logical: Option<LogicalType>) -> anyhow::Result<TypePtr> {
    let builder = Type::primitive_type_builder(name, physical)
        .with_repetition(Repetition::REQUIRED)
        .with_logical_type(logical);
    Ok(Arc::new(builder.build()?))
}

fn column_field(column: &Column) -> anyhow::Result<TypePtr> {
    let unsigned = |bit_width| LogicalType::integer(bit_width, false);
    let (physical, logical) = match (column.physical, column.logical) {
        (PhysicalType::F64, _) => (Physical::DOUBLE, None),
        (PhysicalType::F32, _) => (Physical::FLOAT, None),
        (PhysicalType::I64, Meaning::Timestamp) => (Physical::INT64, Some(instant())),
        (PhysicalType::I64, Meaning::Decimal { scale }) => {
            let logical = LogicalType::decimal(i32::from(scale), PRECISION);
            let builder = Type::primitive_type_builder(&column.name, Physical::INT64)
                .with_repetition(Repetition::REQUIRED)
                .with_precision(PRECISION)
                .with_scale(i32::from(scale))
                .with_logical_type(Some(logical));
            return Ok(Arc::new(builder.build()?));
        }
        (PhysicalType::I64, _) => (Physical::INT64, None),
        (PhysicalType::I32, _) => (Physical::INT32, None),
        (PhysicalType::U32, _) => (Physical::INT32, Some(unsigned(32))),
        (PhysicalType::U8, _) => (Physical::INT32, Some(unsigned(8))),
    };
    field(&column.name, physical, logical)
}
