//! What every command is given: where the bundles are and how to speak.

use std::path::PathBuf;

use barrow_store::{Catalog, Lease, OpenOptions};

use crate::printer::Printer;

/// One run of the command, after the flags that all commands share were read.
#[derive(Debug)]
pub(crate) struct Invocation {
    /// The catalog directory.
    pub(crate) root: PathBuf,
    /// Whether `--root` or `BARROW_ROOT` named it; else it is the platform's default.
    pub(crate) root_is_given: bool,
    /// How bundles are opened.
    pub(crate) opening: OpenOptions,
    /// Where words go.
    pub(crate) printer: Printer,
}

impl Invocation {
    /// The catalog at `root`. No I/O.
    pub(crate) fn catalog(&self) -> Catalog {
        Catalog::at(&self.root)
    }

    /// Leases a bundle of the catalog, or a bundle file, opened as the flags say.
    pub(crate) fn lease(&self, bundle: &str) -> barrow_store::Result<Lease> {
        self.catalog().lease_with(bundle, &self.opening)
    }
}

/// The catalog directory for users who name none: `barrow` in the platform's data directory
/// (`~/.local/share/barrow` on Linux), or in the working directory where the platform has none.
pub fn default_root() -> PathBuf {
    dirs::data_dir().unwrap_or_default().join("barrow")
}
