//! What an ingestion can be told: [`IngestOptions`], and the small types that its options parse into.
//!
//! Everything is recognised from the content unless an option says otherwise.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use super::compress::CompressionOption;
use super::time::TimeFormat;

/// How an ingestion is to be done. `Default` recognises everything, in strict mode.
#[derive(Clone, Debug)]
pub struct IngestOptions {
    /// What the sources are; recognised when `None`.
    pub format: Option<SourceFormat>,
    /// What to do with bad rows.
    pub mode: Mode,
    /// Name of the column that tells the asset.
    pub symbol_column: Option<String>,
    /// Name of the column that tells the time.
    pub time_column: Option<String>,
    /// Layout of the time column.
    pub time_format: Option<TimeFormat>,
    /// IANA zone of times that are written without one; UTC when `None` (New York for LEAN equities).
    pub timezone: Option<String>,
    /// Columns under other names: (field, column of the source).
    pub map: Vec<(String, String)>,
    /// Columns to leave out, by the source's name or the stored one.
    pub drop: Vec<String>,
    /// Names for the columns of files without a header, in order.
    pub columns: Option<Vec<String>>,
    /// Prices are divided by this; 10,000 for LEAN equities, else 1, when `None`.
    pub price_scale: Option<f64>,
    /// Bar length; recognised when `None`.
    pub frequency: Option<FrequencyOption>,
    /// What timestamps say; session for daily bars, else bar start, when `None`.
    pub timestamps: Option<StampOption>,
    /// Symbol of the only asset of a single source.
    pub symbol: Option<String>,
    /// Where the symbol stands in the file name, as in `{symbol}_*`.
    pub symbol_from_file: Option<String>,
    /// Byte between fields; recognised when `None`.
    pub delimiter: Option<u8>,
    /// Only files whose names match one of these patterns (`*` matches anything).
    pub include: Vec<String>,
    /// No files whose names match one of these patterns.
    pub exclude: Vec<String>,
    /// Name of the column that a wide file's values go to.
    pub wide_column: String,
    /// What to do with `Adj Close`.
    pub adjusted: Adjusted,
    /// Whether rows are sorted by time; lenient mode always sorts.
    pub sort: bool,
    /// Whether prices of zero and below are taken.
    pub nonpositive_prices: bool,
    /// CSV of splits: symbol, ex-date, new shares per old.
    pub splits: Option<PathBuf>,
    /// CSV of cash dividends: symbol, ex-date, amount per share.
    pub dividends: Option<PathBuf>,
    /// Which columns are stored compressed.
    pub compression: CompressionOption,
    /// Bytes of memory for rows; above it, rows are sorted on disk.
    pub memory: u64,
    /// Worker threads; as many as there are cores when `None`.
    pub threads: Option<usize>,
    /// Folder for the files of the sort on disk; the bundle's own folder when `None`.
    pub temp_dir: Option<PathBuf>,
    /// The rejects file of lenient mode; `NAME.rejects.csv` in the working directory when `None`.
    pub rejects: Option<PathBuf>,
    /// Rows that lenient mode sets aside at most.
    pub rejects_max: u64,
    /// How long to wait for another writer of the bundle; not at all by default.
    pub wait: Duration,
    /// What becomes of the bundle that is there.
    pub purpose: Purpose,
}

/// What an ingestion does with a bundle that is there.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Purpose {
    /// The sources are all there is to the next version.
    #[default]
    Replace,
    /// The sources continue it: later bars, new assets, new columns. A bundle that is not there is made.
    Append,
    /// The sources correct it: bars and actions that are there are replaced, others added.
    Correct,
    /// The sources name bars that are to go, by asset and time. All else in them is passed over.
    Remove,
}

impl Default for IngestOptions {
    fn default() -> Self {
        Self {
            format: None,
            mode: Mode::Strict,
            symbol_column: None,
            time_column: None,
            time_format: None,
            timezone: None,
            map: Vec::new(),
            drop: Vec::new(),
            columns: None,
            price_scale: None,
            frequency: None,
            timestamps: None,
            symbol: None,
            symbol_from_file: None,
            delimiter: None,
            include: Vec::new(),
            exclude: Vec::new(),
            wide_column: "close".to_owned(),
            adjusted: Adjusted::Keep,
            sort: false,
            nonpositive_prices: false,
            splits: None,
            dividends: None,
            compression: CompressionOption::default(),
            memory: 1 << 30,
            threads: None,
            temp_dir: None,
            rejects: None,
            rejects_max: 1_000_000,
            wait: Duration::ZERO,
            purpose: Purpose::Replace,
        }
    }
}

impl IngestOptions {
    /// Whether bad rows are set aside instead of ending the run.
    pub fn is_lenient(&self) -> bool {
        self.mode == Mode::Lenient
    }

    /// Whether something is said of how sources or their rows are to be taken.
    pub(crate) fn tells_layout(&self) -> bool {
        let plain = Self::default();
        let texts = [&self.symbol_column, &self.time_column, &self.timezone, &self.symbol];
        texts.into_iter().any(Option::is_some)
            || self.symbol_from_file.is_some()
            || self.format.is_some()
            || self.time_format.is_some()
            || self.columns.is_some()
            || self.price_scale.is_some()
            || self.frequency.is_some()
            || self.timestamps.is_some()
            || self.delimiter.is_some()
            || self.splits.is_some()
            || self.dividends.is_some()
            || !self.map.is_empty()
            || !self.drop.is_empty()
            || self.wide_column != plain.wide_column
            || self.adjusted != plain.adjusted
            || self.nonpositive_prices
            || self.sorts()
    }

    /// Whether sources name bars, so that nothing counts in them but assets and times.
    pub(crate) fn names_bars(&self) -> bool {
        self.purpose == Purpose::Remove
    }

    /// Whether rows may come in any order.
    pub fn sorts(&self) -> bool {
        self.sort || self.is_lenient()
    }
}

/// What happens to bad rows.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Mode {
    /// The first one ends the run and nothing is published.
    #[default]
    Strict,
    /// They are set aside in a rejects file and the rest is published.
    Lenient,
}

/// What happens to a column of adjusted closes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Adjusted {
    /// It is kept as the extra column `adj_close`.
    #[default]
    Keep,
    /// It is left out.
    Drop,
}

/// How rows are arranged in the sources.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SourceFormat {
    /// Delimited text, one asset a file.
    Csv,
    /// Delimited text with a symbol column.
    Long,
    /// Delimited text with one column an asset.
    Wide,
    /// LEAN's headerless layout.
    Lean,
    /// Parquet.
    Parquet,
    /// Arrow IPC.
    Arrow,
}

/// Names an option's values for messages.
fn unknown(text: &str, known: &[&str]) -> String {
    format!("`{text}` is none of {}", known.join(", "))
}

impl FromStr for SourceFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "csv" => Ok(Self::Csv),
            "long" => Ok(Self::Long),
            "wide" => Ok(Self::Wide),
            "lean" => Ok(Self::Lean),
            "parquet" => Ok(Self::Parquet),
            "arrow" => Ok(Self::Arrow),
            _ => Err(unknown(text, &["csv", "long", "wide", "lean", "parquet", "arrow"])),
        }
    }
}

impl FromStr for Adjusted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "keep" => Ok(Self::Keep),
            "drop" => Ok(Self::Drop),
            _ => Err(unknown(text, &["keep", "drop"])),
        }
    }
}

/// The bar length that an option names.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FrequencyOption {
    /// One bar a session.
    Daily,
    /// Bars of this many nanoseconds.
    Step(i64),
    /// No common length.
    Irregular,
}

impl FromStr for FrequencyOption {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "daily" | "1d" => return Ok(Self::Daily),
            "irregular" => return Ok(Self::Irregular),
            _ => {}
        }
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (count, unit) = text.split_at(digits);
        let unit_ns: i64 = match unit {
            "h" => 3_600_000_000_000,
            "m" | "min" => 60_000_000_000,
            "s" => 1_000_000_000,
            "ms" => 1_000_000,
            _ => return Err(unknown(text, &["daily", "irregular", "1m", "5m", "1h", "30s"])),
        };
        let step = count.parse().ok().and_then(|count: i64| count.checked_mul(unit_ns));
        match step {
            Some(step) if step > 0 => Ok(Self::Step(step)),
            _ => Err(format!("`{text}` is no positive length of time")),
        }
    }
}

/// What the timestamps of a source say of their bars.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StampOption {
    /// The instant at which a bar begins.
    Start,
    /// The instant at which a bar ends.
    End,
    /// The session.
    Session,
}

impl FromStr for StampOption {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "start" => Ok(Self::Start),
            "end" => Ok(Self::End),
            "session" => Ok(Self::Session),
            _ => Err(unknown(text, &["start", "end", "session"])),
        }
    }
}

/// Reads a number of bytes such as `1GiB`, `512M` or `65536`; `k`, `M` and `G` are powers of 1024.
///
/// # Errors
///
/// Says what was expected.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (count, unit) = text.split_at(digits);
    let shift = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        "t" | "tb" | "tib" => 40,
        _ => return Err(format!("`{text}` is no size: write `512MiB` or `4GiB`")),
    };
    let count: u64 = count.parse().map_err(|_| format!("`{text}` does not begin with a number"))?;
    count.checked_mul(1 << shift).ok_or_else(|| format!("`{text}` is too large"))
}

/// Reads `FIELD=COLUMN`.
///
/// # Errors
///
/// When there is no `=`, or nothing on one side of it.
pub fn parse_mapping(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((field, column)) if !field.is_empty() && !column.is_empty() => {
            Ok((field.to_owned(), column.to_owned()))
        }
        _ => Err(format!("`{text}` is not of the form FIELD=COLUMN")),
    }
}

/// Reads a delimiter: one ASCII character, or `tab`, `comma`, `semicolon`, `pipe`, `space`.
///
/// # Errors
///
/// When it is none of these.
pub fn parse_delimiter(text: &str) -> Result<u8, String> {
    match text {
        "tab" | "\\t" => Ok(b'\t'),
        "comma" => Ok(b','),
        "semicolon" => Ok(b';'),
        "pipe" => Ok(b'|'),
        "space" => Ok(b' '),
        _ => match text.as_bytes() {
            [byte] if !byte.is_ascii_alphanumeric() && !b"\"\r\n.-+".contains(byte) => Ok(*byte),
            _ => Err(format!("`{text}` cannot stand between fields")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_read_their_values_and_name_what_they_know() {
        assert_eq!(parse_size("1GiB"), Ok(1 << 30));
        assert_eq!(parse_size("512M"), Ok(512 << 20));
        assert_eq!(parse_size("100"), Ok(100));
        assert!(parse_size("1.5G").is_err() && parse_size("G").is_err());
        assert!(parse_size("99999999999999T").is_err());
        assert_eq!("5m".parse(), Ok(FrequencyOption::Step(300_000_000_000)));
        assert_eq!("daily".parse(), Ok(FrequencyOption::Daily));
        assert!("0m".parse::<FrequencyOption>().is_err());
        assert!("weekly".parse::<FrequencyOption>().is_err());
        assert_eq!(parse_delimiter("tab"), Ok(b'\t'));
        assert!(parse_delimiter("5").is_err() && parse_delimiter("ab").is_err());
        assert_eq!(parse_mapping("close=Last"), Ok(("close".into(), "Last".into())));
        assert!(parse_mapping("close").is_err());
        assert!("xlsx".parse::<SourceFormat>().unwrap_err().contains("parquet"));
    }
}
