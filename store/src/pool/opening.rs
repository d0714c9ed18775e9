//! Opening: from what a user writes to a snapshot, and how to tell later whether it is still what was meant.

use std::ffi::OsStr;
use std::path::Path;
use std::sync::Arc;

use barrow_format::Version;

use crate::catalog::Catalog;
use crate::catalog::head;
use crate::catalog::spec::Spec;
use crate::catalog::version_lock::{READER_PATIENCE, Shared, VersionLock};
use crate::disk::mapping::HeadMap;
use crate::error::{Error, Result};
use crate::pool::opened::{Currency, HeadPlace, Opened};
use crate::reading::options::OpenOptions;
use crate::reading::snapshot::Snapshot;

/// Opens what `text` specifies in the catalog at `root`, or without a root the bundle file at the path `text`.
///
/// `known` is asked for a snapshot of a part that is open already.
pub(crate) fn open(
    root: Option<&Arc<Path>>,
    text: &OsStr,
    options: OpenOptions,
    known: impl Fn(&Path) -> Option<Arc<Snapshot>>,
) -> Result<Opened> {
    let Some(root) = root else { return open_file(Path::new(text), options) };
    let catalog = Catalog::at(root);
    match Spec::parse(&text.to_string_lossy())? {
        Spec::File(path) => open_file(path, options),
        Spec::Newest(name) => open_newest(&catalog, name, options, known),
        Spec::Pinned { name, prefix } => {
            let fixed = prefix.len() == 64;
            open_older(&catalog, name, fixed, options, known, || catalog.version(name, prefix))
        }
        Spec::AsOf { name, moment } => {
            let find = || catalog.version_at(name, moment);
            open_older(&catalog, name, false, options, known, find)
        }
    }
}

/// Opens the newest version, as of the generation of the page that names it.
pub(crate) fn open_newest(
    catalog: &Catalog,
    name: &str,
    options: OpenOptions,
    known: impl Fn(&Path) -> Option<Arc<Snapshot>>,
) -> Result<Opened> {
    let path = catalog.dir(name).head();
    loop {
        let head = HeadMap::open(&path)?.ok_or_else(|| catalog.unknown(name))?;
        let newest = head.read().map_err(head::damaged(&path))?;
        let generation = newest.generation;
        match open_version(catalog, name, newest.version, options, &known) {
            Ok(snapshot) => {
                let place = HeadPlace::of(&head, path);
                let currency = Currency::Generation { head, generation, place };
                return Ok(Opened::new(snapshot, currency));
            }
            // The next version was published and this one pruned before it was locked.
            Err(_) if head.generation() != generation => {}
            Err(error) => return Err(error),
        }
    }
}

/// Opens the version that `find` finds. All digits of a version mean the same for ever, which is told by `fixed`; fewer, or
/// a moment, only until the next publication.
fn open_older(
    catalog: &Catalog,
    name: &str,
    fixed: bool,
    options: OpenOptions,
    known: impl Fn(&Path) -> Option<Arc<Snapshot>>,
    find: impl Fn() -> Result<Version>,
) -> Result<Opened> {
    // The generation is read before the versions are listed: one published in between must not go unnoticed. A damaged
    // page does not keep anyone from opening a version.
    let path = catalog.dir(name).head();
    let head = HeadMap::open(&path).ok().flatten();
    let generation = head.as_ref().map_or(0, HeadMap::generation);
    let version = find()?;
    let snapshot = open_version(catalog, name, version, options, &known)?;
    let currency = match head {
        Some(head) if !fixed => {
            let place = HeadPlace::of(&head, path);
            Currency::Generation { head, generation, place }
        }
        _ => Currency::Fixed,
    };
    Ok(Opened::new(snapshot, currency))
}

/// Opens a version and keeps it from being pruned for as long as the snapshot lives.
fn open_version(
    catalog: &Catalog,
    name: &str,
    version: Version,
    options: OpenOptions,
    known: &impl Fn(&Path) -> Option<Arc<Snapshot>>,
) -> Result<Arc<Snapshot>> {
    let mut located = catalog.locate(name, version)?;
    if let Some(snapshot) = known(&located.path) {
        return Ok(snapshot);
    }
    let lock = match VersionLock::share(&catalog.dir(name).lease(version), READER_PATIENCE) {
        Shared::Held(lock) => Some(lock),
        Shared::Without | Shared::Busy => None,
        Shared::Pruned => {
            let (bundle, prefix) = (name.to_owned(), version.to_string());
            return Err(Error::UnknownVersion { bundle, prefix });
        }
    };
    loop {
        let error = match Snapshot::open_part(name, &located, options) {
            Ok(snapshot) => return Ok(Arc::new(snapshot.mounted()?.locked(lock))),
            Err(error) => error,
        };
        // The version may have been written anew as one file after its record was read.
        let now = catalog.locate(name, version)?;
        if now.path == located.path {
            return Err(error);
        }
        located = now;
    }
}

fn open_file(path: &Path, options: OpenOptions) -> Result<Opened> {
    let (snapshot, stamp) = Snapshot::open_file(path, options)?;
    let currency = Currency::File { path: path.to_owned(), stamp };
    Ok(Opened::new(Arc::new(snapshot.mounted()?), currency))
}
