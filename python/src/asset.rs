//! [`Asset`] and [`Adjustment`]: what a bundle knows of an asset beside its bars.

use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::bundle::Bundle;
use crate::error::Result;
use crate::when::instant;

/// What a bundle knows of one asset beside its bars.
#[pyclass(frozen, module = "barrow")]
#[derive(Debug)]
pub(crate) struct Asset {
    pub(crate) bundle: Py<Bundle>,
    pub(crate) asset: barrow_store::Asset,
}

#[pymethods]
impl Asset {
    /// The symbol.
    #[getter]
    fn symbol(&self) -> &str {
        self.bundle.get().lease().symbol(self.asset)
    }

    /// The place in symbol order, from 0.
    #[getter]
    fn ordinal(&self) -> u32 {
        self.asset.ordinal()
    }

    /// The number of bars.
    #[getter]
    fn rows(&self) -> usize {
        self.asset.rows()
    }

    /// The timestamp of the first bar: `datetime64[ns]`, UTC, or `None` where there is none.
    #[getter]
    fn first<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.asset.first_time().map(|ns| instant(py, ns)).transpose()
    }

    /// The timestamp of the last bar: `datetime64[ns]`, UTC, or `None` where there is none.
    #[getter]
    fn last<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.asset.last_time().map(|ns| instant(py, ns)).transpose()
    }

    /// What is known of the asset: by convention a JSON object, as a `dict`; `None` where nothing is.
    #[getter]
    fn metadata<'py>(&self, py: Python<'py>) -> Result<Option<Bound<'py, PyAny>>> {
        let text = self.bundle.get().lease().metadata(self.asset)?;
        if text.is_empty() {
            return Ok(None);
        }
        let json = py.import("json")?;
        match json.call_method1("loads", (text,)) {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.is_instance_of::<pyo3::exceptions::PyValueError>(py) => {
                Ok(Some(PyString::new(py, text).into_any()))
            }
            Err(error) => Err(error.into()),
        }
    }

    fn __repr__(&self) -> String {
        format!("<barrow.Asset {}: {} bars>", self.symbol(), self.rows())
    }
}

/// A split, cash dividend or merger. It is stored beside the bars and changes no price.
#[pyclass(frozen, module = "barrow")]
#[derive(Debug)]
pub(crate) struct Adjustment {
    #[pyo3(get)]
    pub(crate) symbol: String,
    pub(crate) time_ns: i64,
    /// `split`, `cash dividend` or `merger`.
    #[pyo3(get)]
    pub(crate) kind: String,
    /// New shares per old share, amount per share, or shares of the successor per old share.
    #[pyo3(get)]
    pub(crate) value: f64,
}

#[pymethods]
impl Adjustment {
    /// The ex-session: `datetime64[ns]`, UTC.
    #[getter]
    fn time<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        instant(py, self.time_ns)
    }

    fn __repr__(&self) -> String {
        let time = barrow_store::Instant(self.time_ns);
        format!("<barrow.Adjustment {} {time}: {} {}>", self.symbol, self.kind, self.value)
    }
}
