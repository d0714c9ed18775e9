//! The only unsafe code of this package: a slice of a lease's map becomes an `arrow2` array.
//!
//! `arrow2` takes foreign memory through the Arrow C data interface alone. So the slice is described
//! by that interface's struct, whose `release` callback drops a clone of the lease.

use std::ffi::c_void;
use std::ptr;

use arrow2::array::Array;
use arrow2::datatypes::DataType;
use arrow2::ffi::{ArrowArray, import_array_from_c};
use barrow_format::Values;
use barrow_store::Lease;

use crate::error::Error;

/// The `ArrowArray` struct of the Arrow C data interface, field by field.
#[repr(C)]
struct RawArray {
    length: i64,
    null_count: i64,
    offset: i64,
    n_buffers: i64,
    n_children: i64,
    buffers: *mut *const c_void,
    children: *mut *mut RawArray,
    dictionary: *mut RawArray,
    release: Option<unsafe extern "C" fn(*mut RawArray)>,
    private: *mut c_void,
}

const _: () = assert!(size_of::<RawArray>() == size_of::<ArrowArray>());
const _: () = assert!(align_of::<RawArray>() == align_of::<ArrowArray>());

/// What an array keeps alive: the lease whose map it reads, and the buffer list it points to.
struct Owner {
    lease: Lease,
    /// The validity bitmap, which is absent, then the values.
    buffers: [*const c_void; 2],
}

/// Imports the values that `pick` borrows from a clone of `lease`; the array owns the clone.
#[expect(unsafe_code, reason = "arrow2 takes foreign memory through the C data interface only")]
pub(crate) fn array<F>(lease: &Lease, data_type: DataType, pick: F) -> Result<Box<dyn Array>, Error>
where
    F: for<'a> FnOnce(&'a Lease) -> Result<Values<'a>, barrow_store::Error>,
{
    let mut owner = Box::new(Owner { lease: lease.clone(), buffers: [ptr::null(); 2] });
    let values = pick(&owner.lease)?;
    let rows = values.len();
    let length = i64::try_from(rows).map_err(|_| Error::Length { rows })?;
    owner.buffers[1] = values.as_bytes().as_ptr().cast();

    let owner = Box::into_raw(owner);
    // SAFETY: `owner` comes from `Box::into_raw` just above, so it is valid and aligned; no reference
    // to it exists. `&raw mut` makes a pointer to the field and reads nothing.
    let buffers = unsafe { &raw mut (*owner).buffers };
    let raw = RawArray {
        length,
        null_count: 0,
        offset: 0,
        n_buffers: 2,
        n_children: 0,
        buffers: buffers.cast(),
        children: ptr::null_mut(),
        dictionary: ptr::null_mut(),
        release: Some(release),
        private: owner.cast(),
    };
    // SAFETY: both types are the C data interface's `ArrowArray`: `repr(C)`, the same ten fields in
    // the same order, sizes and alignments compared at compile time; every bit pattern of these
    // integers and pointers is valid for the target.
    let array = unsafe { std::mem::transmute::<RawArray, ArrowArray>(raw) };
    // SAFETY: the interface is honoured. `buffers` points to two pointers inside `owner`: a null
    // validity bitmap, allowed because `null_count` is 0, and `length` initialised values of
    // `data_type`'s width, aligned for it because they were a slice of that type. The values were
    // borrowed from `owner.lease`, which lies on the heap and is neither moved nor changed until
    // `release` drops it; a lease's map is read-only and never remapped. `release` runs once, when
    // the last array that shares this struct is dropped.
    let imported = unsafe { import_array_from_c(array, data_type) };
    Ok(imported?)
}

/// Drops the owner and marks the array as released, as the interface demands.
///
/// # Safety
///
/// `array` must point to a struct made by [`array`] that was not released yet.
#[expect(unsafe_code, reason = "the C data interface calls back through a raw pointer")]
unsafe extern "C" fn release(array: *mut RawArray) {
    // SAFETY: the caller passes a valid, exclusive pointer to a `RawArray` (this function's contract).
    let array = unsafe { &mut *array };
    // SAFETY: `private` is the pointer that `array()` took from `Box::into_raw`, and this is its only
    // release: `release` is cleared below and the interface forbids a second call.
    drop(unsafe { Box::from_raw(array.private.cast::<Owner>()) });
    array.release = None;
}
