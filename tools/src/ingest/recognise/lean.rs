//! What LEAN puts into paths instead of columns: asset, date, kind of security.

use super::super::time::compact_days;

/// Names that a source goes by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    /// Components of the path, folders first, file last.
    pub(crate) path: &'a [String],
    /// Name of the member of an archive.
    pub(crate) member: Option<&'a str>,
}

/// The eight digits of a date that begin the name of the member or of the file.
pub(crate) fn date(place: Place<'_>) -> Option<i64> {
    let names = [place.member, place.path.last().map(String::as_str)];
    names.into_iter().flatten().find_map(|name| {
        let name = name.rsplit('/').next().unwrap_or(name).as_bytes();
        let (date, rest) = name.split_first_chunk::<8>()?;
        if rest.first().is_some_and(u8::is_ascii_digit) {
            return None;
        }
        compact_days(*date)
    })
}

/// The symbol, upper case: of `20131007_spy_minute_trade.csv` and of `btcusd_trade.zip`, else the
/// folder of a file that is named by its date, else the file's name.
pub(crate) fn symbol(place: Place<'_>) -> Option<String> {
    let file = place.path.last().map(String::as_str);
    let names = [place.member, file];
    let of_day = names.into_iter().flatten().find_map(|name| {
        let stem = super::super::source::stem(name.rsplit('/').next().unwrap_or(name));
        let parts: Vec<&str> = stem.split('_').collect();
        match parts[..] {
            [date, ref symbol @ .., resolution, kind]
                if is_date(date)
                    && !symbol.is_empty()
                    && is_resolution(resolution)
                    && is_kind(kind) =>
            {
                Some(symbol.join("_"))
            }
            _ => None,
        }
    });
    let folder = || {
        let stem = super::super::source::stem(file?);
        let date = stem.split('_').next()?;
        let folder = place.path.len().checked_sub(2).and_then(|at| place.path.get(at))?;
        is_date(date).then(|| folder.clone())
    };
    let file_stem = || {
        let stem = super::super::source::stem(file?);
        let bare =
            ["_trade", "_quote", "_openinterest"].iter().find_map(|kind| stem.strip_suffix(kind));
        Some(bare.unwrap_or(stem).to_owned())
    };
    of_day.or_else(folder).or_else(file_stem).map(|symbol| symbol.to_uppercase())
}

fn is_date(text: &str) -> bool {
    text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_resolution(text: &str) -> bool {
    ["tick", "second", "minute", "hour", "daily"].contains(&text)
}

fn is_kind(text: &str) -> bool {
    ["trade", "quote", "openinterest"].contains(&text)
}

/// The kind of security that a folder names.
pub(crate) fn kind(place: Place<'_>) -> Option<String> {
    const KINDS: [&str; 9] = [
        "equity",
        "option",
        "forex",
        "crypto",
        "cfd",
        "cryptofuture",
        "future",
        "index",
        "indexoption",
    ];
    let lower = place.path.iter().map(|part| part.to_lowercase());
    lower.rev().find(|part| KINDS.contains(&part.as_str()))
}

/// Whether prices are integers of a ten-thousandth and times those of New York, as for US equities
/// and options. The path says so; where it does not, integer prices do.
pub(crate) fn is_us_equity(place: Place<'_>, prices_are_integers: bool) -> bool {
    match kind(place).as_deref() {
        Some("equity" | "option") => true,
        Some(_) => false,
        None => prices_are_integers,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> Vec<String> {
        text.split('/').map(str::to_owned).collect()
    }

    #[test]
    fn symbols_and_dates_stand_in_names() {
        let cases = [
            ("lean/equity/usa/daily/aapl.zip", Some("aapl.csv"), "AAPL", None),
            (
                "usa/minute/spy/20131007_trade.zip",
                Some("20131007_spy_minute_trade.csv"),
                "SPY",
                Some(15_985),
            ),
            ("usa/minute/spy/20131007_trade.zip", None, "SPY", Some(15_985)),
            ("crypto/coinbase/daily/btcusd_trade.zip", Some("btcusd.csv"), "BTCUSD", None),
            ("20131007_brk.b_minute_trade.csv", None, "BRK.B", Some(15_985)),
        ];
        for (file, member, expected, days) in cases {
            let path = path(file);
            let place = Place { path: &path, member };
            assert_eq!(symbol(place).as_deref(), Some(expected), "{file}");
            assert_eq!(date(place), days, "{file}");
        }
    }

    #[test]
    fn the_path_tells_the_kind_of_security() {
        let place = |text: &str| path(text);
        let equity = place("lean/equity/usa/daily/aapl.zip");
        let crypto = place("lean/crypto/coinbase/daily/btcusd_trade.zip");
        let unknown = place("aapl.zip");
        assert!(is_us_equity(Place { path: &equity, member: None }, false));
        assert!(!is_us_equity(Place { path: &crypto, member: None }, true));
        assert!(is_us_equity(Place { path: &unknown, member: None }, true));
        assert!(!is_us_equity(Place { path: &unknown, member: None }, false));
    }
}
