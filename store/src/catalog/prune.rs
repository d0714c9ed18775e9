//! Pruning: how versions that nobody needs any more leave a catalog.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use barrow_format::{Digest, Version};

use crate::catalog::Catalog;
use crate::catalog::bundle_dir::{BundleDir, sync_dir};
use crate::catalog::lock::WriterLock;
use crate::catalog::record::{PartEntry, VersionEntry};
use crate::catalog::returns::{self, Return};
use crate::catalog::sweep::sweep;
use crate::catalog::version_lock::{Exclusive, SoleLock, VersionLock};
use crate::disk;
use crate::error::{Error, Result};
use crate::remote::arrival;

/// Versions whose locks are held at once: each takes a descriptor, of which a process has some thousand.
const CLAIMED_AT_ONCE: usize = 64;

/// Which versions may go. All conditions have to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PrunePolicy {
    /// How many versions stay in any case, those first that were the newest most recently; 0 counts as 1.
    pub keep: usize,
    /// Only versions that were published, or restored, before this instant alone go, in nanoseconds since 1970-01-01
    /// 00:00 UTC. `None`: versions of any age.
    pub published_before_ns: Option<i64>,
    /// Whether they go, or are only named.
    pub mode: PruneMode,
    /// How long to wait for a writer at work on the bundle.
    pub wait: Duration,
}

/// Whether pruning removes anything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PruneMode {
    /// It does.
    #[default]
    Remove,
    /// It only tells what it would remove: takes no lock that keeps anybody waiting, and needs no right to write.
    DryRun,
}

/// What pruning did, or would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pruned {
    /// The versions that are gone, newest first, each with the time at which it last became the newest.
    pub removed: Vec<VersionEntry>,
    /// The versions that the policy lets go but that are still needed, newest first.
    pub spared: Vec<Spared>,
    /// How many versions are left, those spared among them.
    pub kept: usize,
    /// How many parts are gone.
    pub parts: usize,
    /// Their size in bytes. A part that a remaining version shares is not gone and not counted.
    pub bytes: u64,
}

/// A version that is kept although the policy would let it go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spared {
    /// The version.
    pub version: Version,
    /// When it last became the newest, in nanoseconds since 1970-01-01 00:00 UTC.
    pub published_ns: i64,
    /// What it is needed for.
    pub reason: SparedReason,
}

/// Why a version is not pruned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SparedReason {
    /// It is pinned.
    Pinned,
    /// Some process has it open.
    Leased,
}

impl Catalog {
    /// Removes versions of a bundle that nobody needs any more, and the parts that no remaining version names.
    ///
    /// Never removed are the newest version, pinned versions, and versions that a process has open, this one included:
    /// the [pool](crate::BundlePool) keeps what it has opened. Killed at any instant, every version that is left can be
    /// opened, and the next writer removes the rest. Costs a small file read for each version and three removals for each
    /// one that goes; no part is read.
    ///
    /// # Errors
    ///
    /// [`Error::BundleName`], [`Error::UnknownBundle`]; [`Error::Locked`] when a writer is at work; [`Error::Head`] and
    /// [`Error::VersionRecord`] when it cannot be told what is needed, and nothing is removed; [`Error::Io`].
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use std::time::Duration;
    ///
    /// use barrow_store::{Catalog, PruneMode, PrunePolicy};
    ///
    /// let catalog = Catalog::at("/var/lib/bars");
    /// let mode = PruneMode::DryRun;
    /// let policy = PrunePolicy { keep: 30, published_before_ns: None, mode, wait: Duration::ZERO };
    /// println!("{} bytes to be gained", catalog.prune("us-daily", &policy)?.bytes);
    /// # Ok::<(), barrow_store::Error>(())
    /// ```
    pub fn prune(&self, name: &str, policy: &PrunePolicy) -> Result<Pruned> {
        let newest = self.head(name)?.version;
        let dir = self.dir(name);
        match policy.mode {
            PruneMode::DryRun => {
                let returns = returns::read(&dir, self.horizon(name)?)?;
                Pruning::of(dir, self.history(name)?, &returns, newest, policy).rehearse()
            }
            PruneMode::Remove => {
                let lock = WriterLock::take_within(&dir.lock(), name, policy.wait)?;
                // A writer may have been at work until now.
                let newest = self.head(name)?.version;
                let history = match sweep(&dir, &lock)?.newest_first() {
                    Some(history) => history,
                    // What it could not make sense of is an error here.
                    None => self.history(name)?,
                };
                arrival::clear(&dir);
                let returns = returns::read(&dir, self.horizon(name)?)?;
                let pruned = Pruning::of(dir, history, &returns, newest, policy).carry_out(&lock);
                if pruned.is_err() {
                    lock.leave_signed();
                }
                pruned
            }
        }
    }
}

/// One pruning: what may go, and what becomes of it.
struct Pruning {
    dir: BundleDir,
    /// Versions that stay by the policy, and those found to be needed.
    kept: Vec<VersionEntry>,
    /// Versions that may go, newest first.
    candidates: Vec<VersionEntry>,
    removed: Vec<VersionEntry>,
    spared: Vec<Spared>,
}

impl Pruning {
    fn of(
        dir: BundleDir,
        history: Vec<VersionEntry>,
        returns: &[Return],
        newest: Version,
        policy: &PrunePolicy,
    ) -> Self {
        let (mut kept, mut candidates) = (Vec::new(), Vec::new());
        for (age, (published, entry)) in by_last_publication(history, returns).enumerate() {
            let young = policy.published_before_ns.is_some_and(|limit| published.1 >= limit);
            let stays = age < policy.keep.max(1) || young || entry.version == newest;
            if stays { kept.push(entry) } else { candidates.push(entry) }
        }
        let (removed, spared) = (Vec::new(), Vec::new());
        Self { dir, kept, candidates, removed, spared }
    }

    fn rehearse(mut self) -> Result<Pruned> {
        for entry in std::mem::take(&mut self.candidates) {
            match self.claim(entry.version) {
                Ok(_) => self.removed.push(entry),
                Err(reason) => self.spare(entry, reason),
            }
        }
        let going = self.unneeded_parts()?;
        Ok(self.outcome(&going))
    }

    fn carry_out(mut self, lock: &WriterLock) -> Result<Pruned> {
        if self.candidates.is_empty() {
            return Ok(self.outcome(&[]));
        }
        // From here on, whoever comes after a loss of power has to look.
        disk::flush_bytes(lock.file()).map_err(Error::io("flush", lock.path()))?;
        let mut candidates = std::mem::take(&mut self.candidates).into_iter().peekable();
        while candidates.peek().is_some() {
            self.remove(candidates.by_ref().take(CLAIMED_AT_ONCE))?;
        }
        if self.removed.is_empty() {
            return Ok(self.outcome(&[]));
        }
        // A record that came back after a loss of power would name a part that is gone.
        sync_dir(&self.dir.versions())?;
        let gone: BTreeSet<Version> = self.removed.iter().map(|entry| entry.version).collect();
        returns::forget(&self.dir, &gone)?;
        let going = self.unneeded_parts()?;
        let paths: Vec<_> = going.iter().map(|part| [self.dir.part(part.digest)]).collect();
        disk::remove_together(&paths)?;
        Ok(self.outcome(&going))
    }

    /// Removes the records and lock files of those of some versions that are not needed.
    fn remove(&mut self, candidates: impl Iterator<Item = VersionEntry>) -> Result<()> {
        let (mut claims, mut names) = (Vec::new(), Vec::new());
        for entry in candidates {
            match self.claim(entry.version) {
                Ok(claim) => {
                    // The record first: without it, nobody looks for the rest.
                    let mut going = vec![self.dir.record(entry.version)];
                    going.extend(claim.is_some().then(|| self.dir.lease(entry.version)));
                    names.push(going);
                    claims.extend(claim);
                    self.removed.push(entry);
                }
                Err(reason) => self.spare(entry, reason),
            }
        }
        disk::remove_together(&names)
    }

    /// Returns the parts of removed versions that lie here and that no other version names, ascending.
    fn unneeded_parts(&self) -> Result<Vec<PartEntry>> {
        let stored = self.dir.stored_parts()?;
        let named = self.kept.iter().flat_map(|entry| &entry.parts);
        let named: BTreeSet<Digest> = named.map(|part| part.digest).collect();
        let mut going: Vec<PartEntry> =
            self.removed.iter().flat_map(|entry| entry.parts.iter().copied()).collect();
        going.retain(|part| {
            stored.binary_search(&part.digest).is_ok() && !named.contains(&part.digest)
        });
        going.sort_unstable_by_key(|part| part.digest);
        going.dedup_by_key(|part| part.digest);
        Ok(going)
    }

    /// Returns the lock of a version that is not needed, if it has one, or what the version is needed for.
    fn claim(&self, version: Version) -> Result<Option<SoleLock>, SparedReason> {
        let claim = match VersionLock::exclude(&self.dir.lease(version)) {
            Exclusive::Held(lock) => Some(lock),
            Exclusive::Without => None,
            Exclusive::Leased => return Err(SparedReason::Leased),
        };
        // A pin that is not there now cannot come before the lock is let go of.
        let pinned = self.dir.pin(version).try_exists().unwrap_or(true);
        if pinned { Err(SparedReason::Pinned) } else { Ok(claim) }
    }

    fn spare(&mut self, entry: VersionEntry, reason: SparedReason) {
        let VersionEntry { version, published_ns, .. } = entry;
        self.spared.push(Spared { version, published_ns, reason });
        self.kept.push(entry);
    }

    fn outcome(self, parts: &[PartEntry]) -> Pruned {
        let Self { removed, spared, kept, .. } = self;
        let bytes = parts.iter().map(|part| part.bytes).sum();
        Pruned { removed, spared, kept: kept.len(), parts: parts.len(), bytes }
    }
}

/// Returns versions with the generation and the time of the last publication that made each the newest, the last first:
/// that is the version which is the newest now.
fn by_last_publication(
    history: Vec<VersionEntry>,
    returns: &[Return],
) -> impl Iterator<Item = ((u64, i64), VersionEntry)> {
    // Ascending, so the last return of a version is the one that stays.
    let again: BTreeMap<Version, (u64, i64)> =
        returns.iter().map(|back| (back.version, (back.generation, back.published_ns))).collect();
    let dated = |entry: VersionEntry| {
        let first = (entry.generation, entry.published_ns);
        let last = again.get(&entry.version).copied().unwrap_or(first).max(first);
        (last, VersionEntry { published_ns: last.1, ..entry })
    };
    let mut dated: Vec<_> = history.into_iter().map(dated).collect();
    dated.sort_by_key(|(published, _)| Reverse(*published));
    dated.into_iter()
}
