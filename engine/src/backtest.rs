//! One run: the clock, the fills and the accounts.

use std::cell::Cell;
use std::ops::Range;
use std::time::{Duration, Instant};

use barrow_store::{Lease, SeriesCache};

use crate::Error;
use crate::blotter::Order;
use crate::context::Book;
use crate::costs::{Commission, Slippage};
use crate::curve;
use crate::metrics::{Metrics, Track, Trades};
use crate::performance::Performance;
use crate::portal::{Portal, Scope, Source};
use crate::portfolio::{ByAsset, Filled, add_trades};
use crate::run::Run;
use crate::setup::Spare;
use crate::strategy::Strategy;

/// How a strategy is run.
///
/// At each tick, in this order: orders due fill at the open of their asset's bar, in the order in
/// which they were sent; [`Strategy::on_bar`] is called and may send orders; equity is marked at
/// the close. A fill is of the whole quantity, at the open with slippage against the trader.
///
/// ```no_run
/// use barrow_engine::{Backtest, Commission, Params, Scope, Slippage, strategies};
/// use barrow_store::{Catalog, SeriesCache};
///
/// let lease = Catalog::at("/data/barrow").lease("us-daily")?;
/// let backtest = Backtest {
///     commission: Commission::Bps(5.0),
///     slippage: "bps:2".parse::<Slippage>()?,
///     scope: Scope { assets: Some(vec!["AAPL".to_owned()]), ..Scope::default() },
///     ..Backtest::with_cash(100_000.0)
/// };
/// let mut strategy = strategies::build("momentum", &Params::parse(["top=1"])?)?;
/// let performance = backtest.run(&lease, strategy.as_mut(), &SeriesCache::default())?;
/// for fill in performance.fills.iter().take(3) {
///     println!("{} {} at {}", fill.quantity, performance.symbol(fill.asset), fill.price);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Backtest {
    /// Starting cash, quote currency; above zero.
    pub cash: f64,
    /// Fee of each fill.
    pub commission: Commission,
    /// Distance of fill prices from the open.
    pub slippage: Slippage,
    /// Handed to the strategy and recorded in the result.
    pub seed: u64,
    /// Assets and period.
    pub scope: Scope,
}

impl Backtest {
    /// Returns a run over all assets and all bars without costs.
    pub fn with_cash(cash: f64) -> Backtest {
        Backtest {
            cash,
            commission: Commission::None,
            slippage: Slippage::None,
            seed: 0,
            scope: Scope::default(),
        }
    }

    /// Runs a strategy over a leased version. Derived series are taken from and left in `cache`.
    ///
    /// # Errors
    /// [`Error`] when the settings are no numbers, the scope is empty, the bundle lacks columns, a
    /// price that is needed is not finite, or the strategy fails.
    pub fn run(
        &self,
        lease: &Lease,
        strategy: &mut dyn Strategy,
        cache: &SeriesCache,
    ) -> Result<Performance, Error> {
        self.run_on(&Portal::new(lease, cache, &self.scope)?, strategy)
    }

    /// Runs a strategy over a portal that was prepared before, which saves preparing it for each of
    /// many runs. The portal's scope counts, not that of these settings.
    ///
    /// # Errors
    /// As [`Backtest::run`].
    pub fn run_on(
        &self,
        portal: &Portal<'_>,
        strategy: &mut dyn Strategy,
    ) -> Result<Performance, Error> {
        let mut desk = Desk::take();
        let outcome = self.simulate(portal, strategy, &mut desk)?;
        let performance = Performance::new(self, portal, strategy, &desk, &outcome);
        desk.put_back();
        Ok(performance)
    }

    /// Runs a strategy over a portal and leaves all that is to be known in `desk`.
    pub(crate) fn simulate(
        &self,
        portal: &Portal<'_>,
        strategy: &mut dyn Strategy,
        desk: &mut Desk,
    ) -> Result<Outcome, Error> {
        let mut run = Run::begin(self, portal, strategy, desk)?;
        run.advance(self, portal, strategy, desk, portal.period().end)?;
        run.finish(portal, desk)
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        if !self.cash.is_finite() || self.cash <= 0.0 {
            return Err(Error::BadCash { cash: self.cash });
        }
        self.commission.check()?;
        self.slippage.check()
    }

    #[inline]
    pub(crate) fn fill(
        &self,
        order: Order,
        opens_at: f64,
        tick: u32,
        portal: &Portal<'_>,
    ) -> Result<Filled, Error> {
        let Order { asset, quantity, .. } = order;
        let price = self.slippage.price(quantity, opens_at);
        if !price.is_finite() {
            return Err(Error::BadPrice {
                symbol: portal.assets[asset.index()].symbol.to_owned(),
                column: "open",
                time: portal.all_times()[tick as usize],
                value: opens_at,
            });
        }
        let commission = self.commission.fee(quantity, price);
        Ok(Filled { tick, asset, quantity, price, commission })
    }
}

thread_local! {
    /// The desk of this thread's last run, so that the next one finds its memory ready.
    static LAST_DESK: Cell<Option<Box<Desk>>> = const { Cell::new(None) };
}

/// What one run needs and leaves behind.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    pub(crate) book: Book,
    /// During the run the cash at each tick, after it the equity.
    pub(crate) equity: Vec<f64>,
    pub(crate) due: Vec<Order>,
    /// The opens at which they fill.
    pub(crate) opens: Vec<f64>,
    by_asset: ByAsset,
    returns: Vec<f64>,
    pub(crate) spare: Spare,
    /// Of the last run.
    pub(crate) trades: Trades,
    /// Of the last run.
    pub(crate) bars_held: u64,
    /// When the run began and how long it may take.
    pub(crate) time_max: Option<(Instant, Duration)>,
}

/// The figures of one run.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) metrics: Metrics,
    pub(crate) final_equity: f64,
    pub(crate) final_cash: f64,
}

impl Desk {
    /// A thread keeps no desk that is larger.
    const KEPT_BYTES_MAX: usize = 64 << 20;

    /// Returns the desk that the thread kept, or a new one. It may look like anything; a run clears
    /// it.
    pub(crate) fn take() -> Box<Desk> {
        LAST_DESK.take().unwrap_or_default()
    }

    /// Keeps the desk for the thread's next run.
    pub(crate) fn put_back(self: Box<Desk>) {
        if self.bytes() <= Desk::KEPT_BYTES_MAX {
            LAST_DESK.set(Some(self));
        }
    }

    /// The memory that it holds, about.
    pub(crate) fn bytes(&self) -> usize {
        self.book.portfolio.fills.capacity() * size_of::<Filled>()
            + self.equity.capacity() * 2 * size_of::<f64>()
            + self.by_asset.bytes()
            + self.spare.bytes()
    }

    /// Turns the cash curve into the equity curve and computes the figures.
    pub(crate) fn account(
        &mut self,
        portal: &Portal<'_>,
        period: Range<u32>,
        bars_held: u64,
    ) -> Result<Outcome, Error> {
        let portfolio = &self.book.portfolio;
        let close = portal.series(portal.close)?;
        self.by_asset.sort(&portfolio.fills, portal.assets.len());
        let mut trades = Trades::default();
        for (at, (asset, close)) in portal.assets.iter().zip(close).enumerate() {
            let fills = self.by_asset.of(&portfolio.fills, at);
            curve::add_asset(&mut self.equity, &period, fills.clone(), &asset.place, close);
            add_trades(fills, &mut trades);
        }
        (self.trades, self.bars_held) = (trades, bars_held);
        let track = Track {
            equity: &self.equity,
            bars_per_year: portal.bars_per_year(),
            traded: portfolio.traded,
            fills: portfolio.fills.len() as u64,
            bars_held,
            trades,
        };
        let metrics = Metrics::of(&track, &mut self.returns);
        let final_equity = self.equity.last().copied().unwrap_or(portfolio.cash);
        if !self.equity.iter().all(|equity| equity.is_finite()) {
            self.check_closes(portal, close, period.end)?;
        }
        Ok(Outcome { metrics, final_equity, final_cash: portfolio.cash })
    }

    /// Finds the close that made the equity no number.
    fn check_closes(&self, portal: &Portal<'_>, close: &[&[f64]], end: u32) -> Result<(), Error> {
        for (at, (asset, close)) in portal.assets.iter().zip(close).enumerate() {
            let fills = &self.book.portfolio.fills;
            let Some(first) = self.by_asset.of(fills, at).next() else { continue };
            let rows = asset.place.rows_in(&(first.tick..end));
            for row in rows {
                if !close[row].is_finite() {
                    let tick = asset.place.tick_of(row).unwrap_or(first.tick);
                    return Err(Error::BadPrice {
                        symbol: asset.symbol.to_owned(),
                        column: "close",
                        time: portal.all_times()[tick as usize],
                        value: close[row],
                    });
                }
            }
        }
        Ok(())
    }
}
