//! A remote that is a directory: a shared disk, a stick, a folder that something else copies away.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::Remote;
use crate::disk;

/// Where unfinished objects lie. Keys never start with a dot.
const UNFINISHED: &str = ".unfinished";

/// A directory as a [`Remote`].
///
/// An object appears under its name by a rename, when it is on the device. Several processes and machines may write at
/// once. What a writer that was killed left unfinished is removed by the next one.
///
/// # Examples
///
/// ```
/// use barrow_store::{Remote, DirectoryRemote};
///
/// let folder = tempfile::tempdir()?;
/// let remote = DirectoryRemote::at(folder.path());
/// assert_eq!(remote.bytes_of("bundles/us/newest.json")?, None);
/// remote.write("bundles/us/newest.json", b"{}")?;
/// assert_eq!(remote.read("bundles/us/newest.json", 1 << 20)?, b"{}");
/// assert_eq!(remote.list("bundles/us")?, ["newest.json"]);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct DirectoryRemote {
    root: PathBuf,
    /// Done once, before the first object is written.
    swept: OnceLock<()>,
    /// Tells the unfinished objects of this process apart.
    serial: AtomicU64,
}

impl DirectoryRemote {
    /// Names the directory. No I/O: it comes into being with the first object.
    ///
    /// A relative path is taken from the present working directory, now.
    pub fn at(root: impl AsRef<Path>) -> Self {
        let root = root.as_ref();
        let root = std::path::absolute(root).unwrap_or_else(|_| root.to_owned());
        Self { root, swept: OnceLock::new(), serial: AtomicU64::new(0) }
    }

    /// Returns the directory, which need not exist: the first push makes it.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns where an object lies. A key that could lead elsewhere is refused, whoever made it.
    fn path(&self, key: &str) -> io::Result<PathBuf> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let plain =
            |name: &str| !name.is_empty() && !name.starts_with('.') && name.chars().all(allowed);
        if key.split('/').all(plain) {
            return Ok(self.root.join(key));
        }
        Err(io::Error::new(io::ErrorKind::InvalidInput, format!("`{key}` is not a key")))
    }

    /// Writes an object under a name of its own and gives it its name.
    fn place(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let unfinished = self.root.join(UNFINISHED);
        make_dirs(&unfinished)?;
        self.swept.get_or_init(|| sweep(&unfinished));
        let serial = self.serial.fetch_add(1, Ordering::Relaxed);
        let temporary = unfinished.join(format!("{}-{serial}", std::process::id()));
        let file = disk::create(&temporary)?;
        // Where there are no locks, others may take it for abandoned; then it is written once more.
        let _ = file.try_lock();
        let written = disk::write_at(&file, bytes, 0).and_then(|()| disk::flush(&file));
        let folder = path.parent().unwrap_or(&self.root);
        let placed = written.and_then(|()| make_dirs(folder)).and_then(|()| {
            disk::rename(&temporary, path)?;
            disk::flush_dir(folder)
        });
        if placed.is_err() {
            let _ = disk::remove(&temporary);
        }
        placed
    }
}

impl Remote for DirectoryRemote {
    fn describe(&self) -> String {
        self.root.display().to_string()
    }

    fn bytes_of(&self, key: &str) -> io::Result<Option<u64>> {
        match std::fs::metadata(self.path(key)?) {
            Ok(metadata) => Ok(metadata.is_file().then_some(metadata.len())),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        let entries = match std::fs::read_dir(self.path(folder)?) {
            Ok(entries) => entries,
            Err(error) if is_missing(&error) => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut names = Vec::new();
        for entry in entries {
            names.extend(entry?.file_name().into_string().ok());
        }
        names.sort_unstable();
        Ok(names)
    }

    fn read(&self, key: &str, bytes_max: usize) -> io::Result<Vec<u8>> {
        let file = File::open(self.path(key)?)?;
        let mut bytes = Vec::new();
        file.take(u64::try_from(bytes_max).unwrap_or(u64::MAX)).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn write(&self, key: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.path(key)?;
        match self.place(&path, bytes) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.place(&path, bytes),
            outcome => outcome,
        }
    }

    fn age_of(&self, key: &str) -> io::Result<Option<Duration>> {
        let written = match std::fs::metadata(self.path(key)?) {
            Ok(metadata) => metadata.modified()?,
            Err(error) if is_missing(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        // Of the future: written just now, by a clock that is ahead.
        Ok(Some(written.elapsed().unwrap_or_default()))
    }

    fn remove(&self, key: &str) -> io::Result<()> {
        match disk::remove(&self.path(key)?) {
            Err(error) if is_missing(&error) => Ok(()),
            outcome => outcome,
        }
    }
}

/// Removes what killed writers left: what is unfinished and locked by nobody.
fn sweep(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        let abandoned = File::open(&path).is_ok_and(|file| file.try_lock().is_ok());
        if abandoned && let Err(error) = disk::remove(&path) {
            tracing::debug!(path = %path.display(), %error, "cannot remove");
        }
    }
}

/// Tells whether an error says that there is nothing of that name, also because what is above it is no directory.
fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Creates a directory and those above it; their names are on the device afterwards.
fn make_dirs(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let Some(above) = path.parent() else { return Ok(()) };
    make_dirs(above)?;
    disk::make_dir(path)?;
    disk::flush_dir(above)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{self, tree};

    #[test]
    fn objects_are_whole_and_nothing_is_left_unfinished() {
        let dir = testing::dir();
        let remote = DirectoryRemote::at(dir.path().join("remote"));
        assert_eq!(remote.list("a").unwrap(), [""; 0]);
        assert!(!dir.path().join("remote").exists(), "reading creates nothing");
        remote.write("a/b.json", b"one").unwrap();
        remote.write("a/b.json", b"three").unwrap();
        assert_eq!(remote.bytes_of("a/b.json").unwrap(), Some(5));
        assert_eq!(remote.bytes_of("a").unwrap(), None, "a folder is no object");
        assert_eq!(remote.bytes_of("a/b.json/c").unwrap(), None);
        assert_eq!(remote.read("a/b.json", 2).unwrap(), b"th");
        let missing = remote.read("a/c", 2).unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
        let left = ["remote", "remote/.unfinished", "remote/a", "remote/a/b.json"];
        assert_eq!(tree(dir.path()), left);
    }

    #[test]
    fn what_a_killed_writer_left_goes_and_what_is_being_written_stays() {
        let dir = testing::dir();
        let unfinished = dir.path().join(UNFINISHED);
        std::fs::create_dir(&unfinished).unwrap();
        std::fs::write(unfinished.join("1-0"), "half").unwrap();
        let busy = File::create(unfinished.join("2-0")).unwrap();
        busy.lock().unwrap();
        DirectoryRemote::at(dir.path()).write("a", b"x").unwrap();
        assert_eq!(tree(dir.path()), [".unfinished", ".unfinished/2-0", "a"]);
    }

    #[test]
    fn no_key_leads_out_of_the_directory() {
        let dir = testing::dir();
        let remote = DirectoryRemote::at(dir.path().join("remote"));
        for key in [
            "",
            "/etc/passwd",
            "../x",
            "a/../../x",
            "a//b",
            "./a",
            ".unfinished/1",
            "a/",
            "a\\b",
            "a\0",
        ] {
            let refused = |error: io::Error| error.kind() == io::ErrorKind::InvalidInput;
            assert!(remote.write(key, b"x").is_err_and(refused), "{key}");
            assert!(remote.read(key, 1).is_err_and(refused), "{key}");
            assert!(remote.bytes_of(key).is_err_and(refused), "{key}");
            assert!(remote.list(key).is_err_and(refused), "{key}");
        }
        assert!(tree(dir.path()).is_empty());
    }
}
