//! Raw copies: a version written anew as one file of raw columns.

use barrow_format::{AssetSpec, BundleSpec, BundleWriter, Provenance};

use crate::crew;
use crate::error::{Error, Result};
use crate::reading::layout;
use crate::reading::snapshot::Snapshot;
use crate::writing::sink::FileSink;

/// Writes everything that a snapshot holds to `sink` as one file of raw columns, on all processors, and checks that it is
/// the same content: what is damaged, anywhere, is an error.
pub(crate) fn write(snapshot: &Snapshot, sink: &FileSink) -> Result<()> {
    let bundle = snapshot.bundle();
    let refused = Error::corrupt(sink.path());
    let writer = BundleWriter::new(spec(snapshot)?, sink).map_err(refused)?;
    let columns = bundle.schema().columns().len();
    let assets: Vec<u32> = (0..bundle.asset_count()).collect();
    crew::each(assets, |ordinal| {
        let asset = bundle.asset_at(ordinal).map_err(|error| snapshot.corrupt(error))?;
        let place = usize::try_from(ordinal).unwrap_or(usize::MAX);
        for column in 0..columns {
            let decoded = layout::decode_rows(snapshot, column, asset, 0..asset.rows())?;
            let put = writer.put(place, column, decoded.values());
            put.map_err(Error::corrupt(sink.path()))?;
        }
        Ok(())
    })?;
    let written = writer.finish().map_err(Error::corrupt(sink.path()))?;
    if written.version == bundle.version() {
        return Ok(());
    }
    Err(Error::Mismatch {
        path: snapshot.path().to_owned(),
        what: "version",
        expected: bundle.version().to_string(),
        found: written.version.to_string(),
    })
}

/// Returns how many bytes the copy takes, within a few pages for each column.
pub(crate) fn bytes(snapshot: &Snapshot) -> u64 {
    let bundle = snapshot.bundle();
    let rows = u64::try_from(bundle.rows()).unwrap_or(u64::MAX);
    let width = |column: &barrow_format::Column| {
        let width = u64::try_from(column.physical.width()).unwrap_or(u64::MAX);
        rows.saturating_mul(width).saturating_add(4096)
    };
    let data = bundle.schema().columns().iter().map(width).fold(0, u64::saturating_add);
    let is_data = |kind| kind == barrow_format::SectionKind::Data;
    let tables = bundle.sections().iter().filter(|section| !is_data(section.kind));
    let tables: u64 = tables.map(|section| section.len.saturating_add(4096)).sum();
    data.saturating_add(tables)
}

fn spec(snapshot: &Snapshot) -> Result<BundleSpec> {
    let bundle = snapshot.bundle();
    let corrupt = |error| snapshot.corrupt(error);
    let asset = |ordinal| -> Result<AssetSpec> {
        let asset = bundle.asset_at(ordinal).map_err(corrupt)?;
        Ok(AssetSpec {
            symbol: bundle.symbol(asset).map_err(corrupt)?.to_owned(),
            rows: u64::try_from(asset.rows()).unwrap_or(u64::MAX),
            metadata: bundle.metadata(asset).map_err(corrupt)?.to_owned(),
        })
    };
    let provenance = bundle.provenance().map_err(corrupt)?;
    Ok(BundleSpec {
        schema: bundle.schema().clone(),
        assets: (0..bundle.asset_count()).map(asset).collect::<Result<_>>()?,
        adjustments: bundle.adjustments().map_err(corrupt)?,
        provenance: Provenance { sources: snapshot.files().sources()?, ..provenance },
    })
}
