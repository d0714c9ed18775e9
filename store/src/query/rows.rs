//! Answers of rows.

use std::ops::{ControlFlow, Range};

use barrow_format::ValuesBuf;

use super::batch::Batch;
use super::expression::Item;
use super::frame::{self, Frame};
use super::plan::{Planned, Unit};
use super::scan::{Direction, Holds};
use crate::error::Result;

impl Planned {
    /// The rows of some units that meet the filter.
    pub(super) fn rows(&self, units: &[Unit]) -> Result<Batch> {
        let mut batch = Batch::new(&self.header);
        let sources = self.sources();
        for unit in units {
            let (frame, rows) = self.open(&sources, unit)?;
            self.scan(unit.place, &frame, rows, Direction::OldestFirst, &mut |block, holds| {
                self.add(unit.place, &frame, block, holds, &mut batch);
                Ok(ControlFlow::Continue(()))
            })?;
        }
        Ok(batch)
    }

    /// Adds the rows of a block that are kept to a batch.
    pub(super) fn add(
        &self,
        place: usize,
        frame: &Frame<'_>,
        block: Range<usize>,
        holds: Holds<'_>,
        batch: &mut Batch,
    ) {
        let before = batch.time.len();
        let time = frame.times(block.clone());
        match holds {
            None => batch.time.extend_from_slice(&time),
            Some(holds) => {
                let kept = time.iter().zip(holds).filter(|(_, holds)| **holds);
                batch.time.extend(kept.map(|(time, _)| *time));
            }
        }
        let count = batch.time.len() - before;
        for (item, data) in self.items.iter().zip(&mut batch.columns) {
            item.take(frame, block.clone(), holds, data);
        }
        batch.run(place, count);
    }
}

impl Item {
    /// Adds the column's values of the rows that are kept.
    fn take(&self, frame: &Frame<'_>, rows: Range<usize>, holds: Holds<'_>, into: &mut ValuesBuf) {
        match self {
            Self::Stored { place, .. } => frame.take(*place, rows, holds, into),
            Self::Number { number, .. } => {
                let len = rows.len();
                let values = number.eval(frame, rows).into_each(len);
                frame::take((&*values).into(), holds, into);
            }
            Self::Truth { truth, .. } => {
                let values: Vec<u8> = truth.eval(frame, rows).into_iter().map(u8::from).collect();
                frame::take(values.as_slice().into(), holds, into);
            }
        }
    }
}
