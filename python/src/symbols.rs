//! [`Symbols`]: the symbol of every bar, as a column of Arrow beside those of the file.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;

use arrow_array::types::{ArrowDictionaryKeyType, Int8Type, Int16Type, Int32Type, Int64Type};
use arrow_array::{
    Array, ArrayRef, DictionaryArray, PrimitiveArray, RecordBatch, RunArray, StringArray,
};
use arrow_schema::{ArrowError, Field, Schema};
use barrow_format::Version;
use barrow_store::{Error, Lease};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::capsule::refused;
use crate::error::Result;

/// Bars that a thread fills in while another could be started.
const SHARE_ROWS: usize = 1 << 18;

/// How the symbols stand beside the bars.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Symbols {
    /// In no column.
    None,
    /// As a dictionary: a number of 8, 16 or 32 bits for each bar.
    Dictionary,
    /// Once for each asset, run-end encoded.
    Runs,
}

impl Symbols {
    pub(crate) fn named(name: Option<&str>) -> PyResult<Self> {
        match name {
            None => Ok(Self::None),
            Some("dictionary") => Ok(Self::Dictionary),
            Some("runs") => Ok(Self::Runs),
            Some(other) => Err(PyValueError::new_err(format!(
                "`{other}` is no way to show symbols: expected `dictionary`, `runs` or None"
            ))),
        }
    }
}

/// Returns the symbol of every bar of a bundle as a dictionary: the one that the process has of that version already, or a
/// new one. Takes 1 byte a bar, 2 of more than 128 assets, 4 of more than 32,768: keys have a sign, since pandas takes no
/// others of older versions of pyarrow.
pub(crate) fn dictionary_of_symbols(lease: &Lease) -> barrow_store::Result<ArrayRef> {
    /// What bundles hold. Whoever makes one has the lock, so that none is made twice.
    static MADE: Mutex<Vec<(Version, Weak<dyn Array>)>> = Mutex::new(Vec::new());
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    made.retain(|(_, symbols)| symbols.strong_count() > 0);
    let known = made.iter().find(|(version, _)| *version == lease.version());
    if let Some(symbols) = known.and_then(|(_, symbols)| symbols.upgrade()) {
        return Ok(symbols);
    }
    let symbols = match lease.asset_count() {
        0..=0x80 => dictionary::<Int8Type>(lease, |ordinal| i8::try_from(ordinal).ok()),
        0x81..=0x8000 => dictionary::<Int16Type>(lease, |ordinal| i16::try_from(ordinal).ok()),
        _ => dictionary::<Int32Type>(lease, |ordinal| i32::try_from(ordinal).ok()),
    }?;
    made.push((lease.version(), Arc::downgrade(&symbols)));
    Ok(symbols)
}

/// Returns the symbol of every bar of a bundle, run-end encoded. Takes nothing a bar.
pub(crate) fn runs_of_symbols(lease: &Lease) -> barrow_store::Result<ArrayRef> {
    let (mut ends, mut symbols) = (Vec::new(), Vec::new());
    for asset in lease.assets() {
        let asset = asset?;
        if asset.rows() > 0 {
            ends.push(i64::try_from(asset.row_range().end).unwrap_or(i64::MAX));
            symbols.push(lease.symbol(asset));
        }
    }
    let ends = PrimitiveArray::<Int64Type>::from(ends);
    let runs = RunArray::try_new(&ends, &StringArray::from(symbols));
    Ok(Arc::new(runs.map_err(|error| no_batch(lease, error))?))
}

/// Returns a batch with a column of symbols before its own.
pub(crate) fn with_symbols(symbols: ArrayRef, bars: &RecordBatch) -> Result<RecordBatch> {
    let mut fields = vec![Field::new("symbol", symbols.data_type().clone(), false)];
    fields.extend(bars.schema().fields().iter().map(|field| field.as_ref().clone()));
    let schema = Schema::new_with_metadata(fields, bars.schema().metadata().clone());
    let columns = std::iter::once(symbols).chain(bars.columns().iter().cloned()).collect();
    Ok(RecordBatch::try_new(Arc::new(schema), columns).map_err(refused)?)
}

/// Makes the dictionary, whose keys are the assets' ordinals: `key` has one for each.
fn dictionary<K: ArrowDictionaryKeyType>(
    lease: &Lease,
    key: impl Fn(u32) -> Option<K::Native>,
) -> barrow_store::Result<ArrayRef>
where
    PrimitiveArray<K>: From<Vec<K::Native>>,
{
    let mut keys = vec![K::Native::default(); lease.rows()];
    let (mut rest, mut runs) = (keys.as_mut_slice(), Vec::new());
    let mut symbols = Vec::new();
    for asset in lease.assets() {
        let asset = asset?;
        let (run, after) = rest.split_at_mut(asset.rows());
        rest = after;
        runs.push((run, key(asset.ordinal()).unwrap_or_default()));
        symbols.push(lease.symbol(asset));
    }
    fill(runs, lease.rows());
    let values = Arc::new(StringArray::from(symbols));
    let made = DictionaryArray::<K>::try_new(PrimitiveArray::from(keys), values);
    Ok(Arc::new(made.map_err(|error| no_batch(lease, error))?))
}

/// Fills runs of keys, `rows` in all. What takes long is that the system hands out and clears the memory, page by page as it
/// is first written; so all processors write.
fn fill<K: Copy + Send>(runs: Vec<(&mut [K], K)>, rows: usize) {
    let hands = match rows {
        0..SHARE_ROWS => 1,
        _ => thread::available_parallelism().map_or(1, NonZeroUsize::get),
    };
    let (share, mut shares, mut taken) =
        (SHARE_ROWS.max(rows.div_ceil(hands)), vec![Vec::new()], 0);
    for (run, key) in runs {
        if taken >= share * shares.len() {
            shares.push(Vec::new());
        }
        taken += run.len();
        shares.last_mut().expect("one is there from the start").push((run, key));
    }
    let fill = |share: Vec<(&mut [K], K)>| share.into_iter().for_each(|(run, key)| run.fill(key));
    thread::scope(|scope| {
        let own = shares.pop();
        for share in shares {
            scope.spawn(move || fill(share));
        }
        own.map(fill);
    });
}

fn no_batch(lease: &Lease, source: ArrowError) -> Error {
    Error::Arrow { bundle: lease.name().to_owned(), source: Arc::new(source) }
}
