//! Ranks and their correlation.

use super::scale::exact_count;

/// The rank of each value from 1, equal ones sharing their mean rank.
pub(super) fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|left, right| values[*left].total_cmp(&values[*right]));
    let mut ranks = vec![0.0; values.len()];
    let mut start = 0;
    while start < order.len() {
        let value = values[order[start]];
        let alike = order[start..].iter().take_while(|at| values[**at] == value).count().max(1);
        let mean = exact_count(start as u64) + f64::midpoint(exact_count(alike as u64), 1.0);
        for at in &order[start..start + alike] {
            ranks[*at] = mean;
        }
        start += alike;
    }
    ranks
}

/// Spearman's rank correlation of pairs; `None` for fewer than 2 or where one side never varies.
///
/// ```
/// # use barrow_engine::search::spearman;
/// let rho = spearman(&[(1.0, 2.0), (2.0, 4.0), (3.0, 3.0), (4.0, 9.0)]);
/// assert!((rho.unwrap() - 0.8).abs() < 1e-12);
/// ```
pub fn spearman(pairs: &[(f64, f64)]) -> Option<f64> {
    let (left, right): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
    let (left, right) = (ranks(&left), ranks(&right));
    let middle = f64::midpoint(exact_count(pairs.len() as u64), 1.0);
    let moment = |a: &[f64], b: &[f64]| -> f64 {
        a.iter().zip(b).map(|(a, b)| (a - middle) * (b - middle)).sum()
    };
    let scale = moment(&left, &left) * moment(&right, &right);
    let rho = moment(&left, &right) / libm::sqrt(scale);
    (scale > 0.0).then_some(rho.clamp(-1.0, 1.0))
}

/// Below so many deviations a standard normal lies with a probability of 95 %.
pub(super) const Z_95: f64 = 1.644_853_626_951_472_2;

/// The same for 99 %.
pub(super) const Z_99: f64 = 2.326_347_874_040_841;

/// The upper bound of a one-sided interval, `deviations` wide, of a rank correlation over `pairs` pairs,
/// of which there are at least 4: Fisher's transformation with the standard error
/// `sqrt(1.06 / (n - 3))` (Fieller, Hartley and Pearson 1957).
pub(super) fn upper_bound(rho: f64, pairs: usize, deviations: f64) -> f64 {
    let error = libm::sqrt(1.06 / (exact_count(pairs as u64) - 3.0));
    libm::tanh(libm::atanh(rho.clamp(-1.0, 1.0)) + deviations * error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_share_their_rank() {
        assert_eq!(ranks(&[3.0, 1.0, 3.0, 2.0]), [3.5, 1.0, 3.5, 2.0]);
        assert_eq!(ranks(&[]), [0.0; 0]);
    }

    /// By hand: the ranks are 1, 2.5, 2.5, 4, 5 and 5, 2, 4, 1, 3, the moments -6, 9.5 and 10.
    #[test]
    fn correlation_counts_ranks_alone() {
        let pairs = [(1.0, 1e9), (2.0, 5.0), (2.0, 7.0), (8.0, -3.0), (9.0, 6.0)];
        assert!((spearman(&pairs).unwrap() + 6.0 / 95.0_f64.sqrt()).abs() < 1e-12);
        assert_eq!(spearman(&[(1.0, 2.0), (1.0, 3.0)]), None);
        assert_eq!(spearman(&[]), None);
        assert_eq!(spearman(&[(1.0, 9.0), (2.0, 8.0), (3.0, 7.0)]), Some(-1.0));
    }

    #[test]
    fn the_bound_narrows_with_more_pairs() {
        assert_eq!(upper_bound(1.0, 12, Z_95), 1.0);
        assert!(upper_bound(-1.0, 12, Z_95) < -0.99);
        assert!(upper_bound(0.0, 12, Z_95) > 0.4 && upper_bound(0.0, 1000, Z_95) < 0.06);
    }
}
