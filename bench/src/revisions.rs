//! Rows over versions of many parts: appends, reading after them, history and difference.

use std::fs::{self, File};
use std::hint::black_box;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use barrow_format::Values;
use barrow_store::{AssetBars, BundlePool, Catalog, Difference, Lease, Published, StageOptions};

use crate::report::{Row, Unit};
use crate::sets::{DAY_NS, M, S, Set};
use crate::stopwatch::{sample, seconds, seconds_and_work};
use crate::storage::Bench;

/// Ingestions of M, of which the one in the middle counts.
const INGESTS: usize = 5;
/// Sessions of a year.
const SESSIONS: usize = 250;
/// Versions of the long history.
const VERSIONS: usize = 1000;

/// Appends a year of sessions to M, reads, compacts, and compares versions of a long history.
pub fn rows(bench: &Bench) -> Result<Vec<Row>> {
    let mut rows = appends(bench)?;
    rows.extend(history(bench)?);
    Ok(rows)
}

fn appends(bench: &Bench) -> Result<Vec<Row>> {
    let folder = bench.work.join("revisions");
    let catalog = Catalog::at(&folder);
    let (times, all) = (M.times(), M.all());
    let mut ingests = Vec::new();
    for _ in 0..INGESTS {
        let _ = fs::remove_dir_all(&folder);
        let (costs, published) = seconds_and_work(|| -> Result<Published> {
            let staging = catalog.stage(M.name)?;
            let written = M.write(&times, &all, staging.sink())?;
            Ok(staging.publish(written)?)
        });
        published?;
        ingests.push(costs);
    }
    drop(all);
    let [ingest, ingest_work] = [0, 1].map(|kind| {
        let mut seconds: Vec<f64> = ingests.iter().map(|costs| costs[kind]).collect();
        seconds.sort_by(f64::total_cmp);
        seconds[INGESTS / 2]
    });
    let last = times.last().copied().context("M has bars")?;
    let (mut samples, mut works, mut written, mut most) = (Vec::new(), Vec::new(), 0, 0);
    for session in 1..=SESSIONS {
        let time = last + i64::try_from(session)? * DAY_NS;
        let ([append, work], published) = seconds_and_work(|| append(&catalog, M, time));
        let entry = catalog.entry(M.name, published?.version)?;
        samples.push(append);
        works.push(work);
        written += entry.parts.first().map_or(0, |part| part.bytes);
        most = most.max(entry.parts.len());
    }
    let total: f64 = samples.iter().sum();
    let note = "both flushed and published; ingested from arrays, on all cores";
    let mut rows: Vec<Option<Row>> = vec![
        Row::of("append one session to M, published", Unit::Milliseconds, &samples, Some(20.0)),
        Row::of("the same against ingesting M", Unit::Ratio, &ratios(&samples, ingest), Some(0.02))
            .map(|row| row.note(note)),
        Row::of("... in processor time", Unit::Ratio, &ratios(&works, ingest_work), None)
            .map(|row| row.note("what all processors do for it, without waiting for the disk")),
        Row::of(
            "the flushes of such an append alone",
            Unit::Milliseconds,
            &sample(40, || flushes(&bench.work)),
            None,
        ),
        Row::of("250 sessions appended to M, one by one", Unit::Seconds, &[total], None),
        Row::of("bytes written by them", Unit::Mebibytes, &[mebibytes(written)?], None),
        Row::of("parts at most", Unit::Ratio, &[f64::from(u32::try_from(most)?)], None),
    ];
    let many = read(bench, &catalog)?;
    let (compact, done) = seconds(|| catalog.compact(M.name, &StageOptions::default()));
    ensure!(!done?.unchanged, "there were many parts");
    rows.push(Row::of("compact M after them", Unit::Seconds, &[compact], None));
    let one = read(bench, &catalog)?;
    let what = "sum all closes of M asset by asset: after 250 appends against one part";
    let middle = one.get(one.len() / 2).copied().context("samples")?;
    rows.push(Row::of(what, Unit::Ratio, &ratios(&many, middle), Some(1.2)));
    fs::remove_dir_all(&folder)?;
    Ok(rows.into_iter().flatten().collect())
}

/// Writes what an append to M writes, and waits for the device as often: for the files, the folders, and the page.
fn flushes(work: &Path) -> Result<()> {
    let folder = tempfile::tempdir_in(work)?;
    let page = File::create(folder.path().join("page"))?;
    page.write_all_at(&[0; 4096], 0)?;
    let mut files = Vec::new();
    for (name, bytes) in [("part", 2_500_000), ("record", 1_000), ("lock", 11)] {
        let file = File::create(folder.path().join(format!(".{name}")))?;
        file.write_all_at(&vec![7; bytes], 0)?;
        files.push(file);
    }
    let together = |flushes: Vec<&File>| -> Result<()> {
        std::thread::scope(|scope| {
            let all: Vec<_> =
                flushes.into_iter().map(|file| scope.spawn(move || file.sync_all())).collect();
            all.into_iter().try_for_each(|one| Ok(one.join().unwrap_or(Ok(()))?))
        })
    };
    together(files.iter().chain([&page]).collect())?;
    for folder_name in ["parts", "versions"] {
        fs::create_dir(folder.path().join(folder_name))?;
    }
    fs::rename(folder.path().join(".part"), folder.path().join("parts/part"))?;
    fs::rename(folder.path().join(".record"), folder.path().join("versions/record"))?;
    let open = |name: &str| File::open(folder.path().join(name));
    let folders = [open("parts")?, open("versions")?, open("")?];
    together(folders.iter().collect())?;
    page.write_all_at(&[1; 8], 16)?;
    Ok(page.sync_data()?)
}

/// Appends one bar of each asset.
fn append(catalog: &Catalog, set: Set, time: i64) -> Result<Published> {
    let mut revision = catalog.revise(set.name, &StageOptions::default())?;
    for index in 0..set.assets {
        let close =
            f64::from(u32::try_from(index)?) + f64::from(u32::try_from(time / DAY_NS)?) / 8.0;
        let (times, prices, volume) = ([time], [close], [1e6]);
        let prices = Values::F64(&prices);
        let columns = [
            ("time", Values::I64(&times)),
            ("open", prices),
            ("high", prices),
            ("low", prices),
            ("close", prices),
            ("volume", Values::F64(&volume)),
        ];
        let symbol = set.symbol(index);
        revision.append(&AssetBars { symbol: &symbol, metadata: "", columns: &columns })?;
    }
    Ok(revision.publish()?)
}

/// Seconds to sum all closes, asset by asset, in the steady state; ascending.
fn read(bench: &Bench, catalog: &Catalog) -> Result<Vec<f64>> {
    let lease = BundlePool::new(1).lease(catalog, M.name)?;
    let assets = lease.assets().collect::<Result<Vec<_>, _>>()?;
    let sum = |lease: &Lease| -> f64 {
        assets.iter().map(|asset| lease.bars(*asset).close().iter().sum::<f64>()).sum()
    };
    let mut samples = sample(bench.runs, || black_box(sum(&lease)));
    samples.sort_by(f64::total_cmp);
    Ok(samples)
}

fn history(bench: &Bench) -> Result<Vec<Row>> {
    let folder = bench.work.join("history");
    let _ = fs::remove_dir_all(&folder);
    let catalog = Catalog::at(&folder);
    let staging = catalog.stage(S.name)?;
    let written = S.write(&S.times(), &S.all(), staging.sink())?;
    staging.publish(written)?;
    let last = S.times().last().copied().context("S has bars")?;
    for version in 1..VERSIONS {
        append(&catalog, S, last + i64::try_from(version)? * DAY_NS)?;
    }
    let timeline = catalog.timeline(S.name)?;
    ensure!(timeline.len() == VERSIONS, "each append is a version");
    let times = sample(bench.runs, || catalog.timeline(S.name).map(|all| all.len()));
    let pool = BundlePool::new(2);
    let lease = |back: usize| -> Result<Lease> {
        let version = timeline.get(back).context("a version")?.version.version;
        Ok(pool.lease(&catalog, &format!("{}@{version}", S.name))?)
    };
    let (new, old) = (lease(0)?, lease(100)?);
    let differences = sample(bench.runs, || Difference::between(&old, &new));
    let rows = [
        Row::of("history of 1000 versions", Unit::Milliseconds, &times, Some(50.0)),
        Row::of("diff over 100 of 1000 versions", Unit::Milliseconds, &differences, Some(50.0)),
    ];
    fs::remove_dir_all(&folder)?;
    Ok(rows.into_iter().flatten().collect())
}

fn ratios(samples: &[f64], whole: f64) -> Vec<f64> {
    samples.iter().map(|sample| sample / whole).collect()
}

fn mebibytes(bytes: u64) -> Result<f64> {
    Ok(f64::from(u32::try_from(bytes >> 10)?) / 1024.0)
}
