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
use std::path::{Path, PathBuf};

use barrow_format::Digest;

use crate::catalog::bundle_dir::{BundleDir, ensure_dir, sync_dir};
use crate::catalog::head::{Head, NextHead};
use crate::catalog::lock::WriterLock;
use crate::catalog::record::{self, VersionEntry};
use crate::catalog::returns::{self, Return};
use crate::catalog::sweep::ensure_lease;
use crate::disk::{self, Flush};
use crate::error::{Error, Result};
use crate::writing::publish::Staging;

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

impl Staging {
    /// Brings parts and record under their names and advances `HEAD` to a generation, where there is one: without, the version
    /// lies beside the newest. Returns the size of the parts.
    ///
    /// Where a version is installed again because its part was lost or damaged, it keeps its place in the history.
    pub(crate) fn install(&self, new: VersionEntry, generation: Option<u64>) -> Result<u64> {
        let known = self.catalog.entry(&self.name, new.version).ok();
        // A record that counts already must not name a part that a loss of power may take away.
        let page = self.dir.head().exists();
        let waits = known.is_none() && page && generation.is_some();
        let order = if waits { Order::Together } else { Order::OneByOne };
        let entry = match known {
            Some(VersionEntry { parent, generation, published_ns, .. }) => {
                VersionEntry { parent, generation, published_ns, ..new }
            }
            None => new,
        };
        let version = entry.version;
        ensure_dir(&self.dir.parts())?;
        ensure_dir(&self.dir.versions())?;
        ensure_lease(&self.dir, version)?;
        let (temporary, record) = (self.dir.temporary("record"), self.dir.record(version));
        let file = record::prepare(&temporary, &entry)?;
        let parts = self.new_parts(&entry)?;
        let unnamed = parts.iter().map(|(file, temporary, path)| Unnamed { file, temporary, path });
        let record = Unnamed { file: &file, temporary: &temporary, path: &record };
        let files: Vec<_> = unnamed.chain([record]).collect();
        let head = generation.map(|generation| self.next_head(Head { generation, version }));
        install(&self.dir, &self.lock, &files, (head.transpose()?, order))?;
        Ok(entry.bytes())
    }

    /// Returns the files that a version brings with it: read-only, where they lie, and where they belong. The other parts
    /// are there: the version before refers to them, and nobody else removes anything meanwhile.
    fn new_parts(&self, entry: &VersionEntry) -> Result<Vec<(&File, PathBuf, PathBuf)>> {
        if let Some(arrived) = &self.arrived {
            let parts = arrived.iter();
            let paths = |part| (self.dir.arriving_part(part), self.dir.part(part));
            return Ok(parts
                .map(|(part, file)| {
                    let (temporary, path) = paths(*part);
                    (file, temporary, path)
                })
                .collect());
        }
        let pack = self.pack.as_ref();
        let pack = pack.map(|pack| (&pack.sink, Digest::from_bytes(pack.record.digest)));
        let head = entry.parts.first().map(|head| (&self.sink, head.digest));
        let mut parts = Vec::new();
        for (sink, digest) in pack.into_iter().chain(head) {
            sink.protect()?;
            parts.push((sink.file(), sink.path().to_owned(), self.dir.part(digest)));
        }
        Ok(parts)
    }

    /// Writes down that an older version becomes the newest again, and advances `HEAD`.
    pub(super) fn install_again(&self, back: &Return) -> Result<()> {
        let Return { version, generation, .. } = *back;
        let (temporary, path) =
            (self.dir.temporary("return"), returns::path(&self.dir, generation));
        let file = returns::prepare(&self.dir, &temporary, back)?;
        let record = Unnamed { file: &file, temporary: &temporary, path: &path };
        let head = self.next_head(Head { generation, version })?;
        install(&self.dir, &self.lock, &[record], (Some(head), Order::Together))
    }

    fn next_head(&self, head: Head) -> Result<NextHead> {
        let path = self.dir.head();
        if path.exists() {
            return NextHead::beside(&path, head);
        }
        NextHead::first(&path, &self.dir.temporary("head"), head)
    }
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
