//! [`Schema`]: what the columns of a bundle are and what its timestamps say.

use std::fmt;

use thiserror::Error;

use crate::{
    PhysicalType,
    codec::{CodecError, Decoder, Encoder},
    frozen::{COLUMNS_MAX, NAME_MAX, TIME},
};

/// What a column's values mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogicalType {
    /// Nanoseconds since 1970-01-01T00:00:00 UTC, on i64.
    Timestamp,
    /// Quote currency per share or unit, as the source gave it: never adjusted.
    Price,
    /// Shares, contracts or units traded.
    Volume,
    /// An exact decimal on i64: the stored integer is the value times 10 to the `scale`.
    Decimal {
        /// Digits behind the decimal point, 18 at most.
        scale: u8,
    },
    /// Any other number.
    Plain,
}

impl fmt::Display for LogicalType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timestamp => f.write_str("timestamp"),
            Self::Price => f.write_str("price"),
            Self::Volume => f.write_str("volume"),
            Self::Decimal { scale } => write!(f, "decimal({scale})"),
            Self::Plain => f.write_str("plain"),
        }
    }
}

/// One column: a name, how its values are stored, and what they mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Name, unique in the schema: 1 to 255 bytes.
    pub name: String,
    /// How values are stored.
    pub physical: PhysicalType,
    /// What values mean.
    pub logical: LogicalType,
}

impl Column {
    /// Makes a column.
    pub fn new(name: impl Into<String>, physical: PhysicalType, logical: LogicalType) -> Self {
        Self { name: name.into(), physical, logical }
    }
}

/// How far bars stand apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frequency {
    /// One bar a session.
    Daily,
    /// Bars of a fixed length within sessions.
    Intraday {
        /// Length of a bar, in nanoseconds.
        step_ns: i64,
    },
    /// No fixed length: weekly, monthly, or by event.
    Irregular,
}

impl fmt::Display for Frequency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SECOND: i64 = 1_000_000_000;
        match *self {
            Self::Daily => f.write_str("daily"),
            Self::Intraday { step_ns } if step_ns % (3600 * SECOND) == 0 => {
                write!(f, "{}h", step_ns / (3600 * SECOND))
            }
            Self::Intraday { step_ns } if step_ns % (60 * SECOND) == 0 => {
                write!(f, "{}m", step_ns / (60 * SECOND))
            }
            Self::Intraday { step_ns } if step_ns % SECOND == 0 => {
                write!(f, "{}s", step_ns / SECOND)
            }
            Self::Intraday { step_ns } => write!(f, "{step_ns}ns"),
            Self::Irregular => f.write_str("irregular"),
        }
    }
}

/// What a timestamp says of its bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stamp {
    /// The session: midnight UTC of the session's date. A label, not an instant.
    Session,
    /// The instant at which the bar begins.
    BarStart,
    /// The instant at which the bar ends.
    BarEnd,
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Session => "session",
            Self::BarStart => "start",
            Self::BarEnd => "end",
        })
    }
}

/// A schema that no bundle can have.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SchemaError {
    /// The first column is not the timestamps.
    #[error("the first column must be `time`, i64, timestamp")]
    NoTime,
    /// There are more columns than a bundle can hold.
    #[error("{count} columns are more than {COLUMNS_MAX}")]
    TooManyColumns {
        /// How many there are.
        count: usize,
    },
    /// A column name is empty or too long.
    #[error("column {index} has a name of {len} bytes, expected 1 to {NAME_MAX}")]
    NameLength {
        /// Which column.
        index: usize,
        /// Bytes of its name.
        len: usize,
    },
    /// Two columns share a name.
    #[error("two columns are named `{name}`")]
    DuplicateColumn {
        /// The name.
        name: String,
    },
    /// A logical type stands on a physical type that cannot carry it.
    #[error("column `{name}` cannot be {logical} on {physical}")]
    Type {
        /// The column.
        name: String,
        /// What its values should mean.
        logical: LogicalType,
        /// How they would be stored.
        physical: PhysicalType,
    },
    /// The length of an intraday bar is not positive.
    #[error("an intraday bar of {step_ns} ns is not possible")]
    Step {
        /// The length given.
        step_ns: i64,
    },
    /// The section's bytes are not a schema.
    #[error("the schema cannot be decoded")]
    Codec(#[from] CodecError),
}

/// Columns of a bundle, the length of its bars, and the meaning of its timestamps.
///
/// The first column is always `time`: i64 nanoseconds since the epoch, UTC, strictly ascending within an
/// asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schema {
    columns: Vec<Column>,
    frequency: Frequency,
    time_zone: String,
    stamp: Stamp,
    calendar_name: String,
}

impl Schema {
    /// Checks and makes a schema. `time_zone` is the IANA name of the zone in which the market's sessions
    /// are dated (timestamps themselves are UTC); `calendar_name` is that of a known calendar, or empty.
    ///
    /// # Errors
    ///
    /// [`SchemaError`] when the first column is not `time`, names clash, or types do not fit.
    pub fn new(
        columns: Vec<Column>,
        frequency: Frequency,
        time_zone: impl Into<String>,
        stamp: Stamp,
        calendar_name: impl Into<String>,
    ) -> Result<Self, SchemaError> {
        check_columns(&columns)?;
        if let Frequency::Intraday { step_ns } = frequency
            && step_ns <= 0
        {
            return Err(SchemaError::Step { step_ns });
        }
        let (time_zone, calendar_name) = (time_zone.into(), calendar_name.into());
        Ok(Self { columns, frequency, time_zone, stamp, calendar_name })
    }

    /// Makes the schema of daily bars: `time`, `open`, `high`, `low`, `close`, `volume`, then `extra`
    /// columns of f64, UTC, stamped by session.
    ///
    /// # Errors
    ///
    /// [`SchemaError`] when an extra column's name clashes or is not possible.
    pub fn daily(extra: &[&str]) -> Result<Self, SchemaError> {
        let price = |name: &str| Column::new(name, PhysicalType::F64, LogicalType::Price);
        let mut columns = vec![Column::new(TIME, PhysicalType::I64, LogicalType::Timestamp)];
        columns.extend(["open", "high", "low", "close"].map(price));
        columns.push(Column::new("volume", PhysicalType::F64, LogicalType::Volume));
        let plain = |name: &&str| Column::new(*name, PhysicalType::F64, LogicalType::Plain);
        columns.extend(extra.iter().map(plain));
        Self::new(columns, Frequency::Daily, "UTC", Stamp::Session, "")
    }

    /// Returns the columns in the order of the file; the first is `time`.
    #[inline]
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Returns the place of the column called `name`.
    pub fn column_index(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    /// Returns how far bars stand apart.
    pub fn frequency(&self) -> Frequency {
        self.frequency
    }

    /// Returns the IANA name of the zone in which sessions are dated.
    pub fn time_zone(&self) -> &str {
        &self.time_zone
    }

    /// Returns what a timestamp says of its bar.
    pub fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// Returns the name of the trading calendar, or an empty string.
    pub fn calendar_name(&self) -> &str {
        &self.calendar_name
    }

    /// Returns the bytes of the schema section; these are what the content version covers.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Encoder::default();
        out.u64(self.columns.len() as u64);
        for column in &self.columns {
            out.string(&column.name);
            out.u32(column.physical.tag());
            encode_logical(&mut out, column.logical);
        }
        match self.frequency {
            Frequency::Daily => out.u32(0),
            Frequency::Intraday { step_ns } => {
                out.u32(1);
                out.i64(step_ns);
            }
            Frequency::Irregular => out.u32(2),
        }
        out.string(&self.time_zone);
        out.u32(match self.stamp {
            Stamp::Session => 0,
            Stamp::BarStart => 1,
            Stamp::BarEnd => 2,
        });
        out.string(&self.calendar_name);
        out.into_bytes()
    }

    /// Reads the bytes of a schema section.
    ///
    /// # Errors
    ///
    /// [`SchemaError`] when the bytes are not a schema or the schema is not possible.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SchemaError> {
        let mut input = Decoder::new(bytes);
        let count = input.count(16)?;
        let mut columns = Vec::with_capacity(count);
        for _ in 0..count {
            let name = input.string()?;
            let at = input.at();
            let tag = input.u32()?;
            let physical = PhysicalType::from_tag(tag);
            let physical = physical.ok_or(CodecError::Tag { what: "physical type", at, tag })?;
            columns.push(Column { name, physical, logical: decode_logical(&mut input)? });
        }
        let at = input.at();
        let frequency = match input.u32()? {
            0 => Frequency::Daily,
            1 => Frequency::Intraday { step_ns: input.i64()? },
            2 => Frequency::Irregular,
            tag => return Err(CodecError::Tag { what: "frequency", at, tag }.into()),
        };
        let time_zone = input.string()?;
        let at = input.at();
        let stamp = match input.u32()? {
            0 => Stamp::Session,
            1 => Stamp::BarStart,
            2 => Stamp::BarEnd,
            tag => return Err(CodecError::Tag { what: "timestamp convention", at, tag }.into()),
        };
        let calendar_name = input.string()?;
        input.finish()?;
        Self::new(columns, frequency, time_zone, stamp, calendar_name)
    }
}

fn encode_logical(out: &mut Encoder, logical: LogicalType) {
    match logical {
        LogicalType::Timestamp => out.u32(0),
        LogicalType::Price => out.u32(1),
        LogicalType::Volume => out.u32(2),
        LogicalType::Decimal { scale } => {
            out.u32(3);
            out.u8(scale);
        }
        LogicalType::Plain => out.u32(4),
    }
}

fn decode_logical(input: &mut Decoder<'_>) -> Result<LogicalType, CodecError> {
    let at = input.at();
    Ok(match input.u32()? {
        0 => LogicalType::Timestamp,
        1 => LogicalType::Price,
        2 => LogicalType::Volume,
        3 => LogicalType::Decimal { scale: input.u8()? },
        4 => LogicalType::Plain,
        tag => return Err(CodecError::Tag { what: "logical type", at, tag }),
    })
}

fn check_columns(columns: &[Column]) -> Result<(), SchemaError> {
    if columns.len() > COLUMNS_MAX {
        return Err(SchemaError::TooManyColumns { count: columns.len() });
    }
    let time = columns.first().ok_or(SchemaError::NoTime)?;
    if time.name != TIME || time.logical != LogicalType::Timestamp {
        return Err(SchemaError::NoTime);
    }
    let mut names = std::collections::BTreeSet::new();
    for (index, column) in columns.iter().enumerate() {
        let len = column.name.len();
        if len == 0 || len > NAME_MAX {
            return Err(SchemaError::NameLength { index, len });
        }
        let fits = match column.logical {
            LogicalType::Timestamp => column.physical == PhysicalType::I64,
            LogicalType::Decimal { scale } => column.physical == PhysicalType::I64 && scale <= 18,
            LogicalType::Price | LogicalType::Volume | LogicalType::Plain => true,
        };
        if !fits {
            let Column { name, physical, logical } = column.clone();
            return Err(SchemaError::Type { name, logical, physical });
        }
        if !names.insert(&column.name) {
            return Err(SchemaError::DuplicateColumn { name: column.name.clone() });
        }
    }
    Ok(())
}
