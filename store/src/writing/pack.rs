//! Packs: what a revision of a compressed bundle writes, where it is much, is an ordinary compressed file beside the new head.
//!
//! A segmented file holds its own rows as they are. So the rows go to a file of their own, which describes nothing but them,
//! and the head, which then has no rows, refers to it as it does to the other parts.

use std::path::Path;

use barrow_format::record::{PartRecord, SegmentRecord};
use barrow_format::{
    AssetSpec, BundleSpec, BundleWriter, Compression, Encoding, Provenance, Schema,
};

use crate::crew;
use crate::error::{Error, Result};
use crate::reading::segments::{Files, span};
use crate::writing::draft_series::DraftRows;
use crate::writing::sink::FileSink;

/// A compressed file that is written, under a temporary name.
#[derive(Debug)]
pub(crate) struct Pack {
    pub(crate) sink: FileSink,
    pub(crate) record: PartRecord,
}

impl Pack {
    /// Writes the copies of a draft to a file at `path`.
    pub(crate) fn write(
        rows: DraftRows<'_, '_>,
        (schema, provenance): (Schema, Provenance),
        compression: &[Compression],
        path: &Path,
    ) -> Result<Self> {
        let failed = |error| Error::written(rows.revision.name())(error);
        let columns = schema.columns().len();
        let of_asset: Vec<&[SegmentRecord]> =
            rows.copies.chunk_by(|a, b| a.asset == b.asset).collect();
        let described = |copies: &&[SegmentRecord]| {
            let place = copies.first().and_then(|copy| usize::try_from(copy.asset).ok());
            let entry = place.and_then(|place| rows.entries.all.get(place));
            let symbol = entry.map_or("", |entry| entry.symbol);
            AssetSpec::new(symbol, copies.iter().map(|copy| copy.rows).sum())
        };
        let assets = of_asset.iter().map(described).collect();
        let spec = BundleSpec { schema, assets, adjustments: Vec::new(), provenance };
        let sink = FileSink::create(path)?;
        let writer = BundleWriter::compressed(spec, &sink, compression).map_err(failed)?;
        crew::each(of_asset.into_iter().enumerate().collect(), |(asset, copies)| {
            for column in 0..columns {
                let mut series = writer.series(asset, column).map_err(failed)?;
                for copy in copies {
                    let rows = rows.rows(column, copy.part, span(copy))?;
                    series.push(rows.values()).map_err(failed)?;
                }
                series.finish().map_err(failed)?;
            }
            Ok(())
        })?;
        let written = writer.finish_by(crew::every).map_err(failed)?;
        let (digest, bytes) = (*written.digest.as_bytes(), written.file_len);
        Ok(Self { record: PartRecord { digest, bytes, rows: written.rows }, sink })
    }
}

impl Files<'_> {
    /// Tells whether a file has compressed columns.
    pub(crate) fn has_blocks(self, part: u32) -> Result<bool> {
        let bundle = self.bundle(part)?;
        let mut columns = 0..bundle.schema().columns().len();
        Ok(columns.any(|column| bundle.encoding(column) == Encoding::Blocks))
    }

    /// Returns how each column of the head is compressed: by the best codec where some file has it compressed.
    pub(crate) fn compression(self) -> Result<Vec<Compression>> {
        let columns = self.head.schema().columns();
        let mut compression = vec![Compression::None; columns.len()];
        for part in 0..=self.parts.count() {
            let bundle = self.bundle(part)?;
            for (column, compression) in columns.iter().zip(&mut compression) {
                let place = bundle.schema().column_index(&column.name);
                if place.is_some_and(|place| bundle.encoding(place) == Encoding::Blocks) {
                    *compression = Compression::Auto;
                }
            }
        }
        Ok(compression)
    }
}
