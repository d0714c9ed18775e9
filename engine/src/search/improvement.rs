//! How much better than the best a point is likely to be.

use crate::validation::normal_cdf;

/// Below so many deviations the two terms of the improvement nearly take each other away.
const TAIL: f64 = -5.0;

/// Steps of the continued fraction, which beyond [`TAIL`] is exact to the last digits after 40.
const STEPS: u32 = 40;

/// The logarithm of the standard normal density at 0.
const LOG_DENSITY: f64 = -0.918_938_533_204_672_8;

/// Returns the logarithm of the expected improvement: of the mean of `max(0, best - y)` for a normal `y` with
/// this mean and a deviation above 0.
///
/// Source: Jones, Schonlau and Welch (1998), "Efficient global optimization of expensive black-box functions",
/// equation 15. Its logarithm still tells points apart where it is 0 as an `f64` (Ament et al. 2023, "Unexpected
/// improvements to expected improvement").
pub(super) fn log_improvement(best: f64, mean: f64, deviation: f64) -> f64 {
    let z = (best - mean) / deviation;
    let log_density = LOG_DENSITY - 0.5 * z * z;
    let share = if z > TAIL {
        libm::log(libm::exp(log_density) + z * normal_cdf(z))
    } else {
        // With Laplace's continued fraction of the tail, cdf(-x) / density(x) = 1 / (x + rest), the difference
        // `density - x cdf` is `density * rest / (x + rest)`: nothing is taken away.
        let x = -z;
        let rest = (1..=STEPS).rev().fold(0.0, |rest, step| f64::from(step) / (x + rest));
        log_density + libm::log(rest / (x + rest))
    };
    libm::log(deviation) + share
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `int_0^inf t density((t + x) / s) / s dt` by Simpson's rule, scaled so that no exponential is 0.
    fn integrated(best: f64, mean: f64, deviation: f64) -> f64 {
        let z = (best - mean) / deviation;
        // In units of the deviation, with y = best - t: density(t - z) = density(z) exp(t z - t^2 / 2).
        let value = |t: f64| t * (t * z - 0.5 * t * t - 0.5 * z.max(0.0) * z.max(0.0)).exp();
        let end = 12.0 + 2.0 * z.max(0.0);
        let steps = 40_000_u32;
        let width = end / f64::from(steps);
        let mut sum = 0.0;
        for at in 0..=steps {
            let weight = match at {
                0 => 1.0,
                at if at == steps => 1.0,
                at if at % 2 == 1 => 4.0,
                _ => 2.0,
            };
            sum += weight * value(f64::from(at) * width);
        }
        let scale = z.max(0.0) * z.max(0.0);
        (sum * width / 3.0).ln() - 0.5 * (z * z - scale) + LOG_DENSITY + deviation.ln()
    }

    #[test]
    fn it_is_the_integral() {
        for z in [-60.0, -20.0, -7.0, -5.001, -5.0, -4.999, -2.0, -0.3, 0.0, 0.7, 3.0, 8.0] {
            for deviation in [1e-6, 0.3, 25.0] {
                let (best, mean) = (0.25 + z * deviation, 0.25);
                let found = log_improvement(best, mean, deviation);
                let expected = integrated(best, mean, deviation);
                let near = (found - expected).abs() < 1e-7 * expected.abs().max(1.0);
                assert!(near, "{z} {deviation}: {found} {expected}");
            }
        }
    }

    #[test]
    fn it_grows_with_the_lead_and_the_doubt() {
        let ladder: Vec<f64> =
            (-4000..400).map(|z| log_improvement(f64::from(z) * 0.01, 0.0, 1.0)).collect();
        assert!(ladder.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(log_improvement(0.0, 1.0, 0.5) < log_improvement(0.0, 1.0, 0.6));
    }
}
