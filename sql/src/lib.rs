//! SQL over bundles: a catalog as a database, a bundle as a table, through `DataFusion`.
//!
//! A scan copies nothing: the batches that it yields are slices of the mapped file (of compressed bundles
//! and bundles of many parts, of the memory that they were decoded into once). Columns, symbols, times and
//! limits are pushed down into it; other comparisons skip the assets and zones whose statistics rule them
//! out.
//!
//! Everything stands behind the feature `datafusion`, which takes minutes to build and which the default
//! build does not need.

#![forbid(unsafe_code)]

#[cfg(feature = "datafusion")]
mod database;
#[cfg(feature = "datafusion")]
mod error;
#[cfg(feature = "datafusion")]
mod predicate;
#[cfg(feature = "datafusion")]
mod scan;
#[cfg(feature = "datafusion")]
mod stretch;
#[cfg(feature = "datafusion")]
mod table;
#[cfg(feature = "datafusion")]
mod write;

#[cfg(feature = "datafusion")]
pub use crate::{
    database::{Answer, Database, table_name},
    error::{Error, Result},
    table::BundleTable,
    write::{Format, write},
};
