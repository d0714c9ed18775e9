//! Reading and evaluating expressions over the rows of one small asset.

use barrow_format::{Column, LogicalType, PhysicalType, Values};

use crate::query::error::Problem;
use crate::query::expression::Scope;
use crate::query::frame::{Frame, Instants, Series};
use crate::query::lists;

const DAY: i64 = 86_400_000_000_000;

fn scope() -> Scope {
    let columns = vec![
        Column::new("time", PhysicalType::I64, LogicalType::Timestamp),
        Column::new("close", PhysicalType::F64, LogicalType::Price),
        Column::new("volume", PhysicalType::U32, LogicalType::Volume),
        Column::new("adj close", PhysicalType::I64, LogicalType::Decimal { scale: 2 }),
    ];
    Scope { columns }
}

/// What `read` makes of the small asset.
fn over<T>(read: impl FnOnce(&Frame<'_>) -> T) -> T {
    let time = [0, DAY, 2 * DAY, 3 * DAY];
    let close = [10.0, 20.5, f64::NAN, 40.0];
    let volume = [100, 0, 300, 4_000_000];
    let adjusted = [1_000, 2_050, 3_000, -4_000];
    let columns = vec![
        Series::Unread,
        Series::Stored(Values::F64(&close)),
        Series::Stored(Values::U32(&volume)),
        Series::Stored(Values::I64(&adjusted)),
    ];
    read(&Frame::new("AAPL", Instants::Stored(&time), columns))
}

/// The rows of the small asset where `text` holds.
fn rows(text: &str) -> Vec<usize> {
    let condition = lists::condition(text, &scope())
        .unwrap_or_else(|(at, problem)| panic!("{text}: at {at}: {problem}"));
    let holds = over(|frame| condition.eval(frame, 0..4));
    (0..4).filter(|row| holds[*row]).collect()
}

/// The number that `text` is in each row, `None` where it is missing; evaluated whole and in two halves.
fn numbers(text: &str) -> Vec<Option<f64>> {
    let number = lists::number(text, &scope())
        .unwrap_or_else(|(at, problem)| panic!("{text}: at {at}: {problem}"));
    let found = |from: usize, to: usize| {
        over(|frame| number.eval(frame, from..to).into_each(to - from).into_owned())
    };
    let shown = |values: Vec<f64>| -> Vec<Option<f64>> {
        values.into_iter().map(|value| (!value.is_nan()).then_some(value)).collect()
    };
    let halves = [found(0, 1), found(1, 4)].concat();
    let whole = shown(found(0, 4));
    assert_eq!(shown(halves), whole, "{text}");
    whole
}

fn refused(text: &str) -> (usize, String) {
    match lists::condition(text, &scope()) {
        Ok(condition) => panic!("{text} was read as {condition:?}"),
        Err((at, problem)) => (at, problem.to_string()),
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
    check("close > 1 & volume > 2", 10, "`&` means nothing in an expression");
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
    let long = format!("close{} > 1", " + 1".repeat(1_000_000));
    assert_eq!(refused(&long).1, "more than 2000 words and signs");
    let long = format!("close{} > 1", " + 1".repeat(990));
    assert_eq!(rows(&long), [0, 1, 3]);
}

#[test]
fn the_name_that_was_meant_is_suggested() {
    let suggestion = |text: &str| match lists::condition(text, &scope()) {
        Err((
            _,
            Problem::UnknownColumn { nearest, .. } | Problem::UnknownFunction { nearest, .. },
        )) => nearest,
        other => panic!("{other:?}"),
    };
    assert_eq!(suggestion("Close > 1").as_deref(), Some("close"));
    assert_eq!(suggestion("volum > 1").as_deref(), Some("volume"));
    assert_eq!(suggestion("funding_rate > 1"), None);
    assert_eq!(suggestion("rolling_men(close, 3) > 1").as_deref(), Some("rolling_mean"));
}

#[test]
fn functions_do_what_their_names_say() {
    let some = |values: [f64; 4]| values.map(Some).to_vec();
    assert_eq!(numbers("sqrt(volume)"), some([10.0, 0.0, 300f64.sqrt(), 2000.0]));
    assert_eq!(numbers("log(exp([adj close] * 0))"), some([0.0; 4]));
    assert_eq!(numbers("log(volume)")[1], Some(f64::NEG_INFINITY));
    assert_eq!(numbers("max(volume, 200, 250)"), some([250.0, 250.0, 300.0, 4e6]));
    assert_eq!(numbers("min(close, 20)"), [Some(10.0), Some(20.0), None, Some(20.0)]);
    assert_eq!(numbers("min(20, close)"), [Some(10.0), Some(20.0), None, Some(20.0)]);
    let chosen = numbers("if(volume >= 300 and not missing(close), close, -1)");
    assert_eq!(chosen, some([-1.0, -1.0, -1.0, 40.0]));
    assert_eq!(numbers("if(close > 15, close, volume)"), some([100.0, 20.5, 300.0, 40.0]));
    assert_eq!(numbers("-2"), some([-2.0; 4]));
}

#[test]
fn windows_look_back_over_the_asset_s_own_bars() {
    assert_eq!(numbers("lag(close)"), [None, Some(10.0), Some(20.5), None]);
    assert_eq!(numbers("lag(volume, 3)"), [None, None, None, Some(100.0)]);
    assert_eq!(numbers("lag(volume, 0) - volume"), [Some(0.0); 4]);
    assert_eq!(numbers("lag(lag(volume))"), [None, None, Some(100.0), Some(0.0)]);
    assert_eq!(numbers("diff(volume, 2)"), [None, None, Some(200.0), Some(4e6)]);
    assert_eq!(numbers("returns(close)"), [None, Some(20.5 / 10.0 - 1.0), None, None]);
    let sums = [None, Some(100.0), Some(300.0), Some(4_000_300.0)];
    assert_eq!(numbers("rolling_sum(volume, 2)"), sums);
    assert_eq!(numbers("2 * rolling_mean(volume, 2)"), sums);
    assert_eq!(numbers("rolling_max(volume, 2)"), [None, Some(100.0), Some(300.0), Some(4e6)]);
    assert_eq!(numbers("rolling_min(volume, 3)"), [None, None, Some(0.0), Some(0.0)]);
    // Of 100 and 0: squared distances of 50 twice, over one.
    assert_eq!(numbers("rolling_std(volume, 2)")[1], Some(5000f64.sqrt()));
    // A missing value is missing from every window that it is in.
    assert_eq!(numbers("rolling_mean(close, 2)"), [None, Some(15.25), None, None]);
    assert_eq!(numbers("rolling_mean(close, 9)"), [None; 4]);
}

#[test]
fn arguments_are_checked() {
    let check = |text: &str, at: usize, problem: &str| {
        assert_eq!(refused(text), (at, problem.to_owned()), "{text}");
    };
    let bars = "a number of bars is a whole number from 1 to 100000";
    check("rolling_mean(close, 0) > 1", 20, bars);
    check("rolling_mean(close, 1.5) > 1", 20, bars);
    check("rolling_mean(close, 1e6) > 1", 20, bars);
    check("rolling_mean(close, volume) > 1", 20, bars);
    check("rolling_mean(close) > 1", 0, "`rolling_mean` takes a number and how many bars, found 1");
    check("abs() > 1", 0, "`abs` takes 1 argument, found 0");
    check("abs(1, 2) > 1", 0, "`abs` takes 1 argument, found 2");
    check("min(close) > 1", 0, "`min` takes 2 arguments or more, found 1");
    check(
        "if(close > 1, 2) > 1",
        0,
        "`if` takes 3 arguments: a condition and two numbers, found 2",
    );
    check("abs(symbol) > 1", 4, "expected a number, found the symbol of an asset");
    check("nothing(close) > 1", 0, "there is no function `nothing`");
    check("close, volume > 1", 5, "expected `and`, `or` or the end, found `,`");
}

#[test]
fn columns_are_named_or_called_as_they_are_written() {
    let names = |text: &str| -> Vec<String> {
        let items = lists::items(text, &scope());
        let items = items.unwrap_or_else(|(at, problem)| panic!("{text}: at {at}: {problem}"));
        items.iter().map(|item| item.name().to_owned()).collect()
    };
    assert_eq!(names("close, [adj close], x = close"), ["close", "adj close", "x"]);
    assert_eq!(names("ret = close/lag(close, 1)-1"), ["ret"]);
    assert_eq!(names("close  /lag( close,1 )"), ["close /lag( close,1 )"]);
    assert_eq!(names("up = close > lag(close), close == 10"), ["up", "close == 10"]);
    assert_eq!(names("time, symbol, close"), ["close"]);
    assert_eq!(names("[my x] = 1"), ["my x"]);
    let refused = |text: &str| {
        let (at, problem) = lists::items(text, &scope()).expect_err("no list");
        (at, problem.to_string())
    };
    assert_eq!(refused("close, "), (7, "expected a column or a value, found the end".to_owned()));
    assert_eq!(refused("x = 'y'").1, "expected a number or a condition, found text");
    assert_eq!(refused("close volume"), (6, "expected `,` or the end, found `volume`".to_owned()));
}

#[test]
fn aggregates_are_read() {
    let read = |text: &str| match lists::aggregates(text, &scope()) {
        Ok(found) => found.iter().map(|aggregate| aggregate.name.clone()).collect(),
        Err((at, problem)) => vec![format!("{at}: {problem}")],
    };
    assert_eq!(read("mean(close), n = count(*)"), ["mean(close)", "n"]);
    assert_eq!(read("vwap(close), vwap(close, volume)"), ["vwap(close)", "vwap(close, volume)"]);
    assert_eq!(read("max(max(close, 1))"), ["max(max(close, 1))"]);
    assert_eq!(read("avg(close)"), ["0: there is no function `avg`"]);
    assert_eq!(read("maen(close)"), ["0: there is no function `maen`"]);
    assert_eq!(read("close"), ["0: expected an aggregate such as `mean(close)`, found `close`"]);
    assert_eq!(read("mean()"), ["0: `mean` takes 1 argument, found 0"]);
    assert_eq!(read("sum(close, close)"), ["0: `sum` takes 1 argument, found 2"]);
    assert_eq!(read("sum(close > 1)"), ["4: expected a number, found a condition"]);
}
