//! Methods of search by name: `tpe`, `bohb:eta=4,min=1/64`.

use std::fmt;
use std::str::FromStr;

use barrow_store::nearest;

use super::brackets::Allocation;
use super::cma::CmaSettings;
use super::genetic::GeneticSettings;
use super::gp::GpSettings;
use super::model::ModelSettings;
use super::tpe::{GoodShare, TpeSettings};
use crate::Error;

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
const NAMES: [&str; 13] = [
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

    fn named(name: &str) -> Option<Method> {
        Some(match NAMES.iter().position(|known| *known == name)? {
            0 => Method::Grid,
            1 => Method::Random,
            2 => Method::Sobol,
            3 => Method::Halton,
            4 => Method::LatinHypercube,
            5 => Method::Tpe(TpeSettings::default()),
            6 => Method::Gp(GpSettings::default()),
            7 => Method::CmaEs(CmaSettings::default()),
            8 => Method::Nsga2(GeneticSettings::default()),
            9 => Method::Halving(Budgets::default()),
            10 => Method::Hyperband(Budgets::default()),
            11 => Method::Asha(Budgets::default()),
            _ => Method::Bohb(Budgets::default(), ModelSettings::default()),
        })
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), Error> {
        let search = self.name();
        let known = match self {
            Method::Tpe(tpe) => match key {
                "startup" => set(&mut tpe.startup, count(value, 1)),
                "candidates" => set(&mut tpe.candidates, count(value, 1)),
                "good" => {
                    let good = match value {
                        "tenth" => Some(GoodShare::Tenth),
                        "root" => Some(GoodShare::QuarterRoot),
                        _ => None,
                    };
                    set(&mut tpe.good, good)
                }
                _ => None,
            },
            Method::Gp(gp) => match key {
                "startup" => set(&mut gp.startup, count(value, 1)),
                "candidates" => set(&mut gp.candidates, count(value, 1)),
                _ => None,
            },
            Method::CmaEs(cma) => match key {
                "population" => set(&mut cma.population, count(value, 4)),
                _ => None,
            },
            Method::Nsga2(genetic) => match key {
                "population" => set(&mut genetic.population, count(value, 2)),
                "crossing" => set(&mut genetic.crossing, share(value)),
                "swapping" => set(&mut genetic.swapping, share(value)),
                "mutation" => set(&mut genetic.mutation, share(value).map(Some)),
                _ => None,
            },
            Method::Halving(budgets) | Method::Hyperband(budgets) | Method::Asha(budgets) => {
                budgets.set(key, value)
            }
            Method::Bohb(budgets, model) => match key {
                "good" => {
                    set(&mut model.good_percent, count(value, 1).filter(|share| *share < 100))
                }
                "candidates" => set(&mut model.candidates, count(value, 1)),
                "uniform" => set(&mut model.uniform_share, share(value)),
                "widening" => set(&mut model.widening, number(value).filter(|x| *x > 0.0)),
                "points" => set(&mut model.points_min, count(value, 1)),
                _ => budgets.set(key, value),
            },
            _ => None,
        };
        match known {
            Some(true) => Ok(()),
            Some(false) => Err(bad(search, key, expected(key), value)),
            None => Err(bad(search, "setting", self.settings(), key)),
        }
    }
}

impl Method {
    /// What may be set, for people.
    fn settings(&self) -> &'static str {
        match self {
            Method::Tpe(_) => "`startup`, `candidates` or `good`",
            Method::Gp(_) => "`startup` or `candidates`",
            Method::CmaEs(_) => "`population`",
            Method::Nsga2(_) => "`population`, `crossing`, `swapping` or `mutation`",
            Method::Halving(_) | Method::Hyperband(_) | Method::Asha(_) => {
                "`min`, `eta`, `allocation` or `guard`"
            }
            Method::Bohb(..) => {
                "`min`, `eta`, `allocation`, `guard`, `good`, `candidates`, `uniform`, `widening` or \
                 `points`"
            }
            _ => "left out: this search has none",
        }
    }
}

/// What would be right for a setting.
fn expected(key: &str) -> &'static str {
    match key {
        "min" => "a number or fraction above 0 and at most 1, such as `1/81`",
        "eta" => "a whole number of at least 2",
        "allocation" => "`paper` or `hpbandster`",
        "guard" => "`on` or `off`",
        "good" => "`tenth` or `root` for `tpe`, a percentage from 1 to 99 for `bohb`",
        "crossing" | "swapping" | "mutation" | "uniform" => "a number or fraction from 0 to 1",
        "widening" => "a number above 0",
        "population" => "a whole number of at least 4 for `cmaes`, 2 for `nsga2`",
        _ => "a whole number of at least 1",
    }
}

impl Budgets {
    fn set(&mut self, key: &str, value: &str) -> Option<bool> {
        match key {
            "min" => set(&mut self.min, number(value).filter(|x| *x > 0.0 && *x <= 1.0)),
            "eta" => set(&mut self.eta, count(value, 2)),
            "allocation" => {
                let allocation = match value {
                    "paper" => Some(Allocation::Paper),
                    "hpbandster" => Some(Allocation::HpBandSter),
                    _ => None,
                };
                set(&mut self.allocation, allocation)
            }
            "guard" => {
                let guard = match value {
                    "on" => Some(Guarding::On),
                    "off" => Some(Guarding::Off),
                    _ => None,
                };
                set(&mut self.guard, guard)
            }
            _ => None,
        }
    }
}

fn bad(search: &'static str, name: &str, expected: &'static str, found: &str) -> Error {
    Error::BadSearch { search, name: name.to_owned(), expected, found: found.to_owned() }
}

/// Sets a field; `Some(false)` when there is no such value, as `None` says that there is no such key.
#[expect(clippy::unnecessary_wraps, reason = "each key of a method gives the same kind of answer")]
fn set<T>(field: &mut T, value: Option<T>) -> Option<bool> {
    let known = value.is_some();
    if let Some(value) = value {
        *field = value;
    }
    Some(known)
}

fn count(text: &str, least: u32) -> Option<u32> {
    text.parse().ok().filter(|count| *count >= least)
}

/// A number or a fraction such as `1/81`.
fn number(text: &str) -> Option<f64> {
    let (above, below) = text.split_once('/').unwrap_or((text, "1"));
    let (above, below) = (above.parse::<f64>().ok()?, below.parse::<f64>().ok()?);
    Some(above / below).filter(|number| number.is_finite())
}

fn share(text: &str) -> Option<f64> {
    number(text).filter(|share| (0.0..=1.0).contains(share))
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Method {
    type Err = Error;

    fn from_str(text: &str) -> Result<Method, Error> {
        let (name, settings) = text.split_once(':').unwrap_or((text, ""));
        let mut method = Method::named(name).ok_or_else(|| Error::UnknownSearch {
            name: name.to_owned(),
            nearest: nearest(name, NAMES.iter().copied()),
            known: NAMES.to_vec(),
        })?;
        for setting in settings.split(',').filter(|setting| !setting.is_empty()) {
            let name = method.name();
            let pair = setting.split_once('=');
            let (key, value) =
                pair.ok_or_else(|| bad(name, "setting", "written as `key=value`", setting))?;
            method.set(key.trim(), value.trim())?;
        }
        Ok(method)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_back() {
        for name in Method::names() {
            assert_eq!(name.parse::<Method>().unwrap().name(), *name);
        }
        match "bohp".parse::<Method>() {
            Err(Error::UnknownSearch { nearest, .. }) => assert_eq!(nearest, Some("bohb")),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn settings_follow_the_name() {
        let text = "bohb:eta=4,min=1/64,allocation=hpbandster,guard=off,candidates=10,uniform=0.5";
        let Method::Bohb(budgets, model) = text.parse().unwrap() else { panic!("bohb") };
        assert_eq!((budgets.eta, budgets.min), (4, 1.0 / 64.0));
        assert_eq!((budgets.allocation, budgets.guard), (Allocation::HpBandSter, Guarding::Off));
        assert_eq!((model.candidates, model.uniform_share), (10, 0.5));
        let Method::Nsga2(genetic) = "nsga2:population=20,mutation=0.1".parse().unwrap() else {
            panic!("nsga2")
        };
        assert_eq!((genetic.population, genetic.mutation), (20, Some(0.1)));
        for text in [
            "bohb:eta=1",
            "bohb:min=0",
            "bohb:min=2",
            "tpe:eta=3",
            "grid:x=1",
            "tpe:startup",
            "nsga2:crossing=1.5",
            "halving:guard=maybe",
            "bohb:min=1/0",
        ] {
            assert!(matches!(text.parse::<Method>(), Err(Error::BadSearch { .. })), "{text}");
        }
    }
}
