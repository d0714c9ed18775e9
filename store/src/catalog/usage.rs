//! Usage: what a bundle's versions cost on disk, and what keeps them there.

use std::collections::{BTreeMap, BTreeSet};

use barrow_format::{Digest, Version};

use crate::catalog::Catalog;
use crate::catalog::record::{PartEntry, VersionEntry};
use crate::catalog::spec::check_name;
use crate::catalog::version_lock::{Exclusive, VersionLock};
use crate::error::Result;

/// What a bundle takes up on disk. A part that several versions share counts once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// How many versions there are.
    pub versions: usize,
    /// How many of them are pinned.
    pub pinned: usize,
    /// How many of them some process has open.
    pub leased: usize,
    /// Size of the newest version's parts in bytes.
    pub newest_bytes: u64,
    /// Size of all versions' parts in bytes.
    pub bytes: u64,
    /// Size of the parts that only versions name which are neither newest nor pinned nor leased: what
    /// [pruning](Catalog::prune) with `keep: 1` gains now.
    pub reclaimable_bytes: u64,
}

/// What keeps a version from being pruned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// The version.
    pub version: Version,
    /// The note of its pin, if it is pinned.
    pub pin: Option<String>,
    /// Whether some process has it open.
    pub leased: bool,
}

impl Catalog {
    /// Returns what a bundle takes up on disk. Reads a small file for each version, and no part.
    ///
    /// # Errors
    ///
    /// As [`Catalog::history`] and [`Catalog::head`].
    pub fn usage(&self, name: &str) -> Result<Usage> {
        let newest = self.head(name)?.version;
        let history = self.history(name)?;
        let holds = self.holds(name)?;
        let held = |version| holds.binary_search_by_key(&version, |hold| hold.version).is_ok();
        let needed = |entry: &&VersionEntry| entry.version == newest || held(entry.version);
        let (all, needed) = (size(history.iter()), size(history.iter().filter(needed)));
        Ok(Usage {
            versions: history.len(),
            pinned: holds.iter().filter(|hold| hold.pin.is_some()).count(),
            leased: holds.iter().filter(|hold| hold.leased).count(),
            newest_bytes: size(history.iter().filter(|entry| entry.version == newest)),
            bytes: all,
            reclaimable_bytes: all.saturating_sub(needed),
        })
    }

    /// Returns the versions of a bundle that are pinned or that some process has open, ascending by version. Whether a
    /// version is open is true at some moment during the call.
    ///
    /// # Errors
    ///
    /// [`Error::BundleName`](crate::Error::BundleName), [`Error::Io`](crate::Error::Io).
    pub fn holds(&self, name: &str) -> Result<Vec<Hold>> {
        check_name(name)?;
        let dir = self.dir(name);
        let pins = self.pins(name)?;
        let locked = |version: &Version| {
            matches!(VersionLock::exclude(&dir.lease(*version)), Exclusive::Leased)
        };
        let leased: BTreeSet<Version> = dir.lease_files()?.into_iter().filter(locked).collect();
        let mut notes: BTreeMap<Version, String> =
            pins.into_iter().map(|pin| (pin.version, pin.note)).collect();
        let held: BTreeSet<Version> = leased.iter().chain(notes.keys()).copied().collect();
        let hold = |version| {
            let (pin, leased) = (notes.remove(&version), leased.contains(&version));
            Hold { version, pin, leased }
        };
        Ok(held.into_iter().map(hold).collect())
    }
}

/// Returns the size of the parts of some versions, each part once.
fn size<'a>(entries: impl Iterator<Item = &'a VersionEntry>) -> u64 {
    let mut parts: Vec<PartEntry> = entries.flat_map(|entry| entry.parts.iter().copied()).collect();
    let digest = |part: &mut PartEntry| -> Digest { part.digest };
    parts.sort_unstable_by_key(|part| part.digest);
    parts.dedup_by_key(digest);
    parts.iter().map(|part| part.bytes).sum()
}
