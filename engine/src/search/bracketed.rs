//! Successive halving in brackets: alone, as Hyperband, and with a model as BOHB.

use std::collections::{BTreeMap, VecDeque};

use super::ask::{Origin, Remark};
use super::brackets::{Allocation, BracketPlan, brackets};
use super::draws::{Draws, Use};
use super::gp::Gp;
use super::guard::Guard;
use super::ledger::{Ledger, Proposer, Slot, Step};
use super::model::Model;
use crate::Error;
use crate::params::Params;

/// Synchronous brackets.
///
/// A rung closes when all its trials are told; the best of those that did not fail are promoted, of
/// equal ones the earlier. A free place (too many failed) is filled with a new point at the higher
/// budget. A bracket that waits does not stop the search: the next one is asked, or a new one opened.
#[derive(Debug)]
pub(super) struct Bracketed {
    ladder: Ladder,
    /// Unfinished brackets by number.
    open: BTreeMap<u32, Bracket>,
    /// The number of brackets ever opened.
    opened: u32,
    /// The kind of the next one, counted from the last change of the lowest rung.
    turn: usize,
    model: Option<Model>,
    /// Takes the model's place when every budget but the whole was dropped: then nothing is left of what
    /// the model is made for, and few whole runs are what this one is best at.
    whole: Option<Gp>,
    guard: Option<Guard>,
    /// The bracket of scouts that are on their way.
    scouting: Option<u32>,
    /// For each pending trial its bracket's number.
    bracket_of: BTreeMap<u64, u32>,
    /// The next trial's id.
    next_id: u64,
}

/// Budgets, and how brackets are made of them.
#[derive(Debug, Clone)]
pub(super) struct Ladder {
    /// Ascending, ending at 1.
    pub(super) budgets: Vec<f64>,
    pub(super) eta: u32,
    pub(super) allocation: Allocation,
    pub(super) cycle: Cycle,
}

/// Which kinds of brackets follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cycle {
    /// From the most to the fewest promotions, again and again.
    Hyperband,
    /// Always the most promotions.
    Halving,
}

#[derive(Debug)]
struct Bracket {
    plan: BracketPlan,
    /// The rung of the ladder at which it starts.
    lowest: usize,
    /// Rungs above `lowest` already closed.
    at: usize,
    /// Trials of the rung that is open, in the order of asking.
    asked: Vec<u64>,
    told: usize,
    /// Promoted trials whose points are to be run at the rung that is open.
    promoted: VecDeque<u64>,
}

impl Bracketed {
    pub(super) fn new(
        ladder: Ladder,
        models: Option<(Model, Gp)>,
        guard: Option<Guard>,
    ) -> Bracketed {
        let (model, whole) = models.unzip();
        Bracketed {
            ladder,
            open: BTreeMap::new(),
            opened: 0,
            turn: 0,
            model,
            whole,
            guard,
            scouting: None,
            bracket_of: BTreeMap::new(),
            next_id: 0,
        }
    }

    /// Opens a bracket: one of scouts if the guard asks for them, else the next that selects.
    fn open_bracket(&mut self) -> u32 {
        let guard = self.guard.as_mut().filter(|_| self.scouting.is_none());
        let scouts = guard.and_then(|guard| Some((guard.scouts(self.opened)?, guard.lowest())));
        let Some((scouts, lowest)) = scouts else {
            let (plan, lowest) = self.next_plan();
            return self.enter(plan, lowest);
        };
        let budgets = self.ladder.budgets[lowest..].to_vec();
        let plan = BracketPlan { counts: vec![scouts; budgets.len()], budgets };
        let number = self.enter(plan, lowest);
        self.scouting = Some(number);
        number
    }

    fn enter(&mut self, plan: BracketPlan, lowest: usize) -> u32 {
        let bracket =
            Bracket { plan, lowest, at: 0, asked: Vec::new(), told: 0, promoted: VecDeque::new() };
        let number = self.opened;
        self.opened += 1;
        self.open.insert(number, bracket);
        number
    }

    /// The next bracket that selects, and the rung at which it starts.
    fn next_plan(&mut self) -> (BracketPlan, usize) {
        let probes = self.guard.as_mut().is_some_and(Guard::probes);
        let lowest = self.guard.as_ref().map_or(0, Guard::lowest);
        let lowest = if probes { lowest - 1 } else { lowest };
        let plans =
            brackets(&self.ladder.budgets[lowest..], self.ladder.eta, self.ladder.allocation);
        let kind = match self.ladder.cycle {
            _ if probes => 0,
            Cycle::Halving => 0,
            Cycle::Hyperband => self.turn % plans.len(),
        };
        self.turn += usize::from(!probes);
        (plans[kind].clone(), lowest + kind)
    }
}

impl Bracket {
    fn has_work(&self) -> bool {
        (self.asked.len() as u64) < self.plan.counts[self.at]
    }

    fn take(&mut self, id: u64, number: u32) -> Slot {
        self.asked.push(id);
        Slot {
            budget: self.plan.budgets[self.at],
            bracket: number,
            rung: u32::try_from(self.lowest + self.at).unwrap_or(u32::MAX),
            resumes: self.promoted.pop_front(),
        }
    }

    /// Closes the rung when all its trials are told; `true` when it was the last.
    fn close(&mut self, ledger: &Ledger) -> bool {
        if self.has_work() || self.told < self.asked.len() {
            return false;
        }
        self.at += 1;
        let Some(count) = self.plan.counts.get(self.at) else { return true };
        let mut ran: Vec<u64> = std::mem::take(&mut self.asked);
        ran.retain(|id| !ledger.score(*id).is_failed());
        ran.sort_by(|left, right| ledger.order(*left, *right));
        ran.truncate(usize::try_from(*count).unwrap_or(usize::MAX));
        self.promoted = ran.into();
        self.told = 0;
        false
    }
}

impl Proposer for Bracketed {
    fn slot(&mut self, _: &Ledger) -> Step {
        let waiting = self.open.iter().find(|(_, bracket)| bracket.has_work());
        let number = waiting.map(|(number, _)| *number);
        let number = number.unwrap_or_else(|| self.open_bracket());
        let id = self.next_id;
        self.next_id += 1;
        self.bracket_of.insert(id, number);
        match self.open.get_mut(&number) {
            Some(bracket) => Step::Run(bracket.take(id, number)),
            None => Step::Wait,
        }
    }

    fn propose(
        &mut self,
        id: u64,
        slot: &Slot,
        ledger: &Ledger,
    ) -> Result<(Params, Origin), Error> {
        let top = self.ladder.budgets.len() - 1;
        let dropped = self.guard.as_ref().map_or(0, Guard::lowest);
        // Scouts are to show how budgets agree anywhere, not where a model was led by small ones.
        let scouts = self.scouting == Some(slot.bracket);
        if let Some(whole) = self.whole.as_mut().filter(|_| !scouts && dropped == top && top > 0) {
            return whole.propose(id, slot, ledger);
        }
        if let Some(model) = self.model.as_mut().filter(|_| !scouts) {
            return model.propose(id, slot.rung, ledger);
        }
        let mut draws = Draws::new(ledger.seed, Use::Uniform, id);
        ledger.uniform(slot.rung, &mut draws)
    }

    fn learn(&mut self, id: u64, ledger: &Ledger) -> Option<Remark> {
        let number = self.bracket_of.remove(&id)?;
        let scout = self.scouting == Some(number);
        // A model of few results takes half of them for good: drawn anywhere, they would spoil it.
        if let (Some(model), Some(entry), false) = (&mut self.model, ledger.entry(id), scout) {
            model.observe(id, usize::try_from(entry.rung).unwrap_or(0));
        }
        let top = self.ladder.budgets.len() - 1;
        if let (Some(whole), Some(entry)) = (&mut self.whole, ledger.entry(id))
            && usize::try_from(entry.rung) == Ok(top)
        {
            whole.observe(id);
        }
        if let Some(bracket) = self.open.get_mut(&number) {
            bracket.told += 1;
            if bracket.close(ledger) {
                self.open.remove(&number);
            }
        }
        self.scouting = self.scouting.filter(|scouting| self.open.contains_key(scouting));
        let guard = self.guard.as_mut()?;
        let remark = guard.learn(id, scout, ledger)?;
        if let Some(model) = &mut self.model {
            model.trust_from(guard.lowest());
        }
        self.turn = 0;
        Some(remark)
    }
}
