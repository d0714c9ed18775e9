//! Barrow's promises, one module each.

mod cli;
mod contracts;
mod corruption;
mod families;
mod golden;
mod guides;
mod lookahead;
mod open_constant;
mod parity;
mod pool;
mod roundtrip;
mod spec;
mod study;
mod tidy;
mod version;
