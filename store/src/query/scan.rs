//! Scans: the rows of a unit that meet the filter, block by block, with blocks skipped that cannot have any.

use std::ops::{ControlFlow, Range};

use barrow_format::{Asset, Bound, Stats};

use super::Skipping;
use super::bounds::{Known, Verdict};
use super::frame::Frame;
use super::plan::Planned;
use crate::error::Result;
use crate::reading::span::{BLOCK_ROWS, blocks};

/// Rows of a block that count: all of them, or those that a mask keeps.
pub(super) type Holds<'a> = Option<&'a [bool]>;

/// Takes a block's rows, and says whether to go on.
pub(super) type Take<'a> = dyn FnMut(Range<usize>, Holds<'_>) -> Result<ControlFlow<()>> + 'a;

/// In which direction blocks are taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Direction {
    OldestFirst,
    NewestFirst,
}

impl Planned {
    /// Hands the rows that meet the filter to `take`, block by block; blocks without any are left out.
    pub(super) fn scan(
        &self,
        place: usize,
        frame: &Frame<'_>,
        rows: Range<usize>,
        direction: Direction,
        take: &mut Take<'_>,
    ) -> Result<()> {
        let judge = Judge::new(self, place)?;
        let blocks = blocks(rows);
        let mut step = |block: Range<usize>| {
            let holds = match (&self.filter, judge.verdict(&block)) {
                (_, Verdict::Never) => return Ok(ControlFlow::Continue(())),
                (None, _) | (_, Verdict::Always) => None,
                (Some(filter), Verdict::Maybe) => Some(filter.eval(frame, block.clone())),
            };
            frame.check()?;
            if holds.as_ref().is_some_and(|holds| !holds.contains(&true)) {
                return Ok(ControlFlow::Continue(()));
            }
            let flow = take(block, holds.as_deref())?;
            frame.check()?;
            Ok(flow)
        };
        let flow = |flow: Result<ControlFlow<()>>| match flow {
            Ok(ControlFlow::Continue(())) => ControlFlow::Continue(()),
            Ok(ControlFlow::Break(())) => ControlFlow::Break(Ok(())),
            Err(error) => ControlFlow::Break(Err(error)),
        };
        let ended = match direction {
            Direction::OldestFirst => blocks.into_iter().try_for_each(|block| flow(step(block))),
            Direction::NewestFirst => blocks.rev().try_for_each(|block| flow(step(block))),
        };
        match ended {
            ControlFlow::Break(result) => result,
            ControlFlow::Continue(()) => Ok(()),
        }
    }
}

/// Tells from statistics whether blocks of an asset can meet the filter.
pub(super) struct Judge<'p> {
    planned: &'p Planned,
    symbol: &'p str,
    /// Of the whole series.
    pub(super) whole: Verdict,
    /// Place of each column that the filter reads, with the statistics of its zones: one, if it is short.
    zones: Vec<(usize, Vec<Stats>)>,
}

impl<'p> Judge<'p> {
    pub(super) fn new(planned: &'p Planned, place: usize) -> Result<Self> {
        let asset = planned.assets[place];
        let symbol = planned.lease.symbol(asset);
        let mut this = Self { planned, symbol, whole: Verdict::Maybe, zones: Vec::new() };
        let Some(filter) = &planned.filter else {
            this.whole = Verdict::Always;
            return Ok(this);
        };
        // Statistics are of the bars as they are stored.
        if planned.skipping == Skipping::Off || planned.resample.is_some() {
            return Ok(this);
        }
        let stored = planned.schema().columns().len();
        let places: Vec<usize> = planned.filtered.iter().copied().filter(|p| *p < stored).collect();
        let mut series = Vec::with_capacity(places.len());
        for place in &places {
            series.push((*place, vec![planned.series_stats(*place, asset)?]));
        }
        this.zones = series;
        this.whole = filter.verdict(&At { judge: &this, zone: 0 });
        if this.whole == Verdict::Maybe && asset.rows() > BLOCK_ROWS {
            for (place, zones) in &mut this.zones {
                *zones = planned.zone_stats(*place, asset)?;
            }
        }
        Ok(this)
    }

    /// Whether the filter can hold in a block.
    pub(super) fn verdict(&self, block: &Range<usize>) -> Verdict {
        match (&self.planned.filter, self.whole) {
            (Some(filter), Verdict::Maybe) if !self.zones.is_empty() => {
                filter.verdict(&At { judge: self, zone: block.start / BLOCK_ROWS })
            }
            (_, whole) => whole,
        }
    }
}

impl Planned {
    fn series_stats(&self, place: usize, asset: Asset) -> Result<Stats> {
        let snapshot = self.lease.snapshot();
        snapshot.bundle().series_stats(place, asset).map_err(|error| snapshot.corrupt(error))
    }

    /// Statistics of the zones of a series; of all of it where it has none.
    fn zone_stats(&self, place: usize, asset: Asset) -> Result<Vec<Stats>> {
        let snapshot = self.lease.snapshot();
        let zones = snapshot.bundle().series_zones(place, asset);
        let zones = zones.map_err(|error| snapshot.corrupt(error))?;
        let zones: Vec<Stats> = zones.map(|(_, stats)| stats).collect();
        Ok(if zones.is_empty() { vec![self.series_stats(place, asset)?] } else { zones })
    }
}

/// One zone of an asset, as statistics know it.
struct At<'j> {
    judge: &'j Judge<'j>,
    zone: usize,
}

impl Known for At<'_> {
    fn stats(&self, place: usize) -> Option<Stats> {
        let (_, zones) = self.judge.zones.iter().find(|(column, _)| *column == place)?;
        // One record stands for all rows.
        if let [all] = zones[..] { Some(all) } else { zones.get(self.zone).copied() }
    }

    fn times(&self) -> Option<(i64, i64)> {
        match self.stats(0)?.bounds? {
            (Bound::Int(first), Bound::Int(last)) => Some((first, last)),
            _ => None,
        }
    }

    fn symbol(&self) -> &str {
        self.judge.symbol
    }
}
