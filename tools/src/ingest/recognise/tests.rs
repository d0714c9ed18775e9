//! One sample of every family of sources, written by hand, and what is to be found in it.

use super::super::layout::Layout;
use super::*;

/// Recognises `text` at `path`.
fn recognised(path: &str, text: &str, options: &IngestOptions) -> Result<Layout, IngestError> {
    let parts: Vec<String> = path.split('/').map(str::to_owned).collect();
    let place = Place { path: &parts, member: None };
    recognise(&Subject { label: path, place, head: text.as_bytes() }, options)
}

/// What was recognised, in words.
fn described(path: &str, text: &str) -> String {
    match recognised(path, text, &IngestOptions::default()) {
        Ok(layout) => layout.describe(),
        Err(error) => format!("error: {error}"),
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table of families")]
fn every_family_is_told_by_its_first_lines() {
    let bars = "open, high, low, close, volume";
    let iso = "times `YYYY-MM-DD[ HH:MM:SS]`";
    let quote = "ask_close, ask_high, ask_low, ask_open, ask_size, bid_close, bid_high, bid_low, \
                 bid_open, bid_size";
    let cases: &[(&str, &str, String)] = &[
        (
            "daily/AAPL.csv",
            "date,open,high,low,close,volume,dividend,split\n2012-01-03,1,2,1,2,5,0.0,1.0\n",
            format!("an asset a file; daily {iso}; columns {bars}"),
        ),
        (
            "ORCL.csv",
            "Date,Open,High,Low,Close,Adj Close,Volume\n1995-01-03,2,3,1,2,1.8,36301200\n",
            format!("an asset a file; daily {iso}; columns {bars}, adj_close"),
        ),
        (
            "index.csv",
            "Date,Open,High,Low,Close,Adj Close,Volume\n1/4/1999,2,3,1,2,2,9\n1/13/1999,2,3,1,2,2,9\n",
            format!("an asset a file; daily times `M/D/YYYY`; columns {bars}, adj_close"),
        ),
        (
            "stocks.csv",
            "Ticker,Date,Open,High,Low,Close,Volume,Adj Close\nA,2000-03-01,1,2,1,2,3,1.1\n",
            format!("long, a symbol column; daily {iso}; columns {bars}, adj_close"),
        ),
        (
            "sp.csv",
            "Date,Symbol,Open,High,Low,Close,Volume\n20090821,A,1,2,1,2,3\n",
            format!("long, a symbol column; daily times `YYYYMMDD[ HH:MM]`; columns {bars}"),
        ),
        (
            "wide.csv",
            "Date,AAPL,C,T\n1990-01-02,0.2,,3\n1990-01-03,0.3,2,3\n",
            format!("wide, 3 assets; daily {iso}; columns close"),
        ),
        (
            "GOOG.csv",
            ",Open,High,Low,Close,Volume\n2004-08-19,1,2,1,2,3\n",
            format!("an asset a file; daily {iso}; columns {bars}"),
        ),
        (
            "2006-min-005.txt",
            "Date,Time,Open,High,Low,Close,Volume,OpenInterest\n2006-01-02,09:05:00,1,2,1,2,0,0\n",
            format!("an asset a file; intraday {iso}; columns {bars}, open_interest"),
        ),
        (
            "gbpusd.csv",
            "timestamp,open,high,low,close\n2012-02-01 00:00:00+00:00,1,2,1,2\n\
             2012-02-01 00:01:00+00:00,1,2,1,2\n",
            format!("an asset a file; intraday {iso}; columns open, high, low, close"),
        ),
        (
            "lean/equity/usa/daily/aapl.csv",
            "19980102 00:00,136300,162500,135000,162500,6315000\n",
            format!(
                "LEAN; daily times `YYYYMMDD[ HH:MM]` in America/New_York; prices divided by 10000; \
                 columns {bars}"
            ),
        ),
        (
            "equity/usa/minute/spy/20131007_trade.csv",
            "14400000,1674100,1674100,1672500,1672700,3197\n",
            format!(
                "LEAN; intraday times `milliseconds since midnight` in America/New_York; prices \
                 divided by 10000; columns {bars}"
            ),
        ),
        (
            "crypto/coinbase/minute/btcusd/20180404_trade.csv",
            "60000,7424,7424,7422,7422,7.14\n",
            format!("LEAN; intraday times `milliseconds since midnight`; columns {bars}"),
        ),
        (
            "forex/oanda/daily/eurusd.csv",
            "20070101 00:00,1.3,1.4,1.2,1.3,0,1.3,1.4,1.2,1.3,0\n",
            format!("LEAN; daily times `YYYYMMDD[ HH:MM]`; columns {quote}"),
        ),
        (
            "bars.txt",
            "20120201 000000;1.30;1.40;1.20;1.30;0\n20120201 000100;1.30;1.40;1.20;1.30;0\n",
            format!("an asset a file; intraday times `YYYYMMDD[ HH:MM]`; columns {bars}"),
        ),
        (
            "bars.csv",
            "unix\topen\thigh\tlow\tclose\tvwap\n1612137660\t1\t2\t1\t2\t1.5\n",
            "an asset a file; intraday times `epoch seconds`; columns open, high, low, close, vwap"
                .to_owned(),
        ),
        (
            "t.csv",
            "t,o,h,l,c,v\n1612137660000,1,2,1,2,1\n",
            format!("an asset a file; intraday times `epoch milliseconds`; columns {bars}"),
        ),
        (
            "funding.csv",
            "timestamp,funding_rate\n2021-01-01 08:00:00,0.0001\n",
            format!("an asset a file; intraday {iso}; columns funding_rate"),
        ),
        (
            "bom.csv",
            "\u{feff}\"Date\",\"Close\"\r\n\"2020-01-02\",\"5\"\r\n",
            format!("an asset a file; daily {iso}; columns close"),
        ),
        (
            "frame.csv",
            "Unnamed: 0,date,close\n0,2020-01-02,5\n1,2020-01-03,6\n",
            format!("an asset a file; daily {iso}; columns close"),
        ),
    ];
    for (path, text, expected) in cases {
        assert_eq!(described(path, text), *expected, "{path}");
    }
}

#[test]
fn what_is_not_recognised_is_said() {
    let cases: &[(&str, &str)] = &[
        ("", "error: `x.csv` is empty"),
        ("\n \n", "error: `x.csv` is empty"),
        ("date,close\n", "error: `x.csv` has a header and no rows"),
        (
            "just some words\n",
            "error: cannot recognise `x.csv`: no comma, semicolon, tab or `|` separates the same \
             number of fields",
        ),
        (
            "19980102,0.86,0.0089,1\n",
            "error: cannot recognise `x.csv`: it has no header, and its 4 columns are none of: time, \
             open, high, low, close, volume",
        ),
        (
            "symbol,close\nA,1\n",
            "error: cannot recognise `x.csv`: no column holds times of a known layout",
        ),
        (
            "date,symbol\n2020-01-02,A\n",
            "error: cannot recognise `x.csv`: none of its columns (date, symbol) is a price",
        ),
        (
            "date,close,Close\n2020-01-02,1,2\n",
            "error: cannot recognise `x.csv`: two columns are `close`",
        ),
        (
            "date,close\n1/2/2020,1\n",
            "error: cannot recognise `x.csv`: column `date`: `1/2/2020` may be month or day first: pass \
             `--time-format mdy` or `--time-format dmy`",
        ),
        (
            "date,close,note\n2020-01-02,1,hello\n",
            "error: column `note` of `x.csv` holds text such as `hello`, and bundles hold numbers",
        ),
        (
            "\u{0}\u{0}\u{0}",
            "error: cannot recognise `x.csv`: it is neither text nor gzip, zip or Parquet",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(described("x.csv", text), *expected, "{text:?}");
    }
    let utf16 = Subject {
        label: "x.csv",
        place: Place { path: &[], member: None },
        head: b"\xff\xfed\0a\0",
    };
    let error = recognise(&utf16, &IngestOptions::default()).unwrap_err();
    assert!(error.to_string().contains("UTF-16"));
}

#[test]
fn options_overrule_what_is_recognised() {
    let text = "when,px,size,who\n02.01.2020,1,2,A\n03.01.2020,1,2,A\n";
    let options = IngestOptions {
        time_column: Some("when".into()),
        time_format: Some(TimeFormat::DayFirst),
        symbol_column: Some("WHO".into()),
        map: vec![("close".into(), "px".into()), ("volume".into(), "size".into())],
        ..IngestOptions::default()
    };
    let layout = recognised("x.csv", text, &options).unwrap();
    let expected = "long, a symbol column; daily times `D/M/YYYY`; columns close, volume";
    assert_eq!(layout.describe(), expected);

    let wrong = IngestOptions { symbol_column: Some("ticker".into()), ..options.clone() };
    let error = recognised("x.csv", text, &wrong).unwrap_err().to_string();
    assert_eq!(error, "`x.csv` has no column `ticker`; it has when, px, size, who");

    let drop = IngestOptions { drop: vec!["note".into()], ..IngestOptions::default() };
    let noted = "date,close,note\n2020-01-02,1,hello\n";
    assert_eq!(recognised("x.csv", noted, &drop).unwrap().fields.len(), 1);
    let lenient = IngestOptions { mode: super::super::Mode::Lenient, ..IngestOptions::default() };
    assert_eq!(recognised("x.csv", noted, &lenient).unwrap().text_columns, ["note"]);

    let names = ["time", "close", "bid", "ask"].map(str::to_owned).to_vec();
    let named = IngestOptions { columns: Some(names), ..IngestOptions::default() };
    let layout = recognised("x.csv", "2020-01-02,1,2,3\n", &named).unwrap();
    assert!(layout.describe().ends_with("columns close, ask, bid"), "{}", layout.describe());

    let yahoo = "Date,Close,Adj Close\n2020-01-02,1,2\n";
    let adjusted = super::super::Adjusted::Drop;
    let dropped = IngestOptions { adjusted, ..IngestOptions::default() };
    assert_eq!(recognised("x.csv", yahoo, &dropped).unwrap().fields.len(), 1);

    let quote = "20070101 00:00,1.3,1.4,1.2,1.3,0,1.3,1.4,1.2,1.35,0\n";
    let mapped = IngestOptions {
        map: vec![("close".into(), "ask_close".into())],
        drop: vec!["bid_size".into()],
        ..IngestOptions::default()
    };
    let layout = recognised("forex/eurusd.csv", quote, &mapped).unwrap();
    assert!(
        layout
            .describe()
            .contains("columns close, ask_high, ask_low, ask_open, ask_size, bid_close")
    );

    let long = IngestOptions { format: Some(SourceFormat::Long), ..IngestOptions::default() };
    let error = recognised("x.csv", noted, &IngestOptions { drop: vec!["note".into()], ..long });
    assert!(error.unwrap_err().to_string().ends_with("no column tells the asset"));
    let csv = IngestOptions { format: Some(SourceFormat::Csv), ..IngestOptions::default() };
    let layout = recognised("x.csv", "date,beta\n2020-01-02,1.5\n", &csv).unwrap();
    assert!(layout.describe().starts_with("an asset a file"));

    let zone = IngestOptions { timezone: Some("Mars".into()), ..IngestOptions::default() };
    let error = recognised("x.csv", yahoo, &zone).unwrap_err().to_string();
    assert!(error.starts_with("option `--timezone` cannot be `Mars`"), "{error}");
}
