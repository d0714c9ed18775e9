//! Axes: round ticks for numbers and for time, and how their labels read.

use jiff::Timestamp;
use jiff::civil::{Date, date};
use jiff::tz::TimeZone;

use crate::numbers::fixed;

const NANOS_PER_DAY: i64 = 86_400_000_000_000;

/// What the numbers of an axis count.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Unit {
    /// Quote currency.
    Money,
    /// Shares of one, shown as percentages.
    Percent,
}

/// Round numbers from at or below `low` to at or above `high`, about `wanted` of them, ascending.
pub(super) fn ticks(low: f64, high: f64, wanted: u8) -> Vec<f64> {
    let flat = low == high;
    let margin = if low == 0.0 { 1.0 } else { low.abs() * 0.1 };
    let (low, high) = if flat { (low - margin, low + margin) } else { (low, high) };
    let span = high - low;
    if !(span.is_finite() && span > 0.0) {
        return Vec::new();
    }
    let step = round_step(span / f64::from(wanted.max(1)));
    let first = (low / step + 1e-9).floor();
    let last = (high / step - 1e-9).ceil();
    let mut found = Vec::new();
    let mut at = first;
    while at <= last && found.len() < 100 {
        found.push(at * step);
        at += 1.0;
    }
    found
}

/// The smallest of 1, 2, 2.5, 5 times a power of ten that is not below `rough`.
fn round_step(rough: f64) -> f64 {
    let power = 10f64.powf(rough.log10().floor());
    [1.0, 2.0, 2.5, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|step| *step >= rough * (1.0 - 1e-9))
        .unwrap_or(10.0 * power)
}

/// A tick's label; `step` is the distance between ticks and decides the places.
pub(super) fn label(value: f64, step: f64, unit: Unit) -> String {
    let (value, step, suffix) = match unit {
        Unit::Percent => (value * 100.0, step * 100.0, "%"),
        Unit::Money if value.abs().max(step) >= 1e9 => (value / 1e9, step / 1e9, " bn"),
        Unit::Money if value.abs().max(step) >= 1e6 => (value / 1e6, step / 1e6, " M"),
        Unit::Money if value.abs().max(step) >= 1e4 => (value / 1e3, step / 1e3, " k"),
        Unit::Money => (value, step, ""),
    };
    let places = (0..4)
        .find(|places| {
            let scaled = step * 10f64.powi(*places);
            (scaled - scaled.round()).abs() < 1e-6 * scaled.max(1.0)
        })
        .unwrap_or(4);
    format!("{}{suffix}", fixed(value, usize::try_from(places).unwrap_or(0)))
}

/// Round instants strictly within `first..last`, at most about ten, with their labels.
pub(super) fn time_ticks(first: i64, last: i64) -> Vec<(i64, String)> {
    let (Some(start), Some(end)) = (civil(first), civil(last)) else { return Vec::new() };
    let days = (last - first) / NANOS_PER_DAY;
    let found = if days > 365 * 2 {
        let span = end.year() - start.year();
        let step = [1, 2, 5, 10, 20, 50].into_iter().find(|s| span / s <= 10).unwrap_or(100);
        years(start, end, step)
    } else if days > 60 {
        let span = (end.year() - start.year()) * 12 + i16::from(end.month() - start.month());
        let step = [1i8, 2, 3, 6].into_iter().find(|s| span / i16::from(*s) <= 10);
        months(start, end, step.unwrap_or(6))
    } else {
        let steps: [i64; 14] =
            [1, 5, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 7200, 10_080, 20_160];
        let minute = NANOS_PER_DAY / 1440;
        let span = (last - first).max(1);
        let step = steps.into_iter().map(|m| m * minute).find(|s| span / s <= 10);
        clock(first, last, step.unwrap_or(20_160 * minute))
    };
    found.into_iter().filter(|(ns, _)| *ns >= first && *ns <= last).collect()
}

fn civil(ns: i64) -> Option<Date> {
    let timestamp = Timestamp::from_nanosecond(i128::from(ns)).ok()?;
    Some(TimeZone::UTC.to_datetime(timestamp).date())
}

fn midnight(date: Date) -> Option<i64> {
    let zoned = date.to_zoned(TimeZone::UTC).ok()?;
    i64::try_from(zoned.timestamp().as_nanosecond()).ok()
}

fn years(start: Date, end: Date, step: i16) -> Vec<(i64, String)> {
    (start.year()..=end.year())
        .filter(|year| year % step == 0)
        .filter_map(|year| Some((midnight(date(year, 1, 1))?, year.to_string())))
        .collect()
}

fn months(start: Date, end: Date, step: i8) -> Vec<(i64, String)> {
    let mut found = Vec::new();
    for year in start.year()..=end.year() {
        for month in (1..=12i8).filter(|month| (month - 1) % step == 0) {
            let name = MONTHS[usize::from(month.unsigned_abs()) - 1];
            let text = if month == 1 { format!("{name} {year}") } else { name.to_owned() };
            found.extend(midnight(date(year, month, 1)).map(|ns| (ns, text)));
        }
    }
    found
}

fn clock(first: i64, last: i64, step: i64) -> Vec<(i64, String)> {
    let mut found = Vec::new();
    let mut at = first.div_euclid(step) * step;
    while at <= last {
        if let Some(day) = civil(at) {
            let minutes = at.rem_euclid(NANOS_PER_DAY) / (NANOS_PER_DAY / 1440);
            let text = if minutes == 0 || step >= NANOS_PER_DAY {
                format!("{} {}", day.day(), MONTHS[usize::from(day.month().unsigned_abs()) - 1])
            } else {
                format!("{:02}:{:02}", minutes / 60, minutes % 60)
            };
            found.push((at, text));
        }
        at += step;
    }
    found
}

/// The months' short names.
pub(super) const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// The year and month (1 to 12) of a timestamp.
pub(super) fn year_month(ns: i64) -> Option<(i16, i8)> {
    civil(ns).map(|date| (date.year(), date.month()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_cover() {
        assert_eq!(ticks(0.0, 9.0, 5), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        assert_eq!(
            ticks(97_000.0, 131_000.0, 4),
            [90_000.0, 100_000.0, 110_000.0, 120_000.0, 130_000.0, 140_000.0]
        );
        assert_eq!(ticks(-0.31, 0.0, 3).first(), Some(&-0.4));
        assert!(ticks(5.0, 5.0, 4).len() > 2);
        assert!(ticks(f64::NAN, 1.0, 4).is_empty());
    }

    #[test]
    fn labels_have_the_places_they_need() {
        assert_eq!(label(0.125, 0.025, Unit::Percent), "12.5%");
        assert_eq!(label(-0.1, 0.1, Unit::Percent), "-10%");
        assert_eq!(label(125_000.0, 25_000.0, Unit::Money), "125 k");
        assert_eq!(label(1_500_000.0, 500_000.0, Unit::Money), "1.5 M");
        assert_eq!(label(9_500.0, 500.0, Unit::Money), "9,500");
    }

    #[test]
    fn time_ticks_are_round() {
        let labels = |first: &str, last: &str| -> Vec<String> {
            let ns = |text: &str| {
                i64::try_from(text.parse::<Timestamp>().unwrap().as_nanosecond()).unwrap()
            };
            time_ticks(ns(first), ns(last)).into_iter().map(|(_, label)| label).collect()
        };
        let decade = labels("2000-03-01T00:00:00Z", "2013-03-01T00:00:00Z");
        assert_eq!(decade, ["2002", "2004", "2006", "2008", "2010", "2012"]);
        let year = labels("2012-01-03T00:00:00Z", "2012-12-31T00:00:00Z");
        assert_eq!(year, ["Mar", "May", "Jul", "Sep", "Nov"]);
        let day = labels("2012-01-03T14:30:00Z", "2012-01-03T21:00:00Z");
        assert_eq!(day, ["15:00", "16:00", "17:00", "18:00", "19:00", "20:00", "21:00"]);
    }
}
