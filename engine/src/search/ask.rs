//! Asking a search for trials, and telling it how they ended.

use std::fmt;

use serde::Serialize;

use super::space::Space;
use crate::Error;
use crate::params::Params;

/// A trial that a search wants to be run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ask {
    /// Its number, never given twice by one search. Ascending; grids and sequences use the place in
    /// their order, so there are gaps where a point breaks a constraint.
    pub id: u64,
    /// What to run: the active parameters.
    pub params: Params,
    /// How much of the whole run, above 0 and at most 1. A larger budget contains the smaller ones.
    pub budget: f64,
    /// Number of the bracket, from 0; 0 in searches without brackets.
    pub bracket: u32,
    /// Place of the budget among those of the search, from 0 for the smallest; 0 in searches without.
    pub rung: u32,
    /// Seed of the run: the same for all budgets of one point.
    pub seed: u64,
    /// The trial of the same point at the next smaller budget, whose work may be continued.
    pub resumes: Option<u64>,
    /// Where the point comes from.
    pub origin: Origin,
}

impl Ask {
    /// A whole run of a point, of no search.
    pub fn whole(id: u64, params: &Params) -> Ask {
        let (bracket, rung, seed, resumes) = (0, 0, 0, None);
        let origin = Origin::Sequence;
        Ask { id, params: params.clone(), budget: 1.0, bracket, rung, seed, resumes, origin }
    }
}

/// Where a point comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Its place in a grid or sequence.
    Sequence,
    /// A uniform draw.
    Uniform,
    /// A model of what was told.
    Model,
    /// Earlier points, crossed and changed.
    Parents,
    /// A smaller budget at which it did well.
    Promotion,
}

/// What a search wants next.
#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    /// Run this, and tell how it ended.
    Run(Ask),
    /// Nothing before a pending trial is told.
    Wait,
    /// Nothing any more. Trials that are still pending may be told or not.
    Done,
}

/// How a trial ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It ran to the end of its budget.
    Done {
        /// One for each objective, in its own direction. One that is not finite makes the trial
        /// count as failed.
        values: Vec<f64>,
        /// By how much result constraints are missed together: 0 when all are kept. See
        /// [`Limit::violation`](super::Limit::violation).
        violation: f64,
    },
    /// It was stopped because it did badly.
    Pruned {
        /// As in `Done`, of the part that was run.
        values: Vec<f64>,
        /// The part of the whole run that was reached, 0 to 1.
        reached: f64,
    },
    /// It failed, panicked or took too long. Worse than anything that ended.
    Failed,
}

/// Something that a search noticed and a report should say.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Note {
    /// The last trial that was told before.
    pub after: Option<u64>,
    /// What happened.
    pub what: Remark,
}

/// What a search may notice.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Remark {
    /// A budget predicts the next one badly: new brackets start above it.
    BudgetDropped {
        /// The budget, a part of the whole run.
        budget: f64,
        /// Rank correlation between it and the next.
        correlation: f64,
        /// Points with results at both.
        pairs: usize,
    },
    /// A dropped budget is not known to predict badly any more.
    BudgetRestored {
        /// The budget, a part of the whole run.
        budget: f64,
        /// Rank correlation between it and the next.
        correlation: f64,
        /// Points with results at both.
        pairs: usize,
    },
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Remark::BudgetDropped { budget, correlation, pairs } => write!(
                f,
                "results at budget {budget:.4} say little about larger ones (rank correlation \
                 {correlation:.2} over {pairs} points): new brackets start above it"
            ),
            Remark::BudgetRestored { budget, correlation, pairs } => write!(
                f,
                "results at budget {budget:.4} may tell of larger ones after all (rank correlation \
                 {correlation:.2} over {pairs} points): new brackets start at it again"
            ),
        }
    }
}

/// A search: proposes trials, learns from their outcomes.
///
/// Any number of trials may be pending, and they may be told in any order. What is proposed depends on
/// the space, the plan and the order of the calls alone, never on a clock or another state: repeating
/// the same asks and tells on a new search brings it to the same state. A driver that keeps a fixed
/// number of trials pending and tells them in the order of their ids therefore gets the same trials at
/// any number of workers.
pub trait Search: fmt::Debug + Send {
    /// Returns the space that is searched.
    fn space(&self) -> &Space;

    /// Returns the next trial.
    ///
    /// # Errors
    /// [`Error::NoAdmissiblePoint`] when no point that keeps the constraints is found.
    fn ask(&mut self) -> Result<Next, Error>;

    /// Learns how a trial ended.
    ///
    /// # Errors
    /// [`Error::UnknownTrial`] when it was not asked for or was told before, [`Error::BadOutcome`]
    /// when the number of values is not that of the objectives.
    fn tell(&mut self, id: u64, outcome: &Outcome) -> Result<(), Error>;

    /// Repeats an ask from a record, without the cost of proposing it again.
    ///
    /// # Errors
    /// [`Error::OtherSearch`] when this search would not have asked for it.
    fn readmit(&mut self, ask: &Ask) -> Result<(), Error>;

    /// Returns the trials that were asked for and not told, in ascending order of their ids.
    fn pending(&self) -> Vec<Ask>;

    /// Returns what was noticed, oldest first.
    fn notes(&self) -> &[Note] {
        &[]
    }
}
