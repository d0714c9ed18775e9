//! Orders that were sent and have not filled.

use std::collections::BTreeMap;

use crate::portal::AssetIdx;

/// A market order for `quantity` (positive buys) at the open of the asset's bar `row`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Order {
    pub(crate) asset: AssetIdx,
    /// The tick at which it was sent.
    pub(crate) sent: u32,
    /// The asset's first row after that tick.
    pub(crate) row: usize,
    pub(crate) quantity: f64,
}

/// Open orders, by the tick at which they fill. Orders of one tick fill in the order of sending.
#[derive(Debug, Default)]
pub(crate) struct Blotter {
    /// For the tick after the current one.
    next: Vec<Order>,
    /// For ticks further ahead: the asset has no bar at the next one.
    later: BTreeMap<u32, Vec<Order>>,
    /// The asset has no further bar in the period.
    resting: Vec<Order>,
    /// Number and total quantity of each asset's open orders.
    open: Vec<(u32, f64)>,
}

impl Blotter {
    pub(crate) fn reset(&mut self, assets: usize) {
        self.next.clear();
        self.later.clear();
        self.resting.clear();
        self.open.clear();
        self.open.resize(assets, (0, 0.0));
    }

    /// Takes an order that fills at tick `at`, or never within the period.
    #[inline]
    pub(crate) fn send(&mut self, order: Order, at: Option<u32>) {
        let (count, quantity) = &mut self.open[order.asset.index()];
        *count += 1;
        *quantity += order.quantity;
        match at {
            Some(at) if at == order.sent + 1 => self.next.push(order),
            Some(at) => self.later.entry(at).or_default().push(order),
            None => self.resting.push(order),
        }
    }

    /// Moves the orders that fill at `tick` to `due`, which is emptied first. To be called for
    /// every tick in turn.
    #[inline]
    pub(crate) fn take_due(&mut self, tick: u32, due: &mut Vec<Order>) {
        due.clear();
        if !self.later.is_empty()
            && let Some(orders) = self.later.remove(&tick)
        {
            // Sent before the last tick, hence before all of `next`.
            due.extend(orders);
        }
        due.append(&mut self.next);
        for order in &*due {
            let (count, quantity) = &mut self.open[order.asset.index()];
            *count -= 1;
            // Reset to zero rather than subtracted to it, which might leave a rounding error.
            *quantity = if *count == 0 { 0.0 } else { *quantity - order.quantity };
        }
    }

    /// Returns the quantity of an asset's open orders.
    #[inline]
    pub(crate) fn open_quantity(&self, asset: AssetIdx) -> f64 {
        self.open[asset.index()].1
    }

    /// Returns what is left at the end of the period, in the order of sending.
    pub(crate) fn resting(&self) -> &[Order] {
        &self.resting
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_come_due_in_the_order_of_sending() {
        let order = |asset: usize, sent: u32, quantity: f64| Order {
            asset: AssetIdx::new(asset),
            sent,
            row: 0,
            quantity,
        };
        let mut blotter = Blotter::default();
        blotter.reset(2);
        let mut due = Vec::new();
        blotter.send(order(0, 0, 1.0), Some(2));
        blotter.send(order(1, 0, 2.0), Some(1));
        blotter.send(order(1, 0, 3.0), None);
        assert_eq!(blotter.open_quantity(AssetIdx::new(1)), 5.0);
        blotter.take_due(1, &mut due);
        assert_eq!(due, [order(1, 0, 2.0)]);
        assert_eq!(blotter.open_quantity(AssetIdx::new(1)), 3.0);
        blotter.send(order(0, 1, 4.0), Some(2));
        blotter.take_due(2, &mut due);
        assert_eq!(due, [order(0, 0, 1.0), order(0, 1, 4.0)]);
        assert_eq!(blotter.open_quantity(AssetIdx::new(0)), 0.0);
        assert_eq!(blotter.resting(), [order(1, 0, 3.0)]);
        blotter.take_due(3, &mut due);
        assert!(due.is_empty());
    }
}
