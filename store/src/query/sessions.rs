//! Periods: the stretches of a bundle's calendar that resampling and grouping by time go by.

use std::borrow::Cow;
use std::fmt;

use barrow_format::{Frequency, Schema, Stamp};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

use crate::error::{Error, Result};
use crate::reading::lease::Lease;

const DAY_NS: i64 = 86_400_000_000_000;
const MINUTE_NS: i64 = 60_000_000_000;

/// A length of time that bars are put together to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Period {
    /// A fixed number of nanoseconds, counted from the beginning of each session.
    Step {
        /// The length, above 0 and below a day.
        ns: i64,
    },
    /// A session: a date in the bundle's time zone.
    Session,
    /// Monday to Sunday.
    Week,
    /// A month of the calendar.
    Month,
    /// Three months, from January, April, July or October on.
    Quarter,
    /// A year of the calendar.
    Year,
}

/// The text names no period.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("no period: write `30s`, `5m`, `1h`, `session`, `week`, `month`, `quarter` or `year`")]
pub struct NotAPeriod;

impl std::str::FromStr for Period {
    type Err = NotAPeriod;

    fn from_str(text: &str) -> Result<Self, NotAPeriod> {
        match text {
            "session" | "day" | "1d" => return Ok(Self::Session),
            "week" | "1w" => return Ok(Self::Week),
            "month" => return Ok(Self::Month),
            "quarter" => return Ok(Self::Quarter),
            "year" => return Ok(Self::Year),
            _ => {}
        }
        let ns = duration_ns(text).filter(|ns| (1..DAY_NS).contains(ns));
        ns.map(|ns| Self::Step { ns }).ok_or(NotAPeriod)
    }
}

/// Reads a length of time: a whole number and one of `ns`, `us`, `ms`, `s`, `m`, `h`, `d`.
///
/// ```
/// use barrow_store::query::duration_ns;
/// assert_eq!(duration_ns("90m"), Some(5_400_000_000_000));
/// assert_eq!(duration_ns("soon"), None);
/// ```
pub fn duration_ns(text: &str) -> Option<i64> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let unit = match unit {
        "ns" => 1,
        "us" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" | "min" => MINUTE_NS,
        "h" => 60 * MINUTE_NS,
        "d" => DAY_NS,
        _ => return None,
    };
    number.parse::<i64>().ok()?.checked_mul(unit)
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Step { ns } => Frequency::Intraday { step_ns: *ns }.fmt(f),
            Self::Session => f.write_str("session"),
            Self::Week => f.write_str("week"),
            Self::Month => f.write_str("month"),
            Self::Quarter => f.write_str("quarter"),
            Self::Year => f.write_str("year"),
        }
    }
}

impl Lease {
    /// Returns the sessions in which the bundle has bars, ascending: midnight UTC of each date in the bundle's time zone, in
    /// nanoseconds. Of daily bars they are the calendar itself; of finer ones sessions begin at local midnight, and finding them
    /// takes two searches of the calendar each.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownTimeZone`], of finer bars; [`Error::Corrupt`] when the calendar is damaged.
    pub fn sessions(&self) -> Result<Cow<'_, [i64]>> {
        if self.schema().stamp() == Stamp::Session {
            return self.timestamps().map(Cow::Borrowed);
        }
        let periods =
            Periods::of_bundle(Period::Session, self.schema(), (self, 0), self.timestamps()?);
        Ok(Cow::Owned(periods?.labels))
    }
}

/// The periods in which a bundle has bars, in order.
#[derive(Clone, Debug)]
pub(crate) struct Periods {
    /// The timestamp at which each one's bars end: that of its last bar is before it.
    pub(super) uppers: Vec<i64>,
    /// The timestamp that stands for each, ascending.
    pub(super) labels: Vec<i64>,
    /// Whether the labels are dates.
    pub(super) by_date: bool,
}

impl Periods {
    /// The periods of a calendar whose timestamps mean what the schema says: of a bundle, or of what was resampled from it.
    /// Sessions begin so long after local midnight.
    pub(super) fn of_bundle(
        period: Period,
        schema: &Schema,
        (lease, session_start_ns): (&Lease, i64),
        calendar: &[i64],
    ) -> Result<Self> {
        let made = Self::of(period, schema, session_start_ns, calendar);
        made.ok_or_else(|| Error::UnknownTimeZone {
            name: schema.time_zone().to_owned(),
            bundle: lease.name().to_owned(),
        })
    }

    /// The periods of a calendar, or `None` when the schema's time zone is unknown. Takes two searches a period.
    fn of(
        period: Period,
        schema: &Schema,
        session_start_ns: i64,
        calendar: &[i64],
    ) -> Option<Self> {
        let clock = Clock::of(schema, session_start_ns)?;
        let sessions = clock.sessions(calendar);
        let by_date = !matches!(period, Period::Step { .. });
        let mut made = Self { uppers: Vec::new(), labels: Vec::new(), by_date };
        match period {
            Period::Step { ns } => {
                for session in &sessions {
                    clock.steps(ns, session, &calendar[session.first..session.end], &mut made);
                }
            }
            Period::Session => made.join(&sessions, |day| day),
            // The first of January 1970 was a Thursday.
            Period::Week => made.join(&sessions, |day| (day + 3).div_euclid(7)),
            Period::Month => made.join(&sessions, month),
            Period::Quarter => made.join(&sessions, |day| month(day).div_euclid(3)),
            Period::Year => made.join(&sessions, |day| month(day).div_euclid(12)),
        }
        Some(made)
    }

    /// Adds one period for each run of sessions of one key: it ends with the last one and is called by its date.
    fn join(&mut self, sessions: &[Session], key: impl Fn(i64) -> i64) {
        for run in sessions.chunk_by(|one, next| key(one.day) == key(next.day)) {
            if let Some(last) = run.last() {
                self.uppers.push(last.upper);
                self.labels.push(last.day.saturating_mul(DAY_NS));
            }
        }
    }

    /// The first period, from place `from` on, that a timestamp lies in or before.
    pub(super) fn find(&self, from: usize, time: i64) -> usize {
        let (mut low, mut high, mut step) = (from, from, 1);
        while high < self.uppers.len() && self.uppers[high] <= time {
            low = high + 1;
            high += step;
            step *= 2;
        }
        low + self.uppers[low..high.min(self.uppers.len())].partition_point(|upper| *upper <= time)
    }
}

/// The month of a day since the epoch, counted on through the years.
fn month(day: i64) -> i64 {
    let date = Span::new().try_days(day).ok().and_then(|span| epoch().checked_add(span).ok());
    date.map_or(day, |date| i64::from(date.year()) * 12 + i64::from(date.month()) - 1)
}

fn epoch() -> Date {
    jiff::civil::date(1970, 1, 1)
}

/// One session of a calendar.
#[derive(Clone, Copy, Debug)]
struct Session {
    /// Days since the epoch.
    day: i64,
    /// Its timestamps, as places in the calendar.
    first: usize,
    end: usize,
    /// No timestamp of it is at or after this.
    upper: i64,
}

/// Tells to which session a timestamp belongs.
struct Clock {
    /// `None` for UTC.
    zone: Option<TimeZone>,
    stamp: Stamp,
    /// Where a session begins, from the midnight that its date begins with: negative for sessions that begin on the
    /// evening before.
    start_ns: i64,
}

impl Clock {
    fn of(schema: &Schema, session_start_ns: i64) -> Option<Self> {
        let name = schema.time_zone();
        let zone = match name {
            "UTC" | "Etc/UTC" | "GMT" | "" => None,
            _ => Some(TimeZone::get(name).ok()?),
        };
        let is_evening = session_start_ns > DAY_NS / 2;
        let start_ns = if is_evening { session_start_ns - DAY_NS } else { session_start_ns };
        Some(Self { zone, stamp: schema.stamp(), start_ns })
    }

    /// The instant at which the session of a day begins.
    fn begin(&self, day: i64) -> i64 {
        let wall = day.saturating_mul(DAY_NS).saturating_add(self.start_ns);
        let Some(zone) = &self.zone else { return wall };
        let local =
            Timestamp::from_nanosecond(wall.into()).map(|at| jiff::tz::Offset::UTC.to_datetime(at));
        let instant = local.and_then(|local| zone.to_timestamp(local));
        instant.map_or(wall, |instant| i64::try_from(instant.as_nanosecond()).unwrap_or(wall))
    }

    /// The day of the session that an instant lies in.
    fn day(&self, instant: i64) -> i64 {
        let offset = self.zone.as_ref().map_or(0, |zone| {
            Timestamp::from_nanosecond(instant.into()).map_or(0, |at| zone.to_offset(at).seconds())
        });
        let wall = instant.saturating_add(i64::from(offset) * 1_000_000_000);
        let mut day = wall.saturating_sub(self.start_ns).div_euclid(DAY_NS);
        // Where clocks are changed at the session's very beginning the guess is a day off.
        while self.begin(day) > instant && day > i64::MIN / DAY_NS {
            day -= 1;
        }
        while self.begin(day + 1) <= instant && day < i64::MAX / DAY_NS {
            day += 1;
        }
        day
    }

    /// The sessions that have timestamps in an ascending calendar.
    fn sessions(&self, calendar: &[i64]) -> Vec<Session> {
        let (mut found, mut first) = (Vec::new(), 0);
        while let Some(&time) = calendar.get(first) {
            let day = match self.stamp {
                Stamp::Session => time.div_euclid(DAY_NS),
                Stamp::BarStart => self.day(time),
                Stamp::BarEnd => self.day(time.saturating_sub(1)),
            };
            let upper = match self.stamp {
                Stamp::Session => (day + 1).saturating_mul(DAY_NS),
                Stamp::BarStart => self.begin(day + 1),
                // A bar that ends when the session ends is of it.
                Stamp::BarEnd => self.begin(day + 1).saturating_add(1),
            };
            let count = calendar[first..].partition_point(|&time| time < upper).max(1);
            found.push(Session { day, first, end: first + count, upper });
            first += count;
        }
        found
    }

    /// Adds the steps of a session in which there are timestamps. A bar belongs to the step that it begins in, where
    /// bars are stamped by their start, and else to the one that it ends in; a step is called by its own start or end.
    fn steps(&self, ns: i64, session: &Session, times: &[i64], made: &mut Periods) {
        let (begin, close) = (self.begin(session.day), self.begin(session.day + 1));
        let by_end = i64::from(self.stamp == Stamp::BarEnd);
        let mut first = 0;
        while let Some(&time) = times.get(first) {
            let step = time.saturating_sub(by_end).saturating_sub(begin).div_euclid(ns);
            let start = begin.saturating_add(step.saturating_mul(ns));
            let end = start.saturating_add(ns).min(close);
            let upper = end.saturating_add(by_end);
            made.uppers.push(upper);
            made.labels.push(if by_end == 1 { end } else { start });
            first += times[first..].partition_point(|&time| time < upper).max(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use barrow_format::{Column, LogicalType, PhysicalType};

    use super::*;

    fn at(text: &str) -> i64 {
        i64::try_from(text.parse::<Timestamp>().unwrap().as_nanosecond()).unwrap()
    }

    fn schema(zone: &str, stamp: Stamp) -> Schema {
        let time = Column::new("time", PhysicalType::I64, LogicalType::Timestamp);
        let frequency = Frequency::Intraday { step_ns: MINUTE_NS };
        Schema::new(vec![time], frequency, zone, stamp, "").unwrap()
    }

    fn labels(period: &str, zone: &str, stamp: Stamp, start: &str, times: &[&str]) -> Vec<String> {
        let calendar: Vec<i64> = times.iter().map(|time| at(time)).collect();
        let start = duration_ns(start).unwrap();
        let schema = schema(zone, stamp);
        let found = Periods::of(period.parse().unwrap(), &schema, start, &calendar).unwrap();
        assert!(found.labels.is_sorted_by(|a, b| a < b), "{found:?}");
        for time in calendar {
            let place = found.find(0, time);
            assert!(place < found.labels.len() && (0..place).all(|p| found.uppers[p] <= time));
        }
        let shown = |ns: &i64| Timestamp::from_nanosecond((*ns).into()).unwrap().to_string();
        found.labels.iter().map(shown).collect()
    }

    #[test]
    fn sessions_are_dates_of_the_bundle_s_zone() {
        // Half past eight in the evening of New York, and the next morning.
        let times = ["2013-10-08T00:30:00Z", "2013-10-08T13:30:00Z"];
        let found = labels("session", "America/New_York", Stamp::BarStart, "0h", &times);
        assert_eq!(found, ["2013-10-07T00:00:00Z", "2013-10-08T00:00:00Z"]);
        let found = labels("session", "UTC", Stamp::BarStart, "0h", &times);
        assert_eq!(found, ["2013-10-08T00:00:00Z"]);
        // A session that begins at five in the evening is called by the day that it ends on.
        let found = labels("session", "America/New_York", Stamp::BarStart, "17h", &times);
        assert_eq!(found, ["2013-10-08T00:00:00Z"]);
    }

    #[test]
    fn a_bar_that_ends_at_midnight_is_of_the_day_before() {
        let times = ["2022-01-01T00:00:00Z", "2022-01-01T00:01:00Z"];
        let found = labels("session", "UTC", Stamp::BarEnd, "0h", &times);
        assert_eq!(found, ["2021-12-31T00:00:00Z", "2022-01-01T00:00:00Z"]);
        assert_eq!(labels("session", "UTC", Stamp::BarStart, "0h", &times).len(), 1);
        let found = labels("1h", "UTC", Stamp::BarEnd, "0h", &times);
        assert_eq!(found, ["2022-01-01T00:00:00Z", "2022-01-01T01:00:00Z"]);
        assert_eq!(labels("1h", "UTC", Stamp::BarStart, "0h", &times), ["2022-01-01T00:00:00Z"]);
    }

    #[test]
    fn weeks_and_months_are_called_by_their_last_session() {
        let times = [
            "2006-01-30T10:00:00Z",
            "2006-01-31T10:00:00Z",
            "2006-02-03T10:00:00Z",
            "2006-02-06T10:00:00Z",
        ];
        let found = labels("week", "UTC", Stamp::BarStart, "0h", &times);
        assert_eq!(found, ["2006-02-03T00:00:00Z", "2006-02-06T00:00:00Z"]);
        let found = labels("month", "UTC", Stamp::BarStart, "0h", &times);
        assert_eq!(found, ["2006-01-31T00:00:00Z", "2006-02-06T00:00:00Z"]);
    }

    #[test]
    fn steps_are_counted_from_local_midnight_through_changes_of_the_clock() {
        // In Kolkata hours begin at half past UTC ones.
        let times = ["2013-10-07T03:45:00Z", "2013-10-07T04:29:00Z", "2013-10-07T04:30:00Z"];
        let found = labels("1h", "Asia/Kolkata", Stamp::BarStart, "0h", &times);
        assert_eq!(found, ["2013-10-07T03:30:00Z", "2013-10-07T04:30:00Z"]);
        // Half past one comes twice in New York on that night: two bars an hour apart, two steps.
        let times = ["2013-11-03T05:30:00Z", "2013-11-03T06:30:00Z"];
        let found = labels("1h", "America/New_York", Stamp::BarStart, "0h", &times);
        assert_eq!(found, ["2013-11-03T05:00:00Z", "2013-11-03T06:00:00Z"]);
        // Sao Paulo skipped a midnight.
        let times = ["2013-10-20T02:30:00Z", "2013-10-20T03:00:00Z", "2013-10-20T12:00:00Z"];
        let found = labels("session", "America/Sao_Paulo", Stamp::BarStart, "0h", &times);
        assert_eq!(found, ["2013-10-19T00:00:00Z", "2013-10-20T00:00:00Z"]);
    }

    #[test]
    fn periods_are_written_as_they_are_read() {
        for text in ["5m", "1h", "30s", "session", "week", "month", "quarter", "year"] {
            assert_eq!(text.parse::<Period>().unwrap().to_string(), text);
        }
        for text in ["", "m", "5", "0m", "24h", "5 m", "-5m", "fortnight", "99999999999999999999m"]
        {
            assert!(text.parse::<Period>().is_err(), "{text}");
        }
    }
}
