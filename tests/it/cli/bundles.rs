//! Commands about bundles and their versions: listing, inspecting, history, verifying, remotes.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::{BARS, Place, keys, snapshot};

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
    snapshot("transfers", said);
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
fn remotes_are_pruned() {
    let place = Place::new();
    for price in 1..4 {
        let text = format!("symbol,date,close\nA,2020-01-02,{price}\n");
        fs::write(place.path().join("priced.csv"), text).unwrap();
        place.transcript(&["ingest", "priced", "priced.csv"]);
        place.transcript(&["push", "priced", "remote"]);
    }
    let mut said = String::new();
    for args in [
        &["prune-remote", "remote", "priced", "--keep", "1"][..],
        &["prune-remote", "remote", "--older-than", "1d"],
        &["prune-remote", "remote", "priced"],
        &["prune-remote", "s3://bucket/bars"],
    ] {
        said.push_str(&place.transcript(args));
        said.push_str("\n\n");
    }
    let old = SystemTime::now() - Duration::from_hours(8 * 24);
    make_old(&place.path().join("remote"), old);
    let told = place.json(&["prune-remote", "remote", "--keep", "1", "--dry-run"]);
    assert_eq!(keys(&told).join(" "), "dry_run removed kept parts objects bytes young");
    assert_eq!(told["removed"].as_array().map(Vec::len), Some(2), "{told}");
    let done = place.json(&["prune-remote", "remote", "--keep", "1"]);
    for member in ["removed", "kept", "parts", "objects", "bytes", "young"] {
        assert_eq!(told[member], done[member], "{member}");
    }
    said.push_str(&place.transcript(&["prune-remote", "remote", "--keep", "1"]));
    said.push_str("\n\n");
    said.push_str(&place.transcript(&["prune-remote", "remotes"]));
    snapshot("remotes-pruned", said);
}

/// Makes every file below a folder as old as that.
fn make_old(folder: &Path, time: SystemTime) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            make_old(&path, time);
        } else {
            let file = fs::File::options().write(true).open(path).expect("a file");
            file.set_modified(time).expect("a file has times");
        }
    }
}

#[test]
fn listing() {
    let place = Place::new();
    snapshot("ls", place.transcript(&["ls"]));
    snapshot("ls-json", place.json_text(&["ls"]));
    let empty = place.path().join("nothing");
    let root = empty.to_str().expect("UTF-8");
    snapshot("ls-empty", place.transcript(&["ls", "--root", root]));
}

#[test]
fn inspecting() {
    let place = Place::new();
    snapshot("inspect", place.transcript(&["inspect", "small"]));
    snapshot("inspect-json", place.json_text(&["inspect", "small", "--assets", "C-3"]));
}

#[test]
fn bytes_of_all_parts_are_told_after_an_append() {
    let place = Place::new();
    let stored = |answer: &Value| -> u64 {
        let columns = answer["schema"]["columns"].as_array().expect("a list");
        columns.iter().filter_map(|column| column["stored_bytes"].as_u64()).sum()
    };
    let before = place.json(&["inspect", "small"]);
    let line = "ALPHA,2031-01-06,9,9,9,9,900,9\n";
    let text = BARS.lines().next().expect("a header").to_owned() + "\n" + line;
    fs::write(place.path().join("more.csv"), text).expect("a file");
    assert!(place.run(&["ingest", "small", "more.csv", "--append"]).status.success());
    let after = place.json(&["inspect", "small"]);
    assert_eq!((&before["part_count"], &after["part_count"]), (&1.into(), &2.into()));
    // One value more in each of seven columns.
    assert_eq!(stored(&after), stored(&before) + 7 * 8);
    assert_eq!(after["schema"]["columns"][1]["ratio"], 1.0);
    assert!(place.transcript(&["inspect", "small"]).contains("and 1 part beside it)"));
}

#[test]
fn history_grows_with_each_version() {
    let place = Place::new();
    fs::write(place.path().join("bars.csv"), BARS.replace("9.25,2500", "9.5,2500"))
        .expect("a file");
    assert!(place.run(&["ingest", "small", "bars.csv"]).status.success());
    snapshot("history", place.transcript(&["history", "small"]));
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

/// The moment that JSON tells, not masked.
fn told(place: &Place, args: &[&str], pointer: &str) -> String {
    let said = place.run(&[args, &["--json"]].concat()).stdout;
    let answer: Value = serde_json::from_slice(&said).expect("JSON");
    answer.pointer(pointer).and_then(Value::as_str).expect("a text").to_owned()
}

#[test]
fn moments_are_told_such_that_they_can_be_asked_for() {
    let place = Place::new();
    let first = told(&place, &["history", "small"], "/versions/0/version");
    // So that the second in which the first was published is over.
    std::thread::sleep(Duration::from_millis(1100));
    fs::write(place.path().join("next.csv"), "symbol,date,close\nBETA,2012-01-11,99\n").unwrap();
    assert!(place.run(&["ingest", "small", "next.csv", "--append"]).status.success());
    let published = told(&place, &["history", "small"], "/versions/1/published");
    let to_the_second = published.split('.').next().expect("a text");
    for moment in [published.as_str(), to_the_second, &format!("{to_the_second}Z")] {
        let spec = format!("small@{moment}").replace("ZZ", "Z");
        assert_eq!(told(&place, &["inspect", &spec], "/version"), first, "{spec}");
    }
    // A version that was restored was published when it was restored.
    let spec = format!("small@{first}");
    assert!(place.run(&["restore", &spec]).status.success());
    let restored = told(&place, &["history", "small"], "/versions/0/published");
    assert_ne!(restored, published);
    assert_eq!(told(&place, &["ls"], "/bundles/0/published"), restored);
}

#[test]
fn a_pin_keeps_its_note_until_it_gets_another() {
    let place = Place::new();
    let note = || told(&place, &["history", "small"], "/versions/0/pin");
    for (args, expected) in [
        (&["--note", "the paper"][..], "the paper"),
        (&[], "the paper"),
        (&["--note", "the book"], "the book"),
        (&["--note", ""], ""),
    ] {
        assert!(place.run(&[&["pin", "small"], args].concat()).status.success());
        assert_eq!(note(), expected);
    }
}

#[test]
fn differences_of_meaning_are_told() {
    let place = Place::new();
    let zone = ["ingest", "local", "bars.csv", "--timezone", "America/New_York", "--drop", "vwap"];
    assert!(place.run(&zone).status.success());
    snapshot("diff-meaning", place.transcript(&["diff", "small", "local"]));
    let answer = place.json(&["diff", "small", "local"]);
    let expected = serde_json::json!([
        { "what": "time_zone", "first": "UTC", "second": "America/New_York" }
    ]);
    assert_eq!(answer["meaning"], expected, "{answer}");
    assert_eq!(answer["meaning_changed"], true);
}

#[test]
fn what_is_taken_away_leaves_the_columns() {
    let place = Place::new();
    let all = place.json(&["ingest", "copy", "bars.csv"])["columns"].clone();
    fs::write(place.path().join("gone.csv"), "symbol,date\nBETA,2012-01-10\n").unwrap();
    let answer = place.json(&["ingest", "copy", "gone.csv", "--remove"]);
    assert_eq!(answer["columns"], all, "{answer}");
    assert_eq!(answer["change"]["rows_removed"], 1);
}

#[test]
fn verifying() {
    let place = Place::new();
    snapshot("verify", place.transcript(&["verify", "small"]));
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
    let copied = place.transcript(&["verify", "damaged.barrow", "--open", "read"]);
    assert!(copied.contains("\nexit 1\n") && copied.contains("cannot be opened"), "{copied}");
    assert!(copied.contains("column `close`, asset `BETA`"), "{copied}");
    assert!(place.run(&["verify", "small", "--open", "read"]).status.success());
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
    snapshot("bad-damaged", place.transcript(&["inspect", "damaged.barrow"]));
}
