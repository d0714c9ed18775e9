//! Groups of rows, and what aggregates tell of each.

use std::borrow::Cow;
use std::ops::{ControlFlow, Range};

use barrow_format::ValuesBuf;

use super::aggregate::{Aggregate, Cell, Kind, Rows};
use super::batch::Batch;
use super::frame::Frame;
use super::plan::{Planned, Unit};
use super::scan::{Direction, Holds};
use super::sessions::Periods;
use crate::error::Result;

/// How rows are grouped.
#[derive(Debug)]
pub(super) struct Grouping {
    pub(super) by_asset: bool,
    /// `None`: whatever the time.
    pub(super) periods: Option<Periods>,
    pub(super) aggregates: Vec<Aggregate>,
}

/// The rows of one asset, or of all, in one period, or in all.
#[derive(Clone, Debug)]
pub(super) struct Group {
    /// Place among the plan's assets; 0 where rows are not grouped by asset.
    asset: usize,
    /// Place among the periods; 0 without.
    period: usize,
    cells: Vec<Cell>,
}

/// The rows of a block with what the aggregates are of.
struct Block<'a> {
    rows: usize,
    /// Their timestamps; none where no aggregate and no period asks for them.
    time: Cow<'a, [i64]>,
    holds: Holds<'a>,
    values: Vec<[Option<Cow<'a, [f64]>>; 2]>,
}

impl Grouping {
    /// Places of groups that are not by asset.
    fn slots(&self) -> usize {
        self.periods.as_ref().map_or(1, |periods| periods.labels.len())
    }

    fn group(&self, asset: usize, period: usize) -> Group {
        let cells = self.aggregates.iter().map(|aggregate| Cell::new(aggregate.kind)).collect();
        Group { asset, period, cells }
    }

    /// Evaluates what the aggregates are of.
    fn block<'a>(&self, frame: &'a Frame<'_>, rows: Range<usize>, holds: Holds<'a>) -> Block<'a> {
        let each = |aggregate: &Aggregate| {
            [&aggregate.inner, &aggregate.weight].map(|number| {
                let number = number.as_ref()?;
                Some(number.eval(frame, rows.clone()).into_each(rows.len()))
            })
        };
        let values = self.aggregates.iter().map(each).collect();
        let needs_time = self.periods.is_some()
            || self.aggregates.iter().any(|it| matches!(it.kind, Kind::First | Kind::Last));
        let len = rows.len();
        let time = if needs_time { frame.times(rows) } else { Cow::Borrowed(&[][..]) };
        Block { rows: len, time, holds, values }
    }

    /// Deals the rows of a block out to groups. `found` has them in order, by asset, or by slot.
    fn deal(&self, place: usize, block: &Block<'_>, found: &mut Vec<Option<Group>>) {
        let asset = if self.by_asset { place } else { 0 };
        let (mut row, mut period) = (0, 0);
        while row < block.rows {
            let mut end = block.rows;
            if let Some(periods) = &self.periods {
                period = periods.find(period, block.time[row]);
                let Some(upper) = periods.uppers.get(period) else { return };
                end = row + block.time[row..].partition_point(|time| time < upper);
            }
            let holds = block.holds.map(|holds| &holds[row..end]);
            let kept =
                holds.map_or(end - row, |holds| holds.iter().filter(|holds| **holds).count());
            if kept > 0 {
                let slot = if self.by_asset { self.last(asset, period, found) } else { period };
                let group = found[slot].get_or_insert_with(|| self.group(asset, period));
                for (cell, values) in group.cells.iter_mut().zip(&block.values) {
                    let slice =
                        |place: usize| values[place].as_ref().map(|values| &values[row..end]);
                    let time = block.time.get(row..end).unwrap_or_default();
                    let kept = u64::try_from(kept).unwrap_or(u64::MAX);
                    cell.add(&Rows { time, holds, kept, values: slice(0), weights: slice(1) });
                }
            }
            row = end;
        }
    }

    /// The place of an asset's period among groups that come in order.
    fn last(&self, asset: usize, period: usize, found: &mut Vec<Option<Group>>) -> usize {
        let is_last = |group: &Group| group.asset == asset && group.period == period;
        if !found.last().and_then(Option::as_ref).is_some_and(is_last) {
            found.push(Some(self.group(asset, period)));
        }
        found.len() - 1
    }

    /// Puts the groups of a later task behind the last one of those before, which may go on in it: returns the groups that
    /// are complete, and keeps the last. Groups are by asset.
    pub(super) fn complete(
        open: &mut Option<Group>,
        mut more: Vec<Option<Group>>,
    ) -> Vec<Option<Group>> {
        let first = more.first_mut().and_then(Option::as_mut);
        match (open.take(), first) {
            (before, None) => {
                *open = before;
                return more;
            }
            (Some(mut before), Some(first))
                if (before.asset, before.period) == (first.asset, first.period) =>
            {
                before.merge(first);
                *first = before;
            }
            (before, Some(_)) => more.splice(0..0, before.map(Some)).for_each(drop),
        }
        *open = more.pop().flatten();
        more
    }

    /// Puts the groups of later rows to those of before.
    pub(super) fn merge(&self, all: &mut Vec<Option<Group>>, more: Vec<Option<Group>>) {
        all.resize_with(self.slots(), || None);
        for (slot, group) in all.iter_mut().zip(more) {
            match (slot.as_mut(), group) {
                (Some(before), Some(group)) => before.merge(&group),
                (None, Some(group)) => *slot = Some(group),
                (_, None) => {}
            }
        }
    }
}

impl Group {
    /// Adds what was seen of the same group in later rows.
    fn merge(&mut self, more: &Self) {
        for (cell, more) in self.cells.iter_mut().zip(&more.cells) {
            cell.merge(more);
        }
    }
}

impl Planned {
    /// The groups of some units.
    pub(super) fn groups(&self, grouping: &Grouping, units: &[Unit]) -> Result<Vec<Option<Group>>> {
        let mut found = Vec::new();
        if !grouping.by_asset {
            found.resize_with(grouping.slots(), || None);
        }
        let sources = self.sources();
        for unit in units {
            let (frame, rows) = self.open(&sources, unit)?;
            self.scan(unit.place, &frame, rows, Direction::OldestFirst, &mut |block, holds| {
                let block = grouping.block(&frame, block, holds);
                grouping.deal(unit.place, &block, &mut found);
                Ok(ControlFlow::Continue(()))
            })?;
        }
        Ok(found)
    }

    /// Groups as rows of the answer.
    pub(super) fn group_rows(&self, grouping: &Grouping, groups: &[Option<Group>]) -> Batch {
        let mut batch = Batch::new(&self.header);
        for group in groups.iter().flatten() {
            if grouping.by_asset {
                batch.run(group.asset, 1);
            } else {
                batch.rows += 1;
            }
            let label = grouping.periods.as_ref().and_then(|p| p.labels.get(group.period));
            batch.time.extend(label);
        }
        for (index, aggregate) in grouping.aggregates.iter().enumerate() {
            let cells = groups.iter().flatten().map(|group| &group.cells[index]);
            batch.columns[index] = match aggregate.kind {
                Kind::Count => ValuesBuf::I64(cells.map(Cell::count).collect()),
                _ => ValuesBuf::F64(cells.map(Cell::value).collect()),
            };
        }
        batch
    }
}
