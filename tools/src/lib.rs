//! The `barrow` command: ingest, inspect, query, backtest and sweep market-data bundles.
//!
//! The binary calls [`run`] and nothing else. What is worth using from Rust without a terminal is
//! public too: [`ingest`] turns vendor files into a published bundle, [`report`] renders the
//! self-contained HTML page of a backtest or a sweep, [`market`] makes markets that might have been, and
//! [`permutation`] compares a result with the same over them.
//!
//! Stdout carries the answer, stderr the talk; `docs/cli.md` documents both and the JSON of every
//! command.

#![forbid(unsafe_code)]

mod age;
mod cli;
mod commands;
pub mod draws;
mod hint;
pub mod ingest;
mod instant;
mod interrupt;
mod invocation;
mod isolate;
mod log;
mod manifest;
pub mod market;
mod meaning;
mod metrics;
mod numbers;
mod opening;
mod output;
pub mod permutation;
mod printer;
pub mod report;
mod scratch;
mod selection;
mod status;
mod table;
#[cfg(test)]
mod testing;
mod threads;

pub use crate::cli::run;
pub use crate::invocation::default_root;
pub use crate::status::ExitStatus;
