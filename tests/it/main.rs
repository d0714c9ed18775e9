//! Barrow's promises, one module each.

mod corruption;
mod golden;
mod open_constant;
mod pool;
mod roundtrip;
mod spec;
mod tidy;
mod version;
