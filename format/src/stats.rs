//! [`Stats`]: smallest and largest value and number of missing ones, of a series, a zone or a column.

use crate::{PhysicalType, Values};

/// A smallest or largest value, widened: floats to f64, integers to i64.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound {
    /// Of an f64 or f32 column; never NaN, and zero is positive zero.
    Float(f64),
    /// Of an integer column.
    Int(i64),
}

impl Bound {
    fn to_bits(self) -> u64 {
        match self {
            Self::Float(value) => value.to_bits(),
            Self::Int(value) => value.cast_unsigned(),
        }
    }

    fn from_bits(physical: PhysicalType, bits: u64) -> Self {
        match physical {
            PhysicalType::F64 | PhysicalType::F32 => Self::Float(f64::from_bits(bits)),
            _ => Self::Int(bits.cast_signed()),
        }
    }

    /// Returns the value as f64; integers beyond 2^53 are rounded.
    #[expect(clippy::cast_precision_loss, reason = "rounding is what is promised")]
    pub fn to_f64(self) -> f64 {
        match self {
            Self::Float(value) => value,
            Self::Int(value) => value as f64,
        }
    }
}

/// What is known of some values without reading them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stats {
    /// Smallest and largest value; `None` when there is no value or all are missing.
    pub bounds: Option<(Bound, Bound)>,
    /// Missing values: NaN in float columns, none in integer columns.
    pub null_count: u64,
}

impl Stats {
    /// The statistics of no values.
    pub const EMPTY: Self = Self { bounds: None, null_count: 0 };

    /// Computes the statistics of `values` in one pass.
    pub fn of(values: Values<'_>) -> Self {
        match values {
            Values::F64(slice) => of_floats(slice),
            Values::F32(slice) => of_floats(slice),
            Values::I64(slice) => of_ints(slice),
            Values::I32(slice) => of_ints(slice),
            Values::U32(slice) => of_ints(slice),
            Values::U8(slice) => of_ints(slice),
        }
    }

    /// Returns the statistics of these values and the others together.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        let bounds = match (self.bounds, other.bounds) {
            (Some((a_min, a_max)), Some((b_min, b_max))) => {
                let min = if less(b_min, a_min) { b_min } else { a_min };
                let max = if less(a_max, b_max) { b_max } else { a_max };
                Some((min, max))
            }
            (bounds, None) | (None, bounds) => bounds,
        };
        Self { bounds, null_count: self.null_count.saturating_add(other.null_count) }
    }

    /// Returns `min`, `max` and null count as they are stored; no bounds are two zeros.
    pub(crate) fn to_stored(self) -> (u64, u64, u64) {
        let (min, max) = self.bounds.map_or((0, 0), |(min, max)| (min.to_bits(), max.to_bits()));
        (min, max, self.null_count)
    }

    /// Reads stored statistics of `rows` values.
    pub(crate) fn from_stored(
        physical: PhysicalType,
        rows: u64,
        (min, max, null_count): (u64, u64, u64),
    ) -> Self {
        let bounds = (null_count < rows)
            .then(|| (Bound::from_bits(physical, min), Bound::from_bits(physical, max)));
        Self { bounds, null_count }
    }
}

fn less(a: Bound, b: Bound) -> bool {
    match (a, b) {
        (Bound::Float(a), Bound::Float(b)) => a < b,
        (Bound::Int(a), Bound::Int(b)) => a < b,
        _ => false,
    }
}

/// Independent accumulators, so that the compiler can keep them in vector registers.
const LANES: usize = 8;

fn of_floats<T: Copy + Into<f64>>(slice: &[T]) -> Stats {
    let (mut min, mut max) = ([f64::INFINITY; LANES], [f64::NEG_INFINITY; LANES]);
    let mut nulls = [0u64; LANES];
    let (chunks, rest) = slice.as_chunks::<LANES>();
    let mut step = |values: &[T]| {
        let lanes = min.iter_mut().zip(&mut max).zip(&mut nulls);
        for (((min, max), nulls), &value) in lanes.zip(values) {
            let value: f64 = value.into();
            // Comparisons with NaN are false, so a missing value changes neither bound.
            *min = if value < *min { value } else { *min };
            *max = if value > *max { value } else { *max };
            *nulls += u64::from(value.is_nan());
        }
    };
    for chunk in chunks {
        step(chunk);
    }
    step(rest);
    let null_count: u64 = nulls.iter().sum();
    // Adding positive zero turns negative zero into positive zero and changes nothing else.
    let low = min.into_iter().fold(f64::INFINITY, f64::min) + 0.0;
    let high = max.into_iter().fold(f64::NEG_INFINITY, f64::max) + 0.0;
    let some = null_count < slice.len() as u64;
    Stats { bounds: some.then_some((Bound::Float(low), Bound::Float(high))), null_count }
}

fn of_ints<T: Copy + Ord + Into<i64>>(slice: &[T]) -> Stats {
    let bounds = slice.iter().min().zip(slice.iter().max());
    let bounds = bounds.map(|(min, max)| (Bound::Int((*min).into()), Bound::Int((*max).into())));
    Stats { bounds, null_count: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_pass_over_missing_values_and_signs_of_zero() {
        let values = [3.0, f64::NAN, -0.0, 7.5, f64::NAN];
        let stats = Stats::of(Values::F64(&values));
        assert_eq!(stats.null_count, 2);
        assert_eq!(stats.bounds, Some((Bound::Float(0.0), Bound::Float(7.5))));
        let Some((Bound::Float(low), _)) = stats.bounds else { panic!("bounds are floats") };
        assert!(low.is_sign_positive());
        assert_eq!(Stats::of(Values::F64(&[f64::NAN])), Stats { bounds: None, null_count: 1 });
    }

    #[test]
    fn parts_merge_to_the_whole() {
        let values: Vec<f64> = (0..100).map(|i| f64::from((i * 37) % 101) - 50.0).collect();
        for cut in 0..=values.len() {
            let (head, tail) = values.split_at(cut);
            let merged = Stats::of(Values::F64(head)).merge(Stats::of(Values::F64(tail)));
            assert_eq!(merged, Stats::of(Values::F64(&values)));
        }
        let ints = Stats::of(Values::U8(&[3, 9, 1]));
        assert_eq!(ints.bounds, Some((Bound::Int(1), Bound::Int(9))));
    }
}
