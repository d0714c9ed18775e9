//! Expressions over the rows of a frame, a column at a time.
//!
//! What a row's value is depends on the asset's own bars up to it, and on nothing else: not on the dates or rows
//! that were asked for, and not on where an evaluation begins. So any stretch can be evaluated alone.

use std::borrow::Cow;
use std::ops::Range;

use super::expression::{Comparison, Number, Operation, Truth, Unary};
use super::frame::Frame;
use super::when::When;
use super::window;

/// Numbers of some rows.
#[derive(Debug)]
pub(super) enum Lane<'a> {
    /// The same for every row.
    Constant(f64),
    /// One a row.
    Each(Cow<'a, [f64]>),
}

impl<'a> Lane<'a> {
    /// One number a row, of `len` rows.
    pub(super) fn into_each(self, len: usize) -> Cow<'a, [f64]> {
        match self {
            Self::Constant(value) => Cow::Owned(vec![value; len]),
            Self::Each(values) => values,
        }
    }
}

impl Truth {
    /// Whether the condition holds, one answer a row.
    pub(super) fn eval(&self, frame: &Frame<'_>, rows: Range<usize>) -> Vec<bool> {
        let len = rows.len();
        match self {
            Self::And(left, right) => {
                let mut holds = left.eval(frame, rows.clone());
                join(&mut holds, &right.eval(frame, rows), |l, r| l & r);
                holds
            }
            Self::Or(left, right) => {
                let mut holds = left.eval(frame, rows.clone());
                join(&mut holds, &right.eval(frame, rows), |l, r| l | r);
                holds
            }
            Self::Not(inner) => {
                let mut holds = inner.eval(frame, rows);
                for holds in &mut holds {
                    *holds = !*holds;
                }
                holds
            }
            Self::Numbers { comparison, left, right } => {
                let (left, right) = (left.eval(frame, rows.clone()), right.eval(frame, rows));
                compare(*comparison, &left, &right, len)
            }
            Self::Time { comparison, when } => {
                let time = frame.times(rows);
                time.iter().map(|ns| against(*comparison, *ns, *when)).collect()
            }
            Self::Symbol { comparison, text } => vec![symbol(*comparison, frame.symbol, text); len],
            Self::Missing(number) => match number.eval(frame, rows) {
                Lane::Constant(value) => vec![value.is_nan(); len],
                Lane::Each(values) => values.iter().map(|value| value.is_nan()).collect(),
            },
        }
    }
}

impl Number {
    /// The number, one a row.
    pub(super) fn eval<'a>(&self, frame: &'a Frame<'_>, rows: Range<usize>) -> Lane<'a> {
        let len = rows.len();
        match self {
            Self::Constant(value) => Lane::Constant(*value),
            Self::Column { place, divisor } => Lane::Each(frame.numbers(*place, *divisor, rows)),
            Self::Binary { operation, left, right } => {
                binary(*operation, left.eval(frame, rows.clone()), right.eval(frame, rows))
            }
            Self::Unary { function, inner } => unary(*function, inner.eval(frame, rows)),
            Self::Choice { condition, then, otherwise } => {
                let holds = condition.eval(frame, rows.clone());
                let mut values = then.eval(frame, rows.clone()).into_each(len).into_owned();
                let others = otherwise.eval(frame, rows).into_each(len);
                for ((value, other), holds) in values.iter_mut().zip(others.iter()).zip(holds) {
                    if !holds {
                        *value = *other;
                    }
                }
                Lane::Each(Cow::Owned(values))
            }
            Self::Window { function, bars, inner } => {
                Lane::Each(Cow::Owned(window::eval(*function, *bars, inner, frame, rows)))
            }
        }
    }
}

fn join(left: &mut [bool], right: &[bool], join: impl Fn(bool, bool) -> bool) {
    for (l, r) in left.iter_mut().zip(right) {
        *l = join(*l, *r);
    }
}

fn binary<'a>(operation: Operation, left: Lane<'a>, right: Lane<'a>) -> Lane<'a> {
    match operation {
        Operation::Add => zip(left, right, |l, r| l + r),
        Operation::Subtract => zip(left, right, |l, r| l - r),
        Operation::Multiply => zip(left, right, |l, r| l * r),
        Operation::Divide => zip(left, right, |l, r| l / r),
        Operation::Min => zip(left, right, smaller),
        Operation::Max => zip(left, right, larger),
    }
}

/// The smaller number, missing where either is.
#[inline]
pub(super) fn smaller(l: f64, r: f64) -> f64 {
    if l.is_nan() || l < r { l } else { r }
}

/// The larger number, missing where either is.
#[inline]
pub(super) fn larger(l: f64, r: f64) -> f64 {
    if l.is_nan() || l > r { l } else { r }
}

#[inline]
fn zip<'a>(left: Lane<'a>, right: Lane<'a>, f: impl Fn(f64, f64) -> f64) -> Lane<'a> {
    let made = match (left, right) {
        (Lane::Constant(l), Lane::Constant(r)) => return Lane::Constant(f(l, r)),
        (Lane::Each(Cow::Owned(mut l)), Lane::Each(r)) => {
            l.iter_mut().zip(r.iter()).for_each(|(l, r)| *l = f(*l, *r));
            l
        }
        (Lane::Each(l), Lane::Each(Cow::Owned(mut r))) => {
            r.iter_mut().zip(l.iter()).for_each(|(r, l)| *r = f(*l, *r));
            r
        }
        (Lane::Each(l), Lane::Each(r)) => l.iter().zip(r.iter()).map(|(l, r)| f(*l, *r)).collect(),
        (Lane::Each(l), Lane::Constant(r)) => l.iter().map(|l| f(*l, r)).collect(),
        (Lane::Constant(l), Lane::Each(r)) => r.iter().map(|r| f(l, *r)).collect(),
    };
    Lane::Each(Cow::Owned(made))
}

fn unary(function: Unary, inner: Lane<'_>) -> Lane<'_> {
    match function {
        Unary::Negate => map(inner, |value| -value),
        Unary::Absolute => map(inner, f64::abs),
        Unary::Root => map(inner, f64::sqrt),
        Unary::Log => map(inner, f64::ln),
        Unary::Exp => map(inner, f64::exp),
    }
}

fn map(inner: Lane<'_>, f: impl Fn(f64) -> f64) -> Lane<'_> {
    match inner {
        Lane::Constant(value) => Lane::Constant(f(value)),
        Lane::Each(Cow::Owned(mut values)) => {
            for value in &mut values {
                *value = f(*value);
            }
            Lane::Each(Cow::Owned(values))
        }
        Lane::Each(values) => Lane::Each(values.iter().map(|value| f(*value)).collect()),
    }
}

/// A missing value compares as false with everything, unequal included: nothing is known of it.
fn compare(comparison: Comparison, left: &Lane<'_>, right: &Lane<'_>, len: usize) -> Vec<bool> {
    match comparison {
        Comparison::Less => judge(left, right, len, |l, r| l < r),
        Comparison::LessOrEqual => judge(left, right, len, |l, r| l <= r),
        Comparison::More => judge(left, right, len, |l, r| l > r),
        Comparison::MoreOrEqual => judge(left, right, len, |l, r| l >= r),
        Comparison::Equal => judge(left, right, len, |l, r| l == r),
        Comparison::Unequal => judge(left, right, len, |l, r| l != r && !l.is_nan() && !r.is_nan()),
    }
}

#[inline]
fn judge(left: &Lane<'_>, right: &Lane<'_>, len: usize, f: impl Fn(f64, f64) -> bool) -> Vec<bool> {
    match (left, right) {
        (Lane::Constant(l), Lane::Constant(r)) => vec![f(*l, *r); len],
        (Lane::Each(l), Lane::Constant(r)) => l.iter().map(|l| f(*l, *r)).collect(),
        (Lane::Constant(l), Lane::Each(r)) => r.iter().map(|r| f(*l, *r)).collect(),
        (Lane::Each(l), Lane::Each(r)) => l.iter().zip(r.iter()).map(|(l, r)| f(*l, *r)).collect(),
    }
}

/// An instant against a stretch of time: before, within, or after it.
pub(super) fn against(comparison: Comparison, ns: i64, when: When) -> bool {
    match comparison {
        Comparison::Less => ns < when.first_ns,
        Comparison::LessOrEqual => ns <= when.last_ns,
        Comparison::More => ns > when.last_ns,
        Comparison::MoreOrEqual => ns >= when.first_ns,
        Comparison::Equal => (when.first_ns..=when.last_ns).contains(&ns),
        Comparison::Unequal => !(when.first_ns..=when.last_ns).contains(&ns),
    }
}

pub(super) fn symbol(comparison: Comparison, symbol: &str, text: &str) -> bool {
    let order = symbol.cmp(text);
    match comparison {
        Comparison::Less => order.is_lt(),
        Comparison::LessOrEqual => order.is_le(),
        Comparison::More => order.is_gt(),
        Comparison::MoreOrEqual => order.is_ge(),
        Comparison::Equal => order.is_eq(),
        Comparison::Unequal => order.is_ne(),
    }
}
