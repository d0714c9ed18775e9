//! Compaction: a version of many parts written as one file.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use barrow_format::{
    AssetSpec, BundleSpec, BundleWriter, Compression, Encoding, Provenance, SourceRecord,
};

use crate::catalog::Catalog;
use crate::error::{Error, Result};
use crate::publish::{Published, StageOptions};
use crate::revision::Base;
use crate::segments::Files;

impl Catalog {
    /// Writes a bundle's newest version as one ordinary file in the place of its many parts. The version stays what it is,
    /// and so does its place in the history; columns that some part has compressed are compressed in the new file. Leases
    /// that are open keep the files they have; the next ones open the new file. Costs what ingesting the bundle anew
    /// costs after its sources are read. A version of one part is left as it is.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`], [`Error::Io`] or [`Error::Mismatch`] when a part is missing or damaged; [`Error::Write`]; as
    /// [`Catalog::stage_with`].
    pub fn compact(&self, name: &str, options: &StageOptions) -> Result<Published> {
        self.head(name)?;
        let staging = self.stage_with(name, options)?;
        let base = Base::newest(self, name)?;
        let files = base.files();
        if !files.head.is_segmented() {
            return staging.unchanged();
        }
        let failed = |error| Error::written(name)(error);
        let spec = described(files)?;
        let compression = compression(files)?;
        let writer =
            BundleWriter::compressed(spec, staging.sink(), &compression).map_err(failed)?;
        let assets = usize::try_from(files.head.asset_count()).unwrap_or(usize::MAX);
        each(assets, |asset| {
            let handle = u32::try_from(asset).unwrap_or(u32::MAX);
            let handle = files.head.asset_at(handle).map_err(Error::corrupt(files.path))?;
            for column in 0..files.head.schema().columns().len() {
                let mut outcome = Ok(());
                let mut series = writer.series(asset, column).map_err(failed)?;
                files.each_piece(column, handle, &mut |values| {
                    if outcome.is_ok() {
                        outcome = series.push(values);
                    }
                })?;
                outcome.and_then(|()| series.finish()).map_err(failed)?;
            }
            Ok(())
        })?;
        let written = writer.finish().map_err(failed)?;
        staging.replace(written)
    }
}

/// Describes the whole bundle, with the sources of all its parts.
fn described(files: Files<'_>) -> Result<BundleSpec> {
    let corrupt = |error| Error::corrupt(files.path)(error);
    let mut assets = Vec::new();
    for ordinal in 0..files.head.asset_count() {
        let asset = files.head.asset_at(ordinal).map_err(corrupt)?;
        assets.push(AssetSpec {
            symbol: files.head.symbol(asset).map_err(corrupt)?.to_owned(),
            rows: u64::try_from(asset.rows()).unwrap_or(u64::MAX),
            metadata: files.head.metadata(asset).map_err(corrupt)?.to_owned(),
        });
    }
    Ok(BundleSpec {
        schema: files.head.schema().clone(),
        assets,
        adjustments: files.head.adjustments().map_err(corrupt)?,
        provenance: Provenance {
            tool: files.head.provenance().map_err(corrupt)?.tool,
            sources: sources(files)?,
        },
    })
}

/// Returns the sources of all parts, each once.
pub(crate) fn sources(files: Files<'_>) -> Result<Vec<SourceRecord>> {
    let mut sources = Vec::new();
    for part in 0..=files.parts.count() {
        let bundle = files.bundle(part)?;
        sources.extend(bundle.provenance().map_err(Error::corrupt(files.path))?.sources);
    }
    sources.sort();
    sources.dedup();
    Ok(sources)
}

/// Returns how each column is to be stored: compressed where some part has it compressed.
fn compression(files: Files<'_>) -> Result<Vec<Compression>> {
    let mut compression = vec![Compression::None; files.head.schema().columns().len()];
    for part in 1..=files.parts.count() {
        let bundle = files.bundle(part)?;
        for (column, compression) in files.head.schema().columns().iter().zip(&mut compression) {
            let place = bundle.schema().column_index(&column.name);
            if place.is_some_and(|place| bundle.encoding(place) == Encoding::Blocks) {
                *compression = Compression::Auto;
            }
        }
    }
    Ok(compression)
}

/// Does `work` for each of `count` places, on all processors; returns the first error there is.
pub(crate) fn each(count: usize, work: impl Fn(usize) -> Result<()> + Sync) -> Result<()> {
    let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get).min(count.max(1));
    let next = AtomicUsize::new(0);
    let run = || {
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            if place >= count {
                return Ok(());
            }
            work(place)?;
        }
    };
    thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(run)).collect();
        let mut outcome = run();
        for other in others {
            match other.join() {
                Ok(other) => outcome = outcome.and(other),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        outcome
    })
}
