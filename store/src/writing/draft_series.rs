//! The columns of a draft: its own rows, and the summaries of all series, on all processors.

use std::collections::BTreeMap;
use std::ops::Range;

use barrow_format::record::SegmentRecord;
use barrow_format::{
    Digest, PhysicalType, RevisionWriter, SeriesColumn, SeriesMeter, SeriesSummary, SeriesTable,
    Sink, Values, ValuesBuf,
};

use crate::crew;
use crate::error::{ChangedSeries, Error, Result};
use crate::reading::segments::{Rows, span};
use crate::writing::batch::Batch;
use crate::writing::entries::{Entries, Entry, FRESH};
use crate::writing::revision::Revision;
use crate::writing::tails::Tails;

/// Assets of a stretch whose series are summarised by one thread.
const SUMMARISED_AT_ONCE: usize = 128;
/// Values that are collected before they are written.
const WRITTEN_AT_ONCE: usize = 1 << 20;

/// What a draft knows of rows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DraftRows<'d, 'r> {
    pub(crate) entries: &'d Entries<'r>,
    /// The rows that are to lie in the file itself, in order.
    pub(crate) copies: &'d [SegmentRecord],
    pub(crate) revision: &'d Revision,
}

impl<'d> DraftRows<'d, '_> {
    /// Writes the rows that lie in the file itself; returns the summaries of all series.
    pub(crate) fn write<S: Sink>(self, writer: &RevisionWriter<'_, S>) -> Result<SeriesTable> {
        let failed = |error| Error::written(self.revision.name())(error);
        let mut table = writer.series_table(SUMMARISED_AT_ONCE).map_err(failed)?;
        let rows = (0..self.revision.columns.len()).map(Piece::Rows);
        let stretches = self.entries.all.chunks(SUMMARISED_AT_ONCE).zip(table.stretches());
        let series = stretches.map(|(entries, places)| Piece::Series(entries, places));
        crew::each(rows.chain(series).collect(), |piece| match piece {
            Piece::Rows(column) => self.write_rows(column, writer),
            Piece::Series(entries, places) => self.summarise(entries, places),
        })?;
        Ok(table)
    }

    /// Writes the rows of a column that lie in the file itself.
    fn write_rows<S: Sink>(self, column: usize, writer: &RevisionWriter<'_, S>) -> Result<()> {
        let mut buffer = ValuesBuf::new(self.physical(column));
        let mut written = 0;
        let mut flush = |buffer: &mut ValuesBuf| {
            let values = buffer.values();
            let failed = |error| Error::written(self.revision.name())(error);
            writer.write_rows(column, written, values).map_err(failed)?;
            written += u64::try_from(values.len()).unwrap_or(u64::MAX);
            buffer.truncate(0);
            Ok(())
        };
        // New rows that lie one behind the other are copied at once. Of a compressed file, rows of two assets cannot be.
        let adjoin = |a: &SegmentRecord, b: &SegmentRecord| {
            (a.part, b.part) == (FRESH, FRESH) && a.row + a.rows == b.row
        };
        for run in self.copies.chunk_by(adjoin) {
            let (Some(first), Some(last)) = (run.first(), run.last()) else { continue };
            let rows = span(first).start..span(last).end;
            for start in rows.clone().step_by(WRITTEN_AT_ONCE) {
                let end = rows.end.min(start + WRITTEN_AT_ONCE);
                buffer.extend(self.rows(column, first.part, start..end)?.values());
                if buffer.len() >= WRITTEN_AT_ONCE {
                    flush(&mut buffer)?;
                }
            }
        }
        flush(&mut buffer)
    }

    /// Puts the summaries of some assets' series into their places.
    fn summarise(self, entries: &[Entry<'_>], places: Vec<SeriesColumn<'_>>) -> Result<()> {
        let columns = places.into_iter().enumerate();
        let mut columns: Vec<_> =
            columns.map(|(index, place)| ColumnDraft::of(self, index, place)).collect();
        // What is known of an asset is looked at once for all columns, while it is near.
        for entry in entries {
            for column in &mut columns {
                let summary = column.summary(entry)?;
                column.place.push(&summary, entry.rows);
            }
        }
        Ok(())
    }

    /// Returns all values of a column in the buffers.
    fn fresh(&self, column: usize) -> Values<'d> {
        let buffer = self.revision.fresh.get(column);
        buffer.map_or(Values::U8(&[]), ValuesBuf::values)
    }

    fn physical(&self, column: usize) -> PhysicalType {
        let column = self.revision.columns.get(column);
        column.map_or(PhysicalType::F64, |column| column.physical)
    }

    /// Returns rows of a column from a file of the version before, or from the buffers.
    pub(crate) fn rows(&self, column: usize, part: u32, rows: Range<usize>) -> Result<Rows<'_>> {
        let files = self.revision.files();
        if part == FRESH {
            let fresh = self.fresh(column);
            return Ok(Rows::Mapped(fresh.slice(rows).unwrap_or(Values::U8(&[]))));
        }
        if column < files.head.schema().columns().len() {
            return files.rows(part, column, rows);
        }
        let described = self.revision.columns.get(column);
        let mut buffer = ValuesBuf::new(described.map_or(PhysicalType::F64, |it| it.physical));
        buffer.extend_missing(rows.len());
        Ok(Rows::Made(buffer))
    }
}

/// A piece of the work on a draft.
enum Piece<'d, 'r> {
    /// The rows of a column.
    Rows(usize),
    /// The series of some assets, and where their summaries belong.
    Series(&'d [Entry<'r>], Vec<SeriesColumn<'d>>),
}

/// One column of a stretch of assets.
struct ColumnDraft<'d, 'r> {
    rows: DraftRows<'d, 'r>,
    index: usize,
    physical: PhysicalType,
    /// Whether the version before has the column.
    known: bool,
    /// Its values in the buffers.
    fresh: Values<'d>,
    tails: Tails<'d>,
    /// Summaries of missing values, by their number.
    missing: BTreeMap<u64, SeriesSummary>,
    place: SeriesColumn<'d>,
}

impl<'d, 'r> ColumnDraft<'d, 'r> {
    fn of(rows: DraftRows<'d, 'r>, index: usize, place: SeriesColumn<'d>) -> Self {
        let files = rows.revision.files();
        let known = index < files.head.schema().columns().len();
        let (tails, missing) = (Tails::of(files, index), BTreeMap::new());
        let (physical, fresh) = (rows.physical(index), rows.fresh(index));
        Self { rows, index, physical, known, fresh, tails, missing, place }
    }

    /// Returns the summary of an asset's series: the old one where it stays, continued where rows follow, otherwise made anew.
    fn summary(&mut self, entry: &Entry<'_>) -> Result<SeriesSummary> {
        let kept = entry.batch.is_none_or(|batch| {
            !batch.changes_rows() || batch.same.get(self.index).copied().unwrap_or(false)
        });
        let appended = entry.batch.and_then(Batch::appended).filter(|_| self.known && !kept);
        let mut summary = match entry.old {
            Some(asset) if self.known && (kept || appended.is_some()) => {
                let files = self.rows.revision.files();
                files.head.series_summary(self.index, asset).map_err(Error::corrupt(files.path))?
            }
            Some(_) if kept => self.missing(entry.rows),
            _ => return self.measured(entry),
        };
        if let Some(rows) = appended {
            self.extend(&mut summary, entry, rows)?;
        }
        Ok(summary)
    }

    /// Returns the summary of a series all of which is read.
    fn measured(&self, entry: &Entry<'_>) -> Result<SeriesSummary> {
        let mut meter = SeriesMeter::new(entry.rows);
        for source in self.rows.entries.sources(entry) {
            meter.push(self.rows.rows(self.index, source.part, span(source))?.values());
        }
        Ok(meter.finish())
    }

    /// Continues a series, of which nothing is read but the bytes behind the last whole block of its hash.
    fn extend(
        &self,
        summary: &mut SeriesSummary,
        entry: &Entry<'_>,
        rows: Range<usize>,
    ) -> Result<()> {
        let new = u64::try_from(rows.len()).unwrap_or(u64::MAX);
        let (physical, before) = (self.physical, entry.rows - new);
        let tail = usize::try_from(SeriesSummary::tail_rows(physical, before)).unwrap_or(0);
        let sources = self.rows.entries.sources(entry);
        let old: &[SegmentRecord] = sources.split_last().map_or(&[], |(_, old)| old);
        let mut bytes = [0; 64];
        let tail = self.tails.copy(old, tail, &mut bytes)?;
        let rows = self.fresh.slice(rows).expect("the rows of a batch lie in the buffers");
        // What check words speak for, the record of the summary among it, needs no hash to do so.
        if !(tail.sound && self.rows.revision.files().head.checks_pages())
            && let Err(found) = summary.check_tail(physical, before, tail.bytes)
        {
            let expected = summary.digest();
            return Err(self.changed(entry, expected, found));
        }
        summary.extend((physical, before), tail.bytes, rows);
        Ok(())
    }

    /// Says that a series that is to be continued is not what its digest says, or its midstate is not.
    #[cold]
    fn changed(&self, entry: &Entry<'_>, expected: Digest, found: Digest) -> Error {
        let files = self.rows.revision.files();
        let column = self.rows.revision.columns.get(self.index);
        let symbol = entry.old.and_then(|asset| files.head.symbol(asset).ok());
        Error::SeriesDigest(Box::new(ChangedSeries {
            path: files.path.to_owned(),
            column: column.map(|column| column.name.clone()).unwrap_or_default(),
            symbol: symbol.unwrap_or_default().to_owned(),
            expected,
            found,
        }))
    }

    /// Returns the summary of a new column in an asset whose bars stay: it is missing in all of them.
    fn missing(&mut self, rows: u64) -> SeriesSummary {
        let physical = self.physical;
        let make = || {
            let mut meter = SeriesMeter::new(rows);
            let mut left = usize::try_from(rows).unwrap_or(usize::MAX);
            let mut nothing = ValuesBuf::new(physical);
            nothing.extend_missing(left.min(WRITTEN_AT_ONCE));
            while left > 0 {
                let take = left.min(WRITTEN_AT_ONCE);
                meter.push(nothing.values().slice(0..take).unwrap_or(Values::U8(&[])));
                left -= take;
            }
            meter.finish()
        };
        self.missing.entry(rows).or_insert_with(make).clone()
    }
}
