//! [`Bundle`]: one version of a bundle, opened.

use std::borrow::Cow;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use arrow_array::ArrayRef;
use barrow_store::{Asset, Lease, Origin, SeriesCache, Values};
use barrow_tools::market::Imagined;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple};

use crate::array::{Keeper, Shown, owned, owned_matrix, view};
use crate::asset;
use crate::column::Column;
use crate::columns::Columns;
use crate::engine::{cache, instants};
use crate::error::{Failure, Result, unknown_column};
use crate::opening::{Place, paging_names};
use crate::when::{span, when};

/// One version of a bundle, opened: mapped once for the whole process, and pinned for as long as an object or an array of it
/// lives. What is published later is seen by the next `barrow.open`.
///
/// A mapping of symbols to bars: `bundle["AAPL"]`, `len`, `in` and iteration in symbol order. It pickles as its name and version,
/// in a few hundred bytes, and the process that reads the pickle opens it from its own pool.
#[pyclass(frozen, module = "barrow", weakref)]
pub(crate) struct Bundle {
    lease: Lease,
    reached: Columns,
    place: Place,
    /// Made when they are first asked for.
    symbols: PyOnceLock<Py<PyTuple>>,
    /// Likewise; none where they are the calendar.
    sessions: PyOnceLock<Option<Py<PyAny>>>,
    /// The symbol of every bar, likewise.
    pub(crate) symbol_keys: OnceLock<ArrayRef>,
    /// Of a market that might have been.
    own: Option<Own>,
}

/// What a bundle for a moment has to itself, so that nothing of it stays behind.
struct Own {
    cache: SeriesCache,
    #[expect(dead_code, reason = "where this process drew it, the file goes with it")]
    imagined: Option<Imagined>,
}

impl Bundle {
    pub(crate) fn new(lease: Lease, place: Place) -> Self {
        let reached = Columns::of(&lease);
        let (symbols, sessions, symbol_keys) =
            (PyOnceLock::new(), PyOnceLock::new(), OnceLock::new());
        Self { lease, reached, place, symbols, sessions, symbol_keys, own: None }
    }

    /// Takes a market that might have been. A pickle of it is for processes of this machine, while it lives.
    pub(crate) fn imagined(imagined: Imagined) -> Self {
        let (lease, path) = (imagined.lease.clone(), imagined.path().to_owned());
        Self::for_a_moment(lease, &path, Some(imagined))
    }

    /// The same, where another process drew it.
    pub(crate) fn for_a_moment(lease: Lease, path: &Path, imagined: Option<Imagined>) -> Self {
        let name = path.to_string_lossy().into_owned();
        let own = Some(Own { cache: SeriesCache::default(), imagined });
        Self { own, ..Self::new(lease, Place { name, root: None, is_file: true }) }
    }

    /// Returns the derived series of its bars: those of the process, or its own where it is for a moment.
    pub(crate) fn cache(&self) -> &SeriesCache {
        self.own.as_ref().map_or_else(|| cache(), |own| &own.cache)
    }

    pub(crate) fn lease(&self) -> &Lease {
        &self.lease
    }

    /// Returns how columns are reached.
    pub(crate) fn reached(&self) -> &Columns {
        &self.reached
    }

    /// Returns the whole column at a place in the schema as a view.
    pub(crate) fn whole<'py>(slf: &Bound<'py, Self>, index: usize) -> Result<Bound<'py, PyAny>> {
        let this = slf.get();
        let access = this.reached.access(index);
        let name = &this.lease.schema().columns()[index].name;
        if !access.immediate_whole {
            slf.py().detach(|| this.lease.column(name).map(drop))?;
        }
        view(slf, access.shown, |lease| Ok(lease.column(name)?))
    }
}

impl Keeper for Bundle {
    fn lease<'a>(this: &'a Bound<'_, Self>) -> &'a Lease {
        this.get().lease()
    }
}

#[pymethods]
impl Bundle {
    /// The name in its catalog; of a bundle file its name without the suffix.
    #[getter]
    fn name(&self) -> &str {
        self.lease.name()
    }

    /// The content version: 64 hexadecimal digits, the SHA-256 of the content.
    #[getter]
    fn version(&self) -> String {
        self.lease.version().to_string()
    }

    /// The path of the mapped file.
    #[getter]
    fn path(&self) -> &Path {
        self.lease.path()
    }

    /// The number of bars of all assets together.
    #[getter]
    fn rows(&self) -> usize {
        self.lease.rows()
    }

    /// The symbols, ascending by bytes. Made at the first call.
    #[getter]
    pub(crate) fn symbols<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyTuple>> {
        let made = self.symbols.get_or_try_init(py, || {
            let symbols = self.lease.assets().map(|asset| Ok(self.lease.symbol(asset?)));
            let symbols: Vec<&str> = symbols.collect::<Result<_>>()?;
            Ok::<_, Failure>(PyTuple::new(py, symbols)?.unbind())
        })?;
        Ok(made.bind(py).clone())
    }

    /// What is known of each asset, in symbol order.
    #[getter]
    fn assets<'py>(slf: &Bound<'py, Self>) -> Result<Bound<'py, PyTuple>> {
        let describe = |found: barrow_store::Result<Asset>| {
            Ok(asset::Asset { bundle: slf.clone().unbind(), asset: found? })
        };
        let assets: Vec<asset::Asset> =
            slf.get().lease.assets().map(describe).collect::<Result<_>>()?;
        Ok(PyTuple::new(slf.py(), assets)?)
    }

    /// Splits, cash dividends and mergers, by asset, time and kind. They are stored beside the bars and change no price.
    ///
    /// Raises `barrow.errors.DamagedError` when one of them is damaged.
    #[getter]
    fn adjustments<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyTuple>> {
        let describe = |it: barrow_format::Adjustment| {
            let symbol = self.lease.symbol(self.lease.asset_at(it.asset)?).to_owned();
            let (time_ns, kind, value) = (it.time, it.kind.to_string(), it.value);
            Ok(asset::Adjustment { symbol, time_ns, kind, value })
        };
        let all: Vec<asset::Adjustment> =
            self.lease.adjustments()?.into_iter().map(describe).collect::<Result<_>>()?;
        Ok(PyTuple::new(py, all)?)
    }

    /// How far bars stand apart: `daily`, `1m`, `5m`, `1h`, `irregular` ...
    #[getter]
    fn frequency(&self) -> String {
        self.lease.schema().frequency().to_string()
    }

    /// The IANA time zone in which sessions are dated.
    #[getter]
    fn time_zone(&self) -> &str {
        self.lease.schema().time_zone()
    }

    /// What a timestamp says of its bar: `session` (midnight UTC of its date), `start` or `end`.
    #[getter]
    fn stamp(&self) -> String {
        self.lease.schema().stamp().to_string()
    }

    /// The columns by name, in file order: `barrow.Column`s, which tell what values mean, and which NumPy and Arrow take as
    /// arrays.
    #[getter]
    fn columns<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyDict>> {
        let columns = PyDict::new(slf.py());
        for (index, column) in slf.get().lease.schema().columns().iter().enumerate() {
            let described = Column::new(slf.clone().unbind(), index);
            columns.set_item(&column.name, Bound::new(slf.py(), described)?)?;
        }
        Ok(columns)
    }

    /// The names of the columns, in file order; `time` is the first.
    #[getter]
    fn column_names<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.lease.schema().columns().iter().map(|column| &column.name))
    }

    /// All distinct timestamps of the bundle, ascending: `datetime64[ns]`, UTC, shape `[times]`. A view.
    #[getter]
    fn calendar<'py>(slf: &Bound<'py, Self>) -> Result<Bound<'py, PyAny>> {
        view(slf, Shown::Instants, |lease| Ok(Values::I64(lease.timestamps()?)))
    }

    /// The sessions in which there are bars, ascending: `datetime64[ns]`, midnight UTC of each date in the bundle's time zone, shape
    /// `[sessions]`, read-only. Of daily bars the calendar itself, a view; of finer ones made at the first call, from local midnight to
    /// local midnight.
    ///
    /// Raises `barrow.errors.QueryError` where the time zone is unknown.
    #[getter]
    fn sessions<'py>(slf: &Bound<'py, Self>) -> Result<Bound<'py, PyAny>> {
        let (py, this) = (slf.py(), slf.get());
        let made = this.sessions.get_or_try_init(py, || {
            Ok::<_, Failure>(match py.detach(|| this.lease.sessions())? {
                Cow::Borrowed(_) => None,
                Cow::Owned(sessions) => Some(instants(py, sessions)?.unbind()),
            })
        })?;
        made.as_ref().map_or_else(|| Self::calendar(slf), |made| Ok(made.bind(py).clone()))
    }

    /// A whole column: the values of all assets, asset after asset in symbol order, oldest bar first. Shape `[rows]`; NaN where a
    /// float is missing. A view where the file holds the column as one array; otherwise it is decoded once, on all processors.
    ///
    /// Decimals are the stored integers, see `barrow.Column.scale`.
    ///
    /// Raises `barrow.errors.UnknownColumnError` with the columns there are; `barrow.errors.DamagedError`.
    fn column<'py>(slf: &Bound<'py, Self>, name: &str) -> Result<Bound<'py, PyAny>> {
        let lease = &slf.get().lease;
        match lease.schema().column_index(name) {
            Some(index) => Self::whole(slf, index),
            None => Err(unknown_column(lease, name)),
        }
    }

    /// Where a column's values lie: `mapped` in the file, `read` into memory when the bundle was opened so, or `decoded` into memory
    /// that the process shares.
    ///
    /// Raises `barrow.errors.UnknownColumnError`.
    fn origin(&self, column: &str) -> Result<&'static str> {
        Ok(match self.lease.origin(column)? {
            Origin::Mapped => "mapped",
            Origin::Read => "read",
            _ => "decoded",
        })
    }

    /// One column of all assets for the times of the calendar from `start` to `end`, both taken in: a `barrow.Panel`, shape
    /// `[times, assets]`, f64, NaN where an asset has no bar or no value. Nothing is filled forward.
    ///
    /// An array of its own, 8 bytes a value; gap-free assets are copied without a search.
    ///
    /// Raises `barrow.errors.UnknownColumnError`; `barrow.errors.ColumnTypeError` for integers of 64 bits, which f64 cannot hold
    /// exactly; `barrow.errors.DamagedError`.
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
        // The stretch of the calendar, by where it lies in it.
        let before = this.lease.timestamps()?.partition_point(|&time| time < first);
        let stretch = before..before + shape[0];
        let times = view(slf, Shown::Instants, move |lease| {
            Ok(Values::I64(lease.timestamps()?.get(stretch).unwrap_or_default()))
        })?;
        let values = owned_matrix(py, panel.values, shape)?;
        let class = py.import("barrow.panels")?.getattr("Panel")?;
        Ok(class.call1((column, values, times, this.symbols(py)?))?)
    }

    /// One column of all assets at one time: f64, shape `[assets]`, in symbol order, NaN where an asset has no bar of that time. A
    /// time that is not in the calendar gives NaN throughout.
    ///
    /// Raises what `panel` raises.
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

    /// Reads every byte of the version and compares it with what stands for it: digests, statistics, order, padding. Takes about
    /// 0.8 ns a byte and processor; `threads` 0 is one for each. Returns the number of bytes.
    ///
    /// Raises `barrow.errors.DamagedError` that names the first damaged place.
    #[pyo3(signature = (*, threads=0))]
    fn verify(&self, py: Python<'_>, threads: usize) -> Result<u64> {
        let found = py.detach(|| self.lease.verify(threads));
        let count = found.bad.len();
        let Some(first) = found.bad.into_iter().next() else { return Ok(found.bytes) };
        let (path, first) = (self.lease.path().to_owned(), Arc::new(first));
        Err(barrow_store::Error::Damaged { path, count, first }.into())
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

    fn _repr_html_<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("barrow._html")?.getattr("bundle")?.call1((slf,))
    }

    /// Pickles what names the version, not its bytes: reading the pickle opens it from that process's pool.
    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        let module = py.import("barrow._barrow")?;
        let (place, options) = (&self.place, self.lease.options());
        if self.own.is_some() {
            let again = module.getattr("reopen_imagined")?;
            return Ok((again, (&place.name,).into_pyobject(py)?.into_any()));
        }
        let reopen = module.getattr("reopen")?;
        let root = place.root.as_ref().map(|root| root.to_string_lossy());
        let arguments = (
            &place.name,
            root,
            place.is_file,
            self.version(),
            options.mode.to_string(),
            options.verify.to_string(),
            options.zero_copy,
            paging_names(options),
        );
        Ok((reopen, arguments.into_pyobject(py)?.into_any()))
    }
}
