//! [`PermutationTest`]: a result beside the same over markets that have the same moves in another order.

use barrow_engine::validation::{permutation_p_value, quantile};
use barrow_engine::{Direction, Error, Objective, Scope};
use barrow_store::Lease;
use serde::{Serialize, Serializer};

use crate::draws::Draws;
use crate::market::{self, Imagined, Market};

/// What is compared, and how the markets are made.
#[derive(Debug, Clone, Copy)]
pub struct Permutation<'a> {
    /// The true market.
    pub lease: &'a Lease,
    /// Period and assets of what is run; what lies outside stays as it is.
    pub scope: &'a Scope,
    /// Moves from this time on, ns since the epoch, UTC, change places among themselves, as do those before it: see
    /// [`Cut::judged_from`](barrow_engine::Cut::judged_from).
    pub apart: Option<i64>,
    /// What is looked at.
    pub objective: Objective,
    /// Its value over the true market.
    pub real: f64,
    /// Of the orders: each is a function of it and the number of its market.
    pub seed: u64,
}

/// What was found over permuted markets, beside the true one.
///
/// Source: Masters (2018), "Permutation and randomization tests for trading system development".
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PermutationTest {
    /// What was looked at, with its direction.
    #[serde(serialize_with = "as_text")]
    pub objective: Objective,
    /// Its value over the true market.
    pub real: f64,
    /// Its value over each permuted market; `None` where it is undefined, which counts as not as good.
    pub values: Vec<Option<f64>>,
    /// The chance of a value as good as the true one if moves have no pattern in time: `(1 + as good) / (1 + N)`.
    pub p_value: f64,
    /// The share of the period's ticks whose moves can change places.
    pub free: f64,
}

impl Permutation<'_> {
    /// Runs `again` over each market, which returns the objective there. A market takes as much memory as the bars of the
    /// scope do, for as long as `again` keeps it.
    ///
    /// # Errors
    /// When the bars cannot be read, a price is not above zero, or there is no room for a market; those of `again`.
    pub fn test<E: From<market::Error> + Send>(
        &self,
        draws: &Draws<'_>,
        again: &(dyn Fn(Imagined) -> Result<Option<f64>, E> + Sync),
    ) -> Result<PermutationTest, E> {
        let market = Market::read(self.lease, self.scope, self.apart)?;
        let values = draws.each(&|draw| again(market.permuted(self.seed, draw)?))?;
        Ok(PermutationTest::of(self.objective, self.real, values, market.free()))
    }
}

impl PermutationTest {
    /// Counts how many values are as good as the true one.
    pub fn of(objective: Objective, real: f64, values: Vec<Option<f64>>, free: f64) -> Self {
        let sign = if objective.direction == Direction::Max { 1.0 } else { -1.0 };
        let oriented = values.iter().map(|value| value.map_or(f64::NEG_INFINITY, |v| v * sign));
        let p_value = permutation_p_value(real * sign, &oriented.collect::<Vec<_>>());
        Self { objective, real, values, p_value, free }
    }

    /// The values over permuted markets, from the worst to the best.
    pub(crate) fn ascending(&self) -> Vec<f64> {
        let mut values: Vec<f64> = self.values.iter().flatten().copied().collect();
        values.sort_by(f64::total_cmp);
        if self.objective.direction == Direction::Min {
            values.reverse();
        }
        values
    }

    /// The median of permuted markets, and what the best twentieth of them reaches.
    pub(crate) fn spread(&self) -> (Option<f64>, Option<f64>) {
        let mut values: Vec<f64> = self.values.iter().flatten().copied().collect();
        values.sort_by(f64::total_cmp);
        let best = if self.objective.direction == Direction::Max { 0.95 } else { 0.05 };
        let of = |q| (!values.is_empty()).then(|| quantile(&values, q));
        (of(0.5), of(best))
    }
}

/// The objective of a market over which folds failed: none where no trial of a fold has it, so that there is nothing to choose.
///
/// # Errors
/// Any other error.
pub fn without_choice(error: Error) -> Result<Option<f64>, Error> {
    match error {
        Error::NoChoice { .. } => Ok(None),
        _ => Err(error),
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands references")]
fn as_text<S: Serializer>(objective: &Objective, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(objective)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_good_is_counted_in_the_direction_of_the_objective() {
        let test = |objective: &str, real| {
            let values = vec![Some(1.0), Some(3.0), None, Some(2.0)];
            PermutationTest::of(objective.parse().unwrap(), real, values, 1.0).p_value
        };
        assert_eq!(test("sharpe", 2.0), 3.0 / 5.0);
        assert_eq!(test("sharpe", 4.0), 1.0 / 5.0);
        assert_eq!(test("max_drawdown", 1.5), 2.0 / 5.0, "less is better");
        assert_eq!(test("max:max_drawdown", 1.5), 3.0 / 5.0);
    }
}
