//! What is computed from a curve of equity: drawdown, returns by month, fewer points to draw.

use super::Point;
use super::scale::year_month;

/// How far each point lies below the highest point so far, as a share of that: 0 or negative.
pub(super) fn drawdown(equity: &[Point]) -> Vec<Point> {
    let mut peak = f64::NEG_INFINITY;
    equity
        .iter()
        .map(|(time, value)| {
            peak = peak.max(*value);
            let below = if peak > 0.0 { value / peak - 1.0 } else { 0.0 };
            (*time, below)
        })
        .collect()
}

/// The times of the peak and of the trough of the deepest drawdown, if there is any.
pub(super) fn deepest(equity: &[Point]) -> Option<(i64, i64)> {
    let trough = drawdown(equity)
        .into_iter()
        .enumerate()
        .filter(|(_, (_, below))| *below < 0.0)
        .min_by(|(_, (_, a)), (_, (_, b))| a.total_cmp(b))
        .map(|(place, _)| place)?;
    let peak = equity[..trough].iter().max_by(|(_, a), (_, b)| a.total_cmp(b))?;
    Some((peak.0, equity[trough].0))
}

/// Returns of one calendar year, as shares of one.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Year {
    pub(super) number: i16,
    /// January first; `None` where the curve has no point in the month.
    pub(super) months: [Option<f64>; 12],
    pub(super) total: f64,
}

/// Returns by month and year, from the last point of one month to the last of the next; the first
/// month is measured from `start`, the equity before the first point.
pub(super) fn years(equity: &[Point], start: f64) -> Vec<Year> {
    let mut ends: Vec<((i16, i8), f64)> = Vec::new();
    for (time, value) in equity {
        let Some(month) = year_month(*time) else { continue };
        match ends.last_mut() {
            Some((last, end)) if *last == month => *end = *value,
            _ => ends.push((month, *value)),
        }
    }
    let mut found: Vec<Year> = Vec::new();
    let (mut before_month, mut before_year) = (start, start);
    for ((year, month), end) in ends {
        if found.last().is_none_or(|last| last.number != year) {
            before_year = before_month;
            found.push(Year { number: year, months: [None; 12], total: 0.0 });
        }
        if let Some(last) = found.last_mut() {
            last.months[usize::from(month.unsigned_abs()) - 1] = Some(end / before_month - 1.0);
            last.total = end / before_year - 1.0;
        }
        before_month = end;
    }
    found
}

/// At most about `2 x buckets` of the points, with the extremes of every stretch kept, so that the
/// drawn curve looks the same. First and last points stay.
pub(super) fn thinned(points: &[Point], buckets: usize) -> Vec<Point> {
    if points.len() <= 2 * buckets {
        return points.to_vec();
    }
    let mut kept: Vec<usize> = vec![0];
    for bucket in 0..buckets {
        let range = bucket * points.len() / buckets..(bucket + 1) * points.len() / buckets;
        let by_value = |a: &usize, b: &usize| points[*a].1.total_cmp(&points[*b].1);
        let (low, high) = (range.clone().min_by(by_value), range.max_by(by_value));
        if let (Some(low), Some(high)) = (low, high) {
            kept.extend([low.min(high), low.max(high)]);
        }
    }
    kept.push(points.len() - 1);
    kept.dedup();
    kept.into_iter().map(|place| points[place]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000_000_000;

    #[test]
    fn drawdown_is_measured_from_the_peak() {
        let equity = [(0, 100.0), (1, 120.0), (2, 90.0), (3, 120.0), (4, 132.0), (5, 130.0)];
        let below: Vec<f64> = drawdown(&equity).into_iter().map(|(_, value)| value).collect();
        assert_eq!(below[..4], [0.0, 0.0, -0.25, 0.0]);
        assert_eq!(deepest(&equity), Some((1, 2)));
        assert_eq!(deepest(&equity[..2]), None);
    }

    #[test]
    fn months_chain_to_years() {
        // 1970-01-01, 01-31, 02-28, 1971-02-01
        let equity = [(0, 100.0), (30 * DAY, 110.0), (58 * DAY, 99.0), (396 * DAY, 198.0)];
        let years = years(&equity, 100.0);
        assert_eq!(years.len(), 2);
        assert!((years[0].months[0].unwrap() - 0.1).abs() < 1e-12);
        assert!((years[0].months[1].unwrap() + 0.1).abs() < 1e-12);
        assert!((years[0].total + 0.01).abs() < 1e-12);
        assert_eq!(years[1].months[0], None);
        assert!((years[1].total - 1.0).abs() < 1e-12);
    }

    #[test]
    fn thinning_keeps_extremes_and_order() {
        let mut points: Vec<Point> = (0..10_000).map(|i| (i, 0.0)).collect();
        points[5_003].1 = 9.0;
        points[7_777].1 = -9.0;
        let kept = thinned(&points, 100);
        assert!(kept.len() <= 202);
        assert!(kept.contains(&(5_003, 9.0)) && kept.contains(&(7_777, -9.0)));
        assert!(kept.is_sorted_by_key(|(time, _)| *time));
        assert_eq!((kept[0].0, kept[kept.len() - 1].0), (0, 9_999));
    }
}
