//! What a backtest returns.

use barrow_format::Version;
use serde::ser::{SerializeMap, SerializeStruct};
use serde::{Serialize, Serializer};

use crate::backtest::{Backtest, Desk, Outcome};
use crate::costs::{Commission, Slippage};
use crate::metrics::Metrics;
use crate::params::Params;
use crate::portal::{AssetIdx, Portal};
use crate::strategy::Strategy;
use crate::time::{TimeStyle, Timestamp};

/// Version of this crate, which every result carries.
pub const LIBRARY_VERSION: &str = env!("CARGO_PKG_VERSION");

/// The result of one run: figures, equity curve and fills, and what is needed to make it again.
///
/// The same bundle version, strategy, parameters, settings, seed and library version give the same
/// bytes. Serialises to one JSON object whose times are ISO 8601 texts in UTC, dates alone
/// (`2012-01-03`) where bars are stamped by session; quantities there are positive beside a `side`.
#[derive(Debug, Clone, PartialEq)]
pub struct Performance {
    /// Name of the bundle.
    pub bundle: String,
    /// Content version of the bars.
    pub version: Version,
    /// Name of the strategy.
    pub strategy: String,
    /// Its parameters, defaults included.
    pub params: Params,
    /// Starting cash, quote currency.
    pub cash: f64,
    /// Fee of each fill.
    pub commission: Commission,
    /// Distance of fill prices from the open.
    pub slippage: Slippage,
    /// Seed of the run.
    pub seed: u64,
    /// Symbols of the assets, ascending; [`AssetIdx`] counts in it.
    pub symbols: Vec<String>,
    /// Bars of all assets within the period.
    pub asset_bars: u64,
    /// Bars of a year, by which the metrics were annualised.
    pub bars_per_year: f64,
    /// Time of each tick and equity at its close, quote currency, oldest first; never empty.
    pub equity: Vec<(i64, f64)>,
    /// All fills, in the order of filling.
    pub fills: Vec<Fill>,
    /// Positions at the end that are not zero, in the order of the assets.
    pub positions: Vec<(AssetIdx, f64)>,
    /// Orders that had not filled at the end, in the order of sending.
    pub open_orders: Vec<OpenOrder>,
    /// Equity at the last close.
    pub final_equity: f64,
    /// Cash at the end.
    pub final_cash: f64,
    /// The figures.
    pub metrics: Metrics,
    /// How times are written.
    pub time_style: TimeStyle,
}

/// An order that was carried out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fill {
    /// Time of the bar at whose open it filled, ns since the epoch, UTC.
    pub time: i64,
    /// The asset.
    pub asset: AssetIdx,
    /// Positive bought, negative sold.
    pub quantity: f64,
    /// Price with slippage, quote currency.
    pub price: f64,
    /// Fee, quote currency.
    pub commission: f64,
}

/// An order that never filled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OpenOrder {
    /// Time of the tick at whose close it was sent, ns since the epoch, UTC.
    pub time: i64,
    /// The asset.
    pub asset: AssetIdx,
    /// Positive buys, negative sells.
    pub quantity: f64,
}

impl Performance {
    pub(crate) fn new(
        backtest: &Backtest,
        portal: &Portal<'_>,
        strategy: &dyn Strategy,
        desk: &Desk,
        outcome: &Outcome,
    ) -> Performance {
        let times = portal.all_times();
        let portfolio = &desk.book.portfolio;
        let fills = portfolio.fills.iter().map(|fill| Fill {
            time: times[fill.tick as usize],
            asset: fill.asset,
            quantity: fill.quantity,
            price: fill.price,
            commission: fill.commission,
        });
        let open_orders = desk.book.blotter.resting().iter().map(|order| OpenOrder {
            time: times[order.sent as usize],
            asset: order.asset,
            quantity: order.quantity,
        });
        let positions = portfolio.positions.iter().enumerate();
        Performance {
            bundle: portal.lease().name().to_owned(),
            version: portal.version(),
            strategy: strategy.name().to_owned(),
            params: strategy.params(),
            cash: backtest.cash,
            commission: backtest.commission,
            slippage: backtest.slippage,
            seed: backtest.seed,
            symbols: portal.symbols().map(str::to_owned).collect(),
            asset_bars: portal.asset_bars(),
            bars_per_year: portal.bars_per_year(),
            equity: portal.times().iter().copied().zip(desk.equity.iter().copied()).collect(),
            fills: fills.collect(),
            positions: positions
                .filter(|(_, quantity)| **quantity != 0.0)
                .map(|(at, quantity)| (AssetIdx::new(at), *quantity))
                .collect(),
            open_orders: open_orders.collect(),
            final_equity: outcome.final_equity,
            final_cash: outcome.final_cash,
            metrics: outcome.metrics,
            time_style: portal.time_style(),
        }
    }

    /// Returns an asset's symbol.
    pub fn symbol(&self, asset: AssetIdx) -> &str {
        &self.symbols[asset.index()]
    }

    /// Returns the time of the first tick, ns since the epoch, UTC.
    pub fn start(&self) -> i64 {
        self.equity.first().map_or(0, |(time, _)| *time)
    }

    /// Returns the time of the last tick, ns since the epoch, UTC.
    pub fn end(&self) -> i64 {
        self.equity.last().map_or(0, |(time, _)| *time)
    }

    /// Returns the number of ticks of the clock.
    pub fn bars(&self) -> usize {
        self.equity.len()
    }

    /// Returns a time in the style of this result.
    pub fn timestamp(&self, ns: i64) -> Timestamp {
        Timestamp::new(ns, self.time_style)
    }
}

impl Serialize for Performance {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Performance", 21)?;
        object.serialize_field("bundle", &self.bundle)?;
        object.serialize_field("version", &self.version.to_string())?;
        object.serialize_field("strategy", &self.strategy)?;
        object.serialize_field("params", &self.params)?;
        object.serialize_field("start", &self.timestamp(self.start()))?;
        object.serialize_field("end", &self.timestamp(self.end()))?;
        object.serialize_field("bars", &self.bars())?;
        object.serialize_field("asset_bars", &self.asset_bars)?;
        object.serialize_field("final_equity", &self.final_equity)?;
        object.serialize_field("final_cash", &self.final_cash)?;
        object.serialize_field("metrics", &self.metrics)?;
        object.serialize_field("equity", &EquityView(self))?;
        object.serialize_field("fills", &FillsView(self))?;
        object.serialize_field("positions", &PositionsView(self))?;
        object.serialize_field("open_orders", &OpenOrdersView(self))?;
        object.serialize_field("cash", &self.cash)?;
        object.serialize_field("commission", &self.commission.to_string())?;
        object.serialize_field("slippage", &self.slippage.to_string())?;
        object.serialize_field("bars_per_year", &self.bars_per_year)?;
        object.serialize_field("seed", &self.seed)?;
        object.serialize_field("library_version", LIBRARY_VERSION)?;
        object.end()
    }
}

struct EquityView<'a>(&'a Performance);

impl Serialize for EquityView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let points = self.0.equity.iter();
        serializer.collect_seq(points.map(|(time, value)| (self.0.timestamp(*time), value)))
    }
}

/// A fill or an order as JSON has it; without price and commission it is an order.
#[derive(Serialize)]
struct Row<'a> {
    time: Timestamp,
    symbol: &'a str,
    side: &'static str,
    quantity: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    price: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    commission: Option<f64>,
}

fn side(quantity: f64) -> &'static str {
    if quantity > 0.0 { "buy" } else { "sell" }
}

struct FillsView<'a>(&'a Performance);

impl Serialize for FillsView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.fills.iter().map(|fill| Row {
            time: self.0.timestamp(fill.time),
            symbol: self.0.symbol(fill.asset),
            side: side(fill.quantity),
            quantity: fill.quantity.abs(),
            price: Some(fill.price),
            commission: Some(fill.commission),
        }))
    }
}

struct OpenOrdersView<'a>(&'a Performance);

impl Serialize for OpenOrdersView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.open_orders.iter().map(|order| Row {
            time: self.0.timestamp(order.time),
            symbol: self.0.symbol(order.asset),
            side: side(order.quantity),
            quantity: order.quantity.abs(),
            price: None,
            commission: None,
        }))
    }
}

struct PositionsView<'a>(&'a Performance);

impl Serialize for PositionsView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.positions.len()))?;
        for (asset, quantity) in &self.0.positions {
            map.serialize_entry(self.0.symbol(*asset), quantity)?;
        }
        map.end()
    }
}
