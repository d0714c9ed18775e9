//! [`Symbols`]: the symbol of every bar, as a column of Arrow beside those of the file.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use arrow_array::cast::AsArray as _;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{Field, Schema};
use barrow_format::Version;
use barrow_store::Lease;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::capsule::refused;
use crate::error::Result;

/// How the symbols stand beside the bars.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Symbols {
    /// In no column.
    None,
    /// As a dictionary: a number of 8, 16 or 32 bits for each bar.
    Dictionary,
    /// As the numbers of that dictionary alone.
    Codes,
    /// Once for each asset, run-end encoded.
    Runs,
}

impl Symbols {
    pub(crate) fn named(name: Option<&str>) -> PyResult<Self> {
        match name {
            None => Ok(Self::None),
            Some("dictionary") => Ok(Self::Dictionary),
            Some("codes") => Ok(Self::Codes),
            Some("runs") => Ok(Self::Runs),
            Some(other) => Err(PyValueError::new_err(format!(
                "`{other}` is no way to show symbols: expected `dictionary`, `codes`, `runs` or None"
            ))),
        }
    }
}

/// Returns the symbol of every bar of a bundle as a dictionary: the one that the process has of that version already, or a
/// new one.
pub(crate) fn dictionary_of_symbols(lease: &Lease) -> barrow_store::Result<ArrayRef> {
    /// What bundles hold. Whoever makes one has the lock, so that none is made twice.
    static MADE: Mutex<Vec<(Version, Weak<dyn Array>)>> = Mutex::new(Vec::new());
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    made.retain(|(_, symbols)| symbols.strong_count() > 0);
    let known = made.iter().find(|(version, _)| *version == lease.version());
    if let Some(symbols) = known.and_then(|(_, symbols)| symbols.upgrade()) {
        return Ok(symbols);
    }
    let symbols = lease.symbol_dictionary()?;
    made.push((lease.version(), Arc::downgrade(&symbols)));
    Ok(symbols)
}

/// Returns the numbers of a dictionary over the same memory.
pub(crate) fn codes_of(dictionary: &dyn Array) -> ArrayRef {
    let codes = dictionary.as_any_dictionary().keys();
    codes.slice(0, codes.len())
}

/// Returns a batch with a column that tells the symbol before its own.
pub(crate) fn with_symbols(
    name: &str,
    symbols: ArrayRef,
    bars: &RecordBatch,
) -> Result<RecordBatch> {
    let mut fields = vec![Field::new(name, symbols.data_type().clone(), false)];
    fields.extend(bars.schema().fields().iter().map(|field| field.as_ref().clone()));
    let schema = Schema::new_with_metadata(fields, bars.schema().metadata().clone());
    let columns = std::iter::once(symbols).chain(bars.columns().iter().cloned()).collect();
    Ok(RecordBatch::try_new(Arc::new(schema), columns).map_err(refused)?)
}
