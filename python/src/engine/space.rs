//! [`Space`]: parameters and the values that they may take.

use std::sync::Arc;

use barrow_engine::Axis;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};

use super::settings::{params_dict, params_of, value_of};
use crate::error::Result;

/// A space of parameters. See `barrow.Space`.
#[pyclass(frozen, module = "barrow._barrow", subclass)]
#[derive(Debug)]
pub(crate) struct Space {
    pub(crate) space: Arc<barrow_engine::Space>,
    /// What it was made of, and is pickled as: axes, or the text of a document; and constraints.
    given: (Py<PyAny>, Vec<String>),
}

#[pymethods]
impl Space {
    /// Axes by name: a text as the command takes it, or a sequence of values. Or the text of a TOML document.
    #[new]
    fn new(axes: &Bound<'_, PyAny>, constraints: Vec<String>) -> Result<Self> {
        let space = match axes.cast::<PyString>() {
            Ok(text) => barrow_engine::Space::from_toml(&text.to_cow()?)?,
            Err(_) => barrow_engine::Space::new(axes_of(axes.cast().map_err(PyErr::from)?)?)?,
        };
        let space = space.with_constraints(constraints.iter().map(String::as_str))?;
        Ok(Self { space: Arc::new(space), given: (axes.clone().unbind(), constraints) })
    }

    /// Reads a space from the text of a TOML document.
    #[staticmethod]
    #[pyo3(signature = (text, constraints=Vec::new()))]
    fn from_toml(text: &Bound<'_, PyString>, constraints: Vec<String>) -> Result<Self> {
        Self::new(text, constraints)
    }

    /// With which arguments a pickle makes it again.
    fn __getnewargs_ex__<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<((Py<PyAny>,), Bound<'py, PyDict>)> {
        let (axes, constraints) = &self.given;
        let more = PyDict::new(py);
        more.set_item("constraints", constraints)?;
        Ok(((axes.clone_ref(py),), more))
    }

    #[getter]
    fn names<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.space.axes().iter().map(Axis::name))
    }

    #[getter]
    fn constraints<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.space.constraints().iter().map(ToString::to_string))
    }

    /// Points of the grid, those that break a constraint included; 0 where the space is none.
    fn __len__(&self) -> usize {
        usize::try_from(self.space.len()).unwrap_or(usize::MAX)
    }

    #[expect(clippy::unused_self, reason = "Python asks an object")]
    fn __bool__(&self) -> bool {
        true
    }

    /// Parameters of a point of the grid.
    fn point<'py>(&self, py: Python<'py>, index: u64) -> Result<Bound<'py, PyDict>> {
        self.space.check_grid()?;
        Ok(params_dict(py, &self.space.point(index))?)
    }

    /// Parameters at coordinates from 0 to 1, one for each of [`Space::dims`].
    #[expect(clippy::needless_pass_by_value, reason = "an argument that is extracted is owned")]
    fn at<'py>(&self, py: Python<'py>, cube: Vec<f64>) -> PyResult<Bound<'py, PyDict>> {
        params_dict(py, &self.space.at(&cube))
    }

    /// Number of coordinates: of parameters that take more than one value.
    #[getter]
    fn dims(&self) -> usize {
        self.space.dims().len()
    }

    /// Whether parameters are a point of the space.
    fn __contains__(&self, params: &Bound<'_, PyDict>) -> PyResult<bool> {
        Ok(self.space.contains(&params_of(params)?))
    }
}

/// Reads axes by name: a text as the command takes it, or a sequence of values.
fn axes_of(given: &Bound<'_, PyDict>) -> Result<Vec<Axis>> {
    let mut axes = Vec::new();
    for (name, values) in given {
        let name: String = name.extract()?;
        axes.push(if let Ok(text) = values.cast::<PyString>() {
            Axis::parse(&format!("{name}={}", text.to_cow()?))?
        } else {
            let values = values.try_iter()?.map(|value| value_of(&value?));
            Axis::new(name, values.collect::<PyResult<Vec<_>>>()?)?
        });
    }
    Ok(axes)
}
