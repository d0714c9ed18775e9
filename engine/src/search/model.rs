//! The model of BOHB: where good results are denser than bad ones, one for each budget.

use super::ask::Origin;
use super::draws::{Draws, Use};
use super::kde::Kde;
use super::ledger::{DUPLICATES_MAX, Ledger};
use super::scale::exact_count;
use super::sequence::TRIES_MAX;
use super::space::{Dim, Space};
use crate::Error;
use crate::params::Params;

/// Settings of BOHB's model (Falkner, Klein and Hutter 2018; the names are those of `HpBandSter`).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ModelSettings {
    /// Share of good points, percent (`top_n_percent`).
    pub good_percent: u32,
    /// Candidates for each proposal (`num_samples`).
    pub candidates: u32,
    /// Share of uniform draws (`random_fraction`).
    pub uniform_share: f64,
    /// Widening of the bandwidth of numbers when candidates are drawn (`bandwidth_factor`).
    pub widening: f64,
    /// The least size of the good and the bad set (`min_points_in_model`); 0 and less than `d + 1`
    /// count as `d + 1`.
    pub points_min: u32,
}

impl Default for ModelSettings {
    fn default() -> Self {
        ModelSettings {
            good_percent: 15,
            candidates: 64,
            uniform_share: 1.0 / 3.0,
            widening: 3.0,
            points_min: 0,
        }
    }
}

/// Densities below this do not count.
const DENSITY_MIN: f64 = 1e-32;

/// What rounding may be off by where a candidate is given up before its density is known.
const MARGIN: f64 = 1.0 + 1e-12;

#[derive(Debug)]
pub(super) struct Model {
    settings: ModelSettings,
    dims: usize,
    /// Trials by rung, in the order in which they were told.
    observed: Vec<Vec<u64>>,
    /// Rungs below mislead.
    trusted: usize,
    /// The fit that was used last: rung and number of observations.
    fitted: Option<(usize, usize, Densities)>,
}

#[derive(Debug)]
struct Densities {
    good: Kde,
    bad: Kde,
}

impl Model {
    pub(super) fn new(settings: ModelSettings, dims: usize, rungs: usize) -> Model {
        Model { settings, dims, observed: vec![Vec::new(); rungs], trusted: 0, fitted: None }
    }

    /// Adds a result, unless a larger budget already has a model.
    pub(super) fn observe(&mut self, id: u64, rung: usize) {
        if self.largest().is_none_or(|modelled| rung >= modelled) {
            self.observed[rung].push(id);
        }
    }

    /// Makes proposals from results at this rung and above alone.
    pub(super) fn trust_from(&mut self, rung: usize) {
        self.trusted = rung;
    }

    /// The largest budget with a model.
    fn largest(&self) -> Option<usize> {
        let built = |rung: &usize| {
            let (good, bad) = split(self.observed[*rung].len(), self.dims, self.settings);
            self.dims > 0 && good > self.dims && bad > self.dims
        };
        (self.trusted..self.observed.len()).rev().find(built)
    }

    /// Proposes a point for trial `id` at a rung.
    pub(super) fn propose(
        &mut self,
        id: u64,
        rung: u32,
        ledger: &Ledger,
    ) -> Result<(Params, Origin), Error> {
        let mut draws = Draws::new(ledger.seed, Use::Proposal, id);
        for _ in 0..DUPLICATES_MAX {
            match self.modelled(&mut draws, ledger) {
                Some(params) if ledger.seen(rung, &params) => {}
                Some(params) => return Ok((params, Origin::Model)),
                None => break,
            }
        }
        ledger.uniform(rung, &mut draws)
    }

    /// A point of the model; `None` when a uniform one is due.
    fn modelled(&mut self, draws: &mut Draws, ledger: &Ledger) -> Option<Params> {
        let rung = self.largest().filter(|_| draws.unit() >= self.settings.uniform_share)?;
        let (widening, candidates) = (self.settings.widening, self.settings.candidates);
        let densities = self.densities(rung, ledger);
        best_candidate(densities, widening, candidates, draws, &ledger.space)
    }

    fn densities(&mut self, rung: usize, ledger: &Ledger) -> &Densities {
        let count = self.observed[rung].len();
        if !matches!(self.fitted, Some((at, of, _)) if (at, of) == (rung, count)) {
            self.fitted = None;
        }
        let observed = &self.observed[rung];
        let (settings, dims) = (self.settings, ledger.space.dims());
        let fit = || (rung, count, Densities::fit(observed, rung, settings, dims, ledger));
        &self.fitted.get_or_insert_with(fit).2
    }
}

/// The rows of the good and the bad set among `count` results.
fn split(count: usize, dims: usize, settings: ModelSettings) -> (usize, usize) {
    let least = usize::try_from(settings.points_min).unwrap_or(0).max(dims + 1);
    let percent = usize::try_from(settings.good_percent.min(100)).unwrap_or(15);
    let good = least.max(percent * count / 100).min(count);
    let bad = least.max((100 - percent) * count / 100).min(count - good);
    (good, bad)
}

impl Densities {
    fn fit(
        observed: &[u64],
        rung: usize,
        settings: ModelSettings,
        dims: &[Dim],
        ledger: &Ledger,
    ) -> Densities {
        let mut sorted = observed.to_vec();
        // Stable: of equal results the earlier comes first.
        sorted.sort_by(|left, right| ledger.score(*left).order(ledger.score(*right)));
        let (good, bad) = split(sorted.len(), dims.len(), settings);
        let stream = (rung as u64) << 48 | sorted.len() as u64;
        let mut draws = Draws::new(ledger.seed, Use::Impute, stream);
        let mut kde = |ids: &[u64]| {
            let vector = |id: &u64| ledger.entry(*id).map(|entry| entry.vector.clone());
            let rows: Vec<Vec<f64>> = ids.iter().filter_map(vector).collect();
            Kde::fit(impute(&rows, dims, &mut draws), dims)
        };
        Densities { good: kde(&sorted[..good]), bad: kde(&sorted[good..good + bad]) }
    }
}

/// Fills the gaps of inactive coordinates: all gaps of a row from a random row that has the first of
/// them, until none is left; uniformly where no row has it.
fn impute(rows: &[Vec<f64>], dims: &[Dim], draws: &mut Draws) -> Vec<Vec<f64>> {
    let mut filled = rows.to_vec();
    for row in &mut filled {
        while let Some(gap) = row.iter().position(|x| x.is_nan()) {
            let donors: Vec<&Vec<f64>> = rows.iter().filter(|donor| !donor[gap].is_nan()).collect();
            if donors.is_empty() {
                row[gap] = match dims[gap].levels {
                    Some(levels) => exact_count(draws.below(levels) as u64),
                    None => draws.unit(),
                };
                continue;
            }
            let donor = donors[draws.below(donors.len())];
            for (x, theirs) in row.iter_mut().zip(donor) {
                if x.is_nan() {
                    *x = *theirs;
                }
            }
        }
    }
    filled
}

/// The candidate with the least ratio of bad to good density; the first of equal ones. `None` when all
/// break a constraint.
fn best_candidate(
    densities: &Densities,
    widening: f64,
    candidates: u32,
    draws: &mut Draws,
    space: &Space,
) -> Option<Params> {
    let mut best: Option<(f64, Params)> = None;
    for _ in 0..candidates {
        let candidate = draw(&densities.good, widening, space.dims(), draws);
        let params = space.decode(&candidate);
        if !space.admits(&params) {
            continue;
        }
        let good = densities.good.density(&candidate).max(DENSITY_MIN);
        // Many rows are bad ones: they are added up while this candidate can still be the best.
        let limit = best.as_ref().map_or(f64::INFINITY, |(least, _)| least * good * MARGIN);
        let Some(bad) = densities.bad.density_within(&candidate, limit) else { continue };
        let ratio = bad.max(DENSITY_MIN) / good;
        if best.as_ref().is_none_or(|(least, _)| ratio < *least) {
            best = Some((ratio, params));
        }
    }
    best.map(|(_, params)| params)
}

/// A draw around a random row of the good set.
fn draw(good: &Kde, widening: f64, dims: &[Dim], draws: &mut Draws) -> Vec<f64> {
    let rows = good.rows();
    let row = &rows[draws.below(rows.len())];
    let coordinate = |(at, dim): (usize, &Dim)| match dim.levels {
        Some(_) if draws.unit() < 1.0 - good.bandwidth(at) => row[at],
        Some(levels) => exact_count(draws.below(levels) as u64),
        None => truncated(row[at], widening * good.bandwidth(at), draws),
    };
    dims.iter().enumerate().map(coordinate).collect()
}

/// A normal number within [0, 1], by rejection: its mean lies within, so at least every few draws is
/// taken.
fn truncated(mean: f64, deviation: f64, draws: &mut Draws) -> f64 {
    for _ in 0..TRIES_MAX {
        let x = mean + deviation * draws.normal();
        if (0.0..=1.0).contains(&x) {
            return x;
        }
    }
    mean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sets_have_the_sizes_of_the_reference() {
        let vectors: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/vectors/bohb.json")).unwrap();
        for case in vectors["good_bad_split"].as_array().unwrap() {
            let number = |key: &str| usize::try_from(case[key].as_u64().unwrap()).unwrap();
            let (count, dims) = (number("n_obs"), number("d"));
            let (good, bad) = split(count, dims, ModelSettings::default());
            assert_eq!((good, bad), (number("n_good"), number("n_bad")), "{count} of {dims}");
            let built = good > dims && bad > dims;
            assert_eq!(built, case["model_built"].as_bool().unwrap(), "{count} of {dims}");
        }
    }

    #[test]
    fn no_gap_is_left_at_any_coordinate() {
        let dims = [0, 1, 2].map(|axis| Dim { axis, levels: (axis == 2).then_some(3) });
        let gap = f64::NAN;
        let rows = vec![vec![gap, 0.2, 1.0], vec![0.3, gap, gap], vec![0.5, 0.6, gap]];
        for seed in 0..200 {
            let filled = impute(&rows, &dims, &mut Draws::new(seed, Use::Impute, 0));
            for (row, filled) in rows.iter().zip(&filled) {
                for (at, (before, after)) in row.iter().zip(filled).enumerate() {
                    assert!(before.is_nan() || before == after);
                    assert!(rows.iter().any(|row| row[at] == *after), "{at}: {after}");
                }
            }
        }
        let empty = vec![vec![gap, 0.5, gap]];
        let filled = impute(&empty, &dims, &mut Draws::new(1, Use::Impute, 0));
        assert!((0.0..1.0).contains(&filled[0][0]) && [0.0, 1.0, 2.0].contains(&filled[0][2]));
    }

    /// Kolmogorov and Smirnov's distance to the distribution function.
    #[test]
    fn truncated_draws_have_their_distribution() {
        let cdf = |x: f64| 0.5 * (1.0 + libm::erf(x / std::f64::consts::SQRT_2));
        for (mean, deviation) in [(0.0, 0.2), (0.5, 0.05), (0.9, 1.5)] {
            let mut draws = Draws::new(4, Use::Proposal, 0);
            let mut sample: Vec<f64> =
                (0..20_000).map(|_| truncated(mean, deviation, &mut draws)).collect();
            sample.sort_by(f64::total_cmp);
            let z = |x: f64| cdf((x - mean) / deviation);
            let (low, high) = (z(0.0), z(1.0));
            let distance = sample.iter().enumerate().map(|(at, x)| {
                let expected = (z(*x) - low) / (high - low);
                (expected - exact_count(at as u64) / 20_000.0).abs()
            });
            // 1.63 / sqrt(n) is the bound at 1 %.
            assert!(distance.fold(0.0, f64::max) < 0.0116, "{mean} {deviation}");
        }
    }
}
