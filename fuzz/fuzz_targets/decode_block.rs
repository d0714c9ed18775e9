//! Fuzz target: see `barrow_fuzz::decode_block`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| barrow_fuzz::decode_block(input));
