//! [`Verification`] and what it finds: each [`Defect`] is a [`Problem`] at a place.

use std::fmt;

use thiserror::Error;

use crate::{Digest, SectionKind, Version, error::Error};

/// What is wrong at some place of a bundle.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Problem {
    /// The bytes do not hash to their digest: they were changed after they were written.
    #[error("its bytes hash to {found}, not to {expected}")]
    Digest {
        /// What is stored.
        expected: Digest,
        /// What the bytes hash to.
        found: Digest,
    },
    /// The bytes do not have their check word, although they hash to their digest.
    #[error("its bytes do not have their check word")]
    Check,
    /// A byte that must be zero is not.
    #[error("a byte of its padding is not zero")]
    Padding,
    /// The stored state of the hash is not that of the bytes.
    #[error("its stored midstate does not belong to its bytes")]
    Midstate,
    /// Stored statistics are not those of the values.
    #[error("its stored statistics are not those of its values")]
    Statistics,
    /// Timestamps do not strictly ascend.
    #[error("its timestamps do not ascend at row {row}")]
    TimeOrder {
        /// Row of the asset, or place in the calendar.
        row: u64,
    },
    /// Stored first or last timestamp, or places in the calendar, are not those of the timestamps.
    #[error("its record does not agree with its timestamps and the calendar")]
    Span,
    /// The calendar is not the union of all timestamps.
    #[error("it is not the union of the assets' timestamps")]
    Calendar,
    /// Symbols are not sorted, rows are not consecutive, or strings do not fill their section.
    #[error("its records are not in order")]
    Order,
    /// The symbol index does not lead to an asset, or leads nowhere.
    #[error("it does not lead to every asset, or leads to none")]
    Index,
    /// The content does not have the version that the file claims.
    #[error("its content has version {found}, not {expected}")]
    Version {
        /// What the file claims.
        expected: Version,
        /// What the content has.
        found: Version,
    },
    /// Something cannot be read at all.
    #[error(transparent)]
    Unreadable(#[from] Error),
}

/// One damaged place of a bundle.
#[derive(Debug)]
pub struct Defect {
    /// The section.
    pub section: SectionKind,
    /// The column, where it is known.
    pub column: Option<String>,
    /// The symbol of the asset, where it is known.
    pub symbol: Option<String>,
    /// Where the damaged stretch begins in the file.
    pub offset: u64,
    /// What is wrong.
    pub problem: Problem,
}

impl Defect {
    /// Tells whether bytes are not those that were written, which this says of itself.
    fn is_change(&self) -> bool {
        matches!(self.problem, Problem::Digest { .. } | Problem::Padding)
    }

    /// Tells whether this may be nothing else than what changed bytes of a table, or of the timestamps, lead to.
    fn may_follow(&self) -> bool {
        match self.problem {
            Problem::Digest { .. } | Problem::Check | Problem::Padding => false,
            Problem::Midstate
            | Problem::Statistics
            | Problem::TimeOrder { .. }
            | Problem::Span
            | Problem::Calendar
            | Problem::Order
            | Problem::Index
            | Problem::Version { .. }
            | Problem::Unreadable(Error::Record { .. }) => true,
            // Blocks and other files have checksums of their own.
            Problem::Unreadable(_) => {
                !matches!(self.section, SectionKind::Data | SectionKind::Parts)
            }
        }
    }
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "section `{}`", self.section)?;
        if let Some(column) = &self.column {
            write!(f, ", column `{column}`")?;
        }
        if let Some(symbol) = &self.symbol {
            write!(f, ", asset `{symbol}`")?;
        }
        write!(f, ", byte {}: {}", self.offset, self.problem)
    }
}

/// The outcome of a verification.
#[derive(Debug, Default)]
pub struct Verification {
    /// Series whose values were hashed.
    pub series: u64,
    /// Bytes that were checked: all of the file.
    pub bytes: u64,
    /// Damaged places, in file order of the checks; empty when all is well. Where bytes were changed, what may be no more
    /// than a consequence of that is left out.
    pub bad: Vec<Defect>,
}

impl Verification {
    /// Returns the outcome of checks that read so many series and bytes and found this.
    pub fn new(series: u64, bytes: u64, mut bad: Vec<Defect>) -> Self {
        if bad.iter().any(Defect::is_change) {
            bad.retain(|defect| !defect.may_follow());
        }
        Self { series, bytes, bad }
    }

    /// Tells whether nothing is damaged.
    pub fn ok(&self) -> bool {
        self.bad.is_empty()
    }
}
