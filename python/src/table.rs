//! [`Table`]: rows and columns for other libraries, as Arrow streams: a bundle, the bars of an asset, or an answer.

use arrow_array::{RecordBatch, RecordBatchIterator, RecordBatchReader};
use arrow_schema::SchemaRef;
use barrow_store::query::Plan;
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyTuple};

use crate::capsule::{of_schema, of_stream};
use crate::error::Result;

/// Rows and columns that other libraries take through Arrow: `polars.DataFrame(table)`, `pyarrow.table(table)`,
/// `duckdb.sql("from table")`. An answer of a query is computed by whoever reads it, batch by batch, anew each time.
#[pyclass(frozen, module = "barrow")]
#[derive(Debug)]
pub(crate) struct Table {
    source: Source,
}

#[derive(Debug)]
enum Source {
    /// Memory of a bundle.
    Batch(RecordBatch),
    /// An answer, computed anew by whoever reads it.
    Plan(Plan),
}

impl Table {
    pub(crate) fn of_batch(batch: RecordBatch) -> Self {
        Self { source: Source::Batch(batch) }
    }

    pub(crate) fn of_plan(plan: Plan) -> Self {
        Self { source: Source::Plan(plan) }
    }

    /// Returns the stream that consumers take.
    pub(crate) fn stream<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyCapsule>> {
        Ok(of_stream(py, self.reader())?)
    }

    /// Returns the schema that consumers take.
    pub(crate) fn schema_capsule<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyCapsule>> {
        of_schema(py, &self.schema())
    }

    fn schema(&self) -> SchemaRef {
        match &self.source {
            Source::Batch(batch) => batch.schema(),
            Source::Plan(plan) => plan.header().arrow_schema(),
        }
    }

    fn reader(&self) -> Box<dyn RecordBatchReader + Send> {
        match &self.source {
            Source::Batch(batch) => {
                let batches = std::iter::once(Ok(batch.clone()));
                Box::new(RecordBatchIterator::new(batches, batch.schema()))
            }
            Source::Plan(plan) => Box::new(plan.record_batches()),
        }
    }
}

#[pymethods]
impl Table {
    /// The names of the columns.
    #[getter]
    fn column_names<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.schema().fields().iter().map(|field| field.name()))
    }

    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> Result<Bound<'py, PyCapsule>> {
        // Other types than those that are stored would be copies: who wants them converts.
        drop(requested_schema);
        self.stream(py)
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyCapsule>> {
        self.schema_capsule(py)
    }

    /// The rows as a `pyarrow.Table`.
    fn to_arrow<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        frame(slf.as_any(), "to_arrow")
    }

    /// The rows as a `polars.DataFrame`.
    fn to_polars<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        frame(slf.as_any(), "to_polars")
    }

    /// The rows as a `pandas.DataFrame`, through pyarrow: times without a zone, in UTC.
    fn to_pandas<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        frame(slf.as_any(), "to_pandas")
    }

    fn __repr__(&self) -> String {
        let schema = self.schema();
        let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        match &self.source {
            Source::Batch(batch) => {
                format!("<barrow.Table {} rows: {}>", batch.num_rows(), names.join(", "))
            }
            Source::Plan(plan) => {
                format!("<barrow.Table of {}: {}>", plan.lease().name(), names.join(", "))
            }
        }
    }

    fn _repr_html_<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("barrow._html")?.getattr("table")?.call1((slf,))
    }
}

/// Hands an object that offers an Arrow stream to a function of `barrow._frames`.
pub(crate) fn frame<'py>(
    object: &Bound<'py, PyAny>,
    function: &str,
) -> PyResult<Bound<'py, PyAny>> {
    object.py().import("barrow._frames")?.getattr(function)?.call1((object,))
}
