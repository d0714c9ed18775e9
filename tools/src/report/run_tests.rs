//! What the page says of a run against what the engine says of it.

use barrow_engine::{Backtest, Commission, Params, Performance, Slippage, strategies};
use barrow_store::SeriesCache;

use super::exposure::marked;
use super::trades::round_trips;
use super::{Report, Section, SweepSection};
use crate::testing::Small;

/// A run that goes long and short and pays for it.
fn run(small: &Small) -> Performance {
    let params = Params::parse(["short=true"]).expect("parameters");
    let mut strategy = strategies::build("mean-reversion", &params).expect("a strategy");
    let mut backtest = Backtest::with_cash(100_000.0);
    backtest.commission = Commission::PerShare(0.01);
    backtest.slippage = Slippage::Bps(3.0);
    backtest.run(&small.lease, strategy.as_mut(), &SeriesCache::default()).expect("a result")
}

fn near(a: f64, b: f64) {
    assert!((a - b).abs() <= 1e-6 * a.abs().max(b.abs()).max(1.0), "{a} and {b}");
}

#[test]
fn trades_are_those_that_the_engine_counts() {
    let small = Small::new();
    let performance = run(&small);
    let all = round_trips(&performance);
    let closed: Vec<_> = all.iter().filter(|trade| trade.closed.is_some()).collect();
    assert!(closed.len() > 5, "the run trades");
    assert!(closed.iter().any(|trade| trade.is_long) && closed.iter().any(|trade| !trade.is_long));
    assert_eq!(closed.len() as u64, performance.metrics.trades);
    let won = closed.iter().filter(|trade| trade.profit > 0.0).count();
    let rate = crate::numbers::float_len(won) / crate::numbers::float_len(closed.len());
    near(rate, performance.metrics.win_rate.expect("trades have a rate"));
    let open = all.len() - closed.len();
    assert_eq!(open, performance.positions.len());
}

#[test]
fn exposure_and_profits_add_up_to_the_equity() {
    let small = Small::new();
    let performance = run(&small);
    let (exposure, assets) = marked(&performance, &small.lease).expect("the bundle");
    let profit: f64 = assets.iter().map(|asset| asset.profit).sum();
    near(profit, performance.final_equity - performance.cash);
    // Cash is what is not in positions: at the end it is known.
    let invested = exposure.long.last().expect("bars").1 + exposure.short.last().expect("bars").1;
    near(invested, 1.0 - performance.final_cash / performance.final_equity);
    assert!(exposure.long.iter().all(|(_, share)| *share >= 0.0));
    assert!(exposure.short.iter().any(|(_, share)| *share < 0.0));
}

#[test]
fn the_page_of_a_run_names_all_that_made_it() {
    let small = Small::new();
    let performance = run(&small);
    let page = Report::of_run(&performance, &small.lease).expect("the bundle").render();
    assert!(page.is_ascii());
    for part in [
        performance.version.to_string().as_str(),
        "mean-reversion",
        "per-share:0.01",
        "bps:3",
        "<b>Closed trades</b>",
        "AAA",
    ] {
        assert!(page.contains(part), "{part}");
    }
}

#[test]
fn a_sweep_lies_where_its_points_say() {
    use barrow_engine::{Metric, Objective, Space, Sweep, Workers};
    let small = Small::new();
    let space = Space::parse(["fast=2,3,5", "slow=4..10:2", "shares=10,20"]).expect("a space");
    let sweep = Sweep::new(Backtest::with_cash(1e5), Objective::of(Metric::MaxDrawdown));
    let workers = Workers::new(1).expect("this thread");
    let cache = SeriesCache::default();
    let report = sweep.run(&small.lease, "sma-cross", &space, &cache, &workers).expect("a result");
    let section = SweepSection::of(&report, 3);
    assert!(section.smaller_is_better && section.objective_is_share);
    assert_eq!(section.trials.len(), report.trials.len());
    for (point, trial) in section.trials.iter().zip(&report.trials) {
        let params = report.params(trial);
        for (axis, place) in section.axes.iter().zip(&point.places) {
            let value = params.get(&axis.name).expect("the axis is a parameter").to_string();
            assert_eq!(axis.values[*place], value, "{}", axis.name);
        }
    }
    assert_eq!(section.best.rows.len(), 3);
    let page = Report { sections: vec![Section::Sweep(Box::new(section))], ..Report::default() };
    assert!(page.render().contains("max drawdown by fast and slow</b> <span>best over shares"));
}
