//! Parquet: long, wide, or an asset a file, read column by column without Arrow.

mod group;
mod plan;
#[cfg(test)]
pub(crate) mod samples;
mod types;
mod values;

pub(crate) use group::{GroupPlace, read_group};
pub(crate) use plan::{Plan, plan};
