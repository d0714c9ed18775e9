//! What the crate's own tests share.

use std::path::Path;

use barrow_format::{
    AssetSpec, BundleSpec, BundleWriter, Column, Compression, LogicalType, PhysicalType,
    Provenance, Schema, Sink, Values, Written,
};
use tempfile::TempDir;

use crate::catalog::Catalog;
use crate::error::Result;
use crate::writing::batch::AssetBars;
use crate::writing::publish::{Published, StageOptions};

/// Nanoseconds of a day.
pub(crate) const DAY: i64 = 86_400_000_000_000;

/// Returns a temporary directory, in memory where the machine offers that: flushing costs nothing there.
pub(crate) fn dir() -> TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() };
    made.or_else(|_| TempDir::new()).unwrap()
}

/// One asset to write: its symbol and the days on which it has bars.
#[derive(Debug, Clone)]
pub(crate) struct Listing {
    pub(crate) symbol: String,
    pub(crate) days: Vec<i64>,
}

impl Listing {
    pub(crate) fn new(symbol: &str, days: impl IntoIterator<Item = i64>) -> Self {
        Self { symbol: symbol.to_owned(), days: days.into_iter().collect() }
    }
}

/// The value of a column on a day: different for every asset, column and day.
pub(crate) fn value(seed: u32, asset: usize, column: usize, day: i64) -> f64 {
    let asset = f64::from(u32::try_from(asset).unwrap());
    let column = f64::from(u32::try_from(column).unwrap());
    let day = f64::from(i32::try_from(day).unwrap());
    f64::from(seed) + asset * 1e6 + column * 1e5 + day
}

/// The schema of the test bundles: daily bars, one column of f32 and one of decimals.
pub(crate) fn schema() -> Schema {
    let daily = Schema::daily(&[]).unwrap();
    let mut columns = daily.columns().to_vec();
    columns.push(Column::new("vwap", PhysicalType::F32, LogicalType::Price));
    columns.push(Column::new("fee", PhysicalType::I64, LogicalType::Decimal { scale: 2 }));
    Schema::new(columns, daily.frequency(), "UTC", daily.stamp(), "").unwrap()
}

/// Writes a bundle of these listings, which are in symbol order.
pub(crate) fn write<S: Sink>(sink: &S, listings: &[Listing], seed: u32, tool: &str) -> Written {
    try_write(sink, listings, seed, tool).unwrap()
}

/// Writes as [`write`] does; the sink may fail.
pub(crate) fn try_write<S: Sink>(
    sink: &S,
    listings: &[Listing],
    seed: u32,
    tool: &str,
) -> Result<Written, barrow_format::Error> {
    fill(BundleWriter::new(spec(listings, tool), sink)?, listings, seed)
}

fn spec(listings: &[Listing], tool: &str) -> BundleSpec {
    let rows = |listing: &Listing| u64::try_from(listing.days.len()).unwrap();
    let asset = |it: &Listing| {
        let metadata = format!("{{\"name\":\"{}\"}}", it.symbol);
        AssetSpec { metadata, ..AssetSpec::new(it.symbol.as_str(), rows(it)) }
    };
    let provenance = Provenance { tool: tool.to_owned(), sources: vec![] };
    let assets = listings.iter().map(asset).collect();
    BundleSpec { schema: schema(), assets, adjustments: vec![], provenance }
}

fn fill<S: Sink>(
    writer: BundleWriter<'_, S>,
    listings: &[Listing],
    seed: u32,
) -> Result<Written, barrow_format::Error> {
    for (asset, listing) in listings.iter().enumerate() {
        let times: Vec<i64> = listing.days.iter().map(|day| day * DAY).collect();
        writer.put(asset, 0, Values::I64(&times))?;
        for column in 1..6 {
            let values: Vec<f64> =
                listing.days.iter().map(|&day| value(seed, asset, column, day)).collect();
            writer.put(asset, column, Values::F64(&values))?;
        }
        let narrow: Vec<f32> =
            listing.days.iter().map(|&day| f32::from(i16::try_from(day).unwrap())).collect();
        writer.put(asset, 6, Values::F32(&narrow))?;
        writer.put(asset, 7, Values::I64(&listing.days))?;
    }
    writer.finish()
}

/// Publishes a bundle of these listings.
pub(crate) fn publish(catalog: &Catalog, name: &str, listings: &[Listing], seed: u32) -> Published {
    let staging = catalog.stage(name).unwrap();
    let written = write(staging.sink(), listings, seed, "test 1");
    staging.publish(written).unwrap()
}

/// Publishes a bundle of these listings, each column compressed in this way.
pub(crate) fn publish_compressed(
    catalog: &Catalog,
    name: &str,
    listings: &[Listing],
    seed: u32,
    compression: Compression,
) -> Published {
    let staging = catalog.stage(name).unwrap();
    let spec = spec(listings, "test 1");
    let columns = vec![compression; spec.schema.columns().len()];
    let writer = BundleWriter::compressed(spec, staging.sink(), &columns).unwrap();
    let written = fill(writer, listings, seed).unwrap();
    staging.publish(written).unwrap()
}

/// Appends days to an asset of a bundle: a version of one part more.
pub(crate) fn append(catalog: &Catalog, name: &str, symbol: &str, days: &[i64]) -> Published {
    try_append(catalog, name, symbol, days).unwrap()
}

/// Does what [`append`] does, unless that fails.
pub(crate) fn try_append(
    catalog: &Catalog,
    name: &str,
    symbol: &str,
    days: &[i64],
) -> Result<Published> {
    let times: Vec<i64> = days.iter().map(|day| day * DAY).collect();
    let column = |column| days.iter().map(|&day| value(9, 9, column, day)).collect::<Vec<f64>>();
    let prices: Vec<Vec<f64>> = (1..6).map(column).collect();
    let narrow: Vec<f32> = days.iter().map(|&day| f32::from(i16::try_from(day).unwrap())).collect();
    let schema = schema();
    let names = schema.columns().iter().map(|column| column.name.as_str());
    let values = [Values::I64(&times)].into_iter();
    let values = values.chain(prices.iter().map(|prices| Values::F64(prices)));
    let values = values.chain([Values::F32(&narrow), Values::I64(days)]);
    let columns: Vec<(&str, Values<'_>)> = names.zip(values).collect();
    let mut revision = catalog.revise(name, &StageOptions::default()).unwrap();
    revision.append(&AssetBars { symbol, metadata: "", columns: &columns })?;
    revision.publish()
}

/// Publishes a bundle of one asset `A` with three bars.
pub(crate) fn publish_small(catalog: &Catalog, name: &str, seed: u32) -> Published {
    publish(catalog, name, &[Listing::new("A", 0..3)], seed)
}

/// Returns every path below a directory, relative to it, ascending.
pub(crate) fn tree(root: &Path) -> Vec<String> {
    fn walk(root: &Path, path: &Path, found: &mut Vec<String>) {
        let Ok(entries) = std::fs::read_dir(path) else { return };
        for entry in entries {
            let path = entry.unwrap().path();
            found.push(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
            if path.is_dir() {
                walk(root, &path, found);
            }
        }
    }
    let mut found = Vec::new();
    walk(root, root, &mut found);
    found.sort();
    found
}
