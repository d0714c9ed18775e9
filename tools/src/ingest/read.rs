//! Running all jobs, and telling the first fault by place whatever the order in which workers end.

use std::sync::atomic::{AtomicUsize, Ordering};

use barrow_format::Digest;
use hashbrown::HashMap;
use rayon::prelude::*;

use super::archive;
use super::columns::{BadRow, Chunk};
use super::context::Context;
use super::error::IngestError;
use super::job::{self, Job, Piece, Report};
use super::order;
use super::settle::{Fault, time_text};

/// Where rows come from: the jobs and what they reported.
#[derive(Debug)]
pub(crate) struct Places {
    pub(crate) jobs: Vec<Job>,
    pub(crate) reports: Vec<Report>,
    /// Lines before the piece of each job, in its file.
    bases: Vec<u64>,
}

/// Why reading ended early.
#[derive(Debug)]
pub(crate) enum Ended {
    /// Rows have to be sorted on disk.
    OverBudget,
    Failed(IngestError),
}

impl From<IngestError> for Ended {
    fn from(error: IngestError) -> Self {
        Self::Failed(error)
    }
}

/// Runs all jobs on the current thread pool. Each has a collector of its own, made by `collect`, which
/// `take` puts chunks into; collectors come back in the order of jobs.
///
/// # Errors
///
/// The first fault by source and line.
pub(crate) fn run<T: Send>(
    context: &Context<'_>,
    jobs: Vec<Job>,
    collect: &(dyn Fn() -> T + Sync),
    take: &(dyn Fn(&mut T, Chunk) -> Result<(), Fault> + Sync),
) -> Result<(Places, Vec<T>), Ended> {
    let failed = AtomicUsize::new(usize::MAX);
    let run = |scratch: &mut Vec<u8>, (at, job): (usize, &Job)| {
        // Jobs behind one that failed cannot be the first to fail.
        if at > failed.load(Ordering::Relaxed) {
            return None;
        }
        let mut collector = collect();
        let number = u32::try_from(at).unwrap_or(u32::MAX);
        let done =
            job::run(context, number, *job, scratch, &mut |chunk| take(&mut collector, chunk));
        if done.is_err() {
            failed.fetch_min(at, Ordering::Relaxed);
        }
        Some(done.map(|report| (report, collector)))
    };
    let done: Vec<_> = jobs.par_iter().enumerate().map_init(Vec::new, run).collect();
    if done.iter().flatten().any(|done| matches!(done, Err(Fault::OverBudget))) {
        return Err(Ended::OverBudget);
    }
    let mut collectors = Vec::with_capacity(done.len());
    let mut places = Places { jobs, reports: Vec::new(), bases: Vec::new() };
    let mut last: HashMap<String, i64> = HashMap::new();
    for done in done.into_iter().flatten() {
        let at = places.reports.len();
        let same = at > 0 && places.jobs[at - 1].source == places.jobs[at].source;
        let base = if same { places.bases[at - 1] + places.reports[at - 1].lines } else { 0 };
        places.bases.push(base);
        match done {
            Ok((report, collector)) => {
                places.reports.push(report);
                collectors.push(collector);
            }
            Err(Fault::Row { member, bad }) => {
                places.reports.push(Report::default());
                return Err(places.row_error(context, at, member, bad).into());
            }
            Err(Fault::Other(error)) => return Err(error.into()),
            Err(Fault::OverBudget) => return Err(Ended::OverBudget),
        }
        if !context.options.sorts() {
            if !same {
                last.clear();
            }
            places.check_edges(context, at, &mut last)?;
        }
    }
    Ok((places, collectors))
}

impl Places {
    /// Places of sources that one job each reads, before they are read.
    pub(crate) fn planned(jobs: Vec<Job>, digests: impl Iterator<Item = Digest>) -> Self {
        let report = |digest| Report { digest: Some(digest), ..Report::default() };
        let bases = vec![0; jobs.len()];
        Self { jobs, reports: digests.map(report).collect(), bases }
    }

    /// The name of the file, and of the member of an archive, that a job reads.
    pub(crate) fn label(&self, context: &Context<'_>, job: usize, member: u32) -> String {
        let source = &context.sources[self.jobs[job].source];
        let members = &self.reports[job].members;
        let name = usize::try_from(member).ok().and_then(|member| members.get(member));
        archive::label(source, name.map(String::as_str))
    }

    /// The line in its file of a line of a job.
    pub(crate) fn line(&self, job: usize, line: u64) -> u64 {
        self.bases[job] + line
    }

    pub(crate) fn row_error(
        &self,
        context: &Context<'_>,
        job: usize,
        member: u32,
        bad: BadRow,
    ) -> IngestError {
        IngestError::Row {
            file: self.label(context, job, member),
            line: self.line(job, bad.line),
            column: bad.column,
            value: bad.value,
            problem: bad.problem,
        }
    }

    /// Compares the first rows of a piece with the last ones of the pieces before.
    fn check_edges(
        &self,
        context: &Context<'_>,
        job: usize,
        last: &mut HashMap<String, i64>,
    ) -> Result<(), IngestError> {
        if !matches!(self.jobs[job].piece, Piece::Range { .. } | Piece::Group(_)) {
            return Ok(());
        }
        let mut first: Option<(u64, IngestError)> = None;
        for edge in &self.reports[job].edges {
            if let Some(&before) = last.get(&edge.symbol)
                && edge.first <= before
                && first.as_ref().is_none_or(|(line, _)| edge.line < *line)
            {
                let bad = BadRow {
                    line: edge.line,
                    column: "time".to_owned(),
                    value: time_text(edge.first),
                    problem: order::problem(before, edge.first),
                    raw: String::new(),
                };
                first = Some((edge.line, self.row_error(context, job, 0, bad)));
            }
            last.insert(edge.symbol.clone(), edge.last);
        }
        first.map_or(Ok(()), |(_, error)| Err(error))
    }
}
