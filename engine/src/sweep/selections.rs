//! Part of a run: some of its assets.
//!
//! The assets that have a bar in the period are put in an order that the seed decides. A budget takes its
//! share of them from the front, so a larger one has all assets of a smaller one, whoever runs it. A
//! trial of such a budget is a run over these assets and no others: they share the whole cash and their
//! own clock. So it is no piece of a run over more of them, and nothing of it can be continued.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::Error;
use crate::portal::{Portal, Scope};
use crate::stream::Stream;
use crate::validation::number;

/// The portals of each number of assets, once it was asked for.
#[derive(Debug)]
pub(super) struct Selections<'l> {
    /// Symbols in the order in which growing budgets take them.
    order: Vec<&'l str>,
    portals: Mutex<BTreeMap<usize, Arc<Vec<Portal<'l>>>>>,
}

impl<'l> Selections<'l> {
    /// Puts the assets of the stretches in order.
    pub(super) fn new(stretches: &[Portal<'l>], seed: u64) -> Selections<'l> {
        let first = stretches.first().map_or(&[][..], |portal| &portal.assets);
        let is_traded = |at: usize| {
            let has_bars =
                |portal: &Portal<'_>| !portal.assets[at].place.rows_in(&portal.period()).is_empty();
            stretches.iter().any(has_bars)
        };
        let traded = first.iter().enumerate().filter(|(at, _)| is_traded(*at));
        let mut order: Vec<&'l str> = traded.map(|(_, asset)| asset.symbol).collect();
        Stream::new(seed, [0, 6]).shuffle(&mut order);
        Selections { order, portals: Mutex::new(BTreeMap::new()) }
    }

    /// The number of assets of a budget: the least that is not below its share, but for rounding of the
    /// budget itself.
    pub(super) fn count(&self, budget: f64) -> usize {
        let wanted = budget.clamp(0.0, 1.0) * number(self.order.len()) - 1e-6;
        (1..self.order.len()).find(|count| number(*count) >= wanted).unwrap_or(self.order.len())
    }

    /// The stretches with the first `count` assets alone; those in which none of them has a bar are
    /// left out.
    ///
    /// # Errors
    /// [`Error::NoShare`] where there are fewer than two assets to choose from.
    pub(super) fn portals(
        &self,
        count: usize,
        stretches: &[Portal<'l>],
    ) -> Result<Arc<Vec<Portal<'l>>>, Error> {
        if self.order.len() < 2 {
            return Err(Error::NoShare { assets: self.order.len() });
        }
        let mut known = self.portals.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(portals) = known.get(&count) {
            return Ok(Arc::clone(portals));
        }
        let symbols: Vec<String> = self.order[..count].iter().map(|&s| s.to_owned()).collect();
        let mut portals = Vec::with_capacity(stretches.len());
        for portal in stretches {
            let times = portal.times();
            let (from, to) = (times.first().copied(), times.last().copied());
            let scope = Scope { from, to, assets: Some(symbols.clone()) };
            match Portal::new(portal.lease(), portal.cache_of(), &scope) {
                Ok(portal) => portals.push(portal),
                Err(Error::EmptyPeriod { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        let portals = Arc::new(portals);
        known.insert(count, Arc::clone(&portals));
        Ok(portals)
    }
}
