//! Promise: `barrow query` groups, ranks, resamples, joins and explains what the files say.
//!
//! Method: a market in whole cents, counted here in integers; and the index of the shared data, whose week and month
//! files are its day file resampled by someone else.

use std::collections::BTreeMap;
use std::path::Path;

use barrow_tests::market::{Bar, Market};
use barrow_tests::{barrow_at, shared};
use serde_json::Value;

use crate::parity::{ingest, json};

/// Cents of a price.
fn cents(value: &Value) -> f64 {
    (value.as_f64().expect("a number") * 100.0).round()
}

fn whole(value: i64) -> f64 {
    f64::from(i32::try_from(value).expect("small"))
}

fn rows(answer: &Value) -> &Vec<Value> {
    answer["rows"].as_array().expect("a list")
}

fn market_at(root: &Path) -> Market {
    let market = Market::new(5, 4, 120);
    ingest(root, "market", &market, usize::MAX);
    market
}

#[test]
fn groups_are_counted_as_by_hand() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let market = market_at(folder.path());
    let agg = "n = count(*), range = max(high - low), volume = sum(volume), last(close)";
    let by = ["--group-by", "asset,month", "--agg", agg, "--where", "volume > 2000"];
    let answer = json(folder.path(), &[&["query", "market"], &by[..]].concat());
    let mut expected: BTreeMap<(String, String), Vec<&Bar>> = BTreeMap::new();
    for (symbol, bars) in &market.assets {
        for bar in bars.iter().filter(|bar| bar.volume > 2000) {
            let month = market.dates[bar.session][..7].to_owned();
            expected.entry((symbol.clone(), month)).or_default().push(bar);
        }
    }
    assert!(expected.len() > 12, "several months of several assets");
    assert_eq!(rows(&answer).len(), expected.len());
    for (row, ((symbol, month), bars)) in rows(&answer).iter().zip(&expected) {
        let time = row["time"].as_str().expect("a date");
        assert_eq!((row["symbol"].as_str(), &time[..7]), (Some(symbol.as_str()), month.as_str()));
        assert_eq!(row["n"], bars.len());
        let range = bars.iter().map(|bar| bar.high - bar.low).max().expect("a bar");
        assert_eq!(cents(&row["range"]), whole(range));
        assert_eq!(row["volume"].as_f64(), Some(whole(bars.iter().map(|bar| bar.volume).sum())));
        assert_eq!(cents(&row["last(close)"]), whole(bars.last().expect("a bar").close));
    }
}

#[test]
fn top_lists_latest_rows_and_panels_are_those_of_the_market() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let market = market_at(folder.path());
    let root = folder.path();
    let answer = json(root, &["query", "market", "--top", "3", "--by", "-close", "-c", "close"]);
    let mut all: Vec<(i64, &str, usize)> = Vec::new();
    for (symbol, bars) in &market.assets {
        all.extend(bars.iter().map(|bar| (bar.close, symbol.as_str(), bar.session)));
    }
    all.sort_unstable();
    for (row, (close, symbol, session)) in rows(&answer).iter().zip(&all) {
        assert_eq!((row["symbol"].as_str(), cents(&row["close"])), (Some(*symbol), whole(*close)));
        assert_eq!(row["time"], market.dates[*session].as_str());
    }
    assert_eq!(rows(&answer).len(), 3);
    let answer = json(root, &["query", "market", "--latest", "--select", "gain = diff(close)"]);
    for (row, (symbol, bars)) in rows(&answer).iter().zip(&market.assets) {
        let [.., before, last] = &bars[..] else { panic!("bars") };
        assert_eq!(
            (row["symbol"].as_str(), cents(&row["gain"])),
            (Some(symbol.as_str()), whole(last.close - before.close))
        );
    }
    let answer = json(root, &["query", "market", "--panel", "close"]);
    assert_eq!(rows(&answer).len(), market.dates.len());
    for (session, row) in rows(&answer).iter().enumerate() {
        for (symbol, bars) in &market.assets {
            match bars.iter().find(|bar| bar.session == session) {
                Some(bar) => assert_eq!(cents(&row[symbol]), whole(bar.close)),
                None => assert!(row[symbol].is_null(), "{symbol} has no bar"),
            }
        }
    }
}

#[test]
fn a_join_shows_what_was_known() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let market = market_at(folder.path());
    let select = ["--select", "close, q.close", "--tolerance", "2d", "--asof-symbol", "SYM1"];
    let join = [&["query", "market", "--asof", "q=market"], &select[..]].concat();
    let answer = json(folder.path(), &join);
    let known = &market.assets[1].1;
    for row in rows(&answer) {
        let date = row["time"].as_str().expect("a date");
        let session = market.dates.iter().position(|d| d == date).expect("a session");
        let fresh = |bar: &&Bar| bar.session <= session && bar.session + 2 >= session;
        match known.iter().rev().find(fresh) {
            Some(bar) => assert_eq!(cents(&row["q.close"]), whole(bar.close)),
            None => assert!(row["q.close"].is_null()),
        }
    }
}

#[test]
fn explanations_count_what_is_skipped() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    market_at(folder.path());
    let explain = ["query", "market", "--where", "close < 0", "--explain"];
    let answer = json(folder.path(), &explain);
    assert_eq!(answer["blocks"]["read"], 0);
    assert_eq!(answer["blocks"]["excluded_by_series"], 4 * 5, "one a column and asset");
    assert_eq!(answer["series"]["skipped"], 4 * 5);
    let output = barrow_at(folder.path()).args(explain).output().expect("the command runs");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(text.contains("20 skipped: excluded by the statistics of a series"), "{text}");
}

#[test]
fn mistakes_are_placed_and_what_was_meant_is_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    market_at(folder.path());
    for (arguments, code, expected) in [
        (&["--select", "x = clse + 1"][..], 2, "at character 5: did you mean `close`?"),
        (&["--agg", "maen(close), count(*)"], 2, "there is no function `maen`"),
        (&["--resample", "1h"], 2, "do not add up to a period of `1h`"),
        (&["--assets", "Z*"], 1, "no asset of bundle `market` matches `Z*`"),
        (&["--top", "3"], 2, "--by"),
        (&["--group-by", "week,month", "--agg", "count(*)"], 2, "cannot be grouped by this"),
    ] {
        let mut command = barrow_at(folder.path());
        let output = command.args(["query", "market"]).args(arguments).output().expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.contains(expected), "{arguments:?}: {said}");
    }
}

#[test]
fn weeks_and_months_of_the_index_are_those_that_were_published() {
    let Some(index) = shared("index_5min_daily") else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = |name: &str| index.join(name).to_str().expect("a plain path").to_owned();
    for name in ["day", "week", "month"] {
        json(folder.path(), &["ingest", name, &file(&format!("2006-{name}-001.txt"))]);
    }
    let bars = |arguments: &[&str]| -> Vec<Vec<Value>> {
        let columns = ["--columns", "open,high,low,close,volume"];
        let answer = json(folder.path(), &[&["query"], arguments, &columns].concat());
        let names = ["time", "open", "high", "low", "close"];
        rows(&answer).iter().map(|row| names.map(|name| row[name].clone()).to_vec()).collect()
    };
    for (period, count) in [("week", 52), ("month", 12)] {
        let published = bars(&[period]);
        assert_eq!(published.len(), count);
        assert_eq!(bars(&["day", "--resample", period]), published, "{period}");
    }
    // The five-minute bars of January are stamped by their end; but for one high they are the daily bars.
    let minutes = file("2006-min-005.txt");
    json(folder.path(), &["ingest", "minutes", &minutes, "--timestamps", "end"]);
    let (made, published) =
        (bars(&["minutes", "--resample", "session"]), bars(&["day", "--to", "2006-01-30"]));
    assert_eq!(made.len(), published.len());
    let unlike = made.iter().flatten().zip(published.iter().flatten());
    let unlike: Vec<f64> = unlike
        .filter(|(a, b)| a != b)
        .map(|(a, b)| (a.as_f64().expect("a price") - b.as_f64().expect("a price")).abs())
        .collect();
    assert_eq!(unlike.len(), 1, "{unlike:?}");
    assert!((unlike[0] - 0.47).abs() < 1e-9, "{unlike:?}");
}
