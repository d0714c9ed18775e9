//! `barrow backtest`: one strategy over a bundle.

use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

use barrow_engine::{
    Backtest, Commission, Objective, Params, Performance, Scope, Slippage, Workers, strategies,
    unadjusted_splits,
};
use barrow_store::{Lease, SeriesCache};

use super::permutations::{PermutationArgs, Subject, Tested};
use super::resampling::ResamplingArgs;
use crate::instant::{When, span};
use crate::invocation::Invocation;
use crate::metrics::{LISTED, name, text_of};
use crate::numbers::{count, count_len, counted_len, duration, fixed, float, rate, shortest};
use crate::output::write_text;
use crate::printer::{Printer, Tone};
use crate::report::Report;
use crate::status::ExitStatus;
use crate::table::print_facts;

const EXAMPLES: &str = "\
Examples:
  barrow backtest us-daily --strategy sma-cross --param fast=10 --param slow=50
  barrow backtest us-daily --strategy momentum --commission bps:10 --report run.html
  barrow backtest us-daily --strategy buy-and-hold --assets AAPL --from 2010 --json";

/// Run a strategy over a bundle
///
/// Orders sent after a bar's close fill at the next bar's open of that asset. The result names the bundle's
/// version, the parameters, the seed and the library version: the same four give the same bytes.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{}\n\n{EXAMPLES}", strategies_help()))]
pub(crate) struct BacktestArgs {
    /// Bundle: NAME, NAME@VERSION or a .barrow file
    #[arg(value_name = "BUNDLE")]
    bundle: String,
    /// Strategy; `--help` describes them
    #[arg(short, long, value_name = "NAME")]
    strategy: String,
    /// Parameter of the strategy; may be repeated
    #[arg(short, long = "param", value_name = "NAME=VALUE")]
    params: Vec<String>,
    #[command(flatten)]
    setting: SettingArgs,
    #[command(flatten)]
    permutations: PermutationArgs,
    #[command(flatten)]
    resampling: ResamplingArgs,
    /// What `--permutations` and `--noise` look at: a metric, or max:METRIC or min:METRIC
    #[arg(long, value_name = "METRIC", default_value = "sharpe")]
    objective: String,
    /// Write a self-contained HTML page of the result
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

/// Flags that a backtest and each trial of a sweep share.
#[derive(Debug, clap::Args)]
pub(crate) struct SettingArgs {
    /// Starting cash, quote currency
    #[arg(long, value_name = "AMOUNT", default_value_t = 100_000.0)]
    pub(crate) cash: f64,
    /// Fee of a fill: none, per-share:0.001, per-order:1 or bps:10
    #[arg(long, value_name = "FEE", default_value = "none")]
    pub(crate) commission: String,
    /// Distance of fills from the open, against the trader: none or bps:5
    #[arg(long, value_name = "DISTANCE", default_value = "none")]
    pub(crate) slippage: String,
    /// First date or instant (UTC) of the clock; earlier bars remain visible as history
    #[arg(long, value_name = "WHEN")]
    pub(crate) from: Option<When>,
    /// Last date or instant; a date, month or year is taken in whole
    #[arg(long, value_name = "WHEN")]
    pub(crate) to: Option<When>,
    /// Symbols, separated by commas [default: all]
    #[arg(short, long, value_delimiter = ',', value_name = "SYMBOLS")]
    pub(crate) assets: Vec<String>,
    /// Seed handed to the strategy and recorded in the result
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
}

impl SettingArgs {
    pub(crate) fn backtest(&self) -> anyhow::Result<Backtest> {
        span(self.from, self.to)?;
        Ok(Backtest {
            cash: self.cash,
            commission: self.commission.parse::<Commission>()?,
            slippage: self.slippage.parse::<Slippage>()?,
            seed: self.seed,
            scope: Scope {
                from: self.from.map(|when| when.first_ns),
                to: self.to.map(|when| when.last_ns),
                assets: (!self.assets.is_empty()).then(|| self.assets.clone()),
            },
        })
    }
}

impl SettingArgs {
    /// Warns of splits that the stored prices are not adjusted for, over which a run goes.
    ///
    /// # Errors
    /// When the bundle lacks an asset, or cannot be read.
    pub(crate) fn warn_of_splits(&self, lease: &Lease, printer: Printer) -> anyhow::Result<()> {
        let splits = unadjusted_splits(lease, &self.backtest()?.scope)?;
        let [first, others @ ..] = &splits[..] else { return Ok(()) };
        let more = match others.len() {
            0 => String::new(),
            more => format!(" and {} more", count_len(more)),
        };
        printer.say(format_args!(
            "warning: prices are traded as they are stored, and are not adjusted for the split of {first}{more}: \
             that looks like a move of the market; ingest adjusted prices, or leave such assets out with \
             `--assets`"
        ));
        Ok(())
    }
}

/// The strategies, their exact rules and parameters, for `--help`.
pub(crate) fn strategies_help() -> String {
    let mut lines = vec!["Strategies:".to_owned()];
    for spec in strategies::catalog() {
        lines.push(format!("\n{}: {}", spec.name, spec.summary));
        lines.extend(wrapped(spec.rule, 96).into_iter().map(|line| format!("  {line}")));
        for param in spec.params {
            let head = format!("--param {}={}", param.name, param.default);
            lines.push(format!("    {head:<28} {}", param.doc));
        }
    }
    lines.join("\n")
}

/// The words of `text` in lines of at most `width` characters.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = vec![String::new()];
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.len() + 1 + word.len() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

pub(crate) fn run(args: &BacktestArgs, invocation: &Invocation) -> anyhow::Result<ExitStatus> {
    let printer = invocation.printer;
    let backtest = args.setting.backtest()?;
    let params = Params::parse(args.params.iter().map(String::as_str))?;
    let mut strategy = strategies::build(&args.strategy, &params)?;
    let lease = invocation.lease(&args.bundle)?;
    args.setting.warn_of_splits(&lease, printer)?;
    let started = Instant::now();
    let performance = backtest.run(&lease, strategy.as_mut(), &SeriesCache::default())?;
    let elapsed = started.elapsed();
    let objective: Objective = args.objective.parse()?;
    let value = |run: &Performance| objective.metric.of(&run.metrics, run.final_equity);
    let real = value(&performance);
    let subject = Subject { lease: &lease, setting: &args.setting, apart: None, objective, real };
    let again = |lease: &Lease, cache: &SeriesCache| {
        let mut strategy = strategies::build(&args.strategy, &params)?;
        Ok(value(&backtest.run(lease, strategy.as_mut(), cache)?))
    };
    let over = |lease: &Lease, _: &str, cache: &SeriesCache| again(lease, cache);
    let test = args.permutations.test(&subject, invocation, Workers::available(), &over)?;
    let what = (&args.setting, objective);
    let drawn = args.resampling.draw((&performance, &lease), what, invocation, &again)?;
    if let Some(path) = &args.report {
        let page = Report::of_run(&performance, &lease)?.with_permutations(test.as_ref());
        let page = page.with_resampled(&drawn);
        write_text(path, &page.render())?;
    }
    if printer.json {
        let resampled = drawn.json();
        printer.json(&Tested { result: &performance, permutations: test.as_ref(), resampled })?;
    } else {
        let mut out = printer.stdout();
        let visits = rate(float(performance.asset_bars), elapsed.as_secs_f64(), "bars");
        print_summary(&mut out, invocation, &performance, "")?;
        if let Some(test) = &test {
            test.print(&mut out, printer)?;
        }
        drawn.print(&mut out, printer)?;
        out.flush()?;
        printer.detail(format_args!("ran in {} ({visits})", duration(elapsed)));
    }
    if let Some(path) = &args.report {
        printer.say(format_args!("report: {}", path.display()));
    }
    Ok(ExitStatus::Done)
}

/// Prints the result for people, each line behind `indent`.
pub(crate) fn print_summary(
    out: &mut impl Write,
    invocation: &Invocation,
    performance: &Performance,
    indent: &str,
) -> anyhow::Result<()> {
    let printer = invocation.printer;
    writeln!(
        out,
        "{indent}{} {}",
        printer.out(&performance.strategy, Tone::Strong),
        performance.params
    )?;
    let facts = [
        ("bundle", format!("{} version {}", performance.bundle, performance.version.short())),
        (
            "period",
            format!(
                "{} to {}, {}, {}",
                performance.timestamp(performance.start()),
                performance.timestamp(performance.end()),
                counted_len(performance.bars(), "bar"),
                counted_len(performance.symbols.len(), "asset")
            ),
        ),
        (
            "costs",
            format!("commission {}, slippage {}", performance.commission, performance.slippage),
        ),
        (
            "equity",
            format!(
                "{} from {}; cash {}",
                fixed(performance.final_equity, 2),
                fixed(performance.cash, 2),
                fixed(performance.final_cash, 2)
            ),
        ),
    ];
    print_facts(out, printer, indent, &facts)?;
    writeln!(out)?;
    print_metrics(out, invocation, performance, indent)?;
    let mut ends: Vec<String> = Vec::new();
    for (asset, quantity) in performance.positions.iter().take(8) {
        ends.push(format!("{} {}", shortest(*quantity), performance.symbol(*asset)));
    }
    if performance.positions.len() > ends.len() {
        ends.push(format!("{} more", performance.positions.len() - ends.len()));
    }
    writeln!(out)?;
    let positions = if ends.is_empty() { "none".to_owned() } else { ends.join(", ") };
    let orders = count(performance.open_orders.len() as u64);
    print_facts(out, printer, indent, &[("positions", positions), ("open orders", orders)])?;
    Ok(())
}

/// The figures in two columns, read downwards.
fn print_metrics(
    out: &mut impl Write,
    invocation: &Invocation,
    performance: &Performance,
    indent: &str,
) -> anyhow::Result<()> {
    let printer = invocation.printer;
    let half = LISTED.len().div_ceil(2);
    for row in 0..half {
        write!(out, "{indent}")?;
        for (place, metric) in
            [LISTED.get(row), LISTED.get(row + half)].into_iter().flatten().enumerate()
        {
            let value = text_of(*metric, &performance.metrics, performance.final_equity);
            let name = printer.out(name(*metric), Tone::Faint);
            let gap = if place == 0 { "" } else { "      " };
            write!(out, "{gap}{name:<16} {value:>14}")?;
        }
        writeln!(out)?;
    }
    Ok(())
}
