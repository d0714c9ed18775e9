//! The rejects file of lenient mode, and its summary.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;
use tempfile::NamedTempFile;

use super::columns::BadRow;
use super::context::Context;
use super::error::IngestError;
use super::read::Places;
use super::source::io_error;

/// A row that was set aside.
#[derive(Debug)]
pub(crate) struct Reject {
    pub(crate) job: u32,
    pub(crate) member: u32,
    pub(crate) bad: BadRow,
}

/// The files, complete under temporary names.
#[derive(Debug)]
pub(crate) struct RejectsFiles {
    rows: NamedTempFile,
    rows_path: PathBuf,
    summary: NamedTempFile,
    summary_path: PathBuf,
}

/// What the summary says; documented in `docs/ingest.md`.
#[derive(Debug, Serialize)]
struct Summary<'a> {
    bundle: &'a str,
    rows: u64,
    rejected: u64,
    rejects: String,
    reasons: BTreeMap<&'static str, u64>,
    files: BTreeMap<String, u64>,
}

/// Writes rejects, sorted by file and line, and their summary under temporary names beside where they are
/// to be. `None` when there are none.
///
/// # Errors
///
/// When they cannot be written.
pub(crate) fn prepare(
    context: &Context<'_>,
    places: &Places,
    mut rejects: Vec<Reject>,
    name: &str,
    rows: u64,
) -> Result<Option<RejectsFiles>, IngestError> {
    if rejects.is_empty() {
        return Ok(None);
    }
    rejects.sort_by_key(|reject| (reject.job, reject.member, reject.bad.line));
    let rows_path = context.options.rejects.clone();
    let rows_path = rows_path.unwrap_or_else(|| PathBuf::from(format!("{name}.rejects.csv")));
    let summary_path = rows_path.with_extension("json");
    let mut summary = Summary {
        bundle: name,
        rows,
        rejected: u64::try_from(rejects.len()).unwrap_or(u64::MAX),
        rejects: rows_path.display().to_string(),
        reasons: BTreeMap::new(),
        files: BTreeMap::new(),
    };
    let mut file = temporary(&rows_path)?;
    let shown_path = rows_path.clone();
    let io = io_error("write", &shown_path);
    let mut csv = csv::Writer::from_writer(std::io::BufWriter::new(file.as_file_mut()));
    let csv_error = |error: csv::Error| io(error.into());
    csv.write_record(["file", "line", "column", "value", "reason", "row"]).map_err(csv_error)?;
    for Reject { job, member, bad } in rejects {
        let job = usize::try_from(job).unwrap_or(usize::MAX);
        let label = places.label(context, job, member);
        let (line, reason) = (places.line(job, bad.line).to_string(), bad.problem.to_string());
        let record = [&label, &line, &bad.column, &bad.value, &reason, &bad.raw];
        csv.write_record(record).map_err(csv_error)?;
        *summary.files.entry(label).or_default() += 1;
        *summary.reasons.entry(bad.problem.kind()).or_default() += 1;
    }
    csv.flush().map_err(&io)?;
    drop(csv);
    let mut summary_file = temporary(&summary_path)?;
    let text = serde_json::to_vec_pretty(&summary).map_err(|error| io(error.into()))?;
    summary_file.write_all(&text).map_err(&io)?;
    summary_file.write_all(b"\n").map_err(&io)?;
    Ok(Some(RejectsFiles { rows: file, rows_path, summary: summary_file, summary_path }))
}

/// A file of no name yet in the folder of `path`, readable as others are.
fn temporary(path: &Path) -> Result<NamedTempFile, IngestError> {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644));
    builder
        .prefix(".barrow-rejects-")
        .tempfile_in(folder)
        .map_err(io_error("create a file in", folder))
}

impl RejectsFiles {
    /// Gives the files their names and returns the path of the rows.
    ///
    /// # Errors
    ///
    /// When they cannot be renamed.
    pub(crate) fn keep(self) -> Result<PathBuf, IngestError> {
        self.rows
            .persist(&self.rows_path)
            .map_err(|error| io_error("write", &self.rows_path)(error.error))?;
        let persisted = self.summary.persist(&self.summary_path);
        persisted.map_err(|error| io_error("write", &self.summary_path)(error.error))?;
        Ok(self.rows_path)
    }
}
