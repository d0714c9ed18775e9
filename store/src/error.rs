//! What can go wrong between a name and a slice, with the values a caller needs to act on it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use barrow_format::{Digest, Frequency, PhysicalType, Version};

use crate::catalog::problems::{HeadProblem, NameProblem};
use crate::instant::Instant;
use crate::mount::mounts::MountError;
use crate::query::{Part, Period, Problem};
use crate::remote::RemoteError;
use crate::writing::revision_problem::RevisionProblem;

/// The store's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything the store can answer instead of what was asked for.
///
/// Cloneable, because an opening that several threads wait for fails for all of them alike.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused something. `verb` says what was attempted, `path` on which file.
    #[error("cannot {verb} `{}`", path.display())]
    Io {
        /// What was attempted, an infinitive: `open`, `map`, `rename` ...
        verb: &'static str,
        /// The file or directory it was attempted on.
        path: PathBuf,
        /// What the operating system said.
        source: Arc<io::Error>,
    },

    /// A journal is not sound at byte `at`: at 0 the file is something else, later a record is damaged. It is left as
    /// it is.
    #[error("`{}` is no sound journal at byte {at}", path.display())]
    BadJournal {
        /// The file.
        path: PathBuf,
        /// Where it is not.
        at: u64,
    },

    /// A name that no bundle can have; see [`Catalog`](crate::Catalog) for the rule.
    #[error("`{name}` is not a bundle name: {problem}")]
    BundleName {
        /// The name as given.
        name: String,
        /// The rule it breaks.
        problem: NameProblem,
    },

    /// The catalog has no published bundle of this name.
    #[error("no bundle `{name}` in `{}`", root.display())]
    UnknownBundle {
        /// The name that was looked for.
        name: String,
        /// The catalog's directory.
        root: PathBuf,
        /// The name in the catalog that is spelled most like it, if any comes close.
        nearest: Option<String>,
    },

    /// The bundle has no asset of this symbol.
    #[error("no asset `{symbol}` in bundle `{bundle}`")]
    UnknownSymbol {
        /// The symbol that was looked for.
        symbol: String,
        /// The bundle's name.
        bundle: String,
        /// The symbol of the bundle that is spelled most like it, if any comes close.
        nearest: Option<String>,
    },

    /// The bundle has no column of this name.
    #[error("no column `{column}` in bundle `{bundle}`, which has {}", Listed(available))]
    UnknownColumn {
        /// The column that was looked for.
        column: String,
        /// The bundle's name.
        bundle: String,
        /// The columns there are, in file order.
        available: Vec<String>,
    },

    /// The column exists, but its values are of another type than the call reads.
    #[error("column `{column}` holds {found}, not {expected}")]
    WrongColumnType {
        /// The column's name.
        column: String,
        /// The type that the call reads.
        expected: &'static str,
        /// The type that the column has.
        found: PhysicalType,
    },

    /// What follows `@` is neither a date nor hexadecimal of a version's length.
    #[error(
        "`{text}` is not a version: expected 1 to 64 hexadecimal digits, or a date as in `2026-11-25` or `2026-11-25T12:00`"
    )]
    VersionSyntax {
        /// What stood after the `@`.
        text: String,
    },

    /// No version of the bundle starts with these digits.
    #[error("no version of bundle `{bundle}` starts with `{prefix}`")]
    UnknownVersion {
        /// The bundle's name.
        bundle: String,
        /// The digits that were looked for.
        prefix: String,
    },

    /// Several versions of the bundle start with these digits: give more of them.
    #[error("{} versions of bundle `{bundle}` start with `{prefix}`: {}", candidates.len(), Listed(candidates))]
    AmbiguousVersion {
        /// The bundle's name.
        bundle: String,
        /// The digits that were looked for.
        prefix: String,
        /// The versions that start with them, ascending.
        candidates: Vec<Version>,
    },

    /// Another writer holds the bundle's lock. Readers are never locked out.
    #[error("bundle `{bundle}` is being written{}", Holder(*holder))]
    Locked {
        /// The bundle's name.
        bundle: String,
        /// The process that holds the lock, if it had written its id by then.
        holder: Option<u32>,
    },

    /// The bytes of a bundle file are not what the format demands.
    #[error("`{}` is damaged or not a bundle", path.display())]
    Corrupt {
        /// The bundle file.
        path: PathBuf,
        /// The section and offset at fault.
        source: Arc<barrow_format::Error>,
    },

    /// Verification found bytes that are not those that were written.
    #[error("`{}` is damaged in {count} place(s), the first: {first}", path.display())]
    Damaged {
        /// The bundle file.
        path: PathBuf,
        /// How many places are damaged.
        count: usize,
        /// The first of them, with section, column and asset.
        first: Arc<barrow_format::Defect>,
    },

    /// The version could not be mounted.
    #[error(transparent)]
    Mount(Box<MountError>),

    /// A remote cannot be reached, or what it holds cannot be used.
    #[error(transparent)]
    Remote(Box<RemoteError>),

    /// The version cannot be served by slices of a map alone, which the open options demand.
    #[error("`{}` cannot be served without a copy: {what}", path.display())]
    NotMapped {
        /// The bundle file.
        path: PathBuf,
        /// What would not be a slice of the map.
        what: String,
    },

    /// The values of a series are not those that were written.
    #[error(transparent)]
    SeriesDigest(Box<ChangedSeries>),

    /// A file of the catalog is not what its name says.
    #[error("`{}` is not what the catalog says: expected {what} {expected}, found {found}", path.display())]
    Mismatch {
        /// The file at fault.
        path: PathBuf,
        /// What was compared, e.g. `version`.
        what: &'static str,
        /// What the catalog names.
        expected: String,
        /// What the file contains.
        found: String,
    },

    /// The bundle's `HEAD` page is damaged. Its versions can still be opened as `name@version`, and publishing anew
    /// repairs the page.
    #[error("`{}` is damaged: {problem}", path.display())]
    Head {
        /// The page's file.
        path: PathBuf,
        /// What is wrong with it.
        problem: HeadProblem,
    },

    /// A file under `versions/` cannot be understood.
    #[error("`{}` is not a version record: {problem}", path.display())]
    VersionRecord {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },

    /// Bars, columns or adjustments cannot be brought into a bundle.
    #[error("bundle `{bundle}` cannot be revised: {problem}")]
    Revision {
        /// The bundle's name.
        bundle: String,
        /// Why.
        problem: RevisionProblem,
    },

    /// The bundle had no version yet at the moment asked for.
    #[error("bundle `{bundle}` had no version at {moment}: its first was published at {first}")]
    NothingYet {
        /// The bundle's name.
        bundle: String,
        /// The moment.
        moment: Instant,
        /// When the first version was published.
        first: Instant,
    },

    /// The version that was the newest at the moment asked for has been pruned, or may have been: the versions that are
    /// left of about that time do not follow on each other.
    #[error("the version that bundle `{bundle}` had at {moment} was pruned")]
    Pruned {
        /// The bundle's name.
        bundle: String,
        /// The moment.
        moment: Instant,
    },

    /// A part could not be written.
    #[error("cannot write a part of bundle `{bundle}`")]
    Write {
        /// The bundle's name.
        bundle: String,
        /// Why: the disk, or a limit of the format.
        source: Arc<barrow_format::Error>,
    },

    /// No symbol of the bundle matches a pattern.
    #[error("no asset of bundle `{bundle}` matches `{pattern}`")]
    NoMatch {
        /// The pattern.
        pattern: String,
        /// The bundle's name.
        bundle: String,
    },

    /// An expression of a query cannot be read.
    #[error("cannot read the {part} `{text}`")]
    Expression {
        /// Which text of the query it is.
        part: Part,
        /// The whole text.
        text: String,
        /// Characters before the place where reading stopped.
        at: usize,
        /// Why it stopped.
        source: Problem,
    },

    /// Two columns of an answer would have one name.
    #[error("two columns of the answer are named `{name}`")]
    DuplicateColumn {
        /// The name.
        name: String,
    },

    /// Bars cannot be put together to a period.
    #[error("{frequency} bars of bundle `{bundle}` do not add up to a period of `{period}`")]
    Period {
        /// The period asked for.
        period: Period,
        /// The bundle's name.
        bundle: String,
        /// What its bars are.
        frequency: Frequency,
    },

    /// The time zone in which a bundle's sessions are dated is not one that is known here.
    #[error("bundle `{bundle}` dates its sessions in an unknown time zone `{name}`")]
    UnknownTimeZone {
        /// The zone's name.
        name: String,
        /// The bundle's name.
        bundle: String,
    },

    /// What was handed to [`publish`](crate::Staging::publish) is not what was written to the staging file.
    #[error("the staging file of bundle `{bundle}` has {what} {found}, expected {expected}")]
    Staging {
        /// The bundle's name.
        bundle: String,
        /// What was compared: `length`, `version` or `digest`.
        what: &'static str,
        /// What the caller said was written.
        expected: String,
        /// What the file has.
        found: String,
    },

    /// Arrow refused to build a batch: only a bundle beyond the limits of Arrow itself gets here.
    #[error("no Arrow batch of bundle `{bundle}`")]
    Arrow {
        /// The bundle's name.
        bundle: String,
        /// What Arrow said.
        source: Arc<arrow_schema::ArrowError>,
    },
}

impl Error {
    /// Wraps an I/O error with what was attempted on which path.
    pub(crate) fn io(verb: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { verb, path: path.to_owned(), source: Arc::new(source) }
    }

    /// Wraps why a part of a bundle could not be written.
    pub(crate) fn written(bundle: &str) -> impl FnOnce(barrow_format::Error) -> Self {
        move |source| Self::Write { bundle: bundle.to_owned(), source: Arc::new(source) }
    }

    /// Wraps a format error with the file it was found in.
    pub(crate) fn corrupt(path: &Path) -> impl FnOnce(barrow_format::Error) -> Self {
        move |source| Self::Corrupt { path: path.to_owned(), source: Arc::new(source) }
    }
}

/// A series whose values do not hash to the digest that the file has of them: they were changed after they were written,
/// or the medium is failing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{}` is damaged: column `{column}` of asset `{symbol}` hashes to {}, expected {}",
    path.display(),
    found.short(),
    expected.short()
)]
pub struct ChangedSeries {
    /// The bundle file.
    pub path: PathBuf,
    /// The column's name.
    pub column: String,
    /// The asset's symbol.
    pub symbol: String,
    /// The digest in the file.
    pub expected: Digest,
    /// What the values hash to.
    pub found: Digest,
}

/// Displays the items in backticks, separated by commas.
struct Listed<'a, T>(&'a [T]);

impl<T: fmt::Display> fmt::Display for Listed<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, item) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}`{item}`")?;
        }
        Ok(())
    }
}

/// Displays who holds a lock.
struct Holder(Option<u32>);

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(pid) => write!(f, " by process {pid}"),
            None => f.write_str(" by another process"),
        }
    }
}
