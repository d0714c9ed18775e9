//! Where a value lies between 0 and 1, and which value lies where.

use super::axis::{Axis, Domain, Order, Scale, same};
use crate::params::Value;

/// Whole numbers and lists own a cell of this width on both sides, so that the end values have a full
/// one and rounding never leaves the range (`ConfigSpace` 0.7).
const HALF_CELL: f64 = 0.499_99;

/// More cells than this are not told apart.
const CELLS_MAX: u64 = 1000;

impl Axis {
    /// Returns the number of levels of a list without order.
    pub(super) fn levels(&self) -> Option<usize> {
        match &self.domain() {
            Domain::List { values, order: Order::Levels } => Some(values.len()),
            _ => None,
        }
    }

    /// Returns the value at `u`, 0 to 1; levels take equal shares.
    pub fn at(&self, u: f64) -> Option<Value> {
        let u = if u.is_nan() { 0.5 } else { u.clamp(0.0, 1.0) };
        match self.domain() {
            Domain::Real { low, high, scale } => {
                let value = between(u, (*low, *high), *scale);
                Some(Value::Float(value.clamp(*low, *high)))
            }
            Domain::Int { low, high, scale: Scale::Log, .. } => {
                let (least, most) = (exact(*low), exact(*high));
                let value = between(u, (least - HALF_CELL, most + HALF_CELL), Scale::Log);
                Some(Value::Int(whole(libm::round(value).clamp(least, most))))
            }
            Domain::List { values, order: Order::Levels } => {
                let levels = values.len();
                let place = floor_place(u, levels);
                values.get(place).cloned()
            }
            Domain::Int { .. } | Domain::List { .. } => {
                let last = exact_count(self.count()?) - 1.0;
                let place = between(u, (-HALF_CELL, last + HALF_CELL), Scale::Linear);
                self.value(whole(libm::round(place).clamp(0.0, last)).unsigned_abs())
            }
        }
    }

    /// Returns level `x`, rounded and kept within the `levels`.
    pub(super) fn level(&self, x: f64, levels: usize) -> Option<Value> {
        let last = exact_count(levels as u64) - 1.0;
        let place = if x.is_nan() { 0.0 } else { libm::round(x).clamp(0.0, last) };
        self.value(whole(place).unsigned_abs())
    }

    /// Returns where a value lies: its level for levels, else a number from 0 to 1; `None` for a value
    /// that the axis does not take.
    pub(super) fn coordinate(&self, value: &Value) -> Option<f64> {
        if !self.holds(value) {
            return None;
        }
        match self.domain() {
            Domain::Real { low, high, scale } => {
                Some(share(value.as_f64()?, (*low, *high), *scale).clamp(0.0, 1.0))
            }
            Domain::Int { low, high, scale: Scale::Log, .. } => {
                let ends = (exact(*low) - HALF_CELL, exact(*high) + HALF_CELL);
                Some(share(value.as_f64()?, ends, Scale::Log))
            }
            Domain::Int { low, step, .. } => {
                let place = exact((value.as_i64()? - low) / step);
                self.cell(place)
            }
            Domain::List { values, order } => {
                let place = values.iter().position(|listed| same(listed, value))?;
                let place = exact_count(place as u64);
                if *order == Order::Levels { Some(place) } else { self.cell(place) }
            }
        }
    }

    /// Returns the edges of the cells of whole numbers and ordered lists, from 0 to 1; none for a
    /// continuous axis, for levels, and beyond [`CELLS_MAX`] cells, which are as good as continuous.
    pub(super) fn edges(&self) -> Vec<f64> {
        let Some(count) = self.count().filter(|count| *count <= CELLS_MAX) else {
            return Vec::new();
        };
        let edge = |place: u64| {
            if let Domain::Int { low, high, scale: Scale::Log, .. } = self.domain() {
                let ends = (exact(*low) - HALF_CELL, exact(*high) + HALF_CELL);
                return share(exact(*low) + exact_count(place) - 0.5, ends, Scale::Log);
            }
            let last = exact_count(count) - 1.0;
            share(exact_count(place) - 0.5, (-HALF_CELL, last + HALF_CELL), Scale::Linear)
        };
        if self.levels().is_some() {
            return Vec::new();
        }
        std::iter::once(0.0).chain((1..count).map(edge)).chain([1.0]).collect()
    }

    /// The middle of a cell.
    fn cell(&self, place: f64) -> Option<f64> {
        let last = exact_count(self.count()?) - 1.0;
        Some(share(place, (-HALF_CELL, last + HALF_CELL), Scale::Linear))
    }
}

/// The place of `u` among `count` equal shares.
pub(super) fn floor_place(u: f64, count: usize) -> usize {
    let place = libm::floor(u * exact_count(count as u64));
    let last = count.saturating_sub(1);
    usize::try_from(whole(place.max(0.0))).unwrap_or(0).min(last)
}

fn between(u: f64, (low, high): (f64, f64), scale: Scale) -> f64 {
    match scale {
        Scale::Linear => low + u * (high - low),
        Scale::Log => {
            let (from, to) = (libm::log(low), libm::log(high));
            libm::exp(from + u * (to - from))
        }
    }
}

fn share(value: f64, (low, high): (f64, f64), scale: Scale) -> f64 {
    match scale {
        Scale::Linear => (value - low) / (high - low),
        Scale::Log => {
            let (from, to) = (libm::log(low), libm::log(high));
            (libm::log(value) - from) / (to - from)
        }
    }
}

/// A whole number of at most 2^54 as a float.
#[expect(clippy::cast_precision_loss, reason = "axes end within 2^53, which is exact")]
pub(super) fn exact(whole: i64) -> f64 {
    whole as f64
}

/// A count as a float; beyond 2^53 the nearest.
#[expect(clippy::cast_precision_loss, reason = "counts beyond 2^53 need no exactness")]
pub(super) fn exact_count(count: u64) -> f64 {
    count as f64
}

/// A whole float as an integer.
#[expect(clippy::cast_possible_truncation, reason = "the callers round and bound it")]
pub(super) fn whole(number: f64) -> i64 {
    number as i64
}
