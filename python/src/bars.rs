//! [`Bars`]: the columns of one asset, or of a stretch of its bars.

use std::ops::Range;

use arrow_array::RecordBatch;
use barrow_store::{Asset, Error};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PySlice, PyString, PyTuple};

use crate::array::view;
use crate::bundle::Bundle;
use crate::columns::STANDARD;
use crate::error::{Result, unknown_column};
use crate::when::span;

/// The bars of one asset, or a stretch of them, oldest first.
///
/// Columns are attributes: `bars.close`, or any other name, also as `bars["vwap"]`. Each is a read-only view of the mapped file,
/// shape `[len(bars)]`, prices in quote currency as ingested, unadjusted, NaN where a value is missing.
#[pyclass(frozen, module = "barrow", weakref)]
#[derive(Debug)]
pub(crate) struct Bars {
    bundle: Py<Bundle>,
    asset: Asset,
    /// Rows among those of the asset, of which the first is 0.
    rows: Range<usize>,
}

/// The bundle, the asset's place, and the rows from the first to the one behind the last.
type Sent = (Py<Bundle>, u32, usize, usize);

/// Returns the bars that a pickle names.
#[pyfunction]
pub(crate) fn reopen_bars(
    bundle: &Bound<'_, Bundle>,
    ordinal: u32,
    first: usize,
    end: usize,
) -> Result<Bars> {
    let whole = Bars::new(bundle.clone().unbind(), bundle.get().lease().asset_at(ordinal)?);
    let end = end.min(whole.rows.end);
    Ok(whole.with_rows(bundle.py(), first.min(end)..end))
}

impl Bars {
    pub(crate) fn new(bundle: Py<Bundle>, asset: Asset) -> Self {
        Self { bundle, asset, rows: 0..asset.rows() }
    }

    fn with_rows(&self, py: Python<'_>, rows: Range<usize>) -> Self {
        Self { bundle: self.bundle.clone_ref(py), asset: self.asset, rows }
    }

    /// Returns the values of the column at a place in the schema as a view.
    fn at<'py>(&self, py: Python<'py>, index: usize) -> Result<Bound<'py, PyAny>> {
        let bundle = self.bundle.bind(py);
        let access = bundle.get().reached().access(index);
        let asset = self.asset;
        if !access.immediate {
            let lease = bundle.get().lease();
            py.detach(|| lease.bars(asset).column_at(index).map(drop))?;
        }
        let rows = self.rows.clone();
        view(bundle, access.shown, move |lease| {
            let whole = lease.bars(asset).column_at(index)?;
            Ok(whole.slice(rows).expect("the rows of bars lie among those of their asset"))
        })
    }

    /// Returns the bars as an Arrow batch over the same memory.
    pub(crate) fn batch(&self, py: Python<'_>) -> Result<RecordBatch> {
        let lease = self.bundle.get().lease();
        let whole = py.detach(|| lease.asset_batch(self.asset))?;
        Ok(whole.slice(self.rows.start, self.rows.len()))
    }

    /// Returns the bars of a slice of rows.
    fn stretch(&self, slice: &Bound<'_, PySlice>) -> PyResult<Self> {
        let found = slice.indices(isize::try_from(self.rows.len())?)?;
        if found.step != 1 {
            let text = "bars are contiguous: a slice of them has no step; columns have, as in `bars.close[::5]`";
            return Err(PyValueError::new_err(text));
        }
        let start = self.rows.start + usize::try_from(found.start)?;
        Ok(self.with_rows(slice.py(), start..start + found.slicelength))
    }

    fn standard<'py>(&self, py: Python<'py>, place: usize) -> Result<Bound<'py, PyAny>> {
        match self.bundle.get().reached().standard(place) {
            Some(index) => self.at(py, index),
            None => self.named(py, STANDARD[place]),
        }
    }

    fn named<'py>(&self, py: Python<'py>, name: &str) -> Result<Bound<'py, PyAny>> {
        let lease = self.bundle.get().lease();
        match lease.schema().column_index(name) {
            Some(index) => self.at(py, index),
            None => Err(unknown_column(lease, name)),
        }
    }
}

#[pymethods]
impl Bars {
    /// The bundle that the bars are of.
    #[getter]
    fn bundle(&self, py: Python<'_>) -> Py<Bundle> {
        self.bundle.clone_ref(py)
    }

    /// The asset's symbol.
    #[getter]
    fn symbol(&self) -> &str {
        self.bundle.get().lease().symbol(self.asset)
    }

    /// The asset's place in symbol order, from 0.
    #[getter]
    fn ordinal(&self) -> u32 {
        self.asset.ordinal()
    }

    /// What the bundle knows of the asset, whatever the stretch.
    #[getter]
    fn asset(&self, py: Python<'_>) -> crate::asset::Asset {
        crate::asset::Asset { bundle: self.bundle.clone_ref(py), asset: self.asset }
    }

    /// The names of the columns, in file order; `time` is the first.
    #[getter]
    fn column_names<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let schema = self.bundle.get().lease().schema();
        PyTuple::new(py, schema.columns().iter().map(|column| &column.name))
    }

    /// The timestamps, strictly ascending: `datetime64[ns]`, UTC. A view; its `.view("i8")` is nanoseconds since 1970.
    #[getter]
    fn times<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>> {
        self.at(py, 0)
    }

    /// The opening prices: f64, quote currency. A view.
    #[getter]
    fn open<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>> {
        self.standard(py, 0)
    }

    /// The highest prices: f64, quote currency. A view.
    #[getter]
    fn high<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>> {
        self.standard(py, 1)
    }

    /// The lowest prices: f64, quote currency. A view.
    #[getter]
    fn low<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>> {
        self.standard(py, 2)
    }

    /// The closing prices: f64, quote currency. A view.
    #[getter]
    fn close<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>> {
        self.standard(py, 3)
    }

    /// The volumes: f64, shares or units. A view.
    #[getter]
    fn volume<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>> {
        self.standard(py, 4)
    }

    /// Any other column, by its name: a view of the type that is stored.
    ///
    /// Raises `barrow.errors.UnknownColumnError`, an `AttributeError`, with the columns there are.
    fn __getattr__<'py>(&self, py: Python<'py>, name: &str) -> Result<Bound<'py, PyAny>> {
        self.named(py, name)
    }

    /// Any column, by its name: a view of the type that is stored. Of a slice, as `bars[-20:]`, the `Bars` of those rows.
    ///
    /// Raises `barrow.errors.UnknownColumnError`, a `KeyError`, with the columns there are; `ValueError` for a slice with a step;
    /// `TypeError`.
    fn __getitem__<'py>(
        &self,
        py: Python<'py>,
        key: &Bound<'py, PyAny>,
    ) -> Result<Bound<'py, PyAny>> {
        if let Ok(name) = key.cast::<PyString>() {
            return self.named(py, &name.to_cow()?);
        }
        let Ok(slice) = key.cast::<PySlice>() else { return Err(no_column(key).into()) };
        Ok(Bound::new(py, self.stretch(slice)?)?.into_any())
    }

    /// An array would have to be of one type.
    #[pyo3(signature = (dtype=None, copy=None))]
    #[expect(clippy::unused_self, reason = "NumPy calls it on an object, with these arguments")]
    fn __array__(
        &self,
        dtype: Option<&Bound<'_, PyAny>>,
        copy: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let _ = (dtype, copy);
        Err(PyTypeError::new_err(
            "bars are no array: take a column, as `bars.close`, or a frame by `to_pandas()` or `to_polars()`",
        ))
    }

    fn __len__(&self) -> usize {
        self.rows.len()
    }

    /// The bars whose timestamps lie from `start` to `end`, both taken in; none where there are no such. Two binary searches.
    ///
    /// Raises `ValueError` or `TypeError` for what is no moment.
    #[pyo3(signature = (start=None, end=None))]
    fn between(
        &self,
        py: Python<'_>,
        start: Option<&Bound<'_, PyAny>>,
        end: Option<&Bound<'_, PyAny>>,
    ) -> Result<Self> {
        let (first, last) = span(start, end)?;
        let (lease, asset) = (self.bundle.get().lease(), self.asset);
        let found: std::result::Result<_, Error> =
            py.detach(|| Ok(lease.bars(asset).within(first..=last)?.rows()));
        let found = found?;
        let offset = asset.row_range().start;
        let from = (found.start - offset).clamp(self.rows.start, self.rows.end);
        let to = (found.end - offset).clamp(from, self.rows.end);
        Ok(self.with_rows(py, from..to))
    }

    /// The last `count` bars, or all if there are fewer.
    fn last(&self, py: Python<'_>, count: usize) -> Self {
        self.with_rows(py, self.rows.end - count.min(self.rows.len())..self.rows.end)
    }

    /// The first `count` bars, or all if there are fewer.
    fn first(&self, py: Python<'_>, count: usize) -> Self {
        self.with_rows(py, self.rows.start..self.rows.start + count.min(self.rows.len()))
    }

    /// A pickle is that of the bundle, and which bars: no values.
    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, Sent)> {
        let again = py.import("barrow._barrow")?.getattr("reopen_bars")?;
        let Range { start, end } = self.rows;
        Ok((again, (self.bundle.clone_ref(py), self.asset.ordinal(), start, end)))
    }

    fn _repr_html_<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("barrow._html")?.getattr("bars")?.call1((slf,))
    }

    fn __repr__(&self) -> String {
        let bundle = self.bundle.get();
        format!(
            "<barrow.Bars {} of {}: {} bars>",
            self.symbol(),
            bundle.lease().name(),
            self.rows.len()
        )
    }
}

/// An exception for a key that is neither the name of a column nor a slice.
fn no_column(key: &Bound<'_, PyAny>) -> PyErr {
    let given = key.get_type();
    PyTypeError::new_err(format!(
        "bars are asked for a column by its name, or for a stretch by a slice, not by {given}; one bar of a column is `bars.close[-1]`"
    ))
}
