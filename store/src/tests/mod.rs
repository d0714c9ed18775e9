//! What the store promises, each promise in a file of its own.

mod arrow;
pub(crate) mod bars;
mod cache;
mod catalog;
mod crash;
mod decoded;
mod difference;
#[cfg(debug_assertions)]
mod faults;
#[cfg(debug_assertions)]
mod machines;
mod mounts;
mod options;
mod panel;
mod parts;
mod played;
mod pool;
mod pool_threads;
mod prune;
#[cfg(debug_assertions)]
mod remote;
#[cfg(debug_assertions)]
mod remote_damage;
#[cfg(debug_assertions)]
mod remote_interrupted;
#[cfg(debug_assertions)]
mod remote_prune;
mod revision;
mod short;
mod verify;
