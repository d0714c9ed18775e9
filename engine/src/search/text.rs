//! Axes and methods as the texts that they are read from.

use std::fmt;

use super::axis::{Axis, Condition, Domain, Scale};
use super::axis_text::plain;
use super::brackets::Allocation;
use super::method::{Budgets, Guarding, Method};
use super::tpe::GoodShare;
use crate::params::Value;

/// The text that [`Axis::parse`] reads as this axis. An axis that no text stands for, such as a list with a value that
/// contains a comma, is described.
impl fmt::Display for Axis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let same = |text: &String| {
            plain(self.name(), text).is_ok_and(|axis| axis.domain() == self.domain())
        };
        let text = texts(self.domain()).into_iter().find(same);
        write!(f, "{}={}", self.name(), text.unwrap_or_else(|| format!("{:?}", self.domain())))?;
        for (place, condition) in self.conditions().iter().enumerate() {
            write!(f, "{}{condition}", if place == 0 { " if " } else { " and " })?;
        }
        Ok(())
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.parent, joined(&self.values))
    }
}

/// Texts that may stand for a domain, the shortest first.
fn texts(domain: &Domain) -> Vec<String> {
    match domain {
        Domain::List { values, .. } => {
            let list = joined(values);
            let levels = format!("cat({list})");
            let range = range(values);
            range.into_iter().chain(["bool".to_owned(), list, levels]).collect()
        }
        Domain::Int { low, high, step, scale } => {
            let name = if *scale == Scale::Log { "logint" } else { "int" };
            let step = if *step == 1 { String::new() } else { format!(":{step}") };
            vec![format!("{name}({low}..{high}{step})")]
        }
        Domain::Real { low, high, scale } => {
            let name = if *scale == Scale::Log { "log" } else { "real" };
            vec![format!("{name}({low}..{high})")]
        }
    }
}

/// A range of at least three values, if they may be one.
fn range(values: &[Value]) -> Option<String> {
    let [first, second, _, ..] = values else { return None };
    let last = values.last()?;
    let decimals = |value: &Value| {
        let text = value.to_string();
        text.split_once('.').map_or(0, |(_, decimals)| decimals.len())
    };
    let step = match (first, second) {
        (Value::Int(first), Value::Int(second)) => second.checked_sub(*first)?.to_string(),
        (Value::Float(low), Value::Float(next)) => {
            let places = decimals(first).max(decimals(second));
            format!("{:.places$}", next - low)
        }
        _ => return None,
    };
    let step = if step == "1" { String::new() } else { format!(":{step}") };
    Some(format!("{first}..{last}{step}"))
}

fn joined(values: &[Value]) -> String {
    let text = |value: &Value| match value {
        // With its point, by which it is read back as what it is.
        Value::Float(number) => format!("{number:?}"),
        other => other.to_string(),
    };
    values.iter().map(text).collect::<Vec<_>>().join(",")
}

impl Method {
    /// Returns the text that is read as this method: its name, and the settings that are not the default ones.
    ///
    /// ```
    /// use barrow_engine::search::Method;
    /// let method: Method = "bohb:eta=4,candidates=64".parse()?;
    /// assert_eq!(method.written(), "bohb:eta=4");
    /// # Ok::<(), barrow_engine::Error>(())
    /// ```
    pub fn written(&self) -> String {
        let name = self.name();
        let default = name.parse().as_ref().map(Method::values).unwrap_or_default();
        let changed = self.values().into_iter().filter(|setting| !default.contains(setting));
        let settings: Vec<String> = changed.map(|(key, value)| format!("{key}={value}")).collect();
        if settings.is_empty() { name.to_owned() } else { format!("{name}:{}", settings.join(",")) }
    }

    /// Returns all settings as they are written.
    fn values(&self) -> Vec<(&'static str, String)> {
        match self {
            Method::Grid
            | Method::Random
            | Method::Sobol
            | Method::Halton
            | Method::LatinHypercube => Vec::new(),
            Method::Tpe(tpe) => {
                let good = match tpe.good {
                    GoodShare::Tenth => "tenth",
                    GoodShare::QuarterRoot => "root",
                };
                let (startup, candidates) = (tpe.startup.to_string(), tpe.candidates.to_string());
                vec![("startup", startup), ("candidates", candidates), ("good", good.to_owned())]
            }
            Method::Gp(gp) => {
                vec![("startup", gp.startup.to_string()), ("candidates", gp.candidates.to_string())]
            }
            Method::CmaEs(cma) => vec![("population", cma.population.to_string())],
            Method::Nsga2(genetic) => {
                let mut values = vec![
                    ("population", genetic.population.to_string()),
                    ("crossing", genetic.crossing.to_string()),
                    ("swapping", genetic.swapping.to_string()),
                ];
                values.extend(genetic.mutation.map(|share| ("mutation", share.to_string())));
                values
            }
            Method::Halving(budgets) | Method::Hyperband(budgets) | Method::Asha(budgets) => {
                budgets.values()
            }
            Method::Bohb(budgets, model) => {
                let mut values = budgets.values();
                values.extend([
                    ("good", model.good_percent.to_string()),
                    ("candidates", model.candidates.to_string()),
                    ("uniform", model.uniform_share.to_string()),
                    ("widening", model.widening.to_string()),
                    ("points", model.points_min.to_string()),
                ]);
                values
            }
        }
    }
}

impl Budgets {
    fn values(&self) -> Vec<(&'static str, String)> {
        let allocation = match self.allocation {
            Allocation::Paper => "paper",
            Allocation::HpBandSter => "hpbandster",
        };
        let guard = match self.guard {
            Guarding::On => "on",
            Guarding::Off => "off",
        };
        let (min, eta) = (self.min.to_string(), self.eta.to_string());
        let (allocation, guard) = (allocation.to_owned(), guard.to_owned());
        vec![("min", min), ("eta", eta), ("allocation", allocation), ("guard", guard)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::axis::Order;

    #[test]
    fn an_axis_is_written_as_it_may_be_read() {
        for text in [
            "n=7",
            "n=2..20:2",
            "n=2..41",
            "x=0.1..0.7:0.1",
            "x=-0.25..0.25:0.25",
            "n=1,2,5",
            "x=0.5,1.0,3.0",
            "mode=ema,sma",
            "n=cat(1,2,5)",
            "flag=bool",
            "flag=true,false",
            "n=int(2..200)",
            "n=int(2..8:2)",
            "n=logint(2..200)",
            "x=real(0.1..2)",
            "x=log(0.0001..1)",
            "pct=real(0.5..10) if stop=on,trail and side=1",
        ] {
            let axis = Axis::parse(text).unwrap();
            assert_eq!(axis.to_string(), text);
            assert_eq!(Axis::parse(&axis.to_string()).unwrap(), axis);
        }
        assert_eq!(Axis::parse("n=1,3,5,7").unwrap().to_string(), "n=1..7:2");
        let odd = Axis::list("a", vec!["x,y".into(), "z".into()], Order::Levels).unwrap();
        assert!(odd.to_string().starts_with("a=List"), "{odd}");
    }

    #[test]
    fn a_method_is_written_as_it_may_be_read() {
        for text in [
            "tpe:startup=5,good=root",
            "gp:candidates=64",
            "cmaes:population=9",
            "nsga2:population=20,mutation=0.1",
            "halving:eta=4",
            "asha:min=0.25",
            "hyperband:allocation=hpbandster,guard=off",
            "bohb:min=0.015625,eta=4,good=10,candidates=10,uniform=0.5,widening=2,points=9",
        ] {
            let method: Method = text.parse().unwrap();
            assert_eq!(method.written(), text);
        }
        for name in Method::names() {
            assert_eq!(name.parse::<Method>().unwrap().written(), *name);
        }
    }
}
