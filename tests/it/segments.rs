//! Promise: segmented files of format 1 stay what they are, and what lies in several parts is the content.
//!
//! Method: two golden files, a base and a segmented file over it, have a builder; both are immutable, and their digests
//! are known by heart. The segmented file is read by the format page alone: its segments are followed by hand, and the
//! content that they give is written in one go and has the version that the file claims.

use barrow_format::record::{PartRecord, SegmentRecord};
use barrow_format::{
    AlignedBytes, Asset, AssetSpec, Bundle, BundleSpec, BundleWriter, Column, Digest, LogicalType,
    MemorySink, PhysicalType, Provenance, RevisionSpec, RevisionWriter, Schema, SeriesMeter,
    SourceRecord, Values,
};
use barrow_tests::content::DAY_NS;

use crate::golden::{NEWEST, assert_written, golden};

/// Names of the golden files: the base, then the segmented file over it.
const GOLDEN: [&str; 2] = ["segments_base.barrow", "segments_head.barrow"];

/// The folders of the revisions that had these files, the newest last, and the digests in each.
const REVISIONS: [(&str, &str); 2] = [
    (
        "v1.1",
        "6a70513f112fe6dce47d6b3db80e29c5cc3b9d18bad4df83e797cadc7a749663  segments_base.barrow\n\
         4aaa36c766fe404cf00cfa3da9b6419307edc99c94c0e7f8c2536a9386697d12  segments_head.barrow",
    ),
    (NEWEST, include_str!("../golden/v1.2/SHA256SUMS")),
];

/// An asset: its symbol, and its bars: day, close, lots, and a rating that only the head has.
type Bars = (&'static str, Vec<(i64, f64, u32, f32)>);

fn bar(day: i32, seed: u16) -> (i64, f64, u32, f32) {
    let close = f64::from(day * 3 + i32::from(seed)) / 8.0;
    (i64::from(day), close, u32::from(seed) * 1000, f32::from_bits(0x7fc0_0000))
}

/// `OLD` has ten bars, `SAME` three, `NONE` none.
fn base() -> Vec<Bars> {
    vec![
        ("NONE", vec![]),
        ("OLD", (0..10).map(|day| bar(day, 1)).collect()),
        ("SAME", (2..5).map(|day| bar(day, 2)).collect()),
    ]
}

/// `OLD` is corrected on its fifth day and goes on for two days, with ratings; `NEW` begins.
fn whole() -> Vec<Bars> {
    let mut all = base();
    let old = &mut all[1].1;
    old[4].1 = -0.0;
    old.extend([(10, 4.5, 7, 1.5), (12, f64::NAN, 8, 2.5)]);
    all.insert(0, ("NEW", vec![(11, 9.75, 1, f32::NAN), (12, 9.5, 2, -1.0)]));
    all
}

fn schema(columns: usize) -> Schema {
    let daily = Schema::daily(&[]).expect("a possible schema");
    let all = [
        Column::new("time", PhysicalType::I64, LogicalType::Timestamp),
        Column::new("close", PhysicalType::F64, LogicalType::Price),
        Column::new("lots", PhysicalType::U32, LogicalType::Volume),
        Column::new("rating", PhysicalType::F32, LogicalType::Plain),
    ];
    let columns = all[..columns].to_vec();
    Schema::new(columns, daily.frequency(), "UTC", daily.stamp(), "").expect("a possible schema")
}

fn spec(assets: &[Bars], columns: usize, source: &str) -> BundleSpec {
    let rows = |bars: &Bars| AssetSpec::new(bars.0, bars.1.len() as u64);
    let source = SourceRecord {
        name: source.to_owned(),
        bytes: 99,
        digest: Digest::of(source.as_bytes()),
        rows: 5,
    };
    BundleSpec {
        schema: schema(columns),
        assets: assets.iter().map(rows).collect(),
        adjustments: vec![],
        provenance: Provenance { tool: "golden 1.1".to_owned(), sources: vec![source] },
    }
}

/// The columns of some bars.
struct Arrays(Vec<i64>, Vec<f64>, Vec<u32>, Vec<f32>);

impl Arrays {
    fn of(bars: &[(i64, f64, u32, f32)]) -> Self {
        Self(
            bars.iter().map(|bar| bar.0 * DAY_NS).collect(),
            bars.iter().map(|bar| bar.1).collect(),
            bars.iter().map(|bar| bar.2).collect(),
            bars.iter().map(|bar| bar.3).collect(),
        )
    }

    fn values(&self) -> [Values<'_>; 4] {
        [Values::I64(&self.0), Values::F64(&self.1), Values::U32(&self.2), Values::F32(&self.3)]
    }
}

fn in_one_go(assets: &[Bars], columns: usize, source: &str) -> Vec<u8> {
    let sink = MemorySink::new();
    let writer = BundleWriter::new(spec(assets, columns, source), &sink).expect("a layout");
    for (place, (_, bars)) in assets.iter().enumerate() {
        let arrays = Arrays::of(bars);
        for (column, values) in arrays.values().into_iter().enumerate().take(columns) {
            writer.put(place, column, values).expect("the planned rows");
        }
    }
    writer.finish().expect("all series");
    sink.into_bytes()
}

fn opened(bytes: &[u8]) -> Bundle<AlignedBytes> {
    Bundle::open(AlignedBytes::copy_of(bytes)).expect("a bundle")
}

fn segment(asset: u32, part: u32, row: u64, rows: u64) -> SegmentRecord {
    SegmentRecord { asset, part, row, rows }
}

/// Own rows: both bars of `NEW`, the corrected bar of `OLD`, and its two later ones.
fn segmented(base: &[u8]) -> Vec<u8> {
    let all = whole();
    let base = opened(base);
    let part = PartRecord {
        digest: *base.digest().as_bytes(),
        bytes: base.as_bytes().len() as u64,
        rows: base.rows() as u64,
    };
    let segments = vec![
        segment(0, 0, 0, 2),
        segment(2, 1, 0, 4),
        segment(2, 0, 2, 1),
        segment(2, 1, 5, 5),
        segment(2, 0, 3, 2),
        segment(3, 1, 10, 3),
    ];
    let (new, old) = (&all[0].1, &all[2].1);
    let own = [new[0], new[1], old[4], old[10], old[11]];
    let spec = RevisionSpec { bundle: spec(&all, 4, "later.csv"), parts: vec![part], segments };
    let sink = MemorySink::new();
    let writer = RevisionWriter::new(spec, &sink).expect("a layout");
    let mut series = writer.series_table(all.len()).expect("memory");
    for (column, mut place) in series.stretches().remove(0).into_iter().enumerate() {
        let own = Arrays::of(&own);
        writer.write_rows(column, 0, own.values()[column]).expect("the own rows");
        for (_, bars) in &all {
            let arrays = Arrays::of(bars);
            let mut meter = SeriesMeter::new(bars.len() as u64);
            meter.push(arrays.values()[column]);
            place.push(&meter.finish(), bars.len() as u64);
        }
    }
    let mut calendar: Vec<i64> =
        all.iter().flat_map(|(_, bars)| bars.iter().map(|bar| bar.0 * DAY_NS)).collect();
    calendar.sort_unstable();
    calendar.dedup();
    writer.finish(series, &calendar).expect("all series");
    sink.into_bytes()
}

/// Returns the golden files of a revision: the base, then the segmented file over it.
fn files((revision, sums): (&str, &str)) -> [Vec<u8>; 2] {
    GOLDEN.map(|name| golden(revision, sums, name))
}

#[test]
fn the_writers_write_the_golden_bytes() {
    let base = in_one_go(&base(), 3, "early.csv");
    let head = segmented(&base);
    for (name, bytes) in GOLDEN.into_iter().zip([base, head]) {
        assert_written(name, &bytes);
    }
}

/// Reads a number at a place of the file.
fn number(bytes: &[u8], at: usize) -> usize {
    let bytes = bytes[at..at + 8].try_into().expect("eight bytes");
    usize::try_from(u64::from_le_bytes(bytes)).expect("a small file")
}

#[test]
fn the_golden_segments_are_followed_by_the_page_alone() {
    let [base, head] = files(REVISIONS[1]);
    let files = [head, base];
    let narrow = |at: usize| {
        let bytes = files[0][at..at + 4].try_into().expect("four bytes");
        u32::from_le_bytes(bytes)
    };
    assert_eq!((narrow(8) >> 16, narrow(12)), (2, 14), "minor version and sections");
    // Directory entry of kind k: 64 bytes at 128 + 64 (k - 1); offset and length at 8 and 16 within it.
    let section = |kind: usize| {
        let entry = 128 + 64 * (kind - 1);
        (number(&files[0], entry + 8), number(&files[0], entry + 16))
    };
    let (parts, parts_len) = section(12);
    let base = opened(&files[1]);
    assert_eq!(parts_len, 48);
    assert_eq!(files[0][parts..parts + 32], *base.digest().as_bytes());
    assert_eq!([32, 40].map(|at| number(&files[0], parts + at)), [files[1].len(), 13]);
    let (segments, len) = section(13);
    let mut closes = vec![Vec::new(); 4];
    for at in (segments..segments + len).step_by(24) {
        let (asset, part) = (narrow(at) as usize, narrow(at + 4) as usize);
        let (row, rows) = (number(&files[0], at + 8), number(&files[0], at + 16));
        let file = &files[part];
        // Record of column 1 in the columns section: its first eight bytes tell where its values begin.
        let columns = number(file, 128 + 64 + 8);
        let start = number(file, columns + 64);
        for row in row..row + rows {
            closes[asset].push(number(file, start + 8 * row) as u64);
        }
    }
    let expected: Vec<Vec<u64>> =
        whole().iter().map(|(_, bars)| bars.iter().map(|bar| bar.1.to_bits()).collect()).collect();
    assert_eq!(closes, expected);
}

#[test]
fn the_golden_parts_together_are_the_content() {
    REVISIONS.into_iter().for_each(assert_content);
}

fn assert_content(revision: (&str, &str)) {
    let [base, head] = files(revision).map(|bytes| opened(&bytes).checking_pages());
    let at_once = opened(&in_one_go(&whole(), 4, "later.csv"));
    assert_eq!(head.version(), at_once.version());
    assert_eq!(head.calendar().expect("times"), at_once.calendar().expect("times"));
    let source = |column: usize, asset: Asset, take: &mut dyn FnMut(Values<'_>)| {
        for segment in head.segments(asset)? {
            let start = usize::try_from(segment.row).expect("a small file");
            let rows = start..start + usize::try_from(segment.rows).expect("a small file");
            if segment.part == 0 {
                take(head.local_values(column, rows)?);
            } else if column < 3 {
                take(base.local_values(column, rows)?);
            } else {
                take(Values::F32(&vec![f32::from_bits(0x7fc0_0000); rows.len()]));
            }
        }
        Ok(())
    };
    for ordinal in 0..head.asset_count() {
        let bad = head.verify_asset_from(ordinal, &source);
        assert!(bad.is_empty(), "{bad:?}");
    }
    let bad = head.verify_structure_from(&source);
    assert!(bad.is_empty() && head.verify().ok(), "{bad:?}");
}
