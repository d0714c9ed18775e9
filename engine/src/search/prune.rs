//! Stopping a trial that does badly before its end.

use std::collections::BTreeMap;

use super::goals::Goals;
use super::scale::exact_count;
use crate::objective::Direction;

/// What to do with a trial that reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Run on.
    Continue,
    /// Stop: it is told as [`Outcome::Pruned`](super::Outcome::Pruned).
    Prune,
}

/// When a trial is stopped.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pruning {
    /// Its best value so far is worse than the median of the values that the trials before it reported
    /// at the same step (Golovin et al. 2017, "median stopping rule").
    Median {
        /// No trial is stopped before this many ended.
        startup: u32,
        /// No trial is stopped before this step.
        warmup: u32,
    },
    /// At step `first * eta^k` it is not among the best `1/eta` of those that reported there; the best
    /// of fewer than `eta` always is (asynchronous successive halving; Li et al. 2020).
    Rung {
        /// The first step at which trials are compared, at least 1.
        first: u32,
        /// One in how many goes on, at least 2.
        eta: u32,
    },
    /// A value that is worse than a bound, or not a number.
    Threshold {
        /// The bound, in the objective's own direction.
        bound: f64,
    },
}

/// Decides about trials that report intermediate values of the first objective. Steps count from 1.
///
/// The verdict depends on the order of the reports: with several workers it is the same again only
/// when they are repeated in the same order.
#[derive(Debug, Clone)]
pub struct Pruner {
    pruning: Pruning,
    direction: Direction,
    /// By step: what each trial reported, as losses.
    reports: BTreeMap<u32, BTreeMap<u64, f64>>,
    /// By trial: the least loss so far.
    best: BTreeMap<u64, f64>,
    ended: u32,
}

impl Pruner {
    /// Returns a pruner by the first of the goals.
    pub fn new(pruning: Pruning, goals: &Goals) -> Pruner {
        let direction = goals.directions().first().copied().unwrap_or(Direction::Max);
        Pruner { pruning, direction, reports: BTreeMap::new(), best: BTreeMap::new(), ended: 0 }
    }

    /// Takes what trial `id` reports at a step, in the objective's own direction, and decides. A value
    /// that is not finite is worse than any other.
    pub fn report(&mut self, id: u64, step: u32, value: f64) -> Verdict {
        let loss = if value.is_finite() { self.loss(value) } else { f64::INFINITY };
        let best = self.best.entry(id).or_insert(f64::INFINITY);
        *best = best.min(loss);
        let best = *best;
        let reports = self.reports.entry(step).or_default();
        let bad = match self.pruning {
            Pruning::Median { startup, warmup } => {
                let others = reports.iter().filter(|(other, _)| **other != id);
                let losses: Vec<f64> = others.map(|(_, loss)| *loss).collect();
                self.ended >= startup && step > warmup && median(losses).is_some_and(|m| best > m)
            }
            Pruning::Rung { first, eta } => {
                reports.insert(id, loss);
                is_rung(step, first, eta) && !among_the_best(reports, id, eta)
            }
            Pruning::Threshold { bound } => {
                let bound = if self.direction == Direction::Max { -bound } else { bound };
                loss > bound
            }
        };
        reports.insert(id, loss);
        if bad { Verdict::Prune } else { Verdict::Continue }
    }

    /// Says that a trial ended, pruned or not.
    pub fn end(&mut self, id: u64) {
        if self.best.remove(&id).is_some() {
            self.ended += 1;
        }
    }

    fn loss(&self, value: f64) -> f64 {
        if self.direction == Direction::Max { -value } else { value }
    }
}

fn median(mut losses: Vec<f64>) -> Option<f64> {
    losses.sort_by(f64::total_cmp);
    let middle = losses.len() / 2;
    let upper = *losses.get(middle)?;
    let odd = losses.len() % 2 == 1;
    Some(if odd { upper } else { 0.5 * (losses[middle - 1] + upper) })
}

fn is_rung(step: u32, first: u32, eta: u32) -> bool {
    let mut rung = first.max(1);
    while rung < step {
        rung = rung.saturating_mul(eta.max(2));
    }
    rung == step
}

fn among_the_best(reports: &BTreeMap<u64, f64>, id: u64, eta: u32) -> bool {
    let loss = reports.get(&id).copied().unwrap_or(f64::INFINITY);
    let better = reports.iter().filter(|(other, theirs)| (**theirs, **other) < (loss, id)).count();
    let keeps = (exact_count(reports.len() as u64) / f64::from(eta.max(2))).max(1.0);
    loss.is_finite() && exact_count(better as u64) < libm::floor(keeps)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pruner(pruning: Pruning, direction: Direction) -> Pruner {
        Pruner::new(pruning, &Goals::one(direction))
    }

    #[test]
    fn the_median_of_the_same_step_decides() {
        let mut pruner = pruner(Pruning::Median { startup: 2, warmup: 1 }, Direction::Max);
        for (id, value) in [(0, 1.0), (1, 3.0)] {
            for step in 1..=3 {
                assert_eq!(pruner.report(id, step, value), Verdict::Continue);
            }
            pruner.end(id);
        }
        assert_eq!(pruner.report(2, 1, -9.0), Verdict::Continue);
        assert_eq!(pruner.report(2, 2, 1.9), Verdict::Prune);
        assert_eq!(pruner.report(3, 2, 1.95), Verdict::Continue);
        assert_eq!(pruner.report(3, 3, 1.0), Verdict::Prune);
        assert_eq!(pruner.report(4, 2, f64::NAN), Verdict::Prune);
    }

    #[test]
    fn one_in_eta_goes_on_at_a_rung() {
        let mut pruner = pruner(Pruning::Rung { first: 2, eta: 3 }, Direction::Min);
        let at_two: Vec<Verdict> = (0..6)
            .map(|id| pruner.report(id, 2, f64::from(5 - u32::try_from(id).unwrap())))
            .collect();
        assert!(at_two.iter().all(|verdict| *verdict == Verdict::Continue));
        assert_eq!(pruner.report(6, 2, 1.5), Verdict::Prune);
        assert_eq!(pruner.report(7, 2, 0.5), Verdict::Continue);
        assert_eq!(pruner.report(7, 3, 99.0), Verdict::Continue);
        assert_eq!(pruner.report(8, 6, f64::INFINITY), Verdict::Prune);
    }

    #[test]
    fn a_bound_is_a_bound() {
        let mut pruner = pruner(Pruning::Threshold { bound: -0.5 }, Direction::Max);
        assert_eq!(pruner.report(0, 1, -0.5), Verdict::Continue);
        assert_eq!(pruner.report(0, 2, -0.6), Verdict::Prune);
        assert_eq!(pruner.report(1, 1, f64::NAN), Verdict::Prune);
    }
}
