//! A product kernel density over mixed coordinates, as BOHB uses it.

use super::scale::exact_count;
use super::space::Dim;

/// The least bandwidth.
const BANDWIDTH_MIN: f64 = 1e-3;

/// A density estimated from rows without gaps.
///
/// `p(x) = 1/n sum_i prod_j K_j(x_j, X_ij)`, with a Gaussian kernel (not truncated) for a scale and
/// Aitchison and Aitken's for levels; bandwidths by the normal reference rule
/// `1.06 sd n^(-1/(4+d))` over all `d` coordinates, at least 0.001. Other than in statsmodels, the
/// number of levels is the declared one, and the bandwidth of levels at most `(c-1)/c`, where the
/// kernel is uniform.
#[derive(Debug, Clone)]
pub(super) struct Kde {
    rows: Vec<Vec<f64>>,
    /// The same values by coordinate, those of Gaussian kernels divided by their bandwidth.
    columns: Vec<Vec<f64>>,
    coordinates: Vec<Coordinate>,
    /// What each row weighs: `1/n` and the factors of the Gaussian kernels.
    weight: f64,
    /// Rows whose exponent is this much below the largest add nothing that an `f64` would show.
    cutoff: f64,
}

#[derive(Debug, Clone, Copy)]
struct Coordinate {
    bandwidth: f64,
    kernel: Kernel,
}

#[derive(Debug, Clone, Copy)]
enum Kernel {
    /// One over the bandwidth.
    Gaussian(f64),
    /// Weights of the row's level and of each other.
    Levels(f64, f64),
}

impl Kde {
    /// Fits the bandwidths to `rows`, of which there is at least one, each with a value for each of
    /// `dims`.
    pub(super) fn fit(rows: Vec<Vec<f64>>, dims: &[Dim]) -> Kde {
        let count = exact_count(rows.len() as u64);
        let shrink = libm::pow(count, -1.0 / (4.0 + exact_count(dims.len() as u64)));
        let mut weight = 1.0 / count;
        let mut coordinate = |(at, dim): (usize, &Dim)| {
            let bandwidth = (1.06 * deviation(&rows, at) * shrink).max(BANDWIDTH_MIN);
            match dim.levels {
                None => {
                    weight /= libm::sqrt(std::f64::consts::TAU) * bandwidth;
                    Coordinate { bandwidth, kernel: Kernel::Gaussian(1.0 / bandwidth) }
                }
                Some(levels) => {
                    let others = exact_count(levels as u64) - 1.0;
                    let bandwidth = bandwidth.min(others / (others + 1.0));
                    let kernel = Kernel::Levels(1.0 - bandwidth, bandwidth / others);
                    Coordinate { bandwidth, kernel }
                }
            }
        };
        let coordinates: Vec<Coordinate> = dims.iter().enumerate().map(&mut coordinate).collect();
        let column = |(at, coordinate): (usize, &Coordinate)| {
            let unit = match coordinate.kernel {
                Kernel::Gaussian(inverse) => inverse,
                Kernel::Levels(..) => 1.0,
            };
            rows.iter().map(|row| row[at] * unit).collect()
        };
        let columns = coordinates.iter().enumerate().map(column).collect();
        // Weights of levels lie between 1 and 1e-3 over their number.
        let levels = coordinates.iter().filter(|c| matches!(c.kernel, Kernel::Levels(..))).count();
        let cutoff = 60.0 + 16.0 * exact_count(levels as u64);
        Kde { rows, columns, coordinates, weight, cutoff }
    }

    /// Returns the density at a point without gaps. Costs a few operations a coordinate for each row,
    /// and an exponential for each that counts.
    pub(super) fn density(&self, point: &[f64]) -> f64 {
        self.density_within(point, f64::INFINITY).unwrap_or(f64::INFINITY)
    }

    /// As [`density`](Kde::density), or `None` as soon as what was added up shows that it is more than `limit`.
    pub(super) fn density_within(&self, point: &[f64], limit: f64) -> Option<f64> {
        let mut squares = vec![0.0; self.rows.len()];
        let mut weights = vec![1.0; self.rows.len()];
        for ((x, column), coordinate) in point.iter().zip(&self.columns).zip(&self.coordinates) {
            match coordinate.kernel {
                Kernel::Gaussian(inverse) => {
                    let x = x * inverse;
                    for (square, center) in squares.iter_mut().zip(column) {
                        *square += (x - center) * (x - center);
                    }
                }
                Kernel::Levels(same, other) => {
                    for (weight, level) in weights.iter_mut().zip(column) {
                        *weight *= if x == level { same } else { other };
                    }
                }
            }
        }
        let end = squares.iter().copied().fold(f64::INFINITY, f64::min) + 2.0 * self.cutoff;
        let mut sum = 0.0;
        for (square, weight) in squares.iter().zip(&weights).filter(|(square, _)| **square <= end) {
            sum += weight * libm::exp(-0.5 * square);
            // No term is negative: the sum only grows.
            if sum * self.weight > limit {
                return None;
            }
        }
        Some(sum * self.weight)
    }

    pub(super) fn rows(&self) -> &[Vec<f64>] {
        &self.rows
    }

    pub(super) fn bandwidth(&self, at: usize) -> f64 {
        self.coordinates[at].bandwidth
    }
}

/// The population standard deviation of one coordinate.
fn deviation(rows: &[Vec<f64>], at: usize) -> f64 {
    let count = exact_count(rows.len() as u64);
    let mean = rows.iter().map(|row| row[at]).sum::<f64>() / count;
    let squares: f64 = rows.iter().map(|row| (row[at] - mean) * (row[at] - mean)).sum();
    libm::sqrt(squares / count)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Densities of statsmodels, corrected where its categorical kernel is at fault.
    #[test]
    fn densities_are_those_of_the_reference() {
        let vectors: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/vectors/bohb.json")).unwrap();
        let table = |value: &serde_json::Value| -> Vec<Vec<f64>> {
            serde_json::from_value(value.clone()).unwrap()
        };
        let list = |value: &serde_json::Value| -> Vec<f64> {
            serde_json::from_value(value.clone()).unwrap()
        };
        for case in vectors["kde"].as_array().unwrap() {
            let declared = usize::try_from(case["levels_if_u"].as_u64().unwrap()).unwrap();
            let kinds = case["var_types"].as_str().unwrap();
            let dims: Vec<Dim> = kinds
                .chars()
                .enumerate()
                .map(|(axis, kind)| Dim { axis, levels: (kind == 'u').then_some(declared) })
                .collect();
            let kde = Kde::fit(table(&case["data"]), &dims);
            for (at, expected) in list(&case["bw_clipped"]).into_iter().enumerate() {
                let levels = exact_count(declared as u64);
                let cap =
                    if dims[at].levels.is_some() { (levels - 1.0) / levels } else { f64::MAX };
                let found = kde.bandwidth(at);
                assert!((found - expected.min(cap)).abs() < 1e-14, "{kinds} {at}: {found}");
            }
            let points = table(&case["points"]).into_iter().zip(list(&case["pdf_recommended"]));
            for (point, expected) in points {
                let found = kde.density(&point);
                assert!(
                    (found - expected).abs() <= 1e-12 * expected,
                    "{kinds}: {found} {expected}"
                );
            }
        }
    }
}
