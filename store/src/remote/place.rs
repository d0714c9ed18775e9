//! The layout of a remote: which object lies under which key, and what it has to be.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use barrow_format::{Digest, Version};
use serde::{Deserialize, Serialize};

use super::inventory::Inventory;
use super::prune::{TRUSTED_AGE, is_unsupported};
use super::{Remote, RemoteError};
use crate::catalog::record::{self, VersionEntry};
use crate::catalog::spec::check_name;
use crate::error::{Error, Result};

const NEWEST_FORMAT: &str = "barrow-newest/1";
/// Longest document that is read.
const DOCUMENT_BYTES_MAX: usize = 16 << 20;

/// A remote, by what lies in it. Keys are made of checked names, versions and digests alone.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    remote: &'a dyn Remote,
}

/// What is in doubt of an object that is there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Doubt {
    /// Whether it stays: no inventory names it, and who prunes takes away what is old.
    pub(crate) age: bool,
    /// Whether its bytes are what they were.
    pub(crate) bytes: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct Newest {
    format: String,
    version: String,
}

impl<'a> Place<'a> {
    pub(crate) fn new(remote: &'a dyn Remote) -> Self {
        Self { remote }
    }

    pub(crate) fn describe(self) -> String {
        self.remote.describe()
    }

    /// Returns which version of a bundle is the newest; `None` where nobody has published the bundle.
    pub(crate) fn newest(self, name: &str) -> Result<Option<Version>> {
        let key = newest_key(name);
        let Some(text) = self.document(&key)? else { return Ok(None) };
        let parsed = serde_json::from_slice::<Newest>(&text).map_err(|error| error.to_string());
        let version = parsed.and_then(|newest| match newest.format.as_str() {
            NEWEST_FORMAT => {
                newest.version.parse().map_err(|_| format!("`{}` is not a version", newest.version))
            }
            other => Err(format!("its format is `{other}`, this build reads `{NEWEST_FORMAT}`")),
        });
        version.map(Some).map_err(|problem| self.unusable(&key, problem))
    }

    pub(crate) fn set_newest(self, name: &str, version: Version) -> Result<()> {
        let newest = Newest { format: NEWEST_FORMAT.to_owned(), version: version.to_string() };
        let mut text = serde_json::to_string(&newest).unwrap_or_default();
        text.push('\n');
        self.write(&newest_key(name), text.as_bytes())
    }

    /// Returns the versions of a bundle that have a record, ascending. Names that are none are none of ours.
    pub(crate) fn versions(self, name: &str) -> Result<Vec<Version>> {
        let names = self.list(&versions_key(name))?;
        let version = |name: &String| name.strip_suffix(".json")?.parse().ok();
        let mut versions: Vec<Version> = names.iter().filter_map(version).collect();
        versions.sort_unstable();
        Ok(versions)
    }

    /// Returns the record of a version; `None` where nobody has published it.
    pub(crate) fn record(self, name: &str, version: Version) -> Result<Option<VersionEntry>> {
        let key = record_key(name, version);
        let Some(text) = self.document(&key)? else { return Ok(None) };
        let parsed = std::str::from_utf8(&text).map_err(|error| error.to_string());
        let entry = parsed.and_then(record::parse).and_then(|entry| {
            if entry.version != version {
                return Err(format!("it is of version `{}`", entry.version));
            }
            if entry.parts.is_empty() { Err("it names no part".to_owned()) } else { Ok(entry) }
        });
        entry.map(Some).map_err(|problem| self.unusable(&key, problem))
    }

    pub(crate) fn set_record(self, name: &str, entry: &VersionEntry) -> Result<()> {
        let mut text = record::render(entry);
        text.push('\n');
        self.write(&record_key(name, entry.version), text.as_bytes())
    }

    /// Returns the inventory of a part; `None` where the part is not there, or not whole.
    pub(crate) fn inventory(self, part: Digest) -> Result<Option<Inventory>> {
        let key = inventory_key(part);
        let Some(text) = self.document(&key)? else { return Ok(None) };
        let inventory = Inventory::parse(&text, part);
        inventory.map(Some).map_err(|problem| self.unusable(&key, problem))
    }

    pub(crate) fn set_inventory(self, inventory: &Inventory) -> Result<()> {
        self.write(&inventory_key(inventory.digest), inventory.render().as_bytes())
    }

    /// Says that a part cannot be fetched, since it is not there.
    pub(crate) fn missing_part(self, part: Digest) -> Error {
        RemoteError::Missing { key: inventory_key(part), remote: self.describe(), part }.boxed()
    }

    /// Returns an object of a part, which has these many bytes and this digest.
    pub(crate) fn object(self, part: Digest, digest: Digest, bytes: usize) -> Result<Vec<u8>> {
        let key = object_key(digest);
        // One byte more, to see an object that is too long.
        let found = self.remote.read(&key, bytes.saturating_add(1)).map_err(|error| {
            if error.kind() != io::ErrorKind::NotFound {
                return self.failed("read", &key)(error);
            }
            RemoteError::Missing { key: key.clone(), remote: self.describe(), part }.boxed()
        })?;
        let damaged = |what, expected: String, found: String| {
            let (key, remote) = (key.clone(), self.describe());
            Err(RemoteError::Damaged { key, remote, what, expected, found }.boxed())
        };
        if found.len() != bytes {
            let more = if found.len() > bytes { "more" } else { &found.len().to_string() };
            return damaged("length", bytes.to_string(), more.to_owned());
        }
        let hash = Digest::of(&found);
        if hash == digest {
            return Ok(found);
        }
        damaged("digest", digest.to_string(), hash.to_string())
    }

    /// Tells whether an object is there and what is in doubt of it is as it is to be.
    pub(crate) fn has_object(
        self,
        part: Digest,
        digest: Digest,
        bytes: &[u8],
        doubt: Doubt,
    ) -> Result<bool> {
        let key = object_key(digest);
        // An object that was cut off somehow has another length.
        if self.bytes_of(&key)? != u64::try_from(bytes.len()).ok() {
            return Ok(false);
        }
        if doubt.age && self.is_old(&key)? {
            return Ok(false);
        }
        if !doubt.bytes {
            return Ok(true);
        }
        match self.object(part, digest, bytes.len()) {
            Ok(_) => Ok(true),
            Err(Error::Remote(error)) if error.is_damage() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Tells whether all objects of a part are there; looks at each.
    pub(crate) fn has_objects(self, inventory: &Inventory) -> Result<bool> {
        for (stretch, digest) in inventory.pieces() {
            if self.bytes_of(&object_key(digest))? != u64::try_from(stretch.len).ok() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Returns the bundles that are there, ascending. Names that are none are none of ours.
    pub(crate) fn bundles(self) -> Result<Vec<String>> {
        let mut names = self.list("bundles")?;
        names.retain(|name| check_name(name).is_ok());
        names.sort_unstable();
        Ok(names)
    }

    /// Returns the parts that have an inventory, ascending.
    pub(crate) fn parts(self) -> Result<Vec<Digest>> {
        let names = self.list("parts")?;
        let part = |name: &String| name.strip_suffix(".json")?.parse().ok();
        let mut parts: Vec<Digest> = names.iter().filter_map(part).collect();
        parts.sort_unstable();
        Ok(parts)
    }

    /// Returns the objects that are there, ascending.
    pub(crate) fn objects(self) -> Result<Vec<Digest>> {
        let mut objects: Vec<Digest> = Vec::new();
        for folder in self.list("objects")? {
            let names = self.list(&format!("objects/{folder}"))?;
            let named = names.iter().filter(|name| name.starts_with(&folder));
            objects.extend(named.filter_map(|name| name.parse::<Digest>().ok()));
        }
        objects.sort_unstable();
        Ok(objects)
    }

    /// Tells whether what lies under a key is so old that who prunes may take it away, or has done so just now. A place that
    /// tells no ages is not pruned.
    fn is_old(self, key: &str) -> Result<bool> {
        match self.age_of(key) {
            Ok(age) => Ok(age.is_none_or(|age| age > TRUSTED_AGE)),
            Err(Error::Remote(error)) if is_unsupported(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Writes the inventory of a part again if it is old; tells whether it was.
    pub(crate) fn renew_inventory(self, inventory: &Inventory) -> Result<bool> {
        let is_old = self.is_old(&inventory_key(inventory.digest))?;
        if is_old {
            self.set_inventory(inventory)?;
        }
        Ok(is_old)
    }

    /// Tells whether the record of a version is old, or not there.
    pub(crate) fn is_old_record(self, name: &str, version: Version) -> Result<bool> {
        self.is_old(&record_key(name, version))
    }

    pub(crate) fn age_of(self, key: &str) -> Result<Option<Duration>> {
        self.remote.age_of(key).map_err(self.failed("tell the age of", key))
    }

    pub(crate) fn bytes_of(self, key: &str) -> Result<Option<u64>> {
        self.remote.bytes_of(key).map_err(self.failed("look for", key))
    }

    pub(crate) fn remove(self, key: &str) -> Result<()> {
        self.remote.remove(key).map_err(self.failed("remove", key))
    }

    fn list(self, folder: &str) -> Result<Vec<String>> {
        self.remote.list(folder).map_err(self.failed("list", folder))
    }

    pub(crate) fn set_object(self, digest: Digest, bytes: &[u8]) -> Result<()> {
        self.write(&object_key(digest), bytes)
    }

    fn write(self, key: &str, bytes: &[u8]) -> Result<()> {
        self.remote.write(key, bytes).map_err(self.failed("write", key))
    }

    fn document(self, key: &str) -> Result<Option<Vec<u8>>> {
        match self.remote.read(key, DOCUMENT_BYTES_MAX + 1) {
            Ok(text) if text.len() > DOCUMENT_BYTES_MAX => {
                let problem = format!("it is longer than {DOCUMENT_BYTES_MAX} bytes");
                Err(self.unusable(key, problem))
            }
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.failed("read", key)(error)),
        }
    }

    pub(crate) fn unusable_inventory(self, part: Digest, problem: String) -> Error {
        self.unusable(&inventory_key(part), problem)
    }

    pub(crate) fn unusable(self, key: &str, problem: String) -> Error {
        RemoteError::Document { key: key.to_owned(), remote: self.describe(), problem }.boxed()
    }

    fn failed(self, verb: &'static str, key: &str) -> impl FnOnce(io::Error) -> Error {
        let key = key.to_owned();
        move |source| {
            let (remote, source) = (self.describe(), Arc::new(source));
            RemoteError::Io { verb, key, remote, source }.boxed()
        }
    }
}

fn newest_key(name: &str) -> String {
    format!("bundles/{name}/newest.json")
}

fn versions_key(name: &str) -> String {
    format!("bundles/{name}/versions")
}

pub(crate) fn record_key(name: &str, version: Version) -> String {
    format!("{}/{version}.json", versions_key(name))
}

pub(crate) fn inventory_key(part: Digest) -> String {
    format!("parts/{part}.json")
}

pub(crate) fn object_key(digest: Digest) -> String {
    let digits = digest.to_string();
    let (folder, _) = digits.split_at(2);
    format!("objects/{folder}/{digits}")
}
