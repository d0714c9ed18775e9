//! How many threads a command may be given.

use clap::builder::RangedU64ValueParser;

/// More than any machine has use for, and few enough to be started.
const THREADS_MAX: u64 = 1024;

/// Reads a number of threads, 0 for one a core.
pub(crate) fn threads() -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(0..=THREADS_MAX)
}
