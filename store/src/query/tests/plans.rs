//! Plans over small bundles, counted by hand: what is skipped, what is refused, what is chosen.

use barrow_format::{
    AssetSpec, BundleSpec, BundleWriter, Column, Frequency, LogicalType, PhysicalType, Provenance,
    Schema, Stamp, Values, ValuesBuf,
};

use crate::catalog::Catalog;
use crate::error::Error;
use crate::pool::BundlePool;
use crate::query::{
    Answer, AssetChoice, Blocks, Explanation, Keys, Per, Period, Plan, Query, Skipping,
};
use crate::reading::lease::Lease;
use crate::testing::{DAY, Listing, value};
use crate::tests::bars::lease;

/// Three assets: one of 10,000 days, which has three zones, one of ten days, one without any.
fn bundle() -> Lease {
    let days = |count: i64| (0..count).collect::<Vec<_>>();
    lease(&[Listing::new("A", days(10_000)), Listing::new("AB", days(10)), Listing::new("C", [])])
}

fn plan(query: &Query) -> Plan {
    query.plan(&bundle()).unwrap()
}

fn explained(query: &Query) -> Explanation {
    plan(query).explain().unwrap()
}

/// The close of the first asset on a day.
fn close(day: i64) -> f64 {
    value(1, 0, 4, day)
}

#[test]
fn blocks_are_counted_by_reason() {
    // Closes ascend: of the three zones of `A` the first has none of them, the last has nothing else. The closes of `AB`
    // are all higher.
    let query = Query {
        filter: Some(format!("close >= {}", close(5000))),
        select: Some("open".to_owned()),
        ..Query::default()
    };
    let found = explained(&query);
    assert_eq!(found.columns, ["open", "close"]);
    let expected = Blocks {
        read: 2 + 1 + 1,
        decoded: 0,
        outside_range: 0,
        excluded_by_series: 0,
        excluded_by_block: 2,
        known_to_hold: 1 + 1,
    };
    assert_eq!(found.blocks, expected);
    assert_eq!((found.series_read, found.series_skipped), (2 + 1, 1 + 2));
    let text = found.to_string();
    assert!(text.contains("2 skipped: excluded by the statistics of a block"), "{text}");
    // Without skipping everything is read.
    let all = explained(&Query { skipping: Skipping::Off, ..query });
    assert_eq!(all.blocks, Blocks { read: 8, ..Blocks::default() });
}

#[test]
fn whole_series_and_dates_are_skipped() {
    let query = Query { filter: Some("close < 0".to_owned()), ..Query::default() };
    let found = explained(&query);
    assert_eq!(found.blocks, Blocks { excluded_by_series: 7 * 4, ..Blocks::default() });
    assert_eq!((found.series_read, found.series_skipped), (0, 21));
    assert_eq!(plan(&query).collect().unwrap().rows, 0);
    let (from_ns, to_ns) = (Some(4096 * DAY), Some(5000 * DAY));
    let columns = vec!["close".to_owned()];
    let found = explained(&Query { from_ns, to_ns, columns, ..Query::default() });
    assert_eq!(found.blocks, Blocks { read: 1, outside_range: 3, ..Blocks::default() });
    let filter = Some("symbol = 'AB'".to_owned());
    let found = explained(&Query { filter, ..Query::default() });
    assert_eq!((found.blocks.read, found.blocks.excluded_by_series), (7, 21));
}

#[test]
fn columns_keep_their_types_and_limits_cut() {
    let columns = ["fee", "vwap", "close"].map(str::to_owned).to_vec();
    let limit = Some(9_999);
    let batch = plan(&Query { columns, limit, ..Query::default() }).collect().unwrap();
    assert_eq!((batch.rows, batch.runs), (9_999, vec![(0, 9_999)]));
    let [ValuesBuf::I64(fees), ValuesBuf::F32(narrow), ValuesBuf::F64(closes)] = &batch.columns[..]
    else {
        panic!("the types of the schema");
    };
    assert_eq!((fees[17], narrow[17], closes[17]), (17, 17.0, close(17)));
    let batches: Vec<usize> =
        plan(&Query::default()).batches().map(|batch| batch.unwrap().rows).collect();
    assert_eq!(batches, [10_010]);
    let none = plan(&Query { limit: Some(0), ..Query::default() });
    assert_eq!(none.batches().count(), 0);
}

#[test]
fn assets_are_chosen_by_pattern() {
    let chosen = |patterns: &[&str]| {
        let symbols = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
        let assets = AssetChoice { symbols, metadata: Vec::new() };
        let plan = Query { assets, ..Query::default() }.plan(&bundle())?;
        Ok::<_, Error>(plan.header().symbols.clone().unwrap())
    };
    assert_eq!(chosen(&[]).unwrap(), ["A", "AB", "C"]);
    assert_eq!(chosen(&["C", "A*", "A"]).unwrap(), ["A", "AB", "C"]);
    assert_eq!(chosen(&["?"]).unwrap(), ["A", "C"]);
    assert!(matches!(chosen(&["Z*"]), Err(Error::NoMatch { .. })));
    assert!(matches!(chosen(&["Z"]), Err(Error::UnknownSymbol { .. })));
    let metadata = vec!["sector=Tech".parse().unwrap()];
    let assets = AssetChoice { symbols: Vec::new(), metadata };
    assert_eq!(plan(&Query { assets, ..Query::default() }).assets().len(), 0);
}

#[test]
fn what_cannot_be_planned_is_refused() {
    let refused = |query: Query| query.plan(&bundle()).expect_err("no plan");
    let resample = Some(Period::Step { ns: 3_600_000_000_000 });
    let error = refused(Query { resample, ..Query::default() });
    assert_eq!(error.to_string(), "daily bars of bundle `b` do not add up to a period of `1h`");
    let select = Some("x = close, x = open".to_owned());
    assert!(matches!(
        refused(Query { select, ..Query::default() }),
        Error::DuplicateColumn { name } if name == "x"
    ));
    let columns = vec!["clse".to_owned()];
    assert!(matches!(refused(Query { columns, ..Query::default() }), Error::UnknownColumn { .. }));
    let answer = Answer::Top { count: 1, by: "close >".to_owned(), per: Per::All };
    match refused(Query { answer, ..Query::default() }) {
        Error::Expression { at: 7, text, .. } => assert_eq!(text, "close >"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_stream_that_is_left_early_ends_its_threads() {
    let query = Query { threads: 4, ..Query::default() };
    let mut batches = plan(&query).batches();
    assert_eq!(batches.next().unwrap().unwrap().rows, 10_010);
    drop(batches);
}

#[test]
fn periods_of_the_calendar_have_its_days() {
    // From 1970-01 on, one after another; 10,000 days end within 1997-05. The other asset has ten.
    for (period, first, count) in [
        (Period::Month, &[31, 28, 31][..], 27 * 12 + 5),
        (Period::Quarter, &[90, 91, 92, 92, 90], 27 * 4 + 2),
        (Period::Year, &[365, 365, 366, 365], 27 + 1),
    ] {
        let by = Keys::AssetAndPeriod(period);
        let answer = Answer::Groups { by, aggregates: "count(*)".to_owned() };
        let batch = plan(&Query { answer, ..Query::default() }).collect().unwrap();
        let ValuesBuf::I64(counts) = &batch.columns[0] else { panic!("counts are i64") };
        assert_eq!((&counts[..first.len()], counts.len()), (first, count + 1), "{period}");
        assert_eq!(counts.iter().sum::<i64>(), 10_010);
    }
}

/// An asset of 300,000 minutes, which is cut into three tasks, between two short ones. Closes count the minutes of their
/// asset, and volumes are fractions.
fn long() -> Lease {
    let dir = crate::testing::dir();
    let catalog = Catalog::at(dir.path());
    let columns = vec![
        Column::new("time", PhysicalType::I64, LogicalType::Timestamp),
        Column::new("close", PhysicalType::F64, LogicalType::Price),
        Column::new("volume", PhysicalType::F64, LogicalType::Volume),
    ];
    let minutes = Frequency::Intraday { step_ns: DAY / 1440 };
    let rows = [10_u32, 300_000, 10];
    let spec = BundleSpec {
        schema: Schema::new(columns, minutes, "UTC", Stamp::BarStart, "").unwrap(),
        assets: ["A", "B", "C"]
            .iter()
            .zip(rows)
            .map(|(it, n)| AssetSpec::new(*it, n.into()))
            .collect(),
        adjustments: vec![],
        provenance: Provenance::default(),
    };
    let staging = catalog.stage("b").unwrap();
    let writer = BundleWriter::new(spec, staging.sink()).unwrap();
    for (asset, rows) in rows.into_iter().enumerate() {
        let times: Vec<i64> = (0..rows).map(|row| i64::from(row) * (DAY / 1440)).collect();
        let closes: Vec<f64> = (0..rows).map(f64::from).collect();
        let volumes: Vec<f64> = closes.iter().map(|close| 1.0 / (close + 0.7)).collect();
        writer.put(asset, 0, Values::I64(&times)).unwrap();
        writer.put(asset, 1, Values::F64(&closes)).unwrap();
        writer.put(asset, 2, Values::F64(&volumes)).unwrap();
    }
    let written = writer.finish().unwrap();
    staging.publish(written).unwrap();
    BundlePool::new(0).lease(&catalog, "b").unwrap()
}

#[test]
fn a_long_asset_is_cut_and_its_groups_are_put_together() {
    let lease = long();
    let ask = |by: Keys, aggregates: &str, threads: usize| {
        let answer = Answer::Groups { by, aggregates: aggregates.to_owned() };
        let plan = Query { answer, threads, ..Query::default() }.plan(&lease).unwrap();
        (plan.explain().unwrap().steps.pop().unwrap(), plan.collect().unwrap())
    };
    let numbers = |batch: &crate::query::Batch, column: usize| -> Vec<f64> {
        crate::query::frame::widened(batch.columns[column].values(), 1.0).into_owned()
    };
    let (tasks, found) = ask(Keys::Asset, "sum(close), count(*), first(close), last(close)", 2);
    assert_eq!(tasks, "4 tasks on 2 threads");
    assert_eq!(numbers(&found, 0), [45.0, 299_999.0 * 150_000.0, 45.0]);
    assert_eq!(numbers(&found, 1), [10.0, 300_000.0, 10.0]);
    assert_eq!((numbers(&found, 2), numbers(&found, 3)), (vec![0.0; 3], vec![9.0, 299_999.0, 9.0]));
    let (_, found) = ask(Keys::AssetAndPeriod(Period::Session), "count(*), min(close)", 3);
    let days = 300_000_u32.div_ceil(1440);
    assert_eq!(found.rows, usize::try_from(days).unwrap() + 2);
    let expected: Vec<f64> =
        (0..days).map(|day| f64::from((300_000 - day * 1440).min(1440))).collect();
    assert_eq!(numbers(&found, 0)[1..found.rows - 1], expected);
    let expected: Vec<f64> = (0..days).map(|day| f64::from(day * 1440)).collect();
    assert_eq!(numbers(&found, 1)[1..found.rows - 1], expected);
    let bits = |by, threads| {
        let (_, found) =
            ask(by, "sum(volume), mean(volume), std(volume), vwap(close), median(volume)", threads);
        (0..5)
            .map(|column| numbers(&found, column).iter().map(|it| it.to_bits()).collect())
            .collect()
    };
    for by in [Keys::Whole, Keys::Asset, Keys::Period(Period::Month)] {
        let alone: Vec<Vec<u64>> = bits(by, 1);
        assert!([2, 3, 7].into_iter().all(|threads| bits(by, threads) == alone), "{by:?}");
    }
}
