//! Strict mode names the first bad row and leaves no trace.

use super::*;

#[test]
fn every_kind_of_bad_row_has_its_message() {
    let cases: &[(&str, &str)] = &[
        ("2020-01-02,abc,2,1,2,3", "column `open`, value `abc`: not a number"),
        ("2020-01-02,1,2,1,,3", "column `close`, value ``: value is missing"),
        ("2020-01-02,1,2,1,null,3", "column `close`, value `null`: value is missing"),
        ("2020-01-02,1,2,1,2,NaN", "column `volume`, value `NaN`: value is missing"),
        ("2020-01-02,1,inf,1,2,3", "column `high`, value `inf`: not a finite number"),
        ("2020-01-02,1,1e999,1,2,3", "column `high`, value `1e999`: not a finite number"),
        (
            "2020-01-02,1,2,1,2",
            "column ``, value `2020-01-02,1,2,1,2`: row has 5 fields, expected 6",
        ),
        (
            "2020-01-02,1,2,1,2,3,4",
            "column ``, value `2020-01-02,1,2,1,2,3,4`: row has 7 fields, expected 6",
        ),
        (
            "2020-13-02,1,2,1,2,3",
            "column `date`, value `2020-13-02`: not a time of the form `YYYY-MM-DD[ HH:MM:SS]`",
        ),
        (",1,2,1,2,3", "column `date`, value ``: value is missing"),
        (
            "2020-01-02 09:30:00,1,2,1,2,3",
            "column `date`, value `2020-01-02 09:30:00`: mixed granularity: a time of day among daily \
             bars",
        ),
        ("2020-01-02,-1,2,-2,2,3", "column `open`, value `-1`: price is negative"),
        ("2020-01-02,1,2,0.00,2,3", "column `low`, value `0.00`: price is zero"),
        ("2020-01-02,1,2,1,2,-3", "column `volume`, value `-3`: volume is negative"),
        ("2020-01-02,1,0.5,1,1,3", "column `high`, value `0.5`: high is below the low of 1"),
        ("2020-01-02,3,2,1,2,3", "column `open`, value `3`: open lies outside 1 to 2"),
        ("2020-01-02,1,2,1,2.01,3", "column `close`, value `2.01`: close lies outside 1 to 2"),
        (
            "2019-12-30,1,2,1,2,3",
            "column `date`, value `2019-12-30`: earlier than the row before it",
        ),
        (
            "2019-12-31,1,2,1,2,3",
            "column `date`, value `2019-12-31`: asset has an earlier row of the same time",
        ),
        (
            "2020-01-02,\"1,2,1,2,3",
            "column ``, value `2020-01-02,\"1,2,1,2,3`: quote is not closed on its line",
        ),
    ];
    for (row, expected) in cases {
        let place = Place::new();
        // The second bad row is not the first, however rows are checked.
        let bad = "2020-01-03,x,x,x,x,x";
        place.write("X.csv", format!("{HEADER}2019-12-31,1,2,1,2,3\n\n{row}\n{bad}\n"));
        assert_eq!(place.error(&["X.csv"]), format!("`X.csv` line 4, {expected}"), "{row}");
    }
}

#[test]
fn text_that_is_not_utf8_is_an_error() {
    let place = Place::new();
    let mut bytes = HEADER.as_bytes().to_vec();
    bytes.extend_from_slice(b"2020-01-02,1,2,1,2,3\n2020-01-03,1,2,1,2,3\xff\n");
    place.write("X.csv", bytes);
    let error = place.error(&["X.csv"]);
    assert!(error.starts_with("`X.csv` line 3") && error.ends_with("not UTF-8 text"), "{error}");
}

#[test]
fn the_first_bad_row_by_file_is_told_at_any_number_of_threads() {
    let place = Place::new();
    for file in 0..40 {
        let close = if [7, 21, 39].contains(&file) { "bad" } else { "2" };
        place.write(
            &format!("many/F{file:02}.csv"),
            format!("{HEADER}2020-01-02,1,2,1,{close},3\n"),
        );
    }
    for threads in 1..=4 {
        let options = IngestOptions { threads: Some(threads), ..IngestOptions::default() };
        let error = place.try_run("bars", &["many"], options).unwrap_err();
        let expected = "`many/F07.csv` line 2, column `close`, value `bad`: not a number";
        assert_eq!(error.to_string(), expected);
        assert!(error.hint().is_some_and(|hint| hint.contains("--lenient")));
    }
}

#[test]
fn an_asset_in_two_files_must_not_have_a_time_twice() {
    let place = Place::new();
    place
        .write("a/X.csv", "date,close\n2020-01-02,1\n2020-01-06,2\n")
        .write("b/X.csv", "date,close\n2020-01-03,1\n2020-01-06,2\n");
    let error = place.error(&["b", "a"]);
    let expected = "`b/X.csv` line 3, column `time`, value `2020-01-06T00:00:00Z`: asset has an earlier \
                    row of the same time";
    assert_eq!(error, expected);
    // Without the second time, rows of both files are merged by time.
    place.write("b/X.csv", "date,close\n2020-01-03,1\n");
    let lease = place.ingest(&["b", "a"]);
    assert_eq!(rows(&lease, "X"), ["2020-01-02 1", "2020-01-03 1", "2020-01-06 2"]);
}

#[test]
fn archives_that_are_cut_are_errors_in_both_modes() {
    let text = format!("{HEADER}2020-01-02,1,2,1,2,3\n");
    let gz = gzip(&text);
    let zipped = zip(&[("X.csv", &text)]);
    let parquet = parquet::samples::long();
    let cases = [("X.csv.gz", &gz), ("X.zip", &zipped), ("X.parquet", &parquet)];
    for (name, bytes) in cases {
        for cut in [bytes.len() - 1, bytes.len() - 9, bytes.len() / 2] {
            let place = Place::new();
            place.write(name, &bytes[..cut]);
            let said = place.error(&[name]);
            assert_eq!(said, format!("`{name}` is truncated or damaged"), "{cut}");
            let options = IngestOptions { mode: Mode::Lenient, ..IngestOptions::default() };
            assert!(place.try_run("bars", &[name], options).is_err());
        }
    }
    // A flipped byte in the middle of the compressed text.
    let mut flipped = zipped.clone();
    let middle = 40;
    flipped[middle] ^= 0x55;
    let place = Place::new();
    place.write("X.zip", flipped);
    assert_eq!(place.error(&["X.zip"]), "`X.zip` is truncated or damaged");
}

#[test]
fn files_without_rows_are_errors() {
    let place = Place::new();
    place.write("f/A.csv", format!("{HEADER}2020-01-02,1,2,1,2,3\n")).write("f/B.csv", "");
    assert_eq!(place.error(&["f"]), "`f/B.csv` is empty");
    place.write("f/B.csv", HEADER);
    assert_eq!(place.error(&["f"]), "`f/B.csv` has a header and no rows");
    place.write("f/B.csv.gz", gzip("")).write("f/B.csv", format!("{HEADER}2020-01-02,1,2,1,2,3\n"));
    assert_eq!(place.error(&["f"]), "`f/B.csv.gz` is empty");
    place.write("none/readme.txt.md", "words");
    assert!(place.error(&["none"]).starts_with("no data files in"));
    assert!(place.error(&["gone"]).starts_with("cannot open"));
}

#[test]
fn files_that_do_not_belong_together_are_errors() {
    let daily = format!("{HEADER}2020-01-02,1,2,1,2,3\n");
    let minute = "date,open,high,low,close,volume\n2020-01-02 09:30:00,1,2,1,2,3\n";
    let cases = [
        (
            minute.to_owned(),
            "mixed granularity: `f/B.csv` holds intraday bars, but `f/A.csv` holds daily bars",
        ),
        (
            "date,close\n2020-01-02,1\n".to_owned(),
            "`f/B.csv` has columns close, but `f/A.csv` has open, high, low, close, volume",
        ),
    ];
    for (other, expected) in cases {
        let place = Place::new();
        place.write("f/A.csv", &daily).write("f/B.csv", other);
        assert_eq!(place.error(&["f"]), expected);
    }
    let place = Place::new();
    let days: Vec<String> = (1..=12).map(|day| format!("2020-01-{day:02},1\n")).collect();
    let months: Vec<String> = (1..=12).map(|month| format!("2020-{month:02}-01,1\n")).collect();
    let (days, months) = (days.concat(), months.concat());
    place
        .write("f/A.csv", format!("date,close\n{days}"))
        .write("f/B.csv", format!("date,close\n{months}"));
    let error = place.error(&["f"]);
    assert_eq!(error, "mixed granularity: `B` holds monthly bars, but `A` holds daily bars");
}

#[test]
fn rows_may_be_sorted_on_request() {
    let place = Place::new();
    place.write("X.csv", "date,close\n2020-01-06,3\n2020-01-03,2\n2020-01-02,1\n");
    let said = place.try_run("bars", &["X.csv"], IngestOptions::default()).unwrap_err();
    assert!(said.hint().is_some_and(|hint| hint.contains("--sort")), "{said}");
    let sorted = IngestOptions { sort: true, ..IngestOptions::default() };
    let lease = place.ingest_with(&["X.csv"], sorted.clone());
    assert_eq!(rows(&lease, "X"), ["2020-01-02 1", "2020-01-03 2", "2020-01-06 3"]);
    place.write("X.csv", "date,close\n2020-01-06,3\n2020-01-02,2\n2020-01-06,1\n");
    let twice = place.try_run("bars", &["X.csv"], sorted).unwrap_err().to_string();
    assert!(twice.starts_with("`X.csv` line 4, column `time`"), "{twice}");
}

#[test]
fn negative_prices_are_taken_on_request() {
    let place = Place::new();
    place.write("CL.csv", format!("{HEADER}2020-04-20,-14,-10,-40.32,-37.63,3\n"));
    let options = IngestOptions { nonpositive_prices: true, ..IngestOptions::default() };
    let lease = place.ingest_with(&["CL.csv"], options);
    assert_eq!(rows(&lease, "CL"), ["2020-04-20 -14 -10 -40.32 -37.63 3"]);
}
