//! Tails: the last values of series that grow, of which their hashes need the bytes behind the last whole block.

use std::cell::OnceCell;

use barrow_format::Values;
use barrow_format::record::SegmentRecord;

use crate::error::Result;
use crate::reading::segments::{Files, span};

/// Up to how long a file's column is compared with its check words as a whole. Of a longer one, hashing the few bytes of each
/// series that are used costs less.
const COMPARED_BYTES: usize = 1 << 20;

/// Reads the tails of one column's series. Most series end in the same few files: what is known of a file's column is kept.
#[derive(Debug)]
pub(crate) struct Tails<'f> {
    files: Files<'f>,
    column: usize,
    /// By file, once it was looked at: its own rows, where they lie in the map as they are.
    known: Vec<OnceCell<Option<OwnRows<'f>>>>,
}

/// All rows of a column that lie in a file.
#[derive(Debug, Clone, Copy)]
struct OwnRows<'f> {
    values: Values<'f>,
    /// Whether they are what their check words say.
    sound: bool,
}

/// The bytes of a series' last values.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tail<'o> {
    pub(crate) bytes: &'o [u8],
    /// Whether all of them are what the check words of their pages say; not all are compared.
    pub(crate) sound: bool,
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
    ) -> Result<Tail<'o>> {
        let (mut first, mut held) = (segments.len(), 0);
        while held < rows && first > 0 {
            first -= 1;
            held += span(&segments[first]).len();
        }
        let (mut skipped, mut at, mut sound) = (held.saturating_sub(rows), 0, true);
        for segment in &segments[first..] {
            let held = span(segment);
            let rows = held.start + skipped..held.end;
            skipped = 0;
            let own = self.own_rows(segment.part)?;
            sound &= own.is_some_and(|own| own.sound);
            let own = own.and_then(|own| own.values.slice(rows.clone()));
            let mut take = |values: Values<'_>| {
                let bytes = values.as_bytes();
                out[at..at + bytes.len()].copy_from_slice(bytes);
                at += bytes.len();
            };
            match own {
                Some(values) => take(values),
                None => take(self.files.rows(segment.part, self.column, rows)?.values()),
            }
        }
        Ok(Tail { bytes: &out[..at], sound })
    }

    fn own_rows(&self, part: u32) -> Result<Option<OwnRows<'f>>> {
        let known = self.known.get(usize::try_from(part).unwrap_or(usize::MAX));
        if let Some(known) = known.and_then(OnceCell::get) {
            return Ok(*known);
        }
        let found = self.files.own_rows(part, self.column)?.map(|values| {
            let short = values.as_bytes().len() <= COMPARED_BYTES;
            let sound = short && self.files.are_sound(part, self.column, values.len());
            OwnRows { values, sound }
        });
        if let Some(known) = known {
            let _ = known.set(found);
        }
        Ok(found)
    }
}
