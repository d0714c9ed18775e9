//! Fuzz target: see `barrow_fuzz::ingest_csv`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| barrow_fuzz::ingest_csv(input));
