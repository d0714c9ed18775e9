//! [`Pushed`]: what of a query's conditions a scan takes over.

use std::collections::BTreeSet;

use arrow_schema::{DataType, TimeUnit};
use barrow_format::{Bound, LogicalType, PhysicalType, Schema, Stats};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::{
    Between, BinaryExpr, Expr, Operator, TableProviderFilterPushDown as Pushdown,
};

/// Conditions that a scan takes over: all must hold.
#[derive(Clone, Debug)]
pub(crate) struct Pushed {
    /// Only these symbols; all where `None`.
    pub(crate) symbols: Option<BTreeSet<String>>,
    /// Only times from the first to the second, both taken in.
    pub(crate) times: (i64, i64),
    /// Comparisons that statistics can rule out; the rows that are left are still to be compared.
    pub(crate) comparisons: Vec<Comparison>,
}

/// A column and a number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Comparison {
    /// Place of the column in the bundle's schema.
    pub(crate) column: usize,
    operator: Operator,
    number: Bound,
}

/// One condition, understood.
enum Condition {
    Symbols(BTreeSet<String>),
    Times(i64, i64),
    Compared(Vec<Comparison>),
}

impl Pushed {
    /// What of `filters` can be taken over.
    pub(crate) fn of(filters: &[Expr], schema: &Schema) -> Self {
        let mut pushed =
            Self { symbols: None, times: (i64::MIN, i64::MAX), comparisons: Vec::new() };
        for filter in filters {
            match condition(filter, schema) {
                Some(Condition::Symbols(symbols)) => {
                    pushed.symbols = Some(match pushed.symbols.take() {
                        None => symbols,
                        Some(known) => known.intersection(&symbols).cloned().collect(),
                    });
                }
                Some(Condition::Times(from, to)) => {
                    pushed.times = (pushed.times.0.max(from), pushed.times.1.min(to));
                }
                Some(Condition::Compared(comparisons)) => pushed.comparisons.extend(comparisons),
                None => {}
            }
        }
        pushed
    }
}

/// How much of a condition a scan takes over: all, some, or nothing.
pub(crate) fn pushdown(filter: &Expr, schema: &Schema) -> Pushdown {
    match condition(filter, schema) {
        Some(Condition::Symbols(_) | Condition::Times(..)) => Pushdown::Exact,
        Some(Condition::Compared(_)) => Pushdown::Inexact,
        None => Pushdown::Unsupported,
    }
}

fn condition(filter: &Expr, schema: &Schema) -> Option<Condition> {
    match filter {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
            // Of one kind, both sides make one condition; of two, optimised plans have two filters.
            match (condition(left, schema)?, condition(right, schema)?) {
                (Condition::Times(a, b), Condition::Times(c, d)) => {
                    Some(Condition::Times(a.max(c), b.min(d)))
                }
                (Condition::Compared(mut left), Condition::Compared(right)) => {
                    left.extend(right);
                    Some(Condition::Compared(left))
                }
                _ => None,
            }
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
            match (condition(left, schema)?, condition(right, schema)?) {
                (Condition::Symbols(mut left), Condition::Symbols(right)) => {
                    left.extend(right);
                    Some(Condition::Symbols(left))
                }
                _ => None,
            }
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => match (literal(left), literal(right)) {
            (None, Some(value)) => compared(left, *op, value, schema),
            (Some(value), None) => compared(right, op.swap()?, value, schema),
            _ => None,
        },
        Expr::Between(Between { expr, negated: false, low, high }) => {
            let low = compared(expr, Operator::GtEq, literal(low)?, schema)?;
            let high = compared(expr, Operator::LtEq, literal(high)?, schema)?;
            match (low, high) {
                (Condition::Times(from, _), Condition::Times(_, to)) => {
                    Some(Condition::Times(from, to))
                }
                (Condition::Compared(mut low), Condition::Compared(high)) => {
                    low.extend(high);
                    Some(Condition::Compared(low))
                }
                _ => None,
            }
        }
        Expr::InList(InList { expr, list, negated: false }) if column(expr)?.0 == "symbol" => {
            let texts = list.iter().map(|entry| text(literal(entry)?));
            texts.collect::<Option<_>>().map(Condition::Symbols)
        }
        _ => None,
    }
}

fn literal(expr: &Expr) -> Option<&ScalarValue> {
    match expr {
        Expr::Literal(value, _) => Some(value),
        _ => None,
    }
}

/// The column that an expression is, and the type that it is cast to.
fn column(expr: &Expr) -> Option<(&str, Option<&DataType>)> {
    match expr {
        Expr::Column(column) => Some((&column.name, None)),
        Expr::Cast(cast) => match column(&cast.expr)? {
            (name, None) => Some((name, Some(cast.field.data_type()))),
            _ => None,
        },
        _ => None,
    }
}

fn text(value: &ScalarValue) -> Option<String> {
    match value {
        ScalarValue::Utf8(text) | ScalarValue::LargeUtf8(text) | ScalarValue::Utf8View(text) => {
            text.clone()
        }
        ScalarValue::Dictionary(_, value) => text(value),
        _ => None,
    }
}

fn compared(
    expr: &Expr,
    operator: Operator,
    value: &ScalarValue,
    schema: &Schema,
) -> Option<Condition> {
    let (name, cast) = column(expr)?;
    if name == "symbol" {
        let is_text = |kind: &DataType| {
            matches!(kind, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
        };
        let plain = operator == Operator::Eq && cast.is_none_or(is_text);
        let symbol = text(value).filter(|_| plain)?;
        return Some(Condition::Symbols([symbol].into()));
    }
    let index = schema.column_index(name)?;
    if index == 0 {
        let utc = |zone: &Option<std::sync::Arc<str>>| {
            zone.as_deref().is_none_or(|zone| matches!(zone, "UTC" | "+00:00"))
        };
        let same = cast.is_none_or(
            |kind| matches!(kind, DataType::Timestamp(TimeUnit::Nanosecond, zone) if utc(zone)),
        );
        return match value {
            ScalarValue::TimestampNanosecond(Some(time), zone) if same && utc(zone) => {
                span(operator, *time).map(|(from, to)| Condition::Times(from, to))
            }
            _ => None,
        };
    }
    let described = &schema.columns()[index];
    let exact_in_f64 = described.physical != PhysicalType::I64;
    let is_float = matches!(described.physical, PhysicalType::F64 | PhysicalType::F32);
    if matches!(described.logical, LogicalType::Decimal { .. } | LogicalType::Timestamp) {
        return None;
    }
    match cast {
        None => {}
        Some(DataType::Float64) if exact_in_f64 => {}
        Some(DataType::Int64) if !is_float => {}
        Some(_) => return None,
    }
    let number = match value {
        ScalarValue::Float64(Some(number)) if !number.is_nan() => Bound::Float(*number),
        ScalarValue::Float32(Some(number)) if !number.is_nan() => Bound::Float((*number).into()),
        ScalarValue::Int64(Some(number)) => Bound::Int(*number),
        ScalarValue::Int32(Some(number)) => Bound::Int((*number).into()),
        ScalarValue::UInt32(Some(number)) => Bound::Int((*number).into()),
        ScalarValue::UInt8(Some(number)) => Bound::Int((*number).into()),
        _ => return None,
    };
    let known = [Operator::Eq, Operator::Lt, Operator::LtEq, Operator::Gt, Operator::GtEq];
    let comparison = Comparison { column: index, operator, number };
    known.contains(&operator).then(|| Condition::Compared(vec![comparison]))
}

/// The times for which `time <operator> value` holds.
fn span(operator: Operator, value: i64) -> Option<(i64, i64)> {
    // Where nothing is left, the span ends before it begins.
    const NONE: (i64, i64) = (i64::MAX, i64::MIN);
    Some(match operator {
        Operator::Eq => (value, value),
        Operator::Lt => value.checked_sub(1).map_or(NONE, |to| (i64::MIN, to)),
        Operator::LtEq => (i64::MIN, value),
        Operator::Gt => value.checked_add(1).map_or(NONE, |from| (from, i64::MAX)),
        Operator::GtEq => (value, i64::MAX),
        _ => return None,
    })
}

impl Comparison {
    /// Whether values with these statistics may pass. Missing ones never do.
    pub(crate) fn may_pass(&self, stats: &Stats) -> bool {
        let Some((min, max)) = stats.bounds else { return false };
        let (least, most) = match (min, max, self.number) {
            (Bound::Int(min), Bound::Int(max), Bound::Int(number)) => {
                (min.cmp(&number), max.cmp(&number))
            }
            // Integers are compared with a float as floats: rounding keeps their order.
            (min, max, number) => {
                let number = float(number);
                // Arrow puts negative zero below zero; statistics do not tell them apart.
                let min = Some(float(min)).filter(|min| *min != 0.0).unwrap_or(-0.0);
                (min.total_cmp(&number), float(max).total_cmp(&number))
            }
        };
        match self.operator {
            Operator::Lt => least.is_lt(),
            Operator::LtEq => least.is_le(),
            Operator::Gt => most.is_gt(),
            Operator::GtEq => most.is_ge(),
            _ => least.is_le() && most.is_ge(),
        }
    }
}

/// A bound as the nearest float.
fn float(bound: Bound) -> f64 {
    match bound {
        Bound::Float(value) => value,
        Bound::Int(value) => {
            // Two halves of 32 bits are exact, and their sum is rounded once.
            let high = i32::try_from(value >> 32).unwrap_or(0);
            let low = u32::try_from(value & 0xffff_ffff).unwrap_or(0);
            f64::from(high) * 4_294_967_296.0 + f64::from(low)
        }
    }
}
