//! What the names of columns mean.

/// A role that the name of a column suggests.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Meaning {
    /// A date, a time, or both.
    Time,
    /// The asset.
    Symbol,
    /// A standard column.
    Standard(&'static str),
    /// New shares per old.
    Split,
    /// Cash per share.
    Dividend,
    /// A known column that is no asset's name.
    Known,
}

const TIMES: [&str; 33] = [
    "time",
    "date",
    "datetime",
    "date_time",
    "timestamp",
    "ts",
    "t",
    "day",
    "session",
    "dt",
    "index",
    "timestamp_utc",
    "time_utc",
    "datetime_utc",
    "date_utc",
    "utc",
    "gmt_time",
    "local_time",
    "open_time",
    "trade_date",
    "quote_date",
    "price_date",
    "trading_day",
    "bar_time",
    "window_start",
    "unix",
    "unix_time",
    "unix_timestamp",
    "epoch",
    "period",
    "ts_event",
    "index_level_0",
    "yyyymmdd",
];

const SYMBOLS: [&str; 13] = [
    "symbol",
    "ticker",
    "asset",
    "sym",
    "instrument",
    "security",
    "ric",
    "tic",
    "act_symbol",
    "code",
    "stock",
    "symbols",
    "tickers",
];

const KNOWN: [&str; 30] = [
    "adj_close",
    "adjusted_close",
    "adj_open",
    "adj_high",
    "adj_low",
    "adj_volume",
    "bid",
    "ask",
    "mid",
    "price",
    "vwap",
    "value",
    "rate",
    "funding_rate",
    "open_interest",
    "trades",
    "trade_count",
    "count",
    "transactions",
    "bid_size",
    "ask_size",
    "spread",
    "turnover",
    "amount",
    "return",
    "nav",
    "factor",
    "ratio",
    "name",
    "close_time",
];

/// What a normalised name means; `None` for a name of no known meaning.
pub(crate) fn meaning(name: &str) -> Option<Meaning> {
    let standard = match name {
        "open" | "o" | "open_price" | "price_open" | "px_open" | "first" => Some("open"),
        "high" | "h" | "high_price" | "price_high" | "px_high" => Some("high"),
        "low" | "l" | "low_price" | "price_low" | "px_low" => Some("low"),
        "close" | "c" | "close_price" | "price_close" | "px_close" | "px_last" | "last"
        | "close_last" => Some("close"),
        "volume" | "v" | "vol" | "px_volume" | "total_volume" => Some("volume"),
        _ => None,
    };
    if let Some(standard) = standard {
        return Some(Meaning::Standard(standard));
    }
    if TIMES.contains(&name) {
        return Some(Meaning::Time);
    }
    if SYMBOLS.contains(&name) {
        return Some(Meaning::Symbol);
    }
    match name {
        "split" | "splits" | "stock_split" | "stock_splits" | "split_ratio" | "split_factor"
        | "split_coefficient" => Some(Meaning::Split),
        "dividend" | "dividends" | "ex_dividend" | "dividend_amount" | "cash_dividend"
        | "div_cash" => Some(Meaning::Dividend),
        _ => {
            let sided = ["bid_", "ask_", "adj_", "mid_"].iter().any(|side| name.starts_with(side));
            (sided || KNOWN.contains(&name)).then_some(Meaning::Known)
        }
    }
}

/// The name under which a column is stored: lower case, words joined by `_`; `Adj Close` and
/// `AdjClose` are `adj_close`, `OpenInterest` is `open_interest`.
pub(crate) fn normalise(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    let mut before: Option<char> = None;
    for c in name.trim().chars() {
        if c.is_alphanumeric() {
            let after_small = before.is_some_and(|c| c.is_lowercase() || c.is_ascii_digit());
            if c.is_uppercase() && after_small && !out.ends_with('_') {
                out.push('_');
            }
            out.extend(c.to_lowercase());
        } else if !out.is_empty() && !out.ends_with('_') {
            out.push('_');
        }
        before = Some(c);
    }
    let out = out.trim_end_matches('_');
    match out {
        // Vendors abbreviate one column in many ways.
        "adjclose" | "adjusted_close" | "close_adj" | "adj_close_price" => "adj_close".to_owned(),
        _ => out.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_stored_in_lower_snake_case() {
        let cases = [
            ("Adj Close", "adj_close"),
            ("Adj. Close", "adj_close"),
            ("AdjClose", "adj_close"),
            ("adjclose", "adj_close"),
            ("OpenInterest", "open_interest"),
            ("VWAP", "vwap"),
            ("Volume BTC", "volume_btc"),
            ("Volume USD ", "volume_usd"),
            ("funding-rate", "funding_rate"),
            ("Close/Last", "close_last"),
            ("timestamp_utc", "timestamp_utc"),
            ("__index_level_0__", "index_level_0"),
            ("<OPEN>", "open"),
            ("", ""),
        ];
        for (name, expected) in cases {
            assert_eq!(normalise(name), expected, "`{name}`");
        }
    }

    #[test]
    fn meanings() {
        assert_eq!(meaning("vol"), Some(Meaning::Standard("volume")));
        assert_eq!(meaning("timestamp_utc"), Some(Meaning::Time));
        assert_eq!(meaning("ticker"), Some(Meaning::Symbol));
        assert_eq!(meaning("stock_splits"), Some(Meaning::Split));
        assert_eq!(meaning("bid_open"), Some(Meaning::Known));
        assert_eq!(meaning("aapl"), None);
    }
}
