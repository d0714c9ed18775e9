//! `barrow cross-validate`: fit on some groups of bars and judge on the others, in every combination.

use std::io::Write;

use barrow_engine::validation::Purged;
use barrow_engine::{CrossValidationReport, FoldReport, Metric, PathReport, Timestamp};
use serde_json::{Value, json};

use super::backtest::strategies_help;
use super::folds::{FoldArgs, Shown, fold_json, period_json, rank_correlation, value};
use crate::invocation::Invocation;
use crate::metrics::text;
use crate::numbers::{counted_len, fixed, percent};
use crate::printer::Printer;
use crate::report::Report;
use crate::status::ExitStatus;
use crate::table::{Align, Sheet, print_facts};

const EXAMPLES: &str = "\
Examples:
  barrow cross-validate us-daily -s sma-cross -p fast=2..40 -p slow=50..200:10 --groups 6 --test-groups 2
  barrow cross-validate us-daily -s mean-reversion -p lookback=5..60 --search tpe --trials 60 --holding 20 \\
      --embargo 5 --report paths.html";

/// Fit on some groups of bars and judge on the others, in every combination
///
/// The period is cut into groups. For each choice of test groups a search runs on the rest, less the bars
/// that are purged, and the best of its trials is run on the test groups. Put together these are paths:
/// backtests over the whole period of which nothing was judged by what was fitted on it. Where a walk-forward
/// gives one Sharpe ratio, they give a distribution (Lopez de Prado 2018).
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{}\n\n{EXAMPLES}", strategies_help()))]
pub(crate) struct CrossValidateArgs {
    /// Groups that the bars are cut into
    #[arg(long, value_name = "N", default_value_t = 6)]
    groups: usize,
    /// Groups that are judged together
    #[arg(long, value_name = "K", default_value_t = 2)]
    test_groups: usize,
    /// Bars that a decision looks ahead: nothing is fitted on whose holding period meets a test group
    #[arg(long, value_name = "BARS", default_value_t = 0)]
    holding: usize,
    /// Bars that are not fitted on before and behind each test group
    #[arg(long, value_name = "BARS", default_value_t = 0)]
    purge: usize,
    /// Bars that are not fitted on behind each test group, beyond `--purge`
    #[arg(long, value_name = "BARS", default_value_t = 0)]
    embargo: usize,
    #[command(flatten)]
    folds: FoldArgs,
}

pub(crate) fn run(args: &CrossValidateArgs, invocation: &Invocation) -> anyhow::Result<ExitStatus> {
    let purged = Purged {
        groups: args.groups,
        test_groups: args.test_groups,
        holding: args.holding,
        purge: args.purge,
        embargo: args.embargo,
    };
    args.folds.run(&purged, invocation)
}

impl Shown for Purged {
    const FOLD: &'static str = "split";

    fn page(report: &CrossValidationReport) -> Report {
        Report::of_cross_validation(report)
    }

    fn print(
        out: &mut impl Write,
        printer: Printer,
        report: &CrossValidationReport,
    ) -> anyhow::Result<()> {
        let mut sheet = Sheet::new(vec![
            ("tested groups", Align::Left),
            ("chosen", Align::Left),
            ("on train", Align::Right),
            ("on test", Align::Right),
            ("return", Align::Right),
            ("rank corr", Align::Right),
        ]);
        for fold in &report.folds {
            sheet.row(vec![
                tested(fold),
                fold.chosen.to_string(),
                value(report, &fold.on_train),
                value(report, &fold.on_test),
                text(Metric::TotalReturn, fold.on_test.metrics.total_return),
                rank_correlation(fold),
            ]);
        }
        sheet.print(out, printer, "")?;
        let Some(spread) = report.sharpe_spread() else { return Ok(()) };
        let paths = counted_len(spread.paths, "path");
        writeln!(out, "\nSharpe ratio of {paths} over the whole period:")?;
        let number = |value| fixed(value, 3);
        let mut facts = vec![
            ("mean", number(spread.mean)),
            ("standard deviation", number(spread.deviation)),
            ("5 % to 95 %", format!("{} to {}", number(spread.low), number(spread.high))),
            ("median", number(spread.median)),
            ("not above zero", percent(spread.not_above_zero)),
        ];
        if let Some(stability) = &report.stability {
            let efficiency = stability.efficiency.map_or("-".to_owned(), |e| fixed(e, 2));
            facts.push(("efficiency", efficiency));
            facts.push(("splits with a gain", percent(stability.profitable)));
        }
        print_facts(out, printer, "", &facts)?;
        Ok(())
    }

    fn json(report: &CrossValidationReport) -> Value {
        let time = |ns: i64| Timestamp::new(ns, report.time_style).to_string();
        let split =
            |fold: &FoldReport| fold_json(fold, json!({ "test_groups": fold.split.test_groups }));
        let path = |path: &PathReport| json!({ "splits": path.folds, "metrics": path.metrics, "equity": path.equity });
        let groups = report.groups().into_iter().map(|ends| period_json(report, ends));
        let spread = report.sharpe_spread().map(|spread| {
            json!({
                "paths": spread.paths,
                "mean": spread.mean,
                "deviation": spread.deviation,
                "low": spread.low,
                "median": spread.median,
                "high": spread.high,
                "not_above_zero": spread.not_above_zero,
            })
        });
        json!({
            "groups": groups.collect::<Vec<_>>(),
            "splits": report.folds.iter().map(split).collect::<Vec<_>>(),
            "paths": report.paths.iter().map(path).collect::<Vec<_>>(),
            "times": report.times.iter().map(|at| time(*at)).collect::<Vec<_>>(),
            "sharpe": spread,
        })
    }
}

/// Numbers of groups from 1, as people count.
pub(crate) fn tested(fold: &FoldReport) -> String {
    let numbers = fold.split.test_groups.iter().map(|group| (group + 1).to_string());
    numbers.collect::<Vec<_>>().join(", ")
}
