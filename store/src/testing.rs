//! What the crate's own tests share.

use std::path::Path;

use tempfile::TempDir;

/// Returns a temporary directory, in memory where the machine offers that: flushing costs nothing there.
pub(crate) fn dir() -> TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() };
    made.or_else(|_| TempDir::new()).unwrap()
}
