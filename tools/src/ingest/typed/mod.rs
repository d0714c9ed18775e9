//! Files whose columns have types, Parquet and Arrow: long, wide, or an asset a file.

mod group;
mod plan;
mod table;
mod values;

pub(crate) use group::{GroupPlace, read_group};
pub(crate) use plan::{Plan, plan};
pub(crate) use table::{Fail, Rows, Table, TypedColumn};
pub(crate) use values::{Conversion, Values};
