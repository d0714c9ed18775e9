//! Rows over bundles: opening, pool, slices, windows, cross-sections, scans, writing, verifying.

use std::fs::{self, File};
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use barrow_format::{Bundle, SectionKind, Values};
use barrow_store::{BundlePool, Catalog, FileSink, Lease};
use memmap2::Mmap;

use crate::report::{Row, Unit};
use crate::sets::{L, M, MANY, S, Set};
use crate::stopwatch::{Summary, sample, sample_calls, seconds};

/// Where measurements keep their bundles.
#[derive(Debug, Clone)]
pub struct Bench {
    /// Folder for everything that is made.
    pub work: PathBuf,
    /// Samples of each row.
    pub runs: usize,
}

impl Bench {
    /// The catalog with the generated sets.
    pub fn catalog(&self) -> Catalog {
        Catalog::at(self.work.join("catalog"))
    }

    /// Leases a generated set, which is made and published when it is not there.
    pub fn lease(&self, set: Set) -> Result<Lease> {
        let catalog = self.catalog();
        if let Ok(lease) = catalog.lease(set.name) {
            return Ok(lease);
        }
        let staging = catalog.stage(set.name)?;
        let written = set.write(&set.times(), &set.all(), staging.sink())?;
        staging.publish(written)?;
        Ok(catalog.lease(set.name)?)
    }
}

/// Opens the bundle at `path` and returns the nanoseconds to its first close: what the child process of
/// [`open`] runs.
pub fn open_once(path: &Path) -> Result<u128> {
    let started = std::time::Instant::now();
    let lease = BundlePool::global().lease_file(path)?;
    let first = lease.bars(lease.asset("A00000")?).close().first().copied();
    let elapsed = started.elapsed().as_nanos();
    ensure!(first.is_some_and(|close| close > 0.0), "the first close is a price");
    Ok(elapsed)
}

/// Open to first close value in a fresh process, page cache warm.
pub fn open(bench: &Bench) -> Result<Vec<Row>> {
    let own = std::env::current_exe().context("find the program")?;
    let mut rows = Vec::new();
    let mut medians = Vec::new();
    for set in [S, M, L, MANY] {
        let path = bench.lease(set)?.path().to_path_buf();
        let mut samples = Vec::new();
        for run in 0..=bench.runs * 4 {
            let output = Command::new(&own).arg("open-once").arg(&path).output()?;
            ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            let nanos: f64 = String::from_utf8_lossy(&output.stdout).trim().parse()?;
            if run > 0 {
                samples.push(nanos * 1e-9);
            }
        }
        let what =
            format!("open to first close, fresh process: {} ({} assets)", set.name, set.assets);
        let bar = matches!(set.name, "M" | "L").then_some(100.0);
        medians.extend(Summary::of(&samples).map(|summary| summary.median));
        rows.extend(Row::of(&what, Unit::Microseconds, &samples, bar));
    }
    if let [small, _, _, many] = medians[..] {
        let what = "open: 50,000 assets against 50";
        rows.extend(Row::of(what, Unit::Ratio, &[many / small], Some(1.5)));
    }
    Ok(rows)
}

/// A lease from the pool, its check for a newer version, and its return.
pub fn pool(bench: &Bench) -> Result<Vec<Row>> {
    drop(bench.lease(S)?);
    let catalog = bench.catalog();
    let pool = BundlePool::global();
    let hits = 200_000;
    let one = |_: u32| {
        let _ = black_box(pool.lease(black_box(&catalog), black_box("S")));
    };
    let single = sample_calls(bench.runs, hits, one);
    let double = sample(bench.runs, || {
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| (0..hits).for_each(one));
            }
        });
    });
    let double: Vec<f64> = double.iter().map(|total| total / f64::from(hits)).collect();
    let note = "a hit on each of two threads at once; per hit of one thread";
    let rows = [
        Row::of("pool hit with version check, 1 thread", Unit::Nanoseconds, &single, Some(100.0)),
        Row::of("pool hit with version check, 2 threads", Unit::Nanoseconds, &double, Some(100.0))
            .map(|row| row.note(note)),
    ];
    Ok(rows.into_iter().flatten().collect())
}

/// Symbol to five slices, a window by two times, a cross-section.
pub fn slices(bench: &Bench) -> Result<Vec<Row>> {
    let lease = bench.lease(M)?;
    let symbols: Vec<String> = (0..M.assets).map(|i| M.symbol(i * 7 % M.assets)).collect();
    let assets = symbols.iter().map(|s| lease.asset(s)).collect::<Result<Vec<_>, _>>()?;
    let places: Vec<usize> = (0..3000).map(|i| i * 811 % (M.bars - 60)).collect();
    let times = lease.calendar();
    let place = |call: u32| usize::try_from(call).unwrap_or_default() % M.assets;

    let five = sample_calls(bench.runs, 300_000, |call| {
        if let Ok(asset) = lease.asset(black_box(&symbols[place(call)])) {
            let bars = lease.bars(asset);
            black_box((bars.open(), bars.high(), bars.low(), bars.close(), bars.volume()));
        }
    });
    let window = sample_calls(bench.runs, 300_000, |call| {
        let (i, start) = (place(call), places[place(call)]);
        let range = black_box(times[start])..black_box(times[start + 60]);
        black_box(lease.bars(assets[i]).between(range).close());
    });
    let named = sample_calls(bench.runs, 300_000, |call| {
        let (i, start) = (place(call), places[place(call)]);
        let range = black_box(times[start])..black_box(times[start + 60]);
        if let Ok(asset) = lease.asset(black_box(&symbols[i])) {
            black_box(lease.bars(asset).between(range).close());
        }
    });
    let mut section = vec![0.0; M.assets];
    let cross = sample_calls(bench.runs, 500, |call| {
        let time = times[places[place(call)]];
        let _ = black_box(lease.cross_section_into("close", black_box(time), &mut section));
    });
    let ns = Unit::Nanoseconds;
    let rows = [
        Row::of("symbol to five column slices, M", ns, &five, Some(150.0)),
        Row::of("60-bar window by two times, one column, M", ns, &window, Some(150.0)),
        Row::of("the same, from the symbol", ns, &named, None),
        Row::of(
            "close of all 3000 assets at one session, M",
            Unit::Microseconds,
            &cross,
            Some(100.0),
        ),
    ];
    Ok(rows.into_iter().flatten().collect())
}

/// The sum of `close x volume`, as anyone would write it over two slices: four sums side by side, so that
/// additions need not wait for each other.
fn turnover(close: &[f64], volume: &[f64]) -> f64 {
    let mut sums = [0.0; 8];
    let (closes, volumes) = (close.chunks_exact(8), volume.chunks_exact(8));
    let rest: f64 = closes.remainder().iter().zip(volumes.remainder()).map(|(c, v)| c * v).sum();
    for (c, v) in closes.zip(volumes) {
        for lane in 0..8 {
            sums[lane] += c[lane] * v[lane];
        }
    }
    sums.iter().sum::<f64>() + rest
}

/// [`turnover`] of two halves on two threads.
fn turnover_of_two(close: &[f64], volume: &[f64]) -> f64 {
    let half = close.len() / 2;
    std::thread::scope(|scope| {
        let first = scope.spawn(|| turnover(&close[..half], &volume[..half]));
        let second = turnover(&close[half..], &volume[half..]);
        first.join().unwrap_or(f64::NAN) + second
    })
}

/// Maps a bundle's file with nothing of the store, for the hand-written loop.
#[expect(unsafe_code, reason = "the loop that the store is compared with maps the file itself")]
fn map_by_hand(path: &Path) -> Result<Mmap> {
    let file = File::open(path).with_context(|| format!("open `{}`", path.display()))?;
    // SAFETY: the file is a published part: read-only, never written again, and this process made it.
    Ok(unsafe { Mmap::map(&file)? })
}

/// Scan of two columns against a hand-written loop over the same file.
pub fn scan(bench: &Bench) -> Result<Vec<Row>> {
    let lease = bench.lease(M)?;
    let map = map_by_hand(lease.path())?;
    let bundle = Bundle::open(&map[..])?;
    let floats = |name: &str| -> Result<&[f64]> {
        let index = bundle.schema().column_index(name).context("a column of daily bars")?;
        match bundle.column(index)? {
            Values::F64(values) => Ok(values),
            _ => anyhow::bail!("`{name}` is not f64"),
        }
    };
    let (close, volume) = (floats("close")?, floats("volume")?);
    let runs = bench.runs * 4;
    let by_hand = || turnover_of_two(black_box(close), black_box(volume));
    let whole =
        || -> Result<f64> { Ok(turnover_of_two(lease.f64("close")?, lease.f64("volume")?)) };
    let by_asset = || -> Result<f64> {
        let half = lease.asset_count() / 2;
        let part = |range: std::ops::Range<u32>| -> Result<f64> {
            let mut sum = 0.0;
            for ordinal in range {
                let bars = lease.bars(lease.asset_at(ordinal)?);
                sum += turnover(bars.close(), bars.volume());
            }
            Ok(sum)
        };
        std::thread::scope(|scope| {
            let first = scope.spawn(|| part(0..half));
            let second = part(half..lease.asset_count())?;
            Ok(first.join().unwrap_or(Ok(f64::NAN))? + second)
        })
    };
    ensure!((whole()? / by_hand() - 1.0).abs() < 1e-12, "both loops give one sum");
    // In turns, each first as often as the others, so that a busy moment strikes all three.
    let (mut hand, mut column, mut asset) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..runs {
        for turn in 0..3 {
            match (round + turn) % 3 {
                0 => hand.push(seconds(by_hand).0),
                1 => column.push(seconds(whole).0),
                _ => asset.push(seconds(by_asset).0),
            }
        }
    }
    let ratio = |samples: &[f64]| -> Vec<f64> {
        samples.iter().zip(&hand).map(|(ours, theirs)| ours / theirs).collect()
    };
    let ms = Unit::Milliseconds;
    let rows = [
        Row::of("sum(close x volume), M, 2 threads: whole columns of a lease", ms, &column, None),
        Row::of("the same, asset by asset through bars()", ms, &asset, None),
        Row::of("the same, hand-written loop over its own map", ms, &hand, None),
        Row::of(
            "whole columns against the hand-written loop",
            Unit::Ratio,
            &ratio(&column),
            Some(1.2),
        ),
        Row::of(
            "asset by asset against the hand-written loop",
            Unit::Ratio,
            &ratio(&asset),
            Some(1.2),
        ),
    ];
    Ok(rows.into_iter().flatten().collect())
}

/// Writing M from arrays in memory, hashed; the flush to the device apart.
pub fn write(bench: &Bench) -> Result<Vec<Row>> {
    let (times, all) = (M.times(), M.all());
    let folder = bench.work.join("write");
    fs::create_dir_all(&folder)?;
    let path = folder.join("m.barrow");
    let (mut writes, mut flushes) = (Vec::new(), Vec::new());
    for run in 0..=bench.runs {
        let sink = FileSink::create(&path)?;
        let (write, written) = seconds(|| M.write(&times, &all, &sink));
        let (flush, sealed) = seconds(|| sink.seal());
        sealed?;
        ensure!(written?.rows == u64::try_from(M.rows())?, "all rows were written");
        fs::remove_file(&path)?;
        if run > 0 {
            writes.push(write);
            flushes.push(flush);
        }
    }
    let rows = [
        Row::of("write M from arrays, hashed, 2 threads", Unit::Seconds, &writes, Some(0.8)),
        Row::of("its flush to the device", Unit::Seconds, &flushes, None),
    ];
    Ok(rows.into_iter().flatten().collect())
}

/// Verification of every byte.
pub fn verify(bench: &Bench) -> Result<Vec<Row>> {
    let lease = bench.lease(M)?;
    let bytes = fs::metadata(lease.path())?.len();
    let gigabytes = f64::from(u32::try_from(bytes / 1_000)?) / 1e6;
    let mut rows = Vec::new();
    for threads in [1_u32, 2] {
        let workers = usize::try_from(threads)?;
        ensure!(lease.verify(workers).ok(), "the bundle is whole");
        let times = sample(bench.runs, || lease.verify(workers));
        let rates: Vec<f64> = times.iter().map(|t| gigabytes / t / f64::from(threads)).collect();
        let what = format!("verify M, {threads} thread(s), a core");
        rows.extend(Row::of(&what, Unit::GigabytesPerSecond, &rates, Some(1.2)));
    }
    let sections = lease.bundle().sections();
    ensure!(sections.iter().any(|s| s.kind == SectionKind::Data), "a bundle has data");
    Ok(rows)
}
