//! What became of a search: convergence, rungs, and how well small budgets predicted large ones.

use std::collections::BTreeMap;

use serde::Serialize;

use super::ask::{Ask, Outcome};
use super::goals::Goals;
use super::rank::spearman;
use super::scale::{exact_count, whole};
use crate::objective::Direction;

/// A trial after which the incumbent changed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Improvement {
    /// The trial, which is now the incumbent.
    pub trial: u64,
    /// Trials told so far, this one included.
    pub told: u64,
    /// Their cost in whole runs; a continued trial costs the difference of the budgets.
    pub cost: f64,
    /// Its budget.
    pub budget: f64,
    /// Its value of the first objective, in its own direction.
    pub value: f64,
}

/// What trials have cost, in whole runs: one that resumes another pays the difference.
#[derive(Debug, Default)]
pub(crate) struct Spent {
    budgets: BTreeMap<u64, f64>,
    cost: f64,
}

impl Spent {
    /// Counts a trial, after the one that it resumes, and returns what all have cost.
    pub(crate) fn add(&mut self, ask: &Ask) -> f64 {
        let earlier = ask.resumes.and_then(|id| self.budgets.get(&id)).copied();
        self.budgets.insert(ask.id, ask.budget);
        self.cost += ask.budget - earlier.unwrap_or(0.0);
        self.cost
    }

    /// Returns how many trials a cost pays for if the others cost as much as those so far.
    pub(crate) fn likely(&self, cost_max: f64) -> u64 {
        let mean = self.cost / exact_count(self.budgets.len() as u64).max(1.0);
        let trials = if mean > 0.0 { cost_max / mean } else { 0.0 };
        whole(libm::ceil(trials.clamp(0.0, 9e15))).unsigned_abs()
    }
}

/// Returns the incumbents in the order of the tells: the best trial at the largest budget so far, of
/// those that keep the limits and ended.
pub fn convergence(trials: &[(Ask, Outcome)], goals: &Goals) -> Vec<Improvement> {
    let mut spent = Spent::default();
    let mut found: Vec<Improvement> = Vec::new();
    for (told, (ask, outcome)) in (1..).zip(trials) {
        let cost = spent.add(ask);
        let Some(value) = feasible(outcome) else { continue };
        let better = match found.last() {
            None => true,
            Some(best) if ask.budget != best.budget => ask.budget > best.budget,
            Some(best) => match direction(goals) {
                Direction::Max => value > best.value,
                Direction::Min => value < best.value,
            },
        };
        if better {
            found.push(Improvement { trial: ask.id, told, cost, budget: ask.budget, value });
        }
    }
    found
}

/// One rung of one bracket.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RungRow {
    /// The bracket's number.
    pub bracket: u32,
    /// The rung's place among the budgets.
    pub rung: u32,
    /// Its budget.
    pub budget: f64,
    /// Trials that ran at it.
    pub trials: u64,
    /// Those that failed, or whose value is not finite.
    pub failed: u64,
    /// Those that were stopped before their end.
    pub pruned: u64,
    /// Those whose point went on to the next rung.
    pub promoted: u64,
    /// The best value of the first objective, in its own direction.
    pub best: Option<f64>,
    /// The median of the values.
    pub median: Option<f64>,
}

/// Returns a row for each rung of each bracket, in their order.
pub fn rung_table(trials: &[(Ask, Outcome)], goals: &Goals) -> Vec<RungRow> {
    let mut rows: BTreeMap<(u32, u32), (RungRow, Vec<f64>)> = BTreeMap::new();
    let places: BTreeMap<u64, (u32, u32)> =
        trials.iter().map(|(ask, _)| (ask.id, (ask.bracket, ask.rung))).collect();
    for (ask, outcome) in trials {
        let new = || {
            let row = RungRow {
                bracket: ask.bracket,
                rung: ask.rung,
                budget: ask.budget,
                trials: 0,
                failed: 0,
                pruned: 0,
                promoted: 0,
                best: None,
                median: None,
            };
            (row, Vec::new())
        };
        let (row, values) = rows.entry((ask.bracket, ask.rung)).or_insert_with(new);
        row.trials += 1;
        row.pruned += u64::from(matches!(outcome, Outcome::Pruned { .. }));
        match first_value(outcome) {
            Some(value) => values.push(value),
            None => row.failed += 1,
        }
        if let Some((row, _)) = ask.resumes.and_then(|id| rows.get_mut(places.get(&id)?)) {
            row.promoted += 1;
        }
    }
    let finish = |(mut row, mut values): (RungRow, Vec<f64>)| {
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        row.best = match direction(goals) {
            Direction::Max => values.last().copied(),
            Direction::Min => values.first().copied(),
        };
        row.median = values.get(middle).map(|upper| {
            if values.len() % 2 == 1 { *upper } else { 0.5 * (values[middle - 1] + upper) }
        });
        row
    };
    rows.into_values().map(finish).collect()
}

/// How well results at one budget predict those at the next.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RungCorrelation {
    /// The smaller budget's rung.
    pub rung: u32,
    /// The smaller budget.
    pub budget: f64,
    /// Points with a value at both.
    pub pairs: usize,
    /// Spearman's rank correlation of their values; `None` for fewer than 2, or where one side never
    /// varies. Only the best at the smaller budget have a value at the larger, which makes it smaller
    /// than over all points.
    pub correlation: Option<f64>,
}

impl RungCorrelation {
    /// Tells whether a report should warn that small budgets mislead: below 0.3 over at least 12 points.
    pub fn is_low(&self) -> bool {
        self.pairs >= 12 && self.correlation.is_some_and(|rho| rho < 0.3)
    }
}

/// Returns the correlation of each rung with the next, over all points that ran at both.
pub fn rung_correlations(trials: &[(Ask, Outcome)]) -> Vec<RungCorrelation> {
    let values: BTreeMap<u64, (&Ask, Option<f64>)> =
        trials.iter().map(|(ask, outcome)| (ask.id, (ask, first_value(outcome)))).collect();
    let mut pairs: BTreeMap<u32, (f64, Vec<(f64, f64)>)> = BTreeMap::new();
    for (above, value) in values.values() {
        let earlier = above.resumes.and_then(|id| values.get(&id));
        if let Some((below, Some(low))) = earlier
            && let Some(high) = value
        {
            let entry = pairs.entry(below.rung).or_insert_with(|| (below.budget, Vec::new()));
            entry.1.push((*low, *high));
        }
    }
    let row = |(rung, (budget, pairs)): (u32, (f64, Vec<(f64, f64)>))| RungCorrelation {
        rung,
        budget,
        pairs: pairs.len(),
        correlation: spearman(&pairs),
    };
    pairs.into_iter().map(row).collect()
}

fn direction(goals: &Goals) -> Direction {
    goals.directions().first().copied().unwrap_or(Direction::Max)
}

/// The first value of a trial that ended; `None` where one is not finite.
fn first_value(outcome: &Outcome) -> Option<f64> {
    let (Outcome::Done { values, .. } | Outcome::Pruned { values, .. }) = outcome else {
        return None;
    };
    values.first().copied().filter(|_| values.iter().all(|value| value.is_finite()))
}

/// The first value of a trial that ran to its end and keeps the limits.
fn feasible(outcome: &Outcome) -> Option<f64> {
    match outcome {
        Outcome::Done { violation, .. } if *violation <= 0.0 => first_value(outcome),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::Params;
    use crate::search::Origin;
    use crate::search::scale::exact_count;

    fn trial(
        id: u64,
        (bracket, rung): (u32, u32),
        resumes: Option<u64>,
        value: f64,
    ) -> (Ask, Outcome) {
        let budget = [1.0 / 9.0, 1.0 / 3.0, 1.0][usize::try_from(rung).unwrap()];
        let (params, origin) = (Params::new(), Origin::Uniform);
        let ask = Ask { id, params, budget, bracket, rung, seed: 0, resumes, origin };
        (ask, Outcome::Done { values: vec![value], violation: 0.0 })
    }

    #[test]
    fn incumbents_stand_at_the_largest_budget() {
        let goals = Goals::one(Direction::Min);
        let mut trials = vec![
            trial(0, (0, 0), None, 1.0),
            trial(1, (0, 0), None, 2.0),
            trial(2, (0, 1), Some(0), 5.0),
            trial(3, (0, 0), None, -9.0),
            trial(4, (0, 1), Some(3), 4.0),
        ];
        trials.push((trial(5, (0, 2), None, 0.0).0, Outcome::Failed));
        let found = convergence(&trials, &goals);
        assert_eq!(found.iter().map(|i| i.trial).collect::<Vec<_>>(), [0, 2, 4]);
        let expected = 1.0 / 9.0 * 3.0 + 2.0 / 9.0 * 2.0;
        assert!((found[2].cost - expected).abs() < 1e-12 && found[2].told == 5);
    }

    #[test]
    fn rungs_are_counted() {
        let goals = Goals::one(Direction::Max);
        let mut trials: Vec<_> =
            (0..4).map(|id| trial(id, (0, 0), None, exact_count(id))).collect();
        trials[0].1 = Outcome::Failed;
        trials.push(trial(4, (0, 1), Some(3), 10.0));
        trials.push(trial(5, (1, 1), None, 7.0));
        let rows = rung_table(&trials, &goals);
        let counts: Vec<_> = rows
            .iter()
            .map(|row| (row.bracket, row.rung, row.trials, row.failed, row.promoted))
            .collect();
        assert_eq!(counts, [(0, 0, 4, 1, 1), (0, 1, 1, 0, 0), (1, 1, 1, 0, 0)]);
        assert_eq!((rows[0].best, rows[0].median), (Some(3.0), Some(2.0)));
    }

    #[test]
    fn correlations_pair_a_point_with_itself() {
        let mut trials: Vec<_> =
            (0..13).map(|id| trial(id, (0, 0), None, exact_count(id))).collect();
        trials.extend((0..13).map(|id| trial(13 + id, (0, 1), Some(id), -(exact_count(id)))));
        let found = rung_correlations(&trials);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].pairs, found[0].correlation), (13, Some(-1.0)));
        assert!(found[0].is_low());
    }
}
