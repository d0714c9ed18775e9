//! Parts on their way into a bundle: `arriving/<digest>.barrow`.
//!
//! A part that arrives is not a part yet: nobody reads it, no record names it. What an interrupted fetch has loaded stays
//! there for the next one, which believes nothing of it but what hashes to the inventory's digests. The writer's lock is
//! held by whoever loads; when a version is there, and whenever versions are pruned, what is left over is removed.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use barrow_format::{Bundle, Digest};

use super::inventory::{Inventory, Stretch};
use super::place::Place;
use super::{Progress, TransferOptions};
use crate::catalog::bundle_dir::{BundleDir, ensure_dir, file_names, sync_dir};
use crate::catalog::lock::remove_quietly;
use crate::catalog::record::{PartEntry, VersionEntry};
use crate::crew;
use crate::disk;
use crate::disk::mapping::Mapping;
use crate::error::{Error, Result};
use crate::reading::options::{OpenOptions, Paging};
use crate::reading::parts::Parts;
use crate::reading::segments::Files;
use crate::reading::verify;
use crate::writing::publish::describe;

/// The parts that a fetch loads.
pub(crate) struct Arrival<'a> {
    dir: &'a BundleDir,
    place: Place<'a>,
    options: &'a TransferOptions<'a>,
    /// Bytes that came from the remote.
    loaded_bytes: AtomicU64,
    /// Bytes that had come before.
    resumed_bytes: AtomicU64,
}

impl<'a> Arrival<'a> {
    pub(crate) fn new(
        dir: &'a BundleDir,
        place: Place<'a>,
        options: &'a TransferOptions<'a>,
    ) -> Self {
        let (loaded_bytes, resumed_bytes) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { dir, place, options, loaded_bytes, resumed_bytes }
    }

    pub(crate) fn loaded_bytes(&self) -> u64 {
        self.loaded_bytes.load(Ordering::Relaxed)
    }

    pub(crate) fn resumed_bytes(&self) -> u64 {
        self.resumed_bytes.load(Ordering::Relaxed)
    }

    /// Loads parts, but for what an interrupted fetch has loaded of them; they are not on the device yet.
    pub(crate) fn load(&self, parts: &[PartEntry]) -> Result<()> {
        self.loaded_bytes.store(0, Ordering::Relaxed);
        self.resumed_bytes.store(0, Ordering::Relaxed);
        let total_bytes = parts.iter().map(|part| part.bytes).fold(0, u64::saturating_add);
        parts.iter().try_for_each(|part| self.load_part(part, total_bytes))
    }

    fn load_part(&self, part: &PartEntry, total_bytes: u64) -> Result<()> {
        let inventory = self.place.inventory(part.digest)?;
        let inventory = inventory.ok_or_else(|| self.place.missing_part(part.digest))?;
        if inventory.bytes != part.bytes {
            let problem = format!("{} bytes, the record says {}", inventory.bytes, part.bytes);
            return Err(self.place.unusable_inventory(part.digest, problem));
        }
        if !ensure_dir(&self.dir.arriving())? {
            sync_dir(self.dir.path())?;
        }
        let path = self.dir.arriving_part(part.digest);
        let file = open(&path, &inventory)?;
        crew::each_of(self.options.streams(), inventory.pieces(), |(stretch, digest)| {
            self.options.check_stop()?;
            let bytes = u64::try_from(stretch.len).unwrap_or(u64::MAX);
            if holds(&file, stretch, digest).map_err(Error::io("read", &path))? {
                self.resumed_bytes.fetch_add(bytes, Ordering::Relaxed);
            } else {
                let object = self.place.object(part.digest, digest, stretch.len)?;
                disk::write_at(&file, &object, stretch.offset)
                    .map_err(Error::io("write", &path))?;
                self.loaded_bytes.fetch_add(bytes, Ordering::Relaxed);
            }
            if let Some(watch) = self.options.watch {
                let done_bytes = self.loaded_bytes() + self.resumed_bytes();
                watch(Progress { done_bytes, total_bytes });
            }
            Ok(())
        })
    }

    /// Checks that the parts that arrived and those that are there make up the version, every byte of it; returns what
    /// there is to record of it.
    pub(crate) fn verify(
        &self,
        wanted: &VersionEntry,
        arrived: &[PartEntry],
    ) -> Result<VersionEntry> {
        let locate = |part: Digest| {
            let arrived = arrived.iter().any(|arrived| arrived.digest == part);
            if arrived { self.dir.arriving_part(part) } else { self.dir.part(part) }
        };
        // A record names a part at least.
        let path = wanted.parts.first().map_or_else(PathBuf::new, |head| locate(head.digest));
        let (mapping, _) = Mapping::open(&path, Paging::default())?;
        let bundle = Bundle::open(mapping).map_err(Error::corrupt(&path))?;
        let differs = |what, expected: String, found: String| {
            if expected == found {
                return Ok(());
            }
            Err(Error::Mismatch { path: path.clone(), what, expected, found })
        };
        let found = describe(&bundle, &path)?;
        differs("version", wanted.version.to_string(), found.version.to_string())?;
        differs("parts", listed(&wanted.parts), listed(&found.parts))?;
        differs("rows", wanted.rows.to_string(), found.rows.to_string())?;
        differs("assets", wanted.assets.to_string(), found.assets.to_string())?;
        let parts = Parts::at(&bundle, &path, OpenOptions::default(), &locate)?;
        let outcome = verify::verify(Files { head: &bundle, path: &path, parts: &parts }, 0);
        let count = outcome.bad.len();
        match outcome.bad.into_iter().next() {
            Some(first) => Err(Error::Damaged { path: path.clone(), count, first: first.into() }),
            None => Ok(found),
        }
    }

    /// Makes the parts that arrived read-only, to be installed.
    pub(crate) fn protect(&self, arrived: &[PartEntry]) -> Result<Vec<(Digest, File)>> {
        let protect = |part: &PartEntry| {
            let path = self.dir.arriving_part(part.digest);
            let file = File::open(&path).map_err(Error::io("open", &path))?;
            disk::make_read_only(&file).map_err(Error::io("protect", &path))?;
            Ok((part.digest, file))
        };
        arrived.iter().map(protect).collect()
    }
}

/// Removes what fetches have left. The caller holds the writer's lock.
pub(crate) fn clear(dir: &BundleDir) {
    let folder = dir.arriving();
    for name in file_names(&folder).unwrap_or_default() {
        remove_quietly(&folder.join(name));
    }
    if folder.is_dir()
        && let Err(error) = disk::remove_dir(&folder)
    {
        tracing::warn!(path = %folder.display(), %error, "cannot remove");
    }
}

/// Opens the file that a part is loaded into; what cannot be the beginning of it is gone then.
fn open(path: &Path, inventory: &Inventory) -> Result<File> {
    match std::fs::metadata(path) {
        // One that was read-only but not published: all there, but not to be written.
        Ok(found) if found.len() > inventory.bytes || found.permissions().readonly() => {
            remove_quietly(path);
        }
        _ => {}
    }
    disk::open_or_create(path).map_err(Error::io("open", path))
}

/// Tells whether a file has the object in its place already.
fn holds(file: &File, stretch: Stretch, digest: Digest) -> io::Result<bool> {
    let end = stretch.offset.saturating_add(u64::try_from(stretch.len).unwrap_or(u64::MAX));
    if file.metadata()?.len() < end {
        return Ok(false);
    }
    let mut buffer = vec![0; stretch.len];
    file.read_exact_at(&mut buffer, stretch.offset)?;
    Ok(Digest::of(&buffer) == digest)
}

/// Shows parts so that two lists are equal when their texts are.
fn listed(parts: &[PartEntry]) -> String {
    let part = |part: &PartEntry| format!("{} ({}, {})", part.digest, part.bytes, part.rows);
    parts.iter().map(part).collect::<Vec<_>>().join(", ")
}
