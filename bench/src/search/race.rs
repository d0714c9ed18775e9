//! One search on one function: what it has found at some costs.

use std::sync::Arc;

use anyhow::Result;
use barrow_engine::Direction;
use barrow_engine::search::{Goals, Next, Outcome, SearchPlan};

use super::functions::Function;

/// Runs BOHB with more settings, such as `guard=off`: see [`regrets_of`].
pub fn regrets(function: &Function, settings: &str, seed: u64, costs: &[f64]) -> Result<Vec<f64>> {
    let (min, max) = function.budgets;
    regrets_of(function, &format!("bohb:min={min}/{max},{settings}"), seed, costs)
}

/// Runs a search and returns its regret at ascending costs, in whole runs.
///
/// Each run costs its budget in full, continued or not. The point that counts is that of the least loss
/// observed at the largest budget seen so far; its regret is its true value less the least of all.
pub fn regrets_of(function: &Function, method: &str, seed: u64, costs: &[f64]) -> Result<Vec<f64>> {
    let end = costs.last().copied().unwrap_or(0.0);
    let mut plan = SearchPlan::new(method.parse()?, seed, Goals::one(Direction::Min));
    if plan.method.budgets().is_none() {
        plan.cost_max = Some(end);
    }
    let mut search = plan.start(Arc::new(function.space()))?;
    let max = function.budgets.1;
    let mut found = Vec::with_capacity(costs.len());
    let mut cost = 0.0;
    let mut best = (0.0, f64::INFINITY, f64::INFINITY);
    while found.len() < costs.len() {
        let Next::Run(ask) = search.ask()? else { break };
        cost += ask.budget;
        while costs.get(found.len()).is_some_and(|next| cost > next + 1e-9) {
            found.push(best.2);
        }
        let loss = function.loss(&ask.params, ask.budget * max, seed ^ (ask.id << 20));
        search.tell(ask.id, &Outcome::Done { values: vec![loss], violation: 0.0 })?;
        if ask.budget > best.0 || (ask.budget == best.0 && loss < best.1) {
            best = (ask.budget, loss, function.truth(&ask.params) - function.least);
        }
    }
    found.resize(costs.len(), best.2);
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::functions::{MULTI, SINGLE};
    use crate::search::{BOHB_BARS, COSTS};
    use crate::stopwatch::Summary;
    use barrow_engine::{Params, Value};

    /// Values of the functions where the reference implementations were run on them.
    #[test]
    fn functions_have_their_published_values() {
        let vectors: serde_json::Value =
            serde_json::from_str(include_str!("../../vectors/functions.json")).unwrap();
        let mut compared = 0;
        for function in MULTI.iter().chain(&SINGLE) {
            for point in vectors[function.name].as_array().unwrap() {
                let mut params = Params::new();
                for (name, value) in point["x"].as_object().unwrap() {
                    let value = match value {
                        serde_json::Value::String(text) => Value::Text(text.clone()),
                        number if number.is_i64() => Value::Int(number.as_i64().unwrap()),
                        number => Value::Float(number.as_f64().unwrap()),
                    };
                    params.set(name.clone(), value);
                }
                assert!(function.space().contains(&params), "{}: {params}", function.name);
                let expected = point["true"].as_f64().unwrap();
                let near = |found: f64, expected: f64| {
                    (found - expected).abs() <= 1e-12 * expected.abs().max(1.0)
                };
                let found = function.truth(&params);
                assert!(near(found, expected), "{}: {found} {expected}", function.name);
                let losses = point.get("loss_at_budget").and_then(|losses| losses.as_object());
                for (budget, expected) in losses.into_iter().flatten() {
                    let (budget, expected) = (budget.parse().unwrap(), expected.as_f64().unwrap());
                    let found = function.loss(&params, budget, 0);
                    assert!(near(found, expected), "{} at {budget}: {found}", function.name);
                    compared += 1;
                }
            }
        }
        assert!(compared >= 40, "{compared}");
    }

    /// The sizes of the brackets are those of the program whose results the bars are.
    const SETTINGS: &str = "allocation=hpbandster";

    #[track_caller]
    fn check(function: usize, seeds: u64) {
        let (bars, random) = BOHB_BARS[function];
        let function = &MULTI[function];
        let costs = [COSTS[0], 35.0, COSTS[1], COSTS[2]];
        let by_seed: Vec<Vec<f64>> =
            (0..seeds).map(|seed| regrets(function, SETTINGS, seed, &costs).unwrap()).collect();
        let median = |at: usize| {
            let all: Vec<f64> = by_seed.iter().map(|regrets| regrets[at]).collect();
            Summary::of(&all).unwrap().median
        };
        for (at, bar) in [0, 2, 3].into_iter().zip(bars) {
            let found = median(at);
            assert!(found <= bar, "{} at cost {}: {found} > {bar}", function.name, costs[at]);
        }
        assert!(median(1) <= random, "{}: {} > {random} at a third", function.name, median(1));
    }

    // The bars are for the median of 32 seeds.

    #[test]
    fn bohb_is_as_good_as_the_reference_on_counting_ones() {
        check(0, 32);
    }

    #[test]
    fn bohb_is_as_good_as_the_reference_on_more_counting_ones() {
        check(1, 32);
    }

    #[test]
    fn bohb_is_as_good_as_the_reference_on_branin() {
        check(2, 32);
    }

    #[test]
    fn bohb_is_as_good_as_the_reference_on_hartmann() {
        check(3, 32);
    }

    #[test]
    fn bohb_is_as_good_as_the_reference_on_a_strategy() {
        check(4, 32);
    }

    #[test]
    fn bohb_is_as_good_as_the_reference_where_budgets_mislead() {
        check(5, 32);
    }

    /// Few whole runs are what a Gaussian process is for: it finds more than TPE by far.
    #[test]
    fn a_gaussian_process_needs_few_runs() {
        // Medians of TPE over 100 seeds.
        for (at, trials, bar) in [(0, 25.0, 0.585), (1, 50.0, 0.405), (2, 50.0, 19.5)] {
            let function = &SINGLE[at];
            let run = |seed| regrets_of(function, "gp", seed, &[trials]).unwrap()[0];
            let median = Summary::of(&(0..12).map(run).collect::<Vec<f64>>()).unwrap().median;
            assert!(median <= bar, "{}: {median} > {bar} after {trials}", function.name);
        }
    }

    /// Where small budgets mislead, the guard notices early, and from then on it is better than random search
    /// over whole runs.
    #[test]
    fn the_guard_notices_budgets_that_mislead() {
        let costs = [COSTS[0], COSTS[1]];
        let by_seed: Vec<Vec<f64>> =
            (0..15).map(|seed| regrets(&MULTI[5], "guard=on", seed, &costs).unwrap()).collect();
        let median = |at: usize| {
            let all: Vec<f64> = by_seed.iter().map(|regrets| regrets[at]).collect();
            Summary::of(&all).unwrap().median
        };
        // The median of the reference implementation.
        assert!(median(0) <= 22.9, "{}", median(0));
        assert!(median(1) <= BOHB_BARS[5].1, "{}", median(1));
    }
}
