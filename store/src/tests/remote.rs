//! Versions that go to a remote and come back: whole or not at all, nothing twice, nothing that is not what it says.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use barrow_format::{Compression, Version};
use parking_lot::Mutex;
use rustix::io::Errno;
use tempfile::TempDir;

use crate::catalog::Catalog;
use crate::catalog::change::ChangeKind;
use crate::catalog::prune::{PruneMode, PrunePolicy};
use crate::disk::fault::{Fault, Kind, during};
use crate::error::Error;
use crate::pool::BundlePool;
use crate::remote::{
    DirectoryRemote, Fetched, Progress, Pushed, Remote, RemoteError, TransferOptions,
};
use crate::testing::{self, Listing, append, publish, publish_small, tree};
use crate::writing::publish::StageOptions;

/// Of which length objects are in tests: small, and not that of a page, so that hardly any two are the same.
const OBJECT_BYTES: usize = 5000;

/// A remote in memory that counts what is asked of it, and breaks down where it is told to.
#[derive(Debug, Default)]
struct Memory {
    objects: Mutex<BTreeMap<String, Vec<u8>>>,
    reads: Mutex<BTreeMap<String, u32>>,
    writes: Mutex<BTreeMap<String, u32>>,
    calls: AtomicU64,
    /// How many calls are answered; 0 for all.
    answered: AtomicU64,
}

impl Memory {
    fn call(&self) -> io::Result<()> {
        let number = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        let answered = self.answered.load(Ordering::Relaxed);
        let gone = answered > 0 && number > answered;
        if gone { Err(io::ErrorKind::ConnectionReset.into()) } else { Ok(()) }
    }

    /// Answers these many more calls; 0 for all.
    fn break_after(&self, answered: u64) {
        self.calls.store(0, Ordering::Relaxed);
        self.answered.store(answered, Ordering::Relaxed);
    }

    fn change(&self, key: &str, change: impl FnOnce(&mut Vec<u8>)) {
        change(self.objects.lock().get_mut(key).unwrap());
    }

    /// Replaces text in every object under a prefix.
    fn replace(&self, prefix: &str, from: &str, to: &str) {
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

    fn keys(&self, prefix: &str) -> Vec<String> {
        self.objects.lock().keys().filter(|key| key.starts_with(prefix)).cloned().collect()
    }

    /// Returns how many stretches of parts each object is: a few parts have one in common.
    fn uses(&self) -> Vec<u32> {
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
    fn take_reads(&self, prefix: &str) -> Vec<u32> {
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
            let name = key.strip_prefix(folder)?.strip_prefix('/')?;
            (!name.contains('/')).then(|| name.to_owned())
        };
        Ok(self.objects.lock().keys().filter_map(name).collect())
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
const ONE: TransferOptions<'static> =
    TransferOptions { wait: Duration::ZERO, streams: 1, check: false, stop: None, watch: None };

/// A machine: a catalog in a directory of its own.
struct Machine {
    dir: TempDir,
    catalog: Catalog,
}

impl Machine {
    fn new() -> Self {
        let dir = testing::dir();
        let catalog = Catalog::at(dir.path().join("root"));
        Self { dir, catalog }
    }

    fn push(&self, spec: &str, remote: &dyn Remote) -> Pushed {
        self.catalog.push(spec, remote, &TransferOptions::default()).unwrap()
    }

    fn fetch(&self, spec: &str, remote: &dyn Remote) -> Fetched {
        self.catalog.fetch(spec, remote, &TransferOptions::default()).unwrap()
    }

    fn refused(&self, spec: &str, remote: &dyn Remote) -> RemoteError {
        match self.catalog.fetch(spec, remote, &TransferOptions::default()) {
            Err(Error::Remote(error)) => *error,
            other => panic!("{other:?}"),
        }
    }

    /// Returns the versions, oldest first, after checking every byte of each.
    fn versions(&self) -> Vec<Version> {
        let mut history = self.catalog.history("b").unwrap();
        history.reverse();
        for entry in &history {
            let spec = format!("b@{}", entry.version);
            assert!(BundlePool::new(1).lease(&self.catalog, &spec).unwrap().verify(1).ok());
        }
        history.iter().map(|entry| entry.version).collect()
    }

    fn newest(&self) -> Version {
        self.catalog.head("b").unwrap().version
    }

    fn files(&self) -> Vec<String> {
        tree(self.dir.path())
    }
}

/// A machine with a bundle of some hundred rows, of which the second version has a second part.
fn publisher() -> Machine {
    let machine = Machine::new();
    publish(&machine.catalog, "b", &[Listing::new("A", 0..300), Listing::new("B", 0..200)], 1);
    append(&machine.catalog, "b", "A", &[300, 301, 302]);
    machine
}

#[test]
fn what_is_pushed_is_what_is_fetched() {
    let folder = testing::dir();
    let remote = DirectoryRemote::at(folder.path());
    let (here, there) = (publisher(), Machine::new());
    let pushed = here.push("b", &remote);
    let (parts, parts_sent) = (pushed.parts, pushed.parts_sent);
    assert_eq!((pushed.version, parts, parts_sent, pushed.newest), (here.newest(), 2, 2, true));
    let spared = pushed.bytes - pushed.bytes_sent;
    assert!(spared < 10_000, "all but a stretch that the parts have in common was sent: {spared}");
    let fetched = there.fetch("b", &remote);
    assert_eq!((fetched.version, fetched.parts_fetched), (here.newest(), 2));
    assert_eq!((fetched.bytes_fetched, fetched.bytes_resumed), (pushed.bytes, 0));
    assert!(fetched.newest && !fetched.unchanged);
    assert_eq!(there.versions(), [here.newest()]);

    let (ours, theirs) = (here.catalog.bundle("b").unwrap(), there.catalog.bundle("b").unwrap());
    assert_eq!((ours.rows, ours.assets, &ours.tool), (theirs.rows, theirs.assets, &theirs.tool));
    assert_eq!(ours.published_ns, theirs.published_ns, "the moment of publication stays");
    assert_eq!((theirs.generation, ours.generation), (1, 2));
    let entry = there.catalog.entry("b", there.newest()).unwrap();
    assert_eq!((entry.parent, entry.change.unwrap().kind), (None, ChangeKind::Fetch));
    assert_eq!(entry.change.unwrap().rows_added, 503);
    for part in &entry.parts {
        let bytes =
            |machine: &Machine| std::fs::read(machine.catalog.dir("b").part(part.digest)).unwrap();
        assert_eq!(bytes(&here), bytes(&there));
    }
    let again = there.fetch("b", &remote);
    assert_eq!((again.unchanged, again.parts_fetched, again.bytes_fetched), (true, 0, 0));
    let unfinished = tree(&folder.path().join(".unfinished"));
    assert!(unfinished.is_empty(), "{unfinished:?}");
}

#[test]
fn a_fetched_bundle_is_as_if_it_had_been_ingested_here() {
    let remote = Memory::default();
    let (here, there) = (Machine::new(), Machine::new());
    publish_small(&here.catalog, "b", 1);
    here.push("b", &remote);
    there.fetch("b", &remote);
    assert_eq!(here.files(), there.files(), "no file more or less");
    append(&here.catalog, "b", "A", &[7, 8]);
    append(&there.catalog, "b", "A", &[7, 8]);
    assert_eq!(here.newest(), there.newest());
    assert_eq!(here.files(), there.files());
}

#[test]
fn parts_that_are_there_are_not_sent_again() {
    let remote = Memory::default();
    let (here, there) = (Machine::new(), Machine::new());
    publish(&here.catalog, "b", &[Listing::new("A", 0..300)], 1);
    here.push("b", &remote);
    there.fetch("b", &remote);
    let first = remote.keys("objects/").len();
    assert!(first > 3, "{first} objects");
    remote.take_reads("");
    append(&here.catalog, "b", "A", &[300]);
    let pushed = here.push("b", &remote);
    assert_eq!((pushed.parts, pushed.parts_sent), (2, 1));
    let second = remote.keys("objects/").len();
    assert!(second > first);
    let writes = remote.writes.lock().clone();
    let written = |prefix: &str| -> Vec<u32> {
        writes.iter().filter(|(key, _)| key.starts_with(prefix)).map(|(_, count)| *count).collect()
    };
    assert_eq!(written("objects/"), vec![1; second]);
    assert_eq!(written("parts/"), [1, 1]);

    let fetched = there.fetch("b", &remote);
    assert_eq!((fetched.parts, fetched.parts_fetched), (2, 1));
    let read: u32 = remote.take_reads("objects/").into_iter().sum();
    let uses: u32 = remote.uses().into_iter().sum();
    assert_eq!(uses - read, u32::try_from(first).unwrap(), "nothing of the first part");
    assert_eq!(there.versions(), here.versions());
    let (ours, theirs) = (here.newest(), there.newest());
    let (ours, theirs) =
        (here.catalog.entry("b", ours).unwrap(), there.catalog.entry("b", theirs).unwrap());
    assert_eq!(ours, theirs, "versions that follow each other there follow each other here");

    let again = here.push("b", &remote);
    assert_eq!((again.parts_sent, again.bytes_sent), (0, 0));
    assert_eq!(remote.writes.lock().clone(), writes, "nothing was written at all");
}

#[test]
fn interrupted_at_any_call_a_push_goes_on_where_it_stopped() {
    let here = publisher();
    for answered in 1.. {
        let (remote, there) = (Memory::default(), Machine::new());
        remote.break_after(answered);
        let outcome = here.catalog.push("b", &remote, &ONE);
        let (calls, objects) = (remote.calls.load(Ordering::Relaxed), remote.keys("objects/"));
        if let Err(error) = &outcome {
            assert!(matches!(error, Error::Remote(_)), "{error}");
            // Whatever is there is not half a version: a fetch finds all of it or none.
            remote.break_after(0);
            let found = there.catalog.fetch("b", &remote, &ONE);
            assert!(
                matches!(&found, Err(Error::Remote(error)) if matches!(**error, RemoteError::UnknownBundle { .. })),
                "{answered}: {found:?}"
            );
        }
        remote.break_after(0);
        here.push("b", &remote);
        let written = |key: &String| remote.writes.lock()[key];
        let twice = objects.iter().map(written).filter(|&count| count > 1).count();
        // The object whose answer got lost is not there, since this remote does nothing then.
        assert_eq!(twice, 0, "after {answered} calls");
        there.fetch("b", &remote);
        assert_eq!(there.newest(), here.newest());
        if outcome.is_ok() {
            assert!(calls <= answered && answered > 15, "{answered}");
            return;
        }
    }
}

#[test]
fn interrupted_at_any_call_a_fetch_goes_on_where_it_stopped() {
    let (here, remote) = (publisher(), Memory::default());
    here.push("b", &remote);
    let clean = {
        let there = Machine::new();
        there.fetch("b", &remote);
        there.files()
    };
    for answered in 1.. {
        let there = Machine::new();
        remote.take_reads("");
        remote.break_after(answered);
        let outcome = there.catalog.fetch("b", &remote, &ONE);
        remote.break_after(0);
        if outcome.is_ok() {
            assert!(answered > 10, "{answered}");
            return;
        }
        assert!(matches!(outcome, Err(Error::Remote(_))), "{outcome:?}");
        assert_eq!(there.catalog.names().unwrap(), [""; 0], "nothing is published");
        let before = remote.reads.lock().clone();
        let loaded = before.iter().filter(|(key, _)| key.starts_with("objects/")).count();
        let fetched = there.fetch("b", &remote);
        assert_eq!(fetched.bytes_resumed > 0, loaded > 0, "after {answered} calls");
        assert_eq!(fetched.bytes_resumed + fetched.bytes_fetched, fetched.bytes);
        assert_eq!(remote.take_reads("objects/"), remote.uses(), "after {answered} calls");
        assert_eq!((there.versions(), there.files()), (vec![here.newest()], clean.clone()));
    }
}

#[test]
fn what_an_interrupted_fetch_left_is_believed_only_where_it_hashes() {
    let (here, remote) = (publisher(), Memory::default());
    here.push("b", &remote);
    let there = Machine::new();
    remote.break_after(8);
    there.catalog.fetch("b", &remote, &ONE).unwrap_err();
    remote.break_after(0);
    let arriving = there.catalog.dir("b").arriving();
    let begun = std::fs::read_dir(arriving).unwrap().next().unwrap();
    let path = begun.unwrap().path();
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[5000] ^= 1;
    bytes.extend([7; 5000]);
    std::fs::write(&path, bytes).unwrap();
    let fetched = there.fetch("b", &remote);
    assert!(fetched.bytes_resumed > 0 && fetched.bytes_fetched > 0, "{fetched:?}");
    assert_eq!(there.versions(), [here.newest()]);
}

#[test]
fn refused_any_operation_on_the_disk_push_and_fetch_lose_nothing_and_can_be_tried_again() {
    let here = publisher();
    let clean = {
        let (folder, there) = (testing::dir(), Machine::new());
        let remote = DirectoryRemote::at(folder.path());
        here.push("b", &remote);
        there.fetch("b", &remote);
        (tree(folder.path()), there.files())
    };
    for (refusal, lasting) in [(Errno::IO, false), (Errno::NOSPC, true), (Errno::ROFS, true)] {
        for first in 1.. {
            let (folder, there) = (testing::dir(), Machine::new());
            let remote = DirectoryRemote::at(folder.path().join("remote"));
            let fault = Fault { kind: Kind::Refuse(refusal), first, lasting };
            let run = || {
                here.catalog.push("b", &remote, &ONE)?;
                there.catalog.fetch("b", &remote, &ONE)
            };
            let (outcome, operations) = during(fault, run);
            let context = format!("{refusal:?} at operation {first} of {operations}");
            let published = there.catalog.names().unwrap() == ["b"];
            assert!(published || outcome.is_err(), "{context}");
            if published {
                assert_eq!(there.versions(), [here.newest()], "{context}");
            }
            here.push("b", &remote);
            there.fetch("b", &remote);
            drop(there.catalog.stage("b").unwrap());
            assert_eq!(there.versions(), [here.newest()], "{context}");
            let mut left = there.files();
            // What could not be removed at the end goes with the next pruning.
            left.retain(|path| !path.contains("arriving"));
            assert_eq!(left, clean.1, "{context}");
            if first > operations {
                assert!(outcome.is_ok() && operations > 60, "{context}");
                assert_eq!(tree(&folder.path().join("remote")), clean.0, "{context}");
                break;
            }
        }
    }
}

#[test]
fn an_object_that_was_cut_off_in_the_remote_is_sent_again() {
    let (here, there, remote) = (publisher(), Machine::new(), Memory::default());
    here.push("b", &remote);
    let (objects, parts) = (remote.keys("objects/"), remote.keys("parts/"));
    remote.change(&objects[1], |bytes| bytes.truncate(100));
    let error = there.refused("b", &remote);
    assert!(
        matches!(&error, RemoteError::Damaged { key, what: "length", .. } if *key == objects[1]),
        "{error}"
    );
    for key in parts {
        remote.objects.lock().remove(&key);
    }
    let pushed = here.push("b", &remote);
    assert_eq!((pushed.parts_sent, pushed.bytes_sent), (1, 5000), "one object");
    there.fetch("b", &remote);
    assert_eq!(there.versions(), [here.newest()]);
}

#[test]
fn a_damaged_object_is_refused_and_names_itself() {
    let (here, remote) = (publisher(), Memory::default());
    here.push("b", &remote);
    for key in remote.keys("objects/") {
        let there = Machine::new();
        remote.change(&key, |bytes| bytes[10] ^= 1);
        let error = there.refused("b", &remote);
        let named = matches!(&error, RemoteError::Damaged { key: found, what: "digest", .. } if *found == key);
        assert!(named, "{error}");
        assert_eq!(there.catalog.names().unwrap(), [""; 0]);
        remote.change(&key, |bytes| bytes[10] ^= 1);
        there.fetch("b", &remote);
        assert_eq!(there.versions(), [here.newest()]);
    }
    let key = remote.keys("objects/").remove(0);
    let there = Machine::new();
    remote.change(&key, |bytes| bytes.push(0));
    assert!(matches!(there.refused("b", &remote), RemoteError::Damaged { what: "length", .. }));
    remote.objects.lock().remove(&key);
    let error = there.refused("b", &remote);
    assert!(matches!(&error, RemoteError::Missing { key: found, .. } if *found == key), "{error}");
}

#[test]
fn a_push_that_checks_mends_what_is_damaged() {
    let (here, there, remote) = (publisher(), Machine::new(), Memory::default());
    here.push("b", &remote);
    let keys = remote.keys("objects/");
    remote.change(&keys[0], |bytes| bytes[10] ^= 1);
    remote.objects.lock().remove(&keys[1]);
    assert_eq!(here.push("b", &remote).bytes_sent, 0, "it does not look");
    let check = TransferOptions { check: true, ..TransferOptions::default() };
    let pushed = here.catalog.push("b", &remote, &check).unwrap();
    assert!((5001..=10_000).contains(&pushed.bytes_sent), "two objects: {pushed:?}");
    there.fetch("b", &remote);
    assert_eq!(there.versions(), [here.newest()]);
    assert_eq!(here.catalog.push("b", &remote, &check).unwrap().bytes_sent, 0);
}

/// What a remote may do to what a machine has pushed to it.
type Lie = fn(&Memory, &Machine);

/// Lies about versions, and about their parts.
const LIES: [(&str, Lie); 12] = [
    ("names another version", |remote, here| {
        let other = here.catalog.history("b").unwrap()[1].version.to_string();
        remote.replace("bundles/b/versions", &here.newest().to_string(), &other);
    }),
    ("gives another version's files", |remote, here| {
        let old = here.catalog.history("b").unwrap()[1].version;
        here.push(&format!("b@{old}"), remote);
        let key = |version| format!("bundles/b/versions/{version}.json");
        let record = remote.objects.lock()[&key(old)].clone();
        remote.change(&key(here.newest()), |bytes| *bytes = record);
        let newest = here.newest().to_string();
        remote.replace(&key(here.newest()), &old.to_string(), &newest);
    }),
    ("leads out of the catalog", |remote, here| {
        let part = here.catalog.entry("b", here.newest()).unwrap().parts[0].digest;
        remote.replace("bundles/b/versions", &part.to_string(), "../../../../etc/passwd");
    }),
    ("points nowhere", |remote, here| {
        remote.replace("bundles/b/newest", &here.newest().to_string(), "../../x");
    }),
    ("points to what is not there", |remote, here| {
        remote.replace("bundles/b/newest", &here.newest().to_string(), &"0".repeat(64));
    }),
    ("counts rows wrongly", |remote, _| {
        remote.replace("bundles/b/versions", "\"rows\": 503", "\"rows\": 504");
    }),
    ("gives a length that is not so", |remote, _| {
        remote.replace("bundles/b/versions", "\"bytes\": ", "\"bytes\": 9");
    }),
    ("gives lengths that do not end", |remote, _| {
        remote.replace("bundles/b/versions", "\"bytes\": ", "\"bytes\": 922337");
        remote.replace("parts/", "\"bytes\":", "\"bytes\":922337");
    }),
    ("names no part", |remote, _| {
        let key = remote.keys("bundles/b/versions").remove(0);
        remote.change(&key, |bytes| {
            let mut record: serde_json::Value = serde_json::from_slice(bytes).unwrap();
            record["parts"] = serde_json::Value::Array(Vec::new());
            *bytes = record.to_string().into_bytes();
        });
    }),
    ("lacks a part", |remote, _| {
        let key = remote.keys("parts/").remove(0);
        remote.objects.lock().remove(&key);
    }),
    ("exchanges two parts", |remote, _| {
        let keys = remote.keys("parts/");
        let mut objects = remote.objects.lock();
        let (first, second) = (objects[&keys[0]].clone(), objects[&keys[1]].clone());
        objects.insert(keys[0].clone(), second);
        objects.insert(keys[1].clone(), first);
    }),
    ("has no record", |remote, _| {
        let key = remote.keys("bundles/b/versions").remove(0);
        remote.objects.lock().remove(&key);
    }),
];

#[test]
fn a_remote_that_lies_publishes_nothing() {
    for (what, lie) in LIES {
        let (here, there, remote) = (publisher(), Machine::new(), Memory::default());
        here.push("b", &remote);
        lie(&remote, &here);
        let error = there.refused("b", &remote);
        assert!(!error.to_string().is_empty(), "{what}");
        assert_eq!(there.catalog.names().unwrap(), [""; 0], "{what}: {error}");
        let sound = Memory::default();
        here.push("b", &sound);
        there.fetch("b", &sound);
        assert_eq!(there.newest(), here.newest(), "{what}");
        assert!(!there.files().iter().any(|path| path.contains("arriving")), "{what}");
    }
}

#[test]
fn other_bytes_under_right_hashes_are_not_the_version() {
    // Somebody who can write to the remote publishes another file, with inventory and objects that agree.
    let (here, there, remote) = (publisher(), Machine::new(), Memory::default());
    let entry = here.catalog.entry("b", here.newest()).unwrap();
    for part in &entry.parts {
        here.push("b", &remote);
        let path = here.catalog.dir("b").part(part.digest);
        let mut bytes = std::fs::read(path).unwrap();
        let last = bytes.len() - 4096;
        bytes[last] ^= 1;
        let objects: Vec<_> = bytes.chunks(OBJECT_BYTES).map(barrow_format::Digest::of).collect();
        for (digest, chunk) in objects.iter().zip(bytes.chunks(OBJECT_BYTES)) {
            let key = format!("objects/{}/{digest}", &digest.to_string()[..2]);
            remote.write(&key, chunk).unwrap();
        }
        let objects: Vec<String> = objects.iter().map(ToString::to_string).collect();
        let key = format!("parts/{}.json", part.digest);
        let honest = remote.objects.lock()[&key].clone();
        remote.change(&key, |text| {
            let mut inventory: serde_json::Value = serde_json::from_slice(text).unwrap();
            inventory["objects"] = objects.into();
            *text = inventory.to_string().into_bytes();
        });
        let error = there.refused("b", &remote);
        assert!(matches!(error, RemoteError::Unsound { .. }), "{error}");
        assert_eq!(there.files(), ["root", "root/b"].map(str::to_owned)[..there.files().len()]);
        remote.change(&key, |text| *text = honest);
    }
    there.fetch("b", &remote);
    assert_eq!(there.versions(), [here.newest()]);
}

#[test]
fn several_fetches_at_once_load_once() {
    let (here, remote) = (publisher(), Arc::new(Memory::default()));
    here.push("b", &*remote);
    for spec in ["b".to_owned(), format!("b@{}", here.newest())] {
        let there = Machine::new();
        remote.take_reads("");
        let options = TransferOptions { wait: Duration::MAX, ..TransferOptions::default() };
        let fetch = || {
            // As processes do: nothing is shared but the directory.
            let catalog = Catalog::at(there.catalog.root());
            catalog.fetch(&spec, &*remote, &options).unwrap()
        };
        let fetched: Vec<Fetched> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..6).map(|_| scope.spawn(fetch)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(fetched.iter().filter(|it| !it.unchanged).count(), 1);
        assert!(fetched.iter().all(|it| it.version == here.newest() && it.newest));
        assert_eq!(remote.take_reads("objects/"), remote.uses());
        assert_eq!(there.versions(), [here.newest()]);
    }
}

#[test]
fn a_chosen_version_lies_beside_the_newest() {
    let remote = Memory::default();
    let (here, there) = (Machine::new(), Machine::new());
    let versions: Vec<_> =
        (1..4).map(|seed| publish_small(&here.catalog, "b", seed).version).collect();
    for version in &versions {
        let pushed = here.push(&format!("b@{version}"), &remote);
        // The first makes the remote have a newest version.
        assert_eq!(pushed.newest, *version == versions[0]);
    }
    here.push("b", &remote);
    there.fetch("b", &remote);
    let fetched = there.fetch(&format!("b@{}", &versions[0].to_string()[..10]), &remote);
    assert_eq!((fetched.version, fetched.newest, fetched.unchanged), (versions[0], false, false));
    assert_eq!((there.newest(), there.catalog.head("b").unwrap().generation), (versions[2], 1));
    assert_eq!(there.versions(), [versions[0], versions[2]]);
    let timeline = there.catalog.timeline("b").unwrap();
    assert_eq!(timeline.iter().map(|it| it.generation).collect::<Vec<_>>(), [1, 0]);
    let moment = crate::Instant(i64::MAX);
    assert_eq!(there.catalog.version_at("b", moment).unwrap(), versions[2]);
    assert!(there.fetch(&format!("b@{}", versions[0]), &remote).unchanged);

    // The next writer leaves it where it is; restored, it is an ordinary version; pruned, it is gone.
    publish_small(&there.catalog, "b", 9);
    assert_eq!(there.versions().len(), 3);
    let restored = there.catalog.restore("b", versions[0], &StageOptions::default()).unwrap();
    assert_eq!((there.newest(), restored.generation), (versions[0], 3));
    assert_eq!(there.catalog.version_at("b", moment).unwrap(), versions[0]);
    publish_small(&there.catalog, "b", 10);
    let policy = PrunePolicy {
        keep: 1,
        published_before_ns: None,
        mode: PruneMode::Remove,
        wait: Duration::ZERO,
    };
    there.catalog.prune("b", &policy).unwrap();
    assert_eq!(there.versions(), [there.newest()]);
}

#[test]
fn the_newest_here_is_what_the_newest_there_is() {
    let remote = Memory::default();
    let (here, there) = (Machine::new(), Machine::new());
    let first = publish_small(&here.catalog, "b", 1).version;
    here.push("b", &remote);
    there.fetch("b", &remote);
    let second = publish_small(&here.catalog, "b", 2).version;
    here.push("b", &remote);
    assert_eq!(there.fetch("b", &remote).version, second);
    here.catalog.restore("b", first, &StageOptions::default()).unwrap();
    assert_eq!(here.push("b", &remote).bytes_sent, 0);
    let fetched = there.fetch("b", &remote);
    assert_eq!((fetched.version, fetched.newest, fetched.parts_fetched), (first, true, 0));
    assert_eq!(there.newest(), first);
    assert_eq!(there.versions(), [first, second]);
    // What was published here alone stays in the history.
    let own = publish_small(&there.catalog, "b", 7).version;
    there.fetch("b", &remote);
    assert_eq!(there.newest(), first);
    assert!(there.versions().contains(&own));
}

#[test]
fn what_is_not_there_is_said_to_be_not_there() {
    let (here, there, remote) = (Machine::new(), Machine::new(), Memory::default());
    assert!(matches!(there.refused("b", &remote), RemoteError::UnknownBundle { .. }));
    let first = publish_small(&here.catalog, "b", 1).version;
    here.push("b", &remote);
    let error = there.refused(&format!("b@{}", "0".repeat(64)), &remote);
    assert!(matches!(error, RemoteError::UnknownVersion { .. }), "{error}");
    let error = there.refused("b@0123456789", &remote);
    assert!(matches!(error, RemoteError::UnknownVersion { .. }), "{error}");
    let error = there.refused("b@2026-11-25", &remote);
    assert!(matches!(error, RemoteError::Moment { .. }), "{error}");
    for name in ["../b", "b/../c", ".b", "", "b.barrow", "a\\b"] {
        let error = there.catalog.fetch(name, &remote, &ONE).unwrap_err();
        assert!(matches!(error, Error::BundleName { .. }), "{name}: {error}");
        assert!(here.catalog.push(name, &remote, &ONE).is_err(), "{name}");
    }
    assert!(there.files().is_empty(), "{:?}", there.files());
    // A record of another name, left there by somebody: none of ours.
    remote.write("bundles/b/versions/..%2f..%2fx.json", b"{}").unwrap();
    let prefix = format!("b@{}", &first.to_string()[..8]);
    assert_eq!(there.fetch(&prefix, &remote).version, first);
}

#[test]
fn a_part_that_is_damaged_here_is_loaded_again() {
    let (here, there, remote) = (publisher(), Machine::new(), Memory::default());
    let old = here.catalog.history("b").unwrap()[1].clone();
    here.push(&format!("b@{}", old.version), &remote);
    there.fetch("b", &remote);
    let path = there.catalog.dir("b").part(old.parts[0].digest);
    let mut bytes = std::fs::read(&path).unwrap();
    let last = bytes.len() - 4096;
    bytes[last] ^= 1;
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, bytes).unwrap();
    here.push("b", &remote);
    let fetched = there.fetch("b", &remote);
    assert_eq!((fetched.parts, fetched.parts_fetched), (2, 2));
    assert_eq!(there.versions(), here.versions());
}

#[test]
fn what_is_damaged_here_is_not_pushed() {
    let (here, remote) = (publisher(), Memory::default());
    let entry = here.catalog.entry("b", here.newest()).unwrap();
    let path = here.catalog.dir("b").part(entry.parts[1].digest);
    let mut bytes = std::fs::read(&path).unwrap();
    let last = bytes.len() - 4096;
    bytes[last] ^= 1;
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, bytes).unwrap();
    let error = here.catalog.push("b", &remote, &ONE).unwrap_err();
    assert!(matches!(error, Error::Damaged { .. }), "{error}");
    assert!(remote.keys("").is_empty());
}

#[test]
fn compressed_and_compacted_versions_travel_too() {
    let remote = Memory::default();
    let (here, there) = (Machine::new(), Machine::new());
    let listings = [Listing::new("A", 0..5000)];
    testing::publish_compressed(&here.catalog, "b", &listings, 1, Compression::Auto);
    append(&here.catalog, "b", "A", &[6000, 6001]);
    here.push("b", &remote);
    there.fetch("b", &remote);
    here.catalog.compact("b", &StageOptions::default()).unwrap();
    assert_eq!(here.push("b", &remote).parts_sent, 1, "the same version in another file");
    let other = Machine::new();
    assert_eq!(other.fetch("b", &remote).parts, 1);
    assert_eq!((other.versions(), there.versions()), (vec![here.newest()], vec![here.newest()]));
    assert!(there.fetch("b", &remote).unchanged, "it has the version, in the files of before");
}

#[test]
fn a_moment_to_come_is_not_believed() {
    let (here, there, remote) = (publisher(), Machine::new(), Memory::default());
    here.push("b", &remote);
    let entry = here.catalog.entry("b", here.newest()).unwrap();
    remote.replace("bundles/b/versions", &entry.published_ns.to_string(), "9223372036854775807");
    let before = crate::writing::publish::now_ns();
    there.fetch("b", &remote);
    let published_ns = there.catalog.bundle("b").unwrap().published_ns;
    assert!(published_ns >= before && published_ns <= crate::writing::publish::now_ns());
}

#[test]
fn pruning_removes_what_an_interrupted_fetch_left() {
    let (here, there, remote) = (publisher(), Machine::new(), Memory::default());
    publish_small(&there.catalog, "b", 1);
    let clean = there.files();
    here.push("b", &remote);
    remote.break_after(8);
    there.catalog.fetch("b", &remote, &ONE).unwrap_err();
    assert!(there.catalog.dir("b").arriving().is_dir());
    let policy = PrunePolicy {
        keep: 9,
        published_before_ns: None,
        mode: PruneMode::Remove,
        wait: Duration::ZERO,
    };
    there.catalog.prune("b", &policy).unwrap();
    assert_eq!(there.files(), clean);
}

#[test]
fn progress_adds_up() {
    let (here, there, remote) = (publisher(), Machine::new(), Memory::default());
    let seen = Mutex::new(Vec::new());
    let watch = |progress: Progress| seen.lock().push(progress);
    let options = TransferOptions { watch: Some(&watch), streams: 1, ..TransferOptions::default() };
    let check = |bytes: u64| {
        let seen = std::mem::take(&mut *seen.lock());
        assert!(seen.len() > 5 && seen.iter().all(|it| it.total_bytes == bytes));
        assert!(seen.is_sorted_by_key(|it| it.done_bytes));
        assert_eq!(seen.last().unwrap().done_bytes, bytes);
    };
    check(here.catalog.push("b", &remote, &options).unwrap().bytes);
    check(there.catalog.fetch("b", &remote, &options).unwrap().bytes);
}

#[test]
fn a_transfer_that_is_stopped_goes_on_later() {
    let (here, there, remote) = (publisher(), Machine::new(), Memory::default());
    let stop = AtomicBool::new(false);
    let watch = |progress: Progress| stop.store(progress.done_bytes > 20_000, Ordering::Relaxed);
    let options = TransferOptions { stop: Some(&stop), watch: Some(&watch), ..ONE };
    let stopped = |error: Error| {
        assert!(matches!(error, Error::Remote(error) if matches!(*error, RemoteError::Stopped)));
    };
    stopped(here.catalog.push("b", &remote, &options).unwrap_err());
    assert_eq!(remote.keys("objects/").len(), 5);
    let pushed = here.push("b", &remote);
    assert!(pushed.bytes - pushed.bytes_sent >= 25_000);
    stop.store(false, Ordering::Relaxed);
    stopped(there.catalog.fetch("b", &remote, &options).unwrap_err());
    assert_eq!(there.fetch("b", &remote).bytes_resumed, 25_000);
    assert_eq!(there.versions(), [here.newest()]);
}

#[test]
fn the_layout_is_the_documented_one() {
    let (here, remote) = (Machine::new(), Memory::default());
    let version = publish_small(&here.catalog, "b", 1).version;
    here.push("b", &remote);
    let digest = here.catalog.entry("b", version).unwrap().parts[0].digest;
    let bytes = std::fs::read(here.catalog.dir("b").part(digest)).unwrap();
    let mut expected = vec![
        "bundles/b/newest.json".to_owned(),
        format!("bundles/b/versions/{version}.json"),
        format!("parts/{digest}.json"),
    ];
    for chunk in bytes.chunks(OBJECT_BYTES) {
        let digits = barrow_format::Digest::of(chunk).to_string();
        expected.push(format!("objects/{}/{digits}", &digits[..2]));
    }
    expected.sort();
    expected.dedup();
    assert_eq!(remote.keys(""), expected);
    let text = |key: &str| String::from_utf8(remote.objects.lock()[key].clone()).unwrap();
    let newest = format!("{{\"format\":\"barrow-newest/1\",\"version\":\"{version}\"}}\n");
    assert_eq!(text("bundles/b/newest.json"), newest);
    let record = here.catalog.dir("b").record(version);
    assert_eq!(text(&expected[1]), std::fs::read_to_string(Path::new(&record)).unwrap());
}
