//! A version's lock: how a reader keeps the version it has open from being pruned.
//!
//! `leases/<version>` is an empty file that the writer creates before the version becomes visible. A process that opens
//! the version opens this file to read and takes a shared file lock, once for as long as it has the version open; the
//! operating system lets go of it when the process dies, however that happens. Whoever prunes takes the exclusive lock
//! before it removes the version's record and this file, at once or not at all. A reader that locked a file without a name
//! has come too late.
//!
//! Where the file is missing or cannot be opened or locked (a medium that is read-only, no permission, a file system
//! without locks, no descriptor left), reading works without: the map keeps the bytes, but who prunes does not see the
//! reader.

use std::fs::{File, TryLockError};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

/// How long a reader waits for whoever prunes, who has the lock for as long as it takes to remove two names.
pub(crate) const READER_PATIENCE: Duration = Duration::from_millis(200);
const PAUSE: Duration = Duration::from_millis(1);

/// A shared lock; let go when this is dropped, in this process and in all it was forked into meanwhile.
#[derive(Debug)]
pub(crate) struct VersionLock {
    _file: File,
}

/// An exclusive lock; let go when dropped.
#[derive(Debug)]
pub(crate) struct SoleLock {
    file: File,
}

impl Drop for SoleLock {
    fn drop(&mut self) {
        // A process that is being forked has the file open too: closing alone would leave the lock with it.
        let _ = self.file.unlock();
    }
}

/// What came of an attempt to share a version's lock.
#[derive(Debug)]
pub(crate) enum Shared {
    /// The version cannot be pruned until this is dropped.
    Held(VersionLock),
    /// There is no lock to take: the version can be read, but it is not protected.
    Without,
    /// Somebody has it alone, and keeps it.
    Busy,
    /// The version has just been pruned.
    Pruned,
}

/// What came of an attempt to have a version's lock alone.
#[derive(Debug)]
pub(crate) enum Exclusive {
    /// Nobody has the version open, and nobody can protect it until this is dropped.
    Held(SoleLock),
    /// There is no lock file, so nobody can hold it.
    Without,
    /// Somebody has the version open.
    Leased,
}

impl VersionLock {
    /// Shares the lock at `path`; waits while somebody has it alone, but not for ever.
    pub(crate) fn share(path: &Path, patience: Duration) -> Shared {
        let without = |error: &dyn std::fmt::Display| {
            tracing::debug!(path = %path.display(), %error, "reading without a lock");
            Shared::Without
        };
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) => return without(&error),
        };
        let mut waited = Duration::ZERO;
        loop {
            match file.try_lock_shared() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if waited < patience => {
                    std::thread::sleep(PAUSE);
                    waited += PAUSE;
                }
                Err(TryLockError::WouldBlock) => return Shared::Busy,
                Err(TryLockError::Error(error)) => return without(&error),
            }
        }
        // Asking the file costs less than looking its path up again.
        match file.metadata() {
            Ok(metadata) if metadata.nlink() == 0 => Shared::Pruned,
            Ok(_) => Shared::Held(Self { _file: file }),
            Err(error) => without(&error),
        }
    }

    /// Takes the lock at `path` for oneself, at once or not at all. The caller keeps other writers out. A lock that cannot
    /// be examined counts as held by a reader.
    pub(crate) fn exclude(path: &Path) -> Exclusive {
        match File::open(path) {
            Ok(file) => match file.try_lock() {
                Ok(()) => Exclusive::Held(SoleLock { file }),
                Err(_) => Exclusive::Leased,
            },
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Exclusive::Without,
            Err(_) => Exclusive::Leased,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn readers_share_and_exclude_whoever_prunes() {
        let dir = testing::dir();
        let path = dir.path().join("lock");
        let share = || VersionLock::share(&path, PAUSE * 3);
        assert!(matches!(share(), Shared::Without));
        assert!(matches!(VersionLock::exclude(&path), Exclusive::Without));
        std::fs::write(&path, "").unwrap();
        let Shared::Held(first) = share() else { unreachable!("it is free") };
        let second = share();
        assert!(matches!(second, Shared::Held(_)));
        drop(first);
        assert!(matches!(VersionLock::exclude(&path), Exclusive::Leased));
        drop(second);
        let alone = VersionLock::exclude(&path);
        assert!(matches!(alone, Exclusive::Held(_)));
        assert!(matches!(share(), Shared::Busy));
    }

    #[test]
    fn whoever_comes_during_the_removal_learns_that_the_version_is_gone() {
        let dir = testing::dir();
        let path = dir.path().join("lock");
        std::fs::write(&path, "").unwrap();
        let alone = VersionLock::exclude(&path);
        std::thread::scope(|scope| {
            let late = scope.spawn(|| VersionLock::share(&path, READER_PATIENCE));
            while !late.is_finished() && path.exists() {
                // The reader is at most opening; once it waits for the lock, the name goes.
                std::thread::sleep(PAUSE);
                let _ = std::fs::remove_file(&path);
            }
            drop(alone);
            let outcome = late.join().unwrap();
            assert!(matches!(outcome, Shared::Pruned | Shared::Without), "{outcome:?}");
        });
    }
}
