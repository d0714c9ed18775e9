//! What a p-value is worth after many tests.

use super::{normal_cdf, normal_quantile, number};

/// P-values adjusted for the number of tests, each list in the order of the input.
///
/// Source: Harvey and Liu (2015), "Backtesting"; Holm (1979); Sidak (1967); Benjamini and Hochberg
/// (1995); Benjamini and Yekutieli (2001).
#[derive(Debug, Clone, PartialEq)]
pub struct Adjusted {
    /// Two-sided p-value of each Sharpe ratio alone, `2 (1 - Phi(|SR| sqrt(T)))`.
    pub single: Vec<f64>,
    /// `min(1, N p)`.
    pub bonferroni: Vec<f64>,
    /// Step-down of the same; family-wise error.
    pub holm: Vec<f64>,
    /// `1 - (1 - p)^N`; for independent tests.
    pub sidak: Vec<f64>,
    /// False discovery rate, independent or positively dependent tests.
    pub benjamini_hochberg: Vec<f64>,
    /// False discovery rate under any dependence: the former times `sum of 1/i`.
    pub benjamini_yekutieli: Vec<f64>,
}

impl Adjusted {
    /// Returns the per-period Sharpe ratio that alone would have the p-value `p` over `periods`.
    pub fn sharpe_at(p: f64, periods: usize) -> f64 {
        normal_quantile(1.0 - p / 2.0) / number(periods).sqrt()
    }
}

/// Adjusts the p-values of per-period Sharpe ratios, each over `periods` returns.
pub fn haircut(sharpes: &[f64], periods: usize) -> Adjusted {
    let root = number(periods).sqrt();
    // The tail itself rather than one minus the rest, which would lose all digits of a small one.
    let single: Vec<f64> = sharpes.iter().map(|sr| 2.0 * normal_cdf(-sr.abs() * root)).collect();
    let tests = number(single.len());
    let mut order: Vec<usize> = (0..single.len()).collect();
    order.sort_by(|a, b| single[*a].total_cmp(&single[*b]));
    let mut holm = vec![0.0; single.len()];
    let mut highest = 0.0_f64;
    for (place, at) in order.iter().enumerate() {
        highest = highest.max((tests - number(place)) * single[*at]).min(1.0);
        holm[*at] = highest;
    }
    let step_up = |factor: f64| {
        let mut adjusted = vec![0.0; single.len()];
        let mut lowest = 1.0_f64;
        for (place, at) in order.iter().enumerate().rev() {
            lowest = lowest.min(factor * tests / number(place + 1) * single[*at]);
            adjusted[*at] = lowest;
        }
        adjusted
    };
    let harmonic = (1..=single.len()).map(|i| 1.0 / number(i)).sum();
    Adjusted {
        bonferroni: single.iter().map(|p| (p * tests).min(1.0)).collect(),
        sidak: single.iter().map(|p| -f64::exp_m1(tests * f64::ln_1p(-p))).collect(),
        benjamini_hochberg: step_up(1.0),
        benjamini_yekutieli: step_up(harmonic),
        holm,
        single,
    }
}
