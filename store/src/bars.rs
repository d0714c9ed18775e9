//! Bars: the column slices of one asset.

use std::fmt;
use std::ops::{Bound, Range, RangeBounds};

use barrow_format::{Asset, Values};

use crate::error::Result;
use crate::lease::floats;
use crate::snapshot::{STANDARD, Snapshot};

/// The bars of one asset, or a stretch of them: a view into the map, cheap to copy.
///
/// Every slice has the shape `[len]`, oldest bar first, and lies in the mapped file. Prices are in the quote currency
/// as ingested, unadjusted; `NaN` where a value is missing.
///
/// # Examples
///
/// ```no_run
/// # use barrow_store::{Catalog, Error};
/// let lease = Catalog::at("/var/lib/bars").lease("us-daily")?;
/// let bars = lease.bars(lease.asset("AAPL")?);
/// let day = 86_400_000_000_000;
/// let (from, to) = (19_000 * day, 19_060 * day);
/// let window: &[f64] = bars.between(from..to).close();
/// let latest: &[f64] = bars.last(20).volume();
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct Bars<'a> {
    snapshot: &'a Snapshot,
    /// First row, and the row after the last, in the bundle's columns.
    start: usize,
    end: usize,
    /// What to add to a row for its place in the calendar, if the asset trades in every session of its life.
    gap_free: Option<usize>,
}

impl<'a> Bars<'a> {
    #[inline]
    pub(crate) fn new(snapshot: &'a Snapshot, asset: Asset) -> Self {
        let Range { start, end } = asset.row_range();
        // Modulo 2^64, because an asset may start later in the table than in the calendar; it is only ever added back.
        let gap_free = asset.calendar_range().map(|span| span.start.wrapping_sub(start));
        Self { snapshot, start, end, gap_free }
    }

    /// Returns the number of bars.
    #[inline]
    pub fn len(self) -> usize {
        self.end - self.start
    }

    /// Tells whether there are no bars.
    #[inline]
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// Returns the rows in the bundle's columns.
    pub fn rows(self) -> Range<usize> {
        self.start..self.end
    }

    /// Returns the timestamps: nanoseconds since 1970-01-01 00:00 UTC, strictly ascending.
    #[inline]
    pub fn time(self) -> &'a [i64] {
        self.of(self.snapshot.time())
    }

    /// Returns the opening prices.
    ///
    /// # Panics
    ///
    /// If the bundle has no f64 column `open`; use [`Bars::f64`] where that is not certain.
    #[inline]
    #[track_caller]
    pub fn open(self) -> &'a [f64] {
        self.standard(0)
    }

    /// Returns the highest prices.
    ///
    /// # Panics
    ///
    /// If the bundle has no f64 column `high`; use [`Bars::f64`] where that is not certain.
    #[inline]
    #[track_caller]
    pub fn high(self) -> &'a [f64] {
        self.standard(1)
    }

    /// Returns the lowest prices.
    ///
    /// # Panics
    ///
    /// If the bundle has no f64 column `low`; use [`Bars::f64`] where that is not certain.
    #[inline]
    #[track_caller]
    pub fn low(self) -> &'a [f64] {
        self.standard(2)
    }

    /// Returns the closing prices.
    ///
    /// # Panics
    ///
    /// If the bundle has no f64 column `close`; use [`Bars::f64`] where that is not certain.
    #[inline]
    #[track_caller]
    pub fn close(self) -> &'a [f64] {
        self.standard(3)
    }

    /// Returns the volumes.
    ///
    /// # Panics
    ///
    /// If the bundle has no f64 column `volume`; use [`Bars::f64`] where that is not certain.
    #[inline]
    #[track_caller]
    pub fn volume(self) -> &'a [f64] {
        self.standard(4)
    }

    /// Returns the values of any column.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownColumn`](crate::Error::UnknownColumn) with the columns there are.
    pub fn column(self, name: &str) -> Result<Values<'a>> {
        self.column_at(self.snapshot.column_index(name)?)
    }

    /// Returns the values of the column at a place in the schema.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`](crate::Error::Corrupt) when there is no such place.
    pub fn column_at(self, index: usize) -> Result<Values<'a>> {
        let whole = self.snapshot.column_at(index)?;
        // Every column has the bundle's number of rows, which bounds those of each asset: both checked at opening.
        Ok(whole.slice(self.rows()).expect("a checked asset's rows lie in every column"))
    }

    /// Returns the values of a column of floats.
    ///
    /// # Errors
    ///
    /// As [`Bars::column`]; [`Error::WrongColumnType`](crate::Error::WrongColumnType) when it does not hold f64.
    pub fn f64(self, name: &str) -> Result<&'a [f64]> {
        floats(name, self.column(name)?)
    }

    /// Returns the bars whose timestamps lie in a range of nanoseconds; none when the range is empty or reversed.
    ///
    /// Two binary searches: in the calendar, which stays in the processor's cache, if the asset has no gaps, otherwise
    /// in its own timestamps.
    #[inline]
    #[must_use]
    pub fn between(self, range: impl RangeBounds<i64>) -> Self {
        self.between_bounds(range.start_bound().cloned(), range.end_bound().cloned())
    }

    fn between_bounds(self, from: Bound<i64>, to: Bound<i64>) -> Self {
        let times = match self.gap_free {
            Some(shift) => {
                let (start, end) = (self.start.wrapping_add(shift), self.end.wrapping_add(shift));
                &self.snapshot.calendar()[start..end]
            }
            None => self.time(),
        };
        let Range { start: first, end } = span(times, from, to);
        Self { start: self.start + first, end: self.start + end, ..self }
    }

    /// Returns the last `n` bars, or all if there are fewer.
    #[inline]
    #[must_use]
    pub fn last(self, n: usize) -> Self {
        Self { start: self.end - n.min(self.len()), ..self }
    }

    /// Returns the first `n` bars, or all if there are fewer.
    #[inline]
    #[must_use]
    pub fn first(self, n: usize) -> Self {
        Self { end: self.start + n.min(self.len()), ..self }
    }

    #[inline]
    fn of<T>(self, column: &'a [T]) -> &'a [T] {
        &column[self.start..self.end]
    }

    #[inline]
    #[track_caller]
    fn standard(self, place: usize) -> &'a [f64] {
        match self.snapshot.standard(place) {
            Some(column) => self.of(column),
            None => missing(STANDARD[place]),
        }
    }
}

impl fmt::Debug for Bars<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bars(rows {}..{} of `{}`)", self.start, self.end, self.snapshot.name())
    }
}

/// Returns the places of ascending times that lie in a range.
pub(crate) fn span(times: &[i64], from: Bound<i64>, to: Bound<i64>) -> Range<usize> {
    let start = match from {
        Bound::Unbounded => 0,
        Bound::Included(from) => times.partition_point(|&time| time < from),
        Bound::Excluded(from) => times.partition_point(|&time| time <= from),
    };
    let rest = &times[start..];
    let count = match to {
        Bound::Unbounded => rest.len(),
        Bound::Included(to) => rest.partition_point(|&time| time <= to),
        Bound::Excluded(to) => rest.partition_point(|&time| time < to),
    };
    start..start + count
}

#[cold]
#[track_caller]
#[expect(clippy::panic, reason = "documented; `Bars::f64` is the way that does not panic")]
fn missing(name: &str) -> ! {
    panic!("the bundle has no f64 column `{name}`")
}
