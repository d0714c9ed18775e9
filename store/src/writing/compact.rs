//! Compaction: a version of many parts, or one that is to be stored in another way, written as one file.

use barrow_format::{AssetSpec, BundleSpec, BundleWriter, Compression, Encoding, Provenance, Sink};

use crate::catalog::Catalog;
use crate::crew;
use crate::error::{Error, Result};
use crate::reading::segments::Files;
use crate::writing::base::Base;
use crate::writing::publish::{Published, StageOptions};

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
        self.rewrite(name, None, options)
    }

    /// Writes a bundle's newest version as one ordinary file, as [`Catalog::compact`] does, whose columns are stored as
    /// `compression` says, in the order of the schema; a column that it does not reach is raw. A version of one part whose
    /// columns are all raw already, and are to be, is left as it is; so is one that comes out as the file that is there.
    ///
    /// # Errors
    ///
    /// As [`Catalog::compact`].
    pub fn recompress(
        &self,
        name: &str,
        compression: &[Compression],
        options: &StageOptions,
    ) -> Result<Published> {
        self.rewrite(name, Some(compression), options)
    }

    fn rewrite(
        &self,
        name: &str,
        wanted: Option<&[Compression]>,
        options: &StageOptions,
    ) -> Result<Published> {
        self.head(name)?;
        let staging = self.stage_with(name, options)?;
        let base = Base::newest(self, name)?;
        let files = base.files();
        let is_raw = || {
            (0..files.head.schema().columns().len())
                .all(|it| files.head.encoding(it) == Encoding::Raw)
        };
        let stays = match wanted {
            None => !files.head.is_segmented(),
            Some(wanted) => is_raw() && wanted.iter().all(|it| *it == Compression::None),
        };
        if stays {
            return staging.unchanged();
        }
        let compression = match wanted {
            None => files.compression()?,
            Some(wanted) => wanted.to_vec(),
        };
        let failed = |error| Error::written(name)(error);
        let writer = BundleWriter::compressed(described(files)?, staging.sink(), &compression);
        let writer = writer.map_err(failed)?;
        write_series(files, name, &writer)?;
        let written = writer.finish_by(crew::every).map_err(failed)?;
        staging.replace(written)
    }
}

/// Writes all series, by all processors.
fn write_series<S: Sink>(files: Files<'_>, name: &str, writer: &BundleWriter<'_, S>) -> Result<()> {
    let failed = |error| Error::written(name)(error);
    crew::each((0..files.head.asset_count()).collect(), |ordinal: u32| {
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
    })
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
