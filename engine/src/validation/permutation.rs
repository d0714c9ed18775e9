//! Markets that might have been: the same moves in another order.

use std::collections::BTreeMap;

use super::{Ohlc, needs, number};
use crate::Error;
use crate::stream::Stream;

const NAME: &str = "a permutation of prices";

/// Moves of a market in another order, the same for all its assets.
///
/// A bar has two moves: the gap from the close before it to its open, and its body, from its open to its
/// close with high and low. Gaps and bodies of a tick change places with those of another tick at which
/// the same assets have a bar, and which is of the same kind. So each asset keeps its bars' times, its
/// moves, its first price and, where all ticks take part, its last; and what happened to the assets at
/// one tick still happens to them together. What is destroyed is any pattern in time. Source: Masters
/// (2018), "Permutation and randomization tests for trading system development", for markets whose
/// bars have the same times; the rule for others is ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reordering {
    /// For each tick the one whose gap it gets.
    gaps: Vec<usize>,
    /// For each tick the one whose body it gets.
    bodies: Vec<usize>,
    /// Ticks that take part: whose moves may change places with another's.
    free: usize,
}

/// The bars of an asset after their moves changed places.
#[derive(Debug, Clone, PartialEq)]
pub struct Reordered {
    /// Their prices: high and low enclose open and close.
    pub bars: Ohlc,
    /// For each bar the row whose body it has: what else belongs to a bar, such as its volume, goes with it.
    pub rows: Vec<usize>,
    /// For each bar by what prices of that row are to be multiplied.
    pub factors: Vec<f64>,
}

impl Reordering {
    /// Draws an order. `ticks` are, for each asset, the ticks of its bars, ascending; `kinds` has a number
    /// for each tick of the clock, `None` where moves stay in their place. Draws of different numbers have
    /// nothing in common. Takes time linear in the bars of all assets.
    pub fn draw(ticks: &[&[usize]], kinds: &[Option<u64>], seed: u64, draw: u64) -> Reordering {
        let mut present = vec![(0_u64, 0_u64); kinds.len()];
        for (asset, ticks) in ticks.iter().enumerate() {
            // A set of assets is the sum of random numbers of its members: two of 128 bits in all, so
            // that no two sets are taken for one.
            let mut own = Stream::new(0, [asset as u64, 7]);
            let key = (own.bits(), own.bits());
            // The first bar of an asset has no move.
            for tick in ticks.iter().skip(1) {
                let sum = &mut present[*tick];
                *sum = (sum.0.wrapping_add(key.0), sum.1.wrapping_add(key.1));
            }
        }
        let mut alike: BTreeMap<(u64, u64, u64), Vec<usize>> = BTreeMap::new();
        for (tick, (kind, set)) in kinds.iter().zip(present).enumerate() {
            if let Some(kind) = kind.filter(|_| set != (0, 0)) {
                alike.entry((kind, set.0, set.1)).or_default().push(tick);
            }
        }
        let mut groups: Vec<Vec<usize>> = alike.into_values().collect();
        groups.sort_unstable();
        let mut stream = Stream::new(seed, [draw, 3]);
        let stay: Vec<usize> = (0..kinds.len()).collect();
        let (mut gaps, mut bodies, mut free) = (stay.clone(), stay, 0);
        for group in groups.iter().filter(|group| group.len() > 1) {
            free += group.len();
            for places in [&mut gaps, &mut bodies] {
                let mut from = group.clone();
                stream.shuffle(&mut from);
                for (tick, from) in group.iter().zip(from) {
                    places[*tick] = from;
                }
            }
        }
        Reordering { gaps, bodies, free }
    }

    /// Returns how many ticks take part, those included that happen to keep their moves.
    pub fn free(&self) -> usize {
        self.free
    }

    /// Applies the order to an asset whose bars lie at `ticks`, which must be among those that it was
    /// drawn for. Bars before the first that changes keep their bits.
    ///
    /// # Errors
    /// As [`Ohlc::with_noise`], and for a number of ticks that is not that of the bars.
    pub fn apply(&self, asset: &Ohlc, ticks: &[usize]) -> Result<Reordered, Error> {
        asset.check(NAME)?;
        needs(ticks.len() == asset.close.len(), NAME, "one tick a bar", ticks.len())?;
        let row = |tick: usize| ticks.binary_search(&tick).unwrap_or(0);
        let mut reordered = Reordered {
            bars: Ohlc::default(),
            rows: Vec::with_capacity(ticks.len()),
            factors: Vec::with_capacity(ticks.len()),
        };
        let mut last = None;
        for (at, tick) in ticks.iter().enumerate() {
            let (gap, body) = (row(self.gaps[*tick]), row(self.bodies[*tick]));
            let same_before =
                at.checked_sub(1).is_none_or(|before| last == Some(asset.close[before]));
            let bars = &mut reordered.bars;
            let (rows, factors) = (&mut reordered.rows, &mut reordered.factors);
            if at == 0 || (gap == at && body == at && same_before) {
                push(bars, [asset.open[at], asset.high[at], asset.low[at], asset.close[at]]);
                rows.push(at);
                factors.push(1.0);
            } else {
                let before = last.unwrap_or(asset.close[0]);
                let open = before * (asset.open[gap] / asset.close[gap - 1]);
                let factor = open / asset.open[body];
                let close = asset.close[body] * factor;
                // Rounding must not put the open outside of its own bar.
                let high = (asset.high[body] * factor).max(open).max(close);
                let low = (asset.low[body] * factor).min(open).min(close);
                push(bars, [open, high, low, close]);
                rows.push(body);
                factors.push(factor);
            }
            last = reordered.bars.close.last().copied();
        }
        Ok(reordered)
    }
}

fn push(bars: &mut Ohlc, [open, high, low, close]: [f64; 4]) {
    bars.open.push(open);
    bars.high.push(high);
    bars.low.push(low);
    bars.close.push(close);
}

/// Returns the bars of assets that have the same times with their moves in another order: see
/// [`Reordering`]. First and last price stay, and so do the correlations between the assets.
///
/// To price a whole search, run **the entire search** on each of many permuted histories and hand
/// the best of each to [`permutation_p_value`].
///
/// # Errors
/// As [`Ohlc::with_noise`], and for assets of different length.
pub fn price_permutation(assets: &[Ohlc], seed: u64, draw: u64) -> Result<Vec<Ohlc>, Error> {
    let bars = assets.first().map_or(0, |asset| asset.close.len());
    for asset in assets {
        needs(asset.close.len() == bars, NAME, "assets of equal length", asset.close.len())?;
    }
    let ticks: Vec<usize> = (0..bars).collect();
    let all: Vec<&[usize]> = assets.iter().map(|_| &ticks[..]).collect();
    let reordering = Reordering::draw(&all, &vec![Some(0); bars], seed, draw);
    assets.iter().map(|asset| Ok(reordering.apply(asset, &ticks)?.bars)).collect()
}

/// Returns `(1 + number at least as good) / (1 + B)` for the best of the search on the true history
/// beside those on permuted ones, higher being better. Never zero.
pub fn permutation_p_value(best: f64, permuted: &[f64]) -> f64 {
    let as_good = permuted.iter().filter(|other| **other >= best).count();
    (1.0 + number(as_good)) / (1.0 + number(permuted.len()))
}

#[cfg(test)]
mod tests {
    use super::super::history::tests::walk;
    use super::*;

    #[test]
    fn a_permutation_keeps_ends_moves_and_the_bond_between_assets() {
        let a = walk(500, 1);
        let mut b = a.clone();
        for prices in [&mut b.open, &mut b.high, &mut b.low, &mut b.close] {
            for price in prices {
                *price *= 2.0;
            }
        }
        let permuted = price_permutation(&[a.clone(), b], 5, 0).unwrap();
        let close = &permuted[0].close;
        assert_eq!(close[0], a.close[0]);
        assert!((close[499] / a.close[499] - 1.0).abs() < 1e-10);
        assert_ne!(close[250], a.close[250]);
        let bodies = |asset: &Ohlc| {
            let mut moves: Vec<f64> =
                asset.close.iter().zip(&asset.open).skip(1).map(|(c, o)| c / o).collect();
            moves.sort_by(f64::total_cmp);
            moves
        };
        let same = bodies(&a).into_iter().zip(bodies(&permuted[0]));
        assert!(same.into_iter().all(|(x, y)| (x - y).abs() < 1e-12));
        for (one, two) in close.iter().zip(&permuted[1].close) {
            assert!((two / one - 2.0).abs() < 1e-12);
        }
        assert_eq!(permutation_p_value(3.0, &[1.0, 3.0, 2.0]), 0.5);
        assert_eq!(permutation_p_value(9.0, &[1.0]), 0.5);
    }

    /// One asset on every tick, one that begins late and has a hole, one of its own ticks.
    #[test]
    fn moves_change_places_among_ticks_with_the_same_assets_and_kind() {
        let all: Vec<usize> = (0..200).collect();
        let late: Vec<usize> = (50..200).filter(|tick| !(90..110).contains(tick)).collect();
        let ticks: [&[usize]; 2] = [&all, &late];
        // Nothing moves before tick 20; from tick 150 on by themselves.
        let kinds: Vec<Option<u64>> =
            (0..200).map(|tick| (tick >= 20).then_some(u64::from(tick >= 150))).collect();
        let order = Reordering::draw(&ticks, &kinds, 9, 4);
        assert_eq!(order, Reordering::draw(&ticks, &kinds, 9, 4));
        assert_ne!(order, Reordering::draw(&ticks, &kinds, 9, 5));
        assert_eq!(order.free(), 180);
        for places in [&order.gaps, &order.bodies] {
            let mut sorted = places.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, all);
            for (to, from) in places.iter().enumerate() {
                // The first bar of the late asset has no move.
                let both = |tick: &usize| late.contains(tick) && *tick != 50;
                assert_eq!((both(&to), kinds[to]), (both(from), kinds[*from]), "{to} {from}");
                assert!(to >= 20 || to == *from);
            }
        }
        assert_ne!(order.gaps, order.bodies);
        let (a, b) = (walk(200, 1), walk(130, 2));
        let moved = [order.apply(&a, &all).unwrap(), order.apply(&b, &late).unwrap()];
        for (asset, (before, ticks)) in moved.iter().zip([(&a, &all), (&b, &late)]) {
            let bars = &asset.bars;
            for at in 0..ticks.len() {
                let highest = bars.open[at].max(bars.close[at]);
                let lowest = bars.open[at].min(bars.close[at]);
                assert!(bars.high[at] >= highest && bars.low[at] <= lowest);
                // The moves themselves, by the ticks they come from.
                let from = asset.rows[at];
                assert!(at == 0 || ticks[from] == order.bodies[ticks[at]]);
                let body = |bars: &Ohlc, at: usize| bars.close[at] / bars.open[at];
                assert!((body(bars, at) / body(before, from) - 1.0).abs() < 1e-12);
                if at > 0 {
                    let gap = |bars: &Ohlc, at: usize| bars.open[at] / bars.close[at - 1];
                    let from = ticks.binary_search(&order.gaps[ticks[at]]).unwrap();
                    assert!((gap(bars, at) / gap(before, from) - 1.0).abs() < 1e-12);
                }
                if ticks[at] < 20 {
                    assert_eq!(bars.close[at].to_bits(), before.close[at].to_bits());
                }
            }
            let (last, was) = (bars.close.last().unwrap(), before.close.last().unwrap());
            assert!((last / was - 1.0).abs() < 1e-10);
        }
        let mut zero = a.clone();
        zero.low[3] = 0.0;
        assert!(order.apply(&zero, &all).is_err());
        assert!(order.apply(&a, &late).is_err());
    }
}
