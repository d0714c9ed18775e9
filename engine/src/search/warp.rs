//! Losses on a scale that a regression can learn.

use super::goals::Score;
use super::scale::exact_count;
use crate::validation::normal_quantile;

/// Returns a value for each score, with mean 0 and deviation 1, in the order of the scores: less is better, equal
/// ones alike. All are 0 where none differs.
///
/// Losses have heavy tails, failed trials have none, and those that miss a limit stand behind all others. Where
/// exactly the worse half lies is of no use to a search, so only its order is kept: its values are those of a
/// normal sample of the size. The losses of the better half stay in proportion, joined to it (the half-rank
/// warping of Song et al. 2024, "The Vizier Gaussian process bandit algorithm"), as far as they ended in full
/// and keep the limits.
pub(super) fn warp(scores: &[&Score]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|left, right| scores[*left].order(scores[*right]));
    let normal = normal_scores(scores, &order);
    let clean = |at: &&usize| scores[**at].violation == 0.0 && scores[**at].reached == 1.0;
    let half = &order[..scores.len().div_ceil(2)];
    let kept: Vec<usize> = half.iter().take_while(clean).copied().collect();
    let mut values = normal.clone();
    if let Some(worst) = kept.last() {
        let lead = |at: &usize| scores[*worst].loss() - scores[*at].loss();
        let normal_lead = |at: &usize| normal[*worst] - normal[*at];
        let scale = root_mean_square(&kept, lead) / root_mean_square(&kept, normal_lead);
        if scale > 0.0 && scale.is_finite() {
            for at in &kept {
                values[*at] = normal[*worst] - lead(at) / scale;
            }
        }
    }
    standardise(&mut values);
    values
}

/// Quantiles of the normal distribution by rank, equal scores sharing their mean rank.
fn normal_scores(scores: &[&Score], order: &[usize]) -> Vec<f64> {
    let count = exact_count(order.len() as u64);
    let mut normal = vec![0.0; order.len()];
    let mut before = 0;
    for alike in order.chunk_by(|left, right| scores[*left].order(scores[*right]).is_eq()) {
        let middle = exact_count(before as u64) + 0.5 * exact_count(alike.len() as u64);
        for at in alike {
            normal[*at] = normal_quantile(middle / count);
        }
        before += alike.len();
    }
    normal
}

fn root_mean_square(places: &[usize], value: impl Fn(&usize) -> f64) -> f64 {
    let squares: f64 = places.iter().map(|at| value(at) * value(at)).sum();
    libm::sqrt(squares / exact_count(places.len() as u64))
}

fn standardise(values: &mut [f64]) {
    let count = exact_count(values.len() as u64);
    let mean = values.iter().sum::<f64>() / count;
    for value in values.iter_mut() {
        *value -= mean;
    }
    let deviation = libm::sqrt(values.iter().map(|value| value * value).sum::<f64>() / count);
    if deviation > 0.0 {
        for value in values {
            *value /= deviation;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(loss: f64) -> Score {
        Score { violation: 0.0, reached: 1.0, losses: vec![loss] }
    }

    fn warped(scores: &[Score]) -> Vec<f64> {
        warp(&scores.iter().collect::<Vec<_>>())
    }

    #[test]
    fn the_order_is_kept_and_the_moments_are_standard() {
        let mut scores: Vec<Score> =
            [5.0, -2.0, 1e300, 7.0, 5.0, 0.0, -1e6, 3.0].map(score).to_vec();
        scores.push(Score { violation: 0.1, ..score(-9.0) });
        scores.push(Score { reached: 0.5, ..score(-9.0) });
        scores.push(Score::failed(1));
        scores.push(Score::failed(1));
        let values = warped(&scores);
        for (score, value) in scores.iter().zip(&values) {
            for (other, another) in scores.iter().zip(&values) {
                assert_eq!(score.order(other), value.total_cmp(another), "{score:?} {other:?}");
            }
        }
        let count = exact_count(values.len() as u64);
        let mean = values.iter().sum::<f64>() / count;
        let square = values.iter().map(|value| value * value).sum::<f64>() / count;
        assert!(mean.abs() < 1e-12 && (square - 1.0).abs() < 1e-12);
    }

    #[test]
    fn the_better_half_is_in_proportion_and_tails_do_not_count() {
        let losses = [1.0, 1.5, 3.0, 4.0, 9.0, 30.0, 31.0];
        let values = warped(&losses.map(score));
        let step = (values[1] - values[0]) / 0.5;
        assert!((values[2] - values[1] - 1.5 * step).abs() < 1e-12);
        assert!((values[3] - values[2] - step).abs() < 1e-12);
        let wild = [1.0, 1.5, 3.0, 4.0, 1e6, 1e100, 1e300];
        assert_eq!(values, warped(&wild.map(score)));
        // Neither a unit nor an offset matters.
        let moved = warped(&losses.map(|loss| score(1e5 * loss - 7e3)));
        assert!(values.iter().zip(&moved).all(|(a, b)| (a - b).abs() < 1e-9));
    }

    #[test]
    fn what_does_not_differ_is_all_0() {
        assert_eq!(warped(&[1.0, 1.0, 1.0].map(score)), [0.0; 3]);
        assert_eq!(warped(&[score(4.0)]), [0.0]);
        assert_eq!(warped(&[Score::failed(1), Score::failed(1)]), [0.0; 2]);
        // Half of them alike, or failed: the others are still told apart.
        let values = warped(&[score(1.0), score(1.0), score(1.0), score(2.0), Score::failed(1)]);
        assert!(values[0] == values[2] && values[2] < values[3] && values[3] < values[4]);
    }
}
