//! Points run on one worker, together where their strategy allows.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::driven::{Lane, Scratch};
use super::piece::{Piece, stitch};
use super::report::{Failure, Trial};
use super::terms::Deadline;
use super::{Factory, block};
use crate::Error;
use crate::backtest::{Backtest, Desk, Outcome};
use crate::params::Params;
use crate::portal::Portal;
use crate::strategy::Strategy;

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

/// How many points are run together: enough to share what the processor's caches hold, few enough
/// that every worker has several blocks.
pub(crate) fn block_len(points: u64, threads: usize) -> u64 {
    let blocks_min = if threads > 1 { threads as u64 * 4 } else { 1 };
    (points / blocks_min).clamp(1, BLOCK_LEN_MAX)
}

const BLOCK_LEN_MAX: u64 = 8;

/// What all points of a sweep share.
pub(crate) struct Batch<'a, 'l> {
    backtest: &'a Backtest,
    /// What each point is run over.
    stretches: &'a [Portal<'l>],
    factory: &'a Factory<'a>,
    cancel: Option<&'a AtomicBool>,
    /// The most time that one trial may take.
    time_max: Option<Duration>,
    /// The space is wrong: no need to go on.
    refused: AtomicBool,
    /// The strategy has no driver: blocks would be in vain.
    one_by_one: AtomicBool,
}

impl<'a, 'l> Batch<'a, 'l> {
    /// Points that are run over stretches, one after the other, each with a fresh portfolio.
    ///
    /// # Panics
    /// Without a stretch.
    pub(crate) fn new(
        backtest: &'a Backtest,
        stretches: &'a [Portal<'l>],
        factory: &'a Factory<'a>,
        cancel: Option<&'a AtomicBool>,
    ) -> Batch<'a, 'l> {
        assert!(!stretches.is_empty(), "points are run over something");
        Batch {
            backtest,
            stretches,
            factory,
            cancel,
            time_max: None,
            refused: AtomicBool::new(false),
            // With a limit each trial has a clock of its own.
            one_by_one: AtomicBool::new(false),
        }
    }

    /// Limits the time of each trial, which is then run by itself.
    pub(crate) fn with_time_max(mut self, time_max: Option<Duration>) -> Batch<'a, 'l> {
        self.one_by_one = AtomicBool::new(time_max.is_some());
        self.time_max = time_max;
        self
    }

    /// Runs points whose numbers count from `first`; a point that is `None` is skipped. `ended` is
    /// called after each.
    pub(crate) fn run(
        &self,
        first: u64,
        points: &[Option<Params>],
        ended: &dyn Fn(&End),
    ) -> Vec<End> {
        if self.is_stopped() {
            return points.iter().map(|_| End::NotRun).collect();
        }
        let mut together = self.together(points);
        let run = |((index, params), trial): ((u64, &Option<Params>), &mut Option<Trial>)| {
            let end = match (params, trial.take()) {
                (None, _) => End::Skipped,
                (Some(_), Some(trial)) => End::Done(Trial { index, ..trial }),
                (Some(_), None) if self.is_stopped() => End::NotRun,
                (Some(params), None) => match self.trial(params, index) {
                    // A run that ended itself because of that has not failed.
                    End::Failed(_) if self.is_cancelled() => End::NotRun,
                    end => end,
                },
            };
            ended(&end);
            end
        };
        (first..).zip(points).zip(&mut together).map(run).collect()
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.is_cancelled() || self.refused.load(Ordering::Relaxed)
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancel.is_some_and(|cancel| cancel.load(Ordering::Relaxed))
    }

    /// Runs points by [`block::run`]; `None` for those that have to be run one by one.
    fn together(&self, points: &[Option<Params>]) -> Vec<Option<Trial>> {
        let mut trials: Vec<Option<Trial>> = points.iter().map(|_| None).collect();
        if self.one_by_one.load(Ordering::Relaxed) {
            return trials;
        }
        // A panic shows again, and is reported, when the point is run by itself.
        let run = catch_unwind(AssertUnwindSafe(|| {
            let built = points.iter().map(|params| (self.factory)(params.as_ref()?).ok());
            let built = built.enumerate().filter_map(|(at, strategy)| Some((at, strategy?)));
            let (places, mut strategies): (Vec<usize>, Vec<_>) = built.unzip();
            let run = self.block(&mut strategies).ok()?;
            let driven = strategies.is_empty() || strategies.iter().any(|s| s.driver().is_some());
            self.one_by_one.fetch_or(!driven, Ordering::Relaxed);
            Some((places, run))
        }));
        if let Ok(Some((places, run))) = run {
            for (place, trial) in places.into_iter().zip(run) {
                trials[place] = trial;
            }
        }
        trials
    }

    /// Runs strategies together, over all stretches.
    fn block(
        &self,
        strategies: &mut [Box<dyn Strategy + Send>],
    ) -> Result<Vec<Option<Trial>>, Error> {
        if let [portal] = self.stretches {
            let outcomes = block::run(self.backtest, portal, strategies, Lane::outcome)?;
            let trial = |outcome: Option<Outcome>| Some(Trial::new(0, &outcome?));
            return Ok(outcomes.into_iter().map(trial).collect());
        }
        let mut runs: Vec<Option<Vec<Piece>>> = strategies.iter().map(|_| Some(vec![])).collect();
        for portal in self.stretches {
            let cash = self.backtest.cash;
            let piece = |lane: &Lane, _: f64, _: &Scratch| lane.piece(cash);
            let pieces = block::run(self.backtest, portal, strategies, piece)?;
            for (run, piece) in runs.iter_mut().zip(pieces) {
                match (run.as_mut(), piece) {
                    (Some(run), Some(piece)) => run.push(piece),
                    _ => *run = None,
                }
            }
        }
        Ok(runs.into_iter().map(|run| Some(self.stitched(&run?))).collect())
    }

    /// A trial of the pieces of all stretches.
    fn stitched(&self, pieces: &[Piece]) -> Trial {
        let bars_per_year = self.stretches[0].bars_per_year();
        stitch(self.backtest.cash, 0, bars_per_year, pieces.iter()).0
    }

    fn trial(&self, params: &Params, index: u64) -> End {
        let deadline = self.time_max.map(|time_max| (Instant::now(), time_max));
        // Nothing that a panic leaves half done is seen again: strategy and desk go with it.
        let run = catch_unwind(AssertUnwindSafe(|| {
            let mut strategy = match (self.factory)(params) {
                Ok(strategy) => strategy,
                Err(Error::Constraint { .. }) => return End::Skipped,
                Err(error) => {
                    self.refused.store(true, Ordering::Relaxed);
                    return End::Refused(Box::new(error));
                }
            };
            let trial = match self.stretches {
                [portal] => self.alone(portal, strategy.as_mut(), deadline),
                _ => self.piecewise(params, deadline),
            };
            match trial {
                Ok(trial) => End::Done(Trial { index, ..trial }),
                Err(error) => End::Failed(Failure::new(index, describe(&error))),
            }
        }));
        run.unwrap_or_else(|panic| {
            End::Failed(Failure::new(index, format!("panicked: {}", message(panic.as_ref()))))
        })
    }

    /// Runs a strategy over the only stretch.
    fn alone(
        &self,
        portal: &Portal<'_>,
        strategy: &mut dyn Strategy,
        deadline: Deadline,
    ) -> Result<Trial, Error> {
        let mut desk = Desk::take();
        desk.time_max = deadline;
        let outcome = self.backtest.simulate(portal, strategy, &mut desk);
        desk.time_max = None;
        desk.put_back();
        Ok(Trial::new(0, &outcome?))
    }

    /// Runs a new strategy over each stretch.
    fn piecewise(&self, params: &Params, deadline: Deadline) -> Result<Trial, Error> {
        let mut pieces = Vec::with_capacity(self.stretches.len());
        for portal in self.stretches {
            let mut strategy = (self.factory)(params)?;
            pieces.push(Piece::run(self.backtest, portal, strategy.as_mut(), deadline)?);
        }
        Ok(self.stitched(&pieces))
    }
}

/// An error and its causes in one line.
pub(crate) fn describe(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

pub(crate) fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}
