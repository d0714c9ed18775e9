//! Whether fits hold from one fold to the next.

use super::{needs, number};
use crate::Error;

/// What one fold of a walk-forward says.
#[derive(Debug, Clone, PartialEq)]
pub struct FoldScore {
    /// Annualised metric on the stretch that was fitted on, higher being better.
    pub inside: f64,
    /// The same on the stretch that was judged.
    pub outside: f64,
    /// Whether the stretch that was judged made a profit.
    pub profitable: bool,
    /// The chosen parameters in the unit cube of the space; `Err` for a category, by its number.
    pub chosen: Vec<Result<f64, usize>>,
}

/// How well the choices of a walk-forward hold. No figure depends on the unit or the sign of a
/// parameter or of a metric.
#[derive(Debug, Clone, PartialEq)]
pub struct Stability {
    /// `mean(outside) / mean(inside)`; `None` unless `mean(inside)` is above zero, where the quotient
    /// would say the opposite of what it means.
    pub efficiency: Option<f64>,
    /// Share of the folds with a profit out of sample.
    pub profitable: f64,
    /// For each parameter, the mean absolute change from fold to fold as a share of its range; for a
    /// category the share of changes. Empty for fewer than two folds.
    pub drift: Vec<f64>,
}

impl Stability {
    /// Sums up the folds in their order.
    ///
    /// # Errors
    /// [`Error::Statistic`] without a fold, for a score that is not finite, or when the folds differ
    /// in their parameters.
    pub fn of(folds: &[FoldScore]) -> Result<Stability, Error> {
        const NAME: &str = "the stability over folds";
        needs(!folds.is_empty(), NAME, "at least one fold", 0)?;
        let odd = folds.iter().find(|fold| !fold.inside.is_finite() || !fold.outside.is_finite());
        needs(odd.is_none(), NAME, "finite scores", odd.map_or(0.0, |fold| fold.inside))?;
        let parameters = folds[0].chosen.len();
        let odd = folds.iter().find(|fold| fold.chosen.len() != parameters);
        needs(odd.is_none(), NAME, "the same parameters in all folds", parameters)?;
        let n = number(folds.len());
        let inside = folds.iter().map(|fold| fold.inside).sum::<f64>() / n;
        let outside = folds.iter().map(|fold| fold.outside).sum::<f64>() / n;
        let change = |parameter: usize, pair: &[FoldScore]| match (
            pair[0].chosen[parameter],
            pair[1].chosen[parameter],
        ) {
            (Ok(before), Ok(after)) => (after - before).abs(),
            (before, after) => f64::from(u8::from(before != after)),
        };
        let drift = |parameter| {
            let changes = folds.windows(2).map(|pair| change(parameter, pair));
            changes.sum::<f64>() / (n - 1.0)
        };
        let parameters = if folds.len() < 2 { 0 } else { parameters };
        Ok(Stability {
            efficiency: (inside > 0.0).then(|| outside / inside),
            profitable: number(folds.iter().filter(|fold| fold.profitable).count()) / n,
            drift: (0..parameters).map(drift).collect(),
        })
    }
}

/// Returns Spearman's rank correlation; ties have their average rank. `None` for fewer than two
/// pairs or a side that does not vary. NaN ranks above all.
///
/// # Panics
/// When the sides differ in length.
pub fn spearman(a: &[f64], b: &[f64]) -> Option<f64> {
    assert_eq!(a.len(), b.len(), "each value has its partner");
    if a.len() < 2 {
        return None;
    }
    let (a, b) = (ranks(a), ranks(b));
    let centre = f64::midpoint(number(a.len()), 1.0);
    let product = |a: &[f64], b: &[f64]| {
        a.iter().zip(b).map(|(a, b)| (a - centre) * (b - centre)).sum::<f64>()
    };
    let scale = (product(&a, &a) * product(&b, &b)).sqrt();
    (scale > 0.0).then(|| product(&a, &b) / scale)
}

/// The rank of each value, from 1; equal values share their average.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    let mut first = 0;
    while first < order.len() {
        let value = values[order[first]];
        let equal = order[first..].iter().take_while(|at| values[**at] == value).count().max(1);
        let shared = number(first) + f64::midpoint(number(equal), 1.0);
        for at in &order[first..first + equal] {
            ranks[*at] = shared;
        }
        first += equal;
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fold(inside: f64, outside: f64, chosen: &[Result<f64, usize>]) -> FoldScore {
        FoldScore { inside, outside, profitable: outside > 0.0, chosen: chosen.to_vec() }
    }

    #[test]
    fn signs_do_not_turn_bad_into_good() {
        // A parameter of negative values that jumps about: a quotient of deviation and mean would
        // call it stable. In the unit cube its sign is gone.
        let folds = [
            fold(2.0, 1.0, &[Ok(0.0), Err(1)]),
            fold(1.0, -0.5, &[Ok(1.0), Err(1)]),
            fold(3.0, 1.0, &[Ok(0.25), Err(2)]),
        ];
        let stability = Stability::of(&folds).unwrap();
        assert_eq!(stability.efficiency, Some(0.25));
        assert_eq!(stability.drift, [0.875, 0.5]);
        assert!((stability.profitable - 2.0 / 3.0).abs() < 1e-15);
        // Bad inside and worse outside is no efficiency of 2.
        let bad = [fold(-1.0, -2.0, &[])];
        assert_eq!(Stability::of(&bad).unwrap().efficiency, None);
        assert!(Stability::of(&[]).is_err());
        assert!(Stability::of(&[fold(f64::NAN, 1.0, &[])]).is_err());
    }

    #[test]
    fn ranks_correlate_by_order_alone() {
        assert_eq!(spearman(&[1.0, 2.0, 3.0], &[10.0, 400.0, 5e9]), Some(1.0));
        assert_eq!(spearman(&[1.0, 2.0, 3.0], &[3.0, 2.0, 1.0]), Some(-1.0));
        assert_eq!(spearman(&[1.0, 1.0], &[1.0, 2.0]), None);
        // Ranks 1, 2.5, 2.5, 4 and 1, 3, 2, 4: covariance 4.5 over sqrt(4.5 x 5).
        let rho = spearman(&[1.0, 2.0, 2.0, 3.0], &[1.0, 3.0, 2.0, 4.0]).unwrap();
        assert!((rho - 4.5 / 22.5_f64.sqrt()).abs() < 1e-15);
    }
}
