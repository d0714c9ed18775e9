//! Sweeps and searches: [`search`] and its [`SweepReport`].

use std::path::PathBuf;

use barrow_engine::search::{Ask, Goals, Origin, Outcome, pareto_front};
use barrow_engine::{Error, Params, Portal, Trial, Verdict};
use barrow_tools::report::{Report, Rerun};
use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};

use super::arrays::frozen;
use super::draws::test_of;
use super::maker::Maker;
use super::performance::{Performance, metric_columns};
use super::plan::Plan;
use super::searched::Searched;
use super::settings::{Settings, params_dict};
use super::space::Space;
use super::watch::watched;
use crate::bundle::Bundle;
use crate::error::Result;

/// Runs a search. See `barrow.sweep`.
#[pyfunction]
#[pyo3(signature = (bundle, strategy, space, settings, plan, *, study=None, code=None, crew=None, show=None))]
#[expect(clippy::too_many_arguments, reason = "they are Python's keyword arguments")]
#[expect(clippy::needless_pass_by_value, reason = "an argument that is extracted is owned")]
pub(crate) fn search(
    py: Python<'_>,
    bundle: &Bound<'_, Bundle>,
    strategy: &Bound<'_, PyAny>,
    space: &Bound<'_, Space>,
    settings: &Settings,
    plan: &Plan,
    study: Option<PathBuf>,
    code: Option<String>,
    crew: Option<&Bound<'_, PyAny>>,
    show: Option<&Bound<'_, PyAny>>,
) -> Result<SweepReport> {
    settings.warn_of_splits(py, bundle.get().lease())?;
    let searched = Searched::of(bundle, Maker::of(strategy)?, space, settings, plan, code);
    let report = searched.found(py, study.as_deref(), crew, show)?;
    Ok(SweepReport { report, searched })
}

/// What a search returns.
#[pyclass(frozen, module = "barrow._barrow")]
#[derive(Debug)]
pub(crate) struct SweepReport {
    pub(crate) report: barrow_engine::SweepReport,
    pub(crate) searched: Searched,
}

#[pymethods]
impl SweepReport {
    /// Settings and facts by name.
    #[getter]
    fn facts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let report = &self.report;
        let facts = PyDict::new(py);
        facts.set_item("bundle", &report.bundle)?;
        facts.set_item("version", report.version.to_string())?;
        facts.set_item("strategy", &report.strategy)?;
        facts.set_item("fixed", params_dict(py, &report.fixed)?)?;
        facts.set_item("objective", report.objective.to_string())?;
        facts.set_item("bars", report.bars)?;
        facts.set_item("asset_bars", report.asset_bars)?;
        facts.set_item("cash", report.cash)?;
        facts.set_item("commission", report.commission.to_string())?;
        facts.set_item("slippage", report.slippage.to_string())?;
        facts.set_item("seed", report.seed)?;
        facts.set_item("skipped", report.skipped)?;
        facts.set_item("not_run", report.not_run)?;
        facts.set_item("workers", report.workers)?;
        facts.set_item("elapsed_seconds", report.elapsed_seconds)?;
        let search = report.search.as_ref();
        facts.set_item("search", search.map_or("grid", |search| search.method.as_str()))?;
        facts.set_item("asked", report.points_len())?;
        facts.set_item("resumed", search.map_or(0, |search| search.resumed))?;
        facts.set_item("notes", search.map_or(Vec::new(), |search| search.notes.clone()))?;
        facts.set_item("library_version", barrow_engine::LIBRARY_VERSION)?;
        Ok(facts)
    }

    /// Names of the parameters that vary.
    #[getter]
    fn names(&self) -> Vec<&str> {
        self.report.space.axes().iter().map(barrow_engine::Axis::name).collect()
    }

    fn __len__(&self) -> usize {
        self.report.trials.len()
    }

    /// Numbers of the trials that ended: places in the grid, or ids of the search.
    #[getter]
    fn ids<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>> {
        frozen(py, self.report.trials.iter().map(|trial| trial.index).collect())
    }

    /// Parameters of every trial that ended.
    #[getter]
    fn params<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let params = self.report.trials.iter().map(|trial| self.report.params(trial));
        let dicts = params.map(|params| params_dict(py, &params));
        PyList::new(py, dicts.collect::<PyResult<Vec<_>>>()?)
    }

    /// Figures of every trial that ended, as columns.
    #[getter]
    fn metrics<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyDict>> {
        let runs: Vec<_> =
            self.report.trials.iter().map(|trial| (&trial.metrics, trial.final_equity)).collect();
        metric_columns(py, &runs)
    }

    /// Parameters and reason of every trial that failed.
    #[getter]
    fn failed<'py>(&self, py: Python<'py>) -> PyResult<Vec<(Bound<'py, PyDict>, &str)>> {
        let failed = self.report.failed.iter();
        let pair = |failure: &'_ barrow_engine::Failure| {
            params_dict(py, &self.report.point(failure.index))
        };
        failed.map(|failure| Ok((pair(failure)?, failure.error.as_str()))).collect()
    }

    /// Trials of a part of the period: id, parameters, budget, bracket, rung, continued trial, objective.
    #[getter]
    #[expect(clippy::type_complexity, reason = "a row of a table")]
    fn partial<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<Vec<(u64, Bound<'py, PyDict>, f64, u32, u32, Option<u64>, Option<f64>)>> {
        let partial = self.report.search.as_ref().map_or(&[][..], |search| &search.partial);
        let row = |one: &barrow_engine::Partial| {
            let params = params_dict(py, &self.report.point(one.id))?;
            Ok((one.id, params, one.budget, one.bracket, one.rung, one.resumes, one.value))
        };
        partial.iter().map(row).collect()
    }

    /// Place of the best trial, `None` where the objective is undefined for all.
    #[getter]
    fn best(&self) -> Option<usize> {
        self.report.best
    }

    /// Places of the trials from the best on, each point once.
    #[getter]
    fn leaders(&self) -> Vec<usize> {
        let trials = &self.report.trials;
        let place = |trial: &Trial| trials.binary_search_by_key(&trial.index, |it| it.index).ok();
        let leaders = self.report.leaders(trials.len()).into_iter();
        leaders.filter_map(|(_, trial)| place(trial)).collect()
    }

    /// By how much every trial that ended misses the limits.
    #[getter]
    fn violations<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>> {
        let order = self.report.order();
        frozen(py, self.report.trials.iter().map(|trial| order.violation(trial)).collect())
    }

    /// Places of the trials that no other is better than in every objective, ascending.
    #[getter]
    fn front(&self) -> Result<Vec<usize>> {
        let plan = &self.searched.plan;
        let goals = Goals::several(plan.objectives.iter().map(|one| one.direction).collect())?;
        let outcome = |trial: &Trial| Outcome::Done {
            values: plan
                .objectives
                .iter()
                .map(|one| trial.value(*one).unwrap_or(f64::NAN))
                .collect(),
            violation: self.report.order().violation(trial),
        };
        let ask = |id: u64| Ask {
            id,
            params: Params::new(),
            budget: 1.0,
            bracket: 0,
            rung: 0,
            seed: 0,
            resumes: None,
            origin: Origin::Sequence,
        };
        let ended = (0..).zip(&self.report.trials).map(|(at, trial)| (ask(at), outcome(trial)));
        let front = pareto_front(&ended.collect::<Vec<_>>(), &goals);
        Ok(front.into_iter().filter_map(|at| usize::try_from(at).ok()).collect())
    }

    /// What was searched, as [`search`] takes it.
    #[getter]
    fn searched<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let searched = &self.searched;
        let (space, settings) =
            (searched.given_space.clone_ref(py), Settings { backtest: searched.backtest.clone() });
        let (bundle, strategy) = (searched.bundle.clone_ref(py), searched.maker.given(py)?);
        (bundle, strategy, space, settings, searched.plan.clone()).into_pyobject(py)
    }

    /// What [`run`](super::run) takes to run a trial again.
    fn again<'py>(&self, py: Python<'py>, place: usize) -> PyResult<Bound<'py, PyTuple>> {
        let searched = &self.searched;
        let params = self.report.trials.get(place).map(|trial| self.report.params(trial));
        let strategy = searched.maker.given(py)?;
        let settings = Settings { backtest: searched.backtest.clone() };
        let params = params_dict(py, &params.unwrap_or_default())?;
        (searched.bundle.clone_ref(py), strategy, params, settings).into_pyobject(py)
    }

    /// Runs a trial again in full.
    fn rerun(&self, py: Python<'_>, place: usize) -> Result<Performance> {
        let Some(trial) = self.report.trials.get(place) else {
            let text = format!("no trial at place {place} of {}", self.report.trials.len());
            return Err(PyIndexError::new_err(text).into());
        };
        let (searched, params) = (&self.searched, self.report.params(trial));
        let run = || {
            let mut strategy = searched.make(&params, None)?;
            searched.backtest.run(&searched.lease, strategy.as_mut(), searched.cache())
        };
        let performance = if searched.maker.is_scripted() { run() } else { py.detach(run) };
        Ok(Performance::new(performance?, &searched.lease))
    }

    /// Whether the best trial is more than luck, by name.
    fn verdict<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyDict>> {
        let searched = &self.searched;
        let verdict = watched(py, None, |watch| {
            let workers = searched.workers()?;
            let portal = Portal::new(&searched.lease, searched.cache(), &searched.backtest.scope)?;
            let factory = |params: &Params| searched.make(params, Some(&watch.cancel));
            Verdict::of(&self.report, &searched.backtest, &portal, &factory, &workers)
        })??;
        Ok(verdict_dict(py, &verdict)?)
    }

    /// The page that `barrow sweep --report` writes, with what permuted markets say where they were asked.
    #[pyo3(signature = (top, permutations=None))]
    fn page(
        &self,
        py: Python<'_>,
        top: usize,
        permutations: Option<&Bound<'_, PyAny>>,
    ) -> Result<String> {
        let searched = &self.searched;
        let test = permutations.map(test_of).transpose()?;
        let page = watched(py, None, |watch| {
            let workers = searched.workers()?;
            let factory = |params: &Params| searched.make(params, Some(&watch.cancel));
            let rerun = Rerun {
                backtest: &searched.backtest,
                lease: &searched.lease,
                cache: searched.cache(),
                factory: &factory,
                workers: &workers,
            };
            let page = Report::of_sweep_in_full(&self.report, top, &rerun)?;
            Ok::<_, Error>(page.with_permutations(test.as_ref()).render())
        })??;
        Ok(page)
    }
}

fn verdict_dict<'py>(py: Python<'py>, verdict: &Verdict) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("trials", verdict.trials)?;
    dict.set_item("sampled", verdict.sampled)?;
    dict.set_item("effective_trials", verdict.effective_trials)?;
    dict.set_item("sharpe", verdict.best.sharpe)?;
    dict.set_item("probabilistic", verdict.probabilistic)?;
    dict.set_item("deflated", verdict.deflated)?;
    dict.set_item("deflated_effective", verdict.deflated_effective)?;
    dict.set_item("min_track_record", verdict.min_track_record)?;
    dict.set_item("holm", verdict.holm)?;
    dict.set_item("overfitting", verdict.overfitting)?;
    dict.set_item("reality_check", verdict.reality_check)?;
    dict.set_item("superiority", verdict.superiority)?;
    Ok(dict)
}
