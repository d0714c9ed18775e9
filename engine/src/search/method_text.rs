//! Methods of search as text: `tpe`, `bohb:eta=4,min=1/64`.

use std::str::FromStr;

use barrow_store::nearest;

use super::brackets::Allocation;
use super::cma::CmaSettings;
use super::genetic::GeneticSettings;
use super::gp::GpSettings;
use super::method::{Budgets, Guarding, Method, NAMES};
use super::model::ModelSettings;
use super::tpe::{GoodShare, TpeSettings};
use crate::Error;

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

impl Method {
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
