//! Plans over small bundles, counted by hand: what is skipped, what is refused, what is chosen.

use crate::error::Error;
use crate::lease::Lease;
use crate::query::{
    Answer, AssetChoice, Blocks, Explanation, Keys, Per, Period, Plan, Query, Skipping,
};
use crate::testing::{DAY, Listing, value};
use crate::tests::bars::lease;
use barrow_format::ValuesBuf;

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
    let by = Keys::AssetAndPeriod(Period::Month);
    let answer = Answer::Groups { by, aggregates: "count(*)".to_owned() };
    let batch = plan(&Query { answer, ..Query::default() }).collect().unwrap();
    let ValuesBuf::I64(counts) = &batch.columns[0] else { panic!("counts are i64") };
    // From 1970-01 on, a month after another; 10,000 days end within 1997-05.
    assert_eq!((&counts[..3], counts.len()), (&[31, 28, 31][..], 27 * 12 + 5 + 1));
    assert_eq!(counts.iter().sum::<i64>(), 10_010);
}
