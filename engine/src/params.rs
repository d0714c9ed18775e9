//! One point of a search: parameter names and values.

use std::collections::BTreeMap;
use std::collections::btree_map;
use std::fmt;

use serde::{Serialize, Serializer};

use crate::Error;

/// The value of a parameter.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A whole number.
    Int(i64),
    /// A finite number.
    Float(f64),
    /// `true` or `false`.
    Bool(bool),
    /// Anything else.
    Text(String),
}

impl Value {
    /// Reads a value: a whole number if it is one, else a finite number, else `true` or `false`,
    /// else text.
    pub fn parse(text: &str) -> Value {
        let numeric = text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c));
        if let Ok(whole) = text.parse::<i64>() {
            return Value::Int(whole);
        }
        match text.parse::<f64>() {
            Ok(number) if numeric && number.is_finite() => return Value::Float(number),
            _ => {}
        }
        match text {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            _ => Value::Text(text.to_owned()),
        }
    }

    /// Returns the value as a number; `None` for text and booleans, and for a whole number beyond
    /// 2^53, which no `f64` would hold exactly.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Value::Int(whole) if whole.unsigned_abs() <= 1 << 53 => {
                #[expect(clippy::cast_precision_loss, reason = "at most 2^53, so exact")]
                let number = *whole as f64;
                Some(number)
            }
            Value::Float(number) => Some(*number),
            _ => None,
        }
    }

    /// Returns the value as a whole number; a float counts when it is one.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Value::Int(whole) => Some(*whole),
            Value::Float(number) if number.fract() == 0.0 && number.abs() < 9e15 => {
                #[expect(clippy::cast_possible_truncation, reason = "whole and below 2^53")]
                let whole = *number as i64;
                Some(whole)
            }
            _ => None,
        }
    }

    /// Returns the value as a boolean; 0 and 1 count.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(value) => Some(*value),
            Value::Int(0) => Some(false),
            Value::Int(1) => Some(true),
            _ => None,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Int(whole) => write!(f, "{whole}"),
            Value::Float(number) => write!(f, "{number}"),
            Value::Bool(value) => write!(f, "{value}"),
            Value::Text(text) => f.write_str(text),
        }
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Int(whole) => serializer.serialize_i64(*whole),
            Value::Float(number) => serializer.serialize_f64(*number),
            Value::Bool(value) => serializer.serialize_bool(*value),
            Value::Text(text) => serializer.serialize_str(text),
        }
    }
}

impl From<i64> for Value {
    fn from(whole: i64) -> Value {
        Value::Int(whole)
    }
}

impl From<i32> for Value {
    fn from(whole: i32) -> Value {
        Value::Int(whole.into())
    }
}

/// A count; one beyond the largest `i64` is that.
impl From<usize> for Value {
    fn from(count: usize) -> Value {
        Value::Int(i64::try_from(count).unwrap_or(i64::MAX))
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Value {
        Value::Float(number)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Value {
        Value::Bool(value)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::Text(text.to_owned())
    }
}

/// Parameter names and their values, in ascending order of the names. Serialises as a map.
///
/// ```
/// use barrow_engine::{Params, Value};
/// let params = Params::parse(["fast=5", "slow=20"])?;
/// assert_eq!(params.get("slow"), Some(&Value::Int(20)));
/// assert_eq!(params, Params::new().with("fast", 5).with("slow", 20_usize));
/// assert_eq!(params, Params::from_iter([("fast", 5), ("slow", 20)]));
/// # Ok::<(), barrow_engine::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Params {
    values: BTreeMap<String, Value>,
}

impl Params {
    /// Returns no parameters at all: every strategy has defaults.
    pub fn new() -> Params {
        Params::default()
    }

    /// Reads `name=value` texts.
    ///
    /// # Errors
    /// [`Error::BadSpace`] for a text without `=`, an empty name or value, or a name given twice.
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Params, Error> {
        let mut params = Params::new();
        for text in texts {
            let bad = |problem| Error::BadSpace { text: text.to_owned(), problem };
            let (name, value) = split_assignment(text)?;
            if params.set(name, Value::parse(value)).is_some() {
                return Err(bad("parameter given twice"));
            }
        }
        Ok(params)
    }

    /// Sets a parameter and returns the value it had.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<Value>) -> Option<Value> {
        self.values.insert(name.into(), value.into())
    }

    /// Returns the parameters with one more set; for building them in one expression.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<Value>) -> Params {
        self.set(name, value);
        self
    }

    /// Returns a parameter's value.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.values.get(name)
    }

    /// Returns names and values, in ascending order of the names.
    pub fn iter(&self) -> btree_map::Iter<'_, String, Value> {
        self.values.iter()
    }

    /// Returns the number of parameters.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Tells whether there is none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

impl<N: Into<String>, V: Into<Value>> FromIterator<(N, V)> for Params {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Params {
        pairs.into_iter().fold(Params::new(), |params, (name, value)| params.with(name, value))
    }
}

impl<'a> IntoIterator for &'a Params {
    type Item = (&'a String, &'a Value);
    type IntoIter = btree_map::Iter<'a, String, Value>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl Serialize for Params {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(&self.values)
    }
}

impl fmt::Display for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (name, value)) in self.values.iter().enumerate() {
            write!(f, "{}{name}={value}", if at == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}

/// Splits `name=rest`.
pub(crate) fn split_assignment(text: &str) -> Result<(&str, &str), Error> {
    let bad = |problem| Error::BadSpace { text: text.to_owned(), problem };
    let (name, rest) = text.split_once('=').ok_or_else(|| bad("expected `name=value`"))?;
    let (name, rest) = (name.trim(), rest.trim());
    if name.is_empty() {
        return Err(bad("the name before `=` is missing"));
    }
    if rest.is_empty() {
        return Err(bad("the value after `=` is missing"));
    }
    Ok((name, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_what_they_look_like() {
        assert_eq!(Value::parse("20"), Value::Int(20));
        assert_eq!(Value::parse("-3"), Value::Int(-3));
        assert_eq!(Value::parse("0.5"), Value::Float(0.5));
        assert_eq!(Value::parse("1e-3"), Value::Float(0.001));
        assert_eq!(Value::parse("true"), Value::Bool(true));
        for text in ["ema", "nan", "inf", "infinity", "1e999", "e", "10.5.2"] {
            assert_eq!(Value::parse(text), Value::Text(text.to_owned()));
        }
    }

    #[test]
    fn numbers_convert_only_when_nothing_is_lost() {
        assert_eq!(Value::Int(7).as_f64(), Some(7.0));
        assert_eq!(Value::Int((1 << 53) + 1).as_f64(), None);
        assert_eq!(Value::Float(7.0).as_i64(), Some(7));
        assert_eq!(Value::Float(7.5).as_i64(), None);
        assert_eq!(Value::Text("7".to_owned()).as_i64(), None);
        assert_eq!(Value::Int(1).as_bool(), Some(true));
        assert_eq!(Value::Int(2).as_bool(), None);
    }

    #[test]
    fn parsing_refuses_what_is_not_an_assignment() {
        for text in ["fast", "=5", "fast=", " = "] {
            assert!(Params::parse([text]).is_err(), "{text}");
        }
        assert!(Params::parse(["a=1", "a=2"]).is_err());
        assert_eq!(Params::parse(["b=x", "a=1"]).unwrap().to_string(), "a=1 b=x");
    }
}
