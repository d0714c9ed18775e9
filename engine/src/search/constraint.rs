//! Rules between parameters, such as `fast < slow`: read, checked and decided before anything runs.

mod parse;

use std::fmt;

use super::axis::{Axis, Domain, same};
use crate::Error;
use crate::params::{Params, Value};

/// A rule that the parameters of a point must keep.
///
/// It is written over their names: `fast < slow`, `slow >= 2 * fast`,
/// `mode == "ema" or fast + 5 < slow`. There are the comparisons `< <= > >= == !=`, the arithmetic
/// `+ - * /`, `and`, `or`, `not`, parentheses, numbers, `true`, `false`, and texts in single or
/// double quotes.
///
/// A comparison with a parameter that is inactive is neither true nor false; a rule that is not false
/// holds. A comparison with a number that is not finite (a division by zero) is false.
#[derive(Debug, Clone, PartialEq)]
pub struct Constraint {
    text: String,
    rule: Expr,
}

#[derive(Debug, Clone, PartialEq)]
enum Expr {
    Constant(Value),
    Param(String),
    Negative(Box<Expr>),
    Arithmetic(Box<Expr>, Operator, Box<Expr>),
    Compare(Box<Expr>, Comparison, Box<Expr>),
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    Not(Box<Expr>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Less,
    AtMost,
    Greater,
    AtLeast,
    Equal,
    Differs,
}

/// What a part of a rule can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Number,
    Truth,
    Text,
    /// A list of several kinds.
    Any,
}

impl Constraint {
    /// Reads a rule over the parameters of `axes`.
    ///
    /// # Errors
    /// [`Error::BadSpace`] says what is wrong with the text: it does not parse, names a parameter that
    /// is not there, or compares things that cannot be compared.
    pub fn parse(text: &str, axes: &[Axis]) -> Result<Constraint, Error> {
        let bad = |problem| super::axis::bad(text, problem);
        let rule = parse::parse(text).map_err(bad)?;
        if !matches!(kind(&rule, axes).map_err(bad)?, Kind::Truth) {
            return Err(bad("a constraint must be a comparison, as in `fast < slow`"));
        }
        Ok(Constraint { text: text.trim().to_owned(), rule })
    }

    /// Tells whether `params` keep the rule.
    pub fn holds(&self, params: &Params) -> bool {
        truth(&self.rule, params) != Some(false)
    }

    /// Returns the rule as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn kind(expr: &Expr, axes: &[Axis]) -> Result<Kind, &'static str> {
    let number = |side: &Expr| match kind(side, axes)? {
        Kind::Number | Kind::Any => Ok(()),
        _ => Err("arithmetic and order need numbers"),
    };
    let truth = |side: &Expr| match kind(side, axes)? {
        Kind::Truth | Kind::Any => Ok(()),
        _ => Err("`and`, `or` and `not` need comparisons"),
    };
    match expr {
        Expr::Constant(value) => Ok(value_kind(value)),
        Expr::Param(name) => {
            let axis = axes.iter().find(|axis| axis.name() == name);
            axis.map(axis_kind).ok_or("it names a parameter that the space does not have")
        }
        Expr::Negative(inner) => number(inner).map(|()| Kind::Number),
        Expr::Arithmetic(left, _, right) => {
            number(left)?;
            number(right).map(|()| Kind::Number)
        }
        Expr::Compare(left, Comparison::Equal | Comparison::Differs, right) => {
            let (left, right) = (kind(left, axes)?, kind(right, axes)?);
            if left != right && left != Kind::Any && right != Kind::Any {
                return Err("it compares things of different kinds; texts stand in quotes");
            }
            Ok(Kind::Truth)
        }
        Expr::Compare(left, _, right) => {
            number(left)?;
            number(right).map(|()| Kind::Truth)
        }
        Expr::And(left, right) | Expr::Or(left, right) => {
            truth(left)?;
            truth(right).map(|()| Kind::Truth)
        }
        Expr::Not(inner) => truth(inner).map(|()| Kind::Truth),
    }
}

fn value_kind(value: &Value) -> Kind {
    match value {
        Value::Int(_) | Value::Float(_) => Kind::Number,
        Value::Bool(_) => Kind::Truth,
        Value::Text(_) => Kind::Text,
    }
}

fn axis_kind(axis: &Axis) -> Kind {
    let Domain::List { values, .. } = axis.domain() else { return Kind::Number };
    let first = values.first().map_or(Kind::Any, value_kind);
    if values.iter().all(|value| value_kind(value) == first) { first } else { Kind::Any }
}

/// `None`: an inactive parameter takes part.
fn truth(expr: &Expr, params: &Params) -> Option<bool> {
    match expr {
        Expr::Constant(value) => value.as_bool(),
        Expr::Param(name) => params.get(name)?.as_bool(),
        Expr::Not(inner) => truth(inner, params).map(|inner| !inner),
        Expr::And(left, right) => match (truth(left, params), truth(right, params)) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (Some(true), Some(true)) => Some(true),
            _ => None,
        },
        Expr::Or(left, right) => match (truth(left, params), truth(right, params)) {
            (Some(true), _) | (_, Some(true)) => Some(true),
            (Some(false), Some(false)) => Some(false),
            _ => None,
        },
        Expr::Compare(left, comparison, right) => compare(left, *comparison, right, params),
        Expr::Negative(_) | Expr::Arithmetic(..) => None,
    }
}

fn compare(left: &Expr, how: Comparison, right: &Expr, params: &Params) -> Option<bool> {
    let exact = |side: &Expr| match side {
        Expr::Constant(value) => Some(value.clone()),
        Expr::Param(name) => params.get(name).cloned(),
        _ => None,
    };
    // Values that are compared as they stand: texts, truths, and whole numbers beyond 2^53.
    if let (Expr::Constant(_) | Expr::Param(_), Expr::Constant(_) | Expr::Param(_)) = (left, right)
    {
        let (left, right) = (exact(left)?, exact(right)?);
        match how {
            Comparison::Equal => return Some(same(&left, &right)),
            Comparison::Differs => return Some(!same(&left, &right)),
            _ => {}
        }
        if let (Value::Int(left), Value::Int(right)) = (&left, &right) {
            return Some(decide(left.cmp(right), how));
        }
    }
    let (left, right) = (number(left, params)?, number(right, params)?);
    let order = left.partial_cmp(&right).filter(|_| left.is_finite() && right.is_finite());
    Some(order.is_some_and(|order| decide(order, how)))
}

fn decide(order: std::cmp::Ordering, how: Comparison) -> bool {
    match how {
        Comparison::Less => order.is_lt(),
        Comparison::AtMost => order.is_le(),
        Comparison::Greater => order.is_gt(),
        Comparison::AtLeast => order.is_ge(),
        Comparison::Equal => order.is_eq(),
        Comparison::Differs => order.is_ne(),
    }
}

/// `None`: an inactive parameter takes part. NaN: something that is no number does.
fn number(expr: &Expr, params: &Params) -> Option<f64> {
    match expr {
        Expr::Constant(value) => Some(value.as_f64().unwrap_or(f64::NAN)),
        Expr::Param(name) => Some(params.get(name)?.as_f64().unwrap_or(f64::NAN)),
        Expr::Negative(inner) => Some(-number(inner, params)?),
        Expr::Arithmetic(left, operator, right) => {
            let (left, right) = (number(left, params)?, number(right, params)?);
            Some(match operator {
                Operator::Add => left + right,
                Operator::Subtract => left - right,
                Operator::Multiply => left * right,
                Operator::Divide => left / right,
            })
        }
        _ => Some(f64::NAN),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axes() -> Vec<Axis> {
        let texts = [
            "fast=int(1..50)",
            "slow=1..50",
            "mode=ema,sma",
            "on=bool",
            "pct=real(0..1) if on=true",
        ];
        texts.iter().map(|text| Axis::parse(text).unwrap()).collect()
    }

    #[track_caller]
    fn check(rule: &str, params: &str, expected: bool) {
        let rule = Constraint::parse(rule, &axes()).unwrap();
        let params = Params::parse(params.split(' ')).unwrap();
        assert_eq!(rule.holds(&params), expected, "{rule} with {params}");
    }

    #[test]
    fn comparisons_and_arithmetic() {
        check("fast < slow", "fast=5 slow=10", true);
        check("fast < slow", "fast=10 slow=10", false);
        check("fast<=slow", "fast=10 slow=10", true);
        check("slow >= 2 * fast + 1", "fast=5 slow=11", true);
        check("slow >= 2 * (fast + 1)", "fast=5 slow=11", false);
        check("slow - fast > 3 and slow / fast < 3", "fast=5 slow=10", true);
        check("slow - 3 - 2 == 5", "slow=10", true);
        check("-fast < -4", "fast=5", true);
        check("slow / (fast - 5) > 0", "fast=5 slow=10", false);
        check("fast != slow", "fast=5 slow=5", false);
    }

    #[test]
    fn texts_and_truths() {
        check("mode == \"ema\" or fast < slow", "mode=ema fast=9 slow=1", true);
        check("mode == 'ema' or fast < slow", "mode=sma fast=9 slow=1", false);
        check("not mode == 'ema'", "mode=sma", true);
        check("on == true", "on=true", true);
        check("not on or fast < 5", "on=true fast=9", false);
        check("on and fast < 5", "on=true fast=3", true);
    }

    #[test]
    fn an_inactive_parameter_decides_nothing() {
        check("pct < 0.5", "on=false", true);
        check("pct < 0.5 and fast < 3", "on=false fast=9", false);
        check("pct < 0.5 or fast < 3", "on=false fast=9", true);
        check("not pct < 0.5", "on=false", true);
        check("pct * 2 < 0.5", "on=true pct=0.5", false);
    }

    #[test]
    fn nonsense_is_refused() {
        for rule in [
            "",
            "fast",
            "fast <",
            "fast < slow slow",
            "fats < slow",
            "mode < slow",
            "mode == 3",
            "fast and slow",
            "mode == ema",
            "fast + 1",
            "(fast < slow",
            "fast < slow)",
            "fast = slow",
            "mode == 'ema",
            "fast < 1e999",
            "fast $ slow",
            "1 < fast < 3",
            "not fast",
        ] {
            assert!(Constraint::parse(rule, &axes()).is_err(), "{rule}");
        }
    }
}
