//! The folder of mounts: what is mounted on this machine, built once for all who ask at once, within a budget of bytes.
//!
//! ```text
//! <folder>/LOCK                           held by whoever builds or removes a mount
//! <folder>/<version>-<digest>.barrow      a raw copy of the version whose head file has the digest; read-only
//! <folder>/<version>-<digest>.keep        marks it as kept until it is unmounted, empty
//! <folder>/.tmp-<version>-<digest>        a mount that is being built, or whose builder died
//! ```
//!
//! A mount appears by a rename, whole. Who dies building it leaves a temporary file and no lock; the next one who builds
//! removes the file. Whoever maps a mount holds a shared lock on it (see [`Mount`]); who removes it has the lock alone.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::UNIX_EPOCH;

use barrow_format::{Digest, Version};

use crate::catalog::bundle_dir::file_names;
use crate::catalog::lock::remove_quietly;
use crate::catalog::spec::FILE_SUFFIX;
use crate::disk;
use crate::error::{Error, Result};
use crate::mount::{Mount, marker, remove_unheld};
use crate::reading::lease::Lease;
use crate::reading::snapshot::Snapshot;
use crate::writing::raw_copy;
use crate::writing::sink::FileSink;

const TEMPORARY_PREFIX: &str = ".tmp-";
/// Names the folder of [`Mounts::shared`].
const FOLDER_VARIABLE: &str = "BARROW_MOUNTS";
/// Gives its budget, in bytes.
const BUDGET_VARIABLE: &str = "BARROW_MOUNT_BYTES";

/// A folder of mounts: raw copies of versions that are compressed or lie in many parts, made once a machine.
///
/// A version that is one raw file needs no mount: that file is mapped by all processes as it is.
///
/// # Examples
///
/// ```no_run
/// use barrow_store::{Catalog, Mounts, OpenMode, OpenOptions};
///
/// let catalog = Catalog::at("/var/lib/bars");
/// // Any number of processes: the first one decodes, all of them map.
/// let options = OpenOptions { mode: OpenMode::Mount, ..OpenOptions::default() };
/// let lease = catalog.lease_with("us-daily", &options)?;
/// // Until `unmount`, whether it is in use or not:
/// let kept = Mounts::shared().keep(&catalog.lease("us-daily")?)?;
/// # Ok::<(), barrow_store::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mounts {
    folder: PathBuf,
    budget_bytes: Option<u64>,
}

/// One mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountEntry {
    /// The content version.
    pub version: Version,
    /// The digest of the file that the version is opened by.
    pub source: Digest,
    /// The raw file.
    pub path: PathBuf,
    /// Its size in bytes.
    pub bytes: u64,
    /// When it was last taken hold of, in nanoseconds since 1970-01-01 00:00 UTC.
    pub used_ns: i64,
    /// Whether it stays when nobody uses it.
    pub kept: bool,
    /// Whether a process uses it.
    pub held: bool,
}

/// Why a version could not be mounted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MountError {
    /// The mounts in use leave no room for another.
    #[error(
        "mounts in `{}` may take {budget_bytes} bytes, of which {held_bytes} are in use and {needed_bytes} more are needed",
        folder.display()
    )]
    Room {
        /// The folder of mounts.
        folder: PathBuf,
        /// What the new mount takes.
        needed_bytes: u64,
        /// What mounts that are in use take.
        held_bytes: u64,
        /// What all may take together.
        budget_bytes: u64,
    },
    /// The folder is not one to trust with what is mapped.
    #[error("`{}` cannot hold mounts: {problem}", folder.display())]
    Folder {
        /// The folder of mounts.
        folder: PathBuf,
        /// What is wrong with it.
        problem: &'static str,
    },
}

static SHARED: OnceLock<Mounts> = OnceLock::new();

impl Mounts {
    /// Returns the folder of mounts that this process uses, also for [`OpenMode::Mount`](crate::OpenMode::Mount): what
    /// `BARROW_MOUNTS` names, else `/dev/shm/barrow-<uid>`, else a folder of the system's temporary one. `BARROW_MOUNT_BYTES`
    /// is its budget; without it that is half of what the file system holds.
    pub fn shared() -> &'static Self {
        SHARED.get_or_init(|| {
            let named = std::env::var_os(FOLDER_VARIABLE).filter(|name| !name.is_empty());
            let folder = named.map_or_else(default_folder, PathBuf::from);
            let budget = std::env::var(BUDGET_VARIABLE).ok().and_then(|text| text.parse().ok());
            Self { folder, budget_bytes: budget }
        })
    }

    /// Makes this the folder that [`Mounts::shared`] returns, unless it was asked for before; tells whether it is it now.
    pub fn share(self) -> bool {
        SHARED.set(self.clone()).is_ok() || *Self::shared() == self
    }

    /// Names a folder. No I/O: it is made when something is mounted.
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), budget_bytes: None }
    }

    /// Returns the same folder with a budget: how many bytes all mounts may take together.
    #[must_use]
    pub fn with_budget_bytes(self, budget_bytes: u64) -> Self {
        Self { budget_bytes: Some(budget_bytes), ..self }
    }

    /// Returns the folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Mounts a version for as long as the answer lives in this process or another; decodes it unless it is mounted
    /// already. Whoever asks meanwhile waits, and mounts nobody uses make room, least recently used first.
    ///
    /// # Errors
    ///
    /// [`Error::Mount`] when there is no room; [`Error::Corrupt`], [`Error::SeriesDigest`] or [`Error::Mismatch`] when the
    /// version is damaged; [`Error::Io`].
    pub fn mount(&self, lease: &Lease) -> Result<Mount> {
        self.mount_snapshot(lease.snapshot())
    }

    /// Mounts a version until it is unmounted, or has to make room while nobody uses it.
    ///
    /// # Errors
    ///
    /// As [`Mounts::mount`].
    pub fn keep(&self, lease: &Lease) -> Result<MountEntry> {
        let mount = self.mount(lease)?;
        let marker = marker(mount.path());
        disk::create(&marker).map_err(Error::io("create", &marker))?;
        let found = self.entries()?.into_iter().find(|entry| entry.path == mount.path());
        drop(mount);
        let gone = std::io::ErrorKind::NotFound.into();
        found
            .map(|entry| MountEntry { held: false, ..entry })
            .ok_or_else(|| Error::io("find", &marker)(gone))
    }

    pub(crate) fn mount_snapshot(&self, snapshot: &Snapshot) -> Result<Mount> {
        let bundle = snapshot.bundle();
        let name = format!("{}-{}", bundle.version(), bundle.digest());
        let path = self.folder.join(format!("{name}{FILE_SUFFIX}"));
        self.check_folder()?;
        if let Some(mount) = Mount::hold(&path)? {
            return Ok(mount);
        }
        let _lock = self.lock()?;
        // Alone with the lock, nobody builds, so whatever is half built is left over.
        if let Some(mount) = Mount::hold(&path)? {
            return Ok(mount);
        }
        self.sweep(&path)?;
        self.make_room(raw_copy::bytes(snapshot))?;
        let temporary = self.folder.join(format!("{TEMPORARY_PREFIX}{name}"));
        let built = self.build(snapshot, &temporary, &path);
        if built.is_err() {
            remove_quietly(&temporary);
        }
        built
    }

    fn build(&self, snapshot: &Snapshot, temporary: &Path, path: &Path) -> Result<Mount> {
        tracing::info!(path = %path.display(), "mounting");
        let sink = FileSink::create(temporary)?;
        raw_copy::write(snapshot, &sink)?;
        sink.seal()?;
        // Held before anyone can see it, so that nobody takes it for unused.
        let file = File::open(temporary).map_err(Error::io("open", temporary))?;
        let mount = Mount::over(file, path)?;
        disk::rename(temporary, path).map_err(Error::io("rename", temporary))?;
        let folder = self.folder.clone();
        let problem = "another program locks the files in it";
        mount.ok_or_else(|| Error::Mount(Box::new(MountError::Folder { folder, problem })))
    }

    /// Returns all mounts, by version and digest; none when there is no folder.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when the folder cannot be listed.
    pub fn entries(&self) -> Result<Vec<MountEntry>> {
        let names = file_names(&self.folder)?;
        Ok(names.iter().filter_map(|name| self.entry(name)).collect())
    }

    fn entry(&self, name: &str) -> Option<MountEntry> {
        let (version, source) = name.strip_suffix(FILE_SUFFIX)?.split_once('-')?;
        let path = self.folder.join(name);
        // One that is removed meanwhile is none.
        let file = File::open(&path).ok()?;
        let metadata = file.metadata().ok()?;
        let used = metadata.accessed().ok()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        let held = file.try_lock().is_err();
        Some(MountEntry {
            version: version.parse().ok()?,
            source: source.parse().ok()?,
            bytes: metadata.len(),
            used_ns: i64::try_from(used.as_nanos()).unwrap_or(i64::MAX),
            kept: marker(&path).exists(),
            held,
            path,
        })
    }

    /// Removes the mounts of a version, kept or not. One that a process uses stays until that lets go of it, and is no
    /// longer kept. Returns what there was, as it was.
    ///
    /// # Errors
    ///
    /// As [`Mounts::entries`]; [`Error::Io`] when the folder's lock cannot be taken.
    pub fn unmount(&self, version: Version) -> Result<Vec<MountEntry>> {
        let mut entries = self.entries()?;
        entries.retain(|entry| entry.version == version);
        if entries.is_empty() {
            return Ok(entries);
        }
        let _lock = self.lock()?;
        for entry in &entries {
            remove_quietly(&marker(&entry.path));
            if let Ok(file) = File::open(&entry.path) {
                remove_unheld(&file, &entry.path);
            }
        }
        Ok(entries)
    }

    /// Takes the folder's lock; waits for whoever has it.
    fn lock(&self) -> Result<File> {
        let path = self.folder.join("LOCK");
        let file = disk::open_or_create(&path).map_err(Error::io("open", &path))?;
        file.lock().map_err(Error::io("lock", &path))?;
        Ok(file)
    }

    /// Removes what nobody wants any longer, but for `path`: what died half built, mounts that were to go with their last
    /// user, whose process died, and marks of mounts that are gone. The caller has the lock.
    fn sweep(&self, wanted: &Path) -> Result<()> {
        for name in file_names(&self.folder)? {
            let path = self.folder.join(&name);
            let extension = path.extension().unwrap_or_else(|| OsStr::new(""));
            let is_orphan = extension == "keep" && !path.with_extension("barrow").exists();
            if name.starts_with(TEMPORARY_PREFIX) || is_orphan {
                remove_quietly(&path);
            }
        }
        for entry in self.entries()? {
            if !entry.kept && !entry.held && entry.path != wanted {
                remove_entry(&entry);
            }
        }
        Ok(())
    }

    /// Removes mounts that nobody uses, least recently used first, until there is room for `needed_bytes`. The caller has
    /// the lock.
    fn make_room(&self, needed_bytes: u64) -> Result<()> {
        let budget_bytes = self.budget_bytes();
        let mut entries = self.entries()?;
        entries.sort_by_key(|entry| entry.used_ns);
        let mut held_bytes: u64 = entries.iter().map(|entry| entry.bytes).sum();
        for entry in &entries {
            if held_bytes.saturating_add(needed_bytes) <= budget_bytes {
                break;
            }
            if !entry.held && remove_entry(entry) {
                held_bytes -= entry.bytes;
            }
        }
        if held_bytes.saturating_add(needed_bytes) <= budget_bytes {
            return Ok(());
        }
        let folder = self.folder.clone();
        Err(Error::Mount(Box::new(MountError::Room {
            folder,
            needed_bytes,
            held_bytes,
            budget_bytes,
        })))
    }

    /// Returns how many bytes all mounts may take: half of the file system, unless it was said.
    fn budget_bytes(&self) -> u64 {
        self.budget_bytes.unwrap_or_else(|| {
            let size = rustix::fs::statvfs(&self.folder);
            size.map_or(0, |size| size.f_blocks.saturating_mul(size.f_frsize) / 2)
        })
    }

    /// Makes the folder if there is none, and checks that no stranger can put files into it.
    fn check_folder(&self) -> Result<()> {
        let folder = &self.folder;
        if !folder.is_dir() {
            let mut builder = DirBuilder::new();
            builder.recursive(true).mode(0o700);
            builder.create(folder).map_err(Error::io("create", folder))?;
        }
        let metadata = fs::metadata(folder).map_err(Error::io("examine", folder))?;
        let own = rustix::process::geteuid().as_raw();
        let problem = if metadata.uid() != own && metadata.uid() != 0 {
            "it belongs to another user"
        } else if metadata.mode() & 0o002 != 0 {
            "everyone may write to it"
        } else {
            return Ok(());
        };
        let folder = folder.clone();
        Err(Error::Mount(Box::new(MountError::Folder { folder, problem })))
    }
}

fn remove_entry(entry: &MountEntry) -> bool {
    File::open(&entry.path).is_ok_and(|file| remove_unheld(&file, &entry.path))
}

/// Returns the folder in memory that belongs to this user, or where there is no such file system one on disk.
fn default_folder() -> PathBuf {
    let own = format!("barrow-{}", rustix::process::geteuid().as_raw());
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { memory.join(own) } else { std::env::temp_dir().join(own) }
}
