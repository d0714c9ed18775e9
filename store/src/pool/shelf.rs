//! The shelf: what a pool holds, and what it is about to hold. Plain data behind the pool's lock; it opens nothing.

use std::ffi::OsStr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use hashbrown::HashTable;

use crate::cache::flight::{Flight, Ticket};
use crate::error::Result;
use crate::pool::front::{SHARDS, same_root};
use crate::pool::opened::{Opened, Pinned};

/// The bundles of a pool, by key, and the counters that only change together with them.
#[derive(Default)]
pub(crate) struct Shelf {
    pub(crate) entries: HashTable<Entry>,
    pub(crate) misses: u64,
    pub(crate) evictions: u64,
    pub(crate) invalidations: u64,
    pub(crate) open_nanos: u64,
}

/// One key and what stands under it.
pub(crate) struct Entry {
    pub(crate) hash: u64,
    pub(crate) root: Option<Arc<Path>>,
    pub(crate) text: Box<OsStr>,
    pub(crate) options: u64,
    pub(crate) stage: Stage,
}

/// How far a bundle has come.
pub(crate) enum Stage {
    /// One thread opens it; the others wait for the outcome.
    Opening(Arc<Flight<Result<Arc<Opened>>>>),
    /// It is held, with what the threads of each shard have pinned of it.
    Open { opened: Arc<Opened>, pins: [Option<Arc<Pinned>>; SHARDS] },
}

/// What to lease and how to open it, and the hash of that.
#[derive(Clone, Copy)]
pub(crate) struct Key<'a> {
    /// The catalog that `text` is a specification in; `None` when `text` is a path.
    pub(crate) root: Option<&'a Arc<Path>>,
    pub(crate) text: &'a OsStr,
    /// The number of the [`OpenOptions`](crate::OpenOptions).
    pub(crate) options: u64,
    pub(crate) hash: u64,
}

/// What a lease has to do next.
pub(crate) enum Step {
    Held(Arc<Opened>),
    Wait(Arc<Flight<Result<Arc<Opened>>>>),
    Open(Ticket<Result<Arc<Opened>>>),
}

impl Shelf {
    /// Returns what a lease has to do next; when that is to open, everyone else will wait for it.
    pub(crate) fn step(&mut self, key: Key<'_>) -> Step {
        match self.entries.find(key.hash, |entry| entry.is(key)).map(|entry| &entry.stage) {
            Some(Stage::Open { opened, .. }) => Step::Held(Arc::clone(opened)),
            Some(Stage::Opening(flight)) => Step::Wait(Arc::clone(flight)),
            None => {
                let (flight, ticket) = Flight::start();
                let entry = Entry {
                    hash: key.hash,
                    root: key.root.cloned(),
                    text: key.text.into(),
                    options: key.options,
                    stage: Stage::Opening(flight),
                };
                self.entries.insert_unique(key.hash, entry, |entry| entry.hash);
                Step::Open(ticket)
            }
        }
    }

    /// Returns the bundles that are held.
    pub(crate) fn open(&self) -> impl Iterator<Item = &Arc<Opened>> {
        self.entries.iter().filter_map(Entry::opened)
    }

    /// Removes the least recently used bundles beyond `capacity` and returns them, to be dropped without the lock.
    pub(crate) fn evict(&mut self, capacity: usize) -> Vec<Entry> {
        let mut evicted = Vec::new();
        let mut excess = self.open().count().saturating_sub(capacity);
        while excess > 0 {
            let used = |opened: &Arc<Opened>| opened.used.0.load(Ordering::Relaxed);
            let Some(oldest) = self.open().min_by_key(|opened| used(opened)).map(Arc::clone) else {
                break;
            };
            let is_it = |entry: &mut Entry| {
                entry.opened().is_some_and(|opened| Arc::ptr_eq(opened, &oldest))
            };
            evicted.extend(self.entries.extract_if(is_it).inspect(Entry::release));
            self.evictions += 1;
            excess -= 1;
        }
        evicted
    }

    /// Removes the entry of an opening that came to nothing.
    pub(crate) fn remove_opening(&mut self, key: Key<'_>) {
        let is_it = |entry: &Entry| entry.is(key) && entry.opened().is_none();
        if let Ok(found) = self.entries.find_entry(key.hash, is_it) {
            found.remove();
        }
    }
}

impl Entry {
    /// Tells whether this is the entry of a key.
    pub(crate) fn is(&self, key: Key<'_>) -> bool {
        self.hash == key.hash
            && self.options == key.options
            && same_root(self.root.as_ref(), key.root)
            && self.text.as_encoded_bytes() == key.text.as_encoded_bytes()
    }

    /// Returns what is held.
    pub(crate) fn opened(&self) -> Option<&Arc<Opened>> {
        match &self.stage {
            Stage::Open { opened, .. } => Some(opened),
            Stage::Opening(_) => None,
        }
    }

    /// Tells the threads' fronts that the pool no longer holds this.
    pub(crate) fn release(&self) {
        if let Some(opened) = self.opened() {
            opened.held.store(false, Ordering::Release);
        }
    }
}
