//! Settling a chunk: its rows are checked, and bad ones end the run or are set aside.

use std::sync::atomic::{AtomicU64, Ordering};

use super::check::Checks;
use super::columns::{BadRow, Chunk};
use super::csv::{line_at, split};
use super::error::IngestError;
use super::layout::{Layout, Slot};
use super::options::IngestOptions;
use super::order::Order;
use super::problem::Problem;

/// Why a piece of a source was not taken.
#[derive(Debug)]
pub(crate) enum Fault {
    /// A row is bad, and the mode is strict.
    Row {
        member: u32,
        bad: BadRow,
    },
    /// Rows take more memory than allowed: they have to be sorted on disk.
    OverBudget,
    Other(IngestError),
}

impl From<IngestError> for Fault {
    fn from(error: IngestError) -> Self {
        Self::Other(error)
    }
}

/// Rules for all rows of a run.
#[derive(Debug)]
pub(crate) struct Settler<'a> {
    pub(crate) options: &'a IngestOptions,
    pub(crate) checks: Checks,
    /// Names of the fields of the bundle.
    pub(crate) names: Vec<String>,
    pub(crate) rejected: AtomicU64,
}

/// Where the text of rows is found.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Origin<'b> {
    /// In a block of lines whose first one has this number.
    Text { layout: &'b Layout, block: &'b [u8], line: u64 },
    /// Nowhere: rows come from columns.
    Columns,
}

impl Settler<'_> {
    /// Checks the rows of `chunk`. `found` are rows that could not be read (they are still in the
    /// chunk), `last` is a line behind the chunk's rows at which reading stopped.
    ///
    /// # Errors
    ///
    /// In strict mode the first bad row; in lenient mode [`IngestError::TooManyRejects`].
    pub(crate) fn settle(
        &self,
        mut chunk: Chunk,
        found: Vec<(usize, BadRow)>,
        last: Option<BadRow>,
        origin: Origin<'_>,
        order: &mut Order,
    ) -> Result<Chunk, Fault> {
        let mut bad: Vec<(usize, BadRow)> = found;
        let failures = self.checks.failures(&chunk);
        let disorder = if self.options.sorts() { None } else { order.failure(&chunk) };
        if bad.is_empty() && failures.is_empty() && disorder.is_none() && last.is_none() {
            return self.count(chunk);
        }
        let texts = Texts::of(origin);
        let unread: Vec<usize> = bad.iter().map(|(row, _)| *row).collect();
        for (row, field, problem) in failures {
            if unread.binary_search(&row).is_err() {
                bad.push((row, self.blame(&chunk, &texts, row, Some(field), problem)));
            }
        }
        if let Some((row, problem)) = disorder {
            bad.push((row, self.blame(&chunk, &texts, row, None, problem)));
        }
        // By line, not by row: rows of a wide source stand asset after asset.
        bad.sort_by_key(|(_, bad)| bad.line);
        if !self.options.is_lenient() {
            let first = bad.into_iter().map(|(_, bad)| bad).chain(last).min_by_key(|bad| bad.line);
            return match first {
                Some(bad) => Err(Fault::Row { member: chunk.member, bad }),
                None => self.count(chunk),
            };
        }
        let mut rows: Vec<usize> = bad.iter().map(|(row, _)| *row).collect();
        rows.sort_unstable();
        for (row, mut bad) in bad {
            if bad.raw.is_empty() {
                bad.raw = row_text(&chunk, row);
            }
            chunk.rejects.push(bad);
        }
        chunk.remove(&rows);
        chunk.rejects.sort_by_key(|bad| bad.line);
        self.count(chunk)
    }

    /// Counts the rejects of a chunk.
    fn count(&self, chunk: Chunk) -> Result<Chunk, Fault> {
        self.count_rejects(chunk.rejects.len())?;
        Ok(chunk)
    }

    /// Begins to count anew.
    pub(crate) fn forget_rejects(&self) {
        self.rejected.store(0, Ordering::Relaxed);
    }

    /// Counts `more` rejects.
    pub(crate) fn count_rejects(&self, more: usize) -> Result<(), Fault> {
        let more = u64::try_from(more).unwrap_or(u64::MAX);
        let limit = self.options.rejects_max;
        if more > 0 && self.rejected.fetch_add(more, Ordering::Relaxed) + more > limit {
            return Err(IngestError::TooManyRejects { limit }.into());
        }
        Ok(())
    }

    /// Describes what is wrong with a row; without a field it is the time.
    fn blame(
        &self,
        chunk: &Chunk,
        texts: &Texts<'_>,
        row: usize,
        field: Option<usize>,
        problem: Problem,
    ) -> BadRow {
        let line = chunk.lines.line(row);
        let raw = texts.line(line);
        let slot = match (field, texts.layout()) {
            (Some(field), Some(layout)) if layout.wide.is_some() => {
                debug_assert_eq!(field, 0, "a wide source has one field");
                let symbol = chunk.symbol_of(row);
                layout.names.iter().position(|name| name == symbol)
            }
            (Some(field), Some(layout)) => layout.column_of(field),
            (None, Some(layout)) => layout.slots.iter().position(|slot| *slot == Slot::Time),
            (_, None) => None,
        };
        let text = slot.zip(texts.layout()).and_then(|(slot, layout)| {
            let mut fields = Vec::new();
            split(raw.as_bytes(), layout.delimiter, &mut fields)?;
            Some((
                layout.names[slot].clone(),
                String::from_utf8_lossy(fields.get(slot)?).into_owned(),
            ))
        });
        let (column, value) = text.unwrap_or_else(|| match field {
            Some(field) => (self.names[field].clone(), chunk.cells[field].text(row)),
            None => ("time".to_owned(), time_text(chunk.times[row])),
        });
        BadRow { line, column, value, problem, raw }
    }
}

/// The lines of a block, found by their number.
struct Texts<'b> {
    origin: Origin<'b>,
    /// Where each line begins.
    starts: Vec<usize>,
}

impl<'b> Texts<'b> {
    fn of(origin: Origin<'b>) -> Self {
        let mut starts = Vec::new();
        if let Origin::Text { block, .. } = origin {
            starts.push(0);
            starts.extend(memchr::memchr_iter(b'\n', block).map(|at| at + 1));
        }
        Self { origin, starts }
    }

    fn layout(&self) -> Option<&'b Layout> {
        match self.origin {
            Origin::Text { layout, .. } => Some(layout),
            Origin::Columns => None,
        }
    }

    fn line(&self, number: u64) -> String {
        let Origin::Text { block, line, .. } = self.origin else {
            return String::new();
        };
        let at = number.checked_sub(line).and_then(|at| usize::try_from(at).ok());
        let Some(&start) = at.and_then(|at| self.starts.get(at)) else {
            return String::new();
        };
        String::from_utf8_lossy(line_at(block, start).0).into_owned()
    }
}

/// A row of columns as text.
pub(crate) fn row_text(chunk: &Chunk, row: usize) -> String {
    let mut text = format!("{},{}", chunk.symbol_of(row), time_text(chunk.times[row]));
    for cells in &chunk.cells {
        text.push(',');
        text.push_str(&cells.text(row));
    }
    text
}

/// A time for people.
pub(crate) fn time_text(ns: i64) -> String {
    jiff::Timestamp::from_nanosecond(ns.into())
        .map_or_else(|_| ns.to_string(), |time| time.to_string())
}
