//! The JSON that others build on: names, order and shapes.

use barrow_engine::{
    Backtest, Commission, LIBRARY_VERSION, Params, Slippage, Space, Sweep, Workers, strategies,
};
use barrow_store::SeriesCache;
use serde_json::{Value, json};

use super::bundles::Market;

fn market() -> Market {
    Market::of(&[
        ("A", &[100, 110, 120, 90, 130].map(Some)),
        ("B", &[None, Some(50), Some(60), None, None]),
    ])
}

fn backtest() -> Backtest {
    Backtest {
        commission: Commission::PerOrder(1.0),
        slippage: Slippage::Bps(5.0),
        seed: 9,
        ..Backtest::with_cash(10_000.0)
    }
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

const METRICS: [&str; 14] = [
    "total_return",
    "annual_return",
    "volatility",
    "sharpe",
    "sortino",
    "max_drawdown",
    "max_drawdown_length",
    "calmar",
    "turnover",
    "exposure",
    "win_rate",
    "profit_factor",
    "trades",
    "fills",
];

#[test]
fn a_backtest_serialises_as_documented() {
    let lease = market().lease();
    let params = Params::parse(["fast=1", "slow=2", "shares=10"]).unwrap();
    let mut strategy = strategies::build("sma-cross", &params).unwrap();
    let result = backtest().run(&lease, strategy.as_mut(), &SeriesCache::default()).unwrap();
    let json = serde_json::to_value(&result).unwrap();
    let expected = [
        "bundle",
        "version",
        "strategy",
        "params",
        "start",
        "end",
        "bars",
        "asset_bars",
        "final_equity",
        "final_cash",
        "metrics",
        "equity",
        "fills",
        "positions",
        "open_orders",
        "cash",
        "commission",
        "slippage",
        "bars_per_year",
        "seed",
        "library_version",
    ];
    assert_eq!(keys(&json), expected);
    assert_eq!(keys(&json["metrics"]), METRICS);
    assert_eq!(json["version"], lease.version().to_string());
    assert_eq!(json["params"], json!({"fast": 1, "shares": 10, "slow": 2}));
    assert_eq!((&json["start"], &json["end"]), (&json!("1970-01-01"), &json!("1970-01-05")));
    assert_eq!((&json["bars"], &json["asset_bars"]), (&json!(5), &json!(7)));
    assert_eq!((&json["seed"], &json["library_version"]), (&json!(9), &json!(LIBRARY_VERSION)));
    assert_eq!((&json["commission"], &json["slippage"]), (&json!("per-order:1"), &json!("bps:5")));
    assert_eq!(json["equity"].as_array().unwrap().len(), 5);
    assert_eq!(json["equity"][0], json!(["1970-01-01", 10_000.0]));
    let price = 1.21 * (1.0 + 5.0 / 10_000.0);
    let first = json!({
        "time": "1970-01-03", "symbol": "A", "side": "buy", "quantity": 10.0, "price": price,
        "commission": 1.0,
    });
    assert_eq!(json["fills"][0], first);
    assert_eq!(json["fills"][1]["side"], "sell");
    // B rose on its last bar: the order never filled.
    let open = json!({"time": "1970-01-03", "symbol": "B", "side": "buy", "quantity": 10.0});
    assert_eq!(json["open_orders"][0], open);
    assert_eq!(json["positions"], json!({}));
    let text = serde_json::to_string(&result).unwrap();
    assert!(!text.contains("NaN") && !text.contains("inf"));
}

#[test]
fn positions_are_by_symbol() {
    let lease = market().lease();
    let params = Params::parse(["shares=3"]).unwrap();
    let mut strategy = strategies::build("buy-and-hold", &params).unwrap();
    let result = backtest().run(&lease, strategy.as_mut(), &SeriesCache::default()).unwrap();
    let json = serde_json::to_value(&result).unwrap();
    assert_eq!(json["positions"], json!({"A": 3.0, "B": 3.0}));
    assert_eq!(json["final_cash"], json!(result.final_cash));
}

#[test]
fn a_sweep_serialises_as_documented() {
    let lease = market().lease();
    let space = Space::parse(["fast=1,2", "slow=2,3"]).unwrap();
    let sweep = Sweep::new(backtest(), "total_return".parse().unwrap());
    let workers = Workers::new(1).unwrap();
    let report = sweep.run(&lease, "sma-cross", &space, &SeriesCache::default(), &workers).unwrap();
    let json = serde_json::to_value(&report).unwrap();
    let expected = [
        "bundle",
        "version",
        "strategy",
        "fixed",
        "objective",
        "start",
        "end",
        "bars",
        "asset_bars",
        "trials",
        "best",
        "failed",
        "skipped",
        "not_run",
        "cash",
        "commission",
        "slippage",
        "seed",
        "library_version",
        "elapsed_seconds",
        "workers",
        "cache",
        "search",
    ];
    assert_eq!(keys(&json), expected);
    assert_eq!(json["fixed"], json!({"shares": 100}));
    assert_eq!(json["skipped"], 1);
    let trial = &json["trials"][0];
    assert_eq!(keys(trial), ["params", "metrics", "final_equity", "final_cash", "fills"]);
    assert_eq!(keys(&trial["metrics"]), METRICS);
    assert_eq!(trial["params"], json!({"fast": 1, "slow": 2}));
    assert_eq!(trial["fills"], trial["metrics"]["fills"]);
    let best = json["trials"].as_array().unwrap().iter().any(|trial| *trial == json["best"]);
    assert!(best);
    let cache = ["hits", "misses", "evictions", "entries", "bytes", "budget_bytes"];
    assert_eq!(keys(&json["cache"]), cache);
}
