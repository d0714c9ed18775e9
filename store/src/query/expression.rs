//! What an expression says, after its names and kinds were checked.

use std::fmt;

use barrow_format::{Column, LogicalType};

use super::when::When;

/// What is true or false of a row.
#[derive(Clone, Debug)]
pub(crate) enum Truth {
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
pub(crate) enum Number {
    Constant(f64),
    /// A column of the scope; stored integers are divided by `divisor` (decimals).
    Column {
        place: usize,
        divisor: f64,
    },
    Binary {
        operation: Operation,
        left: Box<Number>,
        right: Box<Number>,
    },
    Unary {
        function: Unary,
        inner: Box<Number>,
    },
    Choice {
        condition: Box<Truth>,
        then: Box<Number>,
        otherwise: Box<Number>,
    },
    /// A function of the asset's own bars up to this one.
    Window {
        function: Window,
        bars: usize,
        inner: Box<Number>,
    },
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Comparison {
    Less,
    LessOrEqual,
    More,
    MoreOrEqual,
    Equal,
    Unequal,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Operation {
    Add,
    Subtract,
    Multiply,
    Divide,
    /// The smaller one; missing where either is.
    Min,
    /// The larger one; missing where either is.
    Max,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Unary {
    Negate,
    Absolute,
    Root,
    /// Natural logarithm.
    Log,
    Exp,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Window {
    Lag,
    Diff,
    Returns,
    Sum,
    Mean,
    Std,
    Min,
    Max,
}

impl Comparison {
    /// The comparison that says the same with its sides exchanged.
    pub(super) fn flipped(self) -> Self {
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

/// What an expression makes use of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Use {
    /// The column at a place of the scope; `time` is at 0.
    Column(usize),
    /// Bars before the one at hand.
    Window,
}

impl Truth {
    /// Tells what the condition uses.
    pub(super) fn uses(&self, take: &mut dyn FnMut(Use)) {
        match self {
            Self::And(left, right) | Self::Or(left, right) => {
                left.uses(take);
                right.uses(take);
            }
            Self::Not(inner) => inner.uses(take),
            Self::Numbers { left, right, .. } => {
                left.uses(take);
                right.uses(take);
            }
            Self::Time { .. } => take(Use::Column(0)),
            Self::Symbol { .. } => {}
            Self::Missing(number) => number.uses(take),
        }
    }
}

impl Number {
    /// Tells what the number uses.
    pub(super) fn uses(&self, take: &mut dyn FnMut(Use)) {
        match self {
            Self::Constant(_) => {}
            Self::Column { place, .. } => take(Use::Column(*place)),
            Self::Binary { left, right, .. } => {
                left.uses(take);
                right.uses(take);
            }
            Self::Unary { inner, .. } => inner.uses(take),
            Self::Window { inner, .. } => {
                take(Use::Window);
                inner.uses(take);
            }
            Self::Choice { condition, then, otherwise } => {
                condition.uses(take);
                then.uses(take);
                otherwise.uses(take);
            }
        }
    }
}

/// What the stored integers of a column are divided by to give its values.
pub(super) fn divisor(logical: LogicalType) -> f64 {
    match logical {
        LogicalType::Decimal { scale } => 10f64.powi(i32::from(scale)),
        _ => 1.0,
    }
}

/// The columns that an expression can name: those of the bars, `time` first, then those joined on.
#[derive(Clone, Debug)]
pub(crate) struct Scope {
    pub(crate) columns: Vec<Column>,
}

impl Scope {
    pub(super) fn place(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    pub(super) fn nearest(&self, name: &str) -> Option<String> {
        let names = self.columns.iter().map(|column| column.name.as_str());
        crate::nearest(name, names.chain(["symbol"])).map(str::to_owned)
    }
}

/// One column of an answer.
#[derive(Clone, Debug)]
pub(crate) enum Item {
    /// A column as it is stored, of its own type.
    Stored { name: String, place: usize },
    /// A number a row.
    Number { name: String, number: Number },
    /// A condition a row: 1 where it holds, else 0.
    Truth { name: String, truth: Truth },
}

impl Item {
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Stored { name, .. } | Self::Number { name, .. } | Self::Truth { name, .. } => {
                name
            }
        }
    }

    pub(super) fn uses(&self, take: &mut dyn FnMut(Use)) {
        match self {
            Self::Stored { place, .. } => take(Use::Column(*place)),
            Self::Number { number, .. } => number.uses(take),
            Self::Truth { truth, .. } => truth.uses(take),
        }
    }
}
