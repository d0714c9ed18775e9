//! Tails: the last values of series that grow, of which their hashes need the bytes behind the last whole block.

use std::cell::OnceCell;

use barrow_format::Values;
use barrow_format::record::SegmentRecord;

use crate::error::Result;
use crate::reading::own_rows::OwnRows;
use crate::reading::segments::{Files, span};

/// Reads the tails of one column's series. Most series end in the same few files: what is known of a file's column is kept.
#[derive(Debug)]
pub(crate) struct Tails<'f> {
    files: Files<'f>,
    column: usize,
    /// By file, once it was looked at: its own rows, where they lie in the map as they are.
    known: Vec<OnceCell<Option<OwnRows<'f>>>>,
}

impl<'f> Tails<'f> {
    pub(crate) fn of(files: Files<'f>, column: usize) -> Self {
        let count = usize::try_from(files.parts.count()).unwrap_or(0);
        Self { files, column, known: vec![OnceCell::new(); count + 1] }
    }

    /// Copies the bytes of the last `rows` values of a series, of which there are so many, into the front of `out`.
    pub(crate) fn copy<'o>(
        &self,
        segments: &[SegmentRecord],
        rows: usize,
        out: &'o mut [u8; 64],
    ) -> Result<&'o [u8]> {
        let (mut first, mut held) = (segments.len(), 0);
        while held < rows && first > 0 {
            first -= 1;
            held += span(&segments[first]).len();
        }
        let (mut skipped, mut at) = (held.saturating_sub(rows), 0);
        for segment in &segments[first..] {
            let held = span(segment);
            let rows = held.start + skipped..held.end;
            skipped = 0;
            let mut take = |values: Values<'_>| {
                let bytes = values.as_bytes();
                out[at..at + bytes.len()].copy_from_slice(bytes);
                at += bytes.len();
            };
            match self.own_rows(segment.part)? {
                Some(own) => take(own.get(rows)?),
                None => take(self.files.rows(segment.part, self.column, rows)?.values()),
            }
        }
        Ok(&out[..at])
    }

    fn own_rows(&self, part: u32) -> Result<Option<OwnRows<'f>>> {
        let known = self.known.get(usize::try_from(part).unwrap_or(usize::MAX));
        if let Some(known) = known.and_then(OnceCell::get) {
            return Ok(*known);
        }
        let found = self.files.own_rows(part, self.column)?;
        if let Some(known) = known {
            let _ = known.set(found);
        }
        Ok(found)
    }
}
