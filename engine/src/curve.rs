//! The equity curve, made asset by asset after the run.
//!
//! At each tick equity is the cash, plus position x close of each asset in order. Adding one asset
//! after the other to all ticks makes the same additions in the same order for each tick as adding
//! all assets tick by tick, so the bits are the same; but it runs through contiguous closes, and
//! only where there is a position.

use std::ops::Range;

use crate::place::Place;
use crate::portfolio::Filled;

/// Adds position x close of one asset to the curve, which starts at tick `period.start`.
///
/// `fills` are the asset's, in ascending time. At a tick without a bar the last close counts.
pub(crate) fn add_asset<'f>(
    curve: &mut [f64],
    period: &Range<u32>,
    fills: impl Iterator<Item = &'f Filled>,
    place: &Place,
    close: &[f64],
) {
    let mut position = 0.0;
    let mut fills = fills.peekable();
    while let Some(fill) = fills.next() {
        position += fill.quantity;
        let end = fills.peek().map_or(period.end, |next| next.tick);
        if position != 0.0 && fill.tick < end {
            let part = (fill.tick - period.start) as usize..(end - period.start) as usize;
            add_segment(&mut curve[part], fill.tick, position, place, close);
        }
    }
}

/// Adds `position x close` to a part of the curve that starts at `first_tick`.
fn add_segment(part: &mut [f64], first_tick: u32, position: f64, place: &Place, close: &[f64]) {
    let row = place.rows_until(first_tick, 0) - 1;
    match place {
        Place::Span { .. } => {
            let with_bar = part.len().min(close.len() - row);
            let (with_bar, after) = part.split_at_mut(with_bar);
            for (equity, close) in with_bar.iter_mut().zip(&close[row..]) {
                *equity += position * close;
            }
            let last = position * close[close.len() - 1];
            for equity in after {
                *equity += last;
            }
        }
        Place::Ticks(ticks) => {
            let mut row = row;
            for (tick, equity) in (first_tick..).zip(part) {
                if ticks.get(row + 1) == Some(&tick) {
                    row += 1;
                }
                *equity += position * close[row];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::portal::AssetIdx;

    fn fill(tick: u32, quantity: f64) -> Filled {
        Filled { tick, asset: AssetIdx::new(0), quantity, price: 0.0, commission: 0.0 }
    }

    #[test]
    fn positions_are_marked_at_the_last_known_close() {
        let close = [1.0, 2.0, 3.0];
        let fills = [fill(11, 10.0), fill(13, -10.0), fill(13, 5.0)];
        let mut curve = [100.0; 8];
        add_asset(&mut curve, &(10..18), fills.iter(), &Place::Span { start: 11, rows: 3 }, &close);
        assert_eq!(curve, [100.0, 110.0, 120.0, 115.0, 115.0, 115.0, 115.0, 115.0]);
        let mut curve = [100.0; 8];
        let gapped = Place::Ticks(vec![11, 14, 16]);
        let fills = [fill(11, 10.0), fill(16, -5.0)];
        add_asset(&mut curve, &(10..18), fills.iter(), &gapped, &close);
        assert_eq!(curve, [100.0, 110.0, 110.0, 110.0, 120.0, 120.0, 115.0, 115.0]);
    }
}
