//! Trials over several stretches of history at once.

use std::sync::atomic::{AtomicBool, Ordering};

use super::Factory;
use super::crew::{Crew, Ended, Terms, ended_of};
use super::piece::{Piece, stitch};
use crate::Error;
use crate::backtest::Backtest;
use crate::portal::Portal;
use crate::search::Ask;
use crate::workers::Workers;

/// Threads that run each trial over the same stretches, one after the other, each with a fresh portfolio.
/// Budgets do not count: a trial is always run in full.
pub(crate) struct Patchwork<'a, 'l> {
    pub(crate) backtest: &'a Backtest,
    /// Oldest first.
    pub(crate) portals: Vec<Portal<'l>>,
    pub(crate) factory: &'a Factory<'a>,
    pub(crate) workers: &'a Workers,
    pub(crate) terms: Terms,
    pub(crate) cancel: Option<&'a AtomicBool>,
}

impl Crew for Patchwork<'_, '_> {
    fn hands(&self) -> usize {
        self.workers.threads()
    }

    fn terms(&self) -> Terms {
        self.terms
    }

    fn run(&self, asks: &[Ask], ended: &(dyn Fn(Vec<(u64, Ended)>) + Sync)) -> Result<(), Error> {
        let one = |ask: &Ask| {
            let deadline = self.terms.deadline();
            let mut pieces = Vec::with_capacity(self.portals.len());
            for portal in &self.portals {
                let mut strategy = (self.factory)(&ask.params)?;
                pieces.push(Piece::run(self.backtest, portal, strategy.as_mut(), deadline)?);
            }
            let bars_per_year = self.portals.first().map_or(1.0, Portal::bars_per_year);
            Ok(stitch(self.backtest.cash, ask.id, bars_per_year, pieces.iter()).0)
        };
        self.workers.ordered(asks.len() as u64, |at| {
            let stopped = self.cancel.is_some_and(|cancel| cancel.load(Ordering::Relaxed));
            let ask = usize::try_from(at).ok().and_then(|at| asks.get(at));
            if let Some(ask) = ask.filter(|_| !stopped) {
                ended(vec![(ask.id, ended_of(|| one(ask)))]);
            }
        });
        Ok(())
    }
}
