//! Top lists: the rows in which a number is largest.

use std::cmp::Ordering;
use std::ops::ControlFlow;

use super::Per;
use super::batch::Batch;
use super::expression::Number;
use super::plan::{Planned, Unit};
use super::scan::Direction;
use crate::error::Result;

/// One row that may be on a list.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Entry {
    value: f64,
    /// Place among the plan's assets.
    place: usize,
    time: i64,
    /// Row of the asset's frame.
    row: usize,
}

impl Entry {
    /// By rank: the largest value first, then by asset, then the oldest. Zeros of either sign are equal.
    fn rank(&self, other: &Self) -> Ordering {
        let by_value = other.value.partial_cmp(&self.value).unwrap_or(Ordering::Equal);
        by_value.then(self.place.cmp(&other.place)).then(self.time.cmp(&other.time))
    }
}

/// Lists as they grow.
#[derive(Clone, Debug)]
pub(super) struct Lists {
    count: usize,
    per: Per,
    entries: Vec<Entry>,
    /// Entries after the last sifting.
    sifted: usize,
    /// Of one list that is full: the last value on it. What is smaller cannot be.
    floor: f64,
}

impl Lists {
    pub(super) fn new(count: usize, per: Per) -> Self {
        Self { count, per, entries: Vec::new(), sifted: 0, floor: f64::NEG_INFINITY }
    }

    fn push(&mut self, entry: Entry) {
        if entry.value < self.floor {
            return;
        }
        self.entries.push(entry);
        // Sifting is paid for by the entries that came since.
        if self.entries.len() > 2 * self.sifted.max(self.count).max(1024) {
            self.sift();
        }
    }

    pub(super) fn merge(&mut self, other: Self) {
        other.entries.into_iter().for_each(|entry| self.push(entry));
    }

    /// Brings the entries into order and drops those that are on no list.
    pub(super) fn sift(&mut self) {
        match self.per {
            Per::All => {
                self.entries.sort_unstable_by(Entry::rank);
                self.entries.truncate(self.count);
                if let Some(last) = self.entries.get(self.count.saturating_sub(1)) {
                    self.floor = last.value;
                }
            }
            Per::Time => {
                self.entries.sort_unstable_by(|a, b| a.time.cmp(&b.time).then(a.rank(b)));
                let (mut time, mut taken) = (None, 0);
                let count = self.count;
                self.entries.retain(|entry| {
                    if time != Some(entry.time) {
                        (time, taken) = (Some(entry.time), 0);
                    }
                    taken += 1;
                    taken <= count
                });
            }
        }
        self.sifted = self.entries.len();
    }
}

impl Planned {
    /// What some units have for the lists.
    pub(super) fn ranked(&self, by: &Number, mut lists: Lists, units: &[Unit]) -> Result<Lists> {
        let sources = self.sources();
        for unit in units {
            let (frame, rows) = self.open(&sources, unit)?;
            self.scan(unit.place, &frame, rows, Direction::OldestFirst, &mut |block, holds| {
                let values = by.eval(&frame, block.clone()).into_each(block.len());
                let times = frame.times(block.clone());
                for (offset, value) in values.iter().enumerate() {
                    if !value.is_nan() && holds.is_none_or(|holds| holds[offset]) {
                        let row = block.start + offset;
                        let time = times[offset];
                        lists.push(Entry { value: *value, place: unit.place, time, row });
                    }
                }
                Ok(ControlFlow::Continue(()))
            })?;
        }
        lists.sift();
        Ok(lists)
    }

    /// The rows of finished lists, in their order.
    pub(super) fn listed(&self, lists: &Lists) -> Result<Batch> {
        // Assets are opened once each; then rows are put into the order of the lists.
        let mut order: Vec<usize> = (0..lists.entries.len()).collect();
        order.sort_by_key(|rank| (lists.entries[*rank].place, lists.entries[*rank].row));
        let mut batch = Batch::new(&self.header);
        for ranks in order.chunk_by(|a, b| lists.entries[*a].place == lists.entries[*b].place) {
            let place = ranks.first().map_or(0, |rank| lists.entries[*rank].place);
            let sources = self.sources();
            let (frame, _) = self.open_between(&sources, place, self.from, self.to)?;
            for rank in ranks {
                let row = lists.entries[*rank].row;
                self.add(place, &frame, row..row + 1, None, &mut batch);
            }
            frame.check()?;
        }
        let mut places = vec![0; order.len()];
        for (place, rank) in order.iter().enumerate() {
            places[*rank] = place;
        }
        Ok(batch.gather(&places))
    }
}
