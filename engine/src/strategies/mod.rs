//! The strategies that come with the engine.
//!
//! [`catalog`] lists them with their parameters and exact rules, [`build`] makes one. Each uses
//! nothing but the public API, so each is also an example of it.

mod buy_and_hold;
mod given;
mod mean_reversion;
mod momentum;
mod sma_cross;

pub use buy_and_hold::BuyAndHold;
pub use given::Given;
pub use mean_reversion::MeanReversion;
pub use momentum::Momentum;
pub use sma_cross::SmaCross;

use barrow_store::nearest;

use crate::Error;
use crate::params::{Params, Value};
use crate::strategy::Strategy;

/// A built-in strategy as it is described to users.
#[derive(Debug)]
pub struct StrategySpec {
    /// The name by which it is built.
    pub name: &'static str,
    /// One line on what it does.
    pub summary: &'static str,
    /// What it does, exactly.
    pub rule: &'static str,
    /// Its parameters.
    pub params: &'static [ParamSpec],
    build: fn(&Given<'_>) -> Result<Box<dyn Strategy + Send>, Error>,
}

/// A parameter of a strategy.
#[derive(Debug)]
pub struct ParamSpec {
    /// Its name.
    pub name: &'static str,
    /// The value it has when none is given.
    pub default: Value,
    /// What it means, with unit and range.
    pub doc: &'static str,
}

static CATALOG: [StrategySpec; 4] =
    [buy_and_hold::SPEC, sma_cross::SPEC, momentum::SPEC, mean_reversion::SPEC];

/// Returns all built-in strategies.
pub fn catalog() -> &'static [StrategySpec] {
    &CATALOG
}

/// Makes a built-in strategy; parameters not given have their defaults.
///
/// ```
/// use barrow_engine::{Params, strategies};
/// let strategy = strategies::build("sma-cross", &Params::parse(["fast=5"])?)?;
/// assert_eq!(strategy.params().to_string(), "fast=5 shares=100 slow=50");
/// # Ok::<(), barrow_engine::Error>(())
/// ```
///
/// # Errors
/// [`Error::UnknownStrategy`] and [`Error::UnknownParam`] with what is known and what was probably
/// meant, [`Error::BadParam`] for a value out of range, [`Error::Constraint`] for values that do
/// not go together.
pub fn build(name: &str, params: &Params) -> Result<Box<dyn Strategy + Send>, Error> {
    let Some(spec) = CATALOG.iter().find(|spec| spec.name == name) else {
        let known: Vec<&'static str> = CATALOG.iter().map(|spec| spec.name).collect();
        let nearest = nearest(name, known.iter().copied());
        return Err(Error::UnknownStrategy { name: name.to_owned(), nearest, known });
    };
    (spec.build)(&Given::new(spec.name, spec.params, params)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_strategy_builds_with_its_defaults_and_reports_them() {
        for spec in catalog() {
            let strategy = build(spec.name, &Params::new()).unwrap();
            assert_eq!(strategy.name(), spec.name);
            let params = strategy.params();
            assert_eq!(params.len(), spec.params.len(), "{}", spec.name);
            for param in spec.params {
                assert_eq!(params.get(param.name), Some(&param.default), "{}", param.name);
                assert!(!param.doc.is_empty());
            }
            assert!(!spec.rule.is_empty() && !spec.summary.is_empty());
            // What a result records builds the same strategy again.
            assert_eq!(build(spec.name, &params).unwrap().params(), params);
        }
    }

    #[test]
    fn misspelt_names_are_answered_with_the_nearest() {
        match build("sma-crss", &Params::new()).err() {
            Some(Error::UnknownStrategy { nearest, known, .. }) => {
                assert_eq!((nearest, known.len()), (Some("sma-cross"), 4));
            }
            other => panic!("{other:?}"),
        }
        match build("sma-cross", &Params::parse(["fst=5"]).unwrap()).err() {
            Some(Error::UnknownParam { nearest, known, .. }) => {
                assert_eq!((nearest, known), (Some("fast"), vec!["fast", "slow", "shares"]));
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn values_out_of_range_and_broken_constraints_are_typed() {
        for (name, text) in [
            ("sma-cross", "fast=0"),
            ("sma-cross", "fast=2.5"),
            ("sma-cross", "fast=x"),
            ("sma-cross", "shares=-1"),
            ("sma-cross", "shares=true"),
            ("momentum", "top=0"),
            ("momentum", "invest=-0.5"),
            ("mean-reversion", "entry=0"),
            ("mean-reversion", "short=7"),
            ("buy-and-hold", "shares=-5"),
        ] {
            let error = build(name, &Params::parse([text]).unwrap()).err();
            assert!(matches!(error, Some(Error::BadParam { .. })), "{name} {text}: {error:?}");
        }
        for (name, texts) in [
            ("sma-cross", ["fast=20", "slow=20"]),
            ("sma-cross", ["fast=21", "slow=20"]),
            ("mean-reversion", ["entry=1", "exit=1"]),
        ] {
            let error = build(name, &Params::parse(texts).unwrap()).err();
            assert!(matches!(error, Some(Error::Constraint { .. })), "{name}: {error:?}");
        }
    }
}
