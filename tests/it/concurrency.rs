//! Promise: while a writer publishes, and prunes, any number of processes and threads read: every read is
//! of one whole version, no later read is of an older one, no read fails, and the pool counts each lease.
//!
//! Method: eight processes of four threads lease the newest version over and over and look at every value,
//! which is a function of the version's number; leases are kept and looked at again after more versions.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use barrow_store::{BundlePool, Catalog, PruneMode, PrunePolicy};
use barrow_tests::numbered::{all, assert_nothing_stray, publish};
use barrow_tests::{built, memory_folder};

const PROCESSES: usize = 8;
const THREADS: usize = 4;
const ROWS: usize = 4;

fn reader(catalog: &Catalog, last: u32) -> Child {
    let mut command = Command::new(built("catalog-reader"));
    command.arg(catalog.root()).args(["b", &THREADS.to_string(), &last.to_string()]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("the reader runs")
}

/// Publishes versions 1 to `last` while others read; `between` comes after each.
fn publish_beside_readers(catalog: &Catalog, last: u32, mut between: impl FnMut(u32)) {
    publish(catalog, "b", 1, ROWS).expect("published");
    let readers: Vec<Child> = (0..PROCESSES).map(|_| reader(catalog, last)).collect();
    for number in 2..=last {
        let published = publish(catalog, "b", number, ROWS).expect("readers hinder no writer");
        assert_eq!(published.generation, u64::from(number));
        between(number);
    }
    for reader in readers {
        let output = reader.wait_with_output().expect("the reader ends");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        let counted = String::from_utf8(output.stdout).expect("UTF-8");
        let counted: Vec<u64> =
            counted.split_whitespace().map(|word| word.parse().expect("a count")).collect();
        let [leases, hits, misses, seen] = counted[..] else { unreachable!("four counts") };
        assert_eq!(hits + misses, leases, "each lease is a hit or a miss");
        assert!(seen > 1 && misses >= seen, "{misses} misses for {seen} versions");
    }
}

#[test]
fn every_read_is_of_one_whole_version_while_a_thousand_are_published() {
    let folder = memory_folder();
    let catalog = Catalog::at(folder.path());
    publish_beside_readers(&catalog, 1_000, |_| ());
    let history = catalog.history("b").expect("a history");
    assert_eq!(history.len(), 1_000);
    assert_nothing_stray(&catalog, "b");
}

#[test]
fn every_read_is_of_one_whole_version_while_old_ones_are_pruned() {
    let folder = memory_folder();
    let catalog = Catalog::at(folder.path());
    let policy = PrunePolicy {
        keep: 2,
        published_before_ns: None,
        mode: PruneMode::Remove,
        wait: Duration::ZERO,
    };
    let (mut removed, mut spared) = (0, 0);
    publish_beside_readers(&catalog, 300, |_| {
        let pruned = catalog.prune("b", &policy).expect("readers hinder no pruning");
        removed += pruned.removed.len();
        spared += pruned.spared.len();
        assert!(pruned.spared.len() <= PROCESSES * THREADS * 6, "few versions are open at a time");
    });
    assert!(removed > 0 && spared > 0, "{removed} removed, {spared} spared");
    // Nobody reads any more, this process neither.
    BundlePool::global().clear();
    catalog.prune("b", &PrunePolicy { keep: 1, ..policy }).expect("pruned");
    assert_eq!(all(&catalog, "b"), [300]);
    assert_nothing_stray(&catalog, "b");
}
