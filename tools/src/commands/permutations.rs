//! `--permutations` of `backtest`, `sweep`, `walk-forward` and `cross-validate`: everything again over markets that have
//! the same moves in another order, to see how often chance does as well.

use std::io::Write;

use barrow_engine::validation::{permutation_p_value, quantile};
use barrow_engine::{Direction, Objective};
use barrow_store::{Lease, SeriesCache};
use serde::Serialize;
use serde_json::Value;

use super::backtest::SettingArgs;
use super::draws;
use crate::invocation::Invocation;
use crate::market::Market;
use crate::metrics::{name, text};
use crate::numbers::{counted, fixed, percent};
use crate::printer::Printer;
use crate::table::print_facts;

/// How often everything is run again.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct PermutationArgs {
    /// Markets that have the same moves in another order, over each of which everything is run again: how often
    /// chance does as well (Masters 2018)
    #[arg(long, value_name = "N", default_value_t = 0)]
    permutations: u64,
}

/// What was found over permuted markets, beside the true one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct PermutationTest {
    /// What was looked at, with its direction.
    #[serde(serialize_with = "as_text")]
    pub(crate) objective: Objective,
    /// Its value over the true market.
    pub(crate) real: f64,
    /// Its value over each permuted market; `None` where it is undefined, which counts as not as good.
    pub(crate) values: Vec<Option<f64>>,
    /// The chance of a value as good as the true one if moves have no pattern in time: `(1 + as good) / (1 + N)`.
    pub(crate) p_value: f64,
    /// The share of the period's ticks whose moves can change places.
    pub(crate) free: f64,
}

/// A result, and what was found over permuted markets.
#[derive(Debug, Serialize)]
pub(crate) struct Tested<'a, T> {
    #[serde(flatten)]
    pub(crate) result: &'a T,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) permutations: Option<&'a PermutationTest>,
    /// What was drawn again of a backtest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) resampled: Option<Value>,
}

/// Runs over other bars, given where other processes find them and an empty cache, and returns the objective.
type Again<'a> = dyn Fn(&Lease, &str, &SeriesCache) -> anyhow::Result<Option<f64>> + Sync + 'a;

/// What is run over permuted markets.
pub(crate) struct Subject<'a> {
    pub(crate) lease: &'a Lease,
    pub(crate) setting: &'a SettingArgs,
    /// Moves from this time on change places among themselves, as do those before it.
    pub(crate) apart: Option<i64>,
    pub(crate) objective: Objective,
    /// The objective over the true market.
    pub(crate) real: Option<f64>,
}

impl PermutationArgs {
    /// Runs `again` over permuted markets, so many at once. `None` when no permutation was asked for, or the true market has no
    /// objective.
    ///
    /// # Errors
    /// Those of `again`; [`Interrupted`] when it was stopped.
    pub(crate) fn test(
        self,
        subject: &Subject<'_>,
        invocation: &Invocation,
        at_once: usize,
        again: &Again<'_>,
    ) -> anyhow::Result<Option<PermutationTest>> {
        let Some(real) = subject.real.filter(|_| self.permutations > 0) else { return Ok(None) };
        let scope = subject.setting.backtest()?.scope;
        let market = Market::read(subject.lease, &scope, subject.apart)?;
        let bar = invocation.printer.bar(self.permutations, "permuted markets");
        let values = draws::each(self.permutations, at_once, &bar, &|draw| {
            let imagined = market.permuted(subject.setting.seed, draw)?;
            let path = imagined.path().to_string_lossy().into_owned();
            again(&imagined.lease, &path, &SeriesCache::default())
        })?;
        Ok(Some(PermutationTest::of(subject.objective, real, values, market.free())))
    }
}

impl PermutationTest {
    fn of(objective: Objective, real: f64, values: Vec<Option<f64>>, free: f64) -> Self {
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

    /// Prints the test for people.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub(crate) fn print(&self, out: &mut impl Write, printer: Printer) -> anyhow::Result<()> {
        let metric = self.objective.metric;
        let markets = counted(self.values.len() as u64, "market");
        writeln!(out, "\n{} over {markets} with the same moves in another order:", name(metric))?;
        let (median, best) = self.spread();
        let facts = [
            ("true market", text(metric, Some(self.real))),
            ("median", text(metric, median)),
            ("best twentieth", text(metric, best)),
            ("p-value", fixed(self.p_value, 3)),
            ("bars that move", percent(self.free)),
        ];
        print_facts(out, printer, "", &facts)?;
        Ok(())
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands references")]
fn as_text<S: serde::Serializer>(objective: &Objective, serializer: S) -> Result<S::Ok, S::Error> {
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
