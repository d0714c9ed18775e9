//! [`Table`]: rows and columns for other libraries, as Arrow streams: a bundle, the bars of an asset, or an answer.

use std::sync::Arc;

use arrow_array::types::{ArrowDictionaryKeyType, Int64Type, UInt16Type, UInt32Type};
use arrow_array::{
    ArrayRef, DictionaryArray, PrimitiveArray, RecordBatch, RecordBatchIterator, RecordBatchReader,
    RunArray, StringArray,
};
use arrow_schema::{ArrowError, Field, Schema, SchemaRef};
use barrow_store::query::Plan;
use barrow_store::{Error, Lease};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyTuple};

use crate::capsule::{of_schema, of_stream, refused};
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

    /// The rows as a `pandas.DataFrame`, through pyarrow.
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

/// How the symbols stand beside the bars.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Symbols {
    /// In no column.
    None,
    /// As a dictionary: a number of 16 or 32 bits for each bar.
    Dictionary,
    /// Once for each asset, run-end encoded.
    Runs,
}

impl Symbols {
    pub(crate) fn named(name: Option<&str>) -> PyResult<Self> {
        match name {
            None => Ok(Self::None),
            Some("dictionary") => Ok(Self::Dictionary),
            Some("runs") => Ok(Self::Runs),
            Some(other) => Err(PyValueError::new_err(format!(
                "`{other}` is no way to show symbols: expected `dictionary`, `runs` or None"
            ))),
        }
    }
}

/// Returns the symbol of every bar of a bundle, as a dictionary. Takes 2 bytes a bar, or 4 of more than 65,536 assets.
pub(crate) fn dictionary_of_symbols(lease: &Lease) -> barrow_store::Result<ArrayRef> {
    if lease.asset_count() <= 1 << 16 {
        // The first 65,536 ordinals have 16 bits.
        return dictionary::<UInt16Type>(lease, |ordinal| {
            u16::try_from(ordinal).unwrap_or(u16::MAX)
        });
    }
    dictionary::<UInt32Type>(lease, |ordinal| ordinal)
}

/// Returns the symbol of every bar of a bundle, run-end encoded. Takes nothing a bar.
pub(crate) fn runs_of_symbols(lease: &Lease) -> barrow_store::Result<ArrayRef> {
    let (mut ends, mut symbols) = (Vec::new(), Vec::new());
    for asset in lease.assets() {
        let asset = asset?;
        if asset.rows() > 0 {
            ends.push(i64::try_from(asset.row_range().end).unwrap_or(i64::MAX));
            symbols.push(lease.symbol(asset));
        }
    }
    let ends = PrimitiveArray::<Int64Type>::from(ends);
    let runs = RunArray::try_new(&ends, &StringArray::from(symbols));
    Ok(Arc::new(runs.map_err(|error| no_batch(lease, error))?))
}

/// Returns a batch with a column of symbols before its own.
pub(crate) fn with_symbols(symbols: ArrayRef, bars: &RecordBatch) -> Result<RecordBatch> {
    let mut fields = vec![Field::new("symbol", symbols.data_type().clone(), false)];
    fields.extend(bars.schema().fields().iter().map(|field| field.as_ref().clone()));
    let schema = Schema::new_with_metadata(fields, bars.schema().metadata().clone());
    let columns = std::iter::once(symbols).chain(bars.columns().iter().cloned()).collect();
    Ok(RecordBatch::try_new(Arc::new(schema), columns).map_err(refused)?)
}

fn dictionary<K: ArrowDictionaryKeyType>(
    lease: &Lease,
    key: impl Fn(u32) -> K::Native,
) -> barrow_store::Result<ArrayRef>
where
    PrimitiveArray<K>: From<Vec<K::Native>>,
{
    let mut keys: Vec<K::Native> = Vec::with_capacity(lease.rows());
    let mut symbols = Vec::new();
    for asset in lease.assets() {
        let asset = asset?;
        keys.resize(keys.len() + asset.rows(), key(asset.ordinal()));
        symbols.push(lease.symbol(asset));
    }
    let values = Arc::new(StringArray::from(symbols));
    let made = DictionaryArray::<K>::try_new(PrimitiveArray::from(keys), values);
    Ok(Arc::new(made.map_err(|error| no_batch(lease, error))?))
}

fn no_batch(lease: &Lease, source: ArrowError) -> Error {
    Error::Arrow { bundle: lease.name().to_owned(), source: Arc::new(source) }
}
