//! The functions of the expression language.

use super::error::Problem;
use super::expression::{Number, Operation, Truth, Unary, Window};
use super::parse::{Parsed, Parser, Value};

/// Bars that a window looks back at most: more than a century of sessions, ten weeks of minutes.
pub(super) const WINDOW_MAX: usize = 100_000;

/// What a name stands for.
enum Function {
    Unary(Unary),
    Extreme(Operation),
    Missing,
    Choice,
    Window { function: Window, least: usize, default: Option<usize> },
}

/// Names with what they stand for, in the order of the documentation.
const FUNCTIONS: &[(&str, Function)] = &[
    ("abs", Function::Unary(Unary::Absolute)),
    ("sqrt", Function::Unary(Unary::Root)),
    ("log", Function::Unary(Unary::Log)),
    ("exp", Function::Unary(Unary::Exp)),
    ("min", Function::Extreme(Operation::Min)),
    ("max", Function::Extreme(Operation::Max)),
    ("if", Function::Choice),
    ("missing", Function::Missing),
    ("lag", window(Window::Lag, 0, Some(1))),
    ("diff", window(Window::Diff, 1, Some(1))),
    ("returns", window(Window::Returns, 1, Some(1))),
    ("rolling_sum", window(Window::Sum, 1, None)),
    ("rolling_mean", window(Window::Mean, 1, None)),
    ("rolling_std", window(Window::Std, 2, None)),
    ("rolling_min", window(Window::Min, 1, None)),
    ("rolling_max", window(Window::Max, 1, None)),
];

const fn window(function: Window, least: usize, default: Option<usize>) -> Function {
    Function::Window { function, least, default }
}

/// Reads the arguments of the function `word`, whose parenthesis is open, and what they make.
pub(super) fn call(parser: &mut Parser<'_>, word: &str, at: usize) -> Parsed<Value> {
    let Some((name, function)) = FUNCTIONS.iter().find(|(name, _)| *name == word) else {
        let nearest = crate::nearest(word, FUNCTIONS.iter().map(|(name, _)| *name));
        let (name, nearest) = (word.to_owned(), nearest.map(str::to_owned));
        return Err((at, Problem::UnknownFunction { name, nearest }));
    };
    let arguments = parser.arguments()?;
    let count = arguments.len();
    let wrong = |expected| (at, Problem::Arguments { function: name, expected, found: count });
    let mut arguments = arguments.into_iter();
    let mut next = |expected| arguments.next().ok_or_else(|| wrong(expected));
    match function {
        Function::Unary(function) => {
            let (value, at) = next("1 argument")?;
            let inner = Box::new(parser.number(value, at)?);
            let number = Number::Unary { function: *function, inner };
            if count == 1 { Ok(Value::Number(number)) } else { Err(wrong("1 argument")) }
        }
        Function::Missing => {
            let (value, at) = next("1 argument")?;
            let inner = parser.number(value, at)?;
            if count == 1 {
                Ok(Value::Truth(Truth::Missing(inner)))
            } else {
                Err(wrong("1 argument"))
            }
        }
        Function::Extreme(operation) => {
            let expected = "2 arguments or more";
            let (value, at) = next(expected)?;
            let mut left = parser.number(value, at)?;
            if count == 1 {
                return Err(wrong(expected));
            }
            for (value, at) in arguments {
                let right = Box::new(parser.number(value, at)?);
                left = Number::Binary { operation: *operation, left: Box::new(left), right };
            }
            Ok(Value::Number(left))
        }
        Function::Choice => {
            let expected = "3 arguments: a condition and two numbers";
            let (condition, condition_at) = next(expected)?;
            let ((then, then_at), (otherwise, otherwise_at)) = (next(expected)?, next(expected)?);
            if count > 3 {
                return Err(wrong(expected));
            }
            Ok(Value::Number(Number::Choice {
                condition: Box::new(parser.truth(condition, condition_at)?),
                then: Box::new(parser.number(then, then_at)?),
                otherwise: Box::new(parser.number(otherwise, otherwise_at)?),
            }))
        }
        Function::Window { function, least, default } => {
            let expected = "a number and how many bars";
            let (value, at) = next(expected)?;
            let inner = Box::new(parser.number(value, at)?);
            let bars = match (arguments.next(), default) {
                (Some((value, at)), _) => bars(&value, *least).map_err(|problem| (at, problem))?,
                (None, Some(default)) => *default,
                (None, None) => return Err(wrong(expected)),
            };
            if count > 2 {
                return Err(wrong(expected));
            }
            Ok(Value::Number(Number::Window { function: *function, bars, inner }))
        }
    }
}

/// A whole number of bars, written as a number.
fn bars(value: &Value, least: usize) -> Result<usize, Problem> {
    let wrong = Problem::Bars { least, most: WINDOW_MAX };
    let Value::Number(Number::Constant(number)) = value else { return Err(wrong) };
    // Written out, a whole number has digits alone.
    let bars = number.to_string().parse::<usize>().ok();
    bars.filter(|bars| (least..=WINDOW_MAX).contains(bars)).ok_or(wrong)
}
