//! Rows over workers: how soon new ones are at work, and what a second one is worth.

use std::io::Read;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, ensure};
use barrow_engine::search::Ask;
use barrow_engine::{
    Backtest, Crew, Params, Portal, Space, Sweep, Terms, Threads, Workers, strategies, wire,
};
use barrow_store::{Lease, SeriesCache};

use crate::report::{Row, Unit};
use crate::sets::{S, Set};
use crate::stopwatch::seconds;
use crate::storage::Bench;

/// What a trial costs beside its bars shows where there are hardly any.
const EMPTY: Set = Set { name: "EMPTY", number: 8, assets: 50, bars: 2, minute: false };

/// All of them.
pub fn rows(bench: &Bench) -> Result<Vec<Row>> {
    let mut rows = threads(bench)?;
    rows.extend(processes(bench)?);
    rows.extend(second_worker(bench)?);
    Ok(rows)
}

/// New threads to the end of their first trial, beside bare threads that run the same trials.
fn threads(bench: &Bench) -> Result<Vec<Row>> {
    let (lease, cache) = (bench.lease(EMPTY)?, SeriesCache::default());
    let backtest = Backtest::with_cash(10_000.0);
    let portal = Portal::new(&lease, &cache, &backtest.scope)?;
    let factory = |params: &Params| strategies::build("sma-cross", params);
    let params = Params::parse(["fast=2", "slow=20"])?;
    let count = Workers::available();
    let asks: Vec<Ask> = (0..count as u64).map(|id| Ask::whole(id, &params)).collect();
    let mut ratios: [Vec<f64>; 2] = Default::default();
    for _ in 0..bench.runs * 20 {
        let (ours, workers) = seconds(|| -> Result<Workers> {
            let workers = Workers::new(count)?;
            let terms = Terms::default();
            Threads::new(&backtest, &portal, &factory, &workers, terms, None)
                .run(&asks, &|_| {})?;
            Ok(workers)
        });
        drop(workers?);
        let (bare, ended) = seconds(|| {
            std::thread::scope(|scope| {
                let one = |ask: &Ask| -> Result<f64, barrow_engine::Error> {
                    let mut strategy = factory(&ask.params)?;
                    Ok(backtest.run_on(&portal, strategy.as_mut())?.final_equity)
                };
                let started: Vec<_> =
                    asks.iter().map(|ask| scope.spawn(move || one(ask).is_ok())).collect();
                started.into_iter().all(|thread| thread.join().is_ok_and(|ran| ran))
            })
        });
        ensure!(ended, "all trials ran");
        let each = f64::from(u32::try_from(count)?);
        ratios[0].push(ours / each);
        ratios[1].push(bare / each);
    }
    let [ours, bare] = ratios;
    let us = Unit::Microseconds;
    let row = Row::of("a new worker thread, to its first trial", us, &ours, Some(50.0));
    let note = "one a core, started and a trial each, over their number";
    let mut rows: Vec<Row> = row.map(|row| row.note(note)).into_iter().collect();
    let row = Row::of("a bare thread of the system, to the same trial", us, &bare, None);
    rows.extend(row.map(|row| row.note("what the row above is to be compared with")));
    Ok(rows)
}

/// A new process until it has mapped the bundle, beside a process that does nothing.
fn processes(bench: &Bench) -> Result<Vec<Row>> {
    let barrow = crate::command::beside()?;
    let lease = bench.lease(S)?;
    let orders = serde_json::json!({
        "root": std::path::absolute(bench.catalog().root())?, "bundle": lease.name(), "version": lease.version().to_string(),
        "strategy": "sma-cross", "cash": 10_000.0, "commission": "none", "slippage": "none",
        "seed": 0, "search_seed": 0, "part": "spread", "stretches": [[0, i64::MAX]], "assets": null,
        "memory_max": null,
    })
    .to_string();
    let mut ask = Vec::new();
    wire::put_ask(&mut ask, &Ask::whole(0, &Params::new()));
    let count = Workers::available();
    let (mut each, mut ready, mut first, mut bare) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..bench.runs * 5 {
        // As a sweep starts them: all at once.
        let (time, started) = seconds(|| -> Result<Vec<Started>> {
            let mut started: Vec<Started> =
                (0..count).map(|_| Started::new(&barrow, &orders)).collect::<Result<_>>()?;
            started.iter_mut().try_for_each(Started::wait)?;
            Ok(started)
        });
        started?.into_iter().try_for_each(Started::end)?;
        each.push(time / f64::from(u32::try_from(count)?));

        let began = std::time::Instant::now();
        let mut alone = Started::new(&barrow, &orders)?;
        alone.wait()?;
        ready.push(began.elapsed().as_secs_f64());
        wire::write_frame(&mut alone.input, &ask)?;
        ensure!(wire::read_frame(&mut alone.output)?.is_some(), "a trial ended");
        first.push(began.elapsed().as_secs_f64());
        alone.end()?;

        let began = std::time::Instant::now();
        let mut child = Command::new(&barrow).arg("--version").stdout(Stdio::piped()).spawn()?;
        let mut text = String::new();
        child.stdout.take().context("a pipe")?.read_to_string(&mut text)?;
        bare.push(began.elapsed().as_secs_f64());
        child.wait()?;
    }
    let ms = Unit::Milliseconds;
    let mut rows: Vec<Row> = Vec::new();
    let row = Row::of("a new worker process, to its mapped bundle", ms, &each, Some(1.0));
    let note = "one a core, started at once and mapped, over their number";
    rows.extend(row.map(|row| row.note(note)));
    rows.extend(Row::of("... one alone", ms, &ready, None));
    rows.extend(Row::of("... to the end of its first trial, sma-cross over S", ms, &first, None));
    let row = Row::of("`barrow --version`, to its answer", ms, &bare, None);
    rows.extend(row.map(|row| row.note("what starting the program costs by itself")));
    Ok(rows)
}

/// A worker process that was told what to do.
struct Started {
    child: Child,
    input: ChildStdin,
    output: ChildStdout,
}

impl Started {
    fn new(program: &Path, orders: &str) -> Result<Started> {
        let mut command = Command::new(program);
        command.arg("worker-process").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let mut input = child.stdin.take().context("a pipe")?;
        let output = child.stdout.take().context("a pipe")?;
        wire::write_frame(&mut input, orders.as_bytes())?;
        Ok(Started { child, input, output })
    }

    /// Until it has mapped the bundle.
    fn wait(&mut self) -> Result<()> {
        ensure!(wire::read_frame(&mut self.output)?.is_some_and(|frame| frame.is_empty()), "ready");
        Ok(())
    }

    fn end(mut self) -> Result<()> {
        drop(self.input);
        self.child.wait()?;
        Ok(())
    }
}

/// The time of two workers over that of one, in turn; and their instructions, where Valgrind is there to
/// count them.
fn second_worker(bench: &Bench) -> Result<Vec<Row>> {
    let lease = bench.lease(S)?;
    let space = Space::parse(SPACE)?;
    let workers = [Workers::new(1)?, Workers::new(2)?];
    let mut ratios = Vec::new();
    for _ in 0..bench.runs {
        let one = sweep(&lease, &space, &workers[0])?;
        let two = sweep(&lease, &space, &workers[1])?;
        ratios.push(two / one);
    }
    let what = "2 workers over 1, 12,000 points over S: time";
    let mut rows: Vec<Row> =
        Row::of(what, Unit::Ratio, &ratios, Some(1.0 / 1.85)).into_iter().collect();
    if let (Some(one), Some(two)) = (instructions(bench, "1")?, instructions(bench, "2")?) {
        let what = "2 workers over 1, 12,000 points over S: instructions";
        let row = Row::of(what, Unit::Ratio, &[two / one], Some(1.02));
        rows.extend(row.map(|row| row.note("of the whole command, counted by Valgrind")));
    }
    Ok(rows)
}

const SPACE: [&str; 3] = ["fast=2..41", "slow=42..141", "shares=1..3"];

/// Instructions of a sweep by the command; `None` without Valgrind.
fn instructions(bench: &Bench, workers: &str) -> Result<Option<f64>> {
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    command.arg(crate::command::beside()?).arg("--root").arg(bench.catalog().root());
    command.args(["sweep", S.name, "-s", "sma-cross", "--json", "-j", workers]);
    command.args(SPACE.iter().flat_map(|axis| ["-p", axis]));
    let Ok(done) = command.output() else { return Ok(None) };
    let said = String::from_utf8_lossy(&done.stderr);
    ensure!(done.status.success(), "the sweep failed: {said}");
    let count = said.lines().find_map(|line| line.split("Collected : ").nth(1));
    Ok(count.and_then(|count| count.trim().parse().ok()))
}

fn sweep(lease: &Lease, space: &Space, workers: &Workers) -> Result<f64> {
    let sweep = Sweep::new(Backtest::with_cash(10_000_000.0), "sharpe".parse()?);
    let (time, report) =
        seconds(|| sweep.run(lease, "sma-cross", space, &SeriesCache::default(), workers));
    ensure!(report?.trials.len() as u64 == space.len(), "all points ran");
    Ok(time)
}
