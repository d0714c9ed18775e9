//! The extension module of the Python package `barrow`.
//!
//! Everything here is a thin layer: it takes arguments apart, calls the library with the interpreter's lock let go, and
//! hands back NumPy views, Arrow capsules and plain values. `python/barrow/` has the rest, and the documentation that users
//! read; `python/barrow/_barrow.pyi` has the types.
//!
//! `unsafe` code is in three files: `array.rs` makes NumPy arrays of memory that a bundle keeps alive, `capsule.rs` takes Arrow
//! streams of other libraries, `warm.rs` has code mapped before it runs.

mod array;
mod asset;
mod bars;
mod bundle;
mod capsule;
mod catalog;
mod column;
mod columns;
mod engine;
mod error;
mod exports;
mod ingest;
mod interruptible;
mod mapping;
mod opening;
mod pool;
mod query;
mod records;
mod remote;
mod rows;
mod symbols;
mod table;
mod warm;
mod when;
mod words;

use pyo3::prelude::*;

/// What `barrow._barrow` holds.
#[pymodule(gil_used = false)]
mod _barrow {
    #[pymodule_export]
    use crate::asset::{Adjustment, Asset};
    #[pymodule_export]
    use crate::bars::{Bars, reopen_bars};
    #[pymodule_export]
    use crate::bundle::Bundle;
    #[pymodule_export]
    use crate::catalog::Catalog;
    #[pymodule_export]
    use crate::column::Column;
    #[pymodule_export]
    use crate::engine::{
        Context, CrossValidationReport, Memory, Performance, Plan, Series, Settings, Setup, Signal,
        Space, SweepReport, TrialRunner, WalkForwardReport, Weights, ask_of, compared,
        cross_validate, failed_end, figures_of, found_cross_validation, found_sweep,
        found_walk_forward, imagine, permutation_record, permuted, permuted_values, read_study,
        run, search, space_axes, walk_forward,
    };
    #[pymodule_export]
    use crate::ingest::ingest_files;
    #[pymodule_export]
    use crate::opening::{default_root, open, reopen, reopen_imagined};
    #[pymodule_export]
    use crate::pool::{clear_pool, pool_capacity, pool_stats, set_pool_capacity};
    #[pymodule_export]
    use crate::remote::{fetch, prune_remote, push};
    #[pymodule_export]
    use crate::rows::{write_arrays, write_stream};
    #[pymodule_export]
    use crate::table::Table;

    use super::{Bound, PyModule, PyModuleMethods, PyResult};

    #[pymodule_export]
    use crate::engine::validation::{
        block_length, deflated_sharpe, expected_max_sharpe, folds, haircut, min_backtest_years,
        moments, overfitting_probability, permutation_p_value, purged_splits, superiority,
        trade_order,
    };

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        crate::array::ready(module.py())?;
        crate::warm::warm();
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
