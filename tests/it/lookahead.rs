//! Promise: no strategy sees the future: cutting it off changes nothing before the cut.
//!
//! Method: one market is ingested whole and cut at several sessions; every built-in strategy is run over
//! all of them by the command. Fills and equity before the cut must be the same texts.

use barrow_tests::market::Market;
use serde_json::Value;

use crate::parity::{ingest, json};

/// The entries of a list of the answer whose time is before `end`.
fn before<'a>(answer: &'a Value, list: &str, time: &str, end: &str) -> Vec<&'a Value> {
    let pick = |entry: &Value| {
        let at = if time.is_empty() { &entry[0] } else { &entry[time] };
        at.as_str().expect("a time").to_owned()
    };
    answer[list].as_array().expect("a list").iter().filter(|e| pick(e).as_str() < end).collect()
}

#[test]
fn cutting_the_future_off_changes_nothing_before_the_cut() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let market = Market::new(5, 7, 160);
    ingest(folder.path(), "whole", &market, usize::MAX);
    let strategies: [&[&str]; 4] = [
        &["buy-and-hold"],
        &["sma-cross", "--param", "fast=3", "--param", "slow=12"],
        &["momentum", "--param", "lookback=15", "--param", "rebalance=5", "--param", "top=2"],
        &["mean-reversion"],
    ];
    let run = |bundle: &str, strategy: &[&str]| {
        let mut arguments = vec!["backtest", bundle, "--cash", "50000", "--slippage", "bps:5"];
        arguments.extend(["--commission", "bps:10", "--strategy"]);
        arguments.extend(strategy);
        json(folder.path(), &arguments)
    };
    let mut compared = 0;
    for cut in [40, 75, 110, 159] {
        let name = format!("cut-{cut}");
        ingest(folder.path(), &name, &market, cut);
        let end = market.dates[cut].as_str();
        for strategy in strategies {
            let (whole, part) = (run("whole", strategy), run(&name, strategy));
            for (list, time) in [("fills", "time"), ("equity", "")] {
                let expected = before(&whole, list, time, end);
                let found: Vec<&Value> = part[list].as_array().expect("a list").iter().collect();
                assert_eq!(found, expected, "{strategy:?} cut at {end}: {list}");
                compared += found.len();
            }
        }
    }
    assert!(compared > 1_000, "{compared} entries were compared");
}

#[test]
fn ending_the_run_early_is_cutting_the_future_off() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let market = Market::new(6, 5, 130);
    ingest(folder.path(), "whole", &market, usize::MAX);
    ingest(folder.path(), "part", &market, 90);
    let cross = ["--strategy", "sma-cross", "--param", "fast=2", "--param", "slow=8"];
    let to = market.dates[89].as_str();
    let early = json(folder.path(), &[&["backtest", "whole", "--to", to][..], &cross].concat());
    let part = json(folder.path(), &[&["backtest", "part"][..], &cross].concat());
    for list in ["equity", "fills", "open_orders", "positions", "metrics", "final_equity"] {
        assert_eq!(early[list], part[list], "`{list}`");
    }
}
