//! [`Ranking`]: which of several runs is the better one.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use super::report::Trial;
use crate::objective::Objective;
use crate::params::Params;
use crate::search::Limit;

/// What puts one run before another: first that the objective is defined, then that the limits are missed by less, then the
/// objective.
#[derive(Debug, Clone, Copy)]
pub struct Ranking<'a> {
    /// What is looked for.
    pub objective: Objective,
    /// What is to be kept.
    pub limits: &'a [Limit],
}

impl Ranking<'_> {
    /// Returns by how much a run misses the limits, all together; 0 where it keeps them.
    pub fn violation(&self, trial: &Trial) -> f64 {
        let missed = |limit: &Limit| limit.violation_of(&trial.metrics, trial.final_equity);
        self.limits.iter().map(missed).fold(0.0, |sum, violation| sum + violation)
    }

    /// Returns [`Ordering::Less`] where `a` comes before `b`.
    pub fn compare(&self, a: &Trial, b: &Trial) -> Ordering {
        let (x, y) = (a.value(self.objective), b.value(self.objective));
        let undefined = x.is_none().cmp(&y.is_none());
        undefined
            .then_with(|| self.violation(a).total_cmp(&self.violation(b)))
            .then_with(|| self.objective.better(y, x).cmp(&self.objective.better(x, y)))
    }

    /// Returns the best of some runs, of equal ones the first; `None` where the objective, or a figure that has a limit, is
    /// undefined for all.
    pub fn best<'t, K>(&self, runs: impl IntoIterator<Item = (K, &'t Trial)>) -> Option<K> {
        let judged = runs.into_iter().filter(|(_, run)| {
            run.value(self.objective).is_some() && self.violation(run).is_finite()
        });
        judged.min_by(|(_, a), (_, b)| self.compare(a, b)).map(|(key, _)| key)
    }
}

/// Returns the first `count` of some things that lie at different points: a search may come back to one, and has the same result
/// there.
pub fn at_different_points<T>(
    ranked: impl IntoIterator<Item = (Params, T)>,
    count: usize,
) -> Vec<(Params, T)> {
    let mut seen = BTreeSet::new();
    let new = ranked.into_iter().filter(|(params, _)| seen.insert(params.to_string()));
    new.take(count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Metrics;

    fn trial(sharpe: Option<f64>, drawdown: f64) -> Trial {
        let max_drawdown = Some(drawdown);
        let metrics = Metrics { sharpe, max_drawdown, ..Metrics::default() };
        Trial { index: 0, metrics, final_equity: 1.0, final_cash: 1.0 }
    }

    #[test]
    fn limits_come_before_the_objective_and_what_is_undefined_comes_last() {
        let objective: Objective = "sharpe".parse().unwrap();
        let limits = ["max_drawdown<=0.2".parse().unwrap()];
        let runs = [
            trial(None, 0.1),
            trial(Some(3.0), 0.3),
            trial(Some(1.0), 0.2),
            trial(Some(2.0), 0.1),
            trial(Some(2.0), 0.15),
            trial(Some(9.0), 0.4),
        ];
        let order = |limits: &[Limit]| {
            let ranking = Ranking { objective, limits };
            let mut places: Vec<usize> = (0..runs.len()).collect();
            places.sort_by(|a, b| ranking.compare(&runs[*a], &runs[*b]));
            assert_eq!(ranking.best(runs.iter().enumerate()), Some(places[0]));
            places
        };
        assert_eq!(order(&limits), [3, 4, 2, 1, 5, 0]);
        assert_eq!(order(&[]), [5, 1, 3, 4, 2, 0]);
        let ranking = Ranking { objective, limits: &[] };
        assert_eq!(ranking.best([((), &runs[0])]), None);
    }

    #[test]
    fn a_point_is_shown_once() {
        let point = |text: &str| Params::parse([text]).unwrap();
        let ranked = ["x=1", "x=2", "x=1", "x=3", "x=4"].map(point).into_iter().zip(0..);
        let shown: Vec<i32> =
            at_different_points(ranked, 3).into_iter().map(|(_, at)| at).collect();
        assert_eq!(shown, [0, 1, 3]);
    }
}
