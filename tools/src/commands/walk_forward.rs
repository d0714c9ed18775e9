//! `barrow walk-forward`: fit on one stretch of history, judge on the next, again and again.

use std::io::Write;

use barrow_engine::validation::{Anchor, Length, PartialLast, Windows};
use barrow_engine::{FoldReport, Metric, Timestamp, WalkForwardReport};
use clap::ValueEnum;
use serde_json::{Value, json};

use super::backtest::strategies_help;
use super::folds::{FoldArgs, Shown, fold_json, period_json, rank_correlation, value};
use crate::hint::Complaint;
use crate::invocation::Invocation;
use crate::metrics::{LISTED, name, text, text_of};
use crate::numbers::{fixed, percent};
use crate::printer::Printer;
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
    folds: FoldArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LastTest {
    /// Judged as it is.
    Keep,
    /// Left out.
    Drop,
}

pub(crate) fn run(args: &WalkForwardArgs, invocation: &Invocation) -> anyhow::Result<ExitStatus> {
    args.folds.run(&args.windows()?, invocation)
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

impl Shown for Windows {
    const FOLD: &'static str = "fold";

    fn page(report: &WalkForwardReport) -> Report {
        Report::of_walk_forward(report)
    }

    fn print(
        out: &mut impl Write,
        printer: Printer,
        report: &WalkForwardReport,
    ) -> anyhow::Result<()> {
        print_folds(out, printer, report)?;
        let metric = report.objective.metric;
        writeln!(out, "\nout of sample, {} one after the other:", name(metric))?;
        let final_equity = report.equity().last().copied().unwrap_or(report.cash);
        let metrics = report.metrics();
        let figures = LISTED.iter().map(|m| (name(*m), text_of(*m, &metrics, final_equity)));
        let mut facts: Vec<(&str, String)> = figures.filter(|(_, text)| text != "-").collect();
        facts.push(("final equity", fixed(final_equity, 2)));
        if let Some(stability) = &report.stability {
            let efficiency = stability.efficiency.map_or("-".to_owned(), |e| fixed(e, 2));
            facts.push(("efficiency", efficiency));
            facts.push(("folds with a gain", percent(stability.profitable)));
            for (dim, drift) in report.space.dims().iter().zip(&stability.drift) {
                let parameter = report.space.axes()[dim.axis].name();
                facts.push(("drift", format!("{parameter} {}", percent(*drift))));
            }
        }
        print_facts(out, printer, "", &facts)?;
        Ok(())
    }

    fn json(report: &WalkForwardReport) -> Value {
        let time = |ns: i64| Timestamp::new(ns, report.time_style).to_string();
        let period = |ends| period_json(report, ends);
        let fold = |fold: &FoldReport| {
            let more = json!({
                "train": period(fold.train),
                "validate": fold.validate.map(period),
                "test": period(fold.test),
                "on_validate": fold.on_validate.map(|trial| trial.metrics),
            });
            fold_json(fold, more)
        };
        let equity = report.times.iter().zip(report.equity());
        let equity = equity.map(|(at, equity)| (time(*at), equity));
        json!({
            "folds": report.folds.iter().map(fold).collect::<Vec<_>>(),
            "metrics": report.metrics(),
            "equity": equity.collect::<Vec<_>>(),
            "drift": report.stability.as_ref().map(|stability| stability.drift.clone()),
        })
    }
}

fn print_folds(
    out: &mut impl Write,
    printer: Printer,
    report: &WalkForwardReport,
) -> anyhow::Result<()> {
    let with_validation = report.folds.iter().any(|fold| fold.on_validate.is_some());
    let mut heads = vec![("test from", Align::Left), ("to", Align::Left)];
    heads.extend([("chosen", Align::Left), ("on train", Align::Right)]);
    if with_validation {
        heads.push(("on validation", Align::Right));
    }
    heads.extend([
        ("on test", Align::Right),
        ("return", Align::Right),
        ("rank corr", Align::Right),
    ]);
    let mut sheet = Sheet::new(heads);
    for fold in &report.folds {
        let time = |ns: i64| Timestamp::new(ns, report.time_style).to_string();
        let mut cells = vec![time(fold.test.0), time(fold.test.1), fold.chosen.to_string()];
        cells.push(value(report, &fold.on_train));
        if with_validation {
            let trial = fold.on_validate.as_ref();
            cells.push(trial.map_or("-".to_owned(), |trial| value(report, trial)));
        }
        cells.push(value(report, &fold.on_test));
        cells.push(text(Metric::TotalReturn, fold.on_test.metrics.total_return));
        cells.push(rank_correlation(fold));
        sheet.row(cells);
    }
    sheet.print(out, printer, "")?;
    Ok(())
}
