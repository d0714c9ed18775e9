//! Fuzz target: see `barrow_fuzz::segmented_bundle`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| barrow_fuzz::segmented_bundle(input));
