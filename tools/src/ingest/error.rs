//! [`IngestError`]: why sources did not become a bundle, and what to do about it.

use std::fmt;
use std::io;
use std::path::PathBuf;

use thiserror::Error;

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

    fn hint(&self) -> &'static str {
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

/// Why nothing was published.
///
/// Whatever the error, the catalog is as it was and no temporary file is left.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum IngestError {
    /// A row is wrong, and the mode is strict.
    #[error("`{file}` line {line}, column `{column}`, value `{value}`: {problem}")]
    Row {
        /// Source, and member of an archive behind a colon.
        file: String,
        /// Line in the file (or row of a Parquet file), from 1.
        line: u64,
        /// Column as the file names it.
        column: String,
        /// The text of the value.
        value: String,
        /// What is wrong.
        problem: Problem,
    },
    /// A source cannot be read.
    #[error("cannot {verb} `{}`", path.display())]
    Io {
        /// What was tried.
        verb: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// A compressed file is cut short or damaged.
    #[error("`{file}` is truncated or damaged")]
    Damaged {
        /// The source.
        file: String,
        /// What the decoder found.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// There is nothing to ingest.
    #[error("no data files in `{}`", path.display())]
    NoFiles {
        /// The folder, or list of sources.
        path: PathBuf,
    },
    /// There are files, and none that was chosen.
    #[error("none of {files} data files in `{}` is chosen by name", path.display())]
    NoneChosen {
        /// The folder, or list of sources.
        path: PathBuf,
        /// How many there are.
        files: usize,
    },
    /// The source is a pipe or a device, and sources are read more than once.
    #[error("`{}` is no file", path.display())]
    NotAFile {
        /// The source.
        path: PathBuf,
    },
    /// A file holds nothing.
    #[error("`{file}` is empty")]
    EmptyFile {
        /// The source.
        file: String,
    },
    /// A file holds a header and no row.
    #[error("`{file}` has a header and no rows")]
    NoRows {
        /// The source.
        file: String,
    },
    /// Every row was rejected.
    #[error("no row is left to publish: {rejected} were rejected")]
    NothingLeft {
        /// Rows rejected.
        rejected: u64,
    },
    /// More rows are bad than a lenient run accepts.
    #[error("more than {limit} rows were rejected")]
    TooManyRejects {
        /// The limit.
        limit: u64,
    },
    /// A file's layout is not recognised.
    #[error("cannot recognise `{file}`: {reason}")]
    Unrecognised {
        /// The source.
        file: String,
        /// What was looked for and not found.
        reason: String,
    },
    /// An option names a column that the file does not have.
    #[error("`{file}` has no column `{column}`; it has {}", found.join(", "))]
    NoColumn {
        /// The source.
        file: String,
        /// The column asked for.
        column: String,
        /// The columns that there are.
        found: Vec<String>,
    },
    /// An option names a column that the bundle will not have.
    #[error("the bundle would have no column `{column}`; it has {}", found.join(", "))]
    NoStoredColumn {
        /// The column asked for.
        column: String,
        /// The columns that there are.
        found: Vec<String>,
    },
    /// A column holds text.
    #[error("column `{column}` of `{file}` holds text such as `{value}`, and bundles hold numbers")]
    TextColumn {
        /// The source.
        file: String,
        /// The column.
        column: String,
        /// One of its values.
        value: String,
    },
    /// A Parquet column has a type that bundles do not hold.
    #[error("column `{column}` of `{file}` has type {found}, expected {expected}")]
    ColumnType {
        /// The source.
        file: String,
        /// The column.
        column: String,
        /// Its type.
        found: String,
        /// What it should be.
        expected: &'static str,
    },
    /// Two files do not have the same columns.
    #[error("`{file}` has columns {}, but `{first}` has {}", columns.join(", "), first_columns.join(", "))]
    MixedColumns {
        /// The source that differs.
        file: String,
        /// Its columns.
        columns: Vec<String>,
        /// The first source.
        first: String,
        /// The columns of the first source.
        first_columns: Vec<String>,
    },
    /// Files of different bar lengths are to go into one bundle.
    #[error("mixed granularity: `{file}` holds {found} bars, but `{first}` holds {expected} bars")]
    MixedGranularity {
        /// The source or asset that differs.
        file: String,
        /// Its granularity.
        found: String,
        /// The source or asset that the others are like.
        first: String,
        /// Their granularity.
        expected: String,
    },
    /// The rows of an asset of an export do not stand together.
    #[error("the rows of `{symbol}` do not stand together in `{file}`, as those of an export do")]
    Scattered {
        /// The source.
        file: String,
        /// The asset.
        symbol: String,
    },
    /// An option cannot be what it is.
    #[error("option `{option}` cannot be `{value}`: {reason}")]
    Option {
        /// The option.
        option: &'static str,
        /// Its value.
        value: String,
        /// Why not.
        reason: String,
    },
    /// There are splits or dividends, but nothing to make a bundle of.
    #[error("there are no sources of bars")]
    NoSources,
    /// The run was interrupted.
    #[error("interrupted; nothing was published")]
    Interrupted,
    /// The bundle cannot be written.
    #[error("cannot write the bundle")]
    Format(#[from] barrow_format::Error),
    /// The schema is not possible.
    #[error("the columns do not make a bundle")]
    Schema(#[from] barrow_format::SchemaError),
    /// The bundle cannot be published.
    #[error("cannot publish the bundle")]
    Store(#[from] barrow_store::Error),
}

impl IngestError {
    /// What to do about it, commands and options in backticks; `None` where the message says all.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Row { problem, .. } => Some(problem.hint()),
            Self::Damaged { .. } => Some("fetch the file again: nothing of it was taken"),
            Self::NoFiles { .. } => Some(
                "folders are searched for `.csv`, `.txt`, `.tsv`, `.parquet`, `.pq`, `.arrow`, \
                 `.feather`, `.ipc`, `.gz` and `.zip`; name other files one by one",
            ),
            Self::NoneChosen { .. } => Some(
                "`--include` and `--exclude` are compared with the whole name of a file, and with its path from the \
                 folder that is named; `*` is any text",
            ),
            Self::NotAFile { .. } => Some(
                "sources are read more than once, so a pipe will not do: write it to a file first, whose name tells the \
                 symbol where no column does",
            ),
            Self::EmptyFile { .. } | Self::NoRows { .. } => {
                Some("remove the file, or leave it out with `--exclude NAME`")
            }
            Self::NothingLeft { .. } | Self::TooManyRejects { .. } => Some(
                "was the layout recognised? `--time-format`, `--map`, `--columns` and \
                 `--price-scale` say what it is",
            ),
            Self::Unrecognised { .. } => Some(
                "say what it is with `--format`, `--columns`, `--time-column`, `--time-format` or \
                 `--map`, or leave the file out with `--exclude NAME`",
            ),
            Self::NoSources => Some(
                "name files of bars, or bring splits and dividends into a bundle that is there with \
                 `--append` or `--correct`",
            ),
            Self::NoColumn { .. } => Some("columns are named as in the file's header"),
            Self::NoStoredColumn { .. } => {
                Some("`--compression` names columns as `barrow inspect` does: `time`, `close`, ...")
            }
            Self::TextColumn { .. } => Some(
                "leave the column out with `--drop COLUMN`, or name it with `--symbol-column` if \
                 it tells the asset",
            ),
            Self::Scattered { .. } => Some(
                "pass `--sort` to take the file as any other, without what the export says of it",
            ),
            Self::ColumnType { .. } => Some("leave the column out with `--drop COLUMN`"),
            Self::MixedColumns { .. } => Some(
                "ingest the files into bundles of their own, choose some with `--include` or \
                 `--exclude`, or leave columns out with `--drop COLUMN`",
            ),
            Self::MixedGranularity { .. } => Some(
                "ingest them into bundles of their own, or pass `--frequency irregular` to keep \
                 them together",
            ),
            _ => None,
        }
    }
}
