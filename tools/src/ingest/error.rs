//! [`IngestError`]: why sources did not become a bundle, and what to do about it.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use super::problem::Problem;

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
