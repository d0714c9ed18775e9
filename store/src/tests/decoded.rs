//! Columns that are not read in place, against the same columns read in place.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};

use barrow_format::{Digest, PhysicalType};
use proptest::prelude::*;

use super::bars::listings;
use crate::catalog::Catalog;
use crate::decoded::{Decoded, DecodedCache, DecodedKey};
use crate::error::Error;
use crate::lease::Lease;
use crate::opened::{Currency, Opened, Pinned};
use crate::options::OpenOptions;
use crate::reader::Origin;
use crate::snapshot::Snapshot;
use crate::testing::{self, DAY, Listing, publish};

/// Leases a bundle of these listings twice: read in place, and as if nothing could be.
fn both(listings: &[Listing], seed: u32) -> (Lease, Lease) {
    let dir = testing::dir();
    let catalog = Catalog::at(dir.path());
    let version = publish(&catalog, "b", listings, seed).version;
    let open = || {
        Snapshot::open_part("b", &catalog.locate("b", version).unwrap(), OpenOptions::default())
            .unwrap()
    };
    (lease(open()), lease(open().decoding()))
}

fn lease(snapshot: Snapshot) -> Lease {
    let snapshot = Arc::new(snapshot);
    let opened = Arc::new(Opened::new(Arc::clone(&snapshot), Currency::Fixed));
    Lease::new(Arc::new(Pinned { snapshot, opened }))
}

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Every way to read gives the same, whole columns first or series first.
    #[test]
    fn decoding_changes_nothing(
        listings in listings(),
        from in -2i64..62,
        length in 0i64..70,
        seed in 0u32..1000,
        whole_first: bool,
    ) {
        let (mapped, decoded) = both(&listings, seed);
        let range = from * DAY..(from + length) * DAY;
        let names: Vec<&str> = mapped.schema().columns().iter().map(|it| it.name.as_str()).collect();
        let columns = || {
            for name in &names {
                let (a, b) = (mapped.column(name).unwrap(), decoded.column(name).unwrap());
                assert_eq!((a.physical(), a.as_bytes()), (b.physical(), b.as_bytes()));
                assert_eq!(mapped.origin(name).unwrap(), Origin::Mapped);
                assert_eq!(decoded.origin(name).unwrap(), Origin::Decoded);
            }
            assert_eq!(mapped.record_batch().unwrap(), decoded.record_batch().unwrap());
        };
        if whole_first {
            columns();
        }
        for column in ["close", "vwap"] {
            let (a, b) = (mapped.panel(column, range.clone()), decoded.panel(column, range.clone()));
            let (a, b) = (a.unwrap(), b.unwrap());
            prop_assert_eq!((a.times, a.assets), (b.times, b.assets));
            prop_assert_eq!(bits(&a.values), bits(&b.values));
            for &time in mapped.calendar().iter().take(20) {
                let (a, b) = (mapped.cross_section(column, time), decoded.cross_section(column, time));
                prop_assert_eq!(bits(&a.unwrap()), bits(&b.unwrap()));
            }
        }
        for (a, b) in mapped.assets().zip(decoded.assets()) {
            let (a, b) = (mapped.bars(a.unwrap()), decoded.bars(b.unwrap()));
            for (a, b) in [(a, b), (a.between(range.clone()), b.within(range.clone()).unwrap()), (a.last(3), b.last(3))] {
                prop_assert_eq!(a.rows(), b.rows());
                prop_assert_eq!((a.time(), a.times().unwrap()), (b.time(), b.times().unwrap()));
                prop_assert_eq!((a.open(), a.high(), a.low()), (b.open(), b.high(), b.low()));
                prop_assert_eq!((a.close(), a.volume()), (b.close(), b.volume()));
                for name in &names {
                    prop_assert_eq!(a.column(name).unwrap(), b.column(name).unwrap());
                    prop_assert_eq!(b.origin(name).unwrap(), Origin::Decoded);
                }
            }
        }
        for asset in mapped.assets() {
            let asset = asset.unwrap();
            prop_assert_eq!(mapped.asset_batch(asset).unwrap(), decoded.asset_batch(asset).unwrap());
        }
        columns();
        let wrong = decoded.panel("fee", ..);
        assert!(matches!(wrong, Err(Error::WrongColumnType { .. })));
        let unknown = decoded.column("last");
        assert!(matches!(unknown, Err(Error::UnknownColumn { .. })));
    }
}

#[test]
fn a_slice_outlives_the_cache_as_long_as_a_clone_of_its_lease() {
    let (mapped, decoded) = both(&[Listing::new("A", 0..5000), Listing::new("B", 7..8)], 71);
    let clone = decoded.clone();
    let asset = decoded.asset("A").unwrap();
    let close = decoded.bars(asset).close();
    let whole = decoded.f64("volume").unwrap();
    let batch = decoded.asset_batch(asset).unwrap();
    DecodedCache::global().clear();
    let again = clone.bars(asset).close();
    assert_eq!((again.as_ptr(), again.len()), (close.as_ptr(), close.len()), "pins are shared");
    let expected = mapped.bars(mapped.asset("A").unwrap()).close();
    assert_eq!(close, expected);
    assert_eq!(whole, mapped.f64("volume").unwrap());
    assert_eq!(clone.f64("volume").unwrap().as_ptr(), whole.as_ptr());
    let expected = mapped.asset_batch(mapped.asset("A").unwrap()).unwrap();
    drop((decoded, clone));
    assert_eq!(batch, expected, "an Arrow batch outlives every lease");
}

#[test]
fn series_of_one_digest_are_decoded_once_for_all_versions() {
    // Different bundles: asset `A` has the same closes in both, `B` has not.
    let (_, first) = both(&[Listing::new("A", 0..100), Listing::new("B", 0..50)], 72);
    let (_, second) = both(&[Listing::new("A", 0..100), Listing::new("B", 0..60)], 72);
    let close = |lease: &Lease, symbol| {
        let bars = lease.bars(lease.asset(symbol).unwrap());
        (bars.close().as_ptr().addr(), bars.close().len())
    };
    assert_eq!(close(&first, "A"), close(&second, "A"));
    assert_ne!(close(&first, "B"), close(&second, "B"));
    assert_eq!(close(&second, "B").1, 60);
}

#[test]
fn threads_that_touch_a_series_at_once_decode_it_once() {
    let cache = DecodedCache::new(1 << 20);
    let decodes = AtomicUsize::new(0);
    let barrier = Barrier::new(8);
    let key = DecodedKey::Series { digest: Digest::of(b"x"), physical: PhysicalType::U8 };
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                barrier.wait();
                let decoded = cache.get_or_decode(&key, || {
                    decodes.fetch_add(1, Ordering::Relaxed);
                    std::thread::sleep(std::time::Duration::from_millis(20));
                    Decoded::fill(PhysicalType::U8, 1, |out| {
                        out.copy_from_slice(b"x");
                        Ok(())
                    })
                });
                assert_eq!(decoded.unwrap().as_bytes(), b"x");
            });
        }
    });
    assert_eq!(decodes.into_inner(), 1);
    let stats = cache.stats();
    assert_eq!((stats.hits, stats.misses, stats.entries, stats.bytes), (7, 1, 1, 256 + 8));
    cache.set_budget_bytes(200);
    let stats = cache.stats();
    assert_eq!((stats.evictions, stats.entries, stats.bytes, stats.budget_bytes), (1, 0, 0, 200));
}

#[test]
fn a_damaged_series_is_an_error_and_a_panic_with_its_text() {
    let dir = testing::dir();
    let catalog = Catalog::at(dir.path());
    let version =
        publish(&catalog, "b", &[Listing::new("A", [1, 3, 4]), Listing::new("B", 0..9)], 73);
    let located = catalog.locate("b", version.version).unwrap();
    let mut bytes = std::fs::read(&located.path).unwrap();
    let whole = Snapshot::open_part("b", &located, OpenOptions::default()).unwrap();
    for index in 0..whole.bundle().schema().columns().len() {
        let start = whole.mapped_column(index).unwrap().as_bytes().as_ptr().addr();
        bytes[start - whole.bundle().as_bytes().as_ptr().addr()] ^= 1;
    }
    let path = dir.path().join("damaged.barrow");
    std::fs::write(&path, bytes).unwrap();
    let damaged = lease(Snapshot::open_file(&path, OpenOptions::default()).unwrap().0.decoding());
    let bars = damaged.bars(damaged.asset("A").unwrap());
    let text = |error: Error| {
        assert!(matches!(error, Error::SeriesDigest(_)), "{error:?}");
        error.to_string()
    };
    let close = text(bars.f64("close").unwrap_err());
    assert!(close.contains("column `close` of asset `A` hashes to"), "{close}");
    let time = text(bars.times().unwrap_err());
    assert!(time.contains("column `time` of asset `A`"), "{time}");
    assert_eq!(text(bars.within(DAY..3 * DAY).unwrap_err()), time);
    assert_eq!(text(damaged.panel("close", ..).unwrap_err()), close);
    let panicked = |work: &dyn Fn()| {
        let work = std::panic::AssertUnwindSafe(work);
        let panic = std::panic::catch_unwind(work).unwrap_err();
        panic.downcast_ref::<String>().unwrap().clone()
    };
    assert_eq!(
        panicked(&|| {
            let _ = bars.close();
        }),
        close
    );
    assert_eq!(
        panicked(&|| {
            let _ = bars.time();
        }),
        time
    );
    assert_eq!(
        panicked(&|| {
            let _ = bars.between(DAY..3 * DAY);
        }),
        time
    );
    let other = damaged.bars(damaged.asset("B").unwrap());
    assert_eq!(other.close().len(), 9, "what is not damaged can be read");
}
