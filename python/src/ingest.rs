//! Ingestion: files into a published bundle, as the command does it, and rows of other libraries into such a file.

use std::fmt::Display;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use barrow_tools::ingest::{
    self, Adjusted, IngestError, IngestOptions, Mode, Phase, Progress, Purpose, parse_delimiter,
    parse_size,
};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::error::{Fact, Failure, Result, raised, whole_text};
use crate::interruptible::watched;
use crate::opening::catalog_at;
use crate::words::several;

/// Ingests files. Returns the summary as the JSON that the command prints. `show` is called with the phase, the units of it
/// that are done, and all of them.
#[pyfunction]
#[pyo3(signature = (name, sources, root, options, show=None))]
#[expect(clippy::needless_pass_by_value, reason = "an argument that is extracted is owned")]
pub(crate) fn ingest_files(
    py: Python<'_>,
    name: &str,
    sources: Vec<PathBuf>,
    root: Option<PathBuf>,
    options: &Bound<'_, PyDict>,
    show: Option<&Bound<'_, PyAny>>,
) -> Result<String> {
    let options = read(options)?;
    let catalog = catalog_at(root);
    let (stop, stage) = (AtomicBool::new(false), Mutex::default());
    let followed = Followed { stop: &stop, stage: &stage };
    let work = || ingest::run(&catalog, name, &sources, &options, &followed);
    let look = |py: Python<'_>| {
        followed.show(show)?;
        py.check_signals()
    };
    match watched(py, &stop, look, work)? {
        Ok(summary) => {
            followed.show(show)?;
            Ok(serde_json::to_string(&summary).map_err(|e| PyValueError::new_err(e.to_string()))?)
        }
        Err(error) => Err(failure(py, &error)),
    }
}

/// How far an ingestion is.
#[derive(Debug, Default, Clone, Copy)]
struct Stage {
    phase: Option<Phase>,
    done: u64,
    total: u64,
}

/// Tells an ingestion when to stop, and who waits for it how far it is.
struct Followed<'a> {
    stop: &'a AtomicBool,
    stage: &'a Mutex<Stage>,
}

impl Followed<'_> {
    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn show(&self, show: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let Stage { phase, done, total } = *self.stage();
        if let (Some(show), Some(phase)) = (show, phase) {
            show.call1((phase.to_string(), done, total))?;
        }
        Ok(())
    }
}

impl Progress for Followed<'_> {
    fn begin(&self, phase: Phase, total: u64) {
        *self.stage() = Stage { phase: Some(phase), done: 0, total };
    }

    fn advance(&self, units: u64) {
        self.stage().done += units;
    }

    fn note(&self, _text: &str) {}

    fn interrupted(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

fn failure(py: Python<'_>, error: &IngestError) -> Failure {
    let text = whole_text(error);
    let facts = match error {
        IngestError::Row { file, line, column, value, .. } => vec![
            ("file", Fact::Text(Some(file.clone()))),
            ("line", Fact::Number(i64::try_from(*line).ok())),
            ("column", Fact::Text(Some(column.clone()))),
            ("value", Fact::Text(Some(value.clone()))),
        ],
        IngestError::Store(error) => return Failure::Store(error.clone()),
        IngestError::Io { path, source, .. } => {
            let facts = [
                ("errno", Fact::Number(source.raw_os_error().map(i64::from))),
                ("filename", Fact::Path(path.clone())),
            ];
            let missing = source.kind() == std::io::ErrorKind::NotFound;
            let class = if missing { "MissingFileError" } else { "StorageError" };
            return raised(py, class, &text, &facts).into();
        }
        _ => Vec::new(),
    };
    raised(py, "IngestError", &text, &facts).into()
}

/// Reads the keyword arguments of `barrow.ingest`, which are called as the command's flags are.
fn read(given: &Bound<'_, PyDict>) -> PyResult<IngestOptions> {
    let mut options = IngestOptions::default();
    for (key, value) in given {
        if !value.is_none() {
            let key: String = key.extract()?;
            set(&mut options, &key, &value)?;
        }
    }
    if options.rejects.is_some() && !options.is_lenient() {
        return Err(PyTypeError::new_err("`rejects` needs `lenient=True`"));
    }
    Ok(options)
}

fn set(options: &mut IngestOptions, key: &str, value: &Bound<'_, PyAny>) -> PyResult<()> {
    match key {
        "format" => options.format = Some(parsed(key, value)?),
        "lenient" if value.extract()? => options.mode = Mode::Lenient,
        "append" if value.extract()? => options.purpose = purpose(options, Purpose::Append)?,
        "correct" if value.extract()? => options.purpose = purpose(options, Purpose::Correct)?,
        "lenient" | "append" | "correct" => {}
        "symbol_column" => options.symbol_column = Some(value.extract()?),
        "time_column" => options.time_column = Some(value.extract()?),
        "time_format" => options.time_format = Some(parsed(key, value)?),
        "timezone" => options.timezone = Some(value.extract()?),
        "map" => {
            let map: std::collections::BTreeMap<String, String> = value.extract()?;
            options.map = map.into_iter().collect();
        }
        "drop" => options.drop = several(value)?,
        "columns" => options.columns = Some(several(value)?),
        "price_scale" => options.price_scale = Some(value.extract()?),
        "frequency" => options.frequency = Some(parsed(key, value)?),
        "timestamps" => options.timestamps = Some(parsed(key, value)?),
        "symbol" => options.symbol = Some(value.extract()?),
        "symbol_from_file" => options.symbol_from_file = Some(value.extract()?),
        "delimiter" => {
            let text: String = value.extract()?;
            options.delimiter = Some(parse_delimiter(&text).map_err(|e| refused(key, &e))?);
        }
        "include" => options.include = several(value)?,
        "exclude" => options.exclude = several(value)?,
        "wide_column" => options.wide_column = value.extract()?,
        "adjusted" => options.adjusted = parsed::<Adjusted>(key, value)?,
        "sort" => options.sort = value.extract()?,
        "allow_nonpositive_prices" => options.nonpositive_prices = value.extract()?,
        "splits" => options.splits = Some(value.extract()?),
        "dividends" => options.dividends = Some(value.extract()?),
        "compression" => options.compression = parsed(key, value)?,
        "memory" => {
            options.memory = match value.extract() {
                Ok(bytes) => bytes,
                Err(_) => parse_size(&value.extract::<String>()?).map_err(|e| refused(key, &e))?,
            }
        }
        "threads" => options.threads = Some(value.extract()?),
        "temp_dir" => options.temp_dir = Some(value.extract()?),
        "rejects" => options.rejects = Some(value.extract()?),
        "rejects_max" => options.rejects_max = value.extract()?,
        "wait" => {
            let seconds: f64 = value.extract()?;
            options.wait = Duration::try_from_secs_f64(seconds).map_err(|e| refused(key, &e))?;
        }
        other => {
            let text = format!("ingest() got an unexpected keyword argument '{other}'");
            return Err(PyTypeError::new_err(text));
        }
    }
    Ok(())
}

fn purpose(options: &IngestOptions, wanted: Purpose) -> PyResult<Purpose> {
    if options.purpose == Purpose::Replace {
        return Ok(wanted);
    }
    Err(PyTypeError::new_err("`append` and `correct` exclude each other"))
}

fn parsed<T: FromStr>(key: &str, value: &Bound<'_, PyAny>) -> PyResult<T>
where
    T::Err: Display,
{
    value.extract::<String>()?.parse().map_err(|error: T::Err| refused(key, &error))
}

fn refused(key: &str, why: &dyn Display) -> PyErr {
    PyValueError::new_err(format!("`{key}`: {why}"))
}
