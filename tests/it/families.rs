//! Promise: real files of every family of vendors are ingested as they are, value for value.
//!
//! Method: each family of the shared data set is ingested through the library and compared with the
//! source, which is read here by splitting lines and nothing cleverer. Converted families are compared
//! with what they were converted from. Where the shared folder is not there, each test says so and ends.

#![expect(clippy::panic, reason = "a test stops at what it does not expect")]

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use barrow_format::{AdjustmentKind, Frequency};
use barrow_store::{Catalog, Lease};
use barrow_tests::shared;
use barrow_tools::ingest::{
    self, FrequencyOption, IngestError, IngestOptions, IngestSummary, Mode,
};
use flate2::read::MultiGzDecoder;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// A catalog of its own.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    fn try_ingest(
        &self,
        sources: &[&Path],
        options: IngestOptions,
    ) -> Result<(IngestSummary, Lease), IngestError> {
        let catalog = Catalog::at(self.folder.path().join("root"));
        let sources: Vec<PathBuf> = sources.iter().map(|source| source.to_path_buf()).collect();
        let rejects = Some(self.folder.path().join("rejects.csv"));
        let options = IngestOptions { rejects, ..options };
        let summary = ingest::run(&catalog, "bars", &sources, &options, &())?;
        Ok((summary, catalog.lease("bars").expect("what was just published")))
    }

    fn ingest(&self, source: &Path) -> Lease {
        self.ingest_with(source, IngestOptions::default())
    }

    fn ingest_with(&self, source: &Path, options: IngestOptions) -> Lease {
        let (_, lease) =
            self.try_ingest(&[source], options).unwrap_or_else(|error| panic!("{error}"));
        lease
    }
}

/// Text of a file, decompressed where its name says that it is compressed.
fn text(path: &Path) -> String {
    let mut text = String::new();
    let file = File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let read = match path.extension().and_then(|ending| ending.to_str()) {
        Some("gz") => MultiGzDecoder::new(file).read_to_string(&mut text),
        Some("zip") => {
            let mut archive = zip::ZipArchive::new(file).expect("a zip archive");
            archive.by_index(0).expect("a member").read_to_string(&mut text)
        }
        _ => { file }.read_to_string(&mut text),
    };
    read.expect("text");
    text
}

/// Lines as fields.
fn fields(text: &str) -> Vec<Vec<&str>> {
    text.lines().map(|line| line.split(',').collect()).collect()
}

/// Midnight UTC of `YYYY-MM-DD`, in nanoseconds.
fn day(date: &str) -> i64 {
    instant(&format!("{date}T00:00:00"), "UTC")
}

/// The instant of a wall clock in a zone, in nanoseconds.
fn instant(wall: &str, zone: &str) -> i64 {
    let wall: DateTime = wall.parse().unwrap_or_else(|error| panic!("{wall}: {error}"));
    let zone = TimeZone::get(zone).expect("a zone");
    let ns = wall.to_zoned(zone).expect("an instant").timestamp().as_nanosecond();
    i64::try_from(ns).expect("an instant of our time")
}

/// A source's row: time, and values in the order of `columns`.
type Row = (i64, Vec<f64>);

/// Compares all rows of an asset.
fn assert_rows(lease: &Lease, symbol: &str, columns: &[&str], expected: &[Row]) {
    let bars = lease.bars(lease.asset(symbol).unwrap_or_else(|error| panic!("{error}")));
    assert_eq!(bars.len(), expected.len(), "rows of {symbol}");
    let times: Vec<i64> = expected.iter().map(|row| row.0).collect();
    assert_eq!(bars.time(), times, "times of {symbol}");
    for (at, column) in columns.iter().enumerate() {
        let values = bars.f64(column).unwrap_or_else(|error| panic!("{error}"));
        for (row, value) in expected.iter().zip(values) {
            assert_eq!(value.to_bits(), row.1[at].to_bits(), "{column} of {symbol} at {}", row.0);
        }
    }
}

fn number(text: &str) -> f64 {
    text.parse().unwrap_or_else(|error| panic!("`{text}`: {error}"))
}

const BARS: [&str; 5] = ["open", "high", "low", "close", "volume"];

/// Rows of fields: the time from the first `heads` ones by `time`, then numbers.
fn rows(fields: &[Vec<&str>], heads: usize, time: impl Fn(&[&str]) -> i64) -> Vec<Row> {
    let row = |row: &Vec<&str>| {
        (time(&row[..heads]), row[heads..].iter().map(|value| number(value)).collect())
    };
    fields.iter().map(row).collect()
}

#[test]
fn csvdir_with_dividends_and_splits() {
    let Some(folder) = shared("csvdir/daily") else { return };
    let place = Place::new();
    let lease = place.ingest(&folder);
    let mut actions = 0;
    for symbol in ["AAPL", "IBM", "KO", "MSFT"] {
        let text = text(&folder.join(format!("{symbol}.csv.gz")));
        let fields = fields(&text);
        assert_rows(&lease, symbol, &BARS, &rows(&fields[1..], 1, |time| day(time[0])));
        for row in &fields[1..] {
            actions += usize::from(number(row[6]) != 0.0) + usize::from(number(row[7]) != 1.0);
        }
    }
    let found = lease.adjustments().expect("adjustments");
    assert_eq!(found.len(), actions);
    let split = found.iter().find(|found| found.asset == 0 && found.kind == AdjustmentKind::Split);
    let split = split.expect("AAPL's split of 2014");
    assert_eq!((split.time, split.value), (day("2014-06-09"), 7.0));
    assert_eq!(lease.schema().frequency(), Frequency::Daily);
    assert!(lease.verify(2).ok());
}

#[test]
fn yahoo_with_adjusted_closes_and_two_layouts_of_dates() {
    let Some(folder) = shared("yahoo_csv") else { return };
    let place = Place::new();
    let lease = place.ingest(&folder);
    let columns = ["open", "high", "low", "close", "adj_close", "volume"];
    for file in ["ORCL.csv", "YHOO.csv", "NVDA.csv"] {
        let text = text(&folder.join(file));
        let rows = rows(&fields(&text)[1..], 1, |time| day(time[0]));
        assert_rows(&lease, file.trim_end_matches(".csv"), &columns, &rows);
    }
    for file in ["NASDAQ_index.csv.gz", "SP500_index.csv.gz"] {
        let text = text(&folder.join(file));
        let us_date = |time: &[&str]| {
            let parts: Vec<&str> = time[0].split('/').collect();
            day(&format!("{}-{:0>2}-{:0>2}", parts[2], parts[0], parts[1]))
        };
        let rows = rows(&fields(&text)[1..], 1, us_date);
        assert_rows(&lease, file.trim_end_matches(".csv.gz"), &columns, &rows);
    }
}

#[test]
fn wiki_stocks_in_one_compressed_file() {
    let Some(folder) = shared("wiki_stocks") else { return };
    let lease = Place::new().ingest(&folder);
    let text = text(&folder.join("stocks.csv.gz"));
    let fields = fields(&text);
    for (symbol, count) in
        [("AAPL", 3270), ("FB", 196), ("GOOG", 2148), ("IBM", 3270), ("MSFT", 3270)]
    {
        let own: Vec<Vec<&str>> =
            fields.iter().filter(|row| row[0] == symbol).map(|row| row[1..].to_vec()).collect();
        assert_eq!(own.len(), count);
        let columns = ["open", "high", "low", "close", "volume", "adj_close"];
        assert_rows(&lease, symbol, &columns, &rows(&own, 1, |time| day(time[0])));
    }
}

#[test]
fn a_long_file_of_500_symbols_has_78_bad_rows() {
    let Some(folder) = shared("long_format") else { return };
    let place = Place::new();
    let strict = place.try_ingest(&[&folder], IngestOptions::default()).expect_err("bad rows");
    let expected = "`long_format/SP500_ind.csv` line 2230, column `Open`, value `41.05`: open lies \
                    outside 40.51 to 41.02";
    assert_eq!(strict.to_string(), expected);
    let options = IngestOptions { mode: Mode::Lenient, ..IngestOptions::default() };
    let (summary, lease) = place.try_ingest(&[&folder], options).expect("the rest");
    assert_eq!((summary.assets, summary.rejected, summary.rows), (524, 78, 122_574 - 78));
    assert_eq!(summary.skipped, ["long_format/SP_500.xml"]);
    let text = text(&folder.join("SP500_ind.csv"));
    let fields = fields(&text);
    for symbol in ["A", "BRK.B", "ZION"] {
        let own = fields.iter().filter(|row| row[1] == symbol).map(|row| {
            let date = row[0];
            let date = day(&format!("{}-{}-{}", &date[..4], &date[4..6], &date[6..]));
            (date, row[2..].iter().map(|value| number(value)).collect::<Vec<f64>>())
        });
        let good = |row: &Row| {
            let [open, high, low, close] = row.1[..4] else { panic!("four prices") };
            low <= open && open <= high && low <= close && close <= high
        };
        assert_rows(&lease, symbol, &BARS, &own.filter(good).collect::<Vec<_>>());
    }
    let rejects = fs::read_to_string(place.folder.path().join("rejects.csv")).expect("rejects");
    assert_eq!(rejects.lines().count(), 79);
    assert!(rejects.contains("\"20100203,ADP,41.05,41.02,40.51,40.8,27582\""));
}

#[test]
fn wide_closes_are_an_asset_a_column() {
    let Some(folder) = shared("wide_closes") else { return };
    let lease = Place::new().ingest(&folder);
    let text = text(&folder.join("sp500_dataset.csv.gz"));
    let fields = fields(&text);
    assert_eq!(lease.asset_count(), 20);
    for (at, symbol) in fields[0].iter().enumerate().skip(1) {
        let own: Vec<Row> =
            fields[1..].iter().map(|row| (day(row[0]), vec![number(row[at])])).collect();
        assert_rows(&lease, symbol, &["close"], &own);
    }
}

#[test]
fn an_index_without_a_name_is_the_time() {
    let Some(folder) = shared("backtesting_py") else { return };
    let place = Place::new();
    let goog = folder.join("GOOG.csv");
    let lease = place.ingest(&goog);
    let source = text(&goog);
    assert_rows(&lease, "GOOG", &BARS, &rows(&fields(&source)[1..], 1, |time| day(time[0])));
    let euro = folder.join("EURUSD.csv");
    let lease = place.ingest(&euro);
    let source = text(&euro);
    let hourly = rows(&fields(&source)[1..], 1, |time| instant(&time[0].replace(' ', "T"), "UTC"));
    assert_rows(&lease, "EURUSD", &BARS, &hourly);
    assert_eq!(lease.schema().frequency(), Frequency::Intraday { step_ns: 3_600_000_000_000 });
    let mixed = place.try_ingest(&[&folder], IngestOptions::default()).expect_err("mixed");
    assert!(matches!(mixed, IngestError::MixedGranularity { .. }), "{mixed}");
}

#[test]
fn an_index_by_five_minutes_day_week_and_month() {
    let Some(folder) = shared("index_5min_daily") else { return };
    let place = Place::new();
    let columns = ["open", "high", "low", "close", "volume", "open_interest"];
    let source = text(&folder.join("2006-day-001.txt"));
    let lease = place.ingest(&folder.join("2006-day-001.txt"));
    assert_rows(
        &lease,
        "2006-day-001",
        &columns,
        &rows(&fields(&source)[1..], 1, |time| day(time[0])),
    );
    let source = text(&folder.join("2006-min-005.txt"));
    let lease = place.ingest(&folder.join("2006-min-005.txt"));
    let stamped = |time: &[&str]| instant(&format!("{}T{}", time[0], time[1]), "UTC");
    assert_rows(&lease, "2006-min-005", &columns, &rows(&fields(&source)[1..], 2, stamped));
    assert_eq!(lease.schema().frequency(), Frequency::Intraday { step_ns: 300_000_000_000 });
    let files = ["2006-day-001.txt", "2006-week-001.txt", "2006-month-001.txt"];
    let paths = files.map(|file| folder.join(file));
    let paths: Vec<&Path> = paths.iter().map(PathBuf::as_path).collect();
    let mixed = place.try_ingest(&paths, IngestOptions::default()).expect_err("mixed");
    assert!(matches!(mixed, IngestError::MixedGranularity { .. }), "{mixed}");
    let together = Some(FrequencyOption::Irregular);
    let options = IngestOptions { frequency: together, ..IngestOptions::default() };
    let (summary, _) = place.try_ingest(&paths, options).expect("on request");
    assert_eq!((summary.assets, summary.rows), (3, 255 + 52 + 12));
}

#[test]
fn minutes_of_crypto_currencies_and_futures() {
    let place = Place::new();
    let minutes = |family: &str, file: &str, columns: &[&str]| {
        let Some(folder) = shared(family) else { return };
        let lease = place.ingest(&folder);
        let source = text(&folder.join(file));
        let wall =
            |time: &[&str]| instant(&time[0].trim_end_matches("+00:00").replace(' ', "T"), "UTC");
        let expected = rows(&fields(&source)[1..], 1, wall);
        let symbol = file.trim_end_matches(".gz").trim_end_matches(".csv");
        assert_rows(&lease, symbol, columns, &expected);
        assert_eq!(lease.schema().frequency(), Frequency::Intraday { step_ns: 60_000_000_000 });
    };
    minutes("minute_24x7", "btc-perp-20211231-20220201_1m.csv", &BARS);
    minutes("minute_fx", "gbpusd-m1-ask-2012.csv.gz", &BARS[..4]);
    minutes("minute_fx", "gbpusd-m1-bid-2012.csv.gz", &BARS[..4]);
    minutes("minute_futures", "6EH4.XCME_1min_bars_20240101_20240131.csv.gz", &BARS);
}

/// Rows of LEAN's daily file.
fn lean_daily(path: &Path, scale: f64) -> Vec<Row> {
    let text = text(path);
    let date = |time: &[&str]| {
        let date = time[0];
        day(&format!("{}-{}-{}", &date[..4], &date[4..6], &date[6..8]))
    };
    let mut rows = rows(&fields(&text), 1, date);
    for (_, values) in &mut rows {
        let prices = if values.len() == 5 { 0..4 } else { 0..0 };
        values[prices].iter_mut().for_each(|price| *price /= scale);
    }
    rows
}

#[test]
fn lean_daily_zips_and_their_parquet() {
    let Some(folder) = shared("lean/equity/usa/daily") else { return };
    let place = Place::new();
    let lease = place.ingest(&folder);
    assert_eq!((lease.asset_count(), lease.rows()), (16, 52_556));
    for symbol in ["aapl", "aig", "fb", "qqq", "gooav"] {
        let rows = lean_daily(&folder.join(format!("{symbol}.zip")), 10_000.0);
        assert_rows(&lease, &symbol.to_uppercase(), &BARS, &rows);
    }
    let Some(parquet) = shared("parquet/us_daily_long.parquet") else { return };
    let converted = Place::new().ingest(&parquet);
    for column in ["open", "high", "low", "close", "volume"] {
        let (lean, parquet) = (lease.f64(column), converted.f64(column));
        assert_eq!(lean.expect("a column"), parquet.expect("a column"), "{column}");
    }
    assert_eq!(lease.calendar(), converted.calendar());
    let Some(hive) = shared("parquet/hive_daily") else { return };
    let converted = Place::new().ingest(&hive);
    assert_eq!((converted.asset_count(), converted.rows()), (3, 2451));
    for symbol in ["AAPL", "IBM", "SPY"] {
        let from = day("2018-01-01");
        let bars = lease.bars(lease.asset(symbol).expect("an asset")).between(from..);
        let found = converted.bars(converted.asset(symbol).expect("an asset"));
        assert_eq!(bars.time(), found.time());
        #[expect(clippy::cast_possible_truncation, reason = "the converted files hold f32")]
        let narrowed: Vec<f64> =
            bars.close().iter().map(|price| f64::from(*price as f32)).collect();
        assert_eq!(found.close(), narrowed);
        assert_eq!(found.volume(), bars.volume());
    }
}

#[test]
fn lean_minutes_of_new_york_and_their_parquet() {
    let Some(folder) = shared("lean/equity/usa/minute") else { return };
    let place = Place::new();
    let mixed =
        place.try_ingest(&[&folder], IngestOptions::default()).expect_err("trades and quotes");
    assert!(matches!(mixed, IngestError::MixedColumns { .. }), "{mixed}");
    let only = |pattern: &str| IngestOptions {
        include: vec![pattern.to_owned()],
        ..IngestOptions::default()
    };
    let lease = place.ingest_with(&folder, only("*_trade.zip"));
    assert_eq!((lease.asset_count(), lease.rows()), (4, 13_429));
    let mut expected: Vec<Row> = Vec::new();
    for date in ["20131004", "20131007", "20131008", "20131009", "20131010", "20131011"] {
        let text = text(&folder.join(format!("spy/{date}_trade.zip")));
        let midnight = format!("{}-{}-{}T00:00:00", &date[..4], &date[4..6], &date[6..]);
        let midnight = instant(&midnight, "America/New_York");
        let of_day =
            |time: &[&str]| midnight + time[0].parse::<i64>().expect("milliseconds") * 1_000_000;
        for (time, mut values) in rows(&fields(&text), 1, of_day) {
            values[..4].iter_mut().for_each(|price| *price /= 10_000.0);
            expected.push((time, values));
        }
    }
    assert_rows(&lease, "SPY", &BARS, &expected);
    let quotes = place.ingest_with(&folder, only("*_quote.zip"));
    let bars = quotes.bars(quotes.asset("SPY").expect("the only asset"));
    let first = |column: &str| bars.f64(column).expect("a column")[0];
    assert_eq!((first("bid_open"), first("ask_close")), (167.27, 167.27));
    assert_eq!((first("bid_size"), first("ask_size")), (300.0, 20_000.0));
    let Some(parquet) = shared("parquet/us_minute_decimal.parquet") else { return };
    let converted = Place::new().ingest(&parquet);
    let lease = Place::new().ingest_with(&folder, only("*_trade.zip"));
    for column in BARS {
        let (lean, parquet) = (lease.f64(column), converted.f64(column));
        assert_eq!(lean.expect("a column"), parquet.expect("a column"), "{column}");
    }
    assert_eq!(lease.calendar(), converted.calendar());
}

#[test]
fn lean_currencies_metals_and_coins() {
    let place = Place::new();
    let Some(folder) = shared("lean/forex/oanda/daily") else { return };
    let lease = place.ingest(&folder);
    let sides = [
        "bid_open",
        "bid_high",
        "bid_low",
        "bid_close",
        "bid_size",
        "ask_open",
        "ask_high",
        "ask_low",
        "ask_close",
        "ask_size",
    ];
    for symbol in ["eurgbp", "eurusd", "gbpusd"] {
        let rows = lean_daily(&folder.join(format!("{symbol}.zip")), 1.0);
        assert_rows(&lease, &symbol.to_uppercase(), &sides, &rows);
    }
    let gold = shared("lean/cfd/oanda/daily").expect("beside the currencies");
    let lease = place.ingest(&gold);
    assert_rows(&lease, "XAUUSD", &sides, &lean_daily(&gold.join("xauusd.zip"), 1.0));
    let coins = shared("lean/crypto/coinbase/daily").expect("beside the currencies");
    let lease = place.ingest(&coins);
    assert_rows(&lease, "BTCUSD", &BARS, &lean_daily(&coins.join("btcusd_trade.zip"), 1.0));
    let minutes = shared("lean/crypto/coinbase/minute").expect("beside the currencies");
    let lease = place.ingest(&minutes);
    let btc = lease.bars(lease.asset("BTCUSD").expect("an asset"));
    assert_eq!(btc.time()[0], instant("2018-04-04T00:00:00", "UTC"));
    assert_eq!((btc.open()[0], btc.volume()[0]), (7424.91, 7.143_197_09));
    let euro = shared("lean/forex/oanda/minute").expect("beside the currencies");
    let lease = place.ingest(&euro);
    let bars = lease.bars(lease.asset("EURUSD").expect("an asset"));
    assert_eq!(bars.f64("bid_open").expect("a column")[0], 1.38676);
}

#[test]
fn parquet_converted_from_the_other_families() {
    let Some(folder) = shared("parquet") else { return };
    let place = Place::new();
    let minutes = place.ingest(&folder.join("btc_perp_1m.parquet"));
    if let Some(source) = shared("minute_24x7") {
        let csv = Place::new().ingest(&source);
        for column in BARS {
            let (csv, parquet) = (csv.f64(column), minutes.f64(column));
            assert_eq!(csv.expect("a column"), parquet.expect("a column"), "{column}");
        }
        assert_eq!(csv.calendar(), minutes.calendar());
    }
    let lenient = || IngestOptions { mode: Mode::Lenient, ..IngestOptions::default() };
    let long = place.ingest_with(&folder.join("sp500_long.parquet"), lenient());
    if let Some(source) = shared("long_format") {
        let csv = Place::new().ingest_with(&source, lenient());
        assert_eq!(csv.version(), long.version());
    }
}

#[test]
fn corporate_actions_of_files_join_the_bars() {
    let Some(actions) = shared("corporate_actions") else { return };
    let Some(bars) = shared("lean/equity/usa/daily") else { return };
    let options = IngestOptions {
        splits: Some(actions.join("splits.csv")),
        dividends: Some(actions.join("dividends.csv")),
        ..IngestOptions::default()
    };
    let place = Place::new();
    let (summary, lease) = place.try_ingest(&[&bars], options).expect("bars and actions");
    // 15 splits, 542 dividends; 24 of one asset fall on one session and add up.
    assert_eq!((summary.adjustments, summary.unused_actions), (15 + 542 - 23, 0));
    let splits = lease.adjustments().expect("adjustments");
    let reverse =
        splits.iter().find(|found| found.value == 0.05 && found.kind == AdjustmentKind::Split);
    assert_eq!(reverse.expect("AIG's of 2009").time, day("2009-07-01"));
}

#[test]
fn files_that_hold_no_bars_are_told_apart() {
    let place = Place::new();
    let cases = [
        ("lean/equity/usa/factor_files", "cannot recognise `factor_files/aaa.1.csv`"),
        ("lean/equity/usa/map_files", "cannot recognise `map_files/aaa.1.csv`"),
        ("calendars", "`calendars/XNYS_2010_2019.csv` line 2, column `open`"),
        ("corporate_actions", "cannot recognise `corporate_actions/dividends.csv`"),
        ("lean", "`lean/"),
    ];
    for (family, expected) in cases {
        let Some(folder) = shared(family) else { return };
        let error = place.try_ingest(&[&folder], IngestOptions::default()).expect_err(family);
        assert!(error.to_string().starts_with(expected), "{family}: {error}");
        assert!(error.hint().is_some(), "{family}: {error}");
    }
}
