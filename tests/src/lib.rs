//! What Barrow's whole-system tests share: where things are, and small bundles to test with.
//!
//! The promises themselves are tested in `tests/it/`, one file for each. Code in the guides of `docs/`
//! is compiled and run as doctests of this package.

#![expect(
    clippy::missing_panics_doc,
    reason = "a test that cannot set up should stop where it stands"
)]

pub mod content;
mod guides;
pub mod market;
pub mod numbered;
mod places;

pub use crate::places::{
    barrow, barrow_at, barrow_path, built, checkout, command_at, memory_folder, note, shared,
};
