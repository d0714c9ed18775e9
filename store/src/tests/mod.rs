//! What the store promises, each promise in a file of its own.

mod arrow;
pub(crate) mod bars;
mod cache;
mod catalog;
mod crash;
mod panel;
mod pool;
mod verify;
