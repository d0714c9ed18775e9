//! Rows over the searches: what they find at equal cost, beside the reference implementations.

pub mod functions;
pub mod race;

use std::hint::black_box;

use anyhow::Result;
use barrow_engine::Direction;
use barrow_engine::search::{Goals, Next, Outcome, SearchPlan};
use rayon::iter::{IntoParallelIterator, ParallelIterator};

use crate::report::{Row, Unit};
use crate::stopwatch::seconds;
use functions::{Function, MULTI, SINGLE};
use race::{regrets, regrets_of};

/// Seeds of each row: medians of fewer scatter by more than implementations differ.
const SEEDS: u64 = 100;

/// Costs in whole runs at which searches with budgets are compared.
pub const COSTS: [f64; 3] = [20.0, 60.0, 105.0];

/// A third of the last of them: what a search with budgets may cost until it has what random search has in the end.
const THIRD: f64 = 35.0;

/// For each function of [`MULTI`]: what the median of BOHB may be at [`COSTS`] (the 99.5 % quantile of
/// medians of the reference implementation, `HpBandSter` 0.7.4), and the median of random search over
/// whole runs at the last of them.
pub const BOHB_BARS: [([f64; 3], f64); 6] = [
    ([0.0455, 0.0355, 0.034], 0.1531),
    ([0.1725, 0.0915, 0.058], 0.2646),
    ([0.2651, 0.1333, 0.0953], 0.3045),
    ([0.6294, 0.3141, 0.2365], 1.3158),
    ([1.0381, 0.7534, 0.558], 1.0019),
    ([60.3343, 9.352, 3.5101], 0.3045),
];

/// Numbers of whole runs at which the Gaussian process is compared, which is for few.
const FEW: [f64; 4] = [10.0, 25.0, 50.0, 100.0];

/// Numbers of whole runs at which searches without budgets are compared.
const TRIALS: [f64; 5] = [10.0, 25.0, 50.0, 100.0, 200.0];

/// For each function of [`SINGLE`] the same bars of Optuna 5.0 for CMA-ES, NSGA-II (20 points a
/// generation), multivariate TPE and a Latin hypercube.
#[expect(clippy::approx_constant, reason = "a bar that happens to be near 1 over pi")]
const SINGLE_BARS: [[[f64; 5]; 4]; 5] = [
    [
        [9.0728, 7.0291, 2.102, 0.1127, 5e-5],
        [14.9689, 5.8, 2.4125, 0.4559, 0.2423],
        [14.9689, 1.1393, 0.1426, 0.0225, 0.0063],
        [4.628, 1.445, 1.0581, 0.5208, 0.318],
    ],
    [
        [2.4752, 1.7771, 1.0754, 0.3267, 0.0951],
        [2.74, 2.2883, 1.9747, 1.1537, 0.495],
        [2.7211, 0.9188, 0.4674, 0.1827, 0.142],
        [2.7354, 2.1836, 1.8043, 1.2402, 1.1104],
    ],
    [
        [71.9755, 38.6223, 14.7445, 6.2942, 3.8415],
        [242.6934, 178.5268, 101.6032, 59.7133, 25.3505],
        [237.9223, 75.8243, 33.3235, 9.2439, 4.2665],
        [435.7942, 206.7654, 153.8937, 113.6358, 77.9991],
    ],
    [
        [34.8352, 26.6271, 19.9589, 14.1501, 9.9167],
        [54.7898, 41.6338, 32.9773, 21.2139, 9.1613],
        [54.7898, 28.1684, 27.1686, 21.5739, 16.9612],
        [47.3228, 39.3249, 32.1542, 29.681, 26.0135],
    ],
    [
        [1.414, 1.0368, 0.8124, 0.5144, 0.3494],
        [1.6809, 1.5604, 1.2727, 0.9988, 0.539],
        [1.6061, 1.4136, 1.0832, 0.8905, 0.7577],
        [1.6603, 1.4586, 1.3455, 1.0774, 1.0285],
    ],
];

const SINGLE_METHODS: [&str; 4] = ["cmaes", "nsga2:population=20", "tpe", "lhs"];

/// Regrets of searches on functions with known optima, and the time that a proposal takes.
pub fn rows() -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (function, (bars, random)) in MULTI.iter().zip(BOHB_BARS) {
        rows.extend(multi(function, bars, random)?);
    }
    for (function, methods) in SINGLE.iter().zip(SINGLE_BARS) {
        for (method, bars) in SINGLE_METHODS.iter().zip(methods) {
            // The design of a Latin hypercube is made for its size: its bars are those of one of 200.
            let by_seed = seeds(|seed| regrets_of(function, method, seed, &TRIALS))?;
            for (at, (trials, bar)) in TRIALS.iter().zip(bars).enumerate() {
                let what = format!("{}: {method}, regret after {trials} trials", function.name);
                let samples: Vec<f64> = by_seed.iter().map(|regrets| regrets[at]).collect();
                rows.extend(Row::of(&what, Unit::Ratio, &samples, Some(bar)));
            }
        }
    }
    for function in &SINGLE {
        rows.extend(few(function)?);
    }
    rows.extend(proposals()?);
    Ok(rows)
}

/// Regrets of the Gaussian process, which no reference was run for.
fn few(function: &Function) -> Result<Vec<Row>> {
    let by_seed = seeds(|seed| regrets_of(function, "gp", seed, &FEW))?;
    let row = |(at, trials): (usize, &f64)| {
        let what = format!("{}: gp, regret after {trials} trials", function.name);
        let samples: Vec<f64> = by_seed.iter().map(|regrets| regrets[at]).collect();
        Row::of(&what, Unit::Ratio, &samples, None)
    };
    Ok(FEW.iter().enumerate().filter_map(row).collect())
}

fn seeds<T: Send>(run: impl Fn(u64) -> Result<T> + Sync + Send) -> Result<Vec<T>> {
    (0..SEEDS).into_par_iter().map(run).collect()
}

fn multi(function: &Function, bars: [f64; 3], random: f64) -> Result<Vec<Row>> {
    let costs: Vec<f64> = (1..=21).map(|fives| f64::from(fives) * 5.0).collect();
    let mut rows = Vec::new();
    for settings in ["allocation=hpbandster,guard=off", "guard=on"] {
        let by_seed = seeds(|seed| regrets(function, settings, seed, &costs))?;
        let at = |place: usize| -> Vec<f64> { by_seed.iter().map(|all| all[place]).collect() };
        for (cost, bar) in COSTS.iter().zip(bars) {
            let place = costs.iter().position(|known| known == cost).unwrap_or(0);
            let what = format!("{}: bohb:{settings}, regret at cost {cost}", function.name);
            rows.extend(Row::of(&what, Unit::Ratio, &at(place), Some(bar)));
        }
        let median = |place: usize| crate::stopwatch::Summary::of(&at(place)).map(|s| s.median);
        let reached = (0..costs.len()).find(|place| median(*place).is_some_and(|m| m <= random));
        let cost = reached.map_or(f64::INFINITY, |place| costs[place]);
        let what = format!("{}: cost at which it has what random search has at 105", function.name);
        rows.extend(Row::of(&what, Unit::Ratio, &[cost], Some(THIRD)));
    }
    // What a good method finds with a third of random search's cost when it knows not to use budgets.
    for method in ["tpe", "gp"] {
        let whole = seeds(|seed| regrets_of(function, method, seed, &[THIRD]))?;
        let samples: Vec<f64> = whole.into_iter().flatten().collect();
        let what = format!("{}: {method} on whole runs, regret at cost {THIRD}", function.name);
        let row = Row::of(&what, Unit::Ratio, &samples, None);
        rows.extend(row.map(|row| row.note(format!("random search at 105: {random}"))));
    }
    Ok(rows)
}

/// The time of one proposal among 1000 observations of 10 numbers, and of 100,000 asks and tells.
pub fn proposals() -> Result<Vec<Row>> {
    let texts: Vec<String> = (0..10).map(|at| format!("x{at}=real(0..1)")).collect();
    let space = std::sync::Arc::new(barrow_engine::Space::parse(texts.iter().map(String::as_str))?);
    let mut rows = Vec::new();
    // The Gaussian process is for runs that take far longer than this; what is bounded is that it stays so.
    let methods = [
        ("bohb:min=1,uniform=0", 1.0),
        ("tpe", 1.0),
        ("cmaes", 1.0),
        ("nsga2", 1.0),
        ("gp", 200.0),
    ];
    for (method, bar) in methods {
        let mut search = SearchPlan::new(method.parse()?, 1, Goals::one(Direction::Min))
            .start(std::sync::Arc::clone(&space))?;
        let mut samples = Vec::new();
        for turn in 0..1020 {
            let (time, next) = seconds(|| search.ask());
            let Next::Run(ask) = next? else { break };
            let value = ask.params.iter().filter_map(|(_, value)| value.as_f64()).sum();
            search.tell(ask.id, &Outcome::Done { values: vec![value], violation: 0.0 })?;
            if turn >= 1000 {
                samples.push(time);
            }
        }
        let what = format!("one proposal of {method} among 1000 observations of 10 numbers");
        rows.extend(Row::of(&what, Unit::Milliseconds, &samples, Some(bar)));
    }
    for method in ["random", "grid", "sobol"] {
        let grid = ["a=1..100", "b=1..100", "c=1..10"];
        let space = std::sync::Arc::new(barrow_engine::Space::parse(grid)?);
        let plan = SearchPlan::new(method.parse()?, 1, Goals::one(Direction::Min));
        let mut samples = Vec::new();
        for _ in 0..11 {
            let mut search = plan.start(std::sync::Arc::clone(&space))?;
            let (time, result) = seconds(|| -> Result<()> {
                for _ in 0..100_000 {
                    let Next::Run(ask) = search.ask()? else { break };
                    black_box(&ask);
                    search.tell(ask.id, &Outcome::Failed)?;
                }
                Ok(())
            });
            result?;
            samples.push(time / 100_000.0);
        }
        let what = format!("ask and tell of {method}, 100,000 trials");
        rows.extend(Row::of(&what, Unit::Microseconds, &samples, Some(50.0)));
    }
    Ok(rows)
}
