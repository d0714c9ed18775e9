//! Parquet, read column by column without Arrow.

mod read;
#[cfg(test)]
pub(crate) mod samples;
mod types;

use std::fs::File;

use ::parquet::column::reader::ColumnReader;
use ::parquet::file::reader::{FileReader, SerializedFileReader};

use super::error::IngestError;
use super::source::{Source, io_error};
use super::typed::{Conversion, Fail, Rows, Table, TypedColumn, Values};

/// Opens a file and looks at its footer.
pub(crate) fn open(source: &Source) -> Result<SerializedFileReader<File>, IngestError> {
    let file = File::open(&source.path).map_err(io_error("open", &source.path))?;
    SerializedFileReader::new(file).map_err(|error| damaged(source, error))
}

pub(crate) fn damaged(source: &Source, error: ::parquet::errors::ParquetError) -> IngestError {
    IngestError::Damaged { file: source.name.clone(), source: Box::new(error) }
}

impl Table for SerializedFileReader<File> {
    fn format(&self) -> &'static str {
        "Parquet"
    }

    fn columns(&mut self) -> Result<Vec<TypedColumn>, Fail> {
        let metadata = self.metadata();
        let columns = metadata.file_metadata().schema_descr().columns();
        let typed = columns.iter().enumerate().map(|(at, column)| {
            let complete = metadata.row_groups().iter().all(|group| {
                let statistics = group.column(at).statistics();
                column.max_def_level() == 0
                    || statistics.is_some_and(|found| found.null_count_opt() == Some(0))
            });
            let kind = match column.logical_type_ref() {
                Some(logical) => format!("{logical:?}"),
                None => column.physical_type().to_string(),
            };
            let (name, conversion) = (column.path().string(), Conversion::of(column));
            TypedColumn { name, conversion, kind, complete }
        });
        Ok(typed.collect())
    }

    fn groups(&mut self) -> Result<Vec<u64>, Fail> {
        let groups = self.metadata().row_groups().iter();
        Ok(groups.map(|group| u64::try_from(group.num_rows()).unwrap_or(0)).collect())
    }

    fn group(&mut self, group: usize, conversions: &[Conversion]) -> Result<Box<dyn Rows>, Fail> {
        let group = self.get_row_group(group)?;
        let mut columns = Vec::with_capacity(conversions.len());
        for (at, conversion) in conversions.iter().enumerate() {
            columns.push(match conversion {
                Conversion::None => None,
                _ => Some((group.get_column_reader(at)?, *conversion)),
            });
        }
        Ok(Box::new(GroupRows { columns }))
    }
}

/// The rows of a row group, those that are left.
struct GroupRows {
    columns: Vec<Option<(ColumnReader, Conversion)>>,
}

impl Rows for GroupRows {
    fn next(&mut self, rows: usize) -> Result<Vec<Option<Values>>, Fail> {
        let values = self.columns.iter_mut().map(|column| {
            let values = column.as_mut().map(|(column, kind)| read::read(column, *kind, rows));
            values.transpose().map_err(Fail::from)
        });
        values.collect()
    }
}
