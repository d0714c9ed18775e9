//! What a strategy sees and may do at one tick.

use std::cell::Cell;
use std::ops::Range;

use crate::Error;
use crate::blotter::{Blotter, Order};
use crate::place::Place;
use crate::portal::{AssetIdx, AssetPlace};
use crate::portfolio::Portfolio;
use crate::setup::{Declared, Field, Series, Signal};
use crate::signal::Change;

/// The state of the run at the close of the current tick.
///
/// Everything it hands out ends at the current tick: a window is a slice of the mapped column that
/// stops at the asset's current bar, so looking ahead cannot be expressed.
///
/// Handles ([`AssetIdx`], [`Field`], [`Series`], [`Signal`]) belong to the run that made them.
/// Another run's may be out of range, and then the method panics.
#[derive(Debug)]
pub struct Context<'a> {
    view: View<'a>,
    pub(crate) book: &'a mut Book,
    tick: u32,
}

/// What does not change during a run.
#[derive(Debug, Clone)]
pub(crate) struct View<'a> {
    pub(crate) assets: &'a [AssetPlace<'a>],
    /// Of the whole clock, not of the period alone.
    pub(crate) times: &'a [i64],
    pub(crate) period: Range<u32>,
    pub(crate) close: &'a [&'a [f64]],
    pub(crate) declared: &'a Declared<'a>,
    /// Values of each declared indicator, by asset.
    pub(crate) series: &'a [Vec<&'a [f64]>],
    pub(crate) initial_cash: f64,
}

/// What a run changes. Its memory is reused by the next run.
#[derive(Debug, Default)]
pub(crate) struct Book {
    pub(crate) portfolio: Portfolio,
    pub(crate) blotter: Blotter,
    /// Where the last search for an asset's current row ended.
    hints: Vec<Cell<usize>>,
}

impl Book {
    pub(crate) fn reset(&mut self, assets: usize, cash: f64) {
        self.portfolio.reset(assets, cash);
        self.blotter.reset(assets);
        self.hints.clear();
        self.hints.resize(assets, Cell::new(0));
    }
}

impl<'a> Context<'a> {
    pub(crate) fn new(view: View<'a>, book: &'a mut Book) -> Context<'a> {
        let tick = view.period.start;
        Context { view, book, tick }
    }

    pub(crate) fn move_to(&mut self, tick: u32) {
        self.tick = tick;
    }

    /// Returns the time of the current tick, ns since the epoch, UTC.
    #[inline]
    pub fn now(&self) -> i64 {
        self.view.times[self.tick as usize]
    }

    /// Returns how many ticks of the run came before this one.
    #[inline]
    pub fn elapsed(&self) -> usize {
        (self.tick - self.view.period.start) as usize
    }

    /// Returns the assets of the run, in ascending order of their symbols.
    pub fn assets(&self) -> impl ExactSizeIterator<Item = AssetIdx> + use<> {
        (0..self.view.assets.len()).map(AssetIdx::new)
    }

    /// Returns an asset's symbol.
    pub fn symbol(&self, asset: AssetIdx) -> &'a str {
        self.view.assets[asset.index()].symbol
    }

    /// Returns the asset with a symbol, if the run has it. Binary search.
    pub fn find(&self, symbol: &str) -> Option<AssetIdx> {
        let found = self.view.assets.binary_search_by(|asset| asset.symbol.cmp(symbol));
        found.ok().map(AssetIdx::new)
    }

    /// Tells whether the asset has a bar at the current tick.
    #[inline]
    pub fn has_bar(&self, asset: AssetIdx) -> bool {
        let row = self.rows(asset).checked_sub(1);
        row.and_then(|row| self.view.assets[asset.index()].place.tick_of(row)) == Some(self.tick)
    }

    /// Returns how many bars the asset has had so far, those before the run's period included.
    #[inline]
    pub fn bars_so_far(&self, asset: AssetIdx) -> usize {
        self.rows(asset)
    }

    /// Returns the last `n` values of a column, oldest first, ending with the asset's latest bar.
    ///
    /// Shape `[min(n, bars so far)]`, in the column's unit, straight from the map: no copy. Bars
    /// before the run's period count. When the asset has no bar at this tick, the last value is that
    /// of its latest earlier bar.
    #[inline]
    pub fn history(&self, asset: AssetIdx, field: Field, n: usize) -> &'a [f64] {
        tail(self.view.declared.fields[field.0].1[asset.index()], self.rows(asset), n)
    }

    /// Returns a column's value at the asset's latest bar, `None` before its first.
    #[inline]
    pub fn latest(&self, asset: AssetIdx, field: Field) -> Option<f64> {
        self.history(asset, field, 1).last().copied()
    }

    /// Returns an indicator's value at the asset's latest bar, `None` while it has none (NaN).
    #[inline]
    pub fn value(&self, asset: AssetIdx, series: Series) -> Option<f64> {
        self.values(asset, series, 1).last().copied().filter(|value| !value.is_nan())
    }

    /// Returns the last `n` values of an indicator, oldest first, NaN where it had none.
    /// Shape `[min(n, bars so far)]`.
    #[inline]
    pub fn values(&self, asset: AssetIdx, series: Series, n: usize) -> &'a [f64] {
        tail(self.view.series[series.0][asset.index()], self.rows(asset), n)
    }

    /// Returns what changed at this tick, in the order of the assets.
    #[inline]
    pub fn changes(&self, signal: Signal) -> &'a [Change] {
        self.view.declared.signals[signal.0].at(self.tick)
    }

    /// Returns the quantity held, negative when short, zero when flat.
    #[inline]
    pub fn position(&self, asset: AssetIdx) -> f64 {
        self.book.portfolio.positions[asset.index()]
    }

    /// Returns the quantity of the asset's orders that have not filled yet, sales negative.
    #[inline]
    pub fn open_quantity(&self, asset: AssetIdx) -> f64 {
        self.book.blotter.open_quantity(asset)
    }

    /// Returns the cash, quote currency; negative when more was bought than there was cash for.
    #[inline]
    pub fn cash(&self) -> f64 {
        self.book.portfolio.cash
    }

    /// Returns the cash the run started with, quote currency.
    pub fn initial_cash(&self) -> f64 {
        self.view.initial_cash
    }

    /// Returns the equity: cash, plus each position at the asset's latest close, added in the order
    /// of the assets. The same bits as in the equity curve. Linear in the number of assets.
    pub fn equity(&self) -> f64 {
        let mut equity = self.book.portfolio.cash;
        for (at, position) in self.book.portfolio.positions.iter().enumerate() {
            if *position != 0.0
                && let Some(row) = self.rows(AssetIdx::new(at)).checked_sub(1)
            {
                equity += position * self.view.close[at][row];
            }
        }
        equity
    }

    /// Sends a market order: positive quantities buy, negative sell, zero does nothing. It fills in
    /// full at the open of the asset's next bar; if the period ends first, it stays open.
    ///
    /// There is no limit on cash: positions may be short or on credit.
    ///
    /// # Errors
    /// [`Error::BadQuantity`] for NaN and infinities.
    #[inline]
    pub fn order(&mut self, asset: AssetIdx, quantity: f64) -> Result<(), Error> {
        if !quantity.is_finite() {
            let symbol = self.symbol(asset).to_owned();
            return Err(Error::BadQuantity { symbol, time: self.now(), quantity });
        }
        if quantity != 0.0 {
            let row = self.rows(asset);
            let at = self.view.assets[asset.index()].place.tick_of(row);
            let at = at.filter(|tick| *tick < self.view.period.end);
            self.book.blotter.send(Order { asset, sent: self.tick, row, quantity }, at);
        }
        Ok(())
    }

    /// Orders the difference between `target` and what the asset's position will be once its open
    /// orders have filled.
    ///
    /// # Errors
    /// As [`Context::order`].
    #[inline]
    pub fn order_target(&mut self, asset: AssetIdx, target: f64) -> Result<(), Error> {
        self.order(asset, target - (self.position(asset) + self.open_quantity(asset)))
    }

    /// The number of the asset's rows at or before the current tick.
    #[inline]
    fn rows(&self, asset: AssetIdx) -> usize {
        let place = &self.view.assets[asset.index()].place;
        if let Place::Span { .. } = place {
            return place.rows_until(self.tick, 0);
        }
        let hint = &self.book.hints[asset.index()];
        let rows = place.rows_until(self.tick, hint.get());
        hint.set(rows);
        rows
    }
}

/// The last `n` of the first `rows` values.
#[inline]
fn tail(values: &[f64], rows: usize, n: usize) -> &[f64] {
    &values[rows.saturating_sub(n)..rows]
}
