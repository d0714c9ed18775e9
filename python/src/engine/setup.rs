//! [`Setup`]: what a strategy written in Python declares before the first tick.
//!
//! Python's object notes the declarations; they are made to the engine once the strategy's `setup` has returned. Threads may
//! share it: each gets the handle of what it declared.

use std::sync::{Mutex, MutexGuard, PoisonError};

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
#[pyclass(frozen, module = "barrow")]
#[derive(Debug)]
pub(crate) struct Setup {
    symbols: Vec<String>,
    #[pyo3(get)]
    cash: f64,
    #[pyo3(get)]
    seed: u64,
    /// Under this lock nothing of Python is called.
    noted: Mutex<Noted>,
}

#[derive(Debug, Default)]
struct Noted {
    series: Vec<Indicated>,
    signals: Vec<Signalled>,
}

impl Noted {
    fn signal(&mut self, signal: Signalled) -> Signal {
        self.signals.push(signal);
        Signal { place: self.signals.len() - 1 }
    }
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
            noted: Mutex::default(),
        }
    }

    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the declarations.
    pub(crate) fn declare(&self, setup: &mut EngineSetup<'_>) -> Result<Declared, Error> {
        let (noted, mut declared) = (self.noted(), Declared::default());
        for Indicated { column, function, keep } in &noted.series {
            let field = setup.field(column)?;
            let series = match *function {
                Function::Sma(window) => setup.indicator(field, &Sma { window }),
                Function::Ema(window) => setup.indicator(field, &Ema { window }),
                Function::ZScore(window) => setup.indicator(field, &ZScore { window }),
                Function::RateOfChange(lag) => setup.indicator(field, &RateOfChange { lag }),
            }?;
            declared.series.push((series, *keep));
        }
        for signal in &noted.signals {
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

    fn indicator(&self, column: &str, function: Function, keep: usize) -> PyResult<Series> {
        let (Function::Sma(bars)
        | Function::Ema(bars)
        | Function::ZScore(bars)
        | Function::RateOfChange(bars)) = function;
        if bars == 0 || keep == 0 {
            return Err(PyValueError::new_err(
                "an indicator needs at least one bar, and keeps one",
            ));
        }
        let mut noted = self.noted();
        noted.series.push(Indicated { column: column.to_owned(), function, keep });
        Ok(Series { place: noted.series.len() - 1 })
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
    fn sma(&self, column: &str, window: usize, keep: usize) -> PyResult<Series> {
        self.indicator(column, Function::Sma(window), keep)
    }

    /// The exponential mean with weight `2 / (window + 1)`.
    #[pyo3(signature = (column, window, *, keep=1))]
    fn ema(&self, column: &str, window: usize, keep: usize) -> PyResult<Series> {
        self.indicator(column, Function::Ema(window), keep)
    }

    /// The distance from the mean of the last `window` values, in standard deviations.
    #[pyo3(signature = (column, window, *, keep=1))]
    fn zscore(&self, column: &str, window: usize, keep: usize) -> PyResult<Series> {
        self.indicator(column, Function::ZScore(window), keep)
    }

    /// The change over `lag` bars, as a share of the earlier value.
    #[pyo3(signature = (column, lag, *, keep=1))]
    fn rate_of_change(&self, column: &str, lag: usize, keep: usize) -> PyResult<Series> {
        self.indicator(column, Function::RateOfChange(lag), keep)
    }

    /// Whether the mean of the last `fast` values is above that of the last `slow`, decided exactly.
    fn mean_cross(&self, column: &str, fast: usize, slow: usize) -> Signal {
        self.noted().signal(Signalled::Cross { column: column.to_owned(), fast, slow })
    }

    /// When the value of an indicator changes.
    fn changes(&self, series: &Series) -> PyResult<Signal> {
        let mut noted = self.noted();
        if series.place >= noted.series.len() {
            return Err(PyValueError::new_err("the series was declared for another run"));
        }
        Ok(noted.signal(Signalled::Changes(series.place)))
    }
}
