//! Dates and instants as users write and read them.
//!
//! Timestamps are nanoseconds since the epoch, UTC. A date stands for the whole UTC day, a month and
//! a year for all of it, wherever an end is meant: `--to 2012-01-03` takes in the last bar of that day.

use std::ops::RangeInclusive;

use barrow_engine::{TimeStyle, Timestamp};
pub(crate) use barrow_store::query::When;

/// The stretch that `--from` and `--to` name, both ends taken in.
pub(crate) fn span(from: Option<When>, to: Option<When>) -> RangeInclusive<i64> {
    from.map_or(i64::MIN, |when| when.first_ns)..=to.map_or(i64::MAX, |when| when.last_ns)
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
    fn daily_stamps_are_dates() {
        assert_eq!(shown(0, true).to_string(), "1970-01-01");
        assert_eq!(shown(1, true).to_string(), "1970-01-01T00:00:00.000000001Z");
    }
}
