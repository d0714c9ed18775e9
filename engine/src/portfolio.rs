//! Cash, positions and the fills that made them.

use crate::metrics::Trades;
use crate::portal::AssetIdx;

/// An order that was carried out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Filled {
    pub(crate) tick: u32,
    pub(crate) asset: AssetIdx,
    /// Positive buys.
    pub(crate) quantity: f64,
    /// With slippage.
    pub(crate) price: f64,
    pub(crate) commission: f64,
}

/// What is owned and owed. Cash may fall below zero: there is no margin call and no interest.
#[derive(Debug, Default)]
pub(crate) struct Portfolio {
    pub(crate) cash: f64,
    /// Quantity by asset; negative when short.
    pub(crate) positions: Vec<f64>,
    /// Number of positions that are not zero.
    pub(crate) held: u32,
    /// In the order of filling, hence ascending by tick.
    pub(crate) fills: Vec<Filled>,
    /// Sum of `|quantity x price|`.
    pub(crate) traded: f64,
}

impl Portfolio {
    pub(crate) fn reset(&mut self, assets: usize, cash: f64) {
        self.cash = cash;
        self.positions.clear();
        self.positions.resize(assets, 0.0);
        self.held = 0;
        self.fills.clear();
        self.traded = 0.0;
    }

    /// Applies a fill: cash changes by `-quantity x price`, then by `-commission`.
    #[inline]
    pub(crate) fn fill(&mut self, fill: Filled) {
        let notional = fill.quantity * fill.price;
        self.cash = self.cash - notional - fill.commission;
        self.traded += notional.abs();
        let position = &mut self.positions[fill.asset.index()];
        self.held -= u32::from(*position != 0.0);
        *position += fill.quantity;
        self.held += u32::from(*position != 0.0);
        self.fills.push(fill);
    }
}

/// The fills of each asset, in ascending time; keeps its memory between uses.
#[derive(Debug, Default)]
pub(crate) struct ByAsset {
    /// The fills of asset `a` are those at `order[starts[a]..starts[a + 1]]`.
    starts: Vec<usize>,
    order: Vec<u32>,
}

impl ByAsset {
    /// Sorts by counting: linear in fills and assets.
    pub(crate) fn sort(&mut self, fills: &[Filled], assets: usize) {
        self.starts.clear();
        self.starts.resize(assets + 1, 0);
        self.order.clear();
        self.order.resize(fills.len(), 0);
        for fill in fills {
            self.starts[fill.asset.index() + 1] += 1;
        }
        for at in 1..self.starts.len() {
            self.starts[at] += self.starts[at - 1];
        }
        for (number, fill) in (0..).zip(fills) {
            let at = &mut self.starts[fill.asset.index()];
            self.order[*at] = number;
            *at += 1;
        }
        self.starts.rotate_right(1);
        self.starts[0] = 0;
    }

    /// Returns the fills of an asset; `fills` are those that were sorted.
    pub(crate) fn of<'f>(
        &self,
        fills: &'f [Filled],
        asset: usize,
    ) -> impl Iterator<Item = &'f Filled> + Clone + use<'_, 'f> {
        self.order[self.starts[asset]..self.starts[asset + 1]]
            .iter()
            .map(|number| &fills[*number as usize])
    }

    /// Returns the bytes held.
    pub(crate) fn bytes(&self) -> usize {
        self.starts.capacity() * size_of::<usize>() + self.order.capacity() * 4
    }
}

/// Adds the closed trades of one asset's fills, given in ascending time.
pub(crate) fn add_trades<'f>(fills: impl Iterator<Item = &'f Filled>, trades: &mut Trades) {
    let (mut position, mut flow) = (0.0_f64, 0.0_f64);
    for fill in fills {
        let after = position + fill.quantity;
        if position * after < 0.0 {
            // Through zero: the fill's first part closes a trade, the rest opens the next, and
            // each bears its share of the commission.
            let share = (position / fill.quantity).abs();
            close_trade(flow + position * fill.price - fill.commission * share, trades);
            flow = -after * fill.price - fill.commission * (1.0 - share);
        } else {
            flow -= fill.quantity * fill.price + fill.commission;
            if after == 0.0 {
                close_trade(flow, trades);
                flow = 0.0;
            }
        }
        position = after;
    }
}

fn close_trade(profit: f64, trades: &mut Trades) {
    trades.closed += 1;
    if profit > 0.0 {
        trades.won += 1;
        trades.profit += profit;
    } else {
        trades.loss -= profit;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(tick: u32, asset: usize, quantity: f64, price: f64, commission: f64) -> Filled {
        Filled { tick, asset: AssetIdx::new(asset), quantity, price, commission }
    }

    #[test]
    fn cash_positions_and_turnover_follow_the_fills() {
        let mut portfolio = Portfolio::default();
        portfolio.reset(2, 1000.0);
        portfolio.fill(fill(1, 0, 10.0, 20.0, 1.0));
        assert_eq!((portfolio.cash, portfolio.held), (799.0, 1));
        portfolio.fill(fill(1, 1, -5.0, 10.0, 1.0));
        assert_eq!((portfolio.cash, portfolio.held), (848.0, 2));
        portfolio.fill(fill(2, 0, -10.0, 21.0, 1.0));
        assert_eq!((portfolio.cash, portfolio.held), (1057.0, 1));
        assert_eq!((portfolio.positions.as_slice(), portfolio.traded), (&[0.0, -5.0][..], 460.0));
    }

    #[test]
    fn trades_run_from_flat_to_flat_and_split_at_zero() {
        let mut trades = Trades::default();
        let fills = [
            fill(1, 0, 10.0, 20.0, 1.0),
            fill(2, 0, -4.0, 25.0, 1.0),
            // Closes 6 (share 0.6 of the commission), opens a short of 4.
            fill(3, 0, -10.0, 18.0, 1.0),
            fill(4, 0, 4.0, 20.0, 1.0),
            // Still open: not counted.
            fill(5, 0, 1.0, 20.0, 1.0),
        ];
        add_trades(fills.iter(), &mut trades);
        assert_eq!((trades.closed, trades.won), (2, 1));
        // -201 + 99 + 108 - 0.6 and 72 - 0.4 - 81.
        assert!((trades.profit - 5.4).abs() < 1e-12, "{trades:?}");
        assert!((trades.loss - 9.4).abs() < 1e-12, "{trades:?}");
    }

    #[test]
    fn grouping_keeps_time_order_within_each_asset() {
        let fills =
            [fill(1, 2, 1.0, 1.0, 0.0), fill(1, 0, 2.0, 1.0, 0.0), fill(3, 2, 3.0, 1.0, 0.0)];
        let mut grouped = ByAsset::default();
        for _ in 0..2 {
            grouped.sort(&fills, 3);
            let of = |asset| grouped.of(&fills, asset).copied().collect::<Vec<_>>();
            assert_eq!(of(0), [fills[1]]);
            assert!(of(1).is_empty());
            assert_eq!(of(2), [fills[0], fills[2]]);
        }
        grouped.sort(&[], 3);
        assert_eq!(grouped.of(&[], 2).count(), 0);
    }
}
