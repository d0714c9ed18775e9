//! The pool's promises to many threads at once.

use std::ffi::OsStr;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::catalog::Catalog;
use crate::error::{Error, Result};
use crate::pool::BundlePool;
use crate::pool::opened::Opened;
use crate::pool::opening::open_newest;
use crate::reading::lease::Lease;
use crate::reading::options::OpenOptions;
use crate::tests::pool::{BUNDLES, Shelf, name};

impl BundlePool {
    /// Leases with an opening of the test's own.
    fn lease_opening(
        &self,
        catalog: &Catalog,
        spec: &str,
        open: impl FnOnce() -> Result<Opened>,
    ) -> Result<Lease> {
        let key = self.key(Some(catalog.shared_root()), OsStr::new(spec), 0);
        self.lease_slowly(key, open).map(Lease::new)
    }
}

#[test]
fn sixteen_threads_open_a_bundle_once() {
    let shelf = Shelf::new();
    for _ in 0..200 {
        let pool = BundlePool::new(10);
        let barrier = Barrier::new(16);
        std::thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| {
                    barrier.wait();
                    drop(pool.lease(&shelf.catalog, &name(0)).unwrap());
                });
            }
        });
        assert_eq!((pool.stats().misses, pool.stats().hits), (1, 15));
    }
}

#[test]
fn those_who_wait_for_an_opening_get_its_error_and_the_next_tries_again() {
    let shelf = Shelf::new();
    let pool = BundlePool::new(10);
    let opened = AtomicU64::new(0);
    // The opening goes on until everyone else is waiting for it: each waiter has looked at the table by then.
    let waiting = AtomicU64::new(0);
    let lease = |fail: bool| {
        pool.lease_opening(&shelf.catalog, "bundle-0", || {
            opened.fetch_add(1, Ordering::SeqCst);
            while waiting.load(Ordering::SeqCst) < 8 {
                std::thread::yield_now();
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
            if fail {
                Err(shelf.catalog.unknown("nothing"))
            } else {
                open_newest(&shelf.catalog, "bundle-0", OpenOptions::default(), |_| None)
            }
        })
    };
    for fail in [true, false] {
        opened.store(0, Ordering::SeqCst);
        waiting.store(0, Ordering::SeqCst);
        let outcomes: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        waiting.fetch_add(1, Ordering::SeqCst);
                        lease(fail)
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(opened.load(Ordering::SeqCst), 1);
        for outcome in outcomes {
            match outcome {
                Ok(_) => assert!(!fail),
                Err(error) => {
                    assert!(fail && matches!(error, Error::UnknownBundle { .. }), "{error}");
                }
            }
        }
    }
    assert_eq!((pool.stats().misses, pool.stats().hits), (9, 7));
}

#[test]
fn an_opening_that_panics_is_taken_over_by_the_next() {
    let shelf = Shelf::new();
    let pool = BundlePool::new(10);
    let attempt = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        drop(pool.lease_opening(&shelf.catalog, "bundle-0", || panic!("on purpose")));
    }));
    assert!(attempt.is_err());
    assert!(pool.lease(&shelf.catalog, "bundle-0").is_ok());
    assert_eq!(pool.stats().open, 1);
}

#[test]
fn a_publication_during_an_opening_is_not_missed_by_those_who_come_after_it() {
    let shelf = Shelf::new();
    let pool = BundlePool::new(10);
    let first = shelf.advance(0, 0);
    let published = Barrier::new(2);
    std::thread::scope(|scope| {
        let early = scope.spawn(|| {
            pool.lease_opening(&shelf.catalog, "bundle-0", || {
                let opened =
                    open_newest(&shelf.catalog, "bundle-0", OpenOptions::default(), |_| None);
                published.wait();
                // The late thread is waiting by now, or will find what is opened here.
                std::thread::sleep(std::time::Duration::from_millis(20));
                opened
            })
        });
        let late = scope.spawn(|| {
            let second = shelf.advance(0, 1);
            published.wait();
            (second, pool.lease(&shelf.catalog, "bundle-0").unwrap().version())
        });
        let early = early.join().unwrap().unwrap().version();
        let (second, late) = late.join().unwrap();
        assert!(early == first || early == second);
        assert_eq!(late, second);
    });
}

#[test]
fn sixteen_threads_lease_publish_and_evict_without_losing_count() {
    let shelf = Shelf::new();
    let pool = BundlePool::new(3);
    let leases = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for thread in 0..16usize {
            let (shelf, pool, leases) = (&shelf, &pool, &leases);
            scope.spawn(move || {
                for round in 0..400usize {
                    let bundle = (thread * 7 + round * (1 + thread % 3)) % BUNDLES;
                    if thread == 0 && round % 10 == 0 {
                        shelf.advance(bundle, round % 3);
                    }
                    let generation = shelf.catalog.head(&name(bundle)).unwrap().generation;
                    let lease = pool.lease(&shelf.catalog, &name(bundle)).unwrap();
                    leases.fetch_add(1, Ordering::Relaxed);
                    assert!(shelf.versions[bundle].contains(&lease.version()));
                    // If nothing was published meanwhile, the lease is of the newest version.
                    let head = shelf.catalog.head(&name(bundle)).unwrap();
                    if head.generation == generation {
                        assert_eq!(lease.version(), head.version);
                    }
                    assert_eq!(lease.bars(lease.asset("A").unwrap()).close().len(), 3);
                }
            });
        }
    });
    let stats = pool.stats();
    assert_eq!(stats.hits + stats.misses, leases.load(Ordering::Relaxed));
    assert_eq!(stats.misses, stats.evictions + stats.invalidations + 3);
    assert_eq!(stats.open, 3);
}
