//! A space as a TOML document.

use toml::{Table, Value as Toml};

use super::axis::{Axis, Order, Scale, bad};
use super::space::Space;
use crate::Error;
use crate::params::Value;

impl Space {
    /// Reads a space from a TOML document.
    ///
    /// ```
    /// # use barrow_engine::Space;
    /// let space = Space::from_toml(r#"
    ///     constraints = ["fast < slow"]
    ///
    ///     [params]
    ///     fast = "2..20:2"                        # any text of the command line
    ///     slow = { int = [20, 400], log = true }  # or { int = [20, 400], step = 5 }
    ///     threshold = { real = [1e-4, 0.1], log = true }
    ///     kind = ["sma", "ema"]                   # or { values = [1, 2, 5], ordered = false }
    ///     stop = "bool"
    ///     stop_pct = { real = [0.5, 10.0], if = { stop = true } }
    ///     shares = 100
    /// "#)?;
    /// assert_eq!(space.axes().len(), 7);
    /// # Ok::<(), barrow_engine::Error>(())
    /// ```
    ///
    /// Parameters keep the order in which they are written. Texts in arrays stay texts: `"5"` there is
    /// no number.
    ///
    /// # Errors
    /// [`Error::BadToml`] when the text is no TOML, else as [`Axis::parse`], [`Space::new`] and
    /// [`Space::with_constraints`].
    pub fn from_toml(text: &str) -> Result<Space, Error> {
        let document: Table =
            text.parse().map_err(|source| Error::BadToml { source: Box::new(source) })?;
        let mut axes = Vec::new();
        let mut constraints = Vec::new();
        for (key, value) in &document {
            match (key.as_str(), value) {
                ("params", Toml::Table(params)) => {
                    let read = params.iter().map(|(name, value)| axis(name, value));
                    axes = read.collect::<Result<_, _>>()?;
                }
                ("constraints", Toml::Array(rules)) => {
                    let rule = |rule: &Toml| rule.as_str().map(str::to_owned);
                    let rules: Option<Vec<String>> = rules.iter().map(rule).collect();
                    constraints = rules.ok_or_else(|| bad(key, "expected a list of texts"))?;
                }
                _ => return Err(bad(key, "expected `constraints = [..]` or the table `[params]`")),
            }
        }
        Space::new(axes)?.with_constraints(constraints.iter().map(String::as_str))
    }
}

fn axis(name: &str, value: &Toml) -> Result<Axis, Error> {
    match value {
        Toml::String(text) => Axis::parse(&format!("{name}={text}")),
        Toml::Array(values) => Axis::new(name, scalars(name, values)?),
        Toml::Table(table) => from_table(name, table),
        scalar => Axis::new(name, vec![one(name, scalar)?]),
    }
}

fn from_table(name: &str, table: &Table) -> Result<Axis, Error> {
    let known = ["int", "real", "values", "step", "log", "ordered", "if"];
    if table.keys().any(|key| !known.contains(&key.as_str())) {
        return Err(bad(
            name,
            "expected the keys `int`, `real`, `values`, `step`, `log`, `ordered`, `if`",
        ));
    }
    let truth = |key: &str| match table.get(key) {
        None => Ok(None),
        Some(Toml::Boolean(value)) => Ok(Some(*value)),
        Some(_) => Err(bad(name, "`log` and `ordered` are `true` or `false`")),
    };
    let (log, order) = (truth("log")?, truth("ordered")?);
    let scale = if log == Some(true) { Scale::Log } else { Scale::Linear };
    let step = table.get("step");
    let axis = match (table.get("int"), table.get("real"), table.get("values")) {
        (Some(Toml::Array(ends)), None, None) if order.is_none() => {
            let [Toml::Integer(low), Toml::Integer(high)] = &ends[..] else {
                return Err(bad(name, "expected whole numbers as in `int = [2, 200]`"));
            };
            let step = match step {
                None => 1,
                Some(Toml::Integer(step)) => *step,
                Some(_) => return Err(bad(name, "`step` of whole numbers is a whole number")),
            };
            Axis::int(name, (*low, *high), step, scale)?
        }
        (None, Some(Toml::Array(ends)), None) if order.is_none() && step.is_none() => {
            let numbers: Vec<f64> = ends.iter().filter_map(number).collect();
            let [low, high] = numbers[..] else {
                return Err(bad(name, "expected two numbers as in `real = [0.1, 2.0]`"));
            };
            Axis::real(name, (low, high), scale)?
        }
        (None, None, Some(Toml::Array(values))) if log.is_none() && step.is_none() => {
            let values = scalars(name, values)?;
            match order {
                None => Axis::new(name, values)?,
                Some(true) => Axis::list(name, values, Order::Ordered)?,
                Some(false) => Axis::list(name, values, Order::Levels)?,
            }
        }
        _ => {
            let problem = "expected `int = [low, high]` (with `step` or `log`), `real = [low, high]` \
                           (with `log`) or `values = [..]` (with `ordered`)";
            return Err(bad(name, problem));
        }
    };
    match table.get("if") {
        None => Ok(axis),
        Some(Toml::Table(conditions)) => {
            conditions.iter().try_fold(axis, |axis, (parent, values)| {
                let values = match values {
                    Toml::Array(values) => scalars(name, values)?,
                    scalar => vec![one(name, scalar)?],
                };
                Ok(axis.when(parent, values))
            })
        }
        Some(_) => Err(bad(name, "expected a table as in `if = { stop = \"on\" }`")),
    }
}

fn number(value: &Toml) -> Option<f64> {
    one("", value).ok()?.as_f64()
}

fn scalars(name: &str, values: &[Toml]) -> Result<Vec<Value>, Error> {
    values.iter().map(|value| one(name, value)).collect()
}

fn one(name: &str, value: &Toml) -> Result<Value, Error> {
    match value {
        Toml::Integer(whole) => Ok(Value::Int(*whole)),
        Toml::Float(number) if number.is_finite() => Ok(Value::Float(*number)),
        Toml::Boolean(truth) => Ok(Value::Bool(*truth)),
        Toml::String(text) if !text.is_empty() => Ok(Value::Text(text.clone())),
        _ => Err(bad(name, "a value is a finite number, `true`, `false` or a text")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_says_the_same_as_texts() {
        let document = "constraints = ['fast < slow', 'slow > 3 * fast or kind == \"ema\"']\n[params]\n\
            fast = '2..20:2'\nslow = { int = [20, 400], log = true }\nn = { int = [1, 9], step = 2 }\n\
            x = { real = [1e-4, 1], log = true }\nkind = ['sma', 'ema']\nstop = 'bool'\n\
            pct = { real = [0.5, 10], if = { stop = true } }\nk = { values = [1, 2, 5], ordered = false }\n\
            far = 'real(0..1) if kind=ema'\nshares = 100\n";
        let texts = [
            "fast=2..20:2",
            "slow=logint(20..400)",
            "n=int(1..9:2)",
            "x=log(1e-4..1)",
            "kind=sma,ema",
            "stop=bool",
            "pct=real(0.5..10) if stop=true",
            "k=cat(1,2,5)",
            "far=real(0..1) if kind=ema",
            "shares=100",
        ];
        let rules = ["fast < slow", "slow > 3 * fast or kind == \"ema\""];
        let expected = Space::parse(texts).unwrap().with_constraints(rules).unwrap();
        assert_eq!(Space::from_toml(document).unwrap(), expected);
    }

    #[test]
    fn texts_stay_texts() {
        let space = Space::from_toml("params.a = ['5', 'true', '1e3']").unwrap();
        let texts = ["5", "true", "1e3"].map(|text| Value::Text(text.to_owned()));
        assert_eq!(space.axes()[0].values(), texts);
    }

    #[test]
    fn mistakes_are_named() {
        for document in [
            "params = 3",
            "other = 1",
            "[params]\na = {}",
            "[params]\na = { int = [1.5, 2] }",
            "[params]\na = { int = [1, 2], real = [1, 2] }",
            "[params]\na = { real = [1] }",
            "[params]\na = { real = [1, 2], step = 1 }",
            "[params]\na = { values = [1], log = true }",
            "[params]\na = { int = [1, 2], if = 'x' }",
            "[params]\na = { int = [1, 2], if = { b = 1 } }",
            "[params]\na = [[1]]",
            "[params]\na = nan",
            "constraints = [1]",
            "constraints = ['a < b']",
            "[params]\na = { ints = [1, 2] }",
            "[params]\na = { int = [1, 2], log = 1 }",
        ] {
            assert!(
                matches!(Space::from_toml(document), Err(Error::BadSpace { .. })),
                "{document}"
            );
        }
        assert!(matches!(Space::from_toml("a = = 1"), Err(Error::BadToml { .. })));
    }
}
