//! The catalog: a directory of named bundles and their versions.

pub(crate) mod bundle_dir;
pub(crate) mod change;
pub(crate) mod diff;
pub(crate) mod head;
pub(crate) mod lock;
pub(crate) mod overlap;
pub(crate) mod pin;
pub(crate) mod presence;
pub(crate) mod problems;
pub(crate) mod prune;
pub(crate) mod record;
pub(crate) mod returns;
pub(crate) mod spec;
pub(crate) mod sweep;
pub(crate) mod timeline;
pub(crate) mod usage;
pub(crate) mod version_lock;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use barrow_format::{Digest, Version};

use crate::catalog::bundle_dir::{BundleDir, file_names};
use crate::catalog::head::Head;
use crate::catalog::record::VersionEntry;
use crate::catalog::spec::check_name;
use crate::error::{Error, Result};
use crate::nearest::nearest;
use crate::pool::BundlePool;
use crate::reading::lease::Lease;
use crate::reading::options::OpenOptions;
use crate::writing::publish::{StageOptions, Staging};
use crate::writing::revision::Revision;

/// A directory of named bundles.
///
/// ```text
/// <root>/<bundle>/HEAD                    the newest version and how many publications led to it: one page
/// <root>/<bundle>/versions/<version>      one record for each version: parent, time, tool, parts (immutable)
/// <root>/<bundle>/parts/<digest>.barrow   the bytes, read-only and immutable
/// <root>/<bundle>/leases/<version>        locked by whoever reads the version, empty
/// <root>/<bundle>/pins/<version>          keeps the version from being pruned, with a note inside
/// <root>/<bundle>/LOCK                    held by the one writer, with its process id inside
/// ```
///
/// A bundle's name is 1 to 128 of `A-Z a-z 0-9 . _ -`, starts with no dot and does not end with `.barrow`.
/// Cheap to clone. Reading needs no right to write, and no reader ever waits for a writer.
///
/// # Examples
///
/// ```no_run
/// use barrow_store::Catalog;
///
/// let catalog = Catalog::at("/var/lib/bars");
/// let lease = catalog.lease("us-daily")?;
/// let close: &[f64] = lease.bars(lease.asset("AAPL")?).close();
/// # Ok::<(), barrow_store::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Catalog {
    root: Arc<Path>,
}

/// A bundle and its newest version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundleEntry {
    /// The bundle's name.
    pub name: String,
    /// The newest version.
    pub version: Version,
    /// How many publications the bundle has seen.
    pub generation: u64,
    /// Number of bars.
    pub rows: u64,
    /// Number of assets.
    pub assets: u64,
    /// Size of the version's parts in bytes.
    pub bytes: u64,
    /// When the version became the newest, in nanoseconds since 1970-01-01 00:00 UTC; of a restored one, when it was
    /// restored.
    pub published_ns: i64,
    /// The program that wrote it.
    pub tool: String,
}

/// Where the file of a version lies that is opened.
#[derive(Debug)]
pub(crate) struct Located {
    pub(crate) path: PathBuf,
    pub(crate) version: Version,
    pub(crate) digest: Digest,
    pub(crate) bytes: u64,
}

impl Catalog {
    /// Names the directory. No I/O: it need not exist before something is published.
    ///
    /// A relative path is taken from the present working directory, now.
    pub fn at(root: impl AsRef<Path>) -> Self {
        let root = root.as_ref();
        let absolute = std::path::absolute(root).unwrap_or_else(|_| root.to_owned());
        Self { root: absolute.into() }
    }

    /// Returns the directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn shared_root(&self) -> &Arc<Path> {
        &self.root
    }

    /// Leases a bundle from the process-wide pool: `name` for the newest version, `name@digits` for the one version
    /// that starts with these hexadecimal digits, or the path of a bundle file (it contains a `/` or ends with
    /// `.barrow`).
    ///
    /// # Errors
    ///
    /// As [`BundlePool::lease`].
    pub fn lease(&self, spec: &str) -> Result<Lease> {
        BundlePool::global().lease(self, spec)
    }

    /// Leases a bundle from the process-wide pool, opened as the options say.
    ///
    /// # Errors
    ///
    /// As [`BundlePool::lease_with`].
    pub fn lease_with(&self, spec: &str, options: &OpenOptions) -> Result<Lease> {
        BundlePool::global().lease_with(self, spec, options)
    }

    /// Begins a new version of a bundle, which need not exist yet: takes the bundle's writer lock, sweeps what killed
    /// writers left behind, and creates the file to write to.
    ///
    /// # Errors
    ///
    /// [`Error::BundleName`]; [`Error::Locked`] when another writer is at work, in this process or another;
    /// [`Error::Io`].
    pub fn stage(&self, name: &str) -> Result<Staging> {
        self.stage_with(name, &StageOptions::default())
    }

    /// Begins a new version as [`Catalog::stage`] does, with options.
    ///
    /// # Errors
    ///
    /// As [`Catalog::stage`]; [`Error::Locked`] when the other writer is still at work after the time to wait.
    pub fn stage_with(&self, name: &str, options: &StageOptions) -> Result<Staging> {
        check_name(name)?;
        Staging::begin(self, name, options)
    }

    /// Returns the names of the published bundles, ascending; none when the directory does not exist.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when the directory cannot be listed.
    pub fn names(&self) -> Result<Vec<String>> {
        let mut names = file_names(&self.root)?;
        names.retain(|name| check_name(name).is_ok() && self.dir(name).head().is_file());
        Ok(names)
    }

    /// Returns every published bundle with its newest version, by name. One small file is read for each.
    ///
    /// # Errors
    ///
    /// As [`Catalog::bundle`], of the first that fails; [`Catalog::names`] lists them all the same.
    pub fn bundles(&self) -> Result<Vec<BundleEntry>> {
        self.names()?.iter().map(|name| self.bundle(name)).collect()
    }

    /// Returns a bundle's newest version and what the catalog knows of it.
    ///
    /// # Errors
    ///
    /// As [`Catalog::head`]; [`Error::VersionRecord`] or [`Error::Io`] when the version's record cannot be read.
    pub fn bundle(&self, name: &str) -> Result<BundleEntry> {
        let head = self.head(name)?;
        let entry = self.entry(name, head.version)?;
        let again = returns::at(&self.dir(name), head.generation)?;
        Ok(BundleEntry {
            name: name.to_owned(),
            version: head.version,
            generation: head.generation,
            rows: entry.rows,
            assets: entry.assets,
            bytes: entry.bytes(),
            published_ns: again.map_or(entry.published_ns, |back| back.published_ns),
            tool: entry.tool,
        })
    }

    /// Returns a bundle's newest version and generation.
    ///
    /// # Errors
    ///
    /// [`Error::BundleName`], [`Error::UnknownBundle`] with the nearest name, [`Error::Head`] when the page is damaged,
    /// [`Error::Io`].
    pub fn head(&self, name: &str) -> Result<Head> {
        check_name(name)?;
        head::read(&self.dir(name).head())?.ok_or_else(|| self.unknown(name))
    }

    /// Returns a bundle's versions, newest first: each once, at the place of its first publication. One small file is read
    /// for each.
    ///
    /// # Errors
    ///
    /// [`Error::BundleName`], [`Error::UnknownBundle`], [`Error::VersionRecord`], [`Error::Io`].
    pub fn history(&self, name: &str) -> Result<Vec<VersionEntry>> {
        check_name(name)?;
        let dir = self.dir(name);
        let horizon = self.horizon(name)?;
        let entries = record::read_all(&dir, &dir.recorded_versions()?)?;
        let mut entries: Vec<_> =
            entries.into_iter().filter_map(|entry| published(entry, horizon)).collect();
        sort_newest_first(&mut entries);
        Ok(entries)
    }

    /// Returns the one published version of a bundle that starts with these hexadecimal digits.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownVersion`], [`Error::AmbiguousVersion`] with the candidates, and as [`Catalog::history`].
    pub fn version(&self, name: &str, prefix: &str) -> Result<Version> {
        check_name(name)?;
        let dir = self.dir(name);
        let horizon = self.horizon(name)?;
        let digits = prefix.to_ascii_lowercase();
        let mut candidates = Vec::new();
        for version in dir.recorded_versions()? {
            if version.to_string().starts_with(&digits) {
                let entry = published(record::read(&dir.record(version), version)?, horizon);
                candidates.extend(entry.map(|entry| entry.version));
            }
        }
        match candidates.as_slice() {
            [version] => Ok(*version),
            [] => Err(Error::UnknownVersion { bundle: name.to_owned(), prefix: prefix.to_owned() }),
            _ => Err(Error::AmbiguousVersion {
                bundle: name.to_owned(),
                prefix: prefix.to_owned(),
                candidates,
            }),
        }
    }

    /// Returns the record of one version.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownVersion`] when the bundle has no such version; [`Error::VersionRecord`], [`Error::Mismatch`] or
    /// [`Error::Io`] when its record cannot be read.
    pub fn entry(&self, name: &str, version: Version) -> Result<VersionEntry> {
        check_name(name)?;
        record::read(&self.dir(name).record(version), version).map_err(|error| match error {
            Error::Io { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                Error::UnknownVersion { bundle: name.to_owned(), prefix: version.to_string() }
            }
            other => other,
        })
    }

    /// Returns where the file of a version lies that is opened; it refers to the others.
    pub(crate) fn locate(&self, name: &str, version: Version) -> Result<Located> {
        let entry = self.entry(name, version)?;
        let dir = self.dir(name);
        let Some(part) = entry.parts.first() else {
            let problem = "it names no part".to_owned();
            return Err(Error::VersionRecord { path: dir.record(version), problem });
        };
        let (digest, bytes) = (part.digest, part.bytes);
        Ok(Located { path: dir.part(digest), version, digest, bytes })
    }

    /// Opens a bundle's newest version to be revised: bars, assets, columns and adjustments can be brought in. Takes the
    /// bundle's writer lock.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownBundle`]; [`Error::Corrupt`], [`Error::Io`] or [`Error::Mismatch`] when the version cannot be
    /// opened; as [`Catalog::stage_with`].
    pub fn revise(&self, name: &str, options: &StageOptions) -> Result<Revision> {
        self.head(name)?;
        self.stage_with(name, options)?.revise()
    }

    pub(crate) fn dir(&self, name: &str) -> BundleDir {
        BundleDir::new(self.root.join(name))
    }

    /// Says that there is no such bundle, and which name may have been meant.
    pub(crate) fn unknown(&self, name: &str) -> Error {
        let names = self.names().unwrap_or_default();
        let nearest = nearest(name, names.iter().map(String::as_str)).map(str::to_owned);
        Error::UnknownBundle { name: name.to_owned(), root: self.root.to_path_buf(), nearest }
    }

    /// Returns the generation up to which versions count as published; `None` when the page cannot tell, in which case
    /// every version that has a record counts.
    pub(crate) fn horizon(&self, name: &str) -> Result<Option<u64>> {
        match head::read_generation(&self.dir(name).head()) {
            Ok(Some(generation)) => Ok(Some(generation)),
            Ok(None) => Err(self.unknown(name)),
            Err(Error::Head { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Puts versions in the order of their first publications.
pub(crate) fn sort_newest_first(entries: &mut [VersionEntry]) {
    entries.sort_by_key(|entry| (entry.generation, entry.published_ns, entry.version));
    entries.reverse();
}

/// Keeps an entry unless it belongs to a publication that has not advanced `HEAD`: one under way, or one killed.
pub(crate) fn published(entry: VersionEntry, horizon: Option<u64>) -> Option<VersionEntry> {
    let pending = horizon.is_some_and(|generation| entry.generation == generation + 1);
    (!pending).then_some(entry)
}
