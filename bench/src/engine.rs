//! Rows over the engine: one run, a grid, a wide run, and exactness against integer arithmetic.

use std::hint::black_box;

use anyhow::{Context, Result, ensure};
use barrow_engine::{
    Backtest, Commission, Fill, Objective, Params, Performance, Space, Sweep, Workers, strategies,
};
use barrow_store::{Lease, SeriesCache};

use crate::report::{Row, Unit};
use crate::sets::{S, WIDE};
use crate::stopwatch::sample;
use crate::storage::Bench;

/// Shares that a position has.
const SHARES: f64 = 100.0;

fn backtest() -> Backtest {
    Backtest { commission: Commission::PerShare(0.001), ..Backtest::with_cash(10_000_000.0) }
}

fn cross(fast: i64, slow: i64) -> Params {
    Params::new().with("fast", fast).with("slow", slow)
}

/// One `sma-cross` through the general path of a strategy.
fn run(lease: &Lease, fast: i64, slow: i64, cache: &SeriesCache) -> Result<Performance> {
    let mut strategy = strategies::build("sma-cross", &cross(fast, slow))?;
    Ok(backtest().run(lease, strategy.as_mut(), cache)?)
}

fn grid_space() -> Result<Space> {
    Ok(Space::parse(["fast=2..20:2", "slow=25..70:5"])?)
}

/// One run and the grid over S, one run over 500 x 2520.
pub fn runs(bench: &Bench) -> Result<Vec<Row>> {
    let lease = bench.lease(S)?;
    let many = bench.runs * 10;
    let cold = sample(many, || run(&lease, 10, 30, &SeriesCache::default()));
    let shared = SeriesCache::default();
    let warm = sample(many, || run(&lease, 10, 30, &shared));
    let ms = Unit::Milliseconds;
    let mut rows = Vec::new();
    let note = "a new cache each time, so that derived series are computed in it";
    let row = Row::of("one sma-cross over S", ms, &cold, Some(0.5));
    rows.extend(row.map(|row| row.note(note)));
    rows.extend(Row::of("the same, derived series cached", ms, &warm, Some(0.5)));

    let (space, objective) = (grid_space()?, "sharpe".parse::<Objective>()?);
    let sweep = Sweep::new(backtest(), objective);
    for threads in [1, 2] {
        let workers = Workers::new(threads)?;
        let once = || sweep.run(&lease, "sma-cross", &space, &SeriesCache::default(), &workers);
        ensure!(once()?.trials.len() == 100, "all combinations ran");
        let times = sample(many, once);
        let what = format!("grid of 100 sma-cross over S, {threads} worker(s)");
        let bar = if threads == 1 { 8.0 } else { 4.5 };
        rows.extend(Row::of(&what, ms, &times, Some(bar)));
    }
    let wide = bench.lease(WIDE)?;
    let times = sample(bench.runs, || run(&wide, 10, 30, &SeriesCache::default()));
    rows.extend(Row::of("one sma-cross over 500 x 2520", ms, &times, Some(15.0)));
    black_box(rows.len());
    Ok(rows)
}

/// A fill as the reference has it: time, place of the asset, signed shares, price at the open.
type ReferenceFill = (i64, usize, f64, f64);

/// The rule of `sma-cross` in integers: means are compared as `sum_fast x slow > sum_slow x fast` over
/// cents, so that nothing is ever rounded. Returns the fills and how many comparisons were ties.
fn by_integers(lease: &Lease, fast: usize, slow: usize) -> Result<(Vec<ReferenceFill>, u64)> {
    let mut fills = Vec::new();
    let mut ties = 0;
    for (place, asset) in lease.assets().enumerate() {
        let bars = lease.bars(asset?);
        let cents =
            bars.close().iter().map(|close| to_cents(*close)).collect::<Result<Vec<i64>>>()?;
        let mut held = 0.0;
        for t in 0..cents.len() {
            let mut target = 0.0;
            if t + 1 >= slow {
                let sum = |n: usize| cents[t + 1 - n..=t].iter().sum::<i64>();
                let left = sum(fast) * i64::try_from(slow)?;
                let right = sum(slow) * i64::try_from(fast)?;
                ties += u64::from(left == right);
                target = if left > right { SHARES } else { 0.0 };
            }
            // The order of bar t fills at the open of bar t + 1; that of the last bar stays open.
            if target != held && t + 1 < cents.len() {
                fills.push((bars.time()[t + 1], place, target - held, bars.open()[t + 1]));
                held = target;
            }
        }
    }
    fills.sort_by_key(|&(time, place, _, _)| (time, place));
    Ok((fills, ties))
}

/// Cents of a price that is written with two decimals.
fn to_cents(price: f64) -> Result<i64> {
    format!("{price:.2}").replace('.', "").parse().context("a price in cents")
}

fn of_engine(fill: &Fill, lease: &Lease, performance: &Performance) -> Result<ReferenceFill> {
    let asset = lease.asset(performance.symbol(fill.asset))?;
    Ok((fill.time, usize::try_from(asset.ordinal())?, fill.quantity, fill.price))
}

/// Combinations of the grid whose fills equal those of integer arithmetic, one by one.
pub fn exactness(lease: &Lease, name: &str) -> Result<Vec<Row>> {
    let (mut exact, mut all_ties, mut all_fills) = (0_u32, 0, 0);
    let cache = SeriesCache::default();
    for fast in (2..=20).step_by(2) {
        for slow in (25..=70).step_by(5) {
            let performance = run(lease, i64::try_from(fast)?, i64::try_from(slow)?, &cache)?;
            let fills = performance.fills.iter().map(|fill| of_engine(fill, lease, &performance));
            let mut fills = fills.collect::<Result<Vec<_>>>()?;
            fills.sort_by_key(|&(time, place, _, _)| (time, place));
            let (reference, ties) = by_integers(lease, fast, slow)?;
            all_ties += ties;
            all_fills += reference.len();
            exact += u32::from(fills == reference);
        }
    }
    let what = format!("combinations of 100 equal to integer arithmetic, {name}");
    let row = Row::of(&what, Unit::Count, &[f64::from(exact)], Some(100.0));
    let note = format!("{all_fills} fills compared; {all_ties} comparisons of means were ties");
    Ok(row.map(|row| row.note(note)).into_iter().collect())
}
