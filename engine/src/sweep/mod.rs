//! Many runs over one lease: every point of a space, on all workers.

mod batch;
mod block;
mod crew;
mod driven;
mod example;
mod growing;
mod hunt;
mod identity;
mod kept;
mod piece;
mod ranking;
mod report;
mod selections;
mod stretches;
mod terms;
mod threads;
mod verdict;

pub(crate) use batch::End;
use batch::{Batch, block_len};
pub(crate) use crew::evaluate;
pub use crew::{Crew, Crews, Ended, ThreadCrews};
use example::first_strategy;
pub use hunt::Hunt;
pub(crate) use piece::{Piece, stitch};
pub use ranking::{Ranking, at_different_points};
pub use report::{CacheUse, Failure, Partial, SearchSummary, SweepReport, Trial};
pub use terms::{Part, Terms};
pub use threads::Threads;
pub use verdict::Verdict;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use barrow_store::{Lease, SeriesCache};

use crate::Error;
use crate::backtest::Backtest;
use crate::objective::Objective;
use crate::params::Params;
use crate::portal::Portal;
use crate::search::Space;
use crate::strategies;
use crate::strategy::Strategy;
use crate::workers::Workers;

/// Makes the strategy of a trial from its parameters; called on the worker that runs it.
/// [`Given`](strategies::Given) reads them, and refuses those that the strategy does not have.
pub type Factory<'a> = dyn Fn(&Params) -> Result<Box<dyn Strategy + Send>, Error> + Sync + 'a;

/// How a space is swept.
///
/// All trials share one portal over one lease, one cache of derived series and one pool of workers;
/// a trial keeps a record of fixed size and nothing else. Trials, best and failures are the same to
/// the last bit at any number of workers.
///
/// A point that breaks the strategy's constraint ([`Error::Constraint`]) is skipped and counted. A
/// trial that fails or panics is reported with its parameters and message; the others go on.
///
/// ```no_run
/// use barrow_engine::{Backtest, Commission, Space, Sweep, Workers};
/// use barrow_store::{Catalog, SeriesCache};
///
/// let lease = Catalog::at("/data/barrow").lease("us-daily")?;
/// let backtest = Backtest { commission: Commission::Bps(5.0), ..Backtest::with_cash(100_000.0) };
/// let space = Space::parse(["fast=2..20:2", "slow=25..70:5"])?;
/// let (cache, workers) = (SeriesCache::default(), Workers::new(2)?);
/// let report = Sweep::new(backtest, "sharpe".parse()?)
///     .run(&lease, "sma-cross", &space, &cache, &workers)?;
/// for trial in &report.trials {
///     println!("{} {:?}", report.params(trial), trial.metrics.sharpe);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// [`Sweep::run_with`] takes a strategy of your own; what chooses points by outcomes is a [`Hunt`].
pub struct Sweep<'a> {
    /// How each trial is run.
    pub backtest: Backtest,
    /// What makes a trial the best; of equal ones the first.
    pub objective: Objective,
    /// Is called after each trial, on the worker that ran it; one call at a time, `done` ascending.
    pub progress: Option<&'a (dyn Fn(Progress) + Sync)>,
    /// Once true, no further trial is started; the report has those that ended.
    pub cancel: Option<&'a AtomicBool>,
}

/// How far a sweep has come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// Points done, skipped or failed.
    pub done: u64,
    /// Points of the space. Of a search, the trials that it will have, as well as that is known: by its limits, or by what its
    /// trials have cost so far.
    pub total: u64,
    /// The best value of the objective so far: of folds, in the one at work.
    pub best: Option<f64>,
    /// Folds that have ended, and all of them; one at work of one where there are none.
    pub folds: (u64, u64),
}

impl Progress {
    /// The same as that of a fold behind `folds.0` others, in which `before` trials ended; the others
    /// take about as many.
    pub(crate) fn in_fold(self, folds: (u64, u64), before: u64) -> Progress {
        let done = before + self.done;
        let left = folds.1.saturating_sub(folds.0 + 1);
        let total = before + self.total + self.total.saturating_mul(left);
        Progress { done, total: total.max(done), folds, ..self }
    }
}

impl Sweep<'_> {
    /// Returns a sweep without progress and cancellation.
    pub fn new(backtest: Backtest, objective: Objective) -> Self {
        Sweep { backtest, objective, progress: None, cancel: None }
    }

    /// Sweeps a built-in strategy: see [`strategies::build`].
    ///
    /// # Errors
    /// As [`Sweep::run_with`].
    pub fn run(
        &self,
        lease: &Lease,
        strategy: &str,
        space: &Space,
        cache: &SeriesCache,
        workers: &Workers,
    ) -> Result<SweepReport, Error> {
        self.run_with(lease, &|params| strategies::build(strategy, params), space, cache, workers)
    }

    /// Sweeps any strategy.
    ///
    /// # Errors
    /// What a single run would fail with whatever the point (settings, scope, columns), an unknown
    /// parameter or a value out of range at any point of the space, [`Error::NothingToRun`] when all
    /// points break the constraint.
    pub fn run_with(
        &self,
        lease: &Lease,
        factory: &Factory<'_>,
        space: &Space,
        cache: &SeriesCache,
        workers: &Workers,
    ) -> Result<SweepReport, Error> {
        let started = Instant::now();
        let before = cache.stats();
        self.backtest.check()?;
        space.check_grid()?;
        let portal = Portal::new(lease, cache, &self.backtest.scope)?;
        let first = first_strategy(factory, space)?;
        let tally = Tally::default();
        let batch = Batch::new(&self.backtest, std::slice::from_ref(&portal), factory, self.cancel);
        let block_len = block_len(space.len(), workers.threads());
        let ends = workers.ordered(space.len().div_ceil(block_len), |block| {
            let first = block * block_len;
            let indexes = first..(first + block_len).min(space.len());
            let points = indexes.map(|index| Some(space.point(index)).filter(|p| space.admits(p)));
            batch.run(first, &points.collect::<Vec<_>>(), &|end| {
                if !matches!(end, End::NotRun) {
                    self.report_progress(&tally, space.len(), end);
                }
            })
        });
        let mut report = SweepReport::new(self, &portal, space, first.as_ref());
        report.collect(ends.into_iter().flatten())?;
        report.workers = workers.threads();
        report.cache = CacheUse::between(&before, &cache.stats());
        report.elapsed_seconds = started.elapsed().as_secs_f64();
        Ok(report)
    }

    fn report_progress(&self, tally: &Tally, total: u64, end: &End) {
        let Some(progress) = self.progress else { return };
        let value = match end {
            End::Done(trial) => trial.value(self.objective),
            _ => None,
        };
        let mut best = tally.best.lock().unwrap_or_else(PoisonError::into_inner);
        if self.objective.better(value, *best) {
            *best = value;
        }
        let done = tally.done.fetch_add(1, Ordering::Relaxed) + 1;
        progress(Progress { done, total, best: *best, folds: (0, 1) });
    }
}

impl std::fmt::Debug for Sweep<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sweep")
            .field("backtest", &self.backtest)
            .field("objective", &self.objective)
            .finish_non_exhaustive()
    }
}

/// What the workers tell each other.
#[derive(Debug, Default)]
struct Tally {
    done: AtomicU64,
    best: Mutex<Option<f64>>,
}
