//! Who runs the trials of a search.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, PoisonError};

use super::Factory;
use super::batch::{describe, message};
use super::report::Trial;
use super::terms::Terms;
use super::threads::Threads;
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

impl Ended {
    /// How a trial ends that is run now, if it panics too.
    pub(super) fn of(run: impl FnOnce() -> Result<Trial, Error>) -> Ended {
        // Nothing that a panic leaves half done is seen again: strategy and desk go with it.
        match catch_unwind(AssertUnwindSafe(run)) {
            Ok(Ok(trial)) => Ended::Done(trial),
            Ok(Err(Error::Constraint { .. })) => Ended::Skipped,
            Ok(Err(error)) => Ended::Failed(describe(&error)),
            Err(panic) => Ended::Failed(format!("panicked: {}", message(panic.as_ref()))),
        }
    }
}

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

/// Makes crews for stretches of history.
pub trait Crews: Sync {
    /// Returns how many trials a crew runs at once.
    fn hands(&self) -> usize;

    /// Returns a crew that runs each trial over the same stretches, oldest first and at least one, each
    /// with a fresh portfolio: see [`Threads::over`]. Their assets are those of `backtest`'s scope.
    fn over<'s>(
        &'s self,
        backtest: &'s Backtest,
        stretches: &'s [Portal<'_>],
    ) -> Box<dyn Crew + 's>;
}

/// Crews of threads of this process.
pub struct ThreadCrews<'a> {
    /// Makes the strategy of a trial.
    pub factory: &'a Factory<'a>,
    /// The threads.
    pub workers: &'a Workers,
    /// What holds for each trial.
    pub terms: Terms,
    /// Once true, no further trial is started.
    pub cancel: Option<&'a AtomicBool>,
}

impl std::fmt::Debug for ThreadCrews<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ThreadCrews").field("workers", self.workers).finish_non_exhaustive()
    }
}

impl Crews for ThreadCrews<'_> {
    fn hands(&self) -> usize {
        self.workers.threads()
    }

    fn over<'s>(
        &'s self,
        backtest: &'s Backtest,
        stretches: &'s [Portal<'_>],
    ) -> Box<dyn Crew + 's> {
        let (factory, workers) = (self.factory, self.workers);
        Box::new(Threads::over(backtest, stretches, factory, workers, self.terms, self.cancel))
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
