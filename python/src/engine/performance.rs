//! [`Performance`]: what a run returns.

use barrow_engine::{Metric, Metrics};
use barrow_store::Lease;
use barrow_tools::report::{Report, round_trips};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use super::arrays::{figures, frozen, instants};
use super::draws::test_of;
use super::settings::params_dict;
use crate::error::Result;

/// The result of one run. Its arrays are made when they are asked for.
#[pyclass(frozen, module = "barrow._barrow")]
#[derive(Debug)]
pub(crate) struct Performance {
    performance: barrow_engine::Performance,
    lease: Lease,
}

impl Performance {
    pub(crate) fn new(performance: barrow_engine::Performance, lease: &Lease) -> Self {
        Self { performance, lease: lease.clone() }
    }

    /// Returns what the engine says of the run.
    pub(crate) fn result(&self) -> &barrow_engine::Performance {
        &self.performance
    }

    /// Returns the bars that it ran over.
    pub(crate) fn lease(&self) -> &Lease {
        &self.lease
    }
}

#[pymethods]
impl Performance {
    #[getter]
    fn bundle(&self) -> &str {
        &self.performance.bundle
    }

    #[getter]
    fn version(&self) -> String {
        self.performance.version.to_string()
    }

    #[getter]
    fn strategy(&self) -> &str {
        &self.performance.strategy
    }

    #[getter]
    fn params<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        params_dict(py, &self.performance.params)
    }

    #[getter]
    fn symbols<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, &self.performance.symbols)
    }

    /// Settings and facts by name.
    #[getter]
    fn facts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let performance = &self.performance;
        let facts = PyDict::new(py);
        facts.set_item("cash", performance.cash)?;
        facts.set_item("commission", performance.commission.to_string())?;
        facts.set_item("slippage", performance.slippage.to_string())?;
        facts.set_item("seed", performance.seed)?;
        facts.set_item("bars", performance.bars())?;
        facts.set_item("asset_bars", performance.asset_bars)?;
        facts.set_item("bars_per_year", performance.bars_per_year)?;
        facts.set_item("start", performance.timestamp(performance.start()).to_string())?;
        facts.set_item("end", performance.timestamp(performance.end()).to_string())?;
        facts.set_item("final_equity", performance.final_equity)?;
        facts.set_item("final_cash", performance.final_cash)?;
        facts.set_item("library_version", barrow_engine::LIBRARY_VERSION)?;
        Ok(facts)
    }

    #[getter]
    fn metrics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        metrics_dict(py, &self.performance.metrics, self.performance.final_equity)
    }

    #[getter]
    fn times<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>> {
        instants(py, self.performance.equity.iter().map(|(time, _)| *time).collect())
    }

    #[getter]
    fn equity<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>> {
        frozen(py, self.performance.equity.iter().map(|(_, equity)| *equity).collect())
    }

    /// Fills as columns: times, places of assets, quantities, prices, commissions.
    #[getter]
    fn fills<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyTuple>> {
        let fills = || self.performance.fills.iter();
        let columns = [
            instants(py, fills().map(|fill| fill.time).collect())?,
            places(py, fills().map(|fill| fill.asset))?,
            frozen(py, fills().map(|fill| fill.quantity).collect())?,
            frozen(py, fills().map(|fill| fill.price).collect())?,
            frozen(py, fills().map(|fill| fill.commission).collect())?,
        ];
        Ok(PyTuple::new(py, columns)?)
    }

    /// Orders that never filled as columns: times, places of assets, quantities.
    #[getter]
    fn open_orders<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyTuple>> {
        let orders = || self.performance.open_orders.iter();
        let columns = [
            instants(py, orders().map(|order| order.time).collect())?,
            places(py, orders().map(|order| order.asset))?,
            frozen(py, orders().map(|order| order.quantity).collect())?,
        ];
        Ok(PyTuple::new(py, columns)?)
    }

    /// Positions at the end that are not zero, by symbol.
    #[getter]
    fn positions<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let positions = PyDict::new(py);
        for (asset, quantity) in &self.performance.positions {
            positions.set_item(self.performance.symbol(*asset), quantity)?;
        }
        Ok(positions)
    }

    /// Round trips as columns: opened, closed (`NaT` while open), places of assets, quantities (negative when short),
    /// entry and exit prices (NaN while open), profits.
    #[getter]
    fn trades<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyTuple>> {
        let trades = round_trips(&self.performance);
        let signed = |is_long: bool, quantity: f64| if is_long { quantity } else { -quantity };
        let closed = |trade: &barrow_tools::report::Trade| trade.closed.unwrap_or(i64::MIN);
        let columns = [
            instants(py, trades.iter().map(|trade| trade.opened).collect())?,
            instants(py, trades.iter().map(closed).collect())?,
            places(py, trades.iter().map(|trade| trade.asset))?,
            frozen(py, trades.iter().map(|t| signed(t.is_long, t.quantity)).collect())?,
            frozen(py, trades.iter().map(|trade| trade.entry).collect())?,
            frozen(py, trades.iter().map(|trade| trade.exit).collect())?,
            frozen(py, trades.iter().map(|trade| trade.profit).collect())?,
        ];
        Ok(PyTuple::new(py, columns)?)
    }

    /// The page that `barrow backtest --report` writes, with what permuted markets say where they were asked.
    #[pyo3(signature = (permutations=None))]
    fn page(&self, py: Python<'_>, permutations: Option<&Bound<'_, PyAny>>) -> Result<String> {
        let test = permutations.map(test_of).transpose()?;
        py.detach(|| {
            let page = Report::of_run(&self.performance, &self.lease)?;
            Ok(page.with_permutations(test.as_ref()).render())
        })
    }
}

fn places(
    py: Python<'_>,
    assets: impl Iterator<Item = barrow_engine::AssetIdx>,
) -> Result<Bound<'_, PyAny>> {
    // NumPy indexes with whole numbers of the machine's width.
    frozen(py, assets.map(|asset| i64::try_from(asset.index()).unwrap_or(-1)).collect())
}

/// Returns all figures by name, `None` where one is undefined.
pub(crate) fn metrics_dict<'py>(
    py: Python<'py>,
    metrics: &Metrics,
    final_equity: f64,
) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    for metric in Metric::all() {
        dict.set_item(metric.name(), metric.of(metrics, final_equity))?;
    }
    Ok(dict)
}

/// Returns the figures of many runs as columns by name, NaN where one is undefined.
pub(crate) fn metric_columns<'py>(
    py: Python<'py>,
    runs: &[(&Metrics, f64)],
) -> Result<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    for metric in Metric::all() {
        let values = runs.iter().map(|(metrics, equity)| metric.of(metrics, *equity));
        dict.set_item(metric.name(), figures(py, values)?)?;
    }
    Ok(dict)
}
