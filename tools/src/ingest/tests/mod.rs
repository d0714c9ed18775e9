//! Whole ingestions, from files of a temporary folder to what can be read from the catalog.

mod arrow;
mod layouts;
mod lenient;
mod revise;
mod same;
mod strict;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use barrow_store::{Catalog, Lease};
use flate2::Compression;
use flate2::write::GzEncoder;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::*;

/// A folder of its own with files and a catalog.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file, and the folders above it.
    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> &Self {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
        self
    }

    fn catalog(&self) -> Catalog {
        Catalog::at(self.path("root"))
    }

    fn try_run(
        &self,
        name: &str,
        sources: &[&str],
        options: IngestOptions,
    ) -> Result<IngestSummary, IngestError> {
        let sources: Vec<PathBuf> = sources.iter().map(|source| self.path(source)).collect();
        // Rejects belong into the folder too.
        let rejects = options.rejects.clone().or_else(|| Some(self.path("rejects.csv")));
        run(&self.catalog(), name, &sources, &IngestOptions { rejects, ..options }, &())
    }

    /// Ingests in strict mode and opens the result.
    fn ingest(&self, sources: &[&str]) -> Lease {
        self.ingest_with(sources, IngestOptions::default())
    }

    fn ingest_with(&self, sources: &[&str], options: IngestOptions) -> Lease {
        self.try_run("bars", sources, options).unwrap_or_else(|error| panic!("{error}"));
        self.catalog().lease("bars").unwrap()
    }

    /// What strict mode says of sources.
    fn error(&self, sources: &[&str]) -> String {
        let error = self.try_run("bars", sources, IngestOptions::default()).unwrap_err();
        assert!(!self.path("root").exists(), "an error leaves no trace");
        error.to_string()
    }

    /// The bytes of the newest part.
    fn part(&self, name: &str) -> Vec<u8> {
        let history = self.catalog().history(name).unwrap();
        let digest = history[0].parts[0].digest;
        fs::read(self.path(&format!("root/{name}/parts/{digest}.barrow"))).unwrap()
    }
}

fn gzip(text: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_ref()).unwrap();
    encoder.finish().unwrap()
}

fn zip(members: &[(&str, &str)]) -> Vec<u8> {
    let mut archive = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, text) in members {
        archive.start_file(*name, SimpleFileOptions::default()).unwrap();
        archive.write_all(text.as_bytes()).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

/// Rows of an asset as text: date or instant, then the values of all columns.
fn rows(lease: &Lease, symbol: &str) -> Vec<String> {
    let asset = lease.asset(symbol).unwrap();
    let bars = lease.bars(asset);
    let columns = lease.schema().columns().to_vec();
    let mut rows = Vec::new();
    for (row, &time) in bars.time().iter().enumerate() {
        let time = jiff::Timestamp::from_nanosecond(time.into()).unwrap().to_string();
        let mut text = time.trim_end_matches("T00:00:00Z").to_owned();
        for column in &columns[1..] {
            text.push(' ');
            text.push_str(&match bars.column(&column.name).unwrap() {
                barrow_format::Values::F64(values) => values[row].to_string(),
                barrow_format::Values::I64(values) => values[row].to_string(),
                barrow_format::Values::I32(values) => values[row].to_string(),
                barrow_format::Values::U32(values) => values[row].to_string(),
                barrow_format::Values::U8(values) => values[row].to_string(),
                barrow_format::Values::F32(values) => values[row].to_string(),
            });
        }
        rows.push(text);
    }
    rows
}

fn symbols(lease: &Lease) -> Vec<String> {
    lease.assets().map(|asset| lease.symbol(asset.unwrap()).to_owned()).collect()
}

/// Files of daily bars that share a header.
const HEADER: &str = "date,open,high,low,close,volume\n";

/// All names below a folder, sorted.
fn names_below(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    let Ok(entries) = fs::read_dir(folder) else {
        return names;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            names.extend(names_below(&path));
        }
        names.push(path.display().to_string());
    }
    names.sort();
    names
}
