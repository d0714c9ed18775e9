//! What makes a trial better: one or several objectives, and limits on results.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use super::ask::Outcome;
use crate::Error;
use crate::metrics::Metrics;
use crate::objective::{Direction, Metric};

/// The directions of the objectives, at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Goals {
    directions: Vec<Direction>,
}

impl Goals {
    /// Returns the goal of one value.
    pub fn one(direction: Direction) -> Goals {
        Goals { directions: vec![direction] }
    }

    /// Returns the goals of several values, which are then compared by dominance.
    ///
    /// # Errors
    /// [`Error::NoObjective`] without any.
    pub fn several(directions: Vec<Direction>) -> Result<Goals, Error> {
        if directions.is_empty() { Err(Error::NoObjective) } else { Ok(Goals { directions }) }
    }

    /// Returns one direction for each objective.
    pub fn directions(&self) -> &[Direction] {
        &self.directions
    }

    /// Returns what an outcome is worth: smaller is better throughout. Failed trials, and those with a
    /// value that is not finite, are worth nothing.
    ///
    /// # Errors
    /// The number of values, when it is not that of the objectives.
    pub(super) fn score(&self, outcome: &Outcome) -> Result<Score, usize> {
        let (values, violation, reached) = match outcome {
            Outcome::Done { values, violation } => (values, *violation, 1.0),
            // One that claims to have reached the end is still behind those that did.
            Outcome::Pruned { values, reached } => (values, 0.0, reached.min(1.0 - f64::EPSILON)),
            Outcome::Failed => return Ok(Score::failed(self.directions.len())),
        };
        if values.len() != self.directions.len() {
            return Err(values.len());
        }
        if !values.iter().all(|value| value.is_finite()) {
            return Ok(Score::failed(values.len()));
        }
        let loss = |(value, direction): (&f64, &Direction)| match direction {
            Direction::Max => -value,
            Direction::Min => *value,
        };
        let losses = values.iter().zip(&self.directions).map(loss).collect();
        let violation = if violation.is_nan() { f64::INFINITY } else { violation.max(0.0) };
        Ok(Score { violation, reached, losses })
    }
}

/// What a trial is worth: smaller is better. Trials that keep the limits come before all others, which
/// are ordered by how much they miss them (Deb's rules).
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Score {
    pub(super) violation: f64,
    /// 1, or the part of the run after which it was pruned: more comes first.
    pub(super) reached: f64,
    /// Infinite where it failed.
    pub(super) losses: Vec<f64>,
}

impl Score {
    pub(super) fn failed(objectives: usize) -> Score {
        Score { violation: f64::INFINITY, reached: 0.0, losses: vec![f64::INFINITY; objectives] }
    }

    pub(super) fn is_failed(&self) -> bool {
        self.losses.iter().any(|loss| loss.is_infinite())
    }

    /// The first objective.
    pub(super) fn loss(&self) -> f64 {
        self.losses.first().copied().unwrap_or(f64::INFINITY)
    }

    /// The order by limits, by what was reached, then by the first objective.
    pub(super) fn order(&self, other: &Score) -> Ordering {
        let limits = self.violation.total_cmp(&other.violation);
        let reached = other.reached.total_cmp(&self.reached);
        // Adding 0 makes -0 and 0 equal.
        limits.then(reached).then((self.loss() + 0.0).total_cmp(&(other.loss() + 0.0)))
    }

    /// Tells whether this is better in one objective and worse in none, limits first.
    pub(super) fn dominates(&self, other: &Score) -> bool {
        if self.violation != other.violation {
            return self.violation < other.violation;
        }
        if self.reached != other.reached {
            return self.reached > other.reached;
        }
        let mut pairs = self.losses.iter().zip(&other.losses);
        let mut better = false;
        pairs.all(|(mine, theirs)| {
            better |= mine < theirs;
            mine <= theirs
        }) && better
    }
}

/// A limit that results must keep, such as `max_drawdown<=0.15` or `trades>=30`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limit {
    /// The figure.
    pub metric: Metric,
    /// Which side of the bound is allowed.
    pub side: Side,
    /// The bound, which itself is allowed; finite.
    pub bound: f64,
}

/// Which side of a bound is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The bound and less.
    AtMost,
    /// The bound and more.
    AtLeast,
}

impl Limit {
    /// Returns by how much a figure misses the limit, as a share of the bound (of 1 where the bound is
    /// 0): 0 when it is kept, infinite for an undefined figure. Sums over limits are what
    /// [`Outcome::Done`] takes.
    pub fn violation(&self, figure: Option<f64>) -> f64 {
        let Some(figure) = figure.filter(|figure| !figure.is_nan()) else { return f64::INFINITY };
        let over = match self.side {
            Side::AtMost => figure - self.bound,
            Side::AtLeast => self.bound - figure,
        };
        let unit = if self.bound == 0.0 { 1.0 } else { self.bound.abs() };
        if over > 0.0 { over / unit } else { 0.0 }
    }

    /// Returns by how much a run misses the limit: see [`Limit::violation`].
    pub fn violation_of(&self, metrics: &Metrics, final_equity: f64) -> f64 {
        self.violation(self.metric.of(metrics, final_equity))
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = if self.side == Side::AtMost { "<=" } else { ">=" };
        write!(f, "{}{side}{}", self.metric, self.bound)
    }
}

impl FromStr for Limit {
    type Err = Error;

    fn from_str(text: &str) -> Result<Limit, Error> {
        let problem = "expected a limit such as `max_drawdown<=0.15` or `trades>=30`";
        let bad = || Error::BadSpace { text: text.to_owned(), problem };
        let sides = [("<=", Side::AtMost), (">=", Side::AtLeast)];
        let split = sides.iter().find_map(|(sign, side)| Some((text.split_once(sign)?, *side)));
        let ((metric, bound), side) = split.ok_or_else(bad)?;
        let bound = bound.trim().parse().ok().filter(|bound: &f64| bound.is_finite());
        Ok(Limit { metric: metric.trim().parse()?, side, bound: bound.ok_or_else(bad)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(values: &[f64], violation: f64) -> Outcome {
        Outcome::Done { values: values.to_vec(), violation }
    }

    #[test]
    fn feasible_comes_first_and_failed_last() {
        let goals = Goals::one(Direction::Max);
        let outcomes = [
            done(&[2.0], 0.0),
            done(&[1.0], 0.0),
            Outcome::Pruned { values: vec![9.0], reached: 0.5 },
            Outcome::Pruned { values: vec![99.0], reached: 0.1 },
            done(&[9.0], 0.1),
            done(&[5.0], 0.2),
            done(&[f64::INFINITY], 0.0),
        ];
        let scores: Vec<Score> = outcomes.iter().map(|o| goals.score(o).unwrap()).collect();
        assert!(scores.windows(2).all(|pair| pair[0].order(&pair[1]).is_lt()));
        assert!(scores.windows(2).all(|pair| pair[0].dominates(&pair[1])));
        for bad in [done(&[f64::NAN], 0.0), done(&[f64::NEG_INFINITY], 0.0), Outcome::Failed] {
            assert!(goals.score(&bad).unwrap().is_failed(), "{bad:?}");
        }
        assert_eq!(goals.score(&done(&[1.0, 2.0], 0.0)), Err(2));
    }

    #[test]
    fn dominance_needs_no_worse_value() {
        let goals = Goals::several(vec![Direction::Max, Direction::Min]).unwrap();
        let score = |a, b| goals.score(&done(&[a, b], 0.0)).unwrap();
        assert!(score(2.0, 1.0).dominates(&score(1.0, 1.0)));
        assert!(!score(2.0, 2.0).dominates(&score(1.0, 1.0)));
        assert!(!score(1.0, 1.0).dominates(&score(1.0, 1.0)));
        assert!(Goals::several(vec![]).is_err());
    }

    #[test]
    fn limits_measure_how_far_they_are_missed() {
        let limit: Limit = "max_drawdown <= 0.2".parse().unwrap();
        assert_eq!(limit.violation(Some(0.2)), 0.0);
        assert!((limit.violation(Some(0.3)) - 0.5).abs() < 1e-12);
        assert_eq!(limit.violation(None), f64::INFINITY);
        let limit: Limit = "trades>=30".parse().unwrap();
        assert_eq!(limit.violation(Some(15.0)), 0.5);
        assert_eq!(limit.to_string(), "trades>=30");
        for text in ["trades", "trades>30", "trades>=x", "trades>=inf", "trade>=3"] {
            assert!(text.parse::<Limit>().is_err(), "{text}");
        }
    }
}
