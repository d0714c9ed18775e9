//! Fuzz target: see `barrow_fuzz::roundtrip`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| barrow_fuzz::roundtrip(input));
