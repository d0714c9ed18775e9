//! Files that appear whole or not at all.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use tempfile::NamedTempFile;

/// A file being written: under a temporary name in its folder until [`WholeFile::publish`], gone if
/// that is never called.
#[derive(Debug)]
pub(crate) struct WholeFile {
    path: PathBuf,
    file: NamedTempFile,
}

impl WholeFile {
    /// Begins the file at `path`, which may exist and then stays as it is until the new one is done.
    ///
    /// # Errors
    /// When its folder cannot be written.
    pub(crate) fn begin(path: &Path) -> anyhow::Result<Self> {
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let say = || format!("cannot create a file in `{}`", folder.display());
        // Asked first for the system's own words: those of a temporary file name that file.
        folder.metadata().with_context(say)?;
        crate::interrupt::flag();
        let mut builder = tempfile::Builder::new();
        builder.prefix(".barrow-").suffix(".tmp");
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let file = builder
            .tempfile_in(folder)
            .map_err(|error| io::Error::from(error.kind()))
            .with_context(say)?;
        Ok(Self { path: path.to_owned(), file })
    }

    /// The file to write to; it shares its position with others returned.
    ///
    /// # Errors
    /// When the system has no more file handles.
    pub(crate) fn writer(&self) -> io::Result<File> {
        self.file.as_file().try_clone()
    }

    /// Gives the file its name.
    ///
    /// # Errors
    /// When the system refuses.
    pub(crate) fn publish(self) -> anyhow::Result<u64> {
        let say = || format!("cannot write `{}`", self.path.display());
        let bytes = self.file.as_file().metadata().with_context(say)?.len();
        self.file.persist(&self.path).map_err(|error| error.error).with_context(say)?;
        Ok(bytes)
    }
}

/// Writes `text` to `path`, whole or not at all.
///
/// # Errors
/// When the file cannot be written.
pub(crate) fn write_text(path: &Path, text: &str) -> anyhow::Result<u64> {
    let file = WholeFile::begin(path)?;
    file.writer()
        .and_then(|mut writer| writer.write_all(text.as_bytes()))
        .with_context(|| format!("cannot write `{}`", path.display()))?;
    file.publish()
}
