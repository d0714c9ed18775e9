//! NSGA-II: a population that breeds, for one or several objectives.

use super::ask::{Origin, Remark};
use super::draws::{Draws, Use};
use super::goals::Score;
use super::ledger::{Ledger, Proposer, Slot, Step};
use super::pareto::select;
use super::scale::exact_count;
use crate::Error;
use crate::params::Params;

/// Settings of NSGA-II (Deb et al. 2002), with the values of Optuna 5.0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GeneticSettings {
    /// Points of a generation, at least 2.
    pub population: u32,
    /// Probability that a child has two parents.
    pub crossing: f64,
    /// Probability that a coordinate of two parents comes from the second.
    pub swapping: f64,
    /// Probability that a coordinate is drawn anew; `None`: one over their number.
    pub mutation: Option<f64>,
}

impl Default for GeneticSettings {
    fn default() -> Self {
        GeneticSettings { population: 50, crossing: 0.9, swapping: 0.5, mutation: None }
    }
}

/// Children that break a constraint or were asked for before are bred again this often.
const REPEATS_MAX: u32 = 100;

#[derive(Debug)]
pub(super) struct Genetic {
    settings: GeneticSettings,
    generation: u32,
    /// Empty in the first generation.
    parents: Vec<u64>,
    /// Trials told since the parents were chosen.
    told: Vec<u64>,
}

impl Genetic {
    pub(super) fn new(settings: GeneticSettings) -> Genetic {
        Genetic { settings, generation: 0, parents: Vec::new(), told: Vec::new() }
    }

    fn population(&self) -> usize {
        usize::try_from(self.settings.population.max(2)).unwrap_or(50)
    }

    /// The better of two random parents, `other` aside; the first where neither dominates.
    fn parent(&self, other: Option<u64>, draws: &mut Draws, ledger: &Ledger) -> Option<u64> {
        let others: Vec<u64> =
            self.parents.iter().copied().filter(|parent| Some(*parent) != other).collect();
        if others.is_empty() {
            return None;
        }
        let (first, second) =
            (others[draws.below(others.len())], others[draws.below(others.len())]);
        let better = ledger.score(second).dominates(ledger.score(first));
        Some(if better { second } else { first })
    }

    fn child(&self, draws: &mut Draws, ledger: &Ledger) -> Params {
        let vector =
            |id: u64| ledger.entry(id).map(|entry| entry.vector.clone()).unwrap_or_default();
        let mother = self.parent(None, draws, ledger);
        let mut child = mother.map(vector).unwrap_or_default();
        if draws.unit() < self.settings.crossing
            && let Some(father) = self.parent(mother, draws, ledger)
        {
            for (mine, theirs) in child.iter_mut().zip(vector(father)) {
                if draws.unit() < self.settings.swapping {
                    *mine = theirs;
                }
            }
        }
        let even = 1.0 / exact_count(child.len().max(1) as u64);
        let mutation = self.settings.mutation.unwrap_or(even);
        for (x, dim) in child.iter_mut().zip(ledger.space.dims()) {
            // A coordinate that was inactive in the parent may be active in the child.
            if draws.unit() < mutation || x.is_nan() {
                *x = match dim.levels {
                    Some(levels) => exact_count(draws.below(levels) as u64),
                    None => draws.unit(),
                };
            }
        }
        ledger.space.decode(&child)
    }
}

impl Proposer for Genetic {
    fn slot(&mut self, _: &Ledger) -> Step {
        Step::Run(Slot::whole(self.generation))
    }

    fn propose(&mut self, id: u64, _: &Slot, ledger: &Ledger) -> Result<(Params, Origin), Error> {
        let mut draws = Draws::new(ledger.seed, Use::Breed, id);
        for _ in 0..if self.parents.is_empty() { 0 } else { REPEATS_MAX } {
            let params = self.child(&mut draws, ledger);
            if ledger.space.admits(&params) && !ledger.seen(0, &params) {
                return Ok((params, Origin::Parents));
            }
        }
        ledger.uniform(0, &mut draws)
    }

    fn learn(&mut self, id: u64, ledger: &Ledger) -> Option<Remark> {
        self.told.push(id);
        if self.told.len() < self.population() {
            return None;
        }
        let mut pool: Vec<u64> = self.parents.iter().chain(&self.told).copied().collect();
        pool.retain(|id| !ledger.score(*id).is_failed());
        pool.sort_unstable();
        let scores: Vec<&Score> = pool.iter().map(|id| ledger.score(*id)).collect();
        let chosen = select(&scores, self.population());
        self.parents = chosen.into_iter().map(|at| pool[at]).collect();
        self.told.clear();
        self.generation += 1;
        None
    }
}
