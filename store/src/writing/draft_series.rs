//! The columns of a draft: its own rows, and the summaries of all series, column by column on all processors.

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
    /// Writes the rows that lie in the file itself; returns the summaries of all series: for each column, those of all
    /// assets.
    pub(crate) fn write<S: Sink>(
        self,
        writer: &RevisionWriter<'_, S>,
    ) -> Result<Vec<Vec<SeriesSummary>>> {
        let columns = (0..self.revision.columns.len()).collect();
        crew::gather(columns, |index| ColumnDraft { rows: self, index }.write(writer))
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

/// One column.
struct ColumnDraft<'d, 'r> {
    rows: DraftRows<'d, 'r>,
    index: usize,
}

impl ColumnDraft<'_, '_> {
    fn write<S: Sink>(&self, writer: &RevisionWriter<'_, S>) -> Result<Vec<SeriesSummary>> {
        self.write_rows(writer)?;
        let mut missing = BTreeMap::new();
        let tails = Tails::of(self.rows.revision.files(), self.index);
        let mut series = Vec::with_capacity(self.rows.entries.len());
        for entry in self.rows.entries {
            series.push(self.summary(entry, &mut missing, &tails)?);
        }
        Ok(series)
    }

    fn write_rows<S: Sink>(&self, writer: &RevisionWriter<'_, S>) -> Result<()> {
        let mut buffer = ValuesBuf::new(self.physical());
        let mut written = 0;
        let mut flush = |buffer: &mut ValuesBuf| {
            let values = buffer.values();
            let failed = |error| Error::written(self.rows.revision.name())(error);
            writer.write_rows(self.index, written, values).map_err(failed)?;
            written += u64::try_from(values.len()).unwrap_or(u64::MAX);
            buffer.truncate(0);
            Ok(())
        };
        for copy in self.rows.copies {
            let rows = span(copy);
            for start in rows.clone().step_by(WRITTEN_AT_ONCE) {
                let end = rows.end.min(start + WRITTEN_AT_ONCE);
                buffer.extend(self.rows.rows(self.index, copy.part, start..end)?.values());
                if buffer.len() >= WRITTEN_AT_ONCE {
                    flush(&mut buffer)?;
                }
            }
        }
        flush(&mut buffer)
    }

    /// Returns the summary of a series: the old one where it stays, continued where rows follow, otherwise made anew.
    fn summary(
        &self,
        entry: &Entry<'_>,
        missing: &mut BTreeMap<u64, SeriesSummary>,
        tails: &Tails<'_>,
    ) -> Result<SeriesSummary> {
        let files = self.rows.revision.files();
        let known = self.index < files.head.schema().columns().len();
        let span = self.span(entry);
        let kept = entry.batch.is_none_or(|batch| {
            !batch.changes_rows() || batch.same.get(self.index).copied().unwrap_or(false)
        });
        if let Some(asset) = entry.old {
            let summary =
                || files.head.series_summary(self.index, asset).map_err(Error::corrupt(files.path));
            match entry.batch.and_then(Batch::appended) {
                _ if known && kept => return summary(),
                Some(rows) if known => return self.continued(entry, &summary()?, rows, tails),
                _ if kept => return Ok(self.missing(entry.rows, missing)),
                _ => {}
            }
        }
        let mut meter = SeriesMeter::new(entry.rows);
        for source in &entry.sources {
            meter.push(
                self.rows
                    .rows(self.index, source.part, crate::reading::segments::span(source))?
                    .values(),
            );
        }
        Ok(meter.finish().with_span(span))
    }

    /// Continues a series, of which nothing is read but the bytes behind the last whole block of its hash.
    fn continued(
        &self,
        entry: &Entry<'_>,
        summary: &SeriesSummary,
        rows: Range<usize>,
        tails: &Tails<'_>,
    ) -> Result<SeriesSummary> {
        let new = u64::try_from(rows.len()).unwrap_or(u64::MAX);
        let (physical, before) = (self.physical(), entry.rows - new);
        let tail = usize::try_from(SeriesMeter::tail_rows(physical, before)).unwrap_or(0);
        let old: &[SegmentRecord] = entry.sources.split_last().map_or(&[], |(_, old)| old);
        let mut bytes = [0; 64];
        let tail = tails.copy(old, tail, &mut bytes)?;
        let meter = SeriesMeter::resume(summary, (physical, before), tail, entry.rows);
        let mut meter = meter.map_err(|found| self.changed(entry, summary, found))?;
        meter.push(self.rows.rows(self.index, FRESH, rows)?.values());
        Ok(meter.finish().with_span(self.span(entry)))
    }

    /// Says that a series that is to be continued is not what its digest says, or its midstate is not.
    #[cold]
    fn changed(&self, entry: &Entry<'_>, summary: &SeriesSummary, found: Digest) -> Error {
        let files = self.rows.revision.files();
        let column = self.rows.revision.columns.get(self.index);
        let symbol = entry.old.and_then(|asset| files.head.symbol(asset).ok());
        Error::SeriesDigest(Box::new(ChangedSeries {
            path: files.path.to_owned(),
            column: column.map(|column| column.name.clone()).unwrap_or_default(),
            symbol: symbol.unwrap_or_default().to_owned(),
            expected: summary.digest(),
            found,
        }))
    }

    /// Returns the summary of a new column in an asset whose bars stay: it is missing in all of them.
    fn missing(&self, rows: u64, known: &mut BTreeMap<u64, SeriesSummary>) -> SeriesSummary {
        let make = || {
            let mut meter = SeriesMeter::new(rows);
            let physical = self.physical();
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
        known.entry(rows).or_insert_with(make).clone()
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

    fn physical(&self) -> PhysicalType {
        let column = self.rows.revision.columns.get(self.index);
        column.map_or(PhysicalType::F64, |column| column.physical)
    }
}
