//! Goal: a trial that goes on at a larger budget runs the difference alone and gives the bits of one that
//! ran at once; no part of the period outlasts a time limit.
//! Method: trials promoted through all budgets, against single backtests over the same bars and against
//! trials that continue nothing; strategies that count their bars, or sleep.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use barrow_engine::search::{Ask, Origin};
use barrow_engine::{
    Backtest, Context, Crew, Ended, Error, Params, Part, Portal, Scope, Setup, Strategy, Terms,
    Threads, Trial, Workers, strategies,
};
use barrow_store::SeriesCache;
use proptest::prelude::{ProptestConfig, prop_assert, prop_assert_eq, proptest};

use super::bundles::{Market, markets, number};
use super::lookahead::Curious;

/// Bars that strategies of [`the_first_bars_go_on_to_the_whole_run`] were shown.
static BARS: AtomicUsize = AtomicUsize::new(0);

const BUDGETS: [f64; 4] = [1.0 / 27.0, 1.0 / 9.0, 1.0 / 3.0, 1.0];

/// Parameters of a built-in strategy.
const CROSS: [&str; 2] = ["fast=2", "slow=4"];

fn ask(id: u64, params: &Params, budget: f64, resumes: Option<u64>) -> Ask {
    let (bracket, rung, seed, origin) = (0, 0, 0, Origin::Promotion);
    Ask { id, params: params.clone(), budget, bracket, rung, seed, resumes, origin }
}

fn end_of(crew: &Threads<'_, '_>, ask: Ask) -> Ended {
    let ended = Mutex::new(Vec::new());
    crew.run(&[ask], &|ends| ended.lock().unwrap().extend(ends)).unwrap();
    ended.into_inner().unwrap().pop().unwrap().1
}

fn done(crew: &Threads<'_, '_>, ask: Ask) -> Trial {
    match end_of(crew, ask) {
        Ended::Done(trial) => trial,
        other => panic!("{other:?}"),
    }
}

/// Counts the bars that a strategy is shown.
struct Counted<'a>(Box<dyn Strategy + Send>, &'a AtomicUsize);

impl Strategy for Counted<'_> {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn on_start(&mut self, setup: &mut Setup<'_>) -> Result<(), Error> {
        self.0.on_start(setup)
    }

    fn on_bar(&mut self, context: &mut Context<'_>) -> Result<(), Error> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.on_bar(context)
    }
}

fn build(params: &Params) -> Result<Box<dyn Strategy + Send>, Error> {
    match params.get("fast") {
        Some(_) => strategies::build("sma-cross", params),
        None => Ok(Box::<Curious>::default()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_first_bars_go_on_to_the_whole_run(market in markets(3, 40), built_in: bool) {
        let (lease, cache) = (market.lease(), SeriesCache::default());
        let backtest = Backtest::with_cash(10_000.0);
        let portal = Portal::new(&lease, &cache, &backtest.scope).unwrap();
        let workers = Workers::new(1).unwrap();
        let factory = |params: &Params| -> Result<Box<dyn Strategy + Send>, Error> {
            Ok(Box::new(Counted(build(params)?, &BARS)))
        };
        let params = Params::parse(if built_in { &CROSS[..] } else { &[] }.iter().copied()).unwrap();
        let terms = Terms { part: Part::First, ..Terms::default() };
        let crew = Threads::new(&backtest, &portal, &factory, &workers, terms, None);
        let times = portal.times();
        let mut stopped = 0;
        BARS.store(0, Ordering::Relaxed);
        for (id, budget) in (0..).zip(BUDGETS) {
            let trial = done(&crew, ask(id, &params, budget, id.checked_sub(1)));
            // The same share of the clock, counted another way.
            let wanted = budget * number(times.len()) - 1e-6;
            let ticks = (1..times.len()).find(|n| number(*n) >= wanted).unwrap_or(times.len());
            let ticks = ticks.max(2).min(times.len());
            // A run that came to the end has nothing to go on with.
            let before = if stopped < times.len() { stopped } else { 0 };
            prop_assert_eq!(BARS.swap(0, Ordering::Relaxed), ticks - before);
            stopped = ticks;
            let scope = Scope { to: Some(times[ticks - 1]), ..Scope::default() };
            let alone = Backtest { scope, ..backtest.clone() };
            let alone = alone.run(&lease, build(&params).unwrap().as_mut(), &SeriesCache::default());
            let alone = alone.unwrap();
            prop_assert_eq!(trial.metrics, alone.metrics);
            prop_assert_eq!(trial.final_equity.to_bits(), alone.final_equity.to_bits());
            prop_assert_eq!(trial.final_cash.to_bits(), alone.final_cash.to_bits());
        }
        // What continues nothing, or what nobody kept, is run from the start.
        for resumes in [None, Some(77)] {
            let again = done(&crew, ask(9, &params, 1.0 / 3.0, resumes));
            let first = done(&crew, ask(10, &params, 1.0 / 9.0, None));
            let went_on = done(&crew, ask(11, &params, 1.0 / 3.0, Some(10)));
            prop_assert_eq!(again.metrics, went_on.metrics);
            prop_assert!(first.metrics.fills <= went_on.metrics.fills);
        }
    }

    #[test]
    fn spread_stretches_go_on_to_what_they_would_be_at_once(market in markets(2, 90)) {
        let (lease, cache) = (market.lease(), SeriesCache::default());
        let backtest = Backtest::with_cash(10_000.0);
        let portal = Portal::new(&lease, &cache, &backtest.scope).unwrap();
        let workers = Workers::new(1).unwrap();
        let crew = Threads::new(&backtest, &portal, &build, &workers, Terms::default(), None);
        let params = Params::new();
        for (id, budget) in (0..).zip(BUDGETS) {
            let went_on = done(&crew, ask(id, &params, budget, id.checked_sub(1)));
            let at_once = done(&crew, ask(100 + id, &params, budget, None));
            prop_assert_eq!(went_on.metrics, at_once.metrics);
        }
    }
}

/// Takes a while over each bar.
struct Slow;

impl Strategy for Slow {
    fn name(&self) -> &'static str {
        "slow"
    }

    fn on_bar(&mut self, _: &mut Context<'_>) -> Result<(), Error> {
        std::thread::sleep(Duration::from_millis(3));
        Ok(())
    }
}

#[test]
fn a_slow_trial_fails_at_every_budget_and_the_others_go_on() {
    let closes: Vec<Option<i64>> = (0..300).map(|day| Some(1000 + day * 37 % 211)).collect();
    let lease = Market::of(&[("A", &closes)]).lease();
    let cache = SeriesCache::default();
    let backtest = Backtest::with_cash(10_000.0);
    let portal = Portal::new(&lease, &cache, &backtest.scope).unwrap();
    let workers = Workers::new(2).unwrap();
    let factory = |params: &Params| -> Result<Box<dyn Strategy + Send>, Error> {
        if params.get("slow").is_none() { Ok(Box::new(Slow)) } else { build(params) }
    };
    for part in [Part::Spread, Part::First] {
        // Ten bars take six times the limit; none of the quick ones comes near it.
        let terms = Terms { part, time_max: Some(Duration::from_millis(5)), seed: 0 };
        let crew = Threads::new(&backtest, &portal, &factory, &workers, terms, None);
        let quick = Params::parse(CROSS).unwrap();
        for budget in BUDGETS {
            let end = end_of(&crew, ask(0, &Params::new(), budget, None));
            let Ended::Failed(why) = end else { panic!("{end:?} at {budget}") };
            assert!(why.contains("longer than"), "{why}");
            let slow_terms = Terms { time_max: Some(Duration::from_mins(10)), ..terms };
            let crew = Threads::new(&backtest, &portal, &factory, &workers, slow_terms, None);
            done(&crew, ask(1, &quick, budget, None));
        }
    }
}
