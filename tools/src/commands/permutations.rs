//! `--permutations` of `backtest`, `sweep`, `walk-forward` and `cross-validate`: everything again over markets that have
//! the same moves in another order, to see how often chance does as well.

use std::io::Write;

use barrow_engine::Objective;
use barrow_store::{Lease, SeriesCache};
use indicatif::ProgressBar;
use serde::Serialize;
use serde_json::Value;

use super::backtest::SettingArgs;
use crate::draws::Draws;
use crate::interrupt::{self, Interrupted};
use crate::invocation::Invocation;
use crate::metrics::{name, text};
use crate::numbers::{count, counted, fixed, percent};
use crate::permutation::{Permutation, PermutationTest};
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
        let permutation = Permutation {
            lease: subject.lease,
            scope: &subject.setting.backtest()?.scope,
            apart: subject.apart,
            objective: subject.objective,
            real,
            seed: subject.setting.seed,
        };
        let bar = invocation.printer.bar(self.permutations, "permuted markets");
        let test = watched(self.permutations, at_once, &bar, &|draws| {
            permutation.test(draws, &|imagined| {
                let path = imagined.path().to_string_lossy().into_owned();
                again(&imagined.lease, &path, &SeriesCache::default())
            })
        })?;
        Ok(Some(test))
    }
}

/// Draws so many markets and moves `bar` along.
///
/// # Errors
/// Those of `draw`; [`Interrupted`] when it was stopped.
pub(crate) fn watched<T>(
    markets: u64,
    at_once: usize,
    bar: &ProgressBar,
    draw: &dyn Fn(&Draws<'_>) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let (cancel, progress) = (interrupt::flag(), |done| bar.set_position(done));
    let drawn = draw(&Draws { count: markets, at_once, cancel, progress: &progress });
    let done = bar.position();
    bar.finish_and_clear();
    interrupt::check().map_err(|stopped: Interrupted| {
        let said = format!("only {} of {} were run", count(done), counted(markets, "market"));
        anyhow::Error::new(stopped).context(said)
    })?;
    drawn
}

impl PermutationTest {
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
