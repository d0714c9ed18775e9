//! Regression by a Gaussian process: a mean and a doubt at every point.

use super::cholesky::{Cholesky, Triangle, dot};
use super::scale::exact_count;

/// What is known: points by coordinate, and a value for each point.
///
/// Values have mean 0 and deviation 1 or so. Numbers lie between 0 and 1; two levels are 1 apart or equal, which
/// is a distance of points in space (the corners of a simplex), as the kernel needs it.
#[derive(Debug)]
pub(super) struct Sample {
    pub(super) columns: Vec<Vec<f64>>,
    /// Which columns are levels.
    pub(super) levels: Vec<bool>,
    pub(super) values: Vec<f64>,
}

/// How fast the function changes along each coordinate, and how much of it is noise.
///
/// The kernel is Matern's with 5/2 and a length for each coordinate, `s (1 + a + a^2 / 3) exp(-a)` with
/// `a^2 = 5 sum_j (x_j - y_j)^2 / l_j^2`, and `s g` more on the diagonal (Rasmussen and Williams 2006, "Gaussian
/// processes for machine learning", equation 4.17; Snoek, Larochelle and Adams 2012, "Practical Bayesian
/// optimization of machine learning algorithms", for why not the smoother squared exponential).
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Shape {
    /// `ln l_j`, and at last `ln g`.
    logs: Vec<f64>,
}

/// The posterior given a sample and a shape.
#[derive(Debug)]
pub(super) struct Process {
    sample: Sample,
    /// One over the square of the length of each coordinate, times 5.
    rates: Vec<f64>,
    noise: f64,
    /// The scale `s`.
    variance: f64,
    factor: Cholesky,
    /// The inverse of the kernel matrix times the values.
    weights: Vec<f64>,
}

/// Where the search for a shape starts: lengths and noise. Short lengths first, where each result says little
/// about the others; then long ones.
const STARTS: [(f64, f64); 2] = [(0.3, 1e-2), (1.5, 1e-4)];

/// Bounds of the lengths and of the noise.
const LENGTHS: (f64, f64) = (5e-3, 1e3);
const NOISE: (f64, f64) = (1e-6, 1.0);

/// The prior of a logarithm of a length: normal, around `sqrt(2) + ln(d) / 2`, this wide (Hvarfner, Hellsten and
/// Nardi 2024, "Vanilla Bayesian optimization performs great in high dimensions").
const LENGTH_SPREAD: f64 = 1.732_050_807_568_877_2;

/// The prior of the logarithm of the noise: normal, this wide, around a function that is nearly exact.
const NOISE_PRIOR: (f64, f64) = (-8.0, 2.0);

/// The prior of the scale: as though so many results had been seen of deviation 1.
const SCALE_WEIGHT: f64 = 2.0;

/// Steps of the climb to the most likely shape, and the least and the largest of them.
const STEPS: usize = 40;
const STEP: (f64, f64) = (1e-2, 1.0);

impl Sample {
    fn len(&self) -> usize {
        self.values.len()
    }

    /// Adds to each of `sums` the square of the distance along a coordinate to the points from `first` on.
    fn add_squares(&self, at: usize, x: f64, first: usize, rate: f64, sums: &mut [f64]) {
        let column = &self.columns[at][first..];
        if self.levels[at] {
            for (sum, y) in sums.iter_mut().zip(column) {
                *sum += if x == *y { 0.0 } else { rate };
            }
        } else {
            for (sum, y) in sums.iter_mut().zip(column) {
                *sum += rate * (x - y) * (x - y);
            }
        }
    }

    /// Squares of the scaled distances between all points, as a lower triangle.
    fn squares(&self, rates: &[f64]) -> Triangle {
        let below = |point: usize| {
            let mut sums = vec![0.0; self.len() - point];
            for (at, rate) in rates.iter().enumerate() {
                self.add_squares(at, self.columns[at][point], point, *rate, &mut sums);
            }
            sums
        };
        (0..self.len()).map(below).collect()
    }
}

/// Matern's correlation by the square of the scaled distance.
fn correlation(square: f64) -> f64 {
    let a = libm::sqrt(square);
    (1.0 + a + square / 3.0) * libm::exp(-a)
}

/// Factors the correlations of a sample with `noise` more on the diagonal; what rounding needs is added.
fn factor(squares: &Triangle, noise: f64) -> (Cholesky, f64) {
    let mut noise = noise;
    loop {
        let column = |column: &Vec<f64>| -> Vec<f64> {
            let mut entries: Vec<f64> = column.iter().map(|square| correlation(*square)).collect();
            entries[0] += noise;
            entries
        };
        match Cholesky::of(squares.iter().map(column).collect()) {
            Some(factor) => return (factor, noise),
            // Ends: a matrix whose diagonal is larger than the sum beside it is positive definite.
            None => noise *= 10.0,
        }
    }
}

impl Shape {
    fn start(dims: usize, (length, noise): (f64, f64)) -> Shape {
        let mut logs = vec![libm::log(length); dims];
        logs.push(libm::log(noise));
        Shape { logs }
    }

    /// Finds the most likely shape of a sample of at least one value: where the logarithm of the marginal
    /// likelihood (Rasmussen and Williams 2006, equation 5.8) and of the priors is largest, the scale at its own
    /// best throughout. Climbs from two fixed places by the signs of the gradient (Blum and Riedmiller 2013,
    /// "Optimization of Gaussian process hyperparameters using Rprop"), so that the same sample gives the same
    /// shape. Costs up to 80 times `n^3 / 2 + 2 d n^2` multiplications.
    pub(super) fn fit(sample: &Sample) -> Shape {
        let climbed = STARTS.map(|start| Shape::start(sample.columns.len(), start).climb(sample));
        let [(first, one), (second, other)] = climbed;
        if other > one { second } else { first }
    }

    fn climb(self, sample: &Sample) -> (Shape, f64) {
        let mut shape = self;
        let mut best = (shape.clone(), f64::NEG_INFINITY);
        let mut steps = vec![0.3; shape.logs.len()];
        let mut before = vec![0.0; shape.logs.len()];
        let ends = (LENGTHS, NOISE);
        for _ in 0..STEPS {
            let (likelihood, slopes) = shape.likelihood(sample);
            if likelihood > best.1 {
                best = (shape.clone(), likelihood);
            }
            let last = shape.logs.len() - 1;
            for (at, slope) in slopes.into_iter().enumerate() {
                let turned = slope * before[at];
                if turned > 0.0 {
                    steps[at] = f64::min(steps[at] * 1.2, STEP.1);
                } else if turned < 0.0 {
                    steps[at] = f64::max(steps[at] * 0.5, 0.1 * STEP.0);
                }
                // After a turn the step is made smaller before another is taken.
                before[at] = if turned < 0.0 { 0.0 } else { slope };
                let (low, high) = if at == last { ends.1 } else { ends.0 };
                let step = if before[at] == 0.0 { 0.0 } else { steps[at] * slope.signum() };
                shape.logs[at] = (shape.logs[at] + step).clamp(libm::log(low), libm::log(high));
            }
            if steps.iter().all(|step| *step < STEP.0) {
                break;
            }
        }
        best
    }

    fn rates(&self) -> Vec<f64> {
        let lengths = &self.logs[..self.logs.len() - 1];
        lengths.iter().map(|log| 5.0 * libm::exp(-2.0 * log)).collect()
    }

    fn noise(&self) -> f64 {
        self.logs.last().map_or(NOISE.0, |log| libm::exp(*log))
    }

    /// The logarithm of the likelihood with the priors, but for a constant, and its gradient.
    fn likelihood(&self, sample: &Sample) -> (f64, Vec<f64>) {
        let rates = self.rates();
        let squares = sample.squares(&rates);
        let (factor, noise) = factor(&squares, self.noise());
        let mut weights = sample.values.clone();
        factor.solve(&mut weights);
        let count = exact_count(sample.len() as u64) + SCALE_WEIGHT;
        let fit = dot(&weights, &sample.values) + SCALE_WEIGHT;
        let mut value = -0.5 * (count * libm::log(fit) + factor.log_determinant());

        // By A: half of (a a' / s - inverse of A), each entry beside the diagonal counted twice.
        let mut slopes = vec![0.0; self.logs.len()];
        let mut pulls = factor.inverse();
        for (at, pulls) in pulls.iter_mut().enumerate() {
            for (row, pull) in pulls.iter_mut().enumerate() {
                *pull = weights[at] * weights[at + row] * count / fit - *pull;
            }
            slopes[rates.len()] += 0.5 * noise * pulls[0];
            // By the logarithm of a length: (1 + a) exp(-a) / 3 times its part of the square.
            for (pull, square) in pulls.iter_mut().zip(&squares[at]) {
                let a = libm::sqrt(*square);
                *pull *= (1.0 + a) * libm::exp(-a) / 3.0;
            }
        }
        for (at, rate) in rates.iter().enumerate() {
            for (point, pulls) in pulls.iter().enumerate() {
                let mut parts = vec![0.0; pulls.len()];
                sample.add_squares(at, sample.columns[at][point], point, *rate, &mut parts);
                slopes[at] += dot(pulls, &parts);
            }
        }
        let dims = exact_count(rates.len() as u64);
        let middle = std::f64::consts::SQRT_2 + 0.5 * libm::log(dims.max(1.0));
        for (at, (log, slope)) in self.logs.iter().zip(&mut slopes).enumerate() {
            let (mean, spread) =
                if at < rates.len() { (middle, LENGTH_SPREAD) } else { NOISE_PRIOR };
            let z = (log - mean) / spread;
            value -= 0.5 * z * z;
            *slope -= z / spread;
        }
        (value, slopes)
    }
}

impl Process {
    /// Returns the posterior of a sample of at least one value. Costs `n^3 / 6` multiplications.
    pub(super) fn new(sample: Sample, shape: &Shape) -> Process {
        let rates = shape.rates();
        let (factor, noise) = factor(&sample.squares(&rates), shape.noise());
        let mut weights = sample.values.clone();
        factor.solve(&mut weights);
        let fit = dot(&weights, &sample.values) + SCALE_WEIGHT;
        let variance = fit / (exact_count(sample.len() as u64) + SCALE_WEIGHT);
        Process { sample, rates, noise, variance, factor, weights }
    }

    /// Adds a point whose value is not known yet, as though it were what is expected there: the mean stays as it
    /// is everywhere, and nearby there is less doubt ("kriging believer"; Ginsbourger, Le Riche and Carraro
    /// 2010, "Kriging is well-suited to parallelize optimization").
    pub(super) fn believe(&mut self, point: &[f64]) {
        let row = self.correlations(point);
        self.factor.extend(row, 1.0 + self.noise, NOISE.0);
        for (column, x) in self.sample.columns.iter_mut().zip(point) {
            column.push(*x);
        }
        self.weights.push(0.0);
    }

    fn correlations(&self, point: &[f64]) -> Vec<f64> {
        let mut entries = vec![0.0; self.weights.len()];
        for ((at, rate), x) in self.rates.iter().enumerate().zip(point) {
            self.sample.add_squares(at, *x, 0, *rate, &mut entries);
        }
        for entry in &mut entries {
            *entry = correlation(*entry);
        }
        entries
    }

    /// The mean of the function at a point.
    pub(super) fn mean(&self, point: &[f64]) -> f64 {
        dot(&self.correlations(point), &self.weights)
    }

    /// The mean and the deviation of the function, without noise, at a point. Costs `n^2 / 2` multiplications and
    /// `n` exponentials.
    pub(super) fn predict(&self, point: &[f64]) -> (f64, f64) {
        let mut row = self.correlations(point);
        let mean = dot(&row, &self.weights);
        self.factor.solve_lower(&mut row);
        let left = (1.0 - dot(&row, &row)).max(1e-12);
        (mean, libm::sqrt(self.variance * left))
    }

    /// The mean at each point of the sample, in its order.
    pub(super) fn means(&self) -> Vec<f64> {
        let point = |at| -> Vec<f64> {
            self.sample.columns.iter().map(|column: &Vec<f64>| column[at]).collect()
        };
        (0..self.weights.len()).map(|at| self.mean(&point(at))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::cholesky::tests::eliminated;
    use crate::search::draws::{Draws, Use};

    fn shape(lengths: &[f64], noise: f64) -> Shape {
        Shape { logs: lengths.iter().chain([&noise]).map(|x| x.ln()).collect() }
    }

    /// Rows of two numbers and one of three levels.
    fn rows(count: usize, draws: &mut Draws) -> Vec<Vec<f64>> {
        let row = |_| vec![draws.unit(), draws.unit(), exact_count(draws.below(3) as u64)];
        (0..count).map(row).collect()
    }

    fn sample(rows: &[Vec<f64>], value: impl Fn(&[f64]) -> f64) -> Sample {
        Sample {
            columns: (0..3).map(|at| rows.iter().map(|row| row[at]).collect()).collect(),
            levels: vec![false, false, true],
            values: rows.iter().map(|row| value(row)).collect(),
        }
    }

    fn wave(row: &[f64]) -> f64 {
        (5.0 * row[0]).sin() + 0.3 * row[1] - if row[2] == 1.0 { 0.8 } else { 0.0 }
    }

    /// Matern's kernel as the book prints it.
    fn kernel(x: &[f64], y: &[f64], lengths: &[f64]) -> f64 {
        let square = (0..x.len()).map(|at| {
            let apart = if at == 2 { f64::from(u8::from(x[at] != y[at])) } else { x[at] - y[at] };
            (apart / lengths[at]).powi(2)
        });
        let r = square.sum::<f64>().sqrt();
        (1.0 + 5.0_f64.sqrt() * r + 5.0 * r * r / 3.0) * (-(5.0_f64.sqrt()) * r).exp()
    }

    /// Mean and deviation from the inverse of the matrix, the scale given.
    fn naive(
        (rows, values): (&[Vec<f64>], &[f64]),
        (lengths, noise, scale): (&[f64], f64, f64),
        at: &[f64],
    ) -> (f64, f64) {
        let entry = |i: usize, j: usize| {
            kernel(&rows[i], &rows[j], lengths) + if i == j { noise } else { 0.0 }
        };
        let count = rows.len();
        let full: Vec<Vec<f64>> =
            (0..count).map(|i| (0..count).map(|j| entry(i, j)).collect()).collect();
        let (inverse, _) = eliminated(&full);
        let near: Vec<f64> = rows.iter().map(|row| kernel(at, row, lengths)).collect();
        let product = |other: &[f64]| -> f64 {
            let pairs = (0..count).flat_map(|i| (0..count).map(move |j| (i, j)));
            pairs.map(|(i, j)| near[i] * inverse[i][j] * other[j]).sum()
        };
        (product(values), (scale * (1.0 - product(&near))).sqrt())
    }

    /// Three points on a line, the 3 x 3 matrix inverted by hand (its adjugate over its determinant).
    #[test]
    fn three_points_give_what_is_found_by_hand() {
        let (points, values, noise) = ([0.1, 0.4, 0.9], [1.0, -0.5, -0.5], 0.01);
        let line =
            Sample { columns: vec![points.to_vec()], levels: vec![false], values: values.to_vec() };
        let process = Process::new(line, &shape(&[0.5], noise));
        let near = |x: f64, y: f64| kernel(&[x], &[y], &[0.5]);
        let (d, a, b, c) = (1.0 + noise, near(0.1, 0.4), near(0.1, 0.9), near(0.4, 0.9));
        let determinant = d * (d * d - c * c) - a * (a * d - b * c) + b * (a * c - b * d);
        let inverse = [
            [d * d - c * c, b * c - a * d, a * c - b * d],
            [b * c - a * d, d * d - b * b, a * b - c * d],
            [a * c - b * d, a * b - c * d, d * d - a * a],
        ];
        let form = |left: &[f64; 3], right: &[f64; 3]| -> f64 {
            let pairs = (0..3).flat_map(|i| (0..3).map(move |j| (i, j)));
            pairs.map(|(i, j)| left[i] * inverse[i][j] * right[j]).sum::<f64>() / determinant
        };
        // As though two results of deviation 1 had been seen before the three.
        let scale = (form(&values, &values) + 2.0) / 5.0;
        for x in [0.0, 0.1, 0.25, 0.6, 1.0] {
            let row = points.map(|y| near(x, y));
            let expected = (form(&row, &values), (scale * (1.0 - form(&row, &row))).sqrt());
            let found = process.predict(&[x]);
            assert!((found.0 - expected.0).abs() < 1e-12, "{x}: {found:?} {expected:?}");
            assert!((found.1 - expected.1).abs() < 1e-9, "{x}: {found:?} {expected:?}");
        }
    }

    #[test]
    fn the_posterior_is_that_of_the_inverse() {
        let mut draws = Draws::new(3, Use::Breed, 0);
        let rows = rows(14, &mut draws);
        let values: Vec<f64> = rows.iter().map(|row| wave(row)).collect();
        let (lengths, noise) = ([0.4, 0.8, 1.3], 0.02);
        let process = Process::new(sample(&rows, wave), &shape(&lengths, noise));
        for _ in 0..20 {
            let point = [draws.unit(), draws.unit(), exact_count(draws.below(3) as u64)];
            let known = (&rows[..], &values[..]);
            let expected = naive(known, (&lengths, noise, process.variance), &point);
            let (mean, deviation) = process.predict(&point);
            assert!((mean - expected.0).abs() < 1e-9, "{mean} {expected:?}");
            assert!((deviation - expected.1).abs() < 1e-9, "{deviation} {expected:?}");
        }
    }

    /// A point that is believed in is one that ran and had the mean.
    #[test]
    fn belief_leaves_the_mean_and_takes_the_doubt() {
        let mut draws = Draws::new(4, Use::Breed, 0);
        let known = rows(9, &mut draws);
        let (lengths, noise) = ([0.4, 0.8, 1.3], 0.02);
        let mut process = Process::new(sample(&known, wave), &shape(&lengths, noise));
        let (mut rows, mut values) = (known.clone(), process.sample.values.clone());
        for _ in 0..3 {
            let point = vec![draws.unit(), draws.unit(), 1.0];
            values.push(process.mean(&point));
            process.believe(&point);
            rows.push(point);
        }
        let other = [0.3, 0.6, 1.0];
        let expected = naive((&rows, &values), (&lengths, noise, process.variance), &other);
        let (mean, deviation) = process.predict(&other);
        assert!((mean - expected.0).abs() < 1e-9, "{mean} {expected:?}");
        assert!((deviation - expected.1).abs() < 1e-9, "{deviation} {expected:?}");
        assert!(process.means().iter().zip(&values).all(|(a, b)| (a - b).abs() < 0.2));
    }

    #[test]
    fn slopes_are_those_of_small_steps() {
        let sample = sample(&rows(11, &mut Draws::new(5, Use::Breed, 0)), wave);
        let shape = shape(&[0.4, 0.8, 1.3], 0.02);
        let (_, slopes) = shape.likelihood(&sample);
        for (at, slope) in slopes.iter().enumerate() {
            let moved = |step: f64| {
                let mut moved = shape.clone();
                moved.logs[at] += step;
                moved.likelihood(&sample).0
            };
            let expected = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            assert!(
                (slope - expected).abs() < 1e-5 * expected.abs().max(1.0),
                "{slope} {expected}"
            );
        }
    }

    /// The likelihood on a fine grid of two lengths, the third and the noise held, has no higher place.
    #[test]
    fn the_shape_is_the_most_likely() {
        for seed in 0..4 {
            let sample = sample(&rows(16, &mut Draws::new(seed, Use::Breed, 0)), wave);
            let found = Shape::fit(&sample);
            let (most, _) = found.likelihood(&sample);
            for (one, other) in [(0, 1), (1, 2), (0, 3)] {
                for (first, second) in (0..24).flat_map(|a| (0..24).map(move |b| (a, b))) {
                    let mut moved = found.clone();
                    moved.logs[one] = f64::from(first) * 0.3 - 3.5;
                    moved.logs[other] =
                        f64::from(second) * 0.5 - if other == 3 { 13.5 } else { 4.5 };
                    let (there, _) = moved.likelihood(&sample);
                    assert!(
                        there < most + 0.05,
                        "{seed}: {there} at {moved:?}, {most} at {found:?}"
                    );
                }
            }
        }
    }

    /// Points given twice, without noise to tell them apart, are no trouble.
    #[test]
    fn equal_points_can_be_learnt_from() {
        let mut twice = rows(6, &mut Draws::new(6, Use::Breed, 0));
        twice.extend(twice.clone());
        let sample = sample(&twice, wave);
        let shape = Shape::fit(&sample);
        let process = Process::new(sample, &shape);
        let (mean, deviation) = process.predict(&twice[0]);
        assert!((mean - wave(&twice[0])).abs() < 0.1 && deviation.is_finite(), "{mean}");
    }
}
