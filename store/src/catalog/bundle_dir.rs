//! Where the files of one bundle lie.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use barrow_format::{Digest, Version};

use crate::catalog::spec::FILE_SUFFIX;
use crate::disk;
use crate::error::{Error, Result};

/// What the names of unfinished files start with.
const TEMPORARY_PREFIX: &str = ".tmp-";

/// The directory of one bundle.
#[derive(Debug, Clone)]
pub(crate) struct BundleDir {
    path: PathBuf,
}

impl BundleDir {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn head(&self) -> PathBuf {
        self.path.join("HEAD")
    }

    pub(crate) fn lock(&self) -> PathBuf {
        self.path.join("LOCK")
    }

    pub(crate) fn versions(&self) -> PathBuf {
        self.path.join("versions")
    }

    pub(crate) fn parts(&self) -> PathBuf {
        self.path.join("parts")
    }

    pub(crate) fn record(&self, version: Version) -> PathBuf {
        self.versions().join(version.to_string())
    }

    pub(crate) fn part(&self, digest: Digest) -> PathBuf {
        self.parts().join(format!("{digest}{FILE_SUFFIX}"))
    }

    /// Returns where a fetch collects parts.
    pub(crate) fn arriving(&self) -> PathBuf {
        self.path.join("arriving")
    }

    /// Returns the path of a part that is being fetched.
    pub(crate) fn arriving_part(&self, digest: Digest) -> PathBuf {
        self.arriving().join(format!("{digest}{FILE_SUFFIX}"))
    }

    pub(crate) fn leases(&self) -> PathBuf {
        self.path.join("leases")
    }

    pub(crate) fn pins(&self) -> PathBuf {
        self.path.join("pins")
    }

    /// Returns the path of the file that readers of a version lock.
    pub(crate) fn lease(&self, version: Version) -> PathBuf {
        self.leases().join(version.to_string())
    }

    /// Returns the path of the file that keeps a version from being pruned.
    pub(crate) fn pin(&self, version: Version) -> PathBuf {
        self.pins().join(version.to_string())
    }

    /// Returns the path of an unfinished file; the writer's lock makes the name its own.
    pub(crate) fn temporary(&self, what: &str) -> PathBuf {
        self.path.join(format!("{TEMPORARY_PREFIX}{}-{what}", std::process::id()))
    }

    /// Returns the unfinished files that writers left behind.
    pub(crate) fn temporaries(&self) -> Result<Vec<PathBuf>> {
        let names = file_names(&self.path)?;
        let unfinished = names.iter().filter(|name| name.starts_with(TEMPORARY_PREFIX));
        Ok(unfinished.map(|name| self.path.join(name)).collect())
    }

    /// Returns the versions that have a record, ascending.
    pub(crate) fn recorded_versions(&self) -> Result<Vec<Version>> {
        versions_in(&self.versions())
    }

    /// Returns the versions that have a lock file, ascending.
    pub(crate) fn lease_files(&self) -> Result<Vec<Version>> {
        versions_in(&self.leases())
    }

    /// Returns the versions that are pinned, ascending.
    pub(crate) fn pinned_versions(&self) -> Result<Vec<Version>> {
        versions_in(&self.pins())
    }

    /// Returns the digests of the parts that lie here, ascending.
    pub(crate) fn stored_parts(&self) -> Result<Vec<Digest>> {
        let names = file_names(&self.parts())?;
        let digests = names.iter().filter_map(|name| name.strip_suffix(FILE_SUFFIX)?.parse().ok());
        Ok(digests.collect())
    }
}

/// Returns the versions that files in a directory are named by, ascending.
fn versions_in(path: &Path) -> Result<Vec<Version>> {
    let names = file_names(path)?;
    Ok(names.iter().filter_map(|name| name.parse().ok()).collect())
}

/// Returns the names in a directory, ascending; none when it does not exist. Names that are not UTF-8 are none of ours.
pub(crate) fn file_names(path: &Path) -> Result<Vec<String>> {
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io("list", path)(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(Error::io("list", path))?;
        names.extend(entry.file_name().to_str().map(str::to_owned));
    }
    names.sort_unstable();
    Ok(names)
}

/// Flushes a directory, which makes the renames in it durable.
pub(crate) fn sync_dir(path: &Path) -> Result<()> {
    disk::flush_dir(path).map_err(Error::io("flush", path))
}

/// Creates a directory and those above it; says whether it was there already.
pub(crate) fn ensure_dir(path: &Path) -> Result<bool> {
    if path.is_dir() {
        return Ok(true);
    }
    if let Some(parent) = path.parent() {
        ensure_dir(parent)?;
    }
    disk::make_dir(path).map_err(Error::io("create", path))?;
    Ok(false)
}

/// Returns a file's name without directories and suffix: what a bare bundle file is called.
pub(crate) fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_else(|| OsStr::new("")).to_string_lossy().into_owned()
}
