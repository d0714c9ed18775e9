//! How many bars make a year.

use crate::time::DAY_NS;

const YEAR_DAYS: f64 = 365.25;

/// Returns the number of bars of a year, by which metrics are annualised.
///
/// It is a property of the bundle, taken from all timestamps of its calendar (ascending, ns since
/// the epoch, UTC), so runs over different periods of one bundle are comparable:
///
/// - A year has 365 trading days when at least a tenth of the days with bars are Saturdays (markets
///   that never close), else 252. When a calendar of a year or more has bars on fewer than half as
///   many days (weekly, monthly bars), the measured number of days with bars is taken instead.
/// - A day has as many bars as there are timestamps for each day with bars, where a five-day market
///   counts the days from Monday to Friday only (a Sunday evening belongs to Monday's session).
///
/// So daily bars of a stock market give 252 exactly, of a crypto market 365, and full sessions of
/// 390 minute bars 98,280. Fewer than two timestamps give 252. Linear in the length.
#[expect(clippy::cast_precision_loss, reason = "counts and days lie far below 2^53")]
pub fn bars_per_year(times: &[i64]) -> f64 {
    let (Some(first), Some(last)) = (times.first(), times.last()) else { return 252.0 };
    let (mut days, mut weekdays, mut saturdays) = (0_u64, 0_u64, 0_u64);
    let mut next_day = i64::MIN;
    for time in times {
        if *time < next_day {
            continue;
        }
        let day = time.div_euclid(DAY_NS);
        next_day = (day + 1).saturating_mul(DAY_NS);
        days += 1;
        // 1970-01-01 was a Thursday, so Saturday is day 2 and Sunday day 3 of each seven.
        let of_week = day.rem_euclid(7);
        saturdays += u64::from(of_week == 2);
        weekdays += u64::from(of_week != 2 && of_week != 3);
    }
    if times.len() < 2 {
        return 252.0;
    }
    let always_open = saturdays * 10 >= days;
    let (base, counted) =
        if always_open || weekdays == 0 { (365.0, days) } else { (252.0, weekdays) };
    let years = (*last as f64 - *first as f64) / (YEAR_DAYS * DAY_NS as f64);
    let measured = (counted as f64 - 1.0) / years;
    let days_per_year = if years >= 0.99 && measured < base / 2.0 { measured } else { base };
    times.len() as f64 / counted as f64 * days_per_year
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(wanted: impl Fn(i64) -> bool, count: i64) -> Vec<i64> {
        (0..count).filter(|day| wanted(day.rem_euclid(7))).map(|day| day * DAY_NS).collect()
    }

    #[test]
    fn the_usual_calendars_have_their_usual_years() {
        assert_eq!(bars_per_year(&days(|d| d != 2 && d != 3, 1000)), 252.0);
        assert_eq!(bars_per_year(&days(|_| true, 1000)), 365.0);
        assert_eq!(bars_per_year(&days(|d| d != 2 && d != 3, 4)), 252.0);
        assert_eq!(bars_per_year(&[]), 252.0);
        assert_eq!(bars_per_year(&[DAY_NS]), 252.0);
        let weekly = bars_per_year(&days(|d| d == 1, 3000));
        assert!((weekly - 52.18).abs() < 0.01, "{weekly}");
        let sundays = bars_per_year(&days(|d| d == 3, 3000));
        assert!((sundays - 52.18).abs() < 0.01, "{sundays}");
    }

    #[test]
    fn intraday_bars_multiply_the_days() {
        let minutes: Vec<i64> = days(|d| d != 2 && d != 3, 30)
            .into_iter()
            .flat_map(|day| (0..390).map(move |m| day + (871 + m) * 60_000_000_000))
            .collect();
        assert_eq!(bars_per_year(&minutes), 98_280.0);
    }
}
