//! How the columns of a bundle are reached: their places, and which can be read without waiting.

use barrow_format::LogicalType;
use barrow_store::{Lease, Origin, VerifyReads};

use crate::array::Shown;

/// The columns that bars have attributes for, in the order of [`Columns::standard`].
pub(crate) const STANDARD: [&str; 5] = ["open", "high", "low", "close", "volume"];

/// What is asked of each column over and over, found once.
#[derive(Debug)]
pub(crate) struct Columns {
    all: Box<[Access]>,
    standard: [Option<usize>; STANDARD.len()],
}

/// How a column is read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Access {
    /// Whether a series is a slice of the map of which at most some pages are checked first: reading it takes nanoseconds, the
    /// first time microseconds, so that the interpreter's lock is kept.
    pub(crate) immediate: bool,
    /// Whether the whole column is a slice of the map that nobody checks first.
    pub(crate) immediate_whole: bool,
    pub(crate) shown: Shown,
}

impl Columns {
    pub(crate) fn of(lease: &Lease) -> Self {
        let verify = lease.options().verify;
        let schema = lease.schema();
        let access = |column: &barrow_format::Column| {
            let decoded = !matches!(lease.origin(&column.name), Ok(Origin::Mapped | Origin::Read));
            let timestamp = column.logical == LogicalType::Timestamp;
            let shown = if timestamp { Shown::Instants } else { Shown::Numbers };
            Access {
                immediate: verify != VerifyReads::Digests && !decoded,
                immediate_whole: verify == VerifyReads::Never && !decoded,
                shown,
            }
        };
        Self {
            all: schema.columns().iter().map(access).collect(),
            standard: STANDARD.map(|name| schema.column_index(name)),
        }
    }

    /// Returns how the column at a place in the schema is read.
    pub(crate) fn access(&self, index: usize) -> Access {
        let unknown = Access { immediate: false, immediate_whole: false, shown: Shown::Numbers };
        self.all.get(index).copied().unwrap_or(unknown)
    }

    /// Returns the place in the schema of the column at `place` in [`STANDARD`], if the bundle has it.
    pub(crate) fn standard(&self, place: usize) -> Option<usize> {
        self.standard.get(place).copied().flatten()
    }
}
