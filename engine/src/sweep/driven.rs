//! One point of a block: its fills, asset after asset, and the accounts made of them.

use std::ops::Range;

use super::piece::Piece;
use crate::backtest::{Backtest, Outcome};
use crate::curve;
use crate::exact;
use crate::metrics::{Metrics, Track, Trades};
use crate::portal::{AssetIdx, AssetPlace};
use crate::portfolio::{Filled, add_trades};
use crate::setup::Driven;
use crate::strategy::Strategy;

/// What a point needs and leaves.
#[derive(Debug, Default)]
pub(super) struct Lane {
    /// Asset after asset, each in ascending time.
    fills: Vec<Filled>,
    /// The tick at which the order of each fill was sent.
    sent: Vec<u32>,
    /// Where the fills of each asset end.
    ends: Vec<usize>,
    /// First the cash at each tick, then the equity.
    equity: Vec<f64>,
    cash: f64,
    traded: f64,
    bars_held: u64,
    trades: Trades,
    /// Whether this way can run it.
    well: bool,
}

/// Buffers that the points of a block share.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    levels: Vec<u8>,
    fills: Vec<Filled>,
    sent: Vec<u32>,
    well: bool,
    /// Numbers of the fills in ascending time.
    order: Vec<u32>,
    starts: Vec<u32>,
    positions: Vec<f64>,
    returns: std::cell::RefCell<Vec<f64>>,
}

impl Scratch {
    /// Finds the fills of one asset: orders at each change or value, filled at its next open.
    #[expect(clippy::too_many_arguments, reason = "the inputs of one asset and one point")]
    pub(super) fn find_fills(
        &mut self,
        backtest: &Backtest,
        strategy: &dyn Strategy,
        source: Driven<'_>,
        period: &Range<u32>,
        asset: &AssetPlace<'_>,
        at: usize,
        open: &[f64],
    ) {
        self.fills.clear();
        self.sent.clear();
        self.well = true;
        let rows = asset.place.rows_in(period);
        let mut desk = AssetDesk {
            backtest,
            strategy,
            asset,
            index: AssetIdx::new(at),
            open: &open[..rows.end],
            position: 0.0,
        };
        match source {
            Driven::Cross { sums, fast, slow } => {
                exact::levels(sums, fast, slow, rows.clone(), &mut self.levels);
                let levels = std::mem::take(&mut self.levels);
                crate::signal::for_each_level_change(&levels, |row, level| {
                    desk.decide(rows.start + row, f64::from(level), self);
                });
                self.levels = levels;
            }
            Driven::Changes(values) => {
                crate::signal::for_each_change(
                    values.get(rows.clone()).unwrap_or(&[]),
                    |row, value| {
                        desk.decide(rows.start + row, value, self);
                    },
                );
            }
            Driven::Values(values) => {
                for (row, value) in rows.clone().zip(values.get(rows).unwrap_or(&[])) {
                    if !value.is_nan() {
                        desk.decide(row, *value, self);
                    }
                }
            }
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.levels.capacity()
            + self.fills.capacity() * size_of::<Filled>()
            + (self.order.capacity() + self.starts.capacity() + self.sent.capacity()) * 4
            + (self.positions.capacity() + self.returns.borrow().capacity()) * 8
    }

    /// Orders fills of assets in turn by time; within a tick by the time of the order, then by asset.
    fn sort(&mut self, lane: &Lane, period: &Range<u32>, gapped: bool) {
        self.starts.clear();
        self.starts.resize(period.len() + 1, 0);
        self.order.clear();
        self.order.resize(lane.fills.len(), 0);
        let slot = |fill: &Filled| (fill.tick - period.start) as usize;
        for fill in &lane.fills {
            self.starts[slot(fill) + 1] += 1;
        }
        let mut sum = 0;
        for start in &mut self.starts {
            sum += *start;
            *start = sum;
        }
        for (number, fill) in (0..).zip(&lane.fills) {
            let start = &mut self.starts[slot(fill)];
            self.order[*start as usize] = number;
            *start += 1;
        }
        if gapped {
            // Each start has moved to the end of its tick, which is the start of the next.
            let mut first = 0;
            for end in &self.starts[..period.len()] {
                self.order[first..*end as usize].sort_by_key(|number| lane.sent[*number as usize]);
                first = *end as usize;
            }
        }
    }
}

/// One asset of one point.
struct AssetDesk<'a> {
    backtest: &'a Backtest,
    strategy: &'a dyn Strategy,
    asset: &'a AssetPlace<'a>,
    index: AssetIdx,
    /// Up to the end of the period.
    open: &'a [f64],
    position: f64,
}

impl AssetDesk<'_> {
    #[inline]
    fn decide(&mut self, row: usize, value: f64, scratch: &mut Scratch) {
        let quantity = self.strategy.target(value, self.position) - self.position;
        if quantity == 0.0 {
            return;
        }
        scratch.well &= quantity.is_finite();
        let Some(open) = self.open.get(row + 1) else { return };
        let price = self.backtest.slippage.price(quantity, *open);
        scratch.well &= price.is_finite();
        let place = &self.asset.place;
        let (Some(sent), Some(tick)) = (place.tick_of(row), place.tick_of(row + 1)) else { return };
        let commission = self.backtest.commission.fee(quantity, price);
        scratch.fills.push(Filled { tick, asset: self.index, quantity, price, commission });
        scratch.sent.push(sent);
        self.position += quantity;
    }
}

impl Lane {
    pub(super) fn reset(&mut self, well: bool, assets: usize) {
        self.fills.clear();
        self.sent.clear();
        self.ends.clear();
        self.ends.reserve(assets);
        self.trades = Trades::default();
        self.well = well;
    }

    pub(super) fn is_well(&self) -> bool {
        self.well
    }

    /// Takes the fills of the next asset.
    pub(super) fn take(&mut self, scratch: &Scratch) {
        self.well &= scratch.well;
        self.fills.extend_from_slice(&scratch.fills);
        self.sent.extend_from_slice(&scratch.sent);
        self.ends.push(self.fills.len());
        add_trades(scratch.fills.iter(), &mut self.trades);
    }

    /// Books all fills in the order of time.
    pub(super) fn book_cash(
        &mut self,
        cash: f64,
        period: &Range<u32>,
        gapped: bool,
        scratch: &mut Scratch,
    ) {
        scratch.sort(self, period, gapped);
        scratch.positions.clear();
        scratch.positions.resize(self.ends.len(), 0.0);
        (self.cash, self.traded, self.bars_held) = (cash, 0.0, 0);
        self.equity.clear();
        let (mut held, mut tick) = (0_u32, period.start);
        for number in &scratch.order {
            let fill = &self.fills[*number as usize];
            if fill.tick != tick {
                let ticks = fill.tick - tick;
                self.bars_held += u64::from(ticks) * u64::from(held > 0);
                self.equity.resize((fill.tick - period.start) as usize, self.cash);
                tick = fill.tick;
            }
            let notional = fill.quantity * fill.price;
            self.cash = self.cash - notional - fill.commission;
            self.traded += notional.abs();
            let position = &mut scratch.positions[fill.asset.index()];
            held -= u32::from(*position != 0.0);
            *position += fill.quantity;
            held += u32::from(*position != 0.0);
        }
        self.bars_held += u64::from(period.end - tick) * u64::from(held > 0);
        self.equity.resize(period.len(), self.cash);
    }

    /// Adds the value of one asset to the equity.
    pub(super) fn mark(
        &mut self,
        at: usize,
        asset: &AssetPlace<'_>,
        period: &Range<u32>,
        close: &[f64],
    ) {
        let first = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        let fills = &self.fills[first..self.ends[at]];
        curve::add_asset(&mut self.equity, period, fills.iter(), &asset.place, close);
    }

    /// The figures; `None` when the general way must name what is wrong.
    pub(super) fn outcome(&self, bars_per_year: f64, scratch: &Scratch) -> Option<Outcome> {
        if !self.is_sound() {
            return None;
        }
        let track = Track {
            equity: &self.equity,
            bars_per_year,
            traded: self.traded,
            fills: self.fills.len() as u64,
            bars_held: self.bars_held,
            trades: self.trades,
        };
        let metrics = Metrics::of(&track, &mut scratch.returns.borrow_mut());
        let final_equity = self.equity.last().copied().unwrap_or(self.cash);
        Some(Outcome { metrics, final_equity, final_cash: self.cash })
    }

    /// The run as one stretch of several; `None` as for [`Lane::outcome`].
    pub(super) fn piece(&self, cash: f64) -> Option<Piece> {
        let traded = (self.traded, self.fills.len() as u64);
        self.is_sound()
            .then(|| Piece::new(cash, &self.equity, traded, self.bars_held, &self.trades))
    }

    fn is_sound(&self) -> bool {
        self.well && self.equity.iter().all(|equity| equity.is_finite())
    }

    pub(super) fn bytes(&self) -> usize {
        self.fills.capacity() * size_of::<Filled>()
            + self.sent.capacity() * 4
            + (self.ends.capacity() + self.equity.capacity()) * 8
    }
}
