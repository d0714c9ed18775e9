//! Writers that are killed at any step, and files that are not what they should be.
//!
//! A killed writer is imitated by the state it leaves on disk: a copy of the catalog's directory as it was at that step.

use std::fs;
use std::path::Path;
use std::time::Duration;

use barrow_format::{Digest, Version};

use crate::catalog::Catalog;
use crate::catalog::head::{self, Head};
use crate::catalog::problems::HeadProblem;
use crate::catalog::prune::{PruneMode, PrunePolicy};
use crate::catalog::record;
use crate::error::Error;
use crate::pool::BundlePool;
use crate::testing::{self, Listing, publish_small, tree};

fn force_write(path: &Path, bytes: &[u8]) {
    fs::remove_file(path).unwrap();
    fs::write(path, bytes).unwrap();
}

#[test]
fn dropped_without_publishing_a_writer_leaves_no_trace() {
    let dir = testing::dir();
    let root = dir.path().join("catalog");
    let catalog = Catalog::at(&root);
    let staging = catalog.stage("new").unwrap();
    assert!(staging.sink().path().exists());
    testing::write(staging.sink(), &[Listing::new("A", 0..3)], 1, "test");
    drop(staging);
    assert!(!root.exists(), "not even the catalog's directory, which it had created");

    publish_small(&catalog, "old", 1);
    let before = tree(&root);
    for name in ["old", "new"] {
        let staging = catalog.stage(name).unwrap();
        testing::write(staging.sink(), &[Listing::new("A", 0..3)], 2, "test");
        drop(staging);
        assert_eq!(tree(&root), before);
    }
}

#[test]
fn a_strangers_file_in_a_new_bundle_is_not_removed() {
    let dir = testing::dir();
    let catalog = Catalog::at(dir.path());
    fs::create_dir(dir.path().join("b")).unwrap();
    fs::write(dir.path().join("b/notes.txt"), "mine").unwrap();
    drop(catalog.stage("b").unwrap());
    assert_eq!(tree(dir.path()), ["b", "b/notes.txt"]);
}

/// Publishes `old`, then leaves the directory as a writer of `new` leaves it that is killed before `HEAD` advances.
fn killed_before_head(dir: &Path) -> (Catalog, Version, Version) {
    let catalog = Catalog::at(dir);
    let old = publish_small(&catalog, "b", 1).version;
    let head = fs::read(dir.join("b/HEAD")).unwrap();
    let new = publish_small(&catalog, "b", 2).version;
    fs::write(dir.join("b/HEAD"), head).unwrap();
    fs::write(dir.join("b/.tmp-1-part"), "half a part").unwrap();
    fs::write(dir.join("b/.tmp-99-record"), "half a record").unwrap();
    fs::write(dir.join("b/LOCK"), "99\n").unwrap();
    (catalog, old, new)
}

#[test]
fn killed_before_the_last_step_a_writer_has_published_nothing() {
    let dir = testing::dir();
    let (catalog, old, new) = killed_before_head(dir.path());
    let pool = BundlePool::new(10);
    assert_eq!(pool.lease(&catalog, "b").unwrap().version(), old);
    assert_eq!(catalog.history("b").unwrap().len(), 1);
    assert_eq!(catalog.bundle("b").unwrap().version, old);
    let by_version = pool.lease(&catalog, &format!("b@{new}")).unwrap_err();
    assert!(matches!(by_version, Error::UnknownVersion { .. }), "{by_version}");
}

#[test]
fn the_next_writer_sweeps_what_a_killed_one_left() {
    let dir = testing::dir();
    let clean = {
        let other = testing::dir();
        publish_small(&Catalog::at(other.path()), "b", 1);
        tree(other.path())
    };
    let (catalog, old, new) = killed_before_head(dir.path());
    drop(catalog.stage("b").unwrap());
    assert_eq!(tree(dir.path()), clean);
    assert_eq!(fs::read(dir.path().join("b/LOCK")).unwrap(), b"");
    assert_eq!(catalog.lease("b").unwrap().version(), old);
    // The same publication, tried again, succeeds.
    let again = publish_small(&catalog, "b", 2);
    assert_eq!((again.version, again.generation, again.parent), (new, 2, Some(old)));
}

#[test]
fn where_the_last_writer_came_to_its_end_nothing_is_looked_for_until_versions_are_pruned() {
    let dir = testing::dir();
    let catalog = Catalog::at(dir.path());
    publish_small(&catalog, "b", 1);
    let stray = catalog.dir("b").part(Digest::from_bytes([7; 32]));
    for (lock, looks) in [("", false), ("99\n", true), ("", false)] {
        fs::write(&stray, "no version's").unwrap();
        fs::write(dir.path().join("b/LOCK"), lock).unwrap();
        let staging = catalog.stage("b").unwrap();
        assert_eq!(!stray.exists(), looks, "{lock:?}");
        let written = testing::write(staging.sink(), &[Listing::new("A", 0..3)], 1, "test");
        assert!(staging.publish(written).unwrap().unchanged);
    }
    let (published_before_ns, mode, wait) = (None, PruneMode::Remove, Duration::ZERO);
    catalog.prune("b", &PrunePolicy { keep: 1, published_before_ns, mode, wait }).unwrap();
    assert!(!stray.exists());
}

#[test]
fn killed_in_the_first_publication_a_writer_leaves_no_bundle() {
    let dir = testing::dir();
    let catalog = Catalog::at(dir.path());
    publish_small(&catalog, "b", 1);
    fs::remove_file(dir.path().join("b/HEAD")).unwrap();
    assert!(catalog.names().unwrap().is_empty());
    assert!(matches!(catalog.lease("b"), Err(Error::UnknownBundle { .. })));
    drop(catalog.stage("b").unwrap());
    assert!(tree(dir.path()).is_empty(), "{:?}", tree(dir.path()));
}

#[test]
fn a_lost_head_page_costs_no_version() {
    let dir = testing::dir();
    let catalog = Catalog::at(dir.path());
    let versions: Vec<_> = (1..4).map(|seed| publish_small(&catalog, "b", seed).version).collect();
    fs::remove_file(dir.path().join("b/HEAD")).unwrap();
    drop(catalog.stage("b").unwrap());
    let published = publish_small(&catalog, "b", 9);
    assert_eq!(published.generation, 4, "later than every version there is");
    assert_eq!(catalog.history("b").unwrap().len(), versions.len() + 1);
    for version in versions {
        let spec = format!("b@{version}");
        assert_eq!(BundlePool::new(1).lease(&catalog, &spec).unwrap().version(), version);
    }
}

#[test]
fn a_torn_head_slot_is_an_error_and_the_next_publication_repairs_it() {
    let dir = testing::dir();
    let catalog = Catalog::at(dir.path());
    let old = publish_small(&catalog, "b", 1).version;
    let path = dir.path().join("b/HEAD");
    let mut page = fs::read(&path).unwrap();
    page[2048 + 20] ^= 1;
    fs::write(&path, &page).unwrap();
    let pool = BundlePool::new(10);
    let error = pool.lease(&catalog, "b").unwrap_err();
    let problem = HeadProblem::Slot { generation: 1 };
    assert!(matches!(&error, Error::Head { problem: found, .. } if *found == problem), "{error}");
    assert_eq!(pool.lease(&catalog, &format!("b@{old}")).unwrap().version(), old);
    assert_eq!(catalog.history("b").unwrap().len(), 1);

    let new = publish_small(&catalog, "b", 2);
    assert_eq!((new.generation, new.parent), (2, None));
    assert_eq!(pool.lease(&catalog, "b").unwrap().version(), new.version);
    assert_eq!(catalog.history("b").unwrap().len(), 2);
}

#[test]
fn a_head_page_of_another_kind_is_an_error_and_nothing_is_removed() {
    let dir = testing::dir();
    let catalog = Catalog::at(dir.path());
    publish_small(&catalog, "b", 1);
    let before = tree(dir.path());
    fs::write(dir.path().join("b/HEAD"), vec![0; 4096]).unwrap();
    assert!(matches!(catalog.lease("b"), Err(Error::Head { problem: HeadProblem::Magic, .. })));
    let staging = catalog.stage("b").unwrap();
    let written = testing::write(staging.sink(), &[Listing::new("A", 0..3)], 2, "test");
    assert!(matches!(staging.publish(written), Err(Error::Head { .. })));
    let kept = tree(dir.path());
    assert!(before.iter().all(|path| kept.contains(path)));
}

#[test]
fn a_part_that_is_not_what_its_name_says_is_refused() {
    let dir = testing::dir();
    let catalog = Catalog::at(dir.path());
    publish_small(&catalog, "b", 1);
    let one = catalog.lease("b").unwrap().path().to_owned();
    publish_small(&catalog, "b", 2);
    let two = catalog.lease("b").unwrap().path().to_owned();
    let good = fs::read(&two).unwrap();
    let lease = || BundlePool::new(1).lease(&catalog, "b");

    force_write(&two, &fs::read(&one).unwrap());
    assert!(matches!(lease(), Err(Error::Mismatch { what: "version", .. })));
    for length in [0, 1, 4095, 4096, good.len() - 1] {
        force_write(&two, &good[..length]);
        let error = lease().unwrap_err();
        assert!(matches!(&error, Error::Corrupt { path, .. } if *path == two), "{error}");
    }
    let mut long = good.clone();
    long.resize(good.len() + 4096, 0);
    force_write(&two, &long);
    assert!(lease().is_err());
    fs::remove_file(&two).unwrap();
    let error = lease().unwrap_err();
    assert_eq!(error.to_string(), format!("cannot open `{}`", two.display()));
}

#[test]
fn ingesting_again_restores_a_lost_or_broken_part() {
    let dir = testing::dir();
    let catalog = Catalog::at(dir.path());
    let published = publish_small(&catalog, "b", 1);
    let record = catalog.entry("b", published.version).unwrap();
    let path = catalog.lease("b").unwrap().path().to_owned();
    for damage in [None, Some(vec![0; 100])] {
        match damage {
            None => fs::remove_file(&path).unwrap(),
            Some(bytes) => force_write(&path, &bytes),
        }
        assert!(BundlePool::new(1).lease(&catalog, "b").is_err());
        let again = publish_small(&catalog, "b", 1);
        assert!(!again.unchanged);
        let lease = BundlePool::new(1).lease(&catalog, "b").unwrap();
        assert_eq!(lease.version(), published.version);
        assert!(lease.verify(1).ok());
        assert_eq!(catalog.entry("b", published.version).unwrap(), record);
        assert_eq!(catalog.history("b").unwrap().len(), 1);
    }
}

#[test]
fn a_record_that_names_no_part_is_refused() {
    let dir = testing::dir();
    let catalog = Catalog::at(dir.path());
    let version = publish_small(&catalog, "b", 1).version;
    let mut entry = catalog.entry("b", version).unwrap();
    entry.parts.clear();
    let bundle = catalog.dir("b");
    record::write(&bundle.record(version), &bundle.temporary("record"), &entry).unwrap();
    let error = BundlePool::new(1).lease(&catalog, "b").unwrap_err();
    assert!(matches!(error, Error::VersionRecord { .. }), "{error}");
}

#[test]
fn a_clock_that_went_back_does_not_disorder_the_history() {
    let dir = testing::dir();
    let catalog = Catalog::at(dir.path());
    let first = publish_small(&catalog, "b", 1).version;
    // As if the first had been published by a clock that was a century ahead.
    let mut entry = catalog.entry("b", first).unwrap();
    entry.published_ns += 100 * 365 * testing::DAY;
    let bundle = catalog.dir("b");
    record::write(&bundle.record(first), &bundle.temporary("record"), &entry).unwrap();
    publish_small(&catalog, "b", 2);
    publish_small(&catalog, "b", 3);
    let history = catalog.history("b").unwrap();
    let generations: Vec<_> = history.iter().map(|entry| entry.generation).collect();
    assert_eq!(generations, [3, 2, 1]);
    let times: Vec<_> = history.iter().map(|entry| entry.published_ns).collect();
    assert_eq!(times, [entry.published_ns; 3], "times do not fall along the history");
}

#[test]
fn an_unreadable_record_is_named_and_no_part_is_swept_on_its_account() {
    let dir = testing::dir();
    let catalog = Catalog::at(dir.path());
    let version = publish_small(&catalog, "b", 1).version;
    let path = catalog.dir("b").record(version);
    force_write(&path, b"{");
    let error = BundlePool::new(1).lease(&catalog, "b").unwrap_err();
    assert!(matches!(&error, Error::VersionRecord { path: found, .. } if *found == path));
    let before = tree(dir.path());
    drop(catalog.stage("b").unwrap());
    assert_eq!(tree(dir.path()), before);
    fs::remove_file(&path).unwrap();
    let error = BundlePool::new(1).lease(&catalog, "b").unwrap_err();
    assert!(matches!(error, Error::UnknownVersion { .. }), "{error}");
}

#[test]
fn readers_beside_a_publishing_writer_see_old_or_new_and_never_go_back() {
    let dir = testing::dir();
    let catalog = Catalog::at(dir.path());
    let last = 60;
    let seed_of = |lease: &crate::Lease| lease.bars(lease.asset("A").unwrap()).open()[0];
    publish_small(&catalog, "b", 0);
    let base = seed_of(&catalog.lease("b").unwrap());
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let pool = BundlePool::new(2);
                let mut seen = 0.0;
                while seen < f64::from(last) {
                    let now = seed_of(&pool.lease(&catalog, "b").unwrap()) - base;
                    assert!(now >= seen && now <= f64::from(last));
                    seen = now;
                }
            });
        }
        for seed in 1..=last {
            publish_small(&catalog, "b", seed);
        }
    });
    let head = head::read(&dir.path().join("b/HEAD")).unwrap().unwrap();
    assert_eq!(head, Head { generation: u64::from(last) + 1, version: head.version });
}
