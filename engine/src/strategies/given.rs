//! Parameters as given, with the defaults of the rest, read as what a strategy needs.

use super::StrategySpec;
use crate::Error;
use crate::params::{Params, Value};

/// The parameters of one strategy that is being built.
#[derive(Debug)]
pub(super) struct Given<'a> {
    spec: &'a StrategySpec,
    params: &'a Params,
}

impl<'a> Given<'a> {
    pub(super) fn new(spec: &'a StrategySpec, params: &'a Params) -> Given<'a> {
        Given { spec, params }
    }

    /// A whole number of at least 1.
    pub(super) fn count(&self, name: &'static str) -> Result<usize, Error> {
        let value = self.value(name);
        let count = value.as_i64().filter(|count| *count >= 1);
        count
            .and_then(|count| usize::try_from(count).ok())
            .ok_or_else(|| self.bad(name, "a whole number of at least 1", value))
    }

    /// A number above zero.
    pub(super) fn positive(&self, name: &'static str) -> Result<f64, Error> {
        let value = self.value(name);
        value
            .as_f64()
            .filter(|number| *number > 0.0)
            .ok_or_else(|| self.bad(name, "a number above zero", value))
    }

    /// A number of at least zero.
    pub(super) fn non_negative(&self, name: &'static str) -> Result<f64, Error> {
        let value = self.value(name);
        value
            .as_f64()
            .filter(|number| *number >= 0.0)
            .ok_or_else(|| self.bad(name, "a number of at least zero", value))
    }

    /// `true` or `false`.
    pub(super) fn flag(&self, name: &'static str) -> Result<bool, Error> {
        let value = self.value(name);
        value.as_bool().ok_or_else(|| self.bad(name, "`true` or `false`", value))
    }

    pub(super) fn constraint(&self, rule: &'static str) -> Error {
        Error::Constraint { strategy: self.spec.name, rule }
    }

    fn value(&self, name: &'static str) -> &Value {
        let default = || self.spec.params.iter().find(|param| param.name == name);
        let given = self.params.get(name).or_else(|| default().map(|param| &param.default));
        // A strategy asks for the parameters of its own specification only.
        given.unwrap_or(&Value::Bool(false))
    }

    fn bad(&self, name: &'static str, expected: &'static str, value: &Value) -> Error {
        Error::BadParam { strategy: self.spec.name, name, expected, value: value.clone() }
    }
}

/// A number as a parameter: whole ones as integers, as they were most likely given.
pub(super) fn number(value: f64) -> Value {
    let value = Value::Float(value);
    value.as_i64().map_or(value, Value::Int)
}

/// A count as a parameter.
pub(super) fn count(value: usize) -> Value {
    Value::Int(i64::try_from(value).unwrap_or(i64::MAX))
}
