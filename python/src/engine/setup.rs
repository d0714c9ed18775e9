//! [`Setup`]: what a strategy written in Python declares before the first tick.
//!
//! Python's object notes the declarations; they are made to the engine once the strategy's `setup` has returned.

use barrow_engine::{Ema, Error, RateOfChange, Sma, ZScore};
use barrow_engine::{Series as EngineSeries, Setup as EngineSetup, Signal as EngineSignal};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

/// An indicator that a strategy declared: valid for the run that it was declared for.
#[pyclass(frozen, module = "barrow")]
#[derive(Debug)]
pub(crate) struct Series {
    pub(crate) place: usize,
}

/// A signal that a strategy declared: valid for the run that it was declared for.
#[pyclass(frozen, module = "barrow")]
#[derive(Debug)]
pub(crate) struct Signal {
    pub(crate) place: usize,
}

/// The declarations of a run.
#[pyclass(module = "barrow")]
#[derive(Debug)]
pub(crate) struct Setup {
    symbols: Vec<String>,
    #[pyo3(get)]
    cash: f64,
    #[pyo3(get)]
    seed: u64,
    series: Vec<Indicated>,
    signals: Vec<Signalled>,
}

#[derive(Debug, Clone)]
struct Indicated {
    column: String,
    function: Function,
    keep: usize,
}

#[derive(Debug, Clone, Copy)]
enum Function {
    Sma(usize),
    Ema(usize),
    ZScore(usize),
    RateOfChange(usize),
}

#[derive(Debug, Clone)]
enum Signalled {
    Cross { column: String, fast: usize, slow: usize },
    Changes(usize),
}

/// What was declared, by the places in Python's handles.
#[derive(Debug, Default)]
pub(crate) struct Declared {
    /// Handles, and how many values of each are handed out.
    pub(crate) series: Vec<(EngineSeries, usize)>,
    pub(crate) signals: Vec<EngineSignal>,
}

impl Setup {
    pub(crate) fn of(setup: &EngineSetup<'_>) -> Self {
        let symbols = setup.assets().map(|asset| setup.symbol(asset).to_owned());
        Self {
            symbols: symbols.collect(),
            cash: setup.cash(),
            seed: setup.seed(),
            series: Vec::new(),
            signals: Vec::new(),
        }
    }

    /// Makes the declarations.
    pub(crate) fn declare(&self, setup: &mut EngineSetup<'_>) -> Result<Declared, Error> {
        let mut declared = Declared::default();
        for Indicated { column, function, keep } in &self.series {
            let field = setup.field(column)?;
            let series = match *function {
                Function::Sma(window) => setup.indicator(field, &Sma { window }),
                Function::Ema(window) => setup.indicator(field, &Ema { window }),
                Function::ZScore(window) => setup.indicator(field, &ZScore { window }),
                Function::RateOfChange(lag) => setup.indicator(field, &RateOfChange { lag }),
            }?;
            declared.series.push((series, *keep));
        }
        for signal in &self.signals {
            declared.signals.push(match signal {
                Signalled::Changes(series) => setup.changes(declared.series[*series].0),
                Signalled::Cross { column, fast, slow } => {
                    let field = setup.field(column)?;
                    setup.mean_cross(field, *fast, *slow)?
                }
            });
        }
        Ok(declared)
    }

    fn indicator(&mut self, column: &str, function: Function, keep: usize) -> PyResult<Series> {
        let (Function::Sma(bars)
        | Function::Ema(bars)
        | Function::ZScore(bars)
        | Function::RateOfChange(bars)) = function;
        if bars == 0 || keep == 0 {
            return Err(PyValueError::new_err(
                "an indicator needs at least one bar, and keeps one",
            ));
        }
        self.series.push(Indicated { column: column.to_owned(), function, keep });
        Ok(Series { place: self.series.len() - 1 })
    }
}

#[pymethods]
impl Setup {
    /// Symbols of the assets of the run, ascending.
    #[getter]
    fn symbols<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, &self.symbols)
    }

    /// The place of a symbol among the assets of the run, or `None`.
    fn find(&self, symbol: &str) -> Option<usize> {
        self.symbols.binary_search_by(|known| known.as_str().cmp(symbol)).ok()
    }

    /// The mean of the last `window` values.
    #[pyo3(signature = (column, window, *, keep=1))]
    fn sma(&mut self, column: &str, window: usize, keep: usize) -> PyResult<Series> {
        self.indicator(column, Function::Sma(window), keep)
    }

    /// The exponential mean with weight `2 / (window + 1)`.
    #[pyo3(signature = (column, window, *, keep=1))]
    fn ema(&mut self, column: &str, window: usize, keep: usize) -> PyResult<Series> {
        self.indicator(column, Function::Ema(window), keep)
    }

    /// The distance from the mean of the last `window` values, in standard deviations.
    #[pyo3(signature = (column, window, *, keep=1))]
    fn zscore(&mut self, column: &str, window: usize, keep: usize) -> PyResult<Series> {
        self.indicator(column, Function::ZScore(window), keep)
    }

    /// The change over `lag` bars, as a share of the earlier value.
    #[pyo3(signature = (column, lag, *, keep=1))]
    fn rate_of_change(&mut self, column: &str, lag: usize, keep: usize) -> PyResult<Series> {
        self.indicator(column, Function::RateOfChange(lag), keep)
    }

    /// Whether the mean of the last `fast` values is above that of the last `slow`, decided exactly.
    fn mean_cross(&mut self, column: &str, fast: usize, slow: usize) -> Signal {
        self.signals.push(Signalled::Cross { column: column.to_owned(), fast, slow });
        Signal { place: self.signals.len() - 1 }
    }

    /// When the value of an indicator changes.
    fn changes(&mut self, series: &Series) -> PyResult<Signal> {
        if series.place >= self.series.len() {
            return Err(PyValueError::new_err("the series was declared for another run"));
        }
        self.signals.push(Signalled::Changes(series.place));
        Ok(Signal { place: self.signals.len() - 1 })
    }
}
