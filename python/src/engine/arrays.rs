//! Results as NumPy arrays that own their values and cannot be written.

use numpy::{Element, PyArray1, PyArrayMethods as _};
use pyo3::intern;
use pyo3::prelude::*;

use crate::error::Result;

/// Returns values as a read-only array: shape `[len]`.
pub(crate) fn frozen<T: Element>(py: Python<'_>, values: Vec<T>) -> Result<Bound<'_, PyAny>> {
    locked(PyArray1::from_vec(py, values).into_any())
}

/// Returns values, row after row, as a read-only array: shape `[rows, columns]`.
pub(crate) fn frozen_matrix<T: Element>(
    py: Python<'_>,
    values: Vec<T>,
    shape: [usize; 2],
) -> Result<Bound<'_, PyAny>> {
    locked(PyArray1::from_vec(py, values).reshape(shape)?.into_any())
}

fn locked(array: Bound<'_, PyAny>) -> Result<Bound<'_, PyAny>> {
    let flags = array.getattr(intern!(array.py(), "flags"))?;
    flags.setattr(intern!(array.py(), "writeable"), false)?;
    Ok(array)
}

/// Returns nanoseconds since 1970 as a read-only array of `datetime64[ns]`.
pub(crate) fn instants(py: Python<'_>, values: Vec<i64>) -> Result<Bound<'_, PyAny>> {
    Ok(frozen(py, values)?.call_method1(intern!(py, "view"), ("datetime64[ns]",))?)
}

/// Returns nanoseconds since 1970 as a `datetime64[ns]`.
pub(crate) fn instant(py: Python<'_>, ns: i64) -> Result<Bound<'_, PyAny>> {
    Ok(py.import(intern!(py, "numpy"))?.getattr("datetime64")?.call1((ns, "ns"))?)
}

/// Returns figures that may be undefined, which are NaN then, as a read-only array.
pub(crate) fn figures(
    py: Python<'_>,
    values: impl Iterator<Item = Option<f64>>,
) -> Result<Bound<'_, PyAny>> {
    frozen(py, values.map(|value| value.unwrap_or(f64::NAN)).collect())
}
