//! From wall clocks to UTC.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};

use super::super::problem::Problem;
use super::civil::{Civil, DAY_NS};

/// The zone of times that are written without one.
///
/// A local time that clocks skipped is an error. One that they showed twice means the first of the
/// two instants.
#[derive(Clone, Debug)]
pub(crate) enum Zone {
    Utc,
    Named(Box<Named>),
}

/// A zone of the IANA database with the offset of the day last asked for.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    name: String,
    zone: TimeZone,
    /// Day, and its offset in seconds when no transition touches it.
    day: (i64, Option<i64>),
}

impl Zone {
    /// Finds a zone by its IANA name; `None` when there is none.
    pub(crate) fn of_name(name: &str) -> Option<Self> {
        if ["UTC", "Etc/UTC", "GMT", "Z"].contains(&name) {
            return Some(Self::Utc);
        }
        let zone = TimeZone::get(name).ok()?;
        let name = zone.iana_name().unwrap_or(name).to_owned();
        Some(Self::Named(Box::new(Named { name, zone, day: (i64::MIN, None) })))
    }

    /// Its IANA name.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Utc => "UTC",
            Self::Named(named) => &named.name,
        }
    }

    /// The instant of a wall clock reading, in nanoseconds since the epoch.
    pub(crate) fn instant(&mut self, civil: Civil) -> Result<i64, Problem> {
        let out_of_range = || Problem::NotATime { layout: "1678 to 2261".to_owned() };
        let wall = civil.as_if_utc().ok_or_else(out_of_range)?;
        let seconds = match (civil.offset, self) {
            (Some(offset), _) => offset,
            (None, Self::Utc) => 0,
            (None, Self::Named(named)) => named.offset(civil)?,
        };
        wall.checked_sub(seconds * 1_000_000_000).ok_or_else(out_of_range)
    }

    /// The wall clock in this zone at a time that was written with an offset; others as they are.
    pub(crate) fn local(&self, civil: Civil) -> Option<Civil> {
        let (Some(offset), Self::Named(named)) = (civil.offset, self) else {
            return Some(civil);
        };
        let instant = civil.as_if_utc()?.checked_sub(offset * 1_000_000_000)?;
        let there = named.zone.to_offset(Timestamp::from_nanosecond(instant.into()).ok()?);
        let local = instant.checked_add(i64::from(there.seconds()) * 1_000_000_000)?;
        Some(Civil { offset: None, ..Civil::of_instant(local) })
    }
}

impl Named {
    /// Seconds east of UTC at a wall clock reading.
    fn offset(&mut self, civil: Civil) -> Result<i64, Problem> {
        if self.day.0 != civil.days {
            self.day = (civil.days, self.offset_of_day(civil.days));
        }
        match self.day.1 {
            Some(offset) => Ok(offset),
            None => match self.ambiguous(civil.days, civil.nanos) {
                Some(AmbiguousOffset::Unambiguous { offset }) => Ok(offset.seconds().into()),
                Some(AmbiguousOffset::Fold { before, .. }) => Ok(before.seconds().into()),
                _ => Err(Problem::SkippedLocalTime { zone: self.name.clone() }),
            },
        }
    }

    /// The one offset of a day: the same at its beginning, noon and end.
    fn offset_of_day(&self, days: i64) -> Option<i64> {
        let mut common = None;
        for nanos in [0, DAY_NS / 2, DAY_NS - 1] {
            let Some(AmbiguousOffset::Unambiguous { offset }) = self.ambiguous(days, nanos) else {
                return None;
            };
            if common.is_some_and(|seen| seen != offset) {
                return None;
            }
            common = Some(offset);
        }
        common.map(|offset| offset.seconds().into())
    }

    fn ambiguous(&self, days: i64, nanos: i64) -> Option<AmbiguousOffset> {
        let wall = Civil { days, nanos, offset: None }.as_if_utc()?;
        let wall = Timestamp::from_nanosecond(wall.into()).ok()?;
        let wall: DateTime = jiff::tz::Offset::UTC.to_datetime(wall);
        Some(self.zone.to_ambiguous_timestamp(wall).offset())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::time::TimeFormat;

    fn instant(zone: &str, text: &str) -> Result<String, Problem> {
        let mut zone = Zone::of_name(zone).unwrap();
        let civil = TimeFormat::Iso.read(text.as_bytes(), None).unwrap();
        let ns = zone.instant(civil)?;
        Ok(Timestamp::from_nanosecond(ns.into()).unwrap().to_string())
    }

    #[test]
    fn wall_clocks_become_utc() {
        let cases: &[(&str, &str, &str)] = &[
            ("UTC", "2013-10-07 09:30", "2013-10-07T09:30:00Z"),
            ("America/New_York", "2013-10-07 09:30", "2013-10-07T13:30:00Z"),
            ("America/New_York", "2013-12-06 09:30", "2013-12-06T14:30:00Z"),
            // Clocks show 01:30 twice; the first is meant.
            ("America/New_York", "2013-11-03 01:30", "2013-11-03T05:30:00Z"),
            ("America/New_York", "2013-11-03 09:30", "2013-11-03T14:30:00Z"),
            ("America/New_York", "2013-03-10 03:00", "2013-03-10T07:00:00Z"),
            ("Asia/Kolkata", "2013-10-07 09:15", "2013-10-07T03:45:00Z"),
            // A zone in the text wins.
            ("America/New_York", "2013-10-07 09:30+02:00", "2013-10-07T07:30:00Z"),
        ];
        for (zone, text, expected) in cases {
            assert_eq!(instant(zone, text).unwrap(), *expected, "{zone} {text}");
        }
    }

    #[test]
    fn a_skipped_local_time_is_an_error() {
        let skipped = instant("America/New_York", "2013-03-10 02:30");
        assert_eq!(skipped, Err(Problem::SkippedLocalTime { zone: "America/New_York".into() }));
        assert!(Zone::of_name("Mars/Olympus").is_none());
    }

    #[test]
    fn instants_become_local_dates() {
        let zone = Zone::of_name("America/New_York").unwrap();
        let civil = TimeFormat::Iso.read(b"2012-01-03 05:00:00Z", None).unwrap();
        let local = zone.local(civil).unwrap();
        assert_eq!((local.days, local.nanos), (15_342, 0));
    }
}
