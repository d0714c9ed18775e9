//! Many points of a space over one walk of the bars.
//!
//! Where a strategy names its [`Driver`](crate::Driver), what it holds of an asset follows from that
//! asset alone. So the fills of an asset are found for all points of a block while its bars are in
//! the cache, without a clock, and only then put in the order of time for cash. Every sum has the
//! order that [`Backtest::run`](crate::Backtest::run) gives it, so the bits are the same.

use std::cell::Cell;

use super::driven::{Lane, Scratch};
use crate::Error;
use crate::backtest::Backtest;
use crate::portal::{Portal, Source};
use crate::setup::Setup;
use crate::strategy::Strategy;

thread_local! {
    /// The memory of this thread's last block.
    static LAST: Cell<Option<Box<Memory>>> = const { Cell::new(None) };
}

#[derive(Debug, Default)]
struct Memory {
    lanes: Vec<Lane>,
    scratch: Scratch,
}

/// A thread keeps no memory that is larger.
const KEPT_BYTES_MAX: usize = 64 << 20;

/// Runs strategies together and reads each lane: with the bars of a year and scratch memory. `None` for one
/// that this way cannot run: it has no driver, or something went wrong that the general way will name.
pub(super) fn run<T>(
    backtest: &Backtest,
    portal: &Portal<'_>,
    strategies: &mut [Box<dyn Strategy + Send>],
    read: impl Fn(&Lane, f64, &Scratch) -> Option<T>,
) -> Result<Vec<Option<T>>, Error> {
    let mut memory = LAST.take().unwrap_or_default();
    let Memory { lanes, scratch } = memory.as_mut();
    if lanes.len() < strategies.len() {
        lanes.resize_with(strategies.len(), Lane::default);
    }
    let period = portal.period();
    let mut declared = Vec::with_capacity(strategies.len());
    for strategy in strategies.iter_mut() {
        let cash_and_seed = (backtest.cash, backtest.seed);
        let mut setup = Setup::deferred(portal, &portal.assets, period.clone(), cash_and_seed);
        let started = strategy.on_start(&mut setup).is_ok();
        declared.push((started.then(|| strategy.driver()).flatten(), setup.finish().0));
    }
    let (open, close) = (portal.series(portal.open)?, portal.series(portal.close)?);
    for (lane, (driver, _)) in lanes.iter_mut().zip(&declared) {
        lane.reset(driver.is_some(), portal.assets.len());
    }
    for (at, asset) in portal.assets.iter().enumerate() {
        let drivers = declared.iter().zip(strategies.iter());
        for (lane, ((driver, declared), strategy)) in lanes.iter_mut().zip(drivers) {
            let Some(driver) = driver.filter(|_| lane.is_well()) else { continue };
            let source = declared.driven_by(driver, at);
            scratch.find_fills(backtest, strategy.as_ref(), source, &period, asset, at, open[at]);
            lane.take(scratch);
        }
    }
    let gapped = portal.assets.iter().any(|asset| asset.place.has_gaps());
    let lanes = &mut lanes[..strategies.len()];
    for lane in lanes.iter_mut().filter(|lane| lane.is_well()) {
        lane.book_cash(backtest.cash, &period, gapped, scratch);
    }
    for (at, asset) in portal.assets.iter().enumerate() {
        for lane in lanes.iter_mut().filter(|lane| lane.is_well()) {
            lane.mark(at, asset, &period, close[at]);
        }
    }
    let bars_per_year = portal.bars_per_year();
    let outcomes = lanes.iter().map(|lane| read(lane, bars_per_year, scratch)).collect();
    let bytes = memory.lanes.iter().map(Lane::bytes).sum::<usize>();
    if bytes + memory.scratch.bytes() <= KEPT_BYTES_MAX {
        LAST.set(Some(memory));
    }
    Ok(outcomes)
}
