//! Stretches: some rows of a series, for which no more is decoded than the blocks that they lie in.

use std::ops::Range;
use std::sync::Arc;

use barrow_format::{Asset, Values};

use crate::cache::decoded::{Decoded, DecodedCache, DecodedKey};
use crate::error::Result;
use crate::reading::layout::{self, Layout};
use crate::reading::reader::{Reader, place};
use crate::reading::span::{BLOCK_ROWS, Span, covered};

impl<'a> Reader<'a> {
    /// Returns some rows of an asset (its first is 0) in a column that is not read in place as a whole. Where one file holds
    /// them as they are, they are read in place; otherwise the blocks that they lie in are decoded.
    pub(crate) fn stretch(
        self,
        column: usize,
        ordinal: u32,
        rows: Range<usize>,
    ) -> Result<Values<'a>> {
        if let Some(values) = self.known(column, ordinal, &rows) {
            return Ok(values);
        }
        let asset = self.asset(ordinal)?;
        let is_whole = rows.len() == asset.rows();
        match self.at_hand(column, asset, &rows)? {
            Some(values) => Ok(values),
            None if is_whole => self.decoded_series(column, ordinal),
            None => self.decode_span(column, asset, &rows),
        }
    }

    /// Returns some rows of one block of a series in a column that is not read in place as a whole. As a rule no other block
    /// is decoded, not even where the block is all of the series.
    pub(crate) fn block(
        self,
        column: usize,
        asset: Asset,
        rows: &Range<usize>,
    ) -> Result<Values<'a>> {
        if let Some(values) = self.known(column, asset.ordinal(), rows) {
            return Ok(values);
        }
        match self.at_hand(column, asset, rows)? {
            None => self.decode_span(column, asset, rows),
            Some(values) => Ok(values),
        }
    }

    /// Returns rows that need no decoding: of a column that the lease keeps, of one file that holds them as they are, or of a
    /// series that the process has decoded.
    fn at_hand(
        self,
        column: usize,
        asset: Asset,
        rows: &Range<usize>,
    ) -> Result<Option<Values<'a>>> {
        if let Some(whole) = self.keeper().column(column) {
            let first = asset.row_range().start;
            return Ok(whole.values().slice(first + rows.start..first + rows.end));
        }
        if let Some(values) = self.in_one_file(column, asset, rows)? {
            return Ok(Some(values));
        }
        if rows.is_empty() {
            return Ok(Some(Values::none(self.snapshot.physical(column)?)));
        }
        let Some(series) = DecodedCache::global().get(&self.series_key(column, asset)?) else {
            return Ok(None);
        };
        let series = self.keeper().keep_series(column, place(asset.ordinal()), series);
        Ok(series.values().slice(rows.clone()))
    }

    /// Returns rows after decoding the blocks that they lie in. Blocks are compared with their checksums; rows of several
    /// files have none, and where series are checked before they are handed out, that takes the whole series.
    fn decode_span(self, column: usize, asset: Asset, rows: &Range<usize>) -> Result<Values<'a>> {
        let is_blocks = self.snapshot.layout(column)? == Layout::Blocks;
        let (first, values) = match Span::of(rows) {
            _ if !is_blocks && self.snapshot.hashes() => {
                (0, self.decoded_series(column, asset.ordinal())?)
            }
            None => self.decode_long(column, asset, rows, is_blocks)?,
            Some(span) => {
                let held = span.rows(asset.rows());
                let decoded = match span.block().filter(|_| is_blocks) {
                    Some(block) => self.decoded_block(column, asset, block)?,
                    None => {
                        Arc::new(layout::decode_rows(self.snapshot, column, asset, held.clone())?)
                    }
                };
                let kept = self.keeper().keep_span(column, asset, span, decoded);
                (held.start, kept.values())
            }
        };
        // A stretch of bars is only ever made smaller.
        let rows = values.slice(rows.start - first..rows.end - first);
        Ok(rows.expect("a stretch lies within its asset's rows"))
    }

    /// Returns values that hold rows of more than two blocks, and the row of the first value: just those blocks, where the
    /// lease has no other such stretch of the series yet; otherwise the series, so that no row is held more than a few times.
    fn decode_long(
        self,
        column: usize,
        asset: Asset,
        rows: &Range<usize>,
        is_blocks: bool,
    ) -> Result<(usize, Values<'a>)> {
        let (kept, ordinal) = (self.keeper(), place(asset.ordinal()));
        if kept.long(column, ordinal).is_none() {
            let held = covered(rows, asset.rows());
            let decoded = if is_blocks {
                self.put_together(column, asset, &held)?
            } else {
                layout::decode_rows(self.snapshot, column, asset, held.clone())?
            };
            let stretch = (held.start, Arc::new(decoded));
            let (first, decoded) = kept.keep_long(column, ordinal, stretch);
            // Another thread may have kept another stretch meanwhile.
            let values = decoded.values();
            if first <= rows.start && rows.end <= first + values.len() {
                return Ok((first, values));
            }
        }
        Ok((0, self.decoded_series(column, asset.ordinal())?))
    }

    /// Puts neighbouring blocks together, which the process shares.
    fn put_together(self, column: usize, asset: Asset, held: &Range<usize>) -> Result<Decoded> {
        layout::check_rows(self.snapshot, column, asset)?;
        let physical = self.snapshot.physical(column)?;
        Decoded::fill(physical, held.len(), |out| {
            let places = held.start / BLOCK_ROWS..held.end.div_ceil(BLOCK_ROWS);
            for (block, out) in places.zip(out.chunks_mut(BLOCK_ROWS * physical.width())) {
                out.copy_from_slice(self.decoded_block(column, asset, block)?.as_bytes());
            }
            Ok(())
        })
    }

    /// Returns a block of a compressed series.
    fn decoded_block(self, column: usize, asset: Asset, block: usize) -> Result<Arc<Decoded>> {
        let end = ((block + 1) * BLOCK_ROWS).min(asset.rows());
        let held = block * BLOCK_ROWS..end;
        let key = self.block_key(column, asset, block, held.len())?;
        let decode = || layout::decode_rows(self.snapshot, column, asset, held);
        DecodedCache::global().get_or_decode(&key, decode)
    }

    fn block_key(
        self,
        column: usize,
        asset: Asset,
        block: usize,
        rows: usize,
    ) -> Result<DecodedKey> {
        let checksum = self.snapshot.bundle().block_checksum(column, asset, block);
        let checksum = checksum.map_err(|error| self.snapshot.corrupt(error))?;
        Ok(DecodedKey::Block { checksum, physical: self.snapshot.physical(column)?, rows })
    }
}
