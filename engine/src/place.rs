//! Where the rows of an asset lie on the clock.

use std::ops::Range;

/// The ticks of one asset's rows. A tick is a place on the clock, a row a place in the asset's
/// columns; both count from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// A bar at every tick from `start` on: row and tick differ by a constant.
    Span { start: u32, rows: u32 },
    /// The tick of each row, ascending.
    Ticks(Vec<u32>),
}

impl Place {
    /// Returns the number of rows at or before `tick`. `hint` is where an earlier search ended; time
    /// runs forward, so going on from there makes the searches of a whole run linear together.
    #[inline]
    pub(crate) fn rows_until(&self, tick: u32, hint: usize) -> usize {
        match self {
            Place::Span { start, rows } => (tick + 1).saturating_sub(*start).min(*rows) as usize,
            Place::Ticks(ticks) => gallop(ticks, tick, hint),
        }
    }

    /// Returns the tick of a row, if there is such a row.
    #[inline]
    pub(crate) fn tick_of(&self, row: usize) -> Option<u32> {
        match self {
            Place::Span { start, rows } => {
                u32::try_from(row).ok().filter(|row| row < rows).map(|row| start + row)
            }
            Place::Ticks(ticks) => ticks.get(row).copied(),
        }
    }

    /// Tells whether rows may lie more than a tick apart.
    pub(crate) fn has_gaps(&self) -> bool {
        matches!(self, Place::Ticks(_))
    }

    /// Returns the rows within a stretch of ticks.
    pub(crate) fn rows_in(&self, ticks: &Range<u32>) -> Range<usize> {
        let before = |tick: u32| tick.checked_sub(1).map_or(0, |tick| self.rows_until(tick, 0));
        before(ticks.start)..before(ticks.end)
    }

    /// Marks the ticks at which there is a row.
    pub(crate) fn mark(&self, marks: &mut [bool]) {
        match self {
            Place::Span { start, rows } => {
                marks[*start as usize..(start + rows) as usize].fill(true);
            }
            Place::Ticks(ticks) => ticks.iter().for_each(|tick| marks[*tick as usize] = true),
        }
    }

    /// Moves to a clock on which tick `t` is `ranks[t]`. All ticks of the rows must be on it, so
    /// neighbours stay neighbours.
    pub(crate) fn move_to(&mut self, ranks: &[u32]) {
        match self {
            Place::Span { start, rows } if *rows > 0 => *start = ranks[*start as usize],
            Place::Span { .. } => {}
            Place::Ticks(ticks) => ticks.iter_mut().for_each(|tick| *tick = ranks[*tick as usize]),
        }
    }
}

/// Returns how many of the ascending `values` are at most `limit`, searching from `hint` in
/// doubling steps.
fn gallop<T: Copy + PartialOrd>(values: &[T], limit: T, hint: usize) -> usize {
    let mut low = hint.min(values.len());
    if low > 0 && values[low - 1] > limit {
        return values[..low].partition_point(|value| *value <= limit);
    }
    let mut step = 1;
    while low + step <= values.len() && values[low + step - 1] <= limit {
        low += step;
        step *= 2;
    }
    let high = (low + step).min(values.len());
    low + values[low..high].partition_point(|value| *value <= limit)
}

/// Finds the tick of each row; the time of a row that the clock does not have is the error.
pub(crate) fn ticks_of(times: &[i64], clock: &[i64]) -> Result<Vec<u32>, i64> {
    let mut at = 0;
    let tick_of = |time: &i64| {
        at = gallop(clock, *time, at);
        match at.checked_sub(1).filter(|tick| clock[*tick] == *time) {
            Some(tick) => u32::try_from(tick).map_err(|_| *time),
            None => Err(*time),
        }
    };
    times.iter().map(tick_of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn galloping_agrees_with_counting_from_any_hint() {
        let values = [2, 3, 3, 5, 8, 13, 21, 21, 34];
        for limit in 0..40 {
            let expected = values.iter().filter(|value| **value <= limit).count();
            for hint in 0..12 {
                assert_eq!(gallop(&values, limit, hint), expected, "{limit} from {hint}");
            }
        }
        assert_eq!(gallop::<i64>(&[], 5, 3), 0);
    }

    #[test]
    fn both_kinds_of_place_answer_alike() {
        let span = Place::Span { start: 3, rows: 4 };
        let ticks = Place::Ticks(vec![3, 4, 5, 6]);
        for tick in 0..12 {
            assert_eq!(span.rows_until(tick, 0), ticks.rows_until(tick, 0), "{tick}");
            assert_eq!(span.tick_of(tick as usize), ticks.tick_of(tick as usize));
        }
        for range in [0..3, 0..4, 2..9, 4..6, 7..9, 0..0] {
            assert_eq!(span.rows_in(&range), ticks.rows_in(&range), "{range:?}");
        }
    }

    #[test]
    fn rows_find_their_ticks_or_say_which_time_is_missing() {
        let clock = [10, 20, 30, 40, 50];
        assert_eq!(ticks_of(&[10, 30, 50], &clock), Ok(vec![0, 2, 4]));
        assert_eq!(ticks_of(&[10, 35], &clock), Err(35));
        assert_eq!(ticks_of(&[60], &clock), Err(60));
    }
}
