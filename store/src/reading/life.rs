//! Lives: how an asset's rows lie on the calendar, and the search for one by its time.

use std::ops::Range;

use barrow_format::Asset;

use crate::error::Result;
use crate::reading::reader::Reader;

/// How an asset's rows lie on the calendar, from its first session to its last.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Life {
    row_start: usize,
    rows: usize,
    session_start: usize,
    sessions: usize,
}

impl Life {
    #[inline]
    pub(crate) fn of(asset: Asset) -> Self {
        let (rows, sessions) = (asset.row_range(), asset.calendar_span());
        Self {
            row_start: rows.start,
            rows: rows.len(),
            session_start: sessions.start,
            sessions: sessions.len(),
        }
    }

    /// Returns the sessions of the asset's life, as places in the calendar.
    #[inline]
    pub(crate) fn sessions(self) -> Range<usize> {
        self.session_start..self.session_start + self.sessions
    }

    /// Returns the asset's rows in the bundle's columns.
    #[inline]
    pub(crate) fn rows(self) -> Range<usize> {
        self.row_start..self.row_start + self.rows
    }

    /// Tells whether the asset traded in every session of its life.
    #[inline]
    pub(crate) fn is_gap_free(self) -> bool {
        self.rows == self.sessions
    }

    /// Returns the first row that is not before the session at `place` of the asset's life (its number of sessions: the
    /// row after the last).
    #[inline]
    pub(crate) fn row_of(self, reader: Reader<'_>, ordinal: u32, place: usize) -> Result<usize> {
        if self.is_gap_free() {
            return Ok(self.row_start + place);
        }
        self.row_with_gaps(reader, ordinal, place)
    }

    /// Returns the place in the asset's life of a place of the calendar, if it lies in it.
    #[inline]
    pub(crate) fn place_of(self, at: usize) -> Option<usize> {
        at.checked_sub(self.session_start).filter(|&place| place < self.sessions)
    }

    /// Returns the row, counted from the asset's first, of the session at `place` of its life, if it traded then.
    pub(crate) fn row_at(
        self,
        reader: Reader<'_>,
        ordinal: u32,
        place: usize,
    ) -> Result<Option<usize>> {
        let row = self.row_of(reader, ordinal, place)? - self.row_start;
        if row == self.rows {
            return Ok(None);
        }
        let times = self.times(reader, ordinal, row..row + 1)?;
        let session = reader.snapshot.calendar()?[self.session_start + place];
        Ok((times.first() == Some(&session)).then_some(row))
    }

    /// Returns the rows, counted from the asset's first, of the sessions of its life that lie in a stretch of the calendar.
    pub(crate) fn rows_in(
        self,
        reader: Reader<'_>,
        ordinal: u32,
        stretch: &Range<usize>,
    ) -> Result<Range<usize>> {
        let place = |at: usize| at.clamp(self.session_start, self.session_start + self.sessions);
        let row = |at| self.row_of(reader, ordinal, place(at) - self.session_start);
        let start = row(stretch.start)? - self.row_start;
        // Damaged timestamps may not ascend.
        Ok(start..(row(stretch.end)? - self.row_start).max(start))
    }

    /// Returns rows that the sessions of its life that lie in a stretch of the calendar are among, without looking at its
    /// timestamps.
    pub(crate) fn rows_about(self, stretch: &Range<usize>) -> Range<usize> {
        let place = |at: usize| {
            at.clamp(self.session_start, self.session_start + self.sessions) - self.session_start
        };
        let missing = self.sessions - self.rows;
        place(stretch.start).saturating_sub(missing)..place(stretch.end).min(self.rows)
    }

    /// Returns timestamps of the asset, of which the first is at row 0.
    #[inline]
    pub(crate) fn times(
        self,
        reader: Reader<'_>,
        ordinal: u32,
        rows: Range<usize>,
    ) -> Result<&[i64]> {
        let first = self.row_start;
        match reader.snapshot.mapped_time(first + rows.start..first + rows.end) {
            Some(times) => Ok(times),
            None => reader.times_elsewhere(ordinal, rows),
        }
    }

    /// Of the sessions before `place`, at least all but the missing ones have a row: that bounds the search, and gaps
    /// that are spread evenly tell where to begin it. An asset's own timestamps are seldom in the processor's cache, so
    /// what counts is to look at few of them.
    fn row_with_gaps(self, reader: Reader<'_>, ordinal: u32, place: usize) -> Result<usize> {
        if place == self.sessions {
            return Ok(self.row_start + self.rows);
        }
        let missing = self.sessions - self.rows;
        let (low, high) = (place.saturating_sub(missing), place.min(self.rows));
        let session = reader.snapshot.calendar()?[self.session_start + place];
        let (low, high) = reader.narrow(ordinal, low..high, session)?;
        let guess = (place * self.rows / self.sessions).clamp(low, high);
        let times = self.times(reader, ordinal, low..high)?;
        Ok(self.row_start + low + gallop(times, guess - low, session))
    }
}

/// Returns how many of ascending `times` come before `session`, searching outwards from a guess.
fn gallop(times: &[i64], guess: usize, session: i64) -> usize {
    let before = |time: &i64| *time < session;
    let (mut low, mut high) = (guess, guess);
    let mut step = 1;
    while low > 0 && !before(&times[low - 1]) {
        high = low - 1;
        low = low.saturating_sub(step);
        step *= 2;
    }
    while high < times.len() && before(&times[high]) {
        low = high + 1;
        high = (high + step).min(times.len());
        step *= 2;
    }
    low + times[low..high].partition_point(before)
}
