//! The pool: every process maps a bundle once, and finding it again costs nanoseconds.

mod duty;
pub(crate) mod front;
pub(crate) mod opened;
pub(crate) mod opening;
pub(crate) mod shelf;
mod stats;

use std::ffi::OsStr;
use std::fmt;
use std::hash::BuildHasher as _;
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use hashbrown::DefaultHashBuilder;
use parking_lot::Mutex;

use crate::cache::flight::Ticket;
use crate::catalog::Catalog;
use crate::error::Result;
use crate::pool::duty::Duty;
use crate::pool::front::SHARDS;
use crate::pool::opened::{Opened, Padded, Pinned};
use crate::pool::shelf::{Entry, Key, Shelf, Stage, Step};
pub use crate::pool::stats::PoolStats;
use crate::reading::lease::Lease;
use crate::reading::options::OpenOptions;
use crate::reading::snapshot::Snapshot;

/// A set of opened bundles, shared by the threads of a process.
///
/// A lease of a bundle that the pool holds, and that is still the newest version, is a **hit**: it takes tens of
/// nanoseconds, the check for a newer version included, and writes no memory that other threads write. Anything else is
/// a **miss** and opens the bundle; threads that want the same bundle meanwhile wait for that one opening. When there are
/// more bundles than the capacity, the least recently used one leaves; it stays mapped until its last lease is dropped.
///
/// # Examples
///
/// ```no_run
/// use barrow_store::{BundlePool, Catalog};
///
/// let catalog = Catalog::at("/var/lib/bars");
/// let lease = BundlePool::global().lease(&catalog, "us-daily")?;
/// assert_eq!(BundlePool::global().stats().misses, 1);
/// # Ok::<(), barrow_store::Error>(())
/// ```
pub struct BundlePool {
    /// Tells this pool's entries from another's in the threads' fronts.
    id: u64,
    hasher: DefaultHashBuilder,
    capacity: AtomicUsize,
    shelf: Mutex<Shelf>,
    /// Counts uses; a bundle's stamp is the count at its last use. Written only when another bundle was used last.
    clock: Padded<AtomicU64>,
    /// Counted by the shard of the thread that hits.
    hits: [Padded<AtomicU64>; SHARDS],
}

impl BundlePool {
    /// The capacity of [`BundlePool::global`] to begin with.
    pub const DEFAULT_CAPACITY: usize = 100;

    /// Returns the pool of this process.
    pub fn global() -> &'static Self {
        static GLOBAL: OnceLock<BundlePool> = OnceLock::new();
        GLOBAL.get_or_init(|| Self::new(Self::DEFAULT_CAPACITY))
    }

    /// Returns a pool of its own that holds at most `capacity` bundles. With a capacity of 0 it holds none, and every
    /// lease opens.
    pub fn new(capacity: usize) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            hasher: DefaultHashBuilder::default(),
            capacity: AtomicUsize::new(capacity),
            shelf: Mutex::default(),
            // Ahead of every stamp, so that a bundle that was never used is not taken for the last one used.
            clock: Padded(AtomicU64::new(1)),
            hits: Default::default(),
        }
    }

    /// Returns how many bundles the pool may hold.
    pub fn capacity(&self) -> usize {
        self.capacity.load(Ordering::Relaxed)
    }

    /// Changes how many bundles the pool may hold; those beyond leave at once, least recently used first.
    pub fn set_capacity(&self, capacity: usize) {
        let mut shelf = self.shelf.lock();
        self.capacity.store(capacity, Ordering::Relaxed);
        let evicted = shelf.evict(capacity);
        drop(shelf);
        drop(evicted);
    }

    /// Leases a bundle of a catalog: `name` for the newest version, `name@digits` for the one version that starts with
    /// these hexadecimal digits, or the path of a bundle file (it contains a `/` or ends with `.barrow`).
    ///
    /// A version published before the call is never missed. A hit costs no system call (of a bare file: one).
    ///
    /// # Errors
    ///
    /// [`UnknownBundle`], [`UnknownVersion`] or [`AmbiguousVersion`] when there is no such thing; [`BundleName`] or
    /// [`VersionSyntax`] when there cannot be; [`Head`], [`VersionRecord`], [`Mismatch`] or [`Corrupt`] when it is
    /// damaged; [`Io`]. Errors are not kept: the next lease tries again.
    ///
    /// [`UnknownBundle`]: crate::Error::UnknownBundle
    /// [`UnknownVersion`]: crate::Error::UnknownVersion
    /// [`AmbiguousVersion`]: crate::Error::AmbiguousVersion
    /// [`BundleName`]: crate::Error::BundleName
    /// [`VersionSyntax`]: crate::Error::VersionSyntax
    /// [`Head`]: crate::Error::Head
    /// [`VersionRecord`]: crate::Error::VersionRecord
    /// [`Mismatch`]: crate::Error::Mismatch
    /// [`Corrupt`]: crate::Error::Corrupt
    /// [`Io`]: crate::Error::Io
    #[inline]
    pub fn lease(&self, catalog: &Catalog, spec: &str) -> Result<Lease> {
        self.lease_key(Some(catalog.shared_root()), OsStr::new(spec), OpenOptions::default())
    }

    /// Leases a bundle of a catalog as [`BundlePool::lease`] does, opened as the options say. What is opened with other
    /// options is held apart.
    ///
    /// # Errors
    ///
    /// As [`BundlePool::lease`]; [`Damaged`](crate::Error::Damaged) when what is verified at opening is not what was
    /// written; [`NotMapped`](crate::Error::NotMapped).
    #[inline]
    pub fn lease_with(
        &self,
        catalog: &Catalog,
        spec: &str,
        options: &OpenOptions,
    ) -> Result<Lease> {
        self.lease_key(Some(catalog.shared_root()), OsStr::new(spec), *options)
    }

    /// Leases a bundle file by its path, with no catalog.
    ///
    /// # Errors
    ///
    /// [`Corrupt`](crate::Error::Corrupt) when it is damaged or not a bundle, [`Io`](crate::Error::Io).
    pub fn lease_file(&self, path: impl AsRef<Path>) -> Result<Lease> {
        self.lease_file_with(path, &OpenOptions::default())
    }

    /// Leases a bundle file by its path, opened as the options say.
    ///
    /// # Errors
    ///
    /// As above.
    pub fn lease_file_with(&self, path: impl AsRef<Path>, options: &OpenOptions) -> Result<Lease> {
        self.lease_key(None, path.as_ref().as_os_str(), *options)
    }

    /// Returns what the pool has done so far and holds now.
    pub fn stats(&self) -> PoolStats {
        let shelf = self.shelf.lock();
        PoolStats {
            hits: self.hits.iter().map(|hits| hits.0.load(Ordering::Relaxed)).sum(),
            misses: shelf.misses,
            evictions: shelf.evictions,
            invalidations: shelf.invalidations,
            open: shelf.open().count(),
            open_nanos: shelf.open_nanos,
        }
    }

    /// Lets go of every bundle; leases keep what they have. Statistics go on.
    pub fn clear(&self) {
        let mut shelf = self.shelf.lock();
        let dropped: Vec<Entry> =
            shelf.entries.extract_if(|entry| entry.opened().is_some()).collect();
        for entry in &dropped {
            entry.release();
        }
        drop(shelf);
        drop(dropped);
    }

    #[inline]
    fn lease_key(
        &self,
        root: Option<&Arc<Path>>,
        text: &OsStr,
        options: OpenOptions,
    ) -> Result<Lease> {
        let key = self.key(root, text, options.bits());
        if let Some(pinned) = front::recall(self.id, key)
            && pinned.opened.is_current()
        {
            self.count_hit(&pinned.opened);
            return Ok(Lease::new(pinned));
        }
        self.lease_anew(key, options).map(Lease::new)
    }

    #[cold]
    #[inline(never)]
    fn lease_anew(&self, key: Key<'_>, options: OpenOptions) -> Result<Arc<Pinned>> {
        let open = || opening::open(key.root, key.text, options, |path| self.known(path, options));
        self.lease_slowly(key, open)
    }

    #[inline]
    pub(crate) fn key<'k>(
        &self,
        root: Option<&'k Arc<Path>>,
        text: &'k OsStr,
        options: u64,
    ) -> Key<'k> {
        let hash = self.hasher.hash_one(text.as_encoded_bytes()).wrapping_add(options);
        Key { root, text, options, hash }
    }

    /// Finds the bundle in the table, waits for whoever is opening it, or opens it.
    #[cold]
    pub(crate) fn lease_slowly(
        &self,
        key: Key<'_>,
        open: impl FnOnce() -> Result<Opened>,
    ) -> Result<Arc<Pinned>> {
        loop {
            let step = self.shelf.lock().step(key);
            match step {
                // A file that was cut short is opened again, which says what is wrong with it.
                Step::Held(opened)
                    if opened.is_current() && opened.snapshot.check_file().is_ok() =>
                {
                    self.count_hit(&opened);
                    return Ok(self.pin_again(key, &opened));
                }
                Step::Held(opened) => self.invalidate(key, &opened),
                Step::Wait(flight) => match flight.wait() {
                    // It may have been opened before the publication that this caller knows of: look again.
                    Some(Ok(opened)) if opened.currency.holds() => {
                        self.count_hit(&opened);
                        return Ok(self.pin_again(key, &opened));
                    }
                    Some(Ok(_)) | None => {}
                    Some(Err(error)) => {
                        self.shelf.lock().misses += 1;
                        return Err(error);
                    }
                },
                Step::Open(ticket) => return self.open_for_all(key, ticket, open),
            }
        }
    }

    /// Opens, tells those who wait, and makes room.
    fn open_for_all(
        &self,
        key: Key<'_>,
        ticket: Ticket<Result<Arc<Opened>>>,
        open: impl FnOnce() -> Result<Opened>,
    ) -> Result<Arc<Pinned>> {
        let duty = Duty::new(self, key);
        let started = Instant::now();
        let outcome = open().map(Arc::new);
        let nanos = u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        duty.finish(outcome.as_ref().ok(), nanos);
        ticket.land(outcome.clone());
        outcome.map(|opened| self.pin(key, &opened))
    }

    fn count_hit(&self, opened: &Opened) {
        if let Some(hits) = self.hits.get(front::shard()) {
            hits.0.fetch_add(1, Ordering::Relaxed);
        }
        self.touch(opened);
    }

    /// Makes a bundle the most recently used one. Threads that use the same bundle over and over write nothing shared.
    #[inline]
    fn touch(&self, opened: &Opened) {
        if opened.used.0.load(Ordering::Relaxed) != self.clock.0.load(Ordering::Relaxed) {
            let now = self.clock.0.fetch_add(1, Ordering::Relaxed) + 1;
            opened.used.0.fetch_max(now, Ordering::Relaxed);
        }
    }

    /// Returns this thread's share of an opened bundle.
    fn pin(&self, key: Key<'_>, opened: &Arc<Opened>) -> Arc<Pinned> {
        let fresh = || {
            let (snapshot, opened) = (Arc::clone(&opened.snapshot), Arc::clone(opened));
            Arc::new(Pinned { snapshot, opened })
        };
        let mut shelf = self.shelf.lock();
        let entry = shelf.entries.find_mut(key.hash, |entry| entry.is(key));
        let Some(Entry { stage: Stage::Open { opened: held, pins }, .. }) = entry else {
            return fresh();
        };
        // The pool holds another by now, or never held this one: it must not pin what it does not hold.
        if !Arc::ptr_eq(held, opened) {
            return fresh();
        }
        let Some(place) = pins.get_mut(front::shard()) else { return fresh() };
        Arc::clone(place.get_or_insert_with(fresh))
    }

    /// Pins for the second and every later lease of this thread, which are worth remembering. A process that leases once
    /// and is done, a worker perhaps, is spared the memory.
    fn pin_again(&self, key: Key<'_>, opened: &Arc<Opened>) -> Arc<Pinned> {
        let pinned = self.pin(key, opened);
        front::remember(self.id, key, &pinned);
        pinned
    }

    /// Lets go of a bundle that is no longer what its name means, unless another thread did so already.
    fn invalidate(&self, key: Key<'_>, stale: &Arc<Opened>) {
        let mut shelf = self.shelf.lock();
        let is_it = |entry: &Entry| {
            entry.is(key) && entry.opened().is_some_and(|held| Arc::ptr_eq(held, stale))
        };
        if let Ok(found) = shelf.entries.find_entry(key.hash, is_it) {
            let (entry, _) = found.remove();
            entry.release();
            shelf.invalidations += 1;
            drop(shelf);
            drop(entry);
        }
    }

    /// Returns a snapshot of the file at `path` that some entry has, if the catalog still means it by some name.
    fn known(&self, path: &Path, options: OpenOptions) -> Option<Arc<Snapshot>> {
        let found = self.shelf.lock().open().find_map(|opened| {
            let snapshot = &opened.snapshot;
            let same = snapshot.source() == path && snapshot.options() == options;
            (same && opened.currency.holds()).then(|| Arc::clone(snapshot))
        });
        found.filter(|snapshot| snapshot.check_file().is_ok())
    }
}

impl fmt::Debug for BundlePool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BundlePool")
            .field("capacity", &self.capacity())
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
