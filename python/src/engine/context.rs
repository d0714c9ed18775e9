//! [`Context`]: what a strategy written in Python sees and may do at one tick.
//!
//! It is a copy of what the engine's context says of the tick, made before `on_bar` is called, and a list of orders, handed
//! to the engine after. So nothing in Python holds on to the run itself. Prices are not copied: windows are views of the
//! bundle, which end at the current bar; their base is an object that can do nothing but keep the bundle alive.
//!
//! Threads may share it. What changes from tick to tick is under a lock of its own, under which nothing of Python is called: who
//! waits for it has the interpreter's.

use std::sync::{Mutex, MutexGuard, PoisonError};

use barrow_engine::{AssetIdx, Context as EngineContext, Error};
use barrow_store::{Asset, Values};
use numpy::PyReadonlyArray1;
use pyo3::exceptions::{PyIndexError, PyRuntimeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};

use super::arrays::instant;
use super::memory::Memory;
use super::setup::{Declared, Series, Signal};
use super::tick::{Refused, Tick};
use crate::array::{owned, owned_matrix, view};
use crate::error::{Fact, Result, raised, unknown_column};

/// The state of the run at the close of the current tick.
#[pyclass(frozen, module = "barrow")]
#[derive(Debug)]
pub(crate) struct Context {
    memory: Py<Memory>,
    handles: Vec<AssetIdx>,
    assets: Vec<Asset>,
    symbols: Vec<String>,
    /// The column of closes, for equity.
    close: usize,
    tick: Mutex<Tick>,
}

impl Context {
    /// Prepares the object of a run over assets in the order of their symbols.
    pub(crate) fn new(
        memory: Py<Memory>,
        handles: Vec<AssetIdx>,
        symbols: Vec<String>,
    ) -> Result<Self> {
        let lease = memory.get().lease();
        let assets =
            symbols.iter().map(|symbol| Ok(lease.asset(symbol)?)).collect::<Result<Vec<_>>>()?;
        let close = lease.schema().column_index("close").unwrap_or(usize::MAX);
        let tick = Mutex::new(Tick::of(assets.len()));
        Ok(Self { memory, handles, assets, symbols, close, tick })
    }

    /// Copies what the engine says of a tick, and takes orders from now on.
    pub(crate) fn begin(&self, context: &EngineContext<'_>, declared: &Declared) {
        self.tick().begin(context, &self.handles, declared);
    }

    /// Takes no more orders. Returns where the strategy was: the tick, and the symbol that it asked about last.
    pub(crate) fn end(&self) -> (i64, Option<&str>) {
        let mut tick = self.tick();
        tick.is_open = false;
        (tick.now_ns, tick.touched.map(|at| self.symbols[at].as_str()))
    }

    /// Hands the orders of the tick to the engine.
    pub(crate) fn order_all(
        &self,
        context: &mut EngineContext<'_>,
    ) -> std::result::Result<(), Error> {
        let mut tick = self.tick();
        tick.orders
            .drain(..)
            .try_for_each(|(at, quantity)| context.order(self.handles[at], quantity))
    }

    /// Locks what changes. The guard is let go before anything of Python is called.
    fn tick(&self) -> MutexGuard<'_, Tick> {
        self.tick.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The place of an asset, given as a place or as a symbol; and the tick, which notes that it was asked about.
    fn at(&self, asset: &Bound<'_, PyAny>) -> Result<(usize, MutexGuard<'_, Tick>)> {
        let place = if let Ok(symbol) = asset.cast::<PyString>() {
            let symbol = symbol.to_cow()?;
            self.find(&symbol).ok_or_else(|| self.unknown(asset.py(), &symbol))?
        } else {
            let place: usize = asset.extract()?;
            if place >= self.symbols.len() {
                let text = format!("no asset at place {place} of {}", self.symbols.len());
                return Err(PyIndexError::new_err(text).into());
            }
            place
        };
        let mut tick = self.tick();
        tick.touched = Some(place);
        Ok((place, tick))
    }

    fn unknown(&self, py: Python<'_>, symbol: &str) -> PyErr {
        let bundle = self.memory.get().lease().name().to_owned();
        let nearest = barrow_store::nearest(symbol, self.symbols.iter().map(String::as_str));
        let meant = nearest.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
        let text = format!("the run has no asset `{symbol}`{meant}");
        let facts = [
            ("symbol", Fact::Text(Some(symbol.to_owned()))),
            ("bundle", Fact::Text(Some(bundle))),
            ("nearest", Fact::Text(nearest.map(str::to_owned))),
        ];
        raised(py, "UnknownSymbolError", &text, &facts)
    }

    fn column(&self, name: &str) -> Result<usize> {
        let lease = self.memory.get().lease();
        lease.schema().column_index(name).ok_or_else(|| unknown_column(lease, name))
    }

    /// The last `n` values of a column of numbers, of an asset with so many bars so far: as many as there are.
    fn past(&self, at: usize, column: usize, rows: usize, n: usize) -> Result<&[f64]> {
        let values = self.memory.get().lease().bars(self.assets[at]).column_at(column)?;
        match values {
            Values::F64(values) => Ok(&values[rows.saturating_sub(n)..rows]),
            _ => Err(PyValueError::new_err("the column does not hold f64 values").into()),
        }
    }

    /// The values of a declared series: how many are kept, and those of each asset, one after the other.
    fn series(&self, series: &Series) -> Result<(usize, Vec<f64>)> {
        let tick = self.tick();
        Ok(tick.series.get(series.place).ok_or_else(other_run)?.clone())
    }

    fn refused(&self, refused: Refused) -> PyErr {
        match refused {
            Refused::Closed => PyRuntimeError::new_err("orders are taken within `on_bar` only"),
            Refused::Quantity { at, now_ns, quantity } => {
                let symbol = self.symbols[at].clone();
                crate::error::Failure::from(Error::BadQuantity { symbol, time: now_ns, quantity })
                    .into()
            }
        }
    }
}

#[pymethods]
impl Context {
    /// Time of the current tick: `datetime64[ns]`, UTC.
    #[getter]
    fn now<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>> {
        let now_ns = self.tick().now_ns;
        instant(py, now_ns)
    }

    #[getter]
    fn now_ns(&self) -> i64 {
        self.tick().now_ns
    }

    #[getter]
    fn elapsed(&self) -> usize {
        self.tick().elapsed
    }

    #[getter]
    fn symbols<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, &self.symbols)
    }

    #[getter]
    fn assets<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        py.import("builtins")?.getattr("range")?.call1((self.symbols.len(),))
    }

    /// Places of the assets with a bar at this tick, ascending.
    #[getter]
    fn active(&self) -> Vec<usize> {
        let tick = self.tick();
        let active = tick.active.iter().enumerate();
        active.filter_map(|(at, active)| active.then_some(at)).collect()
    }

    fn symbol(&self, place: usize) -> PyResult<&str> {
        let symbol = self.symbols.get(place).map(String::as_str);
        symbol.ok_or_else(|| PyIndexError::new_err(format!("no asset at place {place}")))
    }

    fn find(&self, symbol: &str) -> Option<usize> {
        self.symbols.binary_search_by(|known| known.as_str().cmp(symbol)).ok()
    }

    fn has_bar(&self, asset: &Bound<'_, PyAny>) -> Result<bool> {
        self.at(asset).map(|(at, tick)| tick.active[at])
    }

    fn bars_so_far(&self, asset: &Bound<'_, PyAny>) -> Result<usize> {
        self.at(asset).map(|(at, tick)| tick.rows[at])
    }

    /// The last `n` values of a column, oldest first: a read-only view, shape `[min(n, bars so far)]`.
    fn history<'py>(
        slf: &Bound<'py, Self>,
        asset: &Bound<'py, PyAny>,
        column: &str,
        n: usize,
    ) -> Result<Bound<'py, PyAny>> {
        let this = slf.get();
        let (at, tick) = this.at(asset)?;
        let (rows, asset) = (tick.rows[at], this.assets[at]);
        drop(tick);
        let index = this.column(column)?;
        let memory = this.memory.bind(slf.py());
        let shown = memory.get().shown(index);
        view(memory, shown, |lease| {
            let whole = lease.bars(asset).column_at(index)?;
            Ok(whole
                .slice(rows.saturating_sub(n)..rows)
                .expect("bars so far are bars of the asset"))
        })
    }

    /// The last `n` values of a column, of every asset: a copy, shape `[assets, n]`, NaN where there are fewer.
    fn panel<'py>(&self, py: Python<'py>, column: &str, n: usize) -> Result<Bound<'py, PyAny>> {
        let (index, rows) = (self.column(column)?, self.tick().rows.clone());
        let mut values = Vec::with_capacity(n * self.assets.len());
        for (at, rows) in rows.into_iter().enumerate() {
            let past = self.past(at, index, rows, n)?;
            values.resize(values.len() + n - past.len(), f64::NAN);
            values.extend_from_slice(past);
        }
        owned_matrix(py, values, [self.assets.len(), n])
    }

    /// A column's value at the asset's latest bar, `None` before its first.
    #[pyo3(signature = (asset, column="close"))]
    fn price(&self, asset: &Bound<'_, PyAny>, column: &str) -> Result<Option<f64>> {
        let (at, tick) = self.at(asset)?;
        let rows = tick.rows[at];
        drop(tick);
        Ok(self.past(at, self.column(column)?, rows, 1)?.last().copied())
    }

    /// A column's value at the latest bar of every asset, NaN before its first: shape `[assets]`.
    #[pyo3(signature = (column="close"))]
    fn prices<'py>(&self, py: Python<'py>, column: &str) -> Result<Bound<'py, PyAny>> {
        let (index, rows) = (self.column(column)?, self.tick().rows.clone());
        let last =
            |(at, rows)| Ok(self.past(at, index, rows, 1)?.last().copied().unwrap_or(f64::NAN));
        Ok(owned(py, rows.into_iter().enumerate().map(last).collect::<Result<_>>()?))
    }

    /// An indicator's value at the asset's latest bar, `None` while it has none.
    fn value(&self, asset: &Bound<'_, PyAny>, series: &Series) -> Result<Option<f64>> {
        let (at, tick) = self.at(asset)?;
        let (keep, values) = tick.series.get(series.place).ok_or_else(other_run)?;
        Ok(values.get(at * keep + keep - 1).copied().filter(|value| !value.is_nan()))
    }

    /// An indicator's values at the latest bar of every asset: shape `[assets]`, or `[assets, keep]` where more than
    /// one is kept, oldest first; NaN where it has none.
    fn values<'py>(&self, py: Python<'py>, series: &Series) -> Result<Bound<'py, PyAny>> {
        let (keep, values) = self.series(series)?;
        if keep == 1 {
            return Ok(owned(py, values));
        }
        owned_matrix(py, values, [self.assets.len(), keep])
    }

    /// What changed at this tick: places of assets and new values, in the order of the assets.
    fn changes(&self, signal: &Signal) -> Result<Vec<(usize, f64)>> {
        let tick = self.tick();
        let changes = tick.signals.get(signal.place).ok_or_else(other_run)?;
        Ok(changes.iter().map(|change| (change.asset.index(), change.value)).collect())
    }

    fn position(&self, asset: &Bound<'_, PyAny>) -> Result<f64> {
        self.at(asset).map(|(at, tick)| tick.positions[at])
    }

    #[getter]
    fn positions<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        let positions = self.tick().positions.clone();
        owned(py, positions)
    }

    fn open_quantity(&self, asset: &Bound<'_, PyAny>) -> Result<f64> {
        self.at(asset).map(|(at, tick)| tick.open[at])
    }

    #[getter]
    fn open_quantities<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        let open = self.tick().open.clone();
        owned(py, open)
    }

    #[getter]
    fn cash(&self) -> f64 {
        self.tick().cash
    }

    #[getter]
    fn initial_cash(&self) -> f64 {
        self.tick().initial_cash
    }

    /// Cash, plus each position at its asset's latest close, added in the order of the assets.
    #[getter]
    fn equity(&self) -> Result<f64> {
        let tick = self.tick();
        let (mut equity, positions, rows) = (tick.cash, tick.positions.clone(), tick.rows.clone());
        drop(tick);
        for (at, (position, rows)) in positions.into_iter().zip(rows).enumerate() {
            if position != 0.0
                && let Some(close) = self.past(at, self.close, rows, 1)?.last()
            {
                equity += position * close;
            }
        }
        Ok(equity)
    }

    fn order(&self, asset: &Bound<'_, PyAny>, quantity: f64) -> Result<()> {
        let (at, mut tick) = self.at(asset)?;
        let sent = tick.send(at, quantity);
        drop(tick);
        Ok(sent.map_err(|refused| self.refused(refused))?)
    }

    fn order_target(&self, asset: &Bound<'_, PyAny>, target: f64) -> Result<()> {
        let (at, mut tick) = self.at(asset)?;
        let sent = tick.send_target(at, target);
        drop(tick);
        Ok(sent.map_err(|refused| self.refused(refused))?)
    }

    /// One target for each asset, as an array or anything that NumPy makes one of; NaN leaves an asset alone.
    fn order_targets(&self, targets: &Bound<'_, PyAny>) -> Result<()> {
        let targets: PyReadonlyArray1<'_, f64> = match targets.extract() {
            Ok(targets) => targets,
            Err(_) => as_numbers(targets)?.extract()?,
        };
        let targets = targets.as_array();
        if targets.len() != self.symbols.len() {
            let (expected, found) = (self.symbols.len(), targets.len());
            let text = format!("expected a target for each of {expected} assets, found {found}");
            return Err(PyValueError::new_err(text).into());
        }
        let mut tick = self.tick();
        let mut targets = targets.iter().enumerate().filter(|(_, target)| !target.is_nan());
        let sent = targets.try_for_each(|(at, target)| tick.send_target(at, *target));
        drop(tick);
        Ok(sent.map_err(|refused| self.refused(refused))?)
    }
}

/// Returns what NumPy makes of values as f64.
fn as_numbers<'py>(values: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let asarray = values.py().import(intern!(values.py(), "numpy"))?.getattr("asarray")?;
    asarray.call1((values, "float64"))
}

fn other_run() -> PyErr {
    PyValueError::new_err("it was declared for another run")
}
