//! An independent portfolio: plain rows, tick by tick, every price looked up from the start.
//!
//! It shares no code with the engine and prefers the obvious to the fast, down to summing in the
//! order in which the engine promises to sum, so that equity can be compared bit by bit.

use std::collections::BTreeSet;

use barrow_engine::{Commission, Slippage};

use super::bundles::{Bar, Market};

/// How the reference is run; as [`barrow_engine::Backtest`].
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) cash: f64,
    pub(crate) commission: Commission,
    pub(crate) slippage: Slippage,
    pub(crate) from: Option<i64>,
    pub(crate) to: Option<i64>,
}

/// What the reference knows at the close of a tick.
pub(crate) struct Moment<'a> {
    pub(crate) market: &'a Market,
    pub(crate) tick: usize,
    pub(crate) time: i64,
    pub(crate) cash: f64,
    pub(crate) positions: &'a [f64],
    /// Asset, quantity and time of sending of each order that has not filled.
    pub(crate) pending: &'a [(usize, f64, i64)],
}

impl Moment<'_> {
    /// The asset's bars up to now, oldest first.
    pub(crate) fn bars(&self, asset: usize) -> Vec<Bar> {
        let bars = self.market.assets[asset].bars.iter();
        bars.copied().filter(|bar| bar.time <= self.time).collect()
    }

    pub(crate) fn has_bar(&self, asset: usize) -> bool {
        self.market.assets[asset].bars.iter().any(|bar| bar.time == self.time)
    }

    pub(crate) fn closes(&self, asset: usize) -> Vec<f64> {
        self.bars(asset).iter().map(Bar::close).collect()
    }

    pub(crate) fn equity(&self) -> f64 {
        let mut equity = self.cash;
        for (asset, position) in self.positions.iter().enumerate() {
            if *position != 0.0 {
                equity += position * self.closes(asset).last().unwrap();
            }
        }
        equity
    }

    /// The order that takes the asset to `target`.
    pub(crate) fn to_target(&self, asset: usize, target: f64) -> (usize, f64) {
        let open: f64 = self.pending.iter().filter(|o| o.0 == asset).map(|o| o.1).sum();
        (asset, target - (self.positions[asset] + open))
    }
}

/// What the reference ends with.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ledger {
    pub(crate) equity: Vec<(i64, f64)>,
    /// Time, asset, quantity, price, commission.
    pub(crate) fills: Vec<(i64, usize, f64, f64, f64)>,
    pub(crate) positions: Vec<f64>,
    /// Time, asset, quantity.
    pub(crate) open_orders: Vec<(i64, usize, f64)>,
    pub(crate) cash: f64,
    pub(crate) ticks_held: usize,
}

/// Runs `decide`, which returns asset and quantity of the orders to send at each tick.
pub(crate) fn run(
    market: &Market,
    settings: &Settings,
    mut decide: impl FnMut(&Moment<'_>) -> Vec<(usize, f64)>,
) -> Ledger {
    let clock: BTreeSet<i64> = market.clock().into_iter().collect();
    let clock: Vec<i64> = clock
        .into_iter()
        .filter(|time| settings.from.is_none_or(|from| *time >= from))
        .filter(|time| settings.to.is_none_or(|to| *time <= to))
        .collect();
    let mut positions = vec![0.0; market.assets.len()];
    let mut cash = settings.cash;
    let mut pending: Vec<(usize, f64, i64)> = Vec::new();
    let mut ledger = Ledger::default();
    for (tick, time) in clock.into_iter().enumerate() {
        let mut left = Vec::new();
        for (asset, quantity, sent) in pending {
            let bar = market.assets[asset].bars.iter().find(|bar| bar.time == time);
            let Some(bar) = bar else {
                left.push((asset, quantity, sent));
                continue;
            };
            let against = match settings.slippage {
                Slippage::None => 1.0,
                Slippage::Bps(bps) if quantity > 0.0 => 1.0 + bps / 10_000.0,
                Slippage::Bps(bps) => 1.0 - bps / 10_000.0,
            };
            let price = bar.open * against;
            let commission = match settings.commission {
                Commission::None => 0.0,
                Commission::PerShare(amount) => quantity.abs() * amount,
                Commission::PerOrder(amount) => amount,
                Commission::Bps(bps) => (quantity * price).abs() * (bps / 10_000.0),
            };
            cash -= quantity * price;
            cash -= commission;
            positions[asset] += quantity;
            ledger.fills.push((time, asset, quantity, price, commission));
        }
        pending = left;
        let moment = Moment { market, tick, time, cash, positions: &positions, pending: &pending };
        let orders = decide(&moment);
        let equity = moment.equity();
        ledger.equity.push((time, equity));
        ledger.ticks_held += usize::from(positions.iter().any(|position| *position != 0.0));
        let orders = orders.into_iter().filter(|(_, quantity)| *quantity != 0.0);
        pending.extend(orders.map(|(asset, quantity)| (asset, quantity, time)));
    }
    ledger.open_orders = pending.iter().map(|(asset, q, sent)| (*sent, *asset, *q)).collect();
    ledger.positions = positions;
    ledger.cash = cash;
    ledger
}

/// Profits of all trades from flat to flat, by following one share lot at a time through zero.
pub(crate) fn trade_profits(fills: &[(i64, usize, f64, f64, f64)], assets: usize) -> Vec<f64> {
    let mut profits = Vec::new();
    for asset in 0..assets {
        let mut position = 0.0_f64;
        let mut paid = 0.0_f64;
        for (_, _, quantity, price, commission) in fills.iter().filter(|fill| fill.1 == asset) {
            let mut left = *quantity;
            if position != 0.0 && position.signum() != left.signum() {
                let closing = left.abs().min(position.abs()) * left.signum();
                paid += closing * price + commission * (closing / quantity);
                position += closing;
                left -= closing;
                if position == 0.0 {
                    profits.push(-paid);
                    paid = 0.0;
                }
            }
            if left != 0.0 {
                paid += left * price + commission * (left / quantity);
                position += left;
            }
        }
    }
    profits
}
