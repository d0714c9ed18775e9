//! Leases on disk, pins and pruning: what is needed stays, what is not goes, and nothing else changes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use barrow_format::{Digest, Version};
use proptest::prelude::*;

use crate::catalog::Catalog;
use crate::catalog::prune::{PruneMode, PrunePolicy, Pruned, Spared, SparedReason};
use crate::catalog::record::{self, PartEntry};
use crate::error::Error;
use crate::pool::BundlePool;
use crate::reading::lease::Lease;
use crate::testing::{self, publish_small, tree};
use crate::writing::publish::StageOptions;

fn keep(keep: usize) -> PrunePolicy {
    let (published_before_ns, mode) = (None, PruneMode::Remove);
    PrunePolicy { keep, published_before_ns, mode, wait: Duration::ZERO }
}

fn rehearsed(policy: PrunePolicy) -> PrunePolicy {
    PrunePolicy { mode: PruneMode::DryRun, ..policy }
}

/// Publishes versions of these seeds; returns them, oldest first.
fn publish_all(catalog: &Catalog, seeds: std::ops::Range<u32>) -> Vec<Version> {
    seeds.map(|seed| publish_small(catalog, "b", seed).version).collect()
}

/// Opens a version with a pool of its own, so that nothing but the lease holds it.
fn open(catalog: &Catalog, version: Version) -> Result<Lease, Error> {
    BundlePool::new(0).lease(catalog, &format!("b@{version}"))
}

/// The versions of a bundle, oldest first, after opening and checking each.
fn whole_versions(catalog: &Catalog) -> Vec<Version> {
    let mut versions: Vec<_> =
        catalog.history("b").unwrap().iter().map(|entry| entry.version).collect();
    versions.reverse();
    for version in &versions {
        assert!(open(catalog, *version).unwrap().verify(1).ok());
    }
    versions
}

/// The files that a bundle of these versions consists of.
fn files_of(catalog: &Catalog, versions: &[Version]) -> Vec<String> {
    let mut files: Vec<String> = ["", "/HEAD", "/LOCK", "/leases", "/parts", "/versions"]
        .iter()
        .map(|name| format!("b{name}"))
        .collect();
    for version in versions {
        files.push(format!("b/versions/{version}"));
        files.push(format!("b/leases/{version}"));
        for part in catalog.entry("b", *version).unwrap().parts {
            files.push(format!("b/parts/{}.barrow", part.digest));
        }
    }
    files.sort();
    files.dedup();
    files
}

#[test]
fn the_newest_versions_stay_and_nothing_is_left_of_the_others() {
    let dir = testing::dir();
    let catalog = Catalog::at(dir.path());
    let versions = publish_all(&catalog, 0..5);
    let would = catalog.prune("b", &rehearsed(keep(2))).unwrap();
    assert_eq!(whole_versions(&catalog), versions, "a rehearsal removes nothing");
    let pruned = catalog.prune("b", &keep(2)).unwrap();
    assert_eq!(pruned, would);
    let removed: Vec<_> = pruned.removed.iter().rev().map(|entry| entry.version).collect();
    assert_eq!(removed, versions[..3]);
    let size = catalog.bundle("b").unwrap().bytes;
    assert_eq!((pruned.kept, pruned.parts, pruned.bytes), (2, 3, 3 * size));
    assert_eq!(whole_versions(&catalog), versions[3..]);
    assert_eq!(tree(dir.path()), files_of(&catalog, &versions[3..]));
    let gone = open(&catalog, versions[0]).unwrap_err();
    assert!(matches!(gone, Error::UnknownVersion { .. }), "{gone}");

    assert_eq!(catalog.prune("b", &keep(0)).unwrap().removed.len(), 1, "the newest always stays");
    let nothing = Pruned { removed: vec![], spared: vec![], kept: 1, parts: 0, bytes: 0 };
    assert_eq!(catalog.prune("b", &keep(1)).unwrap(), nothing);
    // What was pruned can be published again, and is a version like any other.
    let again = publish_small(&catalog, "b", 0);
    assert_eq!((again.version, again.generation, again.unchanged), (versions[0], 6, false));
    assert_eq!(whole_versions(&catalog), [versions[4], versions[0]]);
}

#[test]
fn of_many_versions_those_that_are_needed_stay_wherever_they_lie() {
    let dir = testing::dir();
    let catalog = Catalog::at(dir.path());
    let versions = publish_all(&catalog, 0..200);
    let (pinned, leased) = (versions[63], versions[131]);
    catalog.pin("b", pinned, "").unwrap();
    let lease = open(&catalog, leased).unwrap();
    let would = catalog.prune("b", &rehearsed(keep(1))).unwrap();
    let pruned = catalog.prune("b", &keep(1)).unwrap();
    assert_eq!(pruned, would);
    let spared: Vec<_> = pruned.spared.iter().map(|it| (it.version, it.reason)).collect();
    assert_eq!(spared, [(leased, SparedReason::Leased), (pinned, SparedReason::Pinned)]);
    assert_eq!((pruned.removed.len(), pruned.parts), (197, 197));
    drop(lease);
    assert_eq!(whole_versions(&catalog), [pinned, leased, versions[199]]);
    catalog.unpin("b", pinned).unwrap();
    catalog.prune("b", &keep(1)).unwrap();
    let mut left = files_of(&catalog, &versions[199..]);
    left.push("b/pins".to_owned());
    left.sort();
    assert_eq!(tree(dir.path()), left);
}

#[test]
fn only_versions_published_before_the_instant_go() {
    let dir = testing::dir();
    let catalog = Catalog::at(dir.path());
    let versions = publish_all(&catalog, 0..4);
    let limit = catalog.entry("b", versions[2]).unwrap().published_ns;
    let policy = PrunePolicy { published_before_ns: Some(limit), ..keep(1) };
    let expected: Vec<_> = catalog
        .history("b")
        .unwrap()
        .into_iter()
        .filter(|entry| entry.published_ns < limit)
        .collect();
    assert!(!expected.is_empty());
    assert_eq!(catalog.prune("b", &policy).unwrap().removed, expected);
    let all = PrunePolicy { published_before_ns: Some(i64::MAX), ..keep(1) };
    catalog.prune("b", &all).unwrap();
    assert_eq!(whole_versions(&catalog), versions[3..]);
}

#[test]
fn an_older_version_that_is_the_newest_again_stays() {
    let dir = testing::dir();
    let catalog = Catalog::at(dir.path());
    let versions = publish_all(&catalog, 0..3);
    let before = catalog.entry("b", versions[2]).unwrap().published_ns;
    assert_eq!(publish_small(&catalog, "b", 0).version, versions[0]);
    // By age, its last publication counts, not its first.
    let old = PrunePolicy { published_before_ns: Some(before + 1), ..keep(2) };
    let removed = catalog.prune("b", &old).unwrap().removed;
    assert_eq!(removed.iter().map(|entry| entry.version).collect::<Vec<_>>(), [versions[1]]);
    assert_eq!(whole_versions(&catalog), [versions[0], versions[2]]);
    // And so it does when versions are counted.
    assert_eq!(catalog.prune("b", &keep(1)).unwrap().removed.len(), 1);
    assert_eq!(whole_versions(&catalog), versions[..1]);
    assert_eq!(catalog.head("b").unwrap().version, versions[0]);
}

#[test]
fn a_leased_version_stays_until_its_last_lease_is_dropped() {
    let dir = testing::dir();
    let catalog = Catalog::at(dir.path());
    let versions = publish_all(&catalog, 0..3);
    let lease = open(&catalog, versions[0]).unwrap();
    let clone = lease.clone();
    let published_ns = catalog.entry("b", versions[0]).unwrap().published_ns;
    let reason = SparedReason::Leased;
    let spared = vec![Spared { version: versions[0], published_ns, reason }];
    for policy in [rehearsed(keep(1)), keep(1)] {
        let pruned = catalog.prune("b", &policy).unwrap();
        assert_eq!((pruned.removed.len(), &pruned.spared), (1, &spared));
    }
    drop(lease);
    assert_eq!(catalog.prune("b", &keep(1)).unwrap().spared, spared);
    assert!(clone.verify(1).ok());
    let batch = clone.record_batch().unwrap();
    drop(clone);
    assert_eq!(catalog.prune("b", &keep(1)).unwrap().spared, spared, "an Arrow array holds it");
    drop(batch);
    assert_eq!(catalog.prune("b", &keep(1)).unwrap().removed.len(), 1);
    assert_eq!(whole_versions(&catalog), versions[2..]);
}

#[test]
fn a_pool_keeps_what_it_has_open() {
    let dir = testing::dir();
    let catalog = Catalog::at(dir.path());
    let pool = BundlePool::new(10);
    let versions = publish_all(&catalog, 0..1);
    drop(pool.lease(&catalog, "b").unwrap());
    publish_small(&catalog, "b", 1);
    assert_eq!(catalog.prune("b", &keep(1)).unwrap().spared.len(), 1);
    assert_eq!(catalog.holds("b").unwrap()[0].version, versions[0]);
    // The next lease of the name is of the newest version, and lets go of the other.
    drop(pool.lease(&catalog, "b").unwrap());
    assert_eq!(catalog.prune("b", &keep(1)).unwrap().removed.len(), 1);
    pool.clear();
    assert_eq!(catalog.holds("b").unwrap(), []);
}

#[test]
fn a_pinned_version_stays_until_it_is_unpinned() {
    let dir = testing::dir();
    let catalog = Catalog::at(dir.path());
    let versions = publish_all(&catalog, 0..3);
    catalog.pin("b", versions[0], "the paper's data").unwrap();
    catalog.pin("b", versions[1], "").unwrap();
    catalog.pin("b", versions[1], "again").unwrap();
    let mut notes: Vec<_> = catalog.pins("b").unwrap().into_iter().map(|pin| pin.note).collect();
    notes.sort();
    assert_eq!(notes, ["again", "the paper's data"]);
    let pruned = catalog.prune("b", &keep(1)).unwrap();
    let expected = |at: usize| Spared {
        version: versions[at],
        published_ns: catalog.entry("b", versions[at]).unwrap().published_ns,
        reason: SparedReason::Pinned,
    };
    assert_eq!((pruned.removed.len(), pruned.spared), (0, vec![expected(1), expected(0)]));
    assert!(catalog.unpin("b", versions[0]).unwrap());
    assert!(!catalog.unpin("b", versions[0]).unwrap());
    assert_eq!(catalog.prune("b", &keep(1)).unwrap().removed.len(), 1);
    assert_eq!(whole_versions(&catalog), versions[1..]);
    let before = tree(dir.path());
    let unknown = catalog.pin("b", versions[0], "too late").unwrap_err();
    assert!(matches!(unknown, Error::UnknownVersion { .. }), "{unknown}");
    assert_eq!(tree(dir.path()), before, "a pin that failed leaves nothing");
}

#[test]
fn shared_parts_count_once_and_go_with_the_last_version_that_names_them() {
    let dir = testing::dir();
    let catalog = Catalog::at(dir.path());
    let versions = publish_all(&catalog, 0..3);
    let bundle = catalog.dir("b");
    let part = |at: usize| catalog.entry("b", versions[at]).unwrap().parts[0];
    let (oldest, middle) = (part(0), part(1));
    for (at, shared) in [(1, oldest), (2, middle)] {
        let mut entry = catalog.entry("b", versions[at]).unwrap();
        entry.parts.push(shared);
        record::write(&bundle.record(versions[at]), &bundle.temporary("record"), &entry).unwrap();
    }
    let size = oldest.bytes;
    let usage = catalog.usage("b").unwrap();
    assert_eq!((usage.versions, usage.pinned, usage.leased), (3, 0, 0));
    assert_eq!(
        (usage.newest_bytes, usage.bytes, usage.reclaimable_bytes),
        (2 * size, 3 * size, size)
    );
    let would = catalog.prune("b", &rehearsed(keep(1))).unwrap();
    assert_eq!((would.parts, would.bytes), (1, size));
    assert_eq!(catalog.prune("b", &keep(1)).unwrap(), would);
    assert!(!bundle.part(oldest.digest).exists());
    assert!(bundle.part(middle.digest).exists());
    assert_eq!(catalog.usage("b").unwrap().reclaimable_bytes, 0);
}

#[test]
fn whoever_prunes_waits_for_a_writer_as_long_as_it_is_told_to() {
    let dir = testing::dir();
    let catalog = Catalog::at(dir.path());
    publish_all(&catalog, 0..2);
    let staging = catalog.stage("b").unwrap();
    let refused = catalog.prune("b", &keep(1)).unwrap_err();
    let pid = std::process::id();
    assert_eq!(refused.to_string(), format!("bundle `b` is being written by process {pid}"));
    assert_eq!(catalog.prune("b", &rehearsed(keep(1))).unwrap().removed.len(), 1);
    let impatient = StageOptions { wait: Duration::from_millis(5) };
    assert!(matches!(catalog.stage_with("b", &impatient), Err(Error::Locked { .. })));
    let patient = PrunePolicy { wait: Duration::from_mins(1), ..keep(1) };
    let options = StageOptions { wait: Duration::from_mins(1) };
    std::thread::scope(|scope| {
        let pruning = scope.spawn(|| catalog.prune("b", &patient).unwrap().removed.len());
        let staging_too = scope.spawn(|| drop(catalog.stage_with("b", &options).unwrap()));
        drop(staging);
        assert_eq!(pruning.join().unwrap(), 1);
        staging_too.join().unwrap();
    });
    assert!(matches!(catalog.prune("x", &keep(1)), Err(Error::UnknownBundle { .. })));
    assert!(!dir.path().join("x").exists(), "asking for a bundle does not make it");
}

#[test]
fn nothing_is_pruned_where_it_cannot_be_told_what_is_needed() {
    let dir = testing::dir();
    let catalog = Catalog::at(dir.path());
    let versions = publish_all(&catalog, 0..3);
    let path = catalog.dir("b").record(versions[1]);
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, "{").unwrap();
    let before = tree(dir.path());
    for policy in [rehearsed(keep(1)), keep(1)] {
        let error = catalog.prune("b", &policy).unwrap_err();
        assert!(matches!(error, Error::VersionRecord { .. }), "{error}");
    }
    assert_eq!(tree(dir.path()), before);
}

#[test]
fn the_next_writer_finishes_what_a_killed_pruning_began() {
    // Every state between the removals, of records and lock files first and parts last.
    for removed in 0..=6 {
        let dir = testing::dir();
        let catalog = Catalog::at(dir.path());
        let versions = publish_all(&catalog, 0..3);
        let bundle = catalog.dir("b");
        let part =
            |at: usize| bundle.part(catalog.entry("b", versions[at]).unwrap().parts[0].digest);
        let mut order = Vec::new();
        for version in &versions[..2] {
            order.extend([bundle.record(*version), bundle.lease(*version)]);
        }
        order.extend([part(0), part(1)]);
        for path in &order[..removed] {
            std::fs::remove_file(path).unwrap();
        }
        std::fs::write(bundle.lock(), "99\n").unwrap();
        let left = whole_versions(&catalog);
        assert_eq!(left, versions[removed.div_ceil(2).min(2)..], "after {removed} removals");
        drop(catalog.stage("b").unwrap());
        assert_eq!(tree(dir.path()), files_of(&catalog, &left), "after {removed} removals");
    }
}

#[test]
fn a_reader_without_a_lock_file_reads_all_the_same() {
    let dir = testing::dir();
    let catalog = Catalog::at(dir.path());
    let versions = publish_all(&catalog, 0..2);
    std::fs::remove_dir_all(dir.path().join("b/leases")).unwrap();
    let lease = open(&catalog, versions[0]).unwrap();
    assert_eq!(catalog.holds("b").unwrap(), [], "nobody sees it");
    // The writer's sweep makes the file; the reader, who came before, goes on with what it has mapped.
    assert_eq!(catalog.prune("b", &keep(1)).unwrap().removed.len(), 1);
    assert!(lease.verify(1).ok());
    assert!(dir.path().join(format!("b/leases/{}", versions[1])).exists());
}

/// One step of the model.
#[derive(Debug, Clone)]
enum Step {
    Publish(u32),
    Pin(usize),
    Unpin(usize),
    Lease(usize),
    Drop(usize),
    Prune(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let at = 0..8_usize;
    prop_oneof![
        (0..6_u32).prop_map(Step::Publish),
        at.clone().prop_map(Step::Pin),
        at.clone().prop_map(Step::Unpin),
        at.clone().prop_map(Step::Lease),
        at.prop_map(Step::Drop),
        (0..4_usize).prop_map(Step::Prune),
    ]
}

/// What a bundle is to be: versions by age, each with its seed.
#[derive(Default)]
struct Model {
    oldest_first: Vec<Version>,
    /// The same ones by their last publications.
    published: Vec<Version>,
    newest: Option<Version>,
    pinned: BTreeSet<Version>,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn pruning_behaves_like_the_model(steps in prop::collection::vec(step(), 1..40)) {
        let dir = testing::dir();
        let catalog = Catalog::at(dir.path());
        let mut model = Model::default();
        let mut leases: BTreeMap<Version, Lease> = BTreeMap::new();
        for step in steps {
            let pick = |at: usize| model.oldest_first.get(at % model.oldest_first.len().max(1)).copied();
            match step {
                Step::Publish(seed) => {
                    let version = publish_small(&catalog, "b", seed).version;
                    if !model.oldest_first.contains(&version) {
                        model.oldest_first.push(version);
                    }
                    model.published.retain(|other| *other != version);
                    model.published.push(version);
                    model.newest = Some(version);
                }
                Step::Pin(at) => if let Some(version) = pick(at) {
                    catalog.pin("b", version, "note").unwrap();
                    model.pinned.insert(version);
                },
                Step::Unpin(at) => if let Some(version) = pick(at) {
                    prop_assert_eq!(catalog.unpin("b", version).unwrap(), model.pinned.remove(&version));
                },
                Step::Lease(at) => if let Some(version) = pick(at) {
                    leases.insert(version, open(&catalog, version).unwrap());
                },
                Step::Drop(at) => if let Some(version) = pick(at) {
                    leases.remove(&version);
                },
                Step::Prune(keep_count) => if model.newest.is_some() {
                    let count = model.oldest_first.len();
                    let mut left = Vec::new();
                    for version in &model.oldest_first {
                        let at = model.published.iter().position(|other| other == version).unwrap();
                        let needed = at + keep_count.max(1) >= count
                            || Some(*version) == model.newest
                            || model.pinned.contains(version)
                            || leases.contains_key(version);
                        if needed {
                            left.push(*version);
                        }
                    }
                    let pruned = catalog.prune("b", &keep(keep_count)).unwrap();
                    prop_assert_eq!(pruned.removed.len(), count - left.len());
                    prop_assert_eq!(pruned.kept, left.len());
                    model.published.retain(|version| left.contains(version));
                    model.oldest_first = left;
                },
            }
            let Some(newest) = model.newest else { continue };
            prop_assert_eq!(catalog.head("b").unwrap().version, newest);
            prop_assert_eq!(&whole_versions(&catalog), &model.oldest_first);
            let held: Vec<_> = catalog.holds("b").unwrap().iter().map(|hold| hold.version).collect();
            let expected: BTreeSet<_> = leases.keys().chain(&model.pinned).copied().collect();
            prop_assert_eq!(held, expected.into_iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn usage_agrees_with_a_count_over_sets(shares in prop::collection::vec(prop::collection::vec(0..6_u8, 1..5), 1..6), pinned in 0..6_usize) {
        let dir = testing::dir();
        let catalog = Catalog::at(dir.path());
        let count = u32::try_from(shares.len()).unwrap();
        let versions = publish_all(&catalog, 0..count);
        let bundle = catalog.dir("b");
        let bytes = |part: u8| 1_u64 << part;
        for (version, parts) in versions.iter().zip(&shares) {
            let mut entry = catalog.entry("b", *version).unwrap();
            entry.parts = parts.iter().map(|&part| PartEntry {
                digest: Digest::from_bytes([part; 32]), bytes: bytes(part), rows: 1,
            }).collect();
            record::write(&bundle.record(*version), &bundle.temporary("record"), &entry).unwrap();
        }
        let pinned = versions.get(pinned).copied();
        if let Some(version) = pinned {
            catalog.pin("b", version, "").unwrap();
        }
        let total = |wanted: &dyn Fn(Version) -> bool| {
            let named: BTreeSet<u8> = versions.iter().zip(&shares)
                .filter(|(version, _)| wanted(**version))
                .flat_map(|(_, parts)| parts.iter().copied())
                .collect();
            named.into_iter().map(bytes).sum::<u64>()
        };
        let newest = *versions.last().unwrap();
        let usage = catalog.usage("b").unwrap();
        prop_assert_eq!(usage.bytes, total(&|_| true));
        prop_assert_eq!(usage.newest_bytes, total(&|version| version == newest));
        let needed = total(&|version| version == newest || Some(version) == pinned);
        prop_assert_eq!(usage.reclaimable_bytes, usage.bytes - needed);
    }
}
