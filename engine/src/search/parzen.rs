//! The density of TPE: a mixture with one kernel for each observation and a wide one for none.

use super::draws::Draws;
use super::ledger::Ledger;
use super::scale::exact_count;
use crate::validation::normal_quantile;

/// A mixture of products over the coordinates of a group.
///
/// Kernel `i` of a number is normal, truncated to the range, with the observation as its centre and as
/// its width the larger gap to its neighbours (the outermost ones look inwards only), at least
/// `1 / min(100, n + 2)` of the range and at most all of it; of whole numbers and lists its mass on
/// their cell. Of levels it is `([c == c_i] + 1 / m) / (1 + C / m)` with `m` kernels and `C` levels.
/// The last kernel stands in the middle, as wide as the range.
#[derive(Debug)]
pub(super) struct Parzen {
    columns: Vec<Column>,
    /// For each kernel the logarithm of its weight and of its factors at all continuous coordinates.
    log_factors: Vec<f64>,
    /// Running sums of the weights, the last 1.
    cumulative: Vec<f64>,
}

/// Kernels whose logarithm is this much below the largest add nothing that an `f64` would show.
const FAR: f64 = 60.0;

#[derive(Debug)]
enum Column {
    Number {
        kernels: Vec<Normal>,
        /// Means of the kernels and one over their deviations, side by side: what a density is made of.
        means: Vec<f64>,
        inverses: Vec<f64>,
        /// Edges of the cells of whole numbers and lists, from 0 to 1; empty for a continuous one.
        edges: Vec<f64>,
    },
    Levels {
        /// For each kernel its own level; the last has none.
        own: Vec<Option<usize>>,
        levels: usize,
    },
}

/// A normal density truncated to [0, 1].
#[derive(Debug, Clone, Copy)]
struct Normal {
    mean: f64,
    deviation: f64,
    /// Distribution function at 0, and the mass within.
    below: f64,
    within: f64,
}

impl Normal {
    fn new(mean: f64, deviation: f64) -> Normal {
        let below = phi(-mean / deviation);
        let within = phi((1.0 - mean) / deviation) - below;
        Normal { mean, deviation, below, within }
    }

    /// One over the factor of the density.
    fn divisor(&self) -> f64 {
        /// The square root of 2 pi.
        const ROOT: f64 = 2.506_628_274_631_000_5;
        self.deviation * self.within * ROOT
    }

    fn mass(&self, low: f64, high: f64) -> f64 {
        let at = |x: f64| phi((x - self.mean) / self.deviation);
        (at(high) - at(low)) / self.within
    }

    /// The value below which a share of the mass lies.
    fn quantile(&self, share: f64) -> f64 {
        let z = normal_quantile((self.below + share * self.within).min(1.0));
        (self.mean + self.deviation * z).clamp(0.0, 1.0)
    }
}

/// The distribution function of the standard normal.
fn phi(z: f64) -> f64 {
    // Beyond 9 deviations it is 0 or 1 to the last bit that counts, and erfc is what this costs.
    if z.abs() > 9.0 {
        return if z > 0.0 { 1.0 } else { 0.0 };
    }
    0.5 * libm::erfc(-z / std::f64::consts::SQRT_2)
}

impl Parzen {
    /// Fits to those of the trials in which the group is active.
    pub(super) fn fit(group: &[usize], trials: &[(u64, f64)], ledger: &Ledger) -> Parzen {
        let row = |(id, weight): &(u64, f64)| {
            let vector = &ledger.entry(*id)?.vector;
            let row: Vec<f64> = group.iter().map(|at| vector[*at]).collect();
            row.iter().all(|x| !x.is_nan()).then_some((row, *weight))
        };
        let rows: Vec<(Vec<f64>, f64)> = trials.iter().filter_map(row).collect();
        let mut weights: Vec<f64> = rows.iter().map(|(_, weight)| *weight).collect();
        weights.push(1.0);
        let column = |(place, at): (usize, &usize)| {
            let dim = ledger.space.dims()[*at];
            let values: Vec<f64> = rows.iter().map(|(row, _)| row[place]).collect();
            match dim.levels {
                Some(levels) => {
                    let own = |x: &f64| (0..levels).find(|level| exact_count(*level as u64) == *x);
                    let own = values.iter().map(own).chain([None]).collect();
                    Column::Levels { own, levels }
                }
                None => Column::number(&values, ledger.space.axes()[dim.axis].edges()),
            }
        };
        let columns = group.iter().enumerate().map(column).collect();
        Parzen::new(columns, &weights)
    }

    fn new(columns: Vec<Column>, weights: &[f64]) -> Parzen {
        let total: f64 = weights.iter().sum();
        let mut sum = 0.0;
        let cumulative = weights.iter().map(|weight| {
            sum += weight / total;
            sum
        });
        let cumulative = cumulative.collect();
        // One logarithm for many coordinates: a divisor is at least 0.008, so that the product of 64 is a number.
        let divisor = |at: usize, columns: &[Column]| -> f64 {
            columns.iter().map(|column| column.divisor(at)).product()
        };
        let log_factor = |(at, weight): (usize, &f64)| {
            let logs = columns.chunks(64).map(|columns| libm::log(divisor(at, columns)));
            libm::log(weight / total) - logs.sum::<f64>()
        };
        let log_factors = weights.iter().enumerate().map(log_factor).collect();
        Parzen { columns, log_factors, cumulative }
    }

    /// Returns a draw, with whole numbers and lists in the middle of their cell.
    pub(super) fn draw(&self, draws: &mut Draws) -> Vec<f64> {
        let unit = draws.unit();
        let kernel = self.cumulative.partition_point(|sum| *sum <= unit);
        let kernel = kernel.min(self.cumulative.len() - 1);
        let coordinate = |column: &Column| match column {
            Column::Number { kernels, edges, .. } => {
                let x = kernels[kernel].quantile(draws.unit());
                match cell(edges, x) {
                    Some((low, high)) => 0.5 * (low + high),
                    None => x,
                }
            }
            Column::Levels { own, levels } => {
                let unit = draws.unit();
                let mut sum = 0.0;
                let drawn = (0..*levels).find(|level| {
                    sum += level_mass(own, kernel, *level, *levels);
                    unit < sum
                });
                exact_count(drawn.unwrap_or(levels - 1) as u64)
            }
        };
        self.columns.iter().map(coordinate).collect()
    }

    /// Returns the logarithm of the density.
    pub(super) fn log_density(&self, point: &[f64]) -> f64 {
        self.log_density_within(point, f64::INFINITY).unwrap_or(f64::INFINITY)
    }

    /// As [`log_density`](Parzen::log_density), or `None` as soon as what was added up shows that it is more than
    /// `limit`.
    pub(super) fn log_density_within(&self, point: &[f64], limit: f64) -> Option<f64> {
        let logs = self.logs(point);
        let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let enough = libm::exp(limit - most);
        let mut sum = 0.0;
        for log in logs.iter().filter(|log| **log >= most - FAR) {
            sum += libm::exp(log - most);
            // No term is negative: the sum only grows.
            if sum > enough {
                return None;
            }
        }
        Some(most + libm::log(sum))
    }

    /// The logarithm of each kernel's part of the density.
    fn logs(&self, point: &[f64]) -> Vec<f64> {
        let mut logs = self.log_factors.clone();
        for (column, x) in self.columns.iter().zip(point) {
            match column {
                Column::Number { kernels, means, inverses, edges } => match cell(edges, *x) {
                    None => {
                        for ((log, mean), inverse) in logs.iter_mut().zip(means).zip(inverses) {
                            let z = (x - mean) * inverse;
                            *log -= 0.5 * z * z;
                        }
                    }
                    Some((low, high)) => {
                        for (log, kernel) in logs.iter_mut().zip(kernels) {
                            *log += libm::log(kernel.mass(low, high).max(f64::MIN_POSITIVE));
                        }
                    }
                },
                Column::Levels { own, levels } => {
                    let level = (0..*levels).find(|level| exact_count(*level as u64) == *x);
                    let level = level.unwrap_or(0);
                    for (kernel, log) in logs.iter_mut().enumerate() {
                        *log += libm::log(level_mass(own, kernel, level, *levels));
                    }
                }
            }
        }
        logs
    }
}

impl Column {
    fn number(values: &[f64], edges: Vec<f64>) -> Column {
        let kernels = kernels(values);
        let means = kernels.iter().map(|kernel| kernel.mean).collect();
        let inverses = kernels.iter().map(|kernel| 1.0 / kernel.deviation).collect();
        Column::Number { kernels, means, inverses, edges }
    }

    /// What the density of a kernel is divided by at a continuous coordinate; 1 at others.
    fn divisor(&self, at: usize) -> f64 {
        match self {
            Column::Number { kernels, edges, .. } if edges.is_empty() => kernels[at].divisor(),
            Column::Number { .. } | Column::Levels { .. } => 1.0,
        }
    }
}

fn level_mass(own: &[Option<usize>], kernel: usize, level: usize, levels: usize) -> f64 {
    // Without observations the only kernel is uniform.
    let even = 1.0 / exact_count(own.len() as u64);
    let hit = if own[kernel] == Some(level) { 1.0 } else { 0.0 };
    let all = if own[kernel].is_some() { 1.0 } else { 0.0 };
    (hit + even) / (all + even * exact_count(levels as u64))
}

/// The cell of `x`; `None` without cells.
fn cell(edges: &[f64], x: f64) -> Option<(f64, f64)> {
    let above = edges.partition_point(|edge| *edge <= x).clamp(1, edges.len().max(2) - 1);
    Some((*edges.get(above - 1)?, *edges.get(above)?))
}

/// One kernel for each value, and the one for none.
fn kernels(values: &[f64]) -> Vec<Normal> {
    let count = values.len();
    let mut sorted: Vec<(f64, usize)> = values.iter().copied().zip(0..).collect();
    sorted.sort_unstable_by(|left, right| left.0.total_cmp(&right.0).then(left.1.cmp(&right.1)));
    let least = 1.0 / (exact_count(count as u64) + 2.0).min(100.0);
    let mut widths = vec![0.0; count];
    for (place, (value, at)) in sorted.iter().enumerate() {
        let left = place.checked_sub(1).map(|before| value - sorted[before].0);
        let right = sorted.get(place + 1).map(|(after, _)| after - value);
        let gap = match (left, right) {
            (Some(left), Some(right)) => left.max(right),
            (Some(gap), None) | (None, Some(gap)) => gap,
            (None, None) => value.max(1.0 - value),
        };
        widths[*at] = gap.clamp(least, 1.0);
    }
    let observed = values.iter().zip(&widths).map(|(mean, width)| Normal::new(*mean, *width));
    observed.chain([Normal::new(0.5, 1.0)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::draws::Use;

    #[test]
    fn widths_are_gaps_between_neighbours() {
        let widths: Vec<f64> = kernels(&[0.5, 0.1, 0.2]).iter().map(|k| k.deviation).collect();
        for (found, expected) in widths.iter().zip([0.3, 0.2, 0.3, 1.0]) {
            assert!((found - expected).abs() < 1e-12, "{widths:?}");
        }
        assert_eq!(kernels(&[0.3])[0].deviation, 0.7);
        assert_eq!(kernels(&[])[0].mean, 0.5);
    }

    /// The sum of the masses over all cells, and Riemann's sum of the density, are 1.
    #[test]
    fn densities_add_up_to_one() {
        let column = |edges: Vec<f64>| {
            Parzen::new(vec![Column::number(&[0.3, 0.31, 0.9], edges)], &[0.4, 0.1, 0.2, 0.3])
        };
        let smooth = column(vec![]);
        let sum: f64 = (0..10_000)
            .map(|n| smooth.log_density(&[(f64::from(n) + 0.5) / 10_000.0]).exp() / 10_000.0)
            .sum();
        assert!((sum - 1.0).abs() < 1e-4, "{sum}");
        let stepped = column(vec![0.0, 0.25, 0.5, 1.0]);
        let masses = [0.1, 0.4, 0.7].map(|x| stepped.log_density(&[x]).exp());
        assert!((masses.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{masses:?}");
        let mut draws = Draws::new(1, Use::Proposal, 1);
        let mut hits = [0.0; 3];
        for _ in 0..20_000 {
            let x = stepped.draw(&mut draws)[0];
            hits[[0.125, 0.375, 0.75].iter().position(|middle| *middle == x).unwrap()] +=
                1.0 / 20_000.0;
        }
        for (hit, mass) in hits.iter().zip(masses) {
            assert!((hit - mass).abs() < 0.01, "{hits:?} {masses:?}");
        }
    }

    #[test]
    fn levels_have_the_masses_of_the_reference() {
        let own = [Some(1), Some(0), None];
        // (1 + 1/3) / (1 + 3/3) and (1/3) / 2; the last is uniform.
        assert!((level_mass(&own, 0, 1, 3) - 2.0 / 3.0).abs() < 1e-15);
        assert!((level_mass(&own, 0, 2, 3) - 1.0 / 6.0).abs() < 1e-15);
        assert!((level_mass(&own, 2, 0, 3) - 1.0 / 3.0).abs() < 1e-15);
    }
}
