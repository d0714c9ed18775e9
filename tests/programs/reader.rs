//! A process that reads one bundle from several threads until a version appears, as a worker would.
//!
//! `catalog-reader ROOT NAME THREADS LAST` leases the newest version of bundle NAME over and over in each
//! thread, looks at every value, keeps some leases and looks at them again later, and ends when it has seen
//! version LAST. It prints what it counted: leases, hits, misses, and the number of versions it saw.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use barrow_store::{BundlePool, Catalog, Lease};
use barrow_tests::numbered::number_of;

/// Leases that a thread keeps at a time.
const KEPT: usize = 4;
/// Leases in a row before a thread lets others run.
const BURST: u32 = 16;
const PAUSE: Duration = Duration::from_millis(2);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [root, name, threads, last] = arguments.as_slice() else {
        unreachable!("usage: catalog-reader ROOT NAME THREADS LAST")
    };
    let catalog = Catalog::at(Path::new(root));
    let threads: usize = threads.parse().expect("a number of threads");
    let last: u32 = last.parse().expect("the number of a version");
    let leases = AtomicU64::new(0);
    let read = || read_until(&catalog, name, last, &leases);
    let seen: BTreeSet<u32> = std::thread::scope(|scope| {
        let readers: Vec<_> = (0..threads).map(|_| scope.spawn(read)).collect();
        readers.into_iter().flat_map(|reader| reader.join().expect("no reader panics")).collect()
    });
    let stats = BundlePool::global().stats();
    let leases = leases.load(Ordering::Relaxed);
    say(&format!("{leases} {} {} {}", stats.hits, stats.misses, seen.len()));
}

/// Leases and looks until the version `last` is the newest; returns the versions seen.
fn read_until(catalog: &Catalog, name: &str, last: u32, leases: &AtomicU64) -> BTreeSet<u32> {
    let mut seen = BTreeSet::new();
    let mut kept: Vec<(u32, Lease)> = Vec::new();
    let mut newest = 0;
    for turn in 1_u32.. {
        if newest >= last {
            break;
        }
        if turn % BURST == 0 {
            std::thread::sleep(PAUSE);
        }
        let lease = catalog.lease(name).expect("the newest version can always be leased");
        leases.fetch_add(1, Ordering::Relaxed);
        let number = number_of(&lease);
        assert!(number >= newest, "a later lease never shows an older version");
        if seen.insert(number) {
            kept.push((number, lease));
        }
        if kept.len() > KEPT {
            let (number, lease) = kept.remove(0);
            assert_eq!(number_of(&lease), number, "a lease never changes its version");
        }
        newest = number;
    }
    for (number, lease) in kept {
        assert_eq!(number_of(&lease), number, "a lease never changes its version");
    }
    seen
}

#[expect(clippy::print_stdout, reason = "what it counted is its answer")]
fn say(line: &str) {
    println!("{line}");
}
