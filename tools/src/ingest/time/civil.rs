//! Dates, times of day, and the day number that both become.

/// Nanoseconds of a day.
pub(crate) const DAY_NS: i64 = 86_400_000_000_000;

/// Years whose every instant fits into 64 bits of nanoseconds since 1970.
const YEARS: std::ops::RangeInclusive<i64> = 1678..=2261;

/// A time as it was written, before its zone is applied.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Civil {
    /// Days since 1970-01-01.
    pub(crate) days: i64,
    /// Nanoseconds since midnight.
    pub(crate) nanos: i64,
    /// Seconds east of UTC, where the text says so.
    pub(crate) offset: Option<i64>,
}

impl Civil {
    pub(crate) fn date(days: i64) -> Self {
        Self { days, nanos: 0, offset: None }
    }

    /// Nanoseconds since the epoch as if the wall clock showed UTC.
    pub(crate) fn as_if_utc(self) -> Option<i64> {
        self.days.checked_mul(DAY_NS)?.checked_add(self.nanos)
    }

    /// Splits an instant.
    pub(crate) fn of_instant(ns: i64) -> Self {
        Self { days: ns.div_euclid(DAY_NS), nanos: ns.rem_euclid(DAY_NS), offset: Some(0) }
    }
}

/// Days from 1970-01-01 to a date of the proleptic Gregorian calendar, or `None` when there is no
/// such date or its nanoseconds would not fit.
pub(crate) fn days_from_date(year: i64, month: i64, day: i64) -> Option<i64> {
    if !YEARS.contains(&year) || !(1..=12).contains(&month) {
        return None;
    }
    if day < 1 || day > days_in_month(year, month) {
        return None;
    }
    // Years that begin in March put the leap day last (H. Hinnant, "chrono-compatible date
    // algorithms").
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let year_of_era = shifted - era * 400;
    let month_of_year = (month + 9) % 12;
    let day_of_year = (153 * month_of_year + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * 146_097 + day_of_era - 719_468)
}

/// Days of a month of the Gregorian calendar.
pub(crate) fn days_in_month(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The number that ASCII digits spell, at most 18 of them.
#[inline]
pub(crate) fn digits(text: &[u8]) -> Option<i64> {
    if text.is_empty() || text.len() > 18 {
        return None;
    }
    let mut value = 0i64;
    for byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + i64::from(digit);
    }
    Some(value)
}

/// Days of `YYYYMMDD`.
pub(crate) fn compact_days(text: [u8; 8]) -> Option<i64> {
    days_from_date(digits(&text[..4])?, digits(&text[4..6])?, digits(&text[6..])?)
}

/// Nanoseconds since midnight of `H:MM`, `HH:MM[:SS[.fraction]]`, `HHMM`, `HHMMSS`, each with
/// an optional ` AM` or ` PM`.
pub(crate) fn time_of_day(text: &[u8]) -> Option<i64> {
    let text = text.trim_ascii();
    let (text, afternoon) = match text {
        [clock @ .., b'A' | b'a', b'M' | b'm'] => (clock.trim_ascii_end(), Some(false)),
        [clock @ .., b'P' | b'p', b'M' | b'm'] => (clock.trim_ascii_end(), Some(true)),
        _ => (text, None),
    };
    let (clock, fraction) = match text.iter().position(|&byte| byte == b'.' || byte == b',') {
        Some(at) => (&text[..at], fraction_ns(&text[at + 1..])?),
        None => (text, 0),
    };
    let (mut hour, minute, second) = match clock.split(|&byte| byte == b':').collect::<Vec<_>>()[..]
    {
        [hour, minute] => (two(hour)?, two(minute)?, 0),
        [hour, minute, second] => (two(hour)?, two(minute)?, two(second)?),
        [all] if all.len() == 4 => (digits(&all[..2])?, digits(&all[2..])?, 0),
        [all] if all.len() == 6 => (digits(&all[..2])?, digits(&all[2..4])?, digits(&all[4..])?),
        _ => return None,
    };
    if let Some(afternoon) = afternoon {
        if !(1..=12).contains(&hour) {
            return None;
        }
        hour = hour % 12 + if afternoon { 12 } else { 0 };
    }
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    Some(((hour * 60 + minute) * 60 + second) * 1_000_000_000 + fraction)
}

/// One or two digits.
fn two(text: &[u8]) -> Option<i64> {
    if text.len() > 2 { None } else { digits(text) }
}

/// Nanoseconds of the digits behind a second's point; digits beyond the ninth must be zero.
pub(crate) fn fraction_ns(text: &[u8]) -> Option<i64> {
    let (kept, beyond) = text.split_at(text.len().min(9));
    if beyond.iter().any(|&byte| byte != b'0') {
        return None;
    }
    let scale = u32::try_from(9 - kept.len()).ok()?;
    Some(digits(kept)? * 10i64.pow(scale))
}

/// Seconds east of UTC of `Z`, `+HH`, `+HHMM`, `+HH:MM`; `UTC` and `GMT` too.
pub(crate) fn utc_offset(text: &[u8]) -> Option<i64> {
    let (sign, rest) = match text {
        b"Z" | b"z" | b"UTC" | b"GMT" => return Some(0),
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = match *rest {
        [a, b] => (digits(&[a, b])?, 0),
        [a, b, c, d] | [a, b, b':', c, d] => (digits(&[a, b])?, digits(&[c, d])?),
        _ => return None,
    };
    if hours > 18 || minutes > 59 {
        return None;
    }
    Some(sign * (hours * 3600 + minutes * 60))
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_of_day() {
        let second = 1_000_000_000;
        let cases: &[(&str, Option<i64>)] = &[
            ("00:00", Some(0)),
            ("9:05", Some(32_700 * second)),
            ("09:05:30", Some(32_730 * second)),
            ("09:05:30.25", Some(32_730 * second + 250_000_000)),
            ("23:59:59.999999999", Some(86_400 * second - 1)),
            ("093000", Some(34_200 * second)),
            ("1600", Some(57_600 * second)),
            ("4:00 PM", Some(57_600 * second)),
            ("12:00 AM", Some(0)),
            ("12:30PM", Some(45_000 * second)),
            ("24:00", None),
            ("13:00 PM", None),
            ("12:60", None),
            ("930", None),
            ("", None),
            ("ab:cd", None),
        ];
        for (text, expected) in cases {
            assert_eq!(time_of_day(text.as_bytes()), *expected, "`{text}`");
        }
    }

    #[test]
    fn offsets() {
        assert_eq!(utc_offset(b"Z"), Some(0));
        assert_eq!(utc_offset(b"+00:00"), Some(0));
        assert_eq!(utc_offset(b"-0500"), Some(-18_000));
        assert_eq!(utc_offset(b"+05:30"), Some(19_800));
        assert_eq!(utc_offset(b"+5"), None);
        assert_eq!(utc_offset(b"EST"), None);
    }

    #[test]
    fn dates_that_do_not_exist() {
        assert_eq!(days_from_date(1970, 1, 1), Some(0));
        assert_eq!(days_from_date(2001, 2, 29), None);
        assert_eq!(days_from_date(2000, 2, 29), Some(11_016));
        assert_eq!(days_from_date(2000, 13, 1), None);
        assert_eq!(days_from_date(1600, 1, 1), None);
        assert_eq!(days_from_date(2000, 1, 0), None);
    }

    proptest! {
        #[test]
        fn day_numbers_agree_with_a_calendar_library(
            year in 1678i16..=2261, month in 1i8..=12, day in 1i8..=28,
        ) {
            let span = date(1970, 1, 1).until(date(year, month, day)).unwrap();
            let days = days_from_date(year.into(), month.into(), day.into());
            prop_assert_eq!(days, Some(i64::from(span.get_days())));
        }
    }
}
