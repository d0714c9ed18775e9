//! Drafts: the file of a revision, laid out before it is written.

use std::collections::BTreeMap;
use std::path::Path;

use barrow_format::{
    Adjustment, AssetSpec, BundleSpec, Provenance, RevisionSpec, RevisionWriter, Sink, Written,
};

use crate::catalog::change::Change;
use crate::crew;
use crate::error::{Error, Result};
use crate::instant::Instant;
use crate::writing::draft_calendar::calendar;
use crate::writing::draft_series::DraftRows;
use crate::writing::entries::{Entries, Entry};
use crate::writing::pack::Pack;
use crate::writing::placed::{self, Placed};
use crate::writing::revision::Revision;
use crate::writing::revision_problem::RevisionProblem as Problem;

/// The file of a revision, laid out.
#[derive(Debug)]
pub(crate) struct Draft<'r> {
    entries: Entries<'r>,
    bundle: BundleSpec,
    placed: Placed,
    calendar: Vec<i64>,
    pub(crate) change: Change,
}

impl<'r> Draft<'r> {
    /// Lays out the file of a revision; `None` when it changes nothing.
    pub(crate) fn of(revision: &'r Revision, mut change: Change) -> Result<Option<Self>> {
        let entries = Entries::of(revision)?;
        let (adjustments, adjusted) = merged_adjustments(revision, &entries.all)?;
        let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let added = count(entries.all.iter().filter(|entry| entry.old.is_none()).count());
        let before = u64::from(revision.files().head.asset_count());
        change.assets_added = added;
        change.assets_removed = (before + added).saturating_sub(count(entries.all.len()));
        change.adjustments_changed = adjusted;
        for batch in revision.batches.iter() {
            change.rows_added += batch.rows_added;
            change.rows_changed += batch.rows_changed;
            change.rows_removed += count(batch.removed.len());
        }
        let new_columns = revision.columns.len() > revision.schema().columns().len();
        if change == Change::of(change.kind) && !new_columns {
            return Ok(None);
        }
        if change.rows_removed > 0 && entries.all.is_empty() {
            return Err(revision.problem(Problem::NothingLeft));
        }
        let placed = Placed::of(revision.files(), &entries)?;
        let assets = entries.all.iter().map(|entry| described(revision, entry));
        let bundle = BundleSpec {
            schema: revision.merged_schema(revision.columns.clone())?,
            assets: assets.collect::<Result<_>>()?,
            adjustments,
            provenance: provenance(revision, &placed.copied_from)?,
        };
        let calendar = calendar(revision, &entries.all)?;
        Ok(Some(Self { entries, bundle, placed, calendar, change }))
    }

    /// Writes the head to a sink, and before it, where rows are compressed, the file that these lie in, to `path`.
    pub(crate) fn write<S: Sink>(
        self,
        revision: &Revision,
        (sink, path): (&S, &Path),
    ) -> Result<(Written, Option<Pack>)> {
        let Self { entries, mut bundle, placed, calendar, .. } = self;
        let Placed { segments, copies, compression, .. } = placed;
        let failed = |error| Error::written(revision.name())(error);
        let mut rows = DraftRows { entries: &entries, copies: &copies, revision };
        let mut pack = None;
        if let Some(compression) = &compression {
            let sources = std::mem::take(&mut bundle.provenance.sources);
            let provenance = Provenance { sources, tool: bundle.provenance.tool.clone() };
            let about = (bundle.schema.clone(), provenance);
            pack = Some(Pack::write(rows, about, compression, path)?);
            rows.copies = &[];
        }
        let record = pack.as_ref().map(|pack: &Pack| pack.record);
        let (parts, segments) = placed::tables(segments, revision.files(), record)?;
        let spec = RevisionSpec { bundle, parts, segments };
        let writer = RevisionWriter::new(spec, sink).map_err(failed)?;
        let series = rows.write(&writer)?;
        let written = writer.finish_by(series, &calendar, crew::every).map_err(failed)?;
        Ok((written, pack))
    }
}

fn described(revision: &Revision, entry: &Entry<'_>) -> Result<AssetSpec> {
    let given = entry.batch.map_or("", |batch| batch.metadata.as_str());
    let metadata = match entry.old {
        Some(asset) if given.is_empty() => {
            let files = revision.files();
            files.head.metadata(asset).map_err(Error::corrupt(files.path))?
        }
        _ => given,
    };
    let (symbol, metadata) = (entry.symbol.to_owned(), metadata.to_owned());
    Ok(AssetSpec { symbol, rows: entry.rows, metadata })
}

/// Returns all adjustments of the version to come, and how many are new or have another value.
fn merged_adjustments(
    revision: &Revision,
    entries: &[Entry<'_>],
) -> Result<(Vec<Adjustment>, u64)> {
    let files = revision.files();
    let corrupt = |error| Error::corrupt(files.path)(error);
    let ordinal_of = |symbol: &str| {
        let found = entries.binary_search_by(|entry| entry.symbol.cmp(symbol)).ok();
        found.and_then(|place| u32::try_from(place).ok())
    };
    let missing =
        |symbol: &str| revision.problem(Problem::AdjustmentAsset { symbol: symbol.to_owned() });
    let mut merged = BTreeMap::new();
    for adjustment in files.head.adjustments().map_err(corrupt)? {
        let symbol = files.head.symbol_at(adjustment.asset).map_err(corrupt)?;
        // Those of an asset that is removed go with it.
        if let Some(asset) = ordinal_of(symbol) {
            merged.insert((asset, adjustment.time, adjustment.kind), adjustment.value);
        }
    }
    let mut changed = 0;
    for given in &revision.adjustments {
        let asset = ordinal_of(&given.symbol).ok_or_else(|| missing(&given.symbol))?;
        let found = merged.insert((asset, given.time, given.kind), given.value);
        match found {
            Some(found) if found.to_bits() == given.value.to_bits() => {}
            Some(found) if !given.corrects => {
                return Err(revision.problem(Problem::AdjustmentDiffers {
                    symbol: given.symbol.clone(),
                    time: Instant(given.time),
                    kind: given.kind,
                    found: found.to_string(),
                    given: given.value.to_string(),
                }));
            }
            _ => changed += 1,
        }
    }
    let adjustment = |((asset, time, kind), value)| Adjustment { asset, time, kind, value };
    Ok((merged.into_iter().map(adjustment).collect(), changed))
}

/// Returns the sources of the rows that lie in the file: of the new ones, and of the files that rows are copied from.
fn provenance(revision: &Revision, copied_from: &[u32]) -> Result<Provenance> {
    let files = revision.files();
    let mut provenance = revision.provenance.clone();
    for part in copied_from {
        let sources =
            files.bundle(*part)?.provenance().map_err(Error::corrupt(files.path))?.sources;
        provenance.sources.extend(sources);
    }
    provenance.sources.sort();
    provenance.sources.dedup();
    Ok(provenance)
}
