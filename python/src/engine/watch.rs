//! [`Watch`]: work on other threads while the interpreter stays awake for Ctrl-C and progress.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use barrow_engine::Progress;
use pyo3::prelude::*;

/// What the work and who waits for it tell each other.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    /// Once true, nothing more is to be started.
    pub(crate) cancel: AtomicBool,
    progress: Mutex<Option<Progress>>,
}

impl Watch {
    /// Tells how far the work is.
    pub(crate) fn show(&self, progress: Progress) {
        *self.progress.lock().unwrap_or_else(PoisonError::into_inner) = Some(progress);
    }

    fn take(&self) -> Option<Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Hands progress to Python's `show(done, total, best)`, if there is any new.
    fn report(&self, py: Python<'_>, show: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        if let (Some(show), Some(Progress { done, total, best })) = (show, self.take()) {
            show.call1((done, total, best))?;
        }
        py.check_signals()
    }
}

/// Runs work on a thread of its own. Signals are looked for, and progress is shown, twenty times a second; an exception of
/// either cancels the work and is returned once it has ended.
pub(crate) fn watched<T: Send>(
    py: Python<'_>,
    show: Option<&Bound<'_, PyAny>>,
    work: impl FnOnce(&Watch) -> T + Send,
) -> PyResult<T> {
    let watch = Watch::default();
    let show = show.map(|show| show.clone().unbind());
    let (answer, exception) = py.detach(|| {
        let (done, ended) = channel::<()>();
        std::thread::scope(|scope| {
            let worker = scope.spawn(|| {
                // Dropped when the work ends, however it does.
                let _done = done;
                work(&watch)
            });
            let mut exception = None;
            while let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(PAUSE) {
                if exception.is_none() {
                    let report = |py: Python<'_>| {
                        watch.report(py, show.as_ref().map(|show| show.bind(py)))
                    };
                    exception = Python::attach(report).err();
                    watch.cancel.fetch_or(exception.is_some(), Ordering::Relaxed);
                }
            }
            (worker.join(), exception)
        })
    });
    let answer = match answer {
        Ok(answer) => answer,
        Err(panic) => std::panic::resume_unwind(panic),
    };
    if let Some(exception) = exception {
        return Err(exception);
    }
    watch.report(py, show.as_ref().map(|show| show.bind(py)))?;
    Ok(answer)
}

const PAUSE: Duration = Duration::from_millis(50);
