//! Walk-forward windows.

use std::ops::Range;
use std::str::FromStr;

use super::needs;
use crate::Error;
use crate::time::{DAY_NS, add_months, day_of_month};

/// The length of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// So many ticks of the clock.
    Bars(usize),
    /// So many days of UTC that have at least one tick.
    Sessions(usize),
    /// So many calendar days.
    Days(u32),
    /// So many calendar months, from a day to the same day of another month, or its last.
    Months(u32),
}

impl FromStr for Length {
    type Err = Error;

    /// Reads `500` (bars), `250s` (sessions), `90d`, `6m` or `4y` (calendar).
    fn from_str(text: &str) -> Result<Length, Error> {
        let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (digits, unit) = text.split_at(split);
        let found = match (digits.parse::<u32>(), unit) {
            (Ok(n), "") => Some(Length::Bars(n as usize)),
            (Ok(n), "s") => Some(Length::Sessions(n as usize)),
            (Ok(n), "d") => Some(Length::Days(n)),
            (Ok(n), "m") => Some(Length::Months(n)),
            (Ok(n), "y") => n.checked_mul(12).map(Length::Months),
            _ => None,
        };
        found.ok_or_else(|| Error::BadLength { text: text.to_owned() })
    }
}

/// Where each window begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    /// Windows of one length move along.
    Rolling,
    /// All begin at the start of the clock and grow.
    Anchored,
}

/// How a clock is cut into stretches to fit, to choose and to judge.
///
/// Fold `i` is fitted on `train` (from the start of the clock when anchored), its choice is made on
/// `validate` (on `train` without one), and judged on `test`, which begins `gap` bars after. Each
/// test has a fresh portfolio; bars before it are read but not traded; positions open at its end
/// are marked at the last close.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Windows {
    /// What is fitted on.
    pub train: Length,
    /// What the choice among fitted trials is made on.
    pub validate: Option<Length>,
    /// What is judged.
    pub test: Length,
    /// From one fold to the next; `None` is the length of `test`, so that tests join up.
    pub step: Option<Length>,
    /// Bars between the last stretch that is fitted or chosen on and the test: the embargo.
    pub gap: usize,
    /// Bars taken from the end of what is fitted and chosen on: the longest holding period of a
    /// trade that must not reach into what follows.
    pub purge: usize,
    /// Rolling or anchored.
    pub anchor: Anchor,
    /// Whether a last test that the clock cuts short counts.
    pub partial_last: PartialLast,
}

/// What becomes of a last test that the clock cuts short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartialLast {
    /// It is left out.
    Drop,
    /// It is judged as it is.
    Keep,
}

/// Ticks of one fold, as places on the clock. `train`, `validate` and `test` follow each other and
/// do not overlap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fold {
    /// What is fitted on.
    pub train: Range<usize>,
    /// What is chosen on; empty without a validation stretch.
    pub validate: Range<usize>,
    /// What is judged.
    pub test: Range<usize>,
}

impl Fold {
    /// Returns the stretch on which the choice among trials is made: `validate`, or `train` when
    /// there is none. Never `test`.
    pub fn choice(&self) -> Range<usize> {
        if self.validate.is_empty() { self.train.clone() } else { self.validate.clone() }
    }
}

impl Windows {
    /// Returns windows of one length that move along by that of the test: nothing between them, no
    /// stretch of its own to choose on, and no last test that is cut short.
    pub fn rolling(train: Length, test: Length) -> Windows {
        Windows {
            train,
            validate: None,
            test,
            step: None,
            gap: 0,
            purge: 0,
            anchor: Anchor::Rolling,
            partial_last: PartialLast::Drop,
        }
    }

    /// Returns the folds of a clock: ascending times, ns since the epoch, UTC.
    ///
    /// # Errors
    /// [`Error::Statistic`] for a window of no length, a purge that leaves nothing to fit on, or a
    /// clock too short for one fold.
    pub fn folds(&self, times: &[i64]) -> Result<Vec<Fold>, Error> {
        const NAME: &str = "a walk-forward";
        let clock = Clock { times };
        let step = self.step.unwrap_or(self.test);
        let lengths = [Some(self.train), self.validate, Some(self.test), Some(step)];
        let empty = lengths.iter().flatten().any(|length| length.is_empty());
        needs(!empty, NAME, "windows of at least one bar", 0)?;
        let mut folds = Vec::new();
        let mut start = clock.origin();
        while let Some(fold) = self.fold(&clock, start) {
            let whole =
                !fold.train.is_empty() && (self.validate.is_none() || !fold.validate.is_empty());
            needs(whole, NAME, "a train window longer than the purge", self.purge)?;
            folds.push(fold);
            match clock.after(start, step) {
                Some(next) if next.bar > start.bar => start = next,
                _ => break,
            }
        }
        needs(!folds.is_empty(), NAME, "a clock long enough for one fold", times.len())?;
        Ok(folds)
    }

    fn fold(&self, clock: &Clock<'_>, start: Place) -> Option<Fold> {
        let n = clock.times.len();
        let train_end = clock.after(start, self.train)?;
        let chosen_end = match self.validate {
            Some(length) => clock.after(train_end, length)?,
            None => train_end,
        };
        let test_start = clock.skip(chosen_end, self.gap)?;
        let test_end = match (clock.after(test_start, self.test), self.partial_last) {
            (Some(end), _) => end.bar,
            (None, PartialLast::Keep) => n,
            (None, PartialLast::Drop) => return None,
        };
        let first = if self.anchor == Anchor::Anchored { 0 } else { start.bar };
        let less = |end: Place| end.bar.saturating_sub(self.purge);
        Some(Fold {
            train: first..less(train_end).max(first),
            validate: train_end.bar..less(chosen_end).max(train_end.bar),
            test: test_start.bar..test_end,
        })
    }
}

impl Length {
    fn is_empty(self) -> bool {
        match self {
            Length::Bars(n) | Length::Sessions(n) => n == 0,
            Length::Days(n) | Length::Months(n) => n == 0,
        }
    }
}

/// A boundary between windows.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// The first tick after it.
    bar: usize,
    /// Its day, which need not have a tick: calendar windows go on from it, so that they join up.
    day: i64,
}

struct Clock<'a> {
    times: &'a [i64],
}

impl Clock<'_> {
    /// The start of the clock. From a 29th on months are counted from the 28th, which all have.
    fn origin(&self) -> Place {
        let day = self.times.first().map_or(0, |time| time.div_euclid(DAY_NS));
        Place {
            bar: 0,
            day: (day - 3..=day).rev().find(|day| day_of_month(*day) <= 28).unwrap_or(day),
        }
    }

    /// The place after a window that begins at `start`; `None` when the clock ends within it.
    fn after(&self, start: Place, length: Length) -> Option<Place> {
        match length {
            Length::Bars(n) => self.at_bar(start.bar.checked_add(n)?),
            Length::Sessions(n) => {
                let mut bar = start.bar;
                for _ in 0..n {
                    let today = self.times.get(bar)?.div_euclid(DAY_NS);
                    bar += self.times[bar..].partition_point(|t| t.div_euclid(DAY_NS) == today);
                }
                self.at_bar(bar)
            }
            Length::Days(n) => self.at_day(start.day + i64::from(n)),
            Length::Months(n) => self.at_day(add_months(start.day, n)),
        }
    }

    /// The place `gap` bars later; `None` unless a bar follows it.
    fn skip(&self, place: Place, gap: usize) -> Option<Place> {
        let place = if gap == 0 { place } else { self.at_bar(place.bar.checked_add(gap)?)? };
        (place.bar < self.times.len()).then_some(place)
    }

    fn at_bar(&self, bar: usize) -> Option<Place> {
        let last = self.times.last()?;
        let time = match self.times.get(bar) {
            Some(time) => *time,
            None if bar == self.times.len() => last + DAY_NS,
            None => return None,
        };
        Some(Place { bar, day: time.div_euclid(DAY_NS) })
    }

    fn at_day(&self, day: i64) -> Option<Place> {
        let bar = self.times.partition_point(|time| *time < day * DAY_NS);
        let last = self.times.last()?.div_euclid(DAY_NS);
        // That a window is whole shows in a later bar; but a clock that ends on a Friday has the
        // whole of a month that ends on the Sunday.
        (bar < self.times.len() || day - last <= SLACK_DAYS).then_some(Place { bar, day })
    }
}

/// A calendar window counts as whole when the clock ends so few days before it does: a weekend and
/// a holiday.
const SLACK_DAYS: i64 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_read_in_their_units() {
        for (text, expected) in [
            ("500", Length::Bars(500)),
            ("250s", Length::Sessions(250)),
            ("90d", Length::Days(90)),
            ("6m", Length::Months(6)),
            ("4y", Length::Months(48)),
        ] {
            assert_eq!(text.parse::<Length>().unwrap(), expected);
        }
        for text in ["", "y", "4 y", "-4y", "4w", "9999999999y"] {
            assert!(text.parse::<Length>().is_err(), "{text}");
        }
    }
}
