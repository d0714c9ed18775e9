//! Markets as bundles, in every way that a bundle can lie on a disk.

use std::ops::Range;
use std::path::Path;

use barrow_format::{
    AssetSpec, BundleSpec, BundleWriter, Column, Compression, LogicalType, PhysicalType,
    Provenance, Schema, ValuesBuf,
};
use barrow_store::{AssetBars, BundlePool, Catalog, Lease, StageOptions};

use super::market::{Asset, COLUMNS, Market};

/// How a bundle lies on the disk.
#[derive(Clone, Copy, Debug)]
pub(super) struct Storage {
    compression: Compression,
    /// Whether the later rows of an asset were appended.
    in_parts: bool,
}

impl Storage {
    /// One raw file.
    pub(super) const RAW: Self = Self { compression: Compression::None, in_parts: false };

    /// All others.
    pub(super) const OTHERS: [Self; 5] = [
        Self { compression: Compression::Auto, in_parts: false },
        Self { compression: Compression::None, in_parts: true },
        Self { compression: Compression::Auto, in_parts: true },
        Self { compression: Compression::Zstd, in_parts: false },
        Self { compression: Compression::Zstd, in_parts: true },
    ];
}

impl Market {
    /// Publishes the bundle in the catalog at `root` and leases it.
    pub(super) fn lease(&self, root: &Path, name: &str, storage: Storage) -> Lease {
        let catalog = Catalog::at(root);
        let ends = |asset: &Asset| {
            let rows = asset.times.len();
            if storage.in_parts { [rows / 2, rows - rows / 5, rows] } else { [rows; 3] }
        };
        let bases: Vec<_> = self.assets.iter().map(|asset| 0..ends(asset)[0]).collect();
        self.publish(&catalog, name, &bases, storage.compression);
        for part in 1..3 {
            let fresh: Vec<_> =
                self.assets.iter().map(|it| ends(it)[part - 1]..ends(it)[part]).collect();
            if fresh.iter().any(|rows| !rows.is_empty()) {
                self.append(&catalog, name, &fresh);
            }
        }
        BundlePool::new(0).lease(&catalog, name).expect("what was published opens")
    }

    fn publish(&self, catalog: &Catalog, name: &str, rows: &[Range<usize>], way: Compression) {
        let columns = COLUMNS.iter().enumerate().map(|(place, name)| {
            let (physical, logical) = kind(place);
            Column::new(*name, physical, logical)
        });
        let schema = Schema::new(columns.collect(), self.frequency, self.zone, self.stamp, "");
        let group = |asset: &Asset| asset.group.map(|group| format!("{{\"group\":\"{group}\"}}"));
        let spec = |(asset, rows): (&Asset, &Range<usize>)| AssetSpec {
            metadata: group(asset).unwrap_or_default(),
            ..AssetSpec::new(&asset.symbol, rows.len() as u64)
        };
        let spec = BundleSpec {
            schema: schema.expect("a possible schema"),
            assets: self.assets.iter().zip(rows).map(spec).collect(),
            adjustments: Vec::new(),
            provenance: Provenance::default(),
        };
        let staging = catalog.stage(name).expect("a bundle can be begun");
        let ways = [way; COLUMNS.len()];
        let writer =
            BundleWriter::compressed(spec, staging.sink(), &ways).expect("a possible spec");
        for (place, (asset, rows)) in self.assets.iter().zip(rows).enumerate() {
            for (column, values) in asset.values(rows).iter().enumerate() {
                writer.put(place, column, values.values()).expect("written");
            }
        }
        let written = writer.finish().expect("all series were given");
        staging.publish(written).expect("a new version");
    }

    fn append(&self, catalog: &Catalog, name: &str, rows: &[Range<usize>]) {
        let options = StageOptions::default();
        let mut revision = catalog.revise(name, &options).expect("a bundle can be revised");
        for (asset, rows) in self.assets.iter().zip(rows).filter(|(_, rows)| !rows.is_empty()) {
            let values = asset.values(rows);
            let columns: Vec<_> =
                COLUMNS.into_iter().zip(values.iter().map(ValuesBuf::values)).collect();
            let bars = AssetBars { symbol: &asset.symbol, metadata: "", columns: &columns };
            revision.append(&bars).expect("rows behind the last ones");
        }
        revision.publish().expect("a new version");
    }
}

fn kind(place: usize) -> (PhysicalType, LogicalType) {
    match place {
        0 => (PhysicalType::I64, LogicalType::Timestamp),
        1..=4 => (PhysicalType::F64, LogicalType::Price),
        5 => (PhysicalType::F64, LogicalType::Volume),
        6 => (PhysicalType::U32, LogicalType::Plain),
        7 => (PhysicalType::I64, LogicalType::Decimal { scale: 2 }),
        _ => (PhysicalType::F32, LogicalType::Price),
    }
}

impl Asset {
    /// Some rows, column by column, of the types that are stored.
    #[expect(clippy::cast_possible_truncation, reason = "values are small, as they were drawn")]
    fn values(&self, rows: &Range<usize>) -> Vec<ValuesBuf> {
        let hundredths = |value: &f64| (value * 100.0).round() as i64;
        let column = |(values, place): (&Vec<f64>, usize)| {
            let values = &values[rows.clone()];
            match kind(place).0 {
                PhysicalType::U32 => {
                    let count = |value| u32::try_from(hundredths(value) / 100).expect("a count");
                    ValuesBuf::U32(values.iter().map(count).collect())
                }
                PhysicalType::I64 => ValuesBuf::I64(values.iter().map(hundredths).collect()),
                PhysicalType::F32 => ValuesBuf::F32(values.iter().map(|it| *it as f32).collect()),
                _ => ValuesBuf::F64(values.to_vec()),
            }
        };
        let times = ValuesBuf::I64(self.times[rows.clone()].to_vec());
        [times].into_iter().chain(self.columns.iter().zip(1..).map(column)).collect()
    }
}
