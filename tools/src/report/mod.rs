//! One page a result: a self-contained HTML file with charts, tables and where the numbers come from.
//!
//! The page needs no network and no other file: styles, drawings and the script for cursors are
//! inline. It follows the reader's light or dark setting, fits a telephone, and prints. [`Report`] is a
//! plain description; [`Report::render`] turns it into text, the same text for the same description.

mod chart;
mod curve;
mod drawing;
mod exposure;
mod from_paths;
mod from_permutations;
mod from_run;
mod from_search;
mod from_sweep;
mod from_walk;
mod heat;
mod html;
mod in_full;
mod page;
mod run_section;
mod scale;
mod study_section;
mod sweep_section;
mod tables;
mod trades;

use std::fmt;

use barrow_engine::{LIBRARY_VERSION, Objective};
use barrow_store::Version;

use crate::commands::resampling::Resampled;
use crate::permutation::PermutationTest;
pub use drawing::{Dot, Drawing, Stroke};
pub use in_full::Rerun;
pub use trades::{Trade, round_trips};

/// A timestamp (nanoseconds since the epoch, UTC) and a value.
pub type Point = (i64, f64);

/// A page.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Heading of the page.
    pub title: String,
    /// The line below it.
    pub subtitle: String,
    /// Short facts set as labels below the heading: parameters, costs.
    pub labels: Vec<Fact>,
    /// The body, in order.
    pub sections: Vec<Section>,
    /// Where the numbers come from: bundle, version, parameters, library version.
    pub footer: Vec<Fact>,
}

/// A name and what it is, both as they shall read.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Fact {
    /// What it is called.
    pub name: String,
    /// What it is.
    pub value: String,
}

impl Fact {
    /// Makes a fact.
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), value: value.into() }
    }
}

/// A headline number.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Tile {
    /// What it is called.
    pub name: String,
    /// The number as it shall read.
    pub value: String,
    /// Words below it; may be empty.
    pub note: String,
    /// Whether the sign is good news, bad news, or neither.
    pub mood: Mood,
}

/// How a number is to be taken.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Mood {
    /// Neither good nor bad.
    #[default]
    Plain,
    /// Good news.
    Good,
    /// Bad news.
    Bad,
}

/// A part of the body.
#[derive(Clone, Debug)]
pub enum Section {
    /// A backtest.
    Run(Box<RunSection>),
    /// A sweep.
    Sweep(Box<SweepSection>),
    /// A search, a walk-forward, or what statistics say of one.
    Study(Box<StudySection>),
}

/// Headline numbers, a curve, drawings and tables.
#[derive(Clone, Debug, Default)]
pub struct StudySection {
    /// Heading.
    pub heading: String,
    /// The line below it; may be empty.
    pub note: String,
    /// Headline numbers.
    pub tiles: Vec<Tile>,
    /// Equity, oldest first, in quote currency; may be empty.
    pub equity: Vec<Point>,
    /// Drawings.
    pub drawings: Vec<Drawing>,
    /// Tables.
    pub tables: Vec<Table>,
}

/// What the page shows of a backtest.
#[derive(Clone, Debug, Default)]
pub struct RunSection {
    /// Heading.
    pub heading: String,
    /// The line below it; may be empty.
    pub note: String,
    /// Headline numbers.
    pub tiles: Vec<Tile>,
    /// Equity before the first bar, in quote currency.
    pub cash: f64,
    /// Equity at the close of each bar, oldest first, in quote currency.
    pub equity: Vec<Point>,
    /// Worth of long positions as a share of equity, at the same times.
    pub long: Vec<Point>,
    /// Worth of short positions as a share of equity, zero or negative, at the same times.
    pub short: Vec<Point>,
    /// All metrics.
    pub metrics: Vec<Fact>,
    /// One row an asset.
    pub assets: Table,
    /// Best and worst round trips.
    pub trades: Table,
    /// The last fills.
    pub fills: Table,
}

/// What the page shows of a sweep.
#[derive(Clone, Debug, Default)]
pub struct SweepSection {
    /// Heading.
    pub heading: String,
    /// The line below it; may be empty.
    pub note: String,
    /// Headline numbers.
    pub tiles: Vec<Tile>,
    /// What is searched for, as it shall read.
    pub objective: String,
    /// Whether the objective is a share of one, shown as a percentage.
    pub objective_is_share: bool,
    /// Whether smaller values of the objective are better.
    pub smaller_is_better: bool,
    /// The parameters that vary, with their values in order.
    pub axes: Vec<Axis>,
    /// All trials.
    pub trials: Vec<TrialPoint>,
    /// The best trials.
    pub best: Table,
}

/// A parameter that varies.
#[derive(Clone, Debug, Default)]
pub struct Axis {
    /// Name of the parameter.
    pub name: String,
    /// Its values as they shall read, in order.
    pub values: Vec<String>,
}

/// One trial: where it lies on each axis, and what it is worth.
#[derive(Clone, Debug, Default)]
pub struct TrialPoint {
    /// Places on the axes.
    pub places: Vec<usize>,
    /// The objective; `NaN` where it is not defined.
    pub objective: f64,
}

/// A table of text.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// Heading.
    pub heading: String,
    /// The line below it; may be empty.
    pub note: String,
    /// Heads of the columns; numbers are set right, text left.
    pub columns: Vec<Head>,
    /// The cells as they shall read. A cell that begins with `-` is shown as a loss where its column asks.
    pub rows: Vec<Vec<String>>,
}

/// Head of a column.
#[derive(Clone, Debug, Default)]
pub struct Head {
    /// What it is called.
    pub name: String,
    /// How its cells are set.
    pub kind: CellKind,
}

/// How cells are set.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum CellKind {
    /// Text, set left.
    #[default]
    Text,
    /// A number, set right.
    Number,
    /// A gain or a loss: a number with the colour of its sign.
    Gain,
}

impl Head {
    /// Makes a head.
    pub fn new(name: impl Into<String>, kind: CellKind) -> Self {
        Self { name: name.into(), kind }
    }
}

impl Report {
    /// Adds what permuted markets say, if they were asked, behind the first section.
    #[must_use]
    pub fn with_permutations(mut self, test: Option<&PermutationTest>) -> Self {
        if let Some(test) = test {
            let section = Section::Study(Box::new(StudySection::of_permutations(test)));
            self.sections.insert(self.sections.len().min(1), section);
        }
        self
    }

    /// Adds what was drawn again, if anything was, behind the first section.
    #[must_use]
    pub(crate) fn with_resampled(mut self, drawn: &Resampled) -> Self {
        if let Some(section) = StudySection::of_resampled(drawn) {
            let section = Section::Study(Box::new(section));
            self.sections.insert(self.sections.len().min(1), section);
        }
        self
    }

    /// The page.
    pub fn render(&self) -> String {
        let mut page = String::with_capacity(256 * 1024);
        // Writing to a `String` does not fail.
        let written: fmt::Result = page::write_page(&mut page, self);
        debug_assert!(written.is_ok(), "text is always writable");
        page
    }
}

/// The footer of what a search chose and other bars judged: bundle and version, strategy and objective, search and seed.
fn searched(
    (bundle, version): (&str, Version),
    (strategy, objective): (&str, Objective),
    (method, seed): (&str, u64),
) -> Vec<Fact> {
    vec![
        Fact::new("Bundle", bundle),
        Fact::new("Version", version.to_string()),
        Fact::new("Strategy", strategy),
        Fact::new("Objective", objective.to_string()),
        Fact::new("Search", format!("{method}, seed {seed}")),
        Fact::new("Made by", format!("barrow {LIBRARY_VERSION}")),
    ]
}

#[cfg(test)]
mod run_tests;
#[cfg(test)]
mod tests;
