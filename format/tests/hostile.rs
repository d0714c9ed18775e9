//! Files that lie: bytes are changed and all digests made right again, as an attacker or a broken writer
//! would. Nothing may panic, and verification must notice every change to content or structure.

#![expect(clippy::unwrap_used, reason = "a test stops at what it does not expect")]

use barrow_format::{
    Adjustment, AdjustmentKind, AlignedBytes, AssetSpec, Bundle, BundleSpec, BundleWriter, Column,
    Digest, Frequency, LogicalType, MemorySink, PhysicalType, Provenance, Schema, SectionKind,
    SourceRecord, Stamp, Values,
};
use change::change;
use proptest::prelude::*;
use sealed::seal;

#[path = "sealed/change.rs"]
mod change;
mod sealed;

/// Three assets: one longer than a zone, one with gaps, one without rows.
fn bundle() -> Vec<u8> {
    let columns = vec![
        Column::new("time", PhysicalType::I64, LogicalType::Timestamp),
        Column::new("close", PhysicalType::F64, LogicalType::Price),
        Column::new("flag", PhysicalType::U8, LogicalType::Plain),
    ];
    let step = Frequency::Intraday { step_ns: 60 };
    let long: Vec<i64> = (0..5000).map(|i| i * 60).collect();
    let gaps = [60, 180, 6000];
    let spec = BundleSpec {
        schema: Schema::new(columns, step, "UTC", Stamp::BarEnd, "").unwrap(),
        assets: vec![
            AssetSpec { metadata: "{}".into(), ..AssetSpec::new("A", 5000) },
            AssetSpec::new("BB", 3),
            AssetSpec::new("C", 0),
        ],
        adjustments: vec![
            Adjustment { asset: 0, time: 60, kind: AdjustmentKind::Split, value: 2.0 },
            Adjustment { asset: 1, time: 60, kind: AdjustmentKind::CashDividend, value: 0.5 },
        ],
        provenance: Provenance {
            tool: "test".into(),
            sources: vec![SourceRecord {
                name: "a.csv".into(),
                bytes: 7,
                digest: Digest::of(b"a"),
                rows: 5003,
            }],
        },
    };
    let close: Vec<f64> = (0..5000u32).map(|i| f64::from(i) / 7.0).collect();
    let flags: Vec<u8> = (0..5000u32).map(|i| u8::try_from(i % 251).unwrap()).collect();
    let sink = MemorySink::new();
    let writer = BundleWriter::new(spec, &sink).unwrap();
    writer.put(0, 0, Values::I64(&long)).unwrap();
    writer.put(0, 1, Values::F64(&close)).unwrap();
    writer.put(0, 2, Values::U8(&flags)).unwrap();
    writer.put(1, 0, Values::I64(&gaps)).unwrap();
    writer.put(1, 1, Values::F64(&[1.0, f64::NAN, 3.0])).unwrap();
    writer.put(1, 2, Values::U8(&[1, 2, 3])).unwrap();
    writer.put(2, 0, Values::I64(&[])).unwrap();
    writer.put(2, 1, Values::F64(&[])).unwrap();
    writer.put(2, 2, Values::U8(&[])).unwrap();
    writer.finish().unwrap();
    sink.into_bytes()
}

/// Opens the bytes and uses all that a bundle offers; tells whether anything was found to be wrong.
fn use_all(bytes: &[u8]) -> bool {
    let Ok(bundle) = Bundle::open(AlignedBytes::copy_of(bytes)) else { return true };
    let mut wrong = false;
    for ordinal in 0..bundle.asset_count().min(10) {
        let Ok(asset) = bundle.asset_at(ordinal) else {
            wrong = true;
            continue;
        };
        wrong |= bundle.symbol(asset).is_err() | bundle.metadata(asset).is_err();
        for index in 0..bundle.schema().columns().len() {
            wrong |= bundle.series(index, asset).is_err();
            wrong |= bundle.series_stats(index, asset).is_err();
            wrong |= bundle.series_zones(index, asset).map(Iterator::count).is_err();
        }
    }
    for symbol in ["A", "BB", "C", "", "nothing"] {
        wrong |= bundle.asset(symbol).is_err();
    }
    wrong |= bundle.calendar().is_err() | bundle.adjustments().is_err();
    wrong |= bundle.provenance().is_err();
    !bundle.verify().ok() || wrong
}

#[test]
fn the_bundle_itself_is_well() {
    assert!(!use_all(&bundle()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn sealed_changes_of_sections_are_noticed(section in (0usize..11).prop_filter("data has series digests", |&section| section != 2), at in any::<prop::sample::Index>(), mask in 1u8.., word in prop::option::of(any::<u64>())) {
        let original = bundle();
        let sections = Bundle::open(AlignedBytes::copy_of(&original)).unwrap().sections().to_vec();
        let chosen = sections[section];
        let len = usize::try_from(chosen.len).unwrap();
        let at = usize::try_from(chosen.offset).unwrap() + at.index(len);
        let mut bytes = original.clone();
        change(&mut bytes, at, mask, word);
        seal(&mut bytes, Some(section));
        let noticed = use_all(&bytes);
        // Provenance and metadata are labels: what they say is not derived from anything.
        let label = matches!(chosen.kind, SectionKind::Provenance | SectionKind::Strings);
        prop_assert!(noticed || label || bytes == original, "byte {at} of `{}`", chosen.kind);
    }

    #[test]
    fn sealed_changes_of_the_first_page_are_noticed(at in 0usize..4056, mask in 1u8.., word in prop::option::of(any::<u64>())) {
        let original = bundle();
        let mut bytes = original.clone();
        change(&mut bytes, at, mask, word);
        seal(&mut bytes, None);
        // The minor version alone may differ: later minor versions are readable.
        let minor = bytes[..10] == original[..10] && bytes[12..4056] == original[12..4056];
        prop_assert!(use_all(&bytes) || minor, "byte {at} of the first page");
    }
}
