//! [`Context`]: what a strategy written in Python sees and may do at one tick.
//!
//! It is a copy of what the engine's context says of the tick, made before `on_bar` is called, and a list of orders, handed
//! to the engine after. So nothing in Python holds on to the run itself. Prices are not copied: windows are views of the
//! bundle, which end at the current bar; their base is an object that can do nothing but keep the bundle alive.

use barrow_engine::{AssetIdx, Change, Context as EngineContext, Error};
use barrow_store::{Asset, Values};
use numpy::PyReadonlyArray1;
use pyo3::exceptions::{PyIndexError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};

use super::arrays::instant;
use super::memory::Memory;
use super::setup::{Declared, Series, Signal};
use crate::array::{owned, owned_matrix, view};
use crate::error::{Fact, Result, raised, unknown_column};

/// The state of the run at the close of the current tick.
#[pyclass(module = "barrow")]
#[derive(Debug)]
pub(crate) struct Context {
    memory: Py<Memory>,
    pub(crate) handles: Vec<AssetIdx>,
    assets: Vec<Asset>,
    symbols: Vec<String>,
    /// The column of closes, for equity.
    close: usize,
    now_ns: i64,
    elapsed: usize,
    cash: f64,
    initial_cash: f64,
    /// Bars so far, of each asset.
    rows: Vec<usize>,
    active: Vec<bool>,
    positions: Vec<f64>,
    open: Vec<f64>,
    /// Of each declared series: the number of values kept, and those of each asset, one after the other.
    series: Vec<(usize, Vec<f64>)>,
    signals: Vec<Vec<Change>>,
    pub(crate) orders: Vec<(usize, f64)>,
    /// Whether orders are taken: while `on_bar` runs.
    pub(crate) is_open: bool,
    /// The asset that was asked about last.
    touched: Option<usize>,
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
        let count = assets.len();
        Ok(Self {
            memory,
            handles,
            assets,
            symbols,
            close,
            now_ns: 0,
            elapsed: 0,
            cash: 0.0,
            initial_cash: 0.0,
            rows: vec![0; count],
            active: vec![false; count],
            positions: vec![0.0; count],
            open: vec![0.0; count],
            series: Vec::new(),
            signals: Vec::new(),
            orders: Vec::new(),
            is_open: false,
            touched: None,
        })
    }

    /// Copies what the engine says of a tick, and takes orders from now on.
    pub(crate) fn take_in(&mut self, context: &EngineContext<'_>, declared: &Declared) {
        self.now_ns = context.now();
        self.elapsed = context.elapsed();
        self.cash = context.cash();
        self.initial_cash = context.initial_cash();
        for (at, asset) in self.handles.iter().enumerate() {
            self.rows[at] = context.bars_so_far(*asset);
            self.active[at] = context.has_bar(*asset);
            self.positions[at] = context.position(*asset);
            self.open[at] = context.open_quantity(*asset);
        }
        self.series.resize_with(declared.series.len(), Default::default);
        for ((series, keep), (kept, values)) in declared.series.iter().zip(&mut self.series) {
            *kept = *keep;
            values.clear();
            for asset in &self.handles {
                let past = context.values(*asset, *series, *keep);
                values.resize(values.len() + keep - past.len(), f64::NAN);
                values.extend_from_slice(past);
            }
        }
        self.signals.resize_with(declared.signals.len(), Default::default);
        for (signal, changes) in declared.signals.iter().zip(&mut self.signals) {
            changes.clear();
            changes.extend_from_slice(context.changes(*signal));
        }
        self.orders.clear();
        (self.is_open, self.touched) = (true, None);
    }

    /// Where the strategy was: the tick, and the symbol that it asked about last.
    pub(crate) fn whereabouts(&self) -> (i64, Option<&str>) {
        (self.now_ns, self.touched.map(|at| self.symbols[at].as_str()))
    }

    /// The place of an asset: given as a place, or as a symbol.
    fn place(&mut self, asset: &Bound<'_, PyAny>) -> Result<usize> {
        let place = if let Ok(symbol) = asset.cast::<PyString>() {
            let symbol = symbol.to_cow()?;
            let found = self.symbols.binary_search_by(|known| known.as_str().cmp(&symbol));
            found.map_err(|_| self.unknown(asset.py(), &symbol))?
        } else {
            let place: usize = asset.extract()?;
            if place >= self.symbols.len() {
                let text = format!("no asset at place {place} of {}", self.symbols.len());
                return Err(PyIndexError::new_err(text).into());
            }
            place
        };
        self.touched = Some(place);
        Ok(place)
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

    /// The last `n` values of a column of numbers, as many as there are.
    fn past(&self, at: usize, column: usize, n: usize) -> Result<&[f64]> {
        let values = self.memory.get().lease().bars(self.assets[at]).column_at(column)?;
        let rows = self.rows[at];
        match values {
            Values::F64(values) => Ok(&values[rows.saturating_sub(n)..rows]),
            _ => Err(PyValueError::new_err("the column does not hold f64 values").into()),
        }
    }

    fn send(&mut self, at: usize, quantity: f64) -> Result<()> {
        if !self.is_open {
            let text = "orders are taken within `on_bar` only";
            return Err(PyRuntimeError::new_err(text).into());
        }
        if !quantity.is_finite() {
            let symbol = self.symbols[at].clone();
            return Err(Error::BadQuantity { symbol, time: self.now_ns, quantity }.into());
        }
        self.open[at] += quantity;
        self.orders.push((at, quantity));
        Ok(())
    }
}

#[pymethods]
impl Context {
    /// Time of the current tick: `datetime64[ns]`, UTC.
    #[getter]
    fn now<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>> {
        instant(py, self.now_ns)
    }

    #[getter]
    fn now_ns(&self) -> i64 {
        self.now_ns
    }

    #[getter]
    fn elapsed(&self) -> usize {
        self.elapsed
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
        let active = self.active.iter().enumerate();
        active.filter_map(|(at, active)| active.then_some(at)).collect()
    }

    fn symbol(&self, place: usize) -> PyResult<&str> {
        let symbol = self.symbols.get(place).map(String::as_str);
        symbol.ok_or_else(|| PyIndexError::new_err(format!("no asset at place {place}")))
    }

    fn find(&self, symbol: &str) -> Option<usize> {
        self.symbols.binary_search_by(|known| known.as_str().cmp(symbol)).ok()
    }

    fn has_bar(&mut self, asset: &Bound<'_, PyAny>) -> Result<bool> {
        self.place(asset).map(|at| self.active[at])
    }

    fn bars_so_far(&mut self, asset: &Bound<'_, PyAny>) -> Result<usize> {
        self.place(asset).map(|at| self.rows[at])
    }

    /// The last `n` values of a column, oldest first: a read-only view, shape `[min(n, bars so far)]`.
    fn history<'py>(
        slf: &Bound<'py, Self>,
        asset: &Bound<'py, PyAny>,
        column: &str,
        n: usize,
    ) -> Result<Bound<'py, PyAny>> {
        let mut this = slf.borrow_mut();
        let at = this.place(asset)?;
        let (index, rows, asset) = (this.column(column)?, this.rows[at], this.assets[at]);
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
        let index = self.column(column)?;
        let mut values = Vec::with_capacity(n * self.assets.len());
        for at in 0..self.assets.len() {
            let past = self.past(at, index, n)?;
            values.resize(values.len() + n - past.len(), f64::NAN);
            values.extend_from_slice(past);
        }
        owned_matrix(py, values, [self.assets.len(), n])
    }

    /// A column's value at the asset's latest bar, `None` before its first.
    #[pyo3(signature = (asset, column="close"))]
    fn price(&mut self, asset: &Bound<'_, PyAny>, column: &str) -> Result<Option<f64>> {
        let at = self.place(asset)?;
        Ok(self.past(at, self.column(column)?, 1)?.last().copied())
    }

    /// A column's value at the latest bar of every asset, NaN before its first: shape `[assets]`.
    #[pyo3(signature = (column="close"))]
    fn prices<'py>(&self, py: Python<'py>, column: &str) -> Result<Bound<'py, PyAny>> {
        let index = self.column(column)?;
        let last = |at| Ok(self.past(at, index, 1)?.last().copied().unwrap_or(f64::NAN));
        Ok(owned(py, (0..self.assets.len()).map(last).collect::<Result<_>>()?))
    }

    /// An indicator's value at the asset's latest bar, `None` while it has none.
    fn value(&mut self, asset: &Bound<'_, PyAny>, series: &Series) -> Result<Option<f64>> {
        let at = self.place(asset)?;
        let (keep, values) = self.declared(series)?;
        Ok(values.get(at * keep + keep - 1).copied().filter(|value| !value.is_nan()))
    }

    /// An indicator's values at the latest bar of every asset: shape `[assets]`, or `[assets, keep]` where more than
    /// one is kept, oldest first; NaN where it has none.
    fn values<'py>(&self, py: Python<'py>, series: &Series) -> Result<Bound<'py, PyAny>> {
        let (keep, values) = self.declared(series)?;
        if keep == 1 {
            return Ok(owned(py, values.to_vec()));
        }
        owned_matrix(py, values.to_vec(), [self.assets.len(), keep])
    }

    /// What changed at this tick: places of assets and new values, in the order of the assets.
    fn changes(&self, signal: &Signal) -> Result<Vec<(usize, f64)>> {
        let changes = self.signals.get(signal.place).ok_or_else(other_run)?;
        Ok(changes.iter().map(|change| (change.asset.index(), change.value)).collect())
    }

    fn position(&mut self, asset: &Bound<'_, PyAny>) -> Result<f64> {
        self.place(asset).map(|at| self.positions[at])
    }

    #[getter]
    fn positions<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        owned(py, self.positions.clone())
    }

    fn open_quantity(&mut self, asset: &Bound<'_, PyAny>) -> Result<f64> {
        self.place(asset).map(|at| self.open[at])
    }

    #[getter]
    fn open_quantities<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        owned(py, self.open.clone())
    }

    #[getter]
    fn cash(&self) -> f64 {
        self.cash
    }

    #[getter]
    fn initial_cash(&self) -> f64 {
        self.initial_cash
    }

    /// Cash, plus each position at its asset's latest close, added in the order of the assets.
    #[getter]
    fn equity(&self) -> Result<f64> {
        let mut equity = self.cash;
        for (at, position) in self.positions.iter().enumerate() {
            if *position != 0.0
                && let Some(close) = self.past(at, self.close, 1)?.last()
            {
                equity += position * close;
            }
        }
        Ok(equity)
    }

    fn order(&mut self, asset: &Bound<'_, PyAny>, quantity: f64) -> Result<()> {
        let at = self.place(asset)?;
        self.send(at, quantity)
    }

    fn order_target(&mut self, asset: &Bound<'_, PyAny>, target: f64) -> Result<()> {
        let at = self.place(asset)?;
        self.send(at, target - (self.positions[at] + self.open[at]))
    }

    /// One target for each asset; NaN leaves an asset alone.
    #[expect(clippy::needless_pass_by_value, reason = "an argument that is extracted is owned")]
    fn order_targets(&mut self, targets: PyReadonlyArray1<'_, f64>) -> Result<()> {
        let targets = targets.as_array();
        if targets.len() != self.symbols.len() {
            let (expected, found) = (self.symbols.len(), targets.len());
            let text = format!("expected a target for each of {expected} assets, found {found}");
            return Err(PyValueError::new_err(text).into());
        }
        for (at, target) in targets.iter().enumerate().filter(|(_, target)| !target.is_nan()) {
            self.send(at, target - (self.positions[at] + self.open[at]))?;
        }
        Ok(())
    }
}

impl Context {
    fn declared(&self, series: &Series) -> Result<(usize, &[f64])> {
        let (keep, values) = self.series.get(series.place).ok_or_else(other_run)?;
        Ok((*keep, values))
    }
}

fn other_run() -> PyErr {
    PyValueError::new_err("it was declared for another run")
}
