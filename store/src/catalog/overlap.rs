//! Which bars of an asset two versions share: the same place in the same file, or the same timestamp.

use std::ops::Range;

use barrow_format::record::SegmentRecord;
use barrow_format::{Asset, Values, ValuesBuf};

use crate::error::Result;
use crate::reading::lease::Lease;
use crate::reading::segments::Files;

/// Rows of an asset in one version.
pub(crate) struct Side<'l> {
    pub(crate) lease: &'l Lease,
    pub(crate) asset: Asset,
    pub(crate) rows: Range<usize>,
}

impl Side<'_> {
    fn files(&self) -> Files<'_> {
        self.lease.snapshot().files()
    }

    pub(crate) fn read(&self, column: usize) -> Result<ValuesBuf> {
        self.files().gather(column, self.asset, self.rows.clone())
    }

    pub(crate) fn digest(&self, column: usize) -> Result<barrow_format::Digest> {
        let snapshot = self.lease.snapshot();
        let digest = snapshot.bundle().series_digest(column, self.asset);
        digest.map_err(|error| snapshot.corrupt(error))
    }
}

/// Leaves out the bars at both ends that both versions take from the same place in the same file.
pub(crate) fn narrow<'l>(left: &mut Side<'l>, right: &mut Side<'l>) -> Result<()> {
    let placed = |side: &Side<'_>| -> Result<Vec<([u8; 32], Range<u64>)>> {
        let place = |segment: &SegmentRecord| {
            let digest = side.files().record(segment.part)?.digest;
            Ok((digest, segment.row..segment.row + segment.rows))
        };
        side.files().segments(side.asset)?.iter().map(place).collect()
    };
    let (a, b) = (placed(left)?, placed(right)?);
    let (mut front, mut back) = (0, 0);
    for ((a_file, a), (b_file, b)) in a.iter().zip(&b) {
        if (a_file, a.start) != (b_file, b.start) {
            break;
        }
        front += (a.end - a.start).min(b.end - b.start);
        if a.end != b.end {
            break;
        }
    }
    for ((a_file, a), (b_file, b)) in a.iter().rev().zip(b.iter().rev()) {
        if (a_file, a.end) != (b_file, b.end) {
            break;
        }
        back += (a.end - a.start).min(b.end - b.start);
        if a.start != b.start {
            break;
        }
    }
    let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    for side in [left, right] {
        let rows = side.asset.rows();
        let start = number(front).min(rows);
        side.rows = start..(rows - number(back).min(rows)).max(start);
    }
    Ok(())
}

/// Rows of two ascending lists of times, by whether both have the time.
pub(crate) struct Matched {
    pub(crate) both: Vec<(usize, usize)>,
    pub(crate) first: Vec<usize>,
    pub(crate) second: Vec<usize>,
}

pub(crate) fn match_rows(a: &[i64], b: &[i64]) -> Matched {
    let mut matched = Matched { both: Vec::new(), first: Vec::new(), second: Vec::new() };
    let (mut i, mut j) = (0, 0);
    while i < a.len() || j < b.len() {
        let order = match (a.get(i), b.get(j)) {
            (Some(a), Some(b)) => a.cmp(b),
            (Some(_), None) => std::cmp::Ordering::Less,
            _ => std::cmp::Ordering::Greater,
        };
        match order {
            std::cmp::Ordering::Equal => matched.both.push((i, j)),
            std::cmp::Ordering::Less => matched.first.push(i),
            std::cmp::Ordering::Greater => matched.second.push(j),
        }
        i += usize::from(order.is_le());
        j += usize::from(order.is_ge());
    }
    matched
}

pub(crate) fn is_present(values: Option<Values<'_>>, row: usize) -> bool {
    match values {
        Some(Values::F64(values)) => values.get(row).is_some_and(|value| !value.is_nan()),
        Some(Values::F32(values)) => values.get(row).is_some_and(|value| !value.is_nan()),
        Some(values) => row < values.len(),
        None => false,
    }
}

pub(crate) fn bytes(values: Values<'_>, row: usize) -> Option<&[u8]> {
    let width = values.physical().width();
    values.as_bytes().get(row * width..(row + 1) * width)
}
