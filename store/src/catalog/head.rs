//! The `HEAD` page: which version of a bundle is the newest.
//!
//! `<root>/<bundle>/HEAD` is one file of 4096 bytes. It is created once, by renaming a complete temporary file into
//! place, and from then on it is only ever written **in place**: its inode never changes, so a reader that has mapped
//! it sees every later publication without a system call. All integers are little-endian.
//!
//! | offset | bytes | type | field | meaning |
//! |---|---|---|---|---|
//! | 0 | 8 | bytes | magic | `89 42 48 44 0D 0A 1A 0A` |
//! | 8 | 4 | u32 | revision | 1: the revision of this layout |
//! | 12 | 4 | - | zero | |
//! | 16 | 8 | u64 | generation | how many publications there were; 1 after the first |
//! | 24 | 1000 | - | zero | |
//! | 1024 | 72 | slot | slot A | what the last **even** generation published |
//! | 1096 | 952 | - | zero | |
//! | 2048 | 72 | slot | slot B | what the last **odd** generation published |
//! | 2120 | 1976 | - | zero | |
//!
//! A slot:
//!
//! | offset | bytes | type | field | meaning |
//! |---|---|---|---|---|
//! | 0 | 8 | u64 | generation | the publication that wrote the slot |
//! | 8 | 32 | bytes | version | the content version it published |
//! | 40 | 32 | bytes | checksum | SHA-256 of the slot's first 40 bytes |
//!
//! # Writing
//!
//! The writer holds the bundle's lock. To go from generation *g* to *g* + 1 it MUST
//!
//! 1. write the slot of *g* + 1, which is not the slot that readers of *g* look at,
//! 2. flush the file to the device,
//! 3. write the eight bytes of `generation` with one positioned write,
//! 4. flush again.
//!
//! What the slot names may come to the device before the slot or after it, as long as that is before step 3.
//!
//! So at any instant the generation in the page names a slot that is complete. The magic and the two slots lie in
//! different 512-byte sectors: a torn sector can only damage the slot that nobody reads yet.
//!
//! # Reading
//!
//! Load `generation`, read the slot of its parity, and accept the slot when its own generation is the one loaded and
//! its checksum holds. Otherwise load `generation` again: if it moved, start over; if not, the page is damaged. A
//! damaged slot is an error, never an older version; publishing anew writes the other slot and so repairs the page.
//!
//! # What is assumed
//!
//! An aligned eight-byte write within a page is seen by other processes whole or not at all, maps and positioned
//! writes of one file are coherent on one machine, a device writes a 512-byte sector whole or not at all, and a flush
//! orders what came before it ahead of what comes after.

use std::fs::File;
use std::path::{Path, PathBuf};

use barrow_format::{Digest, Version};

use crate::catalog::problems::HeadProblem;
use crate::disk::mapping::HeadMap;
use crate::disk::{self, Flush};
use crate::error::{Error, Result};

/// Length of the page and of its file.
pub(crate) const PAGE_BYTES: usize = 4096;
/// First bytes of the page: not text, and broken by a transfer that rewrites line ends.
pub(crate) const MAGIC: [u8; 8] = *b"\x89BHD\r\n\x1a\n";
/// Revision of the layout that this build reads and writes.
pub(crate) const REVISION: u32 = 1;
/// Where the revision lies.
pub(crate) const REVISION_OFFSET: usize = 8;
/// Where the generation lies.
pub(crate) const GENERATION_OFFSET: usize = 16;
/// Where the slots of even and of odd generations lie.
pub(crate) const SLOT_OFFSETS: [usize; 2] = [1024, 2048];
/// Length of a slot.
pub(crate) const SLOT_BYTES: usize = 72;
/// How much of a slot its checksum covers.
const SLOT_CHECKED_BYTES: usize = 40;

/// What a `HEAD` page says: the newest version, and how many publications led to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// How many publications the bundle has seen; 1 after the first.
    pub generation: u64,
    /// The version that the last of them made the newest.
    pub version: Version,
}

/// Returns where the slot of a generation lies.
pub(crate) fn slot_offset(generation: u64) -> usize {
    SLOT_OFFSETS[usize::from(generation % 2 == 1)]
}

/// Returns the bytes of a slot.
fn encode_slot(head: Head) -> [u8; SLOT_BYTES] {
    let mut slot = [0; SLOT_BYTES];
    slot[..8].copy_from_slice(&head.generation.to_le_bytes());
    slot[8..SLOT_CHECKED_BYTES].copy_from_slice(head.version.as_bytes());
    let checksum = Digest::of(&slot[..SLOT_CHECKED_BYTES]);
    slot[SLOT_CHECKED_BYTES..].copy_from_slice(checksum.as_bytes());
    slot
}

/// Returns what a slot says, if it is the complete slot of `generation`.
pub(crate) fn decode_slot(slot: &[u8; SLOT_BYTES], generation: u64) -> Option<Head> {
    let (checked, checksum) = slot.split_at(SLOT_CHECKED_BYTES);
    let (written_by, version) = checked.split_first_chunk::<8>()?;
    let whole = u64::from_le_bytes(*written_by) == generation
        && Digest::of(checked).as_bytes().as_slice() == checksum;
    let version = Version::from_bytes(<[u8; 32]>::try_from(version).ok()?);
    whole.then_some(Head { generation, version })
}

/// Checks everything of a page that does not change: length, magic, revision.
pub(crate) fn check_page(page: &[u8; PAGE_BYTES]) -> Result<(), HeadProblem> {
    if page[..8] != MAGIC {
        return Err(HeadProblem::Magic);
    }
    match u32_at(page, REVISION_OFFSET) {
        REVISION => Ok(()),
        found => Err(HeadProblem::Revision { found }),
    }
}

/// Returns the bytes of a page that has seen one publication since it was created.
fn encode_page(head: Head) -> [u8; PAGE_BYTES] {
    let mut page = [0; PAGE_BYTES];
    page[..8].copy_from_slice(&MAGIC);
    page[REVISION_OFFSET..REVISION_OFFSET + 4].copy_from_slice(&REVISION.to_le_bytes());
    page[GENERATION_OFFSET..GENERATION_OFFSET + 8].copy_from_slice(&head.generation.to_le_bytes());
    let offset = slot_offset(head.generation);
    page[offset..offset + SLOT_BYTES].copy_from_slice(&encode_slot(head));
    page
}

/// Reads the page at `path`; `None` when there is no such file.
///
/// # Errors
///
/// [`Error::Io`] when the page cannot be opened or mapped, [`Error::Head`] when it is damaged.
pub(crate) fn read(path: &Path) -> Result<Option<Head>> {
    match HeadMap::open(path)? {
        None => Ok(None),
        Some(map) => map.read().map(Some).map_err(damaged(path)),
    }
}

/// Reads the generation alone, which is sound even when the slot it selects is not.
pub(crate) fn read_generation(path: &Path) -> Result<Option<u64>> {
    Ok(HeadMap::open(path)?.map(|map| map.generation()))
}

/// Wraps a problem with the page it was found in.
pub(crate) fn damaged(path: &Path) -> impl FnOnce(HeadProblem) -> Error {
    move |problem| Error::Head { path: path.to_owned(), problem }
}

/// What the page is about to say: written, but not seen by readers.
#[derive(Debug)]
pub(crate) struct NextHead {
    file: File,
    path: PathBuf,
    head: Head,
    /// Where the page lies that is to be the bundle's first.
    created: Option<PathBuf>,
}

impl NextHead {
    /// Writes the slot of the page that nobody reads, which is that of the next generation. The caller holds the bundle's
    /// lock; `head.generation` is one more than the page's.
    pub(crate) fn beside(path: &Path, head: Head) -> Result<Self> {
        let file = disk::open_to_write(path).map_err(Error::io("open", path))?;
        let this = Self { file, path: path.to_owned(), head, created: None };
        this.write(&encode_slot(head), slot_offset(head.generation))?;
        Ok(this)
    }

    /// Writes a first page, complete, under a temporary name. The caller holds the bundle's lock.
    pub(crate) fn first(path: &Path, temporary: &Path, head: Head) -> Result<Self> {
        let file = disk::create(temporary).map_err(Error::io("create", temporary))?;
        let (path, created) = (path.to_owned(), Some(temporary.to_owned()));
        let this = Self { file, path, head, created };
        this.write(&encode_page(head), 0)?;
        Ok(this)
    }

    /// Returns what has to be on the device before the page is [announced](NextHead::announce).
    pub(crate) fn flush(&self) -> Flush<'_> {
        if self.created.is_some() { Flush::File(&self.file) } else { Flush::Bytes(&self.file) }
    }

    /// Returns the path of what was written.
    pub(crate) fn path(&self) -> &Path {
        self.created.as_deref().unwrap_or(&self.path)
    }

    /// Makes readers see it. A page that was there is on the device then; of a first one the folder is to be flushed.
    pub(crate) fn announce(self) -> Result<()> {
        if let Some(temporary) = &self.created {
            return disk::rename(temporary, &self.path).map_err(Error::io("rename", temporary));
        }
        self.write(&self.head.generation.to_le_bytes(), GENERATION_OFFSET)?;
        disk::flush_bytes(&self.file).map_err(Error::io("flush", &self.path))
    }

    fn write(&self, bytes: &[u8], offset: usize) -> Result<()> {
        let offset = u64::try_from(offset).unwrap_or(u64::MAX);
        disk::write_at(&self.file, bytes, offset).map_err(Error::io("write", self.path()))
    }
}

/// Waits until the page, as it is, is on the device.
pub(crate) fn settle(path: &Path) -> Result<()> {
    let file = disk::open_to_write(path).map_err(Error::io("open", path))?;
    disk::flush_bytes(&file).map_err(Error::io("flush", path))
}

fn u32_at(page: &[u8; PAGE_BYTES], offset: usize) -> u32 {
    let mut bytes = [0; 4];
    bytes.copy_from_slice(&page[offset..offset + 4]);
    u32::from_le_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;
    use std::os::unix::fs::FileExt as _;

    use super::*;
    use crate::testing;

    fn create(path: &Path, temporary: &Path, head: Head) {
        NextHead::first(path, temporary, head).unwrap().announce().unwrap();
    }

    fn advance(path: &Path, head: Head) {
        NextHead::beside(path, head).unwrap().announce().unwrap();
    }

    fn head(generation: u64) -> Head {
        let byte = u8::try_from(generation % 251).unwrap();
        Head { generation, version: Version::from_bytes([byte; 32]) }
    }

    #[test]
    fn the_layout_is_the_documented_one() {
        let page = encode_page(head(1));
        assert_eq!(page[..16], [0x89, 0x42, 0x48, 0x44, 13, 10, 26, 10, 1, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(page[16..24], [1, 0, 0, 0, 0, 0, 0, 0]);
        assert!(page[24..2048].iter().all(|&byte| byte == 0));
        assert_eq!(page[2048..2056], [1, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(page[2056..2088], [1; 32]);
        assert_eq!(page[2088..2120], *Digest::of(&page[2048..2088]).as_bytes());
        assert!(page[2120..].iter().all(|&byte| byte == 0));
        let second = encode_page(head(2));
        assert_eq!(second[1024..1032], [2, 0, 0, 0, 0, 0, 0, 0]);
        assert!(second[1096..].iter().all(|&byte| byte == 0));
    }

    #[test]
    fn a_page_is_created_and_advanced_in_place() {
        let dir = testing::dir();
        let (path, temporary) = (dir.path().join("HEAD"), dir.path().join(".head"));
        assert_eq!(read(&path).unwrap(), None);
        create(&path, &temporary, head(1));
        let early = HeadMap::open(&path).unwrap().unwrap();
        assert_eq!(early.read().unwrap(), head(1));
        for generation in 2..50 {
            advance(&path, head(generation));
            assert_eq!(early.generation(), generation, "an old map sees the publication");
            assert_eq!(early.read().unwrap(), head(generation));
            assert_eq!(read(&path).unwrap(), Some(head(generation)));
            assert_eq!(std::fs::metadata(&path).unwrap().len(), 4096);
        }
        assert!(!temporary.exists());
    }

    #[test]
    fn a_writer_killed_between_its_writes_leaves_the_old_version() {
        let dir = testing::dir();
        let path = dir.path().join("HEAD");
        create(&path, &dir.path().join(".head"), head(7));
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        let slot = encode_slot(head(8));
        for written in 0..=slot.len() {
            let offset = u64::try_from(slot_offset(8)).unwrap();
            file.write_all_at(&slot[..written], offset).unwrap();
            assert_eq!(read(&path).unwrap(), Some(head(7)), "after {written} bytes of the slot");
        }
        let next = NextHead::beside(&path, head(8)).unwrap();
        assert_eq!(read(&path).unwrap(), Some(head(7)), "the slot alone says nothing");
        next.announce().unwrap();
        assert_eq!(read(&path).unwrap(), Some(head(8)));
    }

    #[test]
    fn every_flipped_bit_of_the_used_bytes_is_noticed() {
        let dir = testing::dir();
        let path = dir.path().join("HEAD");
        let page = encode_page(head(3));
        let used = (0..12).chain(16..24).chain(2048..2120);
        for byte in used {
            for bit in 0..8 {
                let mut damaged = page;
                damaged[byte] ^= 1 << bit;
                std::fs::write(&path, damaged).unwrap();
                let error = read(&path).unwrap_err();
                assert!(matches!(error, Error::Head { .. }), "byte {byte}: {error}");
            }
        }
        for length in [0, 1, 4095, 4097, 8192] {
            let mut damaged = page.to_vec();
            damaged.resize(length, 0);
            std::fs::write(&path, damaged).unwrap();
            let found = u64::try_from(length).unwrap();
            let problem = HeadProblem::Length { found };
            assert!(matches!(read(&path), Err(Error::Head { problem: p, .. }) if p == problem));
        }
    }

    #[test]
    fn a_damaged_slot_is_repaired_by_the_next_publication() {
        let dir = testing::dir();
        let path = dir.path().join("HEAD");
        let mut page = encode_page(head(3));
        page[2060] ^= 1;
        std::fs::write(&path, page).unwrap();
        assert!(read(&path).is_err());
        let generation = read_generation(&path).unwrap().unwrap();
        assert_eq!(generation, 3);
        advance(&path, head(generation + 1));
        assert_eq!(read(&path).unwrap(), Some(head(4)));
    }

    #[test]
    fn readers_beside_a_writer_see_whole_slots_in_order() {
        let dir = testing::dir();
        let path = dir.path().join("HEAD");
        create(&path, &dir.path().join(".head"), head(1));
        let last = 3000;
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    let map = HeadMap::open(&path).unwrap().unwrap();
                    let mut seen = 0;
                    while seen < last {
                        let now = map.read().unwrap();
                        assert_eq!(now, head(now.generation));
                        assert!(now.generation >= seen);
                        seen = now.generation;
                    }
                });
            }
            for generation in 2..=last {
                advance(&path, head(generation));
            }
        });
    }
}
