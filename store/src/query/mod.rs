//! Queries over bundles: which assets and bars, what to compute of them, and in what form to answer.
//!
//! A [`Query`] is a plain struct. [`Query::plan`] checks it against a lease, and the [`Plan`] answers: as typed
//! [`Batch`]es, as Arrow record batches, or as an [`Explanation`] of what it reads and what it skips.
//!
//! ```no_run
//! use barrow_store::Catalog;
//! use barrow_store::query::{Answer, Keys, Query};
//!
//! let lease = Catalog::at("/var/lib/bars").lease("us-daily")?;
//! let busy = Query {
//!     filter: Some("volume >= 1e6".to_owned()),
//!     answer: Answer::Groups { by: Keys::Asset, aggregates: "mean(close), count(*)".to_owned() },
//!     ..Query::default()
//! };
//! let plan = busy.plan(&lease)?;
//! for batch in plan.batches() {
//!     let batch = batch?;                          // 65,536 rows at most
//!     let means = batch.columns[0].values();
//! #   let _ = means;
//! }
//! # Ok::<(), barrow_store::Error>(())
//! ```
//!
//! # Expressions
//!
//! ```text
//! condition  = and-chain { "or" and-chain }
//! and-chain  = negation { "and" negation }
//! negation   = [ "not" ] comparison
//! comparison = sum [ ("<" | "<=" | ">" | ">=" | "=" | "==" | "!=") sum ]
//! sum        = product { ("+" | "-") product }
//! product    = unary { ("*" | "/") unary }
//! unary      = [ "-" ] atom
//! atom       = number | date | text | column | function "(" condition { "," condition } ")" | "(" condition ")"
//! ```
//!
//! Numbers are f64; decimals count by their value; integers beyond 2^53 are rounded. NaN is a missing value: what is
//! computed from it is missing, a comparison with it is false (`!=` included), aggregates leave it out. `docs/query.md`
//! lists functions and aggregates.
//!
//! # What is promised
//!
//! The same query over the same version gives the same bytes at any number of threads, and whether or not statistics let
//! blocks be skipped. Rows come in a fixed order. Columns are borrowed one task at a time, of 131,072 rows or one asset,
//! and what waits to be taken is bounded: memory does not grow with the answer.

mod aggregate;
mod answer;
mod asof;
mod assets;
mod batch;
mod bounds;
mod call;
mod error;
mod eval;
mod explain;
mod expression;
mod fold;
mod frame;
mod group;
mod latest;
mod lex;
mod lists;
mod ordered;
mod panel;
mod parse;
mod plan;
mod planning;
mod resample;
mod rows;
mod scan;
mod sessions;
#[cfg(test)]
mod tests;
mod top;
mod when;
mod window;

pub use self::answer::{ArrowBatches, Batches};
pub use self::asof::AsOf;
pub use self::assets::{AssetChoice, Meant, MetadataCondition, NotACondition};
pub use self::batch::{BATCH_ROWS, Batch, Header, Times};
pub use self::error::{Part, Problem};
pub use self::explain::{Blocks, Explanation};
pub use self::plan::Plan;
pub use self::sessions::{NotAPeriod, Period, duration_ns};
pub use self::when::{NotAnInstant, When};

/// What to ask of a bundle. [`Query::default`] is all columns of all bars.
///
/// Bars are first resampled, then joined, then filtered; what is computed, grouped or ranked is what is left. A
/// resampled bar is made of all its bars, whatever the time range, which chooses by the resampled timestamps.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// Which assets.
    pub assets: AssetChoice,
    /// First timestamp, in nanoseconds UTC; `None`: from the beginning.
    pub from_ns: Option<i64>,
    /// Last timestamp, taken in; `None`: to the end.
    pub to_ns: Option<i64>,
    /// Put bars together to longer ones first: `open` is the first value, `high` the largest, `low` the smallest, volumes
    /// are added up, and of any other column the last value counts, missing ones left out. All columns become f64.
    pub resample: Option<Period>,
    /// Local time at which sessions begin, from midnight. From noon on, it is the evening before the session's date.
    pub session_start_ns: i64,
    /// A bundle to look up beside each bar.
    pub asof: Option<AsOf>,
    /// The condition that rows must meet.
    pub filter: Option<String>,
    /// Columns to answer with, by name; empty with an empty `select`: all.
    pub columns: Vec<String>,
    /// More columns, as a list: `close, ret = close / lag(close, 1) - 1, up = close > open`. Without a name, a column is
    /// called as it is written; conditions are 1 or 0.
    pub select: Option<String>,
    /// The form of the answer.
    pub answer: Answer,
    /// Rows of the answer at most.
    pub limit: Option<usize>,
    /// Threads; 0 is one for each processor. The answer is the same at any number.
    pub threads: usize,
    /// Whether statistics may save reading.
    pub skipping: Skipping,
}

/// The form of an answer.
#[derive(Clone, Debug, Default)]
pub enum Answer {
    /// Rows, asset after asset in symbol order, oldest first.
    #[default]
    Rows,
    /// One row a group, for groups that have rows.
    Groups {
        /// What makes a group.
        by: Keys,
        /// What to tell of each: `mean(close), range = max(high - low)`.
        aggregates: String,
    },
    /// The rows in which a number is largest, largest first; of equals, the asset that comes first in symbol order, then
    /// the older bar. Rows in which it is missing take no part.
    Top {
        /// How many rows.
        count: usize,
        /// The number; `-x` gives the smallest.
        by: String,
        /// Of all rows, or of each time.
        per: Per,
    },
    /// The newest row of each asset.
    Latest,
    /// A column for each asset, a row for each time of the bundle; missing where the asset has no such row.
    Panel {
        /// The number that fills it.
        value: String,
    },
}

/// What makes a group.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Keys {
    /// All rows are one group.
    Whole,
    /// Each asset, in symbol order.
    Asset,
    /// Each period, oldest first.
    Period(Period),
    /// Each asset, and of it each period.
    AssetAndPeriod(Period),
}

/// What a top list is made of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Per {
    /// One list of all rows.
    All,
    /// One list for each timestamp, oldest first.
    Time,
}

/// Whether blocks are left unread when statistics say that no row of them can count.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Skipping {
    /// They are.
    #[default]
    On,
    /// Every block is read: for measurements and tests.
    Off,
}
