//! What a pool tells of itself.

/// What a [`BundlePool`](crate::BundlePool) has done so far and holds now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PoolStats {
    /// Leases answered without opening, those that waited for another thread's opening included.
    pub hits: u64,
    /// Leases that opened, or failed.
    pub misses: u64,
    /// Bundles that left because there were more than the capacity.
    pub evictions: u64,
    /// Bundles that left because they were no longer what their name means: a newer version was published, or a bare
    /// file was replaced.
    pub invalidations: u64,
    /// Bundles held now.
    pub open: usize,
    /// Time spent opening, in nanoseconds, over all misses.
    pub open_nanos: u64,
}
