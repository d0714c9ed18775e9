//! `barrow walk-forward`: fit on one stretch of history, judge on the next, again and again.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use barrow_engine::validation::{Anchor, Length, PartialLast, Windows};
use barrow_engine::{
    FoldReport, Objective, Params, Timestamp, Trial, WalkForward, WalkForwardReport, Workers,
    strategies,
};
use barrow_store::SeriesCache;
use clap::ValueEnum;

use super::backtest::{SettingArgs, strategies_help};
use super::search::{Isolated, SearchArgs, moving};
use crate::hint::Complaint;
use crate::interrupt::{self, Interrupted};
use crate::invocation::Invocation;
use crate::metrics::{LISTED, name, text, text_of};
use crate::numbers::{count, counted_len, fixed, percent, seconds};
use crate::output::write_text;
use crate::printer::Tone;
use crate::report::Report;
use crate::status::ExitStatus;
use crate::table::{Align, Sheet, print_facts};

const EXAMPLES: &str = "\
Examples:
  barrow walk-forward us-daily -s sma-cross -p fast=2..40 -p slow=50..200:10 --train 4y --test 1y
  barrow walk-forward us-daily -s sma-cross -p fast=2..60 -p slow=5..250 --constraint \"fast < slow\" \\
      --search random --trials 1000 --train 4y --validate 1y --test 1y --embargo 5 --report wf.html
  barrow walk-forward es-minute -s mean-reversion -p lookback=5..50 --train 60s --test 20s --anchored";

/// Fit on one stretch of history and judge on the next, again and again
///
/// In each fold a search runs on the train stretch. The best of its trials on the validation stretch is chosen
/// (on the train stretch without one) and run on the test stretch, which has no part in any choice. The equity of
/// the test stretches, one after the other, is the result.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{}\n\n{EXAMPLES}", strategies_help()))]
pub(crate) struct WalkForwardArgs {
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
    /// What is fitted on: 500 (bars), 250s (sessions), 90d, 6m or 4y (calendar)
    #[arg(long, value_name = "LENGTH")]
    train: String,
    /// What the choice is made on, behind the train stretch [default: the train stretch itself]
    #[arg(long, value_name = "LENGTH")]
    validate: Option<String>,
    /// What is judged
    #[arg(long, value_name = "LENGTH")]
    test: String,
    /// From one fold to the next [default: the length of a test]
    #[arg(long, value_name = "LENGTH")]
    step: Option<String>,
    /// Bars taken from the end of the train and the validation stretch
    #[arg(long, value_name = "BARS", default_value_t = 0)]
    purge: usize,
    /// Bars left out before each test
    #[arg(long, value_name = "BARS", default_value_t = 0)]
    embargo: usize,
    /// Train from the first bar on in every fold
    #[arg(long)]
    anchored: bool,
    /// What becomes of a last test that the data cuts short
    #[arg(long, value_enum, default_value_t = LastTest::Keep)]
    last: LastTest,
    #[command(flatten)]
    setting: SettingArgs,
    /// Write a self-contained HTML page of the result
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LastTest {
    /// Judged as it is.
    Keep,
    /// Left out.
    Drop,
}

pub(crate) fn run(args: &WalkForwardArgs, invocation: &Invocation) -> anyhow::Result<ExitStatus> {
    let printer = invocation.printer;
    let objective: Objective = args.objective.parse()?;
    let lease = invocation.lease(&args.bundle)?;
    let workers = Workers::shared(args.search.workers)?;
    let terms = args.search.terms(args.setting.seed)?;
    let isolated = Isolated {
        search: &args.search,
        setting: &args.setting,
        root: &invocation.root,
        bundle: &args.bundle,
        lease: &lease,
        strategy: &args.strategy,
        terms,
    };
    let bar = printer.bar(0, "trials");
    let progress = moving(&bar, objective);
    let walk = WalkForward {
        backtest: args.setting.backtest()?,
        objective,
        limits: args.search.limits()?,
        plan: args.search.plan(args.setting.seed, &[objective])?,
        windows: args.windows()?,
        round: args.search.round,
        terms,
        progress: Some(&progress),
        cancel: Some(interrupt::flag()),
    };
    let space = Arc::new(args.search.space()?);
    let cache = SeriesCache::default();
    let factory = |params: &Params| strategies::build(&args.strategy, params);
    let report = if args.search.isolate {
        let crews = isolated.crews(workers.threads())?;
        walk.run_with(&lease, &factory, &space, &cache, &crews)
    } else {
        walk.run(&lease, &factory, &space, &cache, &workers)
    };
    bar.finish_and_clear();
    let report = report?;
    if let Some(path) = &args.report {
        write_text(path, &Report::of_walk_forward(&report).render())?;
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
    if report.folds.len() < report.folds_len {
        let said = format!("only {} of {} folds were run", report.folds.len(), report.folds_len);
        return Err(anyhow::Error::new(Interrupted).context(said));
    }
    Ok(ExitStatus::Done)
}

impl WalkForwardArgs {
    fn windows(&self) -> anyhow::Result<Windows> {
        let optional = |text: &Option<String>| text.as_deref().map(length).transpose();
        Ok(Windows {
            train: length(&self.train)?,
            validate: optional(&self.validate)?,
            test: length(&self.test)?,
            step: optional(&self.step)?,
            gap: self.embargo,
            purge: self.purge,
            anchor: if self.anchored { Anchor::Anchored } else { Anchor::Rolling },
            partial_last: match self.last {
                LastTest::Keep => PartialLast::Keep,
                LastTest::Drop => PartialLast::Drop,
            },
        })
    }
}

/// Reads a length: `500` bars, `250s` sessions, `90d`, `6m`, `4y`.
fn length(text: &str) -> anyhow::Result<Length> {
    text.parse().map_err(|error: barrow_engine::Error| {
        let hint = "write 500 (bars), 250s (sessions), 90d, 6m or 4y (calendar)";
        Complaint::new(error.to_string()).hint(hint).into()
    })
}

fn print_summary(
    out: &mut impl Write,
    invocation: &Invocation,
    report: &WalkForwardReport,
) -> anyhow::Result<()> {
    let printer = invocation.printer;
    writeln!(
        out,
        "{} {} of {} in {}: {}, {} a fold",
        printer.out(&report.strategy, Tone::Strong),
        counted_len(report.folds.len(), "fold"),
        report.method,
        seconds(report.elapsed_seconds),
        counted_len(report.workers, "worker"),
        count(report.trials / (report.folds.len() as u64).max(1)),
    )?;
    writeln!(out, "bundle {} version {}\n", report.bundle, report.version.short())?;
    let metric = report.objective.metric;
    let mut heads = vec![("test from", Align::Left), ("to", Align::Left)];
    heads.push(("chosen", Align::Left));
    heads.push(("on train", Align::Right));
    if report.folds.iter().any(|fold| fold.on_validate.is_some()) {
        heads.push(("on validation", Align::Right));
    }
    heads.extend([
        ("on test", Align::Right),
        ("return", Align::Right),
        ("rank corr", Align::Right),
    ]);
    let with_validation = heads.len() == 8;
    let mut sheet = Sheet::new(heads);
    for fold in &report.folds {
        sheet.row(row(report, fold, with_validation));
    }
    sheet.print(out, printer, "")?;
    writeln!(out, "\nout of sample, {} one after the other:", name(metric))?;
    let final_equity = report.equity.last().copied().unwrap_or(report.cash);
    let shown = LISTED
        .iter()
        .filter(|metric| !matches!(text_of(**metric, &report.metrics, final_equity).as_str(), "-"));
    let mut facts: Vec<(&str, String)> = shown
        .map(|metric| (name(*metric), text_of(*metric, &report.metrics, final_equity)))
        .collect();
    facts.push(("final equity", fixed(final_equity, 2)));
    if let Some(stability) = &report.stability {
        let efficiency = stability.efficiency.map_or("-".to_owned(), |e| fixed(e, 2));
        facts.push(("efficiency", efficiency));
        facts.push(("folds with a gain", percent(stability.profitable)));
        for (dim, drift) in report.space.dims().iter().zip(&stability.drift) {
            facts.push((
                "drift",
                format!("{} {}", report.space.axes()[dim.axis].name(), percent(*drift)),
            ));
        }
    }
    print_facts(out, printer, "", &facts)?;
    Ok(())
}

fn row(report: &WalkForwardReport, fold: &FoldReport, with_validation: bool) -> Vec<String> {
    let time = |ns: i64| Timestamp::new(ns, report.time_style).to_string();
    let metric = report.objective.metric;
    let value = |trial: &Trial| text(metric, trial.value(report.objective));
    let mut cells = vec![time(fold.test.0), time(fold.test.1), fold.chosen.to_string()];
    cells.push(value(&fold.on_train));
    if with_validation {
        cells.push(fold.on_validate.as_ref().map_or("-".to_owned(), value));
    }
    cells.push(value(&fold.on_test));
    cells.push(text(barrow_engine::Metric::TotalReturn, fold.on_test.metrics.total_return));
    cells.push(fold.rank_correlation.map_or("-".to_owned(), |rho| fixed(rho, 2)));
    cells
}

/// The result as `docs/cli.md` describes it.
fn json(report: &WalkForwardReport) -> serde_json::Value {
    let time = |ns: i64| Timestamp::new(ns, report.time_style).to_string();
    let period = |(from, to): (i64, i64)| serde_json::json!([time(from), time(to)]);
    let fold = |fold: &FoldReport| {
        serde_json::json!({
            "train": period(fold.train),
            "validate": fold.validate.map(period),
            "test": period(fold.test),
            "chosen": fold.chosen,
            "on_train": fold.on_train.metrics,
            "on_validate": fold.on_validate.map(|trial| trial.metrics),
            "on_test": fold.on_test.metrics,
            "rank_correlation": fold.rank_correlation,
            "trials": fold.trials,
            "failed": fold.failed,
        })
    };
    let equity = report.times.iter().zip(&report.equity).map(|(at, equity)| (time(*at), equity));
    serde_json::json!({
        "bundle": report.bundle,
        "version": report.version.to_string(),
        "strategy": report.strategy,
        "search": report.method,
        "objective": report.objective.to_string(),
        "seed": report.search_seed,
        "folds": report.folds.iter().map(fold).collect::<Vec<_>>(),
        "metrics": report.metrics,
        "equity": equity.collect::<Vec<_>>(),
        "efficiency": report.stability.as_ref().and_then(|stability| stability.efficiency),
        "profitable": report.stability.as_ref().map(|stability| stability.profitable),
        "drift": report.stability.as_ref().map(|stability| stability.drift.clone()),
        "trials": report.trials,
        "workers": report.workers,
        "elapsed_seconds": report.elapsed_seconds,
    })
}
