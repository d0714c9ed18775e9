//! Rows over queries: a filtered mean by asset, resampling of minute bars.

use std::hint::black_box;

use anyhow::{Context, Result, ensure};
use barrow_store::query::{Answer, Batch, Keys, Period, Plan, Query};
use barrow_store::{Lease, ValuesBuf};

use crate::report::{Row, Unit};
use crate::sets::{L, M};
use crate::stopwatch::sample;
use crate::storage::Bench;

/// Volume above which about half of the bars of M lie.
const VOLUME: f64 = 8.0e5;

/// The filtered mean of M on one and two threads, and sessions of L.
pub fn query(bench: &Bench) -> Result<Vec<Row>> {
    let mut rows = grouped(bench)?;
    rows.extend(resampled(bench)?);
    Ok(rows)
}

/// The answer of a plan as its only batches, which are dropped as they come.
fn drain(plan: &Plan) -> Result<usize> {
    let mut rows = 0;
    for batch in plan.batches() {
        rows += black_box(batch?).rows;
    }
    Ok(rows)
}

fn grouped(bench: &Bench) -> Result<Vec<Row>> {
    let lease = bench.lease(M)?;
    let times = lease.calendar();
    let middle = times[times.len() / 2];
    let query = |threads| Query {
        from_ns: Some(middle),
        filter: Some(format!("volume > {VOLUME}")),
        answer: Answer::Groups { by: Keys::Asset, aggregates: "mean(close)".to_owned() },
        threads,
        ..Query::default()
    };
    check_means(&lease, middle, &query(2).plan(&lease)?.collect()?)?;
    let runs = bench.runs * 4;
    let timed = |threads| {
        // What a user waits for: planning is in it.
        sample(runs, || {
            query(threads).plan(&lease).map_err(Into::into).and_then(|plan| drain(&plan))
        })
    };
    let (two, one) = (timed(2), timed(1));
    let what = "mean close by asset where volume > X over half the dates, M";
    let ms = Unit::Milliseconds;
    let rows = [
        Row::of(&format!("{what}, 2 threads"), ms, &two, Some(12.0)),
        Row::of(&format!("{what}, 1 thread"), ms, &one, None),
    ];
    Ok(rows.into_iter().flatten().map(|row| row.note("planning included")).collect())
}

/// Compares the means with those of a loop over slices.
fn check_means(lease: &Lease, from: i64, found: &Batch) -> Result<()> {
    let Some(ValuesBuf::F64(means)) = found.columns.first() else {
        anyhow::bail!("a column of means")
    };
    let mut expected = Vec::new();
    for asset in lease.assets() {
        let bars = lease.bars(asset?).between(from..);
        let busy = bars.close().iter().zip(bars.volume()).filter(|(_, volume)| **volume > VOLUME);
        let (sum, count) =
            busy.fold((0.0, 0.0), |(sum, count), (close, _)| (sum + close, count + 1.0));
        if count > 0.0 {
            expected.push(sum / count);
        }
    }
    ensure!(means.len() == expected.len(), "as many groups as a loop finds");
    let near = |(a, b): (&f64, &f64)| (a / b - 1.0).abs() < 1e-12;
    ensure!(means.iter().zip(&expected).all(near), "the means of a loop");
    Ok(())
}

fn resampled(bench: &Bench) -> Result<Vec<Row>> {
    let lease = bench.lease(L)?;
    let query = |period| Query { resample: Some(period), threads: 2, ..Query::default() };
    let plan = query(Period::Session).plan(&lease)?;
    let whole = plan.collect()?;
    let first = lease.bars(lease.asset_at(0)?).first(390);
    let high = first.high().iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let highs = whole.columns.get(1).context("a column of highs")?;
    ensure!(
        highs.values().as_f64().and_then(|highs| highs.first()) == Some(&high),
        "the first high"
    );
    ensure!(whole.rows == L.assets * L.bars / 390, "one bar a session");
    let runs = bench.runs * 2;
    let mut rows = Vec::new();
    for (period, bar) in
        [(Period::Session, Some(300.0)), (Period::Step { ns: 300_000_000_000 }, None)]
    {
        let samples = sample(runs, || {
            query(period).plan(&lease).map_err(Into::into).and_then(|plan| drain(&plan))
        });
        let bars = f64::from(u32::try_from(L.rows())?);
        let rates: Vec<f64> = samples.iter().map(|seconds| bars / seconds * 1e-6).collect();
        let what = format!("resample L from 1m to {period}, 2 threads, million bars/s");
        rows.extend(
            Row::of(&what, Unit::Count, &rates, bar).map(|row| row.note("planning included")),
        );
    }
    Ok(rows)
}
