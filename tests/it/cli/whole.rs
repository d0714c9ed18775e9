//! What holds for every command, and the demo.

use std::fs;
use std::io::Read;
use std::process::Stdio;
use std::sync::Arc;

use barrow_format::Digest;
use barrow_tests::{barrow, barrow_at, checkout};
use serde_json::Value;

use super::runs::CROSS;
use super::{COMMANDS, Place};

#[test]
fn version_is_that_of_the_package() {
    let output = barrow().arg("--version").output().expect("the command runs");
    let said = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!(said.trim(), format!("barrow {}", env!("CARGO_PKG_VERSION")));
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
