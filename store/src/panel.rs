//! Panels: one column of all assets, aligned on the calendar.

use std::ops::{Range, RangeBounds};

use barrow_format::Values;

use crate::bars::{Life, span};
use crate::error::{Error, Result};
use crate::lease::Lease;

/// Times that are filled for all assets before the next ones. Neighbouring assets write to the same cache lines, one line
/// for each time: so many lines stay in the second-level cache.
const TIMES_AT_ONCE: usize = 2048;

/// One column over a stretch of the calendar: times x assets.
#[derive(Debug, Clone, PartialEq)]
pub struct Panel<'a> {
    /// The stretch of the calendar: nanoseconds UTC, ascending. Shape `[times]`.
    pub times: &'a [i64],
    /// Number of assets; they are in symbol order, so column `i` is the asset of ordinal `i`.
    pub assets: usize,
    /// The values, time after time: shape `[times][assets]`, `NaN` where an asset has no bar or no value.
    pub values: Vec<f64>,
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
    /// map; gap-free assets are copied without a search.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownColumn`]; [`Error::WrongColumnType`] for a column of i64, which f64 cannot hold exactly;
    /// [`Error::Corrupt`] when an asset's record is damaged.
    pub fn panel(&self, column: &str, range: impl RangeBounds<i64>) -> Result<Panel<'_>> {
        let calendar = self.calendar();
        let span = span(calendar, range.start_bound().cloned(), range.end_bound().cloned());
        let assets = self.assets_usize();
        let mut values = vec![f64::NAN; span.len().saturating_mul(assets)];
        match self.column(column)? {
            Values::F64(source) => self.fill(source, &span, &mut values)?,
            Values::F32(source) => self.fill(source, &span, &mut values)?,
            Values::I32(source) => self.fill(source, &span, &mut values)?,
            Values::U32(source) => self.fill(source, &span, &mut values)?,
            Values::U8(source) => self.fill(source, &span, &mut values)?,
            other @ Values::I64(_) => return Err(inexact(column, other)),
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
        let source = self.column(column)?;
        let Ok(at) = self.calendar().binary_search(&time_ns) else {
            values.fill(f64::NAN);
            return Ok(());
        };
        match source {
            Values::F64(source) => self.gather(source, at, values),
            Values::F32(source) => self.gather(source, at, values),
            Values::I32(source) => self.gather(source, at, values),
            Values::U32(source) => self.gather(source, at, values),
            Values::U8(source) => self.gather(source, at, values),
            other @ Values::I64(_) => Err(inexact(column, other)),
        }
    }

    fn gather<T: Copy + Into<f64>>(
        &self,
        source: &[T],
        at: usize,
        values: &mut [f64],
    ) -> Result<()> {
        let snapshot = self.snapshot();
        for (life, value) in snapshot.lives()?.iter().zip(values) {
            let row = life.row_at(snapshot, at);
            *value = row.map_or(f64::NAN, |row| source[row].into());
        }
        Ok(())
    }

    /// Copies every asset's values of a stretch of the calendar to their places in `values`.
    fn fill<T: Copy + Into<f64>>(
        &self,
        source: &[T],
        span: &Range<usize>,
        values: &mut [f64],
    ) -> Result<()> {
        let lives = self.snapshot().lives()?;
        let width = lives.len();
        for start in span.clone().step_by(TIMES_AT_ONCE) {
            let stretch = start..span.end.min(start + TIMES_AT_ONCE);
            let target = &mut values[(start - span.start) * width..];
            for (place, &life) in lives.iter().enumerate() {
                self.spread(source, life, &stretch, &mut target[place..]);
            }
        }
        Ok(())
    }

    /// Copies one asset's values of a stretch of the calendar to every `width`-th place of `target`.
    fn spread<T: Copy + Into<f64>>(
        &self,
        source: &[T],
        life: Life,
        stretch: &Range<usize>,
        target: &mut [f64],
    ) {
        let (rows, sessions, width) = (life.rows(), life.sessions(), self.assets_usize());
        let (start, end) = (stretch.start.max(sessions.start), stretch.end.min(sessions.end));
        if start >= end {
            return;
        }
        if life.is_gap_free() {
            let first = rows.start + (start - sessions.start);
            let places = target[(start - stretch.start) * width..].iter_mut().step_by(width);
            for (place, &value) in places.zip(&source[first..first + (end - start)]) {
                *place = value.into();
            }
            return;
        }
        let calendar = &self.calendar()[start..end];
        let times = self.snapshot().time(rows.clone());
        let first = times.partition_point(|&time| time < calendar[0]);
        let mut at = 0;
        for (&time, &value) in times[first..].iter().zip(&source[rows.start + first..rows.end]) {
            at += calendar[at..].iter().take_while(|&&session| session < time).count();
            if at == calendar.len() {
                break;
            }
            target[(start - stretch.start + at) * width] = value.into();
        }
    }

    fn assets_usize(&self) -> usize {
        usize::try_from(self.asset_count()).unwrap_or(usize::MAX)
    }
}

#[cold]
fn inexact(column: &str, values: Values<'_>) -> Error {
    Error::WrongColumnType {
        column: column.to_owned(),
        expected: "a type that f64 holds exactly",
        found: values.physical(),
    }
}
