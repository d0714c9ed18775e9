//! [`Base`]: what a revision or a compaction begins with.

use std::path::PathBuf;

use barrow_format::Bundle;

use crate::catalog::Catalog;
use crate::disk::mapping::Mapping;
use crate::error::{Error, Result};
use crate::reading::options::{OpenOptions, Paging};
use crate::reading::parts::Parts;
use crate::reading::segments::Files;
use crate::reading::snapshot::opened;

/// The newest version of a bundle, opened to be revised.
#[derive(Debug)]
pub(crate) struct Base {
    pub(crate) head: Bundle<Mapping>,
    pub(crate) path: PathBuf,
    pub(crate) parts: Parts,
}

impl Base {
    /// Opens the newest version. The caller holds the writer's lock.
    pub(crate) fn newest(catalog: &Catalog, name: &str) -> Result<Self> {
        let located = catalog.locate(name, catalog.head(name)?.version)?;
        let (mapping, _) = Mapping::open(&located.path, Paging::default())?;
        // What a hash is continued from, and rows that are copied, are compared with their check words as by any reader.
        let options = OpenOptions::default();
        let head = opened(mapping, options).map_err(Error::corrupt(&located.path))?;
        let parts = Parts::of(&head, &located.path, options)?;
        Ok(Self { head, path: located.path, parts })
    }

    pub(crate) fn files(&self) -> Files<'_> {
        Files { head: &self.head, path: &self.path, parts: &self.parts }
    }
}
