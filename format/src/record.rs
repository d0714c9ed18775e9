//! The fixed records of a bundle file, field by field as `docs/format.md` lists them. All numbers are
//! little-endian; the crate refuses to build for another byte order.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::{check::check_words, frozen::SECTIONS_MAX};

#[cfg(not(target_endian = "little"))]
compile_error!("bundle files are little-endian and used in place: the host must be little-endian");

/// Page 0 of the file.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Superblock {
    /// [`MAGIC`](crate::frozen::MAGIC).
    pub magic: [u8; 8],
    /// Format major version.
    pub major: u16,
    /// Format minor version.
    pub minor: u16,
    /// Entries used of the section directory.
    pub section_count: u32,
    /// Length of the file in bytes.
    pub file_len: u64,
    /// Rows of every column.
    pub rows: u64,
    /// Number of assets.
    pub assets: u32,
    /// Number of columns.
    pub columns: u32,
    /// Content version.
    pub version: [u8; 32],
    /// Rows of one zone.
    pub zone_rows: u64,
    /// Zero.
    pub reserved: [u8; 48],
    /// Section directory.
    pub sections: [SectionRecord; SECTIONS_MAX],
    /// Zero.
    pub reserved_end: [u8; 24],
    /// SHA-256 of all bytes of the page before this field. It names the part.
    pub checksum: [u8; 32],
    /// Check word of all bytes of the page before this field.
    pub check: u64,
}

/// One entry of the section directory.
#[derive(Debug, Clone, Copy, PartialEq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct SectionRecord {
    /// Kind of the section.
    pub kind: u32,
    /// Bytes of one record, or 1 where the section is not records.
    pub record_len: u32,
    /// Where the section begins in the file: a multiple of the page.
    pub offset: u64,
    /// Bytes of the section, without the zeros that fill its last page.
    pub len: u64,
    /// Check word of the section's bytes; zero for the data section.
    pub check: u64,
    /// SHA-256 of the section; zero for the data section, which the series digests cover.
    pub digest: [u8; 32],
}

/// One asset; records are sorted by symbol, byte by byte.
#[derive(Debug, Clone, Copy, PartialEq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct AssetRecord {
    /// Where the symbol begins in the strings section.
    pub symbol_at: u64,
    /// Where the metadata begins in the strings section.
    pub metadata_at: u64,
    /// Bytes of the symbol, 1 to 255.
    pub symbol_len: u32,
    /// Bytes of the metadata; may be 0.
    pub metadata_len: u32,
    /// First row of the asset in every column.
    pub row_start: u64,
    /// Rows of the asset.
    pub rows: u64,
    /// First timestamp; 0 where there are no rows.
    pub first_time: i64,
    /// Last timestamp; 0 where there are no rows.
    pub last_time: i64,
    /// Place of the first timestamp in the calendar.
    pub calendar_start: u64,
    /// Place behind the last timestamp in the calendar.
    pub calendar_end: u64,
    /// Bit 0: the asset has a row at every calendar entry between its first and its last.
    pub flags: u64,
    /// Check word over the other fields and the record's place.
    pub check: u64,
}

/// Flag of an asset without gaps on the calendar.
pub const GAP_FREE: u64 = 1;

impl AssetRecord {
    /// Computes the check word of the record's ten other 64-bit words and of its place, counted from 1.
    #[inline]
    pub fn check_word(&self, ordinal: u32) -> u64 {
        check_words([
            self.symbol_at,
            self.metadata_at,
            u64::from(self.symbol_len) | u64::from(self.metadata_len) << 32,
            self.row_start,
            self.rows,
            self.first_time.cast_unsigned(),
            self.last_time.cast_unsigned(),
            self.calendar_start,
            self.calendar_end,
            self.flags,
            u64::from(ordinal) + 1,
        ])
    }
}

/// One column.
#[derive(Debug, Clone, Copy, PartialEq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct ColumnRecord {
    /// Where the column's bytes begin in the file: a multiple of the page.
    pub offset: u64,
    /// Stored bytes of the column.
    pub len: u64,
    /// Encoding: 0 raw; 1 blocks, each with its codec; 2 segments.
    pub encoding: u32,
    /// Physical type, the same tag as in the schema.
    pub physical: u32,
    /// Rows of the column.
    pub rows: u64,
    /// Smallest value, f64 bits or i64; 0 where there is none.
    pub min: u64,
    /// Largest value, f64 bits or i64; 0 where there is none.
    pub max: u64,
    /// Missing values.
    pub null_count: u64,
    /// First zone record of the column.
    pub zone_start: u64,
}

/// Encoding of a column whose values lie in the file as they are.
pub const RAW: u32 = 0;

/// Encoding of a column whose series are stored in compressed blocks.
pub const BLOCKS: u32 = 1;

/// Encoding of the columns of a segmented file: its own rows lie in it as they are, the others in other parts.
pub const SEGMENTS: u32 = 2;

/// One series: one asset, one column. The record of column `c` and asset `a` stands at `c * assets + a`.
#[derive(Debug, Clone, Copy, PartialEq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct SeriesRecord {
    /// SHA-256 of the little-endian bytes of the values, oldest first.
    pub digest: [u8; 32],
    /// State of that SHA-256 after the last whole block of 64 bytes.
    pub midstate: [u32; 8],
    /// Smallest value, f64 bits or i64; 0 where there is none.
    pub min: u64,
    /// Largest value, f64 bits or i64; 0 where there is none.
    pub max: u64,
    /// Missing values.
    pub null_count: u64,
    /// First zone record of the series; meaningful where it has zones.
    pub zone_start: u64,
}

/// One zone: of a series that has more rows than a zone, or of any series of a compressed column.
#[derive(Debug, Clone, Copy, PartialEq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct ZoneRecord {
    /// Smallest value, f64 bits or i64; 0 where there is none.
    pub min: u64,
    /// Largest value, f64 bits or i64; 0 where there is none.
    pub max: u64,
    /// Missing values.
    pub null_count: u64,
    /// Rows of the zone.
    pub rows: u64,
    /// Where the stored block begins in the file; 0 for raw columns.
    pub offset: u64,
    /// Stored bytes of the block; 0 for raw columns.
    pub stored_len: u64,
    /// First half of the SHA-256 of the stored block; zero for raw columns.
    pub checksum: [u8; 16],
}

/// One corporate action.
#[derive(Debug, Clone, Copy, PartialEq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct AdjustmentRecord {
    /// Place of the asset.
    pub asset: u32,
    /// Kind: 0 split, 1 cash dividend, 2 merger.
    pub kind: u32,
    /// From when on it holds: the timestamp of the ex-session or ex-instant.
    pub time: i64,
    /// Ratio or amount, f64 bits.
    pub value: u64,
}

/// Another file that a segmented file refers to; records are sorted by digest, each once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct PartRecord {
    /// Digest of the file.
    pub digest: [u8; 32],
    /// Its length in bytes.
    pub bytes: u64,
    /// Rows that lie in it.
    pub rows: u64,
}

/// A stretch of rows of one asset of a segmented file; records are sorted by asset and time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct SegmentRecord {
    /// Place of the asset.
    pub asset: u32,
    /// Where the rows lie: 0 this file, `k` the `k`-th of the parts.
    pub part: u32,
    /// First row, among those that lie in that file.
    pub row: u64,
    /// Number of rows, at least 1.
    pub rows: u64,
}

const _: () = assert!(size_of::<Superblock>() == 4096);
const _: () = assert!(size_of::<SectionRecord>() == 64);
const _: () = assert!(size_of::<AssetRecord>() == 88);
const _: () = assert!(size_of::<ColumnRecord>() == 64);
const _: () = assert!(size_of::<SeriesRecord>() == 96);
const _: () = assert!(size_of::<ZoneRecord>() == 64);
const _: () = assert!(size_of::<AdjustmentRecord>() == 24);
const _: () = assert!(size_of::<PartRecord>() == 48);
const _: () = assert!(size_of::<SegmentRecord>() == 24);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_changed_bit_changes_the_check_word() {
        let record = AssetRecord {
            symbol_at: 7,
            metadata_at: 900,
            symbol_len: 4,
            metadata_len: 2,
            row_start: 2520,
            rows: 252,
            first_time: -5,
            last_time: 1 << 60,
            calendar_start: 3,
            calendar_end: 255,
            flags: GAP_FREE,
            check: 0,
        };
        let good = record.check_word(41);
        assert_ne!(good, record.check_word(42));
        let bytes = record.as_bytes().to_vec();
        for bit in 0..8 * (bytes.len() - 8) {
            let mut bad = bytes.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            let bad = AssetRecord::read_from_bytes(&bad).unwrap();
            assert_ne!(good, bad.check_word(41), "bit {bit}");
        }
    }
}
