//! What a cross-validation returns.

use barrow_format::Version;

use crate::metrics::Metrics;
use crate::objective::Objective;
use crate::params::Params;
use crate::search::Space;
use crate::sweep::Trial;
use crate::time::TimeStyle;
use crate::validation::{Purged, Split, quantile};

/// The result of a combinatorial purged cross-validation.
#[derive(Debug, Clone)]
pub struct CrossValidationReport {
    /// Name of the bundle.
    pub bundle: String,
    /// Content version of the bars.
    pub version: Version,
    /// Name of the strategy.
    pub strategy: String,
    /// What was searched.
    pub space: Space,
    /// The method of the search.
    pub method: String,
    /// What made a trial the best.
    pub objective: Objective,
    /// Seed of the search.
    pub search_seed: u64,
    /// Starting cash, quote currency.
    pub cash: f64,
    /// How the bars were cut.
    pub purged: Purged,
    /// First and last time of each group, ns since the epoch, UTC.
    pub groups: Vec<(i64, i64)>,
    /// The splits in the order of their test groups; those that ended when it was cancelled.
    pub splits: Vec<SplitReport>,
    /// Splits that there would have been.
    pub splits_len: usize,
    /// The paths; none when it was cancelled.
    pub paths: Vec<PathReport>,
    /// Times of every path's equity, ns since the epoch, UTC, ascending.
    pub times: Vec<i64>,
    /// Trials of all splits.
    pub trials: u64,
    /// How times are written.
    pub time_style: TimeStyle,
    /// Number of workers.
    pub workers: usize,
    /// Wall-clock time.
    pub elapsed_seconds: f64,
}

/// One way to fit and to judge.
#[derive(Debug, Clone)]
pub struct SplitReport {
    /// Which bars.
    pub split: Split,
    /// The best parameters on the bars that were fitted on.
    pub chosen: Params,
    /// Their figures there.
    pub on_train: Trial,
    /// Their figures on the test groups, one after the other.
    pub on_test: Trial,
    /// Trials that ended.
    pub trials: u64,
    /// Trials that failed.
    pub failed: u64,
}

/// A backtest over the whole period of which each group was judged by what was fitted elsewhere.
#[derive(Debug, Clone)]
pub struct PathReport {
    /// For each group the split whose choice it was run with.
    pub splits: Vec<usize>,
    /// Figures of the path.
    pub metrics: Metrics,
    /// Equity at each of the report's times, quote currency.
    pub equity: Vec<f64>,
}

/// How the annual Sharpe ratios of paths are spread.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SharpeSpread {
    /// Paths that have one.
    pub paths: usize,
    /// Their mean.
    pub mean: f64,
    /// Their sample standard deviation; 0 for one path.
    pub deviation: f64,
    /// The 5 % quantile.
    pub low: f64,
    /// The median.
    pub median: f64,
    /// The 95 % quantile.
    pub high: f64,
    /// The share of ratios that are not above zero.
    pub not_above_zero: f64,
}

impl CrossValidationReport {
    /// Returns how the Sharpe ratios of the paths are spread; `None` when no path has one.
    pub fn sharpe_spread(&self) -> Option<SharpeSpread> {
        let mut ratios: Vec<f64> =
            self.paths.iter().filter_map(|path| path.metrics.sharpe).collect();
        ratios.sort_by(f64::total_cmp);
        if ratios.is_empty() {
            return None;
        }
        let count = crate::validation::number(ratios.len());
        let mean = ratios.iter().sum::<f64>() / count;
        let squares: f64 = ratios.iter().map(|ratio| (ratio - mean) * (ratio - mean)).sum();
        let lost = ratios.iter().filter(|ratio| **ratio <= 0.0).count();
        Some(SharpeSpread {
            paths: ratios.len(),
            mean,
            deviation: (squares / (count - 1.0).max(1.0)).sqrt(),
            low: quantile(&ratios, 0.05),
            median: quantile(&ratios, 0.5),
            high: quantile(&ratios, 0.95),
            not_above_zero: crate::validation::number(lost) / count,
        })
    }
}
