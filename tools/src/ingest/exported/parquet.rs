//! Rows of a Parquet export.

use ::parquet::basic::Type;
use ::parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use ::parquet::data_type::{ByteArray, DataType};
use ::parquet::errors::ParquetError;
use ::parquet::file::reader::FileReader;
use ::parquet::schema::types::ColumnDescriptor;
use barrow_format::{PhysicalType, Schema, ValuesBuf};

use super::super::error::IngestError;
use super::super::parquet::{damaged, open};
use super::super::source::Source;
use super::rows::{Piece, ROWS, Wanted};
use crate::manifest;

/// The manifest in the metadata of a file.
pub(super) fn manifest(source: &Source) -> Result<Option<Vec<u8>>, IngestError> {
    let reader = open(source)?;
    let metadata = reader.metadata().file_metadata().key_value_metadata();
    let entry = metadata.into_iter().flatten().find(|entry| entry.key == manifest::KEY);
    Ok(entry.and_then(|entry| entry.value.clone()).map(String::into_bytes))
}

/// Whether the columns are those that an export of `schema` has.
pub(super) fn fits(source: &Source, schema: &Schema) -> Result<bool, IngestError> {
    let reader = open(source)?;
    let columns = reader.metadata().file_metadata().schema_descr().columns();
    let is = |found: &ColumnDescriptor, name: &str, physical: Type| {
        found.name() == name
            && found.physical_type() == physical
            && found.max_rep_level() == 0
            && found.max_def_level() == 0
    };
    let Some((symbol, rest)) = columns.split_first() else { return Ok(false) };
    Ok(is(symbol, "symbol", Type::BYTE_ARRAY)
        && rest.len() == schema.columns().len()
        && rest
            .iter()
            .zip(schema.columns())
            .all(|(found, column)| is(found, &column.name, stored(column.physical))))
}

fn stored(physical: PhysicalType) -> Type {
    match physical {
        PhysicalType::F64 => Type::DOUBLE,
        PhysicalType::F32 => Type::FLOAT,
        PhysicalType::I64 => Type::INT64,
        PhysicalType::I32 | PhysicalType::U32 | PhysicalType::U8 => Type::INT32,
    }
}

/// Hands on the rows.
pub(super) fn read(
    source: &Source,
    schema: &Schema,
    wanted: Wanted,
    take: &mut dyn FnMut(Piece) -> Result<(), IngestError>,
) -> Result<(), IngestError> {
    let reader = open(source)?;
    let damaged = |error| damaged(source, error);
    for place in 0..reader.metadata().num_row_groups() {
        let group = reader.get_row_group(place).map_err(damaged)?;
        let mut left = usize::try_from(group.metadata().num_rows()).unwrap_or(0);
        let count = match wanted {
            Wanted::Symbols => 1,
            Wanted::All => 1 + schema.columns().len(),
        };
        let readers = (0..count).map(|at| group.get_column_reader(at));
        let mut readers = readers.collect::<Result<Vec<_>, _>>().map_err(damaged)?;
        while left > 0 {
            let rows = left.min(ROWS);
            let mut piece = Piece::default();
            let Some((ColumnReader::ByteArrayColumnReader(symbols), columns)) =
                readers.split_first_mut()
            else {
                return Err(damaged(ParquetError::General("no column of symbols".to_owned())));
            };
            for symbol in values(symbols, rows).map_err(damaged)? {
                let symbol: ByteArray = symbol;
                let text = symbol.as_utf8().map_err(damaged)?;
                piece.push_symbol(text);
            }
            for (reader, column) in columns.iter_mut().zip(schema.columns()) {
                piece.columns.push(buffer(reader, column.physical, rows).map_err(damaged)?);
            }
            take(piece)?;
            left -= rows;
        }
    }
    Ok(())
}

fn buffer(
    reader: &mut ColumnReader,
    physical: PhysicalType,
    rows: usize,
) -> Result<ValuesBuf, ParquetError> {
    Ok(match (reader, physical) {
        (ColumnReader::DoubleColumnReader(reader), _) => ValuesBuf::F64(values(reader, rows)?),
        (ColumnReader::FloatColumnReader(reader), _) => ValuesBuf::F32(values(reader, rows)?),
        (ColumnReader::Int64ColumnReader(reader), _) => ValuesBuf::I64(values(reader, rows)?),
        (ColumnReader::Int32ColumnReader(reader), PhysicalType::U32) => {
            // Parquet keeps unsigned numbers in the bits of signed ones.
            let bits = values(reader, rows)?;
            ValuesBuf::U32(bits.into_iter().map(i32::cast_unsigned).collect())
        }
        (ColumnReader::Int32ColumnReader(reader), PhysicalType::U8) => {
            let wide = values(reader, rows)?;
            let narrow: Result<Vec<u8>, _> = wide.into_iter().map(u8::try_from).collect();
            ValuesBuf::U8(narrow.map_err(|_| ParquetError::General("a u8 above 255".to_owned()))?)
        }
        (ColumnReader::Int32ColumnReader(reader), _) => ValuesBuf::I32(values(reader, rows)?),
        _ => return Err(ParquetError::General("a column of another type".to_owned())),
    })
}

/// Reads exactly `rows` values of a column without nulls.
fn values<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    rows: usize,
) -> Result<Vec<T::T>, ParquetError> {
    let mut values = Vec::with_capacity(rows);
    while values.len() < rows {
        let (records, _, _) = reader.read_records(rows - values.len(), None, None, &mut values)?;
        if records == 0 {
            return Err(ParquetError::General("a column is shorter than its group".to_owned()));
        }
    }
    Ok(values)
}
