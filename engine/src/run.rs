//! A run under way: it may stop at any tick and go on later.

use crate::Error;
use crate::backtest::{Backtest, Desk, Outcome};
use crate::context::{Context, View};
use crate::portal::{Portal, Source};
use crate::setup::{Declared, Setup};
use crate::strategy::Strategy;

/// What a run has besides its strategy and its desk, which are the same from call to call.
///
/// It is always a run over the whole period of its portal: what it has done up to a tick are the
/// first bars of the whole, to the last bit.
#[derive(Debug)]
pub(crate) struct Run<'p> {
    declared: Declared<'p>,
    /// The next tick.
    next: u32,
    bars_held: u64,
}

impl<'p> Run<'p> {
    /// Clears the desk and lets the strategy declare what it reads.
    pub(crate) fn begin(
        backtest: &Backtest,
        portal: &'p Portal<'_>,
        strategy: &mut dyn Strategy,
        desk: &mut Desk,
    ) -> Result<Run<'p>, Error> {
        backtest.check()?;
        let (assets, period) = (portal.assets.as_slice(), portal.period());
        // Refused here, before any work.
        portal.series(portal.open)?;
        portal.series(portal.close)?;
        desk.book.reset(assets.len(), backtest.cash);
        desk.equity.clear();
        let cash_and_seed = (backtest.cash, backtest.seed);
        let next = period.start;
        let spare = std::mem::take(&mut desk.spare);
        let mut setup = Setup::new(portal, assets, period, cash_and_seed, spare);
        let started = strategy.on_start(&mut setup);
        let (declared, spare) = setup.finish();
        desk.spare = spare;
        started?;
        Ok(Run { declared, next, bars_held: 0 })
    }

    /// Runs all ticks before `end`.
    pub(crate) fn advance(
        &mut self,
        backtest: &Backtest,
        portal: &Portal<'_>,
        strategy: &mut dyn Strategy,
        desk: &mut Desk,
        end: u32,
    ) -> Result<(), Error> {
        let open = portal.series(portal.open)?;
        let series = self.declared.series_by_asset();
        let view = View {
            assets: portal.assets.as_slice(),
            times: portal.all_times(),
            period: portal.period(),
            close: portal.series(portal.close)?,
            declared: &self.declared,
            series: &series,
            initial_cash: backtest.cash,
        };
        let mut context = Context::new(view, &mut desk.book);
        let mut bars_held = self.bars_held;
        for tick in self.next..end {
            context.book.blotter.take_due(tick, &mut desk.due);
            // Read first, then booked: the opens of many assets lie far apart in memory, and loads
            // that wait for nothing else wait together.
            desk.opens.clear();
            desk.opens.extend(desk.due.iter().map(|order| open[order.asset.index()][order.row]));
            for (order, opens_at) in desk.due.iter().zip(&desk.opens) {
                let filled = backtest.fill(*order, *opens_at, tick, portal)?;
                context.book.portfolio.fill(filled);
            }
            context.move_to(tick);
            strategy.on_bar(&mut context)?;
            if let Some((began, time_max)) = desk.time_max
                && began.elapsed() > time_max
            {
                return Err(Error::TooSlow { limit: time_max, time: context.now() });
            }
            desk.equity.push(context.book.portfolio.cash);
            bars_held += u64::from(context.book.portfolio.held > 0);
        }
        (self.next, self.bars_held) = (end, bars_held);
        Ok(())
    }

    /// Figures and equity of what was run so far; the run may go on.
    pub(crate) fn so_far(
        &self,
        portal: &Portal<'_>,
        desk: &mut Desk,
    ) -> Result<(Outcome, Vec<f64>), Error> {
        let cash = desk.equity.clone();
        let outcome = desk.account(portal, portal.period().start..self.next, self.bars_held);
        let equity = std::mem::replace(&mut desk.equity, cash);
        Ok((outcome?, equity))
    }

    /// The figures of the whole run. Cash at each tick becomes equity.
    pub(crate) fn finish(self, portal: &Portal<'_>, desk: &mut Desk) -> Result<Outcome, Error> {
        let Declared { mut signals, .. } = self.declared;
        desk.spare.changes.append(&mut signals);
        desk.account(portal, portal.period().start..self.next, self.bars_held)
    }
}
