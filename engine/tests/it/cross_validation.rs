//! Goal: each split of a cross-validation chooses on what is not tested and not purged, and each path has of
//! every group the run of the choice that did not see it.
//! Method: every choice and every path again by single backtests and a Sharpe ratio of the test's own;
//! prices changed within a test group, which must change no choice of its splits.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use barrow_engine::search::{Goals, Method, SearchPlan};
use barrow_engine::validation::Purged;
use barrow_engine::{
    Backtest, CrossValidation, CrossValidationReport, Direction, Params, Part, Progress, Scope,
    Space, Terms, Workers, strategies,
};
use barrow_store::{Lease, SeriesCache};

use super::bundles::{DAY, Market, number};

const DAYS: i64 = 303;

fn market(changed: std::ops::Range<i64>) -> Market {
    let closes = |step: i64| -> Vec<Option<i64>> {
        let price = |day: i64| 1000 + (day * day * step + day * 37) % 211;
        (0..DAYS)
            .map(|day| Some(price(day) + i64::from(changed.contains(&day)) * (day % 7)))
            .collect()
    };
    let (a, b) = (closes(3), closes(7));
    Market::of(&[("A", &a), ("B", &b)])
}

const PURGED: Purged = Purged { groups: 6, test_groups: 2, holding: 5, purge: 1, embargo: 3 };

fn space() -> Arc<Space> {
    Arc::new(Space::parse(["fast=2..6", "slow=8..20:4"]).unwrap())
}

fn validation(method: Method) -> CrossValidation<'static> {
    let mut plan = SearchPlan::new(method, 3, Goals::one(Direction::Max));
    plan.trials_max = Some(40);
    CrossValidation {
        backtest: Backtest::with_cash(10_000.0),
        objective: "sharpe".parse().unwrap(),
        limits: Vec::new(),
        plan,
        cut: PURGED,
        round: None,
        terms: Terms::default(),
        progress: None,
        cancel: None,
    }
}

fn run(lease: &Lease, validation: &CrossValidation<'_>, threads: usize) -> CrossValidationReport {
    let factory = |params: &Params| strategies::build("sma-cross", params);
    let (cache, workers) = (SeriesCache::default(), Workers::new(threads).unwrap());
    validation.run(lease, &factory, &space(), &cache, &workers).unwrap()
}

/// Equity of one stretch of days, with a fresh portfolio.
fn single(lease: &Lease, params: &Params, days: &std::ops::Range<usize>) -> Vec<f64> {
    let time = |day: usize| i64::try_from(day).unwrap() * DAY;
    let scope = Scope { from: Some(time(days.start)), to: Some(time(days.end - 1)), assets: None };
    let backtest = Backtest { scope, ..Backtest::with_cash(10_000.0) };
    let mut strategy = strategies::build("sma-cross", params).unwrap();
    let run = backtest.run(lease, strategy.as_mut(), &SeriesCache::default()).unwrap();
    run.equity.into_iter().map(|(_, equity)| equity).collect()
}

/// The equities one after the other.
fn chained(parts: &[Vec<f64>]) -> Vec<f64> {
    let mut level = 10_000.0;
    let mut all = Vec::new();
    for part in parts {
        all.extend(part.iter().map(|equity| equity / 10_000.0 * level));
        level = *all.last().unwrap();
    }
    all
}

/// Without the factor of a year, which does not depend on what is compared.
fn sharpe(equity: &[f64]) -> f64 {
    let returns: Vec<f64> = equity.windows(2).map(|pair| pair[1] / pair[0] - 1.0).collect();
    let mean = returns.iter().sum::<f64>() / number(returns.len());
    let squares: f64 = returns.iter().map(|r| (r - mean) * (r - mean)).sum();
    mean / (squares / number(returns.len() - 1)).sqrt()
}

#[test]
fn choices_and_paths_are_those_of_single_backtests() {
    let lease = market(0..0).lease();
    let report = run(&lease, &validation(Method::Grid), 2);
    assert_eq!((report.folds.len(), report.paths.len(), report.trials), (15, 5, 15 * 20));
    let group = |at: usize| at * 303 / 6..(at + 1) * 303 / 6;
    for ended in &report.folds {
        let tested: Vec<std::ops::Range<usize>> =
            ended.split.test_groups.iter().map(|at| group(*at)).collect();
        // Day by day: neither tested, nor within the holding period before or the embargo behind.
        let fitted =
            |day: usize| tested.iter().all(|test| day + 5 < test.start || day >= test.end + 5);
        let days: usize = ended.split.train.iter().map(std::ops::Range::len).sum();
        assert_eq!(days, (0..303).filter(|day| fitted(*day)).count());
        assert!(ended.split.train.iter().flat_map(Clone::clone).all(fitted));
        let space = space();
        let on_train = |params: &Params| {
            let parts = ended.split.train.iter().map(|days| single(&lease, params, days));
            sharpe(&chained(&parts.collect::<Vec<_>>()))
        };
        let best = on_train(&ended.chosen);
        assert!(best.is_finite());
        for at in 0..space.len() {
            assert!(on_train(&space.point(at)) <= best + 1e-12, "{}", space.point(at));
        }
    }
    for (number_of, path) in report.paths.iter().enumerate() {
        let parts: Vec<Vec<f64>> = (0..6)
            .map(|at| {
                let ended = &report.folds[path.folds[at]];
                // The path of a group is the number of earlier splits that test it.
                let earlier = report.folds[..path.folds[at]].iter();
                let earlier = earlier.filter(|other| other.split.test_groups.contains(&at));
                assert_eq!(earlier.count(), number_of);
                assert!(ended.split.test_groups.contains(&at));
                single(&lease, &ended.chosen, &group(at))
            })
            .collect();
        let expected = chained(&parts);
        assert_eq!(path.equity.len(), expected.len());
        for (found, expected) in path.equity.iter().zip(&expected) {
            assert!((found / expected - 1.0).abs() < 1e-12, "{found} {expected}");
        }
        let ratio = path.metrics.sharpe.unwrap() / sharpe(&expected);
        assert!((ratio / (365.25_f64).sqrt() - 1.0).abs() < 0.3, "only the year's factor: {ratio}");
    }
    let spread = report.sharpe_spread().unwrap();
    assert!(spread.low <= spread.median && spread.median <= spread.high && spread.paths == 5);
}

#[test]
fn what_is_tested_has_no_part_in_a_choice() {
    let lease = market(0..0).lease();
    // The last group: what is fitted on lies before it, and so does its history.
    let changed = market(252..303).lease();
    for method in ["grid", "tpe", "random"] {
        let method: Method = method.parse().unwrap();
        let (one, other) = (validation(method.clone()), validation(method));
        let (before, after) = (run(&lease, &one, 1), run(&changed, &other, 2));
        let splits = before.folds.iter().zip(&after.folds);
        let mut splits = splits.filter(|(before, _)| before.split.test_groups.contains(&5));
        assert!(splits.by_ref().take(5).all(|(before, after)| before.chosen == after.chosen));
        assert_ne!(before.paths[0].equity, after.paths[0].equity);
    }
}

#[test]
fn it_is_the_same_at_any_number_of_workers_and_stops_when_asked() {
    let lease = market(0..0).lease();
    let one = run(&lease, &validation("tpe".parse().unwrap()), 1);
    let three = run(&lease, &validation("tpe".parse().unwrap()), 3);
    let bits = |report: &CrossValidationReport| {
        let path = |path: &barrow_engine::PathReport| format!("{:?} {:?}", path.folds, path.equity);
        report.paths.iter().map(path).collect::<Vec<_>>()
    };
    assert_eq!(bits(&one), bits(&three));
    let stop = AtomicBool::new(false);
    let progress = |progress: Progress| {
        if progress.done >= 100 {
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
        }
    };
    let cut = CrossValidation {
        progress: Some(&progress),
        cancel: Some(&stop),
        ..validation(Method::Random)
    };
    let cut = run(&lease, &cut, 1);
    assert_eq!((cut.folds.len(), cut.paths.len(), cut.folds_len), (2, 0, 15));
}

/// A whole trial is that of single backtests over the fitted stretches, whatever the budgets before it ran on.
#[test]
fn searches_with_budgets_choose_among_whole_runs_at_any_number_of_workers() {
    let lease = market(0..0).lease();
    for (part, search) in [
        (Part::Spread, "bohb:min=1/9"),
        (Part::First, "hyperband:min=1/9"),
        (Part::Assets, "asha:min=1/2,eta=2"),
    ] {
        let mut validation = validation(search.parse().unwrap());
        validation.terms = Terms { part, seed: 3, ..Terms::default() };
        let (one, three) = (run(&lease, &validation, 1), run(&lease, &validation, 3));
        assert_eq!(format!("{:?}", one.folds), format!("{:?}", three.folds));
        assert!(one.trials > 0 && one.trials < 15 * 40, "some were parts: {}", one.trials);
        for fold in &one.folds {
            let parts = fold.split.train.iter().map(|days| single(&lease, &fold.chosen, days));
            let whole = chained(&parts.collect::<Vec<_>>());
            assert!((fold.on_train.final_equity / whole.last().unwrap() - 1.0).abs() < 1e-12);
            let rank = fold.rank_correlation.unwrap_or(0.0);
            assert!((-1.0..=1.0).contains(&rank));
        }
    }
}
