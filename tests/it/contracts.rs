//! Promise: the JSON that others build on has the fields that are documented, and standard output is
//! nothing else.
//!
//! Method: one small market, ingested with one bad row set aside, goes through every command that has
//! a contract; the fields are compared with the lists below and their values with what was written.

use std::fs;

use barrow_tests::barrow_at;
use barrow_tests::market::Market;
use serde_json::Value;

use crate::parity::{ingest, json};

fn assert_fields(object: &Value, expected: &[&str]) {
    let object = object.as_object().expect("an object");
    for name in expected {
        assert!(object.contains_key(*name), "`{name}` is missing among {:?}", object.keys());
    }
}

#[test]
fn ingest_says_what_it_did() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let market = Market::new(1, 3, 60);
    let answer = ingest(folder.path(), "market", &market, usize::MAX);
    assert_fields(
        &answer,
        &["bundle", "version", "assets", "rows", "rejected", "bytes", "elapsed_seconds"],
    );
    let rows: usize = market.assets.iter().map(|(_, bars)| bars.len()).sum();
    assert_eq!(answer["bundle"], "market");
    assert_eq!((&answer["assets"], &answer["rejected"]), (&Value::from(3), &Value::from(0)));
    assert_eq!(answer["rows"], rows);
    let version = answer["version"].as_str().expect("a text");
    assert!(version.len() == 64 && version.bytes().all(|b| b.is_ascii_hexdigit()), "{version}");
    let parts = fs::read_dir(folder.path().join("market/parts")).expect("the parts");
    let bytes: u64 = parts.map(|p| p.expect("a part").metadata().expect("a file").len()).sum();
    assert_eq!(answer["bytes"], bytes);
}

#[test]
fn inspect_and_verify_say_what_there_is() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let market = Market::new(2, 4, 60);
    let ingested = ingest(folder.path(), "market", &market, usize::MAX);
    let answer = json(folder.path(), &["inspect", "market"]);
    assert_fields(&answer, &["version", "schema", "assets"]);
    assert_eq!(answer["version"], ingested["version"]);
    let assets = answer["assets"].as_array().expect("a list");
    assert_eq!(assets.len(), market.assets.len());
    for (asset, (symbol, bars)) in assets.iter().zip(&market.assets) {
        assert_fields(asset, &["symbol", "first", "last", "rows"]);
        let date = |bar: Option<&barrow_tests::market::Bar>| {
            market.dates[bar.expect("a bar").session].as_str()
        };
        assert_eq!(asset["symbol"], symbol.as_str());
        assert_eq!(asset["first"], date(bars.first()));
        assert_eq!(asset["last"], date(bars.last()));
        assert_eq!(asset["rows"], bars.len());
    }
    let answer = json(folder.path(), &["verify", "market"]);
    assert_fields(&answer, &["ok", "series", "bytes", "bad"]);
    assert_eq!(answer["ok"], true);
    assert_eq!(answer["series"], 4 * 6, "one a column and asset");
    assert_eq!(answer["bad"].as_array().expect("a list").len(), 0);
}

#[test]
fn verify_names_the_damage_and_ends_with_one() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    ingest(folder.path(), "market", &Market::new(3, 2, 40), usize::MAX);
    let parts = fs::read_dir(folder.path().join("market/parts")).expect("the parts");
    let part = parts.map(|p| p.expect("a part").path()).next().expect("one part");
    let mut bytes = fs::read(&part).expect("the part");
    // The first close of the second asset: column 4, each column on pages of its own.
    let lease = barrow_store::Catalog::at(folder.path()).lease("market").expect("leased");
    let close = lease.column("close").expect("closes").as_bytes().as_ptr().addr();
    let start = lease.bundle().as_bytes().as_ptr().addr();
    let row = lease.bars(lease.asset("SYM1").expect("there")).rows().start;
    bytes[close - start + 8 * row] ^= 0x40;
    drop(lease);
    // A published part is read-only, so a damaged copy takes its place.
    let copy = folder.path().join("copy.barrow");
    fs::write(&copy, &bytes).expect("a file");
    let path = copy.to_str().expect("a plain path");
    let output =
        barrow_at(folder.path()).args(["verify", path, "--json"]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(1), "the answer is no");
    let answer: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(answer["ok"], false);
    let bad = answer["bad"].as_array().expect("a list");
    assert!(!bad.is_empty());
    let text = answer["bad"].to_string();
    assert!(text.contains("close") && text.contains("SYM1"), "{text}");
}

#[test]
fn backtest_and_sweep_have_their_fields() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    ingest(folder.path(), "market", &Market::new(4, 3, 90), usize::MAX);
    let cross = ["market", "--strategy", "sma-cross", "--param", "slow=9"];
    let backtest = [&["backtest"], &cross[..], &["--param", "fast=2"]].concat();
    let answer = json(folder.path(), &backtest);
    assert_fields(
        &answer,
        &[
            "bundle",
            "version",
            "strategy",
            "params",
            "start",
            "end",
            "bars",
            "final_equity",
            "final_cash",
            "metrics",
            "equity",
            "fills",
            "positions",
            "open_orders",
        ],
    );
    assert_fields(
        &answer["fills"][0],
        &["time", "symbol", "side", "quantity", "price", "commission"],
    );
    assert_fields(
        &answer["metrics"],
        &[
            "total_return",
            "annual_return",
            "volatility",
            "sharpe",
            "sortino",
            "max_drawdown",
            "calmar",
        ],
    );
    assert_eq!(answer["params"]["fast"], 2);
    let sweep = [&["sweep"], &cross[..], &["--param", "fast=2..4:1"]].concat();
    let answer = json(folder.path(), &sweep);
    assert_fields(&answer, &["trials", "best", "elapsed_seconds"]);
    let trials = answer["trials"].as_array().expect("a list");
    assert_eq!(trials.len(), 3);
    for trial in trials.iter().chain([&answer["best"]]) {
        assert_fields(trial, &["params", "metrics", "final_equity", "final_cash", "fills"]);
    }
}

#[test]
fn a_missing_bundle_is_a_no_and_a_bad_flag_a_failure() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (arguments, code) in [
        (&["inspect", "nobody"][..], 1),
        (&["backtest", "nobody", "--strategy", "sma-cross"], 1),
        (&["inspect", "--no-such-flag"], 2),
        (&["no-such-command"], 2),
    ] {
        let output = barrow_at(folder.path()).args(arguments).output().expect("the command runs");
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}: talk goes to standard error");
        assert!(!output.stderr.is_empty(), "{arguments:?}: it says why");
    }
    let left = fs::read_dir(folder.path()).expect("the folder").count();
    assert_eq!(left, 0, "asking leaves nothing behind");
}
