//! [`Tick`]: what changes from tick to tick of what a strategy written in Python sees, and the orders that it sends.

use barrow_engine::{AssetIdx, Change, Context as EngineContext};

use super::setup::Declared;

/// A copy of what the engine says of a tick. Lists have a member for each asset, in the order of the run.
#[derive(Debug, Default)]
pub(crate) struct Tick {
    pub(crate) now_ns: i64,
    pub(crate) elapsed: usize,
    pub(crate) cash: f64,
    pub(crate) initial_cash: f64,
    /// Bars so far.
    pub(crate) rows: Vec<usize>,
    pub(crate) active: Vec<bool>,
    pub(crate) positions: Vec<f64>,
    pub(crate) open: Vec<f64>,
    /// Of each declared series: the number of values kept, and those of each asset, one after the other.
    pub(crate) series: Vec<(usize, Vec<f64>)>,
    pub(crate) signals: Vec<Vec<Change>>,
    pub(crate) orders: Vec<(usize, f64)>,
    /// Whether orders are taken: while `on_bar` runs.
    pub(crate) is_open: bool,
    /// The asset that was asked about last.
    pub(crate) touched: Option<usize>,
}

/// Why an order is not taken.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Refused {
    /// `on_bar` is not running.
    Closed,
    /// The quantity is not finite.
    Quantity { at: usize, now_ns: i64, quantity: f64 },
}

impl Tick {
    /// Returns the tick before the first of a run over so many assets.
    pub(crate) fn of(assets: usize) -> Self {
        Self {
            rows: vec![0; assets],
            active: vec![false; assets],
            positions: vec![0.0; assets],
            open: vec![0.0; assets],
            ..Self::default()
        }
    }

    /// Copies what the engine says of a tick, and takes orders from now on.
    pub(crate) fn begin(
        &mut self,
        context: &EngineContext<'_>,
        handles: &[AssetIdx],
        declared: &Declared,
    ) {
        self.now_ns = context.now();
        self.elapsed = context.elapsed();
        self.cash = context.cash();
        self.initial_cash = context.initial_cash();
        for (at, asset) in handles.iter().enumerate() {
            self.rows[at] = context.bars_so_far(*asset);
            self.active[at] = context.has_bar(*asset);
            self.positions[at] = context.position(*asset);
            self.open[at] = context.open_quantity(*asset);
        }
        self.series.resize_with(declared.series.len(), Default::default);
        for ((series, keep), (kept, values)) in declared.series.iter().zip(&mut self.series) {
            *kept = *keep;
            values.clear();
            for asset in handles {
                let past = context.values(*asset, *series, *keep);
                values.resize(values.len() + keep - past.len(), f64::NAN);
                values.extend_from_slice(past);
            }
        }
        self.signals.resize_with(declared.signals.len(), Default::default);
        for (signal, changes) in declared.signals.iter().zip(&mut self.signals) {
            changes.clear();
            changes.extend_from_slice(context.changes(*signal));
        }
        self.orders.clear();
        (self.is_open, self.touched) = (true, None);
    }

    /// Takes an order of an asset.
    pub(crate) fn send(&mut self, at: usize, quantity: f64) -> Result<(), Refused> {
        if !self.is_open {
            return Err(Refused::Closed);
        }
        if !quantity.is_finite() {
            return Err(Refused::Quantity { at, now_ns: self.now_ns, quantity });
        }
        self.open[at] += quantity;
        self.orders.push((at, quantity));
        Ok(())
    }

    /// Takes an order that leaves an asset at a target once all that is open has filled.
    pub(crate) fn send_target(&mut self, at: usize, target: f64) -> Result<(), Refused> {
        self.send(at, target - (self.positions[at] + self.open[at]))
    }
}
