//! Promise: SQL over a catalog answers what a naive computation over the same rows answers, copies no
//! column, and pushes down what it says it does.
//!
//! Method: a bundle is made from plain vectors; every answer is computed from the vectors too. That
//! nothing is copied is shown by addresses, that conditions are pushed down by the explained plan.

use std::collections::BTreeMap;
use std::ops::Range;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, RecordBatch};
use barrow_format::{
    AssetSpec, BundleSpec, BundleWriter, Column, Compression, Frequency, LogicalType, PhysicalType,
    Provenance, Schema, Stamp, Values,
};
use barrow_sql::{Database, Error, Format, write};
use barrow_store::{AssetBars, Catalog, StageOptions};

const DAY: i64 = 86_400_000_000_000;

/// Rows as plain vectors.
struct Asset {
    symbol: &'static str,
    time: Vec<i64>,
    close: Vec<f64>,
    volume: Vec<f64>,
    trades: Vec<u32>,
    cents: Vec<i64>,
}

/// Numbers that repeat from a seed.
fn steps(seed: u64, rows: usize) -> impl Iterator<Item = u32> {
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    std::iter::repeat_with(move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        u32::try_from(state >> 40).expect("24 bits")
    })
    .take(rows)
}

/// Three assets; the second is long enough for zones, and its closes rise from zone to zone.
fn assets(seed: u64) -> Vec<Asset> {
    let asset = |symbol, rows: usize, seed: u64| {
        let close = steps(seed, rows).enumerate().map(|(row, step)| {
            let base = f64::from(u32::try_from(row / 4096).expect("few zones")) * 1000.0;
            if step % 11 == 0 { f64::NAN } else { base + f64::from(step % 500) }
        });
        Asset {
            symbol,
            time: (0..rows).map(|row| i64::try_from(row).expect("small") * DAY).collect(),
            close: close.collect(),
            volume: steps(seed + 1, rows).map(f64::from).collect(),
            trades: steps(seed + 2, rows).collect(),
            cents: steps(seed + 3, rows).map(|step| i64::from(step) - 8_000_000).collect(),
        }
    };
    vec![asset("AAA", 300, seed), asset("BB'B", 20_000, seed + 10), asset("CCC", 5, seed + 20)]
}

fn publish(catalog: &Catalog, name: &str, assets: &[Asset]) {
    publish_as(catalog, name, assets, Compression::None);
}

fn publish_as(catalog: &Catalog, name: &str, assets: &[Asset], compression: Compression) {
    let columns = vec![
        Column::new("time", PhysicalType::I64, LogicalType::Timestamp),
        Column::new("close", PhysicalType::F64, LogicalType::Price),
        Column::new("volume", PhysicalType::F64, LogicalType::Volume),
        Column::new("trades", PhysicalType::U32, LogicalType::Plain),
        Column::new("cents", PhysicalType::I64, LogicalType::Decimal { scale: 2 }),
    ];
    let schema = Schema::new(columns, Frequency::Daily, "UTC", Stamp::Session, "");
    let specs = assets.iter().map(|a| AssetSpec::new(a.symbol, a.time.len() as u64)).collect();
    let spec = BundleSpec {
        schema: schema.expect("a possible schema"),
        assets: specs,
        adjustments: Vec::new(),
        provenance: Provenance::default(),
    };
    let staging = catalog.stage(name).expect("a staging");
    let writer = BundleWriter::compressed(spec, staging.sink(), &[compression; 5]);
    let writer = writer.expect("a writer");
    for (place, asset) in assets.iter().enumerate() {
        let columns = [
            Values::I64(&asset.time),
            Values::F64(&asset.close),
            Values::F64(&asset.volume),
            Values::U32(&asset.trades),
            Values::I64(&asset.cents),
        ];
        for (column, values) in columns.into_iter().enumerate() {
            writer.put(place, column, values).expect("a series");
        }
    }
    let written = writer.finish().expect("a whole bundle");
    staging.publish(written).expect("a publication");
}

struct Place {
    _folder: tempfile::TempDir,
    catalog: Catalog,
    database: Database,
    assets: Vec<Asset>,
}

fn place() -> Place {
    let folder = tempfile::tempdir().expect("a folder");
    let catalog = Catalog::at(folder.path());
    let assets = assets(7);
    publish(&catalog, "us-daily.v2", &assets);
    let database = Database::new(catalog.clone()).expect("a database");
    Place { _folder: folder, catalog, database, assets }
}

impl Place {
    fn batches(&self, sql: &str) -> Vec<RecordBatch> {
        let answer = self.database.query(sql).expect(sql);
        answer.collect::<Result<_, _>>().expect(sql)
    }

    /// The first column of an answer as text, with its second one as a float.
    fn pairs(&self, sql: &str) -> Vec<(String, f64)> {
        let mut pairs = Vec::new();
        for batch in self.batches(sql) {
            let name = datafusion_cast(&batch, 0);
            let value = batch.column(1).as_primitive::<Float64Type>();
            pairs.extend(name.into_iter().zip(value.values().iter().copied()));
        }
        pairs
    }

    fn count(&self, sql: &str) -> i64 {
        self.batches(sql)[0].column(0).as_primitive::<Int64Type>().value(0)
    }

    fn rows(&self) -> impl Iterator<Item = Row> + '_ {
        self.assets.iter().flat_map(|a| {
            (0..a.time.len()).map(move |row| {
                (a.symbol, a.time[row], a.close[row], a.volume[row], a.trades[row], a.cents[row])
            })
        })
    }
}

/// A column of text, plain or by dictionary, as strings.
fn datafusion_cast(batch: &RecordBatch, column: usize) -> Vec<String> {
    let array = batch.column(column);
    if let Some(dictionary) = array.as_any_dictionary_opt() {
        let texts = dictionary.values().as_string::<i32>();
        let keys = dictionary.normalized_keys();
        return keys.iter().map(|key| texts.value(*key).to_owned()).collect();
    }
    if let Some(view) = array.as_string_view_opt() {
        return view.iter().map(|text| text.unwrap_or_default().to_owned()).collect();
    }
    array.as_string::<i32>().iter().map(|text| text.unwrap_or_default().to_owned()).collect()
}

#[test]
fn aggregates_are_those_of_a_loop() {
    let place = place();
    let sql = "select symbol, avg(close) from us_daily_v2 where volume > 4000000 group by symbol \
               order by symbol";
    let mut sums: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
    for (symbol, _, close, volume, ..) in place.rows() {
        if volume > 4_000_000.0 && !close.is_nan() {
            let sum = sums.entry(symbol).or_default();
            *sum = (sum.0 + close, sum.1 + 1.0);
        }
    }
    let found = place.pairs(sql);
    assert_eq!(found.len(), sums.len());
    for ((symbol, mean), (expected, (sum, count))) in found.iter().zip(sums) {
        assert_eq!(symbol, expected);
        assert!((mean - sum / count).abs() <= 1e-9 * mean.abs(), "{symbol}: {mean}");
    }
}

/// Symbol, time, close, volume, trades, cents.
type Row = (&'static str, i64, f64, f64, u32, i64);
type Keeps<'a> = &'a dyn Fn(&Row) -> bool;

#[test]
fn conditions_keep_the_rows_that_a_loop_keeps() {
    let place = place();
    let ns = |day: i64| day * DAY;
    let cases: [(&str, Keeps<'_>); 19] = [
        ("true", &|_| true),
        ("symbol = 'AAA'", &|r| r.0 == "AAA"),
        ("symbol = 'BB''B'", &|r| r.0 == "BB'B"),
        ("symbol in ('CCC', 'AAA', 'none')", &|r| r.0 != "BB'B"),
        ("symbol <> 'AAA'", &|r| r.0 != "AAA"),
        ("symbol = 'AAA' and symbol = 'CCC'", &|_| false),
        ("symbol > 'B'", &|r| r.0 > "B"),
        ("time >= '1970-01-11'", &|r| r.1 >= ns(10)),
        ("time > timestamp '1970-01-11' and time <= '1970-02-01'", &|r| {
            r.1 > ns(10) && r.1 <= ns(31)
        }),
        ("time between '1970-01-05' and '1970-01-08'", &|r| (ns(4)..=ns(7)).contains(&r.1)),
        ("'1970-01-05' = time", &|r| r.1 == ns(4)),
        ("time < '1970-01-05' and time > '1970-01-08'", &|_| false),
        ("close > 3200", &|r| r.2 > 3200.0),
        ("close <= 100.5 and symbol = 'BB''B'", &|r| r.2 <= 100.5 && r.0 == "BB'B"),
        ("close is null", &|r| r.2.is_nan()),
        ("close = 4321 or volume < 1000", &|r| r.2 == 4321.0 || r.3 < 1000.0),
        ("trades >= 16000000", &|r| r.4 >= 16_000_000),
        ("cents < -70000.5", &|r| r.5 < -7_000_050),
        ("close > 1e9", &|_| false),
    ];
    for (condition, keeps) in cases {
        let sql = format!("select count(*) from us_daily_v2 where {condition}");
        let expected = i64::try_from(place.rows().filter(|row| keeps(row)).count()).expect("small");
        assert_eq!(place.count(&sql), expected, "{condition}");
        // The values too, not only how many they are.
        let sql = format!("select symbol, volume from us_daily_v2 where {condition}");
        let mut found = place.pairs(&sql);
        let mut naive: Vec<(String, f64)> =
            place.rows().filter(|row| keeps(row)).map(|row| (row.0.to_owned(), row.3)).collect();
        found.sort_by(|a, b| a.partial_cmp(b).expect("no NaN"));
        naive.sort_by(|a, b| a.partial_cmp(b).expect("no NaN"));
        assert!(found == naive, "{condition}");
    }
}

/// Limits with and without conditions, and no columns at all.
#[test]
fn limits_and_counts() {
    let place = place();
    let rows = |sql: &str| place.batches(sql).iter().map(RecordBatch::num_rows).sum::<usize>();
    assert_eq!(rows("select * from us_daily_v2 limit 7"), 7);
    assert_eq!(rows("select time from us_daily_v2 where symbol = 'CCC' limit 7"), 5);
    assert_eq!(rows("select time from us_daily_v2 where close > 3000 limit 9"), 9);
    assert_eq!(rows("select close from us_daily_v2 limit 0"), 0);
    assert_eq!(place.count("select count(*) from us_daily_v2"), 20_305);
    assert_eq!(place.count("select count(close) from us_daily_v2 where symbol = 'CCC'"), {
        i64::try_from(place.assets[2].close.iter().filter(|close| !close.is_nan()).count())
            .expect("small")
    });
}

#[test]
fn a_scan_copies_nothing() {
    let place = place();
    let lease = place.catalog.lease("us-daily.v2").expect("a lease");
    let map: Range<usize> = {
        let range = lease.bundle().as_bytes().as_ptr_range();
        range.start.addr()..range.end.addr()
    };
    let mut seen = 0;
    for batch in place.batches("select symbol, time, close, volume, trades, cents from us_daily_v2")
    {
        for column in &batch.columns()[1..] {
            let data = column.to_data();
            let start = data.buffers()[0].as_ptr().addr();
            assert!(map.contains(&start), "{:?} was copied", column.data_type());
            seen += 1;
        }
    }
    assert!(seen >= 15, "{seen} columns of at least three batches");
}

#[test]
fn what_is_pushed_down_is_explained() {
    let place = place();
    let scan = |sql: &str| {
        let plan = place.database.explain(sql).expect("a plan");
        let line = plan.lines().find(|line| line.contains("BundleScan")).expect("a scan");
        (line.trim().to_owned(), plan.contains("FilterExec"))
    };
    let (line, filtered) = scan(
        "select close from us_daily_v2 where symbol = 'AAA' and time >= '1970-01-11' limit 20",
    );
    assert!(line.contains("columns=[close], assets=1 of 3, rows=20 of 20305, limit=20"), "{line}");
    assert!(!filtered, "symbol and time are taken over exactly");
    let (line, filtered) = scan("select volume from us_daily_v2 where close > 3600");
    assert!(filtered, "other conditions are looked at again");
    // Only the last of the five zones of one asset has such closes; of 20000 rows 3616 lie there.
    assert!(line.contains("rows=3616 of 20305, rows skipped by statistics=16689"), "{line}");
}

#[test]
fn rows_are_in_the_order_of_symbol_and_time_without_being_sorted() {
    let place = place();
    let sorts = |sql: &str| place.database.explain(sql).expect("a plan").contains("SortExec");
    let whole = "select symbol, close, time from us_daily_v2 order by symbol, time";
    assert!(!sorts(whole), "of all assets");
    assert!(!sorts("select time, close from us_daily_v2 where symbol = 'AAA' order by time"));
    assert!(!sorts("select symbol from us_daily_v2 where close > 3600 order by symbol limit 3"));
    for other in ["close", "time", "symbol desc", "symbol, close, time"] {
        let sql = format!("select symbol, close, time from us_daily_v2 order by {other}");
        assert!(sorts(&sql), "{other} is another order");
    }
    let found: Vec<(String, f64)> = place.pairs(whole);
    let expected = place.rows().map(|row| (row.0.to_owned(), row.2));
    let same = |(a, b): (&(String, f64), (String, f64))| a.0 == b.0 && (a.1 == b.1 || b.1.is_nan());
    assert_eq!(found.len(), place.rows().count());
    assert!(found.iter().zip(expected).all(same), "asset after asset, oldest first");
}

#[test]
fn names_of_tables() {
    let place = place();
    publish(&place.catalog, "FX_5m", &assets(1));
    publish(&place.catalog, "US-daily-v2", &assets(2));
    let lease = place.catalog.lease("us-daily.v2").expect("a lease");
    let count = |table: &str| place.database.query(&format!("select count(*) from {table}"));
    let version = lease.version().to_string();
    for table in
        ["\"us-daily.v2\"", "FX_5m", "fx_5m", &format!("\"us-daily.v2@{}\"", &version[..8])]
    {
        assert!(count(table).is_ok(), "{table}");
    }
    match count("us_daily_v2").map(|_| ()) {
        Err(Error::Ambiguous { first, second, .. }) => {
            assert_eq!([first.as_str(), &second], ["US-daily-v2", "us-daily.v2"]);
        }
        other => panic!("{other:?}"),
    }
    for table in ["none", "\"us-daily.v2@00000000\"", "\"../us\""] {
        assert!(matches!(count(table), Err(Error::Query(_))), "{table}");
    }
}

#[test]
fn statements_that_would_change_something_are_refused() {
    let place = place();
    for sql in [
        "create table x as select 1",
        "insert into us_daily_v2 select * from us_daily_v2",
        "drop table us_daily_v2",
        "copy us_daily_v2 to '/tmp/barrow-sql-test.csv'",
        "create external table x stored as csv location '/etc/passwd'",
        "set datafusion.execution.batch_size = 1",
    ] {
        let refused = place.database.query(sql).map(|_| ());
        assert!(matches!(refused, Err(Error::NotAQuery | Error::Query(_))), "{sql}: {refused:?}");
    }
    assert!(!std::path::Path::new("/tmp/barrow-sql-test.csv").exists());
}

#[test]
fn answers_in_every_format() {
    let place = place();
    let sql = "select symbol, time, close, trades, cents from us_daily_v2 where symbol <> 'BB''B'";
    let written = |format, limit| {
        let mut bytes = Vec::new();
        let answer = place.database.query(sql).expect("an answer");
        let rows = write(answer, format, limit, &mut bytes).expect("a sink");
        (rows, bytes)
    };
    let (rows, csv) = written(Format::Csv, None);
    let csv = String::from_utf8(csv).expect("text");
    assert_eq!((rows, csv.lines().count()), (305, 306));
    assert!(csv.starts_with("symbol,time,close,trades,cents\nAAA,1970-01-01T00:00:00Z,"), "{csv}");
    let (rows, json) = written(Format::Json, Some(3));
    let json = String::from_utf8(json).expect("text");
    assert_eq!((rows, json.matches("\"symbol\":\"AAA\"").count()), (3, 3));
    assert!(json.starts_with("{\"rows\":[{") && json.ends_with("]}\n"), "{json}");
    let (rows, table) = written(Format::Table, Some(2));
    assert_eq!((rows, String::from_utf8(table).expect("text").lines().count()), (2, 6));
    let (rows, arrow) = written(Format::Arrow, None);
    assert_eq!((rows, &arrow[..6]), (305, b"ARROW1".as_slice()));
    let (rows, parquet) = written(Format::Parquet, None);
    assert_eq!((rows, &parquet[..4]), (305, b"PAR1".as_slice()));
    // Formats of no rows have their header all the same.
    let answer = place.database.query("select close from us_daily_v2 where close > 1e12");
    let mut bytes = Vec::new();
    write(answer.expect("an answer"), Format::Csv, None, &mut bytes).expect("a sink");
    assert_eq!(bytes, b"close\n");
}

/// Bundles that are compressed, or lie in many parts, give the answers of the same rows in one raw file.
#[test]
fn bundles_of_every_kind_answer_alike() {
    let place = place();
    publish_as(&place.catalog, "packed", &place.assets, Compression::Auto);
    // All but the last bars of each asset, then those, day by day.
    let cut: Vec<Asset> =
        place.assets.iter().map(|asset| slice(asset, 0..asset.time.len() - 3)).collect();
    publish(&place.catalog, "parts", &cut);
    for day in 0..3 {
        let mut revision =
            place.catalog.revise("parts", &StageOptions::default()).expect("no writer");
        for asset in &place.assets {
            let row = asset.time.len() - 3 + day;
            let bar = slice(asset, row..row + 1);
            let columns = [
                ("time", Values::I64(&bar.time)),
                ("close", Values::F64(&bar.close)),
                ("volume", Values::F64(&bar.volume)),
                ("trades", Values::U32(&bar.trades)),
                ("cents", Values::I64(&bar.cents)),
            ];
            let bars = AssetBars { symbol: bar.symbol, metadata: "", columns: &columns };
            revision.append(&bars).expect("a later bar");
        }
        revision.publish().expect("a publication");
    }
    let version = |name: &str| place.catalog.head(name).expect("a head").version;
    assert!(version("us-daily.v2") == version("packed") && version("packed") == version("parts"));
    for condition in
        ["true", "close > 3200", "symbol = 'CCC'", "time >= '1970-01-04' and trades > 9"]
    {
        let sql = |table: &str| {
            format!(
                "select symbol, sum(close) + sum(volume) + sum(trades) + sum(cents) from {table} \
                 where {condition} group by symbol order by symbol"
            )
        };
        let expected = place.pairs(&sql("us_daily_v2"));
        assert!(!expected.is_empty());
        for table in ["packed", "parts"] {
            assert_eq!(place.pairs(&sql(table)), expected, "{table} where {condition}");
        }
    }
}

fn slice(asset: &Asset, rows: Range<usize>) -> Asset {
    Asset {
        symbol: asset.symbol,
        time: asset.time[rows.clone()].to_vec(),
        close: asset.close[rows.clone()].to_vec(),
        volume: asset.volume[rows.clone()].to_vec(),
        trades: asset.trades[rows.clone()].to_vec(),
        cents: asset.cents[rows].to_vec(),
    }
}
