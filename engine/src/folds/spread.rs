//! How the paths of a cross-validation are spread.

use super::FoldsReport;
use crate::validation::{Purged, quantile};

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

impl<C> FoldsReport<C> {
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

impl FoldsReport<Purged> {
    /// Returns first and last time of each group; none when it was cancelled.
    pub fn groups(&self) -> Vec<(i64, i64)> {
        if self.folds.len() < self.folds_len {
            return Vec::new();
        }
        let ends = |group: usize| {
            let ticks = self.cut.group(group, self.times.len());
            (self.times[ticks.start], self.times[ticks.end - 1])
        };
        (0..self.cut.groups).map(ends).collect()
    }
}
