//! Answers, batch by batch.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_schema::{ArrowError, SchemaRef};

use super::Per;
use super::batch::{BATCH_ROWS, Batch, Header};
use super::group::{Group, Grouping};
use super::ordered::Ordered;
use super::plan::{Form, Planned};
use super::top::Lists;
use crate::error::Result;

/// The batches of an answer. Nothing is read before the first is asked for.
pub struct Batches {
    planned: Arc<Planned>,
    source: Option<Source>,
    /// Rows that are not yet a batch.
    pending: Option<Batch>,
    /// Rows that may still be answered with.
    left: usize,
}

/// Where rows come from.
enum Source {
    /// Tasks whose rows follow one another.
    Parts(Ordered<Result<Batch>>),
    /// Tasks that have groups by asset, in order, and the group that may go on in the next one.
    Groups(Ordered<Result<Vec<Option<Group>>>>, Option<Group>),
    /// Rows that only all tasks together tell.
    Whole(VecDeque<Batch>),
}

impl Batches {
    pub(super) fn of(planned: Arc<Planned>) -> Self {
        let left = planned.limit.unwrap_or(usize::MAX);
        Self { planned, source: None, pending: None, left }
    }

    /// Returns what all batches have in common.
    pub fn header(&self) -> &Header {
        &self.planned.header
    }

    fn part(&mut self) -> Result<Option<Batch>> {
        let source = match &mut self.source {
            Some(source) => source,
            None => self.source.insert(begin(&self.planned)?),
        };
        match source {
            Source::Parts(parts) => parts.next().transpose(),
            Source::Groups(parts, open) => {
                let Form::Groups(grouping) = &self.planned.form else { return Ok(None) };
                let complete = match parts.next() {
                    Some(groups) => Grouping::complete(open, groups?),
                    None if open.is_some() => vec![open.take()],
                    None => return Ok(None),
                };
                Ok(Some(self.planned.group_rows(grouping, &complete)))
            }
            Source::Whole(parts) => Ok(parts.pop_front()),
        }
    }

    /// The next batch: whole ones as long as there are rows, then what is left.
    fn batch(&mut self) -> Result<Option<Batch>> {
        if self.left == 0 {
            return Ok(None);
        }
        let enough = BATCH_ROWS.min(self.left);
        let is_panel = matches!(self.planned.form, Form::Panel { .. });
        loop {
            // The batches of a panel are wide: each is taken as it comes.
            if let Some(mut batch) = self.pending.take_if(|batch| is_panel || batch.rows >= enough)
            {
                if batch.rows > BATCH_ROWS {
                    self.pending = Some(batch.split_off(BATCH_ROWS));
                }
                return Ok(Some(batch));
            }
            match (self.part()?, &mut self.pending) {
                (Some(part), _) if part.rows == 0 => {}
                (Some(part), Some(pending)) => pending.append(&part),
                (Some(part), pending) => *pending = Some(part),
                (None, pending) => return Ok(pending.take()),
            }
        }
    }
}

/// Begins the work.
fn begin(planned: &Arc<Planned>) -> Result<Source> {
    let count = planned.tasks.len();
    match &planned.form {
        Form::Groups(grouping) => {
            let work = task(planned, |planned, task| match &planned.form {
                Form::Groups(grouping) => planned.groups(grouping, planned.units_of(task)),
                _ => Ok(Vec::new()),
            });
            if grouping.by_asset {
                return Ok(Source::Groups(Ordered::new(count, planned.threads, work), None));
            }
            let mut all = Vec::new();
            for groups in Ordered::new(count, planned.threads, work) {
                grouping.merge(&mut all, groups?);
            }
            Ok(Source::Whole([planned.group_rows(grouping, &all)].into()))
        }
        Form::Top { count: wanted, per, .. } => {
            let work = task(planned, |planned, task| match &planned.form {
                Form::Top { count, by, per } => {
                    planned.ranked(by, Lists::new(*count, *per), planned.units_of(task))
                }
                _ => Ok(Lists::new(0, Per::All)),
            });
            let mut all = Lists::new(*wanted, *per);
            for lists in Ordered::new(count, planned.threads, work) {
                all.merge(lists?);
            }
            all.sift();
            Ok(Source::Whole([planned.listed(&all)?].into()))
        }
        _ => Ok(Source::Parts(Ordered::new(count, planned.threads, task(planned, part)))),
    }
}

/// The rows of one task.
fn part(planned: &Planned, task: usize) -> Result<Batch> {
    let units = || planned.units_of(task);
    match &planned.form {
        // Groups and top lists are put together elsewhere.
        Form::Rows | Form::Groups(_) | Form::Top { .. } => planned.rows(units()),
        Form::Latest => planned.latest(units()),
        Form::Panel { value, times } => planned.panel(value, &times[planned.tasks[task].clone()]),
    }
}

/// A function of the plan and a task as work for threads.
fn task<T>(
    planned: &Arc<Planned>,
    work: impl Fn(&Planned, usize) -> T + Send + Sync + 'static,
) -> Arc<dyn Fn(usize) -> T + Send + Sync> {
    let planned = Arc::clone(planned);
    Arc::new(move |task| work(&planned, task))
}

impl Iterator for Batches {
    type Item = Result<Batch>;

    fn next(&mut self) -> Option<Result<Batch>> {
        match self.batch() {
            Ok(Some(mut batch)) => {
                batch.truncate(self.left);
                self.left -= batch.rows;
                Some(Ok(batch))
            }
            Ok(None) => None,
            Err(error) => {
                // What comes behind damage is not an answer.
                self.left = 0;
                Some(Err(error))
            }
        }
    }
}

impl fmt::Debug for Batches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Batches(of `{}`)", self.planned.lease.name())
    }
}

/// The batches of an answer as Arrow record batches.
#[derive(Debug)]
pub struct ArrowBatches {
    batches: Batches,
    schema: SchemaRef,
}

impl ArrowBatches {
    pub(super) fn over(batches: Batches) -> Self {
        let schema = batches.header().arrow_schema();
        Self { batches, schema }
    }
}

impl Iterator for ArrowBatches {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.batches.next()?;
        let batch = batch.map_err(|error| ArrowError::ExternalError(Box::new(error)));
        Some(batch.and_then(|batch| batch.to_arrow(self.batches.header())))
    }
}

impl RecordBatchReader for ArrowBatches {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}
