//! Promise: a compressed bundle is the same bundle to every command: it has the version of the raw one,
//! and `verify`, `query`, `export` and `backtest` say the same of it.
//!
//! Method: one CSV file is ingested raw and in each way of compression, and the answers are compared.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use barrow_tests::barrow_at;
use serde_json::Value;

const WAYS: [(&str, &str); 3] =
    [("auto", "auto"), ("zstd", "zstd"), ("some", "close=auto,volume=zstd")];

/// Two assets with walks in cents, the first longer than a block; an extra column with missing values.
fn bars() -> String {
    let mut text = String::from("symbol,time,open,high,low,close,volume,vwap\n");
    for (symbol, rows) in [("LONG", 5_000_u32), ("SHORT", 30)] {
        let mut cents = 9_000;
        for row in 0..rows {
            let noise = row.wrapping_mul(0x9e37_79b1) >> 26;
            cents = cents + noise - 31;
            let [open, high, low, close] = [0, 40, 50, noise % 40].map(|by| match by {
                50 => cents - 50,
                by => cents + by,
            });
            let money = |cents: u32| format!("{}.{:02}", cents / 100, cents % 100);
            let vwap = if row % 7 == 3 { String::new() } else { money(cents) };
            let (open, high, low, close) = (money(open), money(high), money(low), money(close));
            let time = 1_325_548_800 + row * 60;
            writeln!(text, "{symbol},{time},{open},{high},{low},{close},{},{vwap}", noise * 1_000)
                .expect("a string takes it");
        }
    }
    text
}

fn run(folder: &Path, args: &[&str]) -> Vec<u8> {
    let mut command = barrow_at(&folder.join("root"));
    let output = command.args(args).current_dir(folder).output().expect("the command runs");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "barrow {args:?}: {error}");
    output.stdout
}

fn json(folder: &Path, args: &[&str]) -> Value {
    serde_json::from_slice(&run(folder, &[args, &["--json"]].concat())).expect("JSON")
}

#[test]
fn every_command_says_the_same_of_a_compressed_bundle() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let folder = place.path();
    fs::write(folder.join("bars.csv"), bars()).expect("a file");
    run(folder, &["ingest", "raw", "bars.csv"]);
    let inspected = json(folder, &["inspect", "raw"]);
    let filter = ["--where", "close > 85", "--format", "csv"];
    let rows = run(folder, &[&["query", "raw"], filter.as_slice()].concat());
    assert!(rows.len() > 1_000, "the filter lets rows through");
    run(folder, &["export", "raw", "--out", "raw.csv"]);
    let exported = fs::read(folder.join("raw.csv")).expect("an export");
    let cross = ["--strategy", "sma-cross", "--param", "fast=3", "--param", "slow=10"];
    let result = json(folder, &[&["backtest", "raw"], cross.as_slice()].concat());
    for (name, how) in WAYS {
        run(folder, &["ingest", name, "bars.csv", "--compression", how]);
        let answer = json(folder, &["inspect", name]);
        assert_eq!(answer["version"], inspected["version"], "{name}");
        assert!(answer["bytes"].as_u64() < inspected["bytes"].as_u64(), "{name}");
        for column in answer["schema"]["columns"].as_array().expect("a list") {
            let compressed =
                name != "some" || column["name"] == "close" || column["name"] == "volume";
            let encoding = if compressed { "blocks" } else { "raw" };
            assert_eq!(column["encoding"], encoding, "{name} {}", column["name"]);
            let ratio = column["ratio"].as_f64().expect("a number");
            assert_eq!(ratio < 1.0, compressed, "{name} {}", column["name"]);
        }
        assert_eq!(json(folder, &["verify", name])["ok"], true, "{name}");
        let same = run(folder, &[&["query", name], filter.as_slice()].concat());
        assert!(same == rows, "{name}: the same rows");
        let out = format!("{name}.csv");
        run(folder, &["export", name, "--out", &out]);
        assert!(fs::read(folder.join(out)).expect("an export") == exported, "{name}");
        let again = json(folder, &[&["backtest", name], cross.as_slice()].concat());
        assert_eq!(again["final_equity"], result["final_equity"], "{name}");
        assert_eq!(again["fills"], result["fills"], "{name}");
    }
}

#[test]
fn a_compression_of_a_column_that_is_not_there_publishes_nothing() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let folder = place.path();
    fs::write(folder.join("bars.csv"), bars()).expect("a file");
    let mut command = barrow_at(&folder.join("root"));
    let args = ["ingest", "x", "bars.csv", "--compression", "closing=auto"];
    let output = command.args(args).current_dir(folder).output().expect("the command runs");
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("`closing`") && said.contains("hint:"), "{said}");
    assert_eq!(json(folder, &["ls"])["bundles"], Value::Array(Vec::new()));
}
