//! Parallel verification of a whole bundle.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use barrow_format::{Bundle, Defect, Verification};

/// Jobs beside those of the assets: the sections, and the structure.
const WHOLE_JOBS: usize = 2;

/// Checks every byte, each thread taking the next asset when it is done with one. The outcome does not depend on how
/// many threads there are.
pub(crate) fn verify<B: AsRef<[u8]> + Sync>(bundle: &Bundle<B>, threads: usize) -> Verification {
    let assets = usize::try_from(bundle.asset_count()).unwrap_or(usize::MAX);
    let jobs = assets + WHOLE_JOBS;
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
            let bad = run(bundle, job);
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
    let series = assets.saturating_mul(bundle.schema().columns().len());
    Verification {
        series: u64::try_from(series).unwrap_or(u64::MAX),
        bytes: u64::try_from(bundle.as_bytes().len()).unwrap_or(u64::MAX),
        bad: found.into_iter().flat_map(|(_, bad)| bad).collect(),
    }
}

/// The jobs of the whole bundle come first, because they are the longest.
fn run<B: AsRef<[u8]>>(bundle: &Bundle<B>, job: usize) -> Vec<Defect> {
    match job {
        0 => bundle.verify_sections(),
        1 => bundle.verify_structure(),
        _ => bundle.verify_asset(u32::try_from(job - WHOLE_JOBS).unwrap_or(u32::MAX)),
    }
}
