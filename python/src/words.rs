//! One text, or several.

use pyo3::prelude::*;
use pyo3::types::PyString;

/// Reads texts where one alone may stand for itself: it is no sequence of letters.
pub(crate) fn several(value: &Bound<'_, PyAny>) -> PyResult<Vec<String>> {
    if value.is_instance_of::<PyString>() {
        return Ok(vec![value.extract()?]);
    }
    value.try_iter()?.map(|text| text?.extract()).collect()
}
