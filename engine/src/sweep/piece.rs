//! A run over several stretches of history, each with a fresh portfolio.

use super::crew::Deadline;
use super::report::Trial;
use crate::Error;
use crate::backtest::{Backtest, Desk};
use crate::metrics::{Metrics, Track, Trades};
use crate::portal::Portal;
use crate::strategy::Strategy;

/// One stretch of one trial, per unit of the equity it began with.
#[derive(Debug, Clone)]
pub(crate) struct Piece {
    equity: Vec<f64>,
    traded: f64,
    fills: u64,
    bars_held: u64,
    trades: Trades,
}

impl Piece {
    /// Runs a strategy over a portal.
    pub(crate) fn run(
        backtest: &Backtest,
        portal: &Portal<'_>,
        strategy: &mut dyn Strategy,
        deadline: Deadline,
    ) -> Result<Piece, Error> {
        let mut desk = Desk::take();
        desk.time_max = deadline;
        backtest.simulate(portal, strategy, &mut desk)?;
        desk.time_max = None;
        let cash = backtest.cash;
        let piece = Piece {
            equity: desk.equity.iter().map(|equity| equity / cash).collect(),
            traded: desk.book.portfolio.traded / cash,
            fills: desk.book.portfolio.fills.len() as u64,
            bars_held: desk.bars_held,
            trades: Trades {
                profit: desk.trades.profit / cash,
                loss: desk.trades.loss / cash,
                ..desk.trades
            },
        };
        desk.put_back();
        Ok(piece)
    }

    /// The memory that it holds.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Piece>() + self.equity.capacity() * size_of::<f64>()
    }
}

/// The pieces one after the other, each beginning with what the one before ended with: the trial, and its
/// equity at each bar.
pub(crate) fn stitch<'p>(
    cash: f64,
    id: u64,
    bars_per_year: f64,
    pieces: impl Iterator<Item = &'p Piece>,
) -> (Trial, Vec<f64>) {
    let mut equity = Vec::new();
    let (mut level, mut traded, mut fills, mut bars_held) = (cash, 0.0, 0, 0);
    let mut trades = Trades::default();
    for piece in pieces {
        equity.extend(piece.equity.iter().map(|part| part * level));
        traded += piece.traded * level;
        trades.profit += piece.trades.profit * level;
        trades.loss += piece.trades.loss * level;
        trades.closed += piece.trades.closed;
        trades.won += piece.trades.won;
        fills += piece.fills;
        bars_held += piece.bars_held;
        level *= piece.equity.last().copied().unwrap_or(1.0);
    }
    let track = Track { equity: &equity, bars_per_year, traded, fills, bars_held, trades };
    let metrics = Metrics::of(&track, &mut Vec::new());
    (Trial { index: id, metrics, final_equity: level, final_cash: level }, equity)
}
