//! Fetching a version from a remote.

use std::collections::BTreeSet;
use std::fs::File;
use std::time::{Duration, Instant};

use barrow_format::{Digest, Version};

use super::arrival::{Arrival, clear};
use super::place::Place;
use super::{Remote, RemoteError, TransferOptions};
use crate::catalog::Catalog;
use crate::catalog::bundle_dir::BundleDir;
use crate::catalog::change::{Change, ChangeKind};
use crate::catalog::problems::NameProblem;
use crate::catalog::record::{PartEntry, VersionEntry};
use crate::catalog::spec::Spec;
use crate::error::{Error, Result};
use crate::writing::publish::{StageOptions, Staging, now_ns};
use crate::writing::republish::open_part;

/// How long a wait for another writer cannot be stopped.
const STRETCH: Duration = Duration::from_millis(100);

/// What a fetch did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fetched {
    /// The version that the catalog has now.
    pub version: Version,
    /// Parts of the version.
    pub parts: usize,
    /// Parts that were not there.
    pub parts_fetched: usize,
    /// Size of all parts in bytes.
    pub bytes: u64,
    /// Bytes that came from the remote.
    pub bytes_fetched: u64,
    /// Bytes that an interrupted fetch had loaded and that did not have to come again.
    pub bytes_resumed: u64,
    /// Whether the version is the newest of the bundle here.
    pub newest: bool,
    /// Whether all was as it is to be already, so that nothing was done.
    pub unchanged: bool,
}

impl Catalog {
    /// Brings a version of a bundle here from a remote: `name` brings the remote's newest version and makes it the newest
    /// here, whatever the newest was; `name@digits` brings the version that starts with these digits and leaves the newest
    /// what it is, unless the bundle is not here at all.
    ///
    /// Parts that are here are not loaded, nor what an interrupted fetch has loaded of one; then every byte of the version
    /// is verified, and it is published as any other: in one step, or, killed before that, not at all. The version keeps
    /// the moment of its publication, as far as it does not lie before that of the newest version here. The bundle's
    /// writer lock is held meanwhile, so of several fetches at once one loads, and those that wait for it find the
    /// version there. Costs the transfer of what is missing, and a read of the whole version; of a version that is here,
    /// one small document of the remote, or of a whole version's digits, nothing at all.
    ///
    /// # Errors
    ///
    /// [`Error::BundleName`] and [`Error::VersionSyntax`]; [`Error::Remote`] when the remote does not have the version, or
    /// what it has is damaged or not that version: then nothing is published; [`Error::AmbiguousVersion`]; as
    /// [`Catalog::stage_with`].
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use barrow_store::{Catalog, DirectoryRemote, TransferOptions};
    ///
    /// let remote = DirectoryRemote::at("/mnt/share/bars");
    /// let catalog = Catalog::at("/var/lib/bars");
    /// let fetched = catalog.fetch("us-daily", &remote, &TransferOptions::default())?;
    /// let lease = catalog.lease(&format!("us-daily@{}", fetched.version))?;
    /// # Ok::<(), barrow_store::Error>(())
    /// ```
    pub fn fetch(
        &self,
        spec: &str,
        remote: &dyn Remote,
        options: &TransferOptions<'_>,
    ) -> Result<Fetched> {
        let wish = Wish::of(self, spec, Place::new(remote))?;
        if let Some(fetched) = wish.is_fulfilled()? {
            return Ok(fetched);
        }
        let place = wish.place;
        let wanted = place.record(wish.name, wish.version)?.ok_or_else(|| wish.unknown())?;
        let staging = wish.stage(options)?;
        // Whoever was waited for may have fetched it.
        if let Some(fetched) = wish.is_fulfilled()? {
            return Ok(fetched);
        }
        let dir = staging.dir.clone();
        let arrival = Arrival::new(&dir, place, options);
        let (mut parts, all) = (missing(&dir, &wanted.parts), distinct(&wanted.parts));
        let found = loop {
            arrival.load(&parts)?;
            match arrival.verify(&wanted, &parts) {
                Ok(found) => break found,
                // Some part that was here may be damaged: then all of them are loaded.
                Err(_) if parts.len() < all.len() => parts.clone_from(&all),
                Err(error) => {
                    // What is not the version is of no use to the next fetch either.
                    clear(&dir);
                    let (version, remote) = (wanted.version, place.describe());
                    let source = Box::new(error);
                    return Err(RemoteError::Unsound { version, remote, source }.boxed());
                }
            }
        };
        let (entry, beside) = (wish.entry(found, &wanted), wish.goes_beside());
        let newest = staging.take_in(arrival.protect(&parts)?, entry, beside)?;
        clear(&dir);
        Ok(Fetched {
            version: wanted.version,
            parts: wanted.parts.len(),
            parts_fetched: parts.len(),
            bytes: wanted.bytes(),
            bytes_fetched: arrival.loaded_bytes(),
            bytes_resumed: arrival.resumed_bytes(),
            newest,
            unchanged: false,
        })
    }
}

/// The version that somebody wants to have here.
struct Wish<'a> {
    catalog: &'a Catalog,
    place: Place<'a>,
    name: &'a str,
    version: Version,
    /// Whether it was asked for by its digits.
    is_chosen: bool,
}

impl<'a> Wish<'a> {
    fn of(catalog: &'a Catalog, spec: &'a str, place: Place<'a>) -> Result<Self> {
        let (name, version, is_chosen) = match Spec::parse(spec)? {
            Spec::Newest(name) => {
                let unknown = || {
                    let (name, remote) = (name.to_owned(), place.describe());
                    RemoteError::UnknownBundle { name, remote }.boxed()
                };
                (name, place.newest(name)?.ok_or_else(unknown)?, false)
            }
            Spec::Pinned { name, prefix } => (name, chosen(place, name, prefix)?, true),
            Spec::AsOf { .. } => {
                let text = spec.split_once('@').map_or(spec, |(_, text)| text).to_owned();
                return Err(RemoteError::Moment { text, remote: place.describe() }.boxed());
            }
            Spec::File(_) => {
                let problem = NameProblem::FileSuffix;
                return Err(Error::BundleName { name: spec.to_owned(), problem });
            }
        };
        Ok(Self { catalog, place, name, version, is_chosen })
    }

    /// Returns what a fetch answers that has nothing to do.
    fn is_fulfilled(&self) -> Result<Option<Fetched>> {
        let head = match self.catalog.head(self.name) {
            Ok(head) => head,
            Err(Error::UnknownBundle { .. } | Error::Head { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let newest = head.version == self.version;
        let Ok(entry) = self.catalog.version(self.name, &self.version.to_string()) else {
            return Ok(None);
        };
        let entry = self.catalog.entry(self.name, entry)?;
        let dir = self.catalog.dir(self.name);
        let whole = entry.parts.iter().all(|part| open_part(&dir, part).is_ok());
        Ok((whole && (newest || self.is_chosen)).then(|| Fetched {
            version: self.version,
            parts: entry.parts.len(),
            parts_fetched: 0,
            bytes: entry.bytes(),
            bytes_fetched: 0,
            bytes_resumed: 0,
            newest,
            unchanged: true,
        }))
    }

    /// Waits for the writer's lock in short stretches, so that it can be stopped.
    fn stage(&self, options: &TransferOptions<'_>) -> Result<Staging> {
        let started = Instant::now();
        loop {
            let left = options.wait.saturating_sub(started.elapsed());
            let wait = left.min(STRETCH);
            match self.catalog.stage_with(self.name, &StageOptions { wait }) {
                Err(Error::Locked { .. }) if left > wait => options.check_stop()?,
                outcome => return outcome,
            }
        }
    }

    fn unknown(&self) -> Error {
        let (name, prefix) = (self.name.to_owned(), self.version.to_string());
        RemoteError::UnknownVersion { name, prefix, remote: self.place.describe() }.boxed()
    }

    /// Tells whether the version is to lie beside the newest one.
    fn goes_beside(&self) -> bool {
        self.is_chosen && self.catalog.dir(self.name).head().is_file()
    }

    /// Returns the record to publish: what the files say, and of the remote's record what only it can know.
    fn entry(&self, found: VersionEntry, wanted: &VersionEntry) -> VersionEntry {
        let follows = match self.catalog.head(self.name) {
            Ok(head) => wanted.parent == Some(head.version),
            Err(_) => wanted.parent.is_none(),
        };
        // Against another version than that of its publisher, the change would be another.
        let change = match wanted.change {
            Some(change) if follows || self.goes_beside() => change,
            _ => {
                let (rows_added, assets_added) = (found.rows, found.assets);
                Change { rows_added, assets_added, ..Change::of(ChangeKind::Fetch) }
            }
        };
        // A moment that has not come would make all later versions as young as that.
        let published_ns = wanted.published_ns.min(now_ns());
        VersionEntry { parent: wanted.parent, published_ns, change: Some(change), ..found }
    }
}

/// Returns the parts of a version, each once.
fn distinct(parts: &[PartEntry]) -> Vec<PartEntry> {
    let mut seen = BTreeSet::new();
    parts.iter().filter(|part| seen.insert(part.digest)).copied().collect()
}

/// Returns the parts that are not in a bundle's directory, each once.
fn missing(dir: &BundleDir, parts: &[PartEntry]) -> Vec<PartEntry> {
    let mut missing = distinct(parts);
    missing.retain(|part| open_part(dir, part).is_err());
    missing
}

impl Staging {
    /// Publishes a version whose files have arrived and are verified, or records it beside the newest one. Tells whether
    /// it is the newest now.
    fn take_in(
        mut self,
        arrived: Vec<(Digest, File)>,
        entry: VersionEntry,
        beside: bool,
    ) -> Result<bool> {
        self.arrived = Some(arrived);
        if beside {
            self.install(VersionEntry { generation: 0, ..entry }, None)?;
        } else {
            self.advance(entry)?;
        }
        self.done = true;
        Ok(!beside)
    }
}

/// Returns the version in the remote that starts with some digits. All digits of it ask nothing of the remote.
fn chosen(place: Place<'_>, name: &str, prefix: &str) -> Result<Version> {
    if let Ok(version) = prefix.parse() {
        return Ok(version);
    }
    let digits = prefix.to_ascii_lowercase();
    let mut candidates = place.versions(name)?;
    candidates.retain(|version| version.to_string().starts_with(&digits));
    match candidates.as_slice() {
        [version] => Ok(*version),
        [] => {
            let (name, prefix) = (name.to_owned(), prefix.to_owned());
            Err(RemoteError::UnknownVersion { name, prefix, remote: place.describe() }.boxed())
        }
        _ => {
            let (bundle, prefix) = (name.to_owned(), prefix.to_owned());
            Err(Error::AmbiguousVersion { bundle, prefix, candidates })
        }
    }
}
