//! A small bundle for the tests of this crate.

use barrow_format::{AssetSpec, BundleSpec, BundleWriter, Provenance, Schema, Values};
use barrow_store::{Catalog, Lease};

pub(crate) const DAY: i64 = 86_400_000_000_000;

/// A bundle of three assets over 400 days, in a folder that lives as long as this does.
pub(crate) struct Small {
    _folder: tempfile::TempDir,
    pub(crate) lease: Lease,
}

impl Small {
    /// Prices walk in steps drawn from a fixed sequence; the third asset begins late and has a missing
    /// value in its extra column.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let catalog = Catalog::at(folder.path());
        let staging = catalog.stage("small").expect("a new bundle");
        let rows = [400usize, 400, 250];
        let symbols = ["AAA", "BBB", "CCC"];
        let assets =
            symbols.iter().zip(rows).map(|(symbol, rows)| AssetSpec::new(*symbol, rows as u64));
        let spec = BundleSpec {
            schema: Schema::daily(&["extra"]).expect("a possible schema"),
            assets: assets.collect(),
            adjustments: Vec::new(),
            provenance: Provenance::default(),
        };
        let writer = BundleWriter::new(spec, staging.sink()).expect("a writer");
        for (asset, rows) in rows.into_iter().enumerate() {
            let times: Vec<i64> =
                (400 - rows..400).map(|day| i64::try_from(day).expect("few days") * DAY).collect();
            let close = walk(u64::try_from(asset).expect("few assets"), rows);
            let mut open = close.clone();
            open.rotate_right(1);
            open[0] = close[0];
            let high: Vec<f64> = open.iter().zip(&close).map(|(a, b)| a.max(*b)).collect();
            let low: Vec<f64> = open.iter().zip(&close).map(|(a, b)| a.min(*b)).collect();
            let volume = vec![1000.0; rows];
            let mut extra = close.clone();
            extra[3] = f64::NAN;
            writer.put(asset, 0, Values::I64(&times)).expect("a series");
            let columns = [&open, &high, &low, &close, &volume, &extra];
            for (place, values) in columns.into_iter().enumerate() {
                writer.put(asset, place + 1, Values::F64(values)).expect("a series");
            }
        }
        let written = writer.finish().expect("all series");
        staging.publish(written).expect("a version");
        let lease = catalog.lease("small").expect("the bundle");
        Self { _folder: folder, lease }
    }
}

/// Cents that go up and down.
fn walk(seed: u64, len: usize) -> Vec<f64> {
    let mut state = seed.wrapping_add(11);
    let mut cents = 5_000i32;
    (0..len)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let step = i32::try_from(state >> 56).expect("eight bits") - 127;
            cents = (cents + step).max(100);
            f64::from(cents) / 100.0
        })
        .collect()
}
