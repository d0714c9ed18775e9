//! The flags of `barrow query`.

use std::path::PathBuf;

use barrow_store::query::{Answer, AsOf, Keys, NotAPeriod, Per, Period, Query, duration_ns};

use crate::hint::Complaint;
use crate::invocation::Invocation;
use crate::output::Format;
use crate::selection::SelectionArgs;
use crate::threads::threads;

/// Print rows of a bundle, or what is computed of them, as a table, CSV, JSON, Parquet or Arrow
///
/// Rows come asset after asset, oldest first, and stream: memory does not grow with the answer. `symbol`
/// and `time` come first whatever the columns.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Conditions compare columns, numbers, dates and text, with + - * /, abs(x), missing(x), and, or, not:
  'close > 1.05 * open and volume >= 1e6'     'time >= 2012-01-03 and not missing(vwap)'
  'symbol != \"SPY\" and abs(close - open) > 5'  '[adj close] < close'

Functions: abs sqrt log exp min max if missing lag diff returns rolling_sum rolling_mean rolling_std
  rolling_min rolling_max.  Aggregates: count sum mean min max first last std median vwap

Examples:
  barrow query us-daily --assets AAPL,MSFT --from 2012-01 --to 2012-03 --columns close,volume
  barrow query us-daily --filter 'close > 100 and volume >= 1e6' --limit 20
  barrow query us-daily --assets AAPL --format csv > aapl.csv
  barrow query us-daily@3f2a --from 2010 --out bars.parquet
  barrow query us-daily --select 'close, ret = close / lag(close, 1) - 1' --filter 'volume > 1e6'
  barrow query us-daily --group-by asset,month --agg 'mean(close), range = max(high - low)'
  barrow query us-minute --resample 5m --assets 'A*'
  barrow query us-daily --top 10 --by 'close * volume' --per time --from 2012-01
  barrow query us-daily --panel 'returns(close)' --out returns.parquet
  barrow query trades --asof quotes --tolerance 5s --filter 'price > [quotes.ask]' --explain")]
pub(crate) struct QueryArgs {
    /// Bundle: NAME, NAME@VERSION or a .barrow file
    #[arg(value_name = "BUNDLE")]
    pub(super) bundle: String,
    #[command(flatten)]
    selection: SelectionArgs,
    /// More columns: 'close, ret = close / lag(close, 1) - 1'
    #[arg(short, long, value_name = "LIST", allow_hyphen_values = true)]
    select: Option<String>,
    /// Put bars together first: 5m, 1h, session, week, month, quarter, year
    #[arg(long, value_name = "PERIOD")]
    resample: Option<Period>,
    /// Local time at which sessions begin, for --resample and --group-by; from 12:00 on, on the eve
    #[arg(long, value_name = "HH:MM", default_value = "00:00")]
    session_start: SessionStart,
    /// Look up another bundle beside each bar; its columns are BUNDLE.COLUMN, or ALIAS.COLUMN
    #[arg(long, value_name = "[ALIAS=]BUNDLE")]
    asof: Option<String>,
    /// How old what is looked up may be: 5s, 10m, 3d [default: any age]
    #[arg(long, value_name = "AGE", requires = "asof", value_parser = age)]
    tolerance: Option<i64>,
    /// Look up this asset for all of them [default: that of the same symbol]
    #[arg(long, value_name = "SYMBOL", requires = "asof")]
    asof_symbol: Option<String>,
    /// One row a group: asset, a period such as month, or both as asset,month; needs --agg
    #[arg(short, long, value_delimiter = ',', value_name = "KEYS", requires = "agg")]
    group_by: Vec<Key>,
    /// What to tell of each group, or of all rows: 'mean(close), range = max(high - low)'
    #[arg(long, value_name = "LIST", conflicts_with_all = ["select", "columns"])]
    agg: Option<String>,
    /// The N rows in which --by is largest
    #[arg(long, value_name = "N", requires = "by", conflicts_with = "agg")]
    top: Option<usize>,
    /// What --top goes by; -x gives the smallest
    #[arg(long, value_name = "NUMBER", requires = "top", allow_hyphen_values = true)]
    by: Option<String>,
    /// One top list for each timestamp
    #[arg(long, value_name = "KEY", requires = "top")]
    per: Option<PerKey>,
    /// The newest row of each asset
    #[arg(long, conflicts_with_all = ["agg", "top"])]
    latest: bool,
    /// A row a time, a column an asset, filled with a number such as close
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true,
          conflicts_with_all = ["agg", "top", "latest", "select", "columns"])]
    panel: Option<String>,
    /// Say what would be read and what skipped, and do nothing
    #[arg(long)]
    pub(super) explain: bool,
    /// Threads, at most 1024; the answer is the same at any number [default: one a core]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true, value_parser = threads())]
    threads: usize,
    /// Rows at most [default: 100 in a table, else all]
    #[arg(short = 'n', long, value_name = "N")]
    limit: Option<usize>,
    /// How to write them [default: by the name of --out, else table]
    #[arg(short = 'F', long, value_name = "FORMAT")]
    pub(super) format: Option<Format>,
    /// Write to a file, which appears whole or not at all; - is stdout
    #[arg(short, long, value_name = "FILE")]
    pub(super) out: Option<PathBuf>,
}

/// What `--group-by` takes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Key {
    Asset,
    Period(Period),
}

impl std::str::FromStr for Key {
    type Err = NotAKey;

    fn from_str(text: &str) -> Result<Self, NotAKey> {
        match text {
            "asset" | "symbol" => Ok(Self::Asset),
            _ => text.parse().map(Self::Period).map_err(|NotAPeriod| NotAKey),
        }
    }
}

/// The text is neither `asset` nor a period.
#[derive(Debug, thiserror::Error)]
#[error("write `asset`, `session`, `week`, `month`, `quarter`, `year`, or a period such as `1h`")]
struct NotAKey;

#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
enum PerKey {
    /// Each timestamp.
    Time,
}

/// A time of day, from midnight.
#[derive(Clone, Copy, Debug)]
struct SessionStart {
    ns: i64,
}

/// The text is no time of day.
#[derive(Debug, thiserror::Error)]
#[error("no time of day: write `17:00`")]
struct NotATimeOfDay;

impl std::str::FromStr for SessionStart {
    type Err = NotATimeOfDay;

    fn from_str(text: &str) -> Result<Self, NotATimeOfDay> {
        let time: jiff::civil::Time = text.parse().map_err(|_| NotATimeOfDay)?;
        let seconds = (i64::from(time.hour()) * 60 + i64::from(time.minute())) * 60;
        Ok(Self { ns: (seconds + i64::from(time.second())) * 1_000_000_000 })
    }
}

fn age(text: &str) -> Result<i64, &'static str> {
    duration_ns(text).ok_or("no length of time: write `5s`, `10m`, `2h` or `3d`")
}

impl QueryArgs {
    /// The query that the flags ask for.
    pub(super) fn query(&self, invocation: &Invocation) -> anyhow::Result<Query> {
        Ok(Query {
            select: self.select.clone(),
            resample: self.resample,
            session_start_ns: self.session_start.ns,
            asof: self.asof(invocation)?,
            answer: self.answer()?,
            limit: self.limit,
            threads: self.threads,
            ..self.selection.query()?
        })
    }

    fn asof(&self, invocation: &Invocation) -> anyhow::Result<Option<AsOf>> {
        let Some(spec) = &self.asof else { return Ok(None) };
        let (alias, bundle) = match spec.split_once('=') {
            Some((alias, bundle)) => (Some(alias.to_owned()), bundle),
            None => (None, spec.as_str()),
        };
        let lease = invocation.catalog().lease(bundle)?;
        let name = alias.unwrap_or_else(|| lease.name().to_owned());
        let (symbol, tolerance_ns) = (self.asof_symbol.clone(), self.tolerance);
        Ok(Some(AsOf { lease, name, symbol, tolerance_ns }))
    }

    fn answer(&self) -> anyhow::Result<Answer> {
        if let Some(aggregates) = &self.agg {
            let (by, aggregates) = (self.keys()?, aggregates.clone());
            return Ok(Answer::Groups { by, aggregates });
        }
        if let (Some(count), Some(by)) = (self.top, &self.by) {
            let per = if self.per.is_some() { Per::Time } else { Per::All };
            return Ok(Answer::Top { count, by: by.clone(), per });
        }
        if let Some(value) = &self.panel {
            return Ok(Answer::Panel { value: value.clone() });
        }
        Ok(if self.latest { Answer::Latest } else { Answer::Rows })
    }

    fn keys(&self) -> anyhow::Result<Keys> {
        Ok(match self.group_by[..] {
            [] => Keys::Whole,
            [Key::Asset] => Keys::Asset,
            [Key::Period(period)] => Keys::Period(period),
            [Key::Asset, Key::Period(period)] | [Key::Period(period), Key::Asset] => {
                Keys::AssetAndPeriod(period)
            }
            _ => {
                return Err(Complaint::new("rows cannot be grouped by this")
                    .hint("`--group-by asset`, `--group-by month`, or `--group-by asset,month`")
                    .into());
            }
        })
    }
}
