//! Which parameters matter.

use serde::Serialize;

use super::forest::{Tree, grow};
use super::scale::exact_count;
use super::space::Space;
use crate::params::Params;

/// How much of the variation of results a parameter explains alone.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Importance {
    /// The parameter.
    pub param: String,
    /// Its share of the variance over the whole space, 0 to 1. The shares of all parameters and of
    /// what they do together add up to 1.
    pub share: f64,
    /// The standard deviation of the share over the trees.
    pub deviation: f64,
}

/// Trees of the forest.
const TREES: u64 = 64;

/// Fewer results say nothing.
const RESULTS_MIN: usize = 8;

/// Returns the importance of each parameter that varies, the greatest first; nothing for fewer than 8
/// results, or where all are equal. Results that are not finite are left out.
///
/// Functional analysis of variance over a random forest (Hutter, Hoos and Leyton-Brown, "An efficient
/// approach for assessing hyperparameter importance", 2014): each tree is a function that is constant
/// on boxes, so the variance that a parameter explains when the others are averaged out is computed
/// exactly. Results count by their rank, so that a few extreme ones do not decide. A parameter that is
/// inactive in a point stands there at its middle.
///
/// Costs about `64 n log n` steps a parameter.
pub fn importance(space: &Space, results: &[(Params, f64)], seed: u64) -> Vec<Importance> {
    let finite: Vec<&(Params, f64)> =
        results.iter().filter(|(_, value)| value.is_finite()).collect();
    let raw: Vec<f64> = finite.iter().map(|(_, value)| *value).collect();
    let points: Vec<Vec<f64>> = finite.iter().map(|(params, _)| cube(space, params)).collect();
    if points.len() < RESULTS_MIN || space.dims().is_empty() {
        return Vec::new();
    }
    let values = super::rank::ranks(&raw);
    let shares: Vec<Vec<f64>> =
        grow(&points, &values, TREES, seed).iter().filter_map(shares_of).collect();
    if shares.is_empty() {
        return Vec::new();
    }
    let count = exact_count(shares.len() as u64);
    let of = |(at, dim): (usize, &super::space::Dim)| {
        let mean = shares.iter().map(|all| all[at]).sum::<f64>() / count;
        let square = |all: &Vec<f64>| (all[at] - mean) * (all[at] - mean);
        let variance = shares.iter().map(square).sum::<f64>() / count;
        let param = space.axes()[dim.axis].name().to_owned();
        Importance { param, share: mean, deviation: libm::sqrt(variance) }
    };
    let mut all: Vec<Importance> = space.dims().iter().enumerate().map(of).collect();
    all.sort_by(|left, right| right.share.total_cmp(&left.share));
    all
}

/// A point of the unit cube: levels side by side in equal shares.
pub(super) fn cube(space: &Space, params: &Params) -> Vec<f64> {
    let vector = space.encode(params);
    let coordinate = |(x, dim): (f64, &super::space::Dim)| match dim.levels {
        _ if x.is_nan() => 0.5,
        Some(levels) => (x + 0.5) / exact_count(levels as u64),
        None => x,
    };
    vector.into_iter().zip(space.dims()).map(coordinate).collect()
}

/// The share of a tree's variance that each coordinate explains alone; `None` for a tree of one leaf.
fn shares_of(tree: &Tree) -> Option<Vec<f64>> {
    let volumes: Vec<f64> = tree.leaves.iter().map(super::forest::Leaf::volume).collect();
    let weighted = |power: fn(f64) -> f64| -> f64 {
        tree.leaves.iter().zip(&volumes).map(|(leaf, volume)| volume * power(leaf.mean)).sum()
    };
    let mean = weighted(|x| x);
    let variance = weighted(|x| x * x) - mean * mean;
    if variance <= 1e-12 * mean * mean {
        return None;
    }
    let dims = tree.leaves.first()?.sides.len();
    Some((0..dims).map(|dim| marginal(tree, &volumes, dim, mean) / variance).collect())
}

/// The variance of the tree's mean along one coordinate, the others averaged out.
fn marginal(tree: &Tree, volumes: &[f64], dim: usize, mean: f64) -> f64 {
    let mut cuts: Vec<f64> = tree.leaves.iter().map(|leaf| leaf.sides[dim].0).collect();
    cuts.push(1.0);
    cuts.sort_by(f64::total_cmp);
    cuts.dedup();
    let mut sums = vec![0.0; cuts.len() - 1];
    for (leaf, volume) in tree.leaves.iter().zip(volumes) {
        let (low, high) = leaf.sides[dim];
        // The leaf's extent over the other coordinates.
        let others = volume / (high - low);
        let first = cuts.partition_point(|cut| *cut < low);
        for (sum, _) in
            sums[first..].iter_mut().zip(&cuts[first..]).take_while(|(_, cut)| **cut < high)
        {
            *sum += others * leaf.mean;
        }
    }
    let piece = |(sum, ends): (&f64, &[f64])| (ends[1] - ends[0]) * (sum - mean) * (sum - mean);
    sums.iter().zip(cuts.windows(2)).map(piece).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::draws::{Draws, Use};
    use crate::search::sequence::uniform;

    fn results(space: &Space, count: u64, value: impl Fn(&Params) -> f64) -> Vec<(Params, f64)> {
        (0..count)
            .map(|at| {
                let params = uniform(space, &mut Draws::new(1, Use::Uniform, at)).unwrap();
                let value = value(&params);
                (params, value)
            })
            .collect()
    }

    fn number(params: &Params, name: &str) -> f64 {
        params.get(name).unwrap().as_f64().unwrap()
    }

    /// `3 a + b`: the variances are 9 to 1, and ranks hardly change them.
    #[test]
    fn shares_are_those_of_the_variances() {
        let space =
            Space::parse(["a=real(0..1)", "b=real(0..1)", "c=real(0..1)", "k=x,y,z"]).unwrap();
        let results =
            results(&space, 500, |params| 3.0 * number(params, "a") + number(params, "b"));
        let found = importance(&space, &results, 7);
        let names: Vec<&str> = found.iter().map(|i| i.param.as_str()).collect();
        assert_eq!(names[..2], ["a", "b"]);
        assert!((found[0].share - 0.9).abs() < 0.05, "{found:?}");
        assert!((found[1].share - 0.1).abs() < 0.04, "{found:?}");
        assert!(found[2].share < 0.01 && found[3].share < 0.01, "{found:?}");
        assert_eq!(found, importance(&space, &results, 7));
    }

    /// A product of signs has no effect of one parameter alone.
    #[test]
    fn what_parameters_do_together_is_nobodys_share() {
        let space = Space::parse(["a=real(-1..1)", "b=real(-1..1)"]).unwrap();
        let results = results(&space, 800, |params| number(params, "a") * number(params, "b"));
        let sum: f64 = importance(&space, &results, 7).iter().map(|i| i.share).sum();
        assert!(sum < 0.25, "{sum}");
    }

    #[test]
    fn too_little_says_nothing() {
        let space = Space::parse(["a=real(0..1)"]).unwrap();
        assert!(importance(&space, &results(&space, 7, |p| number(p, "a")), 1).is_empty());
        assert!(importance(&space, &results(&space, 50, |_| 3.0), 1).is_empty());
        assert!(importance(&space, &results(&space, 50, |_| f64::NAN), 1).is_empty());
    }
}
