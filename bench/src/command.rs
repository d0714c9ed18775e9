//! Rows over the `barrow` command as a user runs it: ingestion of CSV folders, and the demo.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::report::{Row, Unit};
use crate::sets::{DAY_NS, Set};
use crate::stopwatch::seconds;
use crate::storage::Bench;

/// The command that was built beside this program.
pub fn beside() -> Result<PathBuf> {
    let own = std::env::current_exe().context("find the program")?;
    let path = own.with_file_name(format!("barrow{}", std::env::consts::EXE_SUFFIX));
    ensure!(
        path.is_file(),
        "`{}` is missing: `cargo build --release --bin barrow` builds it",
        path.display()
    );
    Ok(path)
}

/// A finished process.
struct Finished {
    seconds: f64,
    /// Largest resident set, MiB, where the system tells it.
    peak_mib: Option<f64>,
    output: String,
}

/// Runs a command, watching its memory; its standard output goes to a file.
fn watch(command: &mut Command, output: &Path) -> Result<Finished> {
    let stdout = std::fs::File::create(output)?;
    let started = Instant::now();
    let mut child = command.stdin(Stdio::null()).stdout(stdout).stderr(Stdio::null()).spawn()?;
    let mut peak = None;
    let status = loop {
        // The peak only grows, so that its last reading is short of it by two milliseconds at most.
        peak = peak_mib(child.id()).or(peak);
        if let Some(status) = child.try_wait()? {
            break status;
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    let seconds = started.elapsed().as_secs_f64();
    let output = std::fs::read_to_string(output)?;
    ensure!(status.success(), "`{command:?}` ended with {status}: {output}");
    Ok(Finished { seconds, peak_mib: peak, output })
}

/// The largest resident set so far of a running process, from `/proc`.
fn peak_mib(process: u32) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kib / 1024.0)
}

/// CSV folders to published bundles. `sets` has the comparison script's output; without it, the folders
/// are made by this crate's generator.
pub fn ingest(bench: &Bench, sets: Option<&Path>) -> Result<Vec<Row>> {
    let barrow = beside()?;
    let mut rows = Vec::new();
    for (set, runs) in
        [(crate::sets::S, bench.runs), (crate::sets::M, bench.runs), (crate::sets::L, bench.runs)]
    {
        let folder = match sets {
            Some(sets) => sets.join(set.name).join("csv"),
            None => bench.work.join("csv").join(set.name),
        };
        if !folder.exists() {
            set.write_csv(&folder)?;
        }
        let (mut times, mut peaks) = (Vec::new(), Vec::new());
        for run in 0..=runs {
            let root = bench.work.join("ingest");
            let _ = std::fs::remove_dir_all(&root);
            let mut command = Command::new(&barrow);
            command.arg("--root").arg(&root).args(["ingest", set.name]).arg(&folder).arg("--json");
            let finished = watch(&mut command, &bench.work.join("ingest.json"))?;
            let answer: serde_json::Value = serde_json::from_str(&finished.output)?;
            ensure!(
                answer["rows"] == set.rows(),
                "all rows were ingested, found {}",
                answer["rows"]
            );
            if run > 0 {
                times.push(finished.seconds);
                peaks.extend(finished.peak_mib);
            }
        }
        let bar = (set.name != "S").then_some(1.5);
        let what = format!("CSV folder to published bundle, {} ({} files)", set.name, set.assets);
        let row = Row::of(&what, Unit::Seconds, &times, bar);
        rows.extend(row.map(|row| row.note("whole process, checked, hashed and flushed")));
        rows.extend(Row::of(
            &format!("its peak memory, {}", set.name),
            Unit::Mebibytes,
            &peaks,
            None,
        ));
        if set.name == "M" {
            rows.extend(appends(bench, set, &times)?);
        }
    }
    let _ = std::fs::remove_dir_all(bench.work.join("ingest"));
    Ok(rows)
}

/// Sessions appended by the command to what was ingested last, beside the seconds that its ingestions took.
fn appends(bench: &Bench, set: Set, ingestions: &[f64]) -> Result<Vec<Row>> {
    let barrow = beside()?;
    let (root, day) = (bench.work.join("ingest"), bench.work.join("day.csv"));
    let last = set.times().last().copied().context("the set has bars")?;
    let mut times = Vec::new();
    for run in 1..=i64::try_from(4 * bench.runs)? {
        set.write_session_csv(&day, last + run * DAY_NS)?;
        let mut command = Command::new(&barrow);
        command.arg("--root").arg(&root).args(["ingest", set.name]).arg(&day);
        // Watching its memory would disturb a process that takes a few milliseconds.
        let (time, output) = seconds(|| command.args(["--append", "--json"]).output());
        let answer: serde_json::Value = serde_json::from_slice(&output?.stdout)?;
        ensure!(answer["change"]["rows_added"] == set.assets, "one bar each, found {answer}");
        times.push(time);
    }
    std::fs::remove_file(day)?;
    let mut whole = ingestions.to_vec();
    whole.sort_by(f64::total_cmp);
    let whole = whole.get(whole.len() / 2).copied().context("ingestions")?;
    let ratios: Vec<f64> = times.iter().map(|time| time / whole).collect();
    let what = "`ingest M day.csv --append`, a bar of each asset";
    let rows = [
        Row::of(what, Unit::Milliseconds, &times, None),
        Row::of("the same against `ingest M`, of 3000 files", Unit::Ratio, &ratios, Some(0.02)),
    ];
    let note = "whole processes";
    Ok(rows.into_iter().flatten().map(|row| row.note(note)).collect())
}

/// The demo: wall-clock time and peak memory.
pub fn demo(bench: &Bench) -> Result<Vec<Row>> {
    let barrow = beside()?;
    let (mut times, mut peaks) = (Vec::new(), Vec::new());
    for run in 0..=bench.runs {
        let folder = bench.work.join("demo");
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder)?;
        let mut command = Command::new(&barrow);
        command.arg("--root").arg(folder.join("root")).arg("demo").current_dir(&folder);
        let finished = watch(&mut command, &bench.work.join("demo.txt"))?;
        if run > 0 {
            times.push(finished.seconds);
            peaks.extend(finished.peak_mib);
        }
    }
    let rows = [
        Row::of("demo", Unit::Seconds, &times, Some(10.0)),
        Row::of("its peak memory", Unit::Mebibytes, &peaks, Some(300.0)),
    ];
    Ok(rows.into_iter().flatten().collect())
}
