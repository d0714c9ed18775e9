//! [`Watch`]: what work on other threads and who waits for it tell each other.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use barrow_engine::Progress;
use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::prelude::*;

use crate::interruptible;

/// Whether what runs is to end.
pub(crate) type Stop = Arc<AtomicBool>;

/// Cancellation one way, progress the other.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    /// Once true, nothing more is to be started, and strategies of Python end at their next bar.
    pub(crate) cancel: Stop,
    progress: Mutex<Option<Progress>>,
}

impl Watch {
    /// Tells how far the work is.
    pub(crate) fn show(&self, progress: Progress) {
        *self.progress.lock().unwrap_or_else(PoisonError::into_inner) = Some(progress);
    }

    /// Hands progress to Python's `show(done, total, best)`, if there is any new, and looks for signals.
    fn report(&self, py: Python<'_>, show: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let (Some(show), Some(Progress { done, total, best, .. })) = (show, progress) {
            show.call1((done, total, best))?;
        }
        py.check_signals()
    }
}

/// Hands progress to Python's `show(done, total, best)`, from whichever thread makes it.
pub(crate) fn tell(show: Option<&Py<PyAny>>, Progress { done, total, best, .. }: Progress) {
    let Some(show) = show else { return };
    Python::attach(|py| match show.call1(py, (done, total, best)) {
        // Who pressed Ctrl-C while it was drawn means the search, which looks for signals next.
        Err(error) if error.is_instance_of::<PyKeyboardInterrupt>(py) => {
            drop(py.import("_thread").and_then(|it| it.call_method0("interrupt_main")));
        }
        // A bar that cannot be drawn stops no search.
        shown => drop(shown),
    });
}

/// Runs work on a thread of its own, shows its progress and looks for signals meanwhile. An exception of either cancels the
/// work and is returned once it has ended.
pub(crate) fn watched<T: Send>(
    py: Python<'_>,
    show: Option<&Bound<'_, PyAny>>,
    work: impl FnOnce(&Watch) -> T + Send,
) -> PyResult<T> {
    let watch = Watch::default();
    let look = |py: Python<'_>| watch.report(py, show);
    let answer = interruptible::watched(py, &watch.cancel, look, || work(&watch))?;
    watch.report(py, show)?;
    Ok(answer)
}
