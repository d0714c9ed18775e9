//! [`TimeReader`]: times of one file, one after the other.

use super::super::problem::Problem;
use super::civil::{Civil, DAY_NS, days_from_date, days_in_month, digits};
use super::format::TimeFormat;
use super::zone::Zone;

/// What the times of a file become.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Granularity {
    /// Sessions: midnight UTC of the date as written.
    Daily,
    /// Instants.
    Intraday,
}

/// Reads the times of a file. Neighbouring rows share their month, mostly their date: the last
/// month's day number is kept, so that a date costs two digits.
#[derive(Clone, Debug)]
pub(crate) struct TimeReader {
    pub(crate) format: TimeFormat,
    pub(crate) zone: Zone,
    pub(crate) granularity: Granularity,
    /// The date that the file name tells.
    pub(crate) base_days: Option<i64>,
    month: Month,
}

/// A month that was read: its text `YYYY-MM-`, the day number before its first day, its length.
#[derive(Clone, Copy, Debug)]
struct Month {
    text: [u8; 8],
    days_before: i64,
    len: i64,
}

impl TimeReader {
    pub(crate) fn new(
        format: TimeFormat,
        zone: Zone,
        granularity: Granularity,
        base_days: Option<i64>,
    ) -> Self {
        let month = Month { text: [0; 8], days_before: 0, len: 0 };
        Self { format, zone, granularity, base_days, month }
    }

    /// Reads one field, nanoseconds since the epoch.
    ///
    /// # Errors
    ///
    /// What is wrong with the text.
    #[inline]
    pub(crate) fn read(&mut self, field: &[u8]) -> Result<i64, Problem> {
        let civil = self.civil(field)?;
        self.finish(civil)
    }

    /// Reads one field as [`TimeReader::read`] does; `None` when that fails.
    #[inline]
    pub(crate) fn quick(&mut self, field: &[u8]) -> Option<i64> {
        let daily = self.granularity == Granularity::Daily;
        if self.format != TimeFormat::Iso || !(daily || matches!(self.zone, Zone::Utc)) {
            return self.read(field).ok();
        }
        match self.common_iso(field) {
            Some((_, nanos)) if daily && nanos != 0 => None,
            // Years are bounded, so this cannot overflow.
            Some((days, nanos)) => Some(days * DAY_NS + nanos),
            None => self.read(field).ok(),
        }
    }

    /// Place of the end of the field at `at` when it has the length of an ISO date or time. The field must
    /// still read as one, which no field with a delimiter in it does.
    #[inline]
    pub(crate) fn usual_end(&self, block: &[u8], at: usize, delimiter: u8) -> Option<usize> {
        if self.format != TimeFormat::Iso {
            return None;
        }
        let ends = |len: usize| block.get(at + len) == Some(&delimiter);
        [10, 19].into_iter().find(|len| ends(*len)).map(|len| at + len)
    }

    /// Reads a date from one field and a time of day from another.
    ///
    /// # Errors
    ///
    /// As [`TimeReader::read`].
    pub(crate) fn read_two(&mut self, date: &[u8], clock: &[u8]) -> Result<i64, Problem> {
        let civil = self.civil(date)?;
        let nanos = clock_nanos(clock)?;
        self.finish(Civil { nanos, ..civil })
    }

    /// Applies zone and granularity.
    #[inline]
    fn finish(&mut self, civil: Civil) -> Result<i64, Problem> {
        match self.granularity {
            Granularity::Intraday => self.zone.instant(civil),
            Granularity::Daily => self.session(civil),
        }
    }

    /// Midnight UTC of the date as written, or of the local date when the zone was named.
    fn session(&self, civil: Civil) -> Result<i64, Problem> {
        let local = self.zone.local(civil).ok_or(Problem::TimeOfDay)?;
        if local.nanos != 0 {
            return Err(Problem::TimeOfDay);
        }
        local.days.checked_mul(DAY_NS).ok_or_else(|| self.not_a_time())
    }

    #[inline]
    fn civil(&mut self, field: &[u8]) -> Result<Civil, Problem> {
        if self.format == TimeFormat::Iso
            && let Some((days, nanos)) = self.common_iso(field)
        {
            return Ok(Civil { days, nanos, offset: None });
        }
        self.format.read(field, self.base_days).ok_or_else(|| {
            if field.trim_ascii().is_empty() { Problem::Missing } else { self.not_a_time() }
        })
    }

    fn not_a_time(&self) -> Problem {
        Problem::NotATime { layout: self.format.to_string() }
    }

    /// Days and nanoseconds of `YYYY-MM-DD` and `YYYY-MM-DD HH:MM:SS`: all others take the general way.
    #[inline]
    fn common_iso(&mut self, field: &[u8]) -> Option<(i64, i64)> {
        let (text, rest) = field.split_first_chunk::<8>()?;
        let (day, rest) = rest.split_first_chunk::<2>()?;
        if *text != self.month.text {
            self.month = month(*text)?;
        }
        let day = pair(*day)?;
        if day < 1 || day > self.month.len {
            return None;
        }
        let days = self.month.days_before + day;
        if rest.is_empty() {
            return Some((days, 0));
        }
        let &[b' ' | b'T', h0, h1, b':', m0, m1, b':', s0, s1] = rest else {
            return None;
        };
        let (hour, minute, second) = (pair([h0, h1])?, pair([m0, m1])?, pair([s0, s1])?);
        if hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let nanos = ((hour * 60 + minute) * 60 + second) * 1_000_000_000;
        Some((days, nanos))
    }
}

/// Two digits.
#[inline]
fn pair([tens, ones]: [u8; 2]) -> Option<i64> {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    if tens > 9 || ones > 9 { None } else { Some(i64::from(tens * 10 + ones)) }
}

/// The month of `YYYY-MM-`; other separators take the general way.
fn month(text: [u8; 8]) -> Option<Month> {
    let [y0, y1, y2, y3, b'-', m0, m1, b'-'] = text else {
        return None;
    };
    let (year, month) = (digits(&[y0, y1, y2, y3])?, digits(&[m0, m1])?);
    let first = days_from_date(year, month, 1)?;
    Some(Month { text, days_before: first - 1, len: days_in_month(year, month) })
}

/// A time of day in a column of its own.
fn clock_nanos(text: &[u8]) -> Result<i64, Problem> {
    let clock = text.trim_ascii();
    if clock.is_empty() {
        return Err(Problem::Missing);
    }
    // Spreadsheets drop leading zeros: 930 is 09:30 and 93000 is 09:30:00.
    let padded: Vec<u8>;
    let clock = if matches!(clock.len(), 3 | 5) && clock.iter().all(u8::is_ascii_digit) {
        padded = [b"0", clock].concat();
        &padded
    } else {
        clock
    };
    super::civil::time_of_day(clock)
        .ok_or_else(|| Problem::NotATime { layout: "HH:MM[:SS]".to_owned() })
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;

    fn reader(granularity: Granularity) -> TimeReader {
        TimeReader::new(TimeFormat::Iso, Zone::Utc, granularity, None)
    }

    #[test]
    fn sessions_are_dates_as_written() {
        let mut daily = reader(Granularity::Daily);
        let day = 15_342 * DAY_NS;
        assert_eq!(daily.read(b"2012-01-03"), Ok(day));
        assert_eq!(daily.read(b"2012-01-03 00:00:00"), Ok(day));
        assert_eq!(daily.read(b"2012-01-03 00:00:00-05:00"), Ok(day));
        assert_eq!(daily.read(b"2012-01-03 09:30:00"), Err(Problem::TimeOfDay));
        assert_eq!(daily.read(b""), Err(Problem::Missing));
        assert!(matches!(daily.read(b"2012-01-32"), Err(Problem::NotATime { .. })));
        assert!(matches!(daily.read(b"2012-01-00"), Err(Problem::NotATime { .. })));
    }

    #[test]
    fn dates_and_times_stand_in_two_columns() {
        let mut reader = reader(Granularity::Intraday);
        let at = |hour: i64| Ok(13_150 * DAY_NS + hour * 3_600_000_000_000);
        assert_eq!(reader.read_two(b"2006-01-02", b"09:00:00"), at(9));
        assert_eq!(reader.read_two(b"2006-01-02", b"1700"), at(17));
        assert_eq!(reader.read_two(b"2006-01-02", b"90000"), at(9));
        assert_eq!(reader.read_two(b"2006-01-02", b" "), Err(Problem::Missing));
        assert!(matches!(reader.read_two(b"2006-01-02", b"x"), Err(Problem::NotATime { .. })));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn the_short_way_agrees_with_the_general_one(
            seconds in proptest::collection::vec(-9_000_000_000i64..9_000_000_000, 1..20),
        ) {
            let mut reader = reader(Granularity::Intraday);
            for second in seconds {
                let text = Timestamp::from_second(second).unwrap().to_string();
                let text = text.trim_end_matches('Z').replace('T', " ");
                prop_assert_eq!(reader.read(text.as_bytes()), Ok(second * 1_000_000_000));
                prop_assert_eq!(reader.quick(text.as_bytes()), Some(second * 1_000_000_000));
            }
        }
    }
}
