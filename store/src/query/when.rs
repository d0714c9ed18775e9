//! [`When`]: dates and instants as people write them.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

const NANOS_PER_DAY: i64 = 86_400_000_000_000;

/// A stretch of time as written: an instant, or a whole day, month or year of UTC.
///
/// ```
/// let month: barrow_store::query::When = "1970-02".parse()?;
/// assert_eq!(month.first_ns, 31 * 86_400_000_000_000);
/// assert_eq!(month.last_ns, 59 * 86_400_000_000_000 - 1);
/// # Ok::<(), barrow_store::query::NotAnInstant>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct When {
    /// First nanosecond of it.
    pub first_ns: i64,
    /// Last nanosecond of it.
    pub last_ns: i64,
}

/// The text names no date or time.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "no date or time: write `2012-01-03`, `2012-01`, `2012`, or `2012-01-03T14:30:00Z` \
     (UTC without an offset)"
)]
pub struct NotAnInstant;

impl std::str::FromStr for When {
    type Err = NotAnInstant;

    fn from_str(text: &str) -> Result<Self, NotAnInstant> {
        parse(text).ok_or(NotAnInstant)
    }
}

fn parse(text: &str) -> Option<When> {
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if text.len() == 4 && digits(text) {
        let first = Date::new(text.parse().ok()?, 1, 1).ok()?;
        return days(first, first.last_of_year());
    }
    if let Some((year, month)) = text.split_once('-')
        && year.len() == 4
        && month.len() == 2
        && digits(year)
        && digits(month)
    {
        let first = Date::new(year.parse().ok()?, month.parse().ok()?, 1).ok()?;
        return days(first, first.last_of_month());
    }
    let is_date = match text.len() {
        8 => digits(text),
        10 => text.bytes().filter(|byte| *byte == b'-').count() == 2,
        _ => false,
    };
    if is_date {
        let date = text.parse::<Date>().ok()?;
        return days(date, date);
    }
    let timestamp = text.parse::<Timestamp>().ok().or_else(|| {
        let naive = text.parse::<DateTime>().ok()?;
        TimeZone::UTC.to_timestamp(naive).ok()
    })?;
    let ns = i64::try_from(timestamp.as_nanosecond()).ok()?;
    Some(When { first_ns: ns, last_ns: ns })
}

fn days(first: Date, last: Date) -> Option<When> {
    let midnight = |date: Date| -> Option<i64> {
        let zoned: Zoned = date.to_zoned(TimeZone::UTC).ok()?;
        i64::try_from(zoned.timestamp().as_nanosecond()).ok()
    };
    Some(When {
        first_ns: midnight(first)?,
        last_ns: midnight(last)?.checked_add(NANOS_PER_DAY - 1)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, first: &str, last: &str) {
        let when: When = text.parse().unwrap_or_else(|error| panic!("{error}"));
        let shown = |ns: i64| Timestamp::from_nanosecond(ns.into()).unwrap().to_string();
        assert_eq!(
            (shown(when.first_ns), shown(when.last_ns)),
            (first.into(), last.into()),
            "{text}"
        );
    }

    #[test]
    fn dates_are_whole_days_and_instants_are_instants() {
        check("2012-01-03", "2012-01-03T00:00:00Z", "2012-01-03T23:59:59.999999999Z");
        check("20120103", "2012-01-03T00:00:00Z", "2012-01-03T23:59:59.999999999Z");
        check("2012-02", "2012-02-01T00:00:00Z", "2012-02-29T23:59:59.999999999Z");
        check("1969", "1969-01-01T00:00:00Z", "1969-12-31T23:59:59.999999999Z");
        check("2012-01-03T14:30", "2012-01-03T14:30:00Z", "2012-01-03T14:30:00Z");
        check("2012-01-03 14:30:00.5", "2012-01-03T14:30:00.5Z", "2012-01-03T14:30:00.5Z");
        check("2012-01-03T14:30:00-05:00", "2012-01-03T19:30:00Z", "2012-01-03T19:30:00Z");
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in ["", "yesterday", "2012-13-01", "2012-02-30", "2012-1-3", "20121", "9999", "12"]
        {
            assert!(text.parse::<When>().is_err(), "{text}");
        }
    }
}
