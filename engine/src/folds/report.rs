//! What folds return.

use barrow_format::Version;
use barrow_store::Lease;

use super::{Cut, Folds};
use crate::metrics::Metrics;
use crate::objective::{Direction, Objective};
use crate::params::Params;
use crate::portal::Portal;
use crate::search::{Dim, Space};
use crate::sweep::Trial;
use crate::time::TimeStyle;
use crate::validation::{FoldScore, Split, Stability, number, quantile};

/// The result of a walk-forward or a cross-validation.
#[derive(Debug, Clone)]
pub struct FoldsReport<C> {
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
    pub cut: C,
    /// The folds in their order; those that ended when it was cancelled.
    pub folds: Vec<FoldReport>,
    /// Folds that there would have been.
    pub folds_len: usize,
    /// Times of every path's equity, ns since the epoch, UTC, ascending.
    pub times: Vec<i64>,
    /// The test runs one after the other: one path of a walk-forward, several of a cross-validation. None
    /// when it was cancelled before all of them had a run of the first group.
    pub paths: Vec<PathReport>,
    /// How the choices hold.
    pub stability: Option<Stability>,
    /// Whole trials of all folds.
    pub trials: u64,
    /// How times are written.
    pub time_style: TimeStyle,
    /// Number of workers.
    pub workers: usize,
    /// Wall-clock time.
    pub elapsed_seconds: f64,
}

/// One fold.
#[derive(Debug, Clone)]
pub struct FoldReport {
    /// Places on the clock.
    pub split: Split,
    /// First and last time of the bars that were fitted on.
    pub train: (i64, i64),
    /// Of those that the choice was made on.
    pub validate: Option<(i64, i64)>,
    /// Of those that were judged.
    pub test: (i64, i64),
    /// The chosen parameters.
    pub chosen: Params,
    /// Figures of the choice on the bars that were fitted on.
    pub on_train: Trial,
    /// On the validation bars.
    pub on_validate: Option<Trial>,
    /// On the test bars, one stretch after the other.
    pub on_test: Trial,
    /// Rank correlation, over all whole trials, of the objective where the choice was made and on the
    /// test bars: whether choosing helps at all.
    pub rank_correlation: Option<f64>,
    /// Whole trials of the search.
    pub trials: u64,
    /// Trials that failed.
    pub failed: u64,
}

/// Test runs one after the other, each beginning with what the one before ended with.
#[derive(Debug, Clone)]
pub struct PathReport {
    /// For each group, or test stretch, the fold whose choice it was run with.
    pub folds: Vec<usize>,
    /// Figures of the path.
    pub metrics: Metrics,
    /// Equity at each of the report's times, quote currency.
    pub equity: Vec<f64>,
}

impl<C: Cut> FoldsReport<C> {
    /// A report without folds.
    pub(super) fn of(
        folds: &Folds<'_, C>,
        lease: &Lease,
        space: &Space,
        whole: &Portal<'_>,
        folds_len: usize,
    ) -> FoldsReport<C> {
        FoldsReport {
            bundle: lease.name().to_owned(),
            version: lease.version(),
            strategy: String::new(),
            space: space.clone(),
            method: folds.plan.method.to_string(),
            objective: folds.objective,
            search_seed: folds.plan.seed,
            cash: folds.backtest.cash,
            cut: folds.cut.clone(),
            folds: Vec::new(),
            folds_len,
            times: Vec::new(),
            paths: Vec::new(),
            stability: None,
            trials: 0,
            time_style: whole.time_style(),
            workers: 0,
            elapsed_seconds: 0.0,
        }
    }
}

impl<C> FoldsReport<C> {
    /// Returns the equity of the first path, one for each of the times: of a walk-forward the only one.
    pub fn equity(&self) -> &[f64] {
        self.paths.first().map_or(&[], |path| &path.equity)
    }

    /// Returns the figures of the first path.
    pub fn metrics(&self) -> Metrics {
        self.paths.first().map_or_else(Metrics::default, |path| path.metrics)
    }

    /// Returns the objective out of sample: its median over the paths that have it; `None` when none has.
    pub fn out_of_sample(&self) -> Option<f64> {
        let value = |path: &PathReport| {
            let final_equity = path.equity.last().copied().unwrap_or(self.cash);
            self.objective.metric.of(&path.metrics, final_equity)
        };
        let mut values: Vec<f64> = self.paths.iter().filter_map(value).collect();
        values.sort_by(f64::total_cmp);
        (!values.is_empty()).then(|| quantile(&values, 0.5))
    }

    /// How the choices hold; `None` where one of them has no objective.
    pub(super) fn stability_of_choices(&self) -> Option<Stability> {
        let scores: Vec<FoldScore> = self.folds.iter().map(|fold| self.score(fold)).collect();
        Stability::of(&scores).ok()
    }

    fn score(&self, fold: &FoldReport) -> FoldScore {
        let judged = fold.on_validate.as_ref().unwrap_or(&fold.on_train);
        let value = |trial: &Trial| {
            let value = trial.value(self.objective).unwrap_or(f64::NAN);
            if self.objective.direction == Direction::Max { value } else { -value }
        };
        let coordinate = |(dim, x): (&Dim, f64)| match dim.levels {
            _ if x.is_nan() => Err(usize::MAX),
            Some(levels) => Err((0..levels).find(|at| number(*at) >= x).unwrap_or(levels)),
            None => Ok(x),
        };
        let cube = self.space.encode(&fold.chosen);
        FoldScore {
            inside: value(judged),
            outside: value(&fold.on_test),
            profitable: fold.on_test.metrics.total_return.is_some_and(|total| total > 0.0),
            chosen: self.space.dims().iter().zip(cube).map(coordinate).collect(),
        }
    }
}
