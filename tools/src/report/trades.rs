//! Round trips from fills: from flat to flat in one asset.

use barrow_engine::{AssetIdx, Performance};

/// A closed trade, or one that is still open at the end.
#[derive(Clone, Debug, PartialEq)]
pub struct Trade {
    /// What was traded.
    pub asset: AssetIdx,
    /// Time of the first fill, ns since the epoch, UTC.
    pub opened: i64,
    /// Time of the last fill; `None` while open.
    pub closed: Option<i64>,
    /// Bought first, or sold first.
    pub is_long: bool,
    /// The largest position it had, positive.
    pub quantity: f64,
    /// Mean price of the fills that enlarged it.
    pub entry: f64,
    /// Mean price of the fills that reduced it.
    pub exit: f64,
    /// Gain after commissions, quote currency; of the fills so far while open.
    pub profit: f64,
}

/// A position as its fills come by.
#[derive(Clone, Debug, Default)]
struct Holding {
    quantity: f64,
    largest: f64,
    opened: i64,
    bought: (f64, f64),
    sold: (f64, f64),
    commission: f64,
}

impl Holding {
    fn take(&mut self, quantity: f64, price: f64, commission: f64) {
        let side = if quantity > 0.0 { &mut self.bought } else { &mut self.sold };
        side.0 += quantity.abs();
        side.1 += quantity.abs() * price;
        self.quantity += quantity;
        self.largest = self.largest.max(self.quantity.abs());
        self.commission += commission;
    }

    fn trade(&self, asset: AssetIdx, closed: Option<i64>, is_long: bool) -> Trade {
        let mean = |(quantity, worth): (f64, f64)| {
            if quantity > 0.0 { worth / quantity } else { f64::NAN }
        };
        let (bought, sold) = (mean(self.bought), mean(self.sold));
        let (entry, exit) = if is_long { (bought, sold) } else { (sold, bought) };
        Trade {
            asset,
            opened: self.opened,
            closed,
            is_long,
            quantity: self.largest,
            entry,
            exit,
            profit: self.sold.1 - self.bought.1 - self.commission,
        }
    }
}

/// The trades of a run, in the order in which they closed; those still open come last.
///
/// A fill through zero closes one trade and opens the next; its commission is shared by quantity.
pub fn round_trips(performance: &Performance) -> Vec<Trade> {
    let mut holdings = vec![Holding::default(); performance.symbols.len()];
    let mut found = Vec::new();
    for fill in &performance.fills {
        let holding = &mut holdings[fill.asset.index()];
        let before = holding.quantity;
        let after = before + fill.quantity;
        let closes = before != 0.0 && (after == 0.0 || (before > 0.0) != (after > 0.0));
        let closing = if closes { -before } else { 0.0 };
        let share = closing / fill.quantity;
        if closes {
            holding.take(closing, fill.price, fill.commission * share);
            found.push(holding.trade(fill.asset, Some(fill.time), before > 0.0));
            *holding = Holding::default();
        }
        let rest = fill.quantity - closing;
        if rest != 0.0 {
            if holding.quantity == 0.0 {
                holding.opened = fill.time;
            }
            holding.take(rest, fill.price, fill.commission * (1.0 - share));
        }
    }
    for (asset, _) in &performance.positions {
        let holding = &holdings[asset.index()];
        found.push(holding.trade(*asset, None, holding.quantity > 0.0));
    }
    found
}
