//! Who runs the trials of a search.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use barrow_store::{Lease, SeriesCache};

use super::Factory;
use super::batch::{Batch, End, block_len, describe, message};
use super::budget::Stretches;
use super::growing::Growing;
use super::report::Trial;
use crate::Error;
use crate::backtest::Backtest;
use crate::params::Params;
use crate::portal::Portal;
use crate::search::Ask;
use crate::workers::Workers;

/// How a trial ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Ended {
    /// It ran to its end.
    Done(Trial),
    /// It failed, panicked or took too long: why.
    Failed(String),
    /// Its parameters break the strategy's own rule; nothing was run.
    Skipped,
}

/// Which part of the period a budget below 1 is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Part {
    /// Stretches spread over the whole period, each with a fresh portfolio. What is cheap sees every
    /// time, but the whole run is not made of it: a budget of 1 is paid in full.
    #[default]
    Spread,
    /// The first bars. A trial goes on where it stopped, up to the whole run, which is paid by
    /// differences; but what is cheap sees the oldest times alone.
    First,
}

impl Part {
    /// Both with their names.
    pub const ALL: [(&'static str, Part); 2] = [("spread", Part::Spread), ("first", Part::First)];

    /// Returns its name.
    pub fn name(self) -> &'static str {
        match self {
            Part::Spread => "spread",
            Part::First => "first",
        }
    }
}

/// What holds for each trial of a crew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Terms {
    /// Chooses the stretches of [`Part::Spread`].
    pub seed: u64,
    /// The most time that a trial may take, checked after each tick.
    pub time_max: Option<Duration>,
    /// What a budget below 1 runs on.
    pub part: Part,
}

impl Terms {
    /// The end of a trial that begins now.
    pub(super) fn deadline(&self) -> Deadline {
        self.time_max.map(|time_max| (Instant::now(), time_max))
    }
}

/// When a trial began, and how long it may take.
pub(crate) type Deadline = Option<(Instant, Duration)>;

/// Runs trials: threads of this process, other processes, other machines.
///
/// How a trial ends must depend on its ask alone, not on who runs it, when, or beside what.
pub trait Crew: Sync {
    /// Returns how many trials run at once.
    fn hands(&self) -> usize;

    /// Returns what holds for each trial.
    fn terms(&self) -> Terms;

    /// Runs trials in any order and calls `ended`, on any thread, with those that ended. A trial that
    /// is not reported was not run, because the search was cancelled.
    ///
    /// # Errors
    /// When no trial can be run: the space or the settings are wrong.
    fn run(&self, asks: &[Ask], ended: &(dyn Fn(Vec<(u64, Ended)>) + Sync)) -> Result<(), Error>;
}

/// Threads of this process, over one portal.
pub struct Threads<'a, 'l> {
    backtest: &'a Backtest,
    factory: &'a Factory<'a>,
    lease: &'l Lease,
    cache: &'l SeriesCache,
    portal: &'a Portal<'l>,
    batch: Batch<'a, 'l>,
    workers: &'a Workers,
    terms: Terms,
    /// Of [`Part::Spread`], once a trial needs them.
    stretches: OnceLock<Stretches<'l>>,
    /// Of [`Part::First`].
    growing: Growing<'a>,
}

impl<'a, 'l> Threads<'a, 'l> {
    /// Prepares threads that run `factory`'s strategies over a portal.
    pub fn new(
        backtest: &'a Backtest,
        portal: &'a Portal<'l>,
        factory: &'a Factory<'a>,
        workers: &'a Workers,
        terms: Terms,
        cancel: Option<&'a AtomicBool>,
    ) -> Threads<'a, 'l> {
        let batch = Batch::new(backtest, portal, factory, cancel).with_time_max(terms.time_max);
        Threads {
            backtest,
            factory,
            lease: portal.lease(),
            cache: portal.cache_of(),
            portal,
            batch,
            workers,
            terms,
            stretches: OnceLock::new(),
            growing: Growing::default(),
        }
    }

    fn stretches(&self) -> Result<&Stretches<'l>, Error> {
        if self.stretches.get().is_none() {
            let scope = &self.backtest.scope;
            let made = Stretches::new(self.lease, self.cache, self.portal, scope, self.terms.seed)?;
            let _ = self.stretches.set(made);
        }
        self.stretches.get().ok_or(Error::NoObjective)
    }

    /// Whether a trial is run by itself: on a part of the period, or from where another stopped.
    fn is_apart(&self, ask: &Ask) -> bool {
        ask.budget < 1.0 || (self.terms.part == Part::First && self.growing.continues(ask))
    }

    fn apart(&self, stretches: Option<&Stretches<'_>>, ask: &Ask) -> Option<Ended> {
        if self.batch.is_stopped() {
            return None;
        }
        let make = || (self.factory)(&ask.params);
        let deadline = self.terms.deadline();
        Some(ended_of(|| match stretches {
            Some(stretches) => stretches.run(self.backtest, &make, ask, deadline),
            None => self.growing.run(self.backtest, self.portal, &make, ask, deadline),
        }))
    }
}

/// How a trial ends that is run now, if it panics too.
pub(super) fn ended_of(run: impl FnOnce() -> Result<Trial, Error>) -> Ended {
    // Nothing that a panic leaves half done is seen again: strategy and desk go with it.
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(trial)) => Ended::Done(trial),
        Ok(Err(Error::Constraint { .. })) => Ended::Skipped,
        Ok(Err(error)) => Ended::Failed(describe(&error)),
        Err(panic) => Ended::Failed(format!("panicked: {}", message(panic.as_ref()))),
    }
}

impl Crew for Threads<'_, '_> {
    fn hands(&self) -> usize {
        self.workers.threads()
    }

    fn terms(&self) -> Terms {
        self.terms
    }

    fn run(&self, asks: &[Ask], ended: &(dyn Fn(Vec<(u64, Ended)>) + Sync)) -> Result<(), Error> {
        let (apart, whole): (Vec<&Ask>, Vec<&Ask>) =
            asks.iter().partition(|ask| self.is_apart(ask));
        let spread = self.terms.part == Part::Spread && !apart.is_empty();
        let stretches = if spread { Some(self.stretches()?) } else { None };
        self.workers.ordered(apart.len() as u64, |at| {
            let ask = usize::try_from(at).ok().and_then(|at| apart.get(at));
            if let Some(ask) = ask
                && let Some(end) = self.apart(stretches, ask)
            {
                ended(vec![(ask.id, end)]);
            }
        });
        let refused = Mutex::new(None);
        let len = usize::try_from(block_len(whole.len() as u64, self.hands())).unwrap_or(1);
        let blocks: Vec<&[&Ask]> = whole.chunks(len).collect();
        self.workers.ordered(blocks.len() as u64, |at| {
            let block = usize::try_from(at).ok().and_then(|at| blocks.get(at)).copied();
            let block = block.unwrap_or(&[]);
            let points: Vec<Option<Params>> =
                block.iter().map(|ask| Some(ask.params.clone())).collect();
            let ends = self.batch.run(0, &points, &|_| {});
            let mut reported = Vec::with_capacity(ends.len());
            for (ask, end) in block.iter().zip(ends) {
                match end {
                    End::Done(trial) => {
                        reported.push((ask.id, Ended::Done(Trial { index: ask.id, ..trial })));
                    }
                    End::Skipped => reported.push((ask.id, Ended::Skipped)),
                    End::Failed(failure) => reported.push((ask.id, Ended::Failed(failure.error))),
                    End::Refused(error) => {
                        *refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                    }
                    End::NotRun => {}
                }
            }
            if !reported.is_empty() {
                ended(reported);
            }
        });
        match refused.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(error) => Err(*error),
            None => Ok(()),
        }
    }
}

/// Makes crews for stretches of history.
pub trait Crews: Sync {
    /// Returns how many trials a crew runs at once.
    fn hands(&self) -> usize;

    /// Returns a crew that runs trials over a portal, whose scope is that of `backtest`.
    fn over<'s>(&'s self, backtest: &'s Backtest, portal: &'s Portal<'_>) -> Box<dyn Crew + 's>;
}

/// Crews of threads of this process: see [`Threads::new`].
pub(crate) struct ThreadCrews<'a> {
    pub(crate) factory: &'a Factory<'a>,
    pub(crate) workers: &'a Workers,
    pub(crate) terms: Terms,
    pub(crate) cancel: Option<&'a AtomicBool>,
}

impl Crews for ThreadCrews<'_> {
    fn hands(&self) -> usize {
        self.workers.threads()
    }

    fn over<'s>(&'s self, backtest: &'s Backtest, portal: &'s Portal<'_>) -> Box<dyn Crew + 's> {
        let (factory, workers) = (self.factory, self.workers);
        Box::new(Threads::new(backtest, portal, factory, workers, self.terms, self.cancel))
    }
}

/// Runs whole trials of points and returns them in their order; `None` for those that did not end well.
pub(crate) fn evaluate(crew: &dyn Crew, points: &[Params]) -> Result<Vec<Option<Trial>>, Error> {
    let asks: Vec<Ask> = (0..).zip(points).map(|(id, point)| Ask::whole(id, point)).collect();
    let trials = Mutex::new(vec![None; points.len()]);
    crew.run(&asks, &|ends| {
        let mut trials = trials.lock().unwrap_or_else(PoisonError::into_inner);
        for (id, end) in ends {
            let place = usize::try_from(id).ok().and_then(|at| trials.get_mut(at));
            if let (Some(place), Ended::Done(trial)) = (place, end) {
                *place = Some(trial);
            }
        }
    })?;
    Ok(trials.into_inner().unwrap_or_else(PoisonError::into_inner))
}

impl std::fmt::Debug for Threads<'_, '_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Threads").field("workers", self.workers).finish_non_exhaustive()
    }
}
