//! The first bars of a period as a part of it: a continued trial goes on where it stopped.

use super::kept::Kept;
use super::piece::{Piece, stitch};
use super::report::Trial;
use super::terms::Deadline;
use crate::Error;
use crate::backtest::{Backtest, Desk, Outcome};
use crate::params::Params;
use crate::portal::Portal;
use crate::run::Run;
use crate::search::Ask;
use crate::strategy::Strategy;

/// Runs that stopped before the end of the period and may go on.
///
/// A budget takes its share of the ticks, from the first on. Its figures are those of the whole run up to
/// there; what a larger budget adds are the ticks after them, with the same portfolio, open orders and
/// strategy. So the largest is the whole run, to the last bit, and paid by differences. A run
/// that was let go of is run again from the start.
#[derive(Debug, Default)]
pub(super) struct Growing<'p> {
    paused: Kept<Paused<'p>>,
}

/// A run that stopped.
#[derive(Debug, Default)]
struct Paused<'p> {
    params: Params,
    /// The stretches that it has behind it.
    pieces: Vec<Piece>,
    /// The stretch in which it stopped; `None` between two.
    current: Option<Current<'p>>,
}

/// A run within a stretch.
struct Current<'p> {
    strategy: Box<dyn Strategy + Send>,
    desk: Box<Desk>,
    run: Run<'p>,
}

impl<'p> Growing<'p> {
    /// Tells whether a trial would be continued.
    pub(super) fn continues(&self, ask: &Ask) -> bool {
        ask.resumes.is_some_and(|id| self.paused.has(id))
    }

    /// Runs a strategy up to a budget, from where the trial that it continues stopped.
    pub(super) fn run(
        &self,
        backtest: &Backtest,
        stretches: &'p [Portal<'_>],
        make: &dyn Fn() -> Result<Box<dyn Strategy + Send>, Error>,
        ask: &Ask,
        deadline: Deadline,
    ) -> Result<Trial, Error> {
        let paused = ask.resumes.and_then(|id| self.paused.take(id));
        // An id that another run had is nothing to go on with.
        let paused = paused.filter(|paused| paused.params == ask.params);
        let fresh = || Paused { params: ask.params.clone(), ..Paused::default() };
        let mut paused = paused.unwrap_or_else(fresh);
        let mut left = ticks_of(stretches, ask.budget);
        let (mut last, mut open) = (Outcome::default(), None);
        for (at, portal) in stretches.iter().enumerate() {
            let period = portal.period();
            let ticks = left.min(period.end - period.start);
            left -= ticks;
            if ticks == 0 || at < paused.pieces.len() {
                continue;
            }
            let (outcome, piece) = paused.advance(backtest, portal, make, ticks, deadline)?;
            last = outcome;
            match paused.current {
                Some(_) => open = Some(piece),
                None => paused.pieces.push(piece),
            }
        }
        let trial = if stretches.len() == 1 {
            Trial::new(ask.id, &last)
        } else {
            let bars_per_year = stretches.first().map_or(1.0, Portal::bars_per_year);
            let pieces = paused.pieces.iter().chain(&open);
            stitch(backtest.cash, ask.id, bars_per_year, pieces).0
        };
        if paused.pieces.len() < stretches.len() {
            self.paused.put(ask.id, paused.bytes(), paused);
        }
        Ok(trial)
    }
}

impl<'p> Paused<'p> {
    /// Runs the stretch that it is at up to so many of its ticks: figures and equity so far.
    fn advance(
        &mut self,
        backtest: &Backtest,
        portal: &'p Portal<'_>,
        make: &dyn Fn() -> Result<Box<dyn Strategy + Send>, Error>,
        ticks: u32,
        deadline: Deadline,
    ) -> Result<(Outcome, Piece), Error> {
        let Current { mut strategy, mut desk, mut run } = match self.current.take() {
            Some(current) => current,
            None => Current::new(backtest, portal, make()?)?,
        };
        let period = portal.period();
        let end = period.start + ticks;
        desk.time_max = deadline;
        run.advance(backtest, portal, strategy.as_mut(), &mut desk, end)?;
        desk.time_max = None;
        if end < period.end {
            let (outcome, equity) = run.so_far(portal, &mut desk)?;
            let piece = Piece::of(backtest.cash, &equity, &desk);
            self.current = Some(Current { strategy, desk, run });
            return Ok((outcome, piece));
        }
        let outcome = run.finish(portal, &mut desk)?;
        let piece = Piece::of(backtest.cash, &desk.equity, &desk);
        desk.put_back();
        Ok((outcome, piece))
    }

    /// The memory that it holds, about.
    fn bytes(&self) -> usize {
        let pieces: usize = self.pieces.iter().map(Piece::bytes).sum();
        pieces + self.current.as_ref().map_or(0, |current| current.desk.bytes())
    }
}

impl<'p> Current<'p> {
    fn new(
        backtest: &Backtest,
        portal: &'p Portal<'_>,
        mut strategy: Box<dyn Strategy + Send>,
    ) -> Result<Current<'p>, Error> {
        let mut desk = Box::<Desk>::default();
        let run = Run::begin(backtest, portal, strategy.as_mut(), &mut desk)?;
        Ok(Current { strategy, desk, run })
    }
}

impl std::fmt::Debug for Current<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Current").field("run", &self.run).finish_non_exhaustive()
    }
}

/// The ticks of a budget: two at least, so that there is a return.
fn ticks_of(stretches: &[Portal<'_>], budget: f64) -> u32 {
    let ticks = stretches.iter().map(Portal::period).map(|p| p.end - p.start).sum();
    share_of(ticks, budget)
}

fn share_of(ticks: u32, budget: f64) -> u32 {
    // But for rounding of the budget itself.
    let wanted = libm::ceil(budget.clamp(0.0, 1.0) * f64::from(ticks) - 1e-6);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to `ticks`")]
    let wanted = wanted as u32;
    wanted.max(2).min(ticks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budgets_take_their_share_of_the_ticks() {
        let ticks = [1.0 / 81.0, 1.0 / 9.0, 1.0 / 3.0, 1.0].map(|budget| share_of(81, budget));
        assert_eq!(ticks, [2, 9, 27, 81]);
        assert_eq!((share_of(1, 0.1), share_of(10, 0.41)), (1, 5));
    }
}
