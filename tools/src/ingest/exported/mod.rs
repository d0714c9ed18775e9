//! Exports: files that carry the manifest of the bundle they were written from are read by it, bit for
//! bit, so that ingesting an export gives the version that was exported.
//!
//! Rows are read twice, to be counted and to be written, and never held in memory. A file whose columns
//! are no longer those of its manifest is read as any other.

mod arrow;
mod csv;
mod parquet;
mod rows;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use barrow_format::{
    Adjustment, AssetSpec, BundleSpec, BundleWriter, Digest, Provenance, Schema, Sink,
    SourceRecord, ValuesBuf,
};
use barrow_store::{Catalog, Published};
use hashbrown::HashMap;

use self::rows::{Missing, Piece, Wanted, Writing};
use super::build::stage;
use super::error::IngestError;
use super::hashing::hash_file_quietly;
use super::options::{IngestOptions, Purpose};
use super::progress::{Phase, Progress};
use super::settle::Fault;
use super::source::{self, Found, Kind, Source, io_error};
use super::summary::{ChangeSummary, IngestSummary};
use crate::manifest::{self, Manifest};

/// An export, recognised.
#[derive(Debug)]
pub(crate) struct Export {
    manifest: Manifest,
    schema: Schema,
    sources: Vec<Source>,
    skipped: Vec<String>,
    reader: Reader,
}

/// How its files are read.
#[derive(Clone, Copy, Debug)]
enum Reader {
    Parquet,
    Arrow,
    /// One file with a symbol column.
    Csv,
    /// A file an asset, named by its symbol.
    CsvFolder,
}

/// Rows of each asset, in the order of the sources.
#[derive(Debug, Default)]
struct Count {
    symbols: Vec<(String, u64)>,
    places: HashMap<String, usize>,
}

impl Export {
    /// Recognises an export: one file with a manifest in it or beside it, or a folder with a manifest
    /// in it. `None` for everything else, and wherever an option says how sources or rows are to be taken.
    ///
    /// # Errors
    ///
    /// When files cannot be listed or read.
    pub(crate) fn recognise(
        roots: &[PathBuf],
        options: &IngestOptions,
        progress: &dyn Progress,
    ) -> Result<Option<Self>, IngestError> {
        let [root] = roots else { return Ok(None) };
        // An export is a whole bundle; what continues or corrects one is read as any other source.
        if options.tells_layout() || options.purpose != Purpose::Replace {
            return Ok(None);
        }
        let beside = manifest::beside(root);
        let beside_json = if beside.is_file() {
            Some(fs::read(&beside).map_err(io_error("read", &beside))?)
        } else {
            None
        };
        let is_folder = root.is_dir();
        if is_folder && beside_json.is_none() {
            return Ok(None);
        }
        let Found { mut sources, mut skipped } = match source::find(roots, options) {
            // A bundle without rows is a folder without files.
            Err(IngestError::NoFiles { .. }) if is_folder => {
                Found { sources: Vec::new(), skipped: Vec::new() }
            }
            found => found?,
        };
        skipped.retain(|name| !beside.ends_with(name.rsplit('/').next().unwrap_or(name)));
        let reader = match sources.as_slice() {
            _ if is_folder => Reader::CsvFolder,
            [Source { kind: Kind::Parquet, .. }] => Reader::Parquet,
            [Source { kind: Kind::Arrow, .. }] => Reader::Arrow,
            [Source { kind: Kind::Text, .. }] => Reader::Csv,
            _ => return Ok(None),
        };
        let json = match (reader, sources.first()) {
            (Reader::Parquet, Some(source)) => parquet::manifest(source)?,
            (Reader::Arrow, Some(source)) => arrow::manifest(source)?,
            _ => beside_json,
        };
        let Some(manifest) = json.and_then(|json| Manifest::read(&json)) else {
            return Ok(None);
        };
        let schema = manifest.schema()?;
        let fits = sources.iter().try_fold(true, |fits, source| {
            Ok::<_, IngestError>(fits && reader.fits(source, &schema)?)
        })?;
        if !fits {
            progress.note("the columns are not those of the manifest, which is passed over");
            return Ok(None);
        }
        sources.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Some(Self { manifest, schema, sources, skipped, reader }))
    }

    /// Publishes the bundle.
    ///
    /// # Errors
    ///
    /// A row that cannot be read, an asset whose rows do not stand together and ascend, a failure of the
    /// disk. Nothing was published then.
    pub(crate) fn publish(
        self,
        catalog: &Catalog,
        name: &str,
        options: &IngestOptions,
        progress: &dyn Progress,
    ) -> Result<IngestSummary, IngestError> {
        let begun = Instant::now();
        progress.note(&format!(
            "recognised: an export of `{}` at version {}",
            self.manifest.bundle, self.manifest.version
        ));
        let total = self.sources.iter().map(|source| source.bytes).sum();
        progress.begin(Phase::Reading, total);
        let counts = self.count(progress)?;
        let rows: u64 = counts.iter().flat_map(|count| &count.symbols).map(|(_, rows)| rows).sum();
        let spec = self.spec(&counts)?;
        let (assets, adjustments) = (spec.assets.len(), spec.adjustments.len());
        let compression = options.compression.of(self.schema.columns())?;
        let staging = stage(options, progress, catalog, name)?;
        let places: BTreeMap<String, usize> = spec
            .assets
            .iter()
            .enumerate()
            .map(|(place, asset)| (asset.symbol.clone(), place))
            .collect();
        let empty: Vec<usize> = spec
            .assets
            .iter()
            .enumerate()
            .filter(|(_, asset)| asset.rows == 0)
            .map(|(place, _)| place)
            .collect();
        let writer = BundleWriter::compressed(spec, staging.sink(), &compression)?;
        self.write(&writer, &places, &empty, rows, progress)?;
        let written = writer.finish()?;
        if progress.interrupted() {
            return Err(IngestError::Interrupted);
        }
        progress.begin(Phase::Publishing, 0);
        let published = staging.publish(written)?;
        Ok(self.summary(name, &published, [assets, adjustments], rows, begun))
    }

    fn summary(
        self,
        name: &str,
        published: &Published,
        [assets, adjustments]: [usize; 2],
        rows: u64,
        begun: Instant,
    ) -> IngestSummary {
        let columns = self.schema.columns().iter().map(|column| column.name.clone());
        IngestSummary {
            bundle: name.to_owned(),
            version: published.version.to_string(),
            parent: published.parent.map(|parent| parent.to_string()),
            unchanged: published.unchanged,
            change: ChangeSummary::of(published.change),
            assets: assets as u64,
            rows,
            rejected: 0,
            rejects: None,
            bytes: published.bytes,
            sources: self.sources.len() as u64,
            source_bytes: self.sources.iter().map(|source| source.bytes).sum(),
            skipped: self.skipped,
            frequency: self.schema.frequency().to_string(),
            columns: columns.collect(),
            dropped_columns: Vec::new(),
            adjustments: adjustments as u64,
            unused_actions: 0,
            recognised: format!("an export of `{}`", self.manifest.bundle),
            elapsed_seconds: begun.elapsed().as_secs_f64(),
        }
    }

    /// Counts the rows of each source by asset.
    fn count(&self, progress: &dyn Progress) -> Result<Vec<Count>, IngestError> {
        let mut seen = BTreeSet::new();
        let mut counts = Vec::with_capacity(self.sources.len());
        for source in &self.sources {
            let mut count = Count::default();
            self.reader.read(source, &self.schema, Wanted::Symbols, &mut |piece| {
                if progress.interrupted() {
                    return Err(IngestError::Interrupted);
                }
                for (symbol, rows) in &piece.runs {
                    count.add(source, symbol, *rows)?;
                }
                Ok(())
            })?;
            for (symbol, _) in &count.symbols {
                if !seen.insert(symbol.clone()) {
                    return Err(scattered(source, symbol));
                }
            }
            counts.push(count);
        }
        Ok(counts)
    }

    fn spec(&self, counts: &[Count]) -> Result<BundleSpec, IngestError> {
        let mut rows: BTreeMap<&str, u64> = BTreeMap::new();
        for (symbol, count) in counts.iter().flat_map(|count| &count.symbols) {
            rows.insert(symbol, *count);
        }
        let mut metadata: BTreeMap<&str, &str> = BTreeMap::new();
        for entry in &self.manifest.assets {
            if entry.empty {
                rows.entry(&entry.symbol).or_insert(0);
            }
            metadata.insert(&entry.symbol, &entry.metadata);
        }
        let places: BTreeMap<&str, usize> =
            rows.keys().enumerate().map(|(place, symbol)| (*symbol, place)).collect();
        let assets = rows.iter().map(|(symbol, rows)| AssetSpec {
            symbol: (*symbol).to_owned(),
            rows: *rows,
            metadata: metadata.get(symbol).map_or_else(String::new, |text| (*text).to_owned()),
        });
        let adjustments = self.manifest.adjustments.iter().filter_map(|entry| {
            let asset = u32::try_from(*places.get(entry.symbol.as_str())?).ok()?;
            let (time, kind, value) = (entry.time, entry.kind(), entry.value);
            Some(Adjustment { asset, time, kind, value })
        });
        let mut sources = Vec::with_capacity(self.sources.len());
        for (source, count) in self.sources.iter().zip(counts) {
            let digest: Digest = hash_file_quietly(source).map_err(|fault| match fault {
                Fault::Other(error) => error,
                Fault::Row { .. } | Fault::OverBudget => IngestError::Interrupted,
            })?;
            let rows = count.symbols.iter().map(|(_, rows)| rows).sum();
            let (name, bytes) = (source.name.clone(), source.bytes);
            sources.push(SourceRecord { name, bytes, digest, rows });
        }
        let tool = concat!("barrow ", env!("CARGO_PKG_VERSION")).to_owned();
        Ok(BundleSpec {
            schema: self.schema.clone(),
            assets: assets.collect(),
            adjustments: adjustments.collect(),
            provenance: Provenance { tool, sources },
        })
    }

    fn write<S: Sink>(
        &self,
        writer: &BundleWriter<'_, S>,
        places: &BTreeMap<String, usize>,
        empty: &[usize],
        rows: u64,
        progress: &dyn Progress,
    ) -> Result<(), IngestError> {
        for &place in empty {
            for (at, column) in self.schema.columns().iter().enumerate() {
                writer.put(place, at, ValuesBuf::new(column.physical).values())?;
            }
        }
        let missing = Missing::of(&self.manifest.nans, &self.schema);
        let bytes: u64 = self.sources.iter().map(|source| source.bytes).sum();
        let share = bytes / rows.max(1);
        for source in &self.sources {
            let mut writing = Writing::new(writer, places, &missing, self.schema.columns().len());
            self.reader.read(source, &self.schema, Wanted::All, &mut |mut piece| {
                if progress.interrupted() {
                    return Err(IngestError::Interrupted);
                }
                progress.advance(share.saturating_mul(piece.rows()));
                writing.take(&mut piece)
            })?;
            writing.finish()?;
        }
        Ok(())
    }
}

impl Count {
    /// Counts neighbouring rows of an asset.
    fn add(&mut self, source: &Source, symbol: &str, rows: usize) -> Result<(), IngestError> {
        if rows == 0 {
            return Ok(());
        }
        match self.places.get(symbol) {
            Some(&place) if place + 1 == self.symbols.len() => {
                self.symbols[place].1 += rows as u64;
            }
            Some(_) => return Err(scattered(source, symbol)),
            None => {
                self.places.insert(symbol.to_owned(), self.symbols.len());
                self.symbols.push((symbol.to_owned(), rows as u64));
            }
        }
        Ok(())
    }
}

/// The error for an asset whose rows do not stand together.
fn scattered(source: &Source, symbol: &str) -> IngestError {
    IngestError::Scattered { file: source.name.clone(), symbol: symbol.to_owned() }
}

impl Reader {
    /// Whether a file has the columns of `schema`.
    fn fits(self, source: &Source, schema: &Schema) -> Result<bool, IngestError> {
        match self {
            Self::Parquet => parquet::fits(source, schema),
            Self::Arrow => arrow::fits(source, schema),
            Self::Csv => csv::fits(source, schema, true),
            Self::CsvFolder => csv::fits(source, schema, false),
        }
    }

    /// Hands on the rows of a file, piece by piece.
    fn read(
        self,
        source: &Source,
        schema: &Schema,
        wanted: Wanted,
        take: &mut dyn FnMut(Piece) -> Result<(), IngestError>,
    ) -> Result<(), IngestError> {
        match self {
            Self::Parquet => parquet::read(source, schema, wanted, take),
            Self::Arrow => arrow::read(source, schema, wanted, take),
            Self::Csv => csv::read(source, schema, wanted, None, take),
            Self::CsvFolder => {
                let file = source.parts.last().map_or("", String::as_str);
                let symbol = source::percent_decoded(file.strip_suffix(".csv").unwrap_or(file));
                csv::read(source, schema, wanted, Some(&symbol), take)
            }
        }
    }
}
