//! A bundle, or the bars of an asset, as Arrow tables over the same memory.

use arrow_array::ArrayRef;
use barrow_store::Lease;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

use crate::bars::Bars;
use crate::bundle::Bundle;
use crate::error::Result;
use crate::symbols::{Symbols, codes_of, dictionary_of_symbols, with_symbols};
use crate::table::{Table, frame};

impl Bundle {
    /// Returns some columns, or all, with the symbols before them.
    fn table(
        &self,
        py: Python<'_>,
        columns: Option<Vec<String>>,
        symbols: Symbols,
    ) -> Result<Table> {
        let lease = self.lease();
        let places = places(lease, columns)?;
        let bars = py.detach(|| lease.record_batch_of(&places))?;
        let (name, symbols) = match symbols {
            Symbols::None => return Ok(Table::of_batch(bars)),
            Symbols::Runs => ("symbol", lease.symbol_runs()?),
            Symbols::Dictionary => ("symbol", self.dictionary(py)?),
            Symbols::Codes => ("code", codes_of(&self.dictionary(py)?)),
        };
        Ok(Table::of_batch(with_symbols(name, symbols, &bars)?))
    }

    /// Returns the symbol of every bar as a dictionary, made at the first call.
    fn dictionary(&self, py: Python<'_>) -> Result<ArrayRef> {
        if self.symbol_keys.get().is_none() {
            let made = py.detach(|| dictionary_of_symbols(self.lease()))?;
            // Another thread may have been faster, with the same.
            let _ = self.symbol_keys.set(made);
        }
        Ok(self.symbol_keys.wait().clone())
    }
}

#[pymethods]
impl Bundle {
    /// The bundle as a long table over the same memory: `symbol`, `time` and the other columns, or those that are named; asset
    /// after asset in symbol order, oldest bar first. Timestamps are in UTC, decimals are decimals, nothing is null.
    ///
    /// `symbols` says how the symbol stands beside each bar: as a `dictionary` (1 byte a bar, 2 of more than 128 assets, 4 of
    /// more than 32,768; made at the first call, and shared by all bundles of that version for as long as one of them has it), as
    /// the numbers of that dictionary alone (`codes`: a column `code`, the place in `Bundle.symbols`, which every library takes
    /// without a copy), as `runs` (run-end encoded: nothing a bar, which pyarrow and DuckDB read), or `None` for no such column.
    ///
    /// Raises `barrow.errors.UnknownColumnError`, `barrow.errors.DamagedError`.
    #[pyo3(
        signature = (columns=None, *, symbols=Some("dictionary")),
        text_signature = "($self, columns=None, *, symbols='dictionary')",
    )]
    fn arrow(
        &self,
        py: Python<'_>,
        columns: Option<Vec<String>>,
        symbols: Option<&str>,
    ) -> Result<Table> {
        self.table(py, columns, Symbols::named(symbols)?)
    }

    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> Result<Bound<'py, PyCapsule>> {
        drop(requested_schema);
        self.table(py, None, Symbols::Dictionary)?.stream(py)
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyCapsule>> {
        self.table(py, None, Symbols::Dictionary)?.schema_capsule(py)
    }

    /// The long table as a `pyarrow.Table` over the same memory.
    fn to_arrow<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        frame(slf.as_any(), "to_arrow")
    }

    /// The long table as a `polars.DataFrame` over the same memory, but for the symbols, of which polars makes categories of its own
    /// (`Categorical`, 4 bytes a bar): once, for all bundles of that version, for as long as one of them is there.
    fn to_polars<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        frame(slf.as_any(), "bundle_to_polars")
    }

    /// The long table as a `pandas.DataFrame` over the same memory: a category `symbol`, and times without a zone, in UTC.
    fn to_pandas<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        frame(slf.as_any(), "bundle_to_pandas")
    }
}

#[pymethods]
impl Bars {
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> Result<Bound<'py, PyCapsule>> {
        drop(requested_schema);
        Table::of_batch(self.batch(py)?).stream(py)
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyCapsule>> {
        Table::of_batch(self.batch(py)?).schema_capsule(py)
    }

    /// The bars as a `pyarrow.Table` over the same memory.
    fn to_arrow<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        frame(slf.as_any(), "to_arrow")
    }

    /// The bars as a `polars.DataFrame` over the same memory.
    fn to_polars<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        frame(slf.as_any(), "to_polars")
    }

    /// The bars as a `pandas.DataFrame` over the same memory, by time, which is without a zone, in UTC.
    fn to_pandas<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        frame(slf.as_any(), "bars_to_pandas")
    }
}

/// Returns the places of columns in the schema: all, where none is named.
fn places(lease: &Lease, columns: Option<Vec<String>>) -> Result<Vec<usize>> {
    let schema = lease.schema();
    let Some(columns) = columns else { return Ok((0..schema.columns().len()).collect()) };
    let place = |name: String| match schema.column_index(&name) {
        Some(index) => Ok(index),
        None => Err(crate::error::unknown_column(lease, &name)),
    };
    columns.into_iter().map(place).collect()
}
