//! Notices when results at small budgets mislead.

use super::ask::Remark;
use super::ledger::Ledger;
use super::rank::{Z_95, Z_99, spearman, upper_bound};

/// A budget is dropped when even the upper bound of its correlation is below this.
const CORRELATION_MIN: f64 = 0.2;

/// Pairs needed for a verdict at the 95 % bound.
const PAIRS_MIN: usize = 12;

/// Pairs of scouts needed for one at the 99 % bound. What was promoted was chosen by the smaller budget, by
/// its errors too, so few of such pairs say little.
const SCOUT_PAIRS_MIN: usize = 5;

/// Scouts that are sent before anything is known.
const SCOUTS_FIRST: u64 = 3;

/// Another scout is sent while a correlation among them is no more than this: one in six is by chance, be
/// it over three pairs, four or five.
const CORRELATION_SUSPECT: f64 = -0.7;

/// The most scouts.
const SCOUTS_MAX: u64 = 9;

/// A dropped budget is tried again after this many rounds of brackets.
const ROUNDS_BETWEEN_PROBES: u32 = 5;

/// For each budget the correlation with the next, over the points that ran at both.
#[derive(Debug)]
pub(super) struct Guard {
    /// By the smaller budget's rung: losses at it and at the next.
    pairs: Vec<Vec<(f64, f64)>>,
    /// The same of scouts alone.
    scouted: Vec<Vec<(f64, f64)>>,
    /// The lowest rung of new brackets.
    lowest: usize,
    /// Brackets opened since the last change or probe.
    since: u32,
    /// Scouts that were sent.
    scouts: u64,
}

impl Guard {
    pub(super) fn new(rungs: usize) -> Guard {
        let pairs = vec![Vec::new(); rungs.saturating_sub(1)];
        Guard { scouted: pairs.clone(), pairs, lowest: 0, since: 0, scouts: 0 }
    }

    /// The lowest rung that new brackets may use.
    pub(super) fn lowest(&self) -> usize {
        self.lowest
    }

    /// How many scouts, points that run at every budget whatever they show, are to be sent after `opened`
    /// brackets, and counts them as sent.
    pub(super) fn scouts(&mut self, opened: u32) -> Option<u64> {
        let suspect =
            |pairs: &Vec<(f64, f64)>| spearman(pairs).is_some_and(|rho| rho <= CORRELATION_SUSPECT);
        let count = match self.scouts {
            _ if opened == 0 || self.pairs.is_empty() => 0,
            0 => SCOUTS_FIRST,
            SCOUTS_MAX.. => 0,
            _ => u64::from(self.scouted[self.lowest..].iter().any(suspect)),
        };
        self.scouts += count;
        (count > 0).then_some(count)
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
    pub(super) fn learn(&mut self, id: u64, scout: bool, ledger: &Ledger) -> Option<Remark> {
        let entry = ledger.entry(id)?;
        let earlier = entry.resumes?;
        let (below, above) = (ledger.score(earlier), ledger.score(id));
        let rung = usize::try_from(entry.rung).ok()?.checked_sub(1)?;
        if below.is_failed() || above.is_failed() {
            return None;
        }
        let pair = (below.loss(), above.loss());
        self.pairs.get_mut(rung)?.push(pair);
        if scout {
            self.scouted.get_mut(rung)?.push(pair);
        }
        let budget = ledger.entry(earlier)?.budget;
        let few =
            verdict(&self.scouted[rung], SCOUT_PAIRS_MIN, Z_99).filter(|found| found.misleads);
        let Verdict { correlation, pairs, misleads } =
            few.or_else(|| verdict(&self.pairs[rung], PAIRS_MIN, Z_95))?;
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

/// What some pairs tell.
struct Verdict {
    correlation: f64,
    pairs: usize,
    misleads: bool,
}

/// `None` for fewer pairs than needed, and where one side never varies.
fn verdict(pairs: &[(f64, f64)], pairs_min: usize, deviations: f64) -> Option<Verdict> {
    let correlation = (pairs.len() >= pairs_min).then(|| spearman(pairs))??;
    let misleads = upper_bound(correlation, pairs.len(), deviations) < CORRELATION_MIN;
    Some(Verdict { correlation, pairs: pairs.len(), misleads })
}
