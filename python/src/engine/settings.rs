//! What runs are made with: settings and parameters, as Python gives them.

use std::ffi::CString;

use barrow_engine::{Backtest, Commission, Params, Scope, Slippage, Value, unadjusted_splits};
use barrow_store::Lease;
use pyo3::exceptions::{PyTypeError, PyUserWarning, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyString};

use crate::error::Result;
use crate::when::when;
use crate::words::several;

/// Cash, costs, period, assets and seed of a run.
#[pyclass(frozen, module = "barrow._barrow")]
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) backtest: Backtest,
}

#[pymethods]
impl Settings {
    #[new]
    #[pyo3(signature = (cash, commission, slippage, start=None, end=None, assets=None, seed=0))]
    fn new(
        cash: f64,
        commission: &str,
        slippage: &str,
        start: Option<&Bound<'_, PyAny>>,
        end: Option<&Bound<'_, PyAny>>,
        assets: Option<&Bound<'_, PyAny>>,
        seed: u64,
    ) -> Result<Self> {
        let scope = Scope {
            from: start.map(when).transpose()?.map(|when| when.first_ns),
            to: end.map(when).transpose()?.map(|when| when.last_ns),
            assets: assets.map(several).transpose()?,
        };
        let commission: Commission = commission.parse()?;
        let slippage: Slippage = slippage.parse()?;
        Ok(Self { backtest: Backtest { cash, commission, slippage, seed, scope } })
    }

    #[getter]
    fn seed(&self) -> u64 {
        self.backtest.seed
    }

    #[getter]
    fn assets(&self) -> Option<&[String]> {
        self.backtest.scope.assets.as_deref()
    }

    /// The last instant that counts, nanoseconds since 1970.
    #[getter]
    fn end(&self) -> Option<i64> {
        self.backtest.scope.to
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        let class = py.get_type::<Self>().into_any();
        let Backtest { cash, commission, slippage, seed, scope } = &self.backtest;
        let arguments = (
            *cash,
            commission.to_string(),
            slippage.to_string(),
            scope.from,
            scope.to,
            scope.assets.clone(),
            *seed,
        );
        Ok((class, arguments.into_pyobject(py)?.into_any()))
    }
}

impl Settings {
    /// Warns of splits that the stored prices are not adjusted for, over which a run goes.
    pub(crate) fn warn_of_splits(&self, py: Python<'_>, lease: &Lease) -> Result<()> {
        let splits = unadjusted_splits(lease, &self.backtest.scope)?;
        let [first, others @ ..] = &splits[..] else { return Ok(()) };
        let more = match others.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let text = format!(
            "prices are traded as they are stored, and are not adjusted for the split of {first}{more}: that looks \
             like a move of the market; ingest adjusted prices, or leave such assets out with `assets=`"
        );
        let text = CString::new(text).unwrap_or_default();
        // Of whoever called the function of the package that calls this.
        Ok(PyErr::warn(py, &py.get_type::<PyUserWarning>(), &text, 2)?)
    }
}

/// Reads parameters: whole numbers, numbers, truth values and texts, NumPy's too.
pub(crate) fn params_of(given: &Bound<'_, PyDict>) -> PyResult<Params> {
    let mut params = Params::new();
    for (name, value) in given {
        let name: String = name.extract()?;
        let value = value_of(&value)?;
        params.set(name, value);
    }
    Ok(params)
}

/// Reads a parameter's value.
pub(crate) fn value_of(value: &Bound<'_, PyAny>) -> PyResult<Value> {
    if let Ok(truth) = value.cast::<PyBool>() {
        return Ok(Value::Bool(truth.is_true()));
    }
    if let Ok(whole) = value.cast::<PyInt>() {
        let wide = |_| {
            PyValueError::new_err(format!(
                "a parameter that is a whole number has 64 bits, found {whole}"
            ))
        };
        return Ok(Value::Int(whole.extract().map_err(wide)?));
    }
    if let Ok(number) = value.cast::<PyFloat>() {
        return Ok(Value::Float(number.extract()?));
    }
    if let Ok(text) = value.cast::<PyString>() {
        return Ok(Value::Text(text.to_cow()?.into_owned()));
    }
    // A scalar of NumPy.
    if let Some(item) = value.getattr_opt("item")? {
        let plain = item.call0()?;
        if plain.getattr_opt("item")?.is_none() {
            return value_of(&plain);
        }
    }
    let kind = value.get_type().name()?;
    Err(PyTypeError::new_err(format!(
        "a parameter is a whole number, a number, a truth value or a text, found `{kind}`"
    )))
}

/// Returns a parameter's value as a Python object.
pub(crate) fn to_python<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        Value::Int(whole) => whole.into_pyobject(py)?.into_any(),
        Value::Float(number) => number.into_pyobject(py)?.into_any(),
        Value::Bool(truth) => truth.into_pyobject(py)?.to_owned().into_any(),
        Value::Text(text) => text.into_pyobject(py)?.into_any(),
    })
}

/// Returns parameters as a dictionary, ascending by name.
pub(crate) fn params_dict<'py>(py: Python<'py>, params: &Params) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    for (name, value) in params {
        dict.set_item(name, to_python(py, value)?)?;
    }
    Ok(dict)
}
