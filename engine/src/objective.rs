//! What a search looks for: a metric and a direction.

use std::fmt;
use std::str::FromStr;

use barrow_store::nearest;

use crate::Error;
use crate::metrics::Metrics;

/// A figure by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the field of `Metrics` of the same name")]
pub enum Metric {
    FinalEquity,
    TotalReturn,
    AnnualReturn,
    Volatility,
    Sharpe,
    Sortino,
    MaxDrawdown,
    MaxDrawdownLength,
    Calmar,
    Turnover,
    Exposure,
    WinRate,
    ProfitFactor,
    Trades,
    Fills,
}

/// All metrics by name, in the order of their listing, with the direction that is usually better.
const METRICS: [(Metric, &str, Direction); 15] = [
    (Metric::FinalEquity, "final_equity", Direction::Max),
    (Metric::TotalReturn, "total_return", Direction::Max),
    (Metric::AnnualReturn, "annual_return", Direction::Max),
    (Metric::Volatility, "volatility", Direction::Min),
    (Metric::Sharpe, "sharpe", Direction::Max),
    (Metric::Sortino, "sortino", Direction::Max),
    (Metric::MaxDrawdown, "max_drawdown", Direction::Min),
    (Metric::MaxDrawdownLength, "max_drawdown_length", Direction::Min),
    (Metric::Calmar, "calmar", Direction::Max),
    (Metric::Turnover, "turnover", Direction::Min),
    (Metric::Exposure, "exposure", Direction::Max),
    (Metric::WinRate, "win_rate", Direction::Max),
    (Metric::ProfitFactor, "profit_factor", Direction::Max),
    (Metric::Trades, "trades", Direction::Max),
    (Metric::Fills, "fills", Direction::Max),
];

impl Metric {
    /// Returns all metrics, in the order in which they are listed to users.
    pub fn all() -> impl Iterator<Item = Metric> {
        METRICS.iter().map(|(metric, ..)| *metric)
    }

    /// Returns the name, which is also the key in JSON.
    pub fn name(self) -> &'static str {
        METRICS.iter().find(|(metric, ..)| *metric == self).map_or("", |(_, name, _)| name)
    }

    /// Returns the figure of one run; `None` where it is undefined.
    pub fn of(self, metrics: &Metrics, final_equity: f64) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "counts lie far below 2^53")]
        match self {
            Metric::FinalEquity => Some(final_equity).filter(|equity| equity.is_finite()),
            Metric::TotalReturn => metrics.total_return,
            Metric::AnnualReturn => metrics.annual_return,
            Metric::Volatility => metrics.volatility,
            Metric::Sharpe => metrics.sharpe,
            Metric::Sortino => metrics.sortino,
            Metric::MaxDrawdown => metrics.max_drawdown,
            Metric::MaxDrawdownLength => Some(metrics.max_drawdown_length as f64),
            Metric::Calmar => metrics.calmar,
            Metric::Turnover => metrics.turnover,
            Metric::Exposure => metrics.exposure,
            Metric::WinRate => metrics.win_rate,
            Metric::ProfitFactor => metrics.profit_factor,
            Metric::Trades => Some(metrics.trades as f64),
            Metric::Fills => Some(metrics.fills as f64),
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Metric {
    type Err = Error;

    fn from_str(text: &str) -> Result<Metric, Error> {
        METRICS.iter().find(|(_, name, _)| *name == text).map(|(metric, ..)| *metric).ok_or_else(
            || {
                let known: Vec<&'static str> = METRICS.iter().map(|(_, name, _)| *name).collect();
                let nearest = nearest(text, known.iter().copied());
                Error::UnknownMetric { name: text.to_owned(), nearest, known }
            },
        )
    }
}

/// Whether more or less of a metric is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The largest value wins.
    Max,
    /// The smallest value wins.
    Min,
}

/// A metric and its direction. Parsed from `sharpe` (the usual direction) or `max:turnover`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Objective {
    /// The figure that is compared.
    pub metric: Metric,
    /// Which way is better.
    pub direction: Direction,
}

impl Objective {
    /// Returns the objective of a metric in the direction that is usually better: volatility,
    /// drawdown, its length and turnover downwards, all others upwards.
    pub fn of(metric: Metric) -> Objective {
        let direction = METRICS.iter().find(|(other, ..)| *other == metric).map(|row| row.2);
        Objective { metric, direction: direction.unwrap_or(Direction::Max) }
    }

    /// Tells whether `candidate` is strictly better than `incumbent`. An undefined value is never
    /// better, and any defined one is better than an undefined incumbent.
    pub fn better(self, candidate: Option<f64>, incumbent: Option<f64>) -> bool {
        match (candidate.filter(|v| !v.is_nan()), incumbent.filter(|v| !v.is_nan())) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(candidate), Some(incumbent)) => match self.direction {
                Direction::Max => candidate > incumbent,
                Direction::Min => candidate < incumbent,
            },
        }
    }
}

impl fmt::Display for Objective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self != Objective::of(self.metric) {
            f.write_str(if self.direction == Direction::Max { "max:" } else { "min:" })?;
        }
        f.write_str(self.metric.name())
    }
}

impl FromStr for Objective {
    type Err = Error;

    fn from_str(text: &str) -> Result<Objective, Error> {
        match text.split_once(':') {
            Some(("max", name)) => {
                Ok(Objective { metric: name.parse()?, direction: Direction::Max })
            }
            Some(("min", name)) => {
                Ok(Objective { metric: name.parse()?, direction: Direction::Min })
            }
            _ => Ok(Objective::of(text.parse()?)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_has_its_own_name_and_figure() {
        let json_like = Metrics {
            total_return: Some(1.0),
            annual_return: Some(2.0),
            volatility: Some(3.0),
            sharpe: Some(4.0),
            sortino: Some(5.0),
            max_drawdown: Some(6.0),
            max_drawdown_length: 7,
            calmar: Some(8.0),
            turnover: Some(9.0),
            exposure: Some(10.0),
            win_rate: Some(11.0),
            profit_factor: Some(12.0),
            trades: 13,
            fills: 14,
        };
        let values: Vec<_> = Metric::all().map(|metric| metric.of(&json_like, 0.0)).collect();
        let expected: Vec<_> = (0_i32..15).map(|n| Some(f64::from(n))).collect();
        assert_eq!(values, expected);
        for metric in Metric::all() {
            assert_eq!(metric.name().parse::<Metric>().unwrap(), metric);
        }
    }

    #[test]
    fn undefined_is_never_best() {
        let sharpe: Objective = "sharpe".parse().unwrap();
        assert!(sharpe.better(Some(-5.0), None));
        assert!(sharpe.better(Some(2.0), Some(1.0)));
        assert!(!sharpe.better(Some(1.0), Some(1.0)));
        assert!(!sharpe.better(None, None));
        assert!(!sharpe.better(Some(f64::NAN), Some(1.0)));
        let drawdown: Objective = "max_drawdown".parse().unwrap();
        assert!(drawdown.better(Some(0.1), Some(0.2)));
        let busiest: Objective = "max:turnover".parse().unwrap();
        assert!(busiest.better(Some(2.0), Some(1.0)));
        assert_eq!(busiest.to_string(), "max:turnover");
        assert_eq!(drawdown.to_string(), "max_drawdown");
    }

    #[test]
    fn a_misspelt_metric_names_the_nearest() {
        match "sharp".parse::<Objective>() {
            Err(Error::UnknownMetric { nearest, known, .. }) => {
                assert_eq!(nearest, Some("sharpe"));
                assert_eq!(known.len(), 15);
            }
            other => panic!("{other:?}"),
        }
    }
}
