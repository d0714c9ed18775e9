//! Which search, with which settings.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use barrow_store::nearest;

use super::ask::Search;
use super::goals::Goals;
use super::sequence::{Sequence, SequenceSearch};
use super::space::Space;
use crate::Error;

/// A method of search and its settings.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Method {
    /// Every point of a grid, in its order.
    Grid,
    /// Uniform draws.
    Random,
    /// The Sobol sequence with Owen's scrambling.
    Sobol,
    /// The Halton sequence with permuted digits.
    Halton,
    /// A Latin hypercube of as many points as the plan has trials.
    LatinHypercube,
}

/// The names of the methods, in the order in which they are listed to users.
const NAMES: [&str; 5] = ["grid", "random", "sobol", "halton", "lhs"];

impl Method {
    /// Returns the name that [`Method::from_str`] reads.
    pub fn name(&self) -> &'static str {
        match self {
            Method::Grid => "grid",
            Method::Random => "random",
            Method::Sobol => "sobol",
            Method::Halton => "halton",
            Method::LatinHypercube => "lhs",
        }
    }

    /// Returns the names of all methods, in the order in which they are listed to users.
    pub fn names() -> &'static [&'static str] {
        &NAMES
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Method {
    type Err = Error;

    fn from_str(text: &str) -> Result<Method, Error> {
        match text {
            "grid" => Ok(Method::Grid),
            "random" => Ok(Method::Random),
            "sobol" => Ok(Method::Sobol),
            "halton" => Ok(Method::Halton),
            "lhs" => Ok(Method::LatinHypercube),
            _ => Err(Error::UnknownSearch {
                name: text.to_owned(),
                nearest: nearest(text, NAMES.iter().copied()),
                known: NAMES.to_vec(),
            }),
        }
    }
}

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

    /// Starts the search.
    ///
    /// # Errors
    /// [`Error::NoGrid`] or [`Error::SpaceTooLarge`] for a grid over such a space,
    /// [`Error::BadSearch`] for a setting out of its range.
    pub fn start(&self, space: Arc<Space>) -> Result<Box<dyn Search>, Error> {
        let seed = self.seed;
        let sequence = match &self.method {
            Method::Grid => Sequence::grid(space)?,
            Method::Random => Sequence::random(space, seed),
            Method::Sobol => Sequence::sobol(space, seed),
            Method::Halton => Sequence::halton(space, seed),
            Method::LatinHypercube => {
                let count = self.trials_max.ok_or(Error::BadSearch {
                    search: "lhs",
                    name: "trials",
                    expected: "given: the number of points",
                    found: "none".to_owned(),
                })?;
                Sequence::latin_hypercube(space, seed, count)?
            }
        };
        Ok(Box::new(SequenceSearch::new(sequence, self.goals.clone(), self.trials_end())))
    }

    /// Without budgets a trial costs one whole run.
    fn trials_end(&self) -> Option<u64> {
        let by_cost = self.cost_max.map(|cost| {
            let whole = libm::ceil(cost.clamp(0.0, 9e15));
            super::scale::whole(whole).unsigned_abs()
        });
        match (self.trials_max, by_cost) {
            (Some(trials), Some(cost)) => Some(trials.min(cost)),
            (trials, cost) => trials.or(cost),
        }
    }
}
