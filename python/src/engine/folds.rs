//! What walk-forward and cross-validation share: a search in each fold, and what is said of folds.

use std::sync::Arc;

use barrow_engine::search::{Goals, SearchPlan};
use barrow_engine::{
    Cut, Error, FoldReport, Folds, FoldsReport, Params, Timestamp, Trial, Workers,
};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::crew::Outside;
use super::maker::Maker;
use super::performance::metrics_dict;
use super::plan::Plan;
use super::settings::{Settings, params_dict};
use super::space::Space;
use super::watch::{tell, watched};
use crate::bundle::Bundle;
use crate::error::{Result, raised};

/// What is searched in each fold, and how, as Python gives it.
pub(crate) struct Searched<'a, 'py> {
    pub(crate) bundle: &'a Bundle,
    pub(crate) strategy: &'a Bound<'py, PyAny>,
    pub(crate) space: &'a Space,
    pub(crate) settings: &'a Settings,
    pub(crate) plan: &'a Plan,
    /// Who runs the trials; none: threads of this process.
    pub(crate) crew: Option<&'a Bound<'py, PyAny>>,
    /// Is told of trials done, all trials and the best objective.
    pub(crate) show: Option<&'a Bound<'py, PyAny>>,
}

impl Searched<'_, '_> {
    /// Runs the folds of a cut; an error of the engine is told apart from one of Python.
    pub(crate) fn run<C: Cut + Send>(
        self,
        py: Python<'_>,
        cut: C,
    ) -> Result<std::result::Result<FoldsReport<C>, Error>> {
        let Searched { bundle, strategy, space, settings, plan, crew, show } = self;
        let (lease, cache, maker) = (bundle.lease(), bundle.cache(), Maker::of(strategy)?);
        settings.warn_of_splits(py, lease)?;
        let [objective] = plan.objectives[..] else {
            return Err(raised(py, "SettingError", "folds take one objective", &[]).into());
        };
        let mut search =
            SearchPlan::new(plan.method.clone(), plan.seed, Goals::one(objective.direction));
        (search.trials_max, search.cost_max) = (plan.trials, plan.cost);
        let folds = Folds {
            backtest: settings.backtest.clone(),
            objective,
            limits: plan.limits.clone(),
            plan: search,
            cut,
            round: plan.round,
            terms: plan.terms,
            progress: None,
            cancel: None,
        };
        let space = Arc::clone(&space.space);
        let Some(crew) = crew else {
            let report = watched(py, show, |watch| {
                let workers = Workers::shared(if maker.is_scripted() { 1 } else { plan.workers })?;
                let progress = |progress| watch.show(progress);
                let cancel = Some(&*watch.cancel);
                let factory = |params: &Params| maker.make(params, lease, Some(&watch.cancel));
                let folds = Folds { progress: Some(&progress), cancel, ..folds };
                folds.run(lease, &factory, &space, cache, &workers)
            })?;
            return Ok(report);
        };
        let crew = Outside::new(crew, plan.terms)?;
        let show = show.map(|show| show.clone().unbind());
        let progress = |progress| tell(show.as_ref(), progress);
        let factory = |params: &Params| maker.make(params, lease, None);
        let run = || {
            let folds = Folds { progress: Some(&progress), ..folds };
            folds.run_with(lease, &factory, &space, cache, &crew)
        };
        Ok(py.detach(run))
    }
}

/// Returns settings and facts by name.
pub(crate) fn facts_dict<'py, C>(
    py: Python<'py>,
    report: &FoldsReport<C>,
) -> PyResult<Bound<'py, PyDict>> {
    let facts = PyDict::new(py);
    facts.set_item("bundle", &report.bundle)?;
    facts.set_item("version", report.version.to_string())?;
    facts.set_item("strategy", &report.strategy)?;
    facts.set_item("search", &report.method)?;
    facts.set_item("objective", report.objective.to_string())?;
    facts.set_item("seed", report.search_seed)?;
    facts.set_item("cash", report.cash)?;
    facts.set_item("trials", report.trials)?;
    facts.set_item("workers", report.workers)?;
    facts.set_item("elapsed_seconds", report.elapsed_seconds)?;
    let stability = report.stability.as_ref();
    facts.set_item("efficiency", stability.and_then(|stability| stability.efficiency))?;
    facts.set_item("profitable", stability.map(|stability| stability.profitable))?;
    facts.set_item("drift", stability.map(|stability| stability.drift.clone()))?;
    Ok(facts)
}

/// Returns what all folds have, by name.
pub(crate) fn fold_dict<'py>(py: Python<'py>, fold: &FoldReport) -> PyResult<Bound<'py, PyDict>> {
    let figures = |trial: &Trial| metrics_dict(py, &trial.metrics, trial.final_equity);
    let dict = PyDict::new(py);
    dict.set_item("chosen", params_dict(py, &fold.chosen)?)?;
    dict.set_item("on_train", figures(&fold.on_train)?)?;
    dict.set_item("on_validate", fold.on_validate.as_ref().map(figures).transpose()?)?;
    dict.set_item("on_test", figures(&fold.on_test)?)?;
    dict.set_item("rank_correlation", fold.rank_correlation)?;
    dict.set_item("trials", fold.trials)?;
    dict.set_item("failed", fold.failed)?;
    Ok(dict)
}

/// Returns first and last time of a period as texts.
pub(crate) fn period<C>(report: &FoldsReport<C>, (first, last): (i64, i64)) -> (String, String) {
    let time = |ns: i64| Timestamp::new(ns, report.time_style).to_string();
    (time(first), time(last))
}
