//! The cache of derived series: what is computed from bars and worth keeping, within a budget of bytes.
//!
//! Bars themselves are never cached: they are mapped. What costs arithmetic (prefix sums, adjusted or resampled
//! series, indicators) is kept here under a key that starts with the content version, so an entry can never be stale.

pub(crate) mod byte_cache;
pub(crate) mod decoded;
pub(crate) mod flight;
pub(crate) mod lru;

use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use barrow_format::Version;

use crate::cache::byte_cache::{ByteCache, CacheStats, Weigh};

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
    cache: ByteCache<SeriesKey, Derived>,
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

impl Weigh for Derived {
    fn bytes(&self) -> usize {
        self.bytes()
    }
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
        Self { cache: ByteCache::new(budget_bytes) }
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
        self.cache.get_or_try_insert(key, compute)
    }

    /// Returns the value of `key` if it is there.
    pub fn get(&self, key: &SeriesKey) -> Option<Arc<Derived>> {
        self.cache.get(key)
    }

    /// Returns what the cache has done so far and holds now.
    pub fn stats(&self) -> CacheStats {
        self.cache.stats()
    }

    /// Drops all entries; statistics go on.
    pub fn clear(&self) {
        self.cache.clear();
    }
}
