//! The axes of a space as plain values, for optimisers of others.

use barrow_engine::Axis;
use barrow_engine::search::{Condition, Domain, Scale};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use super::settings::to_python;
use super::space::Space;

/// Returns the axes in order, each a dictionary: `name`; `kind` (`list`, `int` or `real`) with its `values`, or `low`, `high` and
/// whether it is `log`, of `int` also the `step`; `conditions`, a list of a parent's name and the values that it must have one of.
#[pyfunction]
pub(crate) fn space_axes<'py>(py: Python<'py>, space: &Space) -> PyResult<Bound<'py, PyList>> {
    let axes = space.space.axes().iter().map(|axis| described(py, axis));
    PyList::new(py, axes.collect::<PyResult<Vec<_>>>()?)
}

fn described<'py>(py: Python<'py>, axis: &Axis) -> PyResult<Bound<'py, PyDict>> {
    let told = PyDict::new(py);
    told.set_item("name", axis.name())?;
    match axis.domain() {
        Domain::List { values, .. } => {
            let values = values.iter().map(|value| to_python(py, value));
            told.set_item("kind", "list")?;
            told.set_item("values", values.collect::<PyResult<Vec<_>>>()?)?;
        }
        Domain::Int { low, high, step, scale } => {
            told.set_item("kind", "int")?;
            told.set_item("low", low)?;
            told.set_item("high", high)?;
            told.set_item("step", step)?;
            told.set_item("log", *scale == Scale::Log)?;
        }
        Domain::Real { low, high, scale } => {
            told.set_item("kind", "real")?;
            told.set_item("low", low)?;
            told.set_item("high", high)?;
            told.set_item("log", *scale == Scale::Log)?;
        }
    }
    let condition = |condition: &Condition| {
        let values = condition.values.iter().map(|value| to_python(py, value));
        Ok((condition.parent.clone(), values.collect::<PyResult<Vec<_>>>()?))
    };
    let conditions: PyResult<Vec<_>> = axis.conditions().iter().map(condition).collect();
    told.set_item("conditions", conditions?)?;
    Ok(told)
}
