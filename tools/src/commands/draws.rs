//! Draws: the same over many markets that might have been.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use indicatif::ProgressBar;

use crate::interrupt::{self, Interrupted};
use crate::numbers::{count_len, counted};

/// Returns how many threads keep the machine's processors at work, where each takes one.
pub(crate) fn processors() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// Calls `run` with each number below `count`, by so many threads at once, and returns what it returned, in the order of the
/// numbers: that does not depend on the threads. A number is a step of `bar`.
///
/// # Errors
/// The first of `run`, by number, after which no further number is begun; [`Interrupted`] when it was stopped.
pub(crate) fn each<T: Send>(
    count: u64,
    at_once: usize,
    bar: &ProgressBar,
    run: &(dyn Fn(u64) -> anyhow::Result<T> + Sync),
) -> anyhow::Result<Vec<T>> {
    let (next, is_over) = (AtomicU64::new(0), AtomicBool::new(false));
    let work = || {
        let mut outcomes = Vec::new();
        while !is_over.load(Ordering::Relaxed) {
            let draw = next.fetch_add(1, Ordering::Relaxed);
            if draw >= count {
                break;
            }
            let outcome = run(draw);
            let goes_on = outcome.is_ok() && interrupt::check().is_ok();
            is_over.fetch_or(!goes_on, Ordering::Relaxed);
            outcomes.push((draw, outcome));
            bar.inc(1);
        }
        outcomes
    };
    let mut outcomes = thread::scope(|scope| {
        let others: Vec<_> = (1..at_once).map(|_| scope.spawn(work)).collect();
        let mut outcomes = work();
        for other in others {
            match other.join() {
                Ok(more) => outcomes.extend(more),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        outcomes
    });
    bar.finish_and_clear();
    outcomes.sort_by_key(|(draw, _)| *draw);
    if interrupt::check().is_err() {
        let done = outcomes.iter().filter(|(_, outcome)| outcome.is_ok()).count();
        let said = format!("only {} of {} were run", count_len(done), counted(count, "market"));
        return Err(anyhow::Error::new(Interrupted).context(said));
    }
    outcomes.into_iter().map(|(_, outcome)| outcome).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_stand_in_the_order_of_their_numbers() {
        for at_once in [1, 2, 5] {
            let bar = ProgressBar::hidden();
            let squares = each(100, at_once, &bar, &|draw| Ok(draw * draw)).unwrap();
            assert_eq!(squares, (0..100).map(|draw| draw * draw).collect::<Vec<_>>());
            let first = each(100, at_once, &bar, &|draw| match draw {
                7.. => Err(anyhow::anyhow!("no {draw}")),
                _ => Ok(draw),
            });
            assert_eq!(first.unwrap_err().to_string(), "no 7");
            assert!(each(0, at_once, &bar, &Ok).unwrap().is_empty());
        }
    }
}
