//! Checks of whole rows: signs of prices and volumes, and open, high, low and close among each other.
//!
//! Columns are scanned first, without branches; rows are looked at one by one only where a scan finds
//! something.

use barrow_format::{Column, LogicalType};

use super::columns::{Cells, Chunk};
use super::layout::STANDARD;
use super::problem::Problem;

/// What is checked of a bundle's rows.
#[derive(Clone, Debug)]
pub(crate) struct Checks {
    /// Prices and volumes: field, whether it must be there.
    prices: Vec<(usize, bool)>,
    volumes: Vec<(usize, bool)>,
    bars: Vec<Bar>,
    nonpositive: bool,
}

/// Places of the four prices of a bar, of trades or of one side of a quote.
#[derive(Clone, Copy, Debug)]
struct Bar {
    open: Option<usize>,
    high: Option<usize>,
    low: Option<usize>,
    close: Option<usize>,
}

/// A row that fails, the field at fault, and why.
pub(crate) type Failure = (usize, usize, Problem);

impl Checks {
    /// The checks for rows of `fields`; `nonpositive` allows prices of zero and below.
    pub(crate) fn new(fields: &[Column], nonpositive: bool) -> Self {
        let of = |logical: LogicalType| {
            let fields =
                fields.iter().enumerate().filter(move |(_, field)| field.logical == logical);
            fields.map(|(at, field)| (at, STANDARD.contains(&field.name.as_str()))).collect()
        };
        let place = |name: String| fields.iter().position(|field| field.name == name);
        let bars = ["", "bid_", "ask_", "adj_"].iter().map(|side| Bar {
            open: place(format!("{side}open")),
            high: place(format!("{side}high")),
            low: place(format!("{side}low")),
            close: place(format!("{side}close")),
        });
        let bars = bars.filter(|bar| bar.high.is_some() || bar.low.is_some()).collect();
        Self { prices: of(LogicalType::Price), volumes: of(LogicalType::Volume), bars, nonpositive }
    }

    /// The rows that fail, ascending, each with its first failure.
    pub(crate) fn failures(&self, chunk: &Chunk) -> Vec<Failure> {
        if self.all_pass(chunk) {
            return Vec::new();
        }
        (0..chunk.rows())
            .filter_map(|row| {
                self.failure(chunk, row).map(|(field, problem)| (row, field, problem))
            })
            .collect()
    }

    /// Whether every row passes: the scans.
    fn all_pass(&self, chunk: &Chunk) -> bool {
        let column = |at: usize| floats(chunk, at);
        let prices = self.prices.iter().all(|&(at, needed)| {
            let least = if self.nonpositive { f64::NEG_INFINITY } else { 0.0 };
            all_between(column(at), least, needed)
        });
        // A volume of zero is usual: the least value below it that is not.
        let volumes = self
            .volumes
            .iter()
            .all(|&(at, needed)| all_between(column(at), -f64::MIN_POSITIVE, needed));
        prices && volumes && self.bars.iter().all(|bar| bar_passes(chunk, bar))
    }

    /// The first failure of a row: field and problem.
    fn failure(&self, chunk: &Chunk, row: usize) -> Option<(usize, Problem)> {
        let value = |at: usize| floats(chunk, at).get(row).copied().unwrap_or(f64::NAN);
        for &(at, needed) in &self.prices {
            let price = value(at);
            let problem = if price.is_nan() {
                needed.then_some(Problem::Missing)
            } else if price.is_infinite() {
                Some(Problem::NotFinite)
            } else if self.nonpositive || price > 0.0 {
                None
            } else if price == 0.0 {
                Some(Problem::ZeroPrice)
            } else {
                Some(Problem::NegativePrice)
            };
            if let Some(problem) = problem {
                return Some((at, problem));
            }
        }
        for &(at, needed) in &self.volumes {
            let volume = value(at);
            let problem = if volume.is_nan() {
                needed.then_some(Problem::Missing)
            } else if volume.is_infinite() {
                Some(Problem::NotFinite)
            } else {
                (volume < 0.0).then_some(Problem::NegativeVolume)
            };
            if let Some(problem) = problem {
                return Some((at, problem));
            }
        }
        self.bars.iter().find_map(|bar| bar_failure(bar, &value))
    }
}

/// The values of a field; none for integers, which are no prices.
fn floats(chunk: &Chunk, at: usize) -> &[f64] {
    match chunk.cells.get(at) {
        Some(Cells::F64(values)) => values,
        _ => &[],
    }
}

/// Whether all values are above `least` and finite; those that are missing pass unless `needed`.
fn all_between(values: &[f64], least: f64, needed: bool) -> bool {
    let (mut pass, optional) = (1u8, u8::from(!needed));
    for &value in values {
        // Bitwise, so that the loop has no branches.
        let (above, finite) = (u8::from(value > least), u8::from(value < f64::INFINITY));
        pass &= (above & finite) | (optional & u8::from(value.is_nan()));
    }
    pass == 1
}

fn bar_passes(chunk: &Chunk, bar: &Bar) -> bool {
    let column = |at: Option<usize>| at.map(|at| floats(chunk, at));
    let (high, low) = (column(bar.high), column(bar.low));
    let inside = |values: Option<&[f64]>| {
        values.is_none_or(|values| {
            high.is_none_or(|high| none_above(values, high))
                && low.is_none_or(|low| none_above(low, values))
        })
    };
    let ordered = match (low, high) {
        (Some(low), Some(high)) => none_above(low, high),
        _ => true,
    };
    ordered && inside(column(bar.open)) && inside(column(bar.close))
}

/// Whether no value of `lower` is above its partner in `upper`; missing ones pass.
fn none_above(lower: &[f64], upper: &[f64]) -> bool {
    let mut above = false;
    for (lower, upper) in lower.iter().zip(upper) {
        above |= lower > upper;
    }
    !above
}

fn bar_failure(bar: &Bar, value: &impl Fn(usize) -> f64) -> Option<(usize, Problem)> {
    let (low, high) = (bar.low.map_or(f64::NAN, value), bar.high.map_or(f64::NAN, value));
    if let Some(at) = bar.high
        && low > high
    {
        return Some((at, Problem::HighBelowLow { low }));
    }
    let outside = |at: Option<usize>| at.filter(|at| value(*at) > high || value(*at) < low);
    if let Some(at) = outside(bar.open) {
        return Some((at, Problem::OpenOutside { low, high }));
    }
    outside(bar.close).map(|at| (at, Problem::CloseOutside { low, high }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::layout::field;
    use super::*;

    fn checks(nonpositive: bool) -> Checks {
        let names = ["open", "high", "low", "close", "volume", "vwap"];
        let fields: Vec<Column> = names.iter().map(|name| field(name)).collect();
        Checks::new(&fields, nonpositive)
    }

    fn chunk(rows: &[[f64; 6]]) -> Chunk {
        let mut chunk = Chunk::with_capacity(6, rows.len());
        chunk.times = vec![0; rows.len()];
        chunk.cells =
            (0..6).map(|at| Cells::F64(rows.iter().map(|row| row[at]).collect())).collect();
        chunk
    }

    #[test]
    fn every_rule_has_its_failure() {
        let good = [10.0, 12.0, 9.0, 11.0, 0.0, f64::NAN];
        let with = |at: usize, value: f64| {
            let mut row = good;
            row[at] = value;
            row
        };
        let cases: &[(usize, f64, Problem)] = &[
            (0, f64::NAN, Problem::Missing),
            (3, f64::INFINITY, Problem::NotFinite),
            (0, -1.0, Problem::NegativePrice),
            (2, 0.0, Problem::ZeroPrice),
            (4, -1.0, Problem::NegativeVolume),
            (4, f64::NAN, Problem::Missing),
            (1, 8.0, Problem::HighBelowLow { low: 9.0 }),
            (0, 12.5, Problem::OpenOutside { low: 9.0, high: 12.0 }),
            (3, 8.5, Problem::CloseOutside { low: 9.0, high: 12.0 }),
            (5, -3.0, Problem::NegativePrice),
        ];
        for (at, value, problem) in cases {
            let chunk = chunk(&[good, with(*at, *value), good]);
            assert_eq!(checks(false).failures(&chunk), [(1, *at, problem.clone())]);
        }
        assert_eq!(checks(false).failures(&chunk(&[good])), []);
        let negative = chunk(&[[-38.0, -37.0, -40.0, -37.6, 1.0, 0.0]]);
        assert_eq!(checks(true).failures(&negative), []);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn the_scan_passes_exactly_what_the_rules_pass(
            rows in proptest::collection::vec(
                proptest::array::uniform6(prop_oneof![
                    9 => 1.0..20.0f64, 1 => Just(0.0), 1 => Just(f64::NAN), 1 => -3.0..0.0f64, 1 => Just(f64::INFINITY)
                ]), 1..6),
            nonpositive: bool,
        ) {
            let (checks, chunk) = (checks(nonpositive), chunk(&rows));
            let by_rule = (0..rows.len()).all(|row| checks.failure(&chunk, row).is_none());
            prop_assert_eq!(checks.all_pass(&chunk), by_rule);
        }
    }
}
