//! A remote in memory, and machines whose catalogs push to it and fetch from it.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use barrow_format::Version;
use parking_lot::Mutex;
use tempfile::TempDir;

use crate::catalog::Catalog;
use crate::error::Error;
use crate::pool::BundlePool;
use crate::remote::{Fetched, Pushed, Remote, RemoteError, TransferOptions};
use crate::testing::{self, Listing, append, publish, tree};

/// Of which length objects are in tests: small, and not that of a page, so that hardly any two are the same.
pub(super) const OBJECT_BYTES: usize = 5000;

/// A remote in memory that counts what is asked of it, and breaks down where it is told to.
#[derive(Debug, Default)]
pub(super) struct Memory {
    pub(super) objects: Mutex<BTreeMap<String, Vec<u8>>>,
    pub(super) reads: Mutex<BTreeMap<String, u32>>,
    pub(super) writes: Mutex<BTreeMap<String, u32>>,
    pub(super) calls: AtomicU64,
    /// How many calls are answered; 0 for all.
    pub(super) answered: AtomicU64,
}

impl Memory {
    pub(super) fn call(&self) -> io::Result<()> {
        let number = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        let answered = self.answered.load(Ordering::Relaxed);
        let gone = answered > 0 && number > answered;
        if gone { Err(io::ErrorKind::ConnectionReset.into()) } else { Ok(()) }
    }

    /// Answers these many more calls; 0 for all.
    pub(super) fn break_after(&self, answered: u64) {
        self.calls.store(0, Ordering::Relaxed);
        self.answered.store(answered, Ordering::Relaxed);
    }

    pub(super) fn change(&self, key: &str, change: impl FnOnce(&mut Vec<u8>)) {
        change(self.objects.lock().get_mut(key).unwrap());
    }

    /// Replaces text in every object under a prefix.
    pub(super) fn replace(&self, prefix: &str, from: &str, to: &str) {
        let mut replaced = 0;
        for (key, bytes) in self.objects.lock().iter_mut() {
            if key.starts_with(prefix)
                && let Ok(text) = String::from_utf8(bytes.clone())
                && text.contains(from)
            {
                *bytes = text.replace(from, to).into_bytes();
                replaced += 1;
            }
        }
        assert!(replaced > 0, "no `{from}` under `{prefix}`");
    }

    pub(super) fn keys(&self, prefix: &str) -> Vec<String> {
        self.objects.lock().keys().filter(|key| key.starts_with(prefix)).cloned().collect()
    }

    /// Returns how many stretches of parts each object is: a few parts have one in common.
    pub(super) fn uses(&self) -> Vec<u32> {
        let mut uses = BTreeMap::<String, u32>::new();
        for key in self.keys("parts/") {
            let inventory: serde_json::Value =
                serde_json::from_slice(&self.objects.lock()[&key]).unwrap();
            for object in inventory["objects"].as_array().unwrap() {
                *uses.entry(object.to_string()).or_default() += 1;
            }
        }
        uses.into_values().collect()
    }

    /// Returns how often objects were read, and forgets it.
    pub(super) fn take_reads(&self, prefix: &str) -> Vec<u32> {
        let mut reads = std::mem::take(&mut *self.reads.lock());
        reads.retain(|key, _| key.starts_with(prefix));
        reads.into_values().collect()
    }
}

impl Remote for Memory {
    fn describe(&self) -> String {
        "memory".to_owned()
    }

    fn bytes_of(&self, key: &str) -> io::Result<Option<u64>> {
        self.call()?;
        Ok(self.objects.lock().get(key).map(|bytes| u64::try_from(bytes.len()).unwrap()))
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        self.call()?;
        let name = |key: &String| {
            let within = key.strip_prefix(folder)?.strip_prefix('/')?;
            within.split('/').next().map(str::to_owned)
        };
        let mut names: Vec<String> = self.objects.lock().keys().filter_map(name).collect();
        names.dedup();
        Ok(names)
    }

    fn read(&self, key: &str, bytes_max: usize) -> io::Result<Vec<u8>> {
        self.call()?;
        *self.reads.lock().entry(key.to_owned()).or_default() += 1;
        let objects = self.objects.lock();
        let bytes = objects.get(key).ok_or(io::ErrorKind::NotFound)?;
        Ok(bytes[..bytes.len().min(bytes_max)].to_vec())
    }

    fn write(&self, key: &str, bytes: &[u8]) -> io::Result<()> {
        self.call()?;
        *self.writes.lock().entry(key.to_owned()).or_default() += 1;
        self.objects.lock().insert(key.to_owned(), bytes.to_vec());
        Ok(())
    }
}

/// One after the other, so that what is interrupted is interrupted at a known place.
pub(super) const ONE: TransferOptions<'static> =
    TransferOptions { wait: Duration::ZERO, streams: 1, check: false, stop: None, watch: None };

/// A machine: a catalog in a directory of its own.
pub(super) struct Machine {
    pub(super) dir: TempDir,
    pub(super) catalog: Catalog,
}

impl Machine {
    pub(super) fn new() -> Self {
        let dir = testing::dir();
        let catalog = Catalog::at(dir.path().join("root"));
        Self { dir, catalog }
    }

    pub(super) fn push(&self, spec: &str, remote: &dyn Remote) -> Pushed {
        self.catalog.push(spec, remote, &TransferOptions::default()).unwrap()
    }

    pub(super) fn fetch(&self, spec: &str, remote: &dyn Remote) -> Fetched {
        self.catalog.fetch(spec, remote, &TransferOptions::default()).unwrap()
    }

    pub(super) fn refused(&self, spec: &str, remote: &dyn Remote) -> RemoteError {
        match self.catalog.fetch(spec, remote, &TransferOptions::default()) {
            Err(Error::Remote(error)) => *error,
            other => panic!("{other:?}"),
        }
    }

    /// Returns the versions, oldest first, after checking every byte of each.
    pub(super) fn versions(&self) -> Vec<Version> {
        let mut history = self.catalog.history("b").unwrap();
        history.reverse();
        for entry in &history {
            let spec = format!("b@{}", entry.version);
            assert!(BundlePool::new(1).lease(&self.catalog, &spec).unwrap().verify(1).ok());
        }
        history.iter().map(|entry| entry.version).collect()
    }

    pub(super) fn newest(&self) -> Version {
        self.catalog.head("b").unwrap().version
    }

    pub(super) fn files(&self) -> Vec<String> {
        tree(self.dir.path())
    }
}

/// A machine with a bundle of some hundred rows, of which the second version has a second part.
pub(super) fn publisher() -> Machine {
    let machine = Machine::new();
    publish(&machine.catalog, "b", &[Listing::new("A", 0..300), Listing::new("B", 0..200)], 1);
    append(&machine.catalog, "b", "A", &[300, 301, 302]);
    machine
}
