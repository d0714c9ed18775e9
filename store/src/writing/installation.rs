//! Installation: how the files of a publication come under their names, with few waits for the device.
//!
//! 1. Everything that has another name yet, or that nobody reads yet, is flushed at the same time: the files, the slot of
//!    `HEAD` that the publication is about to use, and the lock file, by whose contents the next writer knows that this one
//!    did not come to its end.
//! 2. The files are renamed, in their order, and then the folders are flushed at the same time.
//! 3. `HEAD` is advanced.
//!
//! So a name never leads to bytes that are not on the device, and `HEAD` never to a name that is not. Between the first
//! rename and the last step a loss of power may leave any of the names: nobody looks for them yet, and the next writer
//! sweeps. Where somebody does look, because the record is that of a published version, each rename is on the device
//! before the next.

use std::fs::File;
use std::path::Path;

use crate::catalog::bundle_dir::{BundleDir, sync_dir};
use crate::catalog::head::NextHead;
use crate::catalog::lock::WriterLock;
use crate::disk::{self, Flush};
use crate::error::{Error, Result};

/// A complete file under a temporary name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unnamed<'a> {
    pub(crate) file: &'a File,
    pub(crate) temporary: &'a Path,
    /// The name to come.
    pub(crate) path: &'a Path,
}

/// When folders are flushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// At the end: no name is looked for before `HEAD` advances.
    Together,
    /// After each rename: the next file may be looked for at once, and needs the ones before.
    OneByOne,
}

/// Brings files under their names and advances `HEAD`, unless it is to stay where it is.
pub(crate) fn install(
    dir: &BundleDir,
    lock: &WriterLock,
    files: &[Unnamed<'_>],
    (head, order): (Option<NextHead>, Order),
) -> Result<()> {
    let mut flushes: Vec<(Flush<'_>, &Path)> =
        files.iter().map(|file| (Flush::File(file.file), file.temporary)).collect();
    flushes.extend(head.as_ref().map(|head| (head.flush(), head.path())));
    flushes.push((Flush::Bytes(lock.file()), lock.path()));
    flush(&flushes)?;
    for file in files {
        disk::rename(file.temporary, file.path).map_err(Error::io("rename", file.temporary))?;
        if order == Order::OneByOne {
            sync_dir(folder(file.path))?;
        }
    }
    let mut folders = vec![dir.path()];
    if order == Order::Together {
        folders.extend(files.iter().map(|file| folder(file.path)));
        folders.dedup();
    }
    let folders: Vec<_> = folders.into_iter().map(|path| (Flush::Dir(path), path)).collect();
    flush(&folders)?;
    head.map_or(Ok(()), NextHead::announce)
}

fn flush(all: &[(Flush<'_>, &Path)]) -> Result<()> {
    let what: Vec<_> = all.iter().map(|(flush, _)| *flush).collect();
    disk::flush_together(&what).map_err(|(place, error)| {
        let path = all.get(place).map_or_else(|| Path::new(""), |(_, path)| path);
        Error::io("flush", path)(error)
    })
}

fn folder(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}
