//! Read-only maps of files: the only place where bytes on disk become slices.
//!
//! Two kinds of file are mapped. A **part** is immutable: it is written under a temporary name, made read-only (0444),
//! and renamed to a name that contains its digest; nothing in Barrow opens a published part for writing. A **`HEAD`
//! page** is one page that a single writer updates in place, and that readers look at through atomic loads alone.
//!
//! # Safety
//!
//! A map of a file is a shared borrow of bytes that someone else could change. That nobody does is a property of the
//! design above and not of this process; a program that overwrites a published part breaks it, as it breaks every
//! reader of every mapped format. A part that is **truncated** while mapped ends the process with `SIGBUS` when the
//! missing pages are touched; that, too, only a stranger to the catalog can do. Unlinking and replacing files by
//! `rename` is safe: a map keeps the inode it was made from.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering, fence};

use memmap2::{Advice, Mmap, MmapMut, MmapOptions};

use crate::catalog::head::{self, GENERATION_OFFSET, Head, PAGE_BYTES, SLOT_BYTES};
use crate::catalog::problems::HeadProblem;
use crate::error::{Error, Result};
use crate::reading::options::Paging;

/// The bytes of one immutable file: mapped read-only and shared with every other process that maps it, or copied into
/// memory that is read-only from then on.
#[derive(Debug)]
pub(crate) struct Mapping {
    map: Mmap,
}

impl Mapping {
    /// Maps a file as long as it is now; also returns what the operating system says of it.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when it cannot be opened or mapped, is not a regular file, or may not be locked in memory as asked.
    /// An empty file is an empty mapping.
    pub(crate) fn open(path: &Path, paging: Paging) -> Result<(Self, Metadata)> {
        let (file, metadata, length) = open_regular(path)?;
        let mut options = MmapOptions::new();
        options.len(length);
        if paging.prefault && !paging.huge_pages {
            options.populate();
        }
        #[expect(unsafe_code, reason = "mapping a file has no safe form")]
        // SAFETY: `map` demands that the file is not modified or truncated while the map lives. The file is a published
        // part or mount (or a bundle file the user names): immutable by the catalog's design, which the module documents
        // along with what happens when a stranger breaks it. The length is that of the opened file, so no page lies past
        // its end now, and `Mmap` unmaps exactly what it mapped, once, when it is dropped.
        let mapped = unsafe { options.map(&file) };
        let this = Self { map: mapped.map_err(Error::io("map", path))? };
        if paging.huge_pages {
            this.wish(path, Advice::HugePage);
            if paging.prefault {
                this.wish(path, Advice::PopulateRead);
            }
        }
        this.lock(path, paging)?;
        Ok((this, metadata))
    }

    /// Copies a file into memory of this process alone, at the start of a page as a map would be; also returns what the
    /// operating system says of the file. What happens to the file later changes nothing here.
    ///
    /// # Errors
    ///
    /// As [`Mapping::open`], and [`Error::Io`] when there is not so much memory or the file cannot be read.
    pub(crate) fn read(path: &Path, paging: Paging) -> Result<(Self, Metadata)> {
        let (file, metadata, length) = open_regular(path)?;
        let mut memory = MmapMut::map_anon(length).map_err(Error::io("make room for", path))?;
        if paging.huge_pages
            && let Err(error) = memory.advise(Advice::HugePage)
        {
            tracing::debug!(path = %path.display(), %error, "no huge pages");
        }
        file.read_exact_at(&mut memory, 0).map_err(Error::io("read", path))?;
        let this = Self { map: memory.make_read_only().map_err(Error::io("protect", path))? };
        this.lock(path, paging)?;
        Ok((this, metadata))
    }

    /// Tells the operating system a wish, which it may refuse.
    fn wish(&self, path: &Path, advice: Advice) {
        if let Err(error) = self.map.advise(advice) {
            tracing::debug!(path = %path.display(), ?advice, %error, "not heeded");
        }
    }

    fn lock(&self, path: &Path, paging: Paging) -> Result<()> {
        if paging.lock {
            self.map.lock().map_err(Error::io("lock in memory", path))?;
        }
        Ok(())
    }
}

/// Opens a regular file; also returns what the operating system says of it, and its length.
fn open_regular(path: &Path) -> Result<(File, Metadata, usize)> {
    let file = File::open(path).map_err(Error::io("open", path))?;
    let metadata = file.metadata().map_err(Error::io("examine", path))?;
    if !metadata.is_file() {
        let refusal = io::Error::new(io::ErrorKind::InvalidInput, "not a regular file");
        return Err(Error::io("map", path)(refusal));
    }
    let length = usize::try_from(metadata.len())
        .map_err(|_| Error::io("map", path)(io::ErrorKind::FileTooLarge.into()))?;
    Ok((file, metadata, length))
}

impl AsRef<[u8]> for Mapping {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        &self.map
    }
}

/// A mapped `HEAD` page: the newest version, one load away.
#[derive(Debug)]
pub(crate) struct HeadMap {
    map: Mmap,
    /// Device and inode of the page.
    identity: (u64, u64),
}

impl HeadMap {
    /// Maps the page at `path`; `None` when there is no such file.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when it cannot be opened or mapped, [`Error::Head`] when its length, magic or revision is wrong.
    pub(crate) fn open(path: &Path) -> Result<Option<Self>> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::io("open", path)(error)),
        };
        let metadata = file.metadata().map_err(Error::io("examine", path))?;
        let (found, identity) = (metadata.len(), (metadata.dev(), metadata.ino()));
        if usize::try_from(found) != Ok(PAGE_BYTES) {
            return Err(head::damaged(path)(HeadProblem::Length { found }));
        }
        let mut options = MmapOptions::new();
        options.len(PAGE_BYTES);
        #[expect(unsafe_code, reason = "mapping a file has no safe form")]
        // SAFETY: `map` demands that the file is not modified while the map lives. A `HEAD` page is modified, by the
        // one writer that holds the bundle's lock; therefore no `&[u8]` of this map is ever made outside this module, and
        // the module reads it through relaxed atomic loads of aligned words only (`words`), for which a concurrent
        // write is a race that cannot tear a word. The file is never truncated: it is created with its full length.
        let mapped = unsafe { options.map(&file) };
        let page = Self { map: mapped.map_err(Error::io("map", path))?, identity };
        page.check().map_err(head::damaged(path))?;
        Ok(Some(page))
    }

    /// Returns device and inode of the page, which no other file has for as long as it is mapped.
    pub(crate) fn identity(&self) -> (u64, u64) {
        self.identity
    }

    /// Returns how many publications the bundle has seen by now. One load; no system call.
    #[inline]
    pub(crate) fn generation(&self) -> u64 {
        let generation = self.words()[GENERATION_OFFSET / 8].load(Ordering::Relaxed);
        // Whatever the caller reads next was written before the generation was. Only relaxed loads are guaranteed to
        // work on read-only memory, hence the fence instead of an acquiring load.
        fence(Ordering::Acquire);
        u64::from_le(generation)
    }

    /// Returns the newest version and its generation, or what is wrong with the page.
    pub(crate) fn read(&self) -> Result<Head, HeadProblem> {
        let mut generation = self.generation();
        loop {
            let slot = self.slot(generation);
            if let Some(head) = head::decode_slot(&slot, generation) {
                return Ok(head);
            }
            fence(Ordering::Acquire);
            let now = self.generation();
            if now == generation {
                return Err(HeadProblem::Slot { generation });
            }
            generation = now;
        }
    }

    fn check(&self) -> Result<(), HeadProblem> {
        let mut page = [0; PAGE_BYTES];
        copy_words(self.words(), &mut page);
        head::check_page(&page)
    }

    fn slot(&self, generation: u64) -> [u8; SLOT_BYTES] {
        let first = head::slot_offset(generation) / 8;
        let mut slot = [0; SLOT_BYTES];
        copy_words(&self.words()[first..first + SLOT_BYTES / 8], &mut slot);
        slot
    }

    #[inline]
    fn words(&self) -> &[AtomicU64; PAGE_BYTES / 8] {
        #[expect(clippy::cast_ptr_alignment, reason = "a map begins at a page")]
        let words = self.map.as_ptr().cast::<[AtomicU64; PAGE_BYTES / 8]>();
        #[expect(unsafe_code, reason = "atomic access to mapped memory has no safe form")]
        // SAFETY: the pointer is that of a live map of PAGE_BYTES bytes (the only length `open` accepts), so it is not
        // null, valid for reads of the whole array, and page-aligned, which is more than `AtomicU64` asks. It stays
        // valid for the lifetime of `&self`, which borrows the map. `AtomicU64` has the layout of `u64`, and every bit
        // pattern is a `u64`. Others may write these bytes at the same time; this process only ever loads them, relaxed,
        // in words of eight bytes, which the standard library documents as sound on read-only memory.
        unsafe {
            &*words
        }
    }
}

/// Copies words, each loaded whole, into bytes in memory order.
fn copy_words(words: &[AtomicU64], bytes: &mut [u8]) {
    for (word, chunk) in words.iter().zip(bytes.chunks_exact_mut(8)) {
        // `from_le` and back: the bytes in memory are little-endian, whatever the host is.
        chunk.copy_from_slice(&u64::from_le(word.load(Ordering::Relaxed)).to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn a_mapping_is_the_file() {
        let dir = testing::dir();
        let path = dir.path().join("file");
        for length in [0, 1, 4096, 10_000] {
            let bytes: Vec<u8> = (0..length).map(|i| u8::try_from(i % 251).unwrap()).collect();
            std::fs::write(&path, &bytes).unwrap();
            let (mapping, _) = Mapping::open(&path, Paging::default()).unwrap();
            assert_eq!(mapping.as_ref(), bytes);
            let paging = Paging { prefault: true, huge_pages: true, lock: false };
            let (faulted, _) = Mapping::open(&path, paging).unwrap();
            assert_eq!(faulted.as_ref(), bytes);
            let (copy, metadata) = Mapping::read(&path, paging).unwrap();
            assert_eq!((copy.as_ref(), metadata.len()), (bytes.as_slice(), length));
            std::fs::write(&path, b"a stranger was here").unwrap();
            assert_eq!(copy.as_ref(), bytes, "a copy is not the file");
            std::fs::write(&path, &bytes).unwrap();
            std::fs::remove_file(&path).unwrap();
            assert_eq!(mapping.as_ref(), bytes, "a map outlives its file's name");
        }
    }

    #[test]
    fn what_is_no_file_is_refused_with_its_path() {
        let dir = testing::dir();
        let missing = dir.path().join("missing");
        let error = Mapping::open(&missing, Paging::default()).unwrap_err();
        assert_eq!(error.to_string(), format!("cannot open `{}`", missing.display()));
        let error = Mapping::open(dir.path(), Paging::default()).unwrap_err();
        assert_eq!(error.to_string(), format!("cannot map `{}`", dir.path().display()));
        assert!(HeadMap::open(&missing).unwrap().is_none());
    }
}
