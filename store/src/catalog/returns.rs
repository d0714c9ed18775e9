//! Returns: publications that made an older version the newest again.
//!
//! A version has one record, at the place of its first publication. When it becomes the newest another time, because
//! somebody restored it or because the same content was published again, the writer leaves one more small file before it
//! advances `HEAD`: `returns/<generation>`, twenty digits, JSON.
//!
//! ```json
//! { "format": "barrow-return/1", "version": "<64 digits>", "parent": "<64 digits>", "generation": 7,
//!   "published_ns": 1767225600000000000, "change": { "kind": "restore", ... } }
//! ```
//!
//! One of a generation that `HEAD` has not reached belongs to a publication under way or to a killed one: it is not read,
//! and the next writer sweeps it.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use barrow_format::Version;
use serde::{Deserialize, Serialize};

use crate::catalog::bundle_dir::{BundleDir, ensure_dir, file_names};
use crate::catalog::change::Change;
use crate::catalog::lock::remove_quietly;
use crate::disk;
use crate::error::{Error, Result};

const FORMAT: &str = "barrow-return/1";
/// Longest file that is read.
const BYTES_MAX: u64 = 64 << 10;

/// One return of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Return {
    pub(crate) version: Version,
    pub(crate) parent: Option<Version>,
    pub(crate) generation: u64,
    pub(crate) published_ns: i64,
    pub(crate) change: Change,
}

#[derive(Debug, Serialize, Deserialize)]
struct Record {
    format: String,
    version: String,
    parent: Option<String>,
    generation: u64,
    published_ns: i64,
    change: Change,
}

/// Writes down a return under a temporary name; it is to be flushed and renamed to what [`path`] says. The caller holds the
/// writer's lock and advances `HEAD` next.
pub(crate) fn prepare(dir: &BundleDir, temporary: &Path, entry: &Return) -> Result<File> {
    ensure_dir(&folder(dir))?;
    let record = Record {
        format: FORMAT.to_owned(),
        version: entry.version.to_string(),
        parent: entry.parent.map(|parent| parent.to_string()),
        generation: entry.generation,
        published_ns: entry.published_ns,
        change: entry.change,
    };
    let mut text = serde_json::to_string_pretty(&record).unwrap_or_default();
    text.push('\n');
    disk::write_document(temporary, &text)
}

/// Returns where the return of a generation lies.
pub(crate) fn path(dir: &BundleDir, generation: u64) -> PathBuf {
    folder(dir).join(format!("{generation:020}"))
}

/// Returns the returns up to a generation, ascending; with `None`, all of them.
pub(crate) fn read(dir: &BundleDir, horizon: Option<u64>) -> Result<Vec<Return>> {
    let folder = folder(dir);
    let mut returns = Vec::new();
    for name in file_names(&folder)? {
        let Ok(generation) = name.parse::<u64>() else { continue };
        if name.len() != 20 || horizon.is_some_and(|horizon| generation > horizon) {
            continue;
        }
        returns.push(read_one(&folder.join(name), generation)?);
    }
    Ok(returns)
}

/// Returns the return of one generation, if that is what it was.
pub(crate) fn at(dir: &BundleDir, generation: u64) -> Result<Option<Return>> {
    let path = path(dir, generation);
    if path.exists() { read_one(&path, generation).map(Some) } else { Ok(None) }
}

/// Removes returns that `HEAD` has not reached, which killed writers left: the generation that comes next may be no return.
/// Tells whether all are gone.
pub(crate) fn sweep(dir: &BundleDir, generation: u64) -> bool {
    let folder = folder(dir);
    let ahead = |name: &&String| {
        name.parse::<u64>().is_ok_and(|number| name.len() == 20 && number > generation)
    };
    let names = file_names(&folder).unwrap_or_default();
    let left = names.iter().filter(ahead).filter(|name| !remove_quietly(&folder.join(name)));
    left.count() == 0
}

/// Removes the returns of versions that are gone.
pub(crate) fn forget(dir: &BundleDir, gone: &BTreeSet<Version>) -> Result<()> {
    for entry in read(dir, None)?.iter().filter(|entry| gone.contains(&entry.version)) {
        let path = path(dir, entry.generation);
        disk::remove(&path).map_err(Error::io("remove", &path))?;
    }
    Ok(())
}

fn read_one(path: &Path, generation: u64) -> Result<Return> {
    let file = File::open(path).map_err(Error::io("open", path))?;
    let mut text = String::new();
    file.take(BYTES_MAX).read_to_string(&mut text).map_err(Error::io("read", path))?;
    parse(&text, generation)
        .map_err(|problem| Error::VersionRecord { path: path.to_owned(), problem })
}

fn parse(text: &str, generation: u64) -> Result<Return, String> {
    let record: Record = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if record.format != FORMAT {
        return Err(format!("its format is `{}`, this build reads `{FORMAT}`", record.format));
    }
    if record.generation != generation {
        return Err(format!("it is of generation {}, not {generation}", record.generation));
    }
    let version = |digits: &str| {
        digits.parse::<Version>().map_err(|_| format!("`{digits}` is not a version"))
    };
    Ok(Return {
        version: version(&record.version)?,
        parent: record.parent.as_deref().map(version).transpose()?,
        generation,
        published_ns: record.published_ns,
        change: record.change,
    })
}

fn folder(dir: &BundleDir) -> PathBuf {
    dir.path().join("returns")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::change::ChangeKind;
    use crate::testing;

    fn write(dir: &BundleDir, entry: &Return) {
        let temporary = dir.temporary("return");
        prepare(dir, &temporary, entry).unwrap();
        disk::rename(&temporary, &path(dir, entry.generation)).unwrap();
    }

    #[test]
    fn returns_are_read_in_order_and_not_before_their_time() {
        let root = testing::dir();
        let dir = BundleDir::new(root.path().to_owned());
        assert_eq!(read(&dir, None).unwrap(), []);
        let entry = |generation| Return {
            version: Version::from_bytes([9; 32]),
            parent: Some(Version::from_bytes([8; 32])),
            generation,
            published_ns: -5,
            change: Change { rows_changed: 3, ..Change::of(ChangeKind::Restore) },
        };
        for generation in [10, 2, 11] {
            write(&dir, &entry(generation));
        }
        assert_eq!(read(&dir, Some(10)).unwrap(), [entry(2), entry(10)]);
        write(&dir, &entry(11));
        assert_eq!(read(&dir, None).unwrap(), [entry(2), entry(10), entry(11)]);
        std::fs::write(folder(&dir).join("no number"), "").unwrap();
        assert_eq!(read(&dir, None).unwrap().len(), 3);
        let path = folder(&dir).join(format!("{:020}", 12));
        std::fs::copy(folder(&dir).join(format!("{:020}", 11)), path).unwrap();
        let error = read(&dir, None).unwrap_err();
        assert!(matches!(error, Error::VersionRecord { .. }), "{error}");
    }
}
