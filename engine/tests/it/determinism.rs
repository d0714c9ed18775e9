//! A sweep gives the same bytes at any number of workers, and what single runs give.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use barrow_engine::{
    Backtest, Commission, Context, Error, Objective, Params, Progress, Setup, Slippage, Space,
    Strategy, Sweep, SweepReport, Value, Workers, strategies,
};
use barrow_store::SeriesCache;

use super::bundles::{Market, number};

/// Five assets of 200 days whose closes wander; one has gaps.
fn market() -> Market {
    let mut state = 7_u64;
    let mut closes = vec![Vec::new(); 5];
    for (asset, closes) in closes.iter_mut().enumerate() {
        let mut close = 1_000_i64;
        for day in 0..200 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            close = (close + i64::try_from(state >> 33).unwrap() % 41 - 20).max(100);
            closes.push(if asset == 3 && day % 7 == 2 { None } else { Some(close) });
        }
    }
    Market::of(&[
        ("A", &closes[0]),
        ("B", &closes[1]),
        ("C", &closes[2]),
        ("D", &closes[3]),
        ("E", &closes[4]),
    ])
}

fn backtest() -> Backtest {
    Backtest {
        commission: Commission::Bps(3.0),
        slippage: Slippage::Bps(2.0),
        ..Backtest::with_cash(100_000.0)
    }
}

/// The report without what may differ from run to run.
fn lasting(report: &SweepReport) -> String {
    let mut json = serde_json::to_value(report).unwrap();
    let object = json.as_object_mut().unwrap();
    for key in ["elapsed_seconds", "workers", "cache"] {
        assert!(object.remove(key).is_some());
    }
    json.to_string()
}

#[test]
fn the_same_bytes_at_any_number_of_workers_and_as_single_runs() {
    let lease = market().lease();
    for (strategy, axes) in [
        ("sma-cross", ["fast=2..12:2", "slow=8..40:4"]),
        ("momentum", ["lookback=5..30:5", "top=1..3"]),
        ("mean-reversion", ["lookback=5..20:5", "entry=0.5..2:0.25"]),
    ] {
        let space = Space::parse(axes).unwrap();
        let sweep = Sweep::new(backtest(), "sharpe".parse().unwrap());
        let run = |workers: usize| {
            let workers = Workers::new(workers).unwrap();
            sweep.run(&lease, strategy, &space, &SeriesCache::default(), &workers).unwrap()
        };
        let one = run(1);
        for workers in [2, 3, 8] {
            let many = run(workers);
            assert_eq!(lasting(&many), lasting(&one), "{strategy} at {workers}");
            assert_eq!(many.workers, workers);
        }
        let cache = SeriesCache::default();
        for trial in &one.trials {
            let params = one.params(trial);
            let mut built = strategies::build(strategy, &params).unwrap();
            let single = backtest().run(&lease, built.as_mut(), &cache).unwrap();
            assert_eq!(single.metrics, trial.metrics, "{strategy} {params}");
            assert_eq!(single.final_equity.to_bits(), trial.final_equity.to_bits());
            assert_eq!(single.final_cash.to_bits(), trial.final_cash.to_bits());
        }
        let best = one.best_trial().unwrap();
        assert!(one.trials.iter().all(|trial| trial.metrics.sharpe <= best.metrics.sharpe));
        assert_eq!(one.ranking()[0], best);
    }
}

#[test]
fn points_that_break_the_constraint_are_skipped_and_counted() {
    let lease = market().lease();
    let sweep = Sweep::new(backtest(), "sharpe".parse().unwrap());
    let (cache, workers) = (SeriesCache::default(), Workers::new(2).unwrap());
    let space = Space::parse(["fast=5,10,15", "slow=10,15", "shares=50"]).unwrap();
    let report = sweep.run(&lease, "sma-cross", &space, &cache, &workers).unwrap();
    let params: Vec<String> =
        report.trials.iter().map(|trial| report.params(trial).to_string()).collect();
    let expected =
        ["fast=5 shares=50 slow=10", "fast=5 shares=50 slow=15", "fast=10 shares=50 slow=15"];
    assert_eq!(params, expected);
    assert_eq!((report.skipped, report.failed.len()), (3, 0));
    // The sums behind the means were computed once for each of the five assets.
    assert_eq!(report.cache.misses, 5);

    let space = Space::parse(["fast=20,30", "slow=10"]).unwrap();
    let error = sweep.run(&lease, "sma-cross", &space, &cache, &workers).unwrap_err();
    assert!(matches!(error, Error::NothingToRun { points: 2, .. }), "{error}");
    // A wrong space is an error wherever its wrong point lies, not a list of failed trials.
    let space = Space::parse(["fast=5,0", "slow=10"]).unwrap();
    let error = sweep.run(&lease, "sma-cross", &space, &cache, &workers).unwrap_err();
    assert!(matches!(error, Error::BadParam { name: "fast", .. }), "{error}");
    let space = Space::parse(["fats=5"]).unwrap();
    let error = sweep.run(&lease, "sma-cross", &space, &cache, &workers).unwrap_err();
    assert!(matches!(error, Error::UnknownParam { nearest: Some("fast"), .. }), "{error}");
}

/// Fails or panics where its parameter says so.
struct Fragile {
    mood: i64,
}

impl Strategy for Fragile {
    fn name(&self) -> &'static str {
        "fragile"
    }

    fn params(&self) -> Params {
        Params::new().with("mood", self.mood)
    }

    fn on_start(&mut self, _: &mut Setup<'_>) -> Result<(), Error> {
        Ok(())
    }

    fn on_bar(&mut self, context: &mut Context<'_>) -> Result<(), Error> {
        for asset in context.assets() {
            context.order_target(asset, number(context.elapsed() % 5))?;
        }
        match self.mood {
            3 if context.elapsed() == 100 => panic!("mood {} at tick 100", self.mood),
            5 => context.order(context.assets().next().unwrap(), f64::NAN),
            7 => Err(Error::Strategy {
                strategy: "fragile".to_owned(),
                source: "no more today".into(),
            }),
            _ => Ok(()),
        }
    }
}

fn fragile(params: &Params) -> Result<Box<dyn Strategy + Send>, Error> {
    match params.get("mood").and_then(Value::as_i64) {
        Some(mood) => Ok(Box::new(Fragile { mood })),
        None => Err(Error::Constraint { strategy: "fragile", rule: "a mood" }),
    }
}

#[test]
fn a_trial_that_panics_or_fails_is_reported_and_the_others_go_on() {
    let lease = market().lease();
    let space = Space::parse(["mood=0..9"]).unwrap();
    let sweep = Sweep::new(backtest(), "max:final_equity".parse().unwrap());
    for workers in [1, 2] {
        let workers = Workers::new(workers).unwrap();
        let report =
            sweep.run_with(&lease, &fragile, &space, &SeriesCache::default(), &workers).unwrap();
        let failed: Vec<_> =
            report.failed.iter().map(|failure| (failure.index, failure.error.as_str())).collect();
        let expected = [
            (3, "panicked: mood 3 at tick 100"),
            (5, "order of NaN `A` at 1970-01-01 is not a finite quantity"),
            (7, "strategy `fragile` failed: no more today"),
        ];
        assert_eq!(failed, expected);
        assert_eq!(report.trials.len(), 7);
        // What ran after a panic on the same worker is not touched by it.
        let first = report.trials[0];
        assert!(report.trials.iter().all(|trial| trial.final_equity == first.final_equity));
        assert!(first.metrics.fills > 100);
    }
}

#[test]
fn progress_counts_every_point_and_cancelling_keeps_what_is_done() {
    let lease = market().lease();
    let space = Space::parse(["mood=20..119"]).unwrap();
    let cancel = AtomicBool::new(false);
    let seen = AtomicU64::new(0);
    let progress = |progress: Progress| {
        assert_eq!(progress.total, 100);
        assert!(progress.best.is_some());
        seen.fetch_max(progress.done, Ordering::Relaxed);
        if progress.done == 30 {
            cancel.store(true, Ordering::Relaxed);
        }
    };
    let objective: Objective = "final_equity".parse().unwrap();
    let mut sweep = Sweep::new(backtest(), objective);
    sweep.progress = Some(&progress);
    let (cache, workers) = (SeriesCache::default(), Workers::new(1).unwrap());
    let whole = sweep.run_with(&lease, &fragile, &space, &cache, &workers).unwrap();
    assert_eq!((whole.trials.len(), whole.not_run), (100, 0));
    assert_eq!(seen.swap(0, Ordering::Relaxed), 100);

    cancel.store(false, Ordering::Relaxed);
    sweep.cancel = Some(&cancel);
    let part = sweep.run_with(&lease, &fragile, &space, &cache, &workers).unwrap();
    assert_eq!((part.trials.len(), part.not_run), (30, 70));
    assert_eq!(part.trials[..], whole.trials[..30]);
}

#[test]
fn an_undefined_objective_has_no_best() {
    let lease = Market::of(&[("A", &[Some(100), Some(100), Some(100)])]).lease();
    let space = Space::parse(["fast=1", "slow=2,3"]).unwrap();
    let sweep = Sweep::new(backtest(), "sharpe".parse().unwrap());
    let (cache, workers) = (SeriesCache::default(), Workers::new(1).unwrap());
    let report = sweep.run(&lease, "sma-cross", &space, &cache, &workers).unwrap();
    assert_eq!((report.trials.len(), report.best), (2, None));
    let json = serde_json::to_value(&report).unwrap();
    assert!(json["best"].is_null() && json["trials"][0]["metrics"]["sharpe"].is_null());
}
