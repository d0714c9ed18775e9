//! Promise: a version that a process has open is not pruned, whatever becomes of the process; nor is a
//! pinned one, nor the newest. A second writer fails with the first one's process id, or waits.
//!
//! Method: real commands in processes of their own. A query whose output nobody reads stands still and
//! has its version open until it is killed.

use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Stdio};

use barrow_store::{Catalog, Error};
use barrow_tests::numbered::{all, assert_nothing_stray, csv, newest, publish};
use barrow_tests::{barrow_at, memory_folder};
use serde_json::Value;

const ROWS: usize = 5_000;

/// A query that has the bundle open and waits for somebody to read its output.
struct Reader(Child);

impl Reader {
    fn of(root: &Path, spec: &str) -> Self {
        let mut command = barrow_at(root);
        command.args(["query", spec, "--format", "csv"]).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the command runs");
        // The first byte comes after the version was opened; far more follow than a pipe holds.
        let mut first = [0];
        child.stdout.as_mut().expect("a pipe").read_exact(&mut first).expect("some output");
        Self(child)
    }

    /// Ends it as nothing can be caught.
    fn kill(mut self) {
        self.0.kill().expect("it can be killed");
        self.0.wait().expect("it ends");
    }
}

fn json(root: &Path, args: &[&str]) -> Value {
    let output = barrow_at(root).args(args).arg("--json").output().expect("the command runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{args:?}: {said}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[test]
fn a_version_is_kept_while_a_process_has_it_open_and_no_longer() {
    let folder = memory_folder();
    let root = folder.path();
    let catalog = Catalog::at(root);
    let published: Vec<_> =
        (1..=4).map(|n| publish(&catalog, "b", n, ROWS).expect("published").version).collect();
    let text = |n: usize| published[n].to_string();
    let (first, second) = (Reader::of(root, &format!("b@{}", text(0))), Reader::of(root, "b"));
    let history = json(root, &["history", "b"]);
    let leased: Vec<bool> = history["versions"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|version| version["leased"].as_bool().expect("a truth"))
        .collect();
    assert_eq!(leased, [true, false, false, true], "newest first");
    let listed = &json(root, &["ls"])["bundles"][0];
    assert_eq!((&listed["versions"], &listed["leased"]), (&Value::from(4), &Value::from(2)));
    let bytes = listed["bytes"].as_u64().expect("a number");
    assert_eq!(listed["versions_bytes"], 4 * bytes);
    assert_eq!(listed["reclaimable_bytes"], 2 * bytes);

    for dry in [true, false] {
        let args = ["prune", "b", "--keep", "1", "--dry-run"];
        let answer = json(root, &args[..if dry { 5 } else { 4 }]);
        let removed = answer["removed"].as_array().expect("a list");
        let removed: Vec<&str> =
            removed.iter().map(|row| row["version"].as_str().expect("a text")).collect();
        assert_eq!(removed, [text(2), text(1)]);
        assert_eq!(answer["spared"][0]["version"], text(0));
        assert_eq!(answer["spared"][0]["reason"], "leased");
        assert_eq!((&answer["kept"], &answer["bytes"]), (&Value::from(2), &Value::from(2 * bytes)));
        assert_eq!(all(&catalog, "b").len(), if dry { 4 } else { 2 });
    }
    // A killed reader lets go without doing anything.
    first.kill();
    let answer = json(root, &["prune", "b", "--keep", "1"]);
    assert_eq!(answer["removed"][0]["version"], text(0));
    assert_eq!(all(&catalog, "b"), [4]);
    second.kill();
    assert_nothing_stray(&catalog, "b");
}

#[test]
fn a_pinned_version_is_kept_until_it_is_unpinned() {
    let folder = memory_folder();
    let root = folder.path();
    let catalog = Catalog::at(root);
    let published: Vec<_> =
        (1..=3).map(|n| publish(&catalog, "b", n, 5).expect("published").version).collect();
    let oldest = format!("b@{}", &published[0].to_string()[..12]);
    let answer = json(root, &["pin", &oldest, "--note", "the paper's data"]);
    assert_eq!(answer["version"], published[0].to_string());
    assert_eq!((&answer["pinned"], &answer["changed"]), (&Value::from(true), &Value::from(true)));
    assert_eq!(json(root, &["history", "b"])["versions"][2]["pin"], "the paper's data");
    let shown = barrow_at(root).args(["history", "b"]).output().expect("it runs");
    assert!(String::from_utf8_lossy(&shown.stdout).contains("pinned: the paper's data"));
    let answer = json(root, &["prune", "b", "--keep", "1"]);
    assert_eq!(answer["spared"][0]["reason"], "pinned");
    assert_eq!(all(&catalog, "b"), [3, 1]);
    assert_eq!(json(root, &["unpin", &oldest])["changed"], true);
    assert_eq!(json(root, &["unpin", &oldest])["changed"], false);
    json(root, &["prune", "b", "--older-than", "0s"]);
    assert_eq!(all(&catalog, "b"), [3], "the newest stays, however old");
    let gone = barrow_at(root).args(["pin", &oldest]).output().expect("it runs");
    assert_eq!(gone.status.code(), Some(1), "there is no such version any more");
    let neither = barrow_at(root).args(["prune", "b"]).output().expect("it runs");
    assert_eq!(neither.status.code(), Some(2), "a policy has to be named");
}

#[test]
fn a_second_writer_fails_with_the_first_ones_process_id_or_waits() {
    let folder = memory_folder();
    let root = folder.path();
    let catalog = Catalog::at(root);
    publish(&catalog, "b", 1, 5).expect("published");
    fs::write(root.join("2.csv"), csv(2, 5)).expect("a file");
    let staging = catalog.stage("b").expect("the lock is free");
    let ingest = |args: &[&str]| {
        let mut command = barrow_at(root);
        command.args(["ingest", "b"]).arg(root.join("2.csv")).args(args);
        command.stderr(Stdio::piped()).stdout(Stdio::piped());
        command.spawn().expect("the command runs")
    };
    for args in [&[][..], &["--wait=0.01"]] {
        let refused = ingest(args).wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(2), "{said}");
        let pid = std::process::id();
        assert!(said.contains(&format!("is being written by process {pid}")), "{said}");
        assert!(said.contains("--wait"), "{said}");
    }
    // The other way round: this process is refused while the command waits for nobody but it.
    let (for_ever, long) = (ingest(&["--wait"]), ingest(&["--wait=600"]));
    assert!(matches!(catalog.stage("b"), Err(Error::Locked { holder: Some(_), .. })));
    drop(staging);
    for waited in [for_ever, long] {
        let output = waited.wait_with_output().expect("it ends");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!(newest(&catalog, "b"), 2);
    assert_nothing_stray(&catalog, "b");
}
