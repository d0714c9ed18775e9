//! What cannot be done is said in words that help, and leaves nothing.

use std::fs;

use super::runs::{CROSS, SWEEP};
use super::{BARS, Place, snapshot};

#[test]
fn bad_names_are_answered_with_what_was_meant() {
    let place = Place::new();
    let check = |name: &str, args: &[&str]| {
        snapshot(format!("bad-{name}"), place.transcript(args));
    };
    check("command", &["ingset"]);
    check("flag", &["query", "small", "--asset-list", "ALPHA"]);
    check("bundle-near", &["inspect", "smal"]);
    check("bundle-far", &["verify", "everything"]);
    check("bundle-name", &["inspect", "sm*ll"]);
    check("bundle-file", &["inspect", "./nothing.barrow"]);
    check("version", &["inspect", "small@0000"]);
    check("version-syntax", &["inspect", "small@xyz"]);
    check("symbol", &["query", "small", "--assets", "ALPHO"]);
    check("column", &["query", "small", "--columns", "clse"]);
    check("strategy", &["backtest", "small", "--strategy", "sma-crss"]);
    check("param", &["backtest", "small", "--strategy", "sma-cross", "--param", "fst=3"]);
    check("objective", &[SWEEP.as_slice(), &["--objective", "sharp"]].concat());
    check("search", &[SWEEP.as_slice(), &["--search", "bobh", "--trials", "9"]].concat());
    check("shell", &["completions", "dos"]);
}

#[test]
fn bad_values_are_answered_with_what_is_right() {
    let place = Place::new();
    let check = |name: &str, args: &[&str]| {
        snapshot(format!("bad-{name}"), place.transcript(args));
    };
    check("date", &["query", "small", "--from", "yesterday"]);
    check("filter", &["query", "small", "--filter", "close > 100 && volume > 1"]);
    check("filter-column", &["query", "small", "--filter", "clse > 100"]);
    check("limit", &["query", "small", "--limit", "many"]);
    check("out", &["query", "small", "--out", "no/such/folder/x.csv"]);
    check("export-format", &["export", "small", "--out", "small.json"]);
    check("cash", &[CROSS.as_slice(), &["--cash", "0"]].concat());
    check("commission", &[CROSS.as_slice(), &["--commission", "5%"]].concat());
    check("slippage", &[CROSS.as_slice(), &["--slippage", "bps:-5"]].concat());
    check("param-value", &["backtest", "small", "-s", "sma-cross", "-p", "fast=0"]);
    check("param-rule", &["backtest", "small", "-s", "sma-cross", "-p", "fast=9", "-p", "slow=3"]);
    check("period", &[CROSS.as_slice(), &["--from", "2020"]].concat());
    check("space", &["sweep", "small", "-s", "sma-cross", "-p", "fast=5..1"]);
    check("nothing-to-run", &["sweep", "small", "-s", "sma-cross", "-p", "fast=9", "-p", "slow=3"]);
    let range = ["sweep", "small", "-s", "mean-reversion", "-p", "entry=real(1..2)"];
    check("search-range", &range);
    check(
        "search-setting",
        &[SWEEP.as_slice(), &["--search", "tpe:startup=x", "--cost", "9"]].concat(),
    );
    let crossed = ["cross-validate", "small", "-s", "sma-cross", "-p", "fast=1..2", "-p", "slow=3"];
    check("groups", &[&crossed[..], &["--groups", "1"]].concat());
    check("trials-file", &[SWEEP.as_slice(), &["--out", "trials.xlsx"]].concat());
    check("quiet-and-verbose", &["ls", "-q", "-v"]);
    let backwards = ["--from", "2012-01-06", "--to", "2012-01-05"];
    check("stretch", &[&["query", "small"], &backwards[..]].concat());
    check("stretch-of-a-run", &[CROSS.as_slice(), &backwards[..]].concat());
    check("out-ending", &["query", "small", "--out", "bars.xls"]);
    check("out-dash", &["export", "small", "--out", "-"]);
    check("threads", &["ingest", "x", "bars.csv", "--threads", "99999"]);
    check("negative", &[CROSS.as_slice(), &["--cash", "-5"]].concat());
    check("source-dash", &["ingest", "x", "-"]);
    check("include", &["ingest", "x", ".", "--include", "*.xyz"]);
    check("study", &["study", "show", "bars.csv"]);
}

#[test]
fn bad_files_are_named() {
    let place = Place::new();
    let check = |name: &str, args: &[&str]| {
        snapshot(format!("bad-{name}"), place.transcript(args));
    };
    fs::write(place.path().join("empty.csv"), "").expect("a file");
    fs::write(place.path().join("words.csv"), BARS.replace("11.75,1500", "eleven,1500"))
        .expect("a file");
    fs::write(place.path().join("not.barrow"), vec![7; 10_000]).expect("a file");
    check("no-file", &["ingest", "new", "nothing.csv"]);
    check("empty-file", &["ingest", "new", "empty.csv"]);
    check("word-for-number", &["ingest", "new", "words.csv"]);
    check("not-a-bundle", &["inspect", "./not.barrow"]);
    // None of them left anything behind.
    assert_eq!(place.json(&["ls"])["bundles"].as_array().map(Vec::len), Some(1));
}

#[test]
fn failed_outputs_leave_no_file() {
    let place = Place::new();
    fs::write(place.path().join("old.csv"), "as it was").expect("a file");
    let failing = ["query", "small", "--assets", "ALPHA,NOBODY", "--out", "old.csv"];
    assert_eq!(place.run(&failing).status.code(), Some(1));
    assert_eq!(fs::read_to_string(place.path().join("old.csv")).expect("it is there"), "as it was");
    let left = fs::read_dir(place.path()).expect("a folder").filter(|entry| {
        let name = entry.as_ref().expect("an entry").file_name();
        name.to_string_lossy().ends_with(".tmp")
    });
    assert_eq!(left.count(), 0);
}
