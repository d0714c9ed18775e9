//! [`Bundle`]: a bundle file seen through its bytes.

use std::ops::Range;

use zerocopy::{FromBytes, Immutable, KnownLayout};

use crate::{
    Adjustment, AdjustmentKind, Digest, PhysicalType, Provenance, Schema, Section, SectionKind,
    Stats, Values, Version,
    error::Error,
    frozen::{FORMAT_MAJOR, MAGIC, NAME_MAX, PAGE, PROVENANCE_MAX, SCHEMA_MAX, ZONE_ROWS},
    record::{
        AdjustmentRecord, AssetRecord, ColumnRecord, GAP_FREE, RAW, SeriesRecord, Superblock,
        ZoneRecord,
    },
    section::{page_up, read_directory},
    symbol,
    writer::superblock_digest,
};

/// One asset of one bundle: a checked, copyable handle.
///
/// A handle is made by the bundle it belongs to; another bundle notices that it is not its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asset {
    ordinal: u32,
    gap_free: bool,
    row_start: usize,
    rows: usize,
    first_time: i64,
    last_time: i64,
    calendar_start: usize,
    calendar_end: usize,
    bundle: u64,
}

impl Asset {
    /// Returns the place of the asset in symbol order, from 0.
    pub fn ordinal(self) -> u32 {
        self.ordinal
    }

    /// Returns the number of the asset's rows.
    pub fn rows(self) -> usize {
        self.rows
    }

    /// Returns the rows of the asset in every column of the bundle.
    pub fn row_range(self) -> Range<usize> {
        self.row_start..self.row_start + self.rows
    }

    /// Returns the first timestamp, or `None` when the asset has no rows.
    pub fn first_time(self) -> Option<i64> {
        (self.rows > 0).then_some(self.first_time)
    }

    /// Returns the last timestamp, or `None` when the asset has no rows.
    pub fn last_time(self) -> Option<i64> {
        (self.rows > 0).then_some(self.last_time)
    }

    /// Returns the stretch of the calendar from the asset's first timestamp to its last.
    pub fn calendar_span(self) -> Range<usize> {
        self.calendar_start..self.calendar_end
    }

    /// Returns the stretch of the calendar that the asset's rows are, one to one; `None` when it has gaps.
    pub fn calendar_range(self) -> Option<Range<usize>> {
        self.gap_free.then(|| self.calendar_span())
    }
}

/// A bundle file, opened over any bytes: a map, or [`AlignedBytes`](crate::AlignedBytes).
///
/// Nothing is decoded or allocated per asset; slices borrow from the bytes.
#[derive(Debug)]
pub struct Bundle<B> {
    bytes: B,
    version: Version,
    digest: Digest,
    rows: usize,
    assets: u32,
    schema: Schema,
    columns: Vec<ColumnRecord>,
    sections: [Section; SectionKind::LISTED.len()],
}

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
        let expected = SectionKind::LISTED.len();
        let listed = page.sections.get(..count.min(page.sections.len())).unwrap_or_default();
        if count != expected {
            return Err(Error::SectionCount { expected, found: count });
        }
        let sections = read_directory(listed, page.file_len)?;
        let rows = usize::try_from(page.rows).map_err(|_| Error::TooLarge { what: "rows" })?;
        let digest = Digest::from_bytes(page.checksum);
        let version = Version::from_bytes(page.version);
        let (assets, columns) = (page.assets, page.columns);
        let schema = read_schema(all, &sections)?;
        let mut this =
            Self { bytes, version, digest, rows, assets, schema, columns: Vec::new(), sections };
        this.check_counts(columns)?;
        this.columns = this.read_columns()?;
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

    /// Finds an asset by its symbol: one hash and, as a rule, one or two comparisons; `None` when the
    /// bundle does not have it.
    ///
    /// # Errors
    ///
    /// [`Error::Record`] when the asset's record, or the index, is damaged.
    pub fn asset(&self, symbol: &str) -> Result<Option<Asset>, Error> {
        let slots = self.records::<u32>(SectionKind::SymbolIndex)?;
        for at in symbol::probe(symbol, slots.len()) {
            let Some(ordinal) = slots.get(at).and_then(|slot| slot.checked_sub(1)) else { break };
            let record = self.asset_record(ordinal)?;
            if self.string(ordinal, record.symbol_at, record.symbol_len)? == symbol {
                return self.check_asset(ordinal, record).map(Some);
            }
        }
        // A damaged index must not hide an asset: a miss is confirmed in the sorted records.
        match self.search(symbol)? {
            None => Ok(None),
            Some(ordinal) => Err(Error::Record {
                kind: SectionKind::SymbolIndex,
                index: u64::from(ordinal),
                offset: self.section(SectionKind::SymbolIndex).offset,
                what: "the index leads past an asset that is there",
            }),
        }
    }

    /// Returns the asset at a place in symbol order.
    ///
    /// # Errors
    ///
    /// [`Error::NoAsset`] when there are not so many, [`Error::Record`] when its record is damaged.
    pub fn asset_at(&self, ordinal: u32) -> Result<Asset, Error> {
        let record = self.asset_record(ordinal)?;
        self.check_asset(ordinal, record)
    }

    /// Tells whether a handle was made by this bundle.
    pub fn owns(&self, asset: Asset) -> bool {
        asset.bundle == self.stamp()
    }

    /// Returns the symbol at a place in symbol order.
    ///
    /// # Errors
    ///
    /// [`Error::NoAsset`] or [`Error::Record`].
    pub fn symbol_at(&self, ordinal: u32) -> Result<&str, Error> {
        let record = self.asset_record(ordinal)?;
        self.string(ordinal, record.symbol_at, record.symbol_len)
    }

    /// Returns the symbol of an asset.
    ///
    /// # Errors
    ///
    /// [`Error::Record`] when the asset's record is damaged.
    pub fn symbol(&self, asset: Asset) -> Result<&str, Error> {
        self.symbol_at(asset.ordinal)
    }

    /// Returns the metadata of an asset: by convention a JSON object, or empty.
    ///
    /// # Errors
    ///
    /// [`Error::Record`] when the asset's record is damaged.
    pub fn metadata(&self, asset: Asset) -> Result<&str, Error> {
        let record = self.asset_record(asset.ordinal)?;
        self.string(asset.ordinal, record.metadata_at, record.metadata_len)
    }

    /// Returns all distinct timestamps of the bundle, ascending: of daily bars, the sessions.
    ///
    /// # Errors
    ///
    /// [`Error::Alignment`] when the bytes do not lie at a multiple of 8.
    pub fn calendar(&self) -> Result<&[i64], Error> {
        self.records(SectionKind::Calendar)
    }

    /// Returns a whole column: the values of all assets, asset after asset. No copy.
    ///
    /// # Errors
    ///
    /// [`Error::NoColumn`], or [`Error::Alignment`] when the bytes do not lie at a multiple of 8.
    pub fn column(&self, index: usize) -> Result<Values<'_>, Error> {
        let record = self.column_record(index)?;
        let physical = self.schema.columns().get(index).map_or(PhysicalType::U8, |it| it.physical);
        if record.encoding != RAW {
            let column = self.schema.columns().get(index).map(|column| column.name.clone());
            let column = column.unwrap_or_default();
            return Err(Error::Encoding { column, encoding: record.encoding });
        }
        let bytes = self.range(record.offset..record.offset + record.len);
        let aligned = bytes.and_then(|bytes| Values::from_bytes(physical, bytes));
        aligned.ok_or(Error::Alignment { kind: SectionKind::Data })
    }

    /// Returns the series of an asset in a column, oldest first. No copy.
    ///
    /// # Errors
    ///
    /// As [`Bundle::column`]; [`Error::NoAsset`] when the handle belongs to another bundle.
    pub fn series(&self, index: usize, asset: Asset) -> Result<Values<'_>, Error> {
        let foreign = Error::NoAsset { ordinal: asset.ordinal, assets: self.assets };
        if !self.owns(asset) {
            return Err(foreign);
        }
        self.column(index)?.slice(asset.row_range()).ok_or(foreign)
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
    /// [`Error::NoColumn`] or [`Error::NoAsset`].
    pub fn series_stats(&self, index: usize, asset: Asset) -> Result<Stats, Error> {
        let record = self.series_record(index, asset.ordinal)?;
        let stored = (record.min, record.max, record.null_count);
        Ok(Stats::from_stored(self.physical(index), asset.rows as u64, stored))
    }

    /// Returns the SHA-256 of a series' little-endian bytes, as it was stored.
    ///
    /// # Errors
    ///
    /// [`Error::NoColumn`] or [`Error::NoAsset`].
    pub fn series_digest(&self, index: usize, asset: Asset) -> Result<Digest, Error> {
        let record = self.series_record(index, asset.ordinal)?;
        Ok(Digest::from_bytes(record.digest))
    }

    /// Returns the statistics of the zones of a series, each of 4096 rows but the last, with their rows;
    /// nothing when the series is not longer than a zone, since its own statistics say the same.
    ///
    /// # Errors
    ///
    /// [`Error::NoColumn`], [`Error::NoAsset`] or [`Error::Record`].
    pub fn series_zones(
        &self,
        index: usize,
        asset: Asset,
    ) -> Result<impl ExactSizeIterator<Item = (u64, Stats)>, Error> {
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
        let bytes = limited(self.as_bytes(), self.section(kind), PROVENANCE_MAX)?;
        Provenance::from_bytes(bytes).map_err(Error::Provenance)
    }

    fn check_counts(&self, columns: u32) -> Result<(), Error> {
        let (assets, found) = (u64::from(self.assets), self.schema.columns().len() as u64);
        if found != u64::from(columns) {
            let expected = u64::from(columns);
            return Err(Error::RecordCount { kind: SectionKind::Schema, expected, found });
        }
        let columns = found;
        let slots = symbol::slot_count(assets).unwrap_or(0);
        for (kind, expected) in [
            (SectionKind::Assets, assets),
            (SectionKind::SymbolIndex, slots),
            (SectionKind::Columns, columns),
            (SectionKind::Series, assets * columns),
        ] {
            let section = self.section(kind);
            let found = section.len / kind.record_len() as u64;
            if found != expected {
                return Err(Error::RecordCount { kind, expected, found });
            }
        }
        Ok(())
    }

    /// Checks and copies the column records: they must tile the data section page by page.
    fn read_columns(&self) -> Result<Vec<ColumnRecord>, Error> {
        let kind = SectionKind::Columns;
        let section = self.section(kind);
        let bytes = checked_digest(self.as_bytes(), section)?;
        let columns =
            <[ColumnRecord]>::ref_from_bytes(bytes).map_err(|_| Error::Alignment { kind })?;
        let data = self.section(SectionKind::Data);
        let mut next = data.offset;
        let rows = self.rows as u64;
        for (index, (record, column)) in columns.iter().zip(self.schema.columns()).enumerate() {
            let width = column.physical.width() as u64;
            let fits = record.encoding != RAW || rows.checked_mul(width) == Some(record.len);
            let same = record.physical == column.physical.tag() && record.rows == rows;
            let end = record.offset.checked_add(record.len).and_then(page_up);
            match end {
                Some(end) if fits && same && record.offset == next => next = end,
                _ => {
                    return Err(self.damaged(kind, index, "place, length or type is not possible"));
                }
            }
        }
        if next != data.offset + data.len {
            return Err(self.damaged(
                kind,
                columns.len(),
                "the columns do not fill the data section",
            ));
        }
        Ok(columns.to_vec())
    }

    pub(crate) fn section(&self, kind: SectionKind) -> &Section {
        // The directory lists every kind in order; the superblock is not listed and never asked for.
        let index = (kind.number() as usize).saturating_sub(1);
        self.sections.get(index).unwrap_or(&self.sections[0])
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

    pub(crate) fn damaged(&self, kind: SectionKind, index: usize, what: &'static str) -> Error {
        let index = index as u64;
        let offset = self.section(kind).offset + index * kind.record_len() as u64;
        Error::Record { kind, index, offset, what }
    }

    pub(crate) fn asset_record(&self, ordinal: u32) -> Result<&AssetRecord, Error> {
        let records = self.records::<AssetRecord>(SectionKind::Assets)?;
        records.get(ordinal as usize).ok_or(Error::NoAsset { ordinal, assets: self.assets })
    }

    pub(crate) fn column_record(&self, index: usize) -> Result<&ColumnRecord, Error> {
        let columns = self.columns.len();
        self.columns.get(index).ok_or(Error::NoColumn { index, columns })
    }

    pub(crate) fn series_record(&self, index: usize, ordinal: u32) -> Result<&SeriesRecord, Error> {
        self.column_record(index)?;
        let records = self.records::<SeriesRecord>(SectionKind::Series)?;
        let place = index * self.assets as usize + ordinal as usize;
        let record = records.get(place).filter(|_| ordinal < self.assets);
        record.ok_or(Error::NoAsset { ordinal, assets: self.assets })
    }

    pub(crate) fn zone_records(&self, index: usize, asset: Asset) -> Result<&[ZoneRecord], Error> {
        let start = self.series_record(index, asset.ordinal)?.zone_start;
        let rows = asset.rows as u64;
        let count = if rows > ZONE_ROWS { rows.div_ceil(ZONE_ROWS) } else { 0 };
        let records = self.records::<ZoneRecord>(SectionKind::Zones)?;
        let range = usize::try_from(start).ok().zip(usize::try_from(count).ok());
        let zones = range.and_then(|(start, count)| records.get(start..start.checked_add(count)?));
        zones.ok_or_else(|| {
            let place = index * self.assets as usize + asset.ordinal as usize;
            self.damaged(SectionKind::Series, place, "its zones do not exist")
        })
    }

    fn physical(&self, index: usize) -> PhysicalType {
        self.schema.columns().get(index).map_or(PhysicalType::U8, |column| column.physical)
    }

    /// A number by which handles of this bundle are known.
    fn stamp(&self) -> u64 {
        let (first, _) = self.digest.as_bytes().as_chunks::<8>();
        first.first().map_or(0, |bytes| u64::from_le_bytes(*bytes))
    }

    pub(crate) fn string(&self, ordinal: u32, at: u64, len: u32) -> Result<&str, Error> {
        let strings = self.section(SectionKind::Strings);
        let end = at.checked_add(u64::from(len)).filter(|&end| end <= strings.len);
        let bytes = end.and_then(|end| self.range(strings.offset + at..strings.offset + end));
        let text = bytes.and_then(|bytes| std::str::from_utf8(bytes).ok());
        let what = "its symbol or metadata is outside the strings or not UTF-8";
        text.ok_or_else(|| self.damaged(SectionKind::Assets, ordinal as usize, what))
    }

    fn check_asset(&self, ordinal: u32, record: &AssetRecord) -> Result<Asset, Error> {
        let narrow = |value: u64| usize::try_from(value).ok();
        let calendar_len = self.section(SectionKind::Calendar).len / size_of::<i64>() as u64;
        let fits =
            record.row_start.checked_add(record.rows).is_some_and(|end| end <= self.rows as u64)
                && record.calendar_start <= record.calendar_end
                && record.calendar_end <= calendar_len
                && record.calendar_end - record.calendar_start >= record.rows
                && (1..=NAME_MAX).contains(&(record.symbol_len as usize))
                && record.flags & !GAP_FREE == 0
                && record.check == record.check_word(ordinal);
        let gap_free = record.flags & GAP_FREE != 0;
        let even = record.calendar_end.wrapping_sub(record.calendar_start) == record.rows;
        let what = "its check word or its ranges are not right";
        let places = (fits && gap_free == even).then(|| {
            Some(Asset {
                ordinal,
                gap_free,
                row_start: narrow(record.row_start)?,
                rows: narrow(record.rows)?,
                first_time: record.first_time,
                last_time: record.last_time,
                calendar_start: narrow(record.calendar_start)?,
                calendar_end: narrow(record.calendar_end)?,
                bundle: self.stamp(),
            })
        });
        places.flatten().ok_or_else(|| self.damaged(SectionKind::Assets, ordinal as usize, what))
    }

    /// Searches the sorted records for a symbol.
    fn search(&self, symbol: &str) -> Result<Option<u32>, Error> {
        let (mut low, mut high) = (0, self.assets);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.symbol_at(middle)?.cmp(symbol) {
                std::cmp::Ordering::Equal => return Ok(Some(middle)),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        Ok(None)
    }
}

fn read_superblock(all: &[u8]) -> Result<&Superblock, Error> {
    let too_short = Error::TooShort { len: all.len() };
    let (page, _) = all.split_at_checked(size_of::<Superblock>()).ok_or(too_short)?;
    let kind = SectionKind::Superblock;
    let page = Superblock::ref_from_bytes(page).map_err(|_| Error::Alignment { kind })?;
    if page.magic != MAGIC {
        return Err(Error::Magic { found: page.magic });
    }
    if page.major != FORMAT_MAJOR {
        return Err(Error::FormatVersion { found: page.major });
    }
    if superblock_digest(page).as_bytes() != &page.checksum {
        return Err(Error::SuperblockChecksum);
    }
    let used = usize::try_from(page.section_count).unwrap_or(usize::MAX);
    let unused = page.sections.get(used..).unwrap_or_default();
    let zeros = page.reserved == [0; 48]
        && page.reserved_end == [0; 32]
        && unused.iter().all(|entry| zerocopy::IntoBytes::as_bytes(entry).iter().all(|&b| b == 0));
    for (field, found, expected) in [
        ("zone_rows", page.zone_rows, ZONE_ROWS),
        ("reserved", u64::from(!zeros), 0),
        ("file_len modulo page", page.file_len % PAGE, 0),
    ] {
        if found != expected {
            return Err(Error::SuperblockField { field, found, expected });
        }
    }
    let found = all.len() as u64;
    if page.file_len != found {
        return Err(Error::FileLength { expected: page.file_len, found });
    }
    Ok(page)
}

fn read_schema(all: &[u8], sections: &[Section]) -> Result<Schema, Error> {
    let section = sections.iter().find(|section| section.kind == SectionKind::Schema);
    let section = section.ok_or(Error::SectionCount { expected: 1, found: 0 })?;
    limited(all, section, SCHEMA_MAX)?;
    Ok(Schema::from_bytes(checked_digest(all, section)?)?)
}

/// Returns the bytes of a section that has a limit.
fn limited<'a>(all: &'a [u8], section: &Section, max: u64) -> Result<&'a [u8], Error> {
    let (kind, len) = (section.kind, section.len);
    if len > max {
        return Err(Error::SectionTooLong { kind, len, max });
    }
    Ok(section_bytes(all, section))
}

fn section_bytes<'a>(all: &'a [u8], section: &Section) -> &'a [u8] {
    let range = section.range();
    let start = usize::try_from(range.start).unwrap_or(usize::MAX);
    all.get(start..usize::try_from(range.end).unwrap_or(0)).unwrap_or_default()
}

/// Returns the bytes of a section after comparing them with its digest.
fn checked_digest<'a>(all: &'a [u8], section: &Section) -> Result<&'a [u8], Error> {
    let bytes = section_bytes(all, section);
    if Digest::of(bytes) != section.digest {
        return Err(Error::SectionDigest { kind: section.kind, offset: section.offset });
    }
    Ok(bytes)
}
