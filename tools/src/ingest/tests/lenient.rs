//! Lenient mode publishes what is right and sets the rest aside, with what was wrong.

use serde_json::Value;

use super::*;

fn lenient() -> IngestOptions {
    IngestOptions { mode: Mode::Lenient, ..IngestOptions::default() }
}

/// The rejects file as (file, line, column, value, reason, row).
fn rejects(place: &Place) -> Vec<Vec<String>> {
    let mut csv = ::csv::Reader::from_path(place.path("rejects.csv")).unwrap();
    let record = |record: Result<::csv::StringRecord, ::csv::Error>| {
        record.unwrap().iter().map(str::to_owned).collect()
    };
    csv.records().map(record).collect()
}

#[test]
fn bad_rows_go_to_the_rejects_file() {
    let place = Place::new();
    place
        .write(
            "f/A.csv",
            format!(
                "{HEADER}2020-01-02,1,2,1,2,3\n2020-01-03,x,2,1,2,3\n2020-01-06,9,2,1,2,3\nfoo,bar\n\
                 2020-01-07,1,2,1,2,4\n2020-01-02,1,2,1,2,5\n"
            ),
        )
        .write("f/B.csv", format!("{HEADER}2020-01-02,1,2,0,2,3\n2020-01-03,1,2,1,2,3\n"));
    let summary = place.try_run("bars", &["f"], lenient()).unwrap();
    assert_eq!((summary.rows, summary.rejected, summary.assets), (3, 5, 2));
    assert_eq!(summary.rejects, Some(place.path("rejects.csv")));
    let lease = place.catalog().lease("bars").unwrap();
    assert_eq!(rows(&lease, "A"), ["2020-01-02 1 2 1 2 3", "2020-01-07 1 2 1 2 4"]);
    assert_eq!(rows(&lease, "B"), ["2020-01-03 1 2 1 2 3"]);
    let expected = [
        ["f/A.csv", "3", "open", "x", "not a number", "2020-01-03,x,2,1,2,3"],
        ["f/A.csv", "4", "open", "9", "open lies outside 1 to 2", "2020-01-06,9,2,1,2,3"],
        ["f/A.csv", "5", "", "foo,bar", "row has 2 fields, expected 6", "foo,bar"],
        [
            "f/A.csv",
            "7",
            "time",
            "2020-01-02T00:00:00Z",
            "asset has an earlier row of the same time",
            "A,2020-01-02T00:00:00Z,1,2,1,2,5",
        ],
        ["f/B.csv", "2", "low", "0", "price is zero", "2020-01-02,1,2,0,2,3"],
    ];
    assert_eq!(rejects(&place), expected);
    let text = fs::read_to_string(place.path("rejects.json")).unwrap();
    let told: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&told["rows"], &told["rejected"]), (&Value::from(3), &Value::from(5)));
    assert_eq!(told["files"]["f/A.csv"], 4);
    assert_eq!(told["reasons"]["zero price"], 1);
    // Rows that were set aside are not counted among those taken from a source.
    let sources = lease.provenance().unwrap().sources;
    assert_eq!(sources.iter().map(|source| source.rows).collect::<Vec<_>>(), [2, 1]);
}

#[test]
fn rows_out_of_order_are_sorted_and_actions_of_bad_rows_go_with_them() {
    let place = Place::new();
    let text = "date,close,dividend\n2020-01-06,3,0.5\n2020-01-03,-2,0.7\n2020-01-02,1,0\n";
    place.write("X.csv", text);
    let lease = place.ingest_with(&["X.csv"], lenient());
    assert_eq!(rows(&lease, "X"), ["2020-01-02 1", "2020-01-06 3"]);
    let found: Vec<f64> = lease.adjustments().unwrap().iter().map(|found| found.value).collect();
    assert_eq!(found, [0.5]);
}

#[test]
fn nothing_is_written_when_all_rows_are_right() {
    let place = Place::new();
    place.write("X.csv", "date,close\n2020-01-02,1\n");
    let summary = place.try_run("bars", &["X.csv"], lenient()).unwrap();
    assert_eq!((summary.rejected, summary.rejects), (0, None));
    assert!(!place.path("rejects.csv").exists());
}

#[test]
fn too_many_bad_rows_are_an_error() {
    let place = Place::new();
    place.write("X.csv", "date,close\n2020-01-02,0\n2020-01-03,0\n2020-01-06,0\n");
    let error = place.try_run("bars", &["X.csv"], lenient()).unwrap_err().to_string();
    assert_eq!(error, "no row is left to publish: 3 were rejected");
    let few = IngestOptions { rejects_max: 2, ..lenient() };
    let error = place.try_run("bars", &["X.csv"], few).unwrap_err().to_string();
    assert_eq!(error, "more than 2 rows were rejected");
    assert!(!place.path("rejects.csv").exists() && !place.path("root").exists());
}

#[test]
fn bytes_that_are_not_utf8_are_set_aside() {
    let place = Place::new();
    place.write("X.csv", b"date,close\n2020-01-02,1\n2020-01-03,\xff\n2020-01-06,2\n");
    let summary = place.try_run("bars", &["X.csv"], lenient()).unwrap();
    assert_eq!((summary.rows, summary.rejected), (2, 1));
    assert_eq!(rejects(&place)[0][4], "not UTF-8 text");
}

#[test]
fn rejects_of_wide_and_parquet_sources_name_asset_and_value() {
    let place = Place::new();
    place.write("w.csv", "Date,AAPL,KO\n1990-01-02,1,2\n1990-01-03,-1,2\n1990-01-04,1,0\n");
    let summary = place.try_run("bars", &["w.csv"], lenient()).unwrap();
    assert_eq!((summary.rows, summary.rejected), (4, 2));
    let found = rejects(&place);
    assert_eq!(found[0][1..5], ["3", "AAPL", "-1", "price is negative"]);
    assert_eq!(found[1][1..5], ["4", "KO", "0", "price is zero"]);

    place.write("p.parquet", parquet::samples::with_bad_rows());
    let summary = place.try_run("pq", &["p.parquet"], lenient()).unwrap();
    assert_eq!((summary.rows, summary.rejected), (1, 2));
    let found = rejects(&place);
    assert_eq!(found[0][1..5], ["2", "close", "-1", "price is negative"]);
    assert_eq!(found[1][1..5], ["3", "day", "", "value is missing"]);
}
