//! Promise: trials run in processes end as those on threads do; a trial that takes too long or too much memory
//! fails alone; Ctrl-C ends the command between two trials and keeps what ended; no worker process
//! outlives the command, however that ends and whatever the worker is at.
//!
//! Method: the real command over a made-up bundle, signals sent by the shell, processes looked up in `/proc`;
//! a worker process that is spoken to by the test itself and stops reading and writing.

use std::fmt::Write as _;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use barrow_engine::search::Ask;
use barrow_engine::{Params, wire};
use barrow_tests::barrow_at;
use serde_json::Value;

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    /// A catalog with a bundle of so many assets and days each.
    fn new(assets: i64, days: i64) -> Place {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut text = String::from("symbol,time,open,high,low,close,volume\n");
        for asset in 0..assets {
            for day in 0..days {
                let price = 1000 + (day * day % 9973 * (3 + asset) + day * 37) % 211;
                let time = 1_000_000_000 + day * 86_400;
                writeln!(text, "S{asset},{time},{price},{price},{price},{price},1").expect("room");
            }
        }
        std::fs::write(folder.path().join("bars.csv"), text).expect("a file");
        let place = Place { folder };
        let made = place.run(&["ingest", "days", "bars.csv"]);
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

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().expect("it runs")
    }

    fn json(&self, args: &[&str]) -> Value {
        let done = self.run(&[args, &["--json"]].concat());
        assert!(!done.stdout.is_empty(), "{}", String::from_utf8_lossy(&done.stderr));
        serde_json::from_slice(&done.stdout).expect("JSON")
    }
}

const SWEEP: [&str; 10] =
    ["sweep", "days", "-s", "momentum", "-p", "lookback=2..99", "-p", "top=1..3", "-j", "2"];

const WALK: [&str; 10] =
    ["walk-forward", "days", "-s", "momentum", "-p", "lookback=2..99", "-p", "top=1..3", "-j", "2"];

/// Waits until something is so; a minute is for ever.
#[track_caller]
fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_mins(1), "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn signal(name: &str, process: u32) {
    let sent = Command::new("sh").args(["-c", &format!("kill -{name} {process}")]).status();
    assert!(sent.expect("a shell").success());
}

/// A number of `/proc/PROCESS/status`; `None` once the process is gone.
fn status_of(process: u32, name: &str) -> Option<String> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    Some(line.trim().to_owned())
}

/// Waits until Ctrl-C would be caught.
fn wait_for_handler(child: &Child) {
    wait_until("a handler is set", || {
        let caught = status_of(child.id(), "SigCgt").expect("it runs");
        u64::from_str_radix(&caught, 16).expect("a mask") & (1 << 1) != 0
    });
}

fn children(process: u32) -> Vec<u32> {
    let mut found = Vec::new();
    for thread in std::fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten()
    {
        let children = std::fs::read_to_string(thread.path().join("children")).unwrap_or_default();
        found.extend(children.split_whitespace().filter_map(|id| id.parse::<u32>().ok()));
    }
    found
}

fn is_gone(process: u32) -> bool {
    status_of(process, "State").is_none_or(|state| state.starts_with('Z'))
}

fn finished(mut child: Child) -> (Option<i32>, String, String) {
    let (mut out, mut err) = (String::new(), String::new());
    child.stdout.take().expect("a pipe").read_to_string(&mut out).expect("text");
    child.stderr.take().expect("a pipe").read_to_string(&mut err).expect("text");
    (child.wait().expect("it is ours").code(), out, err)
}

fn spawn(mut command: Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs")
}

#[test]
fn folds_in_processes_are_those_on_threads() {
    let place = Place::new(4, 400);
    let walk = ["--train", "150", "--validate", "50", "--test", "100"];
    let validate = ["--groups", "4", "--holding", "3"];
    let momentum = ["days", "-s", "momentum", "-p", "lookback=2..99", "-p", "top=1..3", "-j", "2"];
    let random = ["--search", "random", "--trials", "12"];
    let budgets = ["--search", "bohb:min=1/4,eta=2", "--cost", "9"];
    for (command, cut, folds) in
        [("walk-forward", &walk[..], "folds"), ("cross-validate", &validate[..], "splits")]
    {
        let part = |part: &'static str| [&budgets[..], &["--part", part]].concat();
        for search in [random.to_vec(), part("spread"), part("first"), part("assets")] {
            let args = [&[command], &momentum[..], cut, &search].concat();
            let mut threads = place.json(&args);
            let mut processes = place.json(&[&args[..], &["--isolate"]].concat());
            assert!(threads[folds].as_array().expect("folds").len() > 1);
            for report in [&mut threads, &mut processes] {
                report["elapsed_seconds"].take();
            }
            assert_eq!(threads, processes, "{args:?}");
        }
    }
}

#[test]
fn trials_that_take_too_long_fail_and_are_told() {
    let place = Place::new(3, 400);
    let found = place.json(&[&SWEEP[..], &["--time-limit", "0.000001"]].concat());
    assert_eq!(found["trials"].as_array().expect("trials").len(), 0);
    let failed = found["failed"].as_array().expect("failed trials");
    assert_eq!(failed.len(), 294);
    assert!(failed[0]["error"].as_str().expect("why").contains("longer than"), "{}", failed[0]);
    assert!(failed[0]["params"]["lookback"].is_u64());
    let unlimited = place.json(&SWEEP);
    let limited = place.json(&[&SWEEP[..], &["--time-limit", "600"]].concat());
    assert_eq!(limited["trials"], unlimited["trials"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_process_that_wants_too_much_memory_fails_its_trial() {
    let place = Place::new(4, 50_000);
    let sweep = ["sweep", "days", "-s", "mean-reversion", "-p", "lookback=20,30,40", "--isolate"];
    let sweep = [&sweep[..], &["-j", "1", "--memory-limit"]].concat();
    let enough = place.json(&[&sweep[..], &["2000"]].concat());
    assert_eq!(enough["trials"].as_array().expect("trials").len(), 3);
    let little = place.json(&[&sweep[..], &["8"]].concat());
    // Derived series add up from trial to trial, so one may fit in where another did not.
    let failed = little["failed"].as_array().expect("failed trials");
    let ended = little["trials"].as_array().expect("trials").len();
    assert!(!failed.is_empty() && failed.len() + ended == 3, "{little}");
    assert!(
        failed[0]["error"].as_str().expect("why").contains("its process ended"),
        "{}",
        failed[0]
    );
}

#[cfg(target_os = "linux")]
#[test]
fn ctrl_c_ends_a_sweep_and_keeps_what_ended() {
    let place = Place::new(4, 3000);
    let many =
        ["-p", "rebalance=1..200", "--search", "random", "--trials", "50000", "--study", "x"];
    let many = [&many[..], &["--round", "8"]].concat();
    for isolate in [&["--quiet"][..], &["--isolate"]] {
        let child = spawn(place.command(&[&SWEEP[..], &many, isolate].concat()));
        wait_for_handler(&child);
        let study = place.path().join("x");
        let before = std::fs::metadata(&study).map_or(0, |file| file.len());
        // Eight asks, their ends, and again.
        wait_until("trials end", || {
            std::fs::metadata(&study).map_or(0, |file| file.len()) > before + 20_000
        });
        signal("INT", child.id());
        let (code, out, err) = finished(child);
        assert_eq!(code, Some(2), "{err}");
        assert!(err.contains("the same command goes on"), "{err}");
        assert!(!out.contains("momentum 0 trials"), "what ended is shown: {out}");
        let shown = place.json(&["study", "show", "x"]);
        let ran = shown["ran"].as_u64().expect("a count");
        assert!(ran > 0 && ran < 50_000, "{shown}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn ctrl_c_ends_a_walk_forward_between_two_trials() {
    let place = Place::new(4, 3000);
    let many = ["-p", "rebalance=1..200", "--search", "random", "--trials", "5000"];
    let folds = ["--train", "1000", "--test", "20"];
    for isolate in [&["--quiet"][..], &["--isolate"]] {
        let child = spawn(place.command(&[&WALK[..], &many, &folds, isolate].concat()));
        wait_for_handler(&child);
        signal("INT", child.id());
        let (code, _, err) = finished(child);
        assert_eq!(code, Some(2), "{err}");
        assert!(err.contains("of 100 folds were run"), "{err}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn no_worker_outlives_a_command_that_is_killed() {
    let place = Place::new(4, 3000);
    let many = ["-p", "rebalance=1..200", "--search", "random", "--trials", "50000", "--isolate"];
    let mut child = place.command(&[&SWEEP[..], &many].concat());
    let mut child = child.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it runs");
    let mut workers = Vec::new();
    wait_until("two workers run", || {
        workers = children(child.id());
        workers.len() == 2
    });
    child.kill().expect("it is ours");
    child.wait().expect("it is ours");
    wait_until("workers end", || workers.iter().all(|worker| is_gone(*worker)));
}

/// Nobody reads its answers, so that it waits for room in the pipe for ever: its stuck end is for the pipe that
/// is closed to bring.
#[test]
fn a_stuck_worker_ends_when_its_pipe_is_closed() {
    let place = Place::new(2, 50);
    let version = place.json(&["inspect", "days"])["version"].clone();
    let mut worker = place.command(&["worker-process"]);
    let mut worker = worker.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it runs");
    let (mut input, mut output) = (worker.stdin.take().expect("a pipe"), worker.stdout.take());
    let orders = serde_json::json!({
        "root": place.path().join("root"), "bundle": "days", "version": version,
        "strategy": "sma-cross", "cash": 10_000.0, "commission": "none", "slippage": "none",
        "seed": 0, "search_seed": 0, "part": "spread", "stretches": [[0, i64::MAX]], "assets": null,
        "memory_max": null,
    });
    wire::write_frame(&mut input, orders.to_string().as_bytes()).expect("it reads");
    let output = output.as_mut().expect("a pipe");
    assert_eq!(wire::read_frame(output).expect("an answer"), Some(Vec::new()), "it is ready");
    let mut ask = Vec::new();
    wire::put_ask(&mut ask, &Ask::whole(7, &Params::new()));
    wire::write_frame(&mut input, &ask).expect("it reads");
    let answer = wire::read_frame(output).expect("an answer").expect("a frame");
    assert_eq!(wire::read_end(&answer).expect("an end").0, 7);
    for _ in 0..(1 << 20) / answer.len() {
        wire::write_frame(&mut input, &ask).expect("it reads");
    }
    assert!(worker.try_wait().expect("it is ours").is_none(), "it is stuck");
    drop(input);
    wait_until("it ends", || worker.try_wait().expect("it is ours").is_some());
}
