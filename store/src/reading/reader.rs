//! Reading a lease's columns: in place where the map holds an array, otherwise decoded once and kept.

use std::ops::Range;
use std::sync::Arc;

use barrow_format::{Asset, Bound, Stats, Values};

use crate::cache::decoded::{Decoded, DecodedCache, DecodedKey};
use crate::crew;
use crate::error::Result;
use crate::reading::kept::Kept;
use crate::reading::layout::{self, Layout};
use crate::reading::options::OpenMode;
use crate::reading::snapshot::Snapshot;
use crate::reading::span::{BLOCK_ROWS, Span};

/// Rows that a processor compares with their check words before it looks for others to compare.
const COMPARED_ROWS: usize = 1 << 17;

/// Where the values of a column came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Origin {
    /// Slices of the mapped file: nothing was copied.
    Mapped,
    /// Slices of the copy of the file that [`OpenMode::Read`](crate::OpenMode::Read) made.
    Read,
    /// Slices of memory into which the column's series, or blocks of them, are decoded at their first touch, and which the leases of this
    /// process share.
    Decoded,
}

/// What a lease reads with: the opened version, and the keeper of what it decodes. Cheap to copy.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a> {
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) kept: Option<&'a Kept>,
}

impl<'a> Reader<'a> {
    /// Returns where the values of a column come from.
    pub(crate) fn origin(self, column: usize) -> Result<Origin> {
        Ok(match self.snapshot.layout(column)? {
            Layout::Raw { .. } if self.snapshot.options().mode == OpenMode::Read => Origin::Read,
            Layout::Raw { .. } => Origin::Mapped,
            Layout::Blocks | Layout::Segments => Origin::Decoded,
        })
    }

    /// Returns where the values of some rows of an asset (its first is 0) in a column come from.
    pub(crate) fn stretch_origin(
        self,
        column: usize,
        ordinal: u32,
        rows: Range<usize>,
    ) -> Result<Origin> {
        let is_known = self.known(column, ordinal, &rows).is_some();
        let asset = self.asset(ordinal)?;
        let in_place = if is_known { None } else { self.in_one_file(column, asset, &rows)? };
        match in_place {
            Some(_) if self.snapshot.options().mode == OpenMode::Read => Ok(Origin::Read),
            Some(_) => Ok(Origin::Mapped),
            None => self.origin(column),
        }
    }

    /// Returns rows that the lease has decoded already.
    #[inline]
    pub(super) fn known(
        self,
        column: usize,
        ordinal: u32,
        rows: &Range<usize>,
    ) -> Option<Values<'a>> {
        let kept = self.kept?;
        if let Some(series) = kept.series(column, place(ordinal)) {
            return series.values().slice(rows.clone());
        }
        let Some(span) = Span::of(rows) else {
            let (first, long) = kept.long(column, place(ordinal))?;
            let start = rows.start.checked_sub(first)?;
            return long.values().slice(start..start + rows.len());
        };
        let values = kept.span(column, place(ordinal), span)?.values();
        let first = span.rows(usize::MAX).start;
        values.slice(rows.start - first..rows.end - first)
    }

    /// Tells whether rows of an asset that lie somewhere in `rows` are most likely decoded, or need not be.
    pub(crate) fn is_decoded(self, column: usize, ordinal: u32, rows: &Range<usize>) -> bool {
        let Some(kept) = self.kept.filter(|_| !self.snapshot.reads_in_place(column)) else {
            return true;
        };
        let is_kept = |span: Span| kept.span(column, place(ordinal), span).is_some();
        kept.column(column).is_some()
            || kept.series(column, place(ordinal)).is_some()
            || Span::of(rows).is_some_and(|span| span.related().into_iter().any(is_kept))
    }

    pub(super) fn asset(self, ordinal: u32) -> Result<Asset> {
        let asset = self.snapshot.bundle().asset_at(ordinal);
        asset.map_err(|error| self.snapshot.corrupt(error))
    }

    /// Returns rows of a column of segments, if one file holds them and they need not be checked first.
    pub(super) fn in_one_file(
        self,
        column: usize,
        asset: Asset,
        rows: &Range<usize>,
    ) -> Result<Option<Values<'a>>> {
        if self.snapshot.layout(column)? != Layout::Segments || self.snapshot.hashes() {
            return Ok(None);
        }
        self.snapshot.files().slice(column, asset, rows.clone())
    }

    pub(super) fn series_key(self, column: usize, asset: Asset) -> Result<DecodedKey> {
        let digest = self.snapshot.bundle().series_digest(column, asset);
        let digest = digest.map_err(|error| self.snapshot.corrupt(error))?;
        Ok(DecodedKey::Series { digest, physical: self.snapshot.physical(column)? })
    }

    /// Tells whether rows of a block must be decoded, unless they are already.
    pub(crate) fn decodes(self, column: usize, asset: Asset, rows: &Range<usize>) -> Result<bool> {
        let is_raw = self.snapshot.reads_in_place(column);
        Ok(!is_raw && self.in_one_file(column, asset, rows)?.is_none())
    }

    /// Returns a whole column. One that is not read in place is decoded by all processors.
    pub(crate) fn column(self, column: usize) -> Result<Values<'a>> {
        if let Layout::Raw { .. } = self.snapshot.layout(column)? {
            self.touch(column, 0..self.snapshot.bundle().asset_count())?;
            return self.snapshot.mapped_column(column);
        }
        Ok(self.decoded_column(column)?.values())
    }

    /// Returns some rows of an asset (its first is 0) in a column, however that is read.
    pub(crate) fn rows(
        self,
        column: usize,
        ordinal: u32,
        rows: Range<usize>,
    ) -> Result<Values<'a>> {
        if !self.snapshot.reads_in_place(column) {
            return self.stretch(column, ordinal, rows);
        }
        let first = self.asset(ordinal)?.row_range().start;
        self.in_place(column, ordinal, first + rows.start..first + rows.end)
    }

    /// Returns some of the bundle's rows, which are among those of an asset, in a column that is read in place.
    pub(crate) fn in_place(
        self,
        column: usize,
        ordinal: u32,
        rows: Range<usize>,
    ) -> Result<Values<'a>> {
        self.snapshot.check_rows(column, ordinal, rows.clone())?;
        let values = self.snapshot.mapped_column(column)?.slice(rows);
        // Every column has the bundle's number of rows, which bounds those of each asset: both checked at opening.
        Ok(values.expect("a checked asset's rows lie in every column"))
    }

    /// Returns timestamps of an asset (its first is at row 0) that are not read in place, or are to be checked first.
    #[cold]
    pub(crate) fn times_elsewhere(self, ordinal: u32, rows: Range<usize>) -> Result<&'a [i64]> {
        Ok(self.rows(0, ordinal, rows)?.as_i64().unwrap_or_default())
    }

    /// Makes a range of an asset's rows smaller, in which the first that is not before `time` is searched for: to those of
    /// the block that it must lie in, as statistics tell, where looking at others would mean to decode them.
    #[inline]
    pub(crate) fn narrow(
        self,
        ordinal: u32,
        rows: Range<usize>,
        time: i64,
    ) -> Result<(usize, usize)> {
        if rows.len() <= BLOCK_ROWS || self.snapshot.reads_in_place(0) {
            return Ok((rows.start, rows.end));
        }
        let zones = self.snapshot.bundle().series_zones(0, self.asset(ordinal)?);
        let mut zones = zones.map_err(|error| self.snapshot.corrupt(error))?;
        let ends_before = |stats: Stats| match stats.bounds {
            Some((_, Bound::Int(last))) => last < time,
            _ => true,
        };
        let block = zones.position(|(_, stats)| !ends_before(stats));
        let Some(block) = block else { return Ok((rows.end, rows.end)) };
        let held = block * BLOCK_ROWS..(block + 1) * BLOCK_ROWS;
        let (start, end) = (held.start.clamp(rows.start, rows.end), held.end.min(rows.end));
        Ok((start, end.max(start)))
    }

    /// Decodes, or checks, the series of some assets in a column on all processors, so that reading them next finds that
    /// done.
    pub(crate) fn touch(self, column: usize, ordinals: impl Iterator<Item = u32>) -> Result<()> {
        if let Layout::Raw { .. } = self.snapshot.layout(column)? {
            let snapshot = self.snapshot;
            if !snapshot.checks() || snapshot.were_checked(column, 0..snapshot.bundle().rows()) {
                return Ok(());
            }
            let rows = |ordinal| Ok((ordinal, self.asset(ordinal)?.row_range()));
            let assets: Vec<(u32, Range<usize>)> = ordinals.map(rows).collect::<Result<_>>()?;
            // Each processor goes along the file for a while: where two of them map pages beside each other, both wait.
            let mut held = 0;
            let stretches = assets.chunk_by(|(_, rows), (_, next)| {
                held += rows.len();
                let joins = rows.end == next.start && held < COMPARED_ROWS && !snapshot.hashes();
                if !joins {
                    held = 0;
                }
                joins
            });
            return crew::each(stretches.collect(), |assets| {
                snapshot.check_stretch(column, assets)
            });
        }
        let kept = self.keeper();
        let missing = |ordinal: &u32| kept.series(column, place(*ordinal)).is_none();
        if kept.column(column).is_some() {
            return Ok(());
        }
        let missing: Vec<u32> = ordinals.filter(missing).collect();
        crew::each(missing, |ordinal| self.decoded_series(column, ordinal).map(drop))
    }

    /// Returns the memory that holds a whole column; the lease keeps it.
    pub(crate) fn decoded_column(self, column: usize) -> Result<&'a Arc<Decoded>> {
        let kept = self.keeper();
        if let Some(known) = kept.column(column) {
            return Ok(known);
        }
        let key = DecodedKey::Column { snapshot: self.snapshot.id(), column };
        let decoded = DecodedCache::global()
            .get_or_decode(&key, || layout::decode_column(self.snapshot, column))?;
        Ok(kept.keep_column(column, decoded))
    }

    /// Returns the memory that holds a series; the lease keeps it. `None` for a series without rows, which needs none.
    pub(crate) fn decoded(self, column: usize, ordinal: u32) -> Result<Option<&'a Arc<Decoded>>> {
        let kept = self.keeper();
        if let Some(known) = kept.series(column, place(ordinal)) {
            return Ok(Some(known));
        }
        let asset = self.asset(ordinal)?;
        if asset.rows() == 0 {
            return Ok(None);
        }
        let key = self.series_key(column, asset)?;
        let decode = || layout::decode_series(self.snapshot, column, asset);
        let decoded = DecodedCache::global().get_or_decode(&key, decode)?;
        // Another file's series of the same digest has as many values, since their bytes hash to the same.
        Ok(Some(kept.keep_series(column, place(ordinal), decoded)))
    }

    pub(super) fn decoded_series(self, column: usize, ordinal: u32) -> Result<Values<'a>> {
        if let Some(whole) = self.keeper().column(column) {
            let values = whole.values().slice(self.asset(ordinal)?.row_range());
            return Ok(values.expect("a checked asset's rows lie in every column"));
        }
        match self.decoded(column, ordinal)? {
            Some(decoded) => Ok(decoded.values()),
            None => Ok(Values::none(self.snapshot.physical(column)?)),
        }
    }

    pub(super) fn keeper(self) -> &'a Kept {
        self.kept.expect("a lease of a version that decodes columns keeps them")
    }
}

pub(super) fn place(ordinal: u32) -> usize {
    usize::try_from(ordinal).unwrap_or(usize::MAX)
}
