//! Promise: whatever the space, the method, the number of pending trials and the order in which they
//! are told, a search proposes points of its space, never one twice by accident of its state, and a
//! repeated record brings a new search to the same place.
//!
//! Method: generated spaces with conditions and constraints; a driver that keeps a random number of
//! trials pending and tells them in a random order, with values that fail, lack or exceed; naive
//! enumeration of grids; counting of strata.

use std::sync::Arc;

use barrow_engine::search::{
    Ask, Axis, Goals, Method, Next, Origin, Outcome, Scale, Search, SearchPlan, Sequence,
};
use barrow_engine::{Direction, Error, Params, Space, Value};
use proptest::prelude::*;

use crate::spaces::{method, space};

/// What a run of a search was: each ask, and each tell.
#[derive(Debug, Clone)]
enum Event {
    Asked(Ask),
    Told(u64, Outcome),
}

/// A cheap generator of its own for the driver's choices.
struct Choices(u64);

impl Choices {
    fn below(&mut self, count: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % count
    }
}

fn outcome(ask: &Ask, choices: &mut Choices) -> Outcome {
    let sum: f64 = ask.params.iter().filter_map(|(_, value)| value.as_f64()).sum();
    match choices.below(10) {
        0 => Outcome::Failed,
        1 => Outcome::Done { values: vec![f64::NAN], violation: 0.0 },
        2 => Outcome::Done { values: vec![f64::NEG_INFINITY], violation: 0.0 },
        3 => Outcome::Pruned { values: vec![sum], reached: 0.5 },
        4 => Outcome::Done { values: vec![sum], violation: 0.3 },
        _ => Outcome::Done { values: vec![sum.sin()], violation: 0.0 },
    }
}

/// Runs a search with up to `pending` trials at a time, told in a random order.
fn drive(search: &mut dyn Search, asks: usize, pending: usize, seed: u64) -> Vec<Event> {
    let mut choices = Choices(seed);
    let mut open: Vec<Ask> = Vec::new();
    let mut events = Vec::new();
    let mut asked = 0;
    while asked < asks {
        if open.len() < pending {
            let next = match search.ask() {
                // A search that has closed in on what the rule forbids says so, and may be left at that.
                Err(Error::NoAdmissiblePoint { .. }) => Next::Done,
                next => next.expect("a point"),
            };
            match next {
                Next::Run(ask) => {
                    asked += 1;
                    events.push(Event::Asked(ask.clone()));
                    open.push(ask);
                    continue;
                }
                Next::Wait => assert!(!open.is_empty(), "waits for nothing"),
                Next::Done if open.is_empty() => break,
                Next::Done => {}
            }
        }
        let ask = open.remove(choices.below(open.len()));
        let outcome = outcome(&ask, &mut choices);
        search.tell(ask.id, &outcome).expect("a pending trial");
        events.push(Event::Told(ask.id, outcome));
    }
    events
}

fn plan(method: &Method, seed: u64) -> SearchPlan {
    let mut plan = SearchPlan::new(method.clone(), seed, Goals::one(Direction::Max));
    plan.trials_max = Some(40);
    plan
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_point_lies_in_the_space_and_a_record_can_be_repeated(
        space in space(),
        method in method(),
        pending in 1_usize..9,
        seed in any::<u64>(),
    ) {
        let space = Arc::new(space);
        let plan = plan(&method, seed);
        // CMA-ES refuses spaces without a number: nothing to check there.
        let Ok(mut search) = plan.start(Arc::clone(&space)) else { return Ok(()) };
        let events = drive(search.as_mut(), 25, pending, seed);
        let mut last = None;
        for event in &events {
            if let Event::Asked(ask) = event {
                prop_assert!(space.contains(&ask.params), "{} of {:?}", ask.params, space);
                prop_assert!(ask.budget > 0.0 && ask.budget <= 1.0);
                prop_assert!(last.is_none_or(|last| ask.id > last));
                last = Some(ask.id);
            }
        }
        let mut again = plan.start(Arc::clone(&space)).unwrap();
        for event in &events {
            match event {
                Event::Asked(ask) => again.readmit(ask).unwrap(),
                Event::Told(id, outcome) => again.tell(*id, outcome).unwrap(),
            }
        }
        prop_assert_eq!(search.pending(), again.pending());
        prop_assert_eq!(search.notes(), again.notes());
        for _ in 0..4 {
            let (next, same) = (search.ask().unwrap(), again.ask().unwrap());
            prop_assert_eq!(&next, &same);
            if let Next::Run(ask) = next {
                let outcome = Outcome::Done { values: vec![1.0], violation: 0.0 };
                search.tell(ask.id, &outcome).unwrap();
                again.tell(ask.id, &outcome).unwrap();
            }
        }
    }

    #[test]
    fn a_grid_has_every_point_once(space in space()) {
        let Ok(grid) = Sequence::grid(Arc::new(space.clone())) else {
            prop_assert_eq!(space.len(), 0);
            return Ok(());
        };
        if space.len() > 5000 {
            return Ok(());
        }
        let expected = nested(&space, 0, &Params::new());
        let found: Vec<Params> = (0..space.len()).map(|at| space.point(at)).collect();
        prop_assert_eq!(&found, &expected);
        let admitted: Vec<Params> = (0..space.len()).filter_map(|at| grid.params(at)).collect();
        let naive: Vec<Params> = expected.into_iter().filter(|p| space.admits(p)).collect();
        prop_assert_eq!(admitted, naive);
    }

    #[test]
    fn coordinates_and_values_go_back_and_forth(space in space(), seed in any::<u64>()) {
        let draws = Sequence::random(Arc::new(space.clone()), seed);
        for at in 0..20 {
            let params = draws.params(at).unwrap();
            let back = space.decode(&space.encode(&params));
            prop_assert_eq!(back.len(), params.len());
            for ((name, value), (_, expected)) in back.iter().zip(&params) {
                if let (Some(value), Some(expected)) = (value.as_f64(), expected.as_f64()) {
                    let near = (value - expected).abs() <= 1e-9 * expected.abs().max(1e-6);
                    prop_assert!(near, "{}: {} {}", name, value, expected);
                } else {
                    prop_assert_eq!(value, expected);
                }
            }
        }
    }

    #[test]
    fn a_latin_hypercube_has_one_point_in_each_stratum(
        dims in 1_usize..6,
        count in 1_u64..60,
        seed in any::<u64>(),
    ) {
        let texts: Vec<String> = (0..dims).map(|at| format!("x{at}=real(0..1)")).collect();
        let space = Space::parse(texts.iter().map(String::as_str)).unwrap();
        let sequence = Sequence::latin_hypercube(Arc::new(space), seed, count).unwrap();
        for dim in 0..dims {
            let name = format!("x{dim}");
            // The number of edges below a value is its stratum.
            let wide = f64::from(u32::try_from(count).unwrap());
            let edges: Vec<f64> = (1..60_u32).map(|edge| f64::from(edge) / wide).collect();
            let mut strata: Vec<usize> = (0..count)
                .map(|at| sequence.params(at).unwrap().get(&name).unwrap().as_f64().unwrap())
                .map(|x| edges.iter().filter(|edge| **edge <= x).count())
                .collect();
            strata.sort_unstable();
            prop_assert!(strata.into_iter().eq(0..usize::try_from(count).unwrap()));
        }
    }
}

/// Every combination by nested loops over what is active.
fn nested(space: &Space, at: usize, params: &Params) -> Vec<Params> {
    let Some(axis) = space.axes().get(at) else { return vec![params.clone()] };
    if !axis.active(params) {
        return nested(space, at + 1, params);
    }
    let deeper =
        |value: &Value| nested(space, at + 1, &params.clone().with(axis.name(), value.clone()));
    axis.values().iter().flat_map(deeper).collect()
}

fn every_method() -> impl Iterator<Item = Method> {
    let names = Method::names().iter().filter(|name| **name != "grid" && **name != "lhs");
    names.map(|name| name.parse().unwrap())
}

fn start(method: &Method, space: &Space) -> Box<dyn Search> {
    let plan = SearchPlan::new(method.clone(), 5, Goals::one(Direction::Min));
    plan.start(Arc::new(space.clone())).unwrap()
}

/// A search that is told in another order than asked works, and is told once.
#[test]
fn pending_trials_are_told_in_any_order_once() {
    let space = Space::parse(["n=int(1..50)", "x=real(0..1)", "k=a,b,c"]).unwrap();
    for method in every_method() {
        let mut search = start(&method, &space);
        let events = drive(search.as_mut(), 60, 16, 3);
        let told = events.iter().find_map(|event| match event {
            Event::Told(id, _) => Some(*id),
            Event::Asked(_) => None,
        });
        let done = Outcome::Done { values: vec![1.0], violation: 0.0 };
        assert!(search.tell(told.unwrap(), &done).is_err(), "{method} is told twice");
        assert!(search.tell(1 << 40, &done).is_err(), "{method} is told of nothing");
        let id = search.pending()[0].id;
        let two = Outcome::Done { values: vec![1.0, 2.0], violation: 0.0 };
        assert!(search.tell(id, &two).is_err(), "{method} takes two values");
        assert!(search.tell(id, &done).is_ok(), "{method}");
    }
}

/// Categories that look like numbers, numbers beyond 2^53, and scores that are none survive a repeated
/// record.
#[test]
fn a_record_keeps_every_kind_of_value() {
    let texts = ["ema", "1e5", "NaN", "true", "\u{4e2d}\u{6587}", "a b=c"];
    let kinds = texts.map(|text| Value::Text(text.to_owned())).to_vec();
    let large = vec![Value::Int(i64::MAX), Value::Int(i64::MAX - 1), Value::Int((1 << 53) + 1)];
    let axes = vec![Axis::new("kind", kinds).unwrap(), Axis::new("large", large).unwrap()];
    let mut axes = axes;
    axes.push(Axis::real("x", (0.0, 1.0), Scale::Linear).unwrap());
    let space = Space::new(axes).unwrap();
    for method in every_method() {
        let mut search = start(&method, &space);
        let events = drive(search.as_mut(), 80, 4, 8);
        let mut again = start(&method, &space);
        for event in &events {
            match event {
                Event::Asked(ask) => again.readmit(ask).unwrap(),
                Event::Told(id, outcome) => again.tell(*id, outcome).unwrap(),
            }
        }
        assert_eq!(search.ask().unwrap(), again.ask().unwrap(), "{method}");
    }
}

/// Where a search has learnt that only whole runs tell anything, its record can be repeated as well.
#[test]
fn a_record_that_left_its_budgets_is_repeated() {
    let space = Space::parse(["x=real(0..1)", "n=int(1..30)"]).unwrap();
    let method = "bohb:min=1/3".parse().unwrap();
    let (mut search, mut again) = (start(&method, &space), start(&method, &space));
    let mut from_whole_runs = 0;
    let outcome = |ask: &Ask| {
        let value = |name: &str| ask.params.get(name).unwrap().as_f64().unwrap();
        let bowl = (value("x") - 0.7).powi(2) + (value("n") / 30.0 - 0.4).powi(2);
        let loss = if ask.budget < 1.0 { -bowl } else { bowl };
        Outcome::Done { values: vec![loss], violation: 0.0 }
    };
    for _ in 0..50 {
        let Next::Run(ask) = search.ask().unwrap() else { panic!("no trial") };
        from_whole_runs += u32::from(search.notes().len() == 1 && ask.origin == Origin::Model);
        again.readmit(&ask).unwrap();
        search.tell(ask.id, &outcome(&ask)).unwrap();
        again.tell(ask.id, &outcome(&ask)).unwrap();
    }
    assert!(from_whole_runs > 10, "{from_whole_runs}");
    for _ in 0..5 {
        let next = search.ask().unwrap();
        assert_eq!(next, again.ask().unwrap());
        let Next::Run(ask) = next else { panic!("no trial") };
        search.tell(ask.id, &outcome(&ask)).unwrap();
        again.tell(ask.id, &outcome(&ask)).unwrap();
    }
}

/// A record of another space or plan is refused, not continued.
#[test]
fn another_record_is_refused() {
    let space = Space::parse(["n=int(1..50)", "x=real(0..1)"]).unwrap();
    let smaller = Space::parse(["n=int(1..9)", "x=real(0..0.001)"]).unwrap();
    for method in every_method() {
        let mut search = start(&method, &space);
        let Next::Run(first) = search.ask().unwrap() else { panic!("{method}") };
        let Next::Run(second) = search.ask().unwrap() else { panic!("{method}") };
        assert!(start(&method, &smaller).readmit(&first).is_err(), "{method}: another space");
        assert!(
            start(&method, &space).readmit(&Ask { seed: 1, ..first.clone() }).is_err(),
            "{method}"
        );
        let mut again = start(&method, &space);
        again.readmit(&first).unwrap();
        assert!(again.readmit(&first).is_err(), "{method}: twice");
        assert!(again.readmit(&Ask { budget: 0.77, ..second.clone() }).is_err(), "{method}");
    }
}

/// No search stops by itself because nothing improves.
#[test]
fn nothing_stops_a_search_but_its_plan() {
    let space = Space::parse(["n=int(1..50)", "x=real(0..1)", "k=a,b,c"]).unwrap();
    for method in every_method() {
        let mut search = start(&method, &space);
        for _ in 0..300 {
            let Next::Run(ask) = search.ask().unwrap() else { panic!("{method} stopped") };
            let outcome = Outcome::Done { values: vec![1.0], violation: 0.0 };
            search.tell(ask.id, &outcome).unwrap();
        }
    }
}

/// Two searches of one process share no random state.
#[test]
fn searches_side_by_side_are_the_same_as_alone() {
    let space = Space::parse(["n=int(1..50)", "x=real(0..1)", "k=a,b,c"]).unwrap();
    let next = |search: &mut Box<dyn Search>| {
        let Next::Run(ask) = search.ask().unwrap() else { panic!("no trial") };
        let x = ask.params.get("x").unwrap().as_f64().unwrap();
        search.tell(ask.id, &Outcome::Done { values: vec![x], violation: 0.0 }).unwrap();
        ask
    };
    for method in every_method() {
        let mut alone = start(&method, &space);
        let expected: Vec<Ask> = (0..60).map(|_| next(&mut alone)).collect();
        let (mut left, mut right) = (start(&method, &space), start(&method, &space));
        for expected in &expected {
            assert_eq!(next(&mut left), *expected, "{method}");
            assert_eq!(next(&mut right), *expected, "{method}");
        }
    }
}

/// A point is not asked for again at the same budget while there are others.
#[test]
fn small_spaces_are_not_walked_twice() {
    let space = Space::parse(["n=int(1..8)", "k=a,b,c,d,e"]).unwrap();
    for name in ["tpe:startup=5", "gp:startup=5", "bohb:min=1", "nsga2:population=10"] {
        let mut search = start(&name.parse().unwrap(), &space);
        let mut seen = Vec::new();
        for _ in 0..20 {
            let Next::Run(ask) = search.ask().unwrap() else { panic!("{name}") };
            let n = ask.params.get("n").unwrap().as_f64().unwrap();
            search.tell(ask.id, &Outcome::Done { values: vec![n], violation: 0.0 }).unwrap();
            seen.push(ask.params.to_string());
        }
        let asked = seen.len();
        seen.sort_unstable();
        seen.dedup();
        assert!(seen.len() >= asked - 1, "{name}: {} of {asked} differ", seen.len());
    }
}

/// Failed trials are never promoted; the free places go to new points.
#[test]
fn failures_leave_their_place_to_new_points() {
    let space = Space::parse(["x=real(0..1)"]).unwrap();
    let mut search = start(&"halving:min=1/9,guard=off".parse().unwrap(), &space);
    let mut failed = Vec::new();
    for turn in 0..13 {
        let Next::Run(ask) = search.ask().unwrap() else { panic!("no trial") };
        assert!(ask.resumes.is_none_or(|id| !failed.contains(&id)));
        // Of nine points at the lowest budget one survives; three places follow.
        let outcome = if turn == 4 || ask.rung > 0 {
            Outcome::Done { values: vec![0.5], violation: 0.0 }
        } else {
            failed.push(ask.id);
            Outcome::Failed
        };
        let expected = match turn {
            0..9 => (0, None),
            9 => (1, Some(4)),
            10 | 11 => (1, None),
            _ => (2, Some(9)),
        };
        assert_eq!((ask.rung, ask.resumes), expected, "trial {turn}");
        search.tell(ask.id, &outcome).unwrap();
    }
}

/// NSGA-II spreads over a known front: `x` and `1 - x`, made worse by `y`.
#[test]
fn a_front_is_found() {
    let space = Space::parse(["x=real(0..1)", "y=real(0..1)"]).unwrap();
    let goals = Goals::several(vec![Direction::Min, Direction::Max]).unwrap();
    let plan = SearchPlan::new("nsga2:population=20".parse().unwrap(), 2, goals.clone());
    let mut search = plan.start(Arc::new(space.clone())).unwrap();
    let mut trials = Vec::new();
    for _ in 0..400 {
        let Next::Run(ask) = search.ask().unwrap() else { panic!("no trial") };
        let number = |name: &str| ask.params.get(name).unwrap().as_f64().unwrap();
        let (x, y) = (number("x"), number("y"));
        let outcome = Outcome::Done { values: vec![x + y, x - 1.0 - y], violation: 0.0 };
        search.tell(ask.id, &outcome).unwrap();
        trials.push((ask, outcome));
    }
    let front = barrow_engine::search::pareto_front(&trials, &goals);
    let losses = |id: &u64| match &trials[usize::try_from(*id).unwrap()].1 {
        Outcome::Done { values, .. } => vec![values[0], -values[1]],
        _ => Vec::new(),
    };
    let points: Vec<Vec<f64>> = front.iter().map(losses).collect();
    // The whole front up to (1, 1) holds one half.
    let volume = barrow_engine::search::hypervolume(&points, &[1.0, 1.0]);
    assert!(volume > 0.44, "{volume} of 0.5");
    let single = SearchPlan::new("tpe".parse().unwrap(), 2, goals);
    assert!(single.start(Arc::new(space)).is_err());
}
