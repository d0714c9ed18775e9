//! The calendar of a draft: all timestamps of the version to come, each once.

use std::collections::BTreeSet;

use barrow_format::Values;

use crate::error::{Error, Result};
use crate::writing::batch::{Batch, Piece};
use crate::writing::entries::Entry;
use crate::writing::revision::Revision;

/// Returns the calendar: that of the version before, with the times of new bars, and without those at which no asset has a
/// bar any more.
pub(crate) fn calendar(revision: &Revision, entries: &[Entry<'_>]) -> Result<Vec<i64>> {
    let files = revision.files();
    let before = files.head.calendar().map_err(Error::corrupt(files.path))?;
    let mut new: Vec<i64> = Vec::new();
    for batch in revision.batches.iter() {
        for time in new_times(revision, batch).flatten() {
            if new.last() != Some(time) && before.binary_search(time).is_err() {
                new.push(*time);
            }
        }
    }
    new.sort_unstable();
    new.dedup();
    let mut calendar = before.to_vec();
    let ordered = calendar.last().zip(new.first()).is_none_or(|(last, first)| last < first);
    calendar.extend(new);
    if !ordered {
        calendar.sort_unstable();
    }
    let gone = vanished(revision, entries)?;
    if !gone.is_empty() {
        calendar.retain(|time| !gone.contains(time));
    }
    Ok(calendar)
}

/// Returns the times of a batch's new bars, stretch by stretch.
fn new_times<'r>(revision: &'r Revision, batch: &'r Batch) -> impl Iterator<Item = &'r [i64]> {
    let times = revision.fresh.first().and_then(|times| times.values().as_i64());
    let times = times.unwrap_or_default();
    batch.pieces.iter().filter_map(|piece| match piece {
        Piece::New(rows) => times.get(rows.clone()),
        Piece::Old(_) => None,
    })
}

/// Returns the times of removed bars at which no asset has a bar left. Costs, for each, a search in every asset up to the
/// first that has one.
fn vanished(revision: &Revision, entries: &[Entry<'_>]) -> Result<BTreeSet<i64>> {
    let removed: BTreeSet<i64> =
        revision.batches.iter().flat_map(|batch| batch.removed.iter().copied()).collect();
    let mut gone = BTreeSet::new();
    for time in removed {
        let mut left = false;
        for entry in entries {
            left = has(revision, entry, time)?;
            if left {
                break;
            }
        }
        if !left {
            gone.insert(time);
        }
    }
    Ok(gone)
}

/// Tells whether an asset has a bar at a time, in the version to come.
fn has(revision: &Revision, entry: &Entry<'_>, time: i64) -> Result<bool> {
    if let Some(batch) = entry.batch {
        if batch.removed.binary_search(&time).is_ok() {
            return Ok(false);
        }
        if new_times(revision, batch).any(|times| times.binary_search(&time).is_ok()) {
            return Ok(true);
        }
    }
    let Some(asset) = entry.old else { return Ok(false) };
    let span = asset.first_time().zip(asset.last_time());
    if !span.is_some_and(|(first, last)| (first..=last).contains(&time)) {
        return Ok(false);
    }
    let mut found = false;
    revision.files().each_piece(0, asset, 0..asset.rows(), &mut |times: Values<'_>| {
        found |= times.as_i64().is_some_and(|times| times.binary_search(&time).is_ok());
    })?;
    Ok(found)
}
