//! Barrow's promises, one module each.

mod blocks;
mod cli;
mod compression;
mod concurrency;
mod contracts;
mod corruption;
#[cfg(debug_assertions)]
mod crash;
mod disk;
mod exports;
mod families;
mod golden;
mod guides;
mod hints;
mod hostile;
mod leases;
mod lookahead;
mod mounts;
mod open_constant;
mod parity;
mod permutations;
mod pool;
mod python;
mod query;
mod roundtrip;
mod segments;
mod spec;
mod study;
mod tidy;
mod version;
mod workers;
