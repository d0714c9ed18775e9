//! How the engine's figures read: names and units for people.

use barrow_engine::{Metric, Metrics};

use crate::numbers::{fixed, percent};

/// The figures in the order of a listing.
pub(crate) const LISTED: [Metric; 14] = [
    Metric::TotalReturn,
    Metric::AnnualReturn,
    Metric::Volatility,
    Metric::Sharpe,
    Metric::Sortino,
    Metric::MaxDrawdown,
    Metric::MaxDrawdownLength,
    Metric::Calmar,
    Metric::Turnover,
    Metric::Exposure,
    Metric::WinRate,
    Metric::ProfitFactor,
    Metric::Trades,
    Metric::Fills,
];

/// The name of a figure.
pub(crate) fn name(metric: Metric) -> &'static str {
    match metric {
        Metric::FinalEquity => "final equity",
        Metric::TotalReturn => "total return",
        Metric::AnnualReturn => "annual return",
        Metric::Volatility => "volatility",
        Metric::Sharpe => "Sharpe ratio",
        Metric::Sortino => "Sortino ratio",
        Metric::MaxDrawdown => "max drawdown",
        Metric::MaxDrawdownLength => "drawdown length",
        Metric::Calmar => "Calmar ratio",
        Metric::Turnover => "turnover",
        Metric::Exposure => "exposure",
        Metric::WinRate => "win rate",
        Metric::ProfitFactor => "profit factor",
        Metric::Trades => "closed trades",
        Metric::Fills => "fills",
    }
}

/// Whether a figure is a share of one, which reads as a percentage.
pub(crate) fn is_share(metric: Metric) -> bool {
    matches!(
        metric,
        Metric::TotalReturn
            | Metric::AnnualReturn
            | Metric::Volatility
            | Metric::MaxDrawdown
            | Metric::Exposure
            | Metric::WinRate
    )
}

/// A figure's value with its unit; `-` where it is not defined.
pub(crate) fn text(metric: Metric, value: Option<f64>) -> String {
    let Some(value) = value else { return "-".to_owned() };
    match metric {
        Metric::FinalEquity => fixed(value, 2),
        Metric::MaxDrawdownLength => format!("{} bars", fixed(value, 0)),
        Metric::Turnover => format!("{} a year", fixed(value, 2)),
        Metric::Trades | Metric::Fills => fixed(value, 0),
        share if is_share(share) => percent(value),
        _ => fixed(value, 3),
    }
}

/// [`text`] of a figure of `metrics`.
pub(crate) fn text_of(metric: Metric, metrics: &Metrics, final_equity: f64) -> String {
    text(metric, metric.of(metrics, final_equity))
}
