//! Reading: from an opened version to slices.

pub(crate) mod arrow;
mod arrow_symbols;
pub(crate) mod bars;
pub(crate) mod checks;
pub(crate) mod kept;
pub(crate) mod layout;
pub(crate) mod lease;
pub(crate) mod life;
pub(crate) mod options;
pub(crate) mod panel;
pub(crate) mod parts;
pub(crate) mod reader;
pub(crate) mod segments;
pub(crate) mod snapshot;
pub(crate) mod span;
pub(crate) mod stretch;
pub(crate) mod verify;
