//! [`BundleWriter`]: writes a bundle file from series that come in any order, from any thread.

use std::{
    mem::offset_of,
    sync::{Mutex, MutexGuard, PoisonError},
};

use zerocopy::{FromZeros, IntoBytes};

use crate::{
    BundleSpec, Compression, Digest, Encoding, PhysicalType, SectionKind, Values, Version,
    calendar::CalendarBuilder,
    check::check_bytes,
    error::Error,
    frozen::{
        FORMAT_MAJOR, FORMAT_MINOR, FORMAT_MINOR_ENCODED, MAGIC, PAGE, PROVENANCE_MAX, SCHEMA_MAX,
        ZONE_ROWS,
    },
    meter::SeriesSummary,
    placement::{Placement, write},
    record::{ColumnRecord, SeriesRecord, Superblock, ZoneRecord},
    section::{Section, page_up},
    series::SeriesWriter,
    sink::Sink,
    symbol,
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
    sink: &'s S,
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
        let mut minor = FORMAT_MINOR;
        for (column, _) in (0..).zip(&encodings).filter(|(_, it)| **it == Encoding::Blocks) {
            let series = series.iter().skip(column * assets).take(assets);
            placement.put_blocks(column, series, sink)?;
            minor = FORMAT_MINOR_ENCODED;
        }
        let tables = Tables { spec: &spec, placement: &placement, series: &series };

        let mut out = SectionWriter::new(sink);
        out.tables(&tables, tables.columns(&encodings), &calendar)?;
        out.finish(&tables, tables.version(&calendar), minor)
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
        write(self.sink, offset, values.as_bytes())
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

/// Writes the sections, one after the other.
pub(crate) struct SectionWriter<'s, S> {
    sink: &'s S,
    next: u64,
    sections: Vec<Section>,
}

impl<'s, S: Sink> SectionWriter<'s, S> {
    pub(crate) fn new(sink: &'s S) -> Self {
        Self { sink, next: PAGE, sections: Vec::new() }
    }

    /// Writes the sections that every file has; the data are written already.
    pub(crate) fn tables(
        &mut self,
        tables: &Tables<'_>,
        (columns, series, zones): (Vec<ColumnRecord>, Vec<SeriesRecord>, Vec<ZoneRecord>),
        calendar: &[i64],
    ) -> Result<(), Error> {
        let spec = tables.spec;
        let slots = symbol::slot_count(spec.assets.len() as u64);
        let slots = slots.and_then(|slots| usize::try_from(slots).ok());
        let slots = slots.ok_or(Error::TooLarge { what: "the symbol index" })?;
        let symbols = spec.assets.iter().map(|asset| asset.symbol.as_str());
        let (strings, assets) = tables.assets(calendar);
        self.section(SectionKind::Schema, &spec.schema.to_bytes())?;
        self.section(SectionKind::Columns, columns.as_bytes())?;
        self.data(tables.placement.data_end);
        self.section(SectionKind::SymbolIndex, symbol::build(symbols, slots).as_bytes())?;
        self.section(SectionKind::Strings, &strings)?;
        self.section(SectionKind::Assets, assets.as_bytes())?;
        self.section(SectionKind::Calendar, calendar.as_bytes())?;
        self.section(SectionKind::Series, series.as_bytes())?;
        self.section(SectionKind::Zones, zones.as_bytes())?;
        self.section(SectionKind::Adjustments, tables.adjustments().as_bytes())?;
        self.section(SectionKind::Provenance, &spec.provenance.to_bytes())
    }

    fn data(&mut self, end: u64) {
        let digest = Digest::from_bytes([0; 32]);
        let (kind, offset, len) = (SectionKind::Data, self.next, end - self.next);
        self.sections.push(Section { kind, offset, len, check: 0, digest });
        self.next = end;
    }

    pub(crate) fn section(&mut self, kind: SectionKind, bytes: &[u8]) -> Result<(), Error> {
        let len = bytes.len() as u64;
        let max = match kind {
            SectionKind::Schema => SCHEMA_MAX,
            SectionKind::Provenance => PROVENANCE_MAX,
            _ => u64::MAX,
        };
        if len > max {
            return Err(Error::SectionTooLong { kind, len, max });
        }
        let offset = self.next;
        let (check, digest) = (check_bytes(bytes), Digest::of(bytes));
        self.sections.push(Section { kind, offset, len, check, digest });
        if !bytes.is_empty() {
            write(self.sink, offset, bytes)?;
        }
        let end = offset + len;
        self.next = page_up(end).ok_or(Error::TooLarge { what: "more than 2^63 bytes" })?;
        if self.next > end {
            let zeros = vec![0; usize::try_from(self.next - end).unwrap_or(0)];
            write(self.sink, end, &zeros)?;
        }
        Ok(())
    }

    pub(crate) fn finish(
        self,
        tables: &Tables<'_>,
        version: Version,
        minor: u16,
    ) -> Result<Written, Error> {
        let spec = tables.spec;
        let rows = tables.placement.row_starts.last().copied().unwrap_or(0);
        let mut page = Superblock::new_zeroed();
        page.magic = MAGIC;
        page.major = FORMAT_MAJOR;
        page.minor = minor;
        page.section_count = u32::try_from(self.sections.len()).unwrap_or(u32::MAX);
        page.file_len = self.next;
        page.rows = rows;
        page.assets = u32::try_from(spec.assets.len()).unwrap_or(u32::MAX);
        page.columns = u32::try_from(spec.schema.columns().len()).unwrap_or(u32::MAX);
        page.version = *version.as_bytes();
        page.zone_rows = ZONE_ROWS;
        for (entry, section) in page.sections.iter_mut().zip(&self.sections) {
            *entry = section.to_record();
        }
        let digest = superblock_digest(&page);
        page.checksum = *digest.as_bytes();
        page.check = superblock_check(&page);
        write(self.sink, 0, page.as_bytes())?;
        let assets = spec.assets.len() as u64;
        Ok(Written { version, digest, file_len: self.next, assets, rows })
    }
}

/// Hashes the superblock up to its checksum.
pub(crate) fn superblock_digest(page: &Superblock) -> Digest {
    Digest::of(page.as_bytes().get(..offset_of!(Superblock, checksum)).unwrap_or_default())
}

/// Returns the check word of the superblock up to its check word.
pub(crate) fn superblock_check(page: &Superblock) -> u64 {
    check_bytes(page.as_bytes().get(..offset_of!(Superblock, check)).unwrap_or_default())
}
