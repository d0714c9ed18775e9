//! CMA-ES: a normal distribution that adapts its centre, width and shape.

use std::collections::BTreeMap;

use super::ask::{Origin, Remark};
use super::draws::{Draws, Use};
use super::eigen::{Matrix, eigen};
use super::ledger::{Ledger, Proposer, Slot, Step};
use super::scale::{exact_count, whole};
use super::space::Space;
use crate::Error;
use crate::params::Params;

/// Settings of CMA-ES (N. Hansen, "The CMA evolution strategy: a tutorial", 2016).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CmaSettings {
    /// Points of a generation; 0: `4 + floor(3 ln d)`.
    pub population: u32,
}

/// The first width: a sixth of the range.
const SIGMA: f64 = 1.0 / 6.0;

/// Draws outside the range, or that break a constraint, are repeated this often.
const REPEATS_MAX: u32 = 100;

/// A distribution narrower than this, or longer than wide by this, has converged: a new one starts.
const SIGMA_MIN: f64 = 1e-11;
const CONDITION_MAX: f64 = 1e14;

#[derive(Debug)]
pub(super) struct Cma {
    /// The coordinates that it adapts: always active, and no levels.
    dims: Vec<usize>,
    /// Width of a cell of whole numbers and lists; 0 for a continuous coordinate.
    cells: Vec<f64>,
    strategy: Strategy,
    state: State,
    /// Counts every update and every start over.
    generation: u32,
    restarts: u64,
    /// Generation of each pending trial of the current one.
    asked: BTreeMap<u64, u32>,
    told: Vec<u64>,
    next_id: u64,
}

/// The constants of the strategy.
#[derive(Debug)]
struct Strategy {
    population: usize,
    weights: Vec<f64>,
    parents_effective: f64,
    rate_rank_one: f64,
    rate_rank_mu: f64,
    rate_path: f64,
    rate_sigma: f64,
    damping: f64,
    /// Expected length of a standard normal vector.
    length: f64,
    /// A whole number leaves its cell with at least the probability of this many deviations.
    margin: f64,
}

/// The distribution.
#[derive(Debug)]
struct State {
    mean: Vec<f64>,
    sigma: f64,
    covariance: Matrix,
    path: Vec<f64>,
    path_sigma: Vec<f64>,
    /// Axes and lengths of the covariance.
    axes: Matrix,
    lengths: Vec<f64>,
    updates: u32,
}

impl Strategy {
    fn new(dims: usize, population: u32) -> Strategy {
        let n = exact_count(dims as u64);
        let usual = 4 + whole(libm::floor(3.0 * libm::log(n))).unsigned_abs();
        let population = if population == 0 { usual } else { u64::from(population.max(4)) };
        let count = exact_count(population);
        let raw: Vec<f64> = (1..=population)
            .map(|rank| libm::log(f64::midpoint(count, 1.0)) - libm::log(exact_count(rank)))
            .collect();
        let parents = usize::try_from(population / 2).unwrap_or(1);
        let effective = |weights: &[f64]| {
            let sum: f64 = weights.iter().sum();
            sum * sum / weights.iter().map(|weight| weight * weight).sum::<f64>()
        };
        let mu = effective(&raw[..parents]);
        let mu_minus = effective(&raw[parents..]);
        let c1 = 2.0 / ((n + 1.3) * (n + 1.3) + mu);
        let cmu = (2.0 * (mu - 2.0 + 1.0 / mu) / ((n + 2.0) * (n + 2.0) + mu)).min(1.0 - c1 - 1e-8);
        let alpha = (1.0 + c1 / cmu)
            .min(1.0 + 2.0 * mu_minus / (mu + 2.0))
            .min((1.0 - c1 - cmu) / (n * cmu));
        let positive: f64 = raw.iter().filter(|weight| **weight > 0.0).sum();
        let negative: f64 = -raw.iter().filter(|weight| **weight < 0.0).sum::<f64>();
        let scale = |weight: &f64| {
            if *weight >= 0.0 { weight / positive } else { weight * alpha / negative }
        };
        let rate_sigma = (mu + 2.0) / (n + mu + 5.0);
        Strategy {
            population: raw.len(),
            weights: raw.iter().map(scale).collect(),
            parents_effective: mu,
            rate_rank_one: c1,
            rate_rank_mu: cmu,
            rate_path: (4.0 + mu / n) / (n + 4.0 + 2.0 * mu / n),
            rate_sigma,
            damping: 1.0 + 2.0 * (libm::sqrt((mu - 1.0) / (n + 1.0)) - 1.0).max(0.0) + rate_sigma,
            length: libm::sqrt(n) * (1.0 - 1.0 / (4.0 * n) + 1.0 / (21.0 * n * n)),
            margin: quantile(1.0 - 1.0 / (n * count)),
        }
    }
}

/// The value below which a standard normal lies with a probability of at least one half, by halving.
fn quantile(share: f64) -> f64 {
    let (mut low, mut high) = (0.0, 40.0);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if 1.0 - 0.5 * libm::erfc(middle / std::f64::consts::SQRT_2) < share {
            low = middle;
        } else {
            high = middle;
        }
    }
    low
}

impl State {
    fn new(mean: Vec<f64>) -> State {
        let n = mean.len();
        State {
            sigma: SIGMA,
            covariance: Matrix::identity(n),
            path: vec![0.0; n],
            path_sigma: vec![0.0; n],
            axes: Matrix::identity(n),
            lengths: vec![1.0; n],
            updates: 0,
            mean,
        }
    }

    fn draw(&self, draws: &mut Draws) -> Vec<f64> {
        let z: Vec<f64> = self.lengths.iter().map(|length| length * draws.normal()).collect();
        let step = self.axes.times(&z);
        self.mean.iter().zip(step).map(|(mean, step)| mean + self.sigma * step).collect()
    }

    /// Multiplies by the inverse root of the covariance.
    fn whiten(&self, y: &[f64]) -> Vec<f64> {
        let rotated = self.axes.transposed_times(y);
        let shrunk: Vec<f64> = rotated.iter().zip(&self.lengths).map(|(x, l)| x / l).collect();
        self.axes.times(&shrunk)
    }

    /// One update from the points of a generation, the best first.
    fn update(&mut self, points: &[&[f64]], strategy: &Strategy) {
        let n = exact_count(self.mean.len() as u64);
        let steps: Vec<Vec<f64>> = points
            .iter()
            .map(|point| point.iter().zip(&self.mean).map(|(x, m)| (x - m) / self.sigma).collect())
            .collect();
        let mut step = vec![0.0; self.mean.len()];
        for (y, weight) in steps.iter().zip(&strategy.weights).filter(|(_, weight)| **weight > 0.0)
        {
            step.iter_mut().zip(y).for_each(|(sum, y)| *sum += weight * y);
        }
        self.mean.iter_mut().zip(&step).for_each(|(mean, step)| *mean += self.sigma * step);
        self.updates += 1;

        let rate = strategy.rate_sigma;
        let gain = libm::sqrt(rate * (2.0 - rate) * strategy.parents_effective);
        let white = self.whiten(&step);
        self.path_sigma
            .iter_mut()
            .zip(&white)
            .for_each(|(path, white)| *path = (1.0 - rate) * *path + gain * white);
        let length = norm(&self.path_sigma);
        let settled = 1.0 - libm::pow(1.0 - rate, 2.0 * f64::from(self.updates + 1));
        let short = length / libm::sqrt(settled) < (1.4 + 2.0 / (n + 1.0)) * strategy.length;
        let follow = if short { 1.0 } else { 0.0 };
        let rate_path = strategy.rate_path;
        let gain = libm::sqrt(rate_path * (2.0 - rate_path) * strategy.parents_effective);
        self.path
            .iter_mut()
            .zip(&step)
            .for_each(|(path, step)| *path = (1.0 - rate_path) * *path + follow * gain * step);

        let (c1, cmu) = (strategy.rate_rank_one, strategy.rate_rank_mu);
        let lost = c1 * (1.0 - follow) * rate_path * (2.0 - rate_path);
        let sum: f64 = strategy.weights.iter().sum();
        self.covariance.scale(1.0 + lost - c1 - cmu * sum);
        self.covariance.add_outer(&self.path, c1);
        for (y, weight) in steps.iter().zip(&strategy.weights) {
            // Bad directions are taken away by their whitened length, so that it stays positive.
            let weight = if *weight >= 0.0 {
                *weight
            } else {
                let white = norm(&self.whiten(y));
                weight * n / (white * white + 1e-8)
            };
            self.covariance.add_outer(y, cmu * weight);
        }
        let (axes, values) = eigen(&self.covariance);
        self.axes = axes;
        self.lengths = values.iter().map(|value| libm::sqrt(value.max(1e-20))).collect();
        let growth = (rate / strategy.damping) * (length / strategy.length - 1.0);
        self.sigma = (self.sigma * libm::exp(growth)).min(1e3);
    }

    fn converged(&self) -> bool {
        let longest = self.lengths.iter().copied().fold(0.0, f64::max);
        let shortest = self.lengths.iter().copied().fold(f64::INFINITY, f64::min);
        self.sigma * longest < SIGMA_MIN || longest * longest > CONDITION_MAX * shortest * shortest
    }
}

fn norm(vector: &[f64]) -> f64 {
    libm::sqrt(vector.iter().map(|x| x * x).sum())
}

impl Cma {
    /// Returns the search; `None` when the space has no number that is always active.
    pub(super) fn new(settings: CmaSettings, space: &Space) -> Option<Cma> {
        let adapts = |at: &usize| {
            let dim = space.dims()[*at];
            dim.levels.is_none() && space.axes()[dim.axis].conditions().is_empty()
        };
        let dims: Vec<usize> = (0..space.dims().len()).filter(adapts).collect();
        if dims.is_empty() {
            return None;
        }
        let cell = |at: &usize| {
            let count = space.axes()[space.dims()[*at].axis].count();
            count.map_or(0.0, |count| 1.0 / exact_count(count))
        };
        Some(Cma {
            cells: dims.iter().map(cell).collect(),
            strategy: Strategy::new(dims.len(), settings.population),
            state: State::new(vec![0.5; dims.len()]),
            dims,
            generation: 0,
            restarts: 0,
            asked: BTreeMap::new(),
            told: Vec::new(),
            next_id: 0,
        })
    }

    /// One draw of the adapted coordinates, within the range.
    fn draw(&self, draws: &mut Draws) -> Vec<f64> {
        let mut x = self.state.draw(draws);
        for _ in 0..REPEATS_MAX {
            if x.iter().all(|x| (0.0..=1.0).contains(x)) {
                break;
            }
            x = self.state.draw(draws);
        }
        for (at, x) in x.iter_mut().enumerate() {
            let variance = self.state.covariance.get(at, at).max(0.0);
            let deviation = self.state.sigma * libm::sqrt(variance);
            *x = self.widened(at, *x, deviation).clamp(0.0, 1.0);
        }
        x
    }

    /// Keeps a margin: where the distribution would hardly leave the cell of a whole number, its
    /// distance from the centre is stretched so that the nearest other cell is met.
    fn widened(&self, at: usize, x: f64, deviation: f64) -> f64 {
        let cell = self.cells[at];
        let mean = self.state.mean[at];
        if cell == 0.0 || deviation == 0.0 {
            return x;
        }
        let inside = mean / cell - libm::floor(mean / cell);
        let nearest = inside.min(1.0 - inside).max(1e-6) * cell;
        let stretch = nearest / (self.strategy.margin * deviation);
        if stretch > 1.0 { mean + stretch * (x - mean) } else { x }
    }

    fn finish_generation(&mut self, ledger: &Ledger) {
        let mut told = std::mem::take(&mut self.told);
        told.sort_by(|left, right| ledger.order(*left, *right));
        let point = |id: &u64| -> Vec<f64> {
            let vector = ledger.entry(*id).map(|entry| entry.vector.as_slice()).unwrap_or_default();
            self.dims.iter().map(|at| vector[*at]).collect()
        };
        let points: Vec<Vec<f64>> = told.iter().map(point).collect();
        let points: Vec<&[f64]> = points.iter().map(Vec::as_slice).collect();
        self.state.update(&points, &self.strategy);
        self.generation += 1;
        self.asked.clear();
        if self.state.converged() {
            self.restarts += 1;
            let mut draws = Draws::new(ledger.seed, Use::Breed, self.restarts);
            self.state = State::new(self.dims.iter().map(|_| draws.unit()).collect());
        }
    }
}

impl Proposer for Cma {
    fn slot(&mut self, _: &Ledger) -> Step {
        // The first point is a uniform draw and belongs to no generation.
        if self.next_id > 0 {
            self.asked.insert(self.next_id, self.generation);
        }
        self.next_id += 1;
        Step::Run(Slot::whole(self.generation))
    }

    fn propose(&mut self, id: u64, _: &Slot, ledger: &Ledger) -> Result<(Params, Origin), Error> {
        let mut draws = Draws::new(ledger.seed, Use::Proposal, id);
        for _ in 0..if id == 0 { 0 } else { REPEATS_MAX } {
            let mut cube: Vec<f64> = ledger.space.dims().iter().map(|_| draws.unit()).collect();
            for (at, x) in self.dims.iter().zip(self.draw(&mut draws)) {
                cube[*at] = x;
            }
            let params = ledger.space.at(&cube);
            if ledger.space.admits(&params) {
                return Ok((params, Origin::Model));
            }
        }
        ledger.uniform(0, &mut draws)
    }

    fn learn(&mut self, id: u64, ledger: &Ledger) -> Option<Remark> {
        if self.asked.remove(&id) == Some(self.generation) {
            self.told.push(id);
            if self.told.len() == self.strategy.population {
                self.finish_generation(ledger);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand from the tutorial's formulas and tables of the normal distribution.
    #[test]
    fn constants_are_those_of_the_tutorial() {
        let strategy = Strategy::new(6, 0);
        assert_eq!(strategy.population, 9);
        let positive: f64 = strategy.weights.iter().filter(|w| **w > 0.0).sum();
        assert!((positive - 1.0).abs() < 1e-12);
        assert!(strategy.weights.windows(2).all(|pair| pair[0] > pair[1]));
        assert!((strategy.length - 2.350_67).abs() < 1e-4, "{}", strategy.length);
        assert!((quantile(0.975) - 1.959_964).abs() < 1e-6);
        assert_eq!(Strategy::new(2, 0).population, 6);
        assert_eq!(Strategy::new(1, 0).population, 4);
    }

    /// A convex function in as many dimensions as wanted, worse conditioned by a thousand.
    #[test]
    fn it_finds_the_bottom_of_an_ellipsoid() {
        let strategy = Strategy::new(5, 0);
        let mut state = State::new(vec![0.5; 5]);
        let mut draws = Draws::new(3, Use::Proposal, 0);
        let value = |x: &[f64]| -> f64 {
            let term = |(at, x): (usize, &f64)| {
                1000_f64.powf(exact_count(at as u64) / 4.0) * (x - 0.3) * (x - 0.3)
            };
            x.iter().enumerate().map(term).sum()
        };
        for _ in 0..250 {
            let mut points: Vec<Vec<f64>> =
                (0..strategy.population).map(|_| state.draw(&mut draws)).collect();
            points.sort_by(|left, right| value(left).total_cmp(&value(right)));
            let points: Vec<&[f64]> = points.iter().map(Vec::as_slice).collect();
            state.update(&points, &strategy);
        }
        assert!(value(&state.mean) < 1e-10, "{:?}", state.mean);
    }
}
