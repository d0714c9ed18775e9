//! Cross-validation: [`cross_validate`] and its [`CrossValidationReport`].

use barrow_engine::validation::Purged;
use barrow_engine::{FoldReport, PathReport};
use barrow_tools::report::Report;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use super::arrays::{frozen_matrix, instants};
use super::draws::test_of;
use super::folds::{Searched, facts_dict, fold_dict, period};
use super::performance::metrics_dict;
use super::plan::Plan;
use super::settings::Settings;
use super::space::Space;
use crate::bundle::Bundle;
use crate::error::Result;

/// Groups, test groups, and the bars of holding, purge and embargo, as Python gives them.
pub(crate) type Cut = (usize, usize, usize, usize, usize);

/// Reads how the bars are cut.
pub(crate) fn purged((groups, test_groups, holding, purge, embargo): Cut) -> Purged {
    Purged { groups, test_groups, holding, purge, embargo }
}

/// Returns what [`purged`] reads.
pub(crate) fn cut_of(purged: Purged) -> Cut {
    let Purged { groups, test_groups, holding, purge, embargo } = purged;
    (groups, test_groups, holding, purge, embargo)
}

/// Runs a cross-validation. See `barrow.cross_validate`.
#[pyfunction]
#[pyo3(signature = (bundle, strategy, space, settings, plan, cut, *, crew=None, show=None))]
#[expect(clippy::too_many_arguments, reason = "they are Python's keyword arguments")]
pub(crate) fn cross_validate(
    py: Python<'_>,
    bundle: &Bundle,
    strategy: &Bound<'_, PyAny>,
    space: &Bound<'_, Space>,
    settings: &Settings,
    plan: &Plan,
    cut: Cut,
    crew: Option<&Bound<'_, PyAny>>,
    show: Option<&Bound<'_, PyAny>>,
) -> Result<CrossValidationReport> {
    let given = space.clone().unbind();
    let space = space.get();
    let searched = Searched { bundle, strategy, space, settings, plan, crew, show };
    Ok(CrossValidationReport { report: searched.run(py, purged(cut))??, space: given })
}

/// What a cross-validation returns.
#[pyclass(frozen, module = "barrow._barrow")]
#[derive(Debug)]
pub(crate) struct CrossValidationReport {
    pub(crate) report: barrow_engine::CrossValidationReport,
    pub(crate) space: Py<Space>,
}

#[pymethods]
impl CrossValidationReport {
    /// Settings and facts by name.
    #[getter]
    fn facts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        facts_dict(py, &self.report)
    }

    #[getter]
    fn times<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>> {
        instants(py, self.report.times.clone())
    }

    /// Shape `[paths, times]`.
    #[getter]
    fn equity<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>> {
        let (paths, times) = (&self.report.paths, self.report.times.len());
        let values = paths.iter().flat_map(|path| path.equity.iter().copied()).collect();
        frozen_matrix(py, values, [paths.len(), times])
    }

    /// First and last time of each group.
    #[getter]
    fn groups(&self) -> Vec<(String, String)> {
        let report = &self.report;
        report.groups().into_iter().map(|ends| period(report, ends)).collect()
    }

    /// The splits, in the order of their test groups.
    #[getter]
    fn splits<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let split = |fold: &FoldReport| {
            let dict = fold_dict(py, fold)?;
            dict.set_item("test_groups", &fold.split.test_groups)?;
            // The choice is made on the bars that were fitted on.
            dict.del_item("on_validate")?;
            Ok(dict)
        };
        let splits = self.report.folds.iter().map(split);
        PyList::new(py, splits.collect::<PyResult<Vec<_>>>()?)
    }

    /// Of each path, which split judged each group, and its figures.
    #[getter]
    fn paths<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let path = |path: &PathReport| {
            let dict = PyDict::new(py);
            let last = path.equity.last().copied().unwrap_or(self.report.cash);
            dict.set_item("splits", &path.folds)?;
            dict.set_item("metrics", metrics_dict(py, &path.metrics, last)?)?;
            Ok(dict)
        };
        PyList::new(py, self.report.paths.iter().map(path).collect::<PyResult<Vec<_>>>()?)
    }

    /// How the Sharpe ratios of the paths are spread; `None` where no path has one.
    #[getter]
    fn sharpe<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        let Some(spread) = self.report.sharpe_spread() else { return Ok(None) };
        let dict = PyDict::new(py);
        dict.set_item("paths", spread.paths)?;
        dict.set_item("mean", spread.mean)?;
        dict.set_item("deviation", spread.deviation)?;
        dict.set_item("low", spread.low)?;
        dict.set_item("median", spread.median)?;
        dict.set_item("high", spread.high)?;
        dict.set_item("not_above_zero", spread.not_above_zero)?;
        Ok(Some(dict))
    }

    /// The median of the objective over the paths.
    #[getter]
    fn out_of_sample(&self) -> Option<f64> {
        self.report.out_of_sample()
    }

    /// The page that `barrow cross-validate --report` writes, with what permuted markets say where they were asked.
    #[pyo3(signature = (permutations=None))]
    fn page(&self, py: Python<'_>, permutations: Option<&Bound<'_, PyAny>>) -> Result<String> {
        let test = permutations.map(test_of).transpose()?;
        let page = || Report::of_cross_validation(&self.report).with_permutations(test.as_ref());
        Ok(py.detach(|| page().render()))
    }
}
