//! A search run to its end: asking, running, telling, journaling.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use barrow_store::{Lease, SeriesCache};

use super::crew::{Crew, Ended};
use super::example::search_example;
use super::ranking::Ranking;
use super::report::{Failure, Partial, SearchSummary, SweepReport};
use super::terms::Terms;
use super::threads::Threads;
use super::{Factory, Progress};
use crate::Error;
use crate::backtest::Backtest;
use crate::objective::Objective;
use crate::portal::Portal;
use crate::search::history::Spent;
use crate::search::{Ask, Goals, Limit, Next, Outcome, SearchPlan, Space};
use crate::study::Study;
use crate::workers::Workers;

/// How a search is run.
///
/// Trials are asked for in rounds of a fixed number, run by a crew of any size, and told in the order
/// of their ids once all of a round have ended. So the trials, and the best of them, are the same at
/// any number of workers, whatever the search; and a study that was interrupted asks for the same
/// trials as one that was not.
///
/// ```no_run
/// use std::sync::Arc;
///
/// use barrow_engine::search::{Method, SearchPlan};
/// use barrow_engine::{Backtest, Hunt, Space, Workers, strategies};
/// use barrow_store::{Catalog, SeriesCache};
///
/// let lease = Catalog::at("/data/barrow").lease("us-daily")?;
/// let space = Space::parse(["fast=int(2..60)", "slow=int(5..250)"])?;
/// let space = Arc::new(space.with_constraints(["fast < slow"])?);
/// let backtest = Backtest::with_cash(100_000.0);
/// let plan = SearchPlan::of_trials("tpe".parse::<Method>()?, 7, 200);
/// let hunt = Hunt::new(&backtest, "sharpe".parse()?, plan);
/// let report = hunt.run_over(
///     &lease,
///     &|params| strategies::build("sma-cross", params), // or a strategy of your own
///     &space,
///     &SeriesCache::default(),
///     &Workers::new(2)?,
/// )?;
/// if let Some(best) = report.best_trial() {
///     println!("{} at {}", report.params(best), best.final_equity);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Hunt<'a> {
    /// Settings of each trial.
    pub backtest: &'a Backtest,
    /// What a trial is worth; of several the first decides which trial is shown as the best.
    pub objectives: Vec<Objective>,
    /// What results must keep; a trial that misses one is worse than all that keep them.
    pub limits: Vec<Limit>,
    /// Which search. Its goals are replaced by those of `objectives`.
    pub plan: SearchPlan,
    /// Trials in a round; `None` is [`Hunt::round_len`].
    pub round: Option<usize>,
    /// Is called as trials end; one call at a time, `done` ascending.
    pub progress: Option<&'a (dyn Fn(Progress) + Sync)>,
    /// Once true, no further trial is started; the report has those that ended.
    pub cancel: Option<&'a AtomicBool>,
}

impl<'a> Hunt<'a> {
    /// Returns a hunt for one objective without limits, progress and cancellation.
    pub fn new(backtest: &'a Backtest, objective: Objective, plan: SearchPlan) -> Hunt<'a> {
        let (objectives, limits) = (vec![objective], Vec::new());
        Hunt { backtest, objectives, limits, plan, round: None, progress: None, cancel: None }
    }
}

impl Hunt<'_> {
    /// Runs the search over a leased version by threads of this process.
    ///
    /// # Errors
    /// As [`Hunt::run`].
    pub fn run_over(
        &self,
        lease: &Lease,
        factory: &Factory<'_>,
        space: &Arc<Space>,
        cache: &SeriesCache,
        workers: &Workers,
    ) -> Result<SweepReport, Error> {
        let portal = Portal::new(lease, cache, &self.backtest.scope)?;
        let terms = Terms { seed: self.plan.seed, ..Terms::default() };
        let crew = Threads::new(self.backtest, &portal, factory, workers, terms, self.cancel);
        self.run(&portal, factory, space, &crew, None)
    }

    /// Returns how many trials are asked for at a time: many where points do not depend on outcomes,
    /// few where each round makes the next one better, fewest where every single run does.
    pub fn round_len(&self) -> usize {
        let usual = match self.plan.method.name() {
            "grid" | "random" | "sobol" | "halton" | "lhs" => 4096,
            "gp" => 4,
            _ => 16,
        };
        self.round.unwrap_or(usual).max(1)
    }

    /// Runs the search. With a study every trial is journaled as it ends and none is run twice.
    ///
    /// # Errors
    /// What the search, the crew or the study fail with; [`Error::OtherStudy`] for a study of
    /// something else.
    pub fn run(
        &self,
        portal: &Portal<'_>,
        factory: &Factory<'_>,
        space: &Arc<Space>,
        crew: &dyn Crew,
        study: Option<&mut Study>,
    ) -> Result<SweepReport, Error> {
        let started = Instant::now();
        self.backtest.check()?;
        let goals = Goals::several(self.objectives.iter().map(|o| o.direction).collect())?;
        let mut plan = self.plan.clone();
        plan.goals = goals;
        let mut search = plan.start(Arc::clone(space))?;
        let first = search_example(factory, space)?;
        let mut log = Log { study, asks: Vec::new(), ends: Vec::new(), resumed: 0 };
        if let Some(study) = &mut log.study {
            study.begin(&self.identity(portal, &first.0, space, crew.terms().part))?;
        }
        let points = if self.plan.method.name() == "grid" { space.len() } else { u64::MAX };
        let total = self.plan.trials_max.unwrap_or(u64::MAX).min(points);
        let tally = Mutex::new(Tally { done: 0, best: None, total });
        let mut spent = Spent::default();
        let mut cancelled = false;
        let mut not_run = 0;
        while !cancelled {
            let round = self.ask_round(search.as_mut(), &mut log)?;
            if round.is_empty() {
                break;
            }
            let ends = self.run_round(&round, crew, &mut log, &tally)?;
            for ask in &round {
                spent.add(ask);
            }
            if let Some(cost) = self.plan.cost_max {
                let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
                tally.total = total.min(spent.likely(cost));
            }
            for (ask, end) in round.into_iter().zip(ends) {
                let Some(end) = end else {
                    cancelled = true;
                    not_run += 1;
                    continue;
                };
                if !cancelled {
                    search.tell(ask.id, &self.outcome(&end))?;
                }
                log.asks.push(ask);
                log.ends.push(end);
            }
        }
        if let Some(study) = &mut log.study {
            study.sync()?;
        }
        let Log { asks, ends, resumed, .. } = log;
        let mut report =
            SweepReport::of_hunt(self.backtest, self.objectives[0], portal, space, &first);
        report.search = Some(SearchSummary {
            limits: self.limits.clone(),
            method: self.plan.method.to_string(),
            seed: self.plan.seed,
            asked: asks.len() as u64,
            resumed,
            notes: search.notes().iter().map(|note| note.what.to_string()).collect(),
            ..SearchSummary::default()
        });
        self.sort_out(&mut report, asks, ends);
        report.not_run = not_run;
        report.workers = crew.hands();
        report.elapsed_seconds = started.elapsed().as_secs_f64();
        Ok(report)
    }

    /// Asks until the round is full or nothing more is to be had; recorded asks come first.
    fn ask_round(
        &self,
        search: &mut dyn crate::search::Search,
        log: &mut Log<'_>,
    ) -> Result<Vec<Ask>, Error> {
        let len = self.round_len();
        let mut round = Vec::new();
        if let Some(study) = &log.study {
            let wanted = self.plan.trials_max.map_or(len, |max| {
                let left = max.saturating_sub(log.asks.len() as u64);
                usize::try_from(left).unwrap_or(usize::MAX).min(len)
            });
            for ask in study.asks_from(log.asks.len()).iter().take(wanted) {
                search.readmit(ask)?;
                round.push(ask.clone());
            }
        }
        let recorded = round.len();
        while round.len() < len {
            match search.ask()? {
                Next::Run(ask) => round.push(ask),
                Next::Wait | Next::Done => break,
            }
        }
        if let Some(study) = &mut log.study {
            study.admit(&round[recorded..])?;
        }
        Ok(round)
    }

    /// Runs what has not ended of a round; `None` for trials that were not run.
    fn run_round(
        &self,
        round: &[Ask],
        crew: &dyn Crew,
        log: &mut Log<'_>,
        tally: &Mutex<Tally>,
    ) -> Result<Vec<Option<Ended>>, Error> {
        let mut ends: Vec<Option<Ended>> = round.iter().map(|_| None).collect();
        let place = |id: u64| round.binary_search_by_key(&id, |ask| ask.id).ok();
        let Some(study) = &mut log.study else {
            let slots = Mutex::new(&mut ends);
            crew.run(round, &|ended| {
                self.count(tally, &ended);
                let mut slots = slots.lock().unwrap_or_else(PoisonError::into_inner);
                for (id, end) in ended {
                    if let Some(at) = place(id) {
                        slots[at] = Some(end);
                    }
                }
            })?;
            return Ok(ends);
        };
        let known = round.iter().filter_map(|ask| Some((ask.id, study.end(ask.id)?.clone())));
        let known: Vec<(u64, Ended)> = known.collect();
        log.resumed += known.len() as u64;
        self.count(tally, &known);
        let chunk = crew.hands() * CLAIM_PER_HAND;
        let failure = Mutex::new(None);
        loop {
            let claimed = study.claim(round, chunk)?;
            let all_ended = round.iter().all(|ask| study.end(ask.id).is_some());
            if all_ended || self.is_cancelled() {
                break;
            }
            if claimed.is_empty() {
                // Others run what is left.
                std::thread::sleep(Duration::from_millis(2));
                continue;
            }
            let asks: Vec<Ask> = claimed.iter().map(|at| round[*at].clone()).collect();
            let shared = Mutex::new(&mut **study);
            crew.run(&asks, &|ended| {
                self.count(tally, &ended);
                let mut study = shared.lock().unwrap_or_else(PoisonError::into_inner);
                if let Err(error) = study.record(&ended) {
                    *failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                }
            })?;
            if let Some(error) = failure.lock().unwrap_or_else(PoisonError::into_inner).take() {
                return Err(error);
            }
        }
        for (slot, ask) in ends.iter_mut().zip(round) {
            *slot = study.end(ask.id).cloned();
        }
        Ok(ends)
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancel.is_some_and(|cancel| cancel.load(Ordering::Relaxed))
    }

    fn count(&self, tally: &Mutex<Tally>, ended: &[(u64, Ended)]) {
        let Some(progress) = self.progress else { return };
        let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
        for (_, end) in ended {
            if let Ended::Done(trial) = end {
                let (value, ranking) = (trial.value(self.objectives[0]), self.ranking());
                if ranking.violation(trial) == 0.0 && ranking.objective.better(value, tally.best) {
                    tally.best = value;
                }
            }
            tally.done += 1;
        }
        // Where only the cost ends the search, the first round tells what to expect.
        let total = if tally.total == u64::MAX { tally.done } else { tally.total.max(tally.done) };
        progress(Progress { done: tally.done, total, best: tally.best, folds: (0, 1) });
    }

    fn ranking(&self) -> Ranking<'_> {
        Ranking { objective: self.objectives[0], limits: &self.limits }
    }

    /// What the search is told.
    fn outcome(&self, end: &Ended) -> Outcome {
        let Ended::Done(trial) = end else { return Outcome::Failed };
        let value = |objective: &Objective| trial.value(*objective).unwrap_or(f64::NAN);
        Outcome::Done {
            values: self.objectives.iter().map(value).collect(),
            violation: self.ranking().violation(trial),
        }
    }

    /// Puts every trial where the report has it, and finds the best of the whole runs.
    fn sort_out(&self, report: &mut SweepReport, asks: Vec<Ask>, ends: Vec<Ended>) {
        let objective = self.objectives[0];
        let mut summary = report.search.take().unwrap_or_default();
        for (ask, end) in asks.into_iter().zip(ends) {
            match end {
                Ended::Done(trial) if ask.budget < 1.0 => summary.partial.push(Partial {
                    id: ask.id,
                    budget: ask.budget,
                    bracket: ask.bracket,
                    rung: ask.rung,
                    resumes: ask.resumes,
                    value: trial.value(objective),
                }),
                Ended::Done(trial) => report.trials.push(trial),
                Ended::Failed(error) => report.failed.push(Failure { index: ask.id, error }),
                Ended::Skipped => {
                    report.skipped += 1;
                    continue;
                }
            }
            summary.points.push((ask.id, ask.params));
            summary.rungs.push((ask.bracket, ask.rung, ask.resumes));
        }
        report.best = self.ranking().best(report.trials.iter().enumerate());
        let violation = report.best_trial().map(|best| self.ranking().violation(best));
        summary.best_violation = violation.filter(|violation| violation.is_finite());
        report.search = Some(summary);
    }
}

/// Trials that a process claims at a time, for each of its hands: few enough that another process
/// finds work, many enough that claiming costs nothing.
const CLAIM_PER_HAND: usize = 64;

/// What was asked for and how it ended, so far.
struct Log<'s> {
    study: Option<&'s mut Study>,
    asks: Vec<Ask>,
    ends: Vec<Ended>,
    /// Ends that the study had before.
    resumed: u64,
}

struct Tally {
    done: u64,
    best: Option<f64>,
    /// Trials that there will be, as well as that is known; `u64::MAX` where it is not.
    total: u64,
}

impl std::fmt::Debug for Hunt<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hunt")
            .field("backtest", self.backtest)
            .field("objectives", &self.objectives)
            .field("plan", &self.plan)
            .finish_non_exhaustive()
    }
}
