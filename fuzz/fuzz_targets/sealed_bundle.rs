//! Fuzz target: see `barrow_fuzz::sealed_bundle`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| barrow_fuzz::sealed_bundle(input));
