//! Timing: samples, medians, and intervals that assume no distribution.

use std::time::{Duration, Instant};

/// Seconds in which `work` ran, and what it returned.
pub fn seconds<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let started = Instant::now();
    let value = work();
    (started.elapsed().as_secs_f64(), value)
}

/// Seconds in which `work` ran, seconds that all processors together worked for this process meanwhile, and what it returned.
pub fn seconds_and_work<T>(work: impl FnOnce() -> T) -> ([f64; 2], T) {
    let before = worked();
    let (seconds, value) = seconds(work);
    ([seconds, worked() - before], value)
}

/// Seconds that all processors together have worked for this process.
fn worked() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let whole = u64::try_from(time.tv_sec).unwrap_or(0);
    let rest = u64::try_from(time.tv_nsec).unwrap_or(0);
    (Duration::from_secs(whole) + Duration::from_nanos(rest)).as_secs_f64()
}

/// Calls `work` once to warm up, then `runs` times, and returns the seconds of each.
pub fn sample<T>(runs: usize, mut work: impl FnMut() -> T) -> Vec<f64> {
    std::hint::black_box(work());
    (0..runs).map(|_| seconds(|| std::hint::black_box(work())).0).collect()
}

/// Seconds of one call, sampled `runs` times over `calls` calls each.
pub fn sample_calls(runs: usize, calls: u32, mut work: impl FnMut(u32)) -> Vec<f64> {
    let samples = sample(runs, || {
        for call in 0..calls {
            work(call);
        }
    });
    samples.into_iter().map(|total| total / f64::from(calls)).collect()
}

/// A median with an interval that holds the true one with a confidence of at least 95 %.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Summary {
    /// Number of samples.
    pub samples: usize,
    /// The median.
    pub median: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

impl Summary {
    /// Summarises samples; `None` when there are none.
    ///
    /// The interval runs between two order statistics: the number of samples below the true median is
    /// binomial, so the ranks are chosen such that either end is missed with at most 2.5 %. With fewer
    /// than six samples there are no such ranks, and the whole range is given.
    pub fn of(samples: &[f64]) -> Option<Self> {
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (low, high) = (*sorted.first()?, *sorted.last()?);
        let n = sorted.len();
        let middle = |i: usize| sorted.get(i).copied().unwrap_or(high);
        let median = f64::midpoint(middle((n - 1) / 2), middle(n / 2));
        let skip = ranks_outside(n);
        let low = sorted.get(skip).copied().unwrap_or(low);
        let high = sorted.get(n - 1 - skip).copied().unwrap_or(high);
        Some(Self { samples: n, median, low, high })
    }
}

/// The largest number of samples that may lie outside each end of the interval.
fn ranks_outside(n: usize) -> usize {
    // P(X <= k) for X binomial(n, 1/2), summed term by term.
    let n_float = u32::try_from(n).map_or(f64::INFINITY, f64::from);
    let mut term = 0.5_f64.powf(n_float);
    let mut sum = term;
    let mut skip = 0;
    let mut k = 0.0;
    while sum <= 0.025 && skip < n / 2 {
        skip += 1;
        term *= (n_float - k) / (k + 1.0);
        k += 1.0;
        sum += term;
    }
    skip
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_use_the_ranks_of_the_tables() {
        // Ranks (1-based) of the 95 % interval of the median, from published tables.
        for (n, rank) in [(5, 1), (6, 1), (8, 1), (9, 2), (11, 2), (12, 3), (20, 6), (50, 18)] {
            assert_eq!(ranks_outside(n) + usize::from(n < 6), rank, "n = {n}");
        }
    }

    #[test]
    fn medians_are_medians() {
        let odd = Summary::of(&[3.0, 1.0, 2.0]).unwrap();
        assert_eq!((odd.median, odd.low, odd.high), (2.0, 1.0, 3.0));
        assert_eq!(Summary::of(&[4.0, 1.0, 2.0, 3.0]).unwrap().median, 2.5);
        assert_eq!(Summary::of(&[]), None);
    }
}
