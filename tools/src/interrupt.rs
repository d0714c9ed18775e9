//! Stopping on request: Ctrl-C and termination end long work between two batches, so that files that
//! are not whole are removed.

use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

/// The work was stopped.
#[derive(Debug, thiserror::Error)]
#[error("interrupted")]
pub(crate) struct Interrupted;

/// The flag that a request to stop sets. From the first call on, such a request no longer ends the
/// process by itself.
pub(crate) fn flag() -> &'static AtomicBool {
    static FLAG: AtomicBool = AtomicBool::new(false);
    static HANDLER: Once = Once::new();
    HANDLER.call_once(|| {
        // Where no handler can be set, the default action ends the process.
        let _ = ctrlc::set_handler(|| FLAG.store(true, Ordering::Relaxed));
    });
    &FLAG
}

/// Fails once a request to stop was made.
///
/// # Errors
/// [`Interrupted`].
pub(crate) fn check() -> Result<(), Interrupted> {
    if flag().load(Ordering::Relaxed) { Err(Interrupted) } else { Ok(()) }
}
