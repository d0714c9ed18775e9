//! [`Weights`]: target weights that a function computed from panels, executed bar by bar.

use barrow_engine::{AssetIdx, Context, Error, Field, Params, Setup, Strategy};
use numpy::{PyReadonlyArray1, PyReadonlyArray2};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::settings::params_of;
use crate::error::Result;

/// What share of the equity each asset shall be worth, at each time.
#[pyclass(frozen, module = "barrow._barrow")]
#[derive(Debug, Clone)]
pub(crate) struct Weights {
    name: String,
    params: Params,
    /// Nanoseconds since 1970, ascending; one a row.
    times: Vec<i64>,
    /// Ascending; one a column.
    symbols: Vec<String>,
    /// Row after row; NaN leaves an asset alone.
    values: Vec<f64>,
    whole_shares: bool,
}

#[pymethods]
impl Weights {
    #[new]
    #[expect(clippy::needless_pass_by_value, reason = "an argument that is extracted is owned")]
    fn new(
        name: String,
        params: &Bound<'_, PyDict>,
        times: PyReadonlyArray1<'_, i64>,
        symbols: Vec<String>,
        values: PyReadonlyArray2<'_, f64>,
        whole_shares: bool,
    ) -> Result<Self> {
        let (times, values) = (times.as_array(), values.as_array());
        let (rows, columns) = values.dim();
        if (rows, columns) != (times.len(), symbols.len()) {
            let text = format!(
                "expected weights of shape [{}, {}] (times, assets), found [{rows}, {columns}]",
                times.len(),
                symbols.len()
            );
            return Err(PyValueError::new_err(text).into());
        }
        if let Some(odd) = values.iter().find(|weight| weight.is_infinite()) {
            let text = format!("a weight is a finite number, or NaN for no order, found {odd}");
            return Err(PyValueError::new_err(text).into());
        }
        let params = params_of(params)?;
        let (times, values) = (times.iter().copied().collect(), values.iter().copied().collect());
        Ok(Self { name, params, times, symbols, values, whole_shares })
    }
}

/// Orders what brings each asset to its weight, at the ticks at which it has a bar and a weight.
#[derive(Debug)]
pub(crate) struct Weighted {
    weights: Weights,
    close: Option<Field>,
    /// Assets of the run with the columns that have their weights.
    assets: Vec<(AssetIdx, usize)>,
    /// The row at which the last search ended.
    row: usize,
}

impl Weighted {
    pub(crate) fn new(weights: Weights) -> Self {
        Self { weights, close: None, assets: Vec::new(), row: 0 }
    }
}

impl Strategy for Weighted {
    fn name(&self) -> &str {
        &self.weights.name
    }

    fn params(&self) -> Params {
        self.weights.params.clone()
    }

    fn on_start(&mut self, setup: &mut Setup<'_>) -> std::result::Result<(), Error> {
        self.close = Some(setup.field("close")?);
        self.row = 0;
        let symbols = &self.weights.symbols;
        let column = |symbol: &str| symbols.iter().position(|known| known == symbol);
        let assets = setup.assets().filter_map(|at| Some((at, column(setup.symbol(at))?)));
        self.assets = assets.collect();
        Ok(())
    }

    fn on_bar(&mut self, context: &mut Context<'_>) -> std::result::Result<(), Error> {
        let Weights { times, symbols, values, whole_shares, .. } = &self.weights;
        while times.get(self.row).is_some_and(|time| *time < context.now()) {
            self.row += 1;
        }
        let (Some(close), Some(time)) = (self.close, times.get(self.row)) else { return Ok(()) };
        if *time != context.now() {
            return Ok(());
        }
        let row = &values[self.row * symbols.len()..(self.row + 1) * symbols.len()];
        let mut equity = None;
        for (asset, column) in &self.assets {
            let weight = row[*column];
            if weight.is_nan() || !context.has_bar(*asset) {
                continue;
            }
            let price = context.latest(*asset, close).filter(|price| *price > 0.0);
            let Some(price) = price else { continue };
            // Orders change no equity before the next bar.
            let equity = *equity.get_or_insert_with(|| context.equity());
            let shares = weight * equity / price;
            context.order_target(*asset, if *whole_shares { shares.trunc() } else { shares })?;
        }
        Ok(())
    }
}
