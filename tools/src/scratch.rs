//! Bundles for a moment: files in memory, where the system has such files, that do not outlive who needs them.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::time::Duration;

use tempfile::NamedTempFile;

const PREFIX: &str = "barrow-moment-";
const SUFFIX: &str = ".barrow";

/// A file is locked right after it was made: one that is not and is older than this was left by a process that was killed.
const LOCKED_WITHIN: Duration = Duration::from_mins(1);

/// Writes a file that is removed when it is dropped; or, when this process is killed before, by the first of a later one.
///
/// # Errors
/// When it cannot be made or written.
pub(crate) fn file(bytes: &[u8]) -> io::Result<NamedTempFile> {
    static SWEPT: Once = Once::new();
    let folder = folder();
    SWEPT.call_once(|| sweep(&folder, LOCKED_WITHIN));
    let mut file = tempfile::Builder::new().prefix(PREFIX).suffix(SUFFIX).tempfile_in(&folder)?;
    file.as_file().lock()?;
    file.write_all(bytes)?;
    Ok(file)
}

/// Where files lie in memory, else where temporary ones do.
pub(crate) fn folder() -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    if memory.is_dir() { memory } else { std::env::temp_dir() }
}

/// Removes what killed processes left in a folder, if it is old enough. What cannot be looked at or removed, as others' files,
/// stays.
fn sweep(folder: &Path, older_than: Duration) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let is_ours =
            name.to_str().is_some_and(|name| name.starts_with(PREFIX) && name.ends_with(SUFFIX));
        if is_ours && is_left(&entry.path(), older_than) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn is_left(path: &Path, older_than: Duration) -> bool {
    let Ok(file) = File::open(path) else { return false };
    let age = file.metadata().and_then(|metadata| metadata.modified()).ok();
    let age = age.and_then(|modified| modified.elapsed().ok());
    age.is_some_and(|age| age >= older_than) && file.try_lock().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_left_is_swept_and_what_is_in_use_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let named = |name: &str| folder.path().join(name);
        let (left, used) = (named("barrow-moment-a.barrow"), named("barrow-moment-b.barrow"));
        let (foreign, fresh) = (named("barrow-1000"), named("barrow-moment-c.barrow"));
        for path in [&left, &used, &foreign, &fresh] {
            fs::write(path, "bars").unwrap();
        }
        let hour_ago = std::time::SystemTime::now() - Duration::from_hours(1);
        for path in [&left, &used, &foreign] {
            File::options().write(true).open(path).unwrap().set_modified(hour_ago).unwrap();
        }
        let user = File::open(&used).unwrap();
        user.lock().unwrap();
        sweep(folder.path(), LOCKED_WITHIN);
        let stays = [&left, &used, &foreign, &fresh].map(|path| path.exists());
        assert_eq!(stays, [false, true, true, true]);
        drop(user);
        sweep(folder.path(), LOCKED_WITHIN);
        assert!(!used.exists());
    }

    #[test]
    fn a_file_is_there_until_it_is_dropped() {
        let file = file(b"bars").unwrap();
        let path = file.path().to_owned();
        assert_eq!(fs::read(&path).unwrap(), b"bars");
        assert!(!is_left(&path, Duration::ZERO), "its owner lives");
        drop(file);
        assert!(!path.exists());
    }
}
