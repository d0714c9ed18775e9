//! Notices when results at small budgets mislead.

use super::ask::Remark;
use super::ledger::Ledger;
use super::rank::{spearman, upper_bound};

/// Pairs needed for a verdict.
const PAIRS_MIN: usize = 12;

/// A budget is dropped when even the upper 95 % bound of its correlation is below this.
const CORRELATION_MIN: f64 = 0.2;

/// A dropped budget is tried again after this many rounds of brackets.
const ROUNDS_BETWEEN_PROBES: u32 = 5;

/// For each budget the correlation with the next, over the points that ran at both.
#[derive(Debug)]
pub(super) struct Guard {
    /// By the smaller budget's rung: losses at it and at the next.
    pairs: Vec<Vec<(f64, f64)>>,
    /// The lowest rung of new brackets.
    lowest: usize,
    /// Brackets opened since the last change or probe.
    since: u32,
}

impl Guard {
    pub(super) fn new(rungs: usize) -> Guard {
        Guard { pairs: vec![Vec::new(); rungs.saturating_sub(1)], lowest: 0, since: 0 }
    }

    /// The lowest rung that new brackets may use.
    pub(super) fn lowest(&self) -> usize {
        self.lowest
    }

    /// Counts a new bracket; `true` when it is to start one rung below the lowest, as a probe.
    pub(super) fn probes(&mut self) -> bool {
        let kinds = u32::try_from(self.pairs.len()).unwrap_or(u32::MAX).saturating_add(1);
        self.since += 1;
        let due = self.lowest > 0 && self.since > ROUNDS_BETWEEN_PROBES.saturating_mul(kinds);
        if due {
            self.since = 0;
        }
        due
    }

    /// Learns from a trial that continued another.
    pub(super) fn learn(&mut self, id: u64, ledger: &Ledger) -> Option<Remark> {
        let entry = ledger.entry(id)?;
        let earlier = entry.resumes?;
        let (below, above) = (ledger.score(earlier), ledger.score(id));
        let rung = usize::try_from(entry.rung).ok()?.checked_sub(1)?;
        if below.is_failed() || above.is_failed() {
            return None;
        }
        let pairs = self.pairs.get_mut(rung)?;
        pairs.push((below.loss(), above.loss()));
        let pairs = &*pairs;
        if pairs.len() < PAIRS_MIN {
            return None;
        }
        let correlation = spearman(pairs)?;
        let misleads = upper_bound(correlation, pairs.len()) < CORRELATION_MIN;
        let budget = ledger.entry(earlier)?.budget;
        let pairs = pairs.len();
        if misleads && rung >= self.lowest {
            (self.lowest, self.since) = (rung + 1, 0);
            return Some(Remark::BudgetDropped { budget, correlation, pairs });
        }
        if !misleads && rung + 1 == self.lowest {
            (self.lowest, self.since) = (rung, 0);
            return Some(Remark::BudgetRestored { budget, correlation, pairs });
        }
        None
    }
}
