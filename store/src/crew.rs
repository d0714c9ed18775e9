//! A crew of threads that work off a list, each taking the next item when it is done with one.

use std::convert::Infallible;
use std::num::NonZeroUsize;
use std::sync::OnceLock;
use std::thread;

use parking_lot::Mutex;

/// Does `work` on every item, on all processors; returns the error of the first item, in their order, that failed. What
/// comes after a failure may be left undone.
pub(crate) fn each<T: Send, E: Send>(
    items: Vec<T>,
    work: impl Fn(T) -> Result<(), E> + Sync,
) -> Result<(), E> {
    each_of(processors(), items, work)
}

/// Returns how many threads can run at once. Finding out reads several files, and is done once.
fn processors() -> usize {
    static PROCESSORS: OnceLock<usize> = OnceLock::new();
    *PROCESSORS.get_or_init(|| thread::available_parallelism().map_or(1, NonZeroUsize::get))
}

/// Does as [`each`], on these many threads at the most: for work that waits rather than computes.
pub(crate) fn each_of<T: Send, E: Send>(
    threads: usize,
    items: Vec<T>,
    work: impl Fn(T) -> Result<(), E> + Sync,
) -> Result<(), E> {
    let threads = threads.min(items.len());
    if threads < 2 {
        return items.into_iter().try_for_each(work);
    }
    let items = Mutex::new(items.into_iter().enumerate());
    let failure: Mutex<Option<(usize, E)>> = Mutex::new(None);
    let run = || {
        loop {
            let item = items.lock().next();
            let Some((place, item)) = item else { return };
            if failure.lock().as_ref().is_some_and(|(first, _)| *first < place) {
                return;
            }
            if let Err(error) = work(item) {
                let mut failure = failure.lock();
                if failure.as_ref().is_none_or(|(first, _)| place < *first) {
                    *failure = Some((place, error));
                }
            }
        }
    };
    // A panic in one of them is passed on when the scope ends.
    thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(run);
        }
        run();
    });
    failure.into_inner().map_or(Ok(()), |(_, error)| Err(error))
}

/// Does `work` on every item, on all processors, and returns what it made of them, in their order.
pub(crate) fn gather<T: Send, R: Send + Sync, E: Send>(
    items: Vec<T>,
    work: impl Fn(T) -> Result<R, E> + Sync,
) -> Result<Vec<R>, E> {
    let made: Vec<OnceLock<R>> = items.iter().map(|_| OnceLock::new()).collect();
    each(items.into_iter().zip(&made).collect(), |(item, place)| {
        let _ = place.set(work(item)?);
        Ok(())
    })?;
    Ok(made.into_iter().filter_map(OnceLock::into_inner).collect())
}

/// Calls `work` with each number below `count`, on all processors.
pub(crate) fn every(count: usize, work: &(dyn Fn(usize) + Sync)) {
    let Ok(()) = each((0..count).collect(), |place| {
        work(place);
        Ok::<(), Infallible>(())
    });
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn every_item_is_worked_on_once() {
        for count in [0, 1, 2, 1000] {
            let sum = AtomicUsize::new(0);
            let done: Result<(), ()> = each((0..count).collect(), |item| {
                sum.fetch_add(item + 1, Ordering::Relaxed);
                Ok(())
            });
            assert_eq!((done, sum.into_inner()), (Ok(()), count * (count + 1) / 2));
        }
    }

    #[test]
    fn what_is_made_comes_in_the_order_of_the_items() {
        for count in [0, 1, 2, 1000] {
            let made: Result<Vec<_>, ()> = gather((0..count).collect(), |item| Ok(item * 3));
            assert_eq!(made.unwrap(), (0..count).map(|item| item * 3).collect::<Vec<_>>());
        }
        assert_eq!(
            gather(vec![1, 2, 3], |item| if item == 2 { Err(item) } else { Ok(()) }),
            Err(2)
        );
    }

    #[test]
    fn the_first_failure_is_the_answer() {
        for _ in 0..200 {
            let work = |item| if item % 7 == 5 { Err(item) } else { Ok(()) };
            assert_eq!(each((0..100).collect(), work), Err(5));
        }
    }
}
