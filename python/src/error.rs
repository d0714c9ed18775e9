//! Failures: what the library answers instead of what was asked for, as Python exceptions.
//!
//! The classes are in `python/barrow/errors.py`, each with the built-in that fits it as a second base. The values of a Rust
//! error become attributes of the exception.

use std::ffi::OsString;
use std::path::PathBuf;

use barrow_store::{Error, Lease};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

/// The extension's result.
pub(crate) type Result<T> = std::result::Result<T, Failure>;

/// Anything that ends a call.
#[derive(Debug)]
pub(crate) enum Failure {
    /// An answer of the store.
    Store(Error),
    /// An exception, raised here or by Python code that was called.
    Python(PyErr),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

impl From<PyErr> for Failure {
    fn from(error: PyErr) -> Self {
        Self::Python(error)
    }
}

impl From<Failure> for PyErr {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Python(error) => error,
            Failure::Store(error) => Python::attach(|py| of_store(py, &error)),
        }
    }
}

/// Returns an exception of a class of `barrow.errors`.
pub(crate) fn raised(py: Python<'_>, class: &str, text: &str, facts: &[(&str, Fact)]) -> PyErr {
    let made = || {
        let class = py.import("barrow.errors")?.getattr(class)?;
        let exception = class.call1((text,))?;
        for (name, fact) in facts {
            exception.setattr(*name, fact.clone().into_py(py)?)?;
        }
        Ok(PyErr::from_value(exception))
    };
    made().unwrap_or_else(|error: PyErr| error)
}

/// Says that a bundle has no column of a name, and which it has.
pub(crate) fn unknown_column(lease: &Lease, name: &str) -> Failure {
    let columns = lease.schema().columns().iter();
    Failure::Store(Error::UnknownColumn {
        column: name.to_owned(),
        bundle: lease.name().to_owned(),
        available: columns.map(|column| column.name.clone()).collect(),
    })
}

/// A value of an error, as an attribute.
#[derive(Debug, Clone)]
pub(crate) enum Fact {
    Text(Option<String>),
    Texts(Vec<String>),
    Number(Option<i64>),
    Path(PathBuf),
}

impl Fact {
    fn into_py(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        Ok(match self {
            Self::Text(text) => text.into_pyobject(py)?,
            Self::Texts(texts) => PyTuple::new(py, texts)?.into_any(),
            Self::Number(number) => number.into_pyobject(py)?,
            Self::Path(path) => OsString::from(path).into_pyobject(py)?.into_any(),
        })
    }
}

/// An error and what caused it, in one line.
pub(crate) fn whole_text(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

fn of_store(py: Python<'_>, error: &Error) -> PyErr {
    let text = whole_text(error);
    let some = |text: &str| Fact::Text(Some(text.to_owned()));
    let near = |nearest: &Option<String>| match nearest {
        Some(nearest) => format!("{text}; did you mean `{nearest}`?"),
        None => text.clone(),
    };
    match error {
        Error::UnknownBundle { name, root, nearest } => {
            let facts = [
                ("bundle", some(name)),
                ("root", Fact::Path(root.clone())),
                ("nearest", Fact::Text(nearest.clone())),
            ];
            raised(py, "UnknownBundleError", &near(nearest), &facts)
        }
        Error::UnknownSymbol { symbol, bundle, nearest } => {
            let nearest_fact = Fact::Text(nearest.clone());
            let facts =
                [("symbol", some(symbol)), ("bundle", some(bundle)), ("nearest", nearest_fact)];
            raised(py, "UnknownSymbolError", &near(nearest), &facts)
        }
        Error::UnknownColumn { column, bundle, available } => {
            let available = Fact::Texts(available.clone());
            let facts =
                [("column", some(column)), ("bundle", some(bundle)), ("available", available)];
            raised(py, "UnknownColumnError", &text, &facts)
        }
        Error::WrongColumnType { column, .. } => {
            raised(py, "ColumnTypeError", &text, &[("column", some(column))])
        }
        Error::Io { path, source, .. } => {
            let facts = [
                ("errno", Fact::Number(source.raw_os_error().map(i64::from))),
                ("filename", Fact::Path(path.clone())),
            ];
            let missing = source.kind() == std::io::ErrorKind::NotFound;
            let class = if missing { "MissingFileError" } else { "StorageError" };
            raised(py, class, &text, &facts)
        }
        Error::Locked { bundle, holder } => {
            let facts = [("bundle", some(bundle)), ("holder", Fact::Number(holder.map(i64::from)))];
            raised(py, "LockedError", &text, &facts)
        }
        Error::AmbiguousVersion { bundle, candidates, .. } => {
            let candidates = candidates.iter().map(ToString::to_string).collect();
            let facts = [("bundle", some(bundle)), ("candidates", Fact::Texts(candidates))];
            raised(py, "AmbiguousVersionError", &text, &facts)
        }
        other => raised(py, class_of(other), &text, &[]),
    }
}

/// The class of an error whose values are in its text alone.
fn class_of(error: &Error) -> &'static str {
    match error {
        Error::UnknownVersion { .. } | Error::NothingYet { .. } | Error::Pruned { .. } => {
            "UnknownVersionError"
        }
        Error::NoMatch { .. } => "UnknownSymbolError",
        Error::BundleName { .. } | Error::VersionSyntax { .. } => "NameSyntaxError",
        Error::Corrupt { .. }
        | Error::Damaged { .. }
        | Error::SeriesDigest(_)
        | Error::Mismatch { .. }
        | Error::Head { .. }
        | Error::VersionRecord { .. }
        | Error::BadJournal { .. } => "DamagedError",
        Error::Revision { .. } => "RevisionError",
        Error::Expression { .. }
        | Error::DuplicateColumn { .. }
        | Error::Period { .. }
        | Error::UnknownTimeZone { .. } => "QueryError",
        Error::NotMapped { .. } => "NotMappedError",
        Error::Write { .. } | Error::Staging { .. } | Error::Mount(_) => "StorageError",
        _ => "BarrowError",
    }
}
