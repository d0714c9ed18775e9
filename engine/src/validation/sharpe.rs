//! The Sharpe ratio as an estimate: how sure it is, and after how many trials.

use super::{mean, needs, normal_cdf, normal_quantile, number};
use crate::Error;

/// The constant of Euler and Mascheroni.
const EULER: f64 = 0.577_215_664_901_532_9;

/// What the distribution of a Sharpe ratio depends on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moments {
    /// Number of returns.
    pub periods: usize,
    /// `mean / sd` per period, `sd` with `T - 1` in the denominator.
    pub sharpe: f64,
    /// Third standardised moment of the population; 0 for a normal distribution.
    pub skewness: f64,
    /// Fourth standardised moment of the population; 3 for a normal distribution.
    pub kurtosis: f64,
}

impl Moments {
    /// Computes the moments of returns.
    ///
    /// # Errors
    /// [`Error::Statistic`] for fewer than two returns or returns that do not vary.
    pub fn of(returns: &[f64]) -> Result<Moments, Error> {
        needs(returns.len() >= 2, "a Sharpe ratio", "at least two returns", returns.len())?;
        let n = number(returns.len());
        let centre = mean(returns);
        let moment = |power: i32| returns.iter().map(|r| (r - centre).powi(power)).sum::<f64>() / n;
        let variance = moment(2);
        // Of equal returns rounding would leave a variance just above zero.
        let varies = returns.iter().any(|r| *r != returns[0]) && variance > 0.0;
        needs(varies, "a Sharpe ratio", "returns that vary", returns[0])?;
        Ok(Moments {
            periods: returns.len(),
            sharpe: centre / (variance * n / (n - 1.0)).sqrt(),
            skewness: moment(3) / variance.powf(1.5),
            kurtosis: moment(4) / (variance * variance),
        })
    }

    /// Returns the probability that the true Sharpe ratio exceeds `benchmark` (both per period).
    /// NaN when the moments make its variance negative.
    ///
    /// `Phi((SR - SR*) sqrt(T - 1) / sqrt(1 - g3 SR + (g4 - 1) / 4 SR^2))`. Source: Bailey and Lopez
    /// de Prado (2012), "The Sharpe ratio efficient frontier".
    pub fn probabilistic_sharpe(&self, benchmark: f64) -> f64 {
        let spread = self.variance_at(self.sharpe).sqrt();
        normal_cdf((self.sharpe - benchmark) * (number(self.periods) - 1.0).sqrt() / spread)
    }

    /// Returns the same with the variance under the null hypothesis, at `benchmark`, and `T` in the
    /// place of `T - 1`: the form of Lopez de Prado, Lipton and Zoonekynd (2025).
    pub fn probabilistic_sharpe_at_null(&self, benchmark: f64) -> f64 {
        let spread = self.variance_at(benchmark).sqrt();
        normal_cdf((self.sharpe - benchmark) * number(self.periods).sqrt() / spread)
    }

    /// Returns how many periods it takes until the Sharpe ratio exceeds `benchmark` at
    /// `confidence`; `None` when it does not exceed it at all.
    ///
    /// `1 + (1 - g3 SR + (g4 - 1) / 4 SR^2) (Phi^-1(c) / (SR - SR*))^2`. Source: as above.
    pub fn min_track_record(&self, benchmark: f64, confidence: f64) -> Option<f64> {
        let lead = self.sharpe - benchmark;
        let needed = (normal_quantile(confidence) / lead).powi(2);
        let periods = 1.0 + self.variance_at(self.sharpe) * needed;
        Some(periods).filter(|periods| lead > 0.0 && periods.is_finite())
    }

    fn variance_at(&self, sharpe: f64) -> f64 {
        1.0 - self.skewness * sharpe + (self.kurtosis - 1.0) / 4.0 * sharpe * sharpe
    }
}

/// Returns the largest Sharpe ratio that `trials` independent trials without skill are expected to
/// show, when their ratios have `variance`. 0 for one trial.
///
/// `sqrt(V) ((1 - E) Phi^-1(1 - 1/N) + E Phi^-1(1 - 1/(N e)))`, `E` Euler's constant. Source: Bailey
/// and Lopez de Prado (2014), "The deflated Sharpe ratio".
pub fn expected_max_sharpe(trials: f64, variance: f64) -> f64 {
    if trials <= 1.0 {
        return 0.0;
    }
    let first = normal_quantile(1.0 - 1.0 / trials);
    let second = normal_quantile(1.0 - 1.0 / (trials * std::f64::consts::E));
    variance.sqrt() * ((1.0 - EULER) * first + EULER * second)
}

/// Returns the probability that the best of `trials` is better than the best of as many trials
/// without skill would be: [`Moments::probabilistic_sharpe`] against [`expected_max_sharpe`].
///
/// `trials` is the number of all that were tried, failed and pruned ones and earlier studies on the
/// same bars included; `variance` that of their per-period ratios (`N - 1` in the denominator).
///
/// # Errors
/// [`Error::Statistic`] for no trial, or for several whose ratios do not vary: that is a sign of one
/// trial counted many times.
pub fn deflated_sharpe(best: &Moments, trials: f64, variance: f64) -> Result<f64, Error> {
    needs(trials >= 1.0, "a deflated Sharpe ratio", "at least one trial", trials)?;
    needs(
        trials <= 1.0 || variance > 0.0,
        "a deflated Sharpe ratio",
        "trials whose ratios vary",
        variance,
    )?;
    Ok(best.probabilistic_sharpe(expected_max_sharpe(trials, variance)))
}

/// Returns the years of backtest below which the best of `trials` without skill is expected to show
/// an annual Sharpe ratio of 1.
///
/// Source: Bailey, Borwein, Lopez de Prado and Zhu (2014), "Pseudo-mathematics and financial
/// charlatanism"; their upper bound is `2 ln N`.
pub fn min_backtest_years(trials: f64) -> f64 {
    expected_max_sharpe(trials, 1.0).powi(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_are_typed_or_undefined() {
        assert!(Moments::of(&[0.1]).is_err());
        assert!(Moments::of(&[0.1, 0.1, 0.1]).is_err());
        let moments = Moments { periods: 100, sharpe: 0.1, skewness: 0.0, kurtosis: 3.0 };
        assert_eq!(expected_max_sharpe(1.0, 4.0), 0.0);
        assert_eq!(deflated_sharpe(&moments, 1.0, 0.0).unwrap(), moments.probabilistic_sharpe(0.0));
        assert!(deflated_sharpe(&moments, 10.0, 0.0).is_err());
        assert!(deflated_sharpe(&moments, 0.0, 1.0).is_err());
        assert_eq!(moments.min_track_record(0.2, 0.95), None);
        let odd = Moments { skewness: 30.0, ..moments };
        assert!(odd.probabilistic_sharpe(0.0).is_nan());
    }
}
