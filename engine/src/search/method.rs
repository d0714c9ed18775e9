//! Methods of search, their names and their settings.

use std::fmt;

use super::brackets::Allocation;
use super::cma::CmaSettings;
use super::genetic::GeneticSettings;
use super::gp::GpSettings;
use super::model::ModelSettings;
use super::tpe::TpeSettings;

/// A method of search and its settings.
///
/// Read from a name, or a name and settings: `bohb:eta=4,min=1/64`. See `docs/search.md` for what each
/// does.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Method {
    /// `grid`: every point of a grid, in its order.
    Grid,
    /// `random`: uniform draws.
    Random,
    /// `sobol`: the Sobol sequence with Owen's scrambling.
    Sobol,
    /// `halton`: the Halton sequence with permuted digits.
    Halton,
    /// `lhs`: a Latin hypercube of as many points as the plan has trials.
    LatinHypercube,
    /// `tpe` (`startup`, `candidates`, `good`).
    Tpe(TpeSettings),
    /// `gp` (`startup`, `candidates`): a Gaussian process.
    Gp(GpSettings),
    /// `cmaes` (`population`).
    CmaEs(CmaSettings),
    /// `nsga2` (`population`, `crossing`, `swapping`, `mutation`): for several objectives too.
    Nsga2(GeneticSettings),
    /// `halving` (`min`, `eta`, `allocation`, `guard`): successive halving, always from the smallest
    /// budget.
    Halving(Budgets),
    /// `hyperband` (as `halving`).
    Hyperband(Budgets),
    /// `asha` (`min`, `eta`): asynchronous successive halving.
    Asha(Budgets),
    /// `bohb` (as `halving`; `good`, `candidates`, `uniform`, `widening`, `points`).
    Bohb(Budgets, ModelSettings),
}

/// Budgets of a search that tries many points in part and few in full.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Budgets {
    /// The smallest part of the whole run that says something, above 0 and at most 1.
    pub min: f64,
    /// The ratio between budgets; one in `eta` points goes on. At least 2.
    pub eta: u32,
    /// How many points a bracket starts with.
    pub allocation: Allocation,
    /// Whether a budget whose results mislead is dropped.
    pub guard: Guarding,
}

/// Whether a search watches how well small budgets predict large ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Guarding {
    /// A few scouts run at every budget whatever they show. A budget is dropped when its rank correlation
    /// with the next is below 0.2 even at an upper bound: at 99 % over 5 scouts or more, at 95 % over 12
    /// points or more. It is tried again every 5 rounds.
    #[default]
    On,
    /// No budget is ever dropped, as in the papers.
    Off,
}

impl Default for Budgets {
    /// 1/81 to 1 by thirds: five budgets.
    fn default() -> Self {
        let allocation = Allocation::default();
        Budgets { min: 1.0 / 81.0, eta: 3, allocation, guard: Guarding::default() }
    }
}

/// The names of the methods, in the order in which they are listed to users.
pub(super) const NAMES: [&str; 13] = [
    "grid",
    "random",
    "sobol",
    "halton",
    "lhs",
    "tpe",
    "gp",
    "cmaes",
    "nsga2",
    "halving",
    "hyperband",
    "asha",
    "bohb",
];

impl Method {
    /// Returns the names of all methods, in the order in which they are listed to users.
    pub fn names() -> &'static [&'static str] {
        &NAMES
    }

    /// Returns the method's name.
    pub fn name(&self) -> &'static str {
        NAMES[match self {
            Method::Grid => 0,
            Method::Random => 1,
            Method::Sobol => 2,
            Method::Halton => 3,
            Method::LatinHypercube => 4,
            Method::Tpe(_) => 5,
            Method::Gp(_) => 6,
            Method::CmaEs(_) => 7,
            Method::Nsga2(_) => 8,
            Method::Halving(_) => 9,
            Method::Hyperband(_) => 10,
            Method::Asha(_) => 11,
            Method::Bohb(..) => 12,
        }]
    }

    /// Returns the budgets of a method that runs trials in part; `None` for the others.
    pub fn budgets(&self) -> Option<&Budgets> {
        match self {
            Method::Halving(budgets)
            | Method::Hyperband(budgets)
            | Method::Asha(budgets)
            | Method::Bohb(budgets, _) => Some(budgets),
            _ => None,
        }
    }

    /// Tells whether the method takes more than one objective.
    pub fn takes_several_objectives(&self) -> bool {
        matches!(
            self,
            Method::Grid
                | Method::Random
                | Method::Sobol
                | Method::Halton
                | Method::LatinHypercube
                | Method::Nsga2(_)
        )
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
