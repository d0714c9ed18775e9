//! [`IngestSummary`]: what an ingestion did.

use std::path::PathBuf;
use std::time::Duration;

use barrow_format::Frequency;
use barrow_store::{Change, Lease, Published};
use serde::Serialize;

use super::context::Context;
use super::direct::Direct;

/// What an ingestion did. Serialised, it is the JSON of `ingest --json`.
#[derive(Clone, Debug, Serialize)]
pub struct IngestSummary {
    /// Name of the bundle.
    pub bundle: String,
    /// Content version that is now the newest: 64 hexadecimal digits.
    pub version: String,
    /// Content version that was the newest before.
    pub parent: Option<String>,
    /// Whether the content was the newest version already, so that nothing was published.
    pub unchanged: bool,
    /// What the publication changed: how, and bars, assets and actions added or changed.
    pub change: ChangeSummary,
    /// Number of assets.
    pub assets: u64,
    /// Rows published, over all assets.
    pub rows: u64,
    /// Rows set aside.
    pub rejected: u64,
    /// The rejects file, when rows were set aside; its summary has the ending `json`.
    pub rejects: Option<PathBuf>,
    /// Size of the version on disk, in bytes.
    pub bytes: u64,
    /// Files read.
    pub sources: u64,
    /// Bytes read.
    pub source_bytes: u64,
    /// Names of the files in folders that are no data files.
    pub skipped: Vec<String>,
    /// How far bars stand apart: `daily`, `1m`, `irregular` and so on.
    pub frequency: String,
    /// Columns of the bundle, `time` first.
    pub columns: Vec<String>,
    /// Columns of text that were left out.
    pub dropped_columns: Vec<String>,
    /// Splits and dividends stored beside the bars.
    pub adjustments: u64,
    /// Splits and dividends of assets that the bundle does not have.
    pub unused_actions: u64,
    /// What the first source was recognised as, for people.
    pub recognised: String,
    /// Wall time.
    pub elapsed_seconds: f64,
}

/// What a publication changed, against the version before.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ChangeSummary {
    /// `ingest`, `append`, `correct` or `restore`.
    pub kind: &'static str,
    /// Bars that are new; of an ingestion, all.
    pub rows_added: u64,
    /// Bars that have other values now.
    pub rows_changed: u64,
    /// Bars that are not there any more.
    pub rows_removed: u64,
    /// Assets that are new; of an ingestion, all.
    pub assets_added: u64,
    /// Assets that went with the last of their bars.
    pub assets_removed: u64,
    /// Splits and dividends that are new or have another value now.
    pub adjustments_changed: u64,
}

impl ChangeSummary {
    pub(crate) fn of(change: Change) -> Self {
        Self {
            kind: change.kind.name(),
            rows_added: change.rows_added,
            rows_changed: change.rows_changed,
            rows_removed: change.rows_removed,
            assets_added: change.assets_added,
            assets_removed: change.assets_removed,
            adjustments_changed: change.adjustments_changed,
        }
    }
}

/// What publication came to.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) published: Published,
    pub(crate) assets: u64,
    pub(crate) rows: u64,
    pub(crate) rejected: u64,
    pub(crate) frequency: Frequency,
    pub(crate) adjustments: u64,
    pub(crate) unused_actions: u64,
    pub(crate) rejects_file: Option<PathBuf>,
}

impl Outcome {
    /// What the direct road came to: it takes no bad rows and no actions.
    pub(crate) fn of(direct: &Direct) -> Self {
        let Direct { published, assets, rows, frequency } = *direct;
        Self {
            published,
            assets,
            rows,
            rejected: 0,
            frequency,
            adjustments: 0,
            unused_actions: 0,
            rejects_file: None,
        }
    }
}

pub(crate) fn summarise(
    name: &str,
    context: &Context<'_>,
    known: Option<&Lease>,
    skipped: Vec<String>,
    outcome: Outcome,
    elapsed: Duration,
) -> IngestSummary {
    IngestSummary {
        bundle: name.to_owned(),
        version: outcome.published.version.to_string(),
        parent: outcome.published.parent.map(|parent| parent.to_string()),
        unchanged: outcome.published.unchanged,
        change: ChangeSummary::of(outcome.published.change),
        assets: outcome.assets,
        rows: outcome.rows,
        rejected: outcome.rejected,
        rejects: outcome.rejects_file,
        bytes: outcome.published.bytes,
        sources: context.sources.len() as u64,
        source_bytes: context.sources.iter().map(|source| source.bytes).sum(),
        skipped,
        frequency: outcome.frequency.to_string(),
        columns: columns(context, known),
        dropped_columns: context.text_columns.clone(),
        adjustments: outcome.adjustments,
        unused_actions: outcome.unused_actions,
        recognised: context.described.clone(),
        elapsed_seconds: elapsed.as_secs_f64(),
    }
}

/// Returns the columns of the bundle: those that it had, then those that are new.
fn columns(context: &Context<'_>, known: Option<&Lease>) -> Vec<String> {
    let mut all: Vec<String> = match known {
        Some(known) => known.schema().columns().iter().map(|column| column.name.clone()).collect(),
        None => vec!["time".to_owned()],
    };
    for name in &context.settler.names {
        if !all.contains(name) {
            all.push(name.clone());
        }
    }
    all
}

/// Says what actions alone, so many of the bundle's assets and of others, came to.
pub(crate) fn of_actions(
    known: &Lease,
    published: &Published,
    (adjustments, unused_actions): (usize, u64),
    elapsed: Duration,
) -> IngestSummary {
    let columns = known.schema().columns().iter().map(|column| column.name.clone());
    IngestSummary {
        bundle: known.name().to_owned(),
        version: published.version.to_string(),
        parent: published.parent.map(|parent| parent.to_string()),
        unchanged: published.unchanged,
        change: ChangeSummary::of(published.change),
        assets: 0,
        rows: 0,
        rejected: 0,
        rejects: None,
        bytes: published.bytes,
        sources: 0,
        source_bytes: 0,
        skipped: Vec::new(),
        frequency: known.schema().frequency().to_string(),
        columns: columns.collect(),
        dropped_columns: Vec::new(),
        adjustments: adjustments as u64,
        unused_actions,
        recognised: "splits and dividends alone".to_owned(),
        elapsed_seconds: elapsed.as_secs_f64(),
    }
}
