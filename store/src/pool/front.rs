//! Each thread's memory of its last leases: what makes a pool hit cost nanoseconds.
//!
//! A front holds weak references only, so it keeps nothing alive that the pool has let go of, and every use of it is
//! checked against the pool's own flag and the bundle's `HEAD`. It is an accelerator without a say.

use std::cell::{Cell, RefCell};
use std::ffi::OsStr;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use crate::pool::opened::Pinned;
use crate::pool::shelf::Key;

/// How many leases a thread remembers.
const PLACES: usize = 128;
/// How many shards threads are spread over.
pub(crate) const SHARDS: usize = 16;

/// What a thread remembers of one lease.
struct Remembered {
    pool: u64,
    hash: u64,
    root: Option<Arc<Path>>,
    text: Box<OsStr>,
    options: u64,
    pinned: Weak<Pinned>,
}

thread_local! {
    static FRONT: RefCell<Vec<Option<Remembered>>> = const { RefCell::new(Vec::new()) };
    static SHARD: Cell<usize> = const { Cell::new(usize::MAX) };
}

/// Returns the shard of this thread: threads that run at the same time have different ones, up to [`SHARDS`] of them.
#[inline]
pub(crate) fn shard() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let known = SHARD.get();
    if known < SHARDS {
        return known;
    }
    let shard = NEXT.fetch_add(1, Ordering::Relaxed) % SHARDS;
    SHARD.set(shard);
    shard
}

/// Returns what this thread last leased under a key, if the pool or a lease still has it.
#[inline]
pub(crate) fn recall(pool: u64, key: Key<'_>) -> Option<Arc<Pinned>> {
    // The thread may be past the destruction of its locals.
    FRONT
        .try_with(|front| {
            let places = front.borrow();
            let place = places.get(place(key.hash))?.as_ref()?;
            let same = place.hash == key.hash
                && place.pool == pool
                && place.options == key.options
                && same_root(place.root.as_ref(), key.root)
                && place.text.as_encoded_bytes() == key.text.as_encoded_bytes();
            if same { place.pinned.upgrade() } else { None }
        })
        .ok()
        .flatten()
}

/// Remembers a lease in this thread.
pub(crate) fn remember(pool: u64, key: Key<'_>, pinned: &Arc<Pinned>) {
    let remembered = Remembered {
        pool,
        hash: key.hash,
        root: key.root.cloned(),
        text: key.text.into(),
        options: key.options,
        pinned: Arc::downgrade(pinned),
    };
    // Without locals there is nothing to remember in.
    let _ = FRONT.try_with(|front| {
        let mut places = front.borrow_mut();
        if places.is_empty() {
            places.resize_with(PLACES, || None);
        }
        if let Some(place) = places.get_mut(place(key.hash)) {
            *place = Some(remembered);
        }
    });
}

/// Tells whether two keys are of the same catalog (`None`: of no catalog).
#[inline]
pub(crate) fn same_root(a: Option<&Arc<Path>>, b: Option<&Arc<Path>>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => {
            // Most programs have one `Catalog` value and clone it.
            Arc::ptr_eq(a, b)
                || a.as_os_str().as_encoded_bytes() == b.as_os_str().as_encoded_bytes()
        }
        (None, None) => true,
        _ => false,
    }
}

#[inline]
fn place(hash: u64) -> usize {
    let [.., chosen, _] = hash.to_le_bytes();
    usize::from(chosen) % PLACES
}
