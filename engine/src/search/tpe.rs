//! The tree-structured Parzen estimator.

use super::ask::{Origin, Remark};
use super::draws::{Draws, Use};
use super::ledger::{Ledger, Proposer, Slot, Step};
use super::parzen::Parzen;
use super::scale::{exact_count, whole};
use super::space::Space;
use crate::Error;
use crate::params::Params;

/// Settings of TPE (Bergstra et al. 2011; Watanabe 2023), with the values of Optuna 5.0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TpeSettings {
    /// Uniform draws before the model is used.
    pub startup: u32,
    /// Candidates for each proposal.
    pub candidates: u32,
    /// How many trials count as good.
    pub good: GoodShare,
}

/// How many of `n` trials count as good in TPE; never more than 25.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum GoodShare {
    /// `ceil(0.1 n)`: what Optuna 5.0.0 does.
    #[default]
    Tenth,
    /// `ceil(0.25 sqrt(n))`: what hyperopt does.
    QuarterRoot,
}

/// The most good trials.
const GOOD_MAX: f64 = 25.0;

impl Default for TpeSettings {
    fn default() -> Self {
        TpeSettings { startup: 10, candidates: 24, good: GoodShare::default() }
    }
}

/// What rounding may be off by where a candidate is given up before its density is known.
const MARGIN: f64 = 1e-9;

/// Whole proposals that break a constraint or were asked for before are repeated this often.
const REPEATS_MAX: u32 = 20;

#[derive(Debug)]
pub(super) struct Tpe {
    settings: TpeSettings,
    /// Coordinates that are active together, and so are modelled together.
    groups: Vec<Vec<usize>>,
}

/// The trials of one set, ascending, and how much each weighs.
type Weighted = Vec<(u64, f64)>;

impl Tpe {
    pub(super) fn new(settings: TpeSettings, space: &Space) -> Tpe {
        let mut groups: Vec<Vec<usize>> = Vec::new();
        for (at, dim) in space.dims().iter().enumerate() {
            let conditions = space.axes()[dim.axis].conditions();
            let alike = |group: &&mut Vec<usize>| {
                let first = space.dims()[group[0]].axis;
                space.axes()[first].conditions() == conditions
            };
            match groups.iter_mut().find(alike) {
                Some(group) => group.push(at),
                None => groups.push(vec![at]),
            }
        }
        Tpe { settings, groups }
    }

    fn once(&self, sets: &[(Parzen, Parzen)], draws: &mut Draws, space: &Space) -> Params {
        let mut vector = vec![0.0; space.dims().len()];
        for (group, (below, above)) in self.groups.iter().zip(sets) {
            let mut best: Option<(f64, Vec<f64>)> = None;
            for _ in 0..self.settings.candidates.max(1) {
                let candidate = below.draw(draws);
                let good = below.log_density(&candidate);
                // Most trials are above: they are added up while this candidate can still be the best.
                let limit = best.as_ref().map_or(f64::INFINITY, |(most, _)| good - most + MARGIN);
                let Some(bad) = above.log_density_within(&candidate, limit) else { continue };
                let gain = good - bad;
                if best.as_ref().is_none_or(|(most, _)| gain > *most) {
                    best = Some((gain, candidate));
                }
            }
            for (at, x) in group.iter().zip(best.map(|(_, x)| x).unwrap_or_default()) {
                vector[*at] = x;
            }
        }
        space.decode(&vector)
    }

    fn sets(&self, ledger: &Ledger, below: &Weighted, above: &Weighted) -> Vec<(Parzen, Parzen)> {
        let of = |group: &Vec<usize>, set: &Weighted| Parzen::fit(group, set, ledger);
        self.groups.iter().map(|group| (of(group, below), of(group, above))).collect()
    }
}

/// The best trials of a rung, and the others with those that are pending; failed ones count for nothing.
/// `None` before `startup` trials ended.
fn split(ledger: &Ledger, rung: u32, settings: TpeSettings) -> Option<(Weighted, Weighted)> {
    let here = || ledger.entries().filter(|(_, entry)| entry.rung == rung);
    let told = here().filter(|(_, entry)| entry.score.is_some()).map(|(id, _)| id);
    let mut ended: Vec<u64> = told.filter(|id| !ledger.score(*id).is_failed()).collect();
    if (ended.len() as u64) < u64::from(settings.startup).max(1) {
        return None;
    }
    let count = exact_count(ended.len() as u64);
    let good = match settings.good {
        GoodShare::Tenth => libm::ceil(0.1 * count),
        GoodShare::QuarterRoot => libm::ceil(0.25 * libm::sqrt(count)),
    };
    let good = whole(good.min(GOOD_MAX)).unsigned_abs();
    let good = usize::try_from(good).unwrap_or(0).min(ended.len());
    if good < ended.len() {
        ended.select_nth_unstable_by(good, |left, right| ledger.order(*left, *right));
    }
    let mut above = ended.split_off(good);
    let pending = here().filter(|(_, entry)| entry.score.is_none());
    above.extend(pending.map(|(id, _)| id));
    Some((weigh(ended), weigh(above)))
}

/// Trials in the order of their ids: the last 25 weigh 1, those before less, down to `1/n`.
fn weigh(mut ids: Vec<u64>) -> Weighted {
    ids.sort_unstable();
    let count = ids.len();
    let weight = |at: usize| {
        if count < 25 || at >= count - 25 {
            return 1.0;
        }
        let low = 1.0 / exact_count(count as u64);
        let steps = exact_count((count - 25) as u64) - 1.0;
        if steps > 0.0 { low + (1.0 - low) * exact_count(at as u64) / steps } else { low }
    };
    ids.into_iter().enumerate().map(|(at, id)| (id, weight(at))).collect()
}

impl Proposer for Tpe {
    fn slot(&mut self, _: &Ledger) -> Step {
        Step::Run(Slot::whole(0))
    }

    /// From what ended at the rung of the slot.
    fn propose(
        &mut self,
        id: u64,
        slot: &Slot,
        ledger: &Ledger,
    ) -> Result<(Params, Origin), Error> {
        if let Some((below, above)) = split(ledger, slot.rung, self.settings) {
            let sets = self.sets(ledger, &below, &above);
            let mut draws = Draws::new(ledger.seed, Use::Proposal, id);
            for _ in 0..REPEATS_MAX {
                let params = self.once(&sets, &mut draws, &ledger.space);
                if ledger.space.admits(&params) && !ledger.seen(slot.rung, &params) {
                    return Ok((params, Origin::Model));
                }
            }
        }
        let mut draws = Draws::new(ledger.seed, Use::Uniform, id);
        ledger.uniform(slot.rung, &mut draws)
    }

    fn learn(&mut self, _: u64, _: &Ledger) -> Option<Remark> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_trials_weigh_less() {
        assert!(weigh((0..24).collect()).iter().all(|(_, weight)| *weight == 1.0));
        let weights: Vec<f64> = weigh((0..30).rev().collect()).iter().map(|(_, w)| *w).collect();
        // numpy: linspace(1/30, 1, 5), then 25 ones.
        for (found, expected) in
            weights.iter().zip([1.0 / 30.0, 0.275, 31.0 / 60.0, 0.758_333_333, 1.0])
        {
            assert!((found - expected).abs() < 1e-8, "{found} {expected}");
        }
        assert!(weights[5..].iter().all(|weight| *weight == 1.0));
    }

    #[test]
    fn parameters_that_are_active_together_are_modelled_together() {
        let texts =
            ["a=int(1..9)", "s=off,on", "p=real(0..1) if s=on", "q=real(0..1) if s=on", "b=bool"];
        let tpe = Tpe::new(TpeSettings::default(), &Space::parse(texts).unwrap());
        assert_eq!(tpe.groups, [vec![0, 1, 4], vec![2, 3]]);
    }
}
