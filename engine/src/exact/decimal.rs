//! Series as whole numbers of a common decimal scale, with running sums.

/// Running sums of one series, whose shortest decimals were scaled to whole numbers.
///
/// `sums[i]` is the sum of the first `i` values, so a window's sum is one subtraction.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ExactSums {
    /// Whole numbers below 2^53: `f64` arithmetic on them is exact, and vectorises.
    F64 { largest: f64, sums: Vec<f64> },
    /// Whole numbers below 2^63.
    I64 { sums: Vec<i64> },
    /// Whole numbers below 2^126. `near` are the sums as the nearest `f64`s, which decide most
    /// comparisons, and `reach` is the largest magnitude among them.
    I128 { largest: i128, sums: Vec<i128>, near: Vec<f64>, reach: f64 },
    /// No common scale fits: the decimals themselves. `gaps[i]` counts the values among the first
    /// `i` that are no numbers (NaN, infinite); those are zero in `decimals`.
    Digits { decimals: Vec<Decimal>, gaps: Vec<u32> },
}

/// The number `units x 10^exponent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Decimal {
    pub(crate) units: i64,
    pub(crate) exponent: i32,
}

/// Below this a decimal of 15 digits is the only one that its `f64` stands for.
const UNITS_MAX: f64 = 1e15;

/// Adding and subtracting this rounds a value below 2^51 to a whole number.
const ROUND: f64 = 6_755_399_441_055_744.0;

/// 10^22 is the largest power of ten that is an `f64`.
const SCALE_MAX: usize = 22;

const POWERS: [f64; SCALE_MAX + 1] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

impl ExactSums {
    /// Scales and sums a series. Linear; prices of up to 15 digits cost about two nanoseconds each,
    /// others a hundred.
    pub(crate) fn of(values: &[f64]) -> ExactSums {
        match scaled_sums(values) {
            Some(scaled) if scaled.bound(values.len()) < 9e15 => {
                ExactSums::F64 { largest: scaled.largest, sums: scaled.sums }
            }
            Some(scaled) => long_sums(values, &scaled),
            None => wide_sums(values),
        }
    }

    /// Returns the number of values.
    pub(crate) fn len(&self) -> usize {
        match self {
            ExactSums::F64 { sums, .. } => sums.len() - 1,
            ExactSums::I64 { sums } => sums.len() - 1,
            ExactSums::I128 { sums, .. } => sums.len() - 1,
            ExactSums::Digits { decimals, .. } => decimals.len(),
        }
    }

    /// Returns the bytes held.
    pub(crate) fn bytes(&self) -> usize {
        let elements = self.len() + 1;
        match self {
            ExactSums::F64 { .. } | ExactSums::I64 { .. } => elements * 8,
            ExactSums::I128 { .. } => elements * 24,
            ExactSums::Digits { .. } => elements * (size_of::<Decimal>() + 4),
        }
    }
}

impl Decimal {
    /// Returns the shortest decimal that reads back as `value`; zero for NaN and infinities.
    pub(crate) fn shortest(value: f64) -> Decimal {
        let zero = Decimal { units: 0, exponent: 0 };
        if !value.is_finite() || value == 0.0 {
            return zero;
        }
        // `{:e}` prints the shortest digits that round-trip, as `-1.2345e-7`.
        let text = format!("{value:e}");
        let Some((digits, exponent)) = text.split_once('e') else { return zero };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let units = format!("{whole}{fraction}").parse::<i64>();
        let exponent = exponent.parse::<i32>();
        let decimals = i32::try_from(fraction.len());
        match (units, exponent, decimals) {
            (Ok(units), Ok(exponent), Ok(decimals)) => {
                Decimal { units, exponent: exponent - decimals }
            }
            _ => zero,
        }
    }

    /// Returns the number as a count of `10^-scale`, if that is whole and fits.
    fn at_scale(self, scale: u32) -> Option<i128> {
        let shift = u32::try_from(i64::from(self.exponent) + i64::from(scale)).ok()?;
        i128::from(self.units).checked_mul(10_i128.checked_pow(shift)?)
    }
}

/// A series as whole numbers below 10^15.
struct Scaled {
    /// Value x power, rounded, is the whole number.
    power: f64,
    /// The largest magnitude.
    largest: f64,
    /// Running sums; exact only while their bound lies below 2^53.
    sums: Vec<f64>,
}

impl Scaled {
    /// No sum of the whole numbers is larger.
    fn bound(&self, len: usize) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "lengths of series lie far below 2^53")]
        let len = len as f64;
        (len + 1.0) * (self.largest + 1.0)
    }
}

/// Finds the smallest scale at which every value is a whole number below 10^15 and sums those.
/// `None` when there is no such scale up to 22.
///
/// A value passes at scale `s` when `m = round(value x 10^s)` gives `m / 10^s == value`. Division
/// of two exact numbers rounds correctly, so the decimal `m / 10^s` reads back as the value; below
/// 10^15 no second decimal of 15 digits does, hence it is the shortest one (or that with zeros
/// appended). The other way round, if the shortest decimal has at most `s` decimals and `m` is
/// below 10^15, the product errs by less than a half, so `m` is found.
fn scaled_sums(values: &[f64]) -> Option<Scaled> {
    const BLOCK: usize = 512;
    let mut units = [0.0; BLOCK];
    let mut sums = Vec::with_capacity(values.len() + 1);
    sums.push(0.0);
    let (mut sum, mut largest, mut scale, mut at) = (0.0, 0.0_f64, 0, 0);
    while at < values.len() {
        let block = &values[at..values.len().min(at + BLOCK)];
        let power = POWERS[scale];
        if let Some(block_largest) = scale_block(block, power, &mut units) {
            largest = largest.max(block_largest);
            sums.extend(units[..block.len()].iter().map(|unit| {
                sum += unit;
                sum
            }));
            at += block.len();
        } else {
            let bad = *block.iter().find(|value| unit_of(**value, power).is_none())?;
            scale = (scale + 1..=SCALE_MAX).find(|scale| unit_of(bad, POWERS[*scale]).is_some())?;
            sums.truncate(1);
            (sum, largest, at) = (0.0, 0.0, 0);
        }
    }
    Some(Scaled { power: POWERS[scale], largest, sums })
}

/// Writes `round(value x power)` of each value; the largest magnitude if all of them are exact.
fn scale_block(values: &[f64], power: f64, units: &mut [f64]) -> Option<f64> {
    let mut largest = 0.0_f64;
    let mut exact = true;
    for (unit, value) in units.iter_mut().zip(values) {
        let rounded = round(value * power);
        exact &= rounded / power == *value;
        let magnitude = rounded.abs();
        largest = if magnitude > largest { magnitude } else { largest };
        *unit = rounded;
    }
    (exact && largest < UNITS_MAX).then_some(largest)
}

fn unit_of(value: f64, power: f64) -> Option<f64> {
    let rounded = round(value * power);
    (rounded / power == value && rounded.abs() < UNITS_MAX).then_some(rounded)
}

/// Rounds a value below 2^51 to a whole number, in two additions that vectorise anywhere.
#[inline]
fn round(value: f64) -> f64 {
    (value + ROUND) - ROUND
}

/// Sums whole numbers below 10^15 whose sums pass 2^53.
fn long_sums(values: &[f64], scaled: &Scaled) -> ExactSums {
    #[expect(clippy::cast_possible_truncation, reason = "whole numbers below 10^15")]
    let whole = |number: f64| number as i64;
    let units = values.iter().map(|value| whole(round(value * scaled.power)));
    if scaled.bound(values.len()) < 9e18 {
        let mut sum = 0;
        let sums = std::iter::once(0).chain(units.map(|unit| {
            sum += unit;
            sum
        }));
        return ExactSums::I64 { sums: sums.collect() };
    }
    i128_sums(units.map(i128::from), i128::from(whole(scaled.largest)))
}

/// Sums shortest decimals of any size.
fn wide_sums(values: &[f64]) -> ExactSums {
    let decimals: Vec<Decimal> = values.iter().map(|value| Decimal::shortest(*value)).collect();
    if values.iter().all(|value| value.is_finite()) {
        let scale = decimals.iter().map(|d| d.exponent.saturating_neg()).max().unwrap_or(0).max(0);
        let units: Option<Vec<i128>> =
            decimals.iter().map(|d| d.at_scale(scale.unsigned_abs())).collect();
        if let Some(units) = units {
            let largest = units.iter().map(|unit| unit.abs()).max().unwrap_or(0);
            let count = i128::try_from(units.len() + 1).unwrap_or(i128::MAX);
            if largest.checked_mul(count).is_some_and(|bound| bound < 1 << 126) {
                return i128_sums(units.into_iter(), largest);
            }
        }
    }
    let mut count = 0;
    let gaps = std::iter::once(0).chain(values.iter().map(|value| {
        count += u32::from(!value.is_finite());
        count
    }));
    ExactSums::Digits { gaps: gaps.collect(), decimals }
}

fn i128_sums(units: impl Iterator<Item = i128>, largest: i128) -> ExactSums {
    let mut sum = 0;
    let sums = std::iter::once(0).chain(units.map(|unit| {
        sum += unit;
        sum
    }));
    let sums: Vec<i128> = sums.collect();
    #[expect(clippy::cast_precision_loss, reason = "the nearest is what is wanted")]
    let near: Vec<f64> = sums.iter().map(|sum| *sum as f64).collect();
    let reach = near.iter().fold(0.0_f64, |reach, sum| reach.max(sum.abs()));
    ExactSums::I128 { largest, sums, near, reach }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shortest_decimals_are_what_a_person_would_write() {
        #[track_caller]
        fn check(value: f64, units: i64, exponent: i32) {
            assert_eq!(Decimal::shortest(value), Decimal { units, exponent });
        }
        check(10.1, 101, -1);
        check(-0.001, -1, -3);
        check(1e300, 1, 300);
        check(5e-324, 5, -324);
        check(0.1 + 0.2, 30_000_000_000_000_004, -17);
        check(-0.0, 0, 0);
        check(f64::NAN, 0, 0);
    }

    #[test]
    fn the_narrowest_tier_that_fits_is_taken() {
        let cents = [10.1, 0.01, 250.0];
        match ExactSums::of(&cents) {
            ExactSums::F64 { largest, sums } => {
                assert_eq!(largest, 25_000.0);
                assert_eq!(sums, [0.0, 1_010.0, 1_011.0, 26_011.0]);
            }
            other => panic!("{other:?}"),
        }
        let coins = vec![60_000.123_456_78; 2_000];
        assert!(matches!(ExactSums::of(&coins), ExactSums::I64 { .. }));
        assert!(matches!(ExactSums::of(&[0.1 + 0.2, 1.0]), ExactSums::I128 { .. }));
        assert!(matches!(ExactSums::of(&[1e300, 1e-300]), ExactSums::Digits { .. }));
        assert!(matches!(ExactSums::of(&[1.0, f64::NAN]), ExactSums::Digits { .. }));
        assert_eq!(ExactSums::of(&[]).len(), 0);
    }

    #[test]
    fn a_finer_value_late_in_the_series_rescales_all_of_it() {
        let mut values = vec![1.5; 2_000];
        values[1_700] = 0.000_001;
        match ExactSums::of(&values) {
            ExactSums::F64 { sums, .. } => assert_eq!(sums[2_000], 1_999.0 * 1_500_000.0 + 1.0),
            other => panic!("{other:?}"),
        }
    }
}
