//! Fitting on some groups of bars and judging on the others, in every combination.

mod report;

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use barrow_store::{Lease, SeriesCache};

pub use self::report::{CrossValidationReport, PathReport, SharpeSpread, SplitReport};
use crate::Error;
use crate::backtest::Backtest;
use crate::objective::Objective;
use crate::portal::{Portal, Scope};
use crate::search::{Limit, SearchPlan, Space};
use crate::sweep::{Factory, Hunt, Patchwork, Piece, Progress, Terms, stitch};
use crate::validation::{Purged, Split};
use crate::workers::Workers;

/// How a combinatorial purged cross-validation is run.
///
/// The bars are cut into groups. For each choice of test groups a search runs on the others, less what is
/// purged, and its best trial is run on the test groups. Put together they are paths: backtests over
/// the whole period, no bar of which was judged by what was fitted on it. Where a walk-forward gives one
/// such backtest, these give a distribution. Each stretch has a fresh portfolio; bars before it are
/// visible as history and not traded. Source: Lopez de Prado (2018), "Advances in financial machine
/// learning", chapter 12.
pub struct CrossValidation<'a> {
    /// Settings of each trial; its period is what is cut into groups.
    pub backtest: Backtest,
    /// What a trial is worth.
    pub objective: Objective,
    /// What results must keep to be chosen before others.
    pub limits: Vec<Limit>,
    /// The search in each split: one without budgets.
    pub plan: SearchPlan,
    /// The groups.
    pub purged: Purged,
    /// Trials asked for at a time: see [`Hunt::round`].
    pub round: Option<usize>,
    /// What holds for each trial.
    pub terms: Terms,
    /// Is called as trials of the searches end, with the sums over all splits; one call at a time.
    pub progress: Option<&'a (dyn Fn(Progress) + Sync)>,
    /// Once true, no further trial is started; the report has the splits that ended.
    pub cancel: Option<&'a AtomicBool>,
}

/// What all splits share.
struct Stage<'l, 'a> {
    lease: &'l Lease,
    cache: &'l SeriesCache,
    factory: &'a Factory<'a>,
    space: &'a Arc<Space>,
    workers: &'a Workers,
    whole: &'a Portal<'l>,
}

impl CrossValidation<'_> {
    /// Runs all splits and puts the paths together.
    ///
    /// # Errors
    /// What a search fails with; [`Error::BadSearch`] for one with budgets; [`Error::Statistic`] for groups
    /// that the bars cannot be cut into, or of which purging leaves nothing to fit on;
    /// [`Error::NoChoice`] when no trial of a split has the objective.
    pub fn run(
        &self,
        lease: &Lease,
        factory: &Factory<'_>,
        space: &Arc<Space>,
        cache: &SeriesCache,
        workers: &Workers,
    ) -> Result<CrossValidationReport, Error> {
        let started = Instant::now();
        if self.plan.method.budgets().is_some() {
            return Err(Error::BadSearch {
                search: self.plan.method.name(),
                name: "rungs".to_owned(),
                expected: "none, as each group is run in full",
                found: self.plan.method.to_string(),
            });
        }
        let whole = Portal::new(lease, cache, &self.backtest.scope)?;
        let times = whole.times();
        let splits = self.purged.splits(times.len())?;
        let stage = Stage { lease, cache, factory, space, workers, whole: &whole };
        let ticks: Vec<Range<usize>> =
            (0..self.purged.groups).map(|group| self.purged.group(group, times.len())).collect();
        let groups = ticks.iter().map(|ticks| stage.portal(&self.backtest, ticks));
        let groups = groups.collect::<Result<Vec<_>, _>>()?;
        let mut report = CrossValidationReport {
            bundle: lease.name().to_owned(),
            version: lease.version(),
            strategy: String::new(),
            space: space.as_ref().clone(),
            method: self.plan.method.to_string(),
            objective: self.objective,
            search_seed: self.plan.seed,
            cash: self.backtest.cash,
            purged: self.purged,
            groups: ticks.iter().map(|ticks| (times[ticks.start], times[ticks.end - 1])).collect(),
            splits: Vec::new(),
            splits_len: splits.len(),
            paths: Vec::new(),
            times: times.to_vec(),
            trials: 0,
            time_style: whole.time_style(),
            workers: workers.threads(),
            elapsed_seconds: 0.0,
        };
        // By path and group: the split whose choice the group was run with, and the run.
        let paths_len = usize::try_from(self.purged.paths_len()).unwrap_or(usize::MAX);
        let mut paths: Vec<Vec<Option<(usize, Piece)>>> = vec![vec![None; groups.len()]; paths_len];
        for (number, split) in splits.into_iter().enumerate() {
            let Some((ended, pieces)) = self.split(&stage, split, &groups, &mut report)? else {
                break;
            };
            let judged = ended.split.test_groups.iter().zip(&ended.split.paths).zip(pieces);
            for ((group, path), piece) in judged {
                paths[*path][*group] = Some((number, piece));
            }
            report.trials += ended.trials;
            report.splits.push(ended);
        }
        if report.splits.len() == report.splits_len {
            let path = |groups: Vec<Option<(usize, Piece)>>| {
                let (splits, pieces): (Vec<usize>, Vec<Piece>) =
                    groups.into_iter().flatten().unzip();
                let cash = self.backtest.cash;
                let (trial, equity) = stitch(cash, 0, whole.bars_per_year(), pieces.iter());
                PathReport { splits, metrics: trial.metrics, equity }
            };
            report.paths = paths.into_iter().map(path).collect();
        }
        report.elapsed_seconds = started.elapsed().as_secs_f64();
        Ok(report)
    }

    /// Fits one split and runs the choice on its test groups; `None` when it was cancelled.
    fn split(
        &self,
        stage: &Stage<'_, '_>,
        split: Split,
        groups: &[Portal<'_>],
        report: &mut CrossValidationReport,
    ) -> Result<Option<(SplitReport, Vec<Piece>)>, Error> {
        crate::validation::needs(
            !split.train.is_empty(),
            "purged cross-validation",
            "bars to fit on that purging leaves",
            "none",
        )?;
        let portals = split.train.iter().map(|ticks| stage.portal(&self.backtest, ticks));
        let crew = Patchwork {
            backtest: &self.backtest,
            portals: portals.collect::<Result<_, _>>()?,
            factory: stage.factory,
            workers: stage.workers,
            terms: self.terms,
            cancel: self.cancel,
        };
        let (before, splits_len) = (report.trials, report.splits_len as u64);
        let progress = |inner: Progress| {
            if let Some(progress) = self.progress {
                progress(inner.in_one_of(splits_len, before));
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
        let found = hunt.run(stage.whole, stage.factory, stage.space, &crew, None)?;
        if found.not_run > 0 || self.cancel.is_some_and(|cancel| cancel.load(Ordering::Relaxed)) {
            return Ok(None);
        }
        report.strategy.clone_from(&found.strategy);
        let best = found.best.ok_or(Error::NoChoice { fold: report.splits.len() })?;
        let on_train = found.trials[best];
        let chosen = found.params(&on_train);
        let run = |group: &usize| {
            let mut strategy = (stage.factory)(&chosen)?;
            Piece::run(&self.backtest, &groups[*group], strategy.as_mut(), None)
        };
        let pieces = split.test_groups.iter().map(run).collect::<Result<Vec<_>, Error>>()?;
        let bars_per_year = stage.whole.bars_per_year();
        let (on_test, _) = stitch(self.backtest.cash, on_train.index, bars_per_year, pieces.iter());
        let (trials, failed) = (found.trials.len() as u64, found.failed.len() as u64);
        let ended = SplitReport { split, chosen, on_train, on_test, trials, failed };
        Ok(Some((ended, pieces)))
    }
}

impl<'l> Stage<'l, '_> {
    /// The bars of a stretch of the clock.
    fn portal(&self, backtest: &Backtest, ticks: &Range<usize>) -> Result<Portal<'l>, Error> {
        let times = self.whole.times();
        let (from, to) = (Some(times[ticks.start]), Some(times[ticks.end - 1]));
        let assets = backtest.scope.assets.clone();
        Portal::new(self.lease, self.cache, &Scope { from, to, assets })
    }
}

impl std::fmt::Debug for CrossValidation<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CrossValidation")
            .field("backtest", &self.backtest)
            .field("plan", &self.plan)
            .field("purged", &self.purged)
            .finish_non_exhaustive()
    }
}
