//! Expressions as trees: written for the library, and evaluated row by row.

use barrow_format::Values;

use super::draw::Draw;

/// A number in a row.
#[derive(Clone, Debug)]
pub(super) enum Expr {
    Constant(f64),
    Column(usize, String),
    Binary(&'static str, Box<Expr>, Box<Expr>),
    Call(&'static str, Vec<Expr>),
    Choice(Box<Cond>, Box<Expr>, Box<Expr>),
    Window(&'static str, usize, Box<Expr>),
}

/// A condition on a row.
#[derive(Clone, Debug)]
pub(super) enum Cond {
    Compare(&'static str, Expr, Expr),
    And(Box<Cond>, Box<Cond>),
    Or(Box<Cond>, Box<Cond>),
    Not(Box<Cond>),
    Missing(Expr),
    Time(&'static str, i64),
    Symbol(&'static str, String),
}

/// One bar as a model knows it: its time, and its columns behind that.
#[derive(Clone, Debug)]
pub(super) struct Bar {
    pub(super) time: i64,
    pub(super) values: Vec<f64>,
}

const COMPARISONS: [&str; 6] = ["<", "<=", ">", ">=", "=", "!="];
const DAY_NS: i64 = 86_400_000_000_000;

impl Expr {
    pub(super) fn draw(draw: &mut Draw<'_>, columns: &[String], depth: usize) -> Self {
        let inner = |draw: &mut Draw<'_>| Box::new(Self::draw(draw, columns, depth - 1));
        match draw.below(if depth == 0 { 4 } else { 12 }) {
            0..=2 => {
                let place = draw.below(columns.len());
                Self::Column(place, columns[place].clone())
            }
            3 => Self::Constant(f64::from(draw.byte()) / 4.0 - 4.0),
            4..=6 => {
                let operation = ["+", "-", "*", "/"][draw.below(4)];
                Self::Binary(operation, inner(draw), inner(draw))
            }
            7 => {
                let function = ["abs", "sqrt", "log", "exp"][draw.below(4)];
                Self::Call(function, vec![*inner(draw)])
            }
            8 => {
                let function = ["min", "max"][draw.below(2)];
                Self::Call(function, (0..2 + draw.below(2)).map(|_| *inner(draw)).collect())
            }
            9 => {
                let condition = Box::new(Cond::draw(draw, columns, depth - 1));
                Self::Choice(condition, inner(draw), inner(draw))
            }
            _ => {
                let names = [
                    "lag",
                    "diff",
                    "returns",
                    "rolling_sum",
                    "rolling_mean",
                    "rolling_std",
                    "rolling_min",
                    "rolling_max",
                ];
                let name = names[draw.below(names.len())];
                Self::Window(name, 2 + draw.below(5), inner(draw))
            }
        }
    }

    pub(super) fn text(&self) -> String {
        match self {
            Self::Constant(value) if *value < 0.0 => format!("(-{})", -value),
            Self::Constant(value) => value.to_string(),
            Self::Column(_, name) => format!("[{name}]"),
            Self::Binary(operation, left, right) => {
                format!("({} {operation} {})", left.text(), right.text())
            }
            Self::Call(name, arguments) => {
                let arguments: Vec<String> = arguments.iter().map(Self::text).collect();
                format!("{name}({})", arguments.join(", "))
            }
            Self::Choice(condition, then, otherwise) => {
                format!("if({}, {}, {})", condition.text(), then.text(), otherwise.text())
            }
            Self::Window(name, bars, inner) => format!("{name}({}, {bars})", inner.text()),
        }
    }

    /// The number in `row` of one asset's bars.
    pub(super) fn at(&self, symbol: &str, bars: &[Bar], row: usize) -> f64 {
        let value = |inner: &Self| inner.at(symbol, bars, row);
        match self {
            Self::Constant(constant) => *constant,
            Self::Column(place, _) => bars[row].values[*place],
            Self::Binary(operation, left, right) => {
                let (left, right) = (value(left), value(right));
                match *operation {
                    "+" => left + right,
                    "-" => left - right,
                    "*" => left * right,
                    _ => left / right,
                }
            }
            Self::Call(name, arguments) => {
                let values: Vec<f64> = arguments.iter().map(value).collect();
                let is_missing = values.iter().any(|value| value.is_nan());
                match *name {
                    "abs" => values[0].abs(),
                    "sqrt" => values[0].sqrt(),
                    "log" => values[0].ln(),
                    "exp" => values[0].exp(),
                    _ if is_missing => f64::NAN,
                    _ => extreme(name, values),
                }
            }
            Self::Choice(condition, then, otherwise) => {
                if condition.at(symbol, bars, row) {
                    value(then)
                } else {
                    value(otherwise)
                }
            }
            Self::Window(name, count, inner) => {
                let value = |row: usize| inner.at(symbol, bars, row);
                window(name, *count, row, &value)
            }
        }
    }
}

fn window(name: &str, count: usize, row: usize, value: &dyn Fn(usize) -> f64) -> f64 {
    let then = row.checked_sub(count);
    match (name, then) {
        ("lag", Some(then)) => return value(then),
        ("diff", Some(then)) => return value(row) - value(then),
        ("returns", Some(then)) => return value(row) / value(then) - 1.0,
        ("lag" | "diff" | "returns", None) => return f64::NAN,
        _ => {}
    }
    if row + 1 < count {
        return f64::NAN;
    }
    let values: Vec<f64> = (row + 1 - count..=row).map(value).collect();
    if values.iter().any(|value| value.is_nan()) {
        return f64::NAN;
    }
    let length = f64::from(u32::try_from(count).expect("small"));
    let sum = values.iter().fold(0.0, |sum, value| sum + value);
    match name {
        "rolling_sum" => sum,
        "rolling_mean" => sum / length,
        "rolling_min" | "rolling_max" => extreme(&name[8..], values),
        _ => {
            let mean = sum / length;
            let squares = values.iter().fold(0.0, |sum, v| sum + (v - mean) * (v - mean));
            (squares / (length - 1.0)).sqrt()
        }
    }
}

/// The extreme of values none of which is missing; of equal ones (zeros of either sign) the last.
fn extreme(name: &str, values: Vec<f64>) -> f64 {
    let is_better = |a: f64, b: f64| if name == "min" { a < b } else { a > b };
    let best = values.into_iter().reduce(|a, b| if is_better(a, b) { a } else { b });
    best.expect("a value")
}

impl Cond {
    pub(super) fn draw(draw: &mut Draw<'_>, columns: &[String], depth: usize) -> Self {
        let expr = |draw: &mut Draw<'_>| Expr::draw(draw, columns, depth.min(2));
        let inner = |draw: &mut Draw<'_>| Box::new(Self::draw(draw, columns, depth - 1));
        match draw.below(if depth == 0 { 3 } else { 10 }) {
            0..=2 => Self::Compare(COMPARISONS[draw.below(6)], expr(draw), expr(draw)),
            3 | 4 => Self::And(inner(draw), inner(draw)),
            5 => Self::Or(inner(draw), inner(draw)),
            6 => Self::Not(inner(draw)),
            7 => Self::Missing(expr(draw)),
            8 => {
                let day = 16_000 + i64::from(draw.byte()) / 4;
                Self::Time(COMPARISONS[draw.below(6)], day)
            }
            _ => Self::Symbol(COMPARISONS[draw.below(6)], format!("A{}", draw.below(4))),
        }
    }

    pub(super) fn text(&self) -> String {
        match self {
            Self::Compare(how, left, right) => format!("{} {how} {}", left.text(), right.text()),
            Self::And(left, right) => format!("(({}) and ({}))", left.text(), right.text()),
            Self::Or(left, right) => format!("(({}) or ({}))", left.text(), right.text()),
            Self::Not(inner) => format!("not ({})", inner.text()),
            Self::Missing(inner) => format!("missing({})", inner.text()),
            Self::Time(how, day) => {
                let date = jiff::civil::date(1970, 1, 1) + jiff::Span::new().days(*day);
                format!("time {how} {date}")
            }
            Self::Symbol(how, text) => format!("symbol {how} '{text}'"),
        }
    }

    pub(super) fn at(&self, symbol: &str, bars: &[Bar], row: usize) -> bool {
        match self {
            Self::Compare(how, left, right) => {
                let (left, right) = (left.at(symbol, bars, row), right.at(symbol, bars, row));
                left.partial_cmp(&right).is_some_and(|order| fits(how, order))
            }
            Self::And(left, right) => left.at(symbol, bars, row) && right.at(symbol, bars, row),
            Self::Or(left, right) => left.at(symbol, bars, row) || right.at(symbol, bars, row),
            Self::Not(inner) => !inner.at(symbol, bars, row),
            Self::Missing(inner) => inner.at(symbol, bars, row).is_nan(),
            // A date is the whole day: only the days are compared.
            Self::Time(how, day) => fits(how, bars[row].time.div_euclid(DAY_NS).cmp(day)),
            Self::Symbol(how, text) => fits(how, symbol.cmp(text)),
        }
    }
}

fn fits(how: &str, order: std::cmp::Ordering) -> bool {
    match how {
        "<" => order.is_lt(),
        "<=" => order.is_le(),
        ">" => order.is_gt(),
        ">=" => order.is_ge(),
        "=" => order.is_eq(),
        _ => order.is_ne(),
    }
}

/// A value of any type.
#[expect(clippy::cast_precision_loss, reason = "counts are small")]
pub(super) fn number(values: Values<'_>, row: usize) -> f64 {
    match values {
        Values::F64(values) => values[row],
        Values::F32(values) => f64::from(values[row]),
        Values::I64(values) => values[row] as f64,
        Values::I32(values) => f64::from(values[row]),
        Values::U32(values) => f64::from(values[row]),
        Values::U8(values) => f64::from(values[row]),
    }
}
