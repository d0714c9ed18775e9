//! Barrow leases as `arrow2` arrays, without a copy.
//!
//! `arrow2` is unmaintained and has an advisory that will not be fixed. Barrow's own Arrow views use
//! the maintained `arrow-rs` crates ([`Lease::record_batch`]); this package exists for engines that
//! still speak `arrow2`, and stands outside Barrow's workspace with a lock file of its own. The
//! advisory concerns `compute::sort::row`, which is compiled only with a feature that is off here.
//!
//! ```no_run
//! use barrow_store::Catalog;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let lease = Catalog::at("bundles").lease("demo")?;
//! let asset = lease.asset("AAPL")?;
//! let close = barrow_arrow2::series(&lease, asset, "close")?;
//! drop(lease); // the array keeps the map alive
//! assert_eq!(close.null_count(), 0);
//! # Ok(())
//! # }
//! ```
//!
//! Every array owns a clone of the lease it came from: the map stays until the last array, and every
//! slice and clone of it, is dropped. The values are the bytes of the map, at their own address.
//!
//! A missing float value is `NaN`, as in the bundle: no array has a validity bitmap.

mod error;
mod import;

use arrow2::array::Array;
use arrow2::chunk::Chunk;
use arrow2::datatypes::{DataType, Field, Schema, TimeUnit};
use barrow_format::{Asset, Column, LogicalType, PhysicalType};
use barrow_store::Lease;

pub use crate::error::Error;

/// A column of one asset: shape `[rows of the asset]`, oldest first.
///
/// Costs three allocations, whatever the length.
///
/// # Errors
///
/// [`Error::Store`] when the bundle has no such column or its directory is corrupt, [`Error::Arrow`]
/// when `arrow2` refuses the array.
///
/// # Panics
///
/// When `asset` belongs to another bundle.
pub fn series(lease: &Lease, asset: Asset, column: &str) -> Result<Box<dyn Array>, Error> {
    let data_type = data_type_of(lease, column);
    import::array(lease, data_type, |lease| lease.bars(asset).column(column))
}

/// A whole column: shape `[rows of the bundle]`, assets in symbol order, each oldest first.
///
/// Costs three allocations, whatever the length.
///
/// # Errors
///
/// As [`series`].
pub fn column(lease: &Lease, name: &str) -> Result<Box<dyn Array>, Error> {
    let data_type = data_type_of(lease, name);
    import::array(lease, data_type, |lease| lease.column(name))
}

/// All columns of one asset, in the order of the bundle's schema.
///
/// # Errors
///
/// As [`series`].
///
/// # Panics
///
/// When `asset` belongs to another bundle.
pub fn asset_chunk(lease: &Lease, asset: Asset) -> Result<Chunk<Box<dyn Array>>, Error> {
    let columns = lease.schema().columns().iter();
    let arrays: Result<Vec<_>, _> = columns.map(|c| series(lease, asset, &c.name)).collect();
    Ok(Chunk::try_new(arrays?)?)
}

/// All columns of the bundle, in the order of its schema.
///
/// # Errors
///
/// As [`series`].
pub fn chunk(lease: &Lease) -> Result<Chunk<Box<dyn Array>>, Error> {
    let columns = lease.schema().columns().iter();
    let arrays: Result<Vec<_>, _> = columns.map(|c| column(lease, &c.name)).collect();
    Ok(Chunk::try_new(arrays?)?)
}

/// The schema of [`chunk`] and [`asset_chunk`].
///
/// Timestamps are `Timestamp(Nanosecond, "UTC")`. A decimal column stays an `Int64` of unscaled
/// values, because `arrow2` has decimals of 128 bits only; its field carries the metadata key
/// `barrow.scale`.
pub fn schema(lease: &Lease) -> Schema {
    let fields: Vec<Field> = lease.schema().columns().iter().map(field).collect();
    Schema::from(fields)
}

fn field(column: &Column) -> Field {
    let field = Field::new(&column.name, data_type(column), false);
    match column.logical {
        LogicalType::Decimal { scale } => {
            field.with_metadata([("barrow.scale".to_owned(), scale.to_string())].into())
        }
        _ => field,
    }
}

/// The type under which a column is imported; an unknown column gets `Null`, and the look-up that
/// follows names it in its error.
fn data_type_of(lease: &Lease, name: &str) -> DataType {
    let mut columns = lease.schema().columns().iter();
    columns.find(|c| c.name == name).map_or(DataType::Null, data_type)
}

fn data_type(column: &Column) -> DataType {
    if column.logical == LogicalType::Timestamp {
        return DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".to_owned()));
    }
    match column.physical {
        PhysicalType::F64 => DataType::Float64,
        PhysicalType::F32 => DataType::Float32,
        PhysicalType::I64 => DataType::Int64,
        PhysicalType::I32 => DataType::Int32,
        PhysicalType::U32 => DataType::UInt32,
        PhysicalType::U8 => DataType::UInt8,
    }
}
