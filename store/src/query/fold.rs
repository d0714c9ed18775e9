//! Folds of values to one, missing ones left out: the inner loops of grouping and resampling.
//!
//! Values are dealt to eight lanes in turn and the lanes are put together at the end, always in the same order: the
//! loops are vectors, and the same values give the same bits.

/// Lanes of a fold.
const LANES: usize = 8;

/// Sum of the values that are kept and not missing, and how many these are.
pub(super) fn sum(values: &[f64], holds: Option<&[bool]>) -> (f64, u64) {
    let (mut sums, mut counts) = ([0.0; LANES], [0u64; LANES]);
    // What does not count is added as zero, its bits masked out: no branch, and vectors of lanes.
    let add = |sum: &mut f64, count: &mut u64, value: f64, holds: bool| {
        let counted = u64::from(holds & !value.is_nan());
        *sum += f64::from_bits(value.to_bits() & counted.wrapping_neg());
        *count += counted;
    };
    let (whole, rest) = values.as_chunks::<LANES>();
    if let Some(holds) = holds {
        let (kept, kept_rest) = holds.as_chunks::<LANES>();
        for (chunk, holds) in whole.iter().zip(kept) {
            let lanes = sums.iter_mut().zip(&mut counts);
            for ((sum, count), (value, holds)) in lanes.zip(chunk.iter().zip(holds)) {
                add(sum, count, *value, *holds);
            }
        }
        let lanes = sums.iter_mut().zip(&mut counts);
        for ((sum, count), (value, holds)) in lanes.zip(rest.iter().zip(kept_rest)) {
            add(sum, count, *value, *holds);
        }
    } else {
        for chunk in whole {
            for ((sum, count), value) in sums.iter_mut().zip(&mut counts).zip(chunk) {
                add(sum, count, *value, true);
            }
        }
        for ((sum, count), value) in sums.iter_mut().zip(&mut counts).zip(rest) {
            add(sum, count, *value, true);
        }
    }
    (sums.iter().sum(), counts.iter().sum())
}

/// Smallest value that is kept and not missing; NaN when there is none.
pub(super) fn min(values: &[f64], holds: Option<&[bool]>) -> f64 {
    best(values, holds, f64::INFINITY, |value, best| value < best)
}

/// Largest value that is kept and not missing; NaN when there is none.
pub(super) fn max(values: &[f64], holds: Option<&[bool]>) -> f64 {
    best(values, holds, f64::NEG_INFINITY, |value, best| value > best)
}

#[inline]
fn best(
    values: &[f64],
    holds: Option<&[bool]>,
    worst: f64,
    better: impl Fn(f64, f64) -> bool,
) -> f64 {
    let mut lanes = [worst; LANES];
    match holds {
        None => {
            let (whole, rest) = values.as_chunks::<LANES>();
            for chunk in whole {
                for (lane, value) in lanes.iter_mut().zip(chunk) {
                    *lane = if better(*value, *lane) { *value } else { *lane };
                }
            }
            for (lane, value) in lanes.iter_mut().zip(rest) {
                *lane = if better(*value, *lane) { *value } else { *lane };
            }
        }
        Some(holds) => {
            for ((place, value), holds) in values.iter().enumerate().zip(holds) {
                let lane = &mut lanes[place % LANES];
                *lane = if *holds & better(*value, *lane) { *value } else { *lane };
            }
        }
    }
    let found =
        lanes.into_iter().fold(worst, |best, lane| if better(lane, best) { lane } else { best });
    if found == worst && !any(values, holds, |value| value == worst) {
        return f64::NAN;
    }
    found
}

/// Number of values that are kept and not missing, their mean, and the sum of their squared distances from it, in two
/// passes.
pub(super) fn moments(values: &[f64], holds: Option<&[bool]>) -> (u64, f64, f64) {
    let (total, count) = sum(values, holds);
    if count == 0 {
        return (0, 0.0, 0.0);
    }
    let mean = total / count_f64(count);
    let squares =
        values.iter().enumerate().filter(|(row, _)| holds.is_none_or(|holds| holds[*row]));
    let squares = squares.filter(|(_, value)| !value.is_nan());
    (count, mean, squares.map(|(_, value)| (value - mean) * (value - mean)).sum())
}

/// First value that is kept and not missing, and its row.
pub(super) fn first(values: &[f64], holds: Option<&[bool]>) -> Option<(usize, f64)> {
    (0..values.len()).find(|&row| is_in(values, holds, row)).map(|row| (row, values[row]))
}

/// Last value that is kept and not missing, and its row.
pub(super) fn last(values: &[f64], holds: Option<&[bool]>) -> Option<(usize, f64)> {
    (0..values.len()).rev().find(|&row| is_in(values, holds, row)).map(|row| (row, values[row]))
}

fn is_in(values: &[f64], holds: Option<&[bool]>, row: usize) -> bool {
    !values[row].is_nan() && holds.is_none_or(|holds| holds[row])
}

fn any(values: &[f64], holds: Option<&[bool]>, f: impl Fn(f64) -> bool) -> bool {
    (0..values.len()).any(|row| f(values[row]) && is_in(values, holds, row))
}

/// A count as f64: exact below 2^53.
pub(super) fn count_f64(count: u64) -> f64 {
    usize::try_from(count).map_or(f64::INFINITY, super::window::count_f64)
}
