//! Single flight: several threads want the same thing, one makes it, the others wait for that one.

use std::sync::Arc;

use parking_lot::{Condvar, Mutex};

/// One making in progress.
#[derive(Debug)]
pub(crate) struct Flight<T> {
    outcome: Mutex<Outcome<T>>,
    landed: Condvar,
}

#[derive(Debug)]
enum Outcome<T> {
    Pending,
    Made(T),
    /// The maker gave up (it failed in its own way or panicked): whoever waits has to try for itself.
    Abandoned,
}

impl<T: Clone> Flight<T> {
    /// Starts a flight. The ticket lands it: with a value, or as abandoned when it is dropped.
    pub(crate) fn start() -> (Arc<Self>, Ticket<T>) {
        let flight =
            Arc::new(Self { outcome: Mutex::new(Outcome::Pending), landed: Condvar::new() });
        (Arc::clone(&flight), Ticket { flight })
    }

    /// Waits for the outcome; `None` when the maker gave up.
    pub(crate) fn wait(&self) -> Option<T> {
        let mut outcome = self.outcome.lock();
        loop {
            match &*outcome {
                Outcome::Pending => self.landed.wait(&mut outcome),
                Outcome::Made(value) => return Some(value.clone()),
                Outcome::Abandoned => return None,
            }
        }
    }
}

/// The duty to end a flight; dropping it unused wakes the waiters empty-handed.
#[derive(Debug)]
pub(crate) struct Ticket<T> {
    flight: Arc<Flight<T>>,
}

impl<T> Ticket<T> {
    /// Hands `value` to everyone who waits.
    pub(crate) fn land(self, value: T) {
        *self.flight.outcome.lock() = Outcome::Made(value);
        // Dropping `self` wakes the waiters.
    }
}

impl<T> Drop for Ticket<T> {
    fn drop(&mut self) {
        let mut outcome = self.flight.outcome.lock();
        if matches!(*outcome, Outcome::Pending) {
            *outcome = Outcome::Abandoned;
        }
        drop(outcome);
        self.flight.landed.notify_all();
    }
}
