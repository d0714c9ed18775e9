//! Fitting on one stretch of history and judging on the next, again and again.

mod report;
mod stitch;

pub use report::{FoldReport, WalkForwardReport};
use stitch::Stitch;

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use barrow_store::{Lease, SeriesCache};

use crate::Error;
use crate::backtest::Backtest;
use crate::metrics::Metrics;
use crate::objective::{Direction, Objective};
use crate::params::Params;
use crate::portal::{Portal, Scope};
use crate::search::{Limit, SearchPlan, Space};
use crate::sweep::{Crews, Factory, Hunt, Progress, Terms, ThreadCrews, Trial, evaluate};
use crate::validation::{Fold, FoldScore, Stability, Windows, spearman};
use crate::workers::Workers;

/// How a walk-forward is run.
///
/// In each fold a search runs on the train stretch; of its trials the best **on the validation
/// stretch** is chosen, or on the train stretch where there is none; the choice, and for comparison
/// every other trial, is run on the test stretch. Nothing of the test stretch has a part in a choice.
/// Each stretch has a fresh portfolio; bars before it are visible as history and not traded;
/// positions open at its end are marked at the last close.
pub struct WalkForward<'a> {
    /// Settings of each trial; its period is what is cut into folds.
    pub backtest: Backtest,
    /// What a trial is worth.
    pub objective: Objective,
    /// What results must keep to be chosen before others.
    pub limits: Vec<Limit>,
    /// The search in each fold.
    pub plan: SearchPlan,
    /// The folds.
    pub windows: Windows,
    /// Trials asked for at a time: see [`Hunt::round`].
    pub round: Option<usize>,
    /// What holds for each trial.
    pub terms: Terms,
    /// Is called as trials of the searches end, with the sums over all folds; one call at a time.
    pub progress: Option<&'a (dyn Fn(Progress) + Sync)>,
    /// Once true, no further trial is started; the report has the folds that ended.
    pub cancel: Option<&'a AtomicBool>,
}

impl std::fmt::Debug for WalkForward<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WalkForward")
            .field("backtest", &self.backtest)
            .field("plan", &self.plan)
            .field("windows", &self.windows)
            .finish_non_exhaustive()
    }
}

impl WalkForward<'_> {
    /// Runs all folds.
    ///
    /// # Errors
    /// What a search fails with; [`Error::Statistic`] when the clock is too short for a fold;
    /// [`Error::NoChoice`] when no trial of a fold has the objective.
    pub fn run(
        &self,
        lease: &Lease,
        factory: &Factory<'_>,
        space: &Arc<Space>,
        cache: &SeriesCache,
        workers: &Workers,
    ) -> Result<WalkForwardReport, Error> {
        let crews = ThreadCrews { factory, workers, terms: self.terms, cancel: self.cancel };
        self.run_with(lease, factory, space, cache, &crews)
    }

    /// Runs all folds, trials by crews of any kind, which keep the terms. The choices are run in
    /// full by this thread, with `factory`'s strategies.
    ///
    /// # Errors
    /// As [`WalkForward::run`], and what a crew fails with.
    pub fn run_with(
        &self,
        lease: &Lease,
        factory: &Factory<'_>,
        space: &Arc<Space>,
        cache: &SeriesCache,
        crews: &dyn Crews,
    ) -> Result<WalkForwardReport, Error> {
        let started = Instant::now();
        let whole = Portal::new(lease, cache, &self.backtest.scope)?;
        let folds = self.windows.folds(whole.times())?;
        let mut report = WalkForwardReport {
            bundle: lease.name().to_owned(),
            version: lease.version(),
            strategy: String::new(),
            space: space.as_ref().clone(),
            method: self.plan.method.to_string(),
            objective: self.objective,
            search_seed: self.plan.seed,
            cash: self.backtest.cash,
            folds: Vec::new(),
            folds_len: folds.len(),
            times: Vec::new(),
            equity: Vec::new(),
            metrics: Metrics::default(),
            stability: None,
            trials: 0,
            time_style: whole.time_style(),
            workers: crews.hands(),
            elapsed_seconds: 0.0,
        };
        let mut stitch = Stitch { level: self.backtest.cash, ..Stitch::default() };
        let mut scores = Vec::new();
        for fold in folds {
            let stage = Stage { lease, factory, space, cache, crews, whole: &whole };
            let Some(ended) = self.fold(&stage, fold, &mut report, &mut stitch)? else { break };
            scores.push(self.score(&ended, space));
            report.trials += ended.trials;
            report.folds.push(ended);
        }
        let known =
            scores.iter().all(|score| score.inside.is_finite() && score.outside.is_finite());
        report.stability = if known { Stability::of(&scores).ok() } else { None };
        report.metrics = stitch.metrics(&report.equity, whole.bars_per_year());
        report.elapsed_seconds = started.elapsed().as_secs_f64();
        Ok(report)
    }

    /// Runs one fold; `None` when it was cancelled.
    fn fold(
        &self,
        stage: &Stage<'_, '_>,
        fold: Fold,
        report: &mut WalkForwardReport,
        stitch: &mut Stitch,
    ) -> Result<Option<FoldReport>, Error> {
        let (backtest, train) = self.on(stage, &fold.train)?;
        let before = report.trials;
        let folds_len = report.folds_len as u64;
        let progress = |inner: Progress| {
            if let Some(progress) = self.progress {
                progress(inner.in_one_of(folds_len, before));
            }
        };
        let crew = stage.crews.over(&backtest, &train);
        let hunt = Hunt {
            backtest: &backtest,
            objectives: vec![self.objective],
            limits: self.limits.clone(),
            plan: self.plan.clone(),
            round: self.round,
            progress: Some(&progress),
            cancel: self.cancel,
        };
        let found = hunt.run(&train, stage.factory, stage.space, crew.as_ref(), None)?;
        if found.not_run > 0 || hunt.is_cancelled() {
            return Ok(None);
        }
        report.strategy.clone_from(&found.strategy);
        let points: Vec<Params> = found.trials.iter().map(|trial| found.params(trial)).collect();
        let on = |ticks: &Range<usize>| -> Result<Vec<Option<Trial>>, Error> {
            let (backtest, portal) = self.on(stage, ticks)?;
            evaluate(stage.crews.over(&backtest, &portal).as_ref(), &points)
        };
        let on_train: Vec<Option<Trial>> = found.trials.iter().copied().map(Some).collect();
        let on_validate = if fold.validate.is_empty() { None } else { Some(on(&fold.validate)?) };
        let on_test = on(&fold.test)?;
        if hunt.is_cancelled() {
            return Ok(None);
        }
        let judged_by = on_validate.as_ref().unwrap_or(&on_train);
        let no_choice = || Error::NoChoice { fold: report.folds.len() };
        let chosen = self.choose(judged_by).ok_or_else(no_choice)?;
        let test = on_test[chosen].ok_or_else(no_choice)?;
        self.append_test(stage, &fold, &points[chosen], report, stitch)?;
        let times = |ticks: &Range<usize>| {
            let times = stage.whole.times();
            (times[ticks.start], times[ticks.end - 1])
        };
        Ok(Some(FoldReport {
            train: times(&fold.train),
            validate: on_validate.is_some().then(|| times(&fold.validate)),
            test: times(&fold.test),
            chosen: points[chosen].clone(),
            on_train: found.trials[chosen],
            on_validate: on_validate.as_ref().and_then(|trials| trials[chosen]),
            on_test: test,
            rank_correlation: self.rank_correlation(judged_by, &on_test),
            trials: found.trials.len() as u64,
            failed: found.failed.len() as u64,
            fold,
        }))
    }

    /// The settings and the portal of a stretch.
    fn on<'l>(
        &self,
        stage: &Stage<'l, '_>,
        ticks: &Range<usize>,
    ) -> Result<(Backtest, Portal<'l>), Error> {
        let times = stage.whole.times();
        let (from, to) = (Some(times[ticks.start]), Some(times[ticks.end - 1]));
        let scope = Scope { from, to, assets: self.backtest.scope.assets.clone() };
        let portal = Portal::new(stage.lease, stage.cache, &scope)?;
        Ok((Backtest { scope, ..self.backtest.clone() }, portal))
    }

    /// The place of the best trial: limits first, then the objective, of equal ones the first.
    fn choose(&self, trials: &[Option<Trial>]) -> Option<usize> {
        let (mut best, mut best_value, mut least) = (None, None, f64::INFINITY);
        for (at, trial) in trials.iter().enumerate() {
            let Some(trial) = trial else { continue };
            let missed = |limit: &Limit| limit.violation_of(&trial.metrics, trial.final_equity);
            let violation: f64 = self.limits.iter().map(missed).sum();
            let value = trial.value(self.objective);
            let better = violation < least
                || (violation == least && self.objective.better(value, best_value));
            if value.is_some() && better {
                (best, best_value, least) = (Some(at), value, violation);
            }
        }
        best
    }

    fn rank_correlation(&self, a: &[Option<Trial>], b: &[Option<Trial>]) -> Option<f64> {
        let value = |trial: &Option<Trial>| trial.and_then(|trial| trial.value(self.objective));
        let pairs = a.iter().zip(b).filter_map(|(a, b)| value(a).zip(value(b)));
        let (a, b): (Vec<f64>, Vec<f64>) = pairs.unzip();
        spearman(&a, &b)
    }

    /// Runs the choice on the test stretch in full and appends its equity.
    fn append_test(
        &self,
        stage: &Stage<'_, '_>,
        fold: &Fold,
        chosen: &Params,
        report: &mut WalkForwardReport,
        stitch: &mut Stitch,
    ) -> Result<(), Error> {
        let (backtest, portal) = self.on(stage, &fold.test)?;
        let mut strategy = (stage.factory)(chosen)?;
        let performance = backtest.run_on(&portal, strategy.as_mut())?;
        let scale = stitch.level / backtest.cash;
        // Where tests overlap, a time belongs to the first of them.
        let after = report.times.last().copied().unwrap_or(i64::MIN);
        let new = portal.times().partition_point(|time| *time <= after);
        let begins = performance.equity.get(new).map_or(backtest.cash, |(_, equity)| *equity);
        let scale = if new == 0 { scale } else { stitch.level / begins };
        report.times.extend_from_slice(&portal.times()[new..]);
        report.equity.extend(performance.equity[new..].iter().map(|(_, equity)| equity * scale));
        stitch.level = report.equity.last().copied().unwrap_or(stitch.level);
        let metrics = performance.metrics;
        stitch.fills += metrics.fills;
        stitch.trades += metrics.trades;
        Ok(())
    }

    fn score(&self, fold: &FoldReport, space: &Space) -> FoldScore {
        let judged = fold.on_validate.as_ref().unwrap_or(&fold.on_train);
        let value = |trial: &Trial| {
            let value = trial.value(self.objective).unwrap_or(f64::NAN);
            if self.objective.direction == Direction::Max { value } else { -value }
        };
        let coordinate = |(dim, x): (&crate::search::Dim, f64)| match dim.levels {
            _ if x.is_nan() => Err(usize::MAX),
            Some(levels) => {
                Err((0..levels).find(|at| crate::validation::number(*at) >= x).unwrap_or(levels))
            }
            None => Ok(x),
        };
        FoldScore {
            inside: value(judged),
            outside: value(&fold.on_test),
            profitable: fold.on_test.metrics.total_return.is_some_and(|total| total > 0.0),
            chosen: space.dims().iter().zip(space.encode(&fold.chosen)).map(coordinate).collect(),
        }
    }
}

/// What all folds share.
struct Stage<'l, 'a> {
    lease: &'l Lease,
    factory: &'a Factory<'a>,
    space: &'a Arc<Space>,
    cache: &'l SeriesCache,
    crews: &'a dyn Crews,
    whole: &'a Portal<'l>,
}
