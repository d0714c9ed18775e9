//! [`Piece`]: rows of an export on their way into a bundle, in the types of its columns.

use std::collections::BTreeMap;

use barrow_format::{BundleWriter, Schema, SeriesWriter, Sink, ValuesBuf};

use super::super::error::IngestError;
use crate::manifest::NanEntry;

/// Rows of a piece, at most.
pub(super) const ROWS: usize = 1 << 16;

/// What is to be read of a file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Wanted {
    /// Symbols alone, to be counted.
    Symbols,
    All,
}

/// Some rows of a file.
#[derive(Debug, Default)]
pub(super) struct Piece {
    /// Neighbouring rows of one asset each.
    pub(super) runs: Vec<(String, usize)>,
    /// One a column of the schema; none where symbols alone are wanted.
    pub(super) columns: Vec<ValuesBuf>,
}

impl Piece {
    pub(super) fn empty(schema: &Schema) -> Self {
        let columns = schema.columns().iter().map(|column| ValuesBuf::new(column.physical));
        Self { runs: Vec::new(), columns: columns.collect() }
    }

    pub(super) fn rows(&self) -> u64 {
        self.runs.iter().map(|(_, rows)| *rows as u64).sum()
    }

    /// Adds a row's symbol.
    pub(super) fn push_symbol(&mut self, symbol: &str) {
        match self.runs.last_mut() {
            Some((last, rows)) if last == symbol => *rows += 1,
            _ => self.runs.push((symbol.to_owned(), 1)),
        }
    }
}

/// Missing values that are not the usual NaN.
#[derive(Debug)]
pub(super) struct Missing<'e> {
    /// By symbol and column.
    entries: BTreeMap<(&'e str, usize), Vec<&'e NanEntry>>,
}

impl<'e> Missing<'e> {
    /// Of the entries, those that name a column of `schema`.
    pub(super) fn of(entries: &'e [NanEntry], schema: &Schema) -> Self {
        let mut found: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for entry in entries {
            if let Some(column) = schema.column_index(&entry.column) {
                found.entry((entry.symbol.as_str(), column)).or_default().push(entry);
            }
        }
        Self { entries: found }
    }

    /// Gives the missing values of a run, which begins at `start` of the piece and at row `first` of its
    /// asset, their bits.
    fn restore(&self, piece: &mut Piece, symbol: &str, start: usize, rows: usize, first: u64) {
        if self.entries.is_empty() {
            return;
        }
        for (at, column) in piece.columns.iter_mut().enumerate() {
            for entry in self.entries.get(&(symbol, at)).into_iter().flatten() {
                let end = entry.row.saturating_add(entry.rows).min(first + rows as u64);
                for row in entry.row.max(first)..end {
                    let within = usize::try_from(row - first).unwrap_or(usize::MAX);
                    set_nan(column, start + within, entry.bits);
                }
            }
        }
    }
}

/// The writing of a file's rows. Those of an asset stand together.
pub(super) struct Writing<'w, 's, S: Sink> {
    writer: &'w BundleWriter<'s, S>,
    places: &'w BTreeMap<String, usize>,
    missing: &'w Missing<'w>,
    columns: usize,
    /// The asset under way: its symbol, its rows so far, and its series.
    current: Option<(String, u64, Vec<SeriesWriter<'w, 's, S>>)>,
}

impl<'w, 's, S: Sink> Writing<'w, 's, S> {
    pub(super) fn new(
        writer: &'w BundleWriter<'s, S>,
        places: &'w BTreeMap<String, usize>,
        missing: &'w Missing<'w>,
        columns: usize,
    ) -> Self {
        Self { writer, places, missing, columns, current: None }
    }

    /// Writes the rows of a piece.
    pub(super) fn take(&mut self, piece: &mut Piece) -> Result<(), IngestError> {
        let runs = std::mem::take(&mut piece.runs);
        let mut start = 0;
        for (symbol, rows) in runs {
            if self.current.as_ref().is_none_or(|current| current.0 != symbol) {
                self.finish()?;
                // A file that changed since it was counted has symbols without a place.
                let place = self.places.get(&symbol).copied().unwrap_or(usize::MAX);
                let series = (0..self.columns).map(|column| self.writer.series(place, column));
                let series = series.collect::<Result<Vec<_>, _>>()?;
                self.current = Some((symbol.clone(), 0, series));
            }
            if let Some((_, done, series)) = &mut self.current {
                self.missing.restore(piece, &symbol, start, rows, *done);
                for (series, column) in series.iter_mut().zip(&piece.columns) {
                    if let Some(values) = column.values().slice(start..start + rows) {
                        series.push(values)?;
                    }
                }
                *done += rows as u64;
            }
            start += rows;
        }
        Ok(())
    }

    /// Ends the asset under way.
    pub(super) fn finish(&mut self) -> Result<(), IngestError> {
        if let Some((_, _, series)) = self.current.take() {
            for series in series {
                series.finish()?;
            }
        }
        Ok(())
    }
}

/// Gives a missing value other bits.
fn set_nan(column: &mut ValuesBuf, row: usize, bits: u64) {
    match column {
        ValuesBuf::F64(values) if values[row].is_nan() => {
            let value = f64::from_bits(bits);
            values[row] = if value.is_nan() { value } else { f64::NAN };
        }
        ValuesBuf::F32(values) if values[row].is_nan() => {
            let value = u32::try_from(bits).map_or(f32::NAN, f32::from_bits);
            values[row] = if value.is_nan() { value } else { f32::NAN };
        }
        _ => {}
    }
}
