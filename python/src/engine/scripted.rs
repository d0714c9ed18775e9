//! [`Scripted`]: a strategy written in Python as the engine runs it.

use std::sync::atomic::Ordering;

use barrow_engine::{AssetIdx, Error, Params, Strategy, TimeStyle, Timestamp};
use barrow_engine::{Context as EngineContext, Setup as EngineSetup};
use barrow_store::Lease;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyList;

use super::context::Context;
use super::memory::Memory;
use super::settings::params_of;
use super::setup::{Declared, Setup};
use super::watch::Stop;
use crate::error::Failure;

/// An object with `setup(setup)` and `on_bar(ctx)`.
#[derive(Debug)]
pub(crate) struct Scripted {
    name: String,
    params: Params,
    object: Py<PyAny>,
    lease: Lease,
    declared: Declared,
    stop: Option<Stop>,
    /// Made before the first tick.
    run: Option<Run>,
}

#[derive(Debug)]
struct Run {
    context: Py<Context>,
    on_bar: Py<PyAny>,
    style: TimeStyle,
}

impl Scripted {
    /// Takes an instance of `barrow.Strategy`.
    ///
    /// # Errors
    /// [`Error::Constraint`] where its `admits` refuses its parameters, and its exceptions.
    pub(crate) fn new(
        object: &Bound<'_, PyAny>,
        lease: &Lease,
        stop: Option<Stop>,
    ) -> Result<Self, Error> {
        let py = object.py();
        let admits =
            object.call_method0(intern!(py, "admits")).and_then(|admits| admits.is_truthy());
        if !admits.map_err(failed)? {
            let rule = "parameters that its `admits` takes";
            return Err(Error::Constraint { strategy: "of Python", rule });
        }
        let facts = || {
            let name = object.getattr(intern!(py, "name"))?.extract()?;
            let params = object.call_method0(intern!(py, "params"))?;
            Ok((name, params_of(params.cast()?)?))
        };
        let (name, params) = facts().map_err(failed)?;
        let (object, lease) = (object.clone().unbind(), lease.clone());
        Ok(Self { name, params, object, lease, declared: Declared::default(), stop, run: None })
    }

    fn failed(&self, exception: PyErr) -> Error {
        let raised = Raised { exception, place: None };
        Error::Strategy { strategy: self.name.clone(), source: Box::new(raised) }
    }

    fn started(
        &self,
        py: Python<'_>,
        setup: &mut EngineSetup<'_>,
    ) -> Result<(Declared, Run), Error> {
        let failed = |exception| self.failed(exception);
        let noted = Py::new(py, Setup::of(setup)).map_err(failed)?;
        let object = self.object.bind(py);
        object.call_method1(intern!(py, "setup"), (&noted,)).map_err(failed)?;
        let declared = noted.get().declare(setup)?;
        let handles: Vec<AssetIdx> = setup.assets().collect();
        let symbols = handles.iter().map(|asset| setup.symbol(*asset).to_owned()).collect();
        let context = (|| {
            let memory = Py::new(py, Memory::new(&self.lease))?;
            let context = Context::new(memory, handles, symbols)?;
            Ok::<_, Failure>(Py::new(py, context)?)
        })();
        let context = context.map_err(|failure| failed(failure.into()))?;
        let on_bar = object.getattr(intern!(py, "on_bar")).map_err(failed)?.unbind();
        let style = match self.lease.schema().stamp() {
            barrow_format::Stamp::Session => TimeStyle::Session,
            _ => TimeStyle::Instant,
        };
        Ok((declared, Run { context, on_bar, style }))
    }
}

impl Strategy for Scripted {
    fn name(&self) -> &str {
        &self.name
    }

    fn params(&self) -> Params {
        self.params.clone()
    }

    fn on_start(&mut self, setup: &mut EngineSetup<'_>) -> Result<(), Error> {
        let (declared, run) = Python::attach(|py| self.started(py, setup))?;
        (self.declared, self.run) = (declared, Some(run));
        Ok(())
    }

    fn on_bar(&mut self, context: &mut EngineContext<'_>) -> Result<(), Error> {
        let Some(run) = &self.run else { return Ok(()) };
        if self.stop.as_ref().is_some_and(|stop| stop.load(Ordering::Relaxed)) {
            return Err(Error::Strategy { strategy: self.name.clone(), source: Box::new(Stopped) });
        }
        Python::attach(|py| {
            let shown = run.context.bind(py);
            shown.get().begin(context, &self.declared);
            let called = run.on_bar.bind(py).call1((shown,));
            let place = shown.get().end();
            if let Err(exception) = called {
                let raised = Raised::at(py, exception, place, run.style);
                return Err(Error::Strategy {
                    strategy: self.name.clone(),
                    source: Box::new(raised),
                });
            }
            shown.get().order_all(context)
        })
    }
}

/// An exception from making a strategy, as the engine's error.
pub(crate) fn failed(exception: PyErr) -> Error {
    let raised = Raised { exception, place: None };
    Error::Strategy { strategy: "of Python".to_owned(), source: Box::new(raised) }
}

/// Nobody waits for the run any more.
#[derive(Debug, thiserror::Error)]
#[error("was stopped")]
struct Stopped;

/// An exception of a strategy's own code, and at which bar it was raised.
#[derive(Debug, thiserror::Error)]
#[error("{exception}{}", place.as_ref().map_or_else(String::new, |place| format!(", {place}")))]
pub(crate) struct Raised {
    pub(crate) exception: PyErr,
    place: Option<String>,
}

impl Raised {
    /// Notes the place on the exception itself too.
    fn at(
        py: Python<'_>,
        exception: PyErr,
        (now_ns, asset): (i64, Option<&str>),
        style: TimeStyle,
    ) -> Self {
        let time = Timestamp::new(now_ns, style);
        let place = match asset {
            Some(asset) => format!("at the bar of {time}; the asset asked about last: {asset}"),
            None => format!("at the bar of {time}"),
        };
        let value = exception.value(py);
        let added = match value.getattr_opt("add_note") {
            Ok(Some(add)) => add.call1((&place,)).map(drop),
            // Before Python 3.11.
            _ => PyList::new(py, [&place]).and_then(|notes| value.setattr("__notes__", notes)),
        };
        // An exception that takes no note is still the exception.
        drop(added);
        Self { exception, place: Some(place) }
    }
}
