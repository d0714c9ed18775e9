//! Version records: `versions/<version>`, one small immutable JSON file for each version.
//!
//! ```json
//! {
//!   "format": "barrow-version/1",
//!   "version": "<64 hexadecimal digits>",
//!   "parent": "<64 hexadecimal digits, or null for the first version>",
//!   "generation": 1,
//!   "published_ns": 1767225600000000000,
//!   "tool": "barrow 0.1.0",
//!   "rows": 756,
//!   "assets": 3,
//!   "parts": [{ "digest": "<64 hexadecimal digits>", "bytes": 49152, "rows": 756 }]
//! }
//! ```
//!
//! `generation` is the one that first made the version the newest; 0 where none has, since the version was fetched beside the
//! newest. The first of `parts` is the file that is opened; the
//! others are those that it refers to, with the rows that lie in each. Each names the file `parts/<digest>.barrow`.
//! `change` tells what that publication changed. Unknown members are ignored; another `format` is an error.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use barrow_format::{Digest, Version};
use serde::{Deserialize, Serialize};

use crate::catalog::bundle_dir::BundleDir;
use crate::catalog::change::Change;
use crate::crew;
use crate::disk;
use crate::error::{Error, Result};

/// The format tag that this build writes, and the only one it reads.
const FORMAT: &str = "barrow-version/1";
/// Room for the record of a version of a dozen parts.
const RECORD_BYTES: usize = 4 << 10;
/// Longest record that is read: room for 100,000 parts.
const RECORD_BYTES_MAX: u64 = 16 << 20;
/// Records that one thread reads before it asks for more: reading as many takes longer than starting a thread.
const READ_AT_ONCE: usize = 64;

/// One version of a bundle, as the catalog records it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionEntry {
    /// The content version.
    pub version: Version,
    /// The version that was the newest before this one was first published; `None` for the first.
    pub parent: Option<Version>,
    /// The generation that first made it the newest, counted from 1; 0 of a version that was fetched beside the newest and
    /// never was it here.
    pub generation: u64,
    /// When that was, in nanoseconds since 1970-01-01 00:00 UTC, by the clock of the publishing machine.
    pub published_ns: i64,
    /// The files it lies in: first the one that is opened, then those that it refers to.
    pub parts: Vec<PartEntry>,
    /// The program that wrote them, e.g. `barrow 0.1.0`.
    pub tool: String,
    /// Number of bars.
    pub rows: u64,
    /// Number of assets.
    pub assets: u64,
    /// What its first publication changed; `None` in records of before there were revisions.
    pub change: Option<Change>,
}

impl VersionEntry {
    /// Returns the size of all parts in bytes.
    pub fn bytes(&self) -> u64 {
        self.parts.iter().map(|part| part.bytes).sum()
    }
}

/// One file of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartEntry {
    /// The file's digest, which is also its name.
    pub digest: Digest,
    /// Its size in bytes.
    pub bytes: u64,
    /// The number of bars in it.
    pub rows: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Record {
    format: String,
    version: String,
    parent: Option<String>,
    generation: u64,
    published_ns: i64,
    tool: String,
    rows: u64,
    assets: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    change: Option<Change>,
    parts: Vec<PartRecord>,
}

#[derive(Debug, Serialize, Deserialize)]
struct PartRecord {
    digest: String,
    bytes: u64,
    rows: u64,
}

/// Reads the record at `path`, which is to be that of `version`.
pub(crate) fn read(path: &Path, version: Version) -> Result<VersionEntry> {
    let file = File::open(path).map_err(Error::io("open", path))?;
    let mut text = String::with_capacity(RECORD_BYTES);
    file.take(RECORD_BYTES_MAX).read_to_string(&mut text).map_err(Error::io("read", path))?;
    let refused = |problem| Error::VersionRecord { path: path.to_owned(), problem };
    let entry = parse(&text).map_err(refused)?;
    if entry.version != version {
        return Err(Error::Mismatch {
            path: path.to_owned(),
            what: "version",
            expected: version.to_string(),
            found: entry.version.to_string(),
        });
    }
    Ok(entry)
}

/// Reads the records of these versions of a bundle; where there are many, on all processors.
pub(crate) fn read_all(dir: &BundleDir, versions: &[Version]) -> Result<Vec<VersionEntry>> {
    let read = |versions: &[Version]| -> Result<Vec<_>> {
        versions.iter().map(|version| read(&dir.record(*version), *version)).collect()
    };
    let read = crew::gather(versions.chunks(READ_AT_ONCE).collect(), read)?;
    Ok(read.into_iter().flatten().collect())
}

/// Writes a record under a temporary name, read-only; it is to be flushed and renamed.
pub(crate) fn prepare(temporary: &Path, entry: &VersionEntry) -> Result<File> {
    let mut text = render(entry);
    text.push('\n');
    disk::write_document(temporary, &text)
}

/// Writes a record at once.
#[cfg(test)]
pub(crate) fn write(path: &Path, temporary: &Path, entry: &VersionEntry) -> Result<()> {
    prepare(temporary, entry)?;
    disk::rename(temporary, path).map_err(Error::io("rename", temporary))
}

pub(crate) fn parse(text: &str) -> Result<VersionEntry, String> {
    let record: Record = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if record.format != FORMAT {
        return Err(format!("its format is `{}`, this build reads `{FORMAT}`", record.format));
    }
    let version = |digits: &str| {
        digits.parse::<Version>().map_err(|_| format!("`{digits}` is not a version"))
    };
    let part = |part: &PartRecord| {
        let digest =
            part.digest.parse().map_err(|_| format!("`{}` is not a digest", part.digest))?;
        Ok(PartEntry { digest, bytes: part.bytes, rows: part.rows })
    };
    Ok(VersionEntry {
        version: version(&record.version)?,
        parent: record.parent.as_deref().map(version).transpose()?,
        generation: record.generation,
        published_ns: record.published_ns,
        parts: record.parts.iter().map(part).collect::<Result<_, String>>()?,
        tool: record.tool,
        rows: record.rows,
        assets: record.assets,
        change: record.change,
    })
}

pub(crate) fn render(entry: &VersionEntry) -> String {
    let part = |part: &PartEntry| PartRecord {
        digest: part.digest.to_string(),
        bytes: part.bytes,
        rows: part.rows,
    };
    let record = Record {
        format: FORMAT.to_owned(),
        version: entry.version.to_string(),
        parent: entry.parent.map(|parent| parent.to_string()),
        generation: entry.generation,
        published_ns: entry.published_ns,
        tool: entry.tool.clone(),
        rows: entry.rows,
        assets: entry.assets,
        change: entry.change,
        parts: entry.parts.iter().map(part).collect(),
    };
    serde_json::to_string_pretty(&record).expect("strings and integers are always JSON")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::change::ChangeKind;
    use crate::testing;

    fn entry() -> VersionEntry {
        let part = |byte| PartEntry {
            digest: Digest::from_bytes([byte; 32]),
            bytes: 49152,
            rows: u64::from(byte),
        };
        VersionEntry {
            version: Version::from_bytes([0xab; 32]),
            parent: Some(Version::from_bytes([0xcd; 32])),
            generation: 3,
            published_ns: 1_767_225_600_123_456_789,
            parts: vec![part(1), part(2)],
            tool: "barrow \"0.1.0\"".to_owned(),
            rows: 3,
            assets: 2,
            change: Some(Change { rows_added: 2, ..Change::of(ChangeKind::Append) }),
        }
    }

    #[test]
    fn a_record_survives_the_round_trip() {
        let dir = testing::dir();
        let (path, temporary) = (dir.path().join("record"), dir.path().join(".tmp"));
        write(&path, &temporary, &entry()).unwrap();
        assert_eq!(read(&path, entry().version).unwrap(), entry());
        assert!(!temporary.exists());
        assert!(std::fs::metadata(&path).unwrap().permissions().readonly());
        let first = VersionEntry { parent: None, parts: Vec::new(), change: None, ..entry() };
        assert_eq!(parse(&render(&first)).unwrap(), first);
        assert_eq!(entry().bytes(), 98304);
    }

    #[test]
    fn what_is_no_record_says_why() {
        let text = render(&entry());
        let check = |text: &str, expected: &str| {
            let problem = parse(text).unwrap_err();
            assert!(problem.contains(expected), "{problem}");
        };
        check("", "EOF");
        check("[]", "invalid");
        let later = parse(&text.replace("\"append\"", "\"a later kind\"")).unwrap();
        assert_eq!(later.change.unwrap().kind, ChangeKind::Other);
        check(&text.replace("version/1", "version/2"), "this build reads `barrow-version/1`");
        check(&text.replace(&"ab".repeat(32), "ab"), "`ab` is not a version");
        check(&text.replace(&"01".repeat(32), "xy"), "`xy` is not a digest");
        check(&text.replace("\"generation\": 3", "\"generation\": -3"), "invalid value");
        let dir = testing::dir();
        let path = dir.path().join("record");
        std::fs::write(&path, &text).unwrap();
        let other = Version::from_bytes([1; 32]);
        assert!(matches!(read(&path, other), Err(Error::Mismatch { what: "version", .. })));
    }
}
