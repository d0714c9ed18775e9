//! [`Bundle`]: one version of a bundle, opened.

use barrow_store::{Asset, Lease, Values, VerifyReads};
use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};

use crate::array::{Keeper, Shown, owned, owned_matrix, view};
use crate::bars::Bars;
use crate::columns::Columns;
use crate::error::Result;
use crate::opening::{Place, paging_names};
use crate::when::{span, when};

/// One version of a bundle, opened. Frozen: arrays borrow from its lease.
#[pyclass(frozen, module = "barrow", weakref)]
#[derive(Debug)]
pub(crate) struct Bundle {
    lease: Lease,
    columns: Columns,
    place: Place,
}

impl Bundle {
    pub(crate) fn new(lease: Lease, place: Place) -> Self {
        let columns = Columns::of(&lease);
        Self { lease, columns, place }
    }

    pub(crate) fn lease(&self) -> &Lease {
        &self.lease
    }

    pub(crate) fn columns(&self) -> &Columns {
        &self.columns
    }

    /// Finds an asset by its symbol, or by its place in symbol order, from the end where it is negative.
    fn find(&self, key: &Bound<'_, PyAny>) -> Result<Asset> {
        if let Ok(symbol) = key.cast::<PyString>() {
            return Ok(self.lease.asset(&symbol.to_cow()?)?);
        }
        let asked: i64 = key.extract()?;
        let count = i64::from(self.lease.asset_count());
        let place = if asked < 0 { asked + count } else { asked };
        match u32::try_from(place) {
            Ok(ordinal) if place < count => Ok(self.lease.asset_at(ordinal)?),
            _ => {
                let text = format!("no asset at place {asked} of {count}");
                Err(PyIndexError::new_err(text).into())
            }
        }
    }
}

impl Keeper for Bundle {
    fn lease<'a>(this: &'a Bound<'_, Self>) -> &'a Lease {
        this.get().lease()
    }
}

#[pymethods]
impl Bundle {
    /// Name in its catalog, or of a bundle file its name without the suffix.
    #[getter]
    fn name(&self) -> &str {
        self.lease.name()
    }

    /// Content version: 64 hexadecimal digits.
    #[getter]
    fn version(&self) -> String {
        self.lease.version().to_string()
    }

    #[getter]
    fn path(&self) -> &std::path::Path {
        self.lease.path()
    }

    #[getter]
    fn rows(&self) -> usize {
        self.lease.rows()
    }

    #[getter]
    fn symbols<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyTuple>> {
        let symbols = self.lease.assets().map(|asset| Ok(self.lease.symbol(asset?)));
        let symbols: Vec<&str> = symbols.collect::<Result<_>>()?;
        Ok(PyTuple::new(py, symbols)?)
    }

    #[getter]
    fn column_names<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.lease.schema().columns().iter().map(|column| &column.name))
    }

    /// All distinct timestamps, ascending: `datetime64[ns]`, shape `[times]`, a view.
    #[getter]
    fn calendar<'py>(slf: &Bound<'py, Self>) -> Result<Bound<'py, PyAny>> {
        view(slf, Shown::Instants, |lease| Ok(Values::I64(lease.calendar())))
    }

    fn __getitem__(slf: &Bound<'_, Self>, key: &Bound<'_, PyAny>) -> Result<Bars> {
        let asset = slf.get().find(key)?;
        Ok(Bars::new(slf.clone().unbind(), asset))
    }

    fn __len__(&self) -> usize {
        usize::try_from(self.lease.asset_count()).unwrap_or(usize::MAX)
    }

    fn __contains__(&self, key: &Bound<'_, PyAny>) -> bool {
        key.cast::<PyString>().is_ok() && self.find(key).is_ok()
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>> {
        Ok(self.symbols(py)?.into_any().try_iter()?.into_any())
    }

    /// A whole column: the values of all assets, asset after asset in symbol order. Shape `[rows]`, a view.
    fn column<'py>(slf: &Bound<'py, Self>, name: &str) -> Result<Bound<'py, PyAny>> {
        let this = slf.get();
        let index = this.lease.schema().column_index(name);
        let access = this.columns.access(index.unwrap_or(usize::MAX));
        if !access.immediate {
            slf.py().detach(|| this.lease.column(name).map(drop))?;
        }
        view(slf, access.shown, |lease| Ok(lease.column(name)?))
    }

    /// One column of all assets over a stretch of the calendar.
    #[pyo3(signature = (column, start=None, end=None))]
    fn panel<'py>(
        slf: &Bound<'py, Self>,
        column: &str,
        start: Option<&Bound<'py, PyAny>>,
        end: Option<&Bound<'py, PyAny>>,
    ) -> Result<Bound<'py, PyAny>> {
        let (py, this) = (slf.py(), slf.get());
        let (first, last) = span(start, end)?;
        let panel = py.detach(|| this.lease.panel(column, first..=last))?;
        let shape = [panel.times.len(), panel.assets];
        owned_matrix(py, panel.values, shape)
    }

    /// One column of all assets at one time.
    fn cross_section<'py>(
        &self,
        py: Python<'py>,
        column: &str,
        time: &Bound<'py, PyAny>,
    ) -> Result<Bound<'py, PyAny>> {
        let time_ns = when(time)?.first_ns;
        let values = py.detach(|| self.lease.cross_section(column, time_ns))?;
        Ok(owned(py, values))
    }

    fn __repr__(&self) -> String {
        let (assets, rows) = (self.lease.asset_count(), self.lease.rows());
        let schema = self.lease.schema();
        let (name, version) = (self.lease.name(), self.lease.version().short());
        format!(
            "<barrow.Bundle {name}@{version}: {assets} assets, {rows} {} bars>",
            schema.frequency()
        )
    }

    /// Pickles what names the version, not its bytes: reading the pickle opens it from that process's pool.
    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        let reopen = py.import("barrow._barrow")?.getattr("reopen")?;
        let (place, options) = (&self.place, self.lease.options());
        let root = place.root.as_ref().map(|root| root.to_string_lossy());
        let arguments = (
            &place.name,
            root,
            place.is_file,
            self.version(),
            options.mode.to_string(),
            options.verify != VerifyReads::Never,
            options.zero_copy,
            paging_names(options),
        );
        Ok((reopen, arguments.into_pyobject(py)?.into_any()))
    }
}
