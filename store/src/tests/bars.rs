//! The slices of one asset, and stretches of them.

use std::ops::Bound;

use proptest::prelude::*;

use crate::catalog::Catalog;
use crate::error::Error;
use crate::pool::BundlePool;
use crate::reading::lease::Lease;
use crate::testing::{self, DAY, Listing, publish, value};

/// Leases a bundle of these listings from a catalog that is gone by then.
pub(crate) fn lease(listings: &[Listing]) -> Lease {
    let dir = testing::dir();
    let catalog = Catalog::at(dir.path());
    publish(&catalog, "b", listings, 1);
    BundlePool::new(1).lease(&catalog, "b").unwrap()
}

/// Some assets with and without gaps, some with a single bar, one with none.
pub(super) fn listings() -> impl Strategy<Value = Vec<Listing>> {
    let days = prop_oneof![
        3 => (0i64..30, 0i64..40).prop_map(|(first, count)| (first..first + count).collect()),
        4 => prop::collection::btree_set(0i64..60, 0..50).prop_map(Vec::from_iter),
        1 => prop::collection::btree_set(0i64..4000, 0..300).prop_map(Vec::from_iter),
    ];
    prop::collection::vec(days, 1..5).prop_map(|all: Vec<Vec<i64>>| {
        let listing = |(index, days)| Listing::new(&format!("S{index}"), days);
        all.into_iter().enumerate().map(listing).collect()
    })
}

fn bound() -> impl Strategy<Value = Bound<i64>> {
    let near = (-3i64..65, -1i64..2).prop_map(|(day, off)| day * DAY + off);
    prop_oneof![
        1 => Just(Bound::Unbounded),
        3 => near.clone().prop_map(Bound::Included),
        3 => near.prop_map(Bound::Excluded),
        1 => any::<i64>().prop_map(Bound::Included),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// `between` keeps exactly the bars in the range, of the whole and of a stretch.
    #[test]
    fn between_agrees_with_a_filter(
        listings in listings(),
        ranges in prop::collection::vec((bound(), bound()), 1..8),
        cut in 0usize..20,
    ) {
        let lease = lease(&listings);
        for listing in &listings {
            let bars = lease.bars(lease.asset(&listing.symbol).unwrap());
            for bars in [bars, bars.last(cut), bars.first(cut)] {
                for &(from, to) in &ranges {
                    let is_in = |time: i64| {
                        let after = match from {
                            Bound::Unbounded => true,
                            Bound::Included(from) => time >= from,
                            Bound::Excluded(from) => time > from,
                        };
                        after && match to {
                            Bound::Unbounded => true,
                            Bound::Included(to) => time <= to,
                            Bound::Excluded(to) => time < to,
                        }
                    };
                    let (time, close) = (bars.time(), bars.close());
                    let kept = (0..bars.len()).filter(|&row| is_in(time[row]));
                    let (times, closes): (Vec<i64>, Vec<f64>) =
                        kept.map(|row| (time[row], close[row])).unzip();
                    let found = bars.between((from, to));
                    prop_assert_eq!(found.time(), times);
                    prop_assert_eq!(found.close(), closes);
                    prop_assert_eq!(found.len(), found.rows().len());
                    prop_assert_eq!(found.is_empty(), found.volume().is_empty());
                }
            }
        }
    }
}

#[test]
fn every_column_of_every_asset_is_its_own_slice() {
    let listings = [
        Listing::new("A", 0..5),
        Listing::new("B", []),
        Listing::new("C", [1, 3, 4]),
        Listing::new("D", [2]),
    ];
    let lease = lease(&listings);
    assert_eq!(lease.calendar(), [0, DAY, 2 * DAY, 3 * DAY, 4 * DAY]);
    for (ordinal, (listing, asset)) in listings.iter().zip(lease.assets()).enumerate() {
        let asset = asset.unwrap();
        assert_eq!(lease.symbol(asset), listing.symbol);
        assert_eq!(lease.asset(&listing.symbol).unwrap(), asset);
        let bars = lease.bars(asset);
        assert_eq!((bars.len(), bars.is_empty()), (listing.days.len(), listing.days.is_empty()));
        let slices = [bars.open(), bars.high(), bars.low(), bars.close(), bars.volume()];
        for (column, slice) in (1..).zip(slices) {
            let expected: Vec<f64> =
                listing.days.iter().map(|&day| value(1, ordinal, column, day)).collect();
            assert_eq!(slice, expected);
            let name = &lease.schema().columns()[column].name;
            assert_eq!(bars.f64(name).unwrap(), expected);
            assert_eq!(bars.column(name).unwrap().as_f64(), Some(expected.as_slice()));
            assert_eq!(lease.f64(name).unwrap()[bars.rows()], expected);
        }
        let days: Vec<i64> = bars.time().iter().map(|time| time / DAY).collect();
        assert_eq!(days, listing.days);
        assert_eq!(bars.column("fee").unwrap().as_i64(), Some(listing.days.as_slice()));
        assert!(matches!(bars.f64("fee"), Err(Error::WrongColumnType { .. })));
        assert!(matches!(bars.column("last"), Err(Error::UnknownColumn { .. })));
    }
    assert_eq!(lease.assets().len(), 4);
    assert_eq!(lease.rows(), 9);
    assert!(lease.asset_at(4).is_err());
}

#[test]
fn last_and_first_take_what_there_is() {
    let lease = lease(&[Listing::new("A", 0..5)]);
    let bars = lease.bars(lease.asset("A").unwrap());
    let days =
        |bars: crate::Bars<'_>| bars.time().iter().map(|time| time / DAY).collect::<Vec<_>>();
    assert_eq!(days(bars.last(2)), [3, 4]);
    assert_eq!(days(bars.first(2)), [0, 1]);
    assert_eq!(days(bars.last(2).first(1)), [3]);
    assert_eq!(days(bars.last(9)), [0, 1, 2, 3, 4]);
    assert!(bars.last(0).is_empty());
    assert_eq!(format!("{bars:?}"), "Bars(rows 0..5 of `b`)");
}

#[test]
fn an_asset_of_another_version_is_not_mistaken_for_ones_own() {
    let one = lease(&[Listing::new("A", 0..5)]);
    let two = lease(&[Listing::new("A", 0..4)]);
    let asset = one.asset("A").unwrap();
    let attempt = std::panic::catch_unwind(|| two.bars(asset).len());
    assert!(attempt.is_err());
    assert!(std::panic::catch_unwind(|| two.symbol(asset).len()).is_err());
}

#[test]
fn lease_answers_outlive_the_file_s_name() {
    let lease = lease(&[Listing::new("A", 0..5)]);
    assert!(!lease.path().exists());
    assert_eq!(lease.bars(lease.asset("A").unwrap()).close().len(), 5);
    assert_eq!(lease.provenance().unwrap().tool, "test 1");
    assert!(lease.adjustments().unwrap().is_empty());
    assert_eq!(lease.metadata(lease.asset("A").unwrap()).unwrap(), "{\"name\":\"A\"}");
}
