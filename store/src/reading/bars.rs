//! Bars: the column slices of one asset.

use std::fmt;
use std::ops::{Bound, Range, RangeBounds};

use barrow_format::{Asset, Values};

use crate::error::{Error, Result};
use crate::reading::lease::floats;
use crate::reading::life::Life;
use crate::reading::reader::{Origin, Reader};
use crate::reading::snapshot::STANDARD;

/// The bars of one asset, or a stretch of them: a view, cheap to copy.
///
/// Every slice has the shape `[len]`, oldest bar first. Prices are in the quote currency as ingested, unadjusted; `NaN`
/// where a value is missing.
///
/// A column that the file holds as one array is read in place. Of any other, what these bars need is decoded at the first
/// touch, and the lease keeps it: the blocks of 4096 rows that they lie in. Of a series it keeps each block, each two
/// neighbours, one longer stretch, and all of it where a second one is asked for; [`Bars::origin`] tells what was decoded. So whoever
/// walks over an asset in small steps does best to ask for all of it once. The calls that name a column return the error
/// when that fails, and so do [`Bars::times`] and [`Bars::within`]; the short ones panic with its text.
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
    reader: Reader<'a>,
    /// First row, and the row after the last, in the bundle's columns.
    start: usize,
    end: usize,
    life: Life,
    ordinal: u32,
}

impl<'a> Bars<'a> {
    #[inline]
    pub(crate) fn new(reader: Reader<'a>, asset: Asset) -> Self {
        let Range { start, end } = asset.row_range();
        Self { reader, start, end, life: Life::of(asset), ordinal: asset.ordinal() }
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
    ///
    /// # Panics
    ///
    /// If they cannot be decoded, with the text of the error that [`Bars::times`] returns.
    #[inline]
    #[track_caller]
    pub fn time(self) -> &'a [i64] {
        match self.reader.snapshot.mapped_time(self.rows()) {
            Some(times) => times,
            None => times_elsewhere(self.reader, self.ordinal, self.rows()),
        }
    }

    /// Returns the timestamps, as [`Bars::time`] does.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] or [`Error::SeriesDigest`] when they cannot be
    /// decoded.
    pub fn times(self) -> Result<&'a [i64]> {
        Ok(self.column_at(0)?.as_i64().unwrap_or_default())
    }

    /// Returns the opening prices.
    ///
    /// # Panics
    ///
    /// If the bundle has no f64 column `open`, or it cannot be decoded; [`Bars::f64`] returns the error.
    #[inline]
    #[track_caller]
    pub fn open(self) -> &'a [f64] {
        self.standard(0)
    }

    /// Returns the highest prices.
    ///
    /// # Panics
    ///
    /// If the bundle has no f64 column `high`, or it cannot be decoded; [`Bars::f64`] returns the error.
    #[inline]
    #[track_caller]
    pub fn high(self) -> &'a [f64] {
        self.standard(1)
    }

    /// Returns the lowest prices.
    ///
    /// # Panics
    ///
    /// If the bundle has no f64 column `low`, or it cannot be decoded; [`Bars::f64`] returns the error.
    #[inline]
    #[track_caller]
    pub fn low(self) -> &'a [f64] {
        self.standard(2)
    }

    /// Returns the closing prices.
    ///
    /// # Panics
    ///
    /// If the bundle has no f64 column `close`, or it cannot be decoded; [`Bars::f64`] returns the error.
    #[inline]
    #[track_caller]
    pub fn close(self) -> &'a [f64] {
        self.standard(3)
    }

    /// Returns the volumes.
    ///
    /// # Panics
    ///
    /// If the bundle has no f64 column `volume`, or it cannot be decoded; [`Bars::f64`] returns the error.
    #[inline]
    #[track_caller]
    pub fn volume(self) -> &'a [f64] {
        self.standard(4)
    }

    /// Returns the values of any column.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownColumn`] with the columns there are, and as [`Bars::column_at`].
    pub fn column(self, name: &str) -> Result<Values<'a>> {
        self.column_at(self.reader.snapshot.column_index(name)?)
    }

    /// Returns the values of the column at a place in the schema.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] when there is no such place, or a block of the series is damaged;
    /// [`Error::SeriesDigest`] when its values are not those that were written.
    pub fn column_at(self, index: usize) -> Result<Values<'a>> {
        if self.reader.snapshot.reads_in_place(index) {
            return self.reader.in_place(index, self.ordinal, self.rows());
        }
        self.reader.stretch(index, self.ordinal, self.own_rows())
    }

    /// Returns where the values of a column in these bars come from.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownColumn`] with the columns there are.
    pub fn origin(self, name: &str) -> Result<Origin> {
        let column = self.reader.snapshot.column_index(name)?;
        self.reader.stretch_origin(column, self.ordinal, self.own_rows())
    }

    /// Returns the rows among those of the asset, of which the first is 0.
    fn own_rows(self) -> Range<usize> {
        let first = self.life.rows().start;
        self.start - first..self.end - first
    }

    /// Returns the values of a column of floats.
    ///
    /// # Errors
    ///
    /// As [`Bars::column`]; [`Error::WrongColumnType`] when it does not hold f64.
    pub fn f64(self, name: &str) -> Result<&'a [f64]> {
        floats(name, self.column(name)?)
    }

    /// Returns the bars whose timestamps lie in a range of nanoseconds; none when the range is empty or reversed.
    ///
    /// Two binary searches: in the calendar, which stays in the processor's cache, if the asset has no gaps, otherwise
    /// in its own timestamps.
    ///
    /// # Panics
    ///
    /// If those cannot be decoded, with the text of the error that [`Bars::within`] returns.
    #[inline]
    #[must_use]
    #[track_caller]
    pub fn between(self, range: impl RangeBounds<i64>) -> Self {
        self.cut(range.start_bound().cloned(), range.end_bound().cloned())
    }

    /// Returns the bars whose timestamps lie in a range, as [`Bars::between`] does.
    ///
    /// # Errors
    ///
    /// As [`Bars::times`].
    pub fn within(self, range: impl RangeBounds<i64>) -> Result<Self> {
        self.cut_sessions(&self.sessions(range.start_bound().cloned(), range.end_bound().cloned())?)
    }

    #[track_caller]
    fn cut(self, from: Bound<i64>, to: Bound<i64>) -> Self {
        let sessions = self.sessions(from, to).unwrap_or_else(|error| unreadable(&error));
        if self.life.is_gap_free() {
            let first = self.life.rows().start;
            return self.cut_rows(first + sessions.start, first + sessions.end);
        }
        self.cut_sessions(&sessions).unwrap_or_else(|error| unreadable(&error))
    }

    /// Returns the sessions of the asset's life that lie in a range, as places in it.
    fn sessions(self, from: Bound<i64>, to: Bound<i64>) -> Result<Range<usize>> {
        Ok(span(&self.reader.snapshot.calendar()?[self.life.sessions()], from, to))
    }

    fn cut_sessions(self, sessions: &Range<usize>) -> Result<Self> {
        let row_of = |place| self.life.row_of(self.reader, self.ordinal, place);
        Ok(self.cut_rows(row_of(sessions.start)?, row_of(sessions.end)?))
    }

    fn cut_rows(self, start: usize, end: usize) -> Self {
        let start = start.clamp(self.start, self.end);
        Self { start, end: end.clamp(start, self.end), ..self }
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
    #[track_caller]
    fn standard(self, place: usize) -> &'a [f64] {
        match self.reader.snapshot.mapped_floats(place, self.rows()) {
            Some(values) => values,
            None => floats_elsewhere(self.reader, self.ordinal, self.rows(), STANDARD[place]),
        }
    }

    /// Returns the bars of some rows of an asset, as they were before something was called that is too rare to be handed
    /// bars: those would be copied to memory at each of the frequent calls.
    fn again(reader: Reader<'a>, ordinal: u32, rows: Range<usize>) -> Result<Self> {
        let asset = reader.snapshot.bundle().asset_at(ordinal);
        let asset = asset.map_err(|error| reader.snapshot.corrupt(error))?;
        Ok(Self { start: rows.start, end: rows.end, ..Self::new(reader, asset) })
    }
}

/// Returns a column of a standard name that is not an array of f64 in the file.
#[cold]
#[inline(never)]
#[track_caller]
fn floats_elsewhere<'a>(
    reader: Reader<'a>,
    ordinal: u32,
    rows: Range<usize>,
    name: &str,
) -> &'a [f64] {
    match Bars::again(reader, ordinal, rows).and_then(|bars| bars.f64(name)) {
        Ok(values) => values,
        Err(Error::UnknownColumn { .. } | Error::WrongColumnType { .. }) => missing(name),
        Err(error) => unreadable(&error),
    }
}

/// Returns timestamps that are not an array in the file.
#[cold]
#[inline(never)]
#[track_caller]
fn times_elsewhere(reader: Reader<'_>, ordinal: u32, rows: Range<usize>) -> &[i64] {
    match Bars::again(reader, ordinal, rows).and_then(Bars::times) {
        Ok(times) => times,
        Err(error) => unreadable(&error),
    }
}

impl fmt::Debug for Bars<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bars(rows {}..{} of `{}`)", self.start, self.end, self.reader.snapshot.name())
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

/// Panics with the text of an error and of what caused it.
#[cold]
#[track_caller]
#[expect(clippy::panic, reason = "documented; the fallible twin of each call returns the error")]
pub(crate) fn unreadable(error: &Error) -> ! {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    panic!("{text}")
}

#[cold]
#[track_caller]
#[expect(clippy::panic, reason = "documented; `Bars::f64` is the way that does not panic")]
fn missing(name: &str) -> ! {
    panic!("the bundle has no f64 column `{name}`")
}
