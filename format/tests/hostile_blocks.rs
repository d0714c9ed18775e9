//! Compressed files that lie: bytes of blocks and of their records are changed and all checksums made right
//! again. Nothing may panic, and verification must notice whatever changes a value.

#![expect(clippy::unwrap_used, reason = "a test stops at what it does not expect")]

use std::sync::LazyLock;

use barrow_format::{
    AlignedBytes, AssetSpec, Bundle, BundleSpec, BundleWriter, Column, Compression, Digest,
    Frequency, LogicalType, MemorySink, PhysicalType, Provenance, Schema, Section, SectionKind,
    Stamp, Values,
};
use change::change;
use proptest::prelude::*;
use sealed::seal;

#[path = "sealed/change.rs"]
mod change;
mod sealed;

static BUNDLE: LazyLock<Vec<u8>> = LazyLock::new(build);

fn bundle() -> Vec<u8> {
    BUNDLE.clone()
}

/// Three assets: one longer than a block, one short, one without rows; four columns, three compressed.
fn build() -> Vec<u8> {
    let columns = vec![
        Column::new("time", PhysicalType::I64, LogicalType::Timestamp),
        Column::new("close", PhysicalType::F64, LogicalType::Price),
        Column::new("plain", PhysicalType::U8, LogicalType::Plain),
        Column::new("ratio", PhysicalType::F64, LogicalType::Plain),
    ];
    let spec = BundleSpec {
        schema: Schema::new(columns, Frequency::Irregular, "UTC", Stamp::BarEnd, "").unwrap(),
        assets: vec![AssetSpec::new("A", 4400), AssetSpec::new("BB", 9), AssetSpec::new("C", 0)],
        adjustments: Vec::new(),
        provenance: Provenance::default(),
    };
    let compression = [Compression::Auto, Compression::Auto, Compression::None, Compression::Zstd];
    let sink = MemorySink::new();
    let writer = BundleWriter::compressed(spec, &sink, &compression).unwrap();
    for (asset, rows) in [4400u32, 9, 0].into_iter().enumerate() {
        let times: Vec<i64> = (0..rows).map(|i| i64::from(i + i / 390 * 1050) * 60).collect();
        let noise = |i: u32| f64::from(i.wrapping_mul(0x9e37_79b1) >> 25);
        let mut cents = 9000.0;
        let close = (0..rows).map(|i| {
            cents += noise(i) - 64.0;
            if i % 1000 == 7 { f64::NAN } else { cents / 100.0 }
        });
        let close: Vec<f64> = close.collect();
        let plain = vec![u8::try_from(asset % 256).unwrap(); close.len()];
        let ratio: Vec<f64> = (0..rows).map(|i| noise(i) / 8.0).collect();
        writer.put(asset, 0, Values::I64(&times)).unwrap();
        writer.put(asset, 1, Values::F64(&close)).unwrap();
        writer.put(asset, 2, Values::U8(&plain)).unwrap();
        writer.put(asset, 3, Values::F64(&ratio)).unwrap();
    }
    writer.finish().unwrap();
    sink.into_bytes()
}

fn sections(bytes: &[u8]) -> Vec<Section> {
    Bundle::open(AlignedBytes::copy_of(bytes)).unwrap().sections().to_vec()
}

fn at(offset: u64) -> usize {
    usize::try_from(offset).unwrap()
}

/// Reads every series; tells whether anything was found to be wrong.
fn use_all(bytes: &[u8]) -> bool {
    let Ok(bundle) = Bundle::open(AlignedBytes::copy_of(bytes)) else { return true };
    let mut wrong = false;
    for ordinal in 0..bundle.asset_count().min(10) {
        let Ok(asset) = bundle.asset_at(ordinal) else {
            wrong = true;
            continue;
        };
        for index in 0..bundle.schema().columns().len() {
            wrong |= bundle.read_series(index, asset).is_err();
            wrong |= bundle.series_zones(index, asset).map(Iterator::count).is_err();
            let half = asset.rows() / 2..asset.rows();
            let width = bundle.schema().columns()[index].physical.width();
            let mut out = vec![0; half.len().min(5000) * width];
            let _ = bundle.read_rows(index, asset, half, &mut out);
        }
    }
    !bundle.verify().ok() || wrong
}

/// The values of all series as bytes, or `None` where one of them cannot be read.
fn values(bytes: &[u8]) -> Option<Vec<u8>> {
    let bundle = Bundle::open(AlignedBytes::copy_of(bytes)).ok()?;
    let mut all = Vec::new();
    for ordinal in 0..bundle.asset_count() {
        let asset = bundle.asset_at(ordinal).ok()?;
        for index in 0..bundle.schema().columns().len() {
            all.extend(bundle.read_series(index, asset).ok()?.values().as_bytes());
        }
    }
    Some(all)
}

#[test]
fn the_bundle_itself_is_well() {
    assert!(!use_all(&bundle()));
    assert!(values(&bundle()).is_some());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn sealed_changes_of_records_are_noticed(section in prop::sample::select(vec![1usize, 5, 7, 8]), place in any::<prop::sample::Index>(), mask in 1u8.., word in prop::option::of(any::<u64>())) {
        let original = bundle();
        let chosen = sections(&original)[section];
        let place = at(chosen.offset) + place.index(at(chosen.len));
        let mut bytes = original.clone();
        change(&mut bytes, place, mask, word);
        seal(&mut bytes, Some(section));
        prop_assert!(use_all(&bytes) || bytes == original, "byte {place} of `{}`", chosen.kind);
    }

    #[test]
    fn sealed_changes_of_blocks_are_noticed(zone in any::<prop::sample::Index>(), changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4), shorter in 0u64..3) {
        let original = bundle();
        let all = sections(&original);
        let zones = all.iter().find(|section| section.kind == SectionKind::Zones).unwrap();
        let mut bytes = original.clone();
        let record = at(zones.offset) + 64 * zone.index(at(zones.len) / 64);
        let number = |bytes: &[u8], place: usize| {
            u64::from_le_bytes(bytes[place..place + 8].try_into().unwrap())
        };
        let (offset, len) = (number(&bytes, record + 32), number(&bytes, record + 40));
        prop_assume!(offset > 0);
        let len = len.saturating_sub(shorter).max(1);
        let block = at(offset)..at(offset + len);
        for (place, value) in changes {
            bytes[block.start + place.index(block.len())] = value;
        }
        let digest = Digest::of(&bytes[block]);
        bytes[record + 40..record + 48].copy_from_slice(&len.to_le_bytes());
        bytes[record + 48..record + 64].copy_from_slice(&digest.as_bytes()[..16]);
        let index = all.iter().position(|section| section.kind == SectionKind::Zones).unwrap();
        seal(&mut bytes, Some(index));
        let noticed = use_all(&bytes);
        // Some bits of a block do not matter: those behind the last packed value, for example.
        prop_assert!(noticed || values(&bytes) == values(&original));
    }
}
