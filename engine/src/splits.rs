//! Splits that a run goes over unawares.

use std::fmt;

use barrow_format::{AdjustmentKind, Asset};
use barrow_store::Lease;

use crate::error::Error;
use crate::portal::Scope;
use crate::time::{TimeStyle, Timestamp};

/// A split over which an asset's prices jump as much as it says: they are not adjusted for it.
#[derive(Debug, Clone, PartialEq)]
pub struct UnadjustedSplit {
    /// The asset's symbol.
    pub symbol: String,
    /// From when on it holds, ns since the epoch, UTC.
    pub time: i64,
    /// New shares per old share.
    pub ratio: f64,
}

/// `AAPL` by 7 on 2014-06-09.
impl fmt::Display for UnadjustedSplit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = Timestamp::new(self.time, TimeStyle::Session);
        write!(f, "`{}` by {} on {time}", self.symbol, self.ratio)
    }
}

/// Returns the splits of a scope's assets within its period over which prices jump: from the last close before to the first
/// open from then on by the split's ratio, give or take half of it as ratios go. By asset, then time.
///
/// A run trades prices as they are stored, so it takes such a jump for a move of the market: a position of 100 shares at 700
/// is one of 100 shares at 100 after a split of 7 for 1. Prices that were adjusted before they were ingested do not jump.
/// Takes time linear in the number of adjustments.
///
/// # Errors
/// [`Error::Store`] when the bundle lacks an asset of the scope, or cannot be read.
pub fn unadjusted_splits(lease: &Lease, scope: &Scope) -> Result<Vec<UnadjustedSplit>, Error> {
    let mut splits = lease.adjustments()?;
    let within = |time: i64| {
        scope.from.is_none_or(|from| from <= time) && scope.to.is_none_or(|to| time <= to)
    };
    splits.retain(|it| it.kind == AdjustmentKind::Split && within(it.time));
    if splits.is_empty() {
        return Ok(Vec::new());
    }
    let assets = scope.assets_in(lease)?;
    let mut found = Vec::new();
    for split in splits {
        let place = assets.binary_search_by_key(&split.asset, |asset| asset.ordinal());
        let Some(asset) = place.ok().and_then(|place| assets.get(place)) else { continue };
        if jumps(lease, *asset, split.time, split.value)? {
            let symbol = lease.symbol(*asset).to_owned();
            found.push(UnadjustedSplit { symbol, time: split.time, ratio: split.value });
        }
    }
    Ok(found)
}

fn jumps(lease: &Lease, asset: Asset, time: i64, ratio: f64) -> Result<bool, Error> {
    let bars = lease.bars(asset);
    let row = bars.times()?.partition_point(|other| *other < time);
    let before = row.checked_sub(1).map(|row| Ok::<_, Error>(bars.f64("close")?.get(row).copied()));
    let (before, after) = (before.transpose()?.flatten(), bars.f64("open")?.get(row).copied());
    let Some((before, after)) = before.zip(after) else { return Ok(false) };
    let (jump, expected) = (libm::log(before / after), libm::log(ratio));
    Ok((jump - expected).abs() < 0.5 * expected.abs())
}
