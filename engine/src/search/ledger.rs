//! What an adaptive search knows: every trial that it asked for, and how it ended.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::ask::{Ask, Next, Note, Origin, Outcome, Remark, Search};
use super::draws::Draws;
use super::goals::{Goals, Score};
use super::sequence::{TRIES_MAX, trial_seed, uniform};
use super::space::Space;
use crate::Error;
use crate::params::Params;

/// Draws of a point that was asked for before at the same rung are repeated this often.
pub(super) const DUPLICATES_MAX: u32 = 10;

/// A trial that was asked for.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) params: Params,
    /// See [`Space::encode`].
    pub(super) vector: Vec<f64>,
    pub(super) budget: f64,
    pub(super) bracket: u32,
    pub(super) rung: u32,
    pub(super) resumes: Option<u64>,
    origin: Origin,
    /// The first trial of the same point.
    root: u64,
    /// `None` while it is pending.
    pub(super) score: Option<Score>,
}

/// All trials by id, and the ends of the search.
#[derive(Debug)]
pub(super) struct Ledger {
    pub(super) space: Arc<Space>,
    pub(super) seed: u64,
    pub(super) goals: Goals,
    entries: Vec<Entry>,
    pending: BTreeSet<u64>,
    /// Points already asked for at each rung, where the space has finitely many.
    seen: BTreeSet<(u32, String)>,
    finite: bool,
    cost: f64,
    trials_max: Option<u64>,
    cost_max: Option<f64>,
    failed: Score,
    notes: Vec<Note>,
    last_told: Option<u64>,
}

/// A place for a trial.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Slot {
    pub(super) budget: f64,
    pub(super) bracket: u32,
    pub(super) rung: u32,
    /// The trial whose point is run again; else a new point is proposed.
    pub(super) resumes: Option<u64>,
}

impl Slot {
    /// A new point, run in full.
    pub(super) fn whole(generation: u32) -> Slot {
        Slot { budget: 1.0, bracket: generation, rung: 0, resumes: None }
    }
}

/// What may be done next.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Step {
    Run(Slot),
    Wait,
}

/// How an adaptive search decides. What it does in `slot` and `learn` depends on their order alone;
/// `propose` must leave no trace, so that a record can be repeated without it.
pub(super) trait Proposer: std::fmt::Debug + Send {
    /// Takes the next place.
    fn slot(&mut self, ledger: &Ledger) -> Step;

    /// Finds a new point for trial `id`.
    fn propose(&mut self, id: u64, slot: &Slot, ledger: &Ledger)
    -> Result<(Params, Origin), Error>;

    /// Learns from trial `id`, whose score is in the ledger; may return a remark.
    fn learn(&mut self, id: u64, ledger: &Ledger) -> Option<Remark>;
}

impl Ledger {
    pub(super) fn new(space: Arc<Space>, seed: u64, goals: Goals) -> Ledger {
        let finite = !space.is_empty();
        Ledger {
            space,
            seed,
            failed: Score::failed(goals.directions().len()),
            goals,
            entries: Vec::new(),
            pending: BTreeSet::new(),
            seen: BTreeSet::new(),
            finite,
            cost: 0.0,
            trials_max: None,
            cost_max: None,
            notes: Vec::new(),
            last_told: None,
        }
    }

    pub(super) fn until(mut self, trials_max: Option<u64>, cost_max: Option<f64>) -> Ledger {
        (self.trials_max, self.cost_max) = (trials_max, cost_max);
        self
    }

    /// Returns a trial; ids are dense.
    pub(super) fn entry(&self, id: u64) -> Option<&Entry> {
        self.entries.get(usize::try_from(id).ok()?)
    }

    /// Returns how a trial ended; a pending or unknown one as failed.
    pub(super) fn score(&self, id: u64) -> &Score {
        self.entry(id).and_then(|entry| entry.score.as_ref()).unwrap_or(&self.failed)
    }

    /// The order of two trials: the better first, of equal ones the earlier.
    pub(super) fn order(&self, left: u64, right: u64) -> Ordering {
        self.score(left).order(self.score(right)).then(left.cmp(&right))
    }

    /// Returns all trials and their ids.
    pub(super) fn entries(&self) -> impl Iterator<Item = (u64, &Entry)> {
        (0..).zip(&self.entries)
    }

    /// Tells whether a point was already asked for at a rung; never where the space is continuous.
    pub(super) fn seen(&self, rung: u32, params: &Params) -> bool {
        self.finite && self.seen.contains(&(rung, params.to_string()))
    }

    /// Draws a point uniformly, if it can be found one that was not asked for at the rung.
    pub(super) fn uniform(&self, rung: u32, draws: &mut Draws) -> Result<(Params, Origin), Error> {
        let none = || Error::NoAdmissiblePoint { tries: TRIES_MAX };
        let mut params = uniform(&self.space, draws).ok_or_else(none)?;
        for _ in 0..DUPLICATES_MAX {
            if !self.seen(rung, &params) {
                break;
            }
            params = uniform(&self.space, draws).ok_or_else(none)?;
        }
        Ok((params, Origin::Uniform))
    }

    fn next_id(&self) -> u64 {
        self.entries.len() as u64
    }

    fn at_the_end(&self) -> bool {
        self.trials_max.is_some_and(|max| self.next_id() >= max)
            || self.cost_max.is_some_and(|max| self.cost >= max)
    }

    fn enter(&mut self, slot: &Slot, params: Params, origin: Origin) -> Ask {
        let id = self.next_id();
        let earlier = slot.resumes.and_then(|id| self.entry(id));
        let root = earlier.map_or(id, |earlier| earlier.root);
        self.cost += slot.budget - earlier.map_or(0.0, |earlier| earlier.budget);
        if self.finite {
            self.seen.insert((slot.rung, params.to_string()));
        }
        self.pending.insert(id);
        self.entries.push(Entry {
            vector: self.space.encode(&params),
            params,
            budget: slot.budget,
            bracket: slot.bracket,
            rung: slot.rung,
            resumes: slot.resumes,
            origin,
            root,
            score: None,
        });
        self.ask(id)
    }

    /// The ask of a trial that was entered.
    fn ask(&self, id: u64) -> Ask {
        let at = usize::try_from(id).unwrap_or(usize::MAX);
        let entry = &self.entries[at];
        Ask {
            id,
            params: entry.params.clone(),
            budget: entry.budget,
            bracket: entry.bracket,
            rung: entry.rung,
            seed: trial_seed(self.seed, entry.root),
            resumes: entry.resumes,
            origin: entry.origin,
        }
    }

    fn settle(&mut self, id: u64, outcome: &Outcome) -> Result<(), Error> {
        let expected = self.goals.directions().len();
        let score = self.goals.score(outcome);
        let score = score.map_err(|found| Error::BadOutcome { id, expected, found })?;
        if !self.pending.remove(&id) {
            return Err(Error::UnknownTrial { id });
        }
        if let Some(entry) = usize::try_from(id).ok().and_then(|at| self.entries.get_mut(at)) {
            entry.score = Some(score);
        }
        self.last_told = Some(id);
        Ok(())
    }
}

/// An adaptive search: a ledger and what decides by it.
#[derive(Debug)]
pub(super) struct Adaptive<P> {
    ledger: Ledger,
    proposer: P,
}

impl<P: Proposer> Adaptive<P> {
    pub(super) fn new(ledger: Ledger, proposer: P) -> Self {
        Adaptive { ledger, proposer }
    }

    fn point(&mut self, slot: &Slot) -> Result<(Params, Origin), Error> {
        match slot.resumes.and_then(|id| self.ledger.entry(id)) {
            Some(earlier) => Ok((earlier.params.clone(), Origin::Promotion)),
            None => self.proposer.propose(self.ledger.next_id(), slot, &self.ledger),
        }
    }
}

impl<P: Proposer> Search for Adaptive<P> {
    fn space(&self) -> &Space {
        &self.ledger.space
    }

    fn ask(&mut self) -> Result<Next, Error> {
        if self.ledger.at_the_end() {
            return Ok(Next::Done);
        }
        match self.proposer.slot(&self.ledger) {
            Step::Wait => Ok(Next::Wait),
            Step::Run(slot) => {
                let (params, origin) = self.point(&slot)?;
                Ok(Next::Run(self.ledger.enter(&slot, params, origin)))
            }
        }
    }

    fn tell(&mut self, id: u64, outcome: &Outcome) -> Result<(), Error> {
        self.ledger.settle(id, outcome)?;
        if let Some(what) = self.proposer.learn(id, &self.ledger) {
            self.ledger.notes.push(Note { after: self.ledger.last_told, what });
        }
        Ok(())
    }

    fn readmit(&mut self, ask: &Ask) -> Result<(), Error> {
        let other = || Error::OtherSearch { id: ask.id };
        if ask.id != self.ledger.next_id() || self.ledger.at_the_end() {
            return Err(other());
        }
        let Step::Run(slot) = self.proposer.slot(&self.ledger) else { return Err(other()) };
        let same_point = match slot.resumes.and_then(|id| self.ledger.entry(id)) {
            Some(earlier) => earlier.params == ask.params,
            None => self.ledger.space.contains(&ask.params),
        };
        let place = (ask.budget, ask.bracket, ask.rung, ask.resumes);
        if !same_point || place != (slot.budget, slot.bracket, slot.rung, slot.resumes) {
            return Err(other());
        }
        let entered = self.ledger.enter(&slot, ask.params.clone(), ask.origin);
        if entered == *ask { Ok(()) } else { Err(other()) }
    }

    fn pending(&self) -> Vec<Ask> {
        self.ledger.pending.iter().map(|id| self.ledger.ask(*id)).collect()
    }

    fn notes(&self) -> &[Note] {
        &self.ledger.notes
    }
}
