//! Mounts: a version that is compressed or lies in many parts, as one raw file that all processes of the machine map.

pub(crate) mod mounts;

use std::fs::{File, FileTimes, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::catalog::lock::{is_still_at, remove_quietly};
use crate::error::{Error, Result};

const PATIENCE: Duration = Duration::from_millis(200);
const PAUSE: Duration = Duration::from_millis(1);

/// A mounted version, held: its file stays for as long as this lives. Made by [`Mounts::mount`](crate::Mounts::mount).
///
/// The hold is a shared lock on the file, which the operating system lets go of when the process dies, however that
/// happens. When the last one that any process has is dropped, the file is removed, unless it is
/// [kept](crate::Mounts::keep).
#[derive(Debug)]
pub struct Mount {
    file: File,
    path: PathBuf,
}

impl Mount {
    /// Takes hold of the mount at `path`; `None` when there is none, or it is being removed.
    pub(crate) fn hold(path: &Path) -> Result<Option<Self>> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::io("open", path)(error)),
        };
        let Some(mount) = Self::over(file, path)? else { return Ok(None) };
        // Without its name, whoever comes next would mount another.
        let is_there = is_still_at(&mount.file, path).map_err(Error::io("examine", path))?;
        Ok(is_there.then_some(mount))
    }

    /// Takes hold of an opened mount that is, or is about to be, at `path`; `None` when somebody has it alone and keeps it.
    pub(crate) fn over(file: File, path: &Path) -> Result<Option<Self>> {
        let mut waited = Duration::ZERO;
        loop {
            match file.try_lock_shared() {
                Ok(()) => break,
                // Who lists mounts has each alone for a moment, and who removes one as well.
                Err(TryLockError::WouldBlock) if waited < PATIENCE => {
                    std::thread::sleep(PAUSE);
                    waited += PAUSE;
                }
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(Error::io("lock", path)(error)),
            }
        }
        // The time of last use is what mounts leave by when there are too many; that it cannot be set is no error.
        let _ = file.set_times(FileTimes::new().set_accessed(SystemTime::now()));
        Ok(Some(Self { file, path: path.to_owned() }))
    }

    /// Returns the number of the held file.
    #[cfg(test)]
    pub(crate) fn inode(&self) -> io::Result<u64> {
        use std::os::unix::fs::MetadataExt as _;
        Ok(self.file.metadata()?.ino())
    }

    /// Returns the path of the raw file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        if !marker(&self.path).exists() {
            remove_unheld(&self.file, &self.path);
        }
    }
}

/// Removes a mount unless someone holds it; `file` is an opening of it. Tells whether it is gone.
pub(crate) fn remove_unheld(file: &File, path: &Path) -> bool {
    // Alone with the lock, nobody holds it; and whoever takes hold of it after the removal sees that it has no name.
    let alone = file.try_lock().is_ok();
    if alone && is_still_at(file, path).unwrap_or(false) {
        remove_quietly(path);
        remove_quietly(&marker(path));
    }
    alone
}

/// Returns the path of the file that marks a mount as kept.
pub(crate) fn marker(path: &Path) -> PathBuf {
    path.with_extension("keep")
}
