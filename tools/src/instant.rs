//! Dates and instants as users write and read them.
//!
//! Timestamps are nanoseconds since the epoch, UTC. A date stands for the whole UTC day, a month and
//! a year for all of it, wherever an end is meant: `--to 2012-01-03` takes in the last bar of that day.

use std::ops::RangeInclusive;

use barrow_engine::{TimeStyle, Timestamp};
pub(crate) use barrow_store::query::When;

use crate::hint::Complaint;

const NANOS_PER_DAY: i64 = 86_400_000_000_000;

/// The stretch that `--from` and `--to` name, both ends taken in.
///
/// # Errors
/// When it ends before it begins.
pub(crate) fn span(from: Option<When>, to: Option<When>) -> Result<RangeInclusive<i64>, Complaint> {
    let first = from.map_or(i64::MIN, |when| when.first_ns);
    let last = to.map_or(i64::MAX, |when| when.last_ns);
    if first > last {
        // A stretch ends with the last nanosecond of its day: the day says it better.
        let day = last - last.rem_euclid(NANOS_PER_DAY);
        let end = if last - day == NANOS_PER_DAY - 1 { day } else { last };
        let (first, end) = (shown(first, true), shown(end, true));
        let message = format!("`--from` begins at {first}, after the end of `--to`, {end}");
        return Err(Complaint::new(message).hint("`--from` is the earlier of the two"));
    }
    Ok(first..=last)
}

/// `ns` as `2012-01-03` when `by_date` and it is a midnight, else as `2012-01-03T14:30:00Z` with as
/// many fractional digits as it has.
pub(crate) fn shown(ns: i64, by_date: bool) -> Timestamp {
    Timestamp::new(ns, if by_date { TimeStyle::Session } else { TimeStyle::Instant })
}

/// An instant that [`shown`] wrote, as tables show it: `2012-01-03 14:30:00`, without what is less than a second.
pub(crate) fn to_the_second(instant: &str) -> String {
    instant.chars().take("2012-01-03 14:30:00".len()).collect::<String>().replace('T', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stretch_does_not_end_before_it_begins() {
        let when = |text: &str| Some(text.parse::<When>().unwrap());
        assert_eq!(span(None, None).unwrap(), i64::MIN..=i64::MAX);
        let day = span(when("1970-01-01"), when("1970-01-01")).unwrap();
        assert_eq!(day, 0..=86_399_999_999_999);
        assert!(span(when("1970-01-02"), when("1970-01-01")).is_err());
        assert!(span(when("1970"), when("1970-01-01T00:00:00Z")).is_ok());
    }

    #[test]
    fn daily_stamps_are_dates() {
        assert_eq!(shown(0, true).to_string(), "1970-01-01");
        assert_eq!(shown(1, true).to_string(), "1970-01-01T00:00:00.000000001Z");
    }
}
