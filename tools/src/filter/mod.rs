//! Conditions on rows: `close > 100 and volume >= 1e6`.
//!
//! ```text
//! condition  = and-chain { "or" and-chain }
//! and-chain  = negation { "and" negation }
//! negation   = [ "not" ] comparison
//! comparison = sum [ ("<" | "<=" | ">" | ">=" | "=" | "==" | "!=") sum ]
//! sum        = product { ("+" | "-") product }
//! product    = unary { ("*" | "/") unary }
//! unary      = [ "-" ] atom
//! atom       = number | date | text | column | "abs" "(" sum ")" | "missing" "(" sum ")" | "(" condition ")"
//! ```
//!
//! A column is written by its name, in square brackets when the name is not a plain word:
//! `[adj close]`. `time` compares with dates and instants (`time >= 2012-01-03`), `symbol` with text in
//! quotes (`symbol = "AAPL"`); all other columns are numbers, decimals by their value. A date means the
//! whole day: `time > 2012-01-03` begins with the next one. A comparison with a missing value (`NaN`) is
//! false, `!=` included; `missing(vwap)` asks for it.

mod eval;
mod lex;
mod parse;

use std::fmt;

use barrow_format::{LogicalType, Schema, Values};

use crate::instant::When;

/// A condition checked against one schema.
#[derive(Clone, Debug)]
pub struct Filter {
    condition: Truth,
}

/// Rows of one asset to judge: one slice a column of the schema, all of the same length.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    /// The asset's symbol.
    pub symbol: &'a str,
    /// The rows of each column, in the schema's order.
    pub columns: &'a [Values<'a>],
    /// How many rows.
    pub len: usize,
}

impl Filter {
    /// Reads `text` as a condition on the columns of `schema`.
    ///
    /// # Errors
    ///
    /// [`FilterError`] with the place in `text` where reading stopped, and why.
    pub fn parse(text: &str, schema: &Schema) -> Result<Self, FilterError> {
        let fail = |(at, problem)| FilterError { text: text.to_owned(), at, problem };
        let tokens = lex::tokens(text).map_err(fail)?;
        let condition = parse::condition(&tokens, text.chars().count(), schema).map_err(fail)?;
        Ok(Self { condition })
    }

    /// The places in `rows` where the condition holds, ascending. Costs one pass over the columns that
    /// the condition names.
    pub fn matches(&self, rows: Rows<'_>) -> Vec<usize> {
        let holds = self.condition.eval(rows);
        holds.iter().enumerate().filter(|(_, holds)| **holds).map(|(row, _)| row).collect()
    }
}

/// A condition that cannot be read.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("cannot read the filter `{text}`")]
pub struct FilterError {
    /// The whole condition.
    pub text: String,
    /// Characters before the place where reading stopped.
    pub at: usize,
    /// Why it stopped.
    #[source]
    pub problem: Problem,
}

/// Why a condition cannot be read.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// A character that begins nothing.
    #[error("`{character}` means nothing in a filter")]
    Character {
        /// The character.
        character: char,
    },
    /// Digits that are no number.
    #[error("`{text}` is no number")]
    Number {
        /// What was written.
        text: String,
    },
    /// Text that is compared with `time` and is no date.
    #[error("`{text}` is no date or time")]
    Time {
        /// What was written.
        text: String,
    },
    /// A quote or bracket that is not closed.
    #[error("`{opened}` is never closed")]
    Unclosed {
        /// The opening character.
        opened: char,
    },
    /// A column that the bundle does not have.
    #[error("there is no column `{name}`")]
    UnknownColumn {
        /// The name as written.
        name: String,
        /// The column that was probably meant.
        nearest: Option<String>,
    },
    /// Something else was expected here.
    #[error("expected {expected}, found {found}")]
    Expected {
        /// What could stand here.
        expected: &'static str,
        /// What stands here.
        found: String,
    },
    /// Two kinds of value that do not compare.
    #[error("{left} and {right} cannot be compared")]
    Kinds {
        /// Kind of the left side.
        left: &'static str,
        /// Kind of the right side.
        right: &'static str,
    },
    /// `1 < x < 3`.
    #[error("comparisons do not chain: write `a < b and b < c`")]
    Chained,
    /// More parentheses than any condition needs.
    #[error("more than {limit} levels of parentheses")]
    TooDeep {
        /// The limit.
        limit: usize,
    },
}

/// What is true or false of a row.
#[derive(Clone, Debug)]
enum Truth {
    And(Box<Truth>, Box<Truth>),
    Or(Box<Truth>, Box<Truth>),
    Not(Box<Truth>),
    Numbers { comparison: Comparison, left: Number, right: Number },
    Time { comparison: Comparison, when: When },
    Symbol { comparison: Comparison, text: String },
    Missing(Number),
}

/// What is a number in a row.
#[derive(Clone, Debug)]
enum Number {
    Constant(f64),
    /// A column of the schema; stored integers are divided by `divisor` (decimals).
    Column {
        index: usize,
        divisor: f64,
    },
    Binary {
        operation: Operation,
        left: Box<Number>,
        right: Box<Number>,
    },
    Negate(Box<Number>),
    Absolute(Box<Number>),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Comparison {
    Less,
    LessOrEqual,
    More,
    MoreOrEqual,
    Equal,
    Unequal,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Operation {
    Add,
    Subtract,
    Multiply,
    Divide,
}

impl Comparison {
    /// The comparison that says the same with its sides exchanged.
    fn flipped(self) -> Self {
        match self {
            Self::Less => Self::More,
            Self::LessOrEqual => Self::MoreOrEqual,
            Self::More => Self::Less,
            Self::MoreOrEqual => Self::LessOrEqual,
            same => same,
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::More => ">",
            Self::MoreOrEqual => ">=",
            Self::Equal => "=",
            Self::Unequal => "!=",
        })
    }
}

/// What the stored integers of a column are divided by to give its values.
fn divisor(logical: LogicalType) -> f64 {
    match logical {
        LogicalType::Decimal { scale } => 10f64.powi(i32::from(scale)),
        _ => 1.0,
    }
}

#[cfg(test)]
mod tests;
