//! Verification: a good bundle passes, a flipped byte is found and named, at any number of threads.

use crate::catalog::Catalog;
use crate::pool::BundlePool;
use crate::reading::options::{OpenOptions, VerifyReads};
use crate::testing::{self, DAY, Listing, publish};

#[test]
fn a_published_bundle_passes() {
    let dir = testing::dir();
    let catalog = Catalog::at(dir.path());
    let published = publish(&catalog, "b", &[Listing::new("A", 0..5), Listing::new("B", [])], 1);
    let lease = BundlePool::new(1).lease(&catalog, "b").unwrap();
    for threads in [0, 1, 2, 7] {
        let verification = lease.verify(threads);
        assert!(verification.ok(), "{:?}", verification.bad);
        assert_eq!((verification.series, verification.bytes), (2 * 8, published.bytes));
    }
}

#[test]
fn a_flipped_price_is_named_by_column_and_asset() {
    let dir = testing::dir();
    let catalog = Catalog::at(dir.path());
    let listings: Vec<Listing> =
        (0..20).map(|index| Listing::new(&format!("S{index:02}"), 0..40)).collect();
    publish(&catalog, "b", &listings, 1);
    let lease = BundlePool::new(1).lease(&catalog, "b").unwrap();
    let path = lease.path().to_owned();
    let good = std::fs::read(&path).unwrap();
    let place = |column: &str, asset: &str, row: usize| {
        let values = lease.bars(lease.asset(asset).unwrap()).column(column).unwrap().as_bytes();
        values.as_ptr().addr() - lease.bundle().as_bytes().as_ptr().addr() + row * 8
    };
    let mut bad = good.clone();
    bad[place("close", "S07", 39)] ^= 1;
    bad[place("volume", "S19", 0)] ^= 128;
    let bare = dir.path().join("bad.barrow");
    std::fs::write(&bare, bad).unwrap();
    let lease = BundlePool::new(1).lease_file(&bare).unwrap();
    let mut outcomes = Vec::new();
    for threads in [1, 2, 16] {
        let verification = lease.verify(threads);
        assert!(!verification.ok());
        let named = |column: &str, symbol: &str| {
            verification.bad.iter().any(|defect| {
                defect.column.as_deref() == Some(column) && defect.symbol.as_deref() == Some(symbol)
            })
        };
        assert!(named("close", "S07") && named("volume", "S19"));
        outcomes.push(verification.bad.iter().map(ToString::to_string).collect::<Vec<_>>());
    }
    assert!(outcomes.windows(2).all(|pair| pair[0] == pair[1]));
}

/// A bundle with damaged data opens, because opening does not read the data; using it must not panic.
#[test]
fn damaged_timestamps_give_wrong_answers_and_no_panic() {
    let dir = testing::dir();
    let catalog = Catalog::at(dir.path());
    let gaps = [0, 1, 3, 4, 7, 8, 9, 30];
    publish(&catalog, "b", &[Listing::new("A", 0..31), Listing::new("B", gaps)], 1);
    let lease = BundlePool::new(1).lease(&catalog, "b").unwrap();
    let good = std::fs::read(lease.path()).unwrap();
    let start = lease.bars(lease.asset("B").unwrap()).time().as_ptr().addr()
        - lease.bundle().as_bytes().as_ptr().addr();
    let bare = dir.path().join("bad.barrow");
    for row in 0..gaps.len() {
        for byte in [0x00, 0x7f, 0x80, 0xff] {
            let mut bad = good.clone();
            bad[start + row * 8..][..8].fill(byte);
            std::fs::write(&bare, &bad).unwrap();
            let unchecked = OpenOptions { verify: VerifyReads::Never, ..OpenOptions::default() };
            let lease = BundlePool::new(1).lease_file_with(&bare, &unchecked).unwrap();
            assert_eq!(lease.verify(1).ok(), bad == good);
            let bars = lease.bars(lease.asset("B").unwrap());
            for day in -1..32 {
                lease.cross_section("close", day * DAY).unwrap();
                for length in [0, 1, 5, 40] {
                    let found = bars.between(day * DAY..(day + length) * DAY);
                    assert!(found.len() <= bars.len());
                }
            }
            assert_eq!(lease.panel("close", ..).unwrap().times.len(), 31);
        }
    }
}
