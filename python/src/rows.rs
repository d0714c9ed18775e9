//! Rows of other libraries, written to an Arrow file that ingestion reads: so they are recognised, checked and set aside as the
//! rows of any file.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::TimestampNanosecondType;
use arrow_array::{
    Array, ArrayRef, Float64Array, Int64Array, RecordBatch, RecordBatchReader, StringArray,
    TimestampNanosecondArray, UInt64Array,
};
use arrow_ipc::writer::FileWriter;
use arrow_schema::{ArrowError, DataType, Field, Schema};
use numpy::PyReadonlyArray1;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyInt, PyString};

use crate::capsule::{refused, stream_of};
use crate::error::Result;

/// Writes the rows of an object that offers an Arrow stream.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "an argument that is extracted is owned")]
pub(crate) fn write_stream(path: PathBuf, source: &Bound<'_, PyAny>) -> Result<()> {
    let py = source.py();
    let reader = stream_of(source)?;
    let written = py.detach(|| {
        let schema = reader.schema();
        let fields: Vec<Field> =
            schema.fields().iter().map(|field| unpacked_field(field)).collect();
        let schema = Arc::new(Schema::new(fields));
        let mut writer = FileWriter::try_new(create(&path)?, &schema)?;
        for batch in reader {
            let batch = batch?;
            let columns =
                batch.columns().iter().map(unpacked).collect::<std::result::Result<_, _>>()?;
            writer.write(&RecordBatch::try_new(Arc::clone(&schema), columns)?)?;
        }
        writer.finish()
    });
    Ok(written.map_err(refused)?)
}

/// Writes columns that are arrays, or anything that NumPy makes arrays of. Times of the columns named in `instants` are in UTC, whatever
/// zone times without one are of.
#[pyfunction]
#[pyo3(signature = (path, columns, instants=Vec::new()))]
#[expect(clippy::needless_pass_by_value, reason = "an argument that is extracted is owned")]
pub(crate) fn write_arrays(
    path: PathBuf,
    columns: &Bound<'_, PyDict>,
    instants: Vec<String>,
) -> Result<()> {
    let py = columns.py();
    let (mut fields, mut arrays) = (Vec::new(), Vec::new());
    for (name, values) in columns {
        let name: String = name.str()?.extract()?;
        let mut array = array(&name, &values)?;
        if let Some(times) = array.as_primitive_opt::<TimestampNanosecondType>()
            && instants.contains(&name)
        {
            array = Arc::new(times.clone().with_timezone("UTC"));
        }
        fields.push(Field::new(&name, array.data_type().clone(), true));
        arrays.push(array);
    }
    same_lengths(&fields, &arrays)?;
    let written = py.detach(|| {
        let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)?;
        let mut writer = FileWriter::try_new(create(&path)?, &batch.schema())?;
        writer.write(&batch)?;
        writer.finish()
    });
    Ok(written.map_err(refused)?)
}

fn same_lengths(fields: &[Field], arrays: &[ArrayRef]) -> PyResult<()> {
    let [first, others @ ..] = arrays else {
        return Err(PyValueError::new_err("the table has no columns"));
    };
    match others.iter().position(|other| other.len() != first.len()) {
        None => Ok(()),
        Some(place) => Err(PyValueError::new_err(format!(
            "column `{}` has {} values, and `{}` has {}",
            fields[0].name(),
            first.len(),
            fields[place + 1].name(),
            others[place].len(),
        ))),
    }
}

fn create(path: &PathBuf) -> std::result::Result<File, ArrowError> {
    File::create(path).map_err(ArrowError::from)
}

/// Returns the field with the type that [`unpacked`] gives its values.
fn unpacked_field(field: &Field) -> Field {
    match field.data_type() {
        DataType::Dictionary(_, _) => field.clone().with_data_type(DataType::Utf8),
        _ => field.clone(),
    }
}

/// Returns a dictionary of texts as texts: a file holds one dictionary a column, and streams may change theirs from batch to
/// batch.
fn unpacked(array: &ArrayRef) -> std::result::Result<ArrayRef, ArrowError> {
    let Some(packed) = array.as_any_dictionary_opt() else { return Ok(Arc::clone(array)) };
    let keys = packed.normalized_keys();
    let values = packed.values();
    let text = |place: usize| -> std::result::Result<&str, ArrowError> {
        match values.data_type() {
            DataType::Utf8 => Ok(values.as_string::<i32>().value(place)),
            DataType::LargeUtf8 => Ok(values.as_string::<i64>().value(place)),
            DataType::Utf8View => Ok(values.as_string_view().value(place)),
            other => Err(ArrowError::SchemaError(format!("a dictionary of {other} is no text"))),
        }
    };
    let texts = keys
        .into_iter()
        .enumerate()
        .map(|(row, key)| if packed.is_null(row) { Ok(None) } else { text(key).map(Some) });
    let texts: Vec<Option<&str>> = texts.collect::<std::result::Result<_, _>>()?;
    Ok(Arc::new(StringArray::from(texts)))
}

fn array(name: &str, values: &Bound<'_, PyAny>) -> Result<ArrayRef> {
    let py = values.py();
    let array = py.import("numpy")?.call_method1("asarray", (values,))?;
    if array.getattr("ndim")?.extract::<usize>()? != 1 {
        let text = format!("column `{name}` is no array of one dimension");
        return Err(PyValueError::new_err(text).into());
    }
    let kind: String = array.getattr("dtype")?.getattr("kind")?.extract()?;
    let converted = |dtype: &str| array.call_method1("astype", (dtype,));
    Ok(match kind.as_str() {
        "f" => Arc::new(Float64Array::from(numbers::<f64>(&converted("float64")?)?)),
        "i" | "b" => Arc::new(Int64Array::from(numbers::<i64>(&converted("int64")?)?)),
        "u" => Arc::new(UInt64Array::from(numbers::<u64>(&converted("uint64")?)?)),
        "M" => {
            let ns = converted("datetime64[ns]")?.call_method1("view", ("int64",))?;
            // Not a time.
            let times = numbers::<i64>(&ns)?.into_iter();
            let times = times.map(|ns| (ns != i64::MIN).then_some(ns));
            Arc::new(times.collect::<TimestampNanosecondArray>())
        }
        "U" | "O" | "T" => objects(name, &array)?,
        _ => {
            let text = format!("column `{name}` holds neither numbers, times nor text");
            return Err(PyTypeError::new_err(text).into());
        }
    })
}

fn numbers<T: numpy::Element + Copy>(array: &Bound<'_, PyAny>) -> Result<Vec<T>> {
    let array: PyReadonlyArray1<'_, T> = array.extract()?;
    Ok(array.as_array().iter().copied().collect())
}

/// Objects: numbers, or texts and dates; `None` and NaN are missing.
fn objects(name: &str, array: &Bound<'_, PyAny>) -> Result<ArrayRef> {
    let values: Vec<Bound<'_, PyAny>> =
        array.call_method0("tolist")?.try_iter()?.collect::<PyResult<_>>()?;
    let is_missing = |value: &Bound<'_, PyAny>| {
        // What pandas calls missing is no number.
        let missing = |kind: Bound<'_, PyString>| kind == "NAType" || kind == "NaTType";
        // A text is asked for no number: that takes a microsecond.
        !value.is_instance_of::<PyString>()
            && (value.is_none()
                || value.extract::<f64>().is_ok_and(f64::is_nan)
                || value.get_type().name().is_ok_and(missing))
    };
    let present = || values.iter().filter(|value| !is_missing(value));
    let is_whole = |value: &Bound<'_, PyAny>| value.is_instance_of::<PyInt>();
    let is_number = |value: &Bound<'_, PyAny>| value.extract::<f64>().is_ok() || is_whole(value);
    if present().next().is_none() || !present().all(is_number) {
        return texts(name, &values, is_missing);
    }
    if present().all(is_whole) {
        let whole = |value: &Bound<'_, PyAny>| {
            let exact = || value.extract::<i64>().map_err(|_| inexact(name, value));
            (!is_missing(value)).then(exact).transpose()
        };
        return Ok(Arc::new(values.iter().map(whole).collect::<PyResult<Int64Array>>()?));
    }
    let number = |value: &Bound<'_, PyAny>| -> PyResult<Option<f64>> {
        if is_missing(value) {
            return Ok(None);
        }
        let number: f64 = value.extract().map_err(|_| inexact(name, value))?;
        if is_whole(value) && !value.eq(number)? {
            return Err(inexact(name, value));
        }
        Ok(Some(number))
    };
    Ok(Arc::new(values.iter().map(number).collect::<PyResult<Float64Array>>()?))
}

fn inexact(name: &str, value: &Bound<'_, PyAny>) -> PyErr {
    PyValueError::new_err(format!(
        "column `{name}` holds {value}, which no number of it is exactly"
    ))
}

fn texts(
    name: &str,
    values: &[Bound<'_, PyAny>],
    is_missing: impl Fn(&Bound<'_, PyAny>) -> bool,
) -> Result<ArrayRef> {
    let text = |value: &Bound<'_, PyAny>| -> PyResult<Option<String>> {
        if let Ok(text) = value.cast::<PyString>() {
            return Ok(Some(text.to_cow()?.into_owned()));
        }
        if is_missing(value) {
            return Ok(None);
        }
        if let Some(isoformat) = value.getattr_opt("isoformat")? {
            return isoformat.call0()?.extract().map(Some);
        }
        let kind = value.get_type().name()?;
        let text = format!("column `{name}` holds texts or dates, and a `{kind}`");
        Err(PyTypeError::new_err(text))
    };
    let texts: Vec<Option<String>> = values.iter().map(text).collect::<PyResult<_>>()?;
    Ok(Arc::new(StringArray::from(texts)))
}
