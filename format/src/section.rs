//! Sections: the page-aligned ranges of a bundle file and what each holds.

use std::{fmt, ops::Range};

use crate::{
    Digest,
    error::Error,
    frozen::PAGE,
    record::{
        AdjustmentRecord, AssetRecord, ColumnRecord, PartRecord, SectionRecord, SegmentRecord,
        SeriesRecord, ZoneRecord,
    },
};

/// What a section holds. A file has every kind exactly once, but for the two that only a segmented file has, and the last,
/// which files of format 1.0 and 1.1 lack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum SectionKind {
    /// Page 0. It is not listed in the directory, which it holds.
    Superblock,
    /// Columns and the meaning of timestamps.
    Schema,
    /// Column records.
    Columns,
    /// The column arrays.
    Data,
    /// Hash table from symbol to asset.
    SymbolIndex,
    /// Symbols and metadata, UTF-8.
    Strings,
    /// Asset records, sorted by symbol.
    Assets,
    /// All distinct timestamps, ascending.
    Calendar,
    /// Series records.
    Series,
    /// Zone records.
    Zones,
    /// Adjustment records.
    Adjustments,
    /// Where the content came from.
    Provenance,
    /// Of a segmented file: the other parts that it refers to.
    Parts,
    /// Of a segmented file: where the rows of each asset lie.
    Segments,
    /// Check words of the pages before it; files of format 1.0 and 1.1 have none.
    PageChecks,
}

impl SectionKind {
    /// The kinds that every directory lists, in the order of their numbers and of their place in the file.
    pub const LISTED: [Self; 11] = [
        Self::Schema,
        Self::Columns,
        Self::Data,
        Self::SymbolIndex,
        Self::Strings,
        Self::Assets,
        Self::Calendar,
        Self::Series,
        Self::Zones,
        Self::Adjustments,
        Self::Provenance,
    ];

    /// The kinds that the directory of a segmented file lists behind those.
    pub const SEGMENTED: [Self; 2] = [Self::Parts, Self::Segments];

    /// Returns the kinds that a directory of so many entries lists, in order; `None` when there is no such directory.
    pub(crate) fn listed(count: usize) -> Option<impl Iterator<Item = Self>> {
        let checks = usize::from(count.is_multiple_of(2));
        let segmented = match (count - checks).checked_sub(Self::LISTED.len())? {
            0 => 0,
            2 => 2,
            _ => return None,
        };
        let kinds = Self::LISTED.into_iter().chain(Self::SEGMENTED.into_iter().take(segmented));
        Some(kinds.chain([Self::PageChecks].into_iter().take(checks)))
    }

    /// Returns the number that stands for the kind in the directory: 1 for the schema, and so on.
    #[inline]
    pub const fn number(self) -> u32 {
        self as u32
    }

    /// Returns the bytes of one record, or 1 where the section is not records.
    #[inline]
    pub const fn record_len(self) -> usize {
        match self {
            Self::Assets => size_of::<AssetRecord>(),
            Self::SymbolIndex => size_of::<u32>(),
            Self::Calendar => size_of::<i64>(),
            Self::PageChecks => size_of::<u64>(),
            Self::Columns => size_of::<ColumnRecord>(),
            Self::Series => size_of::<SeriesRecord>(),
            Self::Parts => size_of::<PartRecord>(),
            Self::Segments => size_of::<SegmentRecord>(),
            Self::Zones => size_of::<ZoneRecord>(),
            Self::Adjustments => size_of::<AdjustmentRecord>(),
            Self::Superblock | Self::Data | Self::Schema | Self::Strings | Self::Provenance => 1,
        }
    }
}

impl fmt::Display for SectionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Superblock => "superblock",
            Self::Data => "data",
            Self::Schema => "schema",
            Self::Assets => "assets",
            Self::SymbolIndex => "symbol index",
            Self::Strings => "strings",
            Self::Calendar => "calendar",
            Self::Columns => "columns",
            Self::Series => "series",
            Self::Zones => "zones",
            Self::Adjustments => "adjustments",
            Self::Provenance => "provenance",
            Self::Parts => "parts",
            Self::Segments => "segments",
            Self::PageChecks => "page checks",
        })
    }
}

/// Where a section lies and what its bytes hash to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Section {
    /// What it holds.
    pub kind: SectionKind,
    /// Where it begins, in bytes from the start of the file: a multiple of the page.
    pub offset: u64,
    /// Its bytes, without the zeros that fill its last page.
    pub len: u64,
    /// Check word of its bytes; zero for data.
    pub check: u64,
    /// SHA-256 of its bytes; zero for data, which the series digests cover.
    pub digest: Digest,
}

impl Section {
    #[inline]
    pub(crate) fn range(&self) -> Range<u64> {
        self.offset..self.offset + self.len
    }

    pub(crate) fn to_record(self) -> SectionRecord {
        SectionRecord {
            kind: self.kind.number(),
            record_len: u32::try_from(self.kind.record_len()).unwrap_or(u32::MAX),
            offset: self.offset,
            len: self.len,
            check: self.check,
            digest: *self.digest.as_bytes(),
        }
    }
}

/// Rounds up to a multiple of the page; `None` beyond 2^64.
pub(crate) fn page_up(len: u64) -> Option<u64> {
    len.checked_next_multiple_of(PAGE)
}

/// Reads the directory: every kind once, in order, one after the other without a gap, ending at the end
/// of the file. With that, each byte of the file belongs to exactly one section or to the zeros behind it.
pub(crate) fn read_directory(
    records: &[SectionRecord],
    file_len: u64,
) -> Result<Vec<Section>, Error> {
    let digest = Digest::from_bytes([0; 32]);
    let unread = |kind| Section { kind, offset: 0, len: 0, check: 0, digest };
    let (expected, found) = (SectionKind::LISTED.len() + 1, records.len());
    let kinds = SectionKind::listed(found).ok_or(Error::SectionCount { expected, found })?;
    let mut sections: Vec<Section> = kinds.map(unread).collect();
    let mut next = PAGE;
    for (section, record) in sections.iter_mut().zip(records) {
        let kind = section.kind;
        section.offset = record.offset;
        section.len = record.len;
        section.check = record.check;
        section.digest = Digest::from_bytes(record.digest);
        let end = record.offset.checked_add(record.len).and_then(page_up);
        let whole = record.len.is_multiple_of(kind.record_len() as u64)
            && (kind != SectionKind::Data || (record.check, record.digest) == (0, [0; 32]));
        match end {
            Some(end) if *record == section.to_record() && record.offset == next && whole => {
                next = end;
            }
            _ => {
                let (offset, len) = (record.offset, record.len);
                return Err(Error::SectionGeometry { kind, offset, len, expected_offset: next });
            }
        }
    }
    if next != file_len {
        return Err(Error::FileLength { expected: next, found: file_len });
    }
    Ok(sections)
}
