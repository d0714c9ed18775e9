//! What the order of trades has to do with a result.

use super::{needs, number};
use crate::Error;
use crate::stream::Stream;

/// Figures of a path of equity that depend on the order of the trades. Those that do not (total
/// profit, win rate, Sharpe ratio of the trades) are left out: under a shuffle they cannot change,
/// and a p-value of theirs would mean nothing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PathFigures {
    /// Deepest fall below an earlier high, as a share of it.
    pub max_drawdown: f64,
    /// Root mean square of the falls below the running high, each as a share of it.
    pub ulcer_index: f64,
    /// Longest run of losing trades.
    pub longest_losing_run: usize,
    /// Longest run of trades below an earlier high.
    pub longest_under_water: usize,
}

impl PathFigures {
    /// Computes the figures of a start equity (above zero) and the profits of trades in order.
    pub fn of(start: f64, profits: &[f64]) -> PathFigures {
        let (mut equity, mut peak, mut squares) = (start, start, 0.0);
        let mut figures = PathFigures {
            max_drawdown: 0.0,
            ulcer_index: 0.0,
            longest_losing_run: 0,
            longest_under_water: 0,
        };
        let (mut losing, mut under) = (0, 0);
        for profit in profits {
            equity += profit;
            losing = if *profit < 0.0 { losing + 1 } else { 0 };
            under = if equity < peak { under + 1 } else { 0 };
            peak = peak.max(equity);
            let fall = 1.0 - equity / peak;
            squares += fall * fall;
            figures.max_drawdown = figures.max_drawdown.max(fall);
            figures.longest_losing_run = figures.longest_losing_run.max(losing);
            figures.longest_under_water = figures.longest_under_water.max(under);
        }
        if !profits.is_empty() {
            figures.ulcer_index = (squares / number(profits.len())).sqrt();
        }
        figures
    }
}

/// The path as it was beside paths of the same trades in random order.
#[derive(Debug, Clone, PartialEq)]
pub struct TradeOrder {
    /// In the order in which they happened.
    pub observed: PathFigures,
    /// `(1 + number of shuffles at least as bad) / (1 + B)` of the drawdown.
    pub drawdown_p_value: f64,
    /// The same of the ulcer index.
    pub ulcer_p_value: f64,
    /// The same of the longest losing run.
    pub losing_run_p_value: f64,
    /// The same of the longest time under water.
    pub under_water_p_value: f64,
    /// Drawdowns of the shuffles, ascending: their upper quantiles are what to be ready for.
    pub drawdowns: Vec<f64>,
}

/// Shuffles the profits of closed trades `shuffles` times.
///
/// A small p-value says that the path was worse than its trades in most other orders: losses come
/// together.
///
/// # Errors
/// [`Error::Statistic`] for a start that is not above zero, no trade or no shuffle.
pub fn trade_order(
    start: f64,
    profits: &[f64],
    shuffles: usize,
    seed: u64,
) -> Result<TradeOrder, Error> {
    const NAME: &str = "a shuffle of trades";
    needs(start > 0.0, NAME, "a starting equity above zero", start)?;
    needs(!profits.is_empty(), NAME, "at least one closed trade", 0)?;
    needs(shuffles > 0, NAME, "at least one shuffle", 0)?;
    let observed = PathFigures::of(start, profits);
    let mut order = profits.to_vec();
    let mut drawdowns = Vec::with_capacity(shuffles);
    let mut counts = [0_usize; 4];
    for draw in 0..shuffles {
        Stream::new(seed, [u64::try_from(draw).unwrap_or(0), 1]).shuffle(&mut order);
        let figures = PathFigures::of(start, &order);
        let as_bad = [
            figures.max_drawdown >= observed.max_drawdown,
            figures.ulcer_index >= observed.ulcer_index,
            figures.longest_losing_run >= observed.longest_losing_run,
            figures.longest_under_water >= observed.longest_under_water,
        ];
        counts.iter_mut().zip(as_bad).for_each(|(count, as_bad)| *count += usize::from(as_bad));
        drawdowns.push(figures.max_drawdown);
    }
    drawdowns.sort_by(f64::total_cmp);
    let p = |count: usize| (1.0 + number(count)) / (1.0 + number(shuffles));
    let [drawdown, ulcer, losing, under] = counts.map(p);
    Ok(TradeOrder {
        observed,
        drawdown_p_value: drawdown,
        ulcer_p_value: ulcer,
        losing_run_p_value: losing,
        under_water_p_value: under,
        drawdowns,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_by_hand() {
        let figures = PathFigures::of(100.0, &[20.0, -12.0, -24.0, 30.0, 10.0, -5.0]);
        // Equity 120, 108, 84, 114, 124, 119.
        assert!((figures.max_drawdown - 0.3).abs() < 1e-15);
        assert_eq!((figures.longest_losing_run, figures.longest_under_water), (2, 3));
        let falls: [f64; 6] = [0.0, 0.1, 0.3, 0.05, 0.0, 5.0 / 124.0];
        let ulcer = (falls.iter().map(|fall| fall * fall).sum::<f64>() / 6.0).sqrt();
        assert!((figures.ulcer_index - ulcer).abs() < 1e-15);
    }

    #[test]
    fn losses_in_one_lump_are_noticed_and_spread_ones_are_not() {
        let lump: Vec<f64> = (0..40).map(|n| if n < 20 { -1.0 } else { 1.5 }).collect();
        let tested = trade_order(100.0, &lump, 500, 1).unwrap();
        assert!(tested.drawdown_p_value < 0.01 && tested.losing_run_p_value < 0.01, "{tested:?}");
        let spread: Vec<f64> = (0..40).map(|n| if n % 2 == 0 { -1.0 } else { 1.5 }).collect();
        let tested = trade_order(100.0, &spread, 500, 1).unwrap();
        assert!(tested.drawdown_p_value > 0.9 && tested.losing_run_p_value > 0.9, "{tested:?}");
        assert!(tested.drawdowns.is_sorted());
        // Never zero, whatever the number of shuffles.
        assert!(trade_order(100.0, &lump, 3, 1).unwrap().drawdown_p_value >= 0.25);
    }
}
