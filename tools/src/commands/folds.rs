//! Flags and work that `walk-forward` and `cross-validate` share: a search in each fold, whichever way folds
//! are cut, and what became of its choice on the test bars.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use barrow_engine::{
    Cut, FoldReport, Folds, FoldsReport, Objective, Params, Portal, Timestamp, Trial, Workers,
    strategies,
};
use barrow_store::{Lease, SeriesCache};
use indicatif::ProgressBar;
use serde_json::{Map, Value, json};

use super::backtest::SettingArgs;
use super::permutations::{PermutationArgs, Subject, Tested};
use super::search::{Ground, SearchArgs, moving};
use crate::interrupt::{self, Interrupted};
use crate::invocation::Invocation;
use crate::metrics::text;
use crate::numbers::{count, counted_len, fixed, seconds};
use crate::output::write_text;
use crate::permutation::{PermutationTest, without_choice};
use crate::printer::{Printer, Tone};
use crate::report::Report;
use crate::status::ExitStatus;

/// What is run in folds, how, and where the result goes.
#[derive(Debug, clap::Args)]
pub(crate) struct FoldArgs {
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
    #[command(flatten)]
    setting: SettingArgs,
    #[command(flatten)]
    permutations: PermutationArgs,
    /// Write a self-contained HTML page of the result
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

/// How the result of folds that are cut this way is shown.
pub(crate) trait Shown: Cut {
    /// What one of them is called.
    const FOLD: &'static str;

    /// The page.
    fn page(report: &FoldsReport<Self>) -> Report;

    /// Prints what came out, below the head.
    ///
    /// # Errors
    /// When `out` cannot be written.
    fn print(
        out: &mut impl Write,
        printer: Printer,
        report: &FoldsReport<Self>,
    ) -> anyhow::Result<()>;

    /// The members of the JSON document that others do not have.
    fn json(report: &FoldsReport<Self>) -> Value;
}

impl FoldArgs {
    /// Runs the folds of a cut and shows the result.
    ///
    /// # Errors
    /// Those of the engine; [`Interrupted`] when it was stopped.
    pub(crate) fn run<C: Shown>(
        &self,
        cut: &C,
        invocation: &Invocation,
    ) -> anyhow::Result<ExitStatus> {
        let printer = invocation.printer;
        let lease = invocation.lease(&self.bundle)?;
        self.setting.warn_of_splits(&lease, printer)?;
        let cache = SeriesCache::default();
        let bar = printer.bar(0, "trials");
        let report = self.found(cut, (&lease, &self.bundle, &cache), invocation, &bar);
        bar.finish_and_clear();
        let report = report?;
        let test = self.permuted(cut, &report, (&lease, &cache), invocation)?;
        if let Some(path) = &self.report {
            write_text(path, &C::page(&report).with_permutations(test.as_ref()).render())?;
        }
        if printer.json {
            let mut document = head_json(&report);
            document.extend(members(C::json(&report)));
            printer.json(&Tested {
                result: &document,
                permutations: test.as_ref(),
                resampled: None,
            })?;
        } else {
            let mut out = printer.stdout();
            print_head(&mut out, printer, &report)?;
            C::print(&mut out, printer, &report)?;
            if let Some(test) = &test {
                test.print(&mut out, printer)?;
            }
            out.flush()?;
        }
        if let Some(path) = &self.report {
            printer.say(format_args!("report: {}", path.display()));
        }
        let (run, all) = (report.folds.len(), report.folds_len);
        if run < all {
            let said = format!("only {run} of {all} {}s were run", C::FOLD);
            return Err(anyhow::Error::new(Interrupted).context(said));
        }
        Ok(ExitStatus::Done)
    }

    /// Runs the folds over bars: a lease, where other processes find it, and a cache.
    fn found<C: Shown>(
        &self,
        cut: &C,
        (lease, bundle, cache): (&Lease, &str, &SeriesCache),
        invocation: &Invocation,
        bar: &ProgressBar,
    ) -> anyhow::Result<FoldsReport<C>> {
        let objective: Objective = self.objective.parse()?;
        let progress = moving(bar, objective);
        let (search, setting) = (&self.search, &self.setting);
        let folds = Folds {
            backtest: setting.backtest()?,
            objective,
            limits: search.limits()?,
            plan: search.plan(setting.seed, &[objective])?,
            cut: cut.clone(),
            round: search.round,
            terms: search.terms(setting.seed)?,
            progress: Some(&progress),
            cancel: Some(interrupt::flag()),
        };
        let space = Arc::new(search.space()?);
        let workers = Workers::shared(search.workers)?;
        let factory = |params: &Params| strategies::build(&self.strategy, params);
        let (strategy, root) = (&self.strategy, &invocation.root);
        let ground = Ground { lease, cache, strategy, setting, root, bundle };
        let crews = search.crews(&ground, &factory, &workers)?;
        Ok(folds.run_with(lease, &factory, &space, cache, crews.as_ref())?)
    }

    /// Runs the folds over permuted markets, if they are asked for.
    fn permuted<C: Shown>(
        &self,
        cut: &C,
        report: &FoldsReport<C>,
        (lease, cache): (&Lease, &SeriesCache),
        invocation: &Invocation,
    ) -> anyhow::Result<Option<PermutationTest>> {
        let portal = Portal::new(lease, cache, &self.setting.backtest()?.scope)?;
        let whole = report.folds.len() == report.folds_len;
        let subject = Subject {
            lease,
            setting: &self.setting,
            apart: cut.judged_from(portal.times())?,
            objective: report.objective,
            real: report.out_of_sample().filter(|_| whole),
        };
        self.permutations.test(&subject, invocation, 1, &|lease, path, cache| {
            let bar = ProgressBar::hidden();
            match self.found(cut, (lease, path, cache), invocation, &bar) {
                Ok(report) => Ok(report.out_of_sample()),
                Err(error) => Ok(without_choice(error.downcast()?)?),
            }
        })
    }
}

fn print_head<C: Shown>(
    out: &mut impl Write,
    printer: Printer,
    report: &FoldsReport<C>,
) -> anyhow::Result<()> {
    writeln!(
        out,
        "{} {} of {} in {}: {}, {} a {}",
        printer.out(&report.strategy, Tone::Strong),
        counted_len(report.folds.len(), C::FOLD),
        report.method,
        seconds(report.elapsed_seconds),
        counted_len(report.workers, "worker"),
        count(report.trials / (report.folds.len() as u64).max(1)),
        C::FOLD,
    )?;
    writeln!(out, "bundle {} version {}\n", report.bundle, report.version.short())?;
    Ok(())
}

/// A trial's value of the objective as it reads.
pub(crate) fn value<C>(report: &FoldsReport<C>, trial: &Trial) -> String {
    text(report.objective.metric, trial.value(report.objective))
}

/// The rank correlation of a fold as it reads.
pub(crate) fn rank_correlation(fold: &FoldReport) -> String {
    fold.rank_correlation.map_or("-".to_owned(), |rho| fixed(rho, 2))
}

/// The members that both documents have.
fn head_json<C>(report: &FoldsReport<C>) -> Map<String, Value> {
    let stability = report.stability.as_ref();
    members(json!({
        "bundle": report.bundle,
        "version": report.version.to_string(),
        "strategy": report.strategy,
        "search": report.method,
        "objective": report.objective.to_string(),
        "seed": report.search_seed,
        "efficiency": stability.and_then(|stability| stability.efficiency),
        "profitable": stability.map(|stability| stability.profitable),
        "trials": report.trials,
        "workers": report.workers,
        "elapsed_seconds": report.elapsed_seconds,
    }))
}

/// What both documents say of a fold, and `more`.
pub(crate) fn fold_json(fold: &FoldReport, more: Value) -> Value {
    let mut object = members(json!({
        "chosen": fold.chosen,
        "on_train": fold.on_train.metrics,
        "on_test": fold.on_test.metrics,
        "rank_correlation": fold.rank_correlation,
        "trials": fold.trials,
        "failed": fold.failed,
    }));
    object.extend(members(more));
    Value::Object(object)
}

/// First and last time as JSON.
pub(crate) fn period_json<C>(report: &FoldsReport<C>, (from, to): (i64, i64)) -> Value {
    let time = |ns: i64| Timestamp::new(ns, report.time_style).to_string();
    json!([time(from), time(to)])
}

fn members(document: Value) -> Map<String, Value> {
    match document {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
