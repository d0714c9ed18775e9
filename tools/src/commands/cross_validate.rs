//! `barrow cross-validate`: fit on some groups of bars and judge on the others, in every combination.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use barrow_engine::validation::Purged;
use barrow_engine::{
    CrossValidation, CrossValidationReport, Metric, Objective, Params, SplitReport, Timestamp,
    Trial, Workers, strategies,
};
use barrow_store::SeriesCache;

use super::backtest::{SettingArgs, strategies_help};
use super::search::{SearchArgs, moving};
use crate::hint::Complaint;
use crate::interrupt::{self, Interrupted};
use crate::invocation::Invocation;
use crate::metrics::text;
use crate::numbers::{count, counted_len, fixed, percent, seconds};
use crate::output::write_text;
use crate::printer::Tone;
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
    /// Bundle: NAME, NAME@VERSION or a .barrow file
    #[arg(value_name = "BUNDLE")]
    bundle: String,
    /// Strategy; `--help` describes them
    #[arg(short, long, value_name = "NAME")]
    strategy: String,
    #[command(flatten)]
    search: SearchArgs,
    /// Metric that makes a trial the best, in its usual direction, or max:METRIC or min:METRIC
    #[arg(long, value_name = "METRIC", default_value = "sharpe")]
    objective: String,
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
    setting: SettingArgs,
    /// Write a self-contained HTML page of the result
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

pub(crate) fn run(args: &CrossValidateArgs, invocation: &Invocation) -> anyhow::Result<ExitStatus> {
    let printer = invocation.printer;
    let objective: Objective = args.objective.parse()?;
    if args.search.isolate {
        let said = "`cross-validate` runs on threads";
        return Err(Complaint::new(said).hint("leave `--isolate` out").into());
    }
    let bar = printer.bar(0, "trials");
    let progress = moving(&bar, objective);
    let validation = CrossValidation {
        backtest: args.setting.backtest()?,
        objective,
        limits: args.search.limits()?,
        plan: args.search.plan(args.setting.seed, &[objective])?,
        purged: Purged {
            groups: args.groups,
            test_groups: args.test_groups,
            holding: args.holding,
            purge: args.purge,
            embargo: args.embargo,
        },
        round: args.search.round,
        terms: args.search.terms(args.setting.seed)?,
        progress: Some(&progress),
        cancel: Some(interrupt::flag()),
    };
    let space = Arc::new(args.search.space()?);
    let lease = invocation.lease(&args.bundle)?;
    let cache = SeriesCache::default();
    let workers = Workers::shared(args.search.workers)?;
    let factory = |params: &Params| strategies::build(&args.strategy, params);
    let report = validation.run(&lease, &factory, &space, &cache, &workers);
    bar.finish_and_clear();
    let report = report?;
    if let Some(path) = &args.report {
        write_text(path, &Report::of_cross_validation(&report).render())?;
    }
    if printer.json {
        printer.json(&json(&report))?;
    } else {
        let mut out = printer.stdout();
        print_summary(&mut out, invocation, &report)?;
        out.flush()?;
    }
    if let Some(path) = &args.report {
        printer.say(format_args!("report: {}", path.display()));
    }
    if report.splits.len() < report.splits_len {
        let said = format!("only {} of {} splits were run", report.splits.len(), report.splits_len);
        return Err(anyhow::Error::new(Interrupted).context(said));
    }
    Ok(ExitStatus::Done)
}

fn print_summary(
    out: &mut impl Write,
    invocation: &Invocation,
    report: &CrossValidationReport,
) -> anyhow::Result<()> {
    let printer = invocation.printer;
    writeln!(
        out,
        "{} {} of {} in {}: {}, {} a split",
        printer.out(&report.strategy, Tone::Strong),
        counted_len(report.splits.len(), "split"),
        report.method,
        seconds(report.elapsed_seconds),
        counted_len(report.workers, "worker"),
        count(report.trials / (report.splits.len() as u64).max(1)),
    )?;
    writeln!(out, "bundle {} version {}\n", report.bundle, report.version.short())?;
    let heads = [
        ("tested groups", Align::Left),
        ("chosen", Align::Left),
        ("on train", Align::Right),
        ("on test", Align::Right),
        ("return", Align::Right),
    ];
    let mut sheet = Sheet::new(heads.to_vec());
    for split in &report.splits {
        sheet.row(split_row(report, split));
    }
    sheet.print(out, printer, "")?;
    let Some(spread) = report.sharpe_spread() else { return Ok(()) };
    let paths = counted_len(spread.paths, "path");
    writeln!(out, "\nSharpe ratio of {paths} over the whole period:")?;
    let number = |value| fixed(value, 3);
    let facts = [
        ("mean", number(spread.mean)),
        ("standard deviation", number(spread.deviation)),
        ("5 % to 95 %", format!("{} to {}", number(spread.low), number(spread.high))),
        ("median", number(spread.median)),
        ("not above zero", percent(spread.not_above_zero)),
    ];
    print_facts(out, printer, "", &facts)?;
    Ok(())
}

/// Numbers of groups from 1, as people count.
pub(crate) fn tested(split: &SplitReport) -> String {
    let numbers = split.split.test_groups.iter().map(|group| (group + 1).to_string());
    numbers.collect::<Vec<_>>().join(", ")
}

fn split_row(report: &CrossValidationReport, split: &SplitReport) -> Vec<String> {
    let metric = report.objective.metric;
    let value = |trial: &Trial| text(metric, trial.value(report.objective));
    vec![
        tested(split),
        split.chosen.to_string(),
        value(&split.on_train),
        value(&split.on_test),
        text(Metric::TotalReturn, split.on_test.metrics.total_return),
    ]
}

/// The result as `docs/cli.md` describes it.
fn json(report: &CrossValidationReport) -> serde_json::Value {
    let time = |ns: i64| Timestamp::new(ns, report.time_style).to_string();
    let split = |split: &SplitReport| {
        serde_json::json!({
            "test_groups": split.split.test_groups,
            "chosen": split.chosen,
            "on_train": split.on_train.metrics,
            "on_test": split.on_test.metrics,
            "trials": split.trials,
            "failed": split.failed,
        })
    };
    let path = |path: &barrow_engine::PathReport| {
        serde_json::json!({
            "splits": path.splits, "metrics": path.metrics, "equity": path.equity,
        })
    };
    let groups = report.groups.iter().map(|(from, to)| serde_json::json!([time(*from), time(*to)]));
    let spread = report.sharpe_spread().map(|spread| {
        serde_json::json!({
            "paths": spread.paths,
            "mean": spread.mean,
            "deviation": spread.deviation,
            "low": spread.low,
            "median": spread.median,
            "high": spread.high,
            "not_above_zero": spread.not_above_zero,
        })
    });
    serde_json::json!({
        "bundle": report.bundle,
        "version": report.version.to_string(),
        "strategy": report.strategy,
        "search": report.method,
        "objective": report.objective.to_string(),
        "seed": report.search_seed,
        "groups": groups.collect::<Vec<_>>(),
        "splits": report.splits.iter().map(split).collect::<Vec<_>>(),
        "paths": report.paths.iter().map(path).collect::<Vec<_>>(),
        "times": report.times.iter().map(|at| time(*at)).collect::<Vec<_>>(),
        "sharpe": spread,
        "trials": report.trials,
        "workers": report.workers,
        "elapsed_seconds": report.elapsed_seconds,
    })
}
