//! Asynchronous successive halving.

use std::collections::BTreeSet;

use super::ask::{Origin, Remark};
use super::draws::{Draws, Use};
use super::ledger::{Ledger, Proposer, Slot, Step};
use crate::Error;
use crate::params::Params;

/// ASHA (Li et al., "A system for massively parallel hyperparameter tuning", 2020): a trial is
/// promoted as soon as it is among the best `1/eta` of those that ended at its rung, and nothing ever
/// waits. What is promoted depends on the order of the tells.
#[derive(Debug)]
pub(super) struct Asha {
    budgets: Vec<f64>,
    eta: usize,
    /// By rung: trials that ended, the best first, and those of them that were promoted.
    ended: Vec<Vec<u64>>,
    promoted: Vec<BTreeSet<u64>>,
}

impl Asha {
    pub(super) fn new(budgets: Vec<f64>, eta: u32) -> Asha {
        let rungs = budgets.len();
        Asha {
            budgets,
            eta: usize::try_from(eta).unwrap_or(usize::MAX),
            ended: vec![Vec::new(); rungs],
            promoted: vec![BTreeSet::new(); rungs],
        }
    }

    /// The best trial of a rung that is due for promotion; of equal ones the earlier.
    fn due(&self, rung: usize, ledger: &Ledger) -> Option<u64> {
        let best = self.ended[rung].iter().take(self.ended[rung].len() / self.eta);
        let waiting = |id: &&u64| !self.promoted[rung].contains(id);
        best.copied().find(|id| waiting(&id)).filter(|id| !ledger.score(*id).is_failed())
    }
}

impl Proposer for Asha {
    fn slot(&mut self, ledger: &Ledger) -> Step {
        let below_the_top = 0..self.budgets.len() - 1;
        let due = below_the_top.rev().find_map(|rung| Some((rung, self.due(rung, ledger)?)));
        let (rung, resumes) = match due {
            Some((rung, id)) => {
                self.promoted[rung].insert(id);
                (rung + 1, Some(id))
            }
            None => (0, None),
        };
        Step::Run(Slot {
            budget: self.budgets[rung],
            bracket: 0,
            rung: u32::try_from(rung).unwrap_or(u32::MAX),
            resumes,
        })
    }

    fn propose(&mut self, id: u64, _: &Slot, ledger: &Ledger) -> Result<(Params, Origin), Error> {
        let mut draws = Draws::new(ledger.seed, Use::Uniform, id);
        ledger.uniform(0, &mut draws)
    }

    fn learn(&mut self, id: u64, ledger: &Ledger) -> Option<Remark> {
        let rung = usize::try_from(ledger.entry(id)?.rung).ok()?;
        let ended = self.ended.get_mut(rung)?;
        let place = ended.partition_point(|other| ledger.order(*other, id).is_lt());
        ended.insert(place, id);
        None
    }
}
