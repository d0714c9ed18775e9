use std::io::Cursor;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, TimestampNanosecondType};
use arrow_ipc::reader::FileReader;

use super::*;
use crate::printer::Verbosity;
use crate::selection::SelectionArgs;
use crate::testing::{DAY, Small};

/// The bytes of the selected rows in `format`.
fn written(small: &Small, args: &SelectionArgs, format: Format) -> Vec<u8> {
    let query = args.query().expect("a possible stretch");
    let plan = query.plan(&small.lease).expect("a possible selection");
    let mut bytes = Vec::new();
    let printer = Printer::new(Verbosity::Quiet, false);
    let mut output = output(format, Shape::of(&plan), &mut bytes, printer).expect("an output");
    for batch in plan.batches() {
        output.write(&batch.expect("rows")).expect("written");
    }
    output.finish().expect("an end");
    bytes
}

#[test]
fn arrow_reads_back_value_by_value() {
    let small = Small::new();
    let bytes = written(&small, &SelectionArgs::default(), Format::Arrow);
    let reader = FileReader::try_new(Cursor::new(bytes), None).expect("an Arrow file");
    assert_eq!(reader.schema().metadata()["barrow.bundle"], "small");
    let mut rows = 0;
    for batch in reader {
        let batch = batch.expect("a batch");
        let symbols = batch.column_by_name("symbol").expect("symbols").as_dictionary::<Int32Type>();
        let names = symbols.values().as_string::<i32>();
        let time = batch.column_by_name("time").expect("times");
        let time = time.as_primitive::<TimestampNanosecondType>().values();
        let close = batch.column_by_name("close").expect("closes").as_primitive::<Float64Type>();
        let extra = batch.column_by_name("extra").expect("extras").as_primitive::<Float64Type>();
        for row in 0..batch.num_rows() {
            let key = usize::try_from(symbols.keys().value(row)).expect("a key");
            let asset = small.lease.asset(names.value(key)).expect("an asset");
            let bars = small.lease.bars(asset).between(time[row]..=time[row]);
            assert_eq!(bars.close(), [close.value(row)]);
            let expected = bars.f64("extra").expect("a column")[0];
            assert_eq!(extra.value(row).to_bits(), expected.to_bits());
        }
        rows += batch.num_rows();
    }
    assert_eq!(rows, small.lease.rows());
}

#[test]
fn filters_limits_and_dates_choose_the_same_rows_in_every_format() {
    let small = Small::new();
    let args = SelectionArgs {
        assets: vec!["CCC".to_owned(), "AAA".to_owned()],
        columns: vec!["close".to_owned(), "extra".to_owned()],
        from: Some("1970-06-01".parse().expect("a date")),
        to: Some("1970-12".parse().expect("a month")),
        filter: Some("close > 40 and not missing(extra)".to_owned()),
        ..SelectionArgs::default()
    };
    let csv = String::from_utf8(written(&small, &args, Format::Csv)).expect("UTF-8");
    let mut expected = vec!["symbol,time,close,extra".to_owned()];
    for symbol in ["AAA", "CCC"] {
        let bars = small.lease.bars(small.lease.asset(symbol).expect("an asset"));
        let extra = bars.f64("extra").expect("a column");
        for ((time, close), extra) in bars.time().iter().zip(bars.close()).zip(extra) {
            // The days from 1970-06-01 to 1970-12-31, counted from 1970-01-01.
            let is_within = (151 * DAY..365 * DAY).contains(time);
            if is_within && *close > 40.0 && !extra.is_nan() {
                let day = crate::instant::shown(*time, true);
                expected.push(format!("{symbol},{day},{close},{extra}"));
            }
        }
    }
    assert!(expected.len() > 50, "the condition holds for some");
    assert_eq!(csv.lines().collect::<Vec<_>>(), expected);
    let json = written(&small, &args, Format::Json);
    let json: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
    assert_eq!(json["rows"].as_array().map(Vec::len), Some(expected.len() - 1));
}

#[test]
fn missing_values_are_empty_or_null() {
    let small = Small::new();
    let args = SelectionArgs {
        assets: vec!["AAA".to_owned()],
        columns: vec!["extra".to_owned()],
        to: Some("1970-01-04".parse().expect("a date")),
        ..SelectionArgs::default()
    };
    let csv = String::from_utf8(written(&small, &args, Format::Csv)).expect("UTF-8");
    assert_eq!(csv.lines().last(), Some("AAA,1970-01-04,"));
    let json = String::from_utf8(written(&small, &args, Format::Json)).expect("UTF-8");
    assert!(json.contains("{\"symbol\":\"AAA\",\"time\":\"1970-01-04\",\"extra\":null}"), "{json}");
}

#[test]
fn no_rows_are_a_file_all_the_same() {
    let small = Small::new();
    let args =
        SelectionArgs { from: Some("2020".parse().expect("a year")), ..SelectionArgs::default() };
    let arrow = written(&small, &args, Format::Arrow);
    assert_eq!(FileReader::try_new(Cursor::new(arrow), None).expect("a file").num_batches(), 0);
    assert!(written(&small, &args, Format::Parquet).starts_with(b"PAR1"));
    let json = written(&small, &args, Format::Json);
    let json: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
    assert_eq!(json["rows"], serde_json::Value::Array(Vec::new()));
}
