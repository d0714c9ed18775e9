//! Promise: what `barrow backtest` prints is what the rule says, to the cent, ties included.
//!
//! Method: a market in whole cents is written as CSV, ingested and backtested by the command alone. The
//! expected fills, cash and equity are computed here in integers, from the market and the written rule,
//! with nothing of the library: means are compared as `sum_fast x slow > sum_slow x fast`.

use std::collections::BTreeMap;
use std::path::Path;

use barrow_tests::barrow_at;
use barrow_tests::market::Market;
use serde_json::Value;

/// Commission of a share, in cents.
const FEE: i64 = 1;
const SHARES: i64 = 100;
const CASH: i64 = 100_000_000;

/// Runs the command and returns the JSON that it prints.
pub(crate) fn json(root: &Path, arguments: &[&str]) -> Value {
    let output = barrow_at(root).args(arguments).arg("--json").output().expect("the command runs");
    let talk = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "`barrow {}`: {talk}", arguments.join(" "));
    serde_json::from_slice(&output.stdout).expect("standard output is JSON alone")
}

/// Ingests the sessions of `market` before place `end` as the bundle `name`.
pub(crate) fn ingest(root: &Path, name: &str, market: &Market, end: usize) -> Value {
    let folder = root.join(format!("csv-{name}"));
    market.write_csv(&folder, end);
    json(root, &["ingest", name, folder.to_str().expect("a plain path")])
}

/// A fill: date, symbol, signed shares, price in cents.
type Fill = (String, String, i64, i64);

/// What the reference has at the end.
#[derive(Debug, Default, PartialEq)]
struct Account {
    fills: Vec<Fill>,
    /// Equity at each close, cents.
    equity: Vec<(String, i64)>,
    cash: i64,
    positions: BTreeMap<String, i64>,
    open_orders: usize,
    ties: usize,
}

/// `sma-cross` in integers, tick by tick.
fn reference(market: &Market, fast: usize, slow: usize) -> Account {
    let mut account = Account { cash: CASH, ..Account::default() };
    let mut held = vec![0; market.assets.len()];
    let mut ordered = vec![0; market.assets.len()];
    let mut closes: Vec<Vec<i64>> = vec![Vec::new(); market.assets.len()];
    for (session, date) in market.dates.iter().enumerate() {
        let mut traded = false;
        for (i, (symbol, bars)) in market.assets.iter().enumerate() {
            let Some(bar) = bars.iter().find(|bar| bar.session == session) else { continue };
            traded = true;
            if ordered[i] != 0 {
                account.fills.push((date.clone(), symbol.clone(), ordered[i], bar.open));
                account.cash -= ordered[i] * bar.open + ordered[i].abs() * FEE;
                held[i] += ordered[i];
                ordered[i] = 0;
            }
            closes[i].push(bar.close);
            let n = closes[i].len();
            if n < slow {
                continue;
            }
            let sum = |window: usize| closes[i][n - window..].iter().sum::<i64>();
            let scaled = |sum: i64, by: usize| sum * i64::try_from(by).expect("small");
            let (left, right) = (scaled(sum(fast), slow), scaled(sum(slow), fast));
            account.ties += usize::from(left == right);
            let target = if left > right { SHARES } else { 0 };
            ordered[i] = target - held[i];
        }
        if traded {
            let worth: i64 =
                closes.iter().zip(&held).map(|(c, h)| c.last().unwrap_or(&0) * h).sum();
            account.equity.push((date.clone(), account.cash + worth));
        }
    }
    let named = market.assets.iter().map(|(symbol, _)| symbol.clone()).zip(held);
    account.positions = named.filter(|(_, shares)| *shares != 0).collect();
    account.open_orders = ordered.iter().filter(|shares| **shares != 0).count();
    account
}

/// A number of the JSON in cents; it must be whole cents to within a millionth.
fn cents(value: &Value) -> i64 {
    let value = value.as_f64().expect("a number") * 100.0;
    assert!((value - value.round()).abs() < 1e-4, "{value} is not whole cents");
    format!("{:.0}", value.round()).parse().expect("a whole number")
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

/// The printed object in the terms of the reference.
fn printed(answer: &Value) -> Account {
    let list = |name: &str| answer[name].as_array().expect("a list").clone();
    let fills = list("fills").into_iter().map(|fill| {
        let shares = cents(&fill["quantity"]) / 100;
        let side = text(&fill["side"]);
        let sign = i64::from(side == "buy") - i64::from(side == "sell");
        assert_ne!(sign, 0, "`{side}` is no side");
        assert_eq!(cents(&fill["commission"]), shares * FEE);
        (text(&fill["time"]), text(&fill["symbol"]), sign * shares, cents(&fill["price"]))
    });
    let positions = answer["positions"].as_object().expect("an object").iter();
    let mut fills: Vec<Fill> = fills.collect();
    fills.sort();
    Account {
        fills,
        equity: list("equity").iter().map(|point| (text(&point[0]), cents(&point[1]))).collect(),
        cash: cents(&answer["final_cash"]),
        positions: positions
            .map(|(symbol, shares)| (symbol.clone(), cents(shares) / 100))
            .collect(),
        open_orders: list("open_orders").len(),
        ties: 0,
    }
}

fn backtest(root: &Path, fast: usize, slow: usize) -> Value {
    let (fast, slow) = (format!("fast={fast}"), format!("slow={slow}"));
    json(
        root,
        &[
            "backtest",
            "market",
            "--strategy",
            "sma-cross",
            "--param",
            &fast,
            "--param",
            &slow,
            "--cash",
            "1000000",
            "--commission",
            "per-share:0.01",
        ],
    )
}

#[test]
fn the_command_trades_as_the_rule_says() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (mut ties, mut fills) = (0, 0);
    for seed in 0..3 {
        let market = Market::new(seed, 6, 170);
        let root = folder.path().join(seed.to_string());
        let summary = ingest(&root, "market", &market, usize::MAX);
        let rows: usize = market.assets.iter().map(|(_, bars)| bars.len()).sum();
        assert_eq!(summary["rows"], rows);
        for (fast, slow) in [(1, 2), (2, 4), (3, 9), (5, 10), (10, 20), (7, 30)] {
            let mut expected = reference(&market, fast, slow);
            ties += expected.ties;
            fills += expected.fills.len();
            expected.ties = 0;
            expected.fills.sort();
            let answer = backtest(&root, fast, slow);
            assert_eq!(printed(&answer), expected, "fast {fast}, slow {slow}");
            assert_eq!(answer["version"], summary["version"]);
            let last = expected.equity.last().expect("a close").1;
            assert_eq!(cents(&answer["final_equity"]), last);
            assert_eq!(answer["bars"], expected.equity.len());
        }
    }
    assert!(ties > 100 && fills > 500, "{ties} ties and {fills} fills are worth a test");
}

#[test]
fn a_sweep_is_its_backtests_at_any_number_of_workers() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let market = Market::new(9, 4, 120);
    ingest(folder.path(), "market", &market, usize::MAX);
    let sweep = |workers: &str| {
        json(
            folder.path(),
            &[
                "sweep",
                "market",
                "--strategy",
                "sma-cross",
                "--param",
                "fast=2..6:2",
                "--param",
                "slow=10..30:10",
                "--objective",
                "sharpe",
                "--cash",
                "1000000",
                "--commission",
                "per-share:0.01",
                "--workers",
                workers,
            ],
        )
    };
    let (one, two) = (sweep("1"), sweep("2"));
    assert_eq!(one["trials"].to_string(), two["trials"].to_string());
    assert_eq!(one["best"].to_string(), two["best"].to_string());
    let trials = one["trials"].as_array().expect("a list");
    assert_eq!(trials.len(), 9);
    let mut best: Option<f64> = None;
    for trial in trials {
        let number = |name: &str| {
            usize::try_from(trial["params"][name].as_u64().expect("a count")).expect("small")
        };
        let alone = backtest(folder.path(), number("fast"), number("slow"));
        assert_eq!(trial["metrics"], alone["metrics"]);
        assert_eq!(trial["final_equity"], alone["final_equity"]);
        assert_eq!(trial["final_cash"], alone["final_cash"]);
        assert_eq!(trial["fills"], alone["fills"].as_array().expect("a list").len());
        best = trial["metrics"]["sharpe"].as_f64().into_iter().chain(best).reduce(f64::max);
    }
    assert_eq!(one["best"]["metrics"]["sharpe"].as_f64(), best);
}
