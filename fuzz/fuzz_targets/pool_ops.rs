//! Fuzz target: see `barrow_fuzz::pool_ops`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| barrow_fuzz::pool_ops(input));
