//! Compressed columns, against the same columns read in place.

use std::path::Path;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};

use barrow_format::{Compression, Digest, PhysicalType, SectionKind};
use proptest::prelude::*;

use super::bars::listings;
use crate::cache::decoded::{Decoded, DecodedCache, DecodedKey};
use crate::catalog::Catalog;
use crate::error::Error;
use crate::pool::BundlePool;
use crate::reading::lease::Lease;
use crate::reading::options::{OpenOptions, VerifyReads};
use crate::reading::reader::Origin;
use crate::testing::{self, DAY, Listing, publish, publish_compressed};

/// Leases a bundle of these listings twice: of raw columns, and of compressed ones.
fn both(listings: &[Listing], seed: u32) -> (Lease, Lease) {
    let dir = testing::dir();
    let catalog = Catalog::at(dir.path());
    let raw = publish(&catalog, "raw", listings, seed);
    let way = if seed.is_multiple_of(2) { Compression::Auto } else { Compression::Zstd };
    let compressed = publish_compressed(&catalog, "compressed", listings, seed, way);
    assert_eq!(raw.version, compressed.version, "a version does not depend on encodings");
    let pool = BundlePool::new(2);
    (pool.lease(&catalog, "raw").unwrap(), pool.lease(&catalog, "compressed").unwrap())
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
            let (a, b) = (mapped.record_batch().unwrap(), decoded.record_batch().unwrap());
            assert_eq!(a.columns(), b.columns());
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
            let other = decoded.asset(mapped.symbol(asset)).unwrap();
            let (a, b) = (mapped.asset_batch(asset).unwrap(), decoded.asset_batch(other).unwrap());
            prop_assert_eq!(a.columns(), b.columns());
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
    assert_eq!(batch.columns(), expected.columns(), "an Arrow batch outlives every lease");
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
    assert_eq!((stats.hits, stats.misses, stats.entries, stats.bytes), (7, 1, 1, 256 + 1));
    cache.set_budget_bytes(200);
    let stats = cache.stats();
    assert_eq!((stats.evictions, stats.entries, stats.bytes, stats.budget_bytes), (1, 0, 0, 200));
}

/// Returns a bundle file of one compressed column of which byte `at` of a section is flipped, opened without checks of pages,
/// which would notice it first.
fn damaged(dir: &Path, kind: SectionKind, at: u64) -> Lease {
    let catalog = Catalog::at(dir);
    let listings = [Listing::new("A", [1, 3, 4]), Listing::new("B", 0..9)];
    publish_compressed(&catalog, "b", &listings, 73, Compression::Auto);
    let lease = BundlePool::new(0).lease(&catalog, "b").unwrap();
    let sections = lease.bundle().sections();
    let section = sections.iter().find(|section| section.kind == kind).unwrap();
    let mut bytes = lease.bundle().as_bytes().to_vec();
    bytes[usize::try_from(section.offset + at).unwrap()] ^= 1;
    let path = dir.join("damaged.barrow");
    std::fs::write(&path, bytes).unwrap();
    let unchecked = OpenOptions { verify: VerifyReads::Never, ..OpenOptions::default() };
    BundlePool::new(0).lease_file_with(&path, &unchecked).unwrap()
}

fn panic_of(work: impl FnOnce()) -> String {
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).unwrap_err();
    panic.downcast_ref::<String>().unwrap().clone()
}

#[test]
fn a_series_that_is_not_what_its_digest_says_is_an_error_and_a_panic_with_its_text() {
    let dir = testing::dir();
    // The record of column `close`, the fourth after `time`, of the first of two assets.
    let lease = damaged(dir.path(), SectionKind::Series, 4 * 2 * 96);
    let bars = lease.bars(lease.asset("A").unwrap());
    let error = bars.f64("close").unwrap_err();
    assert!(matches!(error, Error::SeriesDigest(_)), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("column `close` of asset `A` hashes to"), "{text}");
    assert_eq!(lease.panel("close", ..).unwrap_err().to_string(), text);
    let panicked = panic_of(|| {
        let _ = bars.close();
    });
    assert_eq!(panicked, text);
    assert_eq!(bars.open().len(), 3, "what is not damaged can be read");
    assert_eq!(lease.bars(lease.asset("B").unwrap()).close().len(), 9);
}

#[test]
fn a_damaged_block_is_an_error_and_a_panic_with_its_text() {
    let dir = testing::dir();
    // The first block of all: the timestamps of asset `A`, which has gaps, so that every window asks for them.
    let lease = damaged(dir.path(), SectionKind::Data, 0);
    let bars = lease.bars(lease.asset("A").unwrap());
    let text = |error: Error| {
        assert!(matches!(error, Error::Corrupt { .. }), "{error:?}");
        let cause = std::error::Error::source(&error).unwrap();
        format!("{error}: {cause}")
    };
    let expected = text(bars.times().unwrap_err());
    assert!(panic_of(|| drop(bars.time().to_vec())).starts_with(&expected));
    assert_eq!(text(bars.within(DAY..3 * DAY).unwrap_err()), expected);
    assert!(panic_of(|| drop(bars.between(DAY..3 * DAY).time().to_vec())).starts_with(&expected));
    assert_eq!(text(lease.column("time").unwrap_err()), expected);
    assert_eq!(text(lease.cross_section("close", DAY).unwrap_err()), expected);
    assert_eq!(text(lease.record_batch().unwrap_err()), expected);
    assert_eq!(bars.close().len(), 3, "what is not damaged can be read");
}
