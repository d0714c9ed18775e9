//! Assets, periods, and what is refused.

use barrow_engine::{Backtest, Error, Params, Portal, Scope, TimeStyle, strategies};
use barrow_store::SeriesCache;

use super::bundles::{DAY, Market, NO_CLOSE};
use super::parity::assert_same;
use super::reference::{self, Settings};

/// A trades every day, B every other, C only on the last three.
fn market() -> Market {
    Market::of(&[
        ("A", &[100, 101, 102, 103, 104, 105].map(Some)),
        ("B", &[Some(50), None, Some(52), None, Some(54), None]),
        ("C", &[None, None, None, Some(9), Some(8), Some(7)]),
    ])
}

fn scope(assets: &[&str], from: Option<i64>, to: Option<i64>) -> Scope {
    Scope {
        from: from.map(|day| day * DAY),
        to: to.map(|day| day * DAY),
        assets: Some(assets.iter().map(|symbol| (*symbol).to_owned()).collect()),
    }
}

#[test]
fn the_clock_is_the_union_of_the_chosen_assets() {
    let lease = market().lease();
    let cache = SeriesCache::default();
    let days = |assets: &[&str], from, to| -> Vec<i64> {
        let portal = Portal::new(&lease, &cache, &scope(assets, from, to)).unwrap();
        portal.times().iter().map(|time| time / DAY).collect()
    };
    assert_eq!(days(&["A", "B"], None, None), [0, 1, 2, 3, 4, 5]);
    assert_eq!(days(&["B"], None, None), [0, 2, 4]);
    assert_eq!(days(&["C"], None, None), [3, 4, 5]);
    assert_eq!(days(&["C", "B", "B"], None, None), [0, 2, 3, 4, 5]);
    assert_eq!(days(&["C", "B"], Some(1), Some(3)), [2, 3]);
    let portal = Portal::new(&lease, &cache, &scope(&["C", "B"], Some(1), None)).unwrap();
    assert_eq!(portal.symbols().collect::<Vec<_>>(), ["B", "C"]);
    assert_eq!(portal.asset_bars(), 5);
    assert_eq!((portal.bars_per_year(), portal.time_style()), (365.0, TimeStyle::Session));
}

#[test]
fn a_run_over_some_assets_is_a_run_over_a_bundle_of_them() {
    let market = market();
    let lease = market.lease();
    for assets in [&["B"][..], &["C", "B"], &["A", "C"]] {
        let mut only = market.clone();
        only.assets.retain(|asset| assets.contains(&asset.symbol.as_str()));
        let mut backtest = Backtest::with_cash(1_000.0);
        backtest.scope = scope(assets, None, None);
        let params = Params::parse(["lookback=1", "top=1", "rebalance=1"]).unwrap();
        let run = |backtest: &Backtest, lease| {
            let mut strategy = strategies::build("momentum", &params).unwrap();
            backtest.run(lease, strategy.as_mut(), &SeriesCache::default()).unwrap()
        };
        let part = run(&backtest, &lease);
        let whole = run(&Backtest::with_cash(1_000.0), &only.lease());
        assert!(!part.fills.is_empty());
        assert_eq!((part.fills, part.equity), (whole.fills, whole.equity), "{assets:?}");
    }
}

#[test]
fn a_portal_serves_many_runs() {
    let (lease, cache) = (market().lease(), SeriesCache::default());
    let backtest = Backtest::with_cash(1_000.0);
    let portal = Portal::new(&lease, &cache, &Scope::default()).unwrap();
    for texts in [["fast=1", "slow=2"], ["fast=1", "slow=3"], ["fast=2", "slow=3"]] {
        let params = Params::parse(texts).unwrap();
        let mut strategy = strategies::build("sma-cross", &params).unwrap();
        let on_portal = backtest.run_on(&portal, strategy.as_mut()).unwrap();
        let alone = backtest.run(&lease, strategy.as_mut(), &SeriesCache::default()).unwrap();
        assert!(!alone.fills.is_empty());
        assert_eq!(on_portal, alone);
    }
    assert_eq!(cache.stats().misses, 3);
}

#[test]
fn bars_before_the_period_are_history_but_are_not_traded() {
    let market = market();
    let mut backtest = Backtest::with_cash(1_000.0);
    backtest.scope.from = Some(3 * DAY);
    let params = Params::parse(["fast=1", "slow=3", "shares=2"]).unwrap();
    let mut strategy = strategies::build("sma-cross", &params).unwrap();
    let result = backtest.run(&market.lease(), strategy.as_mut(), &SeriesCache::default()).unwrap();
    let settings = Settings { from: Some(3 * DAY), ..super::parity::settings_without_costs() };
    let ledger = reference::run(&market, &settings, |moment| {
        // A rises throughout, so it is bought at the first tick; B has its third bar on day 4.
        let order = |asset: usize| moment.to_target(asset, 2.0);
        match moment.tick {
            0 => vec![order(0)],
            1 => vec![order(1)],
            _ => Vec::new(),
        }
    });
    assert_same(&result, &ledger);
    assert_eq!(result.fills[0].time, 4 * DAY);
}

#[test]
fn what_cannot_be_run_is_a_typed_error() {
    let lease = market().lease();
    let run = |backtest: &Backtest| {
        let mut strategy = strategies::build("buy-and-hold", &Params::new()).unwrap();
        backtest.run(&lease, strategy.as_mut(), &SeriesCache::default()).map(|_| ())
    };
    let with = |change: fn(&mut Backtest)| {
        let mut backtest = Backtest::with_cash(1_000.0);
        change(&mut backtest);
        run(&backtest).unwrap_err()
    };
    let empty = with(|backtest| backtest.scope.from = Some(6 * DAY));
    assert!(matches!(empty, Error::EmptyPeriod { .. }));
    assert!(empty.to_string().ends_with("has no bar between 1970-01-07 and its end"), "{empty}");
    assert!(matches!(with(|b| b.scope.to = Some(-1)), Error::EmptyPeriod { .. }));
    assert!(matches!(with(|b| b.scope.assets = Some(Vec::new())), Error::EmptyPeriod { .. }));
    let unknown = with(|backtest| backtest.scope.assets = Some(vec!["AA".to_owned()]));
    assert!(matches!(unknown, Error::Store(barrow_store::Error::UnknownSymbol { .. })));
    for cash in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(matches!(run(&Backtest::with_cash(cash)), Err(Error::BadCash { .. })));
    }
    let costs = with(|backtest| backtest.slippage = barrow_engine::Slippage::Bps(-1.0));
    assert!(matches!(costs, Error::BadCosts { what: "slippage", .. }));
}

#[test]
fn a_price_that_is_no_number_stops_the_run_when_it_is_needed() {
    let hold = |market: &Market| {
        let mut strategy =
            strategies::build("buy-and-hold", &Params::parse(["shares=1"]).unwrap()).unwrap();
        Backtest::with_cash(1_000.0).run(
            &market.lease(),
            strategy.as_mut(),
            &SeriesCache::default(),
        )
    };
    // Bought at the open of day 1, marked at the close of day 4.
    let mut open = market();
    open.assets[0].bars[1].open = f64::NAN;
    let mut close = market();
    close.assets[0].bars[4].close_cents = NO_CLOSE;
    for (market, expected, day) in [(open, "open", 1), (close, "close", 4)] {
        match hold(&market).unwrap_err() {
            Error::BadPrice { symbol, column, time, value } => {
                assert_eq!((symbol.as_str(), column, time / DAY), ("A", expected, day));
                assert!(value.is_nan());
            }
            other => panic!("{other}"),
        }
    }
    // Before anything is held, nobody needs the close.
    let mut early = market();
    early.assets[2].bars[0].close_cents = NO_CLOSE;
    assert!(hold(&early).is_ok());
}

#[test]
fn a_missing_column_names_the_nearest() {
    use barrow_engine::{Context, Setup, Strategy};
    struct Wants(&'static str);
    impl Strategy for Wants {
        fn name(&self) -> &'static str {
            "wants"
        }
        fn on_start(&mut self, setup: &mut Setup<'_>) -> Result<(), Error> {
            setup.field(self.0).map(|_| ())
        }
        fn on_bar(&mut self, _: &mut Context<'_>) -> Result<(), Error> {
            Ok(())
        }
    }
    let lease = market().lease();
    let run = |name| {
        Backtest::with_cash(1.0).run(&lease, &mut Wants(name), &SeriesCache::default()).map(|_| ())
    };
    run("volume").unwrap();
    match run("closes").unwrap_err() {
        Error::MissingColumn { column, nearest, .. } => {
            assert_eq!((column.as_str(), nearest.as_deref()), ("closes", Some("close")));
        }
        other => panic!("{other}"),
    }
    // Present, but times are no `f64`s.
    assert!(matches!(run("time"), Err(Error::MissingColumn { nearest: None, .. })));
}
