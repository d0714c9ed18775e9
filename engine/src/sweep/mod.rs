//! Many runs over one lease: every point of a space, on all workers.

mod block;
mod driven;
mod report;
mod space;

pub use report::{CacheUse, Failure, SweepReport, Trial};
pub use space::{Axis, Space};

use std::any::Any;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use barrow_store::{Lease, SeriesCache};

use crate::Error;
use crate::backtest::{Backtest, Desk, Outcome};
use crate::objective::Objective;
use crate::params::Params;
use crate::portal::Portal;
use crate::strategies;
use crate::strategy::Strategy;
use crate::workers::Workers;

/// Makes the strategy of a trial from its parameters; called on the worker that runs it.
pub type Factory<'a> = dyn Fn(&Params) -> Result<Box<dyn Strategy + Send>, Error> + Sync + 'a;

/// How a space is swept.
///
/// All trials share one portal over one lease, one cache of derived series and one pool of workers;
/// a trial keeps a record of fixed size and nothing else. Trials, best and failures are the same to
/// the last bit at any number of workers.
///
/// A point that breaks the strategy's constraint ([`Error::Constraint`]) is skipped and counted. A
/// trial that fails or panics is reported with its parameters and message; the others go on.
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
    /// Points of the space.
    pub total: u64,
    /// The best value of the objective so far.
    pub best: Option<f64>,
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
        let portal = Portal::new(lease, cache, &self.backtest.scope)?;
        let first = first_strategy(factory, space)?;
        let tally = Tally::default();
        let block_len = block_len(space.len(), workers.threads());
        let ends = workers.ordered(space.len().div_ceil(block_len), |block| {
            let first = block * block_len;
            let indexes = first..(first + block_len).min(space.len());
            self.block(&portal, factory, space, indexes, &tally)
        });
        let mut report = SweepReport::new(self, &portal, space, first.as_ref());
        report.collect(ends.into_iter().flatten())?;
        report.workers = workers.threads();
        report.cache = CacheUse::between(&before, &cache.stats());
        report.elapsed_seconds = started.elapsed().as_secs_f64();
        Ok(report)
    }

    /// Runs neighbouring points, together where their strategy allows.
    fn block(
        &self,
        portal: &Portal<'_>,
        factory: &Factory<'_>,
        space: &Space,
        indexes: Range<u64>,
        tally: &Tally,
    ) -> Vec<End> {
        let stopped = || {
            self.cancel.is_some_and(|cancel| cancel.load(Ordering::Relaxed))
                || tally.refused.load(Ordering::Relaxed)
        };
        if stopped() {
            return indexes.map(|_| End::NotRun).collect();
        }
        let mut together = self.together(portal, factory, space, indexes.clone(), tally);
        let mut ends = Vec::with_capacity(together.len());
        for (index, outcome) in indexes.zip(&mut together) {
            let end = match outcome.take() {
                Some(outcome) => End::Done(Trial::new(index, &outcome)),
                None if stopped() => End::NotRun,
                None => self.trial(portal, factory, &space.point(index), index),
            };
            if matches!(end, End::Refused(_)) {
                tally.refused.store(true, Ordering::Relaxed);
            }
            self.report_progress(tally, space.len(), &end);
            ends.push(end);
        }
        ends
    }

    /// Runs points by [`block::run`]; `None` for those that have to be run one by one.
    fn together(
        &self,
        portal: &Portal<'_>,
        factory: &Factory<'_>,
        space: &Space,
        indexes: Range<u64>,
        tally: &Tally,
    ) -> Vec<Option<Outcome>> {
        let mut outcomes: Vec<Option<Outcome>> = indexes.clone().map(|_| None).collect();
        if tally.one_by_one.load(Ordering::Relaxed) {
            return outcomes;
        }
        // A panic shows again, and is reported, when the point is run by itself.
        let run = catch_unwind(AssertUnwindSafe(|| {
            let built = indexes.map(|index| factory(&space.point(index)).ok());
            let built = built.enumerate().filter_map(|(at, strategy)| Some((at, strategy?)));
            let (places, mut strategies): (Vec<usize>, Vec<_>) = built.unzip();
            let run = block::run(&self.backtest, portal, &mut strategies).ok()?;
            let driven = strategies.is_empty() || strategies.iter().any(|s| s.driver().is_some());
            tally.one_by_one.fetch_or(!driven, Ordering::Relaxed);
            Some((places, run))
        }));
        if let Ok(Some((places, run))) = run {
            for (place, outcome) in places.into_iter().zip(run) {
                outcomes[place] = outcome;
            }
        }
        outcomes
    }

    fn trial(
        &self,
        portal: &Portal<'_>,
        factory: &Factory<'_>,
        params: &Params,
        index: u64,
    ) -> End {
        // Nothing that a panic leaves half done is seen again: strategy and desk go with it.
        let run = catch_unwind(AssertUnwindSafe(|| {
            let mut strategy = match factory(params) {
                Ok(strategy) => strategy,
                Err(Error::Constraint { .. }) => return End::Skipped,
                Err(error) => return End::Refused(Box::new(error)),
            };
            let mut desk = Desk::take();
            let outcome = self.backtest.simulate(portal, strategy.as_mut(), &mut desk);
            desk.put_back();
            match outcome {
                Ok(outcome) => End::Done(Trial::new(index, &outcome)),
                Err(error) => End::Failed(Failure::new(index, describe(&error))),
            }
        }));
        run.unwrap_or_else(|panic| {
            End::Failed(Failure::new(index, format!("panicked: {}", message(panic.as_ref()))))
        })
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
        progress(Progress { done, total, best: *best });
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

/// How a point ended.
#[derive(Debug)]
pub(crate) enum End {
    Done(Trial),
    /// It breaks the strategy's constraint.
    Skipped,
    Failed(Failure),
    /// The strategy does not take these parameters at all: the space is wrong.
    Refused(Box<Error>),
    /// The sweep was cancelled before.
    NotRun,
}

/// What the workers tell each other.
#[derive(Debug, Default)]
struct Tally {
    done: AtomicU64,
    best: Mutex<Option<f64>>,
    /// The space is wrong: no need to go on.
    refused: AtomicBool,
    /// The strategy has no driver: blocks would be in vain.
    one_by_one: AtomicBool,
}

/// How many points are run together: enough to share what the processor's caches hold, few enough
/// that every worker has several blocks.
fn block_len(points: u64, threads: usize) -> u64 {
    let blocks_min = if threads > 1 { threads as u64 * 4 } else { 1 };
    (points / blocks_min).clamp(1, BLOCK_LEN_MAX)
}

const BLOCK_LEN_MAX: u64 = 8;

/// Builds the strategy of the first point that can be run: for its name and fixed parameters, and
/// to refuse a wrong space before any work.
fn first_strategy(factory: &Factory<'_>, space: &Space) -> Result<Box<dyn Strategy + Send>, Error> {
    let mut broken = None;
    for index in 0..space.len() {
        match factory(&space.point(index)) {
            Err(error @ Error::Constraint { .. }) => broken = broken.or(Some(error)),
            other => return other,
        }
    }
    let source = broken.unwrap_or(Error::SpaceTooLarge { max: 0 });
    Err(Error::NothingToRun { points: space.len(), source: Box::new(source) })
}

/// An error and its causes in one line.
fn describe(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}
