//! [`Problem`]: what is wrong with one row or one of its values.

use std::fmt;

/// What is wrong with one row or one of its values.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Problem {
    /// There is no value where one is needed.
    Missing,
    /// The text is not a number.
    NotANumber,
    /// The number is infinite or beyond the range of `f64`.
    NotFinite,
    /// The number is no whole number, or none that the column's type can hold exactly.
    NotExact,
    /// The text is not a time in the layout of the column.
    NotATime {
        /// Name of the layout.
        layout: String,
    },
    /// The local time does not exist: clocks were put forward over it.
    SkippedLocalTime {
        /// The IANA zone.
        zone: String,
    },
    /// The row has more or fewer fields than the others.
    FieldCount {
        /// Fields of the other rows.
        expected: usize,
        /// Fields of this row.
        found: usize,
    },
    /// A quote is opened and not closed on its line.
    OpenQuote,
    /// The bytes are not UTF-8.
    NotUtf8,
    /// A price below zero.
    NegativePrice,
    /// A price of zero.
    ZeroPrice,
    /// A volume below zero.
    NegativeVolume,
    /// The high is below the low.
    HighBelowLow {
        /// The low of the row.
        low: f64,
    },
    /// The open is above the high or below the low.
    OpenOutside {
        /// The low of the row.
        low: f64,
        /// The high of the row.
        high: f64,
    },
    /// The close is above the high or below the low.
    CloseOutside {
        /// The low of the row.
        low: f64,
        /// The high of the row.
        high: f64,
    },
    /// The asset has another row of the same time.
    DuplicateTime,
    /// The row is earlier than the one before it.
    Unsorted,
    /// A time of day among daily bars.
    TimeOfDay,
    /// A symbol is empty or longer than 255 bytes.
    Symbol,
    /// A split ratio or dividend that is not possible.
    Action,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("value is missing"),
            Self::NotANumber => f.write_str("not a number"),
            Self::NotFinite => f.write_str("not a finite number"),
            Self::NotExact => f.write_str("not exact in the type of the column"),
            Self::NotATime { layout } => write!(f, "not a time of the form `{layout}`"),
            Self::SkippedLocalTime { zone } => {
                write!(f, "local time does not exist in `{zone}`: clocks were put forward over it")
            }
            Self::FieldCount { expected, found } => {
                write!(f, "row has {found} fields, expected {expected}")
            }
            Self::OpenQuote => f.write_str("quote is not closed on its line"),
            Self::NotUtf8 => f.write_str("not UTF-8 text"),
            Self::NegativePrice => f.write_str("price is negative"),
            Self::ZeroPrice => f.write_str("price is zero"),
            Self::NegativeVolume => f.write_str("volume is negative"),
            Self::HighBelowLow { low } => write!(f, "high is below the low of {low}"),
            Self::OpenOutside { low, high } => write!(f, "open lies outside {low} to {high}"),
            Self::CloseOutside { low, high } => write!(f, "close lies outside {low} to {high}"),
            Self::DuplicateTime => f.write_str("asset has an earlier row of the same time"),
            Self::Unsorted => f.write_str("earlier than the row before it"),
            Self::TimeOfDay => f.write_str("mixed granularity: a time of day among daily bars"),
            Self::Symbol => f.write_str("symbol is empty or longer than 255 bytes"),
            Self::Action => {
                f.write_str("not a possible split ratio or dividend, or it contradicts another one")
            }
        }
    }
}

impl Problem {
    /// Name of the kind of problem, without values: for counting.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Missing => "missing value",
            Self::NotANumber => "not a number",
            Self::NotFinite => "not finite",
            Self::NotExact => "not exact",
            Self::NotATime { .. } => "not a time",
            Self::SkippedLocalTime { .. } => "skipped local time",
            Self::FieldCount { .. } => "wrong number of fields",
            Self::OpenQuote => "open quote",
            Self::NotUtf8 => "not UTF-8",
            Self::NegativePrice => "negative price",
            Self::ZeroPrice => "zero price",
            Self::NegativeVolume => "negative volume",
            Self::HighBelowLow { .. } => "high below low",
            Self::OpenOutside { .. } => "open outside low to high",
            Self::CloseOutside { .. } => "close outside low to high",
            Self::DuplicateTime => "duplicate time",
            Self::Unsorted => "unsorted",
            Self::TimeOfDay => "time of day among daily bars",
            Self::Symbol => "impossible symbol",
            Self::Action => "impossible split or dividend",
        }
    }

    pub(super) fn hint(&self) -> &'static str {
        match self {
            Self::Unsorted => {
                "pass `--sort` to sort each asset's rows by time, as for files with the newest first"
            }
            Self::TimeOfDay => {
                "ingest daily and intraday files into bundles of their own, or say what they are \
                 with `--frequency`"
            }
            Self::SkippedLocalTime { .. } => {
                "is `--timezone` the zone that the file is written in?"
            }
            Self::NotATime { .. } => {
                "name the layout with `--time-format`, or pass `--lenient` to set bad rows aside"
            }
            Self::NegativePrice | Self::ZeroPrice => {
                "pass `--allow-nonpositive-prices` where such prices are real, or `--lenient` to \
                 set bad rows aside"
            }
            Self::FieldCount { .. } | Self::OpenQuote => {
                "is the delimiter right (`--delimiter`)? `--lenient` sets bad rows aside"
            }
            _ => "correct the row, or pass `--lenient` to set bad rows aside in a rejects file",
        }
    }
}
