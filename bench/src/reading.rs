//! Rows over ways to read: compressed columns at first touch and cached, whole columns, and the memory of many processes.

use std::hint::black_box;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::{fs, io};

use anyhow::{Context, Result, ensure};
use barrow_format::Compression;
use barrow_store::{BundlePool, Catalog, DecodedCache, Lease, Mounts, OpenOptions};

use crate::report::{Row, Unit};
use crate::sets::{M, Set};
use crate::stopwatch::{sample_calls, seconds};
use crate::storage::Bench;

/// Processes that open and scan one bundle at once.
const PROCESSES: usize = 8;

/// Leases a generated set with compressed columns, which is made and published when it is not there.
pub(crate) fn compressed(bench: &Bench, set: Set) -> Result<Lease> {
    let (catalog, name) = (bench.catalog(), format!("{}-auto", set.name));
    if let Ok(lease) = catalog.lease(&name) {
        return Ok(lease);
    }
    let staging = catalog.stage(&name)?;
    let written = set.write_as(&set.times(), &set.all(), staging.sink(), Compression::Auto)?;
    staging.publish(written)?;
    Ok(catalog.lease(&name)?)
}

/// One asset's closes of a compressed bundle: the first touch, and again.
pub fn touch(bench: &Bench) -> Result<Vec<Row>> {
    drop(compressed(bench, M)?);
    let lease = || -> Result<Lease> { Ok(bench.catalog().lease("M-auto")?) };
    let close = |lease: &Lease, ordinal: u32| -> Result<f64> {
        let bars = lease.bars(lease.asset_at(ordinal)?);
        bars.f64("close")?.last().copied().context("M has bars")
    };
    let assets = u32::try_from(M.assets)?;
    let mut first = Vec::new();
    for run in 0..u32::try_from(bench.runs * 40)? {
        DecodedCache::global().clear();
        let lease = lease()?;
        let (took, value) = seconds(|| close(&lease, run * 7 % assets));
        ensure!(value? > 0.0, "a close is a price");
        // The pages of the file come with the first round.
        if run >= 10 {
            first.push(took);
        }
    }
    let lease = lease()?;
    close(&lease, 7)?;
    let pinned = sample_calls(bench.runs, 100_000, |_| {
        let _ = black_box(close(black_box(&lease), 7));
    });
    let held = sample_calls(bench.runs, 20_000, |_| {
        if let Ok(lease) = bench.catalog().lease("M-auto") {
            let _ = black_box(close(&lease, 7));
        }
    });
    let ns = Unit::Nanoseconds;
    let rows = [
        Row::of(
            "closes of one asset, compressed M: first touch",
            Unit::Microseconds,
            &first,
            Some(150.0),
        ),
        Row::of("the same again, by the same lease", ns, &pinned, Some(200.0)),
        Row::of("the same again, by a new lease each time", ns, &held, None),
    ];
    Ok(rows.into_iter().flatten().collect())
}

/// Decoding a whole column by all processors.
pub fn column(bench: &Bench) -> Result<Vec<Row>> {
    drop(compressed(bench, M)?);
    let processors = std::thread::available_parallelism()?.get();
    let bytes = f64::from(u32::try_from(M.assets * M.bars * 8)?);
    let mut rates = Vec::new();
    for run in 0..=bench.runs {
        DecodedCache::global().clear();
        let lease = BundlePool::new(0).lease(&bench.catalog(), "M-auto")?;
        let (took, len) = seconds(|| lease.f64("close").map(<[f64]>::len));
        ensure!(len? == M.assets * M.bars, "a whole column");
        if run > 0 {
            rates.push(bytes / 1e9 / took / f64::from(u32::try_from(processors)?));
        }
    }
    let per_core = "whole column `close`, compressed M, decoded by all processors, a core";
    let row = Row::of(per_core, Unit::GigabytesPerSecond, &rates, None);
    Ok(row.into_iter().collect())
}

/// What a child of [`memory`] does: opens the bundle as `how` says, scans every column, says so, and waits until its
/// standard input ends, so that all are there at once.
#[expect(clippy::print_stdout, reason = "the parent reads it")]
pub fn scan_once(root: &Path, bundle: &str, how: &str) -> Result<()> {
    let options = OpenOptions { mode: how.parse()?, ..OpenOptions::default() };
    let lease = Catalog::at(root).lease_with(bundle, &options)?;
    let mut sum = 0.0;
    for name in ["open", "high", "low", "close", "volume"] {
        sum += lease.f64(name)?.iter().sum::<f64>();
    }
    println!("{sum}");
    io::copy(&mut io::stdin(), &mut io::sink())?;
    Ok(())
}

/// A process's proportional share of memory, in KiB: pages that several processes map count for each in part.
fn pss_of(process: u32) -> Result<u32> {
    let text = fs::read_to_string(format!("/proc/{process}/smaps_rollup"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:")).context("a line `Pss`")?;
    let number = line.split_whitespace().next().context("a number")?;
    Ok(number.parse()?)
}

/// The memory of eight processes that have opened and scanned M: raw, and compressed but mounted.
pub fn memory(bench: &Bench) -> Result<Vec<Row>> {
    let raw = bench.lease(M)?;
    let packed = compressed(bench, M)?;
    let folder = std::path::absolute(bench.work.join("mounts"))?;
    let kept = Mounts::at(&folder).keep(&packed)?;
    let mut rows = Vec::new();
    for (what, bundle, how, bytes) in
        [("raw", "M", "map", raw.bytes()), ("compressed, mounted", "M-auto", "mount", kept.bytes)]
    {
        let one_mib = f64::from(u32::try_from(bytes >> 10)?) / 1024.0;
        let mut totals = Vec::new();
        for _ in 0..bench.runs.min(5) {
            totals.push(together(bench, bundle, how, &folder)?);
        }
        let eight = f64::from(u32::try_from(PROCESSES)?);
        let name = format!("{PROCESSES} processes that scanned M, {what}: sum of PSS");
        let row = Row::of(&name, Unit::Mebibytes, &totals, Some(one_mib + 5.0 * eight));
        let note = format!("one copy is {one_mib:.0} MiB");
        rows.extend(row.map(|row| row.note(&note)));
    }
    Mounts::at(&folder).unmount(packed.version())?;
    Ok(rows)
}

/// Runs the processes at once; returns the sum of their shares of memory, in MiB, when all have scanned.
fn together(bench: &Bench, bundle: &str, how: &str, folder: &Path) -> Result<f64> {
    let own = std::env::current_exe().context("find the program")?;
    let root = bench.catalog().root().to_owned();
    let start = || -> Result<Child> {
        let mut command = Command::new(&own);
        command.arg("scan-once").arg(&root).args([bundle, how]).env("BARROW_MOUNTS", folder);
        Ok(command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?)
    };
    let mut children = (0..PROCESSES).map(|_| start()).collect::<Result<Vec<_>>>()?;
    for child in &mut children {
        // The first line is there when the scan is done.
        let mut line = String::new();
        let output = child.stdout.as_mut().context("its output")?;
        io::BufRead::read_line(&mut io::BufReader::with_capacity(1, output), &mut line)?;
        ensure!(line.ends_with('\n'), "a child failed");
    }
    let mut total_kib = 0;
    for child in &children {
        total_kib += pss_of(child.id())?;
    }
    for child in &mut children {
        drop(child.stdin.take());
        child.wait()?;
    }
    Ok(f64::from(total_kib) / 1024.0)
}
