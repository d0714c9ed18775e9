//! As-of joins: beside each bar, what another bundle last said of the asset.

use super::frame::{Blocks, widened};
use crate::error::Result;
use crate::reading::bars::Bars;
use crate::reading::lease::Lease;

/// A bundle whose columns are joined on.
///
/// Beside a bar stands the newest row of the other bundle's asset whose timestamp is not after the bar's. Its columns
/// are called `NAME.COLUMN`; they are f64, decimals by their value, and missing where there is no such row. Timestamps
/// are compared as they are: a session label, which is the midnight before the session, meets what was known then.
#[derive(Clone, Debug)]
pub struct AsOf {
    /// The other bundle.
    pub lease: Lease,
    /// What its columns are called by, before the dot.
    pub name: String,
    /// The asset of the other bundle that all assets are joined with; `None`: the one of the same symbol.
    pub symbol: Option<String>,
    /// How much older than the bar a row may be, in nanoseconds; `None`: any age.
    pub tolerance_ns: Option<i64>,
}

/// One column of the other bundle, for one asset.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Joined<'a> {
    pub(super) bars: Bars<'a>,
    pub(super) times: Blocks<'a>,
    pub(super) values: Blocks<'a>,
    pub(super) divisor: f64,
    pub(super) tolerance_ns: Option<i64>,
}

impl Joined<'_> {
    /// The value at each of ascending times: two searches for the first and the last, and for the rest a step or two each.
    /// Of the other bundle nothing is read but the rows from the one that stands beside the first time to that beside the last.
    pub(super) fn numbers(&self, times: &[i64]) -> Result<Vec<f64>> {
        let (Some(&first), Some(&last)) = (times.first(), times.last()) else {
            return Ok(Vec::new());
        };
        let not_after = |time: i64| self.bars.within(..=time).map(Bars::len);
        let rows = not_after(first)?.saturating_sub(1)..not_after(last)?;
        let (others, values) = (self.times.rows(rows.clone())?, self.values.rows(rows)?);
        let (others, values) = (others.values().as_i64().unwrap_or_default(), values.values());
        // Rows that are not after the time at hand.
        let mut known = 0;
        let mut found = Vec::with_capacity(times.len());
        for &time in times {
            known += leading(&others[known..], time);
            let row = known.checked_sub(1).filter(|&row| {
                let age = time.saturating_sub(others[row]);
                self.tolerance_ns.is_none_or(|tolerance| age <= tolerance)
            });
            let value = row.and_then(|row| values.slice(row..row + 1));
            found.push(value.map_or(f64::NAN, |value| widened(value, self.divisor)[0]));
        }
        Ok(found)
    }
}

/// How many of ascending times are not after `time`, searched outwards from the first.
fn leading(times: &[i64], time: i64) -> usize {
    let (mut low, mut high, mut step) = (0, 0, 1);
    while high < times.len() && times[high] <= time {
        low = high + 1;
        high += step;
        step *= 2;
    }
    low + times[low..high.min(times.len())].partition_point(|&other| other <= time)
}
