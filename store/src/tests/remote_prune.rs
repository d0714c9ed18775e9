//! Pruning a remote: what a version needs stays, also of one that is pushed meanwhile; all else goes once it is old enough.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use barrow_format::Version;
use parking_lot::Mutex;

use crate::catalog::prune::PruneMode;
use crate::error::Error;
use crate::remote::{
    DirectoryRemote, Remote, RemoteError, RemotePolicy, RemotePruned, prune_remote,
};
use crate::testing::{self, Listing, append, publish, publish_small, tree};
use crate::tests::machines::{Machine, Memory, ONE, publisher};

const DAY: Duration = Duration::from_hours(24);

/// Makes everything in a folder so old.
fn age(folder: &Path, age: Duration) {
    for path in files(folder) {
        let file = File::options().write(true).open(folder.join(path)).unwrap();
        file.set_modified(SystemTime::now() - age).unwrap();
    }
}

/// The files in a folder but those that are unfinished.
fn files(folder: &Path) -> Vec<String> {
    let is_file = |path: &String| folder.join(path).is_file() && !path.starts_with('.');
    tree(folder).into_iter().filter(is_file).collect()
}

fn keep(keep: usize) -> RemotePolicy<'static> {
    RemotePolicy { keep: Some(keep), ..RemotePolicy::default() }
}

/// Fetches every version that is there to a machine without any, and returns them.
fn all_that_is_there(remote: &dyn Remote, versions: &[Version]) -> Vec<Version> {
    let there = Machine::new();
    let mut found = Vec::new();
    for version in versions {
        match there.catalog.fetch(&format!("b@{version}"), remote, &ONE) {
            Ok(fetched) => found.push(fetched.version),
            Err(Error::Remote(error)) => {
                assert!(matches!(*error, RemoteError::UnknownVersion { .. }), "{error}");
            }
            Err(error) => panic!("{error}"),
        }
    }
    there.versions();
    found
}

#[test]
fn older_versions_go_with_what_they_alone_need() {
    let folder = testing::dir();
    let remote = DirectoryRemote::at(folder.path());
    let here = publisher();
    let mut versions = vec![here.push("b", &remote).version];
    append(&here.catalog, "b", "A", &[310]);
    versions.push(here.push("b", &remote).version);
    versions.push(publish_small(&here.catalog, "b", 9).version);
    here.push("b", &remote);
    let other = Machine::new();
    publish_small(&other.catalog, "c", 4);
    other.push("c", &remote);
    let before = files(folder.path());

    let policy = RemotePolicy { bundle: Some("b"), ..keep(1) };
    let young = prune_remote(&remote, &policy).unwrap();
    assert_eq!(young, RemotePruned { kept: 4, ..RemotePruned::default() }, "all is young");
    age(folder.path(), 8 * DAY);
    let dry = RemotePolicy { mode: PruneMode::DryRun, ..policy };
    let told = prune_remote(&remote, &dry).unwrap();
    assert_eq!(files(folder.path()), before);
    let pruned = prune_remote(&remote, &policy).unwrap();
    assert_eq!(told, pruned);
    let gone: BTreeSet<Version> = pruned.versions.iter().map(|(_, version)| *version).collect();
    assert_eq!(gone, versions[..2].iter().copied().collect());
    assert_eq!((pruned.kept, pruned.young), (2, 0));
    let after = files(folder.path());
    let lost = |start: &str| {
        let count = |files: &[String]| files.iter().filter(|it| it.starts_with(start)).count();
        count(&before) - count(&after)
    };
    assert_eq!((lost("parts/"), lost("objects/")), (pruned.parts, pruned.objects));
    assert!(pruned.parts >= 2 && pruned.objects > 3, "{pruned:?}");
    assert_eq!(all_that_is_there(&remote, &versions), versions[2..]);
    other.fetch("c", &remote);
    let again = prune_remote(&remote, &policy).unwrap();
    assert_eq!(again, RemotePruned { kept: 2, ..RemotePruned::default() });
}

#[test]
fn all_versions_stay_and_what_interrupted_pushes_left_goes() {
    let folder = testing::dir();
    let remote = DirectoryRemote::at(folder.path());
    let here = publisher();
    let version = here.push("b", &remote).version;
    let whole = files(folder.path());
    // Of a push that was cut off: an object of no part, and a part of no version.
    let other = publisher();
    publish(&other.catalog, "b", &[Listing::new("Z", 0..300)], 5);
    other.push("b", &remote);
    let entry = other.catalog.entry("b", other.newest()).unwrap();
    remote.remove(&format!("bundles/b/versions/{}.json", entry.version)).unwrap();
    remote.write("objects/00/not-an-object", b"of somebody else").unwrap();
    here.push("b", &remote);
    age(folder.path(), 6 * DAY);
    let young = prune_remote(&remote, &RemotePolicy::default()).unwrap();
    assert_eq!((young.parts, young.objects, young.young), (0, 0, 1), "{young:?}");
    age(folder.path(), 8 * DAY);
    let pruned = prune_remote(&remote, &RemotePolicy::default()).unwrap();
    assert_eq!((pruned.versions.len(), pruned.kept, pruned.parts), (0, 1, 1));
    assert!(pruned.objects > 0 && pruned.bytes > 0);
    let mut left = files(folder.path());
    left.retain(|file| file != "objects/00/not-an-object");
    assert_eq!(left, whole);
    assert_eq!(all_that_is_there(&remote, &[version]), [version]);
}

#[test]
fn the_version_that_is_marked_newest_stays_whatever_its_place() {
    let folder = testing::dir();
    let remote = DirectoryRemote::at(folder.path());
    let here = Machine::new();
    let versions: Vec<_> =
        (1..5).map(|seed| publish_small(&here.catalog, "b", seed).version).collect();
    for version in &versions {
        // The first becomes the newest there, and none of the others.
        here.push(&format!("b@{version}"), &remote);
    }
    age(folder.path(), 8 * DAY);
    let pruned = prune_remote(&remote, &keep(2)).unwrap();
    assert_eq!((pruned.versions.len(), pruned.kept), (1, 3));
    let left = all_that_is_there(&remote, &versions);
    assert_eq!(left, [versions[0], versions[2], versions[3]]);
}

/// A directory that is pruned, by another machine, before a call of a push.
#[derive(Debug)]
struct Pruned<'a> {
    remote: &'a DirectoryRemote,
    /// Calls until then.
    calls: Mutex<usize>,
}

impl Pruned<'_> {
    fn call(&self) {
        let mut calls = self.calls.lock();
        *calls = calls.wrapping_sub(1);
        if *calls == 0 {
            prune_remote(self.remote, &keep(1)).unwrap();
        }
    }
}

impl Remote for Pruned<'_> {
    fn describe(&self) -> String {
        self.remote.describe()
    }

    fn bytes_of(&self, key: &str) -> io::Result<Option<u64>> {
        self.call();
        self.remote.bytes_of(key)
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        self.call();
        self.remote.list(folder)
    }

    fn read(&self, key: &str, bytes_max: usize) -> io::Result<Vec<u8>> {
        self.call();
        self.remote.read(key, bytes_max)
    }

    fn write(&self, key: &str, bytes: &[u8]) -> io::Result<()> {
        self.call();
        self.remote.write(key, bytes)
    }

    fn age_of(&self, key: &str) -> io::Result<Option<Duration>> {
        self.call();
        self.remote.age_of(key)
    }

    fn remove(&self, key: &str) -> io::Result<()> {
        self.remote.remove(key)
    }
}

#[test]
fn what_a_push_relies_on_stays_whenever_somebody_prunes() {
    let here = publisher();
    let first = here.newest();
    append(&here.catalog, "b", "A", &[310]);
    let second = here.newest();
    // Before each of the push's calls in turn, the remote has old parts of no version, and an old half of a part.
    for calls in 1.. {
        let folder = testing::dir();
        let remote = DirectoryRemote::at(folder.path());
        here.push(&format!("b@{first}"), &remote);
        here.push("b", &remote);
        let parts = here.catalog.entry("b", second).unwrap().parts;
        for version in [first, second] {
            remote.remove(&format!("bundles/b/versions/{version}.json")).unwrap();
        }
        remote.remove("bundles/b/newest.json").unwrap();
        remote.remove(&format!("parts/{}.json", parts[0].digest)).unwrap();
        age(folder.path(), 8 * DAY);
        let pruned = Pruned { remote: &remote, calls: Mutex::new(calls) };
        here.catalog.push("b", &pruned, &ONE).unwrap();
        assert_eq!(all_that_is_there(&remote, &[second]), [second], "pruned before call {calls}");
        prune_remote(&remote, &keep(1)).unwrap();
        assert_eq!(all_that_is_there(&remote, &[second]), [second]);
        let left = *pruned.calls.lock();
        if left > 0 && left < calls {
            assert!(calls > 20, "only {calls} calls");
            return;
        }
    }
}

#[test]
fn a_push_that_finds_all_of_it_young_writes_nothing_and_one_that_finds_it_old_little() {
    let folder = testing::dir();
    let remote = DirectoryRemote::at(folder.path());
    let here = publisher();
    here.push("b", &remote);
    age(folder.path(), DAY / 2);
    let written = || {
        let is_young = |path: &String| {
            let modified = folder.path().join(path).metadata().unwrap().modified().unwrap();
            modified.elapsed().unwrap_or_default() < DAY / 4
        };
        let young: Vec<String> = files(folder.path()).into_iter().filter(is_young).collect();
        young
            .iter()
            .filter_map(|path| path.split('/').next())
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(here.push("b", &remote).bytes_sent, 0);
    assert_eq!(written(), [""; 0]);
    age(folder.path(), 3 * DAY);
    assert_eq!(here.push("b", &remote).bytes_sent, 0);
    assert_eq!(written(), ["bundles", "parts", "parts"], "the record and the inventories");
    age(folder.path(), 3 * DAY);
    let check = crate::remote::TransferOptions { check: true, ..ONE };
    assert_eq!(here.catalog.push("b", &remote, &check).unwrap().bytes_sent, 0);
}

#[test]
fn a_place_that_cannot_be_pruned_says_so_and_so_do_policies_that_are_too_sharp() {
    let said = |outcome: Result<RemotePruned, Error>| match outcome {
        Err(Error::Remote(error)) => *error,
        other => panic!("{other:?}"),
    };
    let memory = Memory::default();
    let here = publisher();
    here.push("b", &memory);
    let whole = prune_remote(&memory, &keep(1)).unwrap();
    assert_eq!(whole.kept, 1, "all is needed, so nothing is asked for its age");
    append(&here.catalog, "b", "A", &[310]);
    here.push("b", &memory);
    let error = said(prune_remote(&memory, &keep(1)));
    assert!(matches!(error, RemoteError::Io { verb: "tell the age of", .. }), "{error}");
    let hasty = RemotePolicy { older_than: DAY, ..RemotePolicy::default() };
    let error = said(prune_remote(&memory, &hasty));
    assert!(matches!(error, RemoteError::AgeLimit { .. }), "{error}");
    let refused = prune_remote(&memory, &RemotePolicy { bundle: Some("../x"), ..keep(1) });
    assert!(matches!(refused, Err(Error::BundleName { .. })));
    let error = said(prune_remote(&memory, &RemotePolicy { bundle: Some("c"), ..keep(1) }));
    assert!(matches!(error, RemoteError::UnknownBundle { .. }), "{error}");
    let record = memory.keys("bundles/b/versions/").remove(0);
    memory.change(&record, |text| text.truncate(10));
    let error = said(prune_remote(&memory, &RemotePolicy::default()));
    assert!(matches!(error, RemoteError::Document { .. }), "{error}");

    let folder = testing::dir();
    let remote = DirectoryRemote::at(folder.path());
    here.push("b", &remote);
    age(folder.path(), 8 * DAY);
    std::fs::rename(folder.path().join("bundles"), folder.path().join("lost")).unwrap();
    let error = said(prune_remote(&remote, &RemotePolicy::default()));
    assert!(error.to_string().contains("no bundle is listed there"), "{error}");
    std::fs::rename(folder.path().join("lost"), folder.path().join("bundles")).unwrap();
    assert_eq!(prune_remote(&remote, &RemotePolicy::default()).unwrap().kept, 1);
}
