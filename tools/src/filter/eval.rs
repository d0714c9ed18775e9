//! Conditions over rows, a column at a time.

use barrow_format::Values;

use super::{Comparison, Number, Operation, Rows, Truth};
use crate::instant::When;

impl Truth {
    /// Whether the condition holds, one answer a row.
    pub(super) fn eval(&self, rows: Rows<'_>) -> Vec<bool> {
        match self {
            Self::And(left, right) => zip(left.eval(rows), &right.eval(rows), |l, r| l && r),
            Self::Or(left, right) => zip(left.eval(rows), &right.eval(rows), |l, r| l || r),
            Self::Not(inner) => inner.eval(rows).into_iter().map(|holds| !holds).collect(),
            Self::Numbers { comparison, left, right } => {
                let (left, right) = (left.eval(rows), right.eval(rows));
                left.iter().zip(&right).map(|(l, r)| numbers(*comparison, *l, *r)).collect()
            }
            Self::Time { comparison, when } => match rows.columns.first() {
                Some(Values::I64(time)) => {
                    time.iter().map(|ns| against(*comparison, *ns, *when)).collect()
                }
                _ => vec![false; rows.len],
            },
            Self::Symbol { comparison, text } => {
                let order = rows.symbol.cmp(text.as_str());
                let holds = match comparison {
                    Comparison::Less => order.is_lt(),
                    Comparison::LessOrEqual => order.is_le(),
                    Comparison::More => order.is_gt(),
                    Comparison::MoreOrEqual => order.is_ge(),
                    Comparison::Equal => order.is_eq(),
                    Comparison::Unequal => order.is_ne(),
                };
                vec![holds; rows.len]
            }
            Self::Missing(number) => number.eval(rows).iter().map(|value| value.is_nan()).collect(),
        }
    }
}

impl Number {
    /// The number, one a row.
    fn eval(&self, rows: Rows<'_>) -> Vec<f64> {
        match self {
            Self::Constant(value) => vec![*value; rows.len],
            Self::Column { index, divisor } => {
                let mut values = rows.columns.get(*index).map_or_else(Vec::new, |v| widened(*v));
                values.resize(rows.len, f64::NAN);
                if *divisor != 1.0 {
                    for value in &mut values {
                        *value /= divisor;
                    }
                }
                values
            }
            Self::Binary { operation, left, right } => {
                let mut left = left.eval(rows);
                for (l, r) in left.iter_mut().zip(right.eval(rows)) {
                    *l = match operation {
                        Operation::Add => *l + r,
                        Operation::Subtract => *l - r,
                        Operation::Multiply => *l * r,
                        Operation::Divide => *l / r,
                    };
                }
                left
            }
            Self::Negate(inner) => inner.eval(rows).into_iter().map(|value| -value).collect(),
            Self::Absolute(inner) => inner.eval(rows).into_iter().map(f64::abs).collect(),
        }
    }
}

/// Values of any type as f64; exact for all but integers beyond 2^53.
#[expect(clippy::cast_precision_loss, reason = "documented: integers beyond 2^53 compare rounded")]
fn widened(values: Values<'_>) -> Vec<f64> {
    match values {
        Values::F64(values) => values.to_vec(),
        Values::F32(values) => values.iter().map(|value| f64::from(*value)).collect(),
        Values::I64(values) => values.iter().map(|value| *value as f64).collect(),
        Values::I32(values) => values.iter().map(|value| f64::from(*value)).collect(),
        Values::U32(values) => values.iter().map(|value| f64::from(*value)).collect(),
        Values::U8(values) => values.iter().map(|value| f64::from(*value)).collect(),
    }
}

fn zip(mut left: Vec<bool>, right: &[bool], join: fn(bool, bool) -> bool) -> Vec<bool> {
    for (l, r) in left.iter_mut().zip(right) {
        *l = join(*l, *r);
    }
    left
}

fn numbers(comparison: Comparison, left: f64, right: f64) -> bool {
    match comparison {
        Comparison::Less => left < right,
        Comparison::LessOrEqual => left <= right,
        Comparison::More => left > right,
        Comparison::MoreOrEqual => left >= right,
        Comparison::Equal => left == right,
        // A missing value is not unequal to anything either: nothing is known of it.
        Comparison::Unequal => left != right && !left.is_nan() && !right.is_nan(),
    }
}

/// An instant against a stretch of time: before, within, or after it.
fn against(comparison: Comparison, ns: i64, when: When) -> bool {
    match comparison {
        Comparison::Less => ns < when.first_ns,
        Comparison::LessOrEqual => ns <= when.last_ns,
        Comparison::More => ns > when.last_ns,
        Comparison::MoreOrEqual => ns >= when.first_ns,
        Comparison::Equal => (when.first_ns..=when.last_ns).contains(&ns),
        Comparison::Unequal => !(when.first_ns..=when.last_ns).contains(&ns),
    }
}
