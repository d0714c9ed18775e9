//! A sequence as a search.

use std::collections::BTreeSet;

use super::{Sequence, TRIES_MAX};
use crate::Error;
use crate::search::ask::{Ask, Next, Origin, Outcome, Search};
use crate::search::goals::Goals;
use crate::search::space::Space;

/// Points of a sequence in their order; outcomes change nothing.
#[derive(Debug)]
pub(in crate::search) struct SequenceSearch {
    sequence: Sequence,
    goals: Goals,
    /// The first point that was not looked at.
    next: u64,
    asked: u64,
    trials_max: Option<u64>,
    pending: BTreeSet<u64>,
}

impl SequenceSearch {
    pub(in crate::search) fn new(
        sequence: Sequence,
        goals: Goals,
        trials_max: Option<u64>,
    ) -> Self {
        SequenceSearch { sequence, goals, next: 0, asked: 0, trials_max, pending: BTreeSet::new() }
    }

    fn at(&self, id: u64) -> Option<Ask> {
        Some(Ask {
            id,
            params: self.sequence.params(id)?,
            budget: 1.0,
            bracket: 0,
            rung: 0,
            seed: self.sequence.trial_seed(id),
            resumes: None,
            origin: Origin::Sequence,
        })
    }
}

impl Search for SequenceSearch {
    fn space(&self) -> &Space {
        self.sequence.space()
    }

    fn ask(&mut self) -> Result<Next, Error> {
        if self.trials_max.is_some_and(|max| self.asked >= max) {
            return Ok(Next::Done);
        }
        // A grid ends by itself; a sequence without end must not be walked for ever.
        let end = self.sequence.len();
        let patience = end.unwrap_or(u64::MAX).min(self.next.saturating_add(TRIES_MAX * 100));
        let patience = if self.sequence.is_grid() { end.unwrap_or(0) } else { patience };
        while self.next < patience {
            let id = self.next;
            self.next += 1;
            if let Some(ask) = self.at(id) {
                self.asked += 1;
                self.pending.insert(id);
                return Ok(Next::Run(ask));
            }
        }
        if self.asked == 0 || end.is_none_or(|end| self.next < end) {
            return Err(Error::NoAdmissiblePoint { tries: self.next });
        }
        Ok(Next::Done)
    }

    fn tell(&mut self, id: u64, outcome: &Outcome) -> Result<(), Error> {
        let expected = self.goals.directions().len();
        self.goals.score(outcome).map_err(|found| Error::BadOutcome { id, expected, found })?;
        if self.pending.remove(&id) { Ok(()) } else { Err(Error::UnknownTrial { id }) }
    }

    fn readmit(&mut self, ask: &Ask) -> Result<(), Error> {
        let other = || Error::OtherSearch { id: ask.id };
        let past_the_end = self.trials_max.is_some_and(|max| self.asked >= max);
        if past_the_end || ask.id < self.next || self.at(ask.id).as_ref() != Some(ask) {
            return Err(other());
        }
        self.next = ask.id + 1;
        self.asked += 1;
        self.pending.insert(ask.id);
        Ok(())
    }

    fn pending(&self) -> Vec<Ask> {
        self.pending.iter().filter_map(|id| self.at(*id)).collect()
    }
}
