//! What the store promises, each promise in a file of its own.

mod arrow;
pub(crate) mod bars;
mod cache;
mod catalog;
mod crash;
mod decoded;
#[cfg(debug_assertions)]
mod faults;
mod mounts;
mod options;
mod panel;
mod pool;
mod prune;
#[cfg(debug_assertions)]
mod remote;
mod revision;
mod short;
mod verify;
