//! [`TimeFormat`]: the layouts that times are written in, and reading them.

use std::fmt;
use std::str::FromStr;

use jiff::fmt::strtime::BrokenDownTime;

use super::civil::{self, Civil, compact_days, days_from_date, digits};

/// How times are written.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum TimeFormat {
    /// `YYYY-MM-DD`, with `/` or `.` too, alone or followed by a blank or `T` and a time of day, then by
    /// a zone such as `Z` or `+01:00`.
    Iso,
    /// `YYYYMMDD`, alone or followed by a time of day as in `YYYYMMDD HH:MM` and `YYYYMMDDTHHMMSS`.
    Compact,
    /// `M/D/YYYY`, alone or with a time of day; `-` and `.` too.
    MonthFirst,
    /// `D/M/YYYY`, alone or with a time of day; `-` and `.` too.
    DayFirst,
    /// A count since 1970-01-01T00:00:00 UTC.
    Epoch(EpochUnit),
    /// Milliseconds since midnight; the date stands in the file name.
    MsOfDay,
    /// A pattern of `strftime`, as in `%d.%m.%Y %H:%M`.
    Pattern(String),
}

/// What an epoch time counts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum EpochUnit {
    /// Seconds, perhaps with a fraction.
    Seconds,
    /// Milliseconds.
    Millis,
    /// Microseconds.
    Micros,
    /// Nanoseconds.
    Nanos,
}

impl EpochUnit {
    /// Nanoseconds in one.
    pub(crate) fn nanos(self) -> i64 {
        match self {
            Self::Seconds => 1_000_000_000,
            Self::Millis => 1_000_000,
            Self::Micros => 1_000,
            Self::Nanos => 1,
        }
    }

    /// The unit in which `count` falls between 1973 and 2261, by its number of digits.
    pub(crate) fn of_magnitude(count: i64) -> Option<Self> {
        match count.unsigned_abs() {
            100_000_000..=9_999_999_999 => Some(Self::Seconds),
            100_000_000_000..=9_999_999_999_999 => Some(Self::Millis),
            100_000_000_000_000..=9_999_999_999_999_999 => Some(Self::Micros),
            100_000_000_000_000_000.. => Some(Self::Nanos),
            _ => None,
        }
    }
}

impl fmt::Display for TimeFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Iso => "YYYY-MM-DD[ HH:MM:SS]",
            Self::Compact => "YYYYMMDD[ HH:MM]",
            Self::MonthFirst => "M/D/YYYY",
            Self::DayFirst => "D/M/YYYY",
            Self::Epoch(EpochUnit::Seconds) => "epoch seconds",
            Self::Epoch(EpochUnit::Millis) => "epoch milliseconds",
            Self::Epoch(EpochUnit::Micros) => "epoch microseconds",
            Self::Epoch(EpochUnit::Nanos) => "epoch nanoseconds",
            Self::MsOfDay => "milliseconds since midnight",
            Self::Pattern(pattern) => pattern,
        })
    }
}

impl FromStr for TimeFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text {
            "iso" => Self::Iso,
            "ymd" => Self::Compact,
            "mdy" => Self::MonthFirst,
            "dmy" => Self::DayFirst,
            "epoch-s" => Self::Epoch(EpochUnit::Seconds),
            "epoch-ms" => Self::Epoch(EpochUnit::Millis),
            "epoch-us" => Self::Epoch(EpochUnit::Micros),
            "epoch-ns" => Self::Epoch(EpochUnit::Nanos),
            "ms-of-day" => Self::MsOfDay,
            pattern if pattern.contains('%') => Self::Pattern(pattern.to_owned()),
            _ => {
                return Err(format!(
                    "`{text}` is none of iso, ymd, mdy, dmy, epoch-s, epoch-ms, epoch-us, epoch-ns, \
                     ms-of-day, nor a pattern such as `%d.%m.%Y`"
                ));
            }
        })
    }
}

impl TimeFormat {
    /// Reads a field of this layout. `base_days` is the date that the file name tells.
    pub(crate) fn read(&self, field: &[u8], base_days: Option<i64>) -> Option<Civil> {
        match self {
            Self::Iso => iso(field),
            Self::Compact => compact(field),
            Self::MonthFirst => slashed(field, |first, second| (first, second)),
            Self::DayFirst => slashed(field, |first, second| (second, first)),
            Self::Epoch(unit) => epoch(field, *unit),
            Self::MsOfDay => {
                let millis = digits(field).filter(|&millis| millis < 86_400_000)?;
                Some(Civil { days: base_days?, nanos: millis * 1_000_000, offset: None })
            }
            Self::Pattern(pattern) => by_pattern(pattern, field),
        }
    }
}

/// `YYYY-MM-DD` and what may follow it.
fn iso(field: &[u8]) -> Option<Civil> {
    let (date, rest) = field.split_first_chunk::<10>()?;
    let days = iso_days(date)?;
    match rest {
        [] => Some(Civil::date(days)),
        [b' ' | b'T' | b't' | b'_' | b'-', rest @ ..] => with_time(days, rest),
        _ => None,
    }
}

/// Days of `YYYY-MM-DD`, the separators being `-`, `/` or `.`, twice the same.
fn iso_days(date: &[u8; 10]) -> Option<i64> {
    let &[y0, y1, y2, y3, separator, m0, m1, again, d0, d1] = date;
    if !b"-/.".contains(&separator) || again != separator {
        return None;
    }
    days_from_date(digits(&[y0, y1, y2, y3])?, digits(&[m0, m1])?, digits(&[d0, d1])?)
}

/// A time of day and perhaps a zone behind it.
fn with_time(days: i64, rest: &[u8]) -> Option<Civil> {
    // A zone begins at the first sign or letter that is not part of AM or PM.
    let zone_at = rest.iter().position(|byte| b"+-ZzUG".contains(byte)).unwrap_or(rest.len());
    let (clock, zone) = rest.split_at(zone_at);
    let offset = if zone.is_empty() { None } else { Some(civil::utc_offset(zone)?) };
    Some(Civil { days, nanos: civil::time_of_day(clock)?, offset })
}

fn compact(field: &[u8]) -> Option<Civil> {
    let (date, rest) = field.split_first_chunk::<8>()?;
    let days = compact_days(*date)?;
    match rest {
        [] => Some(Civil::date(days)),
        [b' ' | b'T' | b't' | b';' | b'_' | b'-' | b':', rest @ ..] => with_time(days, rest),
        [first, ..] if first.is_ascii_digit() => with_time(days, rest),
        _ => None,
    }
}

/// Two small numbers and a year, in the order that `arrange` turns into month and day.
fn slashed(field: &[u8], arrange: impl Fn(i64, i64) -> (i64, i64)) -> Option<Civil> {
    let (first, second, year, rest) = slashed_parts(field)?;
    let (month, day) = arrange(first, second);
    let days = days_from_date(year, month, day)?;
    match rest {
        [] => Some(Civil::date(days)),
        [b' ' | b'T', rest @ ..] => with_time(days, rest),
        _ => None,
    }
}

/// The numbers of `A/B/YYYY` and what follows.
pub(crate) fn slashed_parts(field: &[u8]) -> Option<(i64, i64, i64, &[u8])> {
    let separator = *field.iter().take(3).find(|byte| b"/-.".contains(byte))?;
    let mut parts = field.splitn(3, |&byte| byte == separator);
    let (first, second, rest) = (parts.next()?, parts.next()?, parts.next()?);
    if first.len() > 2 || second.len() > 2 {
        return None;
    }
    let (year, rest) = rest.split_first_chunk::<4>()?;
    Some((digits(first)?, digits(second)?, digits(year)?, rest))
}

/// A count of `unit`s, with a fraction of at most nanoseconds.
fn epoch(field: &[u8], unit: EpochUnit) -> Option<Civil> {
    let (negative, unsigned) = match field {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, field),
    };
    let (whole, fraction) = match unsigned.iter().position(|&byte| byte == b'.') {
        Some(at) => (&unsigned[..at], &unsigned[at + 1..]),
        None => (unsigned, &[][..]),
    };
    let whole = if whole.len() == 19 {
        std::str::from_utf8(whole).ok()?.parse().ok()?
    } else {
        digits(whole)?
    };
    let mut ns = whole.checked_mul(unit.nanos())?;
    if !fraction.is_empty() {
        let billionths = civil::fraction_ns(fraction)?;
        let scaled = billionths.checked_mul(unit.nanos())?;
        if scaled % 1_000_000_000 != 0 {
            return None;
        }
        ns = ns.checked_add(scaled / 1_000_000_000)?;
    }
    Some(Civil::of_instant(if negative { -ns } else { ns }))
}

fn by_pattern(pattern: &str, field: &[u8]) -> Option<Civil> {
    let broken = BrokenDownTime::parse(pattern, field).ok()?;
    if let Ok(instant) = broken.to_timestamp() {
        let ns = i64::try_from(instant.as_nanosecond()).ok()?;
        // The wall clock and its offset are kept apart, so that dates stay the dates written.
        let offset = broken.offset().map_or(0, jiff::tz::Offset::seconds);
        let local = Civil::of_instant(ns.checked_add(i64::from(offset) * 1_000_000_000)?);
        return Some(Civil { offset: Some(offset.into()), ..local });
    }
    let date = broken.to_date().ok()?;
    let days = days_from_date(date.year().into(), date.month().into(), date.day().into())?;
    let nanos = match broken.to_time() {
        Ok(time) => {
            let seconds = (i64::from(time.hour()) * 60 + i64::from(time.minute())) * 60
                + i64::from(time.second());
            seconds * 1_000_000_000 + i64::from(time.subsec_nanosecond())
        }
        Err(_) => 0,
    };
    Some(Civil { days, nanos, offset: None })
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;

    /// Reads `text` and says it back as the wall clock with its offset in seconds.
    fn read(format: &str, text: &str) -> Option<String> {
        let format: TimeFormat = format.parse().unwrap();
        let civil = format.read(text.as_bytes(), Some(16_000))?;
        let wall = Timestamp::from_nanosecond(civil.as_if_utc()?.into()).unwrap();
        Some(match civil.offset {
            None => wall.to_string().trim_end_matches('Z').to_owned(),
            Some(0) => wall.to_string(),
            Some(offset) => format!("{}{offset:+}", wall.to_string().trim_end_matches('Z')),
        })
    }

    #[test]
    fn every_layout() {
        let cases: &[(&str, &str, &str)] = &[
            ("iso", "2012-02-29", "2012-02-29T00:00:00"),
            ("iso", "2012/02/29", "2012-02-29T00:00:00"),
            ("iso", "2012.02.29 09:30", "2012-02-29T09:30:00"),
            ("iso", "2012-02-29 09:30:15", "2012-02-29T09:30:15"),
            ("iso", "2012-02-29T09:30:15.25", "2012-02-29T09:30:15.25"),
            ("iso", "2021-12-31 23:01:00.000000", "2021-12-31T23:01:00"),
            ("iso", "2012-02-29T09:30:15Z", "2012-02-29T09:30:15Z"),
            ("iso", "2012-02-01 00:00:00+00:00", "2012-02-01T00:00:00Z"),
            ("iso", "2012-02-29T09:30:15.123456789-05:00", "2012-02-29T09:30:15.123456789-18000"),
            ("iso", "2012-02-29 4:00 PM", "2012-02-29T16:00:00"),
            ("ymd", "20120229", "2012-02-29T00:00:00"),
            ("ymd", "20120229 09:30", "2012-02-29T09:30:00"),
            ("ymd", "20120229T093015", "2012-02-29T09:30:15"),
            ("ymd", "201202290930", "2012-02-29T09:30:00"),
            ("ymd", "20120229;093015", "2012-02-29T09:30:15"),
            ("mdy", "1/4/1999", "1999-01-04T00:00:00"),
            ("mdy", "12/31/1999 16:00", "1999-12-31T16:00:00"),
            ("mdy", "01/04/1999 4:00:01 PM", "1999-01-04T16:00:01"),
            ("dmy", "31/12/1999", "1999-12-31T00:00:00"),
            ("dmy", "31.12.1999 09:00", "1999-12-31T09:00:00"),
            ("epoch-s", "1612137600", "2021-02-01T00:00:00Z"),
            ("epoch-s", "1612137600.5", "2021-02-01T00:00:00.5Z"),
            ("epoch-s", "-1", "1969-12-31T23:59:59Z"),
            ("epoch-ms", "1612137600001", "2021-02-01T00:00:00.001Z"),
            ("epoch-us", "1612137600000001", "2021-02-01T00:00:00.000001Z"),
            ("epoch-ns", "1612137600000000001", "2021-02-01T00:00:00.000000001Z"),
            ("ms-of-day", "34200000", "2013-10-22T09:30:00"),
            ("%d %b %Y", "04 Jan 1999", "1999-01-04T00:00:00"),
            ("%d.%m.%Y %H:%M", "04.01.1999 16:05", "1999-01-04T16:05:00"),
            ("%Y-%m-%d %H:%M:%S %z", "1999-01-04 16:05:00 +0200", "1999-01-04T16:05:00+7200"),
        ];
        for (format, text, expected) in cases {
            assert_eq!(read(format, text).as_deref(), Some(*expected), "{format} `{text}`");
        }
    }

    #[test]
    fn what_no_layout_takes() {
        let cases: &[(&str, &str)] = &[
            ("iso", "2012-02-30"),
            ("iso", "2012-2-3"),
            ("iso", "2012-02/03"),
            ("iso", "2012-02-03x"),
            ("iso", "2012-02-03 25:00"),
            ("iso", "2012-02-03 10:00:00+99:00"),
            ("iso", "1500-01-01"),
            ("iso", ""),
            ("ymd", "20121301"),
            ("ymd", "2012010"),
            ("mdy", "13/1/1999"),
            ("mdy", "1/4/99"),
            ("dmy", "1/13/1999"),
            ("epoch-s", "99999999999999"),
            ("epoch-s", "abc"),
            ("epoch-ns", "1.5"),
            ("ms-of-day", "86400000"),
            ("%d %b %Y", "1999-01-04"),
        ];
        for (format, text) in cases {
            assert_eq!(read(format, text), None, "{format} `{text}`");
        }
        assert!("weekly".parse::<TimeFormat>().is_err());
        assert_eq!(TimeFormat::MsOfDay.read(b"0", None), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn instants_survive_every_exact_layout(ns in -9_000_000_000_000_000_000i64..9_000_000_000_000_000_000) {
            let instant = Timestamp::from_nanosecond(ns.into()).unwrap();
            let text = instant.to_string();
            let civil = TimeFormat::Iso.read(text.as_bytes(), None).unwrap();
            prop_assert_eq!(civil.as_if_utc(), Some(ns));
            prop_assert_eq!(civil.offset, Some(0));
            let text = ns.to_string();
            let civil = TimeFormat::Epoch(EpochUnit::Nanos).read(text.as_bytes(), None).unwrap();
            prop_assert_eq!(civil.as_if_utc(), Some(ns));
        }
    }
}
