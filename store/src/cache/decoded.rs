//! Decoded series: what does not lie in the map as an array, made into one once, and kept within a budget.

use std::fmt;
use std::sync::{Arc, OnceLock};

use barrow_format::{Digest, PhysicalType, Values, ValuesBuf};

use crate::cache::byte_cache::{ByteCache, CacheStats, Weigh};
use crate::error::Result;

/// Values in memory of their own, which never change again.
pub(crate) struct Decoded {
    values: ValuesBuf,
}

impl Decoded {
    /// Makes room for `rows` values and has `fill` write their little-endian bytes.
    pub(crate) fn fill(
        physical: PhysicalType,
        rows: usize,
        fill: impl FnOnce(&mut [u8]) -> Result<()>,
    ) -> Result<Self> {
        let mut values = ValuesBuf::zeroed(physical, rows);
        fill(values.as_bytes_mut())?;
        Ok(Self { values })
    }

    /// Returns the little-endian bytes of the values.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.values.values().as_bytes()
    }

    /// Returns the values.
    pub(crate) fn values(&self) -> Values<'_> {
        self.values.values()
    }
}

impl Weigh for Decoded {
    fn bytes(&self) -> usize {
        self.as_bytes().len()
    }
}

impl fmt::Debug for Decoded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Decoded({} bytes of {})", self.bytes(), self.values.physical())
    }
}

/// What decoded values are found by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum DecodedKey {
    /// A series, by what it hashes to: the versions of a bundle, and bundles, share it. Nothing enters under a digest that
    /// it does not have, so that no damaged or hostile file can put its values in place of another's.
    Series { digest: Digest, physical: PhysicalType },
    /// A block of a compressed series, by the checksum of its stored bytes, which with type and number of rows tells its
    /// values.
    Block { checksum: [u8; 16], physical: PhysicalType, rows: usize },
    /// A whole column of one opened file, which is not hashed and therefore not shared.
    Column { snapshot: u64, column: usize },
}

/// The process-wide cache of decoded series, blocks and columns: what is compressed or lies in many parts is decoded once.
///
/// Raw columns of one part are slices of the map and never come here. Reads of some rows and queries bring blocks of 4096 rows,
/// others whole series; a block that is read both ways is held twice. Threads that touch one at once decode it
/// once. An entry that leaves stays valid for the leases that have borrowed from it; see [`Lease`](crate::Lease).
///
/// # Examples
///
/// ```
/// use barrow_store::DecodedCache;
///
/// let cache = DecodedCache::global();
/// assert_eq!(cache.stats().budget_bytes, DecodedCache::DEFAULT_BUDGET_BYTES);
/// cache.set_budget_bytes(1 << 30);
/// ```
#[derive(Debug)]
pub struct DecodedCache {
    cache: ByteCache<DecodedKey, Decoded>,
}

impl DecodedCache {
    /// 2 GiB.
    pub const DEFAULT_BUDGET_BYTES: usize = 2 << 30;

    /// Returns the cache of this process.
    pub fn global() -> &'static Self {
        static GLOBAL: OnceLock<DecodedCache> = OnceLock::new();
        GLOBAL.get_or_init(|| Self::new(Self::DEFAULT_BUDGET_BYTES))
    }

    /// Returns an empty cache.
    pub(crate) fn new(budget_bytes: usize) -> Self {
        Self { cache: ByteCache::new(budget_bytes) }
    }

    /// Returns what the cache has done so far and holds now. A miss is a decoding.
    pub fn stats(&self) -> CacheStats {
        self.cache.stats()
    }

    /// Changes how many bytes may be held; those beyond leave at once, least recently used first.
    pub fn set_budget_bytes(&self, budget_bytes: usize) {
        self.cache.set_budget_bytes(budget_bytes);
    }

    /// Lets go of everything; leases keep what they have borrowed. Statistics go on.
    pub fn clear(&self) {
        self.cache.clear();
    }

    /// Returns the values of `key` if they are there.
    pub(crate) fn get(&self, key: &DecodedKey) -> Option<Arc<Decoded>> {
        self.cache.get(key)
    }

    /// Returns the values of `key`, decoding them when they are not there.
    pub(crate) fn get_or_decode(
        &self,
        key: &DecodedKey,
        decode: impl FnOnce() -> Result<Decoded>,
    ) -> Result<Arc<Decoded>> {
        self.cache.get_or_try_insert(key, decode)
    }
}
