//! Long work that Ctrl-C ends.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use barrow_store::Error;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::error::Result;

/// How often signals are looked for.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Does work on a thread of its own while this one, with the interpreter's lock let go, looks for signals: when Python wants to
/// raise one, Ctrl-C perhaps, `stop` is set, the work's end is awaited, and the exception returned.
pub(crate) fn interruptible<T: Send>(
    py: Python<'_>,
    stop: &AtomicBool,
    work: impl FnOnce() -> T + Send,
) -> PyResult<T> {
    watched(py, stop, look_for_signals, work)
}

fn look_for_signals(py: Python<'_>) -> PyResult<()> {
    py.check_signals()
}

/// As [`interruptible`], with a `look` of one's own: it is called every now and then, and an exception of it stops the work.
pub(crate) fn watched<T: Send>(
    py: Python<'_>,
    stop: &AtomicBool,
    look: impl Fn(Python<'_>) -> PyResult<()>,
    work: impl FnOnce() -> T + Send,
) -> PyResult<T> {
    thread::scope(|scope| {
        let (sender, mut receiver) = mpsc::channel();
        let worker = scope.spawn(move || {
            // Nobody waits any more after a panic here, which the scope passes on.
            let _ = sender.send(work());
        });
        let mut raised = Ok(());
        loop {
            let waiting = &mut receiver;
            match py.detach(move || waiting.recv_timeout(LOOK_EVERY)) {
                Ok(done) => return raised.map(|()| done),
                Err(RecvTimeoutError::Timeout) if raised.is_ok() => {
                    raised = look(py);
                    stop.fetch_or(raised.is_err(), Ordering::Relaxed);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    let panic = py.detach(|| worker.join()).err();
                    std::panic::resume_unwind(panic.unwrap_or_else(|| Box::new("no outcome")));
                }
            }
        }
    })
}

/// Tries until another writer of the bundle is done, or `seconds` have passed, with the interpreter's lock let go; looks for
/// signals between two stretches of waiting.
pub(crate) fn patiently<T: Send>(
    py: Python<'_>,
    seconds: f64,
    attempt: impl Fn(Duration) -> barrow_store::Result<T> + Sync,
) -> Result<T> {
    let no_number = |_| format!("`{seconds}` is no number of seconds to wait");
    let most = Duration::try_from_secs_f64(seconds).map_err(no_number);
    let (most, begun) = (most.map_err(PyValueError::new_err)?, Instant::now());
    loop {
        let left = most.saturating_sub(begun.elapsed());
        let stretch = left.min(LOOK_EVERY);
        match py.detach(|| attempt(stretch)) {
            Err(Error::Locked { .. }) if left > stretch => py.check_signals()?,
            outcome => return Ok(outcome?),
        }
    }
}
