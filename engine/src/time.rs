//! Nanoseconds since the epoch as ISO 8601 text: the one place where a time becomes a string.

use std::fmt;

use serde::{Serialize, Serializer};

/// Nanoseconds in a day of UTC.
pub(crate) const DAY_NS: i64 = 86_400 * SECOND_NS;

const SECOND_NS: i64 = 1_000_000_000;

/// How the times of a result are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeStyle {
    /// `2012-01-03`: bars are labelled with their session, at midnight UTC.
    Session,
    /// `2012-01-03T14:31:00Z`, with as many decimals of a second as are needed.
    Instant,
}

/// A time that displays and serialises in a given style.
///
/// ```
/// use barrow_engine::{TimeStyle, Timestamp};
/// let noon = Timestamp::new(1_325_592_000_000_000_000, TimeStyle::Instant);
/// assert_eq!(noon.to_string(), "2012-01-03T12:00:00Z");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timestamp {
    ns: i64,
    style: TimeStyle,
}

impl Timestamp {
    /// Pairs nanoseconds since 1970-01-01T00:00:00Z with a style. A time that is no midnight is
    /// written as an instant whatever the style, so that text never loses precision.
    pub fn new(ns: i64, style: TimeStyle) -> Timestamp {
        let style = if ns.rem_euclid(DAY_NS) == 0 { style } else { TimeStyle::Instant };
        Timestamp { ns, style }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil_from_days(self.ns.div_euclid(DAY_NS));
        write!(f, "{year:04}-{month:02}-{day:02}")?;
        if self.style == TimeStyle::Session {
            return Ok(());
        }
        let within = self.ns.rem_euclid(DAY_NS);
        let (seconds, fraction) = (within / SECOND_NS, within % SECOND_NS);
        write!(f, "T{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)?;
        if fraction != 0 {
            let digits = format!("{fraction:09}");
            write!(f, ".{}", digits.trim_end_matches('0'))?;
        }
        f.write_str("Z")
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Returns the day `months` calendar months after `day` (both counts of days since 1970-01-01): the
/// same day of the month, or the last of a shorter one.
pub(crate) fn add_months(day: i64, months: u32) -> i64 {
    let (year, month, day_of_month) = civil_from_days(day);
    let months = year * 12 + month - 1 + i64::from(months);
    let first = |months: i64| days_from_civil(months.div_euclid(12), months.rem_euclid(12) + 1, 1);
    let (start, next) = (first(months), first(months + 1));
    (start + day_of_month - 1).min(next - 1)
}

/// Returns the day of the month of a count of days since 1970-01-01, from 1.
pub(crate) fn day_of_month(day: i64) -> i64 {
    civil_from_days(day).2
}

/// The inverse of [`civil_from_days`].
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let shifted_month = (month + 9) % 12;
    let day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Year, month and day of a count of days since 1970-01-01 in the proleptic Gregorian calendar
/// (Howard Hinnant, "chrono-compatible low-level date algorithms").
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_are_added_as_on_a_calendar() {
        for day in (-200_000..200_000).step_by(37) {
            let (year, month, of_month) = civil_from_days(day);
            assert_eq!(days_from_civil(year, month, of_month), day);
        }
        let day = |year, month, day| days_from_civil(year, month, day);
        assert_eq!(add_months(day(2023, 1, 31), 1), day(2023, 2, 28));
        assert_eq!(add_months(day(2024, 1, 31), 1), day(2024, 2, 29));
        assert_eq!(add_months(day(2023, 11, 15), 14), day(2025, 1, 15));
        assert_eq!(add_months(day(2000, 12, 31), 12), day(2001, 12, 31));
    }

    #[track_caller]
    fn check(ns: i64, style: TimeStyle, expected: &str) {
        assert_eq!(Timestamp::new(ns, style).to_string(), expected);
    }

    #[test]
    fn writes_dates_and_instants() {
        check(0, TimeStyle::Session, "1970-01-01");
        check(0, TimeStyle::Instant, "1970-01-01T00:00:00Z");
        check(951_782_400 * SECOND_NS, TimeStyle::Session, "2000-02-29");
        check(-DAY_NS, TimeStyle::Session, "1969-12-31");
        check(1_325_601_060 * SECOND_NS, TimeStyle::Session, "2012-01-03T14:31:00Z");
        check(
            1_325_601_060 * SECOND_NS + 50_000_000,
            TimeStyle::Instant,
            "2012-01-03T14:31:00.05Z",
        );
        check(i64::MAX, TimeStyle::Instant, "2262-04-11T23:47:16.854775807Z");
        check(i64::MIN, TimeStyle::Instant, "1677-09-21T00:12:43.145224192Z");
    }

    #[test]
    fn every_day_follows_the_one_before() {
        let mut previous = civil_from_days(-800_000);
        for days in -799_999..800_000 {
            let (year, month, day) = civil_from_days(days);
            let next_day = (year, month, day) == (previous.0, previous.1, previous.2 + 1);
            let next_month = day == 1 && (year, month) == (previous.0, previous.1 + 1);
            let next_year = (month, day) == (1, 1)
                && year == previous.0 + 1
                && (previous.1, previous.2) == (12, 31);
            assert!(next_day || next_month || next_year, "{previous:?} then {year}-{month}-{day}");
            assert!((1..=31).contains(&day) && (1..=12).contains(&month));
            previous = (year, month, day);
        }
    }
}
