//! The Barrow engine: backtests and sweeps that run over mapped bundle pages.
//!
//! ```no_run
//! use barrow_engine::{Backtest, Params, strategies};
//! use barrow_store::{Catalog, SeriesCache};
//!
//! let lease = Catalog::at("/data/barrow").lease("us-daily")?;
//! let mut strategy = strategies::build("sma-cross", &Params::parse(["fast=10", "slow=50"])?)?;
//! let cache = SeriesCache::default();
//! let performance = Backtest::with_cash(100_000.0).run(&lease, strategy.as_mut(), &cache)?;
//! println!("{:?}", performance.metrics.sharpe);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # One tick
//!
//! The clock is the union of the assets' timestamps. At each of its ticks, in this order:
//!
//! 1. Orders whose asset has its next bar here fill at its open: the whole quantity, slippage
//!    against the trader, commission to cash, in the order in which they were sent.
//! 2. [`Strategy::on_bar`] sees the closes of this tick and sends orders.
//! 3. Equity is marked at the close: cash, plus each position at its asset's last known close.
//!
//! An order sent at a tick thus fills at the asset's next bar at the earliest; one sent on an
//! asset's last bar of the period stays open and is reported. Positions may be long or short and
//! cash may fall below zero: there is no margin call and no interest. Splits and dividends recorded
//! in the bundle are not applied; prices are traded as they are stored.
//!
//! # What a strategy sees
//!
//! [`Context::history`] is a slice of the mapped column that ends at the current bar, an
//! [`Indicator`] is given values up to its bar, and both end at now. There is nothing else to read
//! prices from, so looking ahead cannot be expressed.
//!
//! # What it costs
//!
//! A tick costs what the strategy does and the fills of the tick; nothing else is done for each
//! asset. Equity is added up afterwards, asset by asset, over the stretches with a position. Running
//! sums and indicators are computed once for each version and kept in the cache. A thread keeps the
//! working memory of its last run, at most 64 MiB, for the next.
//!
//! # Many points at once
//!
//! A strategy that decides for each asset by one value alone says so by [`Strategy::driver`]. A
//! [`Sweep`] runs such strategies in blocks that walk the bars once for many points, with the same
//! bits as one by one.
//!
//! # The same again
//!
//! Nothing here reads a clock, an order of hashing or a global random state, and every sum has one
//! order. The same bundle version, strategy, parameters, settings, seed and library version give
//! the same bytes, at any number of workers.
#![forbid(unsafe_code)]

mod annual;
mod backtest;
mod blotter;
mod context;
mod costs;
mod curve;
mod error;
mod exact;
mod folds;
mod indicator;
mod metrics;
mod objective;
mod params;
mod performance;
mod place;
mod portal;
mod portfolio;
mod run;
pub mod search;
mod setup;
mod signal;
mod splits;
pub mod strategies;
mod strategy;
mod stream;
mod study;
mod sweep;
mod time;
pub mod validation;
pub mod wire;
mod workers;

pub use annual::bars_per_year;
pub use backtest::Backtest;
pub use context::Context;
pub use costs::{Commission, Slippage};
pub use error::Error;
pub use folds::{
    CrossValidation, CrossValidationReport, Cut, FoldReport, Folds, FoldsReport, PathReport,
    SharpeSpread, WalkForward, WalkForwardReport,
};
pub use indicator::{Ema, Indicator, RateOfChange, Sma, ZScore};
pub use metrics::{Metrics, Track, Trades};
pub use objective::{Direction, Metric, Objective};
pub use params::{Params, Value};
pub use performance::{Fill, LIBRARY_VERSION, OpenOrder, Performance};
pub use portal::{AssetIdx, Portal, Scope};
pub use search::{Axis, Space};
pub use setup::{Field, Series, Setup, Signal};
pub use signal::Change;
pub use splits::{UnadjustedSplit, unadjusted_splits};
pub use strategy::{Driver, Strategy};
pub use stream::Stream;
pub use study::{Identity, Study};
pub use sweep::{
    CacheUse, Crew, Crews, Ended, Factory, Failure, Hunt, Part, Partial, Progress, Ranking,
    SearchSummary, Sweep, SweepReport, Terms, ThreadCrews, Threads, Trial, Verdict,
    at_different_points,
};
pub use time::{TimeStyle, Timestamp};
pub use workers::Workers;
