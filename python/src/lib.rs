//! The extension module of the Python package `barrow`.
//!
//! Everything here is a thin layer: it takes arguments apart, calls the library with the interpreter's lock let go, and
//! hands back NumPy views, Arrow capsules and plain values. `python/barrow/` has the rest, and the documentation that users
//! read; `python/barrow/_barrow.pyi` has the types.
//!
//! The only `unsafe` code is in `array.rs`, which makes NumPy arrays of memory that a bundle keeps alive.

mod array;
mod bars;
mod bundle;
mod columns;
mod engine;
mod error;
mod opening;
mod when;

use pyo3::prelude::*;

/// What `barrow._barrow` holds.
#[pymodule(gil_used = false)]
mod _barrow {
    #[pymodule_export]
    use crate::bars::Bars;
    #[pymodule_export]
    use crate::bundle::Bundle;
    #[pymodule_export]
    use crate::engine::{
        Context, Memory, Performance, Plan, Series, Settings, Setup, Signal, Space, SweepReport, TrialRunner,
        WalkForwardReport, Weights, failed_end, read_study, run, search, walk_forward,
    };
    #[pymodule_export]
    use crate::opening::{default_root, open, reopen};

    use super::{Bound, PyModule, PyModuleMethods, PyResult};

    #[pymodule_export]
    use crate::engine::validation::{
        block_length, deflated_sharpe, expected_max_sharpe, folds, haircut, min_backtest_years, moments,
        overfitting_probability, permutation_p_value, purged_splits, superiority, trade_order,
    };

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
