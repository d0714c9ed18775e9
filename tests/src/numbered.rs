//! Numbered versions: content in which every value is a function of one number, so that whoever reads a
//! version sees whether it is whole, and which one it is.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use barrow_format::{AssetSpec, BundleSpec, BundleWriter, Provenance, Schema, Values};
use barrow_store::{BundlePool, Catalog, Lease, Published};

use crate::content::DAY_NS;

/// The day of the first row, counted from 1970-01-01.
const FIRST_DAY: usize = 17_000;
const SYMBOLS: [&str; 3] = ["ALPHA", "BETA", "GAMMA"];

/// The value of a column (0 is the open, 4 the volume) of an asset in a row of version `number`.
fn value(number: u32, asset: usize, column: usize, row: usize) -> f64 {
    let small = |at: usize| f64::from(u32::try_from(at).expect("small tables"));
    f64::from(number) + small(asset) * 4096.0 + small(row % 7) / 8.0 + small(column / 4) * 65_536.0
}

/// The version as CSV: three assets of so many rows.
pub fn csv(number: u32, rows: usize) -> String {
    csv_rows(number, 0..rows)
}

/// Some rows of the version as CSV.
pub fn csv_rows(number: u32, rows: Range<usize>) -> String {
    let mut text = String::from("symbol,time,open,high,low,close,volume\n");
    for (asset, symbol) in SYMBOLS.iter().enumerate() {
        for row in rows.clone() {
            let time = 86_400 * (FIRST_DAY + row);
            write!(text, "{symbol},{time}").expect("room");
            for column in 0..5 {
                write!(text, ",{}", value(number, asset, column, row)).expect("room");
            }
            text.push('\n');
        }
    }
    text
}

/// Publishes the version through the library.
///
/// # Errors
///
/// As [`Catalog::stage`] and [`Staging::publish`](barrow_store::Staging::publish).
pub fn publish(
    catalog: &Catalog,
    name: &str,
    number: u32,
    rows: usize,
) -> barrow_store::Result<Published> {
    let schema = Schema::daily(&[]).expect("a possible schema");
    let length = u64::try_from(rows).expect("small tables");
    let assets = SYMBOLS.iter().map(|symbol| AssetSpec::new(*symbol, length)).collect();
    let spec =
        BundleSpec { schema, assets, adjustments: vec![], provenance: Provenance::default() };
    let staging = catalog.stage(name)?;
    let writer = BundleWriter::new(spec, staging.sink()).expect("the disk takes it");
    let days = i64::try_from(rows).expect("small tables");
    let first = i64::try_from(FIRST_DAY).expect("a number of days");
    let times: Vec<i64> = (first..first + days).map(|day| day * DAY_NS).collect();
    for asset in 0..SYMBOLS.len() {
        writer.put(asset, 0, Values::I64(&times)).expect("the disk takes it");
        for column in 0..5 {
            let values: Vec<f64> = (0..rows).map(|row| value(number, asset, column, row)).collect();
            writer.put(asset, column + 1, Values::F64(&values)).expect("the disk takes it");
        }
    }
    let written = writer.finish().expect("the disk takes it");
    staging.publish(written)
}

/// The number of the version that is leased, after looking at every value of it.
pub fn number_of(lease: &Lease) -> u32 {
    let columns = ["open", "high", "low", "close", "volume"];
    let first = lease.f64("open").expect("daily bars")[0];
    let number = (0..100_000).find(|&number| value(number, 0, 0, 0) == first);
    let number = number.expect("a numbered version");
    for (asset, symbol) in SYMBOLS.iter().enumerate() {
        let bars = lease.bars(lease.asset(symbol).expect("an asset of it"));
        for (column, name) in columns.iter().enumerate() {
            let values = bars.f64(name).expect("a column of it");
            for (row, found) in values.iter().enumerate() {
                let expected = value(number, asset, column, row);
                assert!(*found == expected, "{name} of {symbol} in row {row}: a mixture");
            }
        }
    }
    number
}

/// Opens the newest version with a pool of its own, checks every byte, and returns its number.
pub fn newest(catalog: &Catalog, name: &str) -> u32 {
    let lease = BundlePool::new(0).lease(catalog, name).expect("the bundle opens");
    assert!(lease.verify(1).ok(), "a published version is whole");
    number_of(&lease)
}

/// Opens every version in the history, checks every byte, and returns their numbers, newest first.
pub fn all(catalog: &Catalog, name: &str) -> Vec<u32> {
    let history = catalog.history(name).expect("a history");
    let number = |version| {
        let spec = format!("{name}@{version}");
        let lease = BundlePool::new(0).lease(catalog, &spec).expect("each version opens");
        assert!(lease.verify(1).ok(), "a published version is whole");
        number_of(&lease)
    };
    history.iter().map(|entry| number(entry.version)).collect()
}

/// Checks that a bundle's folder holds what its versions consist of, and nothing else.
pub fn assert_nothing_stray(catalog: &Catalog, name: &str) {
    let folder = catalog.root().join(name);
    let mut expected: BTreeSet<PathBuf> = ["HEAD", "LOCK"].iter().map(PathBuf::from).collect();
    for entry in catalog.history(name).expect("a history") {
        let version = entry.version.to_string();
        expected.extend(["versions", "leases"].map(|kind| Path::new(kind).join(&version)));
        let parts = entry.parts.iter();
        expected.extend(parts.map(|part| PathBuf::from(format!("parts/{}.barrow", part.digest))));
    }
    // Publications that made an older version the newest again.
    let generation = catalog.head(name).expect("a page").generation;
    let returns = (1..=generation).map(|number| PathBuf::from(format!("returns/{number:020}")));
    expected.extend(returns.filter(|path| folder.join(path).exists()));
    let pins = catalog.pins(name).expect("the pins").into_iter();
    expected.extend(pins.map(|pin| PathBuf::from(format!("pins/{}", pin.version))));
    let mut found = BTreeSet::new();
    let mut open = vec![folder.clone()];
    while let Some(path) = open.pop() {
        for entry in fs::read_dir(&path).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
            } else {
                found.insert(path.strip_prefix(&folder).expect("below it").to_path_buf());
            }
        }
    }
    assert_eq!(found, expected, "files of bundle `{name}`");
}
