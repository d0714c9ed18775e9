//! Splits over which prices jump are told, and no others.

use barrow_engine::{Scope, UnadjustedSplit, unadjusted_splits};
use barrow_format::{Adjustment, AdjustmentKind};

use super::bundles::{DAY, Market};

#[test]
fn only_splits_that_prices_jump_over_are_told() {
    let market = Market::of(&[
        ("ADJUSTED", &[Some(100), Some(101), Some(99), Some(100)]),
        ("REVERSE", &[Some(100), None, Some(2010), Some(1990)]),
        ("SPLIT", &[Some(70_000), Some(69_000), Some(10_100), Some(5_000)]),
    ]);
    let action = |asset, day: i64, kind, value| Adjustment { asset, time: day * DAY, kind, value };
    let split = |asset, day, value| action(asset, day, AdjustmentKind::Split, value);
    let lease = market.lease_with(vec![
        split(0, 2, 2.0),
        // On a day without a bar, so that the next one jumps.
        split(1, 1, 0.05),
        // Before there is anything to jump from.
        split(2, 0, 3.0),
        split(2, 2, 7.0),
        // The price halves, and so it might for another reason.
        action(2, 3, AdjustmentKind::CashDividend, 50.0),
        split(2, 9, 2.0),
    ]);
    let told = |from: Option<i64>, symbols: Option<&[&str]>| {
        let assets = symbols.map(|all| all.iter().map(|one| (*one).to_owned()).collect());
        let scope = Scope { from: from.map(|day| day * DAY), assets, to: None };
        unadjusted_splits(&lease, &scope).unwrap()
    };
    let of = |symbol: &str, day: i64, ratio| UnadjustedSplit {
        symbol: symbol.to_owned(),
        time: day * DAY,
        ratio,
    };
    let (reverse, split) = (of("REVERSE", 1, 0.05), of("SPLIT", 2, 7.0));
    assert_eq!(told(Some(2), None), told(None, Some(&["SPLIT", "ADJUSTED"])));
    assert_eq!(told(None, None), [reverse, split]);
    assert_eq!(told(Some(2), None).len(), 1);
    assert_eq!(told(Some(3), None), []);
}
