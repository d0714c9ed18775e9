//! Rows of an Arrow IPC export.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Decimal128Type, Float32Type, Float64Type, Int32Type, Int64Type, TimestampNanosecondType,
    UInt8Type, UInt32Type,
};
use arrow_array::{Array, ArrayRef};
use arrow_schema::ArrowError;
use barrow_format::{LogicalType, PhysicalType, Schema, ValuesBuf};

use super::super::arrow::{damaged, open, texts};
use super::super::error::IngestError;
use super::super::source::Source;
use super::rows::{Piece, Wanted};
use crate::manifest;
use crate::output::arrow_type;

/// The manifest in the metadata of a file.
pub(super) fn manifest(source: &Source) -> Result<Option<Vec<u8>>, IngestError> {
    let reader = open(source, None)?;
    let schema = reader.schema();
    Ok(schema.metadata().get(manifest::KEY).map(|json| json.clone().into_bytes()))
}

/// Whether the columns are those that an export of `schema` has.
pub(super) fn fits(source: &Source, schema: &Schema) -> Result<bool, IngestError> {
    let reader = open(source, None)?;
    let found = reader.schema();
    let Some((symbol, rest)) = found.fields().split_first() else { return Ok(false) };
    Ok(symbol.name() == "symbol"
        && rest.len() == schema.columns().len()
        && rest.iter().zip(schema.columns()).all(|(found, column)| {
            *found.name() == column.name && *found.data_type() == arrow_type(column)
        }))
}

/// Hands on the rows.
pub(super) fn read(
    source: &Source,
    schema: &Schema,
    wanted: Wanted,
    take: &mut dyn FnMut(Piece) -> Result<(), IngestError>,
) -> Result<(), IngestError> {
    let projection = (wanted == Wanted::Symbols).then(|| vec![0]);
    let mut batches = open(source, projection)?;
    for at in 0..batches.count() {
        let batch = batches.batch(at).map_err(|error| damaged(source, error))?;
        let mut piece = Piece::default();
        let missing = || ArrowError::InvalidArgumentError("a row has no symbol".to_owned());
        for symbol in texts(batch.column(0)).map_err(|error| damaged(source, error))? {
            piece.push_symbol(symbol.ok_or_else(missing).map_err(|error| damaged(source, error))?);
        }
        if wanted == Wanted::All {
            for (array, column) in batch.columns().iter().skip(1).zip(schema.columns()) {
                let buffer = buffer(array, column.physical, column.logical);
                piece.columns.push(buffer.map_err(|error| damaged(source, error))?);
            }
        }
        take(piece)?;
    }
    Ok(())
}

/// The values of an array of the type that the column has in exports.
fn buffer(
    array: &ArrayRef,
    physical: PhysicalType,
    logical: LogicalType,
) -> Result<ValuesBuf, ArrowError> {
    let wrong = || ArrowError::CastError("a column is of another type or has nulls".to_owned());
    if array.null_count() > 0 {
        return Err(wrong());
    }
    let whole = |value: &i128| i64::try_from(*value).map_err(|_| wrong());
    let buffer = match (physical, logical) {
        (PhysicalType::F64, _) => array
            .as_primitive_opt::<Float64Type>()
            .map(|array| ValuesBuf::F64(array.values().to_vec())),
        (PhysicalType::F32, _) => array
            .as_primitive_opt::<Float32Type>()
            .map(|array| ValuesBuf::F32(array.values().to_vec())),
        (PhysicalType::I64, LogicalType::Timestamp) => array
            .as_primitive_opt::<TimestampNanosecondType>()
            .map(|array| ValuesBuf::I64(array.values().to_vec())),
        (PhysicalType::I64, LogicalType::Decimal { .. }) => {
            let array = array.as_primitive_opt::<Decimal128Type>().ok_or_else(wrong)?;
            Some(ValuesBuf::I64(array.values().iter().map(whole).collect::<Result<_, _>>()?))
        }
        (PhysicalType::I64, _) => array
            .as_primitive_opt::<Int64Type>()
            .map(|array| ValuesBuf::I64(array.values().to_vec())),
        (PhysicalType::I32, _) => array
            .as_primitive_opt::<Int32Type>()
            .map(|array| ValuesBuf::I32(array.values().to_vec())),
        (PhysicalType::U32, _) => array
            .as_primitive_opt::<UInt32Type>()
            .map(|array| ValuesBuf::U32(array.values().to_vec())),
        (PhysicalType::U8, _) => array
            .as_primitive_opt::<UInt8Type>()
            .map(|array| ValuesBuf::U8(array.values().to_vec())),
    };
    buffer.ok_or_else(wrong)
}
