//! Commands that run strategies: backtest and sweep.

use std::fs;

use parquet::file::reader::{FileReader, SerializedFileReader};
use serde_json::Value;

use super::{Place, parquet_bytes, snapshot};

pub(super) const CROSS: [&str; 8] =
    ["backtest", "small", "--strategy", "sma-cross", "--param", "fast=1", "--param", "slow=2"];

#[test]
fn backtesting() {
    let place = Place::new();
    let costs = ["--cash", "50000", "--commission", "per-share:0.001", "--slippage", "bps:5"];
    snapshot("backtest", place.transcript(&[CROSS.as_slice(), &costs].concat()));
    snapshot("backtest-json", place.json_text(&[CROSS.as_slice(), &costs].concat()));
    let scoped = ["--assets", "ALPHA", "--from", "2012-01-05", "--to", "2012-01-09"];
    let answer = place.json(&[CROSS.as_slice(), &scoped].concat());
    assert_eq!(answer["start"], "2012-01-05");
    assert_eq!(answer["end"], "2012-01-09");
    assert_eq!(answer["bars"], 3);
    for fill in answer["fills"].as_array().expect("a list") {
        assert_eq!(fill["symbol"], "ALPHA");
    }
}

#[test]
fn a_report_stands_alone() {
    let place = Place::new();
    let said = place.transcript(&[CROSS.as_slice(), &["--report", "run.html"]].concat());
    assert!(said.ends_with("report: run.html"), "{said}");
    let version = place.json(&["inspect", "small"])["version"].clone();
    let sweep = ["sweep", "small", "--strategy", "sma-cross", "--param", "fast=1,2"];
    let rest = ["--param", "slow=3,4", "--report", "sweep.html"];
    assert!(place.run(&[sweep.as_slice(), &rest].concat()).status.success());
    for name in ["run.html", "sweep.html"] {
        let page = fs::read_to_string(place.path().join(name)).expect("a page");
        assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"));
        assert!(page.contains(version.as_str().expect("a text")), "{name} names the version");
        assert!(!page.contains("http"), "{name} asks for nothing outside");
        assert!(page.contains("<b>Equity</b>"), "{name} has the curve");
    }
}

pub(super) const SWEEP: [&str; 8] =
    ["sweep", "small", "--strategy", "sma-cross", "--param", "fast=1..3", "--param", "slow=2..4"];

#[test]
fn a_split_that_prices_jump_over_is_told() {
    let place = Place::new();
    let bars = "symbol,date,open,high,low,close,volume\nX,2024-01-02,700,700,700,700,1\n\
                X,2024-01-03,100,100,100,100,1\nX,2024-01-04,101,101,101,101,1\n";
    fs::write(place.path().join("split.csv"), bars).expect("a file");
    let splits = "symbol,ex_date,new_shares_per_old\nX,2024-01-03,7\n";
    fs::write(place.path().join("actions.csv"), splits).expect("a file");
    let made = place.transcript(&["ingest", "raw", "split.csv", "--splits", "actions.csv"]);
    assert!(made.contains("exit 0"), "{made}");
    let told = place.transcript(&["backtest", "raw", "-s", "buy-and-hold"]);
    snapshot("backtest-over-a-split", told);
    let later =
        place.transcript(&["backtest", "raw", "-s", "buy-and-hold", "--from", "2024-01-04"]);
    assert!(later.contains("exit 0") && !later.contains("warning"), "{later}");
}

#[test]
fn sweeping() {
    let place = Place::new();
    snapshot("sweep", place.transcript(&[SWEEP.as_slice(), &["-j", "1"]].concat()));
    snapshot("sweep-json", place.json_text(&[SWEEP.as_slice(), &["-j", "1"]].concat()));
    let one = place.json(&[SWEEP.as_slice(), &["--workers", "1"]].concat());
    let two = place.json(&[SWEEP.as_slice(), &["--workers", "2"]].concat());
    assert_eq!(one, two, "the number of workers changes nothing");
}

#[test]
fn limits_come_first_and_points_stand_once() {
    let place = Place::new();
    let most = |limit: &'static str| [SWEEP.as_slice(), &["--limit", limit, "-j", "1"]].concat();
    for (name, limit) in [("kept", "max_drawdown<=0.002"), ("missed", "max_drawdown<=-1")] {
        snapshot(format!("sweep-limit-{name}"), place.transcript(&most(limit)));
        let told = place.json(&most(limit));
        assert_eq!(told["search"]["limits"][0], limit);
        let best = told["best"]["params"].clone();
        let study = ["--study", "limited"];
        assert!(place.run(&[most(limit).as_slice(), &study].concat()).status.success());
        let leaders = place.json(&["study", "best", "limited"]);
        assert_eq!(leaders[0]["params"], best, "the table, the study and JSON agree");
        fs::remove_file(place.path().join("limited")).expect("a study");
    }
    // Sixty draws of nine points, of which six are in order.
    let drawn = ["--search", "random", "--trials", "60"];
    let told = place.transcript(&[SWEEP.as_slice(), &drawn, &["--top", "50"]].concat());
    let rows = told.lines().filter(|line| line.trim_start().starts_with(char::is_numeric));
    assert!(told.contains("42 trials") && rows.count() == 6, "{told}");
}

#[test]
fn searching_in_parts() {
    let place = Place::new();
    let halving = |trials: &str| {
        let search = ["--search", "halving:min=1/2,eta=2", "--trials", trials, "-j", "1"];
        place.transcript(&[SWEEP.as_slice(), &search, &["--study", "parts"]].concat())
    };
    snapshot("sweep-in-parts-none-whole", halving("2"));
    snapshot("study-show", place.transcript(&["study", "show", "parts"]));
    snapshot("sweep-in-parts", halving("8"));
}

#[test]
fn trials_go_to_files() {
    let place = Place::new();
    for name in ["trials.csv", "trials.json", "trials.parquet"] {
        let said = place.transcript(&[SWEEP.as_slice(), &["--out", name]].concat());
        assert!(
            said.contains("exit 0") && said.contains(&format!("6 trials to `{name}`")),
            "{said}"
        );
    }
    let csv = fs::read_to_string(place.path().join("trials.csv")).expect("a file");
    snapshot("trials-csv", csv);
    let json = fs::read(place.path().join("trials.json")).expect("a file");
    let json: Value = serde_json::from_slice(&json).expect("JSON");
    assert_eq!(json["trials"].as_array().map(Vec::len), Some(6));
    let bytes = fs::read(place.path().join("trials.parquet")).expect("a file");
    let reader = SerializedFileReader::new(parquet_bytes(&bytes)).expect("a Parquet file");
    assert_eq!(reader.metadata().file_metadata().num_rows(), 6);
    let first = reader.get_row_iter(None).expect("rows").next().expect("one").expect("a row");
    assert!(first.to_string().starts_with("{fast: 1, slow: 2, final_equity:"), "{first}");
}
