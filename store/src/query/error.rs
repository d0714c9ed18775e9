//! What can be wrong with an expression.

use std::fmt;

/// Which text of a query an expression stands in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Part {
    /// The condition that rows must meet.
    Filter,
    /// The list of columns to answer with.
    Select,
    /// The list of aggregates.
    Aggregates,
    /// What the rows of a top list are ranked by.
    Rank,
    /// What fills a panel.
    Panel,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Filter => "filter",
            Self::Select => "selected columns",
            Self::Aggregates => "aggregates",
            Self::Rank => "ranking",
            Self::Panel => "panel",
        })
    }
}

/// Why an expression cannot be read.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// A character that begins nothing.
    #[error("`{character}` means nothing in an expression")]
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
    /// A function that does not exist.
    #[error("there is no function `{name}`")]
    UnknownFunction {
        /// The name as written.
        name: String,
        /// The function that was probably meant.
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
    /// More parentheses than any expression needs.
    #[error("more than {limit} levels of parentheses")]
    TooDeep {
        /// The limit.
        limit: usize,
    },
    /// More words and signs than any expression needs.
    #[error("more than {limit} words and signs")]
    TooLong {
        /// The limit.
        limit: usize,
    },
    /// A function with too few or too many arguments.
    #[error("`{function}` takes {expected}, found {found}")]
    Arguments {
        /// The function.
        function: &'static str,
        /// What it takes.
        expected: &'static str,
        /// How many arguments there are.
        found: usize,
    },
    /// A number of bars that is not a whole number within bounds.
    #[error("a number of bars is a whole number from {least} to {most}")]
    Bars {
        /// The fewest that the function takes.
        least: usize,
        /// The most.
        most: usize,
    },
}
