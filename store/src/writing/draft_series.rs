//! The columns of a draft: its own rows, and the summaries of all series, on all processors.

use std::collections::BTreeMap;
use std::ops::Range;

use barrow_format::record::SegmentRecord;
use barrow_format::{
    Digest, PhysicalType, RevisionWriter, SeriesMeter, SeriesSummary, Sink, Values, ValuesBuf,
};

use crate::crew;
use crate::error::{ChangedSeries, Error, Result};
use crate::reading::segments::{Rows, span};
use crate::writing::batch::Batch;
use crate::writing::draft::{Entry, FRESH};
use crate::writing::revision::Revision;
use crate::writing::tails::Tails;

/// Assets of a stretch whose series are summarised by one thread.
const SUMMARISED_AT_ONCE: usize = 128;
/// Values that are collected before they are written.
const WRITTEN_AT_ONCE: usize = 1 << 20;

/// What a draft knows of rows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DraftRows<'d, 'r> {
    pub(crate) entries: &'d [Entry<'r>],
    /// The rows that are to lie in the file itself, in order.
    pub(crate) copies: &'d [SegmentRecord],
    pub(crate) revision: &'d Revision,
}

impl DraftRows<'_, '_> {
    /// Writes the rows that lie in the file itself; returns the summaries of all series: of stretches of assets, in order, for
    /// each column those of the stretch's assets.
    pub(crate) fn write<S: Sink>(
        self,
        writer: &RevisionWriter<'_, S>,
    ) -> Result<Vec<Vec<Vec<SeriesSummary>>>> {
        let columns = 0..self.revision.columns.len();
        let rows = columns.map(Piece::Rows);
        let pieces = rows.chain(self.entries.chunks(SUMMARISED_AT_ONCE).map(Piece::Series));
        let made = crew::gather(pieces.collect(), |piece| match piece {
            Piece::Rows(column) => self.write_rows(column, writer).map(|()| None),
            Piece::Series(entries) => self.summaries(entries).map(Some),
        })?;
        Ok(made.into_iter().flatten().collect())
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

    /// Returns, for each column, the summaries of some assets' series.
    fn summaries(self, entries: &[Entry<'_>]) -> Result<Vec<Vec<SeriesSummary>>> {
        let columns = 0..self.revision.columns.len();
        let mut columns: Vec<ColumnDraft<'_, '_>> =
            columns.map(|index| ColumnDraft::of(self, index, entries.len())).collect();
        // What is known of an asset is looked at once for all columns, while it is near.
        for entry in entries {
            columns.iter_mut().try_for_each(|column| column.summarise(entry))?;
        }
        Ok(columns.into_iter().map(|column| column.series).collect())
    }

    fn physical(&self, column: usize) -> PhysicalType {
        let column = self.revision.columns.get(column);
        column.map_or(PhysicalType::F64, |column| column.physical)
    }

    /// Returns rows of a column from a file of the version before, or from the buffers.
    pub(crate) fn rows(&self, column: usize, part: u32, rows: Range<usize>) -> Result<Rows<'_>> {
        let files = self.revision.files();
        if part == FRESH {
            let values = self.revision.fresh.get(column).map(ValuesBuf::values);
            let values = values.and_then(|values| values.slice(rows));
            return Ok(Rows::Mapped(values.unwrap_or(Values::U8(&[]))));
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
    /// The series of some assets.
    Series(&'d [Entry<'r>]),
}

/// One column of a stretch of assets.
struct ColumnDraft<'d, 'r> {
    rows: DraftRows<'d, 'r>,
    index: usize,
    physical: PhysicalType,
    /// Whether the version before has the column.
    known: bool,
    tails: Tails<'d>,
    /// Summaries of missing values, by their number.
    missing: BTreeMap<u64, SeriesSummary>,
    /// Of the assets so far.
    series: Vec<SeriesSummary>,
}

impl<'d, 'r> ColumnDraft<'d, 'r> {
    fn of(rows: DraftRows<'d, 'r>, index: usize, assets: usize) -> Self {
        let files = rows.revision.files();
        let known = index < files.head.schema().columns().len();
        let (tails, missing) = (Tails::of(files, index), BTreeMap::new());
        let series = Vec::with_capacity(assets);
        Self { rows, index, physical: rows.physical(index), known, tails, missing, series }
    }

    /// Adds the summary of an asset's series: the old one where it stays, continued where rows follow, otherwise made anew.
    fn summarise(&mut self, entry: &Entry<'_>) -> Result<()> {
        let kept = entry.batch.is_none_or(|batch| {
            !batch.changes_rows() || batch.same.get(self.index).copied().unwrap_or(false)
        });
        let appended = entry.batch.and_then(Batch::appended).filter(|_| self.known && !kept);
        let summary = match entry.old {
            Some(asset) if self.known && (kept || appended.is_some()) => {
                let files = self.rows.revision.files();
                files.head.series_summary(self.index, asset).map_err(Error::corrupt(files.path))?
            }
            Some(_) if kept => self.missing(entry.rows),
            _ => return self.measure(entry),
        };
        self.series.push(summary);
        appended.map_or(Ok(()), |rows| self.extend(entry, rows))
    }

    /// Adds the summary of a series all of which is read.
    fn measure(&mut self, entry: &Entry<'_>) -> Result<()> {
        let mut meter = SeriesMeter::new(entry.rows);
        for source in &entry.sources {
            meter.push(self.rows.rows(self.index, source.part, span(source))?.values());
        }
        self.series.push(meter.finish().with_span(self.span(entry)));
        Ok(())
    }

    /// Continues the series that was added last, of which nothing is read but the bytes behind the last whole block of its hash.
    fn extend(&mut self, entry: &Entry<'_>, rows: Range<usize>) -> Result<()> {
        let new = u64::try_from(rows.len()).unwrap_or(u64::MAX);
        let (physical, before) = (self.physical, entry.rows - new);
        let tail = usize::try_from(SeriesSummary::tail_rows(physical, before)).unwrap_or(0);
        let old: &[SegmentRecord] = entry.sources.split_last().map_or(&[], |(_, old)| old);
        let mut bytes = [0; 64];
        let tail = self.tails.copy(old, tail, &mut bytes)?;
        let span = self.span(entry);
        let rows = self.rows.rows(self.index, FRESH, rows)?;
        let Some(summary) = self.series.last_mut() else { return Ok(()) };
        match summary.extend((physical, before), tail, rows.values()) {
            Ok(()) => {
                summary.set_span(span);
                Ok(())
            }
            Err(found) => {
                let expected = summary.digest();
                Err(self.changed(entry, expected, found))
            }
        }
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

    /// Returns first and last timestamp of an asset, for its series of timestamps.
    fn span(&self, entry: &Entry<'_>) -> Option<(i64, i64)> {
        if self.index != 0 || entry.rows == 0 {
            return None;
        }
        let old = entry.old.and_then(|asset| asset.first_time().zip(asset.last_time()));
        let new = entry.batch.filter(|batch| batch.changes_rows()).and_then(|batch| batch.span);
        if entry.loses_bars() {
            return new;
        }
        match (old, new) {
            (Some(old), Some(new)) => Some((old.0.min(new.0), old.1.max(new.1))),
            (old, new) => old.or(new),
        }
    }
}
