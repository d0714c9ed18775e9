//! [`Values`]: a batch of a column's values, nulls and all, in one of four shapes.

use ::parquet::data_type::ByteArray;
use barrow_format::PhysicalType;

use super::super::number;
use super::super::options::IngestOptions;
use super::super::recognise::detect_times;
use super::super::time::{Civil, DAY_NS, EpochUnit, TimeFormat, Zone};

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

/// Whether most times of a sample are midnights.
///
/// # Errors
///
/// Says why they are no times.
pub(crate) fn sample_is_dates(
    values: &Values,
    conversion: Conversion,
    zone: &Zone,
    options: &IngestOptions,
) -> Result<bool, String> {
    let times = Times::of(conversion, values, options)?;
    let (mut rows, mut midnights) = (0usize, 0usize);
    while let Some(civil) = times.civil(values, rows) {
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
    fn integers_beyond_f64_are_not_rounded_silently() {
        assert_eq!(exact(1 << 53), Ok(9_007_199_254_740_992.0));
        assert!(exact((1 << 53) + 1).is_err());
        assert_eq!(exact(1 << 60), Ok(1_152_921_504_606_846_976.0));
        assert_eq!(exact(-5), Ok(-5.0));
    }
}
