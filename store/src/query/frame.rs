//! Frames: the columns of one asset that a plan reads.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::ops::Range;

use barrow_format::{Asset, Values, ValuesBuf};

use super::asof::Joined;
use crate::error::{Error, Result};
use crate::reading::reader::Reader;
use crate::reading::span::blocks;

/// All bars of one asset, as far as a plan reads them.
///
/// Columns that are not read in place are decoded as they are evaluated, block by block. Where that fails, evaluation
/// goes on with missing values, and [`Frame::check`] says so: whoever evaluates asks before using what was found.
#[derive(Debug)]
pub(crate) struct Frame<'a> {
    pub(super) symbol: &'a str,
    /// Timestamps, ascending.
    pub(super) time: Instants<'a>,
    /// By place in the scope.
    pub(super) columns: Vec<Series<'a>>,
    failure: OnceCell<Error>,
}

/// The timestamps of a frame.
#[derive(Debug)]
pub(super) enum Instants<'a> {
    /// As they are stored.
    Stored(&'a [i64]),
    /// Those of resampled bars.
    Made(Vec<i64>),
    /// Decoded as they are read.
    Blocks(Blocks<'a>),
}

/// One column of a frame.
#[derive(Debug)]
pub(super) enum Series<'a> {
    /// The plan does not read it.
    Unread,
    /// As it is stored.
    Stored(Values<'a>),
    /// Decoded as it is read.
    Blocks(Blocks<'a>),
    /// Computed, one value a row.
    Made(Vec<f64>),
    /// Looked up in another bundle.
    Joined(Joined<'a>),
}

/// A series that is decoded block by block, where it is not read in place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Blocks<'a> {
    pub(super) reader: Reader<'a>,
    pub(super) column: usize,
    pub(super) asset: Asset,
}

/// Rows of a series.
pub(super) enum Rows<'a> {
    /// As they are stored, or of one block.
    InBlock(Values<'a>),
    /// Of more than one block, put together.
    Copied(ValuesBuf),
}

impl Rows<'_> {
    pub(super) fn values(&self) -> Values<'_> {
        match self {
            Self::InBlock(values) => *values,
            Self::Copied(values) => values.values(),
        }
    }
}

impl<'a> Blocks<'a> {
    pub(super) fn rows(self, rows: Range<usize>) -> Result<Rows<'a>> {
        let Self { reader, column, asset } = self;
        if reader.snapshot.reads_in_place(column) {
            return reader.rows(column, asset.ordinal(), rows).map(Rows::InBlock);
        }
        let mut pieces = blocks(rows.clone());
        let Some(first) = pieces.next() else { return Ok(Rows::InBlock(Values::U8(&[]))) };
        let values = reader.block(column, asset, &first)?;
        if first == rows {
            return Ok(Rows::InBlock(values));
        }
        let mut all = ValuesBuf::new(values.physical());
        all.extend(values);
        for piece in pieces {
            all.extend(reader.block(column, asset, &piece)?);
        }
        Ok(Rows::Copied(all))
    }
}

impl<'a> Frame<'a> {
    pub(super) fn new(symbol: &'a str, time: Instants<'a>, columns: Vec<Series<'a>>) -> Self {
        Self { symbol, time, columns, failure: OnceCell::new() }
    }

    /// Returns what could not be decoded so far, if anything.
    pub(super) fn check(&self) -> Result<()> {
        self.failure.get().map_or(Ok(()), |error| Err(error.clone()))
    }

    /// Returns the number of bars.
    pub(super) fn rows(&self) -> usize {
        match &self.time {
            Instants::Stored(times) => times.len(),
            Instants::Made(times) => times.len(),
            Instants::Blocks(series) => series.asset.rows(),
        }
    }

    fn read(&self, series: &Blocks<'a>, rows: Range<usize>) -> Option<Rows<'a>> {
        series.rows(rows).map_err(|error| self.failure.set(error)).ok()
    }

    /// Timestamps of some rows.
    pub(super) fn times(&self, rows: Range<usize>) -> Cow<'_, [i64]> {
        let len = rows.len();
        match &self.time {
            Instants::Stored(times) => Cow::Borrowed(&times[rows]),
            Instants::Made(times) => Cow::Borrowed(&times[rows]),
            Instants::Blocks(series) => match self.read(series, rows) {
                Some(Rows::InBlock(Values::I64(times))) => Cow::Borrowed(times),
                Some(Rows::Copied(ValuesBuf::I64(times))) => Cow::Owned(times),
                _ => Cow::Owned(vec![0; len]),
            },
        }
    }

    /// The values of a column, widened to f64 and divided by `divisor`; integers beyond 2^53 are rounded.
    pub(super) fn numbers(&self, place: usize, divisor: f64, rows: Range<usize>) -> Cow<'_, [f64]> {
        let len = rows.len();
        let missing = || Cow::Owned(vec![f64::NAN; len]);
        match self.columns.get(place) {
            Some(Series::Stored(values)) => {
                values.slice(rows).map_or(Cow::Borrowed(&[]), |values| widened(values, divisor))
            }
            Some(Series::Blocks(series)) => match self.read(series, rows) {
                Some(Rows::InBlock(values)) => widened(values, divisor),
                Some(Rows::Copied(ValuesBuf::F64(values))) if divisor == 1.0 => Cow::Owned(values),
                Some(Rows::Copied(values)) => {
                    Cow::Owned(widened(values.values(), divisor).into_owned())
                }
                None => missing(),
            },
            Some(Series::Made(values)) => Cow::Borrowed(values.get(rows).unwrap_or_default()),
            Some(Series::Joined(joined)) => {
                let found = joined.numbers(&self.times(rows));
                found
                    .map_err(|error| self.failure.set(error))
                    .map_or_else(|_| missing(), Cow::Owned)
            }
            Some(Series::Unread) | None => missing(),
        }
    }

    /// Adds the values of a column, of its own type, to `into`: those that `holds` keeps, or all.
    pub(super) fn take(
        &self,
        place: usize,
        rows: Range<usize>,
        holds: Option<&[bool]>,
        into: &mut ValuesBuf,
    ) {
        match self.columns.get(place) {
            Some(Series::Stored(values)) => {
                if let Some(values) = values.slice(rows) {
                    take(values, holds, into);
                }
            }
            Some(Series::Blocks(series)) => match self.read(series, rows.clone()) {
                Some(Rows::InBlock(values)) => take(values, holds, into),
                Some(Rows::Copied(values)) => take(values.values(), holds, into),
                None => into.extend_missing(rows.len()),
            },
            _ => take(Values::F64(&self.numbers(place, 1.0, rows)), holds, into),
        }
    }
}

/// Adds values to `into`: those that `holds` keeps, or all.
pub(super) fn take(values: Values<'_>, holds: Option<&[bool]>, into: &mut ValuesBuf) {
    match holds {
        None => into.extend(values),
        Some(holds) => into.extend_kept(values, holds),
    }
}

/// Values of any type as f64; exact for all but integers beyond 2^53.
#[expect(clippy::cast_precision_loss, reason = "documented: integers beyond 2^53 are rounded")]
pub(super) fn widened(values: Values<'_>, divisor: f64) -> Cow<'_, [f64]> {
    let mut made: Vec<f64> = match values {
        Values::F64(values) if divisor == 1.0 => return Cow::Borrowed(values),
        Values::F64(values) => values.to_vec(),
        Values::F32(values) => values.iter().map(|value| f64::from(*value)).collect(),
        Values::I64(values) => values.iter().map(|value| *value as f64).collect(),
        Values::I32(values) => values.iter().map(|value| f64::from(*value)).collect(),
        Values::U32(values) => values.iter().map(|value| f64::from(*value)).collect(),
        Values::U8(values) => values.iter().map(|value| f64::from(*value)).collect(),
    };
    if divisor != 1.0 {
        for value in &mut made {
            *value /= divisor;
        }
    }
    Cow::Owned(made)
}
