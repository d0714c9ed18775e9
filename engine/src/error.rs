//! What can go wrong in a backtest or a sweep.

use crate::params::Value;
use crate::time::{TimeStyle, Timestamp};

/// Every failure of this crate. Texts are lower case, without a full stop, and name the value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The store could not serve the bundle, an asset or a derived series.
    #[error(transparent)]
    Store(#[from] barrow_store::Error),

    /// The bundle's bytes are not what they should be.
    #[error("the bundle is malformed")]
    Format(#[from] barrow_format::Error),

    /// A column that is needed is missing or does not hold `f64` values.
    #[error("bundle `{bundle}` has no f64 column `{column}`{}", did_you_mean(nearest.as_deref()))]
    MissingColumn {
        /// Name of the bundle.
        bundle: String,
        /// The column asked for.
        column: String,
        /// The f64 column with the most similar name.
        nearest: Option<String>,
    },

    /// No bar of the chosen assets lies between `from` and `to`.
    #[error("bundle `{bundle}` has no bar between {} and {}", bound(*from, "its start"), bound(*to, "its end"))]
    EmptyPeriod {
        /// Name of the bundle.
        bundle: String,
        /// First time asked for, ns since the epoch, UTC.
        from: Option<i64>,
        /// Last time asked for, ns since the epoch, UTC.
        to: Option<i64>,
    },

    /// The period has more ticks than the engine's 32-bit clock counts.
    #[error("the period has {ticks} ticks, more than 4294967294")]
    ClockTooLong {
        /// Distinct timestamps in the period.
        ticks: usize,
    },

    /// A row's time is missing from the bundle's calendar: the file is damaged, `verify` tells where.
    #[error("bar of `{symbol}` at {} is not on the bundle's calendar", instant(*time))]
    OffCalendar {
        /// Symbol of the asset.
        symbol: String,
        /// Time of the bar, ns since the epoch, UTC.
        time: i64,
    },

    /// The starting cash is not a finite number above zero.
    #[error("starting cash must be a finite number above zero, found {cash}")]
    BadCash {
        /// The cash given.
        cash: f64,
    },

    /// A commission or slippage that does not parse or is not a rate.
    #[error("`{text}` is no {what}: expected {}", costs_expected(what))]
    BadCosts {
        /// `commission` or `slippage`.
        what: &'static str,
        /// The text or value given.
        text: String,
    },

    /// A strategy ordered a quantity that is not a finite number.
    #[error("order of {quantity} `{symbol}` at {} is not a finite quantity", instant(*time))]
    BadQuantity {
        /// Symbol of the asset.
        symbol: String,
        /// Time of the order, ns since the epoch, UTC.
        time: i64,
        /// The quantity ordered.
        quantity: f64,
    },

    /// An order met an open, or a position a close, that is not a finite number.
    #[error("`{column}` of `{symbol}` at {} is {value}: no order or position can be priced with it", instant(*time))]
    BadPrice {
        /// Symbol of the asset.
        symbol: String,
        /// `open` or `close`.
        column: &'static str,
        /// Time of the bar, ns since the epoch, UTC.
        time: i64,
        /// The value found.
        value: f64,
    },

    /// A moving average or window of an impossible length.
    #[error("window of `{name}` must be 1 to {max} bars, found {window}")]
    BadWindow {
        /// The function or parameter.
        name: &'static str,
        /// The length given.
        window: usize,
        /// The longest allowed.
        max: usize,
    },

    /// There is no built-in strategy of this name.
    #[error("no strategy `{name}`{}; known: {}", did_you_mean(*nearest), known.join(", "))]
    UnknownStrategy {
        /// The name asked for.
        name: String,
        /// The most similar name.
        nearest: Option<&'static str>,
        /// All names.
        known: Vec<&'static str>,
    },

    /// The strategy has no parameter of this name.
    #[error("strategy `{strategy}` has no parameter `{name}`{}; known: {}", did_you_mean(*nearest), known.join(", "))]
    UnknownParam {
        /// The strategy.
        strategy: &'static str,
        /// The name given.
        name: String,
        /// The most similar name.
        nearest: Option<&'static str>,
        /// All parameters of the strategy.
        known: Vec<&'static str>,
    },

    /// A parameter's value is of the wrong kind or out of its range.
    #[error("parameter `{name}` of `{strategy}` must be {expected}, found `{value}`")]
    BadParam {
        /// The strategy.
        strategy: &'static str,
        /// The parameter.
        name: &'static str,
        /// What would be right.
        expected: &'static str,
        /// What was given.
        value: Value,
    },

    /// Parameters that are right one by one but not together. A sweep skips such a point.
    #[error("strategy `{strategy}` needs {rule}")]
    Constraint {
        /// The strategy.
        strategy: &'static str,
        /// The rule, such as `fast < slow`.
        rule: &'static str,
    },

    /// A `name=values` text that does not parse.
    #[error("`{text}`: {problem}")]
    BadSpace {
        /// The text given.
        text: String,
        /// What is wrong with it.
        problem: &'static str,
    },

    /// A text that is no length of a window.
    #[error("`{text}` is no length of a window")]
    BadLength {
        /// The text given.
        text: String,
    },

    /// An axis that lists more values than can be kept.
    #[error("parameter `{param}` lists {values} values, more than {max}")]
    TooManyValues {
        /// The parameter.
        param: String,
        /// How many it lists.
        values: u64,
        /// The most values that an axis may list.
        max: usize,
    },

    /// A grid with more points than can be walked.
    #[error("the grid has {} points, more than {max}", counted(*points))]
    SpaceTooLarge {
        /// How many it has; `u64::MAX` stands for more than that as well.
        points: u64,
        /// The most points of a grid.
        max: u64,
    },

    /// A grid over a parameter that takes every number of a range.
    #[error("parameter `{param}` is continuous, so its values cannot be listed")]
    NoGrid {
        /// The first such parameter.
        param: String,
    },

    /// A space that is no TOML document.
    #[error("the space is no TOML document")]
    BadToml {
        /// What the parser found.
        source: Box<toml::de::Error>,
    },

    /// There is no search of this name.
    #[error("no search `{name}`{}; known: {}", did_you_mean(*nearest), known.join(", "))]
    UnknownSearch {
        /// The name asked for.
        name: String,
        /// The most similar name.
        nearest: Option<&'static str>,
        /// All names.
        known: Vec<&'static str>,
    },

    /// A setting of a search that is missing, unknown or out of its range.
    #[error("`{name}` of search `{search}` must be {expected}, found `{found}`")]
    BadSearch {
        /// The search.
        search: &'static str,
        /// The setting.
        name: String,
        /// What would be right.
        expected: &'static str,
        /// What was given.
        found: String,
    },

    /// No point that keeps the constraints was found.
    #[error("none of {tries} points keeps the constraints")]
    NoAdmissiblePoint {
        /// Points looked at.
        tries: u64,
    },

    /// A search was told of a trial that is not pending.
    #[error("trial {id} is not pending")]
    UnknownTrial {
        /// The trial.
        id: u64,
    },

    /// An outcome with another number of values than there are objectives.
    #[error("trial {id} has {found} values, expected {expected}")]
    BadOutcome {
        /// The trial.
        id: u64,
        /// Number of objectives.
        expected: usize,
        /// Number of values given.
        found: usize,
    },

    /// A search without an objective.
    #[error("a search needs an objective")]
    NoObjective,

    /// A record of another search: of another space, plan or library version.
    #[error("trial {id} of the record is not what this search asks for")]
    OtherSearch {
        /// The first trial that differs.
        id: u64,
    },

    /// Every point of a sweep breaks the strategy's constraint.
    #[error("none of the {points} points can be run")]
    NothingToRun {
        /// Number of points in the space.
        points: u64,
        /// Why the first of them cannot.
        source: Box<Error>,
    },

    /// There is no metric of this name.
    #[error("no metric `{name}`{}; known: {}", did_you_mean(*nearest), known.join(", "))]
    UnknownMetric {
        /// The name asked for.
        name: String,
        /// The most similar name.
        nearest: Option<&'static str>,
        /// All metrics.
        known: Vec<&'static str>,
    },

    /// A sweep without a best trial has nothing to judge.
    #[error("no trial has the objective, so there is none to judge")]
    NothingToJudge,

    /// No trial of a fold has the objective where it would be chosen and on the test stretch.
    #[error("fold {fold} has no trial to choose: none has the objective")]
    NoChoice {
        /// Number of the fold, from 0.
        fold: usize,
    },

    /// A study was made of something else.
    #[error("the study has `{name}` {}, this run {}", on_one_line(found), on_one_line(expected))]
    OtherStudy {
        /// What differs.
        name: String,
        /// Its value in the study.
        found: String,
        /// Its value now.
        expected: String,
    },

    /// A record of a journal is none that a study has.
    #[error("a record of the journal is none of a study: its tag is {tag:?}")]
    BadStudy {
        /// The record's first byte.
        tag: Option<u8>,
    },

    /// A trial took longer than it may.
    #[error("took longer than {} s: stopped at the bar of {}", limit.as_secs_f64(), instant(*time))]
    TooSlow {
        /// The most time it may take.
        limit: std::time::Duration,
        /// How far it came: time of the bar, ns since the epoch, UTC.
        time: i64,
    },

    /// A budget that is a share of the assets, of which there are not two.
    #[error("a share of the assets needs at least two with bars in the period, found {assets}")]
    NoShare {
        /// Assets with bars in the period.
        assets: usize,
    },

    /// A statistic is not defined for what it was given.
    #[error("{statistic} needs {needs}, found {found}")]
    Statistic {
        /// What was to be computed.
        statistic: &'static str,
        /// What it takes.
        needs: &'static str,
        /// What was given.
        found: String,
    },

    /// The threads of a worker pool could not be started.
    #[error("could not start {threads} worker threads")]
    Workers {
        /// Threads asked for.
        threads: usize,
        /// The pool's own reason.
        source: rayon::ThreadPoolBuildError,
    },

    /// A strategy outside this crate failed for its own reason.
    #[error("strategy `{strategy}` failed")]
    Strategy {
        /// Name of the strategy.
        strategy: String,
        /// Its own error.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Facts of a study may be lists, a line each.
fn on_one_line(text: &str) -> String {
    if text.is_empty() { "none".to_owned() } else { text.replace('\n', ", ") }
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map(|name| format!(", did you mean `{name}`")).unwrap_or_default()
}

fn counted(points: u64) -> String {
    if points == u64::MAX { "2^64 or more".to_owned() } else { points.to_string() }
}

fn instant(ns: i64) -> Timestamp {
    Timestamp::new(ns, TimeStyle::Session)
}

fn bound(ns: Option<i64>, open: &str) -> String {
    ns.map_or_else(|| open.to_owned(), |ns| instant(ns).to_string())
}

fn costs_expected(what: &str) -> &'static str {
    if what == "commission" {
        "`none`, `per-share:AMOUNT`, `per-order:AMOUNT` or `bps:RATE` with a finite, non-negative number"
    } else {
        "`none` or `bps:RATE` with a number from 0 to below 10000"
    }
}
