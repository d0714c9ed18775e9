//! Validation statistics over arrays. See `barrow.validation`.

use barrow_engine::validation::{
    self, Moments, PathFigures, Purged, ReturnMatrix, Studentise, Superiority,
};
use numpy::{PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::arrays::frozen;
use super::walk::Cut;
use crate::error::Result;

type Values<'py> = PyReadonlyArray1<'py, f64>;

fn values(array: &Values<'_>) -> Vec<f64> {
    array.as_array().iter().copied().collect()
}

fn matrix(array: &PyReadonlyArray2<'_, f64>) -> Result<ReturnMatrix> {
    let array = array.as_array();
    Ok(ReturnMatrix::new(array.ncols(), array.iter().copied().collect())?)
}

/// Moments of returns, and what they say of their Sharpe ratio.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "an argument that is extracted is owned")]
pub(crate) fn moments<'py>(
    py: Python<'py>,
    returns: Values<'py>,
    benchmark: f64,
    confidence: f64,
) -> Result<Bound<'py, PyDict>> {
    let moments = Moments::of(&values(&returns))?;
    let dict = PyDict::new(py);
    dict.set_item("periods", moments.periods)?;
    dict.set_item("sharpe", moments.sharpe)?;
    dict.set_item("skewness", moments.skewness)?;
    dict.set_item("kurtosis", moments.kurtosis)?;
    dict.set_item("probabilistic_sharpe", moments.probabilistic_sharpe(benchmark))?;
    dict.set_item("min_track_record", moments.min_track_record(benchmark, confidence))?;
    Ok(dict)
}

#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "an argument that is extracted is owned")]
pub(crate) fn deflated_sharpe(returns: Values<'_>, trials: f64, variance: f64) -> Result<f64> {
    Ok(validation::deflated_sharpe(&Moments::of(&values(&returns))?, trials, variance)?)
}

#[pyfunction]
pub(crate) fn expected_max_sharpe(trials: f64, variance: f64) -> f64 {
    validation::expected_max_sharpe(trials, variance)
}

#[pyfunction]
pub(crate) fn min_backtest_years(trials: f64) -> f64 {
    validation::min_backtest_years(trials)
}

#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "an argument that is extracted is owned")]
pub(crate) fn overfitting_probability<'py>(
    py: Python<'py>,
    returns: PyReadonlyArray2<'py, f64>,
    blocks: usize,
) -> Result<Bound<'py, PyDict>> {
    let matrix = matrix(&returns)?;
    let found = py.detach(|| validation::overfitting_probability(&matrix, blocks))?;
    let dict = PyDict::new(py);
    dict.set_item("probability", found.probability)?;
    dict.set_item("loss_probability", found.loss_probability)?;
    dict.set_item("logits", frozen(py, found.logits)?)?;
    dict.set_item("wins", frozen(py, found.wins)?)?;
    dict.set_item("slope", found.slope)?;
    dict.set_item("intercept", found.intercept)?;
    dict.set_item("r_squared", found.r_squared)?;
    dict.set_item("effective_trials", matrix.effective_trials())?;
    Ok(dict)
}

/// White's reality check and Hansen's test of columns of differences against a benchmark.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "an argument that is extracted is owned")]
pub(crate) fn superiority<'py>(
    py: Python<'py>,
    differences: PyReadonlyArray2<'py, f64>,
    mean_block: f64,
    resamples: usize,
    seed: u64,
    level: f64,
) -> Result<Bound<'py, PyDict>> {
    let matrix = matrix(&differences)?;
    let drawn = py.detach(|| Superiority::draw(&matrix, mean_block, resamples, seed))?;
    let dict = PyDict::new(py);
    dict.set_item("reality_check", drawn.reality_check().p_value)?;
    dict.set_item("consistent", drawn.consistent(Studentise::Yes).p_value)?;
    dict.set_item("lower", drawn.lower(Studentise::Yes).p_value)?;
    dict.set_item("upper", drawn.upper(Studentise::Yes).p_value)?;
    dict.set_item("better", drawn.step_down(level))?;
    Ok(dict)
}

#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "an argument that is extracted is owned")]
pub(crate) fn block_length(series: Values<'_>) -> Result<f64> {
    Ok(validation::block_length(&values(&series))?)
}

#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "an argument that is extracted is owned")]
pub(crate) fn haircut<'py>(
    py: Python<'py>,
    sharpes: Values<'py>,
    periods: usize,
) -> Result<Bound<'py, PyDict>> {
    let adjusted = validation::haircut(&values(&sharpes), periods);
    let dict = PyDict::new(py);
    dict.set_item("single", frozen(py, adjusted.single)?)?;
    dict.set_item("bonferroni", frozen(py, adjusted.bonferroni)?)?;
    dict.set_item("holm", frozen(py, adjusted.holm)?)?;
    Ok(dict)
}

#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "an argument that is extracted is owned")]
pub(crate) fn trade_order<'py>(
    py: Python<'py>,
    start: f64,
    profits: Values<'py>,
    shuffles: usize,
    seed: u64,
) -> Result<Bound<'py, PyDict>> {
    let profits = values(&profits);
    let found = py.detach(|| validation::trade_order(start, &profits, shuffles, seed))?;
    let PathFigures { max_drawdown, ulcer_index, longest_losing_run, .. } = found.observed;
    let dict = PyDict::new(py);
    dict.set_item("max_drawdown", max_drawdown)?;
    dict.set_item("ulcer_index", ulcer_index)?;
    dict.set_item("longest_losing_run", longest_losing_run)?;
    dict.set_item("drawdown_p_value", found.drawdown_p_value)?;
    dict.set_item("ulcer_p_value", found.ulcer_p_value)?;
    Ok(dict)
}

#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "an argument that is extracted is owned")]
pub(crate) fn permutation_p_value(best: f64, permuted: Values<'_>) -> f64 {
    validation::permutation_p_value(best, &values(&permuted))
}

type Stretch = (usize, usize);

/// Folds of a clock: train, validate (empty without one) and test, as places from and to below.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "an argument that is extracted is owned")]
pub(crate) fn folds(times: PyReadonlyArray1<'_, i64>, cut: Cut) -> Result<Vec<[Stretch; 3]>> {
    let times: Vec<i64> = times.as_array().iter().copied().collect();
    let folds = cut.windows()?.folds(&times)?;
    let stretch = |range: &std::ops::Range<usize>| (range.start, range.end);
    Ok(folds.iter().map(|f| [stretch(&f.train), stretch(&f.validate), stretch(&f.test)]).collect())
}

/// Splits of combinatorial purged cross-validation: stretches to fit on and stretches to judge on.
#[pyfunction]
pub(crate) fn purged_splits(
    bars: usize,
    groups: usize,
    test_groups: usize,
    holding: usize,
    purge: usize,
    embargo: usize,
) -> Result<Vec<(Vec<Stretch>, Vec<Stretch>)>> {
    let splits = Purged { groups, test_groups, holding, purge, embargo }.splits(bars)?;
    let stretches = |ranges: &[std::ops::Range<usize>]| -> Vec<Stretch> {
        ranges.iter().map(|range| (range.start, range.end)).collect()
    };
    Ok(splits.iter().map(|split| (stretches(&split.train), stretches(&split.test))).collect())
}
