//! An operating system that refuses any one operation of a publication, or all from some operation on.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use barrow_format::{Compression, Values};
use rustix::io::Errno;

use crate::catalog::Catalog;
use crate::catalog::prune::{PruneMode, PrunePolicy};
use crate::disk::fault::{Fault, Kind, during};
use crate::error::{Error, Result};
use crate::pool::BundlePool;
use crate::testing::{self, Listing, publish_small, tree};
use crate::writing::batch::AssetBars;
use crate::writing::publish::{Published, StageOptions};

/// Publishes, and returns what went wrong in any step.
fn try_publish(catalog: &Catalog, seed: u32) -> Result<Published> {
    let staging = catalog.stage("b")?;
    let written = testing::try_write(staging.sink(), &[Listing::new("A", 0..3)], seed, "test 1")
        .map_err(|error| Error::corrupt(staging.sink().path())(error))?;
    staging.publish(written)
}

/// Returns the seed of the newest version, after checking every byte of it.
fn newest_seed(catalog: &Catalog) -> f64 {
    let lease = BundlePool::new(1).lease(catalog, "b").unwrap();
    assert!(lease.verify(1).ok());
    lease.bars(lease.asset("A").unwrap()).open()[0] - testing::value(0, 0, 1, 0)
}

/// Tells whether the operating system's refusal is in the chain of causes, and not just any error.
fn says(error: &Error, kind: ErrorKind) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        let bare = error.downcast_ref::<std::io::Error>();
        let shared = error.downcast_ref::<Arc<std::io::Error>>().map(AsRef::as_ref);
        if bare.or(shared).is_some_and(|error| error.kind() == kind) {
            return true;
        }
        cause = error.source();
    }
    false
}

/// What a catalog looks like in which nothing ever failed.
fn clean(seeds: &[u32]) -> Vec<String> {
    let dir = testing::dir();
    let catalog = Catalog::at(dir.path().join("root"));
    for &seed in seeds {
        publish_small(&catalog, "b", seed);
    }
    tree(dir.path())
}

/// Publishes `seeds`, then one more with a fault at each operation in turn, until there is none left to strike.
fn fail_at_each_operation(seeds: &[u32], refusal: Errno, lasting: bool) {
    let kind = std::io::Error::from(refusal).kind();
    let after = clean(&[seeds, &[9]].concat());
    for first in 1.. {
        let dir = testing::dir();
        let catalog = Catalog::at(dir.path().join("root"));
        for &seed in seeds {
            publish_small(&catalog, "b", seed);
        }
        let fault = Fault { kind: Kind::Refuse(refusal), first, lasting };
        let (outcome, operations) = during(fault, || try_publish(&catalog, 9));
        let context = format!("{refusal:?} at operation {first} of {operations}");
        if let Err(error) = &outcome {
            assert!(says(error, kind), "{context}: {error}");
        }
        nothing_is_lost(&catalog, seeds, outcome.is_ok(), &context);
        let retried = try_publish(&catalog, 9).unwrap();
        assert_eq!(retried.generation, u64::try_from(seeds.len() + 1).unwrap(), "{context}");
        assert_eq!(newest_seed(&catalog), 9.0, "{context}");
        assert_eq!(tree(dir.path()), after, "{context}: nothing is left over");
        if first > operations {
            assert!(outcome.is_ok(), "{context}");
            assert!(first > 15, "a publication has more than {first} operations");
            return;
        }
    }
}

/// Checks that the catalog opens at the old or at the new version, and at the new one if publishing said so.
fn nothing_is_lost(catalog: &Catalog, seeds: &[u32], published: bool, context: &str) {
    let Some(old) = seeds.last() else {
        let there = catalog.names().unwrap() == ["b"];
        assert!(there || !published, "{context}");
        if there {
            assert_eq!(newest_seed(catalog), 9.0, "{context}");
        }
        return;
    };
    let newest = newest_seed(catalog);
    assert!(newest == 9.0 || (newest == f64::from(*old) && !published), "{context}: {newest}");
    let history = catalog.history("b").unwrap();
    let expected = seeds.len() + usize::from(newest == 9.0);
    assert_eq!(history.len(), expected, "{context}");
    for entry in history {
        let spec = format!("b@{}", entry.version);
        assert!(BundlePool::new(1).lease(catalog, &spec).unwrap().verify(1).ok(), "{context}");
    }
}

#[test]
fn refused_once_at_any_operation_a_publication_loses_nothing_and_can_be_tried_again() {
    for refusal in [Errno::NOSPC, Errno::IO, Errno::ACCESS, Errno::ROFS, Errno::MFILE] {
        fail_at_each_operation(&[], refusal, false);
        fail_at_each_operation(&[1], refusal, false);
    }
}

#[test]
fn refused_from_any_operation_on_a_publication_loses_nothing_and_can_be_tried_again() {
    for refusal in [Errno::NOSPC, Errno::ROFS] {
        fail_at_each_operation(&[], refusal, true);
        fail_at_each_operation(&[1, 2], refusal, true);
    }
}

#[test]
fn writes_that_come_in_pieces_make_the_same_files() {
    let publish = |root: &Path, fault| {
        let catalog = Catalog::at(root);
        let (outcome, operations) = during(fault, || try_publish(&catalog, 9));
        assert!(operations > 15);
        (outcome.unwrap().version, newest_seed(&catalog))
    };
    let (whole, pieces) = (testing::dir(), testing::dir());
    let never = Fault { kind: Kind::Short, first: u64::MAX, lasting: false };
    let always = Fault { kind: Kind::Short, first: 1, lasting: true };
    assert_eq!(publish(whole.path(), never), publish(pieces.path(), always));
    assert_eq!(tree(whole.path()), tree(pieces.path()));
    let head = |root: &Path| std::fs::read(root.join("b/HEAD")).unwrap();
    assert_eq!(head(whole.path()), head(pieces.path()));
}

fn publish_four(catalog: &Catalog) {
    for seed in 1..5 {
        publish_small(catalog, "b", seed);
    }
}

#[test]
fn refused_at_any_operation_pruning_and_pinning_leave_versions_that_open() {
    let policy = PrunePolicy {
        keep: 1,
        published_before_ns: None,
        mode: PruneMode::Remove,
        wait: Duration::ZERO,
    };
    let after = {
        let dir = testing::dir();
        let catalog = Catalog::at(dir.path().join("root"));
        publish_four(&catalog);
        let oldest = catalog.history("b").unwrap()[3].version;
        catalog.pin("b", oldest, "kept").unwrap();
        catalog.prune("b", &policy).unwrap();
        tree(dir.path())
    };
    for (refusal, lasting) in [(Errno::IO, false), (Errno::NOSPC, true), (Errno::ROFS, true)] {
        for first in 1.. {
            let dir = testing::dir();
            let catalog = Catalog::at(dir.path().join("root"));
            publish_four(&catalog);
            let oldest = catalog.history("b").unwrap()[3].version;
            let fault = Fault { kind: Kind::Refuse(refusal), first, lasting };
            let run = || {
                let pinned = catalog.pin("b", oldest, "kept");
                (pinned.is_ok(), pinned.and_then(|()| catalog.prune("b", &policy)).is_ok())
            };
            let ((pinned, pruned), operations) = during(fault, run);
            let context = format!("{refusal:?} at operation {first} of {operations}");
            let history = catalog.history("b").unwrap();
            assert!(history.len() >= 2, "{context}");
            for entry in &history {
                let spec = format!("b@{}", entry.version);
                let lease = BundlePool::new(1).lease(&catalog, &spec).unwrap();
                assert!(lease.verify(1).ok(), "{context}");
            }
            assert!(history[history.len() - 1].version == oldest, "{context}: the oldest stays");
            catalog.pin("b", oldest, "kept").unwrap();
            catalog.prune("b", &policy).unwrap();
            assert_eq!(tree(dir.path()), after, "{context}: nothing is left over");
            if first > operations {
                assert!(pinned && pruned && operations > 15, "{context}");
                break;
            }
        }
    }
}

/// Appends one bar to asset `A`.
fn append(catalog: &Catalog) -> Result<Published> {
    append_bars(catalog, 1)
}

/// Appends so many bars to asset `A`.
fn append_bars(catalog: &Catalog, bars: usize) -> Result<Published> {
    let mut revision = catalog.revise("b", &StageOptions::default())?;
    let (days, prices) = ([7, 8, 9, 10].map(|day| day * testing::DAY), [2.5; 4]);
    let price = Values::F64(&prices[..bars]);
    let mut columns = vec![("time", Values::I64(&days[..bars]))];
    columns.extend(["open", "high", "low", "close", "volume"].map(|name| (name, price)));
    columns
        .extend([("vwap", Values::F32(&[2.5; 4][..bars])), ("fee", Values::I64(&[7; 4][..bars]))]);
    revision.append(&AssetBars { symbol: "A", metadata: "", columns: &columns })?;
    revision.publish()
}

/// Does `change` to a fresh bundle with a fault at each operation in turn, and repeats it without.
fn change_at_each_operation(
    prepare: fn(&Catalog),
    change: fn(&Catalog) -> Result<Published>,
    (refusal, lasting): (Errno, bool),
) {
    let fresh = || {
        let dir = testing::dir();
        let catalog = Catalog::at(dir.path().join("root"));
        prepare(&catalog);
        (dir, catalog)
    };
    let (after, newest) = {
        let (dir, catalog) = fresh();
        let published = change(&catalog).unwrap();
        (tree(dir.path()), published.version)
    };
    for first in 1.. {
        let (dir, catalog) = fresh();
        let before = catalog.head("b").unwrap().version;
        let fault = Fault { kind: Kind::Refuse(refusal), first, lasting };
        let (outcome, operations) = during(fault, || change(&catalog));
        let context = format!("{refusal:?} at operation {first} of {operations}");
        let now = catalog.head("b").unwrap().version;
        assert!(now == newest || (now == before && outcome.is_err()), "{context}");
        for entry in catalog.history("b").unwrap() {
            let spec = format!("b@{}", entry.version);
            let lease = BundlePool::new(1).lease(&catalog, &spec).unwrap();
            assert!(lease.verify(1).ok(), "{context}");
        }
        if now != newest || outcome.is_err() {
            let again = change(&catalog);
            // What the refused one published after all is there already.
            assert!(again.is_ok() || now == newest, "{context}: {again:?}");
        }
        drop(catalog.stage("b").unwrap());
        assert_eq!(catalog.head("b").unwrap().version, newest, "{context}");
        assert_eq!(tree(dir.path()), after, "{context}: nothing is left over");
        if first > operations {
            assert!(outcome.is_ok() && operations > 15, "{context}");
            return;
        }
    }
}

#[test]
fn refused_at_any_operation_a_revision_loses_nothing_and_can_be_tried_again() {
    let prepare = |catalog: &Catalog| {
        publish_small(catalog, "b", 1);
    };
    for refusal in [(Errno::IO, false), (Errno::NOSPC, true), (Errno::ROFS, true)] {
        change_at_each_operation(prepare, append, refusal);
    }
}

#[test]
fn a_flipped_bit_of_the_newest_version_never_ends_in_a_wrong_one() {
    let right = {
        let dir = testing::dir();
        let catalog = Catalog::at(dir.path());
        publish_small(&catalog, "b", 1);
        append(&catalog).unwrap().version
    };
    let (mut refused, mut page) = (0, 0);
    loop {
        let dir = testing::dir();
        let catalog = Catalog::at(dir.path().join("root"));
        publish_small(&catalog, "b", 1);
        let path = catalog.dir("b").part(catalog.history("b").unwrap()[0].parts[0].digest);
        let mut bytes = std::fs::read(&path).unwrap();
        // Somewhere in the values, the midstates, the statistics: whatever the page holds.
        let Some(byte) = bytes.get_mut(page * 4096 + 36) else { break };
        *byte ^= 4;
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, bytes).unwrap();
        match append(&catalog) {
            // Where it was not looked at.
            Ok(published) => assert_eq!(published.version, right, "page {page}"),
            Err(error) => {
                refused += 1;
                assert!(matches!(error, Error::Corrupt { .. }), "page {page}: {error}");
            }
        }
        page += 1;
    }
    assert!(refused > 3 && page > 10, "{refused} of {page}");
}

#[test]
fn refused_at_any_operation_a_compaction_loses_nothing_and_can_be_tried_again() {
    let prepare = |catalog: &Catalog| {
        publish_small(catalog, "b", 1);
        append(catalog).unwrap();
    };
    let compact = |catalog: &Catalog| catalog.compact("b", &StageOptions::default());
    for refusal in [(Errno::IO, false), (Errno::NOSPC, true), (Errno::ROFS, true)] {
        change_at_each_operation(prepare, compact, refusal);
    }
}

#[test]
fn refused_at_any_operation_a_compressed_append_loses_nothing_and_can_be_tried_again() {
    let prepare = |catalog: &Catalog| {
        publish_small(catalog, "b", 1);
        let auto = [Compression::Auto; 8];
        catalog.recompress("b", &auto, &StageOptions::default()).unwrap();
    };
    let append = |catalog: &Catalog| append_bars(catalog, 4);
    let (_dir, catalog) = {
        let dir = testing::dir();
        let catalog = Catalog::at(dir.path());
        prepare(&catalog);
        append(&catalog).unwrap();
        (dir, catalog)
    };
    let parts = &catalog.history("b").unwrap()[0].parts;
    assert_eq!((parts.len(), parts[0].rows), (3, 0), "the rows lie in a file of their own");
    for refusal in [(Errno::IO, false), (Errno::NOSPC, true), (Errno::ROFS, true)] {
        change_at_each_operation(prepare, append, refusal);
    }
}
