//! Promise: every command prints what it is documented to print, to the stream and with the exit status it
//! is documented to use; what cannot be done is said in words that help.
//!
//! Method: run the real command on a small bundle and compare whole transcripts (exit status, stdout,
//! stderr) with snapshots in `snapshots/`. What differs from run to run is masked: times, rates, dates
//! of publication, the catalog's path, digests of part files. JSON is compared by its members.

mod bundles;
mod failing;
mod rows;
mod runs;
mod whole;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use barrow_tests::barrow_at;
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
        let text = text.replace(folder, "[PLACE]");
        // Where the machine keeps its temporary files is no matter of the command.
        let of_machine =
            |line: &&str| line.starts_with("warning: ") && line.contains("network file system");
        let lines: Vec<String> =
            text.lines().filter(|line| !of_machine(line)).map(mask_line).collect();
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
            // A slow machine has rates without a prefix.
            let what = if next.ends_with("/s") { "[RATE]" } else { "[TIME]" };
            shown.push(format!("{opening}{what}{tail}"));
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

const COMMANDS: [&str; 19] = [
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
    "prune-remote",
    "backtest",
    "sweep",
    "walk-forward",
    "cross-validate",
    "demo",
    "completions",
];

/// Compares a text with the snapshot of a name.
#[track_caller]
fn snapshot(name: impl AsRef<str>, text: impl AsRef<str>) {
    insta::assert_snapshot!(name.as_ref(), text.as_ref());
}

#[test]
fn help_of_the_command() {
    let place = Place::new();
    snapshot("help", place.transcript(&["--help"]));
    for command in COMMANDS {
        let said = place.transcript(&[command, "-h"]);
        assert!(said.starts_with(&format!("$ barrow {command} -h\nexit 0")), "{said}");
        assert!(said.contains("Examples:"), "`barrow {command} -h` has no examples: {said}");
        snapshot(format!("help-{command}"), said);
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

/// Bytes that the Parquet reader reads from.
fn parquet_bytes(bytes: &[u8]) -> fs::File {
    use std::io::{Seek, Write};
    let mut file = tempfile::tempfile().expect("a temporary file");
    file.write_all(bytes).expect("bytes in it");
    file.rewind().expect("its beginning");
    file
}
