//! Fuzz target: see `barrow_fuzz::hostile_catalog`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| barrow_fuzz::hostile_catalog(input));
