//! Pins: versions that are kept until somebody says otherwise.
//!
//! `pins/<version>` is a small file with a note for people in it. That it is there is what counts: a pin that was being
//! written when the power went protects its version with half a note.

use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use barrow_format::Version;

use crate::catalog::Catalog;
use crate::catalog::bundle_dir::{BundleDir, ensure_dir, sync_dir};
use crate::catalog::spec::check_name;
use crate::catalog::version_lock::{Shared, VersionLock};
use crate::disk;
use crate::error::{Error, Result};

/// How long pinning waits for whoever prunes the version at this moment.
const PATIENCE: Duration = Duration::from_secs(10);

/// A version that pruning keeps, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// The version.
    pub version: Version,
    /// What whoever pinned it noted; may be empty.
    pub note: String,
}

impl Catalog {
    /// Keeps a version of a bundle from being pruned, until it is [unpinned](Catalog::unpin). A version that is pinned
    /// already gets the new note. Does not wait for writers.
    ///
    /// # Errors
    ///
    /// [`Error::BundleName`]; [`Error::UnknownVersion`], also when the version is being pruned at this moment;
    /// [`Error::Locked`] when somebody who is pruning it hangs; [`Error::VersionRecord`], [`Error::Io`].
    pub fn pin(&self, name: &str, version: Version, note: &str) -> Result<()> {
        self.entry(name, version)?;
        let dir = self.dir(name);
        let lease = dir.lease(version);
        ensure_dir(&dir.leases())?;
        disk::create_marker(&lease).map_err(Error::io("create", &lease))?;
        // Whoever prunes looks for a pin after taking the lock alone: with the lock shared, the pin is seen or the version
        // is gone already.
        let _shared = match VersionLock::share(&lease, PATIENCE) {
            Shared::Held(lock) => Some(lock),
            Shared::Without => None,
            Shared::Busy => return Err(Error::Locked { bundle: name.to_owned(), holder: None }),
            Shared::Pruned => return Err(unknown(name, version)),
        };
        let sound = self.entry(name, version);
        let pinned = sound.and_then(|_| write(&dir, version, note));
        if pinned.is_err() && !dir.record(version).exists() {
            let _ = disk::remove(&lease);
        }
        pinned
    }

    /// Lets a version of a bundle be pruned again; tells whether it was pinned.
    ///
    /// # Errors
    ///
    /// [`Error::BundleName`], [`Error::Io`].
    pub fn unpin(&self, name: &str, version: Version) -> Result<bool> {
        check_name(name)?;
        let dir = self.dir(name);
        let path = dir.pin(version);
        match disk::remove(&path) {
            Ok(()) => sync_dir(&dir.pins()).map(|()| true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(Error::io("remove", &path)(error)),
        }
    }

    /// Returns the pinned versions of a bundle, ascending by version. One small file is read for each.
    ///
    /// # Errors
    ///
    /// [`Error::BundleName`], [`Error::Io`].
    pub fn pins(&self, name: &str) -> Result<Vec<Pin>> {
        check_name(name)?;
        let dir = self.dir(name);
        let mut pins = Vec::new();
        for version in dir.pinned_versions()? {
            let path = dir.pin(version);
            match std::fs::read(&path) {
                Ok(text) => {
                    let note = String::from_utf8_lossy(&text).trim_end().to_owned();
                    pins.push(Pin { version, note });
                }
                // Unpinned since.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(Error::io("read", &path)(error)),
            }
        }
        Ok(pins)
    }
}

fn write(dir: &BundleDir, version: Version, note: &str) -> Result<()> {
    ensure_dir(&dir.pins())?;
    let path = dir.pin(version);
    let fresh = !path.exists();
    let written = write_note(&path, note);
    if written.is_err() && fresh {
        // Best effort: a pin too many keeps a version too many.
        let _ = disk::remove(&path);
    }
    written?;
    sync_dir(&dir.pins())?;
    sync_dir(dir.path())
}

fn write_note(path: &Path, note: &str) -> Result<()> {
    let file = disk::create(path).map_err(Error::io("create", path))?;
    disk::write_at(&file, note.as_bytes(), 0).map_err(Error::io("write", path))?;
    disk::flush(&file).map_err(Error::io("flush", path))
}

fn unknown(name: &str, version: Version) -> Error {
    Error::UnknownVersion { bundle: name.to_owned(), prefix: version.to_string() }
}
