//! Part of a run: nested stretches of its period.
//!
//! The period is cut into stretches of nearly equal length. A budget of a share of the period takes
//! as many of them, spread over the whole of it, and a larger budget has all stretches of a smaller
//! one, so a trial that is continued pays the difference alone. Each stretch is a run of its own: a
//! fresh portfolio, the bars before it visible as history, positions left open at its end marked at
//! the last close. The parts' equity, one after the other, is what the figures are made of. A budget
//! of 1 is not stitched: it is the whole run.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::kept::Kept;
use super::piece::{Piece, stitch};
use super::report::Trial;
use super::terms::Deadline;
use crate::Error;
use crate::backtest::Backtest;
use crate::portal::Portal;
use crate::search::Ask;
use crate::strategy::Strategy;

/// The stretches of a period and what was already run on them.
pub(super) struct Stretches<'l> {
    portals: Vec<Portal<'l>>,
    /// The stretches in the order in which growing budgets take them.
    order: Vec<usize>,
    bars_per_year: f64,
    /// By the number of the ask: what a continued trial need not run again.
    done: Kept<Pieces>,
}

/// By the number of the stretch.
type Pieces = BTreeMap<usize, Piece>;

impl<'l> Stretches<'l> {
    /// The most stretches of a period: four rungs of three.
    const COUNT_MAX: usize = 81;
    /// The fewest ticks of a stretch.
    const TICKS_MIN: usize = 10;

    /// Cuts the periods of portals, each by its share of the ticks.
    pub(super) fn new(whole: &[Portal<'l>], seed: u64) -> Stretches<'l> {
        let ticks: usize = whole.iter().map(|portal| portal.times().len()).sum();
        let count = (ticks / Self::TICKS_MIN).clamp(1, Self::COUNT_MAX);
        let mut portals = Vec::with_capacity(count);
        for portal in whole {
            let len = portal.times().len();
            let pieces = (len * count / ticks.max(1)).max(1);
            let cut = |at: usize| portal.stretch(&(at * len / pieces..(at + 1) * len / pieces));
            portals.extend((0..pieces).map(cut));
        }
        Stretches {
            order: spread(portals.len(), seed),
            portals,
            bars_per_year: whole.first().map_or(1.0, Portal::bars_per_year),
            done: Kept::default(),
        }
    }

    /// The stretches of a budget, oldest first.
    fn of(&self, budget: f64) -> Vec<usize> {
        let wanted = budget.clamp(0.0, 1.0) * crate::validation::number(self.order.len());
        // As many as come nearest to the budget, but for rounding of the budget itself.
        let count = (1..self.order.len())
            .take_while(|count| crate::validation::number(*count) < wanted - 1e-6)
            .count();
        let mut chosen = self.order[..=count].to_vec();
        chosen.sort_unstable();
        chosen
    }

    /// Runs a strategy at a budget below 1, with what the trial that it continues has already run.
    pub(super) fn run(
        &self,
        backtest: &Backtest,
        make: &dyn Fn() -> Result<Box<dyn Strategy + Send>, Error>,
        ask: &Ask,
        deadline: Deadline,
    ) -> Result<Trial, Error> {
        let mut pieces = ask.resumes.and_then(|id| self.done.take(id)).unwrap_or_default();
        for stretch in self.of(ask.budget) {
            if let Entry::Vacant(place) = pieces.entry(stretch) {
                let portal = &self.portals[stretch];
                place.insert(Piece::run(backtest, portal, make()?.as_mut(), deadline)?);
            }
        }
        let (trial, _) = stitch(backtest.cash, ask.id, self.bars_per_year, pieces.values());
        let bytes = pieces.values().map(Piece::bytes).sum();
        self.done.put(ask.id, bytes, pieces);
        Ok(trial)
    }
}

/// An order in which any first few of `0..count` are spread evenly: van der Corput's sequence in base
/// 3, whose first 3, 9, 27 members are the thirds, ninths and so on, moved along by the seed so that
/// the first one is not always the oldest.
fn spread(count: usize, seed: u64) -> Vec<usize> {
    let shift = crate::stream::Stream::new(seed, [0, 4]).below(count);
    let mut taken = vec![false; count];
    let mut order = Vec::with_capacity(count);
    let mut number = 0_usize;
    while order.len() < count {
        let (mut rest, mut numerator, mut denominator) = (number, 0, 1);
        while rest > 0 {
            numerator = numerator * 3 + rest % 3;
            denominator *= 3;
            rest /= 3;
        }
        let place = (numerator * count / denominator + shift) % count;
        if !taken[place] {
            taken[place] = true;
            order.push(place);
        }
        number += 1;
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budgets_are_nested_and_spread() {
        for (count, seed) in [(81, 0), (81, 5), (10, 1), (1, 9), (50, 3)] {
            let order = spread(count, seed);
            let mut all = order.clone();
            all.sort_unstable();
            assert_eq!(all, (0..count).collect::<Vec<_>>());
        }
        let order = spread(81, 7);
        for (members, gap) in [(3, 27), (9, 9), (27, 3)] {
            let mut first = order[..members].to_vec();
            first.sort_unstable();
            assert!(first.windows(2).all(|pair| pair[1] - pair[0] == gap), "{first:?}");
        }
    }
}
