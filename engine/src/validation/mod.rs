//! Whether a result is more than luck: statistics on the returns of what was tried, and the splits
//! of history on which it is to be tried.
//!
//! Everything here is a pure function of its arguments. Ratios are **per period** (per bar of the
//! clock) unless a name says `annual`; annualise for display only. Returns are simple returns,
//! oldest first, and none may be NaN. What is random takes a seed and gives the same bits for the
//! same seed on any machine and at any number of workers; its p-values are `(1 + count) / (1 + B)`
//! and so never zero.
//!
//! | question | answered by |
//! | --- | --- |
//! | is this Sharpe ratio above zero? | [`Moments::probabilistic_sharpe`] |
//! | ... after that many trials? | [`deflated_sharpe`], [`haircut`] |
//! | how long a track record does it need? | [`Moments::min_track_record`], [`min_backtest_years`] |
//! | does picking the best of the trials work out of sample? | [`overfitting_probability`] |
//! | does any trial beat the benchmark? | [`Superiority`] |
//! | how bad may the path get? | [`trade_order`], [`Bootstrap`] |
//! | does it survive a slightly different history? | [`Ohlc::with_noise`] |
//! | does chance find as much? | [`Reordering`], [`price_permutation`] |
//! | on which stretches to fit and to judge? | [`Windows`], [`Purged`] |
//! | do the fits hold? | [`Stability`] |

mod bootstrap;
mod cpcv;
mod folds;
mod haircut;
mod history;
mod normal;
mod overfitting;
mod permutation;
mod returns;
mod sharpe;
mod stability;
mod superiority;
mod trade_order;

pub use bootstrap::{Bootstrap, Interval, block_length, stationary_rows};
pub use cpcv::{Purged, Split};
pub use folds::{Anchor, Fold, Length, PartialLast, Windows};
pub use haircut::{Adjusted, haircut};
pub use history::{NoiseSpread, Ohlc};
pub use normal::{normal_cdf, normal_quantile};
pub use overfitting::{Overfitting, overfitting_probability};
pub use permutation::{Reordered, Reordering, permutation_p_value, price_permutation};
pub use returns::ReturnMatrix;
pub use sharpe::{Moments, deflated_sharpe, expected_max_sharpe, min_backtest_years};
pub use stability::{FoldScore, Stability, spearman};
pub use superiority::{Studentise, Superiority, SuperiorityTest};
pub use trade_order::{PathFigures, TradeOrder, trade_order};

use crate::Error;

/// A count as a number.
#[expect(clippy::cast_precision_loss, reason = "counts of bars and trials lie far below 2^53")]
pub(crate) fn number(count: usize) -> f64 {
    count as f64
}

/// Returns the q-quantile of ascending values, linear between neighbours (type 7 of Hyndman and Fan); NaN of
/// none.
pub fn quantile(ascending: &[f64], q: f64) -> f64 {
    let Some(last) = ascending.len().checked_sub(1) else { return f64::NAN };
    let place = q.clamp(0.0, 1.0) * number(last);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to `last`")]
    let low = (place.floor() as usize).min(last);
    let high = (low + 1).min(last);
    ascending[low] + (ascending[high] - ascending[low]) * (place - number(low))
}

pub(crate) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / number(values.len())
}

/// Refuses input that a statistic is not defined for.
pub(crate) fn needs(
    holds: bool,
    statistic: &'static str,
    needs: &'static str,
    found: impl std::fmt::Display,
) -> Result<(), Error> {
    if holds {
        Ok(())
    } else {
        Err(Error::Statistic { statistic, needs, found: found.to_string() })
    }
}
