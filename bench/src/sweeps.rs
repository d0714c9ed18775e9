//! Rows over sweeps: many points, many bars, small sweeps against single runs, walk-forward, workers
//! and journals.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use barrow_engine::search::{Goals, Method, SearchPlan};
use barrow_engine::validation::{Anchor, Length, PartialLast, Windows};
use barrow_engine::{
    Backtest, Commission, Direction, Hunt, Params, Portal, Space, Study, Sweep, Terms, Threads,
    WalkForward, Workers, strategies,
};
use barrow_store::{Journal, Lease, SeriesCache};

use crate::report::{Row, Unit};
use crate::sets::{S, Set};
use crate::stopwatch::{sample, seconds};
use crate::storage::Bench;

/// 8 assets, 25 years of daily bars.
const YEARS_25: Set = Set { name: "YEARS25", number: 6, assets: 8, bars: 6300, minute: false };
/// 20 assets, 20 years of daily bars.
const YEARS_20: Set = Set { name: "YEARS20", number: 7, assets: 20, bars: 5040, minute: false };
/// What a trial costs beside its bars shows where there are hardly any.
const EMPTY: Set = Set { name: "EMPTY", number: 8, assets: 50, bars: 2, minute: false };

fn backtest() -> Backtest {
    Backtest { commission: Commission::PerShare(0.001), ..Backtest::with_cash(10_000_000.0) }
}

/// Seconds of a sweep of `sma-cross`, a new cache each time.
fn sweep(runs: usize, lease: &Lease, space: &Space, threads: usize) -> Result<Vec<f64>> {
    let sweep = Sweep::new(backtest(), "sharpe".parse()?);
    let workers = Workers::new(threads)?;
    let once = || sweep.run(lease, "sma-cross", space, &SeriesCache::default(), &workers);
    ensure!(once()?.trials.len() as u64 == space.len(), "all points ran");
    Ok(sample(runs, once))
}

/// Large sweeps, small ones beside single runs, and what a trial costs beside its bars.
pub fn grids(bench: &Bench) -> Result<Vec<Row>> {
    let small = bench.lease(S)?;
    let mut rows = Vec::new();
    let hundred = Space::parse(["fast=2..20:2", "slow=25..70:5"])?;
    let on_s = sweep(bench.runs * 5, &small, &hundred, 1)?;
    let ms = Unit::Milliseconds;
    rows.extend(Row::of("100 points of sma-cross over S, 1 worker", ms, &on_s, Some(3.0)));

    let many = Space::parse(["fast=2..41", "slow=42..141", "shares=1..25"])?;
    let few = Space::parse(["fast=2..41", "slow=42..66", "shares=1"])?;
    let workers = Workers::new(2)?;
    let run = |space: &Space| {
        let sweep = Sweep::new(backtest(), "sharpe".parse()?);
        let before = resident_bytes()?;
        let (time, report) =
            seconds(|| sweep.run(&small, "sma-cross", space, &SeriesCache::default(), &workers));
        let report = report?;
        let grown = (resident_bytes()? - before) / f64::from(u32::try_from(report.trials.len())?);
        Ok::<(f64, f64), anyhow::Error>((time, grown))
    };
    run(&few)?;
    let runs = (0..3).map(|_| run(&many)).collect::<Result<Vec<_>>>()?;
    let times: Vec<f64> = runs.iter().map(|run| run.0).collect();
    let what = "100,000 points of sma-cross over S, 2 workers";
    rows.extend(Row::of(what, Unit::Seconds, &times, Some(4.0)));
    let record = runs.iter().map(|run| run.1).fold(0.0, f64::max);
    let what = "bytes held for each of 100,000 points";
    let note = "the record of a trial and nothing else";
    rows.extend(Row::of(what, Unit::Ratio, &[record], Some(600.0)).map(|row| row.note(note)));

    let years = bench.lease(YEARS_25)?;
    let points = Space::parse(["fast=2..40:2", "slow=50..240:10"])?;
    let times = sweep(bench.runs, &years, &points, 2)?;
    let what = "400 points over 8 assets x 25 years, 2 workers";
    rows.extend(Row::of(what, Unit::Seconds, &times, Some(0.2)));
    rows.extend(beside_single_runs(bench, &small)?);

    let empty = sweep(bench.runs * 20, &bench.lease(EMPTY)?, &hundred, 1)?;
    let least = |times: &[f64]| times.iter().copied().fold(f64::INFINITY, f64::min);
    let ratio = least(&empty) / (least(&on_s) - least(&empty));
    let what = "overhead : arithmetic of 100 points over S";
    let note = "a sweep over bars that decide nothing, against the rest; fastest of many";
    rows.extend(Row::of(what, Unit::Ratio, &[ratio], Some(0.1)).map(|row| row.note(note)));
    Ok(rows)
}

/// Sweeps of 1, 5 and 25 points over the time of as many single runs that share a cache.
fn beside_single_runs(bench: &Bench, lease: &Lease) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (count, axis) in [(1, "fast=10"), (5, "fast=2..10:2"), (25, "fast=2..50:2")] {
        let space = Space::parse([axis, "slow=60"])?;
        let (sweep, workers) = (Sweep::new(backtest(), "sharpe".parse()?), Workers::new(1)?);
        let mut ratios = Vec::new();
        // In turn, so that what else the machine does hits both.
        for _ in 0..bench.runs * 20 {
            let (together, report) = seconds(|| {
                sweep.run(lease, "sma-cross", &space, &SeriesCache::default(), &workers)
            });
            ensure!(report?.trials.len() == count, "all points ran");
            let (singly, runs) = seconds(|| {
                let cache = SeriesCache::default();
                let one = |index| {
                    let mut strategy = strategies::build("sma-cross", &space.point(index))?;
                    backtest().run(lease, strategy.as_mut(), &cache).map(|run| run.metrics.fills)
                };
                (0..space.len()).map(one).sum::<Result<u64, _>>()
            });
            runs?;
            ratios.push(together / singly);
        }
        let what = format!("a sweep of {count} over as many single runs");
        rows.extend(Row::of(&what, Unit::Ratio, &ratios, Some(1.0)));
    }
    Ok(rows)
}

/// Five folds of a thousand points.
pub fn walk_forward(bench: &Bench) -> Result<Vec<Row>> {
    let lease = bench.lease(YEARS_20)?;
    let space = Arc::new(Space::parse(["fast=2..50", "slow=60..250:2"])?);
    let mut plan = SearchPlan::new(Method::Random, 1, Goals::one(Direction::Max));
    plan.trials_max = Some(1000);
    let walk = WalkForward {
        backtest: backtest(),
        objective: "sharpe".parse()?,
        limits: Vec::new(),
        plan,
        cut: Windows {
            train: Length::Bars(2520),
            validate: None,
            test: Length::Bars(504),
            step: None,
            gap: 0,
            purge: 0,
            anchor: Anchor::Rolling,
            partial_last: PartialLast::Drop,
        },
        round: None,
        terms: Terms::default(),
        progress: None,
        cancel: None,
    };
    let workers = Workers::new(2)?;
    let factory = |params: &Params| strategies::build("sma-cross", params);
    let once = || walk.run(&lease, &factory, &space, &SeriesCache::default(), &workers);
    let first = once()?;
    ensure!(first.folds.len() == 5 && first.trials == 5000, "five folds of a thousand points");
    let times = sample(bench.runs.min(5), once);
    let what = "walk-forward, 5 folds x 1000 points, 20 assets x 20 years, 2 workers";
    Ok(Row::of(what, Unit::Seconds, &times, Some(3.0)).into_iter().collect())
}

/// A journal of a million trials.
pub fn studies(bench: &Bench) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let lease = bench.lease(EMPTY)?;
    let cache = SeriesCache::default();
    let settings = backtest();
    let portal = Portal::new(&lease, &cache, &settings.scope)?;
    let factory = |params: &Params| strategies::build("sma-cross", params);
    let space = Arc::new(Space::parse(["fast=2..1000001", "slow=1000002"])?);
    let path = bench.work.join("million.study");
    let _ = std::fs::remove_file(&path);
    let workers = Workers::new(2)?;
    let hunt = |study: Option<&mut Study>| {
        let crew = Threads::new(&settings, &portal, &factory, &workers, Terms::default(), None);
        let hunt = Hunt {
            backtest: &settings,
            objectives: vec!["final_equity".parse()?],
            limits: Vec::new(),
            plan: SearchPlan::new(Method::Grid, 0, Goals::one(Direction::Max)),
            round: None,
            progress: None,
            cancel: None,
        };
        hunt.run(&portal, &factory, &space, &crew, study)
    };
    let (plain, report) = seconds(|| hunt(None));
    ensure!(report?.trials.len() == 1_000_000, "a million trials");
    let mut study = Study::open(Journal::open(&path)?)?;
    let (kept, report) = seconds(|| hunt(Some(&mut study)));
    report.context("the study")?;
    drop(study);
    let extra = (kept - plain) / 1e6;
    let what = "journaling a trial, of a million";
    let note = "a sweep with a study less one without";
    let row = Row::of(what, Unit::Microseconds, &[extra], Some(5.0));
    rows.extend(row.map(|row| row.note(note)));
    let times = sample(3, || Journal::open(&path).map(Study::open));
    rows.extend(Row::of("opening a study of a million trials", Unit::Seconds, &times, Some(2.0)));
    std::fs::remove_file(&path)?;
    Ok(rows)
}

/// Bytes of this process in memory.
fn resident_bytes() -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("VmRSS")?;
    let kib = line.split_whitespace().nth(1).context("a number")?;
    Ok(kib.parse::<f64>()? * 1024.0)
}
