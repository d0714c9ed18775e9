//! Publishing what was published before: the same content again, an older version, or other files of the same version.

use barrow_format::{Bundle, Version, Written};

use crate::catalog::bundle_dir::BundleDir;
use crate::catalog::change::{Change, ChangeKind};
use crate::catalog::head::Head;
use crate::catalog::record::{PartEntry, VersionEntry};
use crate::catalog::sweep::sweep;
use crate::disk::mapping::Mapping;
use crate::error::{Error, Result};
use crate::reading::options::Paging;
use crate::writing::base::Base;
use crate::writing::publish::{Published, Staging, now_ns};
use crate::writing::revision::Revision;

impl Staging {
    /// Makes what is staged a revision of the bundle's newest version; see [`Catalog::revise`](crate::Catalog::revise).
    ///
    /// # Errors
    ///
    /// [`Error::UnknownBundle`]; [`Error::Corrupt`], [`Error::Io`] or [`Error::Mismatch`] when the version cannot be
    /// opened.
    pub fn revise(self) -> Result<Revision> {
        let base = Base::newest(&self.catalog, &self.name)?;
        Ok(Revision::over(self, base))
    }

    /// Publishes nothing, since nothing would change.
    pub(crate) fn unchanged(mut self) -> Result<Published> {
        let Head { version, .. } = self.catalog.head(&self.name)?;
        let published = self.advance(self.catalog.entry(&self.name, version)?)?;
        self.done = true;
        Ok(published)
    }

    /// Makes a version that was published before the newest again.
    pub(crate) fn bring_back(mut self, version: Version) -> Result<Published> {
        let entry = self.catalog.entry(&self.name, version)?;
        for part in &entry.parts {
            open_part(&self.dir, part)?;
        }
        let change = Some(Change::of(ChangeKind::Restore));
        let published = self.advance(VersionEntry { published_ns: now_ns(), change, ..entry })?;
        self.done = true;
        Ok(published)
    }

    /// Puts what was written in the place of the files that the newest version lies in now. The content is the same.
    pub(crate) fn replace(mut self, written: Written) -> Result<Published> {
        let old = self.catalog.entry(&self.name, self.catalog.head(&self.name)?.version)?;
        let change = old.change.unwrap_or(Change::of(ChangeKind::Ingest));
        let new = self.examine(written, change)?;
        if new.version != old.version {
            let (expected, found) = (old.version.to_string(), new.version.to_string());
            let bundle = self.name.clone();
            return Err(Error::Staging { bundle, what: "version", expected, found });
        }
        if new.parts == old.parts {
            return self.unchanged();
        }
        let generation = self.next_generation(self.before()?)?;
        let (version, parent) = (new.version, old.parent);
        let bytes = self.install(new, Some(generation))?;
        self.done = true;
        // The files of before are no version's any more; who has them mapped keeps them.
        sweep(&self.dir, &self.lock)?;
        Ok(Published { version, parent, generation, bytes, unchanged: false, change })
    }
}

/// Opens a file of a version in constant time, and checks that it is the one that the record names.
pub(crate) fn open_part(dir: &BundleDir, part: &PartEntry) -> Result<()> {
    let path = dir.part(part.digest);
    let (mapping, _) = Mapping::open(&path, Paging::default())?;
    let found = Bundle::open(mapping).map_err(Error::corrupt(&path))?.digest();
    if found == part.digest {
        return Ok(());
    }
    let (expected, found) = (part.digest.to_string(), found.to_string());
    Err(Error::Mismatch { path, what: "digest", expected, found })
}
