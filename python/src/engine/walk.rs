//! Walk-forward: [`walk_forward`] and its [`WalkForwardReport`].

use barrow_engine::FoldReport;
use barrow_engine::validation::{Anchor, Length, PartialLast, Windows};
use barrow_tools::report::Report;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use super::arrays::{frozen, instants};
use super::draws::test_of;
use super::folds::{Searched, facts_dict, fold_dict, period};
use super::performance::metrics_dict;
use super::plan::Plan;
use super::settings::Settings;
use super::space::Space;
use crate::bundle::Bundle;
use crate::error::Result;

/// How a clock is cut, as Python gives it.
#[derive(Debug, Clone, FromPyObject, IntoPyObject)]
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
#[pyo3(signature = (bundle, strategy, space, settings, plan, cut, *, crew=None, show=None))]
#[expect(clippy::too_many_arguments, reason = "they are Python's keyword arguments")]
pub(crate) fn walk_forward(
    py: Python<'_>,
    bundle: &Bundle,
    strategy: &Bound<'_, PyAny>,
    space: &Bound<'_, Space>,
    settings: &Settings,
    plan: &Plan,
    cut: Cut,
    crew: Option<&Bound<'_, PyAny>>,
    show: Option<&Bound<'_, PyAny>>,
) -> Result<WalkForwardReport> {
    let given = space.clone().unbind();
    let space = space.get();
    let searched = Searched { bundle, strategy, space, settings, plan, crew, show };
    Ok(WalkForwardReport { report: searched.run(py, cut.windows()?)??, space: given, cut })
}

/// What a walk-forward returns.
#[pyclass(frozen, module = "barrow._barrow")]
#[derive(Debug)]
pub(crate) struct WalkForwardReport {
    pub(crate) report: barrow_engine::WalkForwardReport,
    pub(crate) space: Py<Space>,
    pub(crate) cut: Cut,
}

#[pymethods]
impl WalkForwardReport {
    /// Settings and facts by name.
    #[getter]
    fn facts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        facts_dict(py, &self.report)
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

    /// The objective over the tests.
    #[getter]
    fn out_of_sample(&self) -> Option<f64> {
        self.report.out_of_sample()
    }

    /// The folds, oldest first.
    #[getter]
    fn folds<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let folds = self.report.folds.iter().map(|fold| self.fold(py, fold));
        PyList::new(py, folds.collect::<PyResult<Vec<_>>>()?)
    }

    /// The page that `barrow walk-forward --report` writes, with what permuted markets say where they were asked.
    #[pyo3(signature = (permutations=None))]
    fn page(&self, py: Python<'_>, permutations: Option<&Bound<'_, PyAny>>) -> Result<String> {
        let test = permutations.map(test_of).transpose()?;
        let page = || Report::of_walk_forward(&self.report).with_permutations(test.as_ref());
        Ok(py.detach(|| page().render()))
    }
}

impl WalkForwardReport {
    fn fold<'py>(&self, py: Python<'py>, fold: &FoldReport) -> PyResult<Bound<'py, PyDict>> {
        let period = |ends| period(&self.report, ends);
        let dict = fold_dict(py, fold)?;
        dict.set_item("train", period(fold.train))?;
        dict.set_item("validate", fold.validate.map(period))?;
        dict.set_item("test", period(fold.test))?;
        Ok(dict)
    }
}
