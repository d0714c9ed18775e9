//! [`Span`]: one block of a series or two neighbouring ones, which is what is decoded where few rows are wanted.

use std::ops::Range;

/// Rows of a block, but for the last one of a series: those of a zone of the format.
pub(crate) const BLOCK_ROWS: usize = 4096;

/// One or two blocks of a series. Two, since any rows of the length of a block lie in two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    first: usize,
    is_pair: bool,
}

impl Span {
    /// Returns the fewest blocks that some rows of a series lie in; `None` when they are more than two, or when there are
    /// no rows.
    pub(crate) fn of(rows: &Range<usize>) -> Option<Self> {
        let last = rows.end.checked_sub(1)? / BLOCK_ROWS;
        let first = rows.start / BLOCK_ROWS;
        let is_pair = last.checked_sub(first)? == 1;
        (!rows.is_empty() && last - first < 2).then_some(Self { first, is_pair })
    }

    /// Returns the block, counted from the series' first, if it is one.
    pub(crate) fn block(self) -> Option<usize> {
        (!self.is_pair).then_some(self.first)
    }

    /// Returns the rows of the blocks, in a series of so many.
    pub(crate) fn rows(self, series: usize) -> Range<usize> {
        let start = self.first * BLOCK_ROWS;
        let end = (self.first + 1 + usize::from(self.is_pair)) * BLOCK_ROWS;
        start.min(series)..end.min(series)
    }

    /// Returns a number that no other span of a series has, below twice its number of blocks.
    pub(crate) fn slot(self) -> usize {
        2 * self.first + usize::from(self.is_pair)
    }

    /// Returns the spans that rows of this one may have been decoded with: itself, and a pair for a block or a block for a
    /// pair.
    pub(crate) fn related(self) -> [Self; 3] {
        let block = |first| Self { first, is_pair: false };
        let pair = |first| Self { first, is_pair: true };
        if self.is_pair {
            [self, block(self.first), block(self.first + 1)]
        } else {
            [self, pair(self.first), pair(self.first.saturating_sub(1))]
        }
    }
}

/// Returns the rows of all blocks that some rows lie in, of a series of so many.
pub(crate) fn covered(rows: &Range<usize>, series: usize) -> Range<usize> {
    let (first, end) = (rows.start / BLOCK_ROWS, rows.end.div_ceil(BLOCK_ROWS));
    (first * BLOCK_ROWS).min(series)..(end * BLOCK_ROWS).min(series)
}

/// Cuts rows where blocks begin.
pub(crate) fn blocks(rows: Range<usize>) -> impl DoubleEndedIterator<Item = Range<usize>> {
    let (first, end) = (rows.start / BLOCK_ROWS, rows.end.div_ceil(BLOCK_ROWS));
    let (first, end) = if rows.is_empty() { (0, 0) } else { (first, end) };
    (first..end).map(move |block| {
        let start = block * BLOCK_ROWS;
        rows.start.max(start)..rows.end.min(start + BLOCK_ROWS)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_the_fewest_blocks_that_hold_rows() {
        let check = |rows: Range<usize>, expected: Option<Range<usize>>| {
            let found = Span::of(&rows).map(|span| span.rows(10_000));
            assert_eq!(found, expected, "rows {rows:?}");
        };
        check(0..1, Some(0..4096));
        check(0..4096, Some(0..4096));
        check(4095..4097, Some(0..8192));
        check(4096..8192, Some(4096..8192));
        check(9000..10_000, Some(8192..10_000));
        check(5000..10_000, Some(4096..10_000));
        check(0..8193, None);
        check(7..7, None);
    }

    #[test]
    fn spans_have_slots_of_their_own() {
        let all = [0..1, 0..5000, 4096..5000, 4096..9000, 8192..9000];
        let slots: Vec<usize> =
            all.iter().filter_map(|rows| Some(Span::of(rows)?.slot())).collect();
        assert_eq!(slots, [0, 1, 2, 3, 4]);
    }
}
