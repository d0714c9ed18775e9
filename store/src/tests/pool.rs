//! The pool against a simple model, and its promises to one thread.

use std::sync::Weak;

use barrow_format::Version;
use proptest::prelude::*;
use tempfile::TempDir;

use crate::catalog::Catalog;
use crate::catalog::head::{self, Head, NextHead};
use crate::error::{Error, Result};
use crate::pool::{BundlePool, PoolStats};
use crate::reading::lease::Lease;
use crate::testing::{self, publish_small};

pub(super) const BUNDLES: usize = 5;
pub(super) const VERSIONS: u32 = 3;

/// Some bundles of some versions each; publishing one of them again is advancing a page.
pub(super) struct Shelf {
    _dir: TempDir,
    pub(super) catalog: Catalog,
    pub(super) versions: Vec<Vec<Version>>,
}

impl Shelf {
    pub(super) fn new() -> Self {
        let dir = testing::dir();
        let catalog = Catalog::at(dir.path());
        let of = |bundle: usize| {
            let seed = 1000 * u32::try_from(bundle).unwrap();
            let publish = |version| publish_small(&catalog, &name(bundle), seed + version).version;
            (0..VERSIONS).map(publish).collect()
        };
        let versions = (0..BUNDLES).map(of).collect();
        Self { _dir: dir, catalog, versions }
    }

    pub(super) fn advance(&self, bundle: usize, version: usize) -> Version {
        let path = self.catalog.dir(&name(bundle)).head();
        let generation = head::read_generation(&path).unwrap().unwrap() + 1;
        let version = self.versions[bundle][version];
        NextHead::beside(&path, Head { generation, version }).unwrap().announce().unwrap();
        version
    }
}

pub(super) fn name(bundle: usize) -> String {
    format!("bundle-{bundle}")
}

#[derive(Debug, Clone)]
enum Step {
    /// Lease the newest version, from this thread or from a new one.
    Lease {
        bundle: usize,
        elsewhere: bool,
    },
    /// Lease one version by all its digits.
    Pinned {
        bundle: usize,
        version: usize,
    },
    /// Lease what does not exist.
    Unknown,
    Publish {
        bundle: usize,
        version: usize,
    },
    SetCapacity(usize),
    Clear,
}

fn step() -> impl Strategy<Value = Step> {
    let bundle = 0..BUNDLES;
    let version = 0..usize::try_from(VERSIONS).unwrap();
    prop_oneof![
        12 => (bundle.clone(), prop::bool::weighted(0.1))
            .prop_map(|(bundle, elsewhere)| Step::Lease { bundle, elsewhere }),
        3 => (bundle.clone(), version.clone())
            .prop_map(|(bundle, version)| Step::Pinned { bundle, version }),
        1 => Just(Step::Unknown),
        3 => (bundle, version).prop_map(|(bundle, version)| Step::Publish { bundle, version }),
        1 => (0..BUNDLES + 2).prop_map(Step::SetCapacity),
        1 => Just(Step::Clear),
    ]
}

/// What the pool is to be: keys in the order of their last use, and counters.
#[derive(Default)]
struct Model {
    /// Oldest first; with the generation as of which it was opened, unless it is pinned.
    held: Vec<(String, Option<u64>)>,
    capacity: usize,
    stats: PoolStats,
}

impl Model {
    fn lease(&mut self, key: &str, generation: Option<u64>) {
        let at = self.held.iter().position(|(held, _)| held == key);
        let current = at.is_some_and(|at| self.held[at].1 == generation);
        if let Some(at) = at {
            self.held.remove(at);
        }
        self.stats.hits += u64::from(current);
        self.stats.misses += u64::from(!current);
        self.stats.invalidations += u64::from(at.is_some() && !current);
        self.held.push((key.to_owned(), generation));
        self.shrink();
    }

    fn shrink(&mut self) {
        while self.held.len() > self.capacity {
            self.held.remove(0);
            self.stats.evictions += 1;
        }
        self.stats.open = self.held.len();
    }
}

fn agree(shelf: &Shelf, steps: Vec<Step>, capacity: usize) -> Result<(), TestCaseError> {
    let pool = BundlePool::new(capacity);
    let mut model = Model { capacity, ..Model::default() };
    for step in steps {
        match step {
            Step::Lease { bundle, elsewhere } => {
                let head = shelf.catalog.head(&name(bundle)).unwrap();
                let lease = || pool.lease(&shelf.catalog, &name(bundle)).unwrap().version();
                let version = if elsewhere {
                    std::thread::scope(|scope| scope.spawn(lease).join().unwrap())
                } else {
                    lease()
                };
                prop_assert_eq!(version, head.version);
                model.lease(&name(bundle), Some(head.generation));
            }
            Step::Pinned { bundle, version } => {
                let version = shelf.versions[bundle][version];
                let spec = format!("{}@{version}", name(bundle));
                let lease = pool.lease(&shelf.catalog, &spec).unwrap();
                prop_assert_eq!(lease.version(), version);
                prop_assert_eq!(lease.name(), name(bundle));
                model.lease(&spec, None);
            }
            Step::Unknown => {
                let refused = pool.lease(&shelf.catalog, "bundle-x");
                let unknown = matches!(refused, Err(Error::UnknownBundle { .. }));
                prop_assert!(unknown);
                model.stats.misses += 1;
            }
            Step::Publish { bundle, version } => drop(shelf.advance(bundle, version)),
            Step::SetCapacity(capacity) => {
                pool.set_capacity(capacity);
                model.capacity = capacity;
                model.shrink();
            }
            Step::Clear => {
                pool.clear();
                model.held.clear();
                model.stats.open = 0;
            }
        }
        let stats = pool.stats();
        prop_assert_eq!(PoolStats { open_nanos: 0, ..stats }, model.stats);
    }
    Ok(())
}

#[test]
fn the_pool_behaves_like_the_model() {
    let shelf = Shelf::new();
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 1500,
        ..Default::default()
    });
    let cases = (prop::collection::vec(step(), 0..60), 0..BUNDLES + 2);
    runner.run(&cases, |(steps, capacity)| agree(&shelf, steps, capacity)).unwrap();
}

#[test]
fn the_least_recently_used_bundle_leaves_first() {
    let shelf = Shelf::new();
    let pool = BundlePool::new(3);
    let misses = |bundle: usize| {
        let before = pool.stats().misses;
        drop(pool.lease(&shelf.catalog, &name(bundle)).unwrap());
        pool.stats().misses - before
    };
    assert_eq!((misses(0), misses(1), misses(2)), (1, 1, 1));
    assert_eq!((misses(1), misses(0)), (0, 0), "now 2 is the oldest, then 1, then 0");
    assert_eq!(misses(3), 1);
    assert_eq!((misses(1), misses(0), misses(3)), (0, 0, 0));
    assert_eq!(misses(2), 1, "it had left");
    assert_eq!(pool.stats().evictions, 2);
}

#[test]
fn a_bundle_that_was_deleted_or_made_anew_is_noticed() {
    let dir = testing::dir();
    let catalog = Catalog::at(dir.path());
    let pool = BundlePool::new(4);
    let old = publish_small(&catalog, "b", 1).version;
    let kept = pool.lease(&catalog, "b").unwrap();
    // The new page has the old one's generation; only where it lies tells them apart.
    std::fs::remove_dir_all(dir.path().join("b")).unwrap();
    let new = publish_small(&catalog, "b", 2);
    assert_eq!(new.generation, 1);
    let pause = || std::thread::sleep(std::time::Duration::from_millis(5));
    let mut found = old;
    for _ in 0..10_000 {
        found = pool.lease(&catalog, "b").unwrap().version();
        if found == new.version {
            break;
        }
        pause();
    }
    assert_eq!(found, new.version);
    assert_eq!(kept.version(), old);
    assert!(kept.verify(1).ok(), "a lease keeps what it has");
    std::fs::remove_dir_all(dir.path().join("b")).unwrap();
    let gone = (0..10_000).find_map(|_| {
        pause();
        pool.lease(&catalog, "b").err()
    });
    assert!(matches!(gone, Some(Error::UnknownBundle { .. })), "{gone:?}");
}

#[test]
fn a_lease_keeps_its_version_and_the_next_one_sees_the_new() {
    let shelf = Shelf::new();
    let pool = BundlePool::new(10);
    let [first, second, ..] = shelf.versions[0][..] else { panic!("three versions") };
    shelf.advance(0, 0);
    let old = pool.lease(&shelf.catalog, &name(0)).unwrap();
    let close = old.bars(old.asset("A").unwrap()).close().to_vec();
    shelf.advance(0, 1);
    let new = pool.lease(&shelf.catalog, &name(0)).unwrap();
    assert_eq!((old.version(), new.version()), (first, second));
    assert_eq!(old.bars(old.asset("A").unwrap()).close(), close);
    assert_ne!(new.bars(new.asset("A").unwrap()).close(), close);
    assert_eq!(pool.stats().invalidations, 1);
}

#[test]
fn a_prefix_that_becomes_ambiguous_is_noticed() {
    let dir = testing::dir();
    let catalog = Catalog::at(dir.path());
    let pool = BundlePool::new(10);
    let first = publish_small(&catalog, "b", 0).version;
    let prefix = first.to_string()[..1].to_owned();
    let spec = format!("b@{prefix}");
    assert_eq!(pool.lease(&catalog, &spec).unwrap().version(), first);
    for seed in 1.. {
        let version = publish_small(&catalog, "b", seed).version;
        if version.to_string().starts_with(&prefix) {
            break;
        }
        assert_eq!(pool.lease(&catalog, &spec).unwrap().version(), first);
    }
    let refused = pool.lease(&catalog, &spec).unwrap_err();
    assert!(matches!(refused, Error::AmbiguousVersion { candidates, .. } if candidates.len() == 2));
}

#[test]
fn a_bundle_is_unmapped_when_the_last_lease_goes_and_not_before() {
    let shelf = Shelf::new();
    let pool = BundlePool::new(1);
    let mapped = |lease: &Lease| std::sync::Arc::downgrade(lease.snapshot());
    let lease = pool.lease(&shelf.catalog, &name(0)).unwrap();
    let snapshot: Weak<_> = mapped(&lease);
    let clone = lease.clone();
    drop(pool.lease(&shelf.catalog, &name(1)).unwrap());
    assert_eq!(pool.stats().evictions, 1);
    drop(lease);
    assert!(snapshot.upgrade().is_some(), "a clone of the lease is left");
    assert_eq!(clone.bars(clone.asset("A").unwrap()).len(), 3);
    drop(clone);
    assert!(snapshot.upgrade().is_none(), "no thread's memory of the lease keeps the map");

    let lease = pool.lease(&shelf.catalog, &name(2)).unwrap();
    let snapshot = mapped(&lease);
    drop(lease);
    assert!(snapshot.upgrade().is_some(), "the pool holds it");
    pool.clear();
    assert!(snapshot.upgrade().is_none());
}

#[test]
fn two_names_of_one_version_share_its_map() {
    let shelf = Shelf::new();
    let pool = BundlePool::new(10);
    let version = shelf.advance(0, 2);
    let by_name = pool.lease(&shelf.catalog, &name(0)).unwrap();
    let by_version = pool.lease(&shelf.catalog, &format!("{}@{version}", name(0))).unwrap();
    let address = |lease: &Lease| lease.bundle().as_bytes().as_ptr();
    assert_eq!(address(&by_name), address(&by_version));
    assert_eq!((pool.stats().misses, pool.stats().open), (2, 2));
}

#[test]
fn two_catalogs_with_bundles_of_one_name_are_kept_apart() {
    let (one, two) = (Shelf::new(), testing::dir());
    let two = Catalog::at(two.path());
    let other = publish_small(&two, &name(0), 77).version;
    let first = one.advance(0, 0);
    let pool = BundlePool::new(10);
    for _ in 0..3 {
        assert_eq!(pool.lease(&one.catalog, &name(0)).unwrap().version(), first);
        assert_eq!(pool.lease(&two, &name(0)).unwrap().version(), other);
        let again = Catalog::at(one.catalog.root());
        assert_eq!(pool.lease(&again, &name(0)).unwrap().version(), first);
    }
    assert_eq!((pool.stats().hits, pool.stats().misses), (7, 2));
    // And two pools with the same catalog.
    let pools = [BundlePool::new(1), BundlePool::new(1)];
    for pool in &pools {
        drop(pool.lease(&one.catalog, &name(0)).unwrap());
        assert_eq!((pool.stats().hits, pool.stats().misses), (0, 1));
    }
}

#[test]
fn a_bare_file_is_reopened_when_it_was_replaced() {
    let shelf = Shelf::new();
    let pool = BundlePool::new(10);
    let path = shelf.catalog.root().join("bare.barrow");
    let file_of = |version: Version| {
        pool.lease(&shelf.catalog, &format!("{}@{version}", name(0))).unwrap().path().to_owned()
    };
    let (first, second) = (shelf.versions[0][0], shelf.versions[0][1]);
    std::fs::copy(file_of(first), &path).unwrap();
    assert_eq!(pool.lease_file(&path).unwrap().version(), first);
    assert_eq!(pool.lease_file(&path).unwrap().version(), first);
    let hits = pool.stats().hits;
    assert_eq!(hits, 1);
    let fresh = shelf.catalog.root().join("fresh");
    std::fs::copy(file_of(second), &fresh).unwrap();
    std::fs::rename(&fresh, &path).unwrap();
    assert_eq!(pool.lease_file(&path).unwrap().version(), second);
    assert_eq!(pool.stats().invalidations, 1);
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(pool.lease_file(&path), Err(Error::Io { verb: "open", .. })));
}

#[test]
fn a_pool_of_no_capacity_opens_every_time() {
    let shelf = Shelf::new();
    let pool = BundlePool::new(0);
    for _ in 0..3 {
        assert!(pool.lease(&shelf.catalog, &name(0)).is_ok());
    }
    assert_eq!((pool.stats().misses, pool.stats().hits, pool.stats().open), (3, 0, 0));
    assert_eq!(BundlePool::global().capacity(), BundlePool::DEFAULT_CAPACITY);
}
