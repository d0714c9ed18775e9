//! Changes of a per-bar value, delivered at the tick at which they happen.

use std::ops::Range;

use crate::place::Place;
use crate::portal::AssetIdx;

/// An asset's value that is new at the current tick.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Change {
    /// The asset.
    pub asset: AssetIdx,
    /// Its value from this bar on.
    pub value: f64,
}

/// The changes of all assets of a run, by tick, and within a tick by asset.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    first_tick: u32,
    /// The changes of tick `t` are `sorted[starts[t - first_tick]..starts[t - first_tick + 1]]`.
    starts: Vec<usize>,
    sorted: Vec<Change>,
    /// As they came, asset after asset.
    collected: Vec<Collected>,
}

#[derive(Debug, Clone, Copy)]
struct Collected {
    tick: u32,
    asset: AssetIdx,
    value: f64,
}

impl Changes {
    /// Forgets everything and covers a new period; keeps the memory.
    pub(crate) fn reset(&mut self, period: &Range<u32>) {
        self.first_tick = period.start;
        self.starts.clear();
        self.starts.resize(period.len() + 1, 0);
        self.sorted.clear();
        self.collected.clear();
    }

    /// Adds the changes of a 0/1 level that starts at 0. `levels[i]` belongs to row `first_row + i`.
    pub(crate) fn add_levels(
        &mut self,
        asset: AssetIdx,
        place: &Place,
        first_row: usize,
        levels: &[u8],
    ) {
        for_each_level_change(levels, |row, level| {
            if let Some(tick) = place.tick_of(first_row + row) {
                self.collected.push(Collected { tick, asset, value: f64::from(level) });
            }
        });
    }

    /// Adds the changes of any values: the first that is not NaN, and each that differs from the
    /// last one added. `values[i]` belongs to row `first_row + i`.
    pub(crate) fn add_values(
        &mut self,
        asset: AssetIdx,
        place: &Place,
        first_row: usize,
        values: &[f64],
    ) {
        for_each_change(values, |row, value| {
            if let Some(tick) = place.tick_of(first_row + row) {
                self.collected.push(Collected { tick, asset, value });
            }
        });
    }

    /// Orders what was added by tick; assets were added in their order and stay in it.
    pub(crate) fn sort(&mut self) {
        let slot = |tick: u32| (tick - self.first_tick) as usize;
        for change in &self.collected {
            self.starts[slot(change.tick) + 1] += 1;
        }
        for at in 1..self.starts.len() {
            self.starts[at] += self.starts[at - 1];
        }
        self.sorted.resize(self.collected.len(), Change { asset: AssetIdx::new(0), value: 0.0 });
        for Collected { tick, asset, value } in &self.collected {
            let at = &mut self.starts[slot(*tick)];
            self.sorted[*at] = Change { asset: *asset, value: *value };
            *at += 1;
        }
        // Each start has moved on to the next one's place; move them back.
        self.starts.rotate_right(1);
        self.starts[0] = 0;
    }

    /// Returns the bytes held.
    pub(crate) fn bytes(&self) -> usize {
        self.starts.capacity() * size_of::<usize>()
            + self.sorted.capacity() * size_of::<Change>()
            + self.collected.capacity() * size_of::<Collected>()
    }

    /// Returns the changes at a tick of the period.
    #[inline]
    pub(crate) fn at(&self, tick: u32) -> &[Change] {
        let slot = (tick - self.first_tick) as usize;
        &self.sorted[self.starts[slot]..self.starts[slot + 1]]
    }
}

/// Calls `visit` with each place at which a 0/1 level that starts at 0 changes, and the new level.
#[inline]
pub(crate) fn for_each_level_change(levels: &[u8], mut visit: impl FnMut(usize, u8)) {
    let mut previous = 0;
    let (chunks, rest) = levels.as_chunks::<8>();
    let mut at = 0;
    for chunk in chunks {
        // Eight rows at once: a byte differs from the one before it where the level changes.
        let bytes = u64::from_le_bytes(*chunk);
        let mut differing = bytes ^ (bytes << 8 | u64::from(previous));
        while differing != 0 {
            let row = (differing.trailing_zeros() / 8) as usize;
            visit(at + row, chunk[row]);
            differing &= differing - 1;
        }
        previous = chunk[7];
        at += 8;
    }
    for level in rest {
        if *level != previous {
            visit(at, *level);
        }
        previous = *level;
        at += 1;
    }
}

/// Calls `visit` with the place and value of the first that is not NaN, and of each that differs from
/// the last one visited.
#[inline]
pub(crate) fn for_each_change(values: &[f64], mut visit: impl FnMut(usize, f64)) {
    let mut previous = f64::NAN;
    for (at, value) in values.iter().enumerate() {
        if *value != previous && !value.is_nan() {
            visit(at, *value);
            previous = *value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collect(changes: &Changes, period: Range<u32>) -> Vec<(u32, usize, f64)> {
        let of = |tick| changes.at(tick).iter().map(move |c| (tick, c.asset.index(), c.value));
        period.flat_map(of).collect()
    }

    #[test]
    fn every_change_of_a_level_is_found_wherever_it_lies() {
        // All 2^12 patterns of twelve rows: two ways through the loop, every position.
        for pattern in 0..4096_u32 {
            let levels: Vec<u8> = (0..12).map(|bit| u8::from(pattern >> bit & 1 == 1)).collect();
            let mut changes = Changes::default();
            changes.reset(&(5..17));
            let place = Place::Span { start: 3, rows: 14 };
            changes.add_levels(AssetIdx::new(0), &place, 2, &levels);
            changes.sort();
            let mut expected = Vec::new();
            let mut previous = 0;
            for (tick, level) in (5..).zip(&levels) {
                if *level != previous {
                    expected.push((tick, 0, f64::from(*level)));
                }
                previous = *level;
            }
            assert_eq!(collect(&changes, 5..17), expected);
        }
    }

    #[test]
    fn changes_come_by_tick_then_asset_and_the_buffer_is_reusable() {
        let mut changes = Changes::default();
        for _ in 0..2 {
            changes.reset(&(0..4));
            let place = Place::Ticks(vec![0, 1, 3]);
            changes.add_values(AssetIdx::new(0), &place, 0, &[f64::NAN, 2.0, 2.0]);
            changes.add_values(AssetIdx::new(1), &place, 0, &[1.0, 5.0, 6.0]);
            changes.add_levels(AssetIdx::new(2), &place, 0, &[0, 0, 1]);
            changes.sort();
            let expected = [(0, 1, 1.0), (1, 0, 2.0), (1, 1, 5.0), (3, 1, 6.0), (3, 2, 1.0)];
            assert_eq!(collect(&changes, 0..4), expected);
        }
        changes.reset(&(0..2));
        changes.sort();
        assert!(collect(&changes, 0..2).is_empty());
    }
}
