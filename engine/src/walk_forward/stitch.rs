//! Test stretches one after the other.

use crate::metrics::{Metrics, Track, Trades};

/// Sums over the test stretches.
#[derive(Debug, Default)]
pub(super) struct Stitch {
    pub(super) level: f64,
    pub(super) fills: u64,
    pub(super) trades: u64,
}

impl Stitch {
    /// Figures of the stitched curve. What needs single fills (turnover, exposure, win rate, profit
    /// factor) is left undefined.
    pub(super) fn metrics(&self, equity: &[f64], bars_per_year: f64) -> Metrics {
        let track = Track {
            equity,
            bars_per_year,
            traded: 0.0,
            fills: self.fills,
            bars_held: 0,
            trades: Trades::default(),
        };
        let metrics = Metrics::of(&track, &mut Vec::new());
        let (turnover, exposure) = (None, None);
        Metrics { turnover, exposure, trades: self.trades, ..metrics }
    }
}
