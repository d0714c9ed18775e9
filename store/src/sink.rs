//! The file that a new part is written to.

use std::fs::{File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use barrow_format::Sink;

use crate::error::{Error, Result};

/// Where a [`BundleWriter`](barrow_format::BundleWriter) puts the bytes of a part: a file written at positions.
///
/// Several threads may write at once. Each write is one positioned write of the operating system; nothing is buffered
/// here.
#[derive(Debug)]
pub struct FileSink {
    file: File,
    path: PathBuf,
}

impl FileSink {
    /// Creates (or empties) the file at `path`.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when it cannot be created.
    pub fn create(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(true);
        let file = options.open(path).map_err(Error::io("create", path))?;
        Ok(Self { file, path: path.to_owned() })
    }

    /// Returns the file's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the file read-only for everyone and waits until it is on the device.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when the operating system refuses either.
    pub fn seal(&self) -> Result<()> {
        make_read_only(&self.file).map_err(Error::io("protect", &self.path))?;
        self.file.sync_all().map_err(Error::io("flush", &self.path))
    }

    /// Returns the length of what has been written, in bytes.
    pub(crate) fn len_bytes(&self) -> Result<u64> {
        Ok(self.file.metadata().map_err(Error::io("examine", &self.path))?.len())
    }
}

impl Sink for FileSink {
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, offset)
    }
}

/// Sets mode 0444: a published file is never written again.
pub(crate) fn make_read_only(file: &File) -> io::Result<()> {
    file.set_permissions(Permissions::from_mode(0o444))
}
