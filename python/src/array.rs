//! NumPy arrays: read-only views of memory that an object keeps alive, and arrays that own what was computed.
//!
//! # Safety
//!
//! A view's base is the [`Keeper`] whose lease the values are borrowed from. The type of [`view`] proves it: the closure is
//! given the lease of that very object, for a lifetime it cannot name, and so can only return values that live as long as
//! the lease. A keeper is frozen: its lease is neither replaced nor dropped before the object is, and NumPy holds a
//! reference to it for as long as the array, or any view of the array, lives.

use std::ptr;

use barrow_store::{Lease, Values};
use numpy::npyffi::{NPY_ARRAY_CARRAY_RO, NpyTypes, get_type_object, npy_intp};
use numpy::{
    PY_ARRAY_API, PyArray1, PyArray2, PyArrayDescr, PyArrayDescrMethods as _, PyArrayMethods as _,
};
use pyo3::PyClass;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use crate::error::Result;

/// A frozen class whose objects keep a lease for as long as they live.
pub(crate) trait Keeper: PyClass + Sized {
    /// Returns the lease of an object: always the same one.
    fn lease<'a>(this: &'a Bound<'_, Self>) -> &'a Lease;
}

/// How values are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    /// As the numbers that are stored.
    Numbers,
    /// Nanoseconds since the epoch as `datetime64[ns]`.
    Instants,
}

/// Brings NumPy in, when the package is imported. NumPy's table of functions is looked up where no error can be passed on, which
/// takes a tenth of a millisecond: after this it is there.
pub(crate) fn ready(py: Python<'_>) -> PyResult<()> {
    py.import("numpy.lib")?;
    dtype(py, Shown::Instants, Values::I64(&[])).map(drop)
}

/// Returns values of a lease as a read-only array over the same memory, which keeps the lease's owner alive.
pub(crate) fn view<'py, K: Keeper>(
    owner: &Bound<'py, K>,
    shown: Shown,
    values: impl for<'l> FnOnce(&'l Lease) -> Result<Values<'l>>,
) -> Result<Bound<'py, PyAny>> {
    let values = values(K::lease(owner))?;
    let dtype = dtype(owner.py(), shown, values)?;
    over(owner.as_any(), dtype, values)
}

/// Returns computed values as an array of its own: shape `[len]`.
pub(crate) fn owned(py: Python<'_>, values: Vec<f64>) -> Bound<'_, PyAny> {
    PyArray1::from_vec(py, values).into_any()
}

/// Returns computed values, row after row, as an array of its own: shape `[rows, columns]`.
pub(crate) fn owned_matrix(
    py: Python<'_>,
    values: Vec<f64>,
    shape: [usize; 2],
) -> Result<Bound<'_, PyAny>> {
    let flat = PyArray1::from_vec(py, values);
    let matrix: Bound<'_, PyArray2<f64>> = flat.reshape(shape)?;
    Ok(matrix.into_any())
}

fn dtype<'py>(
    py: Python<'py>,
    shown: Shown,
    values: Values<'_>,
) -> PyResult<Bound<'py, PyArrayDescr>> {
    static INSTANTS: PyOnceLock<Py<PyArrayDescr>> = PyOnceLock::new();
    Ok(match values {
        Values::I64(_) if shown == Shown::Instants => {
            let make = || PyArrayDescr::new(py, "datetime64[ns]").map(Bound::unbind);
            INSTANTS.get_or_try_init(py, make)?.bind(py).clone()
        }
        Values::F64(_) => numpy::dtype::<f64>(py),
        Values::F32(_) => numpy::dtype::<f32>(py),
        Values::I64(_) => numpy::dtype::<i64>(py),
        Values::I32(_) => numpy::dtype::<i32>(py),
        Values::U32(_) => numpy::dtype::<u32>(py),
        Values::U8(_) => numpy::dtype::<u8>(py),
    })
}

/// Makes the array. `dtype` has the width of `values`; `owner` keeps them alive, see the module.
fn over<'py>(
    owner: &Bound<'py, PyAny>,
    dtype: Bound<'py, PyArrayDescr>,
    values: Values<'_>,
) -> Result<Bound<'py, PyAny>> {
    let py = owner.py();
    let mut len = npy_intp::try_from(values.len()).map_err(PyErr::from)?;
    let start = values.as_bytes().as_ptr().cast_mut().cast();
    #[expect(unsafe_code, reason = "NumPy's types are found in a table that it exports")]
    // SAFETY: the interpreter is attached, and the table is that of the NumPy that is loaded.
    let array_type = unsafe { get_type_object(py, NpyTypes::PyArray_Type) };
    #[expect(unsafe_code, reason = "an array over foreign memory has no safe constructor")]
    // SAFETY: the type is NumPy's own; the reference to `dtype` is given away, as the call demands; there is one
    // dimension, whose length is `len`, and a null pointer for the strides means contiguous. `start` points to `len`
    // aligned elements of the width of `dtype`, since both are made of `values`. They are never written through the
    // array: the flags lack `NPY_ARRAY_WRITEABLE`, and NumPy refuses to set it, because the base that is set below
    // is no array and lends no buffer. A null `obj` is allowed.
    let array = unsafe {
        PY_ARRAY_API.PyArray_NewFromDescr(
            py,
            array_type,
            dtype.into_dtype_ptr(),
            1,
            &raw mut len,
            ptr::null_mut(),
            start,
            NPY_ARRAY_CARRAY_RO,
            ptr::null_mut(),
        )
    };
    #[expect(unsafe_code, reason = "the call above returns a bare pointer")]
    // SAFETY: it is a new reference, which is taken over, or null with an exception set.
    let array = unsafe { Bound::from_owned_ptr_or_err(py, array)? };
    let base = owner.clone().into_ptr();
    #[expect(unsafe_code, reason = "the base of an array has no safe setter")]
    // SAFETY: `array` is an array that has no base yet; the reference to `base` is given away, as the call demands,
    // also where it fails.
    let status = unsafe { PY_ARRAY_API.PyArray_SetBaseObject(py, array.as_ptr().cast(), base) };
    if status == 0 { Ok(array) } else { Err(PyErr::fetch(py).into()) }
}
