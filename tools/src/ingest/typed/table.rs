//! [`Table`]: what the recogniser and the reader need of a file with typed columns.

use super::super::error::IngestError;
use super::super::source::{Kind, Source};
use super::super::{arrow, parquet};
use super::values::{Conversion, Values};

/// What the library of a format says of a file.
pub(crate) type Fail = Box<dyn std::error::Error + Send + Sync>;

/// A column of a file.
#[derive(Clone, Debug)]
pub(crate) struct TypedColumn {
    pub(crate) name: String,
    /// How its values become numbers, times or symbols; `None` for types that bundles do not hold.
    pub(crate) conversion: Option<Conversion>,
    /// Its type, for messages.
    pub(crate) kind: String,
    /// Whether it lacks no value.
    pub(crate) complete: bool,
}

/// A file with typed columns, whose rows come in groups that can be read by themselves.
pub(crate) trait Table {
    /// Name of the format, for people.
    fn format(&self) -> &'static str;
    fn columns(&mut self) -> Result<Vec<TypedColumn>, Fail>;
    /// Rows of each group.
    fn groups(&mut self) -> Result<Vec<u64>, Fail>;
    /// Begins to read a group; columns of [`Conversion::None`] are left out.
    fn group(&mut self, group: usize, conversions: &[Conversion]) -> Result<Box<dyn Rows>, Fail>;
}

/// The rows of a group, from the first to the last.
pub(crate) trait Rows {
    /// The values of the next `rows` rows, which there are; `None` for columns that are left out.
    fn next(&mut self, rows: usize) -> Result<Vec<Option<Values>>, Fail>;
}

/// Opens a file by its kind.
pub(super) fn open(source: &Source) -> Result<Box<dyn Table>, IngestError> {
    match source.kind {
        Kind::Arrow => Ok(Box::new(arrow::open(source, None)?)),
        _ => Ok(Box::new(parquet::open(source)?)),
    }
}

pub(super) fn damaged(source: &Source, error: Fail) -> IngestError {
    IngestError::Damaged { file: source.name.clone(), source: error }
}
