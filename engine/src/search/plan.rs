//! Everything that decides a search.

use std::sync::Arc;

use super::asha::Asha;
use super::ask::Search;
use super::bracketed::{Bracketed, Cycle, Ladder};
use super::brackets::budgets;
use super::cma::Cma;
use super::genetic::Genetic;
use super::goals::Goals;
use super::gp::{Gp, GpSettings};
use super::guard::Guard;
use super::ledger::{Adaptive, Ledger, Proposer};
use super::method::{Budgets, Guarding, Method};
use super::model::Model;
use super::scale::whole;
use super::sequence::{Sequence, SequenceSearch};
use super::space::Space;
use super::tpe::Tpe;
use crate::Error;
use crate::objective::Direction;

/// Everything that decides which trials a search proposes, but the space and the outcomes.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchPlan {
    /// How points are chosen.
    pub method: Method,
    /// Seed of all draws.
    pub seed: u64,
    /// What is better.
    pub goals: Goals,
    /// The most trials that are asked for, at all budgets together; `None`: no end but the method's.
    pub trials_max: Option<u64>,
    /// No trial is asked for once those asked for cost this many whole runs, where a budget costs its
    /// share of one and a continued trial only the difference; `None`: no end.
    pub cost_max: Option<f64>,
}

impl SearchPlan {
    /// Returns a plan without an end of its own.
    pub fn new(method: Method, seed: u64, goals: Goals) -> SearchPlan {
        SearchPlan { method, seed, goals, trials_max: None, cost_max: None }
    }

    /// Returns a plan of at most so many trials that are better the larger they are: a
    /// [`Hunt`](crate::Hunt) and [`Folds`](crate::Folds) put their own objectives in the place of that.
    pub fn of_trials(method: Method, seed: u64, trials: u64) -> SearchPlan {
        let goals = Goals::one(Direction::Max);
        SearchPlan { trials_max: Some(trials), ..SearchPlan::new(method, seed, goals) }
    }

    /// Starts the search.
    ///
    /// # Errors
    /// [`Error::NoGrid`] or [`Error::SpaceTooLarge`] for a grid over such a space,
    /// [`Error::BadSearch`] for a setting out of its range, several objectives where the method takes
    /// one, a Latin hypercube without a number of trials, and CMA-ES over a space without a number.
    pub fn start(&self, space: Arc<Space>) -> Result<Box<dyn Search>, Error> {
        let name = self.method.name();
        let bad = |setting: &str, expected: &'static str, found: &str| Error::BadSearch {
            search: name,
            name: setting.to_owned(),
            expected,
            found: found.to_owned(),
        };
        let objectives = self.goals.directions().len();
        if objectives > 1 && !self.method.takes_several_objectives() {
            return Err(bad("objectives", "one (`nsga2` takes several)", &objectives.to_string()));
        }
        if let Some(Budgets { min, eta, .. }) = self.method.budgets()
            && (*eta < 2 || !(*min > 0.0 && *min <= 1.0))
        {
            return Err(bad(
                "budgets",
                "above 0, at most 1, a ratio of at least 2",
                &min.to_string(),
            ));
        }
        match &self.method {
            Method::Grid => Ok(self.sequence(Sequence::grid(space)?)),
            Method::Random => Ok(self.sequence(Sequence::random(space, self.seed))),
            Method::Sobol => Ok(self.sequence(Sequence::sobol(space, self.seed))),
            Method::Halton => Ok(self.sequence(Sequence::halton(space, self.seed))),
            Method::LatinHypercube => {
                let count = self.trials_end();
                let count = count.ok_or_else(|| bad("trials", "given: how many points", "none"))?;
                Ok(self.sequence(Sequence::latin_hypercube(space, self.seed, count)?))
            }
            Method::Tpe(settings) => {
                let tpe = Tpe::new(*settings, &space);
                Ok(self.adaptive(space, tpe))
            }
            Method::Gp(settings) => {
                let gp = Gp::new(*settings, &space, self.seed);
                Ok(self.adaptive(space, gp))
            }
            Method::CmaEs(settings) => {
                let expected = "a space with a number that is always active";
                let cma = Cma::new(*settings, &space);
                let cma = cma.ok_or_else(|| bad("space", expected, "none"))?;
                Ok(self.adaptive(space, cma))
            }
            Method::Nsga2(settings) => Ok(self.adaptive(space, Genetic::new(*settings))),
            Method::Asha(Budgets { min, eta, .. }) => {
                Ok(self.adaptive(space, Asha::new(budgets(*min, 1.0, *eta), *eta)))
            }
            Method::Halving(plan) => {
                Ok(self.adaptive(space, bracketed(plan, Cycle::Halving, None)))
            }
            Method::Hyperband(plan) => {
                Ok(self.adaptive(space, bracketed(plan, Cycle::Hyperband, None)))
            }
            Method::Bohb(plan, settings) => {
                let rungs = budgets(plan.min, 1.0, plan.eta).len();
                let model = Model::new(*settings, space.dims().len(), rungs);
                // There are results already when it is asked.
                let whole = GpSettings { startup: 4, ..GpSettings::default() };
                let models = (model, Gp::new(whole, &space, self.seed));
                Ok(self.adaptive(space, bracketed(plan, Cycle::Hyperband, Some(models))))
            }
        }
    }

    fn sequence(&self, sequence: Sequence) -> Box<dyn Search> {
        Box::new(SequenceSearch::new(sequence, self.goals.clone(), self.trials_end()))
    }

    fn adaptive<P: Proposer + 'static>(&self, space: Arc<Space>, proposer: P) -> Box<dyn Search> {
        let ledger = Ledger::new(space, self.seed, self.goals.clone());
        Box::new(Adaptive::new(ledger.until(self.trials_max, self.cost_max), proposer))
    }

    /// Without budgets a trial costs one whole run.
    fn trials_end(&self) -> Option<u64> {
        let by_cost = self.cost_max.map(|cost| whole(libm::ceil(cost.clamp(0.0, 9e15))));
        let by_cost = by_cost.map(i64::unsigned_abs);
        match (self.trials_max, by_cost) {
            (Some(trials), Some(cost)) => Some(trials.min(cost)),
            (trials, cost) => trials.or(cost),
        }
    }
}

fn bracketed(plan: &Budgets, cycle: Cycle, models: Option<(Model, Gp)>) -> Bracketed {
    let budgets = budgets(plan.min, 1.0, plan.eta);
    let guard = (plan.guard == Guarding::On).then(|| Guard::new(budgets.len()));
    let ladder = Ladder { budgets, eta: plan.eta, allocation: plan.allocation, cycle };
    Bracketed::new(ladder, models, guard)
}
