//! Reading values of a Parquet column.

use ::parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use ::parquet::data_type::{ByteArray, DataType, FixedLenByteArray};
use ::parquet::errors::ParquetError;
use barrow_format::PhysicalType;

use super::super::typed::{Conversion, Values};

/// Reads up to `rows` values.
pub(crate) fn read(
    reader: &mut ColumnReader,
    conversion: Conversion,
    rows: usize,
) -> Result<Values, ParquetError> {
    let integers = |values: Vec<Option<i64>>| match conversion {
        Conversion::Decimal { .. } => {
            Values::Wide(values.into_iter().map(|value| value.map(i128::from)).collect())
        }
        _ => Values::Integers(values),
    };
    Ok(match reader {
        ColumnReader::DoubleColumnReader(reader) => {
            Values::Floats(floats(reader, rows, |value| value)?)
        }
        ColumnReader::FloatColumnReader(reader) => Values::Floats(floats(reader, rows, f64::from)?),
        ColumnReader::BoolColumnReader(reader) => integers(options(reader, rows, i64::from)?),
        ColumnReader::Int32ColumnReader(reader) => {
            let unsigned = conversion == Conversion::Integer(PhysicalType::U32)
                || conversion == Conversion::Integer(PhysicalType::U8);
            integers(options(reader, rows, |value| {
                if unsigned { i64::from(value.cast_unsigned()) } else { i64::from(value) }
            })?)
        }
        ColumnReader::Int64ColumnReader(reader) if conversion == Conversion::Unsigned64 => {
            Values::Wide(options(reader, rows, |value| i128::from(value.cast_unsigned()))?)
        }
        ColumnReader::Int64ColumnReader(reader) => integers(options(reader, rows, |value| value)?),
        ColumnReader::Int96ColumnReader(reader) => {
            Values::Integers(options(reader, rows, |value| value.to_nanos())?)
        }
        ColumnReader::ByteArrayColumnReader(reader) => match conversion {
            Conversion::Decimal { .. } => {
                Values::Wide(options(reader, rows, |value: ByteArray| unscaled(value.data()))?)
            }
            _ => Values::Texts(options(reader, rows, |value| value)?),
        },
        ColumnReader::FixedLenByteArrayColumnReader(reader) => {
            Values::Wide(options(reader, rows, |value: FixedLenByteArray| unscaled(value.data()))?)
        }
    })
}

/// Reads values as options.
fn options<T: DataType, V>(
    reader: &mut ColumnReaderImpl<T>,
    rows: usize,
    convert: impl Fn(T::T) -> V,
) -> Result<Vec<Option<V>>, ParquetError> {
    let (mut values, mut levels) = (Vec::with_capacity(rows), Vec::new());
    let (records, present, _) = reader.read_records(rows, Some(&mut levels), None, &mut values)?;
    let mut values = values.into_iter().map(convert);
    if present == records {
        return Ok(values.map(Some).collect());
    }
    // A level of 1 is a value of an optional column, 0 a null.
    Ok(levels.iter().map(|&level| if level > 0 { values.next() } else { None }).collect())
}

/// Reads floats; nulls become NaN.
fn floats<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    rows: usize,
    convert: impl Fn(T::T) -> f64,
) -> Result<Vec<f64>, ParquetError> {
    let (mut values, mut levels) = (Vec::with_capacity(rows), Vec::new());
    let (records, present, _) = reader.read_records(rows, Some(&mut levels), None, &mut values)?;
    let mut values = values.into_iter().map(convert);
    if present == records {
        return Ok(values.collect());
    }
    let value = |&level: &i16| if level > 0 { values.next() } else { None };
    Ok(levels.iter().map(value).map(|value| value.unwrap_or(f64::NAN)).collect())
}

/// A two's complement integer, most significant byte first. Longer ones than 16 bytes do not occur:
/// decimals have at most 38 digits.
fn unscaled(bytes: &[u8]) -> i128 {
    let negative = bytes.first().is_some_and(|byte| byte & 0x80 != 0);
    let start = if negative { -1i128 } else { 0 };
    bytes.iter().fold(start, |value, &byte| (value << 8) | i128::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unscaled_decimals_are_twos_complement() {
        assert_eq!(unscaled(&[0x00, 0x01]), 1);
        assert_eq!(unscaled(&[0xff, 0xfe]), -2);
        assert_eq!(unscaled(&[0x7f]), 127);
        assert_eq!(unscaled(&[0x80]), -128);
        assert_eq!(unscaled(&[]), 0);
    }
}
