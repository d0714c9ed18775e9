//! One run, and what all runs of the process share.

use std::sync::LazyLock;

use barrow_engine::Portal;
use barrow_store::SeriesCache;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::maker::Maker;
use super::performance::Performance;
use super::settings::{Settings, params_of};
use crate::bundle::Bundle;
use crate::error::Result;

/// Derived series of all bundles that the process has open: at most 2 GiB.
pub(crate) fn cache() -> &'static SeriesCache {
    static CACHE: LazyLock<SeriesCache> = LazyLock::new(SeriesCache::default);
    &CACHE
}

/// Runs a strategy once. See `barrow.backtest`.
#[pyfunction]
pub(crate) fn run(
    py: Python<'_>,
    bundle: &Bundle,
    strategy: &Bound<'_, PyAny>,
    params: &Bound<'_, PyDict>,
    settings: &Settings,
) -> Result<Performance> {
    let (maker, params) = (Maker::of(strategy)?, params_of(params)?);
    let lease = bundle.lease();
    settings.warn_of_splits(py, lease)?;
    let run = || {
        let mut strategy = maker.make(&params, lease, None)?;
        let portal = Portal::new(lease, bundle.cache(), &settings.backtest.scope)?;
        settings.backtest.run_on(&portal, strategy.as_mut())
    };
    // A strategy of Python would take the lock at every bar: it keeps it, and lets it go where Python does.
    let performance = if maker.is_scripted() { run() } else { py.detach(run) };
    Ok(Performance::new(performance?, lease))
}
