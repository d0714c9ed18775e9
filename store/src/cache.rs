//! The cache of derived series: what is computed from bars and worth keeping, within a budget of bytes.
//!
//! Bars themselves are never cached: they are mapped. What costs arithmetic (prefix sums, adjusted or resampled
//! series, indicators) is kept here under a key that starts with the content version, so an entry can never be stale.

use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use barrow_format::Version;
use hashbrown::{DefaultHashBuilder, HashMap};
use parking_lot::Mutex;

use crate::flight::{Flight, Ticket};
use crate::lru::Lru;

/// How many independent locks the cache has.
const SHARDS: usize = 16;
/// What an entry costs beside its value: key, list node, table slot, allocation headers.
const ENTRY_BYTES: usize = 256;

/// A byte-budgeted, thread-safe cache of derived series with exact LRU order.
///
/// Threads that ask for the same missing key at once compute it once. A hit takes one uncontended lock of one shard.
///
/// # Examples
///
/// ```
/// use barrow_store::{Derived, SeriesCache, SeriesKey};
/// # let version = barrow_store::Version::from_bytes([7; 32]);
/// let cache = SeriesCache::new(1 << 20);
/// let key = SeriesKey::new(version, 3, 4, "prefix-sum").with_params([20, 0, 0, 0]);
/// let first = cache.get_or_insert(&key, || Derived::F64(vec![1.0, 3.0, 6.0]));
/// let again = cache.get_or_insert(&key, || unreachable!("the first one is still there"));
/// assert_eq!(again.as_f64(), Some(&[1.0, 3.0, 6.0][..]));
/// assert_eq!((cache.stats().hits, cache.stats().misses), (1, 1));
/// ```
#[derive(Debug)]
pub struct SeriesCache {
    shards: Vec<Mutex<Shard>>,
    hasher: DefaultHashBuilder,
    budget_bytes: usize,
    /// Bytes held by all shards together.
    held_bytes: AtomicU64,
    /// Counts uses; an entry's stamp is the count at its last use.
    clock: AtomicU64,
    evictions: AtomicU64,
}

#[derive(Debug)]
struct Shard {
    lru: Lru<SeriesKey, Arc<Derived>>,
    flights: HashMap<SeriesKey, Arc<Flight<Arc<Derived>>>>,
    hits: u64,
    misses: u64,
}

/// What a derived series is found by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SeriesKey {
    /// Content version of the bundle it was computed from.
    pub version: Version,
    /// Ordinal of the asset, or [`SeriesKey::ALL_ASSETS`].
    pub asset: u32,
    /// Index of the column.
    pub column: u32,
    /// Name of the function that computed it.
    pub function: Cow<'static, str>,
    /// The function's parameters: integers as they are, floats by `to_bits`, unused ones zero.
    pub params: [u64; 4],
}

impl SeriesKey {
    /// The asset of a value that belongs to all of them.
    pub const ALL_ASSETS: u32 = u32::MAX;

    /// Returns the key of a function without parameters.
    pub fn new(
        version: Version,
        asset: u32,
        column: u32,
        function: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { version, asset, column, function: function.into(), params: [0; 4] }
    }

    /// Returns the key with the function's parameters.
    #[must_use]
    pub fn with_params(self, params: [u64; 4]) -> Self {
        Self { params, ..self }
    }
}

/// A value worth keeping.
#[non_exhaustive]
pub enum Derived {
    /// Floats, oldest first.
    F64(Vec<f64>),
    /// Integers, oldest first.
    I64(Vec<i64>),
    /// Wide integers (exact sums), oldest first.
    I128(Vec<i128>),
    /// Anything else; see [`Derived::other`].
    Other {
        /// The value; [`Derived::downcast_ref`] gives it back.
        value: Box<dyn Any + Send + Sync>,
        /// What it counts against the budget.
        bytes: usize,
    },
}

impl Derived {
    /// Wraps a value of any type that counts `bytes` against the budget.
    pub fn other<T: Any + Send + Sync>(value: T, bytes: usize) -> Self {
        Self::Other { value: Box::new(value), bytes }
    }

    /// Returns the floats, if that is what it is.
    pub fn as_f64(&self) -> Option<&[f64]> {
        if let Self::F64(values) = self { Some(values) } else { None }
    }

    /// Returns the integers, if that is what it is.
    pub fn as_i64(&self) -> Option<&[i64]> {
        if let Self::I64(values) = self { Some(values) } else { None }
    }

    /// Returns the wide integers, if that is what it is.
    pub fn as_i128(&self) -> Option<&[i128]> {
        if let Self::I128(values) = self { Some(values) } else { None }
    }

    /// Returns the value given to [`Derived::other`], if it is a `T`.
    pub fn downcast_ref<T: Any>(&self) -> Option<&T> {
        if let Self::Other { value, .. } = self { value.downcast_ref() } else { None }
    }

    /// Returns what the value counts against the budget, in bytes.
    pub fn bytes(&self) -> usize {
        match self {
            Self::F64(values) => size_of_val(values.as_slice()),
            Self::I64(values) => size_of_val(values.as_slice()),
            Self::I128(values) => size_of_val(values.as_slice()),
            Self::Other { bytes, .. } => *bytes,
        }
    }
}

impl fmt::Debug for Derived {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::F64(values) => write!(f, "F64({} values)", values.len()),
            Self::I64(values) => write!(f, "I64({} values)", values.len()),
            Self::I128(values) => write!(f, "I128({} values)", values.len()),
            Self::Other { bytes, .. } => write!(f, "Other({bytes} bytes)"),
        }
    }
}

/// What a [`SeriesCache`] has done so far and holds now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CacheStats {
    /// Requests answered without computing, those that waited for another thread's computation included.
    pub hits: u64,
    /// Requests that computed.
    pub misses: u64,
    /// Entries dropped to stay within the budget.
    pub evictions: u64,
    /// Entries held.
    pub entries: usize,
    /// Bytes held: values plus a fixed cost of 256 bytes an entry.
    pub bytes: usize,
    /// Bytes that may be held.
    pub budget_bytes: usize,
}

impl Default for SeriesCache {
    /// Returns a cache of [`SeriesCache::DEFAULT_BUDGET_BYTES`].
    fn default() -> Self {
        Self::new(Self::DEFAULT_BUDGET_BYTES)
    }
}

impl SeriesCache {
    /// 2 GiB.
    pub const DEFAULT_BUDGET_BYTES: usize = 2 << 30;

    /// Returns an empty cache that holds at most `budget_bytes`. With a budget of 0 it holds nothing.
    pub fn new(budget_bytes: usize) -> Self {
        let shard = || Shard { lru: Lru::new(), flights: HashMap::new(), hits: 0, misses: 0 };
        Self {
            shards: (0..SHARDS).map(|_| Mutex::new(shard())).collect(),
            hasher: DefaultHashBuilder::default(),
            budget_bytes,
            held_bytes: AtomicU64::new(0),
            clock: AtomicU64::new(0),
            evictions: AtomicU64::new(0),
        }
    }

    /// Returns the value of `key`, computing it when it is not there.
    ///
    /// While one thread computes, others that ask for the same key wait for it. A value larger than the budget is
    /// returned and not kept. `compute` may use the cache, though not under the same key, which would wait for itself.
    pub fn get_or_insert(
        &self,
        key: &SeriesKey,
        compute: impl FnOnce() -> Derived,
    ) -> Arc<Derived> {
        let computed: Result<_, std::convert::Infallible> =
            self.get_or_try_insert(key, || Ok(compute()));
        match computed {
            Ok(value) => value,
        }
    }

    /// Returns the value of `key`, computing it when it is not there, which may fail.
    ///
    /// # Errors
    ///
    /// What `compute` returns. An error is not kept, and threads that waited for the failed computation try their own.
    pub fn get_or_try_insert<E>(
        &self,
        key: &SeriesKey,
        compute: impl FnOnce() -> Result<Derived, E>,
    ) -> Result<Arc<Derived>, E> {
        let hash = self.hash(key);
        let ticket = loop {
            match self.find_or_start(hash, key) {
                Found::Value(value) => return Ok(value),
                Found::Duty(ticket) => break ticket,
                Found::Flight(flight) => {
                    if let Some(value) = flight.wait() {
                        self.shard(hash).lock().hits += 1;
                        return Ok(value);
                    }
                }
            }
        };
        let duty = Duty { cache: self, hash, key };
        let value = Arc::new(compute()?);
        self.keep(hash, key, &value);
        drop(duty);
        ticket.land(Arc::clone(&value));
        Ok(value)
    }

    /// Returns the value of `key` if it is there.
    pub fn get(&self, key: &SeriesKey) -> Option<Arc<Derived>> {
        let hash = self.hash(key);
        self.shard(hash).lock().touch(hash, key, &self.clock)
    }

    /// Returns what the cache has done so far and holds now.
    pub fn stats(&self) -> CacheStats {
        let mut stats = CacheStats {
            evictions: self.evictions.load(Ordering::Relaxed),
            bytes: usize::try_from(self.held_bytes.load(Ordering::Relaxed)).unwrap_or(usize::MAX),
            budget_bytes: self.budget_bytes,
            ..CacheStats::default()
        };
        for shard in &self.shards {
            let shard = shard.lock();
            stats.hits += shard.hits;
            stats.misses += shard.misses;
            stats.entries += shard.lru.len();
        }
        stats
    }

    /// Drops all entries; statistics go on.
    pub fn clear(&self) {
        for shard in &self.shards {
            let mut shard = shard.lock();
            while let Some((_, value)) = shard.lru.pop_oldest() {
                self.held_bytes.fetch_sub(charge(&value), Ordering::Relaxed);
            }
        }
    }

    fn hash(&self, key: &SeriesKey) -> u64 {
        std::hash::BuildHasher::hash_one(&self.hasher, key)
    }

    fn shard(&self, hash: u64) -> &Mutex<Shard> {
        // The table of a shard takes its bucket from the low bits and its tag from the top seven: use others.
        let [_, _, _, _, _, chosen, ..] = hash.to_le_bytes();
        &self.shards[usize::from(chosen) % SHARDS]
    }

    fn find_or_start(&self, hash: u64, key: &SeriesKey) -> Found {
        let mut shard = self.shard(hash).lock();
        if let Some(value) = shard.touch(hash, key, &self.clock) {
            return Found::Value(value);
        }
        if let Some(flight) = shard.flights.get(key) {
            return Found::Flight(Arc::clone(flight));
        }
        let (flight, ticket) = Flight::start();
        shard.flights.insert(key.clone(), flight);
        shard.misses += 1;
        Found::Duty(ticket)
    }

    fn keep(&self, hash: u64, key: &SeriesKey, value: &Arc<Derived>) {
        let bytes = charge(value);
        let budget = u64::try_from(self.budget_bytes).unwrap_or(u64::MAX);
        if bytes > budget {
            return;
        }
        let stamp = self.clock.fetch_add(1, Ordering::Relaxed) + 1;
        let displaced =
            self.shard(hash).lock().lru.insert(hash, key.clone(), Arc::clone(value), stamp);
        let freed = displaced.map_or(0, |value| charge(&value));
        let mut held = self.held_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if freed > 0 {
            held = self.held_bytes.fetch_sub(freed, Ordering::Relaxed) - freed;
        }
        while held > budget {
            let Some(freed) = self.evict_oldest() else { break };
            held = self.held_bytes.fetch_sub(freed, Ordering::Relaxed) - freed;
        }
    }

    /// Drops the entry that was used longest ago and returns what it counted.
    fn evict_oldest(&self) -> Option<u64> {
        let oldest = |shard: &&Mutex<Shard>| shard.lock().lru.oldest_stamp().unwrap_or(u64::MAX);
        let shard = self.shards.iter().min_by_key(oldest)?;
        let (_, value) = shard.lock().lru.pop_oldest()?;
        self.evictions.fetch_add(1, Ordering::Relaxed);
        Some(charge(&value))
    }
}

impl Shard {
    fn touch(&mut self, hash: u64, key: &SeriesKey, clock: &AtomicU64) -> Option<Arc<Derived>> {
        let stamp = |last| {
            // An entry that is already the newest of all needs no new stamp: the shared counter stays unwritten.
            if clock.load(Ordering::Relaxed) == last {
                last
            } else {
                clock.fetch_add(1, Ordering::Relaxed) + 1
            }
        };
        let value = self.lru.touch(hash, key, stamp).cloned()?;
        self.hits += 1;
        Some(value)
    }
}

enum Found {
    Value(Arc<Derived>),
    Flight(Arc<Flight<Arc<Derived>>>),
    Duty(Ticket<Arc<Derived>>),
}

/// Takes the flight off the board, also when the computation fails or panics.
struct Duty<'a> {
    cache: &'a SeriesCache,
    hash: u64,
    key: &'a SeriesKey,
}

impl Drop for Duty<'_> {
    fn drop(&mut self) {
        self.cache.shard(self.hash).lock().flights.remove(self.key);
    }
}

/// Returns what an entry counts against the budget.
fn charge(value: &Derived) -> u64 {
    u64::try_from(value.bytes().saturating_add(ENTRY_BYTES)).unwrap_or(u64::MAX)
}
