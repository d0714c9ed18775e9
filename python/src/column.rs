//! [`Column`]: one column of a bundle: what it is, and its values for NumPy and Arrow.

use barrow_format::LogicalType;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyDict};

use crate::bundle::Bundle;
use crate::capsule::{of_array, of_field};
use crate::error::Result;

/// One column of a bundle: what its values mean, and the values of all assets, asset after asset in symbol order.
///
/// `numpy.asarray(column)` and `pyarrow.array(column)` share the mapped memory.
#[pyclass(frozen, module = "barrow")]
#[derive(Debug)]
pub(crate) struct Column {
    bundle: Py<Bundle>,
    index: usize,
}

impl Column {
    pub(crate) fn new(bundle: Py<Bundle>, index: usize) -> Self {
        Self { bundle, index }
    }

    fn described(&self) -> &barrow_format::Column {
        &self.bundle.get().lease().schema().columns()[self.index]
    }
}

#[pymethods]
impl Column {
    /// The column's name.
    #[getter]
    fn name(&self) -> &str {
        &self.described().name
    }

    /// How values are stored: `f64`, `f32`, `i64`, `i32`, `u32` or `u8`.
    #[getter]
    fn stored(&self) -> String {
        self.described().physical.to_string()
    }

    /// What values mean: `timestamp` (nanoseconds UTC), `price`, `volume`, `decimal` or `plain`.
    #[getter]
    fn kind(&self) -> String {
        match self.described().logical {
            LogicalType::Decimal { .. } => "decimal".to_owned(),
            other => other.to_string(),
        }
    }

    /// Of decimals, the digits behind the point: a stored 1234 of scale 2 is 12.34. Otherwise 0.
    #[getter]
    fn scale(&self) -> u8 {
        match self.described().logical {
            LogicalType::Decimal { scale } => scale,
            _ => 0,
        }
    }

    /// The values: shape `[rows]`. A view.
    #[getter]
    fn values<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>> {
        Bundle::whole(self.bundle.bind(py), self.index)
    }

    #[pyo3(signature = (dtype=None, copy=None))]
    fn __array__<'py>(
        &self,
        py: Python<'py>,
        dtype: Option<Bound<'py, PyAny>>,
        copy: Option<bool>,
    ) -> Result<Bound<'py, PyAny>> {
        let values = self.values(py)?;
        let same = match &dtype {
            Some(dtype) => values.getattr("dtype")?.eq(dtype)?,
            None => true,
        };
        if same && copy != Some(true) {
            return Ok(values);
        }
        if copy == Some(false) {
            let text = "another type than the stored one needs a copy";
            return Err(PyValueError::new_err(text).into());
        }
        let options = PyDict::new(py);
        options.set_item("copy", true)?;
        let dtype = dtype.map_or_else(|| values.getattr("dtype"), Ok)?;
        Ok(values.call_method("astype", (dtype,), Some(&options))?)
    }

    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_array__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> Result<(Bound<'py, PyCapsule>, Bound<'py, PyCapsule>)> {
        drop(requested_schema);
        let lease = self.bundle.get().lease();
        let batch = py.detach(|| lease.record_batch_of(&[self.index]))?;
        of_array(py, batch.schema().field(0), batch.column(0))
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyCapsule>> {
        of_field(py, self.bundle.get().lease().arrow_schema().field(self.index))
    }

    fn __len__(&self) -> usize {
        self.bundle.get().lease().rows()
    }

    fn __repr__(&self) -> String {
        let column = self.described();
        let (name, rows) = (self.bundle.get().lease().name(), self.__len__());
        format!(
            "<barrow.Column {} of {name}: {} {}, {rows} values>",
            column.name, column.physical, column.logical
        )
    }
}
