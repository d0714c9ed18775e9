//! What a walk-forward returns.

use barrow_format::Version;

use crate::metrics::Metrics;
use crate::objective::Objective;
use crate::params::Params;
use crate::search::Space;
use crate::sweep::Trial;
use crate::time::TimeStyle;
use crate::validation::{Fold, Stability};

/// The result of a walk-forward.
#[derive(Debug, Clone)]
pub struct WalkForwardReport {
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
    /// The folds, oldest first; those that ended when it was cancelled.
    pub folds: Vec<FoldReport>,
    /// Folds that there would have been.
    pub folds_len: usize,
    /// Times of the stitched equity, ns since the epoch, UTC, ascending.
    pub times: Vec<i64>,
    /// Equity of the test stretches one after the other, each beginning with what the one before
    /// ended with, quote currency. One for each of `times`.
    pub equity: Vec<f64>,
    /// Figures of the stitched equity.
    pub metrics: Metrics,
    /// How the choices hold.
    pub stability: Option<Stability>,
    /// Trials of all folds.
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
    pub fold: Fold,
    /// First and last time of the train stretch.
    pub train: (i64, i64),
    /// Of the validation stretch.
    pub validate: Option<(i64, i64)>,
    /// Of the test stretch.
    pub test: (i64, i64),
    /// The chosen parameters.
    pub chosen: Params,
    /// Figures of the choice on the train stretch.
    pub on_train: Trial,
    /// On the validation stretch.
    pub on_validate: Option<Trial>,
    /// On the test stretch.
    pub on_test: Trial,
    /// Rank correlation, over all trials, of the objective where the choice was made and on the test
    /// stretch: whether choosing helps at all.
    pub rank_correlation: Option<f64>,
    /// Trials of the whole train stretch.
    pub trials: u64,
    /// Trials that failed.
    pub failed: u64,
}
