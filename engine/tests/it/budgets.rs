//! Goal: a trial that goes on at a larger budget runs the difference alone, where it can, and gives the bits of
//! one that ran at once; a share of the assets is a run over these alone; no part of the period outlasts a time limit.
//! Method: trials promoted through all budgets, against single backtests over the same bars and against
//! trials that continue nothing; strategies that count their bars, or sleep.

use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use barrow_engine::search::{Ask, Origin};
use barrow_engine::{
    Backtest, Context, Crew, Ended, Error, Params, Part, Portal, Scope, Setup, Strategy, Terms,
    Threads, Trial, Workers, strategies,
};
use barrow_store::{Lease, SeriesCache};
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

/// Portals over stretches of ticks of a clock, each looked up by itself.
fn cut<'l>(lease: &'l Lease, cache: &'l SeriesCache, ticks: &[Range<usize>]) -> Vec<Portal<'l>> {
    let times = Portal::new(lease, cache, &Scope::default()).unwrap().times().to_vec();
    let scope = |ticks: &Range<usize>| Scope {
        from: Some(times[ticks.start]),
        to: Some(times[ticks.end - 1]),
        assets: None,
    };
    ticks.iter().map(|ticks| Portal::new(lease, cache, &scope(ticks)).unwrap()).collect()
}

/// Days on which three assets are traded, the second one late.
fn three(days: i64) -> Market {
    let closes = |step: i64| -> Vec<Option<i64>> {
        (0..days).map(|day| Some(1000 + (day * day * step + day * 37) % 211)).collect()
    };
    let (a, mut b, c) = (closes(3), closes(7), closes(11));
    b[..20].fill(None);
    Market::of(&[("A", &a), ("B", &b), ("C", &c)])
}

/// Final equity of single runs, one after the other; `ticks` in all, from the first on.
fn chained(lease: &Lease, stretches: &[Portal<'_>], params: &Params, mut ticks: usize) -> f64 {
    let mut level = 10_000.0;
    for portal in stretches {
        let len = portal.times().len().min(ticks);
        ticks -= len;
        if len == 0 {
            break;
        }
        let (from, to) = (Some(portal.times()[0]), Some(portal.times()[len - 1]));
        let scope = Scope { from, to, assets: None };
        let alone = Backtest { scope, ..Backtest::with_cash(10_000.0) };
        let run = alone.run(lease, build(params).unwrap().as_mut(), &SeriesCache::default());
        level *= run.unwrap().final_equity / 10_000.0;
    }
    level
}

#[test]
fn budgets_over_several_stretches_are_parts_of_all_of_them() {
    let (lease, cache) = (three(200).lease(), SeriesCache::default());
    let stretches = cut(&lease, &cache, &[0..70, 90..97, 110..200]);
    let (backtest, workers) = (Backtest::with_cash(10_000.0), Workers::new(2).unwrap());
    let ticks = 70 + 7 + 90;
    for params in [Params::parse(CROSS).unwrap(), Params::new()] {
        for part in [Part::First, Part::Spread] {
            let terms = Terms { part, ..Terms::default() };
            let over = |terms| Threads::over(&backtest, &stretches, &build, &workers, terms, None);
            let crew = over(terms);
            for (id, budget) in (0..).zip(BUDGETS) {
                let went_on = done(&crew, ask(id, &params, budget, id.checked_sub(1)));
                let at_once = done(&crew, ask(100 + id, &params, budget, None));
                assert_eq!(went_on.metrics, at_once.metrics, "{part:?} {budget}");
                if part == Part::First || budget == 1.0 {
                    let share = (1..ticks).find(|n| number(*n) >= budget * number(ticks) - 1e-6);
                    let expected = chained(&lease, &stretches, &params, share.unwrap_or(ticks));
                    assert!((went_on.final_equity / expected - 1.0).abs() < 1e-12);
                }
            }
            // With a limit each trial is run by itself, without one in blocks.
            let limited = over(Terms { time_max: Some(Duration::from_mins(10)), ..terms });
            let (alone, block) = (ask(200, &params, 1.0, None), ask(200, &params, 1.0, None));
            assert_eq!(done(&limited, alone), done(&crew, block));
        }
    }
}

/// Symbols that runs of [`Nosy`] were given.
static SYMBOLS: Mutex<Vec<Vec<String>>> = Mutex::new(Vec::new());

/// Tells which assets it was given.
struct Nosy(Box<dyn Strategy + Send>);

impl Strategy for Nosy {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn on_start(&mut self, setup: &mut Setup<'_>) -> Result<(), Error> {
        let symbols = setup.assets().map(|asset| setup.symbol(asset).to_owned());
        SYMBOLS.lock().unwrap().push(symbols.collect());
        self.0.on_start(setup)
    }

    fn on_bar(&mut self, context: &mut Context<'_>) -> Result<(), Error> {
        self.0.on_bar(context)
    }
}

#[test]
fn a_share_of_the_assets_is_a_run_over_these_alone_and_grows() {
    let names: Vec<String> = (0..9).map(|at| format!("S{at}")).collect();
    let closes = |step: i64| -> Vec<Option<i64>> {
        (0..80).map(|day| Some(1000 + (day * day * step + day * 37) % 211)).collect()
    };
    let closes: Vec<Vec<Option<i64>>> = (2..11).map(closes).collect();
    let assets: Vec<(&str, &[Option<i64>])> =
        names.iter().zip(&closes).map(|(name, closes)| (name.as_str(), &closes[..])).collect();
    let (lease, cache) = (Market::of(&assets).lease(), SeriesCache::default());
    let backtest = Backtest::with_cash(10_000.0);
    let portal = Portal::new(&lease, &cache, &backtest.scope).unwrap();
    let nosy = |params: &Params| -> Result<Box<dyn Strategy + Send>, Error> {
        Ok(Box::new(Nosy(build(params)?)))
    };
    let mut orders = Vec::new();
    for (seed, threads) in [(1, 1), (1, 3), (2, 1)] {
        let workers = Workers::new(threads).unwrap();
        let terms = Terms { part: Part::Assets, seed, ..Terms::default() };
        let crew = Threads::new(&backtest, &portal, &nosy, &workers, terms, None);
        let plain = Threads::new(&backtest, &portal, &build, &workers, terms, None);
        let mut before: Vec<String> = Vec::new();
        let mut seen = Vec::new();
        for (id, (budget, count)) in
            (0..).zip([(1.0 / 27.0, 1), (1.0 / 3.0, 3), (0.5, 5), (1.0, 9)])
        {
            let params = Params::parse(CROSS).unwrap();
            SYMBOLS.lock().unwrap().clear();
            let trial = done(&crew, ask(id, &params, budget, id.checked_sub(1)));
            let symbols = SYMBOLS.lock().unwrap().last().unwrap().clone();
            assert_eq!(symbols.len(), count);
            assert!(before.iter().all(|symbol| symbols.contains(symbol)), "{before:?} {symbols:?}");
            let scope = Scope { assets: Some(symbols.clone()), ..Scope::default() };
            let alone = Backtest { scope, ..backtest.clone() };
            let alone = alone.run(&lease, build(&params).unwrap().as_mut(), &cache).unwrap();
            assert_eq!(trial.metrics, alone.metrics);
            assert_eq!(trial.final_equity.to_bits(), alone.final_equity.to_bits());
            // In blocks, too.
            assert_eq!(trial, done(&plain, ask(id, &params, budget, None)));
            seen.push(symbols.clone());
            before = symbols;
        }
        orders.push(seen);
    }
    assert_eq!(orders[0], orders[1], "workers decide nothing");
    assert_ne!(orders[0], orders[2], "the seed does");
    let one = Scope { assets: Some(vec!["S3".to_owned()]), ..Scope::default() };
    let (portal, workers) = (Portal::new(&lease, &cache, &one).unwrap(), Workers::new(1).unwrap());
    let terms = Terms { part: Part::Assets, ..Terms::default() };
    let crew = Threads::new(&backtest, &portal, &build, &workers, terms, None);
    let refused = crew.run(&[ask(0, &Params::new(), 0.5, None)], &|_| {});
    assert!(refused.unwrap_err().to_string().contains("found 1"));
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
    let lease = Market::of(&[("A", &closes), ("B", &closes)]).lease();
    let cache = SeriesCache::default();
    let backtest = Backtest::with_cash(10_000.0);
    let portal = Portal::new(&lease, &cache, &backtest.scope).unwrap();
    let workers = Workers::new(2).unwrap();
    let factory = |params: &Params| -> Result<Box<dyn Strategy + Send>, Error> {
        if params.get("slow").is_none() { Ok(Box::new(Slow)) } else { build(params) }
    };
    for part in [Part::Spread, Part::First, Part::Assets] {
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
