//! Functions of one series that see it from the past to the present only.

use std::borrow::Cow;

/// A function of a series whose value at a bar depends on that bar and earlier ones alone.
///
/// It is causal by construction: [`Indicator::next`] is called once for each bar, oldest first, and
/// is given the values up to that bar. The engine computes it once for each content version,
/// asset, column, name and parameters, keeps the result in the shared cache of derived series, and
/// serves it only up to the current bar. So two indicators of the same name and parameters must be
/// the same function.
///
/// ```
/// use std::borrow::Cow;
/// use barrow_engine::Indicator;
///
/// /// Bars since the highest value so far.
/// struct SinceHigh;
///
/// impl Indicator for SinceHigh {
///     type State = (f64, f64);
///     fn name(&self) -> Cow<'static, str> { "example.since-high".into() }
///     fn params(&self) -> [u64; 4] { [0; 4] }
///     fn start(&self) -> (f64, f64) { (f64::NEG_INFINITY, 0.0) }
///     fn next(&self, (high, bars): &mut (f64, f64), past: &[f64]) -> f64 {
///         match past.last() {
///             Some(value) if value >= high => (*high, *bars) = (*value, 0.0),
///             _ => *bars += 1.0,
///         }
///         *bars
///     }
/// }
/// ```
pub trait Indicator {
    /// What is carried from bar to bar.
    type State;

    /// Returns the name of the function, unlike any other's; those of this crate start with
    /// `barrow.`.
    fn name(&self) -> Cow<'static, str>;

    /// Returns the parameters: whole numbers as they are, floats by `to_bits`, unused ones zero.
    fn params(&self) -> [u64; 4];

    /// Returns the state before the first bar.
    fn start(&self) -> Self::State;

    /// Returns the value at the last bar of `past` (all bars so far, oldest first, at least one);
    /// NaN while there is none.
    fn next(&self, state: &mut Self::State, past: &[f64]) -> f64;
}

/// Computes an indicator over a whole series.
pub(crate) fn evaluate<I: Indicator>(indicator: &I, values: &[f64]) -> Vec<f64> {
    let mut state = indicator.start();
    (1..=values.len()).map(|end| indicator.next(&mut state, &values[..end])).collect()
}

/// Mean of the last `window` values; NaN before there are that many.
///
/// Summed anew at each bar in ascending time, so no error builds up: costs `window` additions a
/// bar, once. To compare two means exactly use [`Setup::mean_cross`](crate::Setup::mean_cross).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sma {
    /// Number of bars, at least 1.
    pub window: usize,
}

impl Indicator for Sma {
    type State = ();

    fn name(&self) -> Cow<'static, str> {
        "barrow.sma".into()
    }

    fn params(&self) -> [u64; 4] {
        [self.window as u64, 0, 0, 0]
    }

    fn start(&self) {}

    fn next(&self, (): &mut (), past: &[f64]) -> f64 {
        last(past, self.window).map_or(f64::NAN, mean)
    }
}

/// Exponential mean with weight `2 / (window + 1)` for the newest value, starting from the mean of
/// the first `window` values; NaN before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ema {
    /// Number of bars, at least 1.
    pub window: usize,
}

impl Indicator for Ema {
    type State = f64;

    fn name(&self) -> Cow<'static, str> {
        "barrow.ema".into()
    }

    fn params(&self) -> [u64; 4] {
        [self.window as u64, 0, 0, 0]
    }

    fn start(&self) -> f64 {
        f64::NAN
    }

    fn next(&self, average: &mut f64, past: &[f64]) -> f64 {
        if past.len() == self.window {
            *average = mean(past);
        } else if let Some(value) = past.last().filter(|_| past.len() > self.window) {
            *average += (value - *average) * 2.0 / (as_f64(self.window) + 1.0);
        }
        *average
    }
}

/// How many standard deviations (population) the last value lies above the mean of the last
/// `window` values; NaN before there are that many, 0 when they are all equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ZScore {
    /// Number of bars, at least 1.
    pub window: usize,
}

impl Indicator for ZScore {
    type State = ();

    fn name(&self) -> Cow<'static, str> {
        "barrow.z-score".into()
    }

    fn params(&self) -> [u64; 4] {
        [self.window as u64, 0, 0, 0]
    }

    fn start(&self) {}

    fn next(&self, (): &mut (), past: &[f64]) -> f64 {
        let Some(window) = last(past, self.window) else { return f64::NAN };
        if window.iter().all(|value| *value == window[0]) {
            return 0.0;
        }
        let mean = mean(window);
        let squares = window.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>();
        (window[window.len() - 1] - mean) / (squares / as_f64(window.len())).sqrt()
    }
}

/// `value / value of lag bars ago - 1`; NaN before there are `lag + 1` values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateOfChange {
    /// Number of bars, at least 1.
    pub lag: usize,
}

impl Indicator for RateOfChange {
    type State = ();

    fn name(&self) -> Cow<'static, str> {
        "barrow.rate-of-change".into()
    }

    fn params(&self) -> [u64; 4] {
        [self.lag as u64, 0, 0, 0]
    }

    fn start(&self) {}

    fn next(&self, (): &mut (), past: &[f64]) -> f64 {
        last(past, self.lag.saturating_add(1)).map_or(f64::NAN, |w| w[w.len() - 1] / w[0] - 1.0)
    }
}

/// The last `window` values, if there are that many.
fn last(past: &[f64], window: usize) -> Option<&[f64]> {
    past.len().checked_sub(window).filter(|_| window > 0).map(|start| &past[start..])
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / as_f64(values.len())
}

#[expect(clippy::cast_precision_loss, reason = "lengths of windows lie far below 2^53")]
fn as_f64(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(indicator: &impl Indicator, values: &[f64], expected: &[f64]) {
        let actual = evaluate(indicator, values);
        assert_eq!(actual.len(), expected.len());
        for (a, e) in actual.iter().zip(expected) {
            assert!((a - e).abs() < 1e-12 || (a.is_nan() && e.is_nan()), "{actual:?}");
        }
    }

    #[test]
    fn values_by_hand() {
        let nan = f64::NAN;
        check(&Sma { window: 2 }, &[1.0, 3.0, 5.0, 5.0], &[nan, 2.0, 4.0, 5.0]);
        check(&Ema { window: 3 }, &[1.0, 2.0, 3.0, 6.0, 4.0], &[nan, nan, 2.0, 4.0, 4.0]);
        check(&Ema { window: 1 }, &[1.0, 2.0], &[1.0, 2.0]);
        check(&RateOfChange { lag: 2 }, &[2.0, 3.0, 4.0, 1.5], &[nan, nan, 1.0, -0.5]);
        let root = 1.5_f64.sqrt();
        check(
            &ZScore { window: 3 },
            &[1.0, 2.0, 3.0, 3.0, 3.0],
            &[nan, nan, root, 0.5_f64.sqrt(), 0.0],
        );
    }

    #[test]
    fn windows_longer_than_the_series_or_empty_have_no_value() {
        for window in [0, 5, usize::MAX] {
            assert!(evaluate(&Sma { window }, &[1.0, 2.0]).iter().all(|v| v.is_nan()));
            assert!(evaluate(&ZScore { window }, &[1.0, 2.0]).iter().all(|v| v.is_nan()));
            assert!(
                evaluate(&RateOfChange { lag: window.max(2) }, &[1.0, 2.0])
                    .iter()
                    .all(|v| v.is_nan())
            );
        }
    }
}
