//! Pruning a remote: what no version there needs any more.

use std::collections::BTreeSet;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use barrow_format::{Digest, Version};

use super::place::{Place, inventory_key, object_key, record_key};
use super::{Remote, RemoteError};
use crate::catalog::prune::PruneMode;
use crate::catalog::record::VersionEntry;
use crate::catalog::sort_newest_first;
use crate::catalog::spec::check_name;
use crate::error::Result;

/// Up to this age a push takes what it finds for what will stay; what is older it writes again.
pub(crate) const TRUSTED_AGE: Duration = Duration::from_hours(24);

/// What may leave a remote.
#[derive(Debug, Clone, Copy)]
pub struct RemotePolicy<'a> {
    /// How many versions of a bundle stay, those published last first, beside the newest, which always does; `None`: all.
    pub keep: Option<usize>,
    /// Of which bundle versions may go; `None`: of all.
    pub bundle: Option<&'a str>,
    /// Only what was written at least so long ago goes: at least [`RemotePolicy::LEAST_AGE`].
    pub older_than: Duration,
    /// Whether it goes, or is only counted.
    pub mode: PruneMode,
    /// Once true, nothing further is removed, and pruning ends with [`RemoteError::Stopped`].
    pub stop: Option<&'a AtomicBool>,
}

impl RemotePolicy<'_> {
    /// The least age of what may go, two days. A push relies on what it finds for as long as it takes: what is older than a day it
    /// writes again, so a push that takes less than `older_than` less a day finds at its end what it found at its beginning.
    pub const LEAST_AGE: Duration = Duration::from_hours(2 * 24);
}

impl Default for RemotePolicy<'_> {
    /// All versions stay, and of what none of them needs what was written in the last week.
    fn default() -> Self {
        let older_than = Duration::from_hours(7 * 24);
        Self { keep: None, bundle: None, older_than, mode: PruneMode::Remove, stop: None }
    }
}

/// What pruning a remote did, or would do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RemotePruned {
    /// The versions that are gone, each with its bundle.
    pub versions: Vec<(String, Version)>,
    /// How many versions are left, of all bundles.
    pub kept: usize,
    /// Parts that are gone.
    pub parts: usize,
    /// Objects that are gone: those of the parts, and what interrupted pushes left.
    pub objects: usize,
    /// The size of the objects that are gone, in bytes.
    pub bytes: u64,
    /// Parts and objects that no version needs but that are too young.
    pub young: usize,
}

/// Removes from a remote what no version there needs: with `keep` older versions first, then parts that no version names, and
/// objects that no part names, such as an interrupted push leaves them.
///
/// Never removed are the newest version of a bundle, what a version that stays needs, and what was written less than `older_than`
/// ago. A push at the same time writes again what it relies on and is older than a day, so that it is too young to go, and looks
/// again when it has ended. Killed at any moment, pruning leaves all versions that it had not removed whole. Reads every record
/// and inventory, and lists every object.
///
/// # Errors
///
/// [`Error::BundleName`](crate::Error::BundleName); [`Error::Remote`](crate::Error::Remote) with [`RemoteError::AgeLimit`]; with
/// [`RemoteError::UnknownBundle`] where the bundle of the policy is not there; with [`RemoteError::Document`] where a record or an inventory cannot be read, since what it needs is not known, or where the place lists
/// parts and no bundle; with
/// [`RemoteError::Io`], of kind `Unsupported` where the place tells no ages or removes nothing.
///
/// # Examples
///
/// ```no_run
/// use barrow_store::{DirectoryRemote, RemotePolicy, prune_remote};
///
/// let remote = DirectoryRemote::at("/mnt/share/bars");
/// let policy = RemotePolicy { keep: Some(30), bundle: Some("us-daily"), ..RemotePolicy::default() };
/// let pruned = prune_remote(&remote, &policy)?;
/// println!("{} versions, {} bytes", pruned.versions.len(), pruned.bytes);
/// # Ok::<(), barrow_store::Error>(())
/// ```
pub fn prune_remote(remote: &dyn Remote, policy: &RemotePolicy<'_>) -> Result<RemotePruned> {
    let (asked, least) = (policy.older_than, RemotePolicy::LEAST_AGE);
    if asked < least {
        return Err(RemoteError::AgeLimit { asked, least }.boxed());
    }
    policy.bundle.map_or(Ok(()), check_name)?;
    let mut pruning = Pruning { place: Place::new(remote), policy, done: RemotePruned::default() };
    let needed = pruning.versions()?;
    let kept = pruning.parts(&needed)?;
    pruning.objects(&kept)?;
    Ok(pruning.done)
}

struct Pruning<'a> {
    place: Place<'a>,
    policy: &'a RemotePolicy<'a>,
    done: RemotePruned,
}

impl Pruning<'_> {
    /// Removes versions; returns the parts of those that stay.
    fn versions(&mut self) -> Result<BTreeSet<Digest>> {
        let mut needed = BTreeSet::new();
        let names = self.place.bundles()?;
        // A place that lists no folders would lose all that it has.
        if names.is_empty() && !self.place.parts()?.is_empty() {
            let problem = "no bundle is listed there, but there are parts".to_owned();
            return Err(self.place.unusable("bundles", problem));
        }
        if let Some(name) = self.policy.bundle.filter(|name| !names.iter().any(|it| it == name)) {
            let (name, remote) = (name.to_owned(), self.place.describe());
            return Err(RemoteError::UnknownBundle { name, remote }.boxed());
        }
        for name in names {
            for entry in self.staying(&name)? {
                self.done.kept += 1;
                needed.extend(entry.parts.iter().map(|part| part.digest));
            }
        }
        Ok(needed)
    }

    /// Removes versions of a bundle; returns those that stay.
    fn staying(&mut self, name: &str) -> Result<Vec<VersionEntry>> {
        let mut entries = Vec::new();
        for version in self.place.versions(name)? {
            entries.extend(self.place.record(name, version)?);
        }
        let keep = self.policy.keep.filter(|_| self.policy.bundle.is_none_or(|it| it == name));
        let Some(keep) = keep else { return Ok(entries) };
        let newest = self.place.newest(name)?;
        sort_newest_first(&mut entries);
        let mut staying = Vec::new();
        for (place, entry) in entries.into_iter().enumerate() {
            let stays = place < keep.max(1) || newest == Some(entry.version);
            if !stays && self.remove(&record_key(name, entry.version))? {
                self.done.versions.push((name.to_owned(), entry.version));
            } else {
                staying.push(entry);
            }
        }
        Ok(staying)
    }

    /// Removes parts that are not needed; returns the objects of those that stay.
    fn parts(&mut self, needed: &BTreeSet<Digest>) -> Result<BTreeSet<Digest>> {
        let mut objects = BTreeSet::new();
        for part in self.place.parts()? {
            if !needed.contains(&part) {
                if self.remove(&inventory_key(part))? {
                    self.done.parts += 1;
                    continue;
                }
                self.done.young += 1;
            }
            objects.extend(self.place.inventory(part)?.into_iter().flat_map(|it| it.objects));
        }
        Ok(objects)
    }

    /// Removes objects that are of no part.
    fn objects(&mut self, kept: &BTreeSet<Digest>) -> Result<()> {
        for object in self.place.objects()? {
            if kept.contains(&object) {
                continue;
            }
            let key = object_key(object);
            let bytes = self.place.bytes_of(&key)?;
            if self.remove(&key)? {
                self.done.objects += 1;
                self.done.bytes += bytes.unwrap_or(0);
            } else {
                self.done.young += 1;
            }
        }
        Ok(())
    }

    /// Removes what lies under a key if it is old enough; tells whether it is gone, or would be.
    fn remove(&self, key: &str) -> Result<bool> {
        if self.policy.stop.is_some_and(|stop| stop.load(Ordering::Relaxed)) {
            return Err(RemoteError::Stopped.boxed());
        }
        // Looked at just before: a push may have written it again meanwhile.
        match self.place.age_of(key)? {
            Some(age) if age < self.policy.older_than => return Ok(false),
            // Somebody else has pruned.
            None => return Ok(true),
            Some(_) => {}
        }
        if self.policy.mode == PruneMode::Remove {
            self.place.remove(key)?;
        }
        Ok(true)
    }
}

/// Tells whether an answer says that a place does not do such things.
pub(crate) fn is_unsupported(error: &RemoteError) -> bool {
    matches!(error, RemoteError::Io { source, .. } if source.kind() == io::ErrorKind::Unsupported)
}
