//! The built-in strategies against their rules, written out over plain rows.

use barrow_engine::{Commission, Params, Slippage, strategies};
use barrow_store::SeriesCache;
use proptest::prelude::*;

use super::bundles::{Market, cents, markets, number};
use super::parity::{assert_same, backtest, settings, settings_without_costs};
use super::reference::{self, Moment, Settings};

/// Runs a built-in strategy and the reference with `decide`, and compares everything.
fn check(
    market: &Market,
    settings: &Settings,
    (name, params): (&str, &[&str]),
    decide: impl FnMut(&Moment<'_>) -> Vec<(usize, f64)>,
) {
    let ledger = reference::run(market, settings, decide);
    if ledger.equity.is_empty() {
        return;
    }
    let params = Params::parse(params.iter().copied()).unwrap();
    let mut strategy = strategies::build(name, &params).unwrap();
    let performance = backtest(settings)
        .run(&market.lease(), strategy.as_mut(), &SeriesCache::default())
        .unwrap();
    assert_same(&performance, &ledger);
    assert_eq!(performance.strategy, name);
}

fn whole(count: usize) -> i64 {
    i64::try_from(count).unwrap()
}

/// The assets with a bar at the tick.
fn all(moment: &Moment<'_>) -> Vec<usize> {
    (0..moment.market.assets.len()).filter(|asset| moment.has_bar(*asset)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// Decided in whole cents, so ties are exact here by nature.
    #[test]
    fn sma_cross(
        market in markets(3, 30),
        settings in settings(),
        fast in 1_usize..5,
        more in 1_usize..5,
    ) {
        let slow = fast + more;
        let texts = [format!("fast={fast}"), format!("slow={slow}"), "shares=7".to_owned()];
        let params = [texts[0].as_str(), &texts[1], &texts[2]];
        check(&market, &settings, ("sma-cross", &params), |moment| {
            let target = |asset: usize| {
                let closes: Vec<i64> = moment.bars(asset).iter().map(|b| b.close_cents).collect();
                if closes.len() < slow {
                    return None;
                }
                let sum = |n: usize| closes[closes.len() - n..].iter().sum::<i64>();
                let above = sum(fast) * whole(slow) > sum(slow) * whole(fast);
                Some(moment.to_target(asset, if above { 7.0 } else { 0.0 }))
            };
            all(moment).into_iter().filter_map(target).collect()
        });
    }

    #[test]
    fn momentum(
        market in markets(5, 30),
        settings in settings(),
        lookback in 1_usize..6,
        top in 1_usize..4,
        rebalance in 1_usize..6,
    ) {
        let texts =
            [format!("lookback={lookback}"), format!("top={top}"), format!("rebalance={rebalance}")];
        let params = [texts[0].as_str(), &texts[1], &texts[2]];
        let mut first = None;
        check(&market, &settings, ("momentum", &params), |moment| {
            let mut scores: Vec<(usize, f64)> = Vec::new();
            for asset in all(moment) {
                let closes = moment.closes(asset);
                if let Some(then) = closes.len().checked_sub(lookback + 1) {
                    scores.push((asset, closes[closes.len() - 1] / closes[then] - 1.0));
                }
            }
            if first.is_none() && !scores.is_empty() {
                first = Some(moment.tick);
            }
            // A choice that falls on a tick without any score waits for the next one with some.
            if scores.is_empty() || first.is_none_or(|first| moment.tick < first) {
                return Vec::new();
            }
            first = Some(moment.tick + rebalance);
            // The best one first, again and again; of equals the first asset.
            let mut chosen = Vec::new();
            while chosen.len() < top && !scores.is_empty() {
                let best = scores.iter().map(|score| score.1).fold(f64::NEG_INFINITY, f64::max);
                let at = scores.iter().position(|score| score.1 == best).unwrap();
                chosen.push(scores.remove(at).0);
            }
            let budget = moment.equity() / number(top);
            let target = |asset: usize| {
                if !chosen.contains(&asset) {
                    return moment.to_target(asset, 0.0);
                }
                let close = *moment.closes(asset).last().unwrap();
                moment.to_target(asset, (budget / close).floor().max(0.0))
            };
            (0..moment.market.assets.len()).map(target).collect()
        });
    }

    #[test]
    fn mean_reversion(
        market in markets(3, 40),
        settings in settings(),
        lookback in 1_usize..8,
        short in any::<bool>(),
    ) {
        let texts = [format!("lookback={lookback}"), format!("short={short}")];
        let params = [texts[0].as_str(), &texts[1], "entry=1.2", "exit=0.3", "shares=9"];
        check(&market, &settings, ("mean-reversion", &params), |moment| {
            let target = |asset: usize| {
                let closes = moment.closes(asset);
                let window = &closes[closes.len().checked_sub(lookback)?..];
                let n = number(window.len());
                let mean = window.iter().sum::<f64>() / n;
                let variance = window.iter().map(|c| (c - mean) * (c - mean)).sum::<f64>() / n;
                let equal = window.iter().all(|close| *close == window[0]);
                let z = if equal { 0.0 } else { (window[lookback - 1] - mean) / variance.sqrt() };
                let position = moment.positions[asset];
                let target = match position {
                    p if p > 0.0 && z < -0.3 => p,
                    p if p < 0.0 && z > 0.3 => p,
                    p if p != 0.0 => 0.0,
                    _ if z < -1.2 => 9.0,
                    _ if z > 1.2 && short => -9.0,
                    _ => 0.0,
                };
                Some(moment.to_target(asset, target))
            };
            all(moment).into_iter().filter_map(target).collect()
        });
    }

    #[test]
    fn buy_and_hold(market in markets(4, 12), settings in settings(), shares in 0_u32..3) {
        let texts = [format!("shares={shares}")];
        let params = [texts[0].as_str(), "invest=0.9"];
        let mut bought = vec![false; market.assets.len()];
        check(&market, &settings, ("buy-and-hold", &params), |moment| {
            let mut orders = Vec::new();
            for asset in all(moment) {
                if !bought[asset] {
                    bought[asset] = true;
                    let close = *moment.closes(asset).last().unwrap();
                    let affordable = (0.9 * 1_000.0 / number(market.assets.len()) / close).floor();
                    orders.push((asset, if shares > 0 { f64::from(shares) } else { affordable }));
                }
            }
            orders
        });
    }
}

#[test]
fn sma_cross_by_hand() {
    // Means over 1 and 2: above on days 1, 3 and 4, equal on day 2 and 5.
    let closes = [100, 110, 110, 120, 130, 130, 90].map(Some);
    let market = Market::of(&[("A", &closes)]);
    let mut strategy =
        strategies::build("sma-cross", &Params::parse(["fast=1", "slow=2"]).unwrap()).unwrap();
    let mut run = backtest(&settings_without_costs());
    run.commission = Commission::PerShare(0.001);
    run.slippage = Slippage::Bps(100.0);
    let result = run.run(&market.lease(), strategy.as_mut(), &SeriesCache::default()).unwrap();
    let fills: Vec<_> =
        result.fills.iter().map(|f| (result.timestamp(f.time).to_string(), f.quantity)).collect();
    let expected = [
        ("1970-01-03".to_owned(), 100.0),
        ("1970-01-04".to_owned(), -100.0),
        ("1970-01-05".to_owned(), 100.0),
        ("1970-01-07".to_owned(), -100.0),
    ];
    assert_eq!(fills, expected);
    // Opens are a cent above the close of the same day; buys pay 1 % more.
    assert_eq!(result.fills[0].price, cents(111) * 1.01);
    assert_eq!(result.fills[1].price, cents(121) * 0.99);
    assert_eq!(result.fills[0].commission, 0.1);
    assert!(result.positions.is_empty() && result.open_orders.is_empty());
    assert_eq!(result.metrics.trades, 2);
}
