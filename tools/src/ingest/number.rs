//! Decimal text to `f64`, correctly rounded.
//!
//! Prices and volumes are short: up to 19 digits with a point. Their digits make one integer, and
//! when that integer and the power of ten below it are both exact in `f64`, a single division rounds
//! once and is therefore correct. Anything else takes the general parser.

/// What the text of a number field holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Number {
    /// A finite number.
    Value(f64),
    /// Nothing, or a word for nothing: `nan`, `na`, `n/a`, `null`, `none`, `-`.
    Missing,
    /// An infinity, or digits beyond the range of `f64`.
    NotFinite,
    /// Something else.
    Unparsable,
}

/// Integers up to this are exact in `f64`.
const EXACT_INTEGER_MAX: u64 = 1 << 53;

/// Powers of ten that are exact in `f64`.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

/// More digits than this may overflow the 64 bits of the mantissa.
const DIGITS_MAX: usize = 19;

/// Reads `[-]digits[.digits]` at `at` and returns the value and the place after it, or `None` when
/// the text there is anything but such a number of at most 19 digits that one division gets right.
/// The byte after the number is not looked at.
#[inline]
pub(crate) fn leading(bytes: &[u8], at: usize) -> Option<(f64, usize)> {
    if let Some((eight, _)) = bytes.get(at..)?.split_first_chunk::<8>()
        && let Some((mantissa, scale, len)) = within_eight(u64::from_le_bytes(*eight))
    {
        return Some((scaled(mantissa, scale), at + len));
    }
    digit_by_digit(bytes, at)
}

/// Reads `digits[.digits]` that ends within eight bytes, without a loop: mantissa, scale and length.
/// The first byte of the text is the lowest of the word.
#[inline]
fn within_eight(word: u64) -> Option<(u64, usize, usize)> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    // Digits become 0 to 9; in all other bytes the sum reaches the high bit, or it is set already.
    let digits = word ^ (ONES * 0x30);
    let others = (((digits & (ONES * 0x7f)) + ONES * 0x76) | digits) & (ONES * 0x80);
    let place = |mask: u64| mask.trailing_zeros() & !7;
    let first = place(others);
    if first == 0 || others == 0 {
        return None;
    }
    let (packed, count, scale, len) = if (word >> first) & 0xff == u64::from(b'.') {
        let rest = others & (others - 1);
        if rest == 0 {
            return None;
        }
        let end = place(rest);
        // The digits behind the point move over it.
        let whole = digits & ((1 << first) - 1);
        let packed = whole | (digits >> first >> 8) << first;
        (packed, end - 8, end - first - 8, end)
    } else {
        (digits, first, 0, first)
    };
    // Digits move to the high end, zeros before them; then pairs, fours and eights are added up.
    let aligned = packed << (64 - count);
    let pairs = aligned.wrapping_mul(10).wrapping_add(aligned >> 8);
    let high = (pairs & 0xff_0000_00ff).wrapping_mul(100 + (1_000_000 << 32));
    let low = ((pairs >> 16) & 0xff_0000_00ff).wrapping_mul(1 + (10_000 << 32));
    let mantissa = high.wrapping_add(low) >> 32;
    let bytes = |bits: u32| usize::try_from(bits / 8).unwrap_or(0);
    Some((mantissa, bytes(scale), bytes(len)))
}

/// [`leading`] for what does not end within eight bytes, for negative numbers, and for the last bytes.
#[inline(never)]
fn digit_by_digit(bytes: &[u8], at: usize) -> Option<(f64, usize)> {
    let mut text = bytes.get(at..)?;
    let len = text.len();
    let negative = text.first() == Some(&b'-');
    if negative {
        text = text.get(1..)?;
    }
    let before = text.len();
    let mut mantissa = 0u64;
    while let [byte, rest @ ..] = text {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(digit));
        text = rest;
    }
    let mut digits = before - text.len();
    let mut scale = 0;
    if let [b'.', rest @ ..] = text {
        text = rest;
        let before = text.len();
        while let [byte, rest @ ..] = text {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                break;
            }
            mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(digit));
            text = rest;
        }
        scale = before - text.len();
        digits += scale;
    }
    if digits == 0 || digits > DIGITS_MAX || mantissa > EXACT_INTEGER_MAX {
        return None;
    }
    let mut value = scaled(mantissa, scale);
    if negative {
        value = -value;
    }
    Some((value, at + len - text.len()))
}

/// `mantissa` / 10^`scale` for a mantissa up to 2^53 and a scale up to 22: rounded once.
#[expect(clippy::cast_precision_loss, reason = "the mantissa is at most 2^53, hence exact")]
fn scaled(mantissa: u64, scale: usize) -> f64 {
    mantissa as f64 / POWERS.get(scale).copied().unwrap_or(f64::NAN)
}

/// Reads a whole field, spaces around it aside.
pub(crate) fn field(text: &[u8]) -> Number {
    let text = text.trim_ascii();
    if let Some((value, end)) = leading(text, 0)
        && end == text.len()
    {
        return Number::Value(value);
    }
    if is_missing(text) {
        return Number::Missing;
    }
    let unsigned = text.strip_prefix(b"+").or_else(|| text.strip_prefix(b"-")).unwrap_or(text);
    // The general parser also takes words; a field that spells infinity is a known mistake.
    if [&b"inf"[..], b"infinity"].iter().any(|word| unsigned.eq_ignore_ascii_case(word)) {
        return Number::NotFinite;
    }
    if !unsigned.first().is_some_and(|byte| byte.is_ascii_digit() || *byte == b'.') {
        return Number::Unparsable;
    }
    match fast_float2::parse::<f64, _>(text) {
        Ok(value) if value.is_finite() => Number::Value(value),
        Ok(_) => Number::NotFinite,
        Err(_) => Number::Unparsable,
    }
}

/// Whether the text stands for an absent value.
fn is_missing(text: &[u8]) -> bool {
    const WORDS: [&[u8]; 8] = [b"nan", b"na", b"n/a", b"#n/a", b"null", b"none", b"-", b"<na>"];
    text.is_empty() || WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// `unscaled` / 10^`scale`: exact where `f64` can be, else as the decimal text would round.
pub(crate) fn decimal(unscaled: i128, scale: u32) -> f64 {
    let magnitude = unscaled.unsigned_abs();
    let exact = u64::try_from(magnitude).ok().filter(|&mantissa| mantissa <= EXACT_INTEGER_MAX);
    if let Some(mantissa) = exact
        && let Ok(scale) = usize::try_from(scale)
        && scale < POWERS.len()
    {
        let value = scaled(mantissa, scale);
        return if unscaled < 0 { -value } else { value };
    }
    format!("{unscaled}e-{scale}").parse().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_fields_hold() {
        let cases: &[(&str, Number)] = &[
            ("1", Number::Value(1.0)),
            ("0.1", Number::Value(0.1)),
            ("-2.50", Number::Value(-2.5)),
            ("+3", Number::Value(3.0)),
            (" 7 ", Number::Value(7.0)),
            (".5", Number::Value(0.5)),
            ("5.", Number::Value(5.0)),
            ("1e3", Number::Value(1000.0)),
            ("2.5E-3", Number::Value(0.0025)),
            ("4.1866628038131234567890", Number::Value(4.186_662_803_813_124)),
            ("18446744073709551616", Number::Value(18_446_744_073_709_551_616.0)),
            ("9007199254740993", Number::Value(9_007_199_254_740_992.0)),
            ("", Number::Missing),
            ("  ", Number::Missing),
            ("NaN", Number::Missing),
            ("null", Number::Missing),
            ("N/A", Number::Missing),
            ("-", Number::Missing),
            ("inf", Number::NotFinite),
            ("-Infinity", Number::NotFinite),
            ("1e999", Number::NotFinite),
            ("abc", Number::Unparsable),
            ("1,5", Number::Unparsable),
            ("1.2.3", Number::Unparsable),
            ("12abc", Number::Unparsable),
            ("--1", Number::Unparsable),
            (".", Number::Unparsable),
            ("$5", Number::Unparsable),
        ];
        for (text, expected) in cases {
            assert_eq!(field(text.as_bytes()), *expected, "`{text}`");
        }
    }

    #[test]
    fn leading_stops_behind_the_number() {
        assert_eq!(leading(b"x12.25,7", 1), Some((12.25, 6)));
        assert_eq!(leading(b"12", 0), Some((12.0, 2)));
        assert_eq!(leading(b",", 0), None);
        assert_eq!(leading(b"", 0), None);
        assert_eq!(leading(b"12345678901234567890", 0), None);
    }

    #[test]
    fn eight_bytes_are_read_as_their_digits() {
        type Case = (&'static [u8; 8], Option<(u64, usize, usize)>);
        let cases: &[Case] = &[
            (b"1,234567", Some((1, 0, 1))),
            (b"250.13,2", Some((25_013, 2, 6))),
            (b"1234567,", Some((1_234_567, 0, 7))),
            (b"12345.7\n", Some((123_457, 1, 7))),
            (b"0.00001,", Some((1, 5, 7))),
            (b"5.,23456", Some((5, 0, 2))),
            (b"1.2.3,45", Some((12, 1, 3))),
            (b"12x34567", Some((12, 0, 2))),
            (b"12\xb034567", Some((12, 0, 2))),
            (b"12345678", None),
            (b"1234.678", None),
            (b",2345678", None),
            (b".5,34567", None),
            (b"-5,34567", None),
        ];
        for (text, expected) in cases {
            let found = within_eight(u64::from_le_bytes(**text));
            assert_eq!(found, *expected, "{}", String::from_utf8_lossy(*text));
        }
    }

    #[test]
    fn decimals_round_as_their_text_does() {
        assert_eq!(decimal(1_234_567, 4), 123.4567);
        assert_eq!(decimal(-5, 1), -0.5);
        assert_eq!(decimal(123_456_789_012_345_678_901, 4), 12_345_678_901_234_567.890_1);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        #[test]
        fn every_decimal_reads_as_the_standard_library_reads_it(
            text in "-?[0-9]{1,22}(\\.[0-9]{0,25})?([eE][+-]?[0-9]{1,2})?",
        ) {
            let expected: f64 = text.parse().unwrap();
            prop_assert_eq!(field(text.as_bytes()), Number::Value(expected));
        }

        #[test]
        fn prices_take_the_short_way(cents in 0u64..100_000_000_000, scale in 0usize..9) {
            let digits = format!("{cents:09}");
            let (whole, fraction) = digits.split_at(digits.len() - scale);
            let text = format!("{whole}.{fraction}");
            let expected: f64 = text.parse().unwrap();
            prop_assert_eq!(leading(text.as_bytes(), 0), Some((expected, text.len())));
            // With more text behind it, the way without a loop is taken.
            let longer = format!("{text},9,999,999");
            prop_assert_eq!(leading(longer.as_bytes(), 0), Some((expected, text.len())));
        }

        #[test]
        fn doubles_survive_their_shortest_text(value in proptest::num::f64::NORMAL) {
            prop_assert_eq!(field(format!("{value:?}").as_bytes()), Number::Value(value));
        }
    }
}
