//! A run over several stretches of history, each with a fresh portfolio.

use super::report::Trial;
use super::terms::Deadline;
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
        let piece = Piece::of(backtest.cash, &desk.equity, &desk);
        desk.put_back();
        Ok(piece)
    }

    /// What a run left on its desk, and its equity.
    pub(super) fn of(cash: f64, equity: &[f64], desk: &Desk) -> Piece {
        let portfolio = &desk.book.portfolio;
        let fills = portfolio.fills.len() as u64;
        Piece::new(cash, equity, (portfolio.traded, fills), desk.bars_held, &desk.trades)
    }

    /// A run's equity, traded worth and number of fills, bars with a position, and trades.
    pub(super) fn new(
        cash: f64,
        equity: &[f64],
        (traded, fills): (f64, u64),
        bars_held: u64,
        trades: &Trades,
    ) -> Piece {
        Piece {
            equity: equity.iter().map(|equity| equity / cash).collect(),
            traded: traded / cash,
            fills,
            bars_held,
            trades: Trades { profit: trades.profit / cash, loss: trades.loss / cash, ..*trades },
        }
    }

    /// The run from a bar on, per unit of the equity before it. What it traded is not cut.
    pub(crate) fn after(mut self, bars: usize) -> Piece {
        if let Some(before) = bars.checked_sub(1).and_then(|last| self.equity.get(last).copied()) {
            self.equity.drain(..bars);
            self.equity.iter_mut().for_each(|equity| *equity /= before);
        }
        self
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
