//! Rows over short reads of compressed bundles: what is decoded where few rows are wanted.
//!
//! Each sample begins with nothing decoded and a lease of its own.

use std::hint::black_box;

use anyhow::{Context, Result, ensure};
use barrow_store::query::{Answer, AsOf, Keys, Query};
use barrow_store::{DecodedCache, Lease};

use crate::reading::compressed;
use crate::report::{Row, Unit};
use crate::sets::{L, M, Set};
use crate::stopwatch::seconds;
use crate::storage::Bench;

/// Short reads and queries of M and L, compressed.
pub fn short(bench: &Bench) -> Result<Vec<Row>> {
    let (us, ms) = (Unit::Microseconds, Unit::Milliseconds);
    let mut rows = Vec::new();
    for set in [M, L] {
        let name = set.name;
        let what = format!("close of all assets at one time, compressed {name}, nothing decoded");
        rows.push(Row::of(&what, ms, &cold(bench, set, cross_section)?, None));
        let what = format!("the last 20 closes of one asset, compressed {name}, nothing decoded");
        rows.push(Row::of(&what, us, &cold(bench, set, last)?, None));
        let latest = Query {
            answer: Answer::Latest,
            columns: vec!["close".to_owned()],
            threads: 2,
            ..Query::default()
        };
        let what = format!("query: latest close of each asset, compressed {name}, 2 threads");
        rows.push(Row::of(&what, ms, &cold(bench, set, |lease| answer(&latest, lease))?, None));
    }
    let mean = Query {
        answer: Answer::Groups { by: Keys::Asset, aggregates: "mean(close)".to_owned() },
        threads: 2,
        ..Query::default()
    };
    let lease = compressed(bench, L)?;
    let times = lease.calendar();
    let session = times[times.len() / 2 - 390..times.len() / 2].to_vec();
    let (from, to) = (session.first().copied(), session.last().copied());
    let day = Query { from_ns: from, to_ns: to, ..mean.clone() };
    let what = "query: mean close of each asset in one session, compressed L, 2 threads";
    rows.push(Row::of(what, ms, &cold(bench, L, |lease| answer(&day, lease))?, None));
    let highest = lease.f64("close")?.iter().copied().fold(0.0, f64::max);
    let filter = Some(format!("close > {}", highest * 0.9));
    let near_top = Query { filter, ..mean.clone() };
    ensure!(near_top.plan(&lease)?.explain()?.blocks.excluded_by_block > 0, "blocks are skipped");
    let what = "query: mean close of each asset where close > X, most blocks skipped, compressed L";
    rows.push(Row::of(what, ms, &cold(bench, L, |lease| answer(&near_top, lease))?, None));
    let middle = compressed(bench, M)?.calendar()[M.bars / 2];
    let filter = Some("volume > 8e5".to_owned());
    let busy = Query { filter, from_ns: Some(middle), ..mean };
    let what = "query: mean close where volume > X over half the dates, compressed M, 2 threads";
    rows.push(Row::of(what, ms, &cold(bench, M, |lease| answer(&busy, lease))?, None));
    rows.extend(quarter(bench)?);
    Ok(rows.into_iter().flatten().collect())
}

/// A quarter of the bars of L, compressed: as slices, resampled, and joined.
fn quarter(bench: &Bench) -> Result<Vec<Option<Row>>> {
    let ms = Unit::Milliseconds;
    let lease = compressed(bench, L)?;
    let times = lease.calendar();
    let (from, to) = (times[times.len() / 2], times[times.len() * 3 / 4]);
    let slices = |lease: &Lease| -> Result<f64> {
        let assets = lease.assets().map(|asset| Ok(lease.bars(asset?).within(from..to)?));
        let firsts = assets.map(|bars: Result<_>| Ok(bars?.f64("close")?[0]));
        firsts.sum()
    };
    let query = Query {
        from_ns: Some(from),
        to_ns: Some(to),
        columns: vec!["close".to_owned()],
        threads: 2,
        ..Query::default()
    };
    let resampled = Query { resample: Some("session".parse()?), ..query.clone() };
    let joined = |lease: &Lease| -> Result<f64> {
        let (lease, name) = (lease.clone(), "other".to_owned());
        let asof = AsOf { lease: lease.clone(), name, symbol: None, tolerance_ns: None };
        let columns = vec!["other.close".to_owned()];
        answer(&Query { asof: Some(asof), columns, ..query.clone() }, &lease)
    };
    let what = |what: &str| format!("{what} over a quarter of the dates, compressed L");
    Ok(vec![
        Row::of(&what("closes of all assets"), ms, &cold(bench, L, slices)?, None),
        Row::of(
            &what("query: closes resampled to sessions, 2 threads,"),
            ms,
            &cold(bench, L, |lease| answer(&resampled, lease))?,
            None,
        ),
        Row::of(
            &what("query: as-of join with itself, 2 threads,"),
            ms,
            &cold(bench, L, joined)?,
            None,
        ),
    ])
}

/// Seconds of `work` over a fresh lease, with nothing decoded; the pages of the file are there.
fn cold(bench: &Bench, set: Set, work: impl Fn(&Lease) -> Result<f64>) -> Result<Vec<f64>> {
    drop(compressed(bench, set)?);
    let name = format!("{}-auto", set.name);
    let mut samples = Vec::new();
    for run in 0..=bench.runs {
        DecodedCache::global().clear();
        let lease = bench.catalog().lease(&name)?;
        let (took, value) = seconds(|| work(&lease));
        ensure!(black_box(value?) > 0.0, "an answer");
        if run > 0 {
            samples.push(took);
        }
    }
    Ok(samples)
}

fn cross_section(lease: &Lease) -> Result<f64> {
    let times = lease.calendar();
    let values = lease.cross_section("close", times[times.len() / 2])?;
    Ok(values.iter().sum())
}

fn last(lease: &Lease) -> Result<f64> {
    let bars = lease.bars(lease.asset_at(7)?).last(20);
    bars.f64("close")?.last().copied().context("bars")
}

/// Plans and answers a query; returns its number of rows.
fn answer(query: &Query, lease: &Lease) -> Result<f64> {
    let mut rows = 0;
    for batch in query.plan(lease)?.batches() {
        rows += black_box(batch?).rows;
    }
    Ok(f64::from(u32::try_from(rows)?))
}
