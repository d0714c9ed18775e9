//! The first bars of a period as a part of it: a continued trial goes on where it stopped.

use std::ops::Range;

use super::crew::Deadline;
use super::kept::Kept;
use super::report::Trial;
use crate::Error;
use crate::backtest::{Backtest, Desk};
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
struct Paused<'p> {
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
        portal: &'p Portal<'_>,
        make: &dyn Fn() -> Result<Box<dyn Strategy + Send>, Error>,
        ask: &Ask,
        deadline: Deadline,
    ) -> Result<Trial, Error> {
        let mut paused = match ask.resumes.and_then(|id| self.paused.take(id)) {
            Some(paused) => paused,
            None => Paused::new(backtest, portal, make()?)?,
        };
        let period = portal.period();
        let end = end_of(&period, ask.budget);
        let Paused { strategy, desk, run } = &mut paused;
        desk.time_max = deadline;
        run.advance(backtest, portal, strategy.as_mut(), desk, end)?;
        desk.time_max = None;
        if end < period.end {
            let outcome = run.so_far(portal, desk)?;
            self.paused.put(ask.id, paused.desk.bytes(), paused);
            return Ok(Trial::new(ask.id, &outcome));
        }
        let Paused { mut desk, run, .. } = paused;
        let outcome = run.finish(portal, &mut desk)?;
        desk.put_back();
        Ok(Trial::new(ask.id, &outcome))
    }
}

impl<'p> Paused<'p> {
    fn new(
        backtest: &Backtest,
        portal: &'p Portal<'_>,
        mut strategy: Box<dyn Strategy + Send>,
    ) -> Result<Paused<'p>, Error> {
        let mut desk = Box::<Desk>::default();
        let run = Run::begin(backtest, portal, strategy.as_mut(), &mut desk)?;
        Ok(Paused { strategy, desk, run })
    }
}

impl std::fmt::Debug for Paused<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Paused").field("run", &self.run).finish_non_exhaustive()
    }
}

/// The tick at which a budget ends: behind the second at least, so that there is a return.
fn end_of(period: &Range<u32>, budget: f64) -> u32 {
    let ticks = period.end - period.start;
    // But for rounding of the budget itself.
    let wanted = libm::ceil(budget.clamp(0.0, 1.0) * f64::from(ticks) - 1e-6);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to `ticks`")]
    let wanted = wanted as u32;
    period.start + wanted.max(2).min(ticks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budgets_end_where_their_share_of_the_ticks_does() {
        let ends = [1.0 / 81.0, 1.0 / 9.0, 1.0 / 3.0, 1.0].map(|budget| end_of(&(10..91), budget));
        assert_eq!(ends, [12, 19, 37, 91]);
        assert_eq!((end_of(&(5..6), 0.1), end_of(&(0..10), 0.41)), (6, 5));
    }
}
