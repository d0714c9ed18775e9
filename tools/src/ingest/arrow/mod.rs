//! Arrow IPC files (Feather version 2): long, wide, or an asset a file.

mod guard;
mod read;
mod types;

use std::fs::File;
use std::io::BufReader;
use std::panic::AssertUnwindSafe;

use arrow_array::types::{
    ArrowDictionaryKeyType, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, DictionaryArray, RecordBatch, cast::AsArray};
use arrow_ipc::reader::FileReader;
use arrow_schema::{ArrowError, DataType, SchemaRef};

use super::error::IngestError;
use super::source::{Source, io_error};
use super::typed::{Conversion, Fail, Rows, Table, TypedColumn, Values};

/// An open file, its footer read.
pub(crate) struct Batches {
    reader: FileReader<BufReader<File>>,
}

/// Opens a file and reads its footer; of the columns, only those at the places of `projection` are read.
pub(crate) fn open(
    source: &Source,
    projection: Option<Vec<usize>>,
) -> Result<Batches, IngestError> {
    let file = File::open(&source.path).map_err(io_error("open", &source.path))?;
    guard::check(&file)
        .and_then(|()| fenced(|| FileReader::try_new_buffered(file, projection)))
        .map(|reader| Batches { reader })
        .map_err(|error| damaged(source, error))
}

/// Runs the library over bytes of which it panics on some that are no Arrow file.
fn fenced<T>(read: impl FnOnce() -> Result<T, ArrowError>) -> Result<T, ArrowError> {
    let read = std::panic::catch_unwind(AssertUnwindSafe(read));
    read.unwrap_or_else(|_| Err(ArrowError::IpcError("its parts contradict each other".to_owned())))
}

impl Batches {
    pub(crate) fn schema(&self) -> SchemaRef {
        self.reader.schema()
    }

    pub(crate) fn count(&self) -> usize {
        self.reader.num_batches()
    }

    /// Reads one batch.
    pub(crate) fn batch(&mut self, at: usize) -> Result<RecordBatch, ArrowError> {
        fenced(|| {
            self.reader.set_index(at)?;
            let missing = || ArrowError::IpcError(format!("there is no batch {at}"));
            self.reader.next().ok_or_else(missing)?
        })
    }
}

pub(crate) fn damaged(source: &Source, error: ArrowError) -> IngestError {
    IngestError::Damaged { file: source.name.clone(), source: Box::new(error) }
}

impl Table for Batches {
    fn format(&self) -> &'static str {
        "Arrow"
    }

    fn columns(&mut self) -> Result<Vec<TypedColumn>, Fail> {
        let schema = self.schema();
        let typed = schema.fields().iter().map(|field| TypedColumn {
            name: field.name().clone(),
            conversion: types::conversion(field.data_type()),
            kind: field.data_type().to_string(),
            complete: true,
        });
        let mut typed: Vec<TypedColumn> = typed.collect();
        // What is missing is told nowhere but in the batches.
        for at in 0..self.count() {
            let batch = self.batch(at)?;
            for (column, array) in typed.iter_mut().zip(batch.columns()) {
                column.complete &= array.logical_null_count() == 0;
            }
        }
        Ok(typed)
    }

    fn groups(&mut self) -> Result<Vec<u64>, Fail> {
        let count = self.count();
        (0..count).map(|at| Ok(self.batch(at)?.num_rows() as u64)).collect()
    }

    fn group(&mut self, group: usize, conversions: &[Conversion]) -> Result<Box<dyn Rows>, Fail> {
        let batch = self.batch(group)?;
        let wanted = conversions.iter().map(|conversion| *conversion != Conversion::None);
        Ok(Box::new(BatchRows { batch, wanted: wanted.collect(), next: 0 }))
    }
}

/// The rows of a batch, those that are left.
struct BatchRows {
    batch: RecordBatch,
    wanted: Vec<bool>,
    next: usize,
}

impl Rows for BatchRows {
    fn next(&mut self, rows: usize) -> Result<Vec<Option<Values>>, Fail> {
        let start = self.next.min(self.batch.num_rows());
        let rows = rows.min(self.batch.num_rows() - start);
        self.next = start + rows;
        let columns = self.batch.columns().iter().zip(&self.wanted);
        let values = columns.map(|(array, wanted)| {
            let values = wanted.then(|| read::read(&array.slice(start, rows)));
            values.transpose().map_err(Fail::from)
        });
        values.collect()
    }
}

/// The texts of an array of text, or of a dictionary of texts.
pub(crate) fn texts(array: &ArrayRef) -> Result<Vec<Option<&str>>, ArrowError> {
    Ok(match array.data_type() {
        DataType::Utf8 => array.as_string::<i32>().iter().collect(),
        DataType::LargeUtf8 => array.as_string::<i64>().iter().collect(),
        DataType::Utf8View => array.as_string_view().iter().collect(),
        DataType::Dictionary(key, _) => match **key {
            DataType::Int8 => looked_up::<Int8Type>(array)?,
            DataType::Int16 => looked_up::<Int16Type>(array)?,
            DataType::Int32 => looked_up::<Int32Type>(array)?,
            DataType::Int64 => looked_up::<Int64Type>(array)?,
            DataType::UInt8 => looked_up::<UInt8Type>(array)?,
            DataType::UInt16 => looked_up::<UInt16Type>(array)?,
            DataType::UInt32 => looked_up::<UInt32Type>(array)?,
            _ => looked_up::<UInt64Type>(array)?,
        },
        other => return Err(ArrowError::CastError(format!("{other} is no text"))),
    })
}

fn looked_up<K: ArrowDictionaryKeyType>(array: &ArrayRef) -> Result<Vec<Option<&str>>, ArrowError> {
    let array: &DictionaryArray<K> = array
        .as_dictionary_opt()
        .ok_or_else(|| ArrowError::CastError(format!("{} is no dictionary", array.data_type())))?;
    let values = texts(array.values())?;
    Ok((0..array.len()).map(|row| values.get(array.key(row)?).copied().flatten()).collect())
}
