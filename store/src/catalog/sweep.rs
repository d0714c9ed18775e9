//! Sweeping: how the next writer removes what killed ones left behind.
//!
//! What a writer leaves is told from what is published by rules, not by a journal: a temporary name, a record one
//! generation ahead of `HEAD`, a return ahead of it, a part that no record names, a lock file without a record. To apply
//! them all records are read; whether that is needed, the writer's own lock file tells (see `lock.rs`).

use std::collections::BTreeSet;
use std::path::Path;

use barrow_format::{Digest, Version};

use crate::catalog::bundle_dir::{BundleDir, ensure_dir, sync_dir};
use crate::catalog::head;
use crate::catalog::lock::{WriterLock, remove_quietly};
use crate::catalog::record::{self, VersionEntry};
use crate::catalog::returns;
use crate::catalog::{published, sort_newest_first};
use crate::disk;
use crate::error::{Error, Result};

/// What a sweep found.
#[derive(Debug)]
pub(crate) struct Swept {
    /// The versions there are, where that can be told.
    versions: Vec<VersionEntry>,
    decided: bool,
    /// Whether all is gone that should be.
    whole: bool,
}

/// Sweeps where the writer before left something, as far as its lock file or a temporary file tells, or where there is no
/// page: in constant time otherwise. The caller holds the writer's lock.
///
/// A writer on a full disk cannot sign its lock file; what it leaves when it is killed is swept when versions are pruned.
pub(crate) fn sweep_if_needed(dir: &BundleDir, lock: &WriterLock) -> Result<()> {
    if lock.found_signed() || !dir.head().exists() || !dir.temporaries()?.is_empty() {
        sweep(dir, lock)?;
    }
    Ok(())
}

/// Removes what killed writers left behind, and gives every version a lock file. Reads all records. The caller holds the
/// writer's lock.
pub(crate) fn sweep(dir: &BundleDir, lock: &WriterLock) -> Result<Swept> {
    let swept = sweep_all(dir);
    if !swept.as_ref().is_ok_and(|swept| swept.whole) {
        lock.leave_signed();
    }
    swept
}

fn sweep_all(dir: &BundleDir) -> Result<Swept> {
    let mut swept = Swept { versions: Vec::new(), decided: true, whole: true };
    for path in dir.temporaries()? {
        swept.whole &= remove_quietly(&path);
    }
    // What a damaged page says about generations is not enough to remove anything by.
    let Ok(generation) = head::read_generation(&dir.head()) else { return Ok(swept.undecided()) };
    // An unreadable record may name any part: remove none.
    let Ok(entries) = record::read_all(dir, &dir.recorded_versions()?) else {
        return Ok(swept.undecided());
    };
    // Records beyond the first generation without a page mean that the page was lost: they are all there is to go by.
    let lost = generation.is_none() && entries.iter().any(|entry| entry.generation > 1);
    let horizon = if lost { None } else { Some(generation.unwrap_or(0)) };
    for entry in entries {
        let version = entry.version;
        match published(entry, horizon) {
            Some(entry) => swept.versions.push(entry),
            None => swept.whole &= remove_quietly(&dir.record(version)),
        }
    }
    let versions: Vec<Version> = swept.versions.iter().map(|entry| entry.version).collect();
    swept.whole &= match_leases(dir, &versions);
    if let Some(generation) = horizon {
        swept.whole &= returns::sweep(dir, generation);
    }
    let unnamed = unnamed_parts(dir, &swept.versions)?;
    // A record whose removal is not on the device yet may come back when the power goes, and would then name a part that
    // is gone.
    if !unnamed.is_empty() && dir.versions().is_dir() {
        sync_dir(&dir.versions())?;
    }
    for digest in unnamed {
        swept.whole &= remove_quietly(&dir.part(digest));
    }
    Ok(swept)
}

impl Swept {
    /// Returns the versions there are; `None` where that cannot be told.
    pub(crate) fn newest_first(mut self) -> Option<Vec<VersionEntry>> {
        sort_newest_first(&mut self.versions);
        self.decided.then_some(self.versions)
    }

    fn undecided(self) -> Self {
        Self { decided: false, whole: false, ..self }
    }
}

/// Returns the parts that lie here and that none of the versions names, which are all there are.
fn unnamed_parts(dir: &BundleDir, versions: &[VersionEntry]) -> Result<Vec<Digest>> {
    let parts = versions.iter().flat_map(|entry| &entry.parts);
    let named: BTreeSet<Digest> = parts.map(|part| part.digest).collect();
    let mut unnamed = dir.stored_parts()?;
    unnamed.retain(|digest| !named.contains(digest));
    Ok(unnamed)
}

/// Makes the lock files those of these versions, ascending, as far as that is possible: on a full disk a file may be
/// missing, and a reader unprotected, but the sweep goes on. Tells whether they are.
fn match_leases(dir: &BundleDir, versions: &[Version]) -> bool {
    let Ok(there) = dir.lease_files() else { return false };
    let mut whole = true;
    for version in there.iter().filter(|version| versions.binary_search(version).is_err()) {
        whole &= remove_quietly(&dir.lease(*version));
    }
    for version in versions.iter().filter(|version| there.binary_search(version).is_err()) {
        if let Err(error) = ensure_lease(dir, *version) {
            tracing::warn!(%error, "a version has no lock file");
            whole = false;
        }
    }
    whole
}

/// Creates a version's lock file unless it is there.
pub(crate) fn ensure_lease(dir: &BundleDir, version: Version) -> Result<()> {
    ensure_dir(&dir.leases())?;
    let path = dir.lease(version);
    disk::create_marker(&path).map_err(Error::io("create", &path))
}

/// Removes what a bundle without `HEAD` consists of, as far as it is empty; the lock file goes last.
pub(crate) fn remove_unpublished(dir: &BundleDir, lock: &WriterLock) {
    if dir.head().exists() {
        return;
    }
    // Each of these fails, as it should, when there is something in it that is not ours to remove.
    let folders = [dir.parts(), dir.versions(), dir.leases()];
    let emptied = folders.iter().all(|path| remove_empty(path));
    if emptied && dir.temporaries().is_ok_and(|left| left.is_empty()) {
        lock.unlink();
        let _ = disk::remove_dir(dir.path());
    }
}

fn remove_empty(path: &Path) -> bool {
    disk::remove_dir(path).is_ok() || !path.exists()
}
