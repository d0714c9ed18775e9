//! Several objectives: dominance, fronts, crowding, hypervolume.

use std::cmp::Ordering;

use super::ask::{Ask, Outcome};
use super::goals::{Goals, Score};

/// Returns the trials that no other dominates, by id: those that keep all limits and did not fail, or
/// nothing where there are none. Of trials with equal values all belong to the front.
pub fn pareto_front(trials: &[(Ask, Outcome)], goals: &Goals) -> Vec<u64> {
    let done: Vec<(u64, Score)> = trials
        .iter()
        .filter(|(_, outcome)| matches!(outcome, Outcome::Done { .. }))
        .filter_map(|(ask, outcome)| Some((ask.id, goals.score(outcome).ok()?)))
        .filter(|(_, score)| !score.is_failed() && score.violation == 0.0)
        .collect();
    let free = |(_, score): &&(u64, Score)| !done.iter().any(|(_, other)| other.dominates(score));
    let mut front: Vec<u64> = done.iter().filter(free).map(|(id, _)| *id).collect();
    front.sort_unstable();
    front
}

/// Returns the volume that `points` dominate up to `reference`, all values to be made small. Exact.
/// Points that are not better than the reference in every value count for nothing.
///
/// By slices along the last value (HSO, While et al. 2006): `O(n log n)` for two values, `O(n^2 log n)`
/// for three, a factor `n` more for each further one.
///
/// ```
/// # use barrow_engine::search::hypervolume;
/// let points = [vec![1.0, 2.0], vec![2.0, 1.0]];
/// assert_eq!(hypervolume(&points, &[3.0, 3.0]), 3.0);
/// ```
pub fn hypervolume(points: &[Vec<f64>], reference: &[f64]) -> f64 {
    let inside = |point: &&Vec<f64>| {
        point.len() == reference.len() && point.iter().zip(reference).all(|(x, end)| x < end)
    };
    let points: Vec<&[f64]> = points.iter().filter(inside).map(Vec::as_slice).collect();
    volume(points, reference)
}

fn volume(mut points: Vec<&[f64]>, reference: &[f64]) -> f64 {
    let Some((end, rest)) = reference.split_last() else { return 0.0 };
    let last = rest.len();
    if last == 0 {
        let least = points.iter().map(|point| point[0]).fold(*end, f64::min);
        return end - least;
    }
    points.sort_by(|left, right| left[last].total_cmp(&right[last]));
    if last == 1 {
        return area(&points, (reference[0], *end));
    }
    let mut sum = 0.0;
    for (at, point) in points.iter().enumerate() {
        let next = points.get(at + 1).map_or(*end, |next| next[last]);
        if next > point[last] {
            let slice = points[..=at].iter().map(|point| &point[..last]).collect();
            sum += (next - point[last]) * volume(slice, rest);
        }
    }
    sum
}

/// Two values, sorted by the second.
fn area(points: &[&[f64]], (end, top): (f64, f64)) -> f64 {
    let mut least = end;
    let mut sum = 0.0;
    for point in points {
        if point[0] < least {
            sum += (least - point[0]) * (top - point[1]);
            least = point[0];
        }
    }
    sum
}

/// Places of the scores, the best front first (Deb et al., "A fast and elitist multiobjective genetic
/// algorithm: NSGA-II", 2002).
pub(super) fn fronts(scores: &[&Score]) -> Vec<Vec<usize>> {
    let mut dominated_by: Vec<usize> = scores
        .iter()
        .map(|score| scores.iter().filter(|other| other.dominates(score)).count())
        .collect();
    let mut left: Vec<usize> = (0..scores.len()).collect();
    let mut fronts = Vec::new();
    while !left.is_empty() {
        let (front, rest): (Vec<usize>, Vec<usize>) =
            left.iter().partition(|at| dominated_by[**at] == 0);
        if front.is_empty() {
            // Dominance has no circles; this only keeps the loop finite.
            fronts.push(rest);
            break;
        }
        for at in &rest {
            let beaten = front.iter().filter(|by| scores[**by].dominates(scores[*at])).count();
            dominated_by[*at] -= beaten;
        }
        fronts.push(front);
        left = rest;
    }
    fronts
}

/// How far the neighbours of each member of a front are, the ends infinitely far.
pub(super) fn crowding(front: &[usize], scores: &[&Score]) -> Vec<f64> {
    let mut distances = vec![0.0; front.len()];
    let objectives = front.first().map_or(0, |at| scores[*at].losses.len());
    for objective in 0..objectives {
        let loss = |place: usize| scores[front[place]].losses[objective];
        let mut order: Vec<usize> = (0..front.len()).collect();
        order.sort_by(|left, right| loss(*left).total_cmp(&loss(*right)).then(left.cmp(right)));
        let (Some(first), Some(last)) = (order.first(), order.last()) else { continue };
        let range = loss(*last) - loss(*first);
        distances[*first] = f64::INFINITY;
        distances[*last] = f64::INFINITY;
        for three in order.windows(3).filter(|_| range > 0.0 && range.is_finite()) {
            distances[three[1]] += (loss(three[2]) - loss(three[0])) / range;
        }
    }
    distances
}

/// The best `count` places: whole fronts first, then the least crowded of the next.
pub(super) fn select(scores: &[&Score], count: usize) -> Vec<usize> {
    let mut chosen = Vec::new();
    for front in fronts(scores) {
        let free = count - chosen.len();
        if front.len() <= free {
            chosen.extend(front);
            continue;
        }
        let distances = crowding(&front, scores);
        let mut order: Vec<usize> = (0..front.len()).collect();
        order.sort_by(|left, right| {
            let wider: Ordering = distances[*right].total_cmp(&distances[*left]);
            wider.then(left.cmp(right))
        });
        chosen.extend(order.into_iter().take(free).map(|place| front[place]));
        break;
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::draws::{Draws, Use};

    fn score(losses: &[f64]) -> Score {
        Score { violation: 0.0, reached: 1.0, losses: losses.to_vec() }
    }

    /// Against inclusion and exclusion over all subsets.
    #[test]
    fn hypervolume_is_exact() {
        let mut draws = Draws::new(5, Use::Breed, 0);
        for case in 0..300_usize {
            let (count, values) = (1 + case % 7, 1 + case % 4);
            let points: Vec<Vec<f64>> = (0..count)
                .map(|_| (0..values).map(|_| (draws.unit() * 5.0).floor()).collect())
                .collect();
            let reference = vec![4.0; values];
            let mut expected = 0.0;
            for subset in 1..1_u32 << count {
                let of: Vec<&Vec<f64>> =
                    (0..count).filter(|at| subset >> at & 1 == 1).map(|at| &points[at]).collect();
                let side = |value: usize| {
                    let most = of.iter().map(|point| point[value]).fold(0.0, f64::max);
                    (4.0 - most).max(0.0)
                };
                let shared: f64 = (0..values).map(side).product();
                expected += if of.len() % 2 == 1 { shared } else { -shared };
            }
            let found = hypervolume(&points, &reference);
            assert!((found - expected).abs() < 1e-9, "{points:?}: {found} {expected}");
        }
        assert_eq!(hypervolume(&[], &[1.0, 1.0]), 0.0);
        assert_eq!(hypervolume(&[vec![2.0, 0.0]], &[1.0, 1.0]), 0.0);
    }

    #[test]
    fn fronts_peel_off_one_after_the_other() {
        let scores =
            [[1.0, 5.0], [5.0, 1.0], [3.0, 3.0], [4.0, 4.0], [6.0, 6.0]].map(|s| score(&s));
        let scores: Vec<&Score> = scores.iter().collect();
        assert_eq!(fronts(&scores), [vec![0, 1, 2], vec![3], vec![4]]);
        let distances = crowding(&[0, 1, 2], &scores);
        assert_eq!(distances, [f64::INFINITY, f64::INFINITY, 2.0]);
        assert_eq!(select(&scores, 4), [0, 1, 2, 3]);
        assert_eq!(select(&scores, 2), [0, 1]);
    }
}
