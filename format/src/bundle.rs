//! [`Bundle`]: a bundle file seen through its bytes.

use std::ops::Range;

use zerocopy::{FromBytes, Immutable, KnownLayout};

use crate::{
    Adjustment, AdjustmentKind, Asset, Digest, Encoding, PhysicalType, Provenance, Schema, Section,
    SectionKind, Stats, Values, Version,
    error::Error,
    frozen::{PROVENANCE_MAX, ZONE_ROWS},
    open::{limited, read_schema, read_superblock},
    pages::Pages,
    record::{AdjustmentRecord, ColumnRecord, RAW, SEGMENTS, SeriesRecord, ZoneRecord},
    section::read_directory,
};

/// A bundle file, opened over any bytes: a map, or [`AlignedBytes`](crate::AlignedBytes).
///
/// Nothing is decoded or allocated per asset; slices borrow from the bytes.
#[derive(Debug)]
pub struct Bundle<B> {
    bytes: B,
    version: Version,
    digest: Digest,
    pub(crate) rows: usize,
    pub(crate) assets: u32,
    pub(crate) schema: Schema,
    pub(crate) columns: Vec<ColumnRecord>,
    pub(crate) sections: Vec<Section>,
    /// Rows that lie in this file: all of them, but for a segmented file.
    pub(crate) local_rows: usize,
    /// Which pages were compared with their check words, where they are to be.
    pub(crate) pages: Option<Pages>,
}

/// What stands for a section that the file does not have: nothing, at its very beginning.
const NO_SECTION: Section = Section {
    kind: SectionKind::Superblock,
    offset: 0,
    len: 0,
    check: 0,
    digest: Digest::from_bytes([0; 32]),
};

impl<B: AsRef<[u8]>> Bundle<B> {
    /// Opens a bundle: checks first page, directory, geometry, schema and columns. Takes the same time for
    /// any number of bars and of assets. It does not read the data: that is for [`Bundle::verify`].
    ///
    /// # Errors
    ///
    /// Any [`Error`] of reading: the bytes are not a bundle, or are damaged where it matters for opening.
    pub fn open(bytes: B) -> Result<Self, Error> {
        let all = bytes.as_ref();
        let page = read_superblock(all)?;
        let count = usize::try_from(page.section_count).unwrap_or(usize::MAX);
        let listed = page
            .sections
            .get(..count)
            .ok_or(Error::SectionCount { expected: SectionKind::LISTED.len() + 1, found: count })?;
        let sections = read_directory(listed, page.file_len)?;
        let rows = usize::try_from(page.rows).map_err(|_| Error::TooLarge { what: "rows" })?;
        let digest = Digest::from_bytes(page.checksum);
        let version = Version::from_bytes(page.version);
        let (assets, columns) = (page.assets, page.columns);
        let schema = read_schema(all, &sections)?;
        let (columns_read, local_rows) = (Vec::new(), rows);
        let mut this = Self {
            bytes,
            version,
            digest,
            rows,
            assets,
            schema,
            columns: columns_read,
            sections,
            local_rows,
            pages: None,
        };
        this.check_counts(columns)?;
        this.check_parts()?;
        this.columns = this.read_columns()?;
        this.local_rows = this.count_local_rows();
        Ok(this)
    }

    /// Returns the version of the content.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Returns the digest of the file, by which a catalog names it.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Returns columns, frequency and the meaning of timestamps.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Returns the rows of every column.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Returns the number of assets.
    pub fn asset_count(&self) -> u32 {
        self.assets
    }

    /// Returns where the sections lie, in file order.
    pub fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// Returns the bytes of the whole file.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.as_ref()
    }

    /// Returns all distinct timestamps of the bundle, ascending: of daily bars, the sessions.
    ///
    /// # Errors
    ///
    /// [`Error::Alignment`] when the bytes do not lie at a multiple of 8, [`Error::Page`] when pages are checked and one of
    /// it is damaged.
    #[inline]
    pub fn calendar(&self) -> Result<&[i64], Error> {
        self.touch(self.section(SectionKind::Calendar).range())?;
        self.records(SectionKind::Calendar)
    }

    /// Returns a whole column: the values of all assets, asset after asset. No copy.
    ///
    /// # Errors
    ///
    /// [`Error::NoColumn`], [`Error::Compressed`] when the column is not raw, or [`Error::Alignment`] when
    /// the bytes do not lie at a multiple of 8.
    pub fn column(&self, index: usize) -> Result<Values<'_>, Error> {
        self.values(index, 0, self.rows)
    }

    /// Returns the series of an asset in a column, oldest first. No copy.
    ///
    /// # Errors
    ///
    /// As [`Bundle::column`]; [`Error::ForeignAsset`] when the handle belongs to another bundle.
    pub fn series(&self, index: usize, asset: Asset) -> Result<Values<'_>, Error> {
        self.check_owned(asset)?;
        let rows = asset.row_range();
        self.values(index, rows.start, rows.len())
    }

    /// Returns smallest and largest value and missing values of a whole column, without reading it.
    ///
    /// # Errors
    ///
    /// [`Error::NoColumn`].
    pub fn column_stats(&self, index: usize) -> Result<Stats, Error> {
        let record = self.column_record(index)?;
        let stored = (record.min, record.max, record.null_count);
        Ok(Stats::from_stored(self.physical(index), record.rows, stored))
    }

    /// Returns smallest and largest value and missing values of a series, without reading it.
    ///
    /// # Errors
    ///
    /// [`Error::NoColumn`] or [`Error::ForeignAsset`].
    pub fn series_stats(&self, index: usize, asset: Asset) -> Result<Stats, Error> {
        self.check_owned(asset)?;
        Ok(self.stats_of(index, asset, self.series_record(index, asset.ordinal())?))
    }

    /// Returns the statistics in the record of a series.
    pub(crate) fn stats_of(&self, index: usize, asset: Asset, record: &SeriesRecord) -> Stats {
        let stored = (record.min, record.max, record.null_count);
        Stats::from_stored(self.physical(index), asset.rows() as u64, stored)
    }

    /// Returns the SHA-256 of a series' little-endian bytes, as it was stored.
    ///
    /// # Errors
    ///
    /// [`Error::NoColumn`] or [`Error::ForeignAsset`].
    pub fn series_digest(&self, index: usize, asset: Asset) -> Result<Digest, Error> {
        self.check_owned(asset)?;
        let record = self.series_record(index, asset.ordinal())?;
        Ok(Digest::from_bytes(record.digest))
    }

    /// Returns the statistics of the zones of a series, each of 4096 rows but the last, with their rows;
    /// nothing when the series is raw and not longer than a zone, since its own statistics say the same.
    ///
    /// # Errors
    ///
    /// [`Error::NoColumn`], [`Error::ForeignAsset`] or [`Error::Record`].
    pub fn series_zones(
        &self,
        index: usize,
        asset: Asset,
    ) -> Result<impl ExactSizeIterator<Item = (u64, Stats)>, Error> {
        self.check_owned(asset)?;
        let physical = self.physical(index);
        let records = self.zone_records(index, asset)?;
        Ok(records.iter().map(move |zone| {
            let stored = (zone.min, zone.max, zone.null_count);
            (zone.rows, Stats::from_stored(physical, zone.rows, stored))
        }))
    }

    /// Returns the corporate actions, by asset, time and kind.
    ///
    /// # Errors
    ///
    /// [`Error::Record`] when one of them is damaged.
    pub fn adjustments(&self) -> Result<Vec<Adjustment>, Error> {
        let kind = SectionKind::Adjustments;
        self.touch(self.section(kind).range())?;
        let records = self.records::<AdjustmentRecord>(kind)?;
        let read = |(index, record): (usize, &AdjustmentRecord)| {
            let value = f64::from_bits(record.value);
            match AdjustmentKind::from_tag(record.kind) {
                Some(kind) if record.asset < self.assets && value.is_finite() => {
                    Ok(Adjustment { asset: record.asset, time: record.time, kind, value })
                }
                _ => Err(self.damaged(kind, index, "asset, kind or value is not possible")),
            }
        };
        records.iter().enumerate().map(read).collect()
    }

    /// Reads where the content came from. Takes time in the number of sources.
    ///
    /// # Errors
    ///
    /// [`Error::Provenance`] or [`Error::SectionTooLong`] when the section is damaged.
    pub fn provenance(&self) -> Result<Provenance, Error> {
        let kind = SectionKind::Provenance;
        self.touch(self.section(kind).range())?;
        let bytes = limited(self.as_bytes(), self.section(kind), PROVENANCE_MAX)?;
        Provenance::from_bytes(bytes).map_err(Error::Provenance)
    }

    pub(crate) fn section(&self, kind: SectionKind) -> &Section {
        // The directory lists the kinds in order, but a file need not have the last three; the superblock is not listed and
        // never asked for.
        let found = match kind {
            SectionKind::PageChecks => self.sections.last(),
            _ => self.sections.get((kind.number() as usize).saturating_sub(1)),
        };
        found.filter(|section| section.kind == kind).unwrap_or(&NO_SECTION)
    }

    pub(crate) fn range(&self, range: Range<u64>) -> Option<&[u8]> {
        let start = usize::try_from(range.start).ok()?;
        self.as_bytes().get(start..usize::try_from(range.end).ok()?)
    }

    pub(crate) fn records<T: FromBytes + Immutable + KnownLayout>(
        &self,
        kind: SectionKind,
    ) -> Result<&[T], Error> {
        let bytes = self.range(self.section(kind).range()).unwrap_or_default();
        <[T]>::ref_from_bytes(bytes).map_err(|_| Error::Alignment { kind })
    }

    /// Returns the bytes of some records, as far as there are so many.
    #[inline]
    pub(crate) fn bytes_of(&self, kind: SectionKind, records: Range<usize>) -> Range<u64> {
        let (section, len) = (self.section(kind), kind.record_len() as u64);
        let byte = |record: usize| section.offset + (record as u64 * len).min(section.len);
        byte(records.start)..byte(records.end)
    }

    pub(crate) fn damaged(&self, kind: SectionKind, index: usize, what: &'static str) -> Error {
        let index = index as u64;
        let offset = self.section(kind).offset + index * kind.record_len() as u64;
        Error::Record { kind, index, offset, what }
    }

    pub(crate) fn column_record(&self, index: usize) -> Result<&ColumnRecord, Error> {
        let columns = self.columns.len();
        self.columns.get(index).ok_or_else(|| Error::NoColumn { index, columns })
    }

    pub(crate) fn series_record(&self, index: usize, ordinal: u32) -> Result<&SeriesRecord, Error> {
        self.column_record(index)?;
        let records = self.records::<SeriesRecord>(SectionKind::Series)?;
        let place = index * self.assets as usize + ordinal as usize;
        self.touch(self.bytes_of(SectionKind::Series, place..place + 1))?;
        let record = records.get(place).filter(|_| ordinal < self.assets);
        record.ok_or_else(|| Error::NoAsset { ordinal, assets: self.assets })
    }

    /// Returns `rows` values of a raw column from row `start` on.
    pub(crate) fn values(
        &self,
        index: usize,
        start: usize,
        rows: usize,
    ) -> Result<Values<'_>, Error> {
        let record = self.column_record(index)?;
        match record.encoding {
            RAW => self.stored(index, record, start, rows),
            SEGMENTS => Err(self.segmented_column(index)),
            _ => Err(self.compressed(index)),
        }
    }

    /// Returns `rows` values that lie in the file as they are, from row `start` of this file on.
    pub(crate) fn stored(
        &self,
        index: usize,
        record: &ColumnRecord,
        start: usize,
        rows: usize,
    ) -> Result<Values<'_>, Error> {
        let physical = self.physical(index);
        let width = physical.width() as u64;
        let first = record.offset + start as u64 * width;
        let bytes = self.range(first..first + rows as u64 * width);
        let aligned = bytes.and_then(|bytes| Values::from_bytes(physical, bytes));
        aligned.ok_or_else(|| Error::Alignment { kind: SectionKind::Data })
    }

    #[cold]
    pub(crate) fn segmented_column(&self, index: usize) -> Error {
        let column = self.schema.columns().get(index).map(|column| column.name.clone());
        Error::Segmented { column: column.unwrap_or_default() }
    }

    #[cold]
    pub(crate) fn compressed(&self, index: usize) -> Error {
        let column = self.schema.columns().get(index).map(|column| column.name.clone());
        Error::Compressed { column: column.unwrap_or_default() }
    }

    pub(crate) fn check_owned(&self, asset: Asset) -> Result<(), Error> {
        if self.owns(asset) {
            return Ok(());
        }
        Err(Error::ForeignAsset { ordinal: asset.ordinal() })
    }

    /// Returns the zone records of a series. Series have theirs one behind the other: that the next one's begin where
    /// these end is checked, so that a changed bit does not lead to another series' blocks.
    pub(crate) fn zone_records(&self, index: usize, asset: Asset) -> Result<&[ZoneRecord], Error> {
        let start = self.series_record(index, asset.ordinal())?.zone_start;
        let place = index * self.assets as usize + asset.ordinal() as usize;
        let records = self.records::<ZoneRecord>(SectionKind::Zones)?;
        self.touch(self.bytes_of(SectionKind::Series, place + 1..place + 2))?;
        let next = self.records::<SeriesRecord>(SectionKind::Series)?.get(place + 1);
        let end = next.map_or(records.len() as u64, |next| next.zone_start);
        let rows = asset.rows() as u64;
        let zoned = rows > ZONE_ROWS || self.encoding(index) == Encoding::Blocks;
        let count = if zoned { rows.div_ceil(ZONE_ROWS) } else { 0 };
        let range = usize::try_from(start).ok().zip(usize::try_from(end).ok());
        let zones = range
            .and_then(|(start, end)| records.get(start..end).map(|zones| (start..end, zones)))
            .filter(|(_, zones)| zones.len() as u64 == count)
            .ok_or_else(|| self.damaged(SectionKind::Series, place, "its zones do not exist"));
        let (places, zones) = zones?;
        self.touch(self.bytes_of(SectionKind::Zones, places))?;
        Ok(zones)
    }

    pub(crate) fn physical(&self, index: usize) -> PhysicalType {
        self.schema.columns().get(index).map_or(PhysicalType::U8, |column| column.physical)
    }
}
