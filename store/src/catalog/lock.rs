//! The writer's lock: at most one writer a bundle, and never a reader shut out.
//!
//! `LOCK` is held by an exclusive file lock, which the operating system releases when its holder dies, however that
//! happens. While it is held, the file contains the holder's process id in decimal, for whoever is refused. A writer that
//! leaves nothing to be swept empties it; so a lock file that contains something says that its last holder was killed, or
//! could not tidy up. Readers do not touch it.

use std::fs::{File, TryLockError};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::catalog::bundle_dir::{BundleDir, ensure_dir};
use crate::disk::{self, network};
use crate::error::{Error, Result};

/// How long a writer that waits sleeps between two attempts, at first and at last.
const PAUSE_MIN: Duration = Duration::from_millis(1);
const PAUSE_MAX: Duration = Duration::from_millis(50);

/// A held lock; released when dropped.
#[derive(Debug)]
pub(crate) struct WriterLock {
    file: File,
    path: PathBuf,
    /// Whether the holder before left something to be swept, as far as the lock file tells.
    found_signed: bool,
    /// Whether this holder does.
    leaves_signed: AtomicBool,
}

impl WriterLock {
    /// Creates a bundle's directory and takes its lock as soon as it is free, if that is soon enough.
    ///
    /// # Errors
    ///
    /// As [`WriterLock::take`].
    pub(crate) fn of_bundle(dir: &BundleDir, name: &str, wait: Duration) -> Result<Self> {
        let mut attempts = 0;
        let started = Instant::now();
        loop {
            ensure_dir(dir.path())?;
            attempts += 1;
            let left = wait.saturating_sub(started.elapsed());
            match Self::take_within(&dir.lock(), name, left) {
                // A writer that gave up a new bundle removed the directory between the two steps: create it again.
                // More often than that, something else is wrong.
                Err(Error::Io { source, .. })
                    if source.kind() == io::ErrorKind::NotFound && attempts < 100 => {}
                outcome => return outcome,
            }
        }
    }

    /// Takes the lock at `path` as soon as it is free, if that is soon enough.
    ///
    /// # Errors
    ///
    /// As [`WriterLock::take`].
    pub(crate) fn take_within(path: &Path, bundle: &str, wait: Duration) -> Result<Self> {
        let started = Instant::now();
        let mut pause = PAUSE_MIN;
        loop {
            match Self::take(path, bundle) {
                Err(Error::Locked { .. }) if started.elapsed() < wait => {
                    std::thread::sleep(pause.min(wait.saturating_sub(started.elapsed())));
                    pause = (pause * 2).min(PAUSE_MAX);
                }
                outcome => return outcome,
            }
        }
    }

    /// Takes the lock at `path`, at once or not at all.
    ///
    /// # Errors
    ///
    /// [`Error::Locked`] when someone else holds it, [`Error::Io`] otherwise.
    pub(crate) fn take(path: &Path, bundle: &str) -> Result<Self> {
        loop {
            let file = disk::open_or_create(path).map_err(Error::io("open", path))?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    return Err(Error::Locked { bundle: bundle.to_owned(), holder: holder(&file) });
                }
                Err(TryLockError::Error(error)) => return Err(Error::io("lock", path)(error)),
            }
            // A writer that gives up a new bundle unlinks its lock file. Whoever opened it before that has now locked a
            // file without a name, beside which another writer could lock the next file of this name: start over.
            if is_still_at(&file, path).map_err(Error::io("examine", path))? {
                let metadata = file.metadata().map_err(Error::io("examine", path))?;
                network::warn_once(metadata.dev(), path, network::Purpose::Write);
                let found_signed = metadata.len() > 0;
                sign(&file, path);
                let (path, leaves_signed) = (path.to_owned(), AtomicBool::new(false));
                return Ok(Self { file, path, found_signed, leaves_signed });
            }
        }
    }

    /// Tells whether the holder before was killed or could not tidy up.
    pub(crate) fn found_signed(&self) -> bool {
        self.found_signed
    }

    /// Leaves the lock file as it is, so that the next writer knows that there is something to be swept.
    pub(crate) fn leave_signed(&self) {
        self.leaves_signed.store(true, Ordering::Relaxed);
    }

    /// Returns the file, which has to be on the device before anything is renamed or removed: after a loss of power the
    /// next writer goes by what it contains.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Returns its path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes the lock file. The lock itself is held until `self` is dropped.
    pub(crate) fn unlink(&self) {
        remove_quietly(&self.path);
    }
}

impl Drop for WriterLock {
    fn drop(&mut self) {
        if !self.leaves_signed.load(Ordering::Relaxed) {
            // If it cannot be emptied, the next writer looks for what is not there, and overwrites it.
            let _ = disk::empty(&self.file);
        }
        // A process that another thread forks at this moment has the file open too until it runs its program: closing alone
        // would leave the lock with it.
        let _ = self.file.unlock();
    }
}

/// Writes this process's id into the lock file it holds. On a full disk, where nothing can be written, the lock is held all
/// the same: pruning, which makes room, must be able to take it.
fn sign(file: &File, path: &Path) {
    // All ids are of one length: what a killed holder left is written over, and the file is never empty meanwhile.
    let id = format!("{:<10}\n", std::process::id());
    if let Err(error) = disk::write_at(file, id.as_bytes(), 0) {
        tracing::warn!(path = %path.display(), %error, "cannot write the process id");
    }
}

/// Returns the process id in a lock file.
fn holder(mut file: &File) -> Option<u32> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

/// Tells whether a path leads to an opened file.
pub(crate) fn is_still_at(file: &File, path: &Path) -> io::Result<bool> {
    let held = file.metadata()?;
    match std::fs::metadata(path) {
        Ok(named) => Ok((named.dev(), named.ino()) == (held.dev(), held.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Removes a file that nobody needs, and tells whether it is gone; that it is not is worth a line in the log and no more.
pub(crate) fn remove_quietly(path: &Path) -> bool {
    match disk::remove(path) {
        Ok(()) => true,
        Err(error) if error.kind() == io::ErrorKind::NotFound => true,
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "cannot remove");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn the_second_writer_learns_who_holds_the_lock() {
        let dir = testing::dir();
        let path = dir.path().join("LOCK");
        let first = WriterLock::take(&path, "b").unwrap();
        let refused = WriterLock::take(&path, "b").unwrap_err();
        let pid = std::process::id();
        assert_eq!(refused.to_string(), format!("bundle `b` is being written by process {pid}"));
        drop(first);
        assert_eq!(std::fs::read(&path).unwrap(), b"");
        let second = WriterLock::take(&path, "b").unwrap();
        assert!(!second.found_signed());
        second.leave_signed();
        drop(second);
        assert!(WriterLock::take(&path, "b").unwrap().found_signed());
        assert!(!WriterLock::take(&path, "b").unwrap().found_signed());
    }

    #[test]
    fn writers_that_unlink_the_lock_still_exclude_each_other() {
        let dir = testing::dir();
        let path = dir.path().join("LOCK");
        let inside = std::sync::atomic::AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let mut taken = 0;
                    while taken < 200 {
                        let Ok(lock) = WriterLock::take(&path, "b") else { continue };
                        let others = inside.fetch_add(1, Ordering::SeqCst);
                        assert_eq!(others, 0);
                        inside.fetch_sub(1, Ordering::SeqCst);
                        lock.unlink();
                        taken += 1;
                    }
                });
            }
        });
    }
}
