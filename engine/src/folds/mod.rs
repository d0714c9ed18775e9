//! Fitting on some bars and judging on others, again and again.

mod cut;
mod paths;
mod report;
mod spread;

pub use cut::Cut;
use paths::Paths;
pub use report::{FoldReport, FoldsReport, PathReport};
pub use spread::SharpeSpread;

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use barrow_store::{Lease, SeriesCache};

use crate::Error;
use crate::backtest::Backtest;
use crate::objective::Objective;
use crate::params::Params;
use crate::portal::Portal;
use crate::search::{Limit, SearchPlan, Space};
use crate::sweep::{
    Crews, Factory, Hunt, Piece, Progress, Ranking, Terms, ThreadCrews, Trial, evaluate,
};
use crate::validation::{Purged, Split, Windows, spearman};
use crate::workers::Workers;

/// How folds are run, whichever way they are cut.
///
/// In each fold a search runs on the bars to fit on; of its whole trials the best **on the validation
/// bars** is chosen, or on those fitted on where there are none; the choice, and for comparison every
/// other trial, is run on the test bars. Nothing of them has a part in a choice. Each stretch has a fresh
/// portfolio; bars before it are visible as history and not traded; positions open at its end are marked
/// at the last close.
///
/// The runs of the choices, one after the other, are paths. A walk-forward has one. A combinatorial
/// purged cross-validation tests every group of bars several times and so has several, each over the whole
/// period: where a walk-forward gives one Sharpe ratio, they give a distribution. Source: Lopez de
/// Prado (2018), "Advances in financial machine learning", chapter 12.
///
/// ```no_run
/// use std::sync::Arc;
///
/// use barrow_engine::search::{Method, SearchPlan};
/// use barrow_engine::validation::Windows;
/// use barrow_engine::{Backtest, Folds, Space, Workers, strategies};
/// use barrow_store::{Catalog, SeriesCache};
///
/// let lease = Catalog::at("/data/barrow").lease("us-daily")?;
/// let space = Arc::new(Space::parse(["fast=int(2..60)", "slow=int(61..250)"])?);
/// let plan = SearchPlan::of_trials(Method::Random, 7, 1000);
/// let windows = Windows::rolling("4y".parse()?, "1y".parse()?);
/// let backtest = Backtest::with_cash(100_000.0);
/// let report = Folds::new(backtest, "sharpe".parse()?, plan, windows).run(
///     &lease,
///     &|params| strategies::build("sma-cross", params),
///     &space,
///     &SeriesCache::default(),
///     &Workers::new(2)?,
/// )?;
/// for fold in &report.folds {
///     println!("{} {:?}", fold.chosen, fold.on_test.metrics.sharpe);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Folds<'a, C> {
    /// Settings of each trial; its period is what is cut into folds.
    pub backtest: Backtest,
    /// What a trial is worth.
    pub objective: Objective,
    /// What results must keep to be chosen before others.
    pub limits: Vec<Limit>,
    /// The search in each fold.
    pub plan: SearchPlan,
    /// The folds.
    pub cut: C,
    /// Trials asked for at a time: see [`Hunt::round`].
    pub round: Option<usize>,
    /// What holds for each trial.
    pub terms: Terms,
    /// Is called as trials of the searches end, with the sums over all folds; one call at a time.
    pub progress: Option<&'a (dyn Fn(Progress) + Sync)>,
    /// Once true, no further trial is started; the report has the folds that ended.
    pub cancel: Option<&'a AtomicBool>,
}

/// Folds that follow each other in time.
pub type WalkForward<'a> = Folds<'a, Windows>;

/// Folds that test groups of bars in every combination.
pub type CrossValidation<'a> = Folds<'a, Purged>;

/// The result of a walk-forward: one path.
pub type WalkForwardReport = FoldsReport<Windows>;

/// The result of a cross-validation: several paths over the whole period.
pub type CrossValidationReport = FoldsReport<Purged>;

/// What all folds share.
struct Stage<'l, 'a> {
    factory: &'a Factory<'a>,
    space: &'a Arc<Space>,
    crews: &'a dyn Crews,
    whole: &'a Portal<'l>,
    folds_len: u64,
}

impl<C: Cut> Folds<'_, C> {
    /// Returns folds without limits, progress and cancellation.
    pub fn new(backtest: Backtest, objective: Objective, plan: SearchPlan, cut: C) -> Self {
        let terms = Terms { seed: plan.seed, ..Terms::default() };
        Folds {
            backtest,
            objective,
            limits: Vec::new(),
            plan,
            cut,
            round: None,
            terms,
            progress: None,
            cancel: None,
        }
    }

    /// Runs all folds.
    ///
    /// # Errors
    /// What a search fails with; [`Error::Statistic`] when the clock cannot be cut this way;
    /// [`Error::NoChoice`] when no trial of a fold has the objective.
    pub fn run(
        &self,
        lease: &Lease,
        factory: &Factory<'_>,
        space: &Arc<Space>,
        cache: &SeriesCache,
        workers: &Workers,
    ) -> Result<FoldsReport<C>, Error> {
        let crews = ThreadCrews { factory, workers, terms: self.terms, cancel: self.cancel };
        self.run_with(lease, factory, space, cache, &crews)
    }

    /// Runs all folds, trials by crews of any kind, which keep the terms. The choices are run in
    /// full by this thread, with `factory`'s strategies.
    ///
    /// # Errors
    /// As [`Folds::run`], and what a crew fails with.
    pub fn run_with(
        &self,
        lease: &Lease,
        factory: &Factory<'_>,
        space: &Arc<Space>,
        cache: &SeriesCache,
        crews: &dyn Crews,
    ) -> Result<FoldsReport<C>, Error> {
        let started = Instant::now();
        let whole = Portal::new(lease, cache, &self.backtest.scope)?;
        let splits = self.cut.splits(whole.times())?;
        let mut report = FoldsReport::of(self, lease, space, &whole, splits.len());
        let (mut paths, mut asked) = (Paths::new(&splits), 0);
        let folds_len = splits.len() as u64;
        let stage = Stage { factory, space, crews, whole: &whole, folds_len };
        for split in splits {
            let number = report.folds.len();
            let Some(found) = self.fold(&stage, split, number, asked)? else { break };
            let (fold, strategy, trials) = found;
            asked += trials;
            for (place, piece) in self.judged(&stage, &fold)?.into_iter().enumerate() {
                paths.add(report.folds.len(), &fold.split, place, piece);
            }
            report.trials += fold.trials;
            report.strategy = strategy;
            report.folds.push(fold);
        }
        (report.times, report.paths) = paths.joined(self.backtest.cash, &whole);
        report.workers = crews.hands();
        report.stability = report.stability_of_choices();
        report.elapsed_seconds = started.elapsed().as_secs_f64();
        Ok(report)
    }

    /// Runs one fold, after folds of `before` trials: its report, the name of the strategy, and how many trials it
    /// asked for. `None` when it was cancelled.
    fn fold(
        &self,
        stage: &Stage<'_, '_>,
        split: Split,
        number: usize,
        before: u64,
    ) -> Result<Option<(FoldReport, String, u64)>, Error> {
        let progress = |inner: Progress| {
            if let Some(progress) = self.progress {
                progress(inner.in_fold((number as u64, stage.folds_len), before));
            }
        };
        let hunt = Hunt {
            backtest: &self.backtest,
            objectives: vec![self.objective],
            limits: self.limits.clone(),
            plan: self.plan.clone(),
            round: self.round,
            progress: Some(&progress),
            cancel: self.cancel,
        };
        let train = stage.stretches(&split.train);
        let crew = stage.crews.over(&self.backtest, &train);
        let found = hunt.run(stage.whole, stage.factory, stage.space, crew.as_ref(), None)?;
        if found.not_run > 0 || hunt.is_cancelled() {
            return Ok(None);
        }
        let points: Vec<Params> = found.trials.iter().map(|trial| found.params(trial)).collect();
        let on = |ticks: &[Range<usize>]| {
            let stretches = stage.stretches(ticks);
            evaluate(stage.crews.over(&self.backtest, &stretches).as_ref(), &points)
        };
        let on_train: Vec<Option<Trial>> = found.trials.iter().copied().map(Some).collect();
        let on_validate = if split.validate.is_empty() { None } else { Some(on(&split.validate)?) };
        let on_test = on(&split.test)?;
        if hunt.is_cancelled() {
            return Ok(None);
        }
        let judged_by = on_validate.as_ref().unwrap_or(&on_train);
        let no_choice = || Error::NoChoice { fold: number };
        let chosen = self.choose(judged_by).ok_or_else(no_choice)?;
        let hull = |ticks: &[Range<usize>]| stage.hull(ticks);
        let fold = FoldReport {
            train: hull(&split.train),
            validate: on_validate.is_some().then(|| hull(&split.validate)),
            test: hull(&split.test),
            chosen: points[chosen].clone(),
            on_train: found.trials[chosen],
            on_validate: on_validate.as_ref().and_then(|trials| trials[chosen]),
            on_test: on_test[chosen].ok_or_else(no_choice)?,
            rank_correlation: self.rank_correlation(judged_by, &on_test),
            trials: found.trials.len() as u64,
            failed: found.failed.len() as u64,
            split,
        };
        let asked = found.points_len();
        Ok(Some((fold, found.strategy, asked)))
    }

    /// Runs the choice of a fold on each of its test stretches in full.
    fn judged(&self, stage: &Stage<'_, '_>, fold: &FoldReport) -> Result<Vec<Piece>, Error> {
        let run = |portal: Portal<'_>| {
            let mut strategy = (stage.factory)(&fold.chosen)?;
            Piece::run(&self.backtest, &portal, strategy.as_mut(), None)
        };
        stage.stretches(&fold.split.test).into_iter().map(run).collect()
    }

    /// The place of the best trial: limits first, then the objective, of equal ones the first.
    fn choose(&self, trials: &[Option<Trial>]) -> Option<usize> {
        let ranking = Ranking { objective: self.objective, limits: &self.limits };
        let ran = trials.iter().enumerate();
        ranking.best(ran.filter_map(|(at, trial)| Some((at, trial.as_ref()?))))
    }

    fn rank_correlation(&self, a: &[Option<Trial>], b: &[Option<Trial>]) -> Option<f64> {
        let value = |trial: &Option<Trial>| trial.and_then(|trial| trial.value(self.objective));
        let pairs = a.iter().zip(b).filter_map(|(a, b)| value(a).zip(value(b)));
        let (a, b): (Vec<f64>, Vec<f64>) = pairs.unzip();
        spearman(&a, &b)
    }
}

impl<'l> Stage<'l, '_> {
    /// The bars of stretches of the clock.
    fn stretches(&self, ticks: &[Range<usize>]) -> Vec<Portal<'l>> {
        ticks.iter().map(|ticks| self.whole.stretch(ticks)).collect()
    }

    /// First and last time of stretches.
    fn hull(&self, ticks: &[Range<usize>]) -> (i64, i64) {
        let times = self.whole.times();
        let first = ticks.first().map_or(0, |ticks| times[ticks.start]);
        (first, ticks.last().map_or(0, |ticks| times[ticks.end - 1]))
    }
}

impl<C: std::fmt::Debug> std::fmt::Debug for Folds<'_, C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Folds")
            .field("backtest", &self.backtest)
            .field("plan", &self.plan)
            .field("cut", &self.cut)
            .finish_non_exhaustive()
    }
}
