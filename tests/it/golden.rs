//! Promise: files of format 1 stay what they are: the writer writes those of the newest revision byte for byte, the reader
//! reads those of every revision value for value, for ever.
//!
//! Method: each golden file has a function that builds its content. These functions and the files are
//! immutable: a new feature gets a new file. `SHA256SUMS` stands beside them, so that a rewritten file
//! shows even when its builder was changed with it.

use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

use barrow_format::{
    Adjustment, AdjustmentKind, AlignedBytes, Bundle, Column, Digest, Frequency, LogicalType,
    PhysicalType, Provenance, Schema, SourceRecord, Stamp, Values,
};
use barrow_tests::checkout;
use barrow_tests::content::{AssetContent, Content, DAY_NS, Series};

/// The folders of the revisions that had these files, the newest last, and the digests in each.
const REVISIONS: [(&str, &str); 2] = [
    ("v1", include_str!("../golden/v1/SHA256SUMS")),
    (NEWEST, include_str!("../golden/v1.2/SHA256SUMS")),
];

/// The folder of what the writer writes.
pub(crate) const NEWEST: &str = "v1.2";

/// Returns the path of a golden file of a revision.
pub(crate) fn path_of(revision: &str, name: &str) -> PathBuf {
    checkout().join("tests/golden").join(revision).join(name)
}

/// Returns the bytes of a golden file, after comparing them with the published digests.
pub(crate) fn golden(revision: &str, sums: &str, name: &str) -> Vec<u8> {
    let bytes = fs::read(path_of(revision, name)).expect("a golden file");
    let line = sums_line(name, &bytes);
    assert!(sums.lines().any(|l| l == line), "`{line}` is not in SHA256SUMS of {revision}");
    bytes
}

/// Asserts that bytes just written are those of the golden file of the newest revision. With an environment variable set, a
/// NEW golden file is made, whose digest is then to be put beside it; an old one is never replaced.
pub(crate) fn assert_written(name: &str, bytes: &[u8]) {
    let path = path_of(NEWEST, name);
    if std::env::var_os("BARROW_NEW_GOLDEN").is_some() && !path.exists() {
        return fs::write(&path, bytes).expect("a new golden file");
    }
    let golden = golden(NEWEST, REVISIONS[1].1, name);
    let first = golden.iter().zip(bytes).position(|(a, b)| a != b);
    assert_eq!(first, None, "`{name}` differs at this byte");
    assert_eq!(golden.len(), bytes.len(), "`{name}` has this length");
}

/// Every type, missing values, an empty asset, metadata, every kind of adjustment.
fn build_all_types() -> Content {
    let column = Column::new;
    let schema = Schema::new(
        vec![
            column("time", PhysicalType::I64, LogicalType::Timestamp),
            column("close", PhysicalType::F64, LogicalType::Price),
            column("volume", PhysicalType::F64, LogicalType::Volume),
            column("ratio", PhysicalType::F32, LogicalType::Plain),
            column("cents", PhysicalType::I64, LogicalType::Decimal { scale: 2 }),
            column("delta", PhysicalType::I32, LogicalType::Plain),
            column("trades", PhysicalType::U32, LogicalType::Volume),
            column("flag", PhysicalType::U8, LogicalType::Plain),
        ],
        Frequency::Daily,
        "America/New_York",
        Stamp::Session,
        "XNYS",
    )
    .expect("a possible schema");
    let assets = assets_of_all_types();
    let adjustment =
        |asset, day: i64, kind, value| Adjustment { asset, time: day * DAY_NS, kind, value };
    let adjustments = vec![
        adjustment(0, 14_001, AdjustmentKind::Split, 50.0),
        adjustment(0, 14_005, AdjustmentKind::CashDividend, 0.37),
        adjustment(2, 14_002, AdjustmentKind::Merger, 1.25),
    ];
    let source = |name: &str, rows| SourceRecord {
        name: name.to_owned(),
        bytes: 321,
        digest: Digest::of(name.as_bytes()),
        rows,
    };
    let sources = vec![source("brk.csv", 3), source("nikkei.csv", 2)];
    let provenance = Provenance { tool: "golden 1".to_owned(), sources };
    Content { schema, assets, adjustments, provenance }
}

fn assets_of_all_types() -> Vec<AssetContent> {
    let nan = f64::from_bits(0x7ff8_0000_0000_beef);
    vec![
        AssetContent {
            symbol: "BRK.B".to_owned(),
            metadata: r#"{"name":"Berkshire Hathaway"}"#.to_owned(),
            series: vec![
                Series::I64(vec![14_000 * DAY_NS, 14_001 * DAY_NS, 14_005 * DAY_NS]),
                Series::F64(vec![80.25, 80.5, nan]),
                Series::F64(vec![1_000_000.0, 0.0, 5_000_000_000.0]),
                Series::F32(vec![0.1, f32::NAN, -0.0]),
                Series::I64(vec![8025, 8050, -1]),
                Series::I32(vec![i32::MIN, 0, i32::MAX]),
                Series::U32(vec![0, 1, u32::MAX]),
                Series::U8(vec![0, 1, 255]),
            ],
        },
        AssetContent {
            symbol: "EMPTY".to_owned(),
            metadata: String::new(),
            series: vec![
                Series::I64(vec![]),
                Series::F64(vec![]),
                Series::F64(vec![]),
                Series::F32(vec![]),
                Series::I64(vec![]),
                Series::I32(vec![]),
                Series::U32(vec![]),
                Series::U8(vec![]),
            ],
        },
        AssetContent {
            symbol: "\u{65e5}\u{7d4c}".to_owned(),
            metadata: String::new(),
            series: vec![
                Series::I64(vec![14_001 * DAY_NS, 14_002 * DAY_NS]),
                Series::F64(vec![9_876.54, 9_877.0]),
                Series::F64(vec![12.0, 13.0]),
                Series::F32(vec![1.5, 2.5]),
                Series::I64(vec![i64::MIN, i64::MAX]),
                Series::I32(vec![-7, 7]),
                Series::U32(vec![70, 71]),
                Series::U8(vec![7, 8]),
            ],
        },
    ]
}

/// Series longer than a zone, exactly a zone, and one row more; values from integer arithmetic alone.
fn build_zones() -> Content {
    let schema = Schema::new(
        vec![
            Column::new("time", PhysicalType::I64, LogicalType::Timestamp),
            Column::new("close", PhysicalType::F64, LogicalType::Price),
        ],
        Frequency::Intraday { step_ns: 60_000_000_000 },
        "UTC",
        Stamp::BarEnd,
        "",
    )
    .expect("a possible schema");
    let assets = [("LONG", 9_000), ("ONE", 4_096), ("TWO", 4_097)]
        .into_iter()
        .map(|(symbol, rows)| {
            let minute = |i: i32| i64::from(i) * 60_000_000_000;
            let close = |i: i32| f64::from((i * 7_919) % 10_007) / 4.0;
            AssetContent {
                symbol: symbol.to_owned(),
                metadata: String::new(),
                series: vec![
                    Series::I64((0..rows).map(minute).collect()),
                    Series::F64((0..rows).map(close).collect()),
                ],
            }
        })
        .collect();
    let provenance = Provenance { tool: "golden 1".to_owned(), sources: Vec::new() };
    Content { schema, assets, adjustments: Vec::new(), provenance }
}

/// No asset at all.
fn build_empty() -> Content {
    Content {
        schema: Schema::daily(&[]).expect("a possible schema"),
        assets: Vec::new(),
        adjustments: Vec::new(),
        provenance: Provenance::default(),
    }
}

/// Name of the file, and what builds its content.
type Golden = (&'static str, fn() -> Content);

const GOLDEN: [Golden; 3] = [
    ("all_types.barrow", build_all_types),
    ("zones.barrow", build_zones),
    ("empty.barrow", build_empty),
];

/// The lines of `SHA256SUMS`: digest of the bytes, two spaces, name.
fn sums_line(name: &str, bytes: &[u8]) -> String {
    let mut line = String::new();
    write!(line, "{}  {name}", Digest::of(bytes)).expect("a string takes it");
    line
}

#[test]
fn the_writer_writes_the_golden_bytes() {
    for (name, build) in GOLDEN {
        let (bytes, _) = build().write().expect("golden content can be written");
        assert_written(name, bytes.as_ref());
    }
}

#[test]
fn the_reader_reads_the_golden_values() {
    for (revision, sums) in REVISIONS {
        for (name, build) in GOLDEN {
            let content = build();
            let golden = golden(revision, sums, name);
            let bundle = Bundle::open(AlignedBytes::copy_of(&golden)).expect("a golden file opens");
            assert!(bundle.verify().ok(), "`{name}`: {:?}", bundle.verify());
            crate::roundtrip::assert_holds(&bundle, &content);
            let bundle = bundle.checking_pages();
            assert_eq!(bundle.checks_pages(), revision == NEWEST);
            crate::roundtrip::assert_holds(&bundle, &content);
        }
    }
}

#[test]
fn golden_versions_are_known_by_heart() {
    let known = [
        ("all_types.barrow", "9dca03e01ece0f936fd9b84a0dfb471e56e3a8abe00864ebe38f075255aaacd7"),
        ("zones.barrow", "2529078337b08e6a45c7dc250276fb7d2611cfc216997ff279d5f67f32ab1e72"),
        ("empty.barrow", "91fe26d7961f740ef3c0594917c16bc80698411c5723ea0c1fedabc2eefab1f4"),
    ];
    for ((name, version), (revision, sums)) in
        known.into_iter().flat_map(|it| REVISIONS.map(|revision| (it, revision)))
    {
        let golden = golden(revision, sums, name);
        let bundle = Bundle::open(AlignedBytes::copy_of(&golden)).expect("a golden file opens");
        assert_eq!(bundle.version().to_string(), version, "`{name}`");
    }
}

#[test]
fn values_lie_at_the_bytes_that_the_page_names() {
    // Read by hand from docs/format.md, with no help from the reader: superblock, directory entry 2
    // (kind 2, columns), record of column 1, then its first value.
    let golden = fs::read(path_of(NEWEST, "all_types.barrow")).expect("a golden file");
    let u64_at =
        |at: usize| u64::from_le_bytes(golden[at..at + 8].try_into().expect("eight bytes"));
    let at = |offset: u64| usize::try_from(offset).expect("a small file");
    assert_eq!(u64_at(16), golden.len() as u64);
    let columns = at(u64_at(128 + 64 + 8));
    let close = at(u64_at(columns + 64));
    assert_eq!(f64::from_bits(u64_at(close)), 80.25);
    assert_eq!(u64_at(close + 16), 0x7ff8_0000_0000_beef, "a NaN keeps its payload");
    let bundle = Bundle::open(AlignedBytes::copy_of(&golden)).expect("a golden file opens");
    let Values::F64(values) = bundle.column(1).expect("the closes") else {
        panic!("closes are f64");
    };
    assert_eq!(values[1], 80.5);

    // The check words of the pages: directory entry 12 (kind 14), one word for each page but the first before them.
    let checks = at(u64_at(128 + 11 * 64 + 8));
    assert_eq!(u64_at(128 + 11 * 64), 0x8_0000_000e, "kind and length of a record");
    for page in 1..checks / 4096 {
        let word = |i: usize| u64_at(page * 4096 + 8 * i);
        let sum = (0..512u64).zip((0..512).map(word)).fold(0u64, |sum, (i, word)| {
            let factor = 0x9E37_79B9_7F4A_7C15u64.wrapping_mul(2 * i + 1);
            sum.wrapping_add((word ^ word >> 32).wrapping_mul(factor))
        });
        assert_eq!(u64_at(checks + 8 * (page - 1)), sum, "page {page}");
    }
}
