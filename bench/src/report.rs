//! Rows and their table.

use std::fmt;

use serde::Serialize;

use crate::stopwatch::Summary;

/// In which unit a row is shown, and whether less of it is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Unit {
    /// Nanoseconds; less is better.
    Nanoseconds,
    /// Microseconds; less is better.
    Microseconds,
    /// Milliseconds; less is better.
    Milliseconds,
    /// Seconds; less is better.
    Seconds,
    /// Gigabytes (10^9) a second; more is better.
    GigabytesPerSecond,
    /// Mebibytes; less is better.
    Mebibytes,
    /// Megabytes (10^6); less is better.
    Megabytes,
    /// A plain number; less is better.
    Ratio,
    /// A count; more is better.
    Count,
}

impl Unit {
    /// Seconds as a number of this unit; other numbers stay.
    pub fn of_seconds(self, seconds: f64) -> f64 {
        match self {
            Self::Nanoseconds => seconds * 1e9,
            Self::Microseconds => seconds * 1e6,
            Self::Milliseconds => seconds * 1e3,
            _ => seconds,
        }
    }

    fn symbol(self) -> &'static str {
        match self {
            Self::Nanoseconds => " ns",
            Self::Microseconds => " us",
            Self::Milliseconds => " ms",
            Self::Seconds => " s",
            Self::GigabytesPerSecond => " GB/s",
            Self::Mebibytes => " MiB",
            Self::Megabytes => " MB",
            Self::Ratio | Self::Count => "",
        }
    }

    fn more_is_better(self) -> bool {
        matches!(self, Self::GigabytesPerSecond | Self::Count)
    }
}

/// One measured line.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// What was measured.
    pub what: String,
    /// The unit of the numbers below.
    pub unit: Unit,
    /// Median and interval.
    pub summary: Summary,
    /// What it has to reach, where there is such a bar.
    pub bar: Option<f64>,
    /// Whether the median reaches the bar.
    pub met: Option<bool>,
    /// How it was measured, where the name does not say it.
    pub note: String,
}

impl Row {
    /// Makes a row from samples in seconds (for units of time) or in the unit itself; `None` without
    /// samples.
    pub fn of(what: &str, unit: Unit, samples: &[f64], bar: Option<f64>) -> Option<Self> {
        let scaled: Vec<f64> = samples.iter().map(|s| unit.of_seconds(*s)).collect();
        let summary = Summary::of(&scaled)?;
        let median = summary.median;
        let reaches = |bar| if unit.more_is_better() { median >= bar } else { median <= bar };
        let met = bar.map(reaches);
        Some(Self { what: what.to_owned(), unit, summary, bar, met, note: String::new() })
    }

    /// Adds a note.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Summary { median, low, high, samples } = self.summary;
        let unit = self.unit.symbol();
        let bar = self.bar.map_or_else(|| "-".to_owned(), |bar| format!("{}{unit}", three(bar)));
        let met = match self.met {
            Some(true) => "yes",
            Some(false) => "NO",
            None => "-",
        };
        let (median, low, high) = (three(median), three(low), three(high));
        let what = &self.what;
        let note = &self.note;
        write!(
            f,
            "| {what} | {median}{unit} | {low} to {high} | {samples} | {bar} | {met} | {note} |"
        )
    }
}

/// A number with three significant digits, or all digits of a larger whole.
fn three(value: f64) -> String {
    match value.abs() {
        a if a >= 100.0 || a == 0.0 => format!("{value:.0}"),
        a if a >= 10.0 => format!("{value:.1}"),
        a if a >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// The table's head, for rows as [`Row`] shows them.
pub const HEAD: &str = "| what | median | 95 % interval | runs | bar | met | note |\n\
                        | --- | --- | --- | --- | --- | --- | --- |";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_held_against_their_bars() {
        let fast = Row::of("open", Unit::Microseconds, &[40e-6; 11], Some(100.0)).unwrap();
        assert_eq!(fast.met, Some(true));
        assert_eq!(fast.to_string(), "| open | 40.0 us | 40.0 to 40.0 | 11 | 100 us | yes |  |");
        let slow = Row::of("verify", Unit::GigabytesPerSecond, &[1.1; 10], Some(1.2)).unwrap();
        assert_eq!(slow.met, Some(false));
    }
}
