//! Which processes are at work on a file: a locked file beside it for each.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// The mark of a process beside a shared file, held until dropped, or until the process ends however it does.
#[derive(Debug)]
pub struct Presence {
    number: u64,
    path: PathBuf,
    /// Its lock is what counts.
    _file: File,
}

impl Presence {
    /// Marks this process as at work on `path`. Several marks of one process have different numbers.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn announce(path: &Path) -> Result<Self> {
        remove_left_marks(path);
        let mut number = u64::from(std::process::id());
        loop {
            let mark = mark_of(path, number);
            let mut options = OpenOptions::new();
            let file = options.write(true).create(true).truncate(false).open(&mark);
            let file = file.map_err(Error::io("open", &mark))?;
            match file.try_lock() {
                Ok(()) if mark.exists() => return Ok(Self { number, path: mark, _file: file }),
                // Its last holder removed it between opening and locking.
                Ok(()) => {}
                // Another mark of this process, or of one with the same number elsewhere.
                Err(TryLockError::WouldBlock) => number += 1 << 32,
                Err(TryLockError::Error(error)) => return Err(Error::io("lock", &mark)(error)),
            }
        }
    }

    /// Returns the number that others know it by.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Tells whether the holder of a number is at work on `path`. One that cannot be told counts as at work.
    pub fn is_alive(path: &Path, number: u64) -> bool {
        let mark = mark_of(path, number);
        let Ok(file) = OpenOptions::new().write(true).open(&mark) else { return mark.exists() };
        if file.try_lock().is_err() {
            return true;
        }
        // Nobody holds it: its process died. Removed under the lock, so that nobody's new mark goes with it.
        let _ = std::fs::remove_file(&mark);
        false
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Removes the marks of processes that were killed.
fn remove_left_marks(path: &Path) {
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let Ok(entries) = std::fs::read_dir(folder.unwrap_or(Path::new("."))) else { return };
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    for entry in entries.filter_map(std::result::Result::ok) {
        let mark = entry.file_name().to_string_lossy().into_owned();
        let rest = name.as_ref().and_then(|name| mark.strip_prefix(name.as_str()));
        let number = rest.and_then(|rest| rest.strip_prefix('.')?.strip_suffix(".at-work"));
        if let Some(number) = number.and_then(|number| number.parse().ok()) {
            Presence::is_alive(path, number);
        }
    }
}

fn mark_of(path: &Path, number: u64) -> PathBuf {
    let mut mark = path.as_os_str().to_owned();
    mark.push(format!(".{number}.at-work"));
    PathBuf::from(mark)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_seen_while_it_is_held() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("study");
        let (one, two) = (Presence::announce(&path).unwrap(), Presence::announce(&path).unwrap());
        assert_ne!(one.number(), two.number());
        assert!(Presence::is_alive(&path, one.number()));
        let number = one.number();
        drop(one);
        assert!(!Presence::is_alive(&path, number));
        assert!(Presence::is_alive(&path, two.number()));
        // Left by a process that was killed.
        std::fs::write(mark_of(&path, 77), "").unwrap();
        assert!(!Presence::is_alive(&path, 77));
        assert!(!Presence::is_alive(&path, 78));
        std::fs::write(mark_of(&path, 79), "").unwrap();
        drop(Presence::announce(&path).unwrap());
        assert!(!mark_of(&path, 79).exists() && mark_of(&path, two.number()).exists());
        drop(two);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
