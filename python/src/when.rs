//! Moments as Python writes them: text, dates, datetimes, NumPy's and integers, as stretches of nanoseconds UTC.

use barrow_store::query::When;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyString;

/// The stretch of the timestamps from `start` to `end`, both taken in; `None` is without an end.
pub(crate) fn span(
    start: Option<&Bound<'_, PyAny>>,
    end: Option<&Bound<'_, PyAny>>,
) -> PyResult<(i64, i64)> {
    let first = start.map(when).transpose()?.map_or(i64::MIN, |when| when.first_ns);
    let last = end.map(when).transpose()?.map_or(i64::MAX, |when| when.last_ns);
    Ok((first, last))
}

/// Reads a moment: text as the command takes it (`2012`, `2012-01`, `2012-01-03`, `2012-01-03T14:30:00Z`), a
/// `datetime.date`, a `datetime.datetime` (without a zone: UTC), a `numpy.datetime64`, or nanoseconds since 1970 as an
/// integer. Years, months and dates stand for all of their time.
pub(crate) fn when(value: &Bound<'_, PyAny>) -> PyResult<When> {
    if let Ok(text) = value.cast::<PyString>() {
        return read(&text.to_cow()?);
    }
    let kind = value.get_type().name()?;
    // Its text has the precision that it was given: `2012-01` is a month.
    if kind == "datetime64" {
        return read(&value.str()?.extract::<String>()?);
    }
    if let Some(isoformat) = value.getattr_opt("isoformat")? {
        return read(&isoformat.call0()?.extract::<String>()?);
    }
    let Ok(ns) = value.extract() else {
        let text = format!("expected a date or an instant, found `{kind}`");
        return Err(PyTypeError::new_err(text));
    };
    if (1000..3000).contains(&ns) {
        let text =
            format!("{ns} is so many nanoseconds after 1970: write the year as text, `{ns}`");
        return Err(PyValueError::new_err(text));
    }
    Ok(When { first_ns: ns, last_ns: ns })
}

fn read(text: &str) -> PyResult<When> {
    text.parse().map_err(|error| PyValueError::new_err(format!("`{text}` is {error}")))
}

/// Returns a timestamp as a `datetime64[ns]`.
pub(crate) fn instant(py: Python<'_>, ns: i64) -> PyResult<Bound<'_, PyAny>> {
    static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let find = || Ok::<_, PyErr>(py.import("numpy")?.getattr("datetime64")?.unbind());
    CLASS.get_or_try_init(py, find)?.bind(py).call1((ns, "ns"))
}
