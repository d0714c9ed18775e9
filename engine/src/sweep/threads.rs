//! Trials on threads of this process.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, OnceLock, PoisonError};

use super::Factory;
use super::batch::{Batch, End, block_len};
use super::crew::{Crew, Ended};
use super::growing::Growing;
use super::report::Trial;
use super::selections::Selections;
use super::stretches::Stretches;
use super::terms::{Part, Terms};
use crate::Error;
use crate::backtest::Backtest;
use crate::params::Params;
use crate::portal::Portal;
use crate::search::Ask;
use crate::workers::Workers;

/// Threads of this process, over one portal or several stretches of one.
pub struct Threads<'a, 'l> {
    backtest: &'a Backtest,
    stretches: &'a [Portal<'l>],
    factory: &'a Factory<'a>,
    workers: &'a Workers,
    terms: Terms,
    cancel: Option<&'a AtomicBool>,
    /// Whole runs.
    batch: Batch<'a, 'l>,
    /// Of [`Part::Spread`], once a trial needs them.
    spread: OnceLock<Stretches<'l>>,
    /// Of [`Part::First`].
    growing: Growing<'a>,
    /// Of [`Part::Assets`], once a trial needs them.
    selections: OnceLock<Selections<'l>>,
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
        let stretches = std::slice::from_ref(portal);
        Threads::over(backtest, stretches, factory, workers, terms, cancel)
    }

    /// Prepares threads that run each trial over the same stretches, oldest first, each with a fresh
    /// portfolio. The figures of a trial are those of the stretches' equity, one after the other; of a
    /// single stretch they are those of its run. A budget is a part of all stretches together.
    ///
    /// # Panics
    /// Without a stretch.
    pub fn over(
        backtest: &'a Backtest,
        stretches: &'a [Portal<'l>],
        factory: &'a Factory<'a>,
        workers: &'a Workers,
        terms: Terms,
        cancel: Option<&'a AtomicBool>,
    ) -> Threads<'a, 'l> {
        Threads {
            backtest,
            stretches,
            factory,
            workers,
            terms,
            cancel,
            batch: Batch::new(backtest, stretches, factory, cancel).with_time_max(terms.time_max),
            spread: OnceLock::new(),
            growing: Growing::default(),
            selections: OnceLock::new(),
        }
    }

    /// Whether a trial is not simply a whole run: a part of one, or going on from where another stopped.
    fn is_apart(&self, ask: &Ask) -> bool {
        ask.budget < 1.0 || (self.terms.part == Part::First && self.growing.continues(ask))
    }

    /// Runs trials one by one, on all workers.
    fn run_alone(
        &self,
        asks: &[&Ask],
        ended: &(dyn Fn(Vec<(u64, Ended)>) + Sync),
        run: impl Fn(&Ask) -> Result<Trial, Error> + Sync + Send,
    ) {
        self.workers.ordered(asks.len() as u64, |at| {
            let ask = usize::try_from(at).ok().and_then(|at| asks.get(at));
            if let Some(ask) = ask
                && !self.batch.is_stopped()
            {
                let end = Ended::of(|| run(ask));
                // As in a batch.
                if !(matches!(end, Ended::Failed(_)) && self.batch.is_cancelled()) {
                    ended(vec![(ask.id, end)]);
                }
            }
        });
    }

    /// Runs trials in blocks over the bars of a batch.
    fn run_blocks(
        &self,
        batch: &Batch<'_, '_>,
        asks: &[&Ask],
        ended: &(dyn Fn(Vec<(u64, Ended)>) + Sync),
    ) -> Result<(), Error> {
        let refused = Mutex::new(None);
        let len = usize::try_from(block_len(asks.len() as u64, self.hands())).unwrap_or(1);
        let blocks: Vec<&[&Ask]> = asks.chunks(len).collect();
        self.workers.ordered(blocks.len() as u64, |at| {
            let block = usize::try_from(at).ok().and_then(|at| blocks.get(at)).copied();
            let block = block.unwrap_or(&[]);
            let points: Vec<Option<Params>> =
                block.iter().map(|ask| Some(ask.params.clone())).collect();
            let ends = batch.run(0, &points, &|_| {});
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

    /// Runs trials over some of the assets, those of one budget together.
    fn run_selections(
        &self,
        asks: &[&Ask],
        ended: &(dyn Fn(Vec<(u64, Ended)>) + Sync),
    ) -> Result<(), Error> {
        let new = || Selections::new(self.stretches, self.terms.seed);
        let selections = self.selections.get_or_init(new);
        let mut by_count: BTreeMap<usize, Vec<&Ask>> = BTreeMap::new();
        for ask in asks {
            by_count.entry(selections.count(ask.budget)).or_default().push(ask);
        }
        for (count, asks) in by_count {
            let portals = selections.portals(count, self.stretches)?;
            let batch = Batch::new(self.backtest, &portals, self.factory, self.cancel);
            self.run_blocks(&batch.with_time_max(self.terms.time_max), &asks, ended)?;
        }
        Ok(())
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
        let make = |ask: &Ask| (self.factory)(&ask.params);
        match self.terms.part {
            Part::Spread if !apart.is_empty() => {
                let new = || Stretches::new(self.stretches, self.terms.seed);
                let spread = self.spread.get_or_init(new);
                self.run_alone(&apart, ended, |ask| {
                    spread.run(self.backtest, &|| make(ask), ask, self.terms.deadline())
                });
            }
            Part::First => self.run_alone(&apart, ended, |ask| {
                let deadline = self.terms.deadline();
                self.growing.run(self.backtest, self.stretches, &|| make(ask), ask, deadline)
            }),
            Part::Assets if !apart.is_empty() => self.run_selections(&apart, ended)?,
            Part::Spread | Part::Assets => {}
        }
        self.run_blocks(&self.batch, &whole, ended)
    }
}

impl std::fmt::Debug for Threads<'_, '_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Threads").field("workers", self.workers).finish_non_exhaustive()
    }
}
