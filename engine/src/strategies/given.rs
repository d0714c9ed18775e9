//! Parameters as given, with the defaults of the rest, read as what a strategy needs.

use barrow_store::nearest;

use super::ParamSpec;
use crate::Error;
use crate::params::{Params, Value};

/// The parameters of a strategy that is being built: those given, and the defaults of the rest.
///
/// ```
/// use barrow_engine::strategies::{Given, ParamSpec};
/// use barrow_engine::{Params, Value};
///
/// static PARAMS: [ParamSpec; 2] = [
///     ParamSpec { name: "window", default: Value::Int(20), doc: "bars, 1 or more" },
///     ParamSpec { name: "shares", default: Value::Float(1.5), doc: "quantity held, above 0" },
/// ];
/// let params = Params::parse(["window=55"])?;
/// let given = Given::new("breakout", &PARAMS, &params)?;
/// assert_eq!((given.count("window")?, given.positive("shares")?), (55, 1.5));
///
/// // A name that is misspelt is an error, and no run with defaults.
/// let params = Params::parse(["windw=55"])?;
/// let error = Given::new("breakout", &PARAMS, &params).unwrap_err().to_string();
/// assert!(error.contains("did you mean `window`"), "{error}");
/// # Ok::<(), barrow_engine::Error>(())
/// ```
#[derive(Debug)]
pub struct Given<'a> {
    strategy: &'static str,
    specs: &'static [ParamSpec],
    params: &'a Params,
}

impl<'a> Given<'a> {
    /// Takes parameters for a strategy that has those of `specs` and no others.
    ///
    /// # Errors
    /// [`Error::UnknownParam`] with what is known and what was probably meant.
    pub fn new(
        strategy: &'static str,
        specs: &'static [ParamSpec],
        params: &'a Params,
    ) -> Result<Given<'a>, Error> {
        let given = Given { strategy, specs, params };
        match params.iter().find(|(name, _)| given.spec(name).is_none()) {
            Some((name, _)) => Err(given.unknown(name)),
            None => Ok(given),
        }
    }

    /// Returns a whole number of at least 1.
    ///
    /// # Errors
    /// [`Error::BadParam`] when the value is none; [`Error::UnknownParam`] for a name that the
    /// strategy does not have.
    pub fn count(&self, name: &'static str) -> Result<usize, Error> {
        let value = self.value(name)?;
        let count = value.as_i64().filter(|count| *count >= 1);
        count
            .and_then(|count| usize::try_from(count).ok())
            .ok_or_else(|| self.bad(name, "a whole number of at least 1", value))
    }

    /// Returns a number above zero.
    ///
    /// # Errors
    /// As [`Given::count`].
    pub fn positive(&self, name: &'static str) -> Result<f64, Error> {
        let value = self.value(name)?;
        value
            .as_f64()
            .filter(|number| *number > 0.0)
            .ok_or_else(|| self.bad(name, "a number above zero", value))
    }

    /// Returns a number of at least zero.
    ///
    /// # Errors
    /// As [`Given::count`].
    pub fn non_negative(&self, name: &'static str) -> Result<f64, Error> {
        let value = self.value(name)?;
        value
            .as_f64()
            .filter(|number| *number >= 0.0)
            .ok_or_else(|| self.bad(name, "a number of at least zero", value))
    }

    /// Returns `true` or `false`.
    ///
    /// # Errors
    /// As [`Given::count`].
    pub fn flag(&self, name: &'static str) -> Result<bool, Error> {
        let value = self.value(name)?;
        value.as_bool().ok_or_else(|| self.bad(name, "`true` or `false`", value))
    }

    /// Returns the error that values do not go together as `rule` says: a search skips such a point.
    pub fn constraint(&self, rule: &'static str) -> Error {
        Error::Constraint { strategy: self.strategy, rule }
    }

    fn spec(&self, name: &str) -> Option<&'static ParamSpec> {
        self.specs.iter().find(|spec| spec.name == name)
    }

    fn value(&self, name: &'static str) -> Result<&Value, Error> {
        let spec = self.spec(name).ok_or_else(|| self.unknown(name))?;
        Ok(self.params.get(name).unwrap_or(&spec.default))
    }

    fn unknown(&self, name: &str) -> Error {
        let known: Vec<&'static str> = self.specs.iter().map(|spec| spec.name).collect();
        let nearest = nearest(name, known.iter().copied());
        Error::UnknownParam { strategy: self.strategy, name: name.to_owned(), nearest, known }
    }

    fn bad(&self, name: &'static str, expected: &'static str, value: &Value) -> Error {
        Error::BadParam { strategy: self.strategy, name, expected, value: value.clone() }
    }
}

/// A number as a parameter: whole ones as integers, as they were most likely given.
pub(super) fn number(value: f64) -> Value {
    let value = Value::Float(value);
    value.as_i64().map_or(value, Value::Int)
}
