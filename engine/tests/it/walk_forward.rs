//! Goal: a walk-forward chooses where it says, judges on what had no part in the choice, and joins
//! the judged stretches to one equity. Method: every figure again by single backtests over the same
//! dates; the future changed, which must change no choice before it.

use std::sync::Arc;

use barrow_engine::search::{Goals, Method, SearchPlan};
use barrow_engine::validation::{Anchor, Length, PartialLast, Windows};
use barrow_engine::{
    Backtest, Direction, FoldReport, Params, Performance, Scope, Space, Terms, WalkForward,
    WalkForwardReport, Workers, strategies,
};
use barrow_store::{Lease, SeriesCache};

use crate::bundles::{DAY, Market};

fn closes(step: i64, days: i64) -> Vec<Option<i64>> {
    (0..days).map(|day| Some(1000 + (day * day * step + day * 37) % 211)).collect()
}

fn market() -> Market {
    Market::of(&[("A", &closes(3, 400)), ("B", &closes(7, 400))])
}

fn walk(windows: Windows) -> WalkForward<'static> {
    let mut plan = SearchPlan::new(Method::Grid, 0, Goals::one(Direction::Max));
    plan.trials_max = Some(1000);
    WalkForward {
        backtest: Backtest::with_cash(10_000.0),
        objective: "sharpe".parse().unwrap(),
        limits: Vec::new(),
        plan,
        cut: windows,
        round: None,
        terms: Terms::default(),
        progress: None,
        cancel: None,
    }
}

fn windows(validate: Option<Length>) -> Windows {
    Windows {
        train: Length::Bars(120),
        validate,
        test: Length::Bars(60),
        step: None,
        gap: 2,
        purge: 1,
        anchor: Anchor::Rolling,
        partial_last: PartialLast::Keep,
    }
}

fn run(lease: &Lease, walk: &WalkForward<'_>, threads: usize) -> WalkForwardReport {
    let space = Arc::new(Space::parse(["fast=2..8", "slow=10..40:3"]).unwrap());
    let factory = |params: &Params| strategies::build("sma-cross", params);
    let (cache, workers) = (SeriesCache::default(), Workers::new(threads).unwrap());
    walk.run(lease, &factory, &space, &cache, &workers).unwrap()
}

fn single(lease: &Lease, params: &Params, (from, to): (i64, i64)) -> Performance {
    let scope = Scope { from: Some(from), to: Some(to), assets: None };
    let backtest = Backtest { scope, ..Backtest::with_cash(10_000.0) };
    let mut strategy = strategies::build("sma-cross", params).unwrap();
    backtest.run(lease, strategy.as_mut(), &SeriesCache::default()).unwrap()
}

/// The best of the whole space by single runs; the first of equal ones.
fn best(lease: &Lease, period: (i64, i64)) -> Params {
    let space = Space::parse(["fast=2..8", "slow=10..40:3"]).unwrap();
    let mut best: Option<(f64, Params)> = None;
    for index in 0..space.len() {
        let params = space.point(index);
        let sharpe = single(lease, &params, period).metrics.sharpe;
        if let Some(sharpe) = sharpe
            && best.as_ref().is_none_or(|(value, _)| sharpe > *value)
        {
            best = Some((sharpe, params));
        }
    }
    best.unwrap().1
}

fn bits(folds: &[FoldReport]) -> String {
    format!("{folds:?}")
}

#[test]
fn the_choice_is_made_on_the_validation_stretch_and_on_train_without_one() {
    let lease = market().lease();
    let with = run(&lease, &walk(windows(Some(Length::Bars(40)))), 2);
    assert!(with.folds.len() >= 3);
    let mut differs = 0;
    for fold in &with.folds {
        assert_eq!(fold.chosen, best(&lease, fold.validate.unwrap()));
        differs += i32::from(fold.chosen != best(&lease, fold.train));
        assert_eq!(fold.on_train.metrics, single(&lease, &fold.chosen, fold.train).metrics);
        assert!(fold.validate.unwrap().0 > fold.train.1 && fold.test.0 > fold.validate.unwrap().1);
    }
    assert!(differs > 0, "the market was made so that train and validation disagree");
    let without = run(&lease, &walk(windows(None)), 1);
    for fold in &without.folds {
        assert_eq!(fold.chosen, best(&lease, fold.train));
    }
}

#[test]
fn the_stitched_equity_is_that_of_the_tests_one_after_the_other() {
    let lease = market().lease();
    let report = run(&lease, &walk(windows(None)), 2);
    let mut level = 10_000.0;
    let mut expected = Vec::new();
    for fold in &report.folds {
        let alone = single(&lease, &fold.chosen, fold.test);
        assert_eq!(fold.on_test.metrics, alone.metrics);
        expected.extend(alone.equity.iter().map(|(_, equity)| equity * (level / 10_000.0)));
        level = *expected.last().unwrap();
    }
    assert_eq!((report.times.len(), report.equity().len()), (expected.len(), expected.len()));
    for (found, expected) in report.equity().iter().zip(&expected) {
        assert!((found / expected - 1.0).abs() < 1e-12, "{found} {expected}");
    }
    assert!(report.times.is_sorted());
    let total = expected.last().unwrap() / 10_000.0 - 1.0;
    assert!((report.metrics().total_return.unwrap() - total).abs() < 1e-12);
    let stability = report.stability.unwrap();
    assert!((0.0..=1.0).contains(&stability.profitable));
    assert!(stability.drift.iter().all(|drift| (0.0..=1.0).contains(drift)));
}

#[test]
fn workers_change_nothing_and_the_future_changes_no_earlier_choice() {
    let lease = market().lease();
    let walk = walk(windows(Some(Length::Bars(40))));
    let one = run(&lease, &walk, 1);
    assert_eq!(bits(&one.folds), bits(&run(&lease, &walk, 3).folds));
    let mut other = market();
    for asset in &mut other.assets {
        for bar in asset.bars.iter_mut().filter(|bar| bar.time >= 300 * DAY) {
            bar.close_cents += 400 + (bar.time / DAY * 91) % 300;
            bar.open *= 1.3;
        }
    }
    let changed = run(&other.lease(), &walk, 1);
    let before = one.folds.iter().filter(|fold| fold.test.1 < 300 * DAY).count();
    assert!(before >= 1);
    assert_eq!(bits(&one.folds[..before]), bits(&changed.folds[..before]));
    for (a, b) in one.folds.iter().zip(&changed.folds) {
        if a.validate.unwrap().1 < 300 * DAY {
            assert_eq!(a.chosen, b.chosen);
        }
    }
}
