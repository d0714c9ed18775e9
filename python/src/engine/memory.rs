//! [`Memory`]: keeps a bundle's lease for the windows that a strategy is handed.

use barrow_store::Lease;
use pyo3::prelude::*;

use crate::array::{Keeper, Shown};
use crate::columns::Columns;

/// The base of windows. It has no attributes: whoever has a window has nothing to look ahead with.
#[pyclass(frozen, module = "barrow._barrow")]
#[derive(Debug)]
pub(crate) struct Memory {
    lease: Lease,
    columns: Columns,
}

impl Memory {
    pub(crate) fn new(lease: &Lease) -> Self {
        Self { lease: lease.clone(), columns: Columns::of(lease) }
    }

    pub(crate) fn lease(&self) -> &Lease {
        &self.lease
    }

    /// Returns how the values of a column are shown.
    pub(crate) fn shown(&self, column: usize) -> Shown {
        self.columns.access(column).shown
    }
}

impl Keeper for Memory {
    fn lease<'a>(this: &'a Bound<'_, Self>) -> &'a Lease {
        &this.get().lease
    }
}
