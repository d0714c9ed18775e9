//! The comparison of means against schoolbook arithmetic on written decimals.

use proptest::prelude::*;

use super::{ExactSums, levels};

/// Compares two means by the decimals as Rust writes them: digit by digit, each window summed anew.
fn naive_levels(values: &[f64], fast: usize, slow: usize) -> Vec<u8> {
    let level = |end: usize| {
        let Some(start) = end.checked_sub(slow) else { return 0 };
        let window = &values[start..end];
        if window.iter().any(|value| !value.is_finite()) {
            return 0;
        }
        // 400 places before and 400 after the point hold every f64.
        let mut difference = vec![0_i128; 800];
        for (at, value) in window.iter().enumerate() {
            let weight =
                if at + fast >= slow { slow as i128 - fast as i128 } else { -(fast as i128) };
            for (place, digit) in digits(*value) {
                difference[place] += weight * digit;
            }
        }
        for place in 0..799 {
            let carry = difference[place].div_euclid(10);
            difference[place] -= carry * 10;
            difference[place + 1] += carry;
        }
        u8::from(difference[799] >= 0 && difference.iter().any(|digit| *digit != 0))
    };
    (1..=values.len()).map(level).collect()
}

/// Signed digits of the shortest decimal, with their places; place 400 is the ones.
fn digits(value: f64) -> Vec<(usize, i128)> {
    let text = value.abs().to_string();
    let sign = if value < 0.0 { -1 } else { 1 };
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let digit = |byte: u8| sign * i128::from(byte - b'0');
    let whole = whole.bytes().rev().enumerate().map(|(at, byte)| (400 + at, digit(byte)));
    let fraction = fraction.bytes().enumerate().map(|(at, byte)| (399 - at, digit(byte)));
    whole.chain(fraction).collect()
}

fn check(values: &[f64], fast: usize, slow: usize, tier: Option<&str>) {
    let sums = ExactSums::of(values);
    if let Some(tier) = tier {
        assert!(format!("{sums:?}").starts_with(tier), "{tier}: {values:?}");
    }
    let mut actual = Vec::new();
    levels(&sums, fast, slow, 0..values.len(), &mut actual);
    assert_eq!(actual, naive_levels(values, fast, slow), "{fast} {slow} {values:?}");
    // Any part of the rows, as for a period that starts late, gives the same levels.
    let (start, end) = (values.len() / 3, values.len() - values.len() / 4);
    let mut part = Vec::new();
    levels(&sums, fast, slow, start..end, &mut part);
    assert_eq!(part, actual[start..end]);
}

fn windows() -> impl Strategy<Value = (usize, usize)> {
    (1_usize..12).prop_flat_map(|slow| (1..=slow, Just(slow)))
}

fn cents(value: i64) -> f64 {
    format!("{value}e-2").parse().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Prices of few distinct values, so that a large part of the comparisons are ties.
    #[test]
    fn cents_with_many_ties(
        values in prop::collection::vec(990_i64..1_011, 0..60),
        (fast, slow) in windows(),
    ) {
        let prices: Vec<f64> = values.iter().map(|value| cents(*value)).collect();
        check(&prices, fast, slow, Some("F64"));
        // And by whole cents, without any decimals.
        let mut actual = Vec::new();
        levels(&ExactSums::of(&prices), fast, slow, 0..prices.len(), &mut actual);
        for (at, level) in actual.iter().enumerate() {
            let sum = |window: usize| values[at + 1 - window..=at].iter().sum::<i64>();
            let above = at + 1 >= slow
                && sum(fast) * i64::try_from(slow).unwrap() > sum(slow) * i64::try_from(fast).unwrap();
            prop_assert_eq!(*level, u8::from(above));
        }
    }

    #[test]
    fn decimals_of_mixed_lengths_and_signs(
        values in prop::collection::vec((-20_i64..20, 0_u32..6), 0..40),
        (fast, slow) in windows(),
    ) {
        let values: Vec<f64> =
            values.iter().map(|(units, scale)| format!("{units}e-{scale}").parse().unwrap()).collect();
        check(&values, fast, slow, None);
    }

    /// Fifteen digits: running sums need more than 53 bits.
    #[test]
    fn long_decimals(
        values in prop::collection::vec(prop_oneof![
            Just(600_001_234_567_800_i64), Just(600_001_234_567_801), 0..900_000_000_000_000_i64,
        ], 20..60),
        (fast, slow) in windows(),
    ) {
        let prices: Vec<f64> =
            values.iter().map(|value| format!("{value}e-8").parse().unwrap()).collect();
        check(&prices, fast, slow, None);
    }

    /// Sixteen and seventeen digits, as adjusted prices have them.
    #[test]
    fn results_of_floating_point(
        values in prop::collection::vec(prop_oneof![
            Just(0.1 + 0.2), Just(0.3), 1.0..100.0_f64, (1_i64..500).prop_map(|n| cents(n) * 0.97),
        ], 0..40),
        (fast, slow) in windows(),
    ) {
        check(&values, fast, slow, None);
    }

    /// Every bit pattern: subnormals, 1e308, NaN, infinities, and ties among them.
    #[test]
    fn any_floats_at_all(
        values in prop::collection::vec(prop_oneof![
            any::<u64>().prop_map(f64::from_bits), Just(f64::MAX), Just(5e-324), Just(-5e-324),
            Just(0.0), Just(f64::NAN), Just(1e300), Just(-1e300),
        ], 0..30),
        (fast, slow) in windows(),
    ) {
        check(&values, fast, slow, None);
    }
}

#[test]
fn each_tier_decides_ties_and_near_ties() {
    // Equal means that floating-point running sums tell apart: 0.1 + 0.2 against 0.3.
    check(&[0.1, 0.2, 0.3, 0.2, 0.1, 0.3], 1, 3, Some("F64"));
    // One unit in the fifteenth digit.
    let long = 60_000_123_456.780_1;
    let more = 60_000_123_456.780_2;
    let mut values = vec![long; 20];
    values.extend([more, long, long, more, more]);
    check(&values, 2, 5, Some("I64"));
    check(&values[15..], 2, 5, Some("F64"));
    check(&[0.1 + 0.2, 0.3, 0.3, 0.1 + 0.2, 0.3, 0.3], 1, 2, Some("I128"));
    check(&[1e300, 1e300, 1e300, 1e-300, 1e300, 1e300], 1, 2, Some("Digits"));
    check(&[1.0, 2.0, f64::NAN, 4.0, 5.0, 6.0, 7.0], 1, 3, Some("Digits"));
}

#[test]
fn products_too_large_for_the_fast_path_stay_exact() {
    // Sums fit 53 bits, sums times windows do not.
    let mut values: Vec<f64> = vec![20_000_000_000.01; 4_000];
    values[3_000] = 20_000_000_000.02;
    values[3_500] = 20_000_000_000.0;
    let sums = ExactSums::of(&values);
    assert!(matches!(sums, ExactSums::F64 { .. }));
    let mut actual = Vec::new();
    levels(&sums, 1_500, 3_000, 0..4_000, &mut actual);
    let units: Vec<i128> = values.iter().map(|value| hundredths(*value)).collect();
    for (at, level) in actual.iter().enumerate().skip(2_999) {
        let sum = |window: usize| units[at + 1 - window..=at].iter().sum::<i128>();
        assert_eq!(*level, u8::from(sum(1_500) * 3_000 > sum(3_000) * 1_500), "{at}");
    }
    assert!(actual.contains(&1));
}

/// The value in hundredths, read off its digits.
fn hundredths(value: f64) -> i128 {
    format!("{value:.2}").replace('.', "").parse().unwrap()
}

#[test]
fn i128_sums_whose_products_overflow_fall_back_to_digits() {
    // Units near 10^36: times 10 x 11 they pass 2^126.
    let mut values: Vec<f64> = vec![1e16 + 2.0; 14];
    values[3] = 1.2345e-16;
    values[9] = 2e16;
    check(&values, 10, 11, Some("I128"));
    check(&values, 1, 11, Some("I128"));
}
