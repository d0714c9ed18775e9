//! [`Draws`]: the same over many markets that might have been.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// How many markets are drawn, and by how many threads.
#[derive(Clone, Copy)]
pub struct Draws<'a> {
    /// How many.
    pub count: u64,
    /// How many are run at once, each on a thread of its own; the caller's is one of them.
    pub at_once: usize,
    /// Once true, no further one is begun.
    pub cancel: &'a AtomicBool,
    /// Is told how many have ended; one call at a time.
    pub progress: &'a (dyn Fn(u64) + Sync),
}

impl Draws<'_> {
    /// Calls `run` with each number below the count and returns what it returned, in the order of the numbers, whatever the
    /// threads; of those that ended well, where it was cancelled.
    ///
    /// # Errors
    /// The first of `run`, by number, after which no further number is begun.
    pub fn each<T: Send, E: Send>(
        &self,
        run: &(dyn Fn(u64) -> Result<T, E> + Sync),
    ) -> Result<Vec<T>, E> {
        let (next, ended) = (AtomicU64::new(0), Mutex::new(Vec::new()));
        let ended_now = || ended.lock().unwrap_or_else(PoisonError::into_inner);
        let work = || {
            while !self.cancel.load(Ordering::Relaxed) {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= self.count {
                    break;
                }
                let outcome = run(number);
                if outcome.is_err() {
                    next.store(self.count, Ordering::Relaxed);
                }
                let mut ended = ended_now();
                ended.push((number, outcome));
                (self.progress)(ended.len() as u64);
            }
        };
        thread::scope(|scope| {
            let others: Vec<_> = (1..self.at_once).map(|_| scope.spawn(work)).collect();
            work();
            for other in others {
                if let Err(panic) = other.join() {
                    resume_unwind(panic);
                }
            }
        });
        let mut outcomes = std::mem::take(&mut *ended_now());
        outcomes.sort_by_key(|(number, _)| *number);
        let outcomes = outcomes.into_iter().map(|(_, outcome)| outcome);
        if self.cancel.load(Ordering::Relaxed) {
            return Ok(outcomes.filter_map(Result::ok).collect());
        }
        outcomes.collect()
    }
}

impl std::fmt::Debug for Draws<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Draws")
            .field("count", &self.count)
            .field("at_once", &self.at_once)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_stand_in_the_order_of_their_numbers() {
        let cancel = AtomicBool::new(false);
        for at_once in [1, 2, 5] {
            let told = AtomicU64::new(0);
            let progress = |done: u64| assert_eq!(told.fetch_add(1, Ordering::Relaxed) + 1, done);
            let draws = Draws { count: 100, at_once, cancel: &cancel, progress: &progress };
            let squares = draws.each(&|draw| Ok::<_, String>(draw * draw)).unwrap();
            assert_eq!(squares, (0..100).map(|draw| draw * draw).collect::<Vec<_>>());
            assert_eq!(told.swap(0, Ordering::Relaxed), 100);
            let first = draws.each(&|draw| match draw {
                7.. => Err(format!("no {draw}")),
                _ => Ok(draw),
            });
            assert_eq!(first.unwrap_err(), "no 7");
            let none = Draws { count: 0, ..draws };
            assert!(none.each(&Ok::<_, String>).unwrap().is_empty());
        }
    }

    #[test]
    fn a_cancelled_one_has_what_ended_well() {
        let cancel = AtomicBool::new(false);
        let draws = Draws { count: 100, at_once: 1, cancel: &cancel, progress: &|_| {} };
        let begun = draws.each(&|draw| {
            cancel.store(draw == 4, Ordering::Relaxed);
            if draw == 4 { Err("was cut short") } else { Ok(draw) }
        });
        assert_eq!(begun, Ok(vec![0, 1, 2, 3]));
    }
}
