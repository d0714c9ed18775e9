//! Promise: any number of processes that ask for a mount get one, decoded once; one that is killed leaves nothing broken.
//!
//! Method: run the real command on a compressed bundle, many processes at once, with a folder of mounts of the test's own.
//! Builders are killed after random times, and what the next process reads is compared with what the raw bundle gives.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use barrow_tests::{barrow_at, memory_folder};
use rand::{RngExt as _, SeedableRng as _};
use tempfile::TempDir;

struct Place {
    folder: TempDir,
}

impl Place {
    /// A catalog with the same bars twice: `packed` and `raw`.
    fn new(assets: u32, bars: u32) -> Self {
        let place = Self { folder: memory_folder() };
        let mut text = String::from("symbol,date,open,high,low,close,volume\n");
        for asset in 0..assets {
            for bar in 0..bars {
                let price = 10 + (asset * 7 + bar * 13) % 50;
                let date = date_of(bar);
                writeln!(text, "A{asset:04},{date},{price},{price}.5,{price},{price}.25,{bar}")
                    .expect("room for a row");
            }
        }
        fs::write(place.folder.path().join("bars.csv"), text).expect("a file");
        for (name, how) in [("packed", "auto"), ("raw", "none")] {
            let made = place.run(&["ingest", name, "bars.csv", "--compression", how]);
            assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        }
        place
    }

    fn mounts(&self) -> PathBuf {
        self.folder.path().join("mounts")
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = barrow_at(&self.folder.path().join("root"));
        command.args(args).current_dir(self.folder.path()).env("BARROW_MOUNTS", self.mounts());
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().expect("the command runs")
    }

    fn start(&self, args: &[&str]) -> Child {
        let mut command = self.command(args);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the command starts")
    }

    /// What the command prints of all bars.
    fn rows(&self, bundle: &str, flags: &[&str]) -> Vec<u8> {
        let said = self.run(&[&["query", bundle, "--format", "csv"], flags].concat());
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
        said.stdout
    }

    /// The mounted files and whatever else lies beside them, but for the lock.
    fn left(&self) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(self.mounts()) else { return Vec::new() };
        let paths = entries.map(|entry| entry.expect("an entry").path());
        paths.filter(|path| !path.ends_with("LOCK")).collect()
    }
}

/// The day `count` days after the first of 2000, in a calendar of twelve months of 28 days.
fn date_of(count: u32) -> String {
    format!("{}-{:02}-{:02}", 2000 + count / 336, count / 28 % 12 + 1, count % 28 + 1)
}

#[test]
fn processes_that_ask_at_once_get_one_mount_built_once() {
    let place = Place::new(20, 500);
    let expected = place.rows("raw", &[]);
    let together = |args: &[&str]| -> (usize, Vec<Vec<u8>>) {
        let children: Vec<Child> = (0..8).map(|_| place.start(args)).collect();
        let (mut built, mut answers) = (0, Vec::new());
        for child in children {
            let said = child.wait_with_output().expect("it ends");
            assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
            built += String::from_utf8_lossy(&said.stderr).matches("mounting").count();
            answers.push(said.stdout);
        }
        (built, answers)
    };
    let (built, _) = together(&["-vv", "mount", "packed"]);
    assert_eq!(built, 1, "one builds, the others find it");
    let query = ["-vv", "query", "packed", "--mount", "--format", "csv"];
    let (built, answers) = together(&query);
    assert_eq!(built, 0, "it is there");
    assert!(answers.iter().all(|rows| *rows == expected), "a mount reads as the raw bundle");

    assert!(place.run(&["unmount", "packed"]).status.success());
    // Each may come after the ones before have gone, and taken the mount along.
    let (built, answers) = together(&query);
    assert!((1..=8).contains(&built), "{built} builds");
    assert!(answers.iter().all(|rows| *rows == expected));
    assert_eq!(place.left(), Vec::<PathBuf>::new(), "it went with the last one");
}

#[test]
fn a_mount_stays_until_it_is_unmounted() {
    let place = Place::new(3, 40);
    assert!(place.run(&["mount", "packed"]).status.success());
    let listed = place.run(&["mounts", "--json"]);
    let listed: serde_json::Value = serde_json::from_slice(&listed.stdout).expect("JSON");
    let [mount] = listed["mounts"].as_array().expect("a list").as_slice() else {
        panic!("{listed}");
    };
    assert_eq!((&mount["kept"], &mount["held"]), (&true.into(), &false.into()));
    let path = PathBuf::from(mount["path"].as_str().expect("a path"));
    let before = fs::metadata(&path).expect("the mount");
    assert_eq!(before.permissions().mode() & 0o777, 0o444);
    assert_eq!(place.rows("packed", &["--mount"]), place.rows("raw", &[]));
    assert_eq!(fs::metadata(&path).expect("the mount").ino(), before.ino());
    assert!(place.run(&["verify", path.to_str().expect("a path")]).status.success());

    let raw = place.run(&["mount", "raw"]);
    assert!(raw.status.success() && place.left().len() == 2, "one mount, and its mark");
    assert!(place.run(&["unmount", "packed"]).status.success());
    assert_eq!(place.left(), Vec::<PathBuf>::new());
    let again = place.run(&["unmount", "packed"]);
    assert!(String::from_utf8_lossy(&again.stderr).contains("`packed` is not mounted"));
}

#[test]
fn killed_builders_and_users_leave_nothing_broken() {
    let place = Place::new(40, 800);
    let expected = place.rows("raw", &[]);
    let mut random = rand_pcg::Pcg64::seed_from_u64(7);
    let mut killed = 0;
    for round in 0..30 {
        let mut children: Vec<Child> = (0..3)
            .map(|_| {
                place.start(&["query", "packed", "--mount", "--format", "csv", "--limit", "1"])
            })
            .collect();
        std::thread::sleep(Duration::from_millis(random.random_range(0..60)));
        for child in &mut children {
            child.kill().expect("a child can be killed");
            killed += usize::from(!child.wait().expect("it ended").success());
        }
        if round % 5 == 4 {
            assert!(place.rows("packed", &["--mount"]) == expected, "round {round}");
        }
    }
    assert!(killed > 0, "some were killed before they were done");
    assert!(place.rows("packed", &["--mount"]) == expected);
    assert!(place.run(&["mount", "packed"]).status.success());
    assert_eq!(place.left().len(), 2, "what the dead left is swept: {:?}", place.left());
}
