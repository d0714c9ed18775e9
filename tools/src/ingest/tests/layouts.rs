//! Every layout gives the rows that it says.

use barrow_format::{AdjustmentKind, Frequency, PhysicalType, Stamp};

use super::*;

#[test]
fn an_asset_a_file_with_actions_in_columns() {
    let place = Place::new();
    let header = "date,open,high,low,close,volume,dividend,split\n";
    place
        .write("daily/IBM.csv", format!("{header}2012-01-03,1,3,0.5,2,10,0.0,1.0\n"))
        .write(
            "daily/KO.csv.gz",
            gzip(format!(
                "{header}2012-01-03,4,5,4,5,7,0.25,1\n2012-01-04,2,3,2,2.5,8,0,2.0\n2012-01-05,2,3,2,2,9,,\n"
            )),
        )
        .write("daily/README.md", "not data");
    let lease = place.ingest(&["daily"]);
    assert_eq!(symbols(&lease), ["IBM", "KO"]);
    assert_eq!(rows(&lease, "IBM"), ["2012-01-03 1 3 0.5 2 10"]);
    let ko = ["2012-01-03 4 5 4 5 7", "2012-01-04 2 3 2 2.5 8", "2012-01-05 2 3 2 2 9"];
    assert_eq!(rows(&lease, "KO"), ko);
    assert_eq!(
        (lease.schema().frequency(), lease.schema().stamp()),
        (Frequency::Daily, Stamp::Session)
    );
    let found: Vec<_> = lease
        .adjustments()
        .unwrap()
        .iter()
        .map(|found| (found.asset, found.time / 86_400_000_000_000, found.kind, found.value))
        .collect();
    let expected =
        [(1, 15_342, AdjustmentKind::CashDividend, 0.25), (1, 15_343, AdjustmentKind::Split, 2.0)];
    assert_eq!(found, expected);
    let sources = lease.provenance().unwrap().sources;
    let named: Vec<_> = sources.iter().map(|source| (source.name.as_str(), source.rows)).collect();
    assert_eq!(named, [("daily/IBM.csv", 1), ("daily/KO.csv.gz", 3)]);
    assert!(lease.verify(2).ok());
}

#[test]
fn long_files_in_any_order_of_assets() {
    let place = Place::new();
    place.write(
        "long.csv",
        "Date,Symbol,Close,VWAP\n20200102,B,2,2.1\n20200102,A,1,\n20200103,B,2.5,2.2\n20200103,A,1.5,1.4\n",
    );
    let lease = place.ingest(&["long.csv"]);
    assert_eq!(rows(&lease, "A"), ["2020-01-02 1 NaN", "2020-01-03 1.5 1.4"]);
    assert_eq!(rows(&lease, "B"), ["2020-01-02 2 2.1", "2020-01-03 2.5 2.2"]);
}

#[test]
fn wide_files_have_no_row_where_there_is_no_value() {
    let place = Place::new();
    place.write("wide.csv", "Date,AAPL,KO\n1990-01-02,1,\n1990-01-03,1.5,7\n");
    let lease = place.ingest(&["wide.csv"]);
    assert_eq!(rows(&lease, "AAPL"), ["1990-01-02 1", "1990-01-03 1.5"]);
    assert_eq!(rows(&lease, "KO"), ["1990-01-03 7"]);
}

#[test]
fn quotes_blanks_and_carriage_returns_do_not_matter() {
    let place = Place::new();
    place
        .write("a/X.csv", format!("{HEADER}2020-01-02,1,2,1,2,3\n2020-01-03,1.5,2,1,2,3\n"))
        .write(
            "b/X.csv",
            "\u{feff}\"date\";\"open\";\"high\";\"low\";\"close\";\"volume\"\r\n\
             \"2020-01-02\"; \"1\" ; 2 ;1;2e0;\"3\"\r\n\r\n2020-01-03;+1.5;2;1;2;3\r\n\n  \n",
        );
    let plain = place.ingest(&["a"]).version();
    let odd = place.ingest(&["b"]);
    assert_eq!(odd.version(), plain, "{:?}", rows(&odd, "X"));
}

#[test]
fn lean_zips_of_a_day_each_are_one_asset() {
    let place = Place::new();
    let folder = "equity/usa/minute/spy";
    let day = |date: &str, text: &str| {
        let bytes = zip(&[(&format!("{date}_spy_minute_trade.csv"), text)]);
        place.write(&format!("{folder}/{date}_trade.zip"), bytes);
    };
    day(
        "20131007",
        "34200000,1674100,1674200,1672500,1672700,3197\n34260000,1672700,1672700,1672700,1672700,5\n",
    );
    day("20131206", "34200000,1800000,1800000,1800000,1800000,1\n");
    let lease = place.ingest(&["equity"]);
    let expected = [
        "2013-10-07T13:30:00Z 167.41 167.42 167.25 167.27 3197",
        "2013-10-07T13:31:00Z 167.27 167.27 167.27 167.27 5",
        "2013-12-06T14:30:00Z 180 180 180 180 1",
    ];
    assert_eq!(rows(&lease, "SPY"), expected);
    assert_eq!(lease.schema().frequency(), Frequency::Intraday { step_ns: 60_000_000_000 });
    assert_eq!(lease.schema().time_zone(), "America/New_York");
    assert_eq!(lease.schema().stamp(), Stamp::BarStart);
}

#[test]
fn a_zip_of_several_files_has_an_asset_each() {
    let place = Place::new();
    let text = |close: u32| format!("date,close\n2020-01-02,{close}\n");
    place.write(
        "all.zip",
        zip(&[("B.csv", &text(2)), ("A.csv", &text(1)), ("__MACOSX/A.csv", "x")]),
    );
    let lease = place.ingest(&["all.zip"]);
    assert_eq!(symbols(&lease), ["A", "B"]);
    assert_eq!(rows(&lease, "B"), ["2020-01-02 2"]);
}

#[test]
fn local_times_become_utc() {
    let place = Place::new();
    place.write("X.csv", "time,close\n2013-10-07 09:30:00,1\n2013-12-06 09:30:00,2\n");
    let options = IngestOptions {
        timezone: Some("America/New_York".into()),
        timestamps: Some(StampOption::End),
        symbol: Some("SPY".into()),
        ..IngestOptions::default()
    };
    let lease = place.ingest_with(&["X.csv"], options);
    assert_eq!(rows(&lease, "SPY"), ["2013-10-07T13:30:00Z 1", "2013-12-06T14:30:00Z 2"]);
    assert_eq!(lease.schema().stamp(), Stamp::BarEnd);
}

#[test]
fn actions_come_from_files_too() {
    let place = Place::new();
    place
        .write("A.csv", "date,close\n2020-01-02,1\n2020-01-03,2\n")
        .write("s.csv", "symbol,ex_date,new_shares_per_old\nA,2020-01-03,4\nZ,2020-01-03,2\n")
        .write(
            "d.csv",
            "symbol,ex_date,amount\nA,2020-01-03,0.5\nA,2020-01-03,0.25\nA,2020-01-03,0.25\n",
        );
    let options = IngestOptions {
        splits: Some(place.path("s.csv")),
        dividends: Some(place.path("d.csv")),
        ..IngestOptions::default()
    };
    let summary = place.try_run("bars", &["A.csv"], options).unwrap();
    assert_eq!((summary.adjustments, summary.unused_actions), (2, 1));
    let lease = place.catalog().lease("bars").unwrap();
    let found: Vec<f64> = lease.adjustments().unwrap().iter().map(|found| found.value).collect();
    assert_eq!(found, [4.0, 0.75]);
    place.write("bad.csv", "symbol,ex_date,amount\nA,2020-01-03,abc\n");
    let options =
        IngestOptions { dividends: Some(place.path("bad.csv")), ..IngestOptions::default() };
    let error = place.try_run("bars", &["A.csv"], options).unwrap_err().to_string();
    assert_eq!(error, "`bad.csv` line 2, column `amount`, value `abc`: not a number");
}

#[test]
fn parquet_types_are_read_exactly() {
    let place = Place::new();
    place.write("p.parquet", parquet::samples::long());
    let lease = place.ingest(&["p.parquet"]);
    let expected = ["2020-01-02T14:30:00Z 1.5 300 7 NaN", "2020-01-02T14:31:00Z 1.25 301 8 0.5"];
    assert_eq!(rows(&lease, "A"), expected);
    assert_eq!(rows(&lease, "B"), ["2020-01-02T14:30:00Z 100.01 5 4294967295 2"]);
    let types: Vec<(String, PhysicalType)> = lease
        .schema()
        .columns()
        .iter()
        .map(|column| (column.name.clone(), column.physical))
        .collect();
    let f64s = |name: &str| (name.to_owned(), PhysicalType::F64);
    let expected = [
        ("time".to_owned(), PhysicalType::I64),
        f64s("close"),
        f64s("volume"),
        ("trades".to_owned(), PhysicalType::U32),
        f64s("vwap"),
    ];
    assert_eq!(types, expected);
}

#[test]
fn hive_folders_tell_the_symbol() {
    let place = Place::new();
    let (first, second) = parquet::samples::two_years();
    place
        .write("hive/symbol=KO/year=2019/part-0.parquet", first)
        .write("hive/symbol=KO/year=2020/part-0.parquet", second);
    let lease = place.ingest(&["hive"]);
    assert_eq!(rows(&lease, "KO"), ["2019-12-31 1.5", "2020-01-02 2.5"]);
    assert_eq!(lease.schema().frequency(), Frequency::Daily);
}
