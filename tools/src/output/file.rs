//! Files that appear whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use tempfile::NamedTempFile;

use crate::hint::Complaint;

/// A file being written: under a temporary name in its folder until [`WholeFile::publish`], gone if
/// that is never called.
#[derive(Debug)]
pub(crate) struct WholeFile {
    path: PathBuf,
    file: Under,
}

/// What is written to meanwhile.
#[derive(Debug)]
enum Under {
    /// The temporary file that becomes the file.
    Temporary(NamedTempFile),
    /// A pipe or a device. It takes what comes as it comes, and no file may take its place.
    Stream(File),
}

impl WholeFile {
    /// Begins the file at `path`, which may exist and then stays as it is until the new one is done. Where that is a link,
    /// it is what the link leads to; where it is a pipe or a device, it is written to directly.
    ///
    /// # Errors
    /// When its folder cannot be written; when `path` is `-`, which stands for a stream elsewhere.
    pub(crate) fn begin(path: &Path) -> anyhow::Result<Self> {
        if path == Path::new("-") {
            return Err(Complaint::new("`-` names no file")
                .hint("`/dev/stdout` is the standard output, `./-` a file of that name")
                .into());
        }
        if is_stream(path) {
            let file = OpenOptions::new().write(true).open(path);
            let file = file.with_context(|| format!("cannot write to `{}`", path.display()))?;
            return Ok(Self { path: path.to_owned(), file: Under::Stream(file) });
        }
        let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
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
        Ok(Self { path: path.to_owned(), file: Under::Temporary(file) })
    }

    /// The file to write to; it shares its position with others returned.
    ///
    /// # Errors
    /// When the system has no more file handles.
    pub(crate) fn writer(&self) -> io::Result<File> {
        match &self.file {
            Under::Temporary(file) => file.as_file().try_clone(),
            Under::Stream(file) => file.try_clone(),
        }
    }

    /// Gives the file its name and returns its length in bytes; 0 of a pipe or a device, which has none.
    ///
    /// # Errors
    /// When the system refuses.
    pub(crate) fn publish(self) -> anyhow::Result<u64> {
        let Under::Temporary(file) = self.file else { return Ok(0) };
        let say = || format!("cannot write `{}`", self.path.display());
        let bytes = file.as_file().metadata().with_context(say)?.len();
        file.persist(&self.path).map_err(|error| error.error).with_context(say)?;
        Ok(bytes)
    }
}

/// Whether there is something at `path`, behind links, that is neither file nor folder.
pub(crate) fn is_stream(path: &Path) -> bool {
    path.metadata().is_ok_and(|found| !found.is_file() && !found.is_dir())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_stays_and_what_it_leads_to_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file.csv"), folder.path().join("link.csv"));
        fs::write(&file, "before").unwrap();
        std::os::unix::fs::symlink("file.csv", &link).unwrap();
        assert_eq!(write_text(&link, "after").unwrap(), 5);
        assert_eq!(fs::read_to_string(&file).unwrap(), "after");
        assert!(link.symlink_metadata().unwrap().is_symlink());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_dash_is_no_file() {
        assert_eq!(WholeFile::begin(Path::new("-")).unwrap_err().to_string(), "`-` names no file");
    }
}
