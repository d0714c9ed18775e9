//! Short reads: few rows of long series, compressed and of several files, against the same rows of whole series. What is
//! damaged elsewhere in a series does not keep them from being read, so no other block is.

use std::ops::Range;

use barrow_format::{Compression, Values, encode_block};

use crate::catalog::Catalog;
use crate::error::Error;
use crate::pool::BundlePool;
use crate::query::{Answer, AsOf, Query};
use crate::reading::lease::Lease;
use crate::testing::{self, DAY, Listing, append, publish, publish_compressed, value};

/// Two long assets, the second with gaps, and a short one.
fn listings(until: i64) -> Vec<Listing> {
    let gaps = (0..until).filter(|day| day % 3 != 1 && day % 1000 > 20);
    vec![
        Listing::new("A", 0..until),
        Listing::new("B", gaps),
        Listing::new("C", 5000..5010.min(until)),
    ]
}

/// Leases a version that lies in one raw file, in a compressed one, in segments over either.
fn leases() -> Vec<(&'static str, Lease)> {
    let dir = testing::dir();
    let catalog = Catalog::at(dir.path());
    publish(&catalog, "raw", &listings(10_000), 3);
    publish(&catalog, "raw-parts", &listings(9000), 3);
    publish_compressed(&catalog, "auto", &listings(10_000), 3, Compression::Auto);
    publish_compressed(&catalog, "auto-parts", &listings(9000), 3, Compression::Auto);
    for name in ["raw-parts", "auto-parts"] {
        for symbol in ["A", "B"] {
            append(&catalog, name, symbol, &(9000..9400).collect::<Vec<_>>());
            append(&catalog, name, symbol, &(9400..9402).collect::<Vec<_>>());
        }
    }
    let names = ["raw", "auto", "raw-parts", "auto-parts"];
    names.map(|name| (name, BundlePool::new(0).lease(&catalog, name).unwrap())).into()
}

/// Ranges of rows about the ends of blocks.
fn ranges(rows: usize) -> impl Iterator<Item = Range<usize>> {
    let starts = [0, 1, 4094, 4095, 4096, 4097, 8191, 8192, rows - 5, rows - 1];
    let lens = [1, 2, 3, 20, 4096, 4097, 8193];
    let range = move |start: usize| lens.map(|len| start..(start + len).min(rows));
    starts.into_iter().filter(move |start| *start < rows).flat_map(range)
}

#[test]
fn rows_of_few_blocks_are_those_of_the_series() {
    for (name, lease) in leases() {
        let columns = lease.schema().columns().len();
        for asset in lease.assets() {
            let asset = asset.unwrap();
            // A lease that has decoded the series.
            let whole = lease.apart();
            let whole = whole.bars(asset);
            let times = whole.times().unwrap();
            let again = lease.apart();
            for rows in ranges(times.len()) {
                let apart = lease.apart();
                for lease in [&apart, &again] {
                    let bars = lease.bars(asset).within(times[rows.start]..=times[rows.end - 1]);
                    let bars = bars.unwrap();
                    assert_eq!(bars.len(), rows.len(), "{name}, rows {rows:?}");
                    for column in 0..columns {
                        let expected = whole.column_at(column).unwrap().slice(rows.clone());
                        let found = bars.column_at(column).unwrap();
                        assert_eq!(Some(found), expected, "{name}, rows {rows:?} of {column}");
                    }
                }
            }
        }
    }
}

#[test]
fn panels_and_cross_sections_are_those_of_the_series() {
    for (name, lease) in leases() {
        let series: Vec<_> = lease.assets().map(|asset| lease.bars(asset.unwrap())).collect();
        let calendar = lease.calendar();
        let expected = |time: i64| -> Vec<u64> {
            let at = |bars: &crate::reading::bars::Bars<'_>| match bars.time().binary_search(&time)
            {
                Ok(row) => bars.close()[row],
                Err(_) => f64::NAN,
            };
            series.iter().map(|bars| at(bars).to_bits()).collect()
        };
        let bits = |values: &[f64]| values.iter().map(|it| it.to_bits()).collect::<Vec<_>>();
        let again = lease.apart();
        for at in [0, 1, 2, 4095, 4096, 5004, 8200, 9100, calendar.len() - 1] {
            let time = calendar[at];
            for lease in [&lease.apart(), &again] {
                let found = lease.cross_section("close", time).unwrap();
                assert_eq!(bits(&found), expected(time), "{name} at {at}");
                let panel = lease.panel("close", time..time + 3 * DAY).unwrap();
                for (row, time) in panel.times.iter().enumerate() {
                    assert_eq!(bits(panel.row(row)), expected(*time), "{name} at {at} + {row}");
                }
            }
        }
        assert!(lease.cross_section("close", 3).unwrap().iter().all(|value| value.is_nan()));
    }
}

/// Leases a bundle of one compressed asset of 10,000 days whose second block of closes is damaged.
fn damaged() -> Lease {
    damaged_in(10_000, 4096..8192, 7)
}

/// Leases a bundle of one compressed asset of so many days, of which a block of closes is damaged. No other test may have
/// bars of its seed: what the process has decoded is found by what it is.
fn damaged_in(days: i64, block: Range<i64>, seed: u32) -> Lease {
    let dir = testing::dir();
    let catalog = Catalog::at(dir.path());
    publish_compressed(&catalog, "b", &[Listing::new("A", 0..days)], seed, Compression::Auto);
    let lease = BundlePool::new(0).lease(&catalog, "b").unwrap();
    let closes: Vec<f64> = block.map(|day| value(seed, 0, 4, day)).collect();
    let block = encode_block(Values::F64(&closes), Compression::Auto);
    let mut bytes = lease.bundle().as_bytes().to_vec();
    let at = bytes.windows(block.len()).position(|found| found == block).unwrap();
    bytes[at + block.len() / 2] ^= 1;
    let path = dir.path().join("damaged.barrow");
    std::fs::write(&path, bytes).unwrap();
    BundlePool::new(0).lease_file(&path).unwrap()
}

#[test]
fn no_block_is_decoded_but_those_that_are_asked_for() {
    let lease = damaged();
    let asset = lease.asset("A").unwrap();
    let bars = lease.bars(asset);
    let first = |days: Range<i64>| {
        let bars = bars.within(days.start * DAY..days.end * DAY)?;
        bars.f64("close").map(|close| close[0])
    };
    assert_eq!(first(0..4096).unwrap(), value(7, 0, 4, 0));
    assert_eq!(first(8192..10_000).unwrap(), value(7, 0, 4, 8192));
    assert_eq!(bars.last(20).close()[0], value(7, 0, 4, 9980));
    assert_eq!(lease.cross_section("close", 9 * DAY).unwrap(), [value(7, 0, 4, 9)]);
    for days in [4096..4097, 4095..4097, 8191..8193, 0..10_000] {
        let found = first(days.clone());
        assert!(matches!(found, Err(Error::Corrupt { .. })), "{days:?}: {found:?}");
    }
    assert!(lease.cross_section("close", 5000 * DAY).is_err());
}

#[test]
fn a_query_decodes_the_blocks_in_which_its_filter_can_hold() {
    let lease = damaged();
    let query = |filter: &str| Query {
        filter: Some(filter.to_owned()),
        select: Some("close, lag(open, 3)".to_owned()),
        threads: 1,
        ..Query::default()
    };
    let collect = |query: &Query| query.plan(&lease).unwrap().collect();
    let (low, high) = (value(7, 0, 4, 100), value(7, 0, 4, 9000));
    let found = collect(&query(&format!("close < {low}"))).unwrap();
    assert_eq!((found.rows, found.columns[0].values().as_f64().unwrap()[7]), (100, low - 93.0));
    let found = collect(&query(&format!("close >= {high}"))).unwrap();
    assert_eq!(
        (found.rows, found.columns[1].values().as_f64().unwrap()[0]),
        (1000, value(7, 0, 1, 8997))
    );
    let latest = Query { answer: Answer::Latest, ..Query::default() };
    assert_eq!(
        collect(&latest).unwrap().columns[3].values().as_f64(),
        Some(&[value(7, 0, 4, 9999)][..])
    );
    let range = Query { from_ns: Some(9000 * DAY), ..query("close > 0") };
    assert_eq!(collect(&range).unwrap().rows, 1000);
    for filter in ["close > 0", "lag(close, 4000) > 0"] {
        let error = collect(&query(filter)).unwrap_err();
        assert!(matches!(error, Error::Corrupt { .. }), "{filter}: {error:?}");
    }
    let blocks = query(&format!("close < {low}")).plan(&lease).unwrap().explain().unwrap().blocks;
    assert_eq!((blocks.read, blocks.decoded, blocks.excluded_by_block), (2, 2, 4));
}

/// Days of a bundle whose fifth block of closes, of six, is damaged.
const LONG: i64 = 24_000;
const FIFTH: Range<i64> = 16_384..20_480;
const SEED: u32 = 5;

#[test]
fn long_stretches_decode_their_blocks_and_the_second_one_the_series() {
    let lease = damaged_in(LONG, FIFTH, SEED);
    let asset = lease.asset("A").unwrap();
    let closes = |lease: &Lease, days: Range<i64>| -> Result<Vec<f64>, Error> {
        let bars = lease.bars(asset).within(days.start * DAY..days.end * DAY)?;
        bars.f64("close").map(<[f64]>::to_vec)
    };
    let expected = |days: Range<i64>| days.map(|day| value(SEED, 0, 4, day)).collect::<Vec<f64>>();
    for days in [0..16_384, 100..9000, 4095..12_289, 5000..16_383] {
        let fresh = lease.apart();
        assert_eq!(closes(&fresh, days.clone()).unwrap(), expected(days.clone()), "{days:?}");
        // What lies within is there, whatever its length.
        let within = days.start + 10..days.end - 10;
        assert_eq!(closes(&fresh, within.clone()).unwrap(), expected(within), "{days:?}");
    }
    for days in [0..16_385, 12_000..LONG, 16_000..21_000] {
        let found = closes(&lease.apart(), days.clone());
        assert!(matches!(found, Err(Error::Corrupt { .. })), "{days:?}");
    }
    let again = lease.apart();
    assert!(closes(&again, 0..9000).is_ok());
    assert!(closes(&again, 4096..16_000).is_err(), "a second stretch brings the series");
    assert!(closes(&again, 4096..8192).is_ok() && closes(&again, 8191..8193).is_ok());
}

#[test]
fn resampling_and_joins_decode_what_they_look_at() {
    let lease = damaged_in(LONG, FIFTH, SEED);
    let collect = |query: &Query| query.plan(&lease).unwrap().collect();
    let select = |text: &str| Some(text.to_owned());
    let until = |day: i64| Some(day * DAY);
    let weeks = Query {
        resample: Some("week".parse().unwrap()),
        select: select("close"),
        from_ns: until(4200),
        to_ns: until(15_000),
        threads: 1,
        ..Query::default()
    };
    let found = collect(&weeks).unwrap();
    // The first of January 1970 was a Thursday, so weeks end on the third day and every seventh after it.
    let last: Vec<f64> =
        (4200..=15_000).filter(|day| day % 7 == 3).map(|day| value(SEED, 0, 4, day)).collect();
    assert_eq!(found.columns[0].values().as_f64().unwrap()[..last.len()], last);
    let blocks = weeks.plan(&lease).unwrap().explain().unwrap().blocks;
    assert_eq!((blocks.read, blocks.decoded, blocks.outside_range), (3, 3, 3));
    assert!(collect(&Query { to_ns: until(16_400), ..weeks.clone() }).is_err());
    assert!(collect(&Query { select: select("lag(close)"), ..weeks }).is_err(), "of all bars");

    let other = |tolerance_ns| AsOf {
        lease: lease.clone(),
        name: "other".to_owned(),
        symbol: None,
        tolerance_ns,
    };
    let joined = |days: Range<i64>, text: &str| Query {
        asof: Some(other(Some(0))),
        select: select(text),
        from_ns: until(days.start),
        to_ns: until(days.end),
        threads: 1,
        ..Query::default()
    };
    for days in [0..16_383, 4000..13_000, 20_480..LONG] {
        let found = collect(&joined(days.clone(), "[other.close] - open")).unwrap();
        let right = (days.start..=days.end.min(LONG - 1))
            .map(|day| value(SEED, 0, 4, day) - value(SEED, 0, 1, day));
        assert_eq!(found.columns[0].values().as_f64(), Some(&right.collect::<Vec<_>>()[..]));
    }
    assert!(collect(&joined(20_480..LONG, "lag([other.close])")).is_err(), "the row before");
    for days in [0..16_384, 17_000..17_001, 0..LONG] {
        let found = collect(&joined(days.clone(), "[other.close]"));
        assert!(matches!(found, Err(Error::Corrupt { .. })), "{days:?}");
    }
}
