//! [`Instant`]: a moment as people write it.

use std::fmt;

/// A moment: nanoseconds since 1970-01-01 00:00 UTC, shown as a date, with the time of day where it is not midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(pub i64);

const SECOND: i64 = 1_000_000_000;
const DAY: i64 = 86_400 * SECOND;

impl Instant {
    /// Returns the second that the moment lies in.
    #[must_use]
    pub fn second(self) -> Self {
        Self(self.0.saturating_sub(self.0.rem_euclid(SECOND)))
    }

    /// Reads `2026-11-25`, `2026-11-25T12:00`, `2026-11-25T12:00:30` or `2026-11-25T12:00:30.25`, in UTC, a `Z` behind it or
    /// not. A date alone is its last nanosecond, and a time without a fraction that of its second: what is asked for as of a
    /// day, or of a time to the second, includes all of it.
    pub fn parse(text: &str) -> Option<Self> {
        let (date, time) = match text.split_once('T') {
            Some((date, time)) => (date, Some(time.strip_suffix('Z').unwrap_or(time))),
            None => (text, None),
        };
        let mut fields = date.split('-');
        let (year, month, day) = (fields.next()?, fields.next()?, fields.next()?);
        if fields.next().is_some() {
            return None;
        }
        let (year, month, day) = (number(year, 4)?, number(month, 2)?, number(day, 2)?);
        let days = days_from_civil(year, month, day)?;
        let within = match time {
            None => DAY - 1,
            Some(time) => time_of_day(time)?,
        };
        days.checked_mul(DAY)?.checked_add(within).map(Self)
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, within) = (self.0.div_euclid(DAY), self.0.rem_euclid(DAY));
        let (year, month, day) = civil_from_days(days);
        write!(f, "{year:04}-{month:02}-{day:02}")?;
        if within == 0 {
            return Ok(());
        }
        let (seconds, nanos) = (within / SECOND, within % SECOND);
        write!(f, "T{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)?;
        if nanos > 0 {
            write!(f, ".{nanos:09}")?;
        }
        f.write_str("Z")
    }
}

/// Reads a number of exactly so many digits.
fn number(text: &str, digits: usize) -> Option<i64> {
    let all_digits = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    if all_digits { text.parse().ok() } else { None }
}

fn time_of_day(text: &str) -> Option<i64> {
    let mut fields = text.split(':');
    let (hour, minute) = (number(fields.next()?, 2)?, number(fields.next()?, 2)?);
    let (second, within) = match fields.next() {
        None => (0, SECOND - 1),
        Some(text) => match text.split_once('.') {
            None => (number(text, 2)?, SECOND - 1),
            Some((second, fraction)) => (number(second, 2)?, nanoseconds(fraction)?),
        },
    };
    let possible = hour < 24 && minute < 60 && second < 60 && fields.next().is_none();
    possible.then_some(((hour * 60 + minute) * 60 + second) * SECOND + within)
}

/// Reads one to nine digits behind the point of a second.
fn nanoseconds(fraction: &str) -> Option<i64> {
    let missing = 9_usize.checked_sub(fraction.len())?;
    let scale = 10_i64.pow(u32::try_from(missing).ok()?);
    number(fraction, fraction.len()).map(|digits| digits * scale)
}

/// Returns the days from 1970-01-01 to a date of the proleptic Gregorian calendar, if there is such a date.
fn days_from_civil(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let len = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=len).contains(&day) {
        return None;
    }
    // Years begin in March, so that the leap day is the last of its year; 719468 days lie between 0000-03-01 and 1970.
    let year = if month <= 2 { year - 1 } else { year };
    let from_march = (month + 9) % 12;
    let day_of_year = (153 * from_march + 2) / 5 + day - 1;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    Some(year * 365 + leap_days + day_of_year - 719_468)
}

/// Returns year, month and day of the date so many days after 1970-01-01.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = (from_march + 2) % 12 + 1;
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_counted_like_a_calendar_on_the_wall() {
        let (mut year, mut month, mut day) = (1896, 1, 1);
        let first = days_from_civil(year, month, day).unwrap();
        for days in first..first + 80_000 {
            assert_eq!(days_from_civil(year, month, day), Some(days));
            assert_eq!(civil_from_days(days), (year, month, day));
            day += 1;
            if days_from_civil(year, month, day).is_none() {
                (month, day) = (month + 1, 1);
            }
            if month == 13 {
                (year, month) = (year + 1, 1);
            }
        }
        assert_eq!(days_from_civil(1970, 1, 1), Some(0));
    }

    #[test]
    fn moments_are_read_and_shown() {
        let shown = |text| Instant::parse(text).map(|instant| instant.to_string());
        assert_eq!(shown("2026-11-25T12:00").as_deref(), Some("2026-11-25T12:00:00.999999999Z"));
        assert_eq!(
            shown("2026-11-25T12:00:30Z").as_deref(),
            Some("2026-11-25T12:00:30.999999999Z")
        );
        assert_eq!(
            shown("2026-11-25T12:00:30.25").as_deref(),
            Some("2026-11-25T12:00:30.250000000Z")
        );
        assert_eq!(shown("2026-11-25T12:00:30.0Z").as_deref(), Some("2026-11-25T12:00:30Z"));
        assert_eq!(shown("2026-11-25T00:00:00.0").as_deref(), Some("2026-11-25"));
        // What is shown reads back as the same moment.
        for ns in [1_767_225_600_123_456_789, -1, 1] {
            assert_eq!(Instant::parse(&Instant(ns).to_string()), Some(Instant(ns)));
        }
        assert_eq!(shown("2026-11-25").as_deref(), Some("2026-11-25T23:59:59.999999999Z"));
        assert_eq!(Instant(-1).to_string(), "1969-12-31T23:59:59.999999999Z");
        assert_eq!(Instant(i64::MIN).to_string(), "1677-09-21T00:12:43.145224192Z");
        for text in [
            "",
            "2026",
            "2026-13-01",
            "2026-02-29",
            "26-11-25",
            "2026-11-25T24:00",
            "2026-11-25T1:00",
            "2026-11-25T",
            "2026-11-25T12:00:30.",
            "2026-11-25T12:00:30.1234567890",
            "2026-11-25T12:00:30.+1",
            "9999-01-01",
            "20261125",
        ] {
            assert_eq!(Instant::parse(text), None, "{text}");
        }
        assert!(Instant::parse("2024-02-29").is_some());
    }
}
