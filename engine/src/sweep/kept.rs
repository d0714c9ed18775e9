//! What trials leave for those that continue them.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Continuing is worth some memory, not any amount.
const BYTES_MAX: usize = 256 << 20;

/// Values by the id of a trial, up to a number of bytes; those of the lowest ids go first.
#[derive(Debug)]
pub(super) struct Kept<T> {
    shelf: Mutex<Shelf<T>>,
}

#[derive(Debug)]
struct Shelf<T> {
    by_id: BTreeMap<u64, (usize, T)>,
    bytes: usize,
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Kept { shelf: Mutex::new(Shelf { by_id: BTreeMap::new(), bytes: 0 }) }
    }
}

impl<T> Kept<T> {
    /// Keeps a value of so many bytes.
    pub(super) fn put(&self, id: u64, bytes: usize, value: T) {
        let mut shelf = self.lock();
        shelf.bytes += bytes;
        if let Some((old, _)) = shelf.by_id.insert(id, (bytes, value)) {
            shelf.bytes -= old;
        }
        while shelf.bytes > BYTES_MAX {
            let Some((_, (bytes, _))) = shelf.by_id.pop_first() else { return };
            shelf.bytes -= bytes;
        }
    }

    /// Takes a value away, if it is still there.
    pub(super) fn take(&self, id: u64) -> Option<T> {
        let mut shelf = self.lock();
        let (bytes, value) = shelf.by_id.remove(&id)?;
        shelf.bytes -= bytes;
        Some(value)
    }

    /// Tells whether a value is there.
    pub(super) fn has(&self, id: u64) -> bool {
        self.lock().by_id.contains_key(&id)
    }

    fn lock(&self) -> MutexGuard<'_, Shelf<T>> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_go_when_there_is_too_much() {
        let kept = Kept::default();
        for id in 0..10 {
            kept.put(id, BYTES_MAX / 4, id);
        }
        assert_eq!((0..10).filter(|id| kept.has(*id)).collect::<Vec<u64>>(), [6, 7, 8, 9]);
        assert_eq!((kept.take(7), kept.take(7), kept.take(0)), (Some(7), None, None));
        kept.put(20, BYTES_MAX / 4, 20);
        kept.put(20, BYTES_MAX / 4, 21);
        assert!(kept.has(6), "what was taken or replaced does not count");
        kept.put(21, BYTES_MAX + 1, 0);
        assert_eq!((0..30).filter(|id| kept.has(*id)).count(), 0);
    }
}
