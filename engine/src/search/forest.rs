//! A forest of regression trees over the unit cube: what parameter importance is computed from.

use super::draws::{Draws, Use};
use super::scale::exact_count;

/// A leaf has at least this many samples to be split.
const SAMPLES_TO_SPLIT: usize = 4;

/// No tree is deeper.
const DEPTH_MAX: usize = 24;

/// One tree, as the boxes of its leaves.
#[derive(Debug, Clone)]
pub(super) struct Tree {
    pub(super) leaves: Vec<Leaf>,
}

/// A box and the mean of the samples in it.
#[derive(Debug, Clone)]
pub(super) struct Leaf {
    /// Lower and upper end of each coordinate.
    pub(super) sides: Vec<(f64, f64)>,
    pub(super) mean: f64,
}

impl Leaf {
    pub(super) fn volume(&self) -> f64 {
        self.sides.iter().map(|(low, high)| high - low).product()
    }
}

/// Grows `trees` trees, each from as many samples as there are, drawn with replacement. At each node
/// the best split (least squares) of a random five sixths of the coordinates, at least one, is taken,
/// half-way between two samples.
pub(super) fn grow(points: &[Vec<f64>], values: &[f64], trees: u64, seed: u64) -> Vec<Tree> {
    let dims = points.first().map_or(0, Vec::len);
    let tree = |number: u64| {
        let mut draws = Draws::new(seed, Use::Forest, number);
        let samples: Vec<usize> = (0..points.len()).map(|_| draws.below(points.len())).collect();
        let mut tree = Tree { leaves: Vec::new() };
        let mut open = vec![(samples, vec![(0.0, 1.0); dims], 0)];
        while let Some((samples, sides, depth)) = open.pop() {
            match best_split(&samples, points, values, depth, &mut draws) {
                None => tree.leaves.push(Leaf { sides, mean: mean(&samples, values) }),
                Some((dim, cut)) => {
                    let (left, right): (Vec<usize>, Vec<usize>) =
                        samples.iter().partition(|at| points[**at][dim] <= cut);
                    let (mut lower, mut upper) = (sides.clone(), sides);
                    lower[dim].1 = cut;
                    upper[dim].0 = cut;
                    open.push((right, upper, depth + 1));
                    open.push((left, lower, depth + 1));
                }
            }
        }
        tree
    };
    (0..trees).map(tree).collect()
}

fn mean(samples: &[usize], values: &[f64]) -> f64 {
    let sum: f64 = samples.iter().map(|at| values[*at]).sum();
    sum / exact_count(samples.len().max(1) as u64)
}

/// Coordinate and cut with the least squares left; `None` where nothing is to be gained.
fn best_split(
    samples: &[usize],
    points: &[Vec<f64>],
    values: &[f64],
    depth: usize,
    draws: &mut Draws,
) -> Option<(usize, f64)> {
    if samples.len() < SAMPLES_TO_SPLIT || depth >= DEPTH_MAX {
        return None;
    }
    let mut dims: Vec<usize> = (0..points.first()?.len()).collect();
    draws.shuffle(&mut dims);
    dims.truncate((dims.len() * 5).div_ceil(6).max(1));
    dims.sort_unstable();
    let total: f64 = samples.iter().map(|at| values[*at]).sum();
    let count = exact_count(samples.len() as u64);
    // The squares left are the same less this: sum^2 / n on both sides.
    let mut best = (total * total / count * (1.0 + 1e-12) + 1e-300, None);
    for dim in dims {
        let mut order = samples.to_vec();
        order.sort_by(|left, right| points[*left][dim].total_cmp(&points[*right][dim]));
        let mut sum = 0.0;
        for (place, pair) in order.windows(2).enumerate() {
            sum += values[pair[0]];
            let (here, next) = (points[pair[0]][dim], points[pair[1]][dim]);
            if here == next {
                continue;
            }
            let left = exact_count(place as u64 + 1);
            let explained = sum * sum / left + (total - sum) * (total - sum) / (count - left);
            if explained > best.0 {
                best = (explained, Some((dim, 0.5 * (here + next))));
            }
        }
    }
    best.1
}
