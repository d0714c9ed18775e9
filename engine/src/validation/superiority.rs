//! Whether the best of many beats a benchmark, priced for having been picked.

use super::{ReturnMatrix, needs, number, quantile, stationary_rows};
use crate::Error;
use crate::stream::Stream;

/// Whether each column counts in units of its own standard deviation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Studentise {
    /// As Hansen (2005) defines the test: columns that vary little count as much as others.
    Yes,
    /// As the Python package `arch` computes it.
    No,
}

/// What is known of differences to a benchmark, ready for tests.
///
/// Row `t`, column `k` of the matrix is the performance of trial `k` less that of the benchmark in
/// period `t`, higher being better.
#[derive(Debug, Clone)]
pub struct Superiority {
    means: Vec<f64>,
    /// Long-run standard deviation of each column: kernel of the stationary bootstrap.
    deviations: Vec<f64>,
    /// Means of each resample.
    resampled: Vec<Vec<f64>>,
    rows: usize,
}

/// The outcome of one test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SuperiorityTest {
    /// The statistic of the data.
    pub statistic: f64,
    /// Resamples whose statistic is at least as large.
    pub exceed: usize,
    /// `(1 + exceed) / (1 + B)`: never zero.
    pub p_value: f64,
}

/// Which columns are recentred: decides how much the bad ones weigh.
#[derive(Debug, Clone, Copy)]
enum Centre {
    Lower,
    Consistent,
    Upper,
}

impl Superiority {
    /// Draws `resamples` resamples of whole rows with [`stationary_rows`].
    ///
    /// `mean_block` of at least 1; [`block_length`](super::block_length) suggests one. Costs
    /// `O(B T K)` time, `O(B K)` memory.
    ///
    /// # Errors
    /// [`Error::Statistic`] for fewer than three rows, blocks below 1 or no resample.
    pub fn draw(
        differences: &ReturnMatrix,
        mean_block: f64,
        resamples: usize,
        seed: u64,
    ) -> Result<Superiority, Error> {
        let mut stream = Stream::new(seed, [0, 0]);
        let mut rows = vec![0; differences.rows()];
        let draws = (0..resamples).map(|_| {
            stationary_rows(mean_block, &mut stream, &mut rows);
            mean_rows(differences, &rows)
        });
        Superiority::of_means(differences, mean_block, draws.collect())
    }

    /// Takes resamples that were drawn elsewhere, each a list of row numbers.
    ///
    /// # Errors
    /// As [`Superiority::draw`].
    pub fn with_rows(
        differences: &ReturnMatrix,
        mean_block: f64,
        resamples: &[Vec<usize>],
    ) -> Result<Superiority, Error> {
        let inside = |rows: &Vec<usize>| rows.iter().all(|row| *row < differences.rows());
        needs(resamples.iter().all(inside), NAME, "rows of the matrix", differences.rows())?;
        let means = resamples.iter().map(|rows| mean_rows(differences, rows)).collect();
        Superiority::of_means(differences, mean_block, means)
    }

    fn of_means(
        differences: &ReturnMatrix,
        mean_block: f64,
        resampled: Vec<Vec<f64>>,
    ) -> Result<Superiority, Error> {
        needs(differences.rows() >= 3, NAME, "at least three rows", differences.rows())?;
        needs(mean_block >= 1.0, NAME, "blocks of at least one row", mean_block)?;
        needs(!resampled.is_empty(), NAME, "at least one resample", resampled.len())?;
        let deviation = |column| long_run_deviation(&differences.column(column), mean_block);
        Ok(Superiority {
            means: differences.means(),
            deviations: (0..differences.columns()).map(deviation).collect(),
            resampled,
            rows: differences.rows(),
        })
    }

    /// Returns the long-run standard deviation of each column.
    pub fn deviations(&self) -> &[f64] {
        &self.deviations
    }

    /// White's reality check: the largest `sqrt(n) mean` against that of recentred resamples.
    ///
    /// Source: White (2000), "A reality check for data snooping".
    pub fn reality_check(&self) -> SuperiorityTest {
        let root = number(self.rows).sqrt();
        let statistic = self.means.iter().fold(f64::NEG_INFINITY, |top, m| top.max(root * m));
        self.test(statistic, |means| {
            let largest = |top: f64, (m, centre): (&f64, &f64)| top.max(root * (m - centre));
            means.iter().zip(&self.means).fold(f64::NEG_INFINITY, largest)
        })
    }

    /// Hansen's test of superior predictive ability, consistent form.
    ///
    /// Source: Hansen (2005), "A test for superior predictive ability". Columns that do not vary are
    /// left out when studentised.
    pub fn consistent(&self, studentise: Studentise) -> SuperiorityTest {
        self.hansen(studentise, Centre::Consistent)
    }

    /// The lower bound of Hansen's test: all columns below the benchmark are taken to be far below.
    pub fn lower(&self, studentise: Studentise) -> SuperiorityTest {
        self.hansen(studentise, Centre::Lower)
    }

    /// The upper bound of Hansen's test: all columns are taken to be as good as the benchmark.
    pub fn upper(&self, studentise: Studentise) -> SuperiorityTest {
        self.hansen(studentise, Centre::Upper)
    }

    /// Returns the columns that beat the benchmark with a family-wise error of at most `level`, in
    /// ascending order: the step-down of Romano and Wolf (2005), "Stepwise multiple testing as
    /// formalized data snooping", on studentised differences.
    pub fn step_down(&self, level: f64) -> Vec<usize> {
        let root = number(self.rows).sqrt();
        let mut left: Vec<usize> =
            (0..self.means.len()).filter(|k| self.deviations[*k] > 0.0).collect();
        let mut rejected = Vec::new();
        loop {
            let largest = |means: &Vec<f64>| {
                let z = |k: &usize| root * (means[*k] - self.means[*k]) / self.deviations[*k];
                left.iter().map(z).fold(f64::NEG_INFINITY, f64::max)
            };
            let mut maxima: Vec<f64> = self.resampled.iter().map(largest).collect();
            maxima.sort_by(f64::total_cmp);
            let limit = quantile(&maxima, 1.0 - level);
            let beats = |k: &usize| root * self.means[*k] / self.deviations[*k] > limit;
            let (better, rest): (Vec<usize>, Vec<usize>) = left.iter().partition(|k| beats(k));
            if better.is_empty() {
                rejected.sort_unstable();
                return rejected;
            }
            rejected.extend(better);
            left = rest;
            if left.is_empty() {
                rejected.sort_unstable();
                return rejected;
            }
        }
    }

    fn hansen(&self, studentise: Studentise, centre: Centre) -> SuperiorityTest {
        let root = number(self.rows).sqrt();
        let scale = |k: usize| match studentise {
            Studentise::Yes => root / self.deviations[k],
            Studentise::No => root,
        };
        let used = |k: &usize| studentise == Studentise::No || self.deviations[*k] > 0.0;
        let columns: Vec<usize> = (0..self.means.len()).filter(used).collect();
        let centres: Vec<f64> = columns.iter().map(|k| self.centre(*k, centre)).collect();
        let statistic = columns.iter().map(|k| scale(*k) * self.means[*k]).fold(0.0, f64::max);
        self.test(statistic, |means| {
            let pairs = columns.iter().zip(&centres);
            pairs.map(|(k, centre)| scale(*k) * (means[*k] - centre)).fold(0.0, f64::max)
        })
    }

    fn centre(&self, column: usize, centre: Centre) -> f64 {
        let (n, mean, deviation) = (number(self.rows), self.means[column], self.deviations[column]);
        match centre {
            Centre::Lower => mean.max(0.0),
            Centre::Upper => mean,
            Centre::Consistent => {
                let limit = -deviation * (2.0 * n.ln().ln() / n).sqrt();
                if mean >= limit { mean } else { 0.0 }
            }
        }
    }

    fn test(&self, statistic: f64, resampled: impl Fn(&[f64]) -> f64) -> SuperiorityTest {
        let exceed = self.resampled.iter().filter(|means| resampled(means) >= statistic).count();
        let p_value = (1.0 + number(exceed)) / (1.0 + number(self.resampled.len()));
        SuperiorityTest { statistic, exceed, p_value }
    }
}

const NAME: &str = "a test of superiority";

fn mean_rows(matrix: &ReturnMatrix, rows: &[usize]) -> Vec<f64> {
    let mut means = vec![0.0; matrix.columns()];
    for row in rows {
        means.iter_mut().zip(matrix.row(*row)).for_each(|(sum, value)| *sum += value);
    }
    let count = number(rows.len());
    for sum in &mut means {
        *sum /= count;
    }
    means
}

/// `sqrt(g_0 + 2 sum kappa(n, i) g_i)` with the autocovariances `g` and the weights
/// `kappa = (1 - i/n) (1-p)^i + (i/n) (1-p)^(n-i)`, `p = 1 / mean_block`. Source: Politis and Romano
/// (1994).
fn long_run_deviation(values: &[f64], mean_block: f64) -> f64 {
    let n = values.len();
    let centre = super::mean(values);
    let e: Vec<f64> = values.iter().map(|value| value - centre).collect();
    let covariance = |lag: usize| {
        e[lag..].iter().zip(&e[..n - lag]).map(|(a, b)| a * b).sum::<f64>() / number(n)
    };
    let stay = 1.0 - 1.0 / mean_block;
    let mut variance = covariance(0);
    for lag in 1..n {
        let share = number(lag) / number(n);
        let weight = (1.0 - share) * stay.powf(number(lag)) + share * stay.powf(number(n - lag));
        if weight > 0.0 {
            variance += 2.0 * weight * covariance(lag);
        }
    }
    variance.max(0.0).sqrt()
}
