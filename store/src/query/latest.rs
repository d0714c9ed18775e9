//! The newest row of each asset.

use std::ops::ControlFlow;

use super::batch::Batch;
use super::plan::{Planned, Unit};
use super::scan::Direction;
use crate::error::Result;

impl Planned {
    /// The newest row of each unit that meets the filter. Reads from the end, and stops at the first that does.
    pub(super) fn latest(&self, units: &[Unit]) -> Result<Batch> {
        let mut batch = Batch::new(&self.header);
        let sources = self.sources();
        for unit in units {
            let (frame, rows) = self.open(&sources, unit)?;
            self.scan(unit.place, &frame, rows, Direction::NewestFirst, &mut |block, holds| {
                let last = holds
                    .map_or(Some(block.len() - 1), |holds| holds.iter().rposition(|holds| *holds));
                if let Some(last) = last {
                    let row = block.start + last;
                    self.add(unit.place, &frame, row..row + 1, None, &mut batch);
                    return Ok(ControlFlow::Break(()));
                }
                Ok(ControlFlow::Continue(()))
            })?;
        }
        Ok(batch)
    }
}
