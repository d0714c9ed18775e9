//! Goal: a search is the same at any number of workers and with or without a study; a study that is
//! cut at any place goes on to the same end and runs nothing twice; processes share it.
//! Method: small searches over a made-up market; journals cut at every tenth byte; two studies of one
//! file taking turns; a counter in the factory of strategies.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use barrow_engine::search::{Goals, Method, SearchPlan};
use barrow_engine::{
    Backtest, Crew, Direction, Ended, Error, Factory, Hunt, Params, Portal, Progress, Space,
    Strategy, Study, SweepReport, Terms, Threads, Workers, strategies,
};
use barrow_store::{Journal, Lease, SeriesCache};

use crate::bundles::Market;

fn market() -> Market {
    let closes = |step: i64| -> Vec<Option<i64>> {
        (0..300).map(|day| Some(1000 + (day * day * step + day * 37) % 211)).collect()
    };
    let (a, b) = (closes(3), closes(7));
    Market::of(&[("A", &a), ("B", &b)])
}

fn space() -> Arc<Space> {
    Arc::new(
        Space::parse(["fast=2..20", "slow=10..60"])
            .unwrap()
            .with_constraints(["fast < slow"])
            .unwrap(),
    )
}

fn hunt<'a>(backtest: &'a Backtest, method: &str, trials: u64) -> Hunt<'a> {
    let method: Method = method.parse().unwrap();
    let mut plan = SearchPlan::new(method, 7, Goals::one(Direction::Max));
    plan.trials_max = Some(trials);
    Hunt {
        backtest,
        objectives: vec!["sharpe".parse().unwrap()],
        limits: Vec::new(),
        plan,
        round: Some(8),
        progress: None,
        cancel: None,
    }
}

fn terms() -> Terms {
    Terms { seed: 7, ..Terms::default() }
}

fn open(path: &Path) -> Study {
    Study::open(Journal::open(path).unwrap()).unwrap()
}

struct Bench {
    lease: Lease,
    cache: SeriesCache,
    backtest: Backtest,
    built: AtomicU64,
}

impl Bench {
    fn new() -> Bench {
        Bench {
            lease: market().lease(),
            cache: SeriesCache::default(),
            backtest: Backtest::with_cash(10_000.0),
            built: AtomicU64::new(0),
        }
    }

    fn run(
        &self,
        method: &str,
        trials: u64,
        threads: usize,
        study: Option<&mut Study>,
    ) -> Result<SweepReport, Error> {
        let factory = |params: &Params| -> Result<Box<dyn Strategy + Send>, Error> {
            self.built.fetch_add(1, Ordering::Relaxed);
            strategies::build("sma-cross", params)
        };
        self.run_with(&factory, &hunt(&self.backtest, method, trials), threads, study)
    }

    fn run_with(
        &self,
        factory: &Factory<'_>,
        hunt: &Hunt<'_>,
        threads: usize,
        study: Option<&mut Study>,
    ) -> Result<SweepReport, Error> {
        let portal = Portal::new(&self.lease, &self.cache, &self.backtest.scope).unwrap();
        let workers = Workers::new(threads).unwrap();
        let crew = Threads::new(&self.backtest, &portal, factory, &workers, terms(), hunt.cancel);
        hunt.run(&portal, factory, &space(), &crew, study)
    }
}

/// Everything but the use of the machine.
fn bits(report: &SweepReport) -> String {
    let search = report.search.as_ref().unwrap();
    format!(
        "{:?} {:?} {:?} {} {:?} {:?}",
        report.trials, report.best, report.failed, report.skipped, search.points, search.partial
    )
}

const METHODS: [&str; 7] = ["random", "sobol", "lhs", "tpe", "nsga2", "bohb", "asha"];

#[test]
fn the_same_trials_at_any_number_of_workers_and_with_a_study() {
    let bench = Bench::new();
    let folder = tempfile::tempdir().unwrap();
    for method in METHODS {
        // Methods with budgets begin with a rung of small ones.
        let trials = if matches!(method, "bohb" | "asha") { 180 } else { 60 };
        let one = bench.run(method, trials, 1, None).unwrap();
        assert!(one.best.is_some(), "{method}");
        let three = bench.run(method, trials, 3, None).unwrap();
        assert_eq!(bits(&one), bits(&three), "{method}");
        let mut study = open(&folder.path().join(method));
        let kept = bench.run(method, trials, 2, Some(&mut study)).unwrap();
        assert_eq!(bits(&one), bits(&kept), "{method}");
    }
}

#[test]
fn a_study_cut_anywhere_ends_as_one_that_was_not() {
    let bench = Bench::new();
    let folder = tempfile::tempdir().unwrap();
    for method in ["random", "tpe", "hyperband"] {
        let path = folder.path().join(method);
        let whole = bench.run(method, 30, 1, Some(&mut open(&path))).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        for cut in (0..bytes.len()).step_by(bytes.len() / 40) {
            std::fs::write(&path, &bytes[..cut]).unwrap();
            let ended = open(&path).trials().filter(|(_, end)| end.is_some()).count();
            let again = bench.run(method, 30, 2, Some(&mut open(&path))).unwrap();
            assert_eq!(bits(&again), bits(&whole), "{method} cut at {cut}");
            assert_eq!(again.search.unwrap().resumed, ended as u64, "{method} cut at {cut}");
        }
    }
}

#[test]
fn nothing_is_run_twice_and_a_study_can_be_extended() {
    let bench = Bench::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("study");
    bench.run("tpe", 30, 1, Some(&mut open(&path))).unwrap();
    bench.built.store(0, Ordering::Relaxed);
    let again = bench.run("tpe", 30, 1, Some(&mut open(&path))).unwrap();
    assert_eq!(again.search.as_ref().unwrap().resumed, 30);
    assert!(bench.built.load(Ordering::Relaxed) < 10, "only the example was built");
    let longer = bench.run("tpe", 50, 1, Some(&mut open(&path))).unwrap();
    assert_eq!(bits(&longer), bits(&bench.run("tpe", 50, 1, None).unwrap()));
}

#[test]
fn a_study_of_something_else_is_refused_with_what_differs() {
    let bench = Bench::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("study");
    bench.run("random", 5, 1, Some(&mut open(&path))).unwrap();
    match bench.run("sobol", 5, 1, Some(&mut open(&path))) {
        Err(Error::OtherStudy { name, found, expected }) => {
            assert_eq!(
                (name.as_str(), found.as_str(), expected.as_str()),
                ("search", "random", "sobol")
            );
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn two_processes_share_a_study_and_what_a_dead_one_claimed_is_run_by_the_other() {
    let bench = Bench::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("study");
    let alone = bench.run("random", 200, 1, None).unwrap();
    bench.built.store(0, Ordering::Relaxed);
    let reports: Vec<SweepReport> = std::thread::scope(|scope| {
        let run = || scope.spawn(|| bench.run("random", 200, 1, Some(&mut open(&path))).unwrap());
        let runs = [run(), run(), run()];
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    for report in &reports {
        assert_eq!(bits(report), bits(&alone));
    }
    // Each trial was built once by whoever ran it, and each run built an example and a few more.
    let built = bench.built.load(Ordering::Relaxed);
    assert!((200..=230).contains(&built), "{built}");
}

/// Fails, panics, skips or runs, by the parameters alone.
fn fragile(params: &Params) -> Result<Box<dyn Strategy + Send>, Error> {
    let fast = params.get("fast").and_then(barrow_engine::Value::as_i64).unwrap();
    assert_ne!(fast, 5, "five is too many");
    if fast == 7 {
        return Err(Error::Constraint { strategy: "fragile", rule: "no seven" });
    }
    strategies::build("sma-cross", params)
}

#[test]
fn failing_trials_are_told_with_their_message_and_kept() {
    let bench = Bench::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("study");
    let run = |study: Option<&mut Study>, threads| {
        let mut hunt = hunt(&bench.backtest, "grid", 10_000);
        hunt.round = Some(64);
        bench.run_with(&fragile, &hunt, threads, study).unwrap()
    };
    let plain = run(None, 2);
    assert!(!plain.failed.is_empty() && plain.skipped > 0);
    assert!(plain.failed.iter().all(|failure| failure.error.contains("five is too many")));
    assert!(plain.failed.iter().all(|f| plain.point(f.index).get("fast") == Some(&5.into())));
    assert_eq!(bits(&run(Some(&mut open(&path)), 2)), bits(&plain));
    assert_eq!(bits(&run(Some(&mut open(&path)), 1)), bits(&plain));
}

/// A crew that stops after some trials.
struct Tired<'a, 'l> {
    crew: Threads<'a, 'l>,
    left: AtomicU64,
}

impl Crew for Tired<'_, '_> {
    fn terms(&self) -> Terms {
        self.crew.terms()
    }

    fn hands(&self) -> usize {
        1
    }

    fn run(
        &self,
        asks: &[barrow_engine::search::Ask],
        ended: &(dyn Fn(Vec<(u64, Ended)>) + Sync),
    ) -> Result<(), Error> {
        for ask in asks {
            if self.left.load(Ordering::Relaxed) == 0 {
                return Err(Error::NoObjective);
            }
            self.left.fetch_sub(1, Ordering::Relaxed);
            self.crew.run(std::slice::from_ref(ask), ended)?;
        }
        Ok(())
    }
}

#[test]
fn whatever_ends_a_run_its_ended_trials_are_in_the_study() {
    let bench = Bench::new();
    let folder = tempfile::tempdir().unwrap();
    let whole = bench.run("bohb", 40, 1, None).unwrap();
    for survives in [0, 1, 7, 8, 9, 23] {
        let path = folder.path().join(survives.to_string());
        let factory = |params: &Params| strategies::build("sma-cross", params);
        let portal = Portal::new(&bench.lease, &bench.cache, &bench.backtest.scope).unwrap();
        let workers = Workers::new(1).unwrap();
        let crew = Threads::new(&bench.backtest, &portal, &factory, &workers, terms(), None);
        let crew = Tired { crew, left: AtomicU64::new(survives) };
        let hunt = hunt(&bench.backtest, "bohb", 40);
        let mut study = open(&path);
        assert!(hunt.run(&portal, &factory, &space(), &crew, Some(&mut study)).is_err());
        drop(study);
        let ended = open(&path).trials().filter(|(_, end)| end.is_some()).count();
        assert_eq!(ended as u64, survives);
        let again = bench.run("bohb", 40, 1, Some(&mut open(&path))).unwrap();
        assert_eq!(bits(&again), bits(&whole), "after {survives}");
    }
}

#[test]
fn progress_of_a_search_bounded_by_its_cost_tells_how_many_trials_to_expect() {
    let bench = Bench::new();
    let factory = |params: &Params| strategies::build("sma-cross", params);
    for method in ["random", "bohb"] {
        let seen = Mutex::new(Vec::new());
        let watch = |progress: Progress| seen.lock().unwrap().push((progress.done, progress.total));
        let mut hunt = hunt(&bench.backtest, method, 0);
        (hunt.plan.trials_max, hunt.plan.cost_max) = (None, Some(60.0));
        hunt.progress = Some(&watch);
        let report = bench.run_with(&factory, &hunt, 1, None).unwrap();
        let trials = report.search.as_ref().unwrap().asked;
        let seen = seen.into_inner().unwrap();
        assert_eq!(seen.last().map(|(done, _)| *done), Some(trials), "{method}");
        // Rungs are of different costs, so what is expected is right within a factor of three from half of the way on.
        let later = seen.iter().filter(|(done, _)| 2 * done >= trials);
        assert!(later.clone().count() > 1, "{method}");
        for (done, total) in later {
            assert!(
                total >= done && *total <= 3 * trials && 3 * total >= trials,
                "{method} {total}"
            );
        }
        assert!(seen.iter().any(|(done, total)| total > done), "{method}");
    }
}
