//! Barrow's promises, one module each.

mod cli;
mod contracts;
mod corruption;
#[cfg(debug_assertions)]
mod crash;
mod disk;
mod families;
mod golden;
mod guides;
mod leases;
mod lookahead;
mod open_constant;
mod parity;
mod pool;
mod query;
mod roundtrip;
mod spec;
mod tidy;
mod version;
