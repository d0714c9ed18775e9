//! Promise: compressed columns give back every bit, in any order of writing, and the content version and
//! everything but the encoding is that of raw columns.
//!
//! Method: values of every type and of many kinds (walks in cents, any bits, constants, extremes) are
//! written raw and compressed, and compared bit for bit.

#![expect(clippy::unwrap_used, reason = "a test stops at what it does not expect")]

use barrow_format::{
    AlignedBytes, AssetSpec, BlockError, Bundle, BundleSpec, BundleWriter, Column, Compression,
    Encoding, Error, Frequency, LogicalType, MemorySink, PhysicalType, Provenance, Schema, Stamp,
    Values, decode_block, encode_block,
};
use proptest::prelude::*;

/// Words that are drawn into values of every kind: an increment or the value itself, by `kind`.
#[derive(Debug, Clone)]
struct Drawn {
    kind: u8,
    start: i32,
    words: Vec<u64>,
}

fn drawn(rows_max: usize) -> impl Strategy<Value = Drawn> {
    let words = prop::collection::vec(any::<u64>(), 0..rows_max);
    (0u8..8, any::<i32>(), words).prop_map(|(kind, start, words)| Drawn { kind, start, words })
}

const ODD_FLOATS: [f64; 8] = [
    0.0,
    -0.0,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
    f64::MIN_POSITIVE / 2.0,
    f64::MAX,
    f64::MIN,
];

fn small(word: u64, below: u64) -> i32 {
    i32::try_from(word % below).unwrap()
}

/// The drawn words as integers of up to 64 bits.
fn integers(drawn: &Drawn) -> Vec<i64> {
    let mut sum = i64::from(drawn.start);
    let extremes = [i64::MIN, i64::MAX, 0, -1];
    let value = |&word: &u64| match drawn.kind {
        0 => i64::from(drawn.start),
        1 => word.cast_signed(),
        2 => extremes[usize::try_from(word % 4).unwrap()],
        3 => word.cast_signed() >> 40,
        4 if word % 97 == 0 => word.cast_signed(),
        5 => {
            sum += 60_000_000_000 * (1 + i64::from(word % 50 == 0) * 1000);
            sum
        }
        _ => {
            sum = sum.wrapping_add(i64::from(small(word, 401) - 200));
            sum
        }
    };
    drawn.words.iter().map(value).collect()
}

fn floats(drawn: &Drawn) -> Vec<f64> {
    let mut cents = drawn.start % 100_000;
    let value = |&word: &u64| match drawn.kind {
        0 => f64::from(drawn.start) / 7.0,
        1 => f64::from_bits(word),
        2 => ODD_FLOATS[usize::try_from(word % 8).unwrap()],
        3 if word % 3 == 0 => f64::from_bits(0x7ff8_0000_0000_0000 | word >> 13),
        4 => f64::from(small(word, 1_000_000)) * 100.0,
        5 => f64::from(small(word, 1_000_000)) / 1e6 + f64::from(drawn.start),
        6 => f64::from(small(word, 1_000_000)).sqrt(),
        _ => {
            cents += small(word, 201) - 100;
            f64::from(cents) / 100.0
        }
    };
    drawn.words.iter().map(value).collect()
}

fn narrow(value: i64) -> [u8; 4] {
    let [a, b, c, d, ..] = value.to_le_bytes();
    [a, b, c, d]
}

#[expect(clippy::cast_possible_truncation, reason = "rounding to f32 is what is meant")]
fn narrow_float(value: f64) -> f32 {
    if value.is_nan() { f32::from_bits(0x7fc0_1234) } else { value as f32 }
}

/// Owned values of any type, and how the writer sees them.
fn with_values(physical: PhysicalType, drawn: &Drawn, check: &mut dyn FnMut(Values<'_>)) {
    let integers = || integers(drawn);
    match physical {
        PhysicalType::F64 => check(Values::F64(&floats(drawn))),
        PhysicalType::F32 if drawn.kind == 1 => {
            let bits = integers().into_iter().map(|v| f32::from_le_bytes(narrow(v)));
            check(Values::F32(&bits.collect::<Vec<_>>()));
        }
        PhysicalType::F32 => {
            check(Values::F32(&floats(drawn).into_iter().map(narrow_float).collect::<Vec<_>>()));
        }
        PhysicalType::I64 => check(Values::I64(&integers())),
        PhysicalType::I32 => {
            let values = integers().into_iter().map(|v| i32::from_le_bytes(narrow(v)));
            check(Values::I32(&values.collect::<Vec<_>>()));
        }
        PhysicalType::U32 => {
            let values = integers().into_iter().map(|v| u32::from_le_bytes(narrow(v)));
            check(Values::U32(&values.collect::<Vec<_>>()));
        }
        PhysicalType::U8 => {
            let values = integers().into_iter().map(|v| v.to_le_bytes()[0]);
            check(Values::U8(&values.collect::<Vec<_>>()));
        }
    }
}

fn assert_comes_back(values: Values<'_>) {
    for compression in [Compression::None, Compression::Zstd, Compression::Auto] {
        let block = encode_block(values, compression);
        assert_eq!(block, encode_block(values, compression), "the same bytes each time");
        let mut out = vec![0xa5; values.as_bytes().len()];
        decode_block(&block, values.physical(), values.len(), &mut out).unwrap();
        assert!(out == values.as_bytes(), "{compression}, codec {}", block[0]);
        assert!(block.len() <= 1 + out.len(), "{compression} is never longer than raw");
    }
}

macro_rules! round_trips {
    ($($name:ident: $physical:ident;)*) => {
        proptest! {
            #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..Default::default() })]
            $(#[test]
            fn $name(drawn in drawn(1200)) {
                with_values(PhysicalType::$physical, &drawn, &mut assert_comes_back);
            })*
        }
    };
}

round_trips! {
    f64_comes_back: F64;
    f32_comes_back: F32;
    i64_comes_back: I64;
    i32_comes_back: I32;
    u32_comes_back: U32;
    u8_comes_back: U8;
}

#[test]
fn full_blocks_come_back() {
    let mut word = 1u64;
    let mut next = || {
        word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        word.rotate_left(29)
    };
    for kind in 0..8 {
        for rows in [4095, 4096] {
            let words = (0..rows).map(|_| next()).collect();
            let drawn = Drawn { kind, start: 12_345, words };
            for physical in PhysicalType::ALL {
                with_values(physical, &drawn, &mut assert_comes_back);
            }
        }
    }
}

#[test]
fn prices_in_cents_shrink() {
    let words: Vec<u64> =
        (0..4096u64).map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 7).collect();
    let values = floats(&Drawn { kind: 7, start: 10_000, words });
    let block = encode_block(Values::F64(&values), Compression::Auto);
    assert!(block.len() * 7 < values.len() * 8, "{} bytes", block.len());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..Default::default() })]

    /// Blocks that lie: any change of a real block, and bytes that were never one.
    #[test]
    fn hostile_blocks_are_values_or_errors(drawn in drawn(300), changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6), cut in prop::option::of(any::<prop::sample::Index>()), rows in prop::option::of(0usize..5000), nothing in any::<bool>()) {
        for physical in PhysicalType::ALL {
            let mut block = Vec::new();
            let mut len = 0;
            with_values(physical, &drawn, &mut |values| {
                block = encode_block(values, Compression::Auto);
                len = values.len();
            });
            if nothing {
                block = drawn.words.iter().flat_map(|word| word.to_le_bytes()).collect();
                if let Some(first) = block.first_mut() {
                    *first %= 8;
                }
            }
            for (at, value) in &changes {
                if !block.is_empty() {
                    let at = at.index(block.len());
                    block[at] = *value;
                }
            }
            if let Some(cut) = cut {
                block.truncate(cut.index(block.len() + 1));
            }
            let rows = rows.unwrap_or(len);
            let mut out = vec![0; rows * physical.width()];
            let outcome = decode_block(&block, physical, rows, &mut out);
            prop_assert!(rows <= 4096 || outcome.is_err());
        }
    }
}

#[test]
fn codecs_are_refused_for_the_wrong_type_and_when_unknown() {
    let block = encode_block(Values::F64(&[0.25, 0.5, 0.75, 9.0]), Compression::Auto);
    let mut out = [0; 32];
    let wrong = decode_block(&[7, 1, 2], PhysicalType::I64, 4, &mut out);
    assert_eq!(wrong, Err(BlockError::Codec { codec: 7, physical: PhysicalType::I64 }));
    assert!(decode_block(&block, PhysicalType::F64, 4, &mut out).is_ok());
    assert!(decode_block(&block, PhysicalType::F64, 3, &mut out).is_err());
    assert!(decode_block(&[], PhysicalType::F64, 4, &mut out).is_err());
}

const COLUMNS: [(&str, PhysicalType); 7] = [
    ("time", PhysicalType::I64),
    ("close", PhysicalType::F64),
    ("ratio", PhysicalType::F32),
    ("cents", PhysicalType::I64),
    ("delta", PhysicalType::I32),
    ("trades", PhysicalType::U32),
    ("flag", PhysicalType::U8),
];

fn spec(rows: &[usize]) -> BundleSpec {
    let column = |(name, physical)| {
        let logical = if name == "time" { LogicalType::Timestamp } else { LogicalType::Plain };
        Column::new(name, physical, logical)
    };
    let columns = COLUMNS.into_iter().map(column).collect();
    let assets = rows.iter().enumerate();
    BundleSpec {
        schema: Schema::new(columns, Frequency::Irregular, "UTC", Stamp::BarEnd, "").unwrap(),
        assets: assets.map(|(i, &rows)| AssetSpec::new(format!("A{i}"), rows as u64)).collect(),
        adjustments: Vec::new(),
        provenance: Provenance::default(),
    }
}

fn values_of(asset: usize, column: usize, rows: usize, check: &mut dyn FnMut(Values<'_>)) {
    let seed = (asset * 31 + column) as u64;
    let words = (0..rows as u64).map(|i| (i + seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 3);
    let kind = if column == 0 { 5 } else { 7 };
    let drawn = Drawn { kind, start: 1000, words: words.collect() };
    with_values(COLUMNS[column].1, &drawn, check);
}

/// Writes the series in an order by `stride`, each in pieces of `piece` rows.
fn write(rows: &[usize], compression: &[Compression], stride: usize, piece: usize) -> Vec<u8> {
    let sink = MemorySink::new();
    let writer = BundleWriter::compressed(spec(rows), &sink, compression).unwrap();
    let places = rows.len() * COLUMNS.len();
    for step in 0..places {
        let place = step * stride % places;
        let (asset, column) = (place % rows.len(), place / rows.len());
        values_of(asset, column, rows[asset], &mut |values| {
            let mut series = writer.series(asset, column).unwrap();
            for start in (0..values.len()).step_by(piece) {
                let end = values.len().min(start + piece);
                series.push(values.slice(start..end).unwrap()).unwrap();
            }
            series.finish().unwrap();
        });
    }
    writer.finish().unwrap();
    sink.into_bytes()
}

const MIXED: [Compression; 7] = [
    Compression::Auto,
    Compression::None,
    Compression::Zstd,
    Compression::Auto,
    Compression::None,
    Compression::Auto,
    Compression::Auto,
];

#[test]
fn bundles_come_back_from_any_order_and_pieces() {
    let rows = [4097, 0, 1, 9000, 4096];
    let raw = write(&rows, &[], 1, 10_000);
    let raw_bundle = Bundle::open(AlignedBytes::copy_of(&raw)).unwrap();
    for compression in [MIXED, [Compression::Auto; 7], [Compression::Zstd; 7]] {
        let bytes = write(&rows, &compression, 1, 10_000);
        assert_eq!(bytes, write(&rows, &compression, 11, 1000), "order and pieces do not matter");
        assert_eq!(bytes, write(&rows, &compression, 2, 4096), "order and pieces do not matter");
        assert!(bytes.len() < raw.len());
        let bundle = Bundle::open(AlignedBytes::copy_of(&bytes)).unwrap();
        let found = bundle.verify();
        assert!(found.ok(), "{:?}", found.bad);
        assert_eq!(bundle.version(), raw_bundle.version());
        assert_eq!((raw[10], bytes[10]), (2, 2), "both are of format 1.2");
        for (column, compression) in compression.iter().enumerate() {
            let compressed = *compression != Compression::None;
            let encoding = if compressed { Encoding::Blocks } else { Encoding::Raw };
            assert_eq!(bundle.encoding(column), encoding);
            assert_eq!(bundle.column(column).is_err(), compressed);
            for (place, &rows) in (0u32..).zip(&rows) {
                let asset = bundle.asset_at(place).unwrap();
                let ordinal = usize::try_from(place).unwrap();
                let buf = bundle.read_series(column, asset).unwrap();
                values_of(ordinal, column, rows, &mut |values| {
                    assert!(buf.values().as_bytes() == values.as_bytes());
                    let zones = bundle.series_zones(column, asset).unwrap();
                    let expected = if compressed || rows > 4096 { rows.div_ceil(4096) } else { 0 };
                    assert_eq!(zones.len(), expected);
                });
            }
        }
    }
}

#[test]
fn parts_of_a_series_are_read_alone() {
    let rows = [9000, 3];
    let bytes = write(&rows, &[Compression::Auto; 7], 1, 10_000);
    let bundle = Bundle::open(AlignedBytes::copy_of(&bytes)).unwrap();
    let asset = bundle.asset_at(0).unwrap();
    for (start, end) in
        [(0, 9000), (0, 0), (9000, 9000), (17, 18), (4095, 4097), (4096, 8192), (5000, 9000)]
    {
        for (column, (_, physical)) in COLUMNS.into_iter().enumerate() {
            let width = physical.width();
            let mut out = vec![0; (end - start) * width];
            bundle.read_rows(column, asset, start..end, &mut out).unwrap();
            values_of(0, column, 9000, &mut |values| {
                assert!(out == values.as_bytes()[start * width..end * width]);
            });
        }
    }
    let mut out = vec![0; 16];
    let beyond = bundle.read_rows(0, asset, 8999..9001, &mut out);
    assert!(matches!(beyond, Err(Error::Rows { start: 8999, end: 9001, rows: 9000 })));
    let backwards = std::ops::Range { start: 5, end: 4 };
    assert!(matches!(bundle.read_rows(0, asset, backwards, &mut []), Err(Error::Rows { .. })));
    let tight = bundle.read_rows(0, asset, 0..3, &mut out);
    assert!(matches!(tight, Err(Error::Room { expected: 24, found: 16 })));
    assert!(matches!(bundle.read_rows(7, asset, 0..2, &mut out), Err(Error::NoColumn { .. })));
}
