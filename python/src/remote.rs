//! Remotes: versions to and from wherever Python reaches. `barrow.remote` says what users call.
//!
//! A remote is a directory, or a Python object that answers the calls of [`Remote`]. Checking and publishing are the
//! library's; Python moves bytes.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use barrow_store::{
    DirectoryRemote, Error, Fetched, Progress, PruneMode, Pushed, Remote, RemoteError,
    RemotePolicy, TransferOptions, prune_remote as pruned_of,
};
use pyo3::exceptions::{
    PyException, PyFileNotFoundError, PyNotImplementedError, PyPermissionError,
};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::error::{Fact, Failure, Result, raised, whole_text};
use crate::interruptible::interruptible;
use crate::opening::catalog_at;

/// Publishes a version to a remote. See `barrow.push`.
#[pyfunction]
#[pyo3(signature = (spec, remote, root, streams, check, watch))]
#[expect(clippy::needless_pass_by_value, reason = "an argument that is extracted is owned")]
pub(crate) fn push<'py>(
    py: Python<'py>,
    spec: &str,
    remote: Place,
    root: Option<PathBuf>,
    streams: usize,
    check: bool,
    watch: Option<Py<PyAny>>,
) -> Result<Bound<'py, PyDict>> {
    let pushed = transfer(py, watch, |stop, watch| {
        let stop = Some(stop);
        let options = TransferOptions { wait: Duration::ZERO, streams, check, stop, watch };
        catalog_at(root).push(spec, &*remote.remote, &options)
    })?;
    let Pushed { version, parts, parts_sent, bytes, bytes_sent, newest } = pushed;
    let facts = PyDict::new(py);
    facts.set_item("version", version.to_string())?;
    facts.set_item("newest", newest)?;
    facts.set_item("parts", parts)?;
    facts.set_item("parts_sent", parts_sent)?;
    facts.set_item("bytes", bytes)?;
    facts.set_item("bytes_sent", bytes_sent)?;
    Ok(facts)
}

/// Brings a version from a remote; waits for ever where no seconds are given. See `barrow.fetch`.
#[pyfunction]
#[pyo3(signature = (spec, remote, root, streams, wait_seconds, watch))]
#[expect(clippy::needless_pass_by_value, reason = "an argument that is extracted is owned")]
pub(crate) fn fetch<'py>(
    py: Python<'py>,
    spec: &str,
    remote: Place,
    root: Option<PathBuf>,
    streams: usize,
    wait_seconds: Option<f64>,
    watch: Option<Py<PyAny>>,
) -> Result<Bound<'py, PyDict>> {
    let wait = wait_seconds.map_or(Duration::MAX, |seconds| {
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::ZERO)
    });
    let fetched = transfer(py, watch, |stop, watch| {
        let options = TransferOptions { wait, streams, check: false, stop: Some(stop), watch };
        catalog_at(root).fetch(spec, &*remote.remote, &options)
    })?;
    let Fetched { version, parts, parts_fetched, bytes, newest, unchanged, .. } = fetched;
    let facts = PyDict::new(py);
    facts.set_item("version", version.to_string())?;
    facts.set_item("newest", newest)?;
    facts.set_item("unchanged", unchanged)?;
    facts.set_item("parts", parts)?;
    facts.set_item("parts_fetched", parts_fetched)?;
    facts.set_item("bytes", bytes)?;
    facts.set_item("bytes_fetched", fetched.bytes_fetched)?;
    facts.set_item("bytes_resumed", fetched.bytes_resumed)?;
    Ok(facts)
}

/// Removes from a remote what no version there needs. See `barrow.remote.prune`.
#[pyfunction]
#[pyo3(signature = (remote, keep, bundle, older_than_seconds, dry_run))]
#[expect(clippy::needless_pass_by_value, reason = "an argument that is extracted is owned")]
pub(crate) fn prune_remote<'py>(
    py: Python<'py>,
    remote: Place,
    keep: Option<usize>,
    bundle: Option<&str>,
    older_than_seconds: f64,
    dry_run: bool,
) -> Result<Bound<'py, PyDict>> {
    let older_than = Duration::try_from_secs_f64(older_than_seconds).unwrap_or(Duration::ZERO);
    let mode = if dry_run { PruneMode::DryRun } else { PruneMode::Remove };
    let pruned = transfer(py, None, |stop, _| {
        let policy = RemotePolicy { keep, bundle, older_than, mode, stop: Some(stop) };
        pruned_of(&*remote.remote, &policy)
    })?;
    let versions = pruned.versions.iter().map(|(name, version)| (name, version.to_string()));
    let facts = PyDict::new(py);
    facts.set_item("versions", versions.collect::<Vec<_>>())?;
    facts.set_item("kept", pruned.kept)?;
    facts.set_item("parts", pruned.parts)?;
    facts.set_item("objects", pruned.objects)?;
    facts.set_item("bytes", pruned.bytes)?;
    facts.set_item("young", pruned.young)?;
    Ok(facts)
}

/// Where a version goes to or comes from: the path of a directory, or an object that answers the calls of a remote.
pub(crate) struct Place {
    remote: Box<dyn Remote>,
}

impl<'py> FromPyObject<'_, 'py> for Place {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let remote: Box<dyn Remote> = match object.extract::<PathBuf>() {
            Ok(path) => Box::new(DirectoryRemote::at(path)),
            Err(_) => Box::new(ObjectRemote {
                name: object.call_method0("describe")?.extract()?,
                object: object.to_owned().unbind(),
            }),
        };
        Ok(Self { remote })
    }
}

/// An object of Python that answers the calls of a remote.
#[derive(Debug)]
struct ObjectRemote {
    name: String,
    object: Py<PyAny>,
}

impl Remote for ObjectRemote {
    fn describe(&self) -> String {
        self.name.clone()
    }

    fn bytes_of(&self, key: &str) -> io::Result<Option<u64>> {
        let ask = |py: Python<'_>| self.object.call_method1(py, "bytes_of", (key,))?.extract(py);
        Python::attach(ask).map_err(answered)
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        let ask = |py: Python<'_>| self.object.call_method1(py, "list", (folder,))?.extract(py);
        Python::attach(ask).map_err(answered)
    }

    fn read(&self, key: &str, bytes_max: usize) -> io::Result<Vec<u8>> {
        let ask = |py: Python<'_>| {
            let bytes = self.object.call_method1(py, "read", (key, bytes_max))?;
            Ok(bytes.bind(py).cast::<PyBytes>()?.as_bytes().to_vec())
        };
        Python::attach(ask).map_err(answered)
    }

    fn write(&self, key: &str, bytes: &[u8]) -> io::Result<()> {
        let ask = |py: Python<'_>| {
            let bytes = PyBytes::new(py, bytes);
            self.object.call_method1(py, "write", (key, bytes)).map(drop)
        };
        Python::attach(ask).map_err(answered)
    }

    fn age_of(&self, key: &str) -> io::Result<Option<Duration>> {
        let ask = |py: Python<'_>| -> PyResult<Option<f64>> {
            // Whoever wrote the object need not have thought of pruning.
            let Some(age_of) = self.object.bind(py).getattr_opt("age_of")? else {
                return Err(PyNotImplementedError::new_err("the remote has no `age_of`"));
            };
            age_of.call1((key,))?.extract()
        };
        let seconds = Python::attach(ask).map_err(answered)?;
        Ok(seconds.map(|seconds| Duration::try_from_secs_f64(seconds).unwrap_or_default()))
    }

    fn remove(&self, key: &str) -> io::Result<()> {
        let ask = |py: Python<'_>| self.object.call_method1(py, "remove", (key,)).map(drop);
        Python::attach(ask).map_err(answered)
    }
}

/// Makes an exception an answer of a place. It stays in there, to be the cause of what is raised.
fn answered(error: PyErr) -> io::Error {
    let kind = Python::attach(|py| {
        if error.is_instance_of::<PyFileNotFoundError>(py) {
            io::ErrorKind::NotFound
        } else if error.is_instance_of::<PyPermissionError>(py) {
            io::ErrorKind::PermissionDenied
        } else if error.is_instance_of::<PyNotImplementedError>(py) {
            io::ErrorKind::Unsupported
        } else {
            io::ErrorKind::Other
        }
    });
    io::Error::new(kind, error)
}

/// Carries out a transfer with the interpreter's lock let go and Ctrl-C heard, and raises what came of it.
fn transfer<T: Send>(
    py: Python<'_>,
    watch: Option<Py<PyAny>>,
    run: impl FnOnce(&AtomicBool, Option<&(dyn Fn(Progress) + Sync)>) -> barrow_store::Result<T> + Send,
) -> Result<T> {
    let told = watch.map(|watch| {
        move |progress: Progress| {
            Python::attach(|py| {
                let told = watch.call1(py, (progress.done_bytes, progress.total_bytes));
                if let Err(error) = told {
                    // Nobody is there to be told: the transfer itself is sound.
                    error.write_unraisable(py, None);
                }
            });
        }
    });
    let stop = AtomicBool::new(false);
    let told = told.as_ref().map(|told| told as &(dyn Fn(Progress) + Sync));
    let outcome = interruptible(py, &stop, || run(&stop, told))?;
    outcome.map_err(|error| match error {
        Error::Remote(remote) => raise(py, &remote).into(),
        other => Failure::Store(other),
    })
}

/// Returns the exception for what a remote answered.
fn raise(py: Python<'_>, error: &RemoteError) -> PyErr {
    let text = whole_text(error);
    match error {
        RemoteError::UnknownBundle { name, remote } => {
            let facts = [
                ("bundle", Fact::Text(Some(name.clone()))),
                ("root", Fact::Text(Some(remote.clone()))),
                ("nearest", Fact::Text(None)),
            ];
            raised(py, "UnknownBundleError", &text, &facts)
        }
        RemoteError::UnknownVersion { .. } => raised(py, "UnknownVersionError", &text, &[]),
        RemoteError::AgeLimit { .. } => raised(py, "SettingError", &text, &[]),
        RemoteError::Moment { .. } => raised(py, "NameSyntaxError", &text, &[]),
        RemoteError::Io { source, .. } => {
            let cause = source.get_ref().and_then(|error| error.downcast_ref::<PyErr>());
            let Some(cause) = cause.map(|cause| cause.clone_ref(py)) else {
                return raised(py, "RemoteError", &text, &[]);
            };
            // An interruption from the keyboard is no failure of the remote.
            if !cause.is_instance_of::<PyException>(py) {
                return cause;
            }
            let exception = raised(py, "RemoteError", &text, &[]);
            exception.set_cause(py, Some(cause));
            exception
        }
        _ => raised(py, "DamagedError", &text, &[]),
    }
}
