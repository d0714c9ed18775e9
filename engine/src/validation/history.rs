//! Other histories that might have been: bars with noise.

use super::{mean, needs, number, quantile};
use crate::Error;
use crate::stream::Stream;

/// The bars of one asset, all four of equal length, prices above zero.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Ohlc {
    /// First price of each bar.
    pub open: Vec<f64>,
    /// Highest price.
    pub high: Vec<f64>,
    /// Lowest price.
    pub low: Vec<f64>,
    /// Last price.
    pub close: Vec<f64>,
}

impl Ohlc {
    /// Refuses bars that are none.
    pub(super) fn check(&self, statistic: &'static str) -> Result<(), Error> {
        let n = self.close.len();
        needs(n >= 2, statistic, "at least two bars", n)?;
        for prices in [&self.open, &self.high, &self.low, &self.close] {
            needs(prices.len() == n, statistic, "columns of equal length", prices.len())?;
            let odd = prices.iter().find(|price| !price.is_finite() || **price <= 0.0);
            needs(odd.is_none(), statistic, "prices above zero", odd.unwrap_or(&0.0))?;
        }
        Ok(())
    }

    /// Returns the bars with noise on their **returns**: the log return of each close becomes
    /// `r + sigma x sd x e`, `sd` the standard deviation of the last 20 log returns and `e` standard
    /// normal, and prices are cumulated anew from the first close. Open, high and low move by the
    /// same factor as the close of their bar, so its shape stays.
    ///
    /// Noise on prices themselves would make neighbouring returns depend on each other, which no
    /// market does; it is not offered. `noise[t]` is `e` of bar `t`: give all assets the same to move
    /// them together, see [`Ohlc::noise`].
    ///
    /// # Errors
    /// [`Error::Statistic`] for fewer than two bars, columns of different length or a price that is
    /// not above zero.
    pub fn with_noise(&self, sigma: f64, noise: &[f64]) -> Result<Ohlc, Error> {
        const NAME: &str = "noise on returns";
        self.check(NAME)?;
        needs(noise.len() == self.close.len(), NAME, "one draw a bar", noise.len())?;
        let returns: Vec<f64> =
            self.close.windows(2).map(|pair| (pair[1] / pair[0]).ln()).collect();
        let mut shift = 0.0;
        let mut factors = vec![1.0];
        for (at, draw) in noise[1..].iter().enumerate() {
            let window = &returns[(at + 1).saturating_sub(WINDOW)..=at];
            shift += sigma * deviation(window) * draw;
            factors.push(f64::exp(shift));
        }
        let moved = |prices: &[f64]| prices.iter().zip(&factors).map(|(p, f)| p * f).collect();
        Ok(Ohlc {
            open: moved(&self.open),
            high: moved(&self.high),
            low: moved(&self.low),
            close: moved(&self.close),
        })
    }

    /// Draws the noise of `bars` bars: standard normal numbers.
    pub fn noise(bars: usize, seed: u64, draw: u64) -> Vec<f64> {
        let mut stream = Stream::new(seed, [draw, 2]);
        (0..bars).map(|_| stream.normal()).collect()
    }
}

const WINDOW: usize = 20;

/// Sample standard deviation; 0 for fewer than two values.
fn deviation(values: &[f64]) -> f64 {
    if values.len() < 2 {
        return 0.0;
    }
    let centre = mean(values);
    let squares = values.iter().map(|value| (value - centre).powi(2)).sum::<f64>();
    (squares / (number(values.len()) - 1.0)).sqrt()
}

/// A metric over many noisy histories.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NoiseSpread {
    /// Median.
    pub median: f64,
    /// 5 % quantile.
    pub low: f64,
    /// Share of the runs with the sign of the metric without noise.
    pub same_sign: f64,
}

impl NoiseSpread {
    /// Sums up the metric of the noisy runs beside the one without noise.
    ///
    /// # Errors
    /// [`Error::Statistic`] without a run, or for a NaN.
    pub fn of(without: f64, runs: &[f64]) -> Result<NoiseSpread, Error> {
        const NAME: &str = "the spread under noise";
        needs(!runs.is_empty(), NAME, "at least one run", 0)?;
        needs(!runs.iter().any(|run| run.is_nan()), NAME, "runs with a metric", f64::NAN)?;
        let mut ascending = runs.to_vec();
        ascending.sort_by(f64::total_cmp);
        let same = runs.iter().filter(|run| (**run > 0.0) == (without > 0.0)).count();
        Ok(NoiseSpread {
            median: quantile(&ascending, 0.5),
            low: quantile(&ascending, 0.05),
            same_sign: number(same) / number(runs.len()),
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn walk(bars: usize, seed: u64) -> Ohlc {
        let mut stream = Stream::new(seed, [0, 9]);
        let mut asset = Ohlc::default();
        let mut last = 100.0;
        for _ in 0..bars {
            let open = last * (1.0 + 0.002 * stream.normal());
            let close = open * (1.0 + 0.01 * stream.normal());
            asset.open.push(open);
            asset.high.push(open.max(close) * 1.001);
            asset.low.push(open.min(close) * 0.999);
            asset.close.push(close);
            last = close;
        }
        asset
    }

    fn autocorrelation(values: &[f64]) -> f64 {
        let centre = mean(values);
        let e: Vec<f64> = values.iter().map(|value| value - centre).collect();
        let cross: f64 = e.windows(2).map(|pair| pair[0] * pair[1]).sum();
        cross / e.iter().map(|value| value * value).sum::<f64>()
    }

    #[test]
    fn noise_leaves_returns_uncorrelated_and_bars_in_shape() {
        let asset = walk(4000, 1);
        let noisy = asset.with_noise(0.5, &Ohlc::noise(4000, 3, 0)).unwrap();
        let added: Vec<f64> = (1..4000)
            .map(|t| {
                let log = |asset: &Ohlc| (asset.close[t] / asset.close[t - 1]).ln();
                log(&noisy) - log(&asset)
            })
            .collect();
        // Noise on prices would put this near -0.5.
        assert!(autocorrelation(&added).abs() < 0.05, "{}", autocorrelation(&added));
        assert!(deviation(&added) > 0.003);
        for t in 0..4000 {
            let shape = |asset: &Ohlc| [asset.open[t], asset.high[t]].map(|p| p / asset.close[t]);
            let (before, after) = (shape(&asset), shape(&noisy));
            assert!(before.iter().zip(after).all(|(a, b)| (a - b).abs() < 1e-12));
        }
        assert_eq!(asset.with_noise(0.0, &Ohlc::noise(4000, 3, 0)).unwrap(), asset);
        let spread = NoiseSpread::of(1.0, &[2.0, -1.0, 0.5, 1.5]).unwrap();
        assert_eq!((spread.median, spread.same_sign), (1.0, 0.75));
    }
}
