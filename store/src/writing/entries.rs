//! Entries: the assets of the version to come, and where their rows lie before it is written.

use std::ops::Range;

use barrow_format::Asset;
use barrow_format::record::SegmentRecord;

use crate::error::{Error, Result};
use crate::reading::segments::span;
use crate::writing::batch::{Batch, Piece};
use crate::writing::revision::Revision;

/// Stands, in a source, for the buffers of the revision.
pub(crate) const FRESH: u32 = u32::MAX;

/// The assets of the version to come, in the order of their symbols.
#[derive(Debug)]
pub(crate) struct Entries<'r> {
    pub(crate) all: Vec<Entry<'r>>,
    /// The sources of all of them, one behind the other: there are many, of a few rows each.
    sources: Vec<SegmentRecord>,
}

/// One asset of the version to come.
#[derive(Debug)]
pub(crate) struct Entry<'r> {
    pub(crate) symbol: &'r str,
    pub(crate) old: Option<Asset>,
    pub(crate) batch: Option<&'r Batch>,
    pub(crate) rows: u64,
    sources: Range<usize>,
}

impl Entry<'_> {
    /// Tells whether bars of it are removed.
    pub(crate) fn loses_bars(&self) -> bool {
        self.batch.is_some_and(|batch| !batch.removed.is_empty())
    }
}

impl<'r> Entries<'r> {
    /// Merges the assets of the version before and of the batches, by symbol; those that lose their last bar are left out.
    pub(crate) fn of(revision: &'r Revision) -> Result<Self> {
        let head = revision.files().head;
        let corrupt = |error| Error::corrupt(revision.files().path)(error);
        let mut batches = revision.batches.sorted().into_iter().peekable();
        let known = usize::try_from(head.asset_count()).unwrap_or(0);
        let all = Vec::with_capacity(known + revision.batches.len());
        let mut this = Self { sources: Vec::with_capacity(all.capacity()), all };
        for ordinal in 0..head.asset_count() {
            let asset = head.asset_at(ordinal).map_err(corrupt)?;
            let symbol = head.symbol(asset).map_err(corrupt)?;
            while let Some((new, batch)) = batches.next_if(|(new, _)| *new < symbol) {
                this.push(revision, new, (None, Some(batch)))?;
            }
            let own = batches.next_if(|(new, _)| *new == symbol).map(|(_, batch)| batch);
            this.push(revision, symbol, (Some(asset), own))?;
        }
        for (new, batch) in batches {
            this.push(revision, new, (None, Some(batch)))?;
        }
        Ok(this)
    }

    /// Returns where the rows of an asset lie, in order: in a file of the version before, or in the buffers ([`FRESH`]).
    pub(crate) fn sources(&self, entry: &Entry<'_>) -> &[SegmentRecord] {
        &self.sources[entry.sources.clone()]
    }

    /// Returns where the rows of each asset lie.
    pub(crate) fn each_sources(&self) -> impl Iterator<Item = &[SegmentRecord]> {
        self.all.iter().map(|entry| self.sources(entry))
    }

    fn push(
        &mut self,
        revision: &'r Revision,
        symbol: &'r str,
        (old, batch): (Option<Asset>, Option<&'r Batch>),
    ) -> Result<()> {
        let segments = old.map(|asset| revision.files().segments(asset)).transpose()?;
        let segments = segments.as_deref().unwrap_or_default();
        let start = self.sources.len();
        match batch {
            None => self.sources.extend_from_slice(segments),
            Some(batch) => weave(segments, &batch.pieces, &mut self.sources),
        }
        let rows = self.sources[start..].iter().map(|source| source.rows).sum();
        let entry = Entry { symbol, old, batch, rows, sources: start..self.sources.len() };
        if rows > 0 || !entry.loses_bars() {
            self.all.push(entry);
        }
        Ok(())
    }
}

/// Cuts the segments of an asset into the pieces that its batch leaves of them, with the new rows between.
fn weave(segments: &[SegmentRecord], pieces: &[Piece], sources: &mut Vec<SegmentRecord>) {
    let number = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    for piece in pieces {
        match piece {
            Piece::New(rows) => {
                let (row, rows) = (number(rows.start), number(rows.len()));
                sources.push(SegmentRecord { asset: 0, part: FRESH, row, rows });
            }
            Piece::Old(rows) => {
                let mut first = 0;
                for segment in segments {
                    let held = span(segment).len();
                    let from = rows.start.clamp(first, first + held);
                    let to = rows.end.clamp(from, first + held);
                    if from < to {
                        let row = segment.row + number(from - first);
                        sources.push(SegmentRecord { row, rows: number(to - from), ..*segment });
                    }
                    first += held;
                }
            }
        }
    }
}
