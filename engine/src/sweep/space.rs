//! What may vary: a grid of parameter values.

use crate::Error;
use crate::params::{Params, Value, split_assignment};

/// A grid: every combination of the values of its axes.
///
/// Points are numbered from 0 in the order of nested loops, the first axis outermost, so the
/// numbering depends on nothing but the space.
///
/// ```
/// use barrow_engine::{Space, Value};
/// let space = Space::parse(["fast=2..6:2", "mode=a,b"])?;
/// assert_eq!(space.len(), 6);
/// assert_eq!(space.point(3).to_string(), "fast=4 mode=b");
/// # Ok::<(), barrow_engine::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Space {
    axes: Vec<Axis>,
}

/// One parameter and the values it takes, in order.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    name: String,
    values: Vec<Value>,
}

impl Space {
    /// The most points a space may have.
    pub const POINTS_MAX: u64 = 100_000_000;

    /// Builds a space from its axes. Without any it has one point, the defaults.
    ///
    /// # Errors
    /// [`Error::BadSpace`] when two axes share a name, [`Error::SpaceTooLarge`] beyond
    /// [`Space::POINTS_MAX`] points.
    pub fn new(axes: Vec<Axis>) -> Result<Space, Error> {
        let mut points = 1_u64;
        for (at, axis) in axes.iter().enumerate() {
            if axes[..at].iter().any(|earlier| earlier.name == axis.name) {
                return Err(bad(&axis.name, "parameter given twice"));
            }
            points = u64::try_from(axis.values.len())
                .ok()
                .and_then(|values| points.checked_mul(values))
                .filter(|points| *points <= Space::POINTS_MAX)
                .ok_or(Error::SpaceTooLarge { max: Space::POINTS_MAX })?;
        }
        Ok(Space { axes })
    }

    /// Reads one text for each axis: see [`Axis::parse`].
    ///
    /// # Errors
    /// As [`Axis::parse`] and [`Space::new`].
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Space, Error> {
        Space::new(texts.into_iter().map(Axis::parse).collect::<Result<_, _>>()?)
    }

    /// Returns the axes, outermost first.
    pub fn axes(&self) -> &[Axis] {
        &self.axes
    }

    /// Returns the number of points.
    pub fn len(&self) -> u64 {
        self.axes.iter().map(|axis| axis.values.len() as u64).product()
    }

    /// Tells whether there is no point; a parsed space always has at least one.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the parameters of point `index`, which counts from 0 and is taken modulo
    /// [`Space::len`]. Costs one small allocation for each axis.
    pub fn point(&self, index: u64) -> Params {
        let mut params = Params::new();
        let mut rest = index;
        for axis in self.axes.iter().rev() {
            let count = axis.values.len() as u64;
            if let Some(value) =
                usize::try_from(rest % count.max(1)).ok().and_then(|at| axis.values.get(at))
            {
                params.set(axis.name.clone(), value.clone());
            }
            rest /= count.max(1);
        }
        params
    }
}

impl Axis {
    /// The most values one axis may have.
    pub const VALUES_MAX: usize = 1_000_000;

    /// Builds an axis from its values.
    ///
    /// # Errors
    /// [`Error::BadSpace`] for no value, too many, or one given twice.
    pub fn new(name: impl Into<String>, values: Vec<Value>) -> Result<Axis, Error> {
        let name = name.into();
        if values.is_empty() {
            return Err(bad(&name, "no value"));
        }
        if values.len() > Axis::VALUES_MAX {
            return Err(bad(&name, "more than 1000000 values"));
        }
        let mut texts: Vec<String> = values.iter().map(Value::to_string).collect();
        texts.sort_unstable();
        if texts.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(bad(&name, "value given twice"));
        }
        Ok(Axis { name, values })
    }

    /// Reads `name=1`, `name=a,b,c`, `name=2..20` (step 1) or `name=0.1..0.5:0.1`.
    ///
    /// Both ends of a range belong to it as far as the step meets them. Steps are counted in the
    /// decimals as written, so `0.1..0.3:0.1` has exactly the values 0.1, 0.2 and 0.3.
    ///
    /// # Errors
    /// [`Error::BadSpace`] says what is wrong with the text.
    pub fn parse(text: &str) -> Result<Axis, Error> {
        let (name, rest) = split_assignment(text)?;
        let values = match rest.split_once("..") {
            Some((first, rest)) => range(text, first, rest)?,
            None => rest.split(',').map(|value| Value::parse(value.trim())).collect(),
        };
        if values.iter().any(|value| matches!(value, Value::Text(text) if text.is_empty())) {
            return Err(bad(text, "a value of the list is missing"));
        }
        Axis::new(name, values).map_err(|error| match error {
            Error::BadSpace { problem, .. } => bad(text, problem),
            other => other,
        })
    }

    /// Returns the parameter's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the values in order; at least one.
    pub fn values(&self) -> &[Value] {
        &self.values
    }
}

fn bad(text: &str, problem: &'static str) -> Error {
    Error::BadSpace { text: text.to_owned(), problem }
}

/// Expands `first..last:step`.
fn range(text: &str, first: &str, rest: &str) -> Result<Vec<Value>, Error> {
    let (last, step) = rest.split_once(':').unwrap_or((rest, "1"));
    let number = |part: &str| {
        Decimal::parse(part.trim())
            .ok_or_else(|| bad(text, "a range needs plain decimal numbers of at most 15 digits"))
    };
    let (first, last, step) = (number(first)?, number(last)?, number(step)?);
    let scale = first.scale.max(last.scale).max(step.scale);
    let overflow = || bad(text, "the numbers of the range differ too much in size");
    let first_units = first.at_scale(scale).ok_or_else(overflow)?;
    let last_units = last.at_scale(scale).ok_or_else(overflow)?;
    let step_units = step.at_scale(scale).ok_or_else(overflow)?;
    if step_units <= 0 {
        return Err(bad(text, "the step must be above zero"));
    }
    if first_units > last_units {
        return Err(bad(text, "the range ends before it starts"));
    }
    let steps = (i128::from(last_units) - i128::from(first_units)) / i128::from(step_units);
    let steps = usize::try_from(steps).ok().filter(|steps| *steps < Axis::VALUES_MAX);
    let steps = steps.ok_or_else(|| bad(text, "more than 1000000 values"))?;
    let mut values = Vec::with_capacity(steps + 1);
    let mut units = first_units;
    for _ in 0..=steps {
        values.push(decimal_value(units, scale).ok_or_else(overflow)?);
        units = units.saturating_add(step_units);
    }
    Ok(values)
}

/// The value `units / 10^scale`: a whole number when no decimals were written.
fn decimal_value(units: i64, scale: u32) -> Option<Value> {
    if scale == 0 {
        return Some(Value::Int(units));
    }
    // Reading the decimal text gives the nearest f64, which dividing in floating point also does
    // only while both sides are exact.
    format!("{units}e-{scale}").parse().ok().map(Value::Float)
}

/// A decimal number as written: `units / 10^scale`.
#[derive(Debug, Clone, Copy)]
struct Decimal {
    units: i64,
    scale: u32,
}

impl Decimal {
    fn parse(text: &str) -> Option<Decimal> {
        let (sign, digits) = match text.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, text.strip_prefix('+').unwrap_or(text)),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all = format!("{whole}{fraction}");
        if all.is_empty() || all.len() > 15 || !all.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let units: i64 = all.parse().ok()?;
        Some(Decimal { units: sign * units, scale: u32::try_from(fraction.len()).ok()? })
    }

    fn at_scale(self, scale: u32) -> Option<i64> {
        self.units.checked_mul(10_i64.checked_pow(scale - self.scale)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[Value]) {
        assert_eq!(Axis::parse(text).unwrap().values(), expected);
    }

    fn ints(values: impl IntoIterator<Item = i64>) -> Vec<Value> {
        values.into_iter().map(Value::Int).collect()
    }

    #[test]
    fn ranges_include_both_ends_as_far_as_the_step_meets_them() {
        check("fast=2..20:2", &ints((2..=20).step_by(2)));
        check("slow=25..70:5", &ints((25..=70).step_by(5)));
        check("n=1..4", &ints(1..=4));
        check("n=1..10:4", &ints([1, 5, 9]));
        check("n=-3..3:3", &ints([-3, 0, 3]));
        check("n=5..5:9", &ints([5]));
    }

    #[test]
    fn float_steps_are_decimals() {
        let tenths = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7].map(Value::Float);
        check("x=0.1..0.7:0.1", &tenths);
        check("x=1..2:0.5", &[1.0, 1.5, 2.0].map(Value::Float));
        check("x=-0.25..0.25:0.25", &[-0.25, 0.0, 0.25].map(Value::Float));
    }

    #[test]
    fn lists_and_single_values() {
        check("a=1,2,3", &ints([1, 2, 3]));
        check("a=7", &ints([7]));
        check("mode=ema, sma", &["ema".into(), "sma".into()]);
        check("b=true,false", &[true.into(), false.into()]);
    }

    #[test]
    fn nonsense_is_refused_with_its_reason() {
        for (text, reason) in [
            ("fast", "expected `name=value`"),
            ("fast=", "the value after `=` is missing"),
            ("=1..2", "the name before `=` is missing"),
            ("a=1,1", "value given twice"),
            ("a=1,,2", "a value of the list is missing"),
            ("a=1..5:0", "the step must be above zero"),
            ("a=1..5:-1", "the step must be above zero"),
            ("a=5..1", "the range ends before it starts"),
            ("a=1..x", "a range needs plain decimal numbers of at most 15 digits"),
            ("a=1..1e3", "a range needs plain decimal numbers of at most 15 digits"),
            ("a=..", "a range needs plain decimal numbers of at most 15 digits"),
            ("a=0..9999999:1", "more than 1000000 values"),
        ] {
            match Axis::parse(text) {
                Err(Error::BadSpace { problem, .. }) => assert_eq!(problem, reason, "{text}"),
                other => panic!("{text}: {other:?}"),
            }
        }
        assert!(Space::parse(["a=1", "a=2"]).is_err());
        let axes = ["a=1..10000", "b=1..10000", "c=1..2"];
        assert!(matches!(Space::parse(axes), Err(Error::SpaceTooLarge { .. })));
    }

    #[test]
    fn points_are_numbered_like_nested_loops() {
        let space = Space::parse(["a=1..3", "b=10,20"]).unwrap();
        let texts: Vec<String> = (0..space.len()).map(|i| space.point(i).to_string()).collect();
        let expected = ["a=1 b=10", "a=1 b=20", "a=2 b=10", "a=2 b=20", "a=3 b=10", "a=3 b=20"];
        assert_eq!(texts, expected);
        assert_eq!(Space::default().len(), 1);
        assert!(Space::default().point(0).is_empty());
    }
}
