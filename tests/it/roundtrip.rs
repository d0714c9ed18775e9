//! Promise: what is written is what is read, bit for bit, for every type, NaN payload, gap and size.
//!
//! Method: random content in plain vectors is written and read back, and every answer of the reader is
//! compared with one computed naively from the vectors.

use std::ops::Range;

use barrow_format::{Adjustment, Bound, Bundle, Compression, Encoding, Error, Stats, Values};
use barrow_tests::content::{AssetContent, Content, Shape};
use proptest::prelude::*;

/// Statistics by the definition in docs/format.md, one value at a time.
fn naive_stats(values: Values<'_>) -> Stats {
    let floats: Option<Vec<f64>> = match values {
        Values::F64(v) => Some(v.to_vec()),
        Values::F32(v) => Some(v.iter().copied().map(f64::from).collect()),
        _ => None,
    };
    if let Some(floats) = floats {
        let present: Vec<f64> = floats.iter().copied().filter(|v| !v.is_nan()).collect();
        let min = present.iter().copied().reduce(|a, b| if b < a { b } else { a });
        let max = present.iter().copied().reduce(|a, b| if b > a { b } else { a });
        // Adding positive zero turns a negative zero into a positive one and changes nothing else.
        let bounds = min.zip(max).map(|(a, b)| (Bound::Float(a + 0.0), Bound::Float(b + 0.0)));
        let null_count = (floats.len() - present.len()) as u64;
        return Stats { bounds, null_count };
    }
    let ints: Vec<i64> = match values {
        Values::I64(v) => v.to_vec(),
        Values::I32(v) => v.iter().copied().map(i64::from).collect(),
        Values::U32(v) => v.iter().copied().map(i64::from).collect(),
        Values::U8(v) => v.iter().copied().map(i64::from).collect(),
        Values::F64(_) | Values::F32(_) => Vec::new(),
    };
    let bounds = ints.iter().min().zip(ints.iter().max());
    Stats { bounds: bounds.map(|(a, b)| (Bound::Int(*a), Bound::Int(*b))), null_count: 0 }
}

/// The rows of the calendar that an asset spans, when it has a bar at each of them.
fn naive_calendar_range(asset: &AssetContent, calendar: &[i64]) -> Option<Range<usize>> {
    let (first, last) = (asset.times().first()?, asset.times().last()?);
    let start = calendar.iter().position(|t| t == first)?;
    let end = calendar.iter().position(|t| t == last)? + 1;
    (end - start == asset.rows()).then_some(start..end)
}

/// Compares every answer of the reader with the content.
pub(crate) fn assert_holds<B: AsRef<[u8]>>(bundle: &Bundle<B>, content: &Content) {
    let calendar = content.calendar();
    assert_eq!(bundle.schema(), &content.schema);
    assert_eq!(bundle.rows(), content.rows());
    assert_eq!(bundle.asset_count() as usize, content.assets.len());
    assert_eq!(bundle.calendar().expect("a calendar"), calendar);
    let mut whole: Vec<Vec<u8>> = vec![Vec::new(); content.schema.columns().len()];
    let mut row = 0;
    for (place, model) in content.assets.iter().enumerate() {
        let ordinal = u32::try_from(place).expect("few assets");
        let asset = bundle.asset_at(ordinal).expect("an asset");
        assert_eq!(bundle.asset(&model.symbol).expect("a look-up"), Some(asset));
        assert_eq!(bundle.symbol(asset).expect("a symbol"), model.symbol);
        assert_eq!(bundle.metadata(asset).expect("metadata"), model.metadata);
        assert_eq!(asset.row_range(), row..row + model.rows());
        assert_eq!(asset.first_time(), model.times().first().copied());
        assert_eq!(asset.last_time(), model.times().last().copied());
        if model.rows() > 0 {
            assert_eq!(asset.calendar_range(), naive_calendar_range(model, &calendar));
        }
        for (index, series) in model.series.iter().enumerate() {
            let read = bundle.read_series(index, asset).expect("a series");
            assert_eq!(read.values().physical(), series.values().physical());
            assert_eq!(read.values().as_bytes(), series.values().as_bytes());
            if bundle.encoding(index) == Encoding::Raw {
                let mapped = bundle.series(index, asset).expect("a series in place");
                assert_eq!(mapped.as_bytes(), series.values().as_bytes());
            }
            let stats = bundle.series_stats(index, asset).expect("statistics");
            assert_eq!(stats, naive_stats(series.values()), "`{}` {index}", model.symbol);
            whole[index].extend(series.values().as_bytes());
        }
        row += model.rows();
    }
    for (index, bytes) in whole.iter().enumerate() {
        if bundle.encoding(index) != Encoding::Raw {
            assert!(matches!(bundle.column(index), Err(Error::Compressed { .. })));
            continue;
        }
        assert_eq!(bundle.column(index).expect("a column").as_bytes(), bytes);
    }
    assert_eq!(bundle.asset("no such symbol").expect("a look-up"), None);
    let key = |a: &Adjustment| (a.asset, a.time, a.kind);
    let mut adjustments = content.adjustments.clone();
    adjustments.sort_by_key(key);
    assert_eq!(bundle.adjustments().expect("adjustments"), adjustments);
    let mut provenance = content.provenance.clone();
    provenance.sources.sort();
    assert_eq!(bundle.provenance().expect("provenance"), provenance);
}

fn shapes() -> impl Strategy<Value = Shape> {
    (0..6_usize, 0..40_usize, 0..7_usize, 0..5_usize).prop_map(
        |(assets, rows_max, columns, adjustments)| Shape { assets, rows_max, columns, adjustments },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_200, failure_persistence: None, ..Default::default() })]

    #[test]
    fn what_is_written_is_what_is_read(seed: u64, shape in shapes()) {
        let content = Content::random(seed, shape);
        let (bytes, written) = content.write().expect("random content can be written");
        prop_assert_eq!(written.file_len, bytes.as_ref().len() as u64);
        let bundle = Bundle::open(bytes).expect("what was written opens");
        prop_assert_eq!(bundle.version(), written.version);
        prop_assert_eq!(bundle.digest(), written.digest);
        let found = bundle.verify();
        prop_assert!(found.ok(), "{:?}", found);
        assert_holds(&bundle, &content);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..Default::default() })]

    #[test]
    fn long_series_too(seed: u64) {
        let shape = Shape { assets: 3, rows_max: 13_000, columns: 3, adjustments: 2 };
        let content = Content::random(seed, shape);
        let (bytes, _) = content.write().expect("random content can be written");
        let bundle = Bundle::open(bytes).expect("what was written opens");
        prop_assert!(bundle.verify().ok());
        assert_holds(&bundle, &content);
        for (place, model) in content.assets.iter().enumerate() {
            let asset = bundle.asset_at(u32::try_from(place).expect("few")).expect("an asset");
            for (index, series) in model.series.iter().enumerate() {
                let zones: Vec<(u64, Stats)> =
                    bundle.series_zones(index, asset).expect("zones").collect();
                let rows = series.values().len();
                let starts = (0..rows).step_by(4096).filter(|_| rows > 4096);
                let naive: Vec<(u64, Stats)> = starts
                    .map(|s| series.values().slice(s..rows.min(s + 4096)).expect("in range"))
                    .map(|zone| (zone.len() as u64, naive_stats(zone)))
                    .collect();
                prop_assert_eq!(zones, naive);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn compressed_columns_hold_the_same(seed: u64, shape in shapes(), kinds in prop::collection::vec(0..3_usize, 8)) {
        let kinds = kinds.into_iter().map(|kind| COMPRESSIONS[kind]).collect::<Vec<_>>();
        let content = Content::random(seed, shape);
        let (bytes, written) = content.write_compressed(&kinds).expect("it can be written");
        let (_, raw) = content.write().expect("it can be written");
        prop_assert_eq!(written.version, raw.version, "the version is that of the content");
        let bundle = Bundle::open(bytes).expect("what was written opens");
        let found = bundle.verify();
        prop_assert!(found.ok(), "{:?}", found);
        assert_holds(&bundle, &content);
    }
}

const COMPRESSIONS: [Compression; 3] = [Compression::None, Compression::Zstd, Compression::Auto];
