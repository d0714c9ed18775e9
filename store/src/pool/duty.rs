//! The duty that an opening takes on.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::pool::BundlePool;
use crate::pool::opened::Opened;
use crate::pool::shelf::{Key, Stage};

/// The duty to replace the entry of an opening, also when the opening panics.
pub(super) struct Duty<'a> {
    pool: &'a BundlePool,
    key: Key<'a>,
    done: bool,
}

impl<'a> Duty<'a> {
    pub(super) fn new(pool: &'a BundlePool, key: Key<'a>) -> Self {
        Self { pool, key, done: false }
    }

    /// Puts what was opened, or nothing, in the place of the opening.
    pub(super) fn finish(mut self, opened: Option<&Arc<Opened>>, nanos: u64) {
        self.done = true;
        let mut shelf = self.pool.shelf.lock();
        shelf.misses += 1;
        shelf.open_nanos += nanos;
        let Some(opened) = opened else {
            shelf.remove_opening(self.key);
            return;
        };
        self.pool.touch(opened);
        opened.held.store(true, Ordering::Release);
        if let Some(entry) = shelf.entries.find_mut(self.key.hash, |entry| entry.is(self.key)) {
            entry.stage = Stage::Open { opened: Arc::clone(opened), pins: Default::default() };
        }
        let evicted = shelf.evict(self.pool.capacity());
        drop(shelf);
        drop(evicted);
    }
}

impl Drop for Duty<'_> {
    fn drop(&mut self) {
        if !self.done {
            self.pool.shelf.lock().remove_opening(self.key);
        }
    }
}
