//! [`RevisionWriter`]: writes a segmented file: the index of a whole bundle, and those of its rows that are new.

use std::sync::atomic::{AtomicU64, Ordering};

use zerocopy::IntoBytes;

use crate::{
    BundleSpec, Digest, Encoding, Error, SectionKind, SeriesTable, Sink, Values, Written,
    frozen::PARTS_MAX,
    placement::{Placement, write},
    record::{PartRecord, SegmentRecord},
    sealing::{Sealing, alone},
    segment::{layout_fault, part_fault},
    summed::Summed,
    tables::Tables,
};

/// All that is known of a segmented file before its rows.
#[derive(Debug, Clone)]
pub struct RevisionSpec {
    /// The whole bundle: schema, all assets with all their rows, all adjustments. The provenance is that of the rows
    /// that lie in the file itself.
    pub bundle: BundleSpec,
    /// The other parts that the file refers to, ascending by digest, each once and none in vain.
    pub parts: Vec<PartRecord>,
    /// Where the rows of each asset lie, by asset and time. Rows of the file itself (part 0) follow one another from 0
    /// on, and two segments that could be one are one.
    pub segments: Vec<SegmentRecord>,
}

/// Writes a segmented file.
///
/// The caller gives the rows that lie in the file and the summaries of all series, most of which are taken over from the
/// version before ([`Bundle::series_summary`](crate::Bundle::series_summary)) or continued
/// ([`SeriesSummary::extend`](crate::SeriesSummary::extend)); rows that lie in other parts are not read. That summaries belong
/// to the rows is the caller's duty: verification over all parts notices when they do not. The bytes that result depend
/// on what is given alone.
#[derive(Debug)]
pub struct RevisionWriter<'s, S: Sink> {
    spec: RevisionSpec,
    sink: Summed<'s, S>,
    placement: Placement,
    local_rows: u64,
    /// Rows written of each column.
    written: Vec<AtomicU64>,
}

impl<'s, S: Sink> RevisionWriter<'s, S> {
    /// Lays out a file.
    ///
    /// # Errors
    ///
    /// As [`BundleWriter::new`](crate::BundleWriter::new); [`Error::Layout`] when parts or segments are not possible.
    pub fn new(spec: RevisionSpec, sink: &'s S) -> Result<Self, Error> {
        let RevisionSpec { bundle, parts, segments } = spec;
        let bundle = bundle.checked()?;
        let fault = |kind| move |(index, what)| Error::Layout { kind, index, what };
        if parts.len() > PARTS_MAX {
            return Err(Error::TooLarge { what: "more than 1024 parts" });
        }
        if let Some(found) = part_fault(&parts, Digest::from_bytes([0; 32])) {
            return Err(fault(SectionKind::Parts)(found));
        }
        let rows: Vec<u64> = bundle.assets.iter().map(|asset| asset.rows).collect();
        let local_rows = layout_fault(&segments, &parts, &rows);
        let local_rows = local_rows.map_err(fault(SectionKind::Segments))?;
        let placement = Placement::segmented(&bundle, local_rows)?;
        let written = bundle.schema.columns().iter().map(|_| AtomicU64::new(0)).collect();
        let spec = RevisionSpec { bundle, parts, segments };
        let sink = Summed::new(sink);
        Ok(Self { spec, sink, placement, local_rows, written })
    }

    /// Returns how many rows lie in the file itself.
    pub fn local_rows(&self) -> u64 {
        self.local_rows
    }

    /// Writes values of a column that lie in the file itself, from its row `row` on. Rows may come in any order and from
    /// any thread, each once.
    ///
    /// # Errors
    ///
    /// [`Error::NoColumn`], [`Error::ValueType`], [`Error::LocalRows`] when they reach past the last row,
    /// [`Error::Write`] when the sink fails.
    pub fn write_rows(&self, column: usize, row: u64, values: Values<'_>) -> Result<(), Error> {
        let columns = self.spec.bundle.schema.columns();
        let missing = Error::NoColumn { index: column, columns: columns.len() };
        let place = columns.get(column).zip(self.placement.column_starts.get(column));
        let (described, start) = place.ok_or(missing)?;
        let (expected, found) = (described.physical, values.physical());
        if expected != found {
            let column = described.name.clone();
            return Err(Error::ValueType { column, expected, found });
        }
        let end = row.saturating_add(values.len() as u64);
        if end > self.local_rows {
            return Err(self.wrong_rows(column, end));
        }
        if let Some(written) = self.written.get(column) {
            written.fetch_add(values.len() as u64, Ordering::Relaxed);
        }
        write(&self.sink, start + row * expected.width() as u64, values.as_bytes())
    }

    /// Makes room for the summaries of all series, in stretches of `each` assets.
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`] when memory does not hold them.
    pub fn series_table(&self, each: usize) -> Result<SeriesTable, Error> {
        let spec = &self.spec.bundle;
        SeriesTable::new(spec.assets.len(), spec.schema.columns().len(), each)
    }

    /// Writes all that stands behind the data, then the first page. `series` is a table of this writer's, filled with the
    /// summaries of all series; `calendar` is the distinct timestamps of all assets, ascending.
    ///
    /// # Errors
    ///
    /// [`Error::RecordCount`] when there are more or fewer series, [`Error::LocalRows`] when rows were not written;
    /// [`Error::Write`], [`Error::SectionTooLong`].
    pub fn finish(self, series: SeriesTable, calendar: &[i64]) -> Result<Written, Error> {
        self.finish_by(series, calendar, alone)
    }

    /// Finishes as [`RevisionWriter::finish`] does, with the help of a crew; see
    /// [`BundleWriter::finish_by`](crate::BundleWriter::finish_by).
    ///
    /// # Errors
    ///
    /// As [`RevisionWriter::finish`].
    pub fn finish_by(
        self,
        series: SeriesTable,
        calendar: &[i64],
        crew: impl Fn(usize, &(dyn Fn(usize) + Sync)),
    ) -> Result<Written, Error> {
        let spec = &self.spec.bundle;
        let columns = spec.schema.columns().len();
        let series = series.settle((spec.assets.len(), columns), &[])?;
        for (column, written) in self.written.iter().enumerate() {
            let found = written.load(Ordering::Relaxed);
            if found != self.local_rows {
                return Err(self.wrong_rows(column, found));
            }
        }
        let tables = Tables { spec, placement: &self.placement, series: &series };
        let encodings = vec![Encoding::Segments; columns];
        let (encoded, version) = tables.encode(&encodings, calendar, &crew)?;
        let mut sealing = Sealing::of((&encoded, &series), calendar, self.placement.data_end)?;
        sealing.place(SectionKind::Parts, self.spec.parts.as_bytes())?;
        sealing.place(SectionKind::Segments, self.spec.segments.as_bytes())?;
        sealing.seal((&tables, version), &self.sink, &crew)
    }

    fn wrong_rows(&self, column: usize, found: u64) -> Error {
        let columns = self.spec.bundle.schema.columns();
        let column = columns.get(column).map_or_else(String::new, |column| column.name.clone());
        Error::LocalRows { column, expected: self.local_rows, found }
    }
}
