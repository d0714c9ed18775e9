//! `barrow sweep`: a strategy at every point of a space of parameters.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use barrow_engine::{
    Backtest, Metric, Objective, Params, Partial, Space, Sweep, SweepReport, Workers, strategies,
};
use barrow_store::{Lease, SeriesCache};
use indicatif::ProgressBar;

use super::backtest::{SettingArgs, strategies_help};
use super::permutations::{PermutationArgs, Subject, Tested};
use super::search::{Ground, SearchArgs, moving};
use crate::hint::Complaint;
use crate::interrupt::{self, Interrupted};
use crate::invocation::Invocation;
use crate::metrics::{name, text, text_of};
use crate::numbers::{
    count, count_len, counted, counted_len, fixed, float, float_len, percent, rate, seconds,
};
use crate::output::{TrialFormat, write_text, write_trials};
use crate::permutation::PermutationTest;
use crate::printer::{Printer, Tone};
use crate::report::{Report, Rerun};
use crate::status::ExitStatus;
use crate::table::{Align, Sheet};

const EXAMPLES: &str = "\
Examples:
  barrow sweep us-daily --strategy sma-cross --param fast=2..20:2 --param slow=25..70:5
  barrow sweep us-daily -s momentum -p top=1,2,5 --objective calmar --out trials.parquet
  barrow sweep us-daily -s sma-cross -p fast=2..40 -p slow=50..200:10 --report sweep.html
  barrow sweep us-daily -s sma-cross -p fast=2..60 -p slow=5..250 --constraint \"fast < slow\" \\
      --search bohb --cost 100 --study sma.study";

/// Run a strategy at every point of a space of parameters
///
/// All trials share one mapped bundle, one cache of derived series and one pool of workers; the trials are
/// the same to the last bit at any number of workers. Points that break the strategy's rule (such as fast <
/// slow) are skipped.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{}\n\n{EXAMPLES}", strategies_help()))]
pub(crate) struct SweepArgs {
    /// Bundle: NAME, NAME@VERSION or a .barrow file
    #[arg(value_name = "BUNDLE")]
    bundle: String,
    /// Strategy; `--help` describes them
    #[arg(short, long, value_name = "NAME")]
    strategy: String,
    #[command(flatten)]
    search: SearchArgs,
    /// Metric that makes a trial the best, in its usual direction, or max:METRIC or min:METRIC; may be repeated
    /// where the search takes several
    #[arg(long = "objective", value_name = "METRIC", default_value = "sharpe")]
    objectives: Vec<String>,
    /// Journal every trial as it ends; the same command goes on where the last one was stopped
    #[arg(long, value_name = "FILE")]
    study: Option<PathBuf>,
    #[command(flatten)]
    setting: SettingArgs,
    #[command(flatten)]
    permutations: PermutationArgs,
    /// Trials in the table
    #[arg(long, value_name = "N", default_value_t = 10)]
    top: usize,
    /// Write all trials to a file: .csv, .parquet or .json
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write a self-contained HTML page of the result, with the best trial run in full
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

pub(crate) fn run(args: &SweepArgs, invocation: &Invocation) -> anyhow::Result<ExitStatus> {
    let printer = invocation.printer;
    let format = args.out.as_deref().map(trial_format).transpose()?;
    let lease = invocation.lease(&args.bundle)?;
    args.setting.warn_of_splits(&lease, printer)?;
    let cache = SeriesCache::default();
    let objectives = args.objectives.iter().map(|text| text.parse());
    let objectives = objectives.collect::<Result<Vec<Objective>, _>>()?;
    let root = invocation.root.as_path();
    let bar = printer.bar(args.search.trials.unwrap_or(0), "trials");
    let over = args.ground(root, (&lease, &cache, &args.bundle));
    let report = found(args, &objectives, &over, args.study.as_ref(), &bar);
    bar.finish_and_clear();
    let report = report?;
    let subject = Subject {
        lease: &lease,
        setting: &args.setting,
        apart: None,
        objective: report.objective,
        real: report.best_value().filter(|_| report.not_run == 0),
    };
    let test = args.permutations.test(&subject, invocation, 1, &|lease, path, cache| {
        let over = args.ground(root, (lease, cache, path));
        Ok(found(args, &objectives, &over, None, &ProgressBar::hidden())?.best_value())
    })?;
    if let (Some(path), Some(format)) = (&args.out, format) {
        write_trials(&report, path, format)?;
        let trials = count_len(report.trials.len());
        printer.say(format_args!("{trials} trials to `{}`", path.display()));
    }
    if let Some(path) = &args.report {
        write_report(&report, test.as_ref(), (&lease, &cache), path, args)?;
    }
    if printer.json {
        printer.json(&Tested { result: &report, permutations: test.as_ref(), resampled: None })?;
    } else {
        let mut out = printer.stdout();
        print_summary(&mut out, invocation, &report, args.top, "")?;
        if let Some(test) = &test {
            test.print(&mut out, printer)?;
        }
        out.flush()?;
    }
    if let Some(path) = &args.report {
        printer.say(format_args!("report: {}", path.display()));
    }
    complain_of_failures(&report, invocation);
    if report.not_run > 0 {
        let kept = count_len(report.trials.len());
        let said = match &args.study {
            Some(path) => {
                format!("the same command goes on: {kept} whole trials are in `{}`", path.display())
            }
            None => format!("only {kept} of {} points were run", count(report.points_len())),
        };
        return Err(anyhow::Error::new(Interrupted).context(said));
    }
    Ok(ExitStatus::Done)
}

impl SweepArgs {
    /// What trials run on: bars, a cache, and where other processes find the bars.
    fn ground<'a>(
        &'a self,
        root: &'a Path,
        (lease, cache, bundle): (&'a Lease, &'a SeriesCache, &'a str),
    ) -> Ground<'a> {
        Ground { lease, cache, strategy: &self.strategy, setting: &self.setting, root, bundle }
    }
}

/// Runs the sweep or search of the flags over a ground.
fn found(
    args: &SweepArgs,
    objectives: &[Objective],
    ground: &Ground<'_>,
    study: Option<&PathBuf>,
    bar: &ProgressBar,
) -> anyhow::Result<SweepReport> {
    if !args.search.is_plain_grid() || study.is_some() || objectives.len() > 1 {
        return args.search.hunt(ground, objectives, study, bar);
    }
    let space = args.search.space()?;
    bar.set_length(space.len());
    let search = Search {
        backtest: args.setting.backtest()?,
        objective: objectives[0],
        lease: ground.lease,
        strategy: ground.strategy,
        space: &space,
        cache: ground.cache,
        workers: args.search.workers,
    };
    Ok(search.run(bar)?)
}

/// A sweep of a built-in strategy.
pub(crate) struct Search<'a> {
    pub(crate) backtest: Backtest,
    pub(crate) objective: Objective,
    pub(crate) lease: &'a Lease,
    pub(crate) strategy: &'a str,
    pub(crate) space: &'a Space,
    pub(crate) cache: &'a SeriesCache,
    /// Worker threads; 0 is one a core.
    pub(crate) workers: usize,
}

impl Search<'_> {
    /// Runs the sweep and moves `bar` along.
    ///
    /// # Errors
    /// Those of the engine.
    pub(crate) fn run(self, bar: &ProgressBar) -> Result<SweepReport, barrow_engine::Error> {
        let progress = moving(bar, self.objective);
        let sweep = Sweep {
            progress: Some(&progress),
            cancel: Some(interrupt::flag()),
            ..Sweep::new(self.backtest, self.objective)
        };
        let workers = Workers::shared(self.workers)?;
        sweep.run(self.lease, self.strategy, self.space, self.cache, &workers)
    }
}

fn trial_format(path: &Path) -> anyhow::Result<TrialFormat> {
    TrialFormat::of(path).ok_or_else(|| {
        let said = format!("`{}` does not tell how to write the trials", path.display());
        Complaint::new(said).hint("end the name in `.csv`, `.parquet` or `.json`").into()
    })
}

fn complain_of_failures(report: &SweepReport, invocation: &Invocation) {
    let Some(first) = report.failed.first() else { return };
    let printer = invocation.printer;
    printer.complain(format_args!(
        "{} {} of {} trials failed; the first ({}): {}",
        printer.err("warning:", Tone::Bad),
        count_len(report.failed.len()),
        count(report.points_len()),
        report.point(first.index),
        first.error
    ));
}

/// The page: the sweep, and the best trial run again in full.
fn write_report(
    report: &SweepReport,
    test: Option<&PermutationTest>,
    (lease, cache): (&Lease, &SeriesCache),
    path: &Path,
    args: &SweepArgs,
) -> anyhow::Result<()> {
    let backtest = args.setting.backtest()?;
    let workers = Workers::shared(args.search.workers)?;
    let factory = |params: &Params| strategies::build(&report.strategy, params);
    let rerun = Rerun { backtest: &backtest, lease, cache, factory: &factory, workers: &workers };
    let page = Report::of_sweep_in_full(report, args.top.max(20), &rerun)?;
    write_text(path, &page.with_permutations(test).render())?;
    Ok(())
}

/// Metrics of the table, after the objective.
const COLUMNS: [Metric; 5] =
    [Metric::TotalReturn, Metric::AnnualReturn, Metric::Sharpe, Metric::MaxDrawdown, Metric::Fills];

/// Prints the result for people, each line behind `indent`.
pub(crate) fn print_summary(
    out: &mut impl Write,
    invocation: &Invocation,
    report: &SweepReport,
    top: usize,
    indent: &str,
) -> anyhow::Result<()> {
    let printer = invocation.printer;
    print_heading(out, printer, report, indent)?;
    let partial = partial(report);
    if report.trials.is_empty() && !partial.is_empty() {
        let most = partial.iter().map(|it| it.budget).fold(0.0, f64::max);
        writeln!(
            out,
            "{indent}no trial ran in full, the longest over {} of the run, so none is the best yet\n{indent}more \
             `--trials` or `--cost` runs some in full, as does a larger smallest part: `--search {}:min=1/9`",
            percent(most),
            report.search.as_ref().map_or("bohb", |search| search.method.as_str()),
        )?;
        return Ok(());
    }
    print_missed_limits(out, report, indent)?;
    let objective = report.objective.metric;
    let others: Vec<Metric> = COLUMNS.into_iter().filter(|metric| *metric != objective).collect();
    let mut heads = vec![("#", Align::Right)];
    heads.extend(report.space.axes().iter().map(|axis| (axis.name(), Align::Right)));
    heads.push((name(objective), Align::Right));
    heads.extend(others.iter().map(|metric| (name(*metric), Align::Right)));
    heads.push(("final equity", Align::Right));
    let mut sheet = Sheet::new(heads);
    for (place, (params, trial)) in report.leaders(top).into_iter().enumerate() {
        let mut cells = vec![count_len(place + 1)];
        cells.extend(
            report
                .space
                .axes()
                .iter()
                .map(|axis| params.get(axis.name()).map_or(String::new(), ToString::to_string)),
        );
        cells.push(text(objective, trial.value(report.objective)));
        let figure = |metric: &Metric| text_of(*metric, &trial.metrics, trial.final_equity);
        cells.extend(others.iter().map(figure));
        cells.push(fixed(trial.final_equity, 2));
        sheet.row(cells);
    }
    sheet.print(out, printer, indent)?;
    Ok(())
}

/// Says so when no trial keeps all limits.
fn print_missed_limits(
    out: &mut impl Write,
    report: &SweepReport,
    indent: &str,
) -> std::io::Result<()> {
    let order = report.order();
    let limits: Vec<String> = order.limits.iter().map(|limit| format!("`{limit}`")).collect();
    if limits.is_empty() || report.trials.iter().any(|trial| order.violation(trial) == 0.0) {
        return Ok(());
    }
    let limits = limits.join(" and ");
    writeln!(out, "{indent}no trial keeps {limits}; those that miss by less come first\n")
}

/// Trials that were not run in full.
fn partial(report: &SweepReport) -> &[Partial] {
    report.search.as_ref().map_or(&[], |search| &search.partial)
}

/// Says what was run, how fast, and over what.
fn print_heading(
    out: &mut impl Write,
    printer: Printer,
    report: &SweepReport,
    indent: &str,
) -> anyhow::Result<()> {
    let partial = partial(report);
    let trials = counted_len(report.trials.len() + partial.len(), "trial");
    let whole = match (partial, report.trials.len()) {
        ([], _) => String::new(),
        (_, whole) => format!(" ({})", counted_len(whole, "whole run")),
    };
    let runs = float_len(report.trials.len()) + partial.iter().map(|it| it.budget).sum::<f64>();
    let skipped = match report.skipped {
        0 => String::new(),
        skipped => format!(", {} skipped", counted(skipped, "point")),
    };
    writeln!(
        out,
        "{indent}{} {trials}{whole} in {} on {}: {}, {}{skipped}",
        printer.out(&report.strategy, Tone::Strong),
        seconds(report.elapsed_seconds),
        counted_len(report.workers, "worker"),
        rate(float_len(report.trials.len() + partial.len()), report.elapsed_seconds, "trials"),
        rate(runs * float(report.asset_bars), report.elapsed_seconds, "bars"),
    )?;
    writeln!(
        out,
        "{indent}bundle {} version {}, {} to {}\n",
        report.bundle,
        report.version.short(),
        barrow_engine::Timestamp::new(report.start, report.time_style),
        barrow_engine::Timestamp::new(report.end, report.time_style),
    )?;
    Ok(())
}

/// How long a call takes: the median of several.
pub(crate) fn median_time(calls: usize, mut call: impl FnMut()) -> Duration {
    let mut times: Vec<Duration> = (0..calls.max(1))
        .map(|_| {
            let started = Instant::now();
            call();
            started.elapsed()
        })
        .collect();
    times.sort();
    times[times.len() / 2]
}
