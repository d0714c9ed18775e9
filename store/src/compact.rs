//! Compaction: a version of many parts written as one file.

use barrow_format::{AssetSpec, BundleSpec, BundleWriter, Compression, Encoding, Provenance};

use crate::catalog::Catalog;
use crate::crew;
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
        let assets = (0..files.head.asset_count()).collect();
        crew::each(assets, |ordinal: u32| {
            let handle = files.head.asset_at(ordinal).map_err(Error::corrupt(files.path))?;
            let asset = usize::try_from(ordinal).unwrap_or(usize::MAX);
            for column in 0..files.head.schema().columns().len() {
                let mut outcome = Ok(());
                let mut series = writer.series(asset, column).map_err(failed)?;
                files.each_piece(column, handle, 0..handle.rows(), &mut |values| {
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
            sources: files.sources()?,
        },
    })
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
