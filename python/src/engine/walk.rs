//! Walk-forward: [`walk_forward`] and its [`WalkForwardReport`].

use std::sync::Arc;

use barrow_engine::search::{Goals, SearchPlan};
use barrow_engine::validation::{Anchor, Length, PartialLast, Windows};
use barrow_engine::{FoldReport, Params, Timestamp, Trial, WalkForward, Workers};
use barrow_tools::report::Report;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use super::arrays::{frozen, instants};
use super::crew::Outside;
use super::maker::Maker;
use super::performance::metrics_dict;
use super::plan::Plan;
use super::running::cache;
use super::settings::{Settings, params_dict};
use super::space::Space;
use super::watch::watched;
use crate::bundle::Bundle;
use crate::error::{Result, raised};

/// How a clock is cut, as Python gives it.
#[derive(FromPyObject)]
pub(crate) struct Cut {
    #[pyo3(item)]
    train: String,
    #[pyo3(item)]
    validate: Option<String>,
    #[pyo3(item)]
    test: String,
    #[pyo3(item)]
    step: Option<String>,
    #[pyo3(item)]
    embargo: usize,
    #[pyo3(item)]
    purge: usize,
    #[pyo3(item)]
    anchored: bool,
    #[pyo3(item)]
    partial_last: bool,
}

impl Cut {
    pub(crate) fn windows(&self) -> std::result::Result<Windows, barrow_engine::Error> {
        let optional =
            |text: &Option<String>| text.as_deref().map(str::parse::<Length>).transpose();
        Ok(Windows {
            train: self.train.parse()?,
            validate: optional(&self.validate)?,
            test: self.test.parse()?,
            step: optional(&self.step)?,
            gap: self.embargo,
            purge: self.purge,
            anchor: if self.anchored { Anchor::Anchored } else { Anchor::Rolling },
            partial_last: if self.partial_last { PartialLast::Keep } else { PartialLast::Drop },
        })
    }
}

/// Runs a walk-forward. See `barrow.walk_forward`.
#[pyfunction]
#[pyo3(signature = (bundle, strategy, space, settings, plan, cut, *, crew=None))]
#[expect(clippy::too_many_arguments, reason = "they are Python's keyword arguments")]
#[expect(clippy::needless_pass_by_value, reason = "an argument that is extracted is owned")]
pub(crate) fn walk_forward(
    py: Python<'_>,
    bundle: &Bundle,
    strategy: &Bound<'_, PyAny>,
    space: &Space,
    settings: &Settings,
    plan: &Plan,
    cut: Cut,
    crew: Option<&Bound<'_, PyAny>>,
) -> Result<WalkForwardReport> {
    let (lease, maker) = (bundle.lease(), Maker::of(strategy)?);
    let [objective] = plan.objectives[..] else {
        let text = "a walk-forward takes one objective";
        return Err(raised(py, "SettingError", text, &[]).into());
    };
    let mut search =
        SearchPlan::new(plan.method.clone(), plan.seed, Goals::one(objective.direction));
    (search.trials_max, search.cost_max) = (plan.trials, plan.cost);
    let walk = WalkForward {
        backtest: settings.backtest.clone(),
        objective,
        limits: plan.limits.clone(),
        plan: search,
        cut: cut.windows()?,
        round: plan.round,
        terms: plan.terms,
        progress: None,
        cancel: None,
    };
    let factory = |params: &Params| maker.make(params, lease);
    let crew = crew.map(|crew| Outside::new(crew, plan.terms)).transpose()?;
    let space = Arc::clone(&space.space);
    let report = match &crew {
        Some(crew) => py.detach(|| walk.run_with(lease, &factory, &space, cache(), crew))?,
        None => watched(py, None, |watch| {
            let workers = Workers::shared(if maker.is_scripted() { 1 } else { plan.workers })?;
            let walk = WalkForward { cancel: Some(&watch.cancel), ..walk };
            walk.run(lease, &factory, &space, cache(), &workers)
        })??,
    };
    Ok(WalkForwardReport { report })
}

/// What a walk-forward returns.
#[pyclass(frozen, module = "barrow._barrow")]
#[derive(Debug)]
pub(crate) struct WalkForwardReport {
    report: barrow_engine::WalkForwardReport,
}

#[pymethods]
impl WalkForwardReport {
    /// Settings and facts by name.
    #[getter]
    fn facts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let report = &self.report;
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

    #[getter]
    fn times<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>> {
        instants(py, self.report.times.clone())
    }

    #[getter]
    fn equity<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>> {
        frozen(py, self.report.equity().to_vec())
    }

    #[getter]
    fn metrics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let last = self.report.equity().last().copied().unwrap_or(self.report.cash);
        metrics_dict(py, &self.report.metrics(), last)
    }

    /// The folds, oldest first.
    #[getter]
    fn folds<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let folds = self.report.folds.iter().map(|fold| self.fold(py, fold));
        PyList::new(py, folds.collect::<PyResult<Vec<_>>>()?)
    }

    /// The page that `barrow walk-forward --report` writes.
    fn page(&self, py: Python<'_>) -> String {
        py.detach(|| Report::of_walk_forward(&self.report).render())
    }
}

impl WalkForwardReport {
    fn fold<'py>(&self, py: Python<'py>, fold: &FoldReport) -> PyResult<Bound<'py, PyDict>> {
        let time = |ns: i64| Timestamp::new(ns, self.report.time_style).to_string();
        let period = |(first, last): (i64, i64)| (time(first), time(last));
        let figures = |trial: &Trial| metrics_dict(py, &trial.metrics, trial.final_equity);
        let dict = PyDict::new(py);
        dict.set_item("train", period(fold.train))?;
        dict.set_item("validate", fold.validate.map(period))?;
        dict.set_item("test", period(fold.test))?;
        dict.set_item("chosen", params_dict(py, &fold.chosen)?)?;
        dict.set_item("on_train", figures(&fold.on_train)?)?;
        dict.set_item("on_validate", fold.on_validate.as_ref().map(figures).transpose()?)?;
        dict.set_item("on_test", figures(&fold.on_test)?)?;
        dict.set_item("rank_correlation", fold.rank_correlation)?;
        dict.set_item("trials", fold.trials)?;
        dict.set_item("failed", fold.failed)?;
        Ok(dict)
    }
}
