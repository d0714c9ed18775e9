//! [`Outside`]: a crew that Python code leads, of other processes or other machines.

use barrow_engine::search::{Ask, Origin};
use barrow_engine::{Backtest, Crew, Crews, Ended, Error, Portal, Terms, wire};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyTuple};

use super::performance::metrics_dict;
use super::scripted::failed;
use super::settings::params_of;

/// An object of Python with `hands`, the number of trials that run at once, and `run(asks, stretches)`, which yields lists of
/// ends. Asks are pairs of id and bytes; ends are bytes; both as of [`wire`]. Stretches are pairs of nanoseconds, first and last
/// time of each.
#[derive(Debug)]
pub(crate) struct Outside {
    object: Py<PyAny>,
    hands: usize,
    terms: Terms,
}

impl Outside {
    pub(crate) fn new(object: &Bound<'_, PyAny>, terms: Terms) -> PyResult<Self> {
        let hands = object.getattr("hands")?.extract()?;
        Ok(Self { object: object.clone().unbind(), hands, terms })
    }

    fn lead(
        &self,
        py: Python<'_>,
        asks: &[Ask],
        stretches_ns: &[(i64, i64)],
        ended: &(dyn Fn(Vec<(u64, Ended)>) + Sync),
    ) -> PyResult<()> {
        let pairs = asks.iter().map(|ask| {
            let mut bytes = Vec::new();
            wire::put_ask(&mut bytes, ask);
            (ask.id, PyBytes::new(py, &bytes))
        });
        let pairs = PyList::new(py, pairs.collect::<Vec<_>>())?;
        let (object, stretches) = (self.object.bind(py), PyTuple::new(py, stretches_ns)?);
        for batch in object.call_method1("run", (pairs, stretches))?.try_iter()? {
            let mut ends = Vec::new();
            for bytes in batch?.try_iter()? {
                ends.push(end_of(bytes?.cast()?)?);
            }
            ended(ends);
            py.check_signals()?;
        }
        Ok(())
    }
}

/// A crew over stretches of history.
#[derive(Debug)]
struct Stretches<'a> {
    outside: &'a Outside,
    ends_ns: Vec<(i64, i64)>,
}

impl Crew for Stretches<'_> {
    fn hands(&self) -> usize {
        self.outside.hands
    }

    fn terms(&self) -> Terms {
        self.outside.terms
    }

    fn run(&self, asks: &[Ask], ended: &(dyn Fn(Vec<(u64, Ended)>) + Sync)) -> Result<(), Error> {
        let led = Python::attach(|py| self.outside.lead(py, asks, &self.ends_ns, ended));
        led.map_err(failed)
    }
}

impl Crews for Outside {
    fn hands(&self) -> usize {
        self.hands
    }

    fn over<'s>(&'s self, _: &'s Backtest, stretches: &'s [Portal<'_>]) -> Box<dyn Crew + 's> {
        let ends = |stretch: &Portal<'_>| match stretch.times() {
            [first, .., last] => (*first, *last),
            [only] => (*only, *only),
            [] => (0, 0),
        };
        Box::new(Stretches { outside: self, ends_ns: stretches.iter().map(ends).collect() })
    }
}

/// Reads the bytes of an end.
fn end_of(bytes: &Bound<'_, PyBytes>) -> PyResult<(u64, Ended)> {
    let broken = || pyo3::exceptions::PyValueError::new_err("the bytes are no end of a trial");
    wire::read_end(bytes.as_bytes()).ok_or_else(broken)
}

/// Returns the bytes of a trial that failed, for a reason that its runner could not tell itself.
#[pyfunction]
pub(crate) fn failed_end(py: Python<'_>, id: u64, reason: String) -> Bound<'_, PyBytes> {
    let mut bytes = Vec::new();
    wire::put_end(&mut bytes, id, &Ended::Failed(reason));
    PyBytes::new(py, &bytes)
}

/// Returns the bytes of a trial to be run.
#[pyfunction]
#[pyo3(signature = (id, params, budget=1.0, resumes=None))]
pub(crate) fn ask_of<'py>(
    py: Python<'py>,
    id: u64,
    params: &Bound<'py, PyDict>,
    budget: f64,
    resumes: Option<u64>,
) -> PyResult<Bound<'py, PyBytes>> {
    let (params, origin) = (params_of(params)?, Origin::Sequence);
    let ask = Ask { id, params, budget, bracket: 0, rung: 0, seed: 0, resumes, origin };
    let mut bytes = Vec::new();
    wire::put_ask(&mut bytes, &ask);
    Ok(PyBytes::new(py, &bytes))
}

/// Returns the figures of a trial by name, or `None` and the reason why there are none; no reason where its parameters break
/// the strategy's rule.
#[pyfunction]
pub(crate) fn figures_of<'py>(
    py: Python<'py>,
    bytes: &Bound<'py, PyBytes>,
) -> PyResult<(Option<Bound<'py, PyDict>>, Option<String>)> {
    Ok(match end_of(bytes)?.1 {
        Ended::Done(trial) => (Some(metrics_dict(py, &trial.metrics, trial.final_equity)?), None),
        Ended::Failed(reason) => (None, Some(reason)),
        Ended::Skipped => (None, None),
    })
}
