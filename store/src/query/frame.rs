//! Frames: the columns of one asset that a plan reads.

use std::borrow::Cow;
use std::ops::Range;

use barrow_format::{Values, ValuesBuf};

use super::asof::Joined;

/// All bars of one asset, as far as a plan reads them.
#[derive(Debug)]
pub(crate) struct Frame<'a> {
    pub(crate) symbol: &'a str,
    /// Timestamps, ascending.
    pub(crate) time: Cow<'a, [i64]>,
    /// By place in the scope.
    pub(crate) columns: Vec<Series<'a>>,
}

/// One column of a frame.
#[derive(Debug)]
pub(crate) enum Series<'a> {
    /// The plan does not read it.
    Unread,
    /// As it is stored.
    Stored(Values<'a>),
    /// Computed, one value a row.
    Made(Vec<f64>),
    /// Looked up in another bundle.
    Joined(Joined<'a>),
}

impl Frame<'_> {
    /// The values of a column, widened to f64 and divided by `divisor`; integers beyond 2^53 are rounded.
    pub(super) fn numbers(&self, place: usize, divisor: f64, rows: Range<usize>) -> Cow<'_, [f64]> {
        match self.columns.get(place) {
            Some(Series::Stored(values)) => {
                values.slice(rows).map_or(Cow::Borrowed(&[]), |values| widened(values, divisor))
            }
            Some(Series::Made(values)) => Cow::Borrowed(values.get(rows).unwrap_or_default()),
            Some(Series::Joined(joined)) => Cow::Owned(joined.numbers(&self.time[rows])),
            Some(Series::Unread) | None => Cow::Owned(vec![f64::NAN; rows.len()]),
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
