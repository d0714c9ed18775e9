//! Resampling with replacement: of single values, or of blocks where neighbours depend.

use super::{mean, needs, normal_cdf, normal_quantile, number, quantile};
use crate::Error;
use crate::stream::Stream;

/// Fills `rows` with a resampling of `0..rows.len()` in blocks of random length.
///
/// The first index is uniform; each further one is a fresh uniform index with probability
/// `1 / mean_block`, else the one after its predecessor, the first after the last. A mean block of 1
/// draws independently. Source: Politis and Romano (1994), "The stationary bootstrap".
pub fn stationary_rows(mean_block: f64, stream: &mut Stream, rows: &mut [usize]) {
    let n = rows.len();
    let mut previous = None;
    for row in rows {
        let next = match previous {
            Some(previous) if stream.uniform() >= 1.0 / mean_block => (previous + 1) % n,
            _ => stream.below(n),
        };
        *row = next;
        previous = Some(next);
    }
}

/// Returns the mean block length of the stationary bootstrap that suits a series' autocorrelation.
///
/// Source: Politis and White (2004), "Automatic block-length selection for the dependent bootstrap",
/// with the correction of Patton, Politis and White (2009).
///
/// # Errors
/// [`Error::Statistic`] for fewer than nine values.
pub fn block_length(values: &[f64]) -> Result<f64, Error> {
    needs(values.len() >= 9, "a block length", "at least nine values", values.len())?;
    let n = values.len();
    let count = number(n);
    let centre = mean(values);
    let e: Vec<f64> = values.iter().map(|value| value - centre).collect();
    let run = if n < 1_000_000 { 5 } else { decimal_digits(n) - 1 };
    let lags = (ceil_root(n) + run).min(n - 2);
    let limit = 2.0 * (count.log10() / count).sqrt();
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let mut covariance = Vec::with_capacity(lags + 1);
    let mut correlation = Vec::with_capacity(lags + 1);
    for lag in 0..=lags {
        let cross = dot(&e[lag..], &e[..n - lag]);
        let (late, early) = (&e[lag + 1..], &e[..n - lag - 1]);
        covariance.push(cross / count);
        correlation.push(cross.abs() / (dot(late, late) * dot(early, early)).sqrt());
    }
    // The first lag after which `run` correlations are too small to matter.
    let quiet = (run..=lags).find(|at| correlation[at - run..*at].iter().all(|r| *r < limit));
    let window = quiet.map_or(lags, |at| 2 * (at - run).max(1)).min(lags);
    let (mut weighted, mut long_run) = (0.0, covariance[0]);
    for (lag, covariance) in covariance.iter().enumerate().take(window + 1).skip(1) {
        let share = number(lag) / number(window);
        let weight = if share <= 0.5 { 1.0 } else { 2.0 * (1.0 - share) };
        weighted += 2.0 * weight * number(lag) * covariance;
        long_run += 2.0 * weight * covariance;
    }
    let length = (weighted * weighted / (long_run * long_run)).cbrt() * count.cbrt();
    let longest = (3.0 * count.sqrt()).min(count / 3.0).ceil();
    Ok(if length.is_finite() { length.min(longest) } else { 1.0 })
}

fn ceil_root(n: usize) -> usize {
    let root = n.isqrt();
    if root * root == n { root } else { root + 1 }
}

fn decimal_digits(n: usize) -> usize {
    n.checked_ilog10().map_or(1, |digits| usize::try_from(digits + 1).unwrap_or(1))
}

/// How a statistic of a sample is resampled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bootstrap {
    /// Resamples.
    pub resamples: usize,
    /// Mean length of the blocks; 1 for values that do not depend on their neighbours (trades), see
    /// [`block_length`] for those that do (returns).
    pub mean_block: f64,
    /// Probability that the interval covers, such as 0.9.
    pub confidence: f64,
    /// Seed of the stream.
    pub seed: u64,
}

/// A statistic and the intervals around it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The statistic of the sample itself.
    pub observed: f64,
    /// Quantiles of the resampled statistic.
    pub percentile: (f64, f64),
    /// Corrected for bias and skewness (`BCa`); `None` when all resamples lie on one side.
    pub bca: Option<(f64, f64)>,
}

impl Bootstrap {
    /// Resamples `values` and returns where `statistic` falls.
    ///
    /// The statistic is called `resamples + n + 1` times. Source of `BCa`: Efron (1987), "Better
    /// bootstrap confidence intervals".
    ///
    /// # Errors
    /// [`Error::Statistic`] for fewer than two values, fewer than ten resamples, or a statistic that
    /// is not a number on some resample.
    pub fn interval(
        &self,
        values: &[f64],
        statistic: &dyn Fn(&[f64]) -> f64,
    ) -> Result<Interval, Error> {
        needs(values.len() >= 2, NAME, "at least two values", values.len())?;
        needs(self.resamples >= 10, NAME, "at least ten resamples", self.resamples)?;
        needs(self.mean_block >= 1.0, NAME, "blocks of at least one value", self.mean_block)?;
        let observed = statistic(values);
        let mut rows = vec![0; values.len()];
        let mut sample = Vec::with_capacity(values.len());
        let mut statistics = Vec::with_capacity(self.resamples);
        for draw in 0..self.resamples {
            let mut stream = Stream::new(self.seed, [u64::try_from(draw).unwrap_or(0), 0]);
            stationary_rows(self.mean_block, &mut stream, &mut rows);
            sample.clear();
            sample.extend(rows.iter().map(|row| values[*row]));
            statistics.push(statistic(&sample));
        }
        let odd = statistics.iter().find(|value| value.is_nan());
        needs(odd.is_none(), NAME, "a statistic that is a number on every resample", f64::NAN)?;
        statistics.sort_by(f64::total_cmp);
        let tail = (1.0 - self.confidence) / 2.0;
        let percentile = (quantile(&statistics, tail), quantile(&statistics, 1.0 - tail));
        let bca = bca_levels(values, statistic, observed, &statistics, tail)
            .map(|(low, high)| (quantile(&statistics, low), quantile(&statistics, high)));
        Ok(Interval { observed, percentile, bca })
    }
}

const NAME: &str = "a bootstrap interval";

/// The quantile levels of the corrected interval.
fn bca_levels(
    values: &[f64],
    statistic: &dyn Fn(&[f64]) -> f64,
    observed: f64,
    ascending: &[f64],
    tail: f64,
) -> Option<(f64, f64)> {
    let below = ascending.iter().filter(|value| **value < observed).count();
    let equal = ascending.iter().filter(|value| **value == observed).count();
    let share = (number(below) + number(equal) / 2.0) / number(ascending.len());
    let bias = normal_quantile(share);
    if !bias.is_finite() {
        return None;
    }
    let mut rest = values[1..].to_vec();
    let mut left_out = Vec::with_capacity(values.len());
    left_out.push(statistic(&rest));
    for at in 0..rest.len() {
        rest[at] = values[at];
        left_out.push(statistic(&rest));
    }
    let centre = mean(&left_out);
    let sum = |power: i32| left_out.iter().map(|value| (centre - value).powi(power)).sum::<f64>();
    let squares = sum(2);
    let skew = if squares > 0.0 { sum(3) / (6.0 * squares.powf(1.5)) } else { 0.0 };
    let level = |probability: f64| {
        let z = bias + normal_quantile(probability);
        normal_cdf(bias + z / (1.0 - skew * z))
    };
    Some((level(tail), level(1.0 - tail))).filter(|(low, high)| !low.is_nan() && !high.is_nan())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_have_the_mean_length_asked_for() {
        let mut rows = vec![0; 100_000];
        let mut stream = Stream::new(1, [0, 0]);
        stationary_rows(8.0, &mut stream, &mut rows);
        let breaks = rows.windows(2).filter(|pair| pair[1] != (pair[0] + 1) % 100_000).count();
        let mean_length = 100_000.0 / number(breaks + 1);
        assert!((mean_length - 8.0).abs() < 0.3, "{mean_length}");
        stationary_rows(1.0, &mut stream, &mut rows[..10]);
        assert!(rows[..10].iter().all(|row| *row < 10));
    }

    #[test]
    fn intervals_cover_the_mean_as_often_as_they_say() {
        let bootstrap = Bootstrap { resamples: 200, mean_block: 1.0, confidence: 0.9, seed: 5 };
        let mut stream = Stream::new(11, [0, 0]);
        let (mut percentile, mut bca) = (0, 0);
        for _ in 0..200 {
            let values: Vec<f64> = (0..60).map(|_| stream.normal()).collect();
            let interval = bootstrap.interval(&values, &mean).unwrap();
            let covers = |range: (f64, f64)| i32::from(range.0 <= 0.0 && 0.0 <= range.1);
            percentile += covers(interval.percentile);
            bca += interval.bca.map_or(0, covers);
        }
        assert!(
            (165..=192).contains(&percentile) && (165..=192).contains(&bca),
            "{percentile} {bca}"
        );
    }

    #[test]
    fn the_same_seed_gives_the_same_interval() {
        let bootstrap = Bootstrap { resamples: 50, mean_block: 3.0, confidence: 0.8, seed: 9 };
        let values: Vec<f64> = (0..40).map(|n| f64::from(n % 7)).collect();
        let once = bootstrap.interval(&values, &mean).unwrap();
        assert_eq!(once, bootstrap.interval(&values, &mean).unwrap());
        let other = Bootstrap { seed: 10, ..bootstrap };
        assert_ne!(once, other.interval(&values, &mean).unwrap());
    }
}
