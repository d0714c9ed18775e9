//! Batches: the bars that a revision brings in, asset by asset, and how they are woven into those that are there.

use std::ops::Range;

use barrow_format::{Asset, Column, Values, ValuesBuf};
use smallvec::SmallVec;

use crate::error::{Error, Result};
use crate::instant::Instant;
use crate::reading::segments::Files;
use crate::writing::revision_problem::RevisionProblem as Problem;

/// Bars of one asset to bring in.
#[derive(Debug, Clone, Copy)]
pub struct AssetBars<'a> {
    /// The asset's symbol; the bundle need not have it yet.
    pub symbol: &'a str,
    /// What is known of the asset, by convention a JSON object; empty leaves what the bundle has.
    pub metadata: &'a str,
    /// Columns by name, each of as many values as there are bars, oldest first; `time` must be among them. A column of
    /// floats that is left out is missing in new bars, and stays what it is in bars that are replaced.
    pub columns: &'a [(&'a str, Values<'a>)],
}

/// A stretch of an asset's rows in the version to come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Rows of the asset in the version before, counted from its first.
    Old(Range<usize>),
    /// Rows of the revision's buffers.
    New(Range<usize>),
}

/// Stretches of rows: of most batches two, what was there and what is new.
pub(crate) type Pieces = SmallVec<[Piece; 2]>;

/// What a batch does to its asset.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) metadata: String,
    /// All rows of the asset, in order.
    pub(crate) pieces: Pieces,
    pub(crate) rows_added: u64,
    pub(crate) rows_changed: u64,
    /// The timestamps of the bars that go, ascending.
    pub(crate) removed: Vec<i64>,
    /// For each column of the version before, whether its series stays what it is; of columns behind the last one here, none
    /// does.
    pub(crate) same: Vec<bool>,
}

impl Batch {
    /// A batch of no rows, for an asset that has so many columns.
    fn unchanged(columns: usize) -> Self {
        Self {
            metadata: String::new(),
            pieces: Pieces::new(),
            rows_added: 0,
            rows_changed: 0,
            removed: Vec::new(),
            same: vec![true; columns],
        }
    }

    /// Removes an asset's bars at some times, ascending; where there is none, nothing goes.
    pub(crate) fn removing(files: Files<'_>, asset: Asset, times: &[i64]) -> Result<Self> {
        let before = files.gather(0, asset, 0..asset.rows())?;
        let known = before.values().as_i64().unwrap_or_default();
        let mut batch = Self::unchanged(files.head.schema().columns().len());
        let mut next = 0;
        for time in times {
            let place = next + known[next..].partition_point(|other| other < time);
            push_old(&mut batch.pieces, next..place);
            next = place;
            if known.get(place) == Some(time) {
                batch.removed.push(*time);
                next += 1;
            }
        }
        push_old(&mut batch.pieces, next..known.len());
        if !batch.removed.is_empty() {
            batch.same.clear();
        }
        Ok(batch)
    }

    /// Tells whether bars come, change or go.
    pub(crate) fn changes_rows(&self) -> bool {
        self.rows_added + self.rows_changed > 0 || !self.removed.is_empty()
    }

    /// Returns the new rows, if all they do is to follow the old ones.
    pub(crate) fn appended(&self) -> Option<Range<usize>> {
        match self.pieces.as_slice() {
            [Piece::Old(_), Piece::New(rows)] if self.rows_changed == 0 => Some(rows.clone()),
            _ => None,
        }
    }
}

/// An asset's batch, its values copied behind those of the batches before, and the asset as it was.
#[derive(Debug)]
pub(crate) struct Weaving<'a> {
    pub(crate) files: Files<'a>,
    pub(crate) bundle: &'a str,
    pub(crate) symbol: &'a str,
    pub(crate) columns: &'a [Column],
    /// For each column, its values, if the batch has it.
    pub(crate) given: &'a [Option<Values<'a>>],
    /// The rows of the batch in the buffers.
    pub(crate) rows: Range<usize>,
}

impl Weaving<'_> {
    /// Appends: bars up to the asset's last one must be there, with the same values.
    pub(crate) fn append(&self, old: Option<Asset>, fresh: &mut [ValuesBuf]) -> Result<Batch> {
        let mut first = self.rows.start;
        if let Some((asset, last)) = old.and_then(|asset| Some((asset, asset.last_time()?))) {
            let times = self.times(fresh);
            let known = times.partition_point(|&time| time <= last);
            if known > 0 {
                let known_times = times[..known].to_vec();
                self.check_known(asset, &known_times, fresh)?;
            }
            first += known;
        }
        let grows = first < self.rows.end;
        let mut batch = self.batch(old.is_some() && !grows);
        let old_rows = old.map_or(0, Asset::rows);
        batch.pieces.extend((old_rows > 0).then_some(Piece::Old(0..old_rows)));
        if grows {
            self.check_missing()?;
            batch.pieces.push(Piece::New(first..self.rows.end));
        }
        batch.rows_added = u64::try_from(self.rows.end - first).unwrap_or(u64::MAX);
        Ok(batch)
    }

    /// Corrects: bars that are there are replaced, others are put between them.
    pub(crate) fn correct(&self, old: Option<Asset>, fresh: &mut [ValuesBuf]) -> Result<Batch> {
        let Some(asset) = old.filter(|asset| asset.rows() > 0) else {
            return self.append(old, fresh);
        };
        let mut before = self.gather(asset, 0..asset.rows())?;
        let times = self.times(fresh).to_vec();
        let mut batch = self.batch(true);
        let mut next = 0;
        for (row, time) in (self.rows.start..).zip(times) {
            let known = before[0].values().as_i64().unwrap_or_default();
            let place = next + known[next..].partition_point(|&other| other < time);
            push_old(&mut batch.pieces, next..place);
            next = place;
            if known.get(place) != Some(&time) {
                self.check_missing()?;
                push_new(&mut batch.pieces, row);
                batch.rows_added += 1;
                continue;
            }
            next += 1;
            if self.replace(&mut before, place, row, fresh, &mut batch.same) {
                push_new(&mut batch.pieces, row);
                batch.rows_changed += 1;
            } else {
                push_old(&mut batch.pieces, place..next);
            }
        }
        push_old(&mut batch.pieces, next..asset.rows());
        if batch.rows_added > 0 {
            batch.same.clear();
        }
        Ok(batch)
    }

    /// Compares a bar with the one that it replaces, and fills in the columns that the batch does not have; tells whether
    /// any value changes.
    fn replace(
        &self,
        before: &mut [ValuesBuf],
        place: usize,
        row: usize,
        fresh: &mut [ValuesBuf],
        same: &mut [bool],
    ) -> bool {
        let mut changes = false;
        for (index, (fresh, before)) in fresh.iter_mut().zip(before).enumerate() {
            let Some(value) = before.values().slice(place..place + 1) else { continue };
            if self.given[index].is_none() {
                fresh.set(row, value);
            } else if !equal(fresh.values(), row, value, 0) {
                changes = true;
                if let Some(same) = same.get_mut(index) {
                    *same = false;
                }
            }
        }
        changes
    }

    /// Checks that bars to append that are not behind the last one are there, with the same values.
    fn check_known(&self, asset: Asset, times: &[i64], fresh: &[ValuesBuf]) -> Result<()> {
        let start = self.row_before(asset, times)?;
        let before = self.gather(asset, start..asset.rows())?;
        let known = before[0].values().as_i64().unwrap_or_default();
        for (row, time) in (self.rows.start..).zip(times) {
            let Ok(place) = known.binary_search(time) else {
                let last = known.last().copied().unwrap_or_default();
                let (symbol, time, last) = (self.symbol.to_owned(), Instant(*time), Instant(last));
                return Err(self.problem(Problem::BarBetween { symbol, time, last }));
            };
            let columns = self.columns.iter().enumerate();
            for (index, column) in columns.filter(|(index, _)| self.given[*index].is_some()) {
                if !equal(fresh[index].values(), row, before[index].values(), place) {
                    let (symbol, column) = (self.symbol.to_owned(), column.name.clone());
                    let time = Instant(*time);
                    return Err(self.problem(Problem::BarDiffers { symbol, time, column }));
                }
            }
        }
        Ok(())
    }

    /// Returns a row of an asset that does not come after the first of some times, 0 if there is none; not many before
    /// the last that does not, where the times are recent ones.
    fn row_before(&self, asset: Asset, times: &[i64]) -> Result<usize> {
        let mut start = asset.rows();
        let mut step = times.len();
        while start > 0 {
            start = start.saturating_sub(step);
            step *= 2;
            let found = self.files.gather(0, asset, start..start + 1)?;
            if found.values().as_i64().and_then(<[i64]>::first) <= times.first() {
                break;
            }
        }
        Ok(start)
    }

    /// Checks that no column that the batch does not have is one of integers.
    fn check_missing(&self) -> Result<()> {
        let columns = self.columns.iter().zip(self.given);
        let mut lacking =
            columns.filter(|(column, given)| given.is_none() && !column.physical.has_missing());
        match lacking.next() {
            None => Ok(()),
            Some((column, _)) => {
                let (column, physical) = (column.name.clone(), column.physical);
                Err(self.problem(Problem::NoMissing { column, physical }))
            }
        }
    }

    /// Returns a batch of nothing yet; `stays` tells whether there are series that may stay what they are.
    fn batch(&self, stays: bool) -> Batch {
        Batch::unchanged(if stays { self.files.head.schema().columns().len() } else { 0 })
    }

    fn times<'f>(&self, fresh: &'f [ValuesBuf]) -> &'f [i64] {
        let times = fresh.first().and_then(|times| times.values().as_i64()).unwrap_or_default();
        &times[self.rows.clone()]
    }

    /// Returns rows of all columns of an asset as they are, new columns missing.
    fn gather(&self, asset: Asset, rows: Range<usize>) -> Result<Vec<ValuesBuf>> {
        let known = self.files.head.schema().columns().len();
        let gather = |(index, column): (usize, &Column)| {
            if index < known {
                return self.files.gather(index, asset, rows.clone());
            }
            let mut missing = ValuesBuf::new(column.physical);
            missing.extend_missing(rows.len());
            Ok(missing)
        };
        self.columns.iter().enumerate().map(gather).collect()
    }

    fn problem(&self, problem: Problem) -> Error {
        Error::Revision { bundle: self.bundle.to_owned(), problem }
    }
}

fn equal(a: Values<'_>, a_row: usize, b: Values<'_>, b_row: usize) -> bool {
    let bytes = |values: Values<'_>, row| {
        let width = values.physical().width();
        values.as_bytes().get(row * width..(row + 1) * width).map(<[u8]>::to_vec)
    };
    bytes(a, a_row) == bytes(b, b_row)
}

fn push_old(pieces: &mut Pieces, rows: Range<usize>) {
    match pieces.last_mut() {
        _ if rows.is_empty() => {}
        Some(Piece::Old(last)) if last.end == rows.start => last.end = rows.end,
        _ => pieces.push(Piece::Old(rows)),
    }
}

fn push_new(pieces: &mut Pieces, row: usize) {
    match pieces.last_mut() {
        Some(Piece::New(last)) if last.end == row => last.end += 1,
        _ => pieces.push(Piece::New(row..row + 1)),
    }
}
