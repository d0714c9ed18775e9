//! What lies between two versions: assets, bars, values and adjustments that came, went or changed.

use std::collections::BTreeMap;

use barrow_format::{Adjustment, Asset, ValuesBuf};

use crate::catalog::overlap::{Matched, Side, bytes, is_present, match_rows, narrow};
use crate::error::Result;
use crate::reading::lease::Lease;

/// What lies between two versions, the first and the second.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Difference {
    /// Symbols of assets that only the second has, ascending.
    pub assets_added: Vec<String>,
    /// Symbols of assets that only the first has, ascending.
    pub assets_removed: Vec<String>,
    /// Assets that both have and whose bars differ, by symbol.
    pub assets_changed: Vec<AssetDifference>,
    /// Bars that only the second has, those of new assets included.
    pub rows_added: u64,
    /// Bars that only the first has.
    pub rows_removed: u64,
    /// Bars that both have, with another value in some column.
    pub rows_changed: u64,
    /// Every column of either, in the order of the second and then of the first.
    pub columns: Vec<ColumnDifference>,
    /// Adjustments, by asset, time and kind, that only the second has.
    pub adjustments_added: u64,
    /// Adjustments that only the first has.
    pub adjustments_removed: u64,
    /// Adjustments that both have, with another value.
    pub adjustments_changed: u64,
    /// Whether frequency, time zone, timestamp convention, calendar or type of a column differ.
    pub meaning_changed: bool,
}

/// What lies between two versions of an asset's bars.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssetDifference {
    /// The symbol.
    pub symbol: String,
    /// Bars that only the second version has.
    pub rows_added: u64,
    /// Bars that only the first version has.
    pub rows_removed: u64,
    /// Bars that both have, with another value in some column.
    pub rows_changed: u64,
    /// Timestamp of the first bar that differs.
    pub first_time: i64,
    /// Timestamp of the last bar that differs.
    pub last_time: i64,
}

/// What lies between two versions of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnDifference {
    /// The name.
    pub name: String,
    /// Whether the first version has it.
    pub in_first: bool,
    /// Whether the second version has it.
    pub in_second: bool,
    /// Values, missing ones left out, in bars that only the second version has, or of a column that only it has.
    pub values_added: u64,
    /// Values in bars that only the first version has, or of a column that only it has.
    pub values_removed: u64,
    /// Values of bars that both have which differ, bit by bit; one that came or went missing counts.
    pub values_changed: u64,
}

impl Difference {
    /// Tells whether the content is the same.
    pub fn is_empty(&self) -> bool {
        let columns = self.columns.iter().all(|column| column.in_first && column.in_second);
        let same = Self { columns: Vec::new(), ..self.clone() };
        columns && same == Self::default()
    }

    /// Compares two versions. Series with equal digests are not read, nor are bars that both take from the same place in
    /// the same file: so it costs in proportion to what differs, and some microseconds an asset.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`](crate::Error::Corrupt), [`Error::Io`](crate::Error::Io) or
    /// [`Error::Mismatch`](crate::Error::Mismatch) when what differs cannot be read.
    pub fn between(first: &Lease, second: &Lease) -> Result<Self> {
        let mut comparison = Comparison::of(first, second);
        if first.version() == second.version() {
            return Ok(comparison.found);
        }
        let mut a = first.assets().peekable();
        let mut b = second.assets().peekable();
        loop {
            let left = a.peek().cloned().transpose()?;
            let right = b.peek().cloned().transpose()?;
            let symbols =
                (left.map(|asset| first.symbol(asset)), right.map(|asset| second.symbol(asset)));
            let (takes_left, takes_right) = match symbols {
                (None, None) => break,
                (Some(left), Some(right)) => (left <= right, right <= left),
                (left, right) => (left.is_some(), right.is_some()),
            };
            let (left, right) = (left.filter(|_| takes_left), right.filter(|_| takes_right));
            comparison.compare(left, right)?;
            if takes_left {
                a.next();
            }
            if takes_right {
                b.next();
            }
        }
        comparison.compare_adjustments()?;
        Ok(comparison.found)
    }
}

/// A comparison under way.
struct Comparison<'l> {
    first: &'l Lease,
    second: &'l Lease,
    /// Places of each column of [`Difference::columns`] in both schemas.
    places: Vec<(Option<usize>, Option<usize>)>,
    found: Difference,
}

impl<'l> Comparison<'l> {
    fn of(first: &'l Lease, second: &'l Lease) -> Self {
        let (a, b) = (first.schema(), second.schema());
        let mut found = Difference {
            meaning_changed: (a.frequency(), a.time_zone(), a.stamp(), a.calendar_name())
                != (b.frequency(), b.time_zone(), b.stamp(), b.calendar_name()),
            ..Difference::default()
        };
        let gone = a.columns().iter().filter(|column| b.column_index(&column.name).is_none());
        let mut places = Vec::new();
        for column in b.columns().iter().chain(gone) {
            let (left, right) = (a.column_index(&column.name), b.column_index(&column.name));
            if let (Some(left), Some(right)) = (left, right) {
                found.meaning_changed |= a.columns()[left] != b.columns()[right];
            }
            places.push((left, right));
            found.columns.push(ColumnDifference {
                name: column.name.clone(),
                in_first: left.is_some(),
                in_second: right.is_some(),
                values_added: 0,
                values_removed: 0,
                values_changed: 0,
            });
        }
        Self { first, second, places, found }
    }

    fn compare(&mut self, left: Option<Asset>, right: Option<Asset>) -> Result<()> {
        let side = |lease: &'l Lease, asset: Asset| Side { lease, asset, rows: 0..asset.rows() };
        let (left, right) = (
            left.map(|asset| side(self.first, asset)),
            right.map(|asset| side(self.second, asset)),
        );
        match (left, right) {
            (Some(left), Some(right)) => self.compare_both(left, right),
            (Some(left), None) => {
                self.found.assets_removed.push(left.lease.symbol(left.asset).to_owned());
                self.found.rows_removed += count(left.asset.rows());
                for ((place, _), column) in self.places.iter().zip(&mut self.found.columns) {
                    column.values_removed += present(&left, *place)?;
                }
                Ok(())
            }
            (None, Some(right)) => {
                self.found.assets_added.push(right.lease.symbol(right.asset).to_owned());
                self.found.rows_added += count(right.asset.rows());
                for ((_, place), column) in self.places.iter().zip(&mut self.found.columns) {
                    column.values_added += present(&right, *place)?;
                }
                Ok(())
            }
            (None, None) => Ok(()),
        }
    }

    fn compare_both(&mut self, mut left: Side<'l>, mut right: Side<'l>) -> Result<()> {
        let mut differ = Vec::new();
        for (column, places) in self.places.iter().enumerate() {
            let same = match *places {
                (Some(a), Some(b)) => left.digest(a)? == right.digest(b)?,
                (Some(a), None) => present_of(left.lease, a, left.asset)? == 0,
                (None, Some(b)) => present_of(right.lease, b, right.asset)? == 0,
                (None, None) => true,
            };
            if !same {
                differ.push(column);
            }
        }
        if differ.is_empty() {
            return Ok(());
        }
        // A column that only one of them has is read as a whole.
        let both = |column: &usize| matches!(self.places[*column], (Some(_), Some(_)));
        if differ.iter().all(both) {
            narrow(&mut left, &mut right)?;
        }
        let (a, b) = (left.read(0)?, right.read(0)?);
        let times =
            [a.values(), b.values()].map(|times| times.as_i64().unwrap_or_default().to_vec());
        let matched = match_rows(&times[0], &times[1]);
        let mut changed = vec![false; matched.both.len()];
        for column in differ {
            let (a, b) = self.places[column];
            let counts = &mut self.found.columns[column];
            let a = a.map(|place| left.read(place)).transpose()?;
            let b = b.map(|place| right.read(place)).transpose()?;
            let (a, b) = (a.as_ref().map(ValuesBuf::values), b.as_ref().map(ValuesBuf::values));
            counts.values_removed +=
                count(matched.first.iter().filter(|&&row| is_present(a, row)).count());
            counts.values_added +=
                count(matched.second.iter().filter(|&&row| is_present(b, row)).count());
            for ((row_a, row_b), changed) in matched.both.iter().zip(&mut changed) {
                match (a, b) {
                    (Some(a), Some(b)) if bytes(a, *row_a) != bytes(b, *row_b) => {
                        counts.values_changed += 1;
                        *changed = true;
                    }
                    (Some(_), None) => counts.values_removed += u64::from(is_present(a, *row_a)),
                    (None, Some(_)) => counts.values_added += u64::from(is_present(b, *row_b)),
                    _ => {}
                }
            }
        }
        self.note(&right, &times, &matched, &changed);
        Ok(())
    }

    fn note(
        &mut self,
        side: &Side<'_>,
        times: &[Vec<i64>; 2],
        matched: &Matched,
        changed: &[bool],
    ) {
        let touched = matched.first.iter().map(|&row| times[0][row]);
        let touched = touched.chain(matched.second.iter().map(|&row| times[1][row]));
        let rows = matched.both.iter().zip(changed).filter(|(_, changed)| **changed);
        let touched = touched.chain(rows.map(|((row, _), _)| times[0][*row]));
        let (Some(first_time), Some(last_time)) = (touched.clone().min(), touched.max()) else {
            return;
        };
        let difference = AssetDifference {
            symbol: side.lease.symbol(side.asset).to_owned(),
            rows_added: count(matched.second.len()),
            rows_removed: count(matched.first.len()),
            rows_changed: count(changed.iter().filter(|changed| **changed).count()),
            first_time,
            last_time,
        };
        self.found.rows_added += difference.rows_added;
        self.found.rows_removed += difference.rows_removed;
        self.found.rows_changed += difference.rows_changed;
        self.found.assets_changed.push(difference);
    }

    fn compare_adjustments(&mut self) -> Result<()> {
        let of = |lease: &'l Lease| -> Result<BTreeMap<_, u64>> {
            let key = |it: &Adjustment| {
                let symbol = lease.asset_at(it.asset).map(|asset| lease.symbol(asset))?;
                Ok(((symbol, it.time, it.kind), it.value.to_bits()))
            };
            lease.adjustments()?.iter().map(key).collect()
        };
        let (a, b) = (of(self.first)?, of(self.second)?);
        let missing = |from: &BTreeMap<_, u64>, other: &BTreeMap<_, u64>| {
            count(from.keys().filter(|key| !other.contains_key(*key)).count())
        };
        self.found.adjustments_removed = missing(&a, &b);
        self.found.adjustments_added = missing(&b, &a);
        let changed = a.iter().filter(|(key, value)| b.get(*key).is_some_and(|it| it != *value));
        self.found.adjustments_changed = count(changed.count());
        Ok(())
    }
}

/// Counts the values of a column of an asset that are not missing, without reading them.
fn present(side: &Side<'_>, column: Option<usize>) -> Result<u64> {
    column.map_or(Ok(0), |column| present_of(side.lease, column, side.asset))
}

fn present_of(lease: &Lease, column: usize, asset: Asset) -> Result<u64> {
    let snapshot = lease.snapshot();
    let stats = snapshot.bundle().series_stats(column, asset);
    let stats = stats.map_err(|error| snapshot.corrupt(error))?;
    Ok(count(asset.rows()).saturating_sub(stats.null_count))
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
