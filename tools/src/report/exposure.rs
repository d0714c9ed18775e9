//! The worth of positions over time, and what each asset earned.

use barrow_engine::{Fill, Performance};
use barrow_store::{Error, Lease};

use super::Point;

/// Long and short positions as shares of equity, at the times of the equity curve; short is negative.
pub(super) struct Exposure {
    pub(super) long: Vec<Point>,
    pub(super) short: Vec<Point>,
}

/// What one asset did in a run.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct AssetResult {
    pub(super) symbol: String,
    pub(super) fills: usize,
    /// Position at the end.
    pub(super) position: f64,
    /// Last close within the run; `NaN` without one.
    pub(super) close: f64,
    pub(super) commission: f64,
    /// Sales less purchases less commissions, and the position at the last close.
    pub(super) profit: f64,
}

/// Marks the positions of a run at the close of each tick, as the engine did. Reads the closes of the
/// assets that were traded, once.
///
/// # Errors
/// When the bundle cannot be read.
pub(super) fn marked(
    performance: &Performance,
    lease: &Lease,
) -> Result<(Exposure, Vec<AssetResult>), Error> {
    let ticks = performance.equity.len();
    let (mut long, mut short) = (vec![0.0; ticks], vec![0.0; ticks]);
    let mut by_asset: Vec<Vec<&Fill>> = vec![Vec::new(); performance.symbols.len()];
    for fill in &performance.fills {
        by_asset[fill.asset.index()].push(fill);
    }
    let mut results = Vec::new();
    for (symbol, fills) in performance.symbols.iter().zip(&by_asset) {
        if fills.is_empty() {
            continue;
        }
        let bars = lease.bars(lease.asset(symbol)?);
        let (time, close) = (bars.times()?, bars.f64("close")?);
        let (mut bar, mut fill, mut held) = (0, 0, 0.0);
        let mut last_close = f64::NAN;
        for (tick, (now, _)) in performance.equity.iter().enumerate() {
            while time.get(bar).is_some_and(|at| at <= now) {
                last_close = close[bar];
                bar += 1;
            }
            while fills.get(fill).is_some_and(|fill| fill.time <= *now) {
                held += fills[fill].quantity;
                fill += 1;
            }
            if held > 0.0 {
                long[tick] += held * last_close;
            } else if held < 0.0 {
                short[tick] += held * last_close;
            }
        }
        let flows: f64 =
            fills.iter().map(|fill| -fill.quantity * fill.price - fill.commission).sum();
        let worth = if held == 0.0 { 0.0 } else { held * last_close };
        results.push(AssetResult {
            symbol: symbol.clone(),
            fills: fills.len(),
            position: held,
            close: last_close,
            commission: fills.iter().map(|fill| fill.commission).sum(),
            profit: flows + worth,
        });
    }
    let share = |worth: Vec<f64>| -> Vec<Point> {
        let shares = performance.equity.iter().zip(worth);
        shares.map(|((time, equity), worth)| (*time, worth / equity)).collect()
    };
    Ok((Exposure { long: share(long), short: share(short) }, results))
}
