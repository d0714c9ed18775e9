//! What the store promises, each promise in a file of its own.

mod arrow;
mod bars;
mod cache;
mod catalog;
mod crash;
mod decoded;
mod panel;
mod pool;
mod verify;
