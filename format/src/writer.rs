//! [`BundleWriter`]: writes a bundle file from series that come in any order, from any thread.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{
    BundleSpec, Compression, Digest, Encoding, PhysicalType, Values, Version,
    calendar::CalendarBuilder,
    error::Error,
    meter::SeriesSummary,
    placement::{Placement, write},
    sealing::{Sealing, alone},
    series::SeriesWriter,
    series_table::SeriesTable,
    sink::Sink,
    summed::Summed,
    tables::Tables,
};

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Version of the content.
    pub version: Version,
    /// Digest of the file (the checksum of its first page, which holds those of all the rest).
    pub digest: Digest,
    /// Length of the file in bytes.
    pub file_len: u64,
    /// Number of assets.
    pub assets: u64,
    /// Rows of every column.
    pub rows: u64,
}

/// Writes one bundle file.
///
/// The spec tells how many rows each asset has, hence where each series lies; values may then be given in
/// any order and from several threads at once. The bytes that result depend on spec and values alone.
#[derive(Debug)]
pub struct BundleWriter<'s, S: Sink> {
    spec: BundleSpec,
    sink: Summed<'s, S>,
    /// Of each column.
    compression: Vec<Compression>,
    placement: Placement,
    /// By column, then by asset.
    series: Mutex<Vec<Option<SeriesSummary>>>,
    calendar: Mutex<CalendarBuilder>,
}

impl<'s, S: Sink> BundleWriter<'s, S> {
    /// Lays out a file whose columns are all raw.
    ///
    /// # Errors
    ///
    /// [`Error::AssetOrder`], [`Error::SymbolLength`] or [`Error::Adjustment`] when the spec is not
    /// possible, [`Error::TooLarge`] when it exceeds what the format can hold.
    pub fn new(spec: BundleSpec, sink: &'s S) -> Result<Self, Error> {
        Self::compressed(spec, sink, &[])
    }

    /// Lays out a file whose columns are stored as `compression` says, in the order of the schema; a column
    /// that it does not reach is raw. The content version does not depend on it.
    ///
    /// Blocks are encoded in the threads that give the values, and kept in memory until
    /// [`BundleWriter::finish`]: as many bytes as the compressed columns take in the file. Raw columns are
    /// written at once.
    ///
    /// # Errors
    ///
    /// As [`BundleWriter::new`].
    pub fn compressed(
        spec: BundleSpec,
        sink: &'s S,
        compression: &[Compression],
    ) -> Result<Self, Error> {
        let spec = spec.checked()?;
        let mut compression = compression.to_vec();
        compression.resize(spec.schema.columns().len(), Compression::None);
        let placement = Placement::of(&spec, &compression)?;
        let series = Mutex::new(vec![None; spec.assets.len() * spec.schema.columns().len()]);
        let sink = Summed::new(sink);
        Ok(Self { spec, sink, compression, placement, series, calendar: Mutex::default() })
    }

    /// Writes a whole series: the values of column `column` of the asset at place `asset`, oldest first.
    ///
    /// # Errors
    ///
    /// As [`SeriesWriter::push`] and [`SeriesWriter::finish`].
    pub fn put(&self, asset: usize, column: usize, values: Values<'_>) -> Result<(), Error> {
        let mut series = self.series(asset, column)?;
        series.push(values)?;
        series.finish()
    }

    /// Begins a series that is given in pieces, so that it need not lie in memory as a whole.
    ///
    /// # Errors
    ///
    /// [`Error::NoAsset`] or [`Error::NoColumn`] when the spec has no such place.
    pub fn series(&self, asset: usize, column: usize) -> Result<SeriesWriter<'_, 's, S>, Error> {
        let (assets, columns) = (self.spec.assets.len(), self.spec.schema.columns().len());
        if column >= columns {
            return Err(Error::NoColumn { index: column, columns });
        }
        if asset >= assets {
            let narrow = |count| u32::try_from(count).unwrap_or(u32::MAX);
            return Err(Error::NoAsset { ordinal: narrow(asset), assets: narrow(assets) });
        }
        Ok(SeriesWriter::new(self, asset, column))
    }

    /// Writes all that stands behind the data, then the first page.
    ///
    /// # Errors
    ///
    /// [`Error::SeriesRows`] names the first series that was not written; [`Error::Write`] when the sink
    /// fails; [`Error::SectionTooLong`] when schema or provenance exceed their limits.
    pub fn finish(self) -> Result<Written, Error> {
        self.finish_by(alone)
    }

    /// Finishes as [`BundleWriter::finish`] does, with the help of a crew: `crew(count, work)` calls `work` with each number
    /// below `count` once, from whatever threads, and returns when all calls have. It is called more than once.
    ///
    /// # Errors
    ///
    /// As [`BundleWriter::finish`].
    pub fn finish_by(
        self,
        crew: impl Fn(usize, &(dyn Fn(usize) + Sync)),
    ) -> Result<Written, Error> {
        let Self { spec, sink, compression, mut placement, series, calendar } = self;
        let series = series.into_inner().unwrap_or_else(PoisonError::into_inner);
        let calendar = calendar.into_inner().unwrap_or_else(PoisonError::into_inner).finish();
        let series = complete(&spec, series)?;
        let assets = spec.assets.len();
        let encoding = |&compression: &Compression| match compression {
            Compression::None => Encoding::Raw,
            _ => Encoding::Blocks,
        };
        let encodings: Vec<Encoding> = compression.iter().map(encoding).collect();
        for (column, _) in (0..).zip(&encodings).filter(|(_, it)| **it == Encoding::Blocks) {
            let series = series.iter().skip(column * assets).take(assets);
            placement.put_blocks(column, series, &sink)?;
        }
        let rows: Vec<u64> = spec.assets.iter().map(|asset| asset.rows).collect();
        let table = SeriesTable::of(&series, (&rows, encodings.len()), &crew)?;
        let settled = table.settle((rows.len(), encodings.len()), &placement.column_starts)?;
        let tables = Tables { spec: &spec, placement: &placement, series: &settled };
        let (encoded, version) = tables.encode(&encodings, &calendar, &crew)?;
        let sealing = Sealing::of((&encoded, &settled), &calendar, placement.data_end)?;
        sealing.seal((&tables, version), &sink, &crew)
    }

    pub(crate) fn planned_rows(&self, asset: usize) -> u64 {
        self.spec.assets.get(asset).map_or(0, |asset| asset.rows)
    }

    pub(crate) fn physical(&self, column: usize) -> PhysicalType {
        self.spec.schema.columns().get(column).map_or(PhysicalType::U8, |column| column.physical)
    }

    pub(crate) fn compression(&self, column: usize) -> Compression {
        self.compression.get(column).copied().unwrap_or_default()
    }

    pub(crate) fn column_name(&self, column: usize) -> String {
        self.spec.schema.columns().get(column).map_or_else(String::new, |it| it.name.clone())
    }

    pub(crate) fn symbol(&self, asset: usize) -> String {
        self.spec.assets.get(asset).map_or_else(String::new, |asset| asset.symbol.clone())
    }

    pub(crate) fn wrong_rows(&self, asset: usize, column: usize, found: u64) -> Error {
        let expected = self.planned_rows(asset);
        let (symbol, column) = (self.symbol(asset), self.column_name(column));
        Error::SeriesRows { symbol, column, expected, found }
    }

    pub(crate) fn add_times(&self, times: &[i64]) {
        lock(&self.calendar).add(times);
    }

    /// Writes values that begin at row `row` of a series.
    pub(crate) fn write_values(
        &self,
        asset: usize,
        column: usize,
        row: u64,
        values: Values<'_>,
    ) -> Result<(), Error> {
        let Placement { column_starts, row_starts, .. } = &self.placement;
        let starts = column_starts.get(column).zip(row_starts.get(asset));
        let (column_start, row_start) = starts.unwrap_or((&0, &0));
        let offset = column_start + (row_start + row) * values.physical().width() as u64;
        write(&self.sink, offset, values.as_bytes())
    }

    /// Keeps what is known of a finished series; returns what was kept of it before.
    pub(crate) fn keep(
        &self,
        asset: usize,
        column: usize,
        summary: SeriesSummary,
    ) -> Option<SeriesSummary> {
        let place = column * self.spec.assets.len() + asset;
        lock(&self.series).get_mut(place).and_then(|slot| slot.replace(summary))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What the locks protect is replaced as a whole, so a panic elsewhere leaves it usable.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn complete(
    spec: &BundleSpec,
    series: Vec<Option<SeriesSummary>>,
) -> Result<Vec<SeriesSummary>, Error> {
    let columns = spec.schema.columns().iter();
    let mut names = columns.flat_map(|column| spec.assets.iter().map(move |asset| (column, asset)));
    let named = series.into_iter().map(|summary| (summary, names.next()));
    named
        .map(|(summary, name)| {
            summary.ok_or_else(|| {
                let (column, asset) = name.map_or_else(
                    || (String::new(), None),
                    |(column, asset)| (column.name.clone(), Some(asset)),
                );
                let symbol = asset.map_or_else(String::new, |asset| asset.symbol.clone());
                let expected = asset.map_or(0, |asset| asset.rows);
                Error::SeriesRows { symbol, column, expected, found: 0 }
            })
        })
        .collect()
}
