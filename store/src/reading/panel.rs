//! Panels: one column of all assets, aligned on the calendar.

use std::fmt;
use std::ops::{Range, RangeBounds};

use barrow_format::{PhysicalType, Values};

use crate::crew;
use crate::error::{Error, Result};
use crate::reading::bars::span;
use crate::reading::lease::Lease;
use crate::reading::life::Life;
use crate::reading::reader::Reader;

/// Times that are filled for all assets before the next ones. Neighbouring assets write to the same cache lines, one line
/// for each time: so many lines stay in the second-level cache.
const TIMES_AT_ONCE: usize = 2048;

/// One column over a stretch of the calendar: times x assets.
///
/// ```no_run
/// # let lease = barrow_store::Catalog::at("/var/lib/bars").lease("us-daily")?;
/// let panel = lease.panel("close", ..)?;
/// let apple = usize::try_from(lease.asset("AAPL")?.ordinal())?;
/// for (time, close) in panel.times.iter().zip(panel.column(apple)) {
///     println!("{time} {close}"); // NaN where there is no bar
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct Panel<'a> {
    /// The stretch of the calendar: nanoseconds UTC, ascending. Shape `[times]`.
    pub times: &'a [i64],
    /// Number of assets; they are in symbol order, so column `i` is the asset of ordinal `i`.
    pub assets: usize,
    /// The values, time after time: shape `[times][assets]`, `NaN` where an asset has no bar or no value.
    pub values: Vec<f64>,
}

/// Shape and stretch: the values of a market would fill screens.
impl fmt::Debug for Panel<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Panel");
        shown.field("times", &self.times.len()).field("assets", &self.assets);
        shown.field("first", &self.times.first()).field("last", &self.times.last());
        shown.finish_non_exhaustive()
    }
}

impl Panel<'_> {
    /// Returns the values of all assets at the time of index `time`. Shape `[assets]`.
    ///
    /// # Panics
    ///
    /// If there are not so many times.
    pub fn row(&self, time: usize) -> &[f64] {
        &self.values[time * self.assets..][..self.assets]
    }

    /// Returns the values of one asset, by ordinal, oldest first.
    ///
    /// # Panics
    ///
    /// If there are not so many assets.
    pub fn column(&self, asset: usize) -> impl ExactSizeIterator<Item = f64> + '_ {
        assert!(asset < self.assets, "asset {asset} of {}", self.assets);
        self.values.chunks_exact(self.assets).map(move |row| row[asset])
    }
}

impl Lease {
    /// Returns one column of all assets for the calendar's times in a range of nanoseconds: shape `[times][assets]`,
    /// `NaN` where an asset has no bar.
    ///
    /// Columns of f32, i32, u32 and u8 are widened. Allocates times x assets x 8 bytes and touches that much of the
    /// map; gap-free assets are copied without a search. Of a column that is not read in place, what the assets have in
    /// the range is decoded by all processors, block by block.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownColumn`]; [`Error::WrongColumnType`] for a column of i64, which f64 cannot hold exactly;
    /// [`Error::Corrupt`] or [`Error::SeriesDigest`] when an asset's record or series is damaged.
    pub fn panel(&self, column: &str, range: impl RangeBounds<i64>) -> Result<Panel<'_>> {
        let calendar = self.timestamps()?;
        let span = span(calendar, range.start_bound().cloned(), range.end_bound().cloned());
        let assets = self.assets_usize();
        let mut values = vec![f64::NAN; span.len().saturating_mul(assets)];
        let index = self.snapshot().column_index(column)?;
        match self.snapshot().physical(index)? {
            PhysicalType::F64 => self.fill(index, Values::as_f64, &span, &mut values)?,
            PhysicalType::F32 => self.fill(index, Values::as_f32, &span, &mut values)?,
            PhysicalType::I32 => self.fill(index, Values::as_i32, &span, &mut values)?,
            PhysicalType::U32 => self.fill(index, Values::as_u32, &span, &mut values)?,
            PhysicalType::U8 => self.fill(index, Values::as_u8, &span, &mut values)?,
            PhysicalType::I64 => return Err(inexact(column)),
        }
        Ok(Panel { times: &calendar[span], assets, values })
    }

    /// Returns the value of every asset at one time, in symbol order: shape `[assets]`, `NaN` where an asset has no bar
    /// of that time. A time that is not in the calendar gives `NaN` throughout.
    ///
    /// # Errors
    ///
    /// As [`Lease::panel`].
    pub fn cross_section(&self, column: &str, time_ns: i64) -> Result<Vec<f64>> {
        let mut values = vec![f64::NAN; self.assets_usize()];
        self.cross_section_into(column, time_ns, &mut values)?;
        Ok(values)
    }

    /// Does what [`Lease::cross_section`] does, into a slice.
    ///
    /// # Errors
    ///
    /// As [`Lease::panel`].
    ///
    /// # Panics
    ///
    /// If `values` does not have one place for each asset.
    pub fn cross_section_into(&self, column: &str, time_ns: i64, values: &mut [f64]) -> Result<()> {
        assert_eq!(values.len(), self.assets_usize(), "one place for each asset is needed");
        let index = self.snapshot().column_index(column)?;
        let physical = self.snapshot().physical(index)?;
        if physical == PhysicalType::I64 {
            return Err(inexact(column));
        }
        let Ok(at) = self.timestamps()?.binary_search(&time_ns) else {
            values.fill(f64::NAN);
            return Ok(());
        };
        match physical {
            PhysicalType::F64 => self.gather(index, Values::as_f64, at, values),
            PhysicalType::F32 => self.gather(index, Values::as_f32, at, values),
            PhysicalType::I32 => self.gather(index, Values::as_i32, at, values),
            PhysicalType::U32 => self.gather(index, Values::as_u32, at, values),
            PhysicalType::U8 => self.gather(index, Values::as_u8, at, values),
            PhysicalType::I64 => Err(inexact(column)),
        }
    }

    fn gather<'l, T: Copy + Into<f64>>(
        &'l self,
        column: usize,
        typed: Typed<'l, T>,
        at: usize,
        values: &mut [f64],
    ) -> Result<()> {
        let reader = self.reader();
        let lives = self.snapshot().lives()?;
        let source = self.source(column, typed, lives, &(at..at + 1))?;
        for ((ordinal, &life), value) in (0..).zip(lives).zip(values) {
            *value = match life.place_of(at) {
                None => f64::NAN,
                Some(place) if life.is_gap_free() => source.value(ordinal, life, place)?.into(),
                Some(place) => match life.row_at(reader, ordinal, place)? {
                    Some(row) => source.value(ordinal, life, row)?.into(),
                    None => f64::NAN,
                },
            };
        }
        Ok(())
    }

    /// Copies every asset's values of a stretch of the calendar to their places in `values`.
    fn fill<'l, T: Copy + Into<f64>>(
        &'l self,
        column: usize,
        typed: Typed<'l, T>,
        span: &Range<usize>,
        values: &mut [f64],
    ) -> Result<()> {
        let lives = self.snapshot().lives()?;
        let source = self.source(column, typed, lives, span)?;
        let width = lives.len();
        for start in span.clone().step_by(TIMES_AT_ONCE) {
            let stretch = start..span.end.min(start + TIMES_AT_ONCE);
            let target = &mut values[(start - span.start) * width..];
            for (place, life) in (0..).zip(lives).enumerate() {
                self.spread(&source, (life.0, *life.1), &stretch, &mut target[place..])?;
            }
        }
        Ok(())
    }

    /// Copies one asset's values of a stretch of the calendar to every `width`-th place of `target`.
    fn spread<T: Copy + Into<f64>>(
        &self,
        source: &Source<'_, T>,
        (ordinal, life): (u32, Life),
        stretch: &Range<usize>,
        target: &mut [f64],
    ) -> Result<()> {
        let (sessions, width) = (life.sessions(), self.assets_usize());
        let (start, end) = (stretch.start.max(sessions.start), stretch.end.min(sessions.end));
        if start >= end {
            return Ok(());
        }
        let rows = life.rows_in(self.reader(), ordinal, &(start..end))?;
        let series = source.rows(ordinal, life, rows.clone())?;
        if life.is_gap_free() {
            let places = target[(start - stretch.start) * width..].iter_mut().step_by(width);
            for (place, &value) in places.zip(series) {
                *place = value.into();
            }
            return Ok(());
        }
        let calendar = &self.timestamps()?[start..end];
        let times = life.times(self.reader(), ordinal, rows)?;
        let mut at = 0;
        for (&time, &value) in times.iter().zip(series) {
            at += calendar[at..].iter().take_while(|&&session| session < time).count();
            if at == calendar.len() {
                break;
            }
            target[(start - stretch.start + at) * width] = value.into();
        }
        Ok(())
    }

    /// Returns where to take a column's values from, for the assets that live in a stretch of the calendar.
    fn source<'l, T: Copy>(
        &'l self,
        column: usize,
        typed: Typed<'l, T>,
        lives: &[Life],
        span: &Range<usize>,
    ) -> Result<Source<'l, T>> {
        let (reader, snapshot) = (self.reader(), self.snapshot());
        // What is decoded or put together is checked with that.
        let is_checked = |rows: Range<usize>| {
            !snapshot.reads_in_place(column) || snapshot.were_checked(column, rows)
        };
        let is_all_checked = is_checked(0..self.rows());
        let sessions = |life: &Life| {
            let sessions = life.sessions();
            sessions.start.max(span.start)..sessions.end.min(span.end)
        };
        let needs = |(ordinal, life): &(u32, &Life)| {
            let rows = life.rows_about(span);
            let is_decoded = |column| reader.is_decoded(column, *ordinal, &rows);
            let has_times = life.is_gap_free() || is_decoded(0);
            let first = life.rows().start;
            let is_checked = is_all_checked || is_checked(first + rows.start..first + rows.end);
            !sessions(life).is_empty() && (!is_checked || !has_times || !is_decoded(column))
        };
        let living: Vec<_> = (0..).zip(lives).filter(needs).collect();
        crew::each(living, |(ordinal, life)| {
            let rows = life.rows_in(reader, ordinal, &sessions(life))?;
            reader.rows(column, ordinal, rows).map(drop)
        })?;
        if snapshot.reads_in_place(column) && !snapshot.hashes() {
            return Ok(Source::Whole(typed(snapshot.mapped_column(column)?).unwrap_or_default()));
        }
        Ok(Source::Each { reader, column, typed })
    }

    fn assets_usize(&self) -> usize {
        usize::try_from(self.asset_count()).unwrap_or(usize::MAX)
    }
}

/// Sees values as those of one type, if they are.
type Typed<'l, T> = fn(Values<'l>) -> Option<&'l [T]>;

/// The values of one column: as one array, or of each asset apart, so that only those that are needed are decoded.
enum Source<'l, T> {
    Whole(&'l [T]),
    Each { reader: Reader<'l>, column: usize, typed: Typed<'l, T> },
}

impl<'l, T: Copy> Source<'l, T> {
    /// Returns the value of an asset at one of its rows, counted from its first.
    #[inline]
    fn value(&self, ordinal: u32, life: Life, row: usize) -> Result<T> {
        match self {
            Self::Whole(values) => Ok(values[life.rows().start + row]),
            Self::Each { .. } => Ok(self.rows(ordinal, life, row..row + 1)?[0]),
        }
    }

    /// Returns the values of an asset at some of its rows, counted from its first.
    #[inline]
    fn rows(&self, ordinal: u32, life: Life, rows: Range<usize>) -> Result<&'l [T]> {
        let first = life.rows().start;
        match self {
            Self::Whole(values) => Ok(&values[first + rows.start..first + rows.end]),
            Self::Each { reader, column, typed } => {
                Ok(typed(reader.rows(*column, ordinal, rows)?).unwrap_or_default())
            }
        }
    }
}

#[cold]
fn inexact(column: &str) -> Error {
    Error::WrongColumnType {
        column: column.to_owned(),
        expected: "a type that f64 holds exactly",
        found: PhysicalType::I64,
    }
}
