//! [`Error`]: why a query has no answer.

use datafusion::common::DataFusionError;
use thiserror::Error;

/// The result of a query.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a query has no answer.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The statement cannot be read, planned or run.
    #[error("the query has no answer")]
    Query(#[source] Box<DataFusionError>),
    /// The statement would change something.
    #[error("only `select` and `explain` are possible: bundles are made by `barrow ingest`")]
    NotAQuery,
    /// Two bundles have the table name that was asked for.
    #[error(
        "table `{table}` may be bundle `{first}` or bundle `{second}`: write one in double quotes"
    )]
    Ambiguous {
        /// The name of the table.
        table: String,
        /// One bundle.
        first: String,
        /// Another one.
        second: String,
    },
    /// The answer cannot be written.
    #[error("cannot write the answer")]
    Write(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<DataFusionError> for Error {
    fn from(error: DataFusionError) -> Self {
        Self::Query(Box::new(error))
    }
}

/// An error on its way through `DataFusion`.
pub(crate) fn external(error: impl std::error::Error + Send + Sync + 'static) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}
