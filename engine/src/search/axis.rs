//! One parameter of a space: its values, its scale, and when it is active.

use std::sync::OnceLock;

use crate::Error;
use crate::params::{Params, Value};

/// Whether equal steps are equal differences or equal ratios.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// Equal differences.
    Linear,
    /// Equal ratios; both ends are above zero.
    Log,
}

/// The values that a parameter may take.
#[derive(Debug, Clone, PartialEq)]
pub enum Domain {
    /// Listed values, in order.
    List {
        /// At least one; none twice.
        values: Vec<Value>,
        /// Whether neighbours in the list are alike: searches then move along it, else they treat the
        /// values as levels without order.
        order: Order,
    },
    /// Whole numbers `low, low + step, ..` up to `high`.
    Int {
        /// The least, at least -2^53.
        low: i64,
        /// The greatest, at most 2^53; a whole number of steps above `low`.
        high: i64,
        /// At least 1; exactly 1 on a log scale.
        step: i64,
        /// How searches measure distance.
        scale: Scale,
    },
    /// Every finite number from `low` to `high`.
    Real {
        /// The least.
        low: f64,
        /// The greatest, above `low`.
        high: f64,
        /// How searches measure distance.
        scale: Scale,
    },
}

/// Whether the values of a list have an order that means something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Neighbours are alike.
    Ordered,
    /// Levels, all equally different.
    Levels,
}

/// When a parameter is active: only while another has one of some values.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// Name of the other parameter.
    pub parent: String,
    /// The values of the other parameter that make this one active; at least one.
    pub values: Vec<Value>,
}

impl Condition {
    /// Tells whether the parent has one of the values; an inactive parent has none.
    pub fn holds(&self, params: &Params) -> bool {
        params.get(&self.parent).is_some_and(|value| self.allows(value))
    }

    pub(crate) fn allows(&self, value: &Value) -> bool {
        self.values.iter().any(|allowed| same(allowed, value))
    }
}

/// One parameter of a [`Space`](crate::Space).
#[derive(Debug, Clone)]
pub struct Axis {
    name: String,
    domain: Domain,
    conditions: Vec<Condition>,
    listed: OnceLock<Vec<Value>>,
}

impl PartialEq for Axis {
    fn eq(&self, other: &Axis) -> bool {
        self.name == other.name
            && self.domain == other.domain
            && self.conditions == other.conditions
    }
}

/// Beyond this an `f64` does not hold every whole number.
const WHOLE_MAX: i64 = 1 << 53;

impl Axis {
    /// The most values one axis may list.
    pub const VALUES_MAX: usize = 1_000_000;

    /// Builds an axis of listed values. Three or more numbers that ascend or descend are ordered,
    /// anything else is levels.
    ///
    /// # Errors
    /// [`Error::BadSpace`] for no value or one given twice, [`Error::TooManyValues`].
    pub fn new(name: impl Into<String>, values: Vec<Value>) -> Result<Axis, Error> {
        let order = if ordered(&values) { Order::Ordered } else { Order::Levels };
        Axis::list(name, values, order)
    }

    /// Builds an axis of listed values whose order means something or does not.
    ///
    /// # Errors
    /// As [`Axis::new`].
    pub fn list(name: impl Into<String>, values: Vec<Value>, order: Order) -> Result<Axis, Error> {
        let name = name.into();
        if values.is_empty() {
            return Err(bad(&name, "no value"));
        }
        if values.len() > Axis::VALUES_MAX {
            return Err(too_many(&name, values.len() as u64));
        }
        let mut texts: Vec<String> = values.iter().map(Value::to_string).collect();
        texts.sort_unstable();
        if texts.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(bad(&name, "value given twice"));
        }
        Ok(Axis::of(name, Domain::List { values, order }))
    }

    /// Builds an axis of the whole numbers `low, low + step, ..` up to `high`.
    ///
    /// # Errors
    /// [`Error::BadSpace`] when `high < low`, `step < 1`, an end lies beyond 2^53, or a log scale has
    /// a step other than 1 or an end below 1.
    pub fn int(
        name: impl Into<String>,
        (low, high): (i64, i64),
        step: i64,
        scale: Scale,
    ) -> Result<Axis, Error> {
        let name = name.into();
        if step < 1 {
            return Err(bad(&name, "the step must be above zero"));
        }
        if low > high {
            return Err(bad(&name, "the range ends before it starts"));
        }
        if low < -WHOLE_MAX || high > WHOLE_MAX {
            return Err(bad(&name, "whole numbers must lie within 2^53"));
        }
        if scale == Scale::Log && step != 1 {
            return Err(bad(&name, "a step needs a linear scale"));
        }
        if scale == Scale::Log && low < 1 {
            return Err(bad(&name, "a log scale needs numbers above zero"));
        }
        let high = low + (high - low) / step * step;
        Ok(Axis::of(name, Domain::Int { low, high, step, scale }))
    }

    /// Builds an axis of every number from `low` to `high`.
    ///
    /// # Errors
    /// [`Error::BadSpace`] unless both are finite and `low < high`, and `low > 0` on a log scale.
    pub fn real(
        name: impl Into<String>,
        (low, high): (f64, f64),
        scale: Scale,
    ) -> Result<Axis, Error> {
        let name = name.into();
        if !low.is_finite() || !high.is_finite() || !(high - low).is_finite() {
            return Err(bad(&name, "the ends must be finite numbers"));
        }
        if low >= high {
            return Err(bad(&name, "the range ends before it starts"));
        }
        if scale == Scale::Log && low <= 0.0 {
            return Err(bad(&name, "a log scale needs numbers above zero"));
        }
        Ok(Axis::of(name, Domain::Real { low, high, scale }))
    }

    /// Builds an axis of `false` and `true`.
    pub fn boolean(name: impl Into<String>) -> Axis {
        let values = vec![Value::Bool(false), Value::Bool(true)];
        Axis::of(name.into(), Domain::List { values, order: Order::Levels })
    }

    fn of(name: String, domain: Domain) -> Axis {
        Axis { name, domain, conditions: Vec::new(), listed: OnceLock::new() }
    }

    /// Returns the axis with one more condition; it is active while all of them hold.
    #[must_use]
    pub fn when(mut self, parent: impl Into<String>, values: Vec<Value>) -> Axis {
        self.conditions.push(Condition { parent: parent.into(), values });
        self
    }

    /// Returns the parameter's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns what values the parameter may take.
    pub fn domain(&self) -> &Domain {
        &self.domain
    }

    /// Returns the conditions; all must hold.
    pub fn conditions(&self) -> &[Condition] {
        &self.conditions
    }

    /// Tells whether the parameter is active beside the others of `params`.
    pub fn active(&self, params: &Params) -> bool {
        self.conditions.iter().all(|condition| condition.holds(params))
    }

    /// Returns the number of values; `None` where they are not countable.
    pub fn count(&self) -> Option<u64> {
        match &self.domain {
            Domain::List { values, .. } => Some(values.len() as u64),
            Domain::Int { low, high, step, .. } => {
                Some(high.abs_diff(*low) / step.unsigned_abs() + 1)
            }
            Domain::Real { .. } => None,
        }
    }

    /// Returns value `place` of a countable axis, from 0; beyond the last, and for a continuous axis,
    /// `None`.
    pub fn value(&self, place: u64) -> Option<Value> {
        match &self.domain {
            Domain::List { values, .. } => values.get(usize::try_from(place).ok()?).cloned(),
            Domain::Int { low, step, .. } => {
                let steps = i64::try_from(place).ok().filter(|_| Some(place) < self.count())?;
                Some(Value::Int(low + steps * step))
            }
            Domain::Real { .. } => None,
        }
    }

    /// Returns the values of a countable axis in order; none for a continuous one, and none for whole
    /// numbers of more than [`Axis::VALUES_MAX`] values.
    pub fn values(&self) -> &[Value] {
        if let Domain::List { values, .. } = &self.domain {
            return values;
        }
        self.listed.get_or_init(|| {
            let count = self.count().filter(|count| *count <= Axis::VALUES_MAX as u64).unwrap_or(0);
            (0..count).filter_map(|place| self.value(place)).collect()
        })
    }

    /// Tells whether `value` is one that the parameter may take.
    pub fn holds(&self, value: &Value) -> bool {
        match &self.domain {
            Domain::List { values, .. } => values.iter().any(|listed| same(listed, value)),
            Domain::Int { low, high, step, .. } => value
                .as_i64()
                .is_some_and(|whole| whole >= *low && whole <= *high && (whole - low) % step == 0),
            Domain::Real { low, high, .. } => {
                value.as_f64().is_some_and(|number| number >= *low && number <= *high)
            }
        }
    }
}

/// Whether two values are the same thing: numbers by their value, whatever their kind.
pub(crate) fn same(left: &Value, right: &Value) -> bool {
    match (left.as_f64(), right.as_f64()) {
        (Some(left), Some(right)) => left == right,
        _ => left == right,
    }
}

pub(crate) fn bad(text: &str, problem: &'static str) -> Error {
    Error::BadSpace { text: text.to_owned(), problem }
}

/// The error of an axis with so many values.
pub(super) fn too_many(param: &str, values: u64) -> Error {
    Error::TooManyValues { param: param.to_owned(), values, max: Axis::VALUES_MAX }
}

/// Three or more numbers in ascending or descending order.
fn ordered(values: &[Value]) -> bool {
    let numbers: Option<Vec<f64>> = values.iter().map(Value::as_f64).collect();
    numbers.is_some_and(|numbers| {
        numbers.len() >= 3
            && (numbers.windows(2).all(|pair| pair[0] < pair[1])
                || numbers.windows(2).all(|pair| pair[0] > pair[1]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_know_their_values() {
        let even = Axis::int("n", (2, 9), 2, Scale::Linear).unwrap();
        assert_eq!(even.values(), [2, 4, 6, 8].map(Value::Int));
        assert!(even.holds(&Value::Int(8)) && even.holds(&Value::Float(8.0)));
        assert!(!even.holds(&Value::Int(9)) && !even.holds(&Value::Int(10)));
        assert_eq!(even.value(4), None);
        let real = Axis::real("x", (0.5, 2.0), Scale::Log).unwrap();
        assert_eq!((real.count(), real.values()), (None, &[][..]));
        assert!(real.holds(&Value::Int(1)) && !real.holds(&Value::Float(2.5)));
        let wide = Axis::int("n", (-WHOLE_MAX, WHOLE_MAX), 1, Scale::Linear).unwrap();
        assert_eq!(wide.count(), Some((1 << 54) + 1));
        assert!(wide.values().is_empty());
        assert_eq!(Axis::boolean("b").values(), [Value::Bool(false), Value::Bool(true)]);
    }

    #[test]
    fn impossible_ranges_are_refused() {
        assert!(Axis::int("n", (2, 1), 1, Scale::Linear).is_err());
        assert!(Axis::int("n", (1, 9), 0, Scale::Linear).is_err());
        assert!(Axis::int("n", (0, 9), 1, Scale::Log).is_err());
        assert!(Axis::int("n", (1, 9), 2, Scale::Log).is_err());
        assert!(Axis::int("n", (0, WHOLE_MAX + 1), 1, Scale::Linear).is_err());
        assert!(Axis::real("x", (0.0, 1.0), Scale::Log).is_err());
        assert!(Axis::real("x", (1.0, 1.0), Scale::Linear).is_err());
        assert!(Axis::real("x", (f64::MIN, f64::MAX), Scale::Linear).is_err());
        assert!(Axis::real("x", (f64::NAN, 1.0), Scale::Linear).is_err());
    }

    #[test]
    fn lists_of_numbers_in_order_are_ordered() {
        let order = |text: &[i64]| {
            let axis = Axis::new("a", text.iter().copied().map(Value::Int).collect()).unwrap();
            matches!(axis.domain(), Domain::List { order: Order::Ordered, .. })
        };
        assert!(order(&[1, 2, 5]) && order(&[5, 2, 1]));
        assert!(!order(&[1, 2]) && !order(&[1, 5, 2]));
    }
}
