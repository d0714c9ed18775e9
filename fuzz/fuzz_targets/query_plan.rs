//! Fuzz target: see `barrow_fuzz::query_plan`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| barrow_fuzz::query_plan(input));
