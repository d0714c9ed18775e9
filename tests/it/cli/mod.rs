//! Promise: every command prints what it is documented to print, to the stream and with the exit status it
//! is documented to use; what cannot be done is said in words that help.
//!
//! Method: run the real command on a small bundle and compare whole transcripts (exit status, stdout,
//! stderr) with snapshots in `snapshots/`. What differs from run to run is masked: times, rates, dates
//! of publication, the catalog's path, digests of part files. JSON is compared by its members.

use std::fmt::Write as _;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::Arc;

use barrow_format::Digest;
use barrow_tests::{barrow, barrow_at, checkout};
use parquet::file::reader::{FileReader, SerializedFileReader};
use serde_json::Value;

/// Three assets with made-up prices; BETA starts late, C-3 has a gap.
const BARS: &str = "\
symbol,date,open,high,low,close,volume,vwap
ALPHA,2012-01-03,10,11,9.5,10.5,1000,10.2
ALPHA,2012-01-04,10.5,12,10,11.75,1500,11
ALPHA,2012-01-05,11.75,12,11,11,1200,11.5
ALPHA,2012-01-06,11,11.25,9,9.25,2500,10.1
ALPHA,2012-01-09,9.25,10,9,9.75,1100,9.5
ALPHA,2012-01-10,9.75,13,9.75,12.5,4000000,11.9
BETA,2012-01-05,100,101.5,99.25,101,50,100.5
BETA,2012-01-06,101,103,100,102.125,75,101.75
BETA,2012-01-09,102,102,98,98.625,80,99.9
BETA,2012-01-10,98.5,99,97.5,98,60,98.1
C-3,2012-01-03,1.01,1.02,1,1.015,900000,1.01
C-3,2012-01-04,1.015,1.03,1.01,1.03,800000,1.02
C-3,2012-01-06,1.03,1.05,1.02,1.045,700000,1.04
C-3,2012-01-09,1.045,1.045,0.99,1,1200000,1.01
C-3,2012-01-10,1,1.01,0.98,0.995,1000000,0.99
";

/// A folder of its own with a catalog that holds the bundle `small`.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::write(folder.path().join("bars.csv"), BARS).expect("a file in it");
        let place = Self { folder };
        let made = place.run(&["ingest", "small", "bars.csv"]);
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        place
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn root(&self) -> PathBuf {
        self.path().join("root")
    }

    fn run(&self, args: &[&str]) -> Output {
        let mut command = barrow_at(&self.root());
        command.args(args).current_dir(self.path()).output().expect("the command runs")
    }

    /// Makes the bundle `long`: one asset, `rows` bars, `step` seconds apart.
    fn ingest_long(&self, rows: i64, step: i64) {
        let mut text = String::from("symbol,time,open,high,low,close,volume\n");
        for row in 0..rows {
            writeln!(text, "X,{},1,1,1,1,1", 1_325_548_800 + row * step).expect("room for a row");
        }
        fs::write(self.path().join("long.csv"), text).expect("a file");
        assert!(self.run(&["ingest", "long", "long.csv"]).status.success());
    }

    /// Runs the command and shows all that it said.
    fn transcript(&self, args: &[&str]) -> String {
        let Output { status, stdout, stderr } = self.run(args);
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the command speaks UTF-8");
        let exit = status.code().expect("the command ends by itself");
        self.masked(&format!(
            "$ barrow {}\nexit {exit}\n--- stdout\n{}--- stderr\n{}",
            args.join(" "),
            text(stdout),
            text(stderr)
        ))
    }

    /// Runs the command with `--json` and returns the answer with what varies masked.
    fn json(&self, args: &[&str]) -> Value {
        let output = self.run(&[args, &["--json"]].concat());
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        let answer = serde_json::from_slice(&output.stdout);
        assert!(answer.is_ok(), "barrow {args:?}: {answer:?}; stderr: {error}");
        let mut value: Value = answer.expect("JSON");
        mask_json(&mut value);
        value
    }

    fn json_text(&self, args: &[&str]) -> String {
        let pretty = serde_json::to_string_pretty(&self.json(args)).expect("JSON is text");
        self.masked(&pretty)
    }

    fn masked(&self, text: &str) -> String {
        let folder = self.path().to_str().expect("a path in UTF-8");
        let lines: Vec<String> = text.replace(folder, "[PLACE]").lines().map(mask_line).collect();
        lines.join("\n")
    }
}

/// Masks durations (`12.3 ms`), rates (`1.2 M rows/s`), instants, and digests of part files.
fn mask_line(line: &str) -> String {
    const UNITS: [&str; 5] = ["ns", "us", "ms", "s", "min"];
    let mut shown: Vec<String> = Vec::new();
    let words: Vec<&str> = line.split(' ').collect();
    let bare = |word: &str| {
        word.trim_matches(|c: char| !c.is_ascii_alphanumeric() && c != '/' && c != '.').to_owned()
    };
    let mut place = 0;
    while place < words.len() {
        let word = words[place];
        let number = bare(word).trim_end_matches('.').replace(',', "").parse::<f64>().is_ok();
        let next = words.get(place + 1).map_or(String::new(), |word| bare(word));
        let after = words.get(place + 2).map_or(String::new(), |word| bare(word));
        let prefix = |word: &str| matches!(word, "k" | "M" | "G");
        let opening: String = word.chars().take_while(|c| *c == '(').collect();
        if number && (UNITS.contains(&next.trim_end_matches('.')) || next.ends_with("/s")) {
            let tail =
                words[place + 1].trim_start_matches(|c: char| c.is_alphanumeric() || c == '/');
            shown.push(format!("{opening}[TIME]{tail}"));
            place += 2;
        } else if number && prefix(&next) && after.ends_with("/s") {
            let tail =
                words[place + 2].trim_start_matches(|c: char| c.is_alphanumeric() || c == '/');
            shown.push(format!("{opening}[RATE]{tail}"));
            place += 3;
        } else if let Some((folder, rest)) = word.split_once("/parts/") {
            let tail = rest.split_once(".barrow").map_or("", |(_, tail)| tail);
            shown.push(format!("{folder}/parts/[DIGEST].barrow{tail}"));
            place += 1;
        } else if is_today(word) && next.len() == 8 && next.contains(':') {
            shown.push("[PUBLISHED]".to_owned());
            place += 2;
        } else {
            shown.push(word.to_owned());
            place += 1;
        }
    }
    shown.join(" ").trim_end().to_owned()
}

/// A date of the present, not of the bars.
fn is_today(word: &str) -> bool {
    word.len() == 10 && word.starts_with("20") && word[..4].parse::<u32>().is_ok_and(|y| y >= 2024)
}

fn mask_json(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                let varies = name == "elapsed_seconds"
                    || matches!(name.as_str(), "published" | "workers" | "digest" | "cache");
                if varies {
                    *member = Value::from(format!("[{}]", name.to_uppercase()));
                } else {
                    mask_json(member);
                }
            }
        }
        Value::Array(members) => members.iter_mut().for_each(mask_json),
        _ => {}
    }
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}

const COMMANDS: [&str; 18] = [
    "ingest",
    "ls",
    "inspect",
    "history",
    "prune",
    "pin",
    "unpin",
    "verify",
    "query",
    "export",
    "push",
    "fetch",
    "backtest",
    "sweep",
    "walk-forward",
    "cross-validate",
    "demo",
    "completions",
];

#[test]
fn help_of_the_command() {
    let place = Place::new();
    insta::assert_snapshot!("help", place.transcript(&["--help"]));
    for command in COMMANDS {
        let said = place.transcript(&[command, "-h"]);
        assert!(said.starts_with(&format!("$ barrow {command} -h\nexit 0")), "{said}");
        assert!(said.contains("Examples:"), "`barrow {command} -h` has no examples: {said}");
        insta::assert_snapshot!(format!("help-{command}"), said);
    }
}

#[test]
fn long_help_describes_every_strategy() {
    let place = Place::new();
    for command in ["backtest", "sweep"] {
        let said = place.transcript(&[command, "--help"]);
        for strategy in ["buy-and-hold:", "sma-cross:", "momentum:", "mean-reversion:"] {
            assert!(said.contains(strategy), "{command}: {strategy}");
        }
        assert!(said.contains("Examples:"), "{command}");
    }
}

#[test]
fn versions_travel_through_a_remote() {
    let place = Place::new();
    let there = place.path().join("there");
    let there = there.to_str().expect("UTF-8");
    let version = place.json(&["ls"])["bundles"][0]["version"].as_str().expect("text").to_owned();
    let mut said = String::new();
    for args in [
        &["fetch", "small", "remote", "--root", there][..],
        &["push", "small", "remote"],
        &["push", "small", "remote", "--check"],
        &["fetch", "smal", "remote", "--root", there],
        &["fetch", "small@0123", "remote", "--root", there],
        &["fetch", "small@2026-11-25", "remote", "--root", there],
        &["fetch", "small", "remote", "--root", there],
        &["fetch", "small", "remote", "--root", there],
        &["fetch", "small", "s3://bucket/bars"],
        &["push", "small", "file://remote"],
    ] {
        said.push_str(&place.transcript(args));
        said.push_str("\n\n");
    }
    insta::assert_snapshot!("transfers", said);
    let fetched = place.json(&["fetch", "small", "remote", "--root", there]);
    assert_eq!(fetched["version"], version.as_str(), "{fetched}");
    assert_eq!(fetched["unchanged"], true, "{fetched}");
    let names = |value: &Value| value.as_object().expect("an object").keys().cloned().collect();
    let members: Vec<String> = names(&fetched);
    let expected = "bundle version newest unchanged parts parts_fetched bytes bytes_fetched \
                    bytes_resumed elapsed_seconds";
    assert_eq!(members.join(" "), expected);
    let members: Vec<String> = names(&place.json(&["push", "small", "remote"]));
    let expected = "bundle version newest parts parts_sent bytes bytes_sent elapsed_seconds";
    assert_eq!(members.join(" "), expected);
    let history = place.json(&["history", "small", "--root", there]);
    assert_eq!(history["versions"][0]["change"]["kind"], "ingest", "{history}");
}

#[test]
fn version_is_that_of_the_package() {
    let output = barrow().arg("--version").output().expect("the command runs");
    let said = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!(said.trim(), format!("barrow {}", env!("CARGO_PKG_VERSION")));
}

#[test]
fn listing() {
    let place = Place::new();
    insta::assert_snapshot!("ls", place.transcript(&["ls"]));
    insta::assert_snapshot!("ls-json", place.json_text(&["ls"]));
    let empty = place.path().join("nothing");
    let root = empty.to_str().expect("UTF-8");
    insta::assert_snapshot!("ls-empty", place.transcript(&["ls", "--root", root]));
}

#[test]
fn inspecting() {
    let place = Place::new();
    insta::assert_snapshot!("inspect", place.transcript(&["inspect", "small"]));
    insta::assert_snapshot!(
        "inspect-json",
        place.json_text(&["inspect", "small", "--assets", "C-3"])
    );
}

#[test]
fn history_grows_with_each_version() {
    let place = Place::new();
    fs::write(place.path().join("bars.csv"), BARS.replace("9.25,2500", "9.5,2500"))
        .expect("a file");
    assert!(place.run(&["ingest", "small", "bars.csv"]).status.success());
    insta::assert_snapshot!("history", place.transcript(&["history", "small"]));
    let answer = place.json(&["history", "small"]);
    let versions = answer["versions"].as_array().expect("a list");
    assert_eq!(versions.len(), 2);
    assert_eq!(versions[0]["parent"], versions[1]["version"]);
    assert_eq!(versions[1]["parent"], Value::Null);
    // An older version is still there under its hash, and says what it said.
    let older = versions[1]["version"].as_str().expect("a text");
    let one = |spec: &str| {
        let rows =
            place.json(&["query", spec, "--assets", "ALPHA", "--from", "2012-01-06", "-n", "1"]);
        rows["rows"][0]["close"].as_f64()
    };
    assert_eq!(one(&format!("small@{}", &older[..8])), Some(9.25));
    assert_eq!(one("small"), Some(9.5));
}

#[test]
fn verifying() {
    let place = Place::new();
    insta::assert_snapshot!("verify", place.transcript(&["verify", "small"]));
    let answer = place.json(&["verify", "small"]);
    assert_eq!(answer["ok"], true);
    assert_eq!(answer["series"], 3 * 7);
    assert_eq!(answer["bad"], Value::Array(vec![]));
    assert_eq!(
        keys(&answer),
        ["ok", "bundle", "version", "series", "bytes", "elapsed_seconds", "bad"]
    );
}

/// The bundle `small` as a bare file, a bit flipped in the first place where `value` stands.
fn damaged(place: &Place, value: f64) {
    let parts = place.root().join("small/parts");
    let part = fs::read_dir(parts).expect("parts").next().expect("one").expect("an entry").path();
    let mut bytes = fs::read(part).expect("a part");
    let close = value.to_le_bytes();
    let at = bytes.windows(8).position(|window| window == close).expect("a close of BETA");
    bytes[at + 2] ^= 1;
    let path = place.path().join("damaged.barrow");
    fs::write(&path, bytes).expect("a file");
}

#[test]
fn a_flipped_bit_is_named_and_the_answer_is_no() {
    let place = Place::new();
    damaged(&place, 98.625);
    let said = place.transcript(&["verify", "damaged.barrow"]);
    assert!(said.contains("\nexit 1\n"), "{said}");
    assert!(said.contains("column `close`, asset `BETA`"), "{said}");
    let answer = place.json(&["verify", "./damaged.barrow"]);
    assert_eq!(answer["ok"], false);
    let bad = &answer["bad"][0];
    assert_eq!(keys(bad), ["section", "column", "symbol", "offset", "problem"]);
    assert_eq!((bad["column"].as_str(), bad["symbol"].as_str()), (Some("close"), Some("BETA")));
}

#[test]
fn damage_that_prevents_opening_is_an_answer_too() {
    let place = Place::new();
    // The largest close stands in the column's record, which opening checks.
    damaged(&place, 102.125);
    let said = place.transcript(&["verify", "damaged.barrow"]);
    assert!(said.contains("\nexit 1\n") && said.contains("section `columns`"), "{said}");
    let answer = place.json(&["verify", "damaged.barrow"]);
    assert_eq!((&answer["ok"], &answer["version"]), (&Value::from(false), &Value::Null));
    insta::assert_snapshot!("bad-damaged", place.transcript(&["inspect", "damaged.barrow"]));
}

#[test]
fn querying_as_a_table() {
    let place = Place::new();
    insta::assert_snapshot!("query", place.transcript(&["query", "small"]));
    let some = ["query", "small", "--assets", "BETA,ALPHA", "--columns", "close,volume"];
    let dates = ["--from", "2012-01-05", "--to", "2012-01-06"];
    insta::assert_snapshot!("query-some", place.transcript(&[some.as_slice(), &dates].concat()));
    let none = place.transcript(&["query", "small", "--from", "2013"]);
    insta::assert_snapshot!("query-none", none);
}

#[test]
fn querying_as_csv_and_json() {
    let place = Place::new();
    let filter = ["--filter", "close >= 100 and volume < 80 or symbol = \"C-3\" and vwap < 1"];
    let csv = [&["query", "small", "--format", "csv"], filter.as_slice()].concat();
    insta::assert_snapshot!("query-csv", place.transcript(&csv));
    let json = [&["query", "small", "--columns", "close"], filter.as_slice()].concat();
    insta::assert_snapshot!("query-json", place.json_text(&json));
}

#[test]
fn a_table_is_cut_and_says_so() {
    let place = Place::new();
    place.ingest_long(150, 86_400);
    let said = place.run(&["query", "long"]);
    assert_eq!(String::from_utf8_lossy(&said.stdout).lines().count(), 101);
    assert!(String::from_utf8_lossy(&said.stderr).contains("the first 100 rows"));
    let all = place.run(&["query", "long", "--limit", "150"]);
    assert_eq!(String::from_utf8_lossy(&all.stdout).lines().count(), 151);
    assert!(all.stderr.is_empty());
}

#[test]
fn parquet_holds_the_same_rows() {
    let place = Place::new();
    let said = place.transcript(&["query", "small", "--out", "bars.parquet"]);
    assert!(said.contains("exit 0"), "{said}");
    let file = fs::File::open(place.path().join("bars.parquet")).expect("a file");
    let reader = SerializedFileReader::new(file).expect("a Parquet file");
    let metadata = reader.metadata().file_metadata();
    assert_eq!(metadata.num_rows(), 15);
    let pairs = metadata.key_value_metadata().expect("metadata");
    assert!(pairs.iter().any(|pair| pair.key == "barrow.version"));
    let rows: Vec<String> = reader
        .get_row_iter(None)
        .expect("rows")
        .map(|row| row.expect("a row").to_string())
        .collect();
    insta::assert_snapshot!("parquet-rows", rows[6..8].join("\n"));
}

#[test]
fn arrow_files_are_arrow_files() {
    let place = Place::new();
    assert!(place.run(&["export", "small", "--out", "bars.arrow"]).status.success());
    let bytes = fs::read(place.path().join("bars.arrow")).expect("a file");
    assert!(bytes.starts_with(b"ARROW1") && bytes.ends_with(b"ARROW1"));
}

#[test]
fn an_export_ingested_again_is_the_same_content() {
    let place = Place::new();
    let version = |name: &str| place.json(&["inspect", name])["version"].clone();
    insta::assert_snapshot!(
        "export-folder",
        place.transcript(&["export", "small", "--out", "csv/"])
    );
    insta::assert_snapshot!(
        "export-json",
        place.json_text(&["export", "small", "-o", "small.csv"])
    );
    assert!(place.run(&["export", "small", "--out", "small.parquet"]).status.success());
    for source in ["csv", "small.csv", "small.parquet"] {
        let said = place.transcript(&["ingest", "again", source]);
        assert!(said.contains("exit 0"), "{said}");
        assert_eq!(version("again"), version("small"), "{source}");
    }
    let said = place.transcript(&["export", "small", "--out", "csv/"]);
    insta::assert_snapshot!("export-occupied", said);
    assert!(place.run(&["export", "small", "--out", "csv/", "--force"]).status.success());
}

const CROSS: [&str; 8] =
    ["backtest", "small", "--strategy", "sma-cross", "--param", "fast=1", "--param", "slow=2"];

#[test]
fn backtesting() {
    let place = Place::new();
    let costs = ["--cash", "50000", "--commission", "per-share:0.001", "--slippage", "bps:5"];
    insta::assert_snapshot!("backtest", place.transcript(&[CROSS.as_slice(), &costs].concat()));
    insta::assert_snapshot!("backtest-json", place.json_text(&[CROSS.as_slice(), &costs].concat()));
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

const SWEEP: [&str; 8] =
    ["sweep", "small", "--strategy", "sma-cross", "--param", "fast=1..3", "--param", "slow=2..4"];

#[test]
fn sweeping() {
    let place = Place::new();
    insta::assert_snapshot!("sweep", place.transcript(&[SWEEP.as_slice(), &["-j", "1"]].concat()));
    insta::assert_snapshot!(
        "sweep-json",
        place.json_text(&[SWEEP.as_slice(), &["-j", "1"]].concat())
    );
    let one = place.json(&[SWEEP.as_slice(), &["--workers", "1"]].concat());
    let two = place.json(&[SWEEP.as_slice(), &["--workers", "2"]].concat());
    assert_eq!(one, two, "the number of workers changes nothing");
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
    insta::assert_snapshot!("trials-csv", csv);
    let json = fs::read(place.path().join("trials.json")).expect("a file");
    let json: Value = serde_json::from_slice(&json).expect("JSON");
    assert_eq!(json["trials"].as_array().map(Vec::len), Some(6));
    let bytes = fs::read(place.path().join("trials.parquet")).expect("a file");
    let reader = SerializedFileReader::new(parquet_bytes(&bytes)).expect("a Parquet file");
    assert_eq!(reader.metadata().file_metadata().num_rows(), 6);
    let first = reader.get_row_iter(None).expect("rows").next().expect("one").expect("a row");
    assert!(first.to_string().starts_with("{fast: 1, slow: 2, final_equity:"), "{first}");
}

/// Bytes that the Parquet reader reads from.
fn parquet_bytes(bytes: &[u8]) -> fs::File {
    use std::io::{Seek, Write};
    let mut file = tempfile::tempfile().expect("a temporary file");
    file.write_all(bytes).expect("bytes in it");
    file.rewind().expect("its beginning");
    file
}

#[test]
fn the_demo_shows_everything() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let root = folder.path().to_str().expect("UTF-8");
    let output = barrow().args(["demo", "--root", root]).output().expect("the command runs");
    let said = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let steps = ["ingest", "verify", "open", "query", "backtest", "sweep", "report"]
        .into_iter()
        .enumerate();
    for (place, step) in steps {
        assert!(said.contains(&format!("\n{}  {step}", place + 1)), "{step}: {said}");
    }
    for part in
        ["12,154 of 5 assets", "every byte is what was written", "pool miss", "pool hit", "130.31"]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains('\u{1b}'), "no colour on a pipe");
    let page = fs::read_to_string(folder.path().join("demo.html")).expect("the page");
    for part in ["<b>Equity</b>", "<b>Drawdown</b>", "Sharpe ratio by fast and slow"] {
        assert!(page.contains(part), "{part}");
    }
    // Once more, as JSON: the content is the same, so the version is.
    let again = barrow().args(["demo", "--json", "--root", root]).output().expect("it runs");
    let answer: Value = serde_json::from_slice(&again.stdout).expect("JSON alone on stdout");
    assert_eq!(answer["ingest"]["unchanged"], true);
    assert_eq!(answer["verify"]["ok"], true);
    assert!(said.contains(answer["ingest"]["version"].as_str().expect("a text")));
    // What the demo made is there for the other commands.
    let listed = barrow().args(["ls", "--json", "--root", root]).output().expect("it runs");
    let listed: Value = serde_json::from_slice(&listed.stdout).expect("JSON");
    assert_eq!(listed["bundles"][0]["bundle"], "demo");
}

#[test]
fn the_shipped_data_is_what_its_page_says() {
    let folder = checkout().join("tools/demo");
    let bytes = fs::read(folder.join("stocks.csv.gz")).expect("the data");
    let digest = Digest::of(&bytes).to_string();
    let page = fs::read_to_string(folder.join("README.md")).expect("its page");
    assert!(page.contains(&digest), "tools/demo/README.md names {digest}");
    let mut text = String::new();
    flate2::read::GzDecoder::new(bytes.as_slice()).read_to_string(&mut text).expect("gzip");
    assert_eq!(text.lines().count() - 1, 12_154);
}

#[test]
fn completions_for_every_shell() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = place.run(&["completions", shell]);
        assert!(output.status.success() && output.stderr.is_empty());
        let script = String::from_utf8(output.stdout).expect("UTF-8");
        for command in COMMANDS {
            assert!(script.contains(command), "{shell} completes {command}");
        }
    }
}

#[test]
fn bad_names_are_answered_with_what_was_meant() {
    let place = Place::new();
    let check = |name: &str, args: &[&str]| {
        insta::assert_snapshot!(format!("bad-{name}"), place.transcript(args));
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
        insta::assert_snapshot!(format!("bad-{name}"), place.transcript(args));
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
    check("search-rungs", &[&crossed[..], &["--search", "bohb", "--trials", "9"]].concat());
    check("trials-file", &[SWEEP.as_slice(), &["--out", "trials.xlsx"]].concat());
    check("quiet-and-verbose", &["ls", "-q", "-v"]);
}

#[test]
fn bad_files_are_named() {
    let place = Place::new();
    let check = |name: &str, args: &[&str]| {
        insta::assert_snapshot!(format!("bad-{name}"), place.transcript(args));
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

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let place = Place::new();
    place.ingest_long(200_000, 60);
    for format in ["csv", "json", "table"] {
        let mut child = barrow_at(&place.root())
            .args(["query", "long", "--limit", "200000", "--format", format])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the command starts");
        let mut first = [0; 16];
        let mut out = child.stdout.take().expect("a pipe");
        out.read_exact(&mut first).expect("the first bytes");
        drop(out);
        let ended = child.wait_with_output().expect("the command ends");
        assert_eq!(ended.status.code(), Some(0), "{format}");
        assert!(ended.stderr.is_empty(), "{format}: {}", String::from_utf8_lossy(&ended.stderr));
    }
}

#[test]
fn quiet_says_nothing_and_verbose_says_more() {
    let place = Place::new();
    let export = ["export", "small", "--out", "x.csv"];
    assert!(!place.run(&export).stderr.is_empty());
    let quiet = place.run(&[export.as_slice(), &["-q"]].concat());
    assert!(quiet.status.success() && quiet.stderr.is_empty() && quiet.stdout.is_empty());
    let normal = place.run(&CROSS).stderr.len();
    let verbose = place.run(&[CROSS.as_slice(), &["-v"]].concat()).stderr.len();
    assert!(verbose > normal);
    // Errors are said all the same.
    let failed = place.run(&["inspect", "nobody", "--quiet"]);
    assert!(String::from_utf8_lossy(&failed.stderr).starts_with("error: no bundle `nobody`"));
}

#[test]
fn the_root_comes_from_flag_then_environment() {
    let place = Place::new();
    let other = place.path().join("other");
    let flag = other.to_str().expect("UTF-8");
    let answer = place.json(&["ls", "--root", flag]);
    assert_eq!(answer["root"], flag);
    let answer = place.json(&["ls"]);
    assert_eq!(answer["root"], place.root().to_str().expect("UTF-8"));
}

#[test]
fn two_readers_and_a_writer_at_once() {
    let place = Arc::new(Place::new());
    let threads: Vec<_> = (0..4)
        .map(|thread| {
            let place = Arc::clone(&place);
            std::thread::spawn(move || {
                for _ in 0..3 {
                    let ended = if thread == 0 {
                        place.run(&["ingest", "small", "bars.csv"])
                    } else {
                        place.run(&["query", "small", "--json"])
                    };
                    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().expect("no thread fails");
    }
}
