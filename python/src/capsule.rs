//! Arrow through the `PyCapsule` interface: what is handed to other libraries, and what is taken from them.
//!
//! <https://arrow.apache.org/docs/format/CDataInterface/PyCapsuleInterface.html>. The capsules own their structures, and let
//! go of what nobody has moved out of them.

use std::ffi::CStr;

use arrow_array::ffi::FFI_ArrowArray;
use arrow_array::ffi_stream::{ArrowArrayStreamReader, FFI_ArrowArrayStream};
use arrow_array::{Array, RecordBatchReader};
use arrow_schema::ffi::FFI_ArrowSchema;
use arrow_schema::{ArrowError, Field, Schema};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::critical_section::with_critical_section;
use pyo3::types::PyCapsule;

use crate::error::Result;

const SCHEMA: &CStr = c"arrow_schema";
const ARRAY: &CStr = c"arrow_array";
const STREAM: &CStr = c"arrow_array_stream";

/// Returns a stream of record batches.
pub(crate) fn of_stream(
    py: Python<'_>,
    reader: Box<dyn RecordBatchReader + Send>,
) -> PyResult<Bound<'_, PyCapsule>> {
    PyCapsule::new_with_value(py, FFI_ArrowArrayStream::new(reader), STREAM)
}

/// Returns the schema of record batches.
pub(crate) fn of_schema<'py>(py: Python<'py>, schema: &Schema) -> Result<Bound<'py, PyCapsule>> {
    let schema = FFI_ArrowSchema::try_from(schema).map_err(refused)?;
    Ok(PyCapsule::new_with_value(py, schema, SCHEMA)?)
}

/// Returns the type of an array.
pub(crate) fn of_field<'py>(py: Python<'py>, field: &Field) -> Result<Bound<'py, PyCapsule>> {
    let field = FFI_ArrowSchema::try_from(field).map_err(refused)?;
    Ok(PyCapsule::new_with_value(py, field, SCHEMA)?)
}

/// Returns the type of an array, and the array.
pub(crate) fn of_array<'py>(
    py: Python<'py>,
    field: &Field,
    array: &dyn Array,
) -> Result<(Bound<'py, PyCapsule>, Bound<'py, PyCapsule>)> {
    let array = FFI_ArrowArray::new(&array.to_data());
    Ok((of_field(py, field)?, PyCapsule::new_with_value(py, array, ARRAY)?))
}

/// Takes the stream that an object of another library offers.
pub(crate) fn stream_of(object: &Bound<'_, PyAny>) -> Result<ArrowArrayStreamReader> {
    let offered = object.call_method0("__arrow_c_stream__")?;
    let capsule = offered.cast::<PyCapsule>().map_err(|_| {
        PyTypeError::new_err("`__arrow_c_stream__` answered with something that is no capsule")
    })?;
    let stream = capsule.pointer_checked(Some(STREAM))?.cast::<FFI_ArrowArrayStream>();
    // Another thread may have been handed the same capsule, and where there is no interpreter's lock it would move it out too.
    let stream = with_critical_section(capsule, || {
        #[expect(unsafe_code, reason = "a stream of another library comes as a pointer")]
        // SAFETY: the capsule has the name under which the interface passes a valid `ArrowArrayStream`, and it lives until the
        // end of this function. The call moves the structure out and leaves a released one behind, which is what the
        // interface demands of who consumes a stream; no other thread is here with the same capsule.
        unsafe {
            FFI_ArrowArrayStream::from_raw(stream.as_ptr())
        }
    });
    Ok(ArrowArrayStreamReader::try_new(stream).map_err(refused)?)
}

/// An exception for what Arrow refuses.
pub(crate) fn refused(error: ArrowError) -> PyErr {
    match error {
        ArrowError::ExternalError(error) => match error.downcast::<barrow_store::Error>() {
            Ok(error) => crate::error::Failure::Store(*error).into(),
            Err(error) => PyValueError::new_err(error.to_string()),
        },
        error => PyValueError::new_err(error.to_string()),
    }
}
