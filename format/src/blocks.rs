//! Reading columns that are stored in blocks: where a block lies is checked before it is used, and its
//! checksum each time that it is decoded.

use std::ops::Range;

use crate::{
    Asset, Bundle, Digest, PhysicalType, SectionKind, Values, ValuesBuf,
    block::{BlockError, decode_block},
    error::Error,
    frozen::ZONE_ROWS,
    record::{BLOCKS, RAW, SEGMENTS, ZoneRecord},
};

/// How the values of a column lie in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Encoding {
    /// As plain values, which are used in place.
    Raw,
    /// In compressed blocks of at most 4096 rows of one series.
    Blocks,
    /// Some of them as plain values in this file, the others in other parts.
    Segments,
}

impl Encoding {
    /// Returns the name: `raw`, `blocks` or `segments`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Blocks => "blocks",
            Self::Segments => "segments",
        }
    }

    pub(crate) fn from_number(number: u32) -> Option<Self> {
        match number {
            RAW => Some(Self::Raw),
            BLOCKS => Some(Self::Blocks),
            SEGMENTS => Some(Self::Segments),
            _ => None,
        }
    }

    pub(crate) fn number(self) -> u32 {
        match self {
            Self::Raw => RAW,
            Self::Blocks => BLOCKS,
            Self::Segments => SEGMENTS,
        }
    }
}

/// Rows of a block, but for the last one of a series.
const BLOCK_ROWS: usize = 4096;
const _: () = assert!(BLOCK_ROWS as u64 == ZONE_ROWS);

impl<B: AsRef<[u8]>> Bundle<B> {
    /// Returns how a column's values lie in the file; a column that the bundle does not have counts as raw,
    /// and reading it is [`Error::NoColumn`].
    #[inline]
    pub fn encoding(&self, index: usize) -> Encoding {
        let record = self.columns.get(index);
        // Opening has refused all other encodings.
        record.and_then(|record| Encoding::from_number(record.encoding)).unwrap_or(Encoding::Raw)
    }

    /// Returns the bytes that a column takes in the file, without the zeros behind it.
    ///
    /// # Errors
    ///
    /// [`Error::NoColumn`].
    pub fn stored_bytes(&self, index: usize) -> Result<u64, Error> {
        Ok(self.column_record(index)?.len)
    }

    /// Reads `rows` of an asset (its first row is 0) into `out`: little-endian bytes of the column's type,
    /// oldest first. Decodes the blocks that hold them, after comparing each with its checksum; a block that
    /// is asked for in part is decoded whole.
    ///
    /// # Errors
    ///
    /// [`Error::NoColumn`], [`Error::ForeignAsset`], [`Error::Rows`] when the asset has not so many rows,
    /// [`Error::Room`] when `out` has another length, [`Error::Record`] or [`Error::Block`] when the file is
    /// damaged. `out` then holds anything.
    pub fn read_rows(
        &self,
        index: usize,
        asset: Asset,
        rows: Range<usize>,
        out: &mut [u8],
    ) -> Result<(), Error> {
        self.check_owned(asset)?;
        self.column_record(index)?;
        if rows.start > rows.end || rows.end > asset.rows() {
            let (start, end) = (rows.start, rows.end);
            return Err(Error::Rows { start, end, rows: asset.rows() });
        }
        let physical = self.physical(index);
        let width = physical.width();
        let expected = rows.len() * width;
        if out.len() != expected {
            return Err(Error::Room { expected, found: out.len() });
        }
        if self.encoding(index) != Encoding::Blocks {
            let from = asset.row_range().start + rows.start;
            out.copy_from_slice(self.values(index, from, rows.len())?.as_bytes());
            return Ok(());
        }
        let zones = self.zone_records(index, asset)?;
        let mut whole: Option<ValuesBuf> = None;
        let (mut left, mut row) = (out, rows.start);
        while row < rows.end {
            let zone = row / BLOCK_ROWS;
            let first = zone * BLOCK_ROWS;
            let block_rows = (asset.rows() - first).min(BLOCK_ROWS);
            let end = rows.end.min(first + block_rows);
            let (target, rest) = left.split_at_mut((end - row) * width);
            if end - row == block_rows {
                self.decode_zone(index, asset, zones, zone, target)?;
            } else {
                let buf = whole.insert(ValuesBuf::zeroed(physical, block_rows));
                self.decode_zone(index, asset, zones, zone, buf.as_bytes_mut())?;
                let wanted = (row - first) * width..(end - first) * width;
                target.copy_from_slice(buf.as_bytes_mut().get(wanted).unwrap_or_default());
            }
            (left, row) = (rest, end);
        }
        Ok(())
    }

    /// Returns the checksum of a block of a series, the first of which is 0: the first half of the SHA-256 of its stored
    /// bytes, which together with type and number of rows tell its values. Nothing is read but its record.
    ///
    /// # Errors
    ///
    /// [`Error::NoColumn`], [`Error::ForeignAsset`]; [`Error::Record`] when the series has no such block, as it has none in
    /// a column of another encoding than [`Encoding::Blocks`].
    pub fn block_checksum(
        &self,
        index: usize,
        asset: Asset,
        block: usize,
    ) -> Result<[u8; 16], Error> {
        self.check_owned(asset)?;
        let zones = self.zone_records(index, asset)?;
        let zones = if self.encoding(index) == Encoding::Blocks { zones } else { &[] };
        let record = zones.get(block).map(|record| record.checksum);
        record.ok_or_else(|| self.damaged(SectionKind::Zones, block, "it does not exist"))
    }

    /// Reads a whole series, of any encoding, into memory of its own.
    ///
    /// # Errors
    ///
    /// As [`Bundle::read_rows`].
    pub fn read_series(&self, index: usize, asset: Asset) -> Result<ValuesBuf, Error> {
        self.check_owned(asset)?;
        if self.encoding(index) == Encoding::Segments {
            return Err(self.segmented_column(index));
        }
        // The records of the blocks must be there before memory is taken for what they claim to hold.
        self.zone_records(index, asset)?;
        let mut buf = ValuesBuf::zeroed(self.physical(index), asset.rows());
        self.read_rows(index, asset, 0..asset.rows(), buf.as_bytes_mut())?;
        Ok(buf)
    }

    /// Hands on a series piece by piece: the mapped values as a whole, or block after block.
    pub(crate) fn each_piece(
        &self,
        index: usize,
        asset: Asset,
        take: &mut dyn FnMut(Values<'_>),
    ) -> Result<(), Error> {
        if self.encoding(index) != Encoding::Blocks {
            take(self.series(index, asset)?);
            return Ok(());
        }
        for start in (0..asset.rows()).step_by(BLOCK_ROWS) {
            let rows = start..asset.rows().min(start + BLOCK_ROWS);
            let mut buf = ValuesBuf::zeroed(self.physical(index), rows.len());
            self.read_rows(index, asset, rows, buf.as_bytes_mut())?;
            take(buf.values());
        }
        Ok(())
    }

    /// Compares stored zone records with those of the values; where blocks lie is checked elsewhere.
    pub(crate) fn same_zones(
        &self,
        index: usize,
        asset: Asset,
        expected: &[ZoneRecord],
    ) -> Result<bool, Error> {
        let stored = self.zone_records(index, asset)?;
        if self.encoding(index) != Encoding::Blocks {
            return Ok(stored == expected);
        }
        let stats = |zone: &ZoneRecord| (zone.min, zone.max, zone.null_count, zone.rows);
        Ok(stored.iter().map(stats).eq(expected.iter().map(stats)))
    }

    /// Returns where the first bytes of a series lie, as well as that is known.
    pub(crate) fn series_offset(&self, index: usize, asset: Asset) -> u64 {
        let column = self.column_record(index).map_or(0, |record| record.offset);
        match self.encoding(index) {
            Encoding::Raw => {
                let row = asset.row_range().start as u64;
                column + row * self.physical(index).width() as u64
            }
            Encoding::Blocks => {
                let zones = self.zone_records(index, asset).unwrap_or_default();
                zones.first().map_or(column, |zone| zone.offset)
            }
            Encoding::Segments => column,
        }
    }

    /// Returns where the block of a zone lies in the file, after checking that it lies in its column.
    pub(crate) fn block_range(
        &self,
        index: usize,
        asset: Asset,
        zone: usize,
        record: &ZoneRecord,
    ) -> Result<Range<u64>, Error> {
        let column = self.column_record(index)?;
        let rows = (asset.rows() as u64).saturating_sub(zone as u64 * ZONE_ROWS).min(ZONE_ROWS);
        let longest = 1 + rows * self.physical(index).width() as u64;
        let end = record.offset.checked_add(record.stored_len);
        let inside = record.offset >= column.offset
            && end.is_some_and(|end| end <= column.offset + column.len)
            && (1..=longest).contains(&record.stored_len)
            && record.rows == rows;
        if let Some(end) = end.filter(|_| inside) {
            return Ok(record.offset..end);
        }
        let first = self.series_record(index, asset.ordinal())?.zone_start;
        let place = usize::try_from(first).unwrap_or(usize::MAX).saturating_add(zone);
        Err(self.damaged(SectionKind::Zones, place, "its block is outside the column"))
    }

    fn decode_zone(
        &self,
        index: usize,
        asset: Asset,
        zones: &[ZoneRecord],
        zone: usize,
        out: &mut [u8],
    ) -> Result<(), Error> {
        let no_zone = || self.damaged(SectionKind::Zones, zone, "it does not exist");
        let record = zones.get(zone).ok_or_else(no_zone)?;
        let range = self.block_range(index, asset, zone, record)?;
        let offset = range.start;
        let bytes = self.range(range).unwrap_or_default();
        let physical = self.physical(index);
        let rows = out.len() / physical.width();
        decode_checked(bytes, record.checksum, physical, rows, out).map_err(|source| {
            let column = self.schema.columns().get(index).map(|column| column.name.clone());
            let (column, symbol) = (column.unwrap_or_default(), self.symbol(asset));
            let symbol = symbol.unwrap_or_default().to_owned();
            Error::Block { column, symbol, row: zone * BLOCK_ROWS, offset, source }
        })
    }
}

fn decode_checked(
    bytes: &[u8],
    checksum: [u8; 16],
    physical: PhysicalType,
    rows: usize,
    out: &mut [u8],
) -> Result<(), BlockError> {
    if block_checksum(bytes) != checksum {
        return Err(BlockError::Checksum);
    }
    decode_block(bytes, physical, rows, out)
}

/// First half of the SHA-256 of a stored block.
pub(crate) fn block_checksum(bytes: &[u8]) -> [u8; 16] {
    let digest = Digest::of(bytes);
    digest.as_bytes().first_chunk::<16>().copied().unwrap_or([0; 16])
}
