//! [`Values`]: a batch of a column's values, nulls and all, in one of four shapes.

use std::fs::File;

use ::parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use ::parquet::data_type::{ByteArray, DataType, FixedLenByteArray};
use ::parquet::errors::ParquetError;
use ::parquet::file::reader::{FileReader, SerializedFileReader};
use barrow_format::PhysicalType;

use super::super::error::IngestError;
use super::super::number;
use super::super::options::IngestOptions;
use super::super::recognise::detect_times;
use super::super::source::Source;
use super::super::time::{Civil, DAY_NS, EpochUnit, TimeFormat, Zone};
use super::plan::damaged;

/// What a column's stored values stand for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Conversion {
    /// The column is not read.
    None,
    Float,
    /// Integers, and the type that holds them exactly.
    Integer(PhysicalType),
    Unsigned64,
    Decimal {
        scale: u32,
    },
    Text,
    Date,
    Stamp {
        unit_ns: i64,
        utc: bool,
    },
    Int96,
}

impl Conversion {
    pub(crate) fn is_time(&self) -> bool {
        matches!(self, Self::Date | Self::Stamp { .. } | Self::Int96)
    }

    pub(crate) fn is_number(&self) -> bool {
        matches!(self, Self::Float | Self::Integer(_) | Self::Unsigned64 | Self::Decimal { .. })
    }

    /// The integer type that holds the values.
    pub(crate) fn integer(&self) -> Option<PhysicalType> {
        match self {
            Self::Integer(physical) => Some(*physical),
            _ => None,
        }
    }
}

/// Values of one column for a number of rows; `None` stands for null.
#[derive(Debug)]
pub(crate) enum Values {
    /// Nulls are NaN.
    Floats(Vec<f64>),
    Integers(Vec<Option<i64>>),
    /// Unscaled decimals.
    Wide(Vec<Option<i128>>),
    Texts(Vec<Option<ByteArray>>),
}

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

/// The number that a value stands for; `Err` when `f64` cannot hold it exactly.
pub(crate) fn number(values: &Values, conversion: Conversion, row: usize) -> Result<f64, f64> {
    match values {
        Values::Floats(values) => Ok(values.get(row).copied().unwrap_or(f64::NAN)),
        Values::Integers(values) => match values.get(row).copied().flatten() {
            Some(value) => exact(i128::from(value)),
            None => Ok(f64::NAN),
        },
        Values::Wide(values) => match (values.get(row).copied().flatten(), conversion) {
            (Some(value), Conversion::Decimal { scale }) => Ok(number::decimal(value, scale)),
            (Some(value), _) => exact(value),
            (None, _) => Ok(f64::NAN),
        },
        Values::Texts(_) => Ok(f64::NAN),
    }
}

/// The `f64` of an integer, if it is that integer.
fn exact(value: i128) -> Result<f64, f64> {
    let nearest = number::decimal(value, 0);
    if value.unsigned_abs() <= 1 << 53 || format!("{nearest:.0}") == value.to_string() {
        Ok(nearest)
    } else {
        Err(nearest)
    }
}

/// How times of a column are read.
#[derive(Clone, Debug)]
pub(crate) enum Times {
    /// Counts since the epoch: nanoseconds in one, and whether they are UTC.
    Counts { unit_ns: i64, utc: bool },
    /// Days since the epoch.
    Days,
    /// Text of a layout.
    Text(TimeFormat),
}

impl Times {
    /// How the column of which `values` are a sample is read.
    pub(crate) fn of(
        conversion: Conversion,
        values: &Values,
        options: &IngestOptions,
    ) -> Result<Self, String> {
        match (conversion, values) {
            (Conversion::Date, _) => Ok(Self::Days),
            (Conversion::Stamp { unit_ns, utc }, _) => Ok(Self::Counts { unit_ns, utc }),
            (Conversion::Int96, _) => Ok(Self::Counts { unit_ns: 1, utc: false }),
            (_, Values::Integers(values)) => {
                let unit = match options.time_format {
                    Some(TimeFormat::Epoch(unit)) => Some(unit),
                    _ => values
                        .iter()
                        .flatten()
                        .next()
                        .and_then(|&count| EpochUnit::of_magnitude(count)),
                };
                // Dates are also written as integers of eight digits.
                let date = values.iter().flatten().next().map(ToString::to_string);
                let is_date = date
                    .is_some_and(|date| TimeFormat::Compact.read(date.as_bytes(), None).is_some());
                match unit {
                    _ if is_date && options.time_format.is_none() => {
                        Ok(Self::Text(TimeFormat::Compact))
                    }
                    Some(unit) => Ok(Self::Counts { unit_ns: unit.nanos(), utc: true }),
                    None if is_date => Ok(Self::Text(TimeFormat::Compact)),
                    None => Err("its integers are no epoch times".to_owned()),
                }
            }
            (_, Values::Texts(values)) => {
                let texts: Vec<&[u8]> = values.iter().flatten().map(ByteArray::data).collect();
                let format = match &options.time_format {
                    Some(format) => format.clone(),
                    None => detect_times(&texts, None)?,
                };
                Ok(Self::Text(format))
            }
            _ => Err("its values are no times".to_owned()),
        }
    }

    /// The wall clock that a value shows, or the text that is none; `None` for null.
    pub(crate) fn civil(&self, values: &Values, row: usize) -> Option<Result<Civil, String>> {
        match (self, values) {
            (Self::Days, Values::Integers(values)) => {
                let days = values.get(row).copied().flatten()?;
                Some(Ok(Civil::date(days)))
            }
            (Self::Counts { unit_ns, utc }, Values::Integers(values)) => {
                let count = values.get(row).copied().flatten()?;
                Some(count.checked_mul(*unit_ns).ok_or_else(|| count.to_string()).map(|ns| {
                    let civil = Civil::of_instant(ns);
                    if *utc { civil } else { Civil { offset: None, ..civil } }
                }))
            }
            (Self::Text(format), Values::Integers(values)) => {
                let text = values.get(row).copied().flatten()?.to_string();
                Some(format.read(text.as_bytes(), None).ok_or(text))
            }
            (Self::Text(format), Values::Texts(values)) => {
                let text = values.get(row)?.as_ref()?.data();
                let lossy = || String::from_utf8_lossy(text).into_owned();
                Some(format.read(text, None).ok_or_else(lossy))
            }
            _ => None,
        }
    }
}

/// Whether most of the first times of a file are midnights.
pub(crate) fn sample_is_dates(
    source: &Source,
    reader: &SerializedFileReader<File>,
    (column, conversion): (usize, Conversion),
    zone: &Zone,
    options: &IngestOptions,
) -> Result<bool, IngestError> {
    let groups = reader.metadata().row_groups();
    let Some(group) = groups.iter().position(|group| group.num_rows() > 0) else {
        return Ok(false);
    };
    let group = reader.get_row_group(group).map_err(|error| damaged(source, error))?;
    let mut column = group.get_column_reader(column).map_err(|error| damaged(source, error))?;
    let values = read(&mut column, conversion, 4096).map_err(|error| damaged(source, error))?;
    let times =
        Times::of(conversion, &values, options).map_err(|reason| IngestError::Unrecognised {
            file: source.name.clone(),
            reason: format!("the time column: {reason}"),
        })?;
    let (mut rows, mut midnights) = (0usize, 0usize);
    while let Some(civil) = times.civil(&values, rows) {
        rows += 1;
        let local = civil.ok().and_then(|civil| zone.local(civil));
        midnights += usize::from(local.is_some_and(|local| local.nanos == 0));
    }
    Ok(midnights * 2 > rows)
}

/// Nanoseconds of the session that a wall clock shows, or `None` when it shows a time of day.
pub(crate) fn session(civil: Civil, zone: &Zone) -> Option<i64> {
    let local = zone.local(civil)?;
    if local.nanos == 0 { local.days.checked_mul(DAY_NS) } else { None }
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

    #[test]
    fn integers_beyond_f64_are_not_rounded_silently() {
        assert_eq!(exact(1 << 53), Ok(9_007_199_254_740_992.0));
        assert!(exact((1 << 53) + 1).is_err());
        assert_eq!(exact(1 << 60), Ok(1_152_921_504_606_846_976.0));
        assert_eq!(exact(-5), Ok(-5.0));
    }
}
