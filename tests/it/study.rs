//! Promise: a sweep with a study that is killed at any moment loses no trial that had ended, runs none of
//! them again, and ends as one that was never interrupted; several processes may share it.
//!
//! Method: the real command is killed with SIGKILL again and again at random moments, then run to its end;
//! what `study export` says is compared with that of one undisturbed run. `BARROW_KILLS` sets how often
//! (100 for the full promise, a few in the ordinary run).

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use barrow_engine::Stream;
use barrow_tests::barrow_at;

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    /// A catalog with a bundle of four assets and 1200 days each.
    fn new() -> Place {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut text = String::from("symbol,time,open,high,low,close,volume\n");
        for asset in 0..4_i64 {
            for day in 0..1200_i64 {
                let price = 1000 + (day * day * (3 + asset) + day * 37) % 211;
                let time = 1_262_304_000 + day * 86_400;
                writeln!(text, "S{asset},{time},{price},{price},{price},{price},1").expect("room");
            }
        }
        std::fs::write(folder.path().join("bars.csv"), text).expect("a file");
        let place = Place { folder };
        let made = place.command(&["ingest", "days", "bars.csv"]).output().expect("it runs");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        place
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = barrow_at(&self.path().join("root"));
        command.args(args).current_dir(self.path());
        command
    }

    /// A sweep of a strategy that is run tick by tick.
    fn sweep(&self, search: &str, study: &str) -> Command {
        let args = ["sweep", "days", "-s", "momentum", "-p", "lookback=2..200", "-p", "top=1..4"];
        let mut command = self.command(&args);
        command.args(["-p", "rebalance=1..40", "--search", search, "--trials", "240"]);
        command.args(["-j", "1", "--seed", "5", "--study", study]);
        command
    }

    fn export(&self, study: &str) -> String {
        let out = format!("{study}.csv");
        let done = self.command(&["study", "export", study, &out]).output().expect("it runs");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        std::fs::read_to_string(self.path().join(out)).expect("the export")
    }

    /// The trials of a study that have ended, by the first columns of their lines: which columns there are behind
    /// those depends on what has ended.
    fn ended(&self, study: &str) -> Vec<String> {
        let lines = self.export(study);
        let first = |line: &str| line.split(',').take(8).collect::<Vec<_>>().join(",");
        lines.lines().skip(1).filter(|line| !line.contains(",open,")).map(first).collect()
    }
}

fn kills() -> u64 {
    std::env::var("BARROW_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(6)
}

#[test]
fn killed_at_random_moments_a_study_ends_as_if_it_never_was() {
    let place = Place::new();
    for search in ["random", "tpe"] {
        let whole = format!("{search}-whole.study");
        let begun = Instant::now();
        assert!(place.sweep(search, &whole).output().expect("it runs").status.success());
        // Moments are drawn from as long as an undisturbed run takes on this machine.
        let moments = usize::try_from(begun.elapsed().as_micros()).expect("not for ages").max(1);
        let expected = place.export(&whole);
        let mut stream = Stream::new(11, [0, 0]);
        let mut interrupted = 0;
        for round in 0..kills() {
            let study = format!("{search}-{round}.study");
            let mut ended: Vec<String> = Vec::new();
            // Three kills a study, each at another moment.
            for _ in 0..3 {
                let mut child = place
                    .sweep(search, &study)
                    .stdout(Stdio::null())
                    .stderr(Stdio::null())
                    .spawn()
                    .expect("it runs");
                let wait = Duration::from_micros(stream.below(moments) as u64);
                std::thread::sleep(wait);
                interrupted += i32::from(child.try_wait().expect("it is ours").is_none());
                child.kill().expect("it is ours");
                child.wait().expect("it is ours");
                if place.path().join(&study).exists() {
                    let now = place.ended(&study);
                    assert_eq!(ended.iter().find(|line| !now.contains(line)), None, "{study}");
                    ended = now;
                }
            }
            assert!(place.sweep(search, &study).output().expect("it runs").status.success());
            assert_eq!(place.export(&study), expected, "{study}");
        }
        assert!(interrupted > 0, "no run was killed before its end");
    }
}

#[test]
fn processes_share_a_study() {
    let place = Place::new();
    assert!(place.sweep("random", "alone").output().expect("it runs").status.success());
    let children: Vec<_> = (0..3)
        .map(|_| place.sweep("random", "shared").stdout(Stdio::null()).spawn().expect("it runs"))
        .collect();
    for mut child in children {
        assert!(child.wait().expect("it is ours").success());
    }
    assert_eq!(place.export("shared"), place.export("alone"));
    let left = std::fs::read_dir(place.path()).expect("the folder");
    let marks = left.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    assert!(!marks.into_iter().any(|name| name.ends_with(".at-work")), "marks are removed");
}

#[test]
fn worker_processes_end_trials_as_threads_do_and_slow_ones_are_killed_one_by_one() {
    let place = Place::new();
    assert!(place.sweep("random", "threads").output().expect("it runs").status.success());
    let mut isolated = place.sweep("random", "processes");
    let done = isolated.args(["--isolate"]).output().expect("it runs");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(place.export("processes"), place.export("threads"));

    let mut hasty = place.sweep("random", "hasty");
    hasty.args(["--isolate", "--time-limit", "0.000001"]);
    hasty.output().expect("it runs");
    let export = place.export("hasty");
    let killed = export.lines().filter(|line| line.contains("its process was killed")).count();
    // One whose answer is there at once is not too slow, and how many those are is up to the machine.
    assert!(killed > 0, "{export}");
    assert!(!export.contains(",open,"), "the sweep went on to its end");
}

#[test]
fn a_torn_record_is_cut_off_and_that_is_said_unless_nothing_is_to_be() {
    let place = Place::new();
    let study = place.path().join("torn");
    let told = |extra: &[&str]| {
        let output = place.sweep("random", "torn").args(extra).output().expect("it runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stderr).expect("text")
    };
    let tear = || {
        let bytes = std::fs::read(&study).expect("the study");
        std::fs::write(&study, &bytes[..bytes.len() - 3]).expect("a shorter one");
    };
    assert!(!told(&[]).contains("torn record"));
    let whole = place.ended("torn");
    tear();
    let said = told(&[]);
    let warned = said.lines().filter(|line| line.starts_with("warning: cut off a torn record"));
    assert_eq!(warned.count(), 1, "{said}");
    assert_eq!(place.ended("torn"), whole);
    tear();
    assert!(!told(&["-q"]).contains("torn record"));
}
