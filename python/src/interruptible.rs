//! Long work that Ctrl-C ends.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use pyo3::prelude::*;

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
