//! Sealing: the tables behind the data are hashed and written, then the first page.

use std::{cmp::Reverse, mem::offset_of, sync::OnceLock};

use zerocopy::{FromZeros, IntoBytes};

use crate::{
    Digest, SectionKind, Version, Written,
    check::check_bytes,
    error::Error,
    frozen::{FORMAT_MAJOR, FORMAT_MINOR, MAGIC, PAGE, PROVENANCE_MAX, SCHEMA_MAX, ZONE_ROWS},
    placement::write,
    record::Superblock,
    section::{Section, page_up},
    series_table::Settled,
    sink::Sink,
    summed::Summed,
    tables::{EncodedTables, Tables},
};

/// Calls the work with each number below a count once, from whatever threads, and returns when all calls have.
pub(crate) type Crew<'c> = dyn Fn(usize, &(dyn Fn(usize) + Sync)) + 'c;

/// Does pieces of work one after the other.
pub(crate) fn alone(count: usize, work: &(dyn Fn(usize) + Sync)) {
    (0..count).for_each(work);
}

/// The sections of a file whose data are written, each at its place.
#[derive(Debug)]
pub(crate) struct Sealing<'t> {
    /// The sections, with their bytes; the data have none here.
    sections: Vec<(Section, &'t [u8])>,
    /// Where the next section begins.
    next: u64,
}

impl<'t> Sealing<'t> {
    /// Places the sections that every file has.
    pub(crate) fn of(
        (tables, series): (&'t EncodedTables, &'t Settled),
        calendar: &'t [i64],
        data_end: u64,
    ) -> Result<Self, Error> {
        let mut this = Self { sections: Vec::new(), next: PAGE };
        this.place(SectionKind::Schema, &tables.schema)?;
        this.place(SectionKind::Columns, tables.columns.as_bytes())?;
        this.push(SectionKind::Data, data_end - this.next, &[]);
        this.next = data_end;
        this.place(SectionKind::SymbolIndex, tables.symbol_index.as_bytes())?;
        this.place(SectionKind::Strings, &tables.strings)?;
        this.place(SectionKind::Assets, tables.assets.as_bytes())?;
        this.place(SectionKind::Calendar, calendar.as_bytes())?;
        this.place(SectionKind::Series, series.records.as_bytes())?;
        this.place(SectionKind::Zones, series.zones.as_bytes())?;
        this.place(SectionKind::Adjustments, tables.adjustments.as_bytes())?;
        this.place(SectionKind::Provenance, &tables.provenance)?;
        Ok(this)
    }

    /// Places a section at the first page behind the one before.
    pub(crate) fn place(&mut self, kind: SectionKind, bytes: &'t [u8]) -> Result<(), Error> {
        let len = bytes.len() as u64;
        let max = match kind {
            SectionKind::Schema => SCHEMA_MAX,
            SectionKind::Provenance => PROVENANCE_MAX,
            _ => u64::MAX,
        };
        if len > max {
            return Err(Error::SectionTooLong { kind, len, max });
        }
        self.push(kind, len, bytes);
        self.next = behind(self.next, len)?;
        Ok(())
    }

    fn push(&mut self, kind: SectionKind, len: u64, bytes: &'t [u8]) {
        self.sections.push((unhashed(kind, self.next, len), bytes));
    }

    /// Hashes and writes all sections, by a crew; then writes the check words of all pages, and the first page.
    pub(crate) fn seal(
        self,
        (tables, version): (&Tables<'_>, Version),
        sink: &Summed<'_, impl Sink>,
        crew: &Crew<'_>,
    ) -> Result<Written, Error> {
        // What takes longest comes first; and it is written before it is hashed, so that the device begins with it meanwhile.
        let len = |place: &usize| self.sections.get(*place).map(|it| it.1.len());
        let mut order: Vec<usize> = (0..self.sections.len()).collect();
        order.sort_by_key(|place| Reverse(len(place)));
        let hashed: Vec<OnceLock<Section>> = order.iter().map(|_| OnceLock::new()).collect();
        let written: Vec<OnceLock<_>> = order.iter().map(|_| OnceLock::new()).collect();
        let hash = |place: usize| {
            let (section, bytes) = self.sections.get(place)?;
            Some(*hashed.get(place)?.get_or_init(|| hash_section(*section, bytes)))
        };
        let write = |place: usize| {
            if let Some(((section, bytes), done)) = self.sections.get(place).zip(written.get(place))
            {
                done.get_or_init(|| write_section(section, bytes, sink));
            }
        };
        let of_section = |&place: &usize| [Piece::Write(place), Piece::Hash(place)];
        let pieces: Vec<Piece> = order.iter().flat_map(of_section).collect();
        crew(pieces.len(), &|piece| match pieces.get(piece) {
            Some(Piece::Write(place)) => write(*place),
            Some(Piece::Hash(place)) => _ = hash(*place),
            None => {}
        });
        // Whatever a crew left undone is done here.
        let mut sections: Vec<Section> = (0..order.len()).filter_map(hash).collect();
        (0..order.len()).for_each(write);
        written.into_iter().filter_map(OnceLock::into_inner).collect::<Result<(), _>>()?;
        let checks = sink.page_checks(self.next);
        let bytes = checks.as_bytes();
        let section = unhashed(SectionKind::PageChecks, self.next, bytes.len() as u64);
        let section = hash_section(section, bytes);
        write_section(&section, bytes, sink.inner())?;
        sections.push(section);
        let end = behind(section.offset, section.len)?;
        write_first_page(&sections, (tables, end), version, sink.inner())
    }
}

/// A piece of the work on sections, which stand at places.
enum Piece {
    Write(usize),
    Hash(usize),
}

/// Returns where the section behind one begins.
fn behind(offset: u64, len: u64) -> Result<u64, Error> {
    let next = offset.checked_add(len).and_then(page_up);
    next.ok_or(Error::TooLarge { what: "more than 2^63 bytes" })
}

fn unhashed(kind: SectionKind, offset: u64, len: u64) -> Section {
    Section { kind, offset, len, check: 0, digest: Digest::from_bytes([0; 32]) }
}

fn hash_section(section: Section, bytes: &[u8]) -> Section {
    if section.kind == SectionKind::Data {
        return section;
    }
    Section { check: check_bytes(bytes), digest: Digest::of(bytes), ..section }
}

/// Writes a section, and the zeros that fill its last page.
fn write_section(section: &Section, bytes: &[u8], sink: &impl Sink) -> Result<(), Error> {
    if section.kind == SectionKind::Data {
        return Ok(());
    }
    if !bytes.is_empty() {
        write(sink, section.offset, bytes)?;
    }
    let end = section.range().end;
    let zeros = page_up(end).map_or(0, |next| next - end);
    if zeros > 0 {
        write(sink, end, &vec![0; usize::try_from(zeros).unwrap_or(0)])?;
    }
    sink.begin_storing(section.offset, end + zeros - section.offset);
    Ok(())
}

fn write_first_page(
    sections: &[Section],
    (tables, file_len): (&Tables<'_>, u64),
    version: Version,
    sink: &impl Sink,
) -> Result<Written, Error> {
    let spec = tables.spec;
    let rows = tables.placement.row_starts.last().copied().unwrap_or(0);
    let mut page = Superblock::new_zeroed();
    page.magic = MAGIC;
    page.major = FORMAT_MAJOR;
    page.minor = FORMAT_MINOR;
    page.section_count = u32::try_from(sections.len()).unwrap_or(u32::MAX);
    page.file_len = file_len;
    page.rows = rows;
    page.assets = u32::try_from(spec.assets.len()).unwrap_or(u32::MAX);
    page.columns = u32::try_from(spec.schema.columns().len()).unwrap_or(u32::MAX);
    page.version = *version.as_bytes();
    page.zone_rows = ZONE_ROWS;
    for (entry, section) in page.sections.iter_mut().zip(sections) {
        *entry = section.to_record();
    }
    let digest = superblock_digest(&page);
    page.checksum = *digest.as_bytes();
    page.check = superblock_check(&page);
    write(sink, 0, page.as_bytes())?;
    let assets = spec.assets.len() as u64;
    Ok(Written { version, digest, file_len, assets, rows })
}

/// Hashes the superblock up to its checksum.
pub(crate) fn superblock_digest(page: &Superblock) -> Digest {
    Digest::of(page.as_bytes().get(..offset_of!(Superblock, checksum)).unwrap_or_default())
}

/// Returns the check word of the superblock up to its check word.
pub(crate) fn superblock_check(page: &Superblock) -> u64 {
    check_bytes(page.as_bytes().get(..offset_of!(Superblock, check)).unwrap_or_default())
}
