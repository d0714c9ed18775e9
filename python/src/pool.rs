//! The process-wide pool of opened bundles.

use barrow_store::{BundlePool, PoolStats};
use pyo3::prelude::*;

use crate::records::Record;

/// How many bundles the pool keeps open.
#[pyfunction]
pub(crate) fn pool_capacity() -> usize {
    BundlePool::global().capacity()
}

/// Changes how many bundles the pool keeps open.
#[pyfunction]
pub(crate) fn set_pool_capacity(py: Python<'_>, capacity: usize) {
    py.detach(|| BundlePool::global().set_capacity(capacity));
}

/// Lets go of every bundle that nobody holds.
#[pyfunction]
pub(crate) fn clear_pool(py: Python<'_>) {
    py.detach(|| BundlePool::global().clear());
}

/// What the pool has done so far and holds now.
#[pyfunction]
pub(crate) fn pool_stats(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    let PoolStats { hits, misses, evictions, invalidations, open, open_nanos } =
        BundlePool::global().stats();
    Record::new(py, "PoolStats")?
        .with("hits", hits)?
        .with("misses", misses)?
        .with("evictions", evictions)?
        .with("invalidations", invalidations)?
        .with("open", open)?
        .with("open_ns", open_nanos)?
        .made()
}
