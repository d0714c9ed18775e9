//! The disk as a writer sees it: each operation that changes a catalog, one function each.
//!
//! Publishing, sweeping, pinning and pruning change files through these functions and nowhere else. So a test can make any
//! one operation of theirs fail, or be the last one of the process (see `fault.rs`), and what a writer leaves behind is
//! known for each of them. Reading does not come here: it changes nothing.
//!
//! # What is assumed of the disk
//!
//! A rename within a directory happens whole or not at all. What was flushed survives a loss of power: of a file its bytes
//! and length, of a directory the names in it. A write that was not flushed may survive in any part of it. A device that
//! confirms a flush it has not carried out breaks these assumptions, and then the digests say so.

pub(crate) mod fault;
pub(crate) mod journal;
pub(crate) mod mapping;
pub(crate) mod network;
pub(crate) mod storing;

use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::thread;

use crate::crew;
use crate::error::{Error, Result};

/// Creates a file for reading and writing, or empties the one that is there.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    fault::strike("create")?;
    OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)
}

/// Opens a file for reading and writing; creates it empty when there is none, and leaves it as it is when there is.
pub(crate) fn open_or_create(path: &Path) -> io::Result<File> {
    fault::strike("open")?;
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
}

/// Opens an existing file to write in it.
pub(crate) fn open_to_write(path: &Path) -> io::Result<File> {
    fault::strike("open")?;
    OpenOptions::new().write(true).open(path)
}

/// Writes all of `bytes` at `offset`.
#[inline]
pub(crate) fn write_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    let written = fault::tear(file, bytes, offset)?;
    let start = u64::try_from(written).unwrap_or(u64::MAX);
    file.write_all_at(&bytes[written..], offset.saturating_add(start))
}

/// Writes a small file that nobody writes again: creates it, with all of `text`, read-only. It is to be flushed.
pub(crate) fn write_document(path: &Path, text: &str) -> Result<File> {
    let file = create(path).map_err(Error::io("create", path))?;
    write_at(&file, text.as_bytes(), 0).map_err(Error::io("write", path))?;
    make_read_only(&file).map_err(Error::io("protect", path))?;
    Ok(file)
}

/// Empties a file.
pub(crate) fn empty(file: &File) -> io::Result<()> {
    fault::strike("truncate")?;
    file.set_len(0)
}

/// Sets mode 0444: a published file is never written again.
pub(crate) fn make_read_only(file: &File) -> io::Result<()> {
    fault::strike("protect")?;
    file.set_permissions(Permissions::from_mode(0o444))
}

/// Waits until a file is on the device, length and mode included.
pub(crate) fn flush(file: &File) -> io::Result<()> {
    flush_one(Flush::File(file))
}

/// Waits until all of these are on the device; says which one was not. They are flushed at the same time, so it takes
/// about as long as the slowest: a file system commits to its journal what all of them ask for at once.
pub(crate) fn flush_together(all: &[Flush<'_>]) -> Result<(), (usize, io::Error)> {
    // Faults are counted here and in order, in whatever order the threads come to it.
    for (place, one) in all.iter().enumerate() {
        let operation = if matches!(one, Flush::Dir(_)) { "flush directory" } else { "flush" };
        fault::strike(operation).map_err(|error| (place, error))?;
    }
    let Some((first, others)) = all.split_first() else { return Ok(()) };
    thread::scope(|scope| {
        let started: Vec<_> = others
            .iter()
            .map(|one| {
                thread::Builder::new().spawn_scoped(scope, || one.carry_out()).map_err(|_| one)
            })
            .collect();
        let mut outcomes = vec![first.carry_out()];
        outcomes.extend(started.into_iter().map(|started| match started {
            Ok(thread) => thread.join().unwrap_or_else(|_| Err(io::ErrorKind::Other.into())),
            // No thread left to do it.
            Err(one) => one.carry_out(),
        }));
        let failed = outcomes
            .into_iter()
            .enumerate()
            .find_map(|(place, outcome)| Some((place, outcome.err()?)));
        failed.map_or(Ok(()), Err)
    })
}

/// Something that is to be on the device.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Flush<'a> {
    /// A file, length and mode included.
    File(&'a File),
    /// The bytes of a file, and its length.
    Bytes(&'a File),
    /// The names in a directory.
    Dir(&'a Path),
}

impl Flush<'_> {
    fn carry_out(self) -> io::Result<()> {
        match self {
            Self::File(file) => file.sync_all(),
            Self::Bytes(file) => file.sync_data(),
            Self::Dir(path) => File::open(path)?.sync_all(),
        }
    }
}

/// Waits until the bytes of a file are on the device, and its length.
pub(crate) fn flush_bytes(file: &File) -> io::Result<()> {
    flush_one(Flush::Bytes(file))
}

/// Waits until the names in a directory are on the device.
pub(crate) fn flush_dir(path: &Path) -> io::Result<()> {
    flush_one(Flush::Dir(path))
}

fn flush_one(one: Flush<'_>) -> io::Result<()> {
    flush_together(&[one]).map_err(|(_, error)| error)
}

/// Gives a file another name, in one step; what had that name before is gone.
pub(crate) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fault::strike("rename")?;
    fs::rename(from, to)
}

/// Removes a file's name.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    fault::strike("remove")?;
    fs::remove_file(path)
}

/// Removes the names of many files, on all processors; those of one list in their order.
pub(crate) fn remove_together(lists: &[impl AsRef<[PathBuf]> + Sync]) -> Result<()> {
    if fault::is_armed() {
        let mut paths = lists.iter().flat_map(AsRef::as_ref);
        return paths.try_for_each(|path| remove(path).map_err(Error::io("remove", path)));
    }
    crew::each(lists.iter().collect(), |list| {
        let mut paths = list.as_ref().iter();
        paths.try_for_each(|path| fs::remove_file(path).map_err(Error::io("remove", path)))
    })
}

/// Creates a directory whose parent exists; that it is there already is no error.
pub(crate) fn make_dir(path: &Path) -> io::Result<()> {
    fault::strike("make directory")?;
    match fs::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        outcome => outcome,
    }
}

/// Removes an empty directory.
pub(crate) fn remove_dir(path: &Path) -> io::Result<()> {
    fault::strike("remove directory")?;
    fs::remove_dir(path)
}

/// Creates an empty file that nobody writes to; that it is there already is no error.
pub(crate) fn create_marker(path: &Path) -> io::Result<()> {
    fault::strike("create")?;
    match OpenOptions::new().write(true).create_new(true).mode(0o444).open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        outcome => outcome.map(drop),
    }
}
