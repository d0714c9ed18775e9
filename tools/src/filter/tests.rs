use super::*;
use barrow_format::{Column, Frequency, PhysicalType, Stamp};

const DAY: i64 = 86_400_000_000_000;

fn schema() -> Schema {
    let columns = vec![
        Column::new("time", PhysicalType::I64, LogicalType::Timestamp),
        Column::new("close", PhysicalType::F64, LogicalType::Price),
        Column::new("volume", PhysicalType::U32, LogicalType::Volume),
        Column::new("adj close", PhysicalType::I64, LogicalType::Decimal { scale: 2 }),
    ];
    Schema::new(columns, Frequency::Daily, "UTC", Stamp::Session, "").expect("a possible schema")
}

/// The rows of a small asset where `text` holds.
fn rows(text: &str) -> Vec<usize> {
    let filter = Filter::parse(text, &schema()).unwrap_or_else(|error| {
        panic!("{text}: at {}: {}", error.at, error.problem);
    });
    let time = [0, DAY, 2 * DAY, 3 * DAY];
    let close = [10.0, 20.5, f64::NAN, 40.0];
    let volume = [100, 0, 300, 4_000_000];
    let adjusted = [1_000, 2_050, 3_000, -4_000];
    let columns =
        [Values::I64(&time), Values::F64(&close), Values::U32(&volume), Values::I64(&adjusted)];
    filter.matches(Rows { symbol: "AAPL", columns: &columns, len: 4 })
}

fn refused(text: &str) -> (usize, String) {
    match Filter::parse(text, &schema()) {
        Ok(filter) => panic!("{text} was read as {filter:?}"),
        Err(error) => (error.at, error.problem.to_string()),
    }
}

#[test]
fn numbers_compare() {
    assert_eq!(rows("close > 10"), [1, 3]);
    assert_eq!(rows("close >= 10 and volume >= 1e2"), [0, 3]);
    assert_eq!(rows("close = 20.5"), [1]);
    assert_eq!(rows("close == 20.5 or volume == 300"), [1, 2]);
    assert_eq!(rows("volume >= 4_000_000"), [3]);
    assert_eq!(rows("10 < close"), [1, 3]);
    assert_eq!(rows("volume < 1.5e+2"), [0, 1]);
}

#[test]
fn missing_values_hold_for_nothing_but_missing() {
    assert_eq!(rows("close != 10"), [1, 3]);
    assert_eq!(rows("close <> 10"), [1, 3]);
    assert_eq!(rows("missing(close)"), [2]);
    assert_eq!(rows("not missing(close - 1)"), [0, 1, 3]);
    assert_eq!(rows("not close > 0"), [2]);
}

#[test]
fn arithmetic_binds_as_usual() {
    assert_eq!(rows("close - 2 * 5 = 0"), [0]);
    assert_eq!(rows("(close - 2) * 5 = 40"), [0]);
    assert_eq!(rows("close * volume >= 1000"), [0, 3]);
    assert_eq!(rows("-close > -15"), [0]);
    assert_eq!(rows("abs([adj close]) = 40"), [3]);
    assert_eq!(rows("[adj close] / 2 = 10.25"), [1]);
    assert_eq!(rows("20 - 5 - 5 = close"), [0]);
}

#[test]
fn and_binds_closer_than_or_and_words_may_be_shouted() {
    assert_eq!(rows("close = 10 or close = 20.5 and volume > 5"), [0]);
    assert_eq!(rows("(close = 10 OR close = 20.5) AND volume > 5"), [0]);
    assert_eq!(rows("not (close = 10 or close = 40)"), [1, 2]);
    assert_eq!(rows("not not close = 10"), [0]);
}

#[test]
fn dates_are_whole_days() {
    assert_eq!(rows("time >= 1970-01-02"), [1, 2, 3]);
    assert_eq!(rows("time > 1970-01-02"), [2, 3]);
    assert_eq!(rows("time <= '1970-01-02'"), [0, 1]);
    assert_eq!(rows("time = 1970-01-02"), [1]);
    assert_eq!(rows("time != 1970-01-02T00:00:00Z"), [0, 2, 3]);
    assert_eq!(rows("1970-01-02 < time"), [2, 3]);
    assert_eq!(rows("time = '1970'"), [0, 1, 2, 3]);
}

#[test]
fn symbols_compare_as_text() {
    assert_eq!(rows("symbol = \"AAPL\" and close = 10"), [0]);
    assert_eq!(rows("symbol != 'AAPL'"), [] as [usize; 0]);
    assert_eq!(rows("'AAAA' < symbol and close = 10"), [0]);
}

#[test]
fn mistakes_are_named_with_their_place() {
    let check = |text: &str, at: usize, problem: &str| {
        assert_eq!(refused(text), (at, problem.to_owned()), "{text}");
    };
    check("", 0, "expected a column or a value, found the end");
    check("close", 5, "expected a comparison such as `> 100`, found the end");
    check("close >", 7, "expected a column or a value, found the end");
    check("close > 1 volume", 10, "expected `and`, `or` or the end, found `volume`");
    check("clse > 1", 0, "there is no column `clse`");
    check("close > 1 & volume > 2", 10, "`&` means nothing in a filter");
    check("close > 1e", 8, "`1e` is no number");
    check("close > 1.2.3", 8, "`1.2.3` is no number");
    check("(close > 1", 10, "expected `)`, found the end");
    check("close > 1)", 9, "expected `and`, `or` or the end, found `)`");
    check("1 < close < 3", 10, "comparisons do not chain: write `a < b and b < c`");
    check("close > 'x'", 0, "a number and text cannot be compared");
    check("time > 5", 0, "the time of a bar and a number cannot be compared");
    check("time > 'noon'", 0, "`noon` is no date or time");
    check("time > 2012-13-01", 7, "`2012-13-01` is no date or time");
    check("close + (close > 1) > 2", 8, "expected a number, found a condition");
    check("symbol = \"AAPL", 9, "`\"` is never closed");
    check("[adj close > 1", 0, "`[` is never closed");
    check("not close and 1 = 1", 4, "expected a condition, found a number");
    let deep = format!("{}close{} > 1", "(".repeat(100), ")".repeat(100));
    assert_eq!(refused(&deep).1, "more than 64 levels of parentheses");
}

#[test]
fn the_column_that_was_meant_is_suggested() {
    let suggestion = |text: &str| match Filter::parse(text, &schema()) {
        Err(FilterError { problem: Problem::UnknownColumn { nearest, .. }, .. }) => nearest,
        other => panic!("{other:?}"),
    };
    assert_eq!(suggestion("Close > 1").as_deref(), Some("close"));
    assert_eq!(suggestion("volum > 1").as_deref(), Some("volume"));
    assert_eq!(suggestion("funding_rate > 1"), None);
}
