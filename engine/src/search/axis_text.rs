//! Axes as texts: `fast=2..20:2`, `mode=a,b`, `x=real(0.1..2)`, `stop_pct=real(1..9) if stop=on`.

use super::axis::{Axis, Order, Scale, bad, too_many};
use crate::Error;
use crate::params::{Value, split_assignment};

impl Axis {
    /// Reads an axis.
    ///
    /// | text | values |
    /// | --- | --- |
    /// | `n=7` | one |
    /// | `n=1,2,5`, `mode=ema,sma` | those listed |
    /// | `n=2..20`, `x=0.1..0.5:0.1` | from, to (both included as far as the step meets them), step, else 1 |
    /// | `n=int(2..200)`, `n=int(2..200:2)` | whole numbers, for a search rather than a list |
    /// | `n=logint(2..200)` | whole numbers, equal ratios alike |
    /// | `x=real(0.1..2)`, `x=log(1e-4..1)` | every number between, equal differences or ratios alike |
    /// | `x=real(0..1:0.25)` | the same as `x=0..1:0.25` |
    /// | `mode=cat(1,2,5)` | levels without an order |
    /// | `flag=bool` | `false`, `true` |
    ///
    /// ` if other=a,b` after any of them makes the parameter active only while `other` has one of
    /// these values; ` and third=c` adds a condition.
    ///
    /// Steps of `2..20:2` and `real(0..1:0.25)` are counted in the decimals as written, so
    /// `0.1..0.3:0.1` has exactly the values 0.1, 0.2 and 0.3.
    ///
    /// # Errors
    /// [`Error::BadSpace`] says what is wrong with the text; [`Error::TooManyValues`] beyond [`Axis::VALUES_MAX`].
    pub fn parse(text: &str) -> Result<Axis, Error> {
        let (name, rest) = split_assignment(text)?;
        let (values, conditions) = match rest.split_once(" if ") {
            Some((values, conditions)) => (values.trim(), Some(conditions)),
            None => (rest, None),
        };
        let mut axis = plain(name, values).map_err(|error| in_text(text, error))?;
        for condition in conditions.iter().flat_map(|all| all.split(" and ")) {
            let (parent, values) =
                split_assignment(condition).map_err(|error| in_text(text, error))?;
            axis = axis.when(parent, list(values).map_err(|error| in_text(text, error))?);
        }
        Ok(axis)
    }
}

/// An error of a part, told of the whole text.
fn in_text(text: &str, error: Error) -> Error {
    match error {
        Error::BadSpace { problem, .. } => bad(text, problem),
        other => other,
    }
}

/// What stands before ` if `.
pub(crate) fn plain(name: &str, text: &str) -> Result<Axis, Error> {
    if text == "bool" {
        return Ok(Axis::boolean(name));
    }
    if let Some((kind, inside)) = text.strip_suffix(')').and_then(|text| text.split_once('(')) {
        match kind {
            "int" => return whole(name, inside, Scale::Linear),
            "logint" => return whole(name, inside, Scale::Log),
            "real" => return real(name, inside),
            "log" => {
                let (low, high) = ends(name, inside)?;
                return Axis::real(name, (low, high), Scale::Log);
            }
            "cat" => return Axis::list(name, list(inside)?, Order::Levels),
            _ => {}
        }
    }
    match text.split_once("..") {
        Some((first, rest)) => Axis::new(name, range(name, text, first, rest)?),
        None => Axis::new(name, list(text)?),
    }
}

/// Values between commas.
pub(crate) fn list(text: &str) -> Result<Vec<Value>, Error> {
    let values: Vec<Value> = text.split(',').map(|value| Value::parse(value.trim())).collect();
    if values.iter().any(|value| matches!(value, Value::Text(text) if text.is_empty())) {
        return Err(bad(text, "a value of the list is missing"));
    }
    Ok(values)
}

fn whole(name: &str, text: &str, scale: Scale) -> Result<Axis, Error> {
    let problem = "expected whole numbers as in `int(2..200)` or `int(2..200:2)`";
    let (low, rest) = text.split_once("..").ok_or_else(|| bad(text, problem))?;
    let (high, step) = rest.split_once(':').unwrap_or((rest, "1"));
    let number = |part: &str| part.trim().parse::<i64>().map_err(|_| bad(text, problem));
    Axis::int(name, (number(low)?, number(high)?), number(step)?, scale)
}

fn real(name: &str, text: &str) -> Result<Axis, Error> {
    if let Some((first, rest)) = text.split_once("..").filter(|(_, rest)| rest.contains(':')) {
        return Axis::new(name, range(name, text, first, rest)?);
    }
    Axis::real(name, ends(name, text)?, Scale::Linear)
}

fn ends(name: &str, text: &str) -> Result<(f64, f64), Error> {
    let problem = "expected two numbers as in `real(0.1..2)`";
    let (low, high) = text.split_once("..").ok_or_else(|| bad(name, problem))?;
    let number = |part: &str| part.trim().parse::<f64>().map_err(|_| bad(name, problem));
    Ok((number(low)?, number(high)?))
}

/// Expands `first..last:step`.
fn range(name: &str, text: &str, first: &str, rest: &str) -> Result<Vec<Value>, Error> {
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
    let fits = usize::try_from(steps).ok().filter(|steps| *steps < Axis::VALUES_MAX);
    let steps = fits.ok_or_else(|| {
        let values = u64::try_from(steps).unwrap_or(u64::MAX).saturating_add(1);
        too_many(name, values)
    })?;
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
    use super::super::axis::Domain;
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
        ] {
            match Axis::parse(text) {
                Err(Error::BadSpace { problem, .. }) => assert_eq!(problem, reason, "{text}"),
                other => panic!("{text}: {other:?}"),
            }
        }
        match Axis::parse("a=0..9999999:3") {
            Err(Error::TooManyValues { param, values, max }) => {
                assert_eq!((param.as_str(), values, max), ("a", 3_333_334, 1_000_000));
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn kinds_for_searches() {
        let domain = |text: &str| Axis::parse(text).unwrap().domain().clone();
        let int = |low, high, step, scale| Domain::Int { low, high, step, scale };
        assert_eq!(domain("n=int(2..200)"), int(2, 200, 1, Scale::Linear));
        assert_eq!(domain("n=int(2..9:2)"), int(2, 8, 2, Scale::Linear));
        assert_eq!(domain("n=logint(5..100)"), int(5, 100, 1, Scale::Log));
        let real = |low, high, scale| Domain::Real { low, high, scale };
        assert_eq!(domain("x=real(-0.5..2)"), real(-0.5, 2.0, Scale::Linear));
        assert_eq!(domain("x=log(1e-4..1)"), real(1e-4, 1.0, Scale::Log));
        check("x=real(0..1:0.5)", &[0.0, 0.5, 1.0].map(Value::Float));
        check("b=bool", &[false.into(), true.into()]);
        let levels = Domain::List { values: ints([1, 2, 5]), order: Order::Levels };
        assert_eq!(domain("m=cat(1,2,5)"), levels);
        check("m=f(x)", &["f(x)".into()]);
    }

    #[test]
    fn conditions_follow_the_values() {
        let axis = Axis::parse("pct=real(0.5..10) if stop=on,trail and side=1").unwrap();
        let [stop, side] = axis.conditions() else { panic!("{axis:?}") };
        assert_eq!((stop.parent.as_str(), stop.values.len()), ("stop", 2));
        assert_eq!((side.parent.as_str(), &side.values[..]), ("side", &[Value::Int(1)][..]));
        for text in
            ["a=1 if b", "a=1 if b=", "a=1 if =2", "a=int(1..x)", "a=real(1)", "a=log(0..1)"]
        {
            assert!(Axis::parse(text).is_err(), "{text}");
        }
    }
}
