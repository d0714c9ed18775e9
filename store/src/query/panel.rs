//! Panels: times x assets.

use std::ops::{ControlFlow, Range};

use barrow_format::ValuesBuf;

use super::batch::Batch;
use super::expression::Number;
use super::plan::{Planned, Sources};
use super::scan::Direction;
use crate::error::Result;

/// Assets that are filled in before what was decoded of them is let go.
const ASSETS: usize = 64;
/// Values of a panel that are made in one go.
const VALUES: usize = 1 << 20;

/// Times of a panel's batch: few where there are many assets.
pub(super) fn times_at_once(assets: usize) -> usize {
    (VALUES / assets.max(1)).clamp(1, super::BATCH_ROWS)
}

impl Planned {
    /// Some times of a panel.
    pub(super) fn panel(&self, value: &Number, times: &[i64]) -> Result<Batch> {
        let mut columns = vec![vec![f64::NAN; times.len()]; self.assets.len()];
        if let (Some(&first), Some(&last)) = (times.first(), times.last()) {
            for (chunk, columns) in columns.chunks_mut(ASSETS).enumerate() {
                let sources = self.sources();
                for (place, column) in (chunk * ASSETS..).zip(columns) {
                    self.fill(&sources, place, value, (first, last), times, column)?;
                }
            }
        }
        let columns = columns.into_iter().map(ValuesBuf::F64).collect();
        Ok(Batch { rows: times.len(), runs: Vec::new(), time: times.to_vec(), columns })
    }

    fn fill(
        &self,
        sources: &Sources,
        place: usize,
        value: &Number,
        (first, last): (i64, i64),
        times: &[i64],
        column: &mut [f64],
    ) -> Result<()> {
        let (frame, rows) = self.open_between(sources, place, first, last)?;
        let mut at = 0;
        self.scan(place, &frame, rows, Direction::OldestFirst, &mut |block: Range<usize>, holds| {
            let values = value.eval(&frame, block.clone()).into_each(block.len());
            let block_times = frame.times(block);
            for (row, (time, value)) in block_times.iter().zip(values.iter()).enumerate() {
                // Every timestamp of an asset is a time of the bundle.
                at += times[at..].iter().take_while(|other| *other < time).count();
                if holds.is_none_or(|holds| holds[row]) && times.get(at) == Some(time) {
                    column[at] = *value;
                }
            }
            Ok(ControlFlow::Continue(()))
        })
    }
}
