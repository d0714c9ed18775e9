//! [`Plan`]: a query that was checked against a bundle, and can be answered.

use std::ops::Range;
use std::sync::Arc;

use barrow_format::{Asset, Column, Schema};

use super::answer::{ArrowBatches, Batches};
use super::asof::{AsOf, Joined};
use super::batch::{Batch, Header};
use super::explain::Explanation;
use super::expression::{Item, Number, Scope, Truth, divisor};
use super::frame::{Blocks, Frame, Instants, Series};
use super::group::Grouping;
use super::resample::resample;
use super::sessions::{Period, Periods};
use super::{Per, Skipping};
use crate::error::{Error, Result};
use crate::reading::lease::Lease;

/// A query that was checked against a bundle. Cheap to clone; it keeps the lease.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(super) planned: Arc<Planned>,
}

impl Plan {
    /// Returns what all batches of the answer have in common.
    pub fn header(&self) -> &Header {
        &self.planned.header
    }

    /// Returns the bundle.
    pub fn lease(&self) -> &Lease {
        &self.planned.lease
    }

    /// Returns the assets that the query is about, in symbol order.
    pub fn assets(&self) -> &[Asset] {
        &self.planned.assets
    }

    /// Returns how many bars of the assets lie in the time range, whatever the filter says. With resampling, how many are
    /// read at most.
    pub fn rows_in_range(&self) -> u64 {
        self.planned.units.iter().map(|unit| unit.rows.len() as u64).sum()
    }

    /// Answers in batches of 65,536 rows at most. Threads work ahead of whoever takes the batches, by two tasks each;
    /// they end when this is dropped.
    pub fn batches(&self) -> Batches {
        Batches::of(Arc::clone(&self.planned))
    }

    /// Answers in Arrow record batches of 65,536 rows at most, of the schema of [`Header::arrow_schema`].
    pub fn record_batches(&self) -> ArrowBatches {
        ArrowBatches::over(self.batches())
    }

    /// Answers in one batch, whatever its size.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] when what is read is damaged.
    pub fn collect(&self) -> Result<Batch> {
        let mut all = Batch::new(&self.planned.header);
        for batch in self.batches() {
            all.append(&batch?);
        }
        Ok(all)
    }

    /// Says what the plan does and what statistics let it skip. Reads statistics alone.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] when what is read is damaged.
    pub fn explain(&self) -> Result<Explanation> {
        Explanation::of(&self.planned)
    }
}

/// All that is needed to answer.
#[derive(Debug)]
pub(crate) struct Planned {
    pub(super) lease: Lease,
    pub(super) assets: Vec<Asset>,
    /// First and last timestamp.
    pub(super) from: i64,
    pub(super) to: i64,
    pub(super) scope: Scope,
    /// Whether each column of the scope is read.
    pub(super) used: Vec<bool>,
    /// Places of the columns that the filter reads.
    pub(super) filtered: Vec<usize>,
    /// Places of the columns that the answer reads.
    pub(super) answered: Vec<usize>,
    pub(super) filter: Option<Truth>,
    pub(super) items: Vec<Item>,
    pub(super) asof: Option<Join>,
    pub(super) resample: Option<Resampling>,
    pub(super) form: Form,
    pub(super) header: Header,
    pub(super) units: Vec<Unit>,
    /// What is done in one go: stretches of the units, or of a panel's times.
    pub(super) tasks: Vec<Range<usize>>,
    pub(super) limit: Option<usize>,
    pub(super) threads: usize,
    pub(super) skipping: Skipping,
}

/// A planned [`Answer`](super::Answer).
#[derive(Debug)]
pub(super) enum Form {
    Rows,
    Groups(Grouping),
    Top {
        count: usize,
        by: Number,
        per: Per,
    },
    Latest,
    /// The number, and the times that are rows.
    Panel {
        value: Number,
        times: Vec<i64>,
    },
}

/// A planned join.
#[derive(Debug)]
pub(super) struct Join {
    pub(super) asof: AsOf,
    /// Columns of the other bundle, by place in its schema, in the order of the scope.
    pub(super) columns: Vec<usize>,
}

/// Planned resampling.
#[derive(Debug)]
pub(super) struct Resampling {
    pub(super) period: Period,
    pub(super) periods: Periods,
    /// Bars this far outside the time range are read, so that no resampled bar within is cut; `None`: all.
    pub(super) slack_ns: Option<i64>,
}

/// Some rows of one asset.
#[derive(Clone, Debug)]
pub(super) struct Unit {
    /// Place among the plan's assets.
    pub(super) place: usize,
    /// Rows of the asset, from its first; with resampling, before it.
    pub(super) rows: Range<usize>,
}

/// Leases that a frame borrows from.
#[derive(Debug)]
pub(super) struct Sources {
    own: Lease,
    other: Option<Lease>,
}

impl Planned {
    pub(super) fn schema(&self) -> &Schema {
        self.lease.schema()
    }

    /// The columns of the bundle's own schema.
    fn stored(&self) -> &[Column] {
        self.schema().columns()
    }

    /// The units of a task.
    pub(super) fn units_of(&self, task: usize) -> &[Unit] {
        &self.units[self.tasks[task].clone()]
    }

    /// Leases for one task's reading: what they decode is let go with them, and not kept as long as the plan lives.
    pub(super) fn sources(&self) -> Sources {
        let other = self.asof.as_ref().map(|join| join.asof.lease.apart());
        Sources { own: self.lease.apart(), other }
    }

    /// The frame of a unit, and which of its rows are meant.
    pub(super) fn open<'a>(
        &'a self,
        sources: &'a Sources,
        unit: &Unit,
    ) -> Result<(Frame<'a>, Range<usize>)> {
        let (frame, rows) = self.open_between(sources, unit.place, self.from, self.to)?;
        Ok(if self.resample.is_some() { (frame, rows) } else { (frame, unit.rows.clone()) })
    }

    /// The frame of an asset, and its rows between two timestamps, both taken in.
    pub(super) fn open_between<'a>(
        &'a self,
        sources: &'a Sources,
        place: usize,
        from: i64,
        to: i64,
    ) -> Result<(Frame<'a>, Range<usize>)> {
        let asset = self.assets[place];
        let all = sources.own.bars(asset);
        let bars = match self.resample.as_ref().and_then(|resampling| resampling.slack_ns) {
            Some(slack) => all.within(from.saturating_sub(slack)..=to.saturating_add(slack))?,
            None => all,
        };
        let reader = sources.own.reader();
        // Resampling reads everything that it is given.
        let in_blocks = |column| self.resample.is_none() && !reader.snapshot.reads_in_place(column);
        let blocks = |column| Blocks { reader, column, asset };
        let mut columns = Vec::with_capacity(self.scope.columns.len());
        for index in 0..self.stored().len() {
            columns.push(match self.used[index] {
                true if in_blocks(index) => Series::Blocks(blocks(index)),
                true => Series::Stored(bars.column_at(index)?),
                false => Series::Unread,
            });
        }
        let symbol = sources.own.symbol(asset);
        let time = if in_blocks(0) {
            Instants::Blocks(blocks(0))
        } else {
            Instants::Stored(bars.times()?)
        };
        let mut frame = Frame::new(symbol, time, columns);
        let rows = if let Some(resampling) = &self.resample {
            frame = resample(&frame, self.stored(), &resampling.periods);
            let times = frame.times(0..frame.rows());
            let start = times.partition_point(|&time| time < from);
            start..times.partition_point(|&time| time <= to).max(start)
        } else {
            let (first, rows) = (all.rows().start, all.within(from..=to)?.rows());
            rows.start - first..rows.end - first
        };
        if let (Some(join), Some(other)) = (&self.asof, &sources.other) {
            self.join(join, other, symbol, &mut frame)?;
        }
        Ok((frame, rows))
    }

    /// Adds the columns of the other bundle.
    fn join<'a>(
        &'a self,
        join: &'a Join,
        other: &'a Lease,
        symbol: &str,
        frame: &mut Frame<'a>,
    ) -> Result<()> {
        let asof = &join.asof;
        let asset = match other.asset(asof.symbol.as_deref().unwrap_or(symbol)) {
            Err(Error::UnknownSymbol { .. }) => None,
            found => Some(found?),
        };
        for &index in &join.columns {
            let place = frame.columns.len();
            frame.columns.push(match asset {
                Some(asset) if self.used[place] => {
                    let reader = other.reader();
                    let blocks = |column| Blocks { reader, column, asset };
                    Series::Joined(Joined {
                        bars: other.bars(asset),
                        times: blocks(0),
                        values: blocks(index),
                        divisor: divisor(other.schema().columns()[index].logical),
                        tolerance_ns: asof.tolerance_ns,
                    })
                }
                // All missing.
                _ => Series::Unread,
            });
        }
        Ok(())
    }
}
