//! Performance figures of one run, from its equity curve and its fills.
//!
//! Notation: `E[0..n]` is the equity at the close of each tick of the clock, `r[t] = E[t] / E[t-1] - 1`
//! for `t >= 1`, `m` the number of those returns, `A` the bars of a year (see
//! [`bars_per_year`](crate::bars_per_year)). No order can fill on the first tick, so `E[0]` is the
//! starting cash and no return is lost. The risk-free rate is zero. Sums run in ascending time.
//!
//! A figure that is undefined (too few bars, a division by zero, an equity that was not above zero
//! where a return needs it) is `None`, which is `null` in JSON; no figure is ever NaN or infinite.

use serde::Serialize;

/// The figures of one run. Of fixed size, so a sweep keeps one for each trial.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Metrics {
    /// `E[n-1] / E[0] - 1`.
    pub total_return: Option<f64>,
    /// Compound rate: `(E[n-1] / E[0]) ^ (A / m) - 1`. `None` without a return or when the final
    /// equity is not above zero. Source: CFA Institute, GIPS, "annualised return".
    pub annual_return: Option<f64>,
    /// Sample standard deviation (`m - 1` in the denominator) of `r`, times `sqrt(A)`.
    pub volatility: Option<f64>,
    /// `mean(r) / sd(r) x sqrt(A)`, `sd` as in volatility; `None` when it is zero.
    /// Source: Sharpe (1994), "The Sharpe Ratio", with a benchmark of zero.
    pub sharpe: Option<f64>,
    /// `mean(r) / sqrt(mean(min(r, 0)^2)) x sqrt(A)`, both means over all `m` returns; `None`
    /// without a loss. Source: Sortino and Price (1994), with a target of zero.
    pub sortino: Option<f64>,
    /// The deepest fall below an earlier high, `max(1 - E[t] / max(E[0..=t]))`: 0.25 is a loss of
    /// a quarter, 0 none at all.
    pub max_drawdown: Option<f64>,
    /// Bars from the high before the deepest fall (the first such, if several are equally deep) to
    /// the first bar that is as high again, or to the last bar when none is.
    pub max_drawdown_length: u64,
    /// `annual_return / max_drawdown`; `None` without a drawdown. Source: Young (1991).
    pub calmar: Option<f64>,
    /// How often a year the portfolio was turned over: half the sum of `|quantity x price|` over
    /// all fills, divided by the mean of `E` and by the `m / A` years.
    pub turnover: Option<f64>,
    /// Share of bars whose close found at least one open position, long or short: 0 to 1.
    pub exposure: Option<f64>,
    /// Closed trades with a profit, divided by all closed trades. A trade runs from flat to flat
    /// in one asset (a fill through zero ends one and starts the next), its profit counts
    /// commissions; a trade still open at the end does not count.
    pub win_rate: Option<f64>,
    /// Sum of the profits of closed trades divided by the sum of their losses; `None` without a
    /// loss.
    pub profit_factor: Option<f64>,
    /// Number of closed trades.
    pub trades: u64,
    /// Number of fills.
    pub fills: u64,
}

/// What the figures are computed from.
#[derive(Debug, Clone, Copy)]
pub struct Track<'a> {
    /// Equity at the close of each tick, quote currency, oldest first.
    pub equity: &'a [f64],
    /// Bars of a year.
    pub bars_per_year: f64,
    /// Sum of `|quantity x price|` over all fills.
    pub traded: f64,
    /// Number of fills.
    pub fills: u64,
    /// Ticks at whose close a position was open.
    pub bars_held: u64,
    /// Closed trades.
    pub trades: Trades,
}

/// Closed trades, counted and summed.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Trades {
    /// How many were closed.
    pub closed: u64,
    /// How many of them made a profit.
    pub won: u64,
    /// Sum of the profits, quote currency.
    pub profit: f64,
    /// Sum of the losses as a positive number, quote currency.
    pub loss: f64,
}

impl Metrics {
    /// Computes the figures; `returns` is scratch whose content does not matter. Linear in the
    /// length of the curve, no allocation once `returns` has grown.
    pub fn of(track: &Track<'_>, returns: &mut Vec<f64>) -> Metrics {
        let mut metrics = Metrics {
            win_rate: ratio(count(track.trades.won), count(track.trades.closed)),
            profit_factor: ratio(track.trades.profit, track.trades.loss),
            exposure: ratio(count(track.bars_held), count(track.equity.len() as u64)),
            trades: track.trades.closed,
            fills: track.fills,
            ..Metrics::default()
        };
        let (Some(first), Some(last)) = (track.equity.first(), track.equity.last()) else {
            return metrics;
        };
        let per_year = track.bars_per_year;
        metrics.total_return = finite(last / first - 1.0).filter(|_| *first > 0.0);
        let drawdown = deepest_drawdown(track.equity);
        metrics.max_drawdown = drawdown.map(|(depth, _)| depth);
        metrics.max_drawdown_length = drawdown.map_or(0, |(_, length)| length);
        if !simple_returns(track.equity, returns) {
            return metrics;
        }
        let m = count(returns.len() as u64);
        let years = m / per_year;
        if *last > 0.0 {
            metrics.annual_return = finite((last / first).powf(1.0 / years) - 1.0);
        }
        metrics.calmar = metrics
            .annual_return
            .zip(metrics.max_drawdown)
            .and_then(|(annual, depth)| ratio(annual, depth));
        let mean_equity = track.equity.iter().sum::<f64>() / count(track.equity.len() as u64);
        metrics.turnover =
            ratio(track.traded / 2.0, mean_equity * years).filter(|_| mean_equity > 0.0);
        let mean = returns.iter().sum::<f64>() / m;
        let below = returns.iter().map(|r| r.min(0.0) * r.min(0.0)).sum::<f64>() / m;
        metrics.sortino = ratio(mean, below.sqrt()).and_then(|s| finite(s * per_year.sqrt()));
        if returns.len() >= 2 {
            let squares = returns.iter().map(|r| (r - mean) * (r - mean)).sum::<f64>();
            let sd = (squares / (m - 1.0)).sqrt();
            metrics.volatility = finite(sd * per_year.sqrt());
            // A constant return has a deviation of rounding errors alone.
            let constant = returns.iter().all(|r| *r == returns[0]);
            metrics.sharpe =
                ratio(mean, sd).filter(|_| !constant).and_then(|s| finite(s * per_year.sqrt()));
            if constant {
                metrics.volatility = Some(0.0);
            }
        }
        metrics
    }
}

/// Fills `returns` with `r`; false when there is none or an equity before one is not above zero.
fn simple_returns(equity: &[f64], returns: &mut Vec<f64>) -> bool {
    returns.clear();
    returns.extend(equity.windows(2).map(|pair| pair[1] / pair[0] - 1.0));
    let earlier = &equity[..equity.len().saturating_sub(1)];
    !returns.is_empty() && earlier.iter().all(|e| *e > 0.0) && returns.iter().all(|r| r.is_finite())
}

/// The deepest fall below an earlier high and its length in bars up to recovery or the end.
/// `None` for a curve that is empty, not finite or does not start above zero.
fn deepest_drawdown(equity: &[f64]) -> Option<(f64, u64)> {
    let mut peak = *equity.first().filter(|first| **first > 0.0)?;
    let (mut peak_at, mut deepest, mut deepest_peak_at) = (0, 0.0, 0);
    let mut deepest_ends = None;
    for (at, value) in equity.iter().enumerate() {
        if *value >= peak {
            if deepest > 0.0 && deepest_peak_at == peak_at && deepest_ends.is_none() {
                deepest_ends = Some(at);
            }
            (peak, peak_at) = (*value, at);
        } else {
            let depth = 1.0 - value / peak;
            if !depth.is_finite() {
                return None;
            }
            if depth > deepest {
                (deepest, deepest_peak_at, deepest_ends) = (depth, peak_at, None);
            }
        }
    }
    if deepest == 0.0 {
        return Some((0.0, 0));
    }
    let end = deepest_ends.unwrap_or(equity.len() - 1);
    Some((deepest, (end - deepest_peak_at) as u64))
}

fn ratio(numerator: f64, denominator: f64) -> Option<f64> {
    if denominator == 0.0 { None } else { finite(numerator / denominator) }
}

fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

#[expect(clippy::cast_precision_loss, reason = "counts of bars and trades lie far below 2^53")]
fn count(n: u64) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(equity: &[f64], bars_per_year: f64) -> Metrics {
        let track = Track {
            equity,
            bars_per_year,
            traded: 0.0,
            fills: 0,
            bars_held: 0,
            trades: Trades::default(),
        };
        Metrics::of(&track, &mut Vec::new())
    }

    #[track_caller]
    fn close(actual: Option<f64>, expected: f64) {
        let actual = actual.unwrap();
        assert!(
            (actual - expected).abs() <= 1e-12 * expected.abs().max(1.0),
            "{actual} {expected}"
        );
    }

    #[test]
    fn four_bars_by_hand() {
        // Returns +10 %, -10 %, +20 %.
        let metrics = of(&[100.0, 110.0, 99.0, 118.8], 252.0);
        close(metrics.total_return, 0.188);
        close(metrics.annual_return, 1.188_f64.powf(84.0) - 1.0);
        // mean 1/15, deviations 1/30, -1/6, 2/15: squares sum to 42/900.
        let sd = (42.0_f64 / 900.0 / 2.0).sqrt();
        close(metrics.volatility, sd * 252.0_f64.sqrt());
        close(metrics.sharpe, (1.0 / 15.0) / sd * 252.0_f64.sqrt());
        close(metrics.sortino, (1.0 / 15.0) / (0.01_f64 / 3.0).sqrt() * 252.0_f64.sqrt());
        close(metrics.max_drawdown, 0.1);
        assert_eq!(metrics.max_drawdown_length, 2);
        close(metrics.calmar, (1.188_f64.powf(84.0) - 1.0) / 0.1);
    }

    #[test]
    fn empty_single_and_constant_curves_have_nulls_and_zeros() {
        assert_eq!(of(&[], 252.0), Metrics::default());
        let one = of(&[100.0], 252.0);
        assert_eq!((one.total_return, one.max_drawdown), (Some(0.0), Some(0.0)));
        assert_eq!((one.annual_return, one.sharpe, one.volatility), (None, None, None));
        let flat = of(&[100.0; 10], 252.0);
        assert_eq!((flat.total_return, flat.annual_return), (Some(0.0), Some(0.0)));
        assert_eq!((flat.volatility, flat.max_drawdown), (Some(0.0), Some(0.0)));
        assert_eq!((flat.sharpe, flat.sortino, flat.calmar), (None, None, None));
        assert_eq!((flat.win_rate, flat.profit_factor), (None, None));
        assert_eq!(flat.exposure, Some(0.0));
    }

    #[test]
    fn a_steady_rise_has_no_sharpe_and_no_drawdown() {
        let metrics = of(&[1.0, 2.0, 4.0, 8.0], 4.0);
        assert_eq!((metrics.sharpe, metrics.sortino, metrics.calmar), (None, None, None));
        assert_eq!((metrics.volatility, metrics.max_drawdown), (Some(0.0), Some(0.0)));
        close(metrics.annual_return, 15.0);
    }

    #[test]
    fn ruin_leaves_the_ratios_undefined() {
        let metrics = of(&[100.0, 50.0, -10.0, 20.0], 252.0);
        close(metrics.max_drawdown, 1.1);
        close(metrics.total_return, -0.8);
        assert_eq!((metrics.annual_return, metrics.sharpe, metrics.turnover), (None, None, None));
        let total = of(&[100.0, 0.0], 252.0);
        assert_eq!((total.total_return, total.annual_return), (Some(-1.0), None));
        assert_eq!(of(&[100.0, f64::NAN, 100.0], 252.0).sharpe, None);
    }

    #[test]
    fn the_length_belongs_to_the_deepest_drawdown() {
        // A shallow long one first, then a deep one that recovers after three bars.
        let metrics = of(&[100.0, 95.0, 96.0, 97.0, 100.0, 120.0, 60.0, 90.0, 120.0, 119.0], 1.0);
        close(metrics.max_drawdown, 0.5);
        assert_eq!(metrics.max_drawdown_length, 3);
        // Unrecovered: to the last bar.
        assert_eq!(of(&[100.0, 120.0, 60.0, 90.0], 1.0).max_drawdown_length, 2);
        // Equally deep twice: the first.
        assert_eq!(of(&[100.0, 50.0, 100.0, 60.0, 50.0, 100.0], 1.0).max_drawdown_length, 2);
    }

    #[test]
    fn turnover_exposure_and_trades_by_hand() {
        let track = Track {
            equity: &[100.0, 100.0, 110.0, 90.0, 100.0],
            bars_per_year: 8.0,
            traded: 400.0,
            fills: 6,
            bars_held: 2,
            trades: Trades { closed: 4, won: 3, profit: 30.0, loss: 12.0 },
        };
        let metrics = Metrics::of(&track, &mut Vec::new());
        close(metrics.turnover, 200.0 / 100.0 / 0.5);
        close(metrics.exposure, 0.4);
        close(metrics.win_rate, 0.75);
        close(metrics.profit_factor, 2.5);
        assert_eq!((metrics.trades, metrics.fills), (4, 6));
    }
}
