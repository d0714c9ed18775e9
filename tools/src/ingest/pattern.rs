//! Patterns of file names: `*` stands for any text, `{symbol}` for a symbol, `{date}` for eight digits.

/// Whether `pattern` matches all of `name`.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    capture(pattern, name).is_some()
}

/// What `{symbol}` stands for when `pattern` matches all of `name`: the shortest text that fits,
/// empty where the pattern has no `{symbol}`.
pub(crate) fn capture<'n>(pattern: &str, name: &'n str) -> Option<&'n str> {
    if let Some(rest) = pattern.strip_prefix("{symbol}") {
        return ends(name)
            .skip(1)
            .find_map(|end| capture(rest, &name[end..]).map(|_| &name[..end]));
    }
    if let Some(rest) = pattern.strip_prefix("{date}") {
        name.get(..8).filter(|date| date.bytes().all(|byte| byte.is_ascii_digit()))?;
        return capture(rest, &name[8..]);
    }
    if let Some(rest) = pattern.strip_prefix('*') {
        return ends(name).find_map(|end| capture(rest, &name[end..]));
    }
    let Some(wanted) = pattern.chars().next() else {
        return name.is_empty().then_some("");
    };
    let rest = name.strip_prefix(wanted)?;
    capture(&pattern[wanted.len_utf8()..], rest)
}

/// Every place at which a prefix of `name` ends, from none of it to all.
fn ends(name: &str) -> impl Iterator<Item = usize> + '_ {
    name.char_indices().map(|(at, _)| at).chain(std::iter::once(name.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_names() {
        assert!(matches("*_trade.zip", "20131007_trade.zip"));
        assert!(!matches("*_trade.zip", "20131007_quote.zip"));
        assert!(matches("*", "") && matches("a*c*", "abcd"));
        assert!(!matches("a", "ab"));
    }

    #[test]
    fn symbols_are_captured() {
        assert_eq!(capture("{symbol}_*", "AAPL_1min_2020"), Some("AAPL"));
        assert_eq!(capture("{symbol}-m1-*-2012", "gbpusd-m1-ask-2012"), Some("gbpusd"));
        assert_eq!(capture("*-{symbol}", "us-AAPL"), Some("AAPL"));
        assert_eq!(capture("{date}_{symbol}_trade", "20131007_spy_trade"), Some("spy"));
        assert_eq!(capture("{symbol}", "BRK.B"), Some("BRK.B"));
        assert_eq!(capture("{symbol}_*", "AAPL"), None);
        assert_eq!(capture("{symbol}", ""), None);
    }
}
