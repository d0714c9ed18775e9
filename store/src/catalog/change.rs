//! What a publication changed: kept in the version's record, shown in the history.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How a version came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ChangeKind {
    /// Its content was given as a whole.
    Ingest,
    /// Bars, assets or columns were added to the version before.
    Append,
    /// Bars or adjustments of the version before were replaced or removed, or added between others.
    Correct,
    /// An older version was made the newest again.
    Restore,
    /// Its files were fetched from a remote; counted like an ingestion.
    Fetch,
    /// Something that a later build knows of.
    #[serde(other)]
    Other,
}

impl ChangeKind {
    /// Returns the name: `ingest`, `append`, `correct`, `restore`, `fetch` or `other`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Append => "append",
            Self::Correct => "correct",
            Self::Restore => "restore",
            Self::Fetch => "fetch",
            Self::Other => "other",
        }
    }
}

impl fmt::Display for ChangeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a publication changed, against the version that was the newest before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// How the version came to be.
    pub kind: ChangeKind,
    /// Bars that are new; of an ingestion, all of them.
    pub rows_added: u64,
    /// Bars that were there and have other values now.
    pub rows_changed: u64,
    /// Bars that were there and are not any more.
    #[serde(default)]
    pub rows_removed: u64,
    /// Assets that are new; of an ingestion, all of them.
    pub assets_added: u64,
    /// Assets that went with the last of their bars.
    #[serde(default)]
    pub assets_removed: u64,
    /// Adjustments that are new or have another value now; of an ingestion, all of them.
    pub adjustments_changed: u64,
}

impl Change {
    pub(crate) fn of(kind: ChangeKind) -> Self {
        Self {
            kind,
            rows_added: 0,
            rows_changed: 0,
            rows_removed: 0,
            assets_added: 0,
            assets_removed: 0,
            adjustments_changed: 0,
        }
    }
}
