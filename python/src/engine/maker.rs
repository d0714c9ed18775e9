//! [`Maker`]: what strategies are made of, one for each run.

use barrow_engine::{Error, Params, Strategy, strategies};
use barrow_store::Lease;
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::scripted::{Scripted, failed};
use super::settings::params_dict;
use super::watch::Stop;
use super::weights::{Weighted, Weights};

/// A built-in strategy by its name, or something of Python that makes one from parameters.
#[derive(Debug)]
pub(crate) enum Maker {
    BuiltIn(String),
    /// A callable: parameters in, an instance of `barrow.Strategy` or [`Weights`] out.
    Scripted(Py<PyAny>),
}

impl Maker {
    pub(crate) fn of(strategy: &Bound<'_, PyAny>) -> PyResult<Self> {
        match strategy.cast::<PyString>() {
            Ok(name) => Ok(Self::BuiltIn(name.to_cow()?.into_owned())),
            Err(_) => Ok(Self::Scripted(strategy.clone().unbind())),
        }
    }

    /// Returns what it was made of.
    pub(crate) fn given<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(match self {
            Self::BuiltIn(name) => name.into_pyobject(py)?.into_any(),
            Self::Scripted(callable) => callable.bind(py).clone(),
        })
    }

    pub(crate) fn is_scripted(&self) -> bool {
        matches!(self, Self::Scripted(_))
    }

    /// Makes a strategy; one of Python fails at the bar after a stop.
    pub(crate) fn make(
        &self,
        params: &Params,
        lease: &Lease,
        stop: Option<&Stop>,
    ) -> Result<Box<dyn Strategy + Send>, Error> {
        match self {
            Self::BuiltIn(name) => strategies::build(name, params),
            Self::Scripted(callable) => {
                Python::attach(|py| scripted(callable.bind(py), params, lease, stop))
            }
        }
    }
}

fn scripted(
    callable: &Bound<'_, PyAny>,
    params: &Params,
    lease: &Lease,
    stop: Option<&Stop>,
) -> Result<Box<dyn Strategy + Send>, Error> {
    let arguments = params_dict(callable.py(), params).map_err(failed)?;
    let made = callable.call((), Some(&arguments)).map_err(failed)?;
    match made.cast::<Weights>() {
        Ok(weights) => Ok(Box::new(Weighted::new(weights.get().clone()))),
        Err(_) => Ok(Box::new(Scripted::new(&made, lease, stop.cloned())?)),
    }
}
