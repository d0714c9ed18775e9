//! Commands about rows: query and export.

use std::fs;
use std::process::Command;

use parquet::file::reader::{FileReader, SerializedFileReader};

use super::{Place, snapshot};

#[test]
fn querying_as_a_table() {
    let place = Place::new();
    snapshot("query", place.transcript(&["query", "small"]));
    let some = ["query", "small", "--assets", "BETA,ALPHA", "--columns", "close,volume"];
    let dates = ["--from", "2012-01-05", "--to", "2012-01-06"];
    snapshot("query-some", place.transcript(&[some.as_slice(), &dates].concat()));
    let none = place.transcript(&["query", "small", "--from", "2013"]);
    snapshot("query-none", none);
}

#[test]
fn querying_as_csv_and_json() {
    let place = Place::new();
    let filter = ["--filter", "close >= 100 and volume < 80 or symbol = \"C-3\" and vwap < 1"];
    let csv = [&["query", "small", "--format", "csv"], filter.as_slice()].concat();
    snapshot("query-csv", place.transcript(&csv));
    let json = [&["query", "small", "--columns", "close"], filter.as_slice()].concat();
    snapshot("query-json", place.json_text(&json));
}

#[test]
fn a_table_is_cut_and_says_so() {
    let place = Place::new();
    place.ingest_long(150, 86_400);
    let said = place.run(&["query", "long"]);
    assert_eq!(String::from_utf8_lossy(&said.stdout).lines().count(), 101);
    assert!(String::from_utf8_lossy(&said.stderr).contains("the first 100 rows"));
    let all = place.run(&["query", "long", "--limit", "150"]);
    assert_eq!(String::from_utf8_lossy(&all.stdout).lines().count(), 151);
    assert!(!String::from_utf8_lossy(&all.stderr).contains("the first"));
}

#[test]
fn pipes_are_written_to_and_stay() {
    let place = Place::new();
    let pipe = place.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs").success());
    let reader = std::thread::spawn({
        let pipe = pipe.clone();
        move || fs::read_to_string(pipe).expect("the pipe can be read")
    });
    let query = ["query", "small", "--format", "csv"];
    let to_pipe = place.run(&[&query[..], &["--out", "pipe"]].concat());
    assert!(to_pipe.status.success() && to_pipe.stdout.is_empty());
    let through = reader.join().expect("the reader ends");
    assert!(!fs::metadata(&pipe).expect("it is there").is_file());
    let plain = place.run(&query).stdout;
    let dashed = place.run(&[&query[..], &["--out", "-"]].concat()).stdout;
    assert_eq!(through.as_bytes(), plain);
    assert_eq!(dashed, plain);
    assert!(!place.path().join("-").exists());
}

#[test]
fn parquet_holds_the_same_rows() {
    let place = Place::new();
    let said = place.transcript(&["query", "small", "--out", "bars.parquet"]);
    assert!(said.contains("exit 0"), "{said}");
    let file = fs::File::open(place.path().join("bars.parquet")).expect("a file");
    let reader = SerializedFileReader::new(file).expect("a Parquet file");
    let metadata = reader.metadata().file_metadata();
    assert_eq!(metadata.num_rows(), 15);
    let pairs = metadata.key_value_metadata().expect("metadata");
    assert!(pairs.iter().any(|pair| pair.key == "barrow.version"));
    let rows: Vec<String> = reader
        .get_row_iter(None)
        .expect("rows")
        .map(|row| row.expect("a row").to_string())
        .collect();
    snapshot("parquet-rows", rows[6..8].join("\n"));
}

#[test]
fn arrow_files_are_arrow_files() {
    let place = Place::new();
    assert!(place.run(&["export", "small", "--out", "bars.arrow"]).status.success());
    let bytes = fs::read(place.path().join("bars.arrow")).expect("a file");
    assert!(bytes.starts_with(b"ARROW1") && bytes.ends_with(b"ARROW1"));
}

#[test]
fn an_export_ingested_again_is_the_same_content() {
    let place = Place::new();
    let version = |name: &str| place.json(&["inspect", name])["version"].clone();
    snapshot("export-folder", place.transcript(&["export", "small", "--out", "csv/"]));
    snapshot("export-json", place.json_text(&["export", "small", "-o", "small.csv"]));
    assert!(place.run(&["export", "small", "--out", "small.parquet"]).status.success());
    for source in ["csv", "small.csv", "small.parquet"] {
        let said = place.transcript(&["ingest", "again", source]);
        assert!(said.contains("exit 0"), "{said}");
        assert_eq!(version("again"), version("small"), "{source}");
    }
    let said = place.transcript(&["export", "small", "--out", "csv/"]);
    snapshot("export-occupied", said);
    assert!(place.run(&["export", "small", "--out", "csv/", "--force"]).status.success());
}
