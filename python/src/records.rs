//! Records: results that are plain values, as the named tuples of `barrow.records`.

use pyo3::prelude::*;
use pyo3::types::PyDict;
use pyo3::{IntoPyObjectExt as _, intern};

use crate::when::instant;

/// A record on its way to Python: the members of a class of `barrow.records`, by name.
pub(crate) struct Record<'py> {
    class: Bound<'py, PyAny>,
    members: Bound<'py, PyDict>,
}

impl<'py> Record<'py> {
    pub(crate) fn new(py: Python<'py>, class: &str) -> PyResult<Self> {
        let class = py.import(intern!(py, "barrow.records"))?.getattr(class)?;
        Ok(Self { class, members: PyDict::new(py) })
    }

    pub(crate) fn with(self, name: &str, value: impl IntoPyObject<'py>) -> PyResult<Self> {
        let value = value.into_bound_py_any(self.members.py())?;
        self.members.set_item(name, value)?;
        Ok(self)
    }

    /// Adds a moment, as `datetime64[ns]`.
    pub(crate) fn with_instant(self, name: &str, ns: i64) -> PyResult<Self> {
        let moment = instant(self.members.py(), ns)?;
        self.with(name, moment)
    }

    pub(crate) fn made(self) -> PyResult<Bound<'py, PyAny>> {
        self.class.call((), Some(&self.members))
    }
}
