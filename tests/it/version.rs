//! Promise: the version is the content. Any single changed value, name, type or action changes it; the
//! order of the input, the number of threads, labels and provenance do not.
//!
//! Method: random content; one random change at a time; and the version computed a second time from
//! docs/format.md alone, with nothing of the library but the hash function.

use barrow_format::{
    AdjustmentKind, AlignedBytes, Bundle, BundleWriter, Column, Digest, Frequency, LogicalType,
    MemorySink, PhysicalType, Schema, Stamp, Version, Written,
};
use barrow_tests::content::{Content, Shape};
use proptest::prelude::*;
use rand_pcg::Pcg64;
use rand_pcg::rand_core::{Rng, SeedableRng};
use sha2::{Digest as _, Sha256};

fn put_u64(out: &mut Vec<u8>, value: usize) {
    out.extend(u64::try_from(value).expect("64 bits").to_le_bytes());
}

fn put_string(out: &mut Vec<u8>, value: &str) {
    put_u64(out, value.len());
    out.extend(value.as_bytes());
}

/// The bytes of the schema section, as the page says.
fn schema_bytes(schema: &Schema) -> Vec<u8> {
    let mut out = Vec::new();
    put_u64(&mut out, schema.columns().len());
    for column in schema.columns() {
        put_string(&mut out, &column.name);
        let physical: u32 = match column.physical {
            PhysicalType::F64 => 0,
            PhysicalType::F32 => 1,
            PhysicalType::I64 => 2,
            PhysicalType::I32 => 3,
            PhysicalType::U32 => 4,
            PhysicalType::U8 => 5,
        };
        out.extend(physical.to_le_bytes());
        let logical: u32 = match column.logical {
            LogicalType::Timestamp => 0,
            LogicalType::Price => 1,
            LogicalType::Volume => 2,
            LogicalType::Decimal { .. } => 3,
            LogicalType::Plain => 4,
        };
        out.extend(logical.to_le_bytes());
        if let LogicalType::Decimal { scale } = column.logical {
            out.push(scale);
        }
    }
    match schema.frequency() {
        Frequency::Daily => out.extend(0_u32.to_le_bytes()),
        Frequency::Intraday { step_ns } => {
            out.extend(1_u32.to_le_bytes());
            out.extend(step_ns.to_le_bytes());
        }
        Frequency::Irregular => out.extend(2_u32.to_le_bytes()),
    }
    put_string(&mut out, schema.time_zone());
    let stamp: u32 = match schema.stamp() {
        Stamp::Session => 0,
        Stamp::BarStart => 1,
        Stamp::BarEnd => 2,
    };
    out.extend(stamp.to_le_bytes());
    put_string(&mut out, schema.calendar_name());
    out
}

/// The content version by docs/format.md, from the vectors alone.
fn version_by_the_page(content: &Content) -> Version {
    let mut out = b"barrow.version.1".to_vec();
    out.extend(Sha256::digest(schema_bytes(&content.schema)));
    put_u64(&mut out, content.assets.len());
    for asset in &content.assets {
        put_string(&mut out, &asset.symbol);
        put_u64(&mut out, asset.rows());
        for series in &asset.series {
            out.extend(Sha256::digest(series.values().as_bytes()));
        }
    }
    let calendar: Vec<u8> = content.calendar().iter().flat_map(|t| t.to_le_bytes()).collect();
    out.extend(Sha256::digest(calendar));
    let mut sorted = content.adjustments.clone();
    sorted.sort_by_key(|a| (a.asset, a.time, a.kind));
    let mut actions = Vec::new();
    for action in sorted {
        put_string(&mut actions, &content.assets[action.asset as usize].symbol);
        actions.extend(action.time.to_le_bytes());
        let kind: u32 = match action.kind {
            AdjustmentKind::Split => 0,
            AdjustmentKind::CashDividend => 1,
            AdjustmentKind::Merger => 2,
        };
        actions.extend(kind.to_le_bytes());
        actions.extend(action.value.to_le_bytes());
    }
    out.extend(Sha256::digest(actions));
    Version::from_bytes(Sha256::digest(out).into())
}

fn version_of(content: &Content) -> Version {
    content.write().expect("content can be written").1.version
}

/// Writes with the series in a random order, in pieces of random length, from `threads` threads.
fn write_shuffled(content: &Content, threads: usize, seed: u64) -> (Vec<u8>, Written) {
    let mut rng = Pcg64::seed_from_u64(seed);
    let columns = content.schema.columns().len();
    let mut order: Vec<(usize, usize)> =
        (0..content.assets.len()).flat_map(|a| (0..columns).map(move |c| (a, c))).collect();
    for i in (1..order.len()).rev() {
        let j = usize::try_from(rng.next_u64() % (i as u64 + 1)).expect("in range");
        order.swap(i, j);
    }
    let piece = usize::try_from(rng.next_u64() % 17 + 1).expect("small");
    let mut spec = content.spec();
    spec.adjustments.reverse();
    spec.provenance.sources.reverse();
    let sink = MemorySink::new();
    let writer = BundleWriter::new(spec, &sink).expect("the spec is possible");
    std::thread::scope(|scope| {
        for worker in 0..threads {
            let (order, writer) = (&order, &writer);
            scope.spawn(move || {
                for &(asset, column) in order.iter().skip(worker).step_by(threads) {
                    let values = content.assets[asset].series[column].values();
                    let mut series = writer.series(asset, column).expect("the series exists");
                    let mut start = 0;
                    while start < values.len() {
                        let end = values.len().min(start + piece);
                        series.push(values.slice(start..end).expect("in range")).expect("pushed");
                        start = end;
                    }
                    series.finish().expect("all rows were given");
                }
            });
        }
    });
    let written = writer.finish().expect("all series were given");
    (sink.into_bytes(), written)
}

/// Changes one thing that belongs to the content; false when the content has no such thing.
fn change_one_thing(content: &mut Content, pick: u64) -> bool {
    let mut rng = Pcg64::seed_from_u64(pick);
    let mut below = |bound: usize| {
        usize::try_from(rng.next_u64() % u64::try_from(bound.max(1)).expect("64 bits"))
            .expect("in range")
    };
    let assets = content.assets.len();
    match below(8) {
        0 if !content.adjustments.is_empty() => {
            let i = below(content.adjustments.len());
            content.adjustments[i].value += 0.5;
        }
        1 if !content.adjustments.is_empty() => {
            let i = below(content.adjustments.len());
            content.adjustments.remove(i);
        }
        2 if assets > 0 => {
            // The last symbol grows, so that the order of the assets stays.
            content.assets[assets - 1].symbol.push('!');
        }
        3 => {
            let mut columns: Vec<Column> = content.schema.columns().to_vec();
            let i = below(columns.len());
            if i == 0 {
                return false;
            }
            columns[i].name.push('!');
            let s = &content.schema;
            let (frequency, stamp) = (s.frequency(), s.stamp());
            content.schema =
                Schema::new(columns, frequency, s.time_zone(), stamp, s.calendar_name())
                    .expect("a possible schema");
        }
        4 => {
            let s = &content.schema;
            let columns = s.columns().to_vec();
            content.schema =
                Schema::new(columns, s.frequency(), "Asia/Tokyo", s.stamp(), s.calendar_name())
                    .expect("a possible schema");
        }
        _ => {
            if assets == 0 {
                return false;
            }
            let asset = &mut content.assets[below(assets)];
            let (rows, columns) = (asset.rows(), asset.series.len());
            if rows == 0 {
                return false;
            }
            // Timestamps are whole days, so that a changed lowest bit keeps their order.
            asset.series[below(columns)].flip(below(rows));
        }
    }
    true
}

fn shapes() -> impl Strategy<Value = Shape> {
    (0..5_usize, 0..30_usize, 0..6_usize, 0..5_usize).prop_map(
        |(assets, rows_max, columns, adjustments)| Shape { assets, rows_max, columns, adjustments },
    )
}

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases(1_200))]

    #[test]
    fn the_version_is_what_the_page_says(seed: u64, shape in shapes()) {
        let content = Content::random(seed, shape);
        prop_assert_eq!(version_of(&content), version_by_the_page(&content));
    }

    #[test]
    fn any_single_change_changes_the_version(seed: u64, pick: u64, shape in shapes()) {
        let content = Content::random(seed, shape);
        let mut changed = content.clone();
        prop_assume!(change_one_thing(&mut changed, pick));
        prop_assert_ne!(version_of(&content), version_of(&changed));
    }

    #[test]
    fn no_permutation_of_the_input_changes_a_byte(
        seed: u64,
        shuffle: u64,
        threads in 1..5_usize,
        shape in shapes(),
    ) {
        let content = Content::random(seed, shape);
        let (expected, written) = content.write().expect("content can be written");
        let (bytes, again) = write_shuffled(&content, threads, shuffle);
        prop_assert_eq!(written, again);
        prop_assert_eq!(expected.as_ref(), bytes.as_slice());
    }

    #[test]
    fn labels_and_provenance_do_not_change_the_version(seed: u64, shape in shapes()) {
        let content = Content::random(seed, shape);
        let mut relabelled = content.clone();
        relabelled.provenance.tool.push_str(" from elsewhere");
        for asset in &mut relabelled.assets {
            asset.metadata.push_str("{}");
        }
        prop_assert_eq!(version_of(&content), version_of(&relabelled));
        let digest = |c: &Content| c.write().expect("content can be written").1.digest;
        prop_assert_ne!(digest(&content), digest(&relabelled), "the files differ all the same");
    }
}

#[test]
fn every_single_value_of_a_bundle_counts() {
    let content = Content::small();
    let version = version_of(&content);
    let mut seen = std::collections::BTreeSet::from([version]);
    for asset in 0..content.assets.len() {
        for column in 0..content.schema.columns().len() {
            for row in 0..content.assets[asset].rows() {
                let mut changed = content.clone();
                changed.assets[asset].series[column].flip(row);
                assert!(seen.insert(version_of(&changed)), "{asset}, {column}, {row}");
            }
        }
    }
    assert_eq!(seen.len(), 1 + 17 * 7);
}

#[test]
fn the_superblock_carries_the_version_and_names_the_part() {
    let (bytes, written) = Content::small().write().expect("content can be written");
    let page = &bytes.as_ref()[..4096];
    assert_eq!(page[40..72], *written.version.as_bytes());
    assert_eq!(Digest::of(&page[..4056]), written.digest);
    let bundle = Bundle::open(AlignedBytes::copy_of(bytes.as_ref())).expect("it opens");
    assert_eq!(bundle.digest(), written.digest);
}
