//! Parallel verification of a whole version: of the file at its head, of the tables of the other files that it lies in, and
//! of the rows in all of them.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use barrow_format::{
    Asset, Defect, Digest, Error as FormatError, Problem, SectionKind, Values, Verification,
};

use crate::error::Error;
use crate::reading::segments::Files;

/// Jobs beside those of the assets and of the other files: the sections, and the structure.
const WHOLE_JOBS: usize = 2;

/// Pages whose check words are compared as one job.
const PAGES_AT_ONCE: u64 = 1024;

/// Checks every byte, each thread taking the next asset when it is done with one; and then, if all are what was written, that
/// each page has its check word. The outcome does not depend on how many threads there are.
pub(crate) fn verify(files: Files<'_>, threads: usize) -> Verification {
    let bundle = files.head;
    let assets = usize::try_from(bundle.asset_count()).unwrap_or(usize::MAX);
    let parts = usize::try_from(files.parts.count()).unwrap_or(usize::MAX);
    let mut bad = share(assets + parts + WHOLE_JOBS, threads, &|job| run(files, job));
    if bad.is_empty() {
        let mut stretches = Vec::new();
        for bundle in (0..=files.parts.count()).filter_map(|part| files.bundle(part).ok()) {
            let starts = (0..bundle.pages()).step_by(usize::try_from(PAGES_AT_ONCE).unwrap_or(1));
            stretches.extend(starts.map(|start| (bundle, start)));
        }
        bad = share(stretches.len(), threads, &|job| {
            let (bundle, start) = stretches[job];
            let pages = start..bundle.pages().min(start + PAGES_AT_ONCE);
            bundle.verify_pages(pages).into_iter().collect()
        });
    }
    let series = assets.saturating_mul(bundle.schema().columns().len());
    let number = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let others = (1..=files.parts.count()).filter_map(|part| files.record(part).ok());
    let bytes = number(bundle.as_bytes().len()) + others.map(|part| part.bytes).sum::<u64>();
    Verification::new(number(series), bytes, bad)
}

/// Does jobs by so many threads, 0 for one a processor, and returns what they found in the order of the jobs.
fn share(jobs: usize, threads: usize, run: &(dyn Fn(usize) -> Vec<Defect> + Sync)) -> Vec<Defect> {
    let processors = || thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let threads = if threads == 0 { processors() } else { threads }.min(jobs);
    let next = AtomicUsize::new(0);
    let work = || {
        let mut found: Vec<(usize, Vec<Defect>)> = Vec::new();
        loop {
            let job = next.fetch_add(1, Ordering::Relaxed);
            if job >= jobs {
                return found;
            }
            let bad = run(job);
            if !bad.is_empty() {
                found.push((job, bad));
            }
        }
    };
    let mut found = thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mut found = work();
        for other in others {
            match other.join() {
                Ok(more) => found.extend(more),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        found
    });
    found.sort_by_key(|(job, _)| *job);
    found.into_iter().flat_map(|(_, bad)| bad).collect()
}

/// The jobs of the whole bundle come first, because they are the longest.
fn run(files: Files<'_>, job: usize) -> Vec<Defect> {
    let bundle = files.head;
    if !bundle.is_segmented() {
        return match job {
            0 => bundle.verify_sections(),
            1 => bundle.verify_structure(),
            _ => bundle.verify_asset(u32::try_from(job - WHOLE_JOBS).unwrap_or(u32::MAX)),
        };
    }
    let source = |column: usize, asset: Asset, take: &mut dyn FnMut(Values<'_>)| {
        files
            .each_piece(column, asset, 0..asset.rows(), take)
            .map_err(|error| part_error(files, error))
    };
    match job {
        0 => return bundle.verify_sections(),
        1 => return bundle.verify_structure_from(&source),
        _ => {}
    }
    let job = u32::try_from(job - WHOLE_JOBS).unwrap_or(u32::MAX);
    match job.checked_sub(files.parts.count()) {
        Some(ordinal) => bundle.verify_asset_from(ordinal, &source),
        None => verify_part(files, job + 1),
    }
}

/// Checks the tables of one of the other files. Its rows are checked with the assets that they belong to.
fn verify_part(files: Files<'_>, part: u32) -> Vec<Defect> {
    match files.bundle(part) {
        Ok(bundle) => bundle.verify_sections(),
        Err(error) => vec![Defect {
            section: SectionKind::Parts,
            column: None,
            symbol: None,
            offset: 0,
            problem: Problem::Unreadable(part_error(files, error)),
        }],
    }
}

/// Says which of the other files an error concerns, as far as it names one.
fn part_error(files: Files<'_>, error: Error) -> FormatError {
    let concerns = |part: &u32| {
        let record = files.record(*part).ok();
        let digest = record.map(|record| Digest::from_bytes(record.digest));
        digest.filter(|digest| chain(&error).contains(&digest.to_string()))
    };
    let named = (1..=files.parts.count()).find_map(|part| concerns(&part));
    let digest = named.unwrap_or(files.head.digest());
    FormatError::Part { digest, source: Box::new(error) }
}

/// Returns the texts of an error and of what caused it.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
