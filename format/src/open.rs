//! What opening a bundle checks: first page, directory, geometry, schema and columns; all of it in time
//! that depends neither on bars nor on assets.

use zerocopy::{FromBytes, IntoBytes};

use crate::{
    Bundle, Encoding, Schema, Section, SectionKind,
    check::check_bytes,
    error::Error,
    frozen::{FORMAT_MAJOR, MAGIC, PAGE, SCHEMA_MAX, ZONE_ROWS},
    record::{BLOCKS, ColumnRecord, RAW, SEGMENTS, Superblock},
    sealing::superblock_check,
    section::page_up,
    symbol,
};

impl<B: AsRef<[u8]>> Bundle<B> {
    pub(crate) fn check_counts(&self, columns: u32) -> Result<(), Error> {
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
            (SectionKind::Series, assets.saturating_mul(columns)),
            (SectionKind::PageChecks, self.checked_pages()),
        ] {
            let section = self.section(kind);
            let found = section.len / kind.record_len() as u64;
            if found != expected {
                return Err(Error::RecordCount { kind, expected, found });
            }
        }
        Ok(())
    }

    /// Checks and copies the column records: they must tile the data section page by page, the raw ones
    /// first, then those in blocks.
    pub(crate) fn read_columns(&self) -> Result<Vec<ColumnRecord>, Error> {
        let kind = SectionKind::Columns;
        let section = self.section(kind);
        let bytes = checked(self.as_bytes(), section)?;
        let columns =
            <[ColumnRecord]>::ref_from_bytes(bytes).map_err(|_| Error::Alignment { kind })?;
        let data = self.section(SectionKind::Data);
        let mut next = data.offset;
        let rows = self.rows as u64;
        let segmented = self.is_segmented();
        // The first column is of eight bytes a value; the others must agree with it.
        let local_rows = columns.first().map_or(0, |time| time.len / 8);
        let all = || columns.iter().zip(self.schema.columns()).enumerate();
        if let Some((_, (record, column))) =
            all().find(|(_, (record, _))| Encoding::from_number(record.encoding).is_none())
        {
            let (column, encoding) = (column.name.clone(), record.encoding);
            return Err(Error::Encoding { column, encoding });
        }
        let of = |encoding| all().filter(move |(_, (record, _))| record.encoding == encoding);
        for (index, (record, column)) in of(RAW).chain(of(BLOCKS)).chain(of(SEGMENTS)) {
            let width = column.physical.width() as u64;
            let raw_len = rows.checked_mul(width);
            let fits = match record.encoding {
                RAW => !segmented && raw_len == Some(record.len),
                SEGMENTS => segmented && local_rows.checked_mul(width) == Some(record.len),
                // A block is longer than its values by its codec's number at most.
                _ => {
                    !segmented && raw_len.is_some_and(|len| record.len <= len.saturating_add(rows))
                }
            };
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
}

pub(crate) fn read_superblock(all: &[u8]) -> Result<&Superblock, Error> {
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
    if superblock_check(page) != page.check {
        return Err(Error::SuperblockCheck);
    }
    let used = usize::try_from(page.section_count).unwrap_or(usize::MAX);
    let unused = page.sections.get(used..).unwrap_or_default();
    let zeros = page.reserved == [0; 48]
        && page.reserved_end == [0; 24]
        && unused.iter().all(|entry| entry.as_bytes().iter().all(|&b| b == 0));
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

pub(crate) fn read_schema(all: &[u8], sections: &[Section]) -> Result<Schema, Error> {
    let section = sections.iter().find(|section| section.kind == SectionKind::Schema);
    let section = section.ok_or(Error::SectionCount { expected: 1, found: 0 })?;
    limited(all, section, SCHEMA_MAX)?;
    Ok(Schema::from_bytes(checked(all, section)?)?)
}

/// Returns the bytes of a section that has a limit.
pub(crate) fn limited<'a>(all: &'a [u8], section: &Section, max: u64) -> Result<&'a [u8], Error> {
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

/// Returns the bytes of a section after comparing them with its check word.
pub(crate) fn checked<'a>(all: &'a [u8], section: &Section) -> Result<&'a [u8], Error> {
    let bytes = section_bytes(all, section);
    if check_bytes(bytes) != section.check {
        return Err(Error::SectionCheck { kind: section.kind, offset: section.offset });
    }
    Ok(bytes)
}
