//! Numbers for people: grouped digits, units, fixed places. Machines get the plain values.

use std::time::Duration;

/// `count` as a float, for rates and shares.
#[expect(clippy::cast_precision_loss, reason = "counts of rows and bytes stay far below 2^53")]
pub(crate) fn float(count: u64) -> f64 {
    count as f64
}

/// [`float`] of a length.
#[expect(clippy::cast_precision_loss, reason = "lengths of slices stay far below 2^53")]
pub(crate) fn float_len(len: usize) -> f64 {
    len as f64
}

/// `1234567` as `1,234,567`.
pub(crate) fn count(value: u64) -> String {
    group(&value.to_string())
}

/// [`count`] of a length.
pub(crate) fn count_len(value: usize) -> String {
    group(&value.to_string())
}

/// `1 asset`, `1,234 assets`.
pub(crate) fn counted(value: u64, noun: &str) -> String {
    format!("{} {noun}{}", count(value), if value == 1 { "" } else { "s" })
}

/// [`counted`] of a length.
pub(crate) fn counted_len(value: usize, noun: &str) -> String {
    format!("{} {noun}{}", count_len(value), if value == 1 { "" } else { "s" })
}

/// Money or another quantity with `places` digits after the point: `1,234,567.89`.
pub(crate) fn fixed(value: f64, places: usize) -> String {
    if !value.is_finite() {
        return plain_special(value);
    }
    let text = format!("{value:.places$}");
    let (sign, digits) = match text.strip_prefix('-') {
        // A value that rounds to zero carries no sign.
        Some(rest) if rest.bytes().any(|byte| (b'1'..=b'9').contains(&byte)) => ("-", rest),
        Some(rest) => ("", rest),
        None => ("", text.as_str()),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{sign}{}{point}{fraction}", group(whole))
}

/// A share of one as a percentage with two places: `0.1234` as `12.34%`.
pub(crate) fn percent(value: f64) -> String {
    if value.is_finite() { format!("{}%", fixed(value * 100.0, 2)) } else { plain_special(value) }
}

/// The shortest text that reads back as the same number, digits grouped: for table cells.
pub(crate) fn shortest(value: f64) -> String {
    if !value.is_finite() {
        return plain_special(value);
    }
    if value != 0.0 && !(1e-9..1e18).contains(&value.abs()) {
        return format!("{value:e}");
    }
    let text = value.to_string();
    let (sign, digits) = text.strip_prefix('-').map_or(("", text.as_str()), |rest| ("-", rest));
    match digits.split_once('.') {
        Some((whole, fraction)) => format!("{sign}{}.{fraction}", group(whole)),
        None => format!("{sign}{}", group(digits)),
    }
}

/// A size in binary units: `1.4 MiB`.
pub(crate) fn bytes(value: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if value < 1024 {
        return format!("{value} B");
    }
    let mut scaled = float(value) / 1024.0;
    let mut unit = 0;
    while scaled >= 1024.0 && unit + 1 < UNITS.len() {
        scaled /= 1024.0;
        unit += 1;
    }
    format!("{} {}", three_digits(scaled), UNITS[unit])
}

/// A duration with the unit that suits it: `840 ns`, `12.3 us`, `4.56 ms`, `1.23 s`, `3 min 20 s`.
pub(crate) fn duration(value: Duration) -> String {
    seconds(value.as_secs_f64())
}

/// [`duration`] of a number of seconds.
pub(crate) fn seconds(value: f64) -> String {
    if value >= 120.0 {
        let whole = value.round();
        let minutes = (whole / 60.0).floor();
        return format!("{} min {} s", fixed(minutes, 0), fixed(whole - minutes * 60.0, 0));
    }
    let (scaled, unit) = if value >= 1.0 {
        (value, "s")
    } else if value >= 1e-3 {
        (value * 1e3, "ms")
    } else if value >= 1e-6 {
        (value * 1e6, "us")
    } else {
        (value * 1e9, "ns")
    };
    format!("{} {unit}", three_digits(scaled))
}

/// A quantity a second: `4.2 M rows/s`.
pub(crate) fn rate(amount: f64, seconds: f64, unit: &str) -> String {
    if seconds <= 0.0 {
        return format!("- {unit}/s");
    }
    format!("{}{unit}/s", metric(amount / seconds))
}

/// A magnitude with a decimal prefix and a trailing blank: `1.2 k`, `3.4 M`, `56.7 G`.
fn metric(value: f64) -> String {
    for (limit, prefix) in [(1e9, "G "), (1e6, "M "), (1e3, "k ")] {
        if value >= limit {
            return format!("{} {prefix}", three_digits(value / limit));
        }
    }
    format!("{} ", three_digits(value))
}

/// Three significant digits without an exponent, for values from 0 up to some thousands.
fn three_digits(value: f64) -> String {
    let places = if value >= 99.95 {
        0
    } else if value >= 9.995 {
        1
    } else {
        2
    };
    format!("{value:.places$}")
}

fn plain_special(value: f64) -> String {
    if value.is_nan() {
        "-".to_owned()
    } else if value > 0.0 {
        "inf".to_owned()
    } else {
        "-inf".to_owned()
    }
}

fn group(digits: &str) -> String {
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped_and_signs_kept() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(fixed(-1_234.5, 2), "-1,234.50");
        assert_eq!(fixed(-0.001, 2), "0.00");
        assert_eq!(fixed(999_999.999, 2), "1,000,000.00");
        assert_eq!(fixed(f64::NAN, 2), "-");
        assert_eq!(shortest(-12_345.678), "-12,345.678");
        assert_eq!(shortest(0.1), "0.1");
        assert_eq!(shortest(1e300), "1e300");
    }

    #[test]
    fn units_suit_the_size() {
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(bytes(1024), "1.00 KiB");
        assert_eq!(bytes(1_468_006), "1.40 MiB");
        assert_eq!(seconds(0.000_000_084), "84.0 ns");
        assert_eq!(seconds(0.012_34), "12.3 ms");
        assert_eq!(seconds(59.99), "60.0 s");
        assert_eq!(seconds(200.0), "3 min 20 s");
        assert_eq!(rate(4_200_000.0, 1.0, "rows"), "4.20 M rows/s");
        assert_eq!(percent(-0.123_456), "-12.35%");
    }
}
