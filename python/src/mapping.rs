//! A [`Bundle`] as a mapping of symbols to bars.
//!
//! It has what a mapping has and is none to `isinstance`: libraries that ask for one would take it apart, asset by asset, before
//! they ask for Arrow.

use barrow_store::Asset;
use pyo3::exceptions::{PyIndexError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::bars::Bars;
use crate::bundle::Bundle;
use crate::error::Result;

impl Bundle {
    /// Finds an asset by its symbol, or by its place in symbol order, from the end where it is negative.
    fn find(&self, key: &Bound<'_, PyAny>) -> Result<Asset> {
        let lease = self.lease();
        if let Ok(symbol) = key.cast::<PyString>() {
            return Ok(lease.asset(&symbol.to_cow()?)?);
        }
        let asked: i64 = key.extract().map_err(|_| no_key(key))?;
        let count = i64::from(lease.asset_count());
        let place = if asked < 0 { asked.saturating_add(count) } else { asked };
        match u32::try_from(place) {
            Ok(ordinal) if place < count => Ok(lease.asset_at(ordinal)?),
            _ => {
                let text = format!("no asset at place {asked} of {count}");
                Err(PyIndexError::new_err(text).into())
            }
        }
    }
}

/// An exception for a key that is neither a symbol nor a place.
fn no_key(key: &Bound<'_, PyAny>) -> PyErr {
    let given = key.get_type();
    PyTypeError::new_err(format!(
        "an asset is asked for by its symbol or by its place in `symbols`, not by {given}"
    ))
}

#[pymethods]
impl Bundle {
    /// The bars of an asset, by its symbol or by its place in symbol order (negative: from the end). Takes under a microsecond and
    /// reads nothing.
    ///
    /// Raises `barrow.errors.UnknownSymbolError`, a `KeyError`, with the nearest symbol; `IndexError`.
    fn __getitem__(slf: &Bound<'_, Self>, key: &Bound<'_, PyAny>) -> Result<Bars> {
        let asset = slf.get().find(key)?;
        Ok(Bars::new(slf.clone().unbind(), asset))
    }

    /// The bars of the asset of a symbol, or `default` where there is no such asset.
    #[pyo3(signature = (symbol, default=None))]
    fn get<'py>(
        slf: &Bound<'py, Self>,
        symbol: &str,
        default: Option<Bound<'py, PyAny>>,
    ) -> Result<Option<Bound<'py, PyAny>>> {
        let lease = slf.get().lease();
        let asset = match lease.bundle().asset(symbol) {
            Ok(None) => return Ok(default),
            Ok(Some(asset)) => asset,
            Err(_) => lease.asset(symbol)?, // Which says what is damaged.
        };
        let bars = Bars::new(slf.clone().unbind(), asset);
        Ok(Some(Bound::new(slf.py(), bars)?.into_any()))
    }

    fn __len__(&self) -> usize {
        usize::try_from(self.lease().asset_count()).unwrap_or(usize::MAX)
    }

    /// Tells whether there is an asset of a symbol, without looking for the nearest.
    fn __contains__(&self, key: &Bound<'_, PyAny>) -> PyResult<bool> {
        let Ok(symbol) = key.cast::<PyString>() else { return Ok(false) };
        Ok(matches!(self.lease().bundle().asset(&symbol.to_cow()?), Ok(Some(_))))
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>> {
        Ok(self.symbols(py)?.into_any().try_iter()?.into_any())
    }

    /// The symbols, ascending by bytes, as `dict.keys` has them.
    fn keys<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        seen_as(slf, "KeysView")
    }

    /// The bars of each asset in symbol order, as `dict.values` has them.
    fn values<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        seen_as(slf, "ValuesView")
    }

    /// Symbol and bars of each asset in symbol order, as `dict.items` has them: `for symbol, bars in bundle.items()`.
    fn items<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        seen_as(slf, "ItemsView")
    }

    /// There is no one array of a bundle, and an array of its symbols would surprise.
    #[pyo3(signature = (dtype=None, copy=None))]
    #[expect(clippy::unused_self, reason = "NumPy calls it on an object, with these arguments")]
    fn __array__(
        &self,
        dtype: Option<&Bound<'_, PyAny>>,
        copy: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let _ = (dtype, copy);
        Err(PyTypeError::new_err(
            "a bundle is no array: take `column(name)`, `panel(name)`, or a frame by `to_pandas()` or `to_polars()`",
        ))
    }
}

/// Returns one of Python's views of mappings over a bundle.
fn seen_as<'py>(bundle: &Bound<'py, Bundle>, class: &str) -> PyResult<Bound<'py, PyAny>> {
    bundle.py().import("collections.abc")?.getattr(class)?.call1((bundle,))
}
