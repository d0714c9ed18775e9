//! [`Progress`]: how a caller follows an ingestion, and stops it.

use std::fmt;

/// A part of the work.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Phase {
    /// Sources are read, parsed and checked; the unit is bytes of the sources.
    Reading,
    /// Rows that exceed the memory budget are merged on disk; the unit is rows.
    Sorting,
    /// Series are hashed and written; the unit is series.
    Writing,
    /// The bundle is made durable and visible; there is no unit.
    Publishing,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reading => "reading",
            Self::Sorting => "sorting",
            Self::Writing => "writing",
            Self::Publishing => "publishing",
        })
    }
}

/// Follows an ingestion. Called from several threads; `()` follows nothing and never stops.
pub trait Progress: Sync {
    /// A phase of `total` units begins; the one before has ended.
    fn begin(&self, phase: Phase, total: u64);

    /// `units` more are done.
    fn advance(&self, units: u64);

    /// Something was recognised or decided.
    fn note(&self, text: &str);

    /// Whether the work is to stop and leave no trace. Asked often; it must be quick.
    fn interrupted(&self) -> bool;
}

impl Progress for () {
    fn begin(&self, _phase: Phase, _total: u64) {}

    fn advance(&self, _units: u64) {}

    fn note(&self, _text: &str) {}

    fn interrupted(&self) -> bool {
        false
    }
}
