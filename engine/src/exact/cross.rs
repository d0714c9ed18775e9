//! Whether the mean of the last `fast` values exceeds that of the last `slow`, row by row.

use std::ops::Range;

use super::decimal::{Decimal, ExactSums};

/// Writes 1 for each row of `rows` at which the mean of the last `fast` values is greater than the
/// mean of the last `slow`, else 0: also 0 where fewer than `slow` values exist or where one of
/// them is no number. `levels` is cleared first.
///
/// Needs `1 <= fast <= slow` and `rows` within the series. Linear in `rows` (in the rows up to its
/// end for the widest tier).
pub(crate) fn levels(
    sums: &ExactSums,
    fast: usize,
    slow: usize,
    rows: Range<usize>,
    levels: &mut Vec<u8>,
) {
    debug_assert!(1 <= fast && fast <= slow && rows.end <= sums.len());
    levels.clear();
    levels.resize(rows.len(), 0);
    let first = rows.start.max(slow - 1);
    if first >= rows.end {
        return;
    }
    let out = &mut levels[first - rows.start..];
    let ends = first + 1..rows.end + 1;
    match sums {
        ExactSums::F64 { largest, sums } => {
            let [now, fast_ago, slow_ago] = windows(sums, fast, slow, ends);
            if largest * as_f64(fast) * as_f64(slow) < 9e15 {
                f64_levels(now, fast_ago, slow_ago, as_f64(fast), as_f64(slow), out);
            } else {
                wide_f64_levels(now, fast_ago, slow_ago, as_i128(fast), as_i128(slow), out);
            }
        }
        ExactSums::I64 { sums } => {
            let [now, fast_ago, slow_ago] = windows(sums, fast, slow, ends);
            i64_levels(now, fast_ago, slow_ago, as_i128(fast), as_i128(slow), out);
        }
        ExactSums::I128 { largest, sums, near, reach } => {
            let product = as_i128(fast).checked_mul(as_i128(slow));
            if product.and_then(|p| p.checked_mul(*largest)).is_some_and(|p| p < 1 << 126) {
                let doubt = (as_f64(fast) + as_f64(slow)) * reach * DOUBT;
                let [now, fast_ago, slow_ago] = windows(near, fast, slow, ends.clone());
                near_levels(now, fast_ago, slow_ago, [as_f64(fast), as_f64(slow), doubt], out);
                let [now, fast_ago, slow_ago] = windows(sums, fast, slow, ends);
                i128_levels(now, fast_ago, slow_ago, as_i128(fast), as_i128(slow), out);
            } else {
                let decimal = |pair: &[i128]| Limbs::whole(pair[1] - pair[0]);
                digit_levels(sums.windows(2).map(decimal), fast, slow, first, out);
            }
        }
        ExactSums::Digits { decimals, gaps } => {
            let lowest = decimals.iter().map(|d| d.exponent).min().unwrap_or(0);
            let limbs = decimals.iter().map(|d| Limbs::decimal(*d, lowest));
            digit_levels(limbs, fast, slow, first, out);
            for (level, end) in out.iter_mut().zip(ends) {
                *level &= u8::from(gaps[end] == gaps[end - slow]);
            }
        }
    }
}

/// The running sums at the ends of the windows, at the starts of the fast and of the slow ones.
fn windows<T>(sums: &[T], fast: usize, slow: usize, ends: Range<usize>) -> [&[T]; 3] {
    [
        &sums[ends.clone()],
        &sums[ends.start - fast..ends.end - fast],
        &sums[ends.start - slow..ends.end - slow],
    ]
}

/// The hot loop: no branch, so the compiler makes vectors of it.
fn f64_levels(
    now: &[f64],
    fast_ago: &[f64],
    slow_ago: &[f64],
    fast: f64,
    slow: f64,
    out: &mut [u8],
) {
    for (((level, now), fast_ago), slow_ago) in out.iter_mut().zip(now).zip(fast_ago).zip(slow_ago)
    {
        *level = u8::from((now - fast_ago) * slow > (now - slow_ago) * fast);
    }
}

fn wide_f64_levels(
    now: &[f64],
    fast_ago: &[f64],
    slow_ago: &[f64],
    fast: i128,
    slow: i128,
    out: &mut [u8],
) {
    #[expect(clippy::cast_possible_truncation, reason = "whole numbers below 2^53")]
    let whole = |difference: f64| i128::from(difference as i64);
    for (((level, now), fast_ago), slow_ago) in out.iter_mut().zip(now).zip(fast_ago).zip(slow_ago)
    {
        *level = u8::from(whole(now - fast_ago) * slow > whole(now - slow_ago) * fast);
    }
}

fn i64_levels(
    now: &[i64],
    fast_ago: &[i64],
    slow_ago: &[i64],
    fast: i128,
    slow: i128,
    out: &mut [u8],
) {
    for (((level, now), fast_ago), slow_ago) in out.iter_mut().zip(now).zip(fast_ago).zip(slow_ago)
    {
        let above = i128::from(now - fast_ago) * slow > i128::from(now - slow_ago) * fast;
        *level = u8::from(above);
    }
}

/// A level that rounded sums cannot decide.
const DOUBTFUL: u8 = 2;

/// Rounded sums decide when the difference exceeds this x (`fast` + `slow`) x the largest sum.
///
/// Each sum, difference, product and the last difference err by at most 2^-53 of their own size,
/// which is at most 2 x window x largest sum: together less than 8 x 2^-53 of the above. Twice that.
const DOUBT: f64 = 16.0 / 9_007_199_254_740_992.0;

/// Decides what rounded sums can decide, without a branch.
fn near_levels(
    now: &[f64],
    fast_ago: &[f64],
    slow_ago: &[f64],
    [fast, slow, doubt]: [f64; 3],
    out: &mut [u8],
) {
    for (((level, now), fast_ago), slow_ago) in out.iter_mut().zip(now).zip(fast_ago).zip(slow_ago)
    {
        let difference = (now - fast_ago) * slow - (now - slow_ago) * fast;
        *level = u8::from(difference > doubt) + DOUBTFUL * u8::from(difference.abs() <= doubt);
    }
}

/// Decides the doubtful levels.
fn i128_levels(
    now: &[i128],
    fast_ago: &[i128],
    slow_ago: &[i128],
    fast: i128,
    slow: i128,
    out: &mut [u8],
) {
    for (at, level) in out.iter_mut().enumerate().filter(|(_, level)| **level == DOUBTFUL) {
        let above = (now[at] - fast_ago[at]) * slow > (now[at] - slow_ago[at]) * fast;
        *level = u8::from(above);
    }
}

/// A number as a few digits of base 10^9, the lowest of which has place `place`.
#[derive(Debug, Clone, Copy)]
struct Limbs {
    place: usize,
    digits: [i64; 5],
}

const BASE: i128 = 1_000_000_000;

impl Limbs {
    fn whole(value: i128) -> Limbs {
        let mut digits = [0; 5];
        let mut rest = value;
        for digit in &mut digits {
            // The remainder carries the sign of the value, so signed digits add up to it.
            *digit = i64::try_from(rest % BASE).unwrap_or(0);
            rest /= BASE;
        }
        Limbs { place: 0, digits }
    }

    /// The decimal as a multiple of `10^lowest`.
    fn decimal(decimal: Decimal, lowest: i32) -> Limbs {
        let shift = u32::try_from(decimal.exponent.saturating_sub(lowest)).unwrap_or(0);
        let within = i128::from(decimal.units) * 10_i128.pow(shift % 9);
        Limbs { place: (shift / 9) as usize, ..Limbs::whole(within) }
    }
}

/// The fallback without any bound: keeps `sum_fast x slow - sum_slow x fast` as digits of base
/// 10^9 (carried only to read the sign, each digit's room being 2^127) and updates it by the values
/// that enter and leave the windows.
fn digit_levels(
    values: impl Iterator<Item = Limbs>,
    fast: usize,
    slow: usize,
    first: usize,
    out: &mut [u8],
) {
    let values: Vec<Limbs> = values.take(first + out.len()).collect();
    let places = values.iter().map(|value| value.place).max().unwrap_or(0) + 5;
    let mut difference = vec![0_i128; places];
    let (fast_weight, slow_weight) = (as_i128(fast), as_i128(slow));
    for (row, value) in values.iter().enumerate() {
        add(&mut difference, value, slow_weight - fast_weight);
        if row >= fast {
            add(&mut difference, &values[row - fast], -slow_weight);
        }
        if row >= slow {
            add(&mut difference, &values[row - slow], fast_weight);
        }
        if row >= first {
            out[row - first] = u8::from(is_positive(&difference));
        }
    }
}

fn add(difference: &mut [i128], value: &Limbs, weight: i128) {
    for (digit, sum) in value.digits.iter().zip(&mut difference[value.place..]) {
        *sum += i128::from(*digit) * weight;
    }
}

/// Carries from the lowest digit up: the last carry has the sign, unless it is zero.
fn is_positive(digits: &[i128]) -> bool {
    let (mut carry, mut some) = (0, false);
    for digit in digits {
        let digit = digit + carry;
        carry = digit.div_euclid(BASE);
        some |= digit.rem_euclid(BASE) != 0;
    }
    carry > 0 || (carry == 0 && some)
}

fn as_f64(window: usize) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "lengths of windows lie far below 2^53")]
    let window = window as f64;
    window
}

fn as_i128(window: usize) -> i128 {
    i128::try_from(window).unwrap_or(i128::MAX)
}
