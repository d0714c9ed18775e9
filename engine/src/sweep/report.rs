//! What a sweep returns.

use barrow_format::Version;
use barrow_store::CacheStats;
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use super::{End, Ranking, Space, Sweep, at_different_points};
use crate::Error;
use crate::backtest::{Backtest, Outcome};
use crate::costs::{Commission, Slippage};
use crate::metrics::Metrics;
use crate::objective::Objective;
use crate::params::Params;
use crate::performance::LIBRARY_VERSION;
use crate::portal::Portal;
use crate::search::Limit;
use crate::strategy::Strategy;
use crate::time::{TimeStyle, Timestamp};

/// The result of a sweep.
///
/// All but `elapsed_seconds`, `workers` and `cache` is the same at any number of workers. In JSON a
/// trial is `{params, metrics, final_equity, final_cash, fills}` and `best` is such an object or
/// null.
#[derive(Debug, Clone)]
pub struct SweepReport {
    /// Name of the bundle.
    pub bundle: String,
    /// Content version of the bars.
    pub version: Version,
    /// Name of the strategy.
    pub strategy: String,
    /// What was swept.
    pub space: Space,
    /// Parameters that the space does not vary, with their values.
    pub fixed: Params,
    /// What made a trial the best.
    pub objective: Objective,
    /// Starting cash, quote currency.
    pub cash: f64,
    /// Fee of each fill.
    pub commission: Commission,
    /// Distance of fill prices from the open.
    pub slippage: Slippage,
    /// Seed of every trial.
    pub seed: u64,
    /// First time of the clock, ns since the epoch, UTC.
    pub start: i64,
    /// Last time of the clock.
    pub end: i64,
    /// Ticks of the clock.
    pub bars: usize,
    /// Bars of all assets within the period: what one trial visits.
    pub asset_bars: u64,
    /// Trials that ended, in the order of the points.
    pub trials: Vec<Trial>,
    /// Place in `trials` of the best; `None` when the objective is undefined for all.
    pub best: Option<usize>,
    /// Trials that failed, in the order of the points.
    pub failed: Vec<Failure>,
    /// Points that break the strategy's constraint.
    pub skipped: u64,
    /// Points that were not run because the sweep was cancelled.
    pub not_run: u64,
    /// Wall-clock time.
    pub elapsed_seconds: f64,
    /// Number of workers.
    pub workers: usize,
    /// What the sweep did with the cache of derived series.
    pub cache: CacheUse,
    /// How times are written.
    pub time_style: TimeStyle,
    /// What chose the points; `None` for a sweep of a whole grid.
    pub search: Option<SearchSummary>,
}

/// What a search did.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SearchSummary {
    /// Name of the method.
    pub method: String,
    /// Seed of its draws.
    pub seed: u64,
    /// Trials that were asked for and ended, at all budgets.
    pub asked: u64,
    /// Of those, how many a study had from before.
    pub resumed: u64,
    /// Trials of a part of the period, in the order in which they were asked for.
    pub partial: Vec<Partial>,
    /// Id and parameters of every trial but the skipped, ascending by id.
    pub points: Vec<(u64, Params)>,
    /// Bracket, rung and continued trial of each of `points`.
    pub rungs: Vec<(u32, u32, Option<u64>)>,
    /// What results must keep.
    pub limits: Vec<Limit>,
    /// By how much the best trial misses the limits together; `None` without one.
    pub best_violation: Option<f64>,
    /// What the search noticed.
    pub notes: Vec<String>,
}

/// A trial of a part of the period.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Partial {
    /// Its id.
    pub id: u64,
    /// The part, above 0 and below 1.
    pub budget: f64,
    /// Number of the bracket.
    pub bracket: u32,
    /// Place of the budget among those of the search, from 0.
    pub rung: u32,
    /// The trial of the same point that it continued.
    pub resumes: Option<u64>,
    /// Its objective.
    pub value: Option<f64>,
}

/// The record of one trial: of fixed size, whatever the trial did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trial {
    /// Number of the point in the space.
    pub index: u64,
    /// The figures.
    pub metrics: Metrics,
    /// Equity at the last close, quote currency.
    pub final_equity: f64,
    /// Cash at the end, quote currency.
    pub final_cash: f64,
}

/// A trial that failed or panicked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Number of the point in the space.
    pub index: u64,
    /// Why, causes included.
    pub error: String,
}

/// Use of the cache of derived series during a sweep.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct CacheUse {
    /// Requests answered without computing.
    pub hits: u64,
    /// Requests that computed.
    pub misses: u64,
    /// Entries dropped to stay within the budget.
    pub evictions: u64,
    /// Entries held afterwards.
    pub entries: usize,
    /// Bytes held afterwards.
    pub bytes: usize,
    /// Bytes that may be held.
    pub budget_bytes: usize,
}

impl CacheUse {
    pub(super) fn between(before: &CacheStats, after: &CacheStats) -> CacheUse {
        CacheUse {
            hits: after.hits - before.hits,
            misses: after.misses - before.misses,
            evictions: after.evictions - before.evictions,
            entries: after.entries,
            bytes: after.bytes,
            budget_bytes: after.budget_bytes,
        }
    }
}

impl Trial {
    pub(super) fn new(index: u64, outcome: &Outcome) -> Trial {
        let Outcome { metrics, final_equity, final_cash } = *outcome;
        Trial { index, metrics, final_equity, final_cash }
    }

    /// Returns the trial's value of an objective.
    pub fn value(&self, objective: Objective) -> Option<f64> {
        objective.metric.of(&self.metrics, self.final_equity)
    }
}

impl Failure {
    pub(super) fn new(index: u64, error: String) -> Failure {
        Failure { index, error }
    }
}

impl SweepReport {
    pub(super) fn new(
        sweep: &Sweep<'_>,
        portal: &Portal<'_>,
        space: &Space,
        strategy: &dyn Strategy,
    ) -> SweepReport {
        let example = (strategy.name().to_owned(), strategy.params());
        SweepReport::of_hunt(&sweep.backtest, sweep.objective, portal, space, &example)
    }

    /// A report without trials; `example` is the strategy's name and all its parameters.
    pub(super) fn of_hunt(
        backtest: &Backtest,
        objective: Objective,
        portal: &Portal<'_>,
        space: &Space,
        (strategy, params): &(String, Params),
    ) -> SweepReport {
        let varied = |name: &str| space.axes().iter().any(|axis| axis.name() == name);
        let mut fixed = Params::new();
        for (name, value) in params {
            if !varied(name) {
                fixed.set(name.clone(), value.clone());
            }
        }
        let times = portal.times();
        SweepReport {
            bundle: portal.lease().name().to_owned(),
            version: portal.lease().version(),
            strategy: strategy.clone(),
            space: space.clone(),
            fixed,
            objective,
            cash: backtest.cash,
            commission: backtest.commission,
            slippage: backtest.slippage,
            seed: backtest.seed,
            start: times.first().copied().unwrap_or(0),
            end: times.last().copied().unwrap_or(0),
            bars: times.len(),
            asset_bars: portal.asset_bars(),
            trials: Vec::new(),
            best: None,
            failed: Vec::new(),
            skipped: 0,
            not_run: 0,
            elapsed_seconds: 0.0,
            workers: 0,
            cache: CacheUse::default(),
            time_style: portal.time_style(),
            search: None,
        }
    }

    /// Sorts the ends of all points into the report and finds the best.
    pub(super) fn collect(&mut self, ends: impl Iterator<Item = End>) -> Result<(), Error> {
        let mut best_value = None;
        for end in ends {
            match end {
                End::Done(trial) => {
                    let value = trial.value(self.objective);
                    if self.objective.better(value, best_value) {
                        (best_value, self.best) = (value, Some(self.trials.len()));
                    }
                    self.trials.push(trial);
                }
                End::Skipped => self.skipped += 1,
                End::Failed(failure) => self.failed.push(failure),
                End::Refused(error) => return Err(*error),
                End::NotRun => self.not_run += 1,
            }
        }
        Ok(())
    }

    /// Returns the parameters of a trial as the space has them.
    pub fn params(&self, trial: &Trial) -> Params {
        self.point(trial.index)
    }

    /// Returns the parameters of a point by its number: its place in the grid, or its id in the
    /// search.
    pub fn point(&self, index: u64) -> Params {
        let Some(search) = &self.search else { return self.space.point(index) };
        let found = search.points.binary_search_by_key(&index, |(id, _)| *id);
        found.map_or_else(|_| Params::new(), |at| search.points[at].1.clone())
    }

    /// Returns how many points there were: of the grid, or asked for by the search.
    pub fn points_len(&self) -> u64 {
        self.search.as_ref().map_or_else(|| self.space.len(), |search| search.asked)
    }

    /// Returns the best trial; `None` when the objective is undefined for all.
    pub fn best_trial(&self) -> Option<&Trial> {
        self.best.and_then(|at| self.trials.get(at))
    }

    /// Returns the first objective of the best trial; `None` where it is undefined for all.
    pub fn best_value(&self) -> Option<f64> {
        self.best_trial()?.value(self.objective)
    }

    /// Returns what puts one trial before another.
    pub fn order(&self) -> Ranking<'_> {
        let limits = self.search.as_ref().map_or(&[][..], |search| &search.limits);
        Ranking { objective: self.objective, limits }
    }

    /// Returns the trials from best to worst, undefined ones last, equal ones in the order of the
    /// points.
    pub fn ranking(&self) -> Vec<&Trial> {
        let mut ranked: Vec<&Trial> = self.trials.iter().collect();
        let order = self.order();
        ranked.sort_by(|a, b| order.compare(a, b));
        ranked
    }

    /// Returns the best trials at different points, at most `count`, from the best on.
    pub fn leaders(&self, count: usize) -> Vec<(Params, &Trial)> {
        let ranked = self.ranking().into_iter().map(|trial| (self.params(trial), trial));
        at_different_points(ranked, count)
    }
}

impl Serialize for SweepReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let view = |trial| TrialView { report: self, trial };
        let trials: Vec<TrialView<'_>> = self.trials.iter().map(view).collect();
        let failed: Vec<FailureView<'_>> = self
            .failed
            .iter()
            .map(|failure| FailureView { params: self.point(failure.index), error: &failure.error })
            .collect();
        let mut object = serializer.serialize_struct("SweepReport", 23)?;
        object.serialize_field("bundle", &self.bundle)?;
        object.serialize_field("version", &self.version.to_string())?;
        object.serialize_field("strategy", &self.strategy)?;
        object.serialize_field("fixed", &self.fixed)?;
        object.serialize_field("objective", &self.objective.to_string())?;
        object.serialize_field("start", &Timestamp::new(self.start, self.time_style))?;
        object.serialize_field("end", &Timestamp::new(self.end, self.time_style))?;
        object.serialize_field("bars", &self.bars)?;
        object.serialize_field("asset_bars", &self.asset_bars)?;
        object.serialize_field("trials", &trials)?;
        object.serialize_field("best", &self.best_trial().map(view))?;
        object.serialize_field("failed", &failed)?;
        object.serialize_field("skipped", &self.skipped)?;
        object.serialize_field("not_run", &self.not_run)?;
        object.serialize_field("cash", &self.cash)?;
        object.serialize_field("commission", &self.commission.to_string())?;
        object.serialize_field("slippage", &self.slippage.to_string())?;
        object.serialize_field("seed", &self.seed)?;
        object.serialize_field("library_version", LIBRARY_VERSION)?;
        object.serialize_field("elapsed_seconds", &self.elapsed_seconds)?;
        object.serialize_field("workers", &self.workers)?;
        object.serialize_field("cache", &self.cache)?;
        object.serialize_field("search", &self.search.as_ref().map(SearchView))?;
        object.end()
    }
}

/// The search without its points, which the trials name.
struct SearchView<'a>(&'a SearchSummary);

impl Serialize for SearchView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Search", 8)?;
        object.serialize_field("method", &self.0.method)?;
        object.serialize_field("seed", &self.0.seed)?;
        object.serialize_field("asked", &self.0.asked)?;
        object.serialize_field("resumed", &self.0.resumed)?;
        let limits: Vec<String> = self.0.limits.iter().map(ToString::to_string).collect();
        object.serialize_field("limits", &limits)?;
        object.serialize_field("best_violation", &self.0.best_violation)?;
        object.serialize_field("partial", &self.0.partial)?;
        object.serialize_field("notes", &self.0.notes)?;
        object.end()
    }
}

struct TrialView<'a> {
    report: &'a SweepReport,
    trial: &'a Trial,
}

impl Serialize for TrialView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Trial", 5)?;
        object.serialize_field("params", &self.report.params(self.trial))?;
        object.serialize_field("metrics", &self.trial.metrics)?;
        object.serialize_field("final_equity", &self.trial.final_equity)?;
        object.serialize_field("final_cash", &self.trial.final_cash)?;
        object.serialize_field("fills", &self.trial.metrics.fills)?;
        object.end()
    }
}

#[derive(Serialize)]
struct FailureView<'a> {
    params: Params,
    error: &'a str,
}
