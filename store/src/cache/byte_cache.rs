//! A cache with a budget of bytes: sharded, single flight, exact LRU order over all shards.
//!
//! What [`SeriesCache`](crate::SeriesCache) and [`DecodedCache`](crate::DecodedCache) are made of.

use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use hashbrown::{DefaultHashBuilder, HashMap};
use parking_lot::Mutex;

use crate::cache::flight::{Flight, Ticket};
use crate::cache::lru::Lru;

/// How many independent locks a cache has.
const SHARDS: usize = 16;
/// What an entry costs beside its value: key, list node, table slot, allocation headers.
const ENTRY_BYTES: usize = 256;

/// What counts against a budget.
pub(crate) trait Weigh {
    /// Returns what the value counts, in bytes.
    fn bytes(&self) -> usize;
}

/// Values by key, the least recently used of which leave when there are more bytes than the budget.
#[derive(Debug)]
pub(crate) struct ByteCache<K, V> {
    shards: Vec<Mutex<Shard<K, V>>>,
    hasher: DefaultHashBuilder,
    budget_bytes: AtomicUsize,
    /// Bytes held by all shards together.
    held_bytes: AtomicU64,
    /// Counts uses; an entry's stamp is the count at its last use.
    clock: AtomicU64,
    evictions: AtomicU64,
}

#[derive(Debug)]
struct Shard<K, V> {
    lru: Lru<K, Arc<V>>,
    flights: HashMap<K, Arc<Flight<Arc<V>>>>,
    hits: u64,
    misses: u64,
}

/// What a cache has done so far and holds now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CacheStats {
    /// Requests answered without making the value, those that waited for another thread's making included.
    pub hits: u64,
    /// Requests that made it.
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

impl<K: Eq + Hash + Clone, V: Weigh> ByteCache<K, V> {
    /// Returns an empty cache that holds at most `budget_bytes`. With a budget of 0 it holds nothing.
    pub(crate) fn new(budget_bytes: usize) -> Self {
        let shard = || Shard { lru: Lru::new(), flights: HashMap::new(), hits: 0, misses: 0 };
        Self {
            shards: (0..SHARDS).map(|_| Mutex::new(shard())).collect(),
            hasher: DefaultHashBuilder::default(),
            budget_bytes: AtomicUsize::new(budget_bytes),
            held_bytes: AtomicU64::new(0),
            clock: AtomicU64::new(0),
            evictions: AtomicU64::new(0),
        }
    }

    /// Returns the value of `key`, making it when it is not there, which may fail. While one thread makes it, others that
    /// ask for the same key wait. An error is not kept, and threads that waited for it try for themselves.
    pub(crate) fn get_or_try_insert<E>(
        &self,
        key: &K,
        make: impl FnOnce() -> Result<V, E>,
    ) -> Result<Arc<V>, E> {
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
        let value = Arc::new(make()?);
        self.keep(hash, key, &value);
        drop(duty);
        ticket.land(Arc::clone(&value));
        Ok(value)
    }

    /// Returns the value of `key` if it is there.
    pub(crate) fn get(&self, key: &K) -> Option<Arc<V>> {
        let hash = self.hash(key);
        self.shard(hash).lock().touch(hash, key, &self.clock)
    }

    /// Changes the budget; what is beyond it leaves at once, least recently used first.
    pub(crate) fn set_budget_bytes(&self, budget_bytes: usize) {
        self.budget_bytes.store(budget_bytes, Ordering::Relaxed);
        self.make_room(self.held_bytes.load(Ordering::Relaxed));
    }

    /// Returns what the cache has done so far and holds now.
    pub(crate) fn stats(&self) -> CacheStats {
        let mut stats = CacheStats {
            evictions: self.evictions.load(Ordering::Relaxed),
            bytes: usize::try_from(self.held_bytes.load(Ordering::Relaxed)).unwrap_or(usize::MAX),
            budget_bytes: self.budget_bytes.load(Ordering::Relaxed),
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
    pub(crate) fn clear(&self) {
        for shard in &self.shards {
            let mut shard = shard.lock();
            while let Some((_, value)) = shard.lru.pop_oldest() {
                self.held_bytes.fetch_sub(charge(&*value), Ordering::Relaxed);
            }
        }
    }

    fn hash(&self, key: &K) -> u64 {
        std::hash::BuildHasher::hash_one(&self.hasher, key)
    }

    fn shard(&self, hash: u64) -> &Mutex<Shard<K, V>> {
        // The table of a shard takes its bucket from the low bits and its tag from the top seven: use others.
        let [_, _, _, _, _, chosen, ..] = hash.to_le_bytes();
        &self.shards[usize::from(chosen) % SHARDS]
    }

    fn find_or_start(&self, hash: u64, key: &K) -> Found<V> {
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

    fn keep(&self, hash: u64, key: &K, value: &Arc<V>) {
        let bytes = charge(&**value);
        if bytes > self.budget() {
            return;
        }
        let stamp = self.clock.fetch_add(1, Ordering::Relaxed) + 1;
        let displaced =
            self.shard(hash).lock().lru.insert(hash, key.clone(), Arc::clone(value), stamp);
        let freed = displaced.map_or(0, |value| charge(&*value));
        let mut held = self.held_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if freed > 0 {
            held = self.held_bytes.fetch_sub(freed, Ordering::Relaxed) - freed;
        }
        self.make_room(held);
    }

    /// Drops the oldest entries until what is held is within the budget.
    fn make_room(&self, mut held: u64) {
        while held > self.budget() {
            let Some(freed) = self.evict_oldest() else { break };
            held = self.held_bytes.fetch_sub(freed, Ordering::Relaxed) - freed;
        }
    }

    fn budget(&self) -> u64 {
        u64::try_from(self.budget_bytes.load(Ordering::Relaxed)).unwrap_or(u64::MAX)
    }

    /// Drops the entry that was used longest ago and returns what it counted.
    fn evict_oldest(&self) -> Option<u64> {
        let oldest =
            |shard: &&Mutex<Shard<K, V>>| shard.lock().lru.oldest_stamp().unwrap_or(u64::MAX);
        let shard = self.shards.iter().min_by_key(oldest)?;
        let (_, value) = shard.lock().lru.pop_oldest()?;
        self.evictions.fetch_add(1, Ordering::Relaxed);
        Some(charge(&*value))
    }
}

impl<K: Eq, V> Shard<K, V> {
    fn touch(&mut self, hash: u64, key: &K, clock: &AtomicU64) -> Option<Arc<V>> {
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

enum Found<V> {
    Value(Arc<V>),
    Flight(Arc<Flight<Arc<V>>>),
    Duty(Ticket<Arc<V>>),
}

/// Takes the flight off the board, also when the making fails or panics.
struct Duty<'a, K: Eq + Hash + Clone, V: Weigh> {
    cache: &'a ByteCache<K, V>,
    hash: u64,
    key: &'a K,
}

impl<K: Eq + Hash + Clone, V: Weigh> Drop for Duty<'_, K, V> {
    fn drop(&mut self) {
        self.cache.shard(self.hash).lock().flights.remove(self.key);
    }
}

/// Returns what an entry counts against the budget.
fn charge<V: Weigh>(value: &V) -> u64 {
    u64::try_from(value.bytes().saturating_add(ENTRY_BYTES)).unwrap_or(u64::MAX)
}
