//! Flags and work that `sweep`, `walk-forward` and `cross-validate` share: what is searched, how, and how far.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use barrow_engine::search::{Goals, Limit, Method, SearchPlan};
use barrow_engine::{
    Crews, Factory, Hunt, Objective, Params, Part, Portal, Progress, Space, Study, SweepReport,
    Terms, ThreadCrews, Workers, strategies,
};
use barrow_store::{Journal, Lease, SeriesCache};
use clap::ValueEnum;
use indicatif::ProgressBar;

use super::backtest::SettingArgs;
use crate::hint::Complaint;
use crate::interrupt;
use crate::isolate::{Orders, ProcessCrews};
use crate::metrics::text;
use crate::threads::threads;

/// What is searched and how.
#[derive(Debug, clap::Args)]
pub(crate) struct SearchArgs {
    /// Values of a parameter: fast=2..20:2 (both ends, step 2), fast=5,10,20 or fast=10; with a search also a
    /// scale, such as `x=0.1..10 log`; may be repeated
    #[arg(short, long = "param", value_name = "NAME=VALUES")]
    pub(crate) params: Vec<String>,
    /// Read the parameters from a TOML file
    #[arg(long, value_name = "FILE")]
    pub(crate) space: Option<PathBuf>,
    /// Rule between parameters, such as "fast < slow"; may be repeated
    #[arg(long = "constraint", value_name = "RULE")]
    pub(crate) constraints: Vec<String>,
    /// How points are chosen: grid, random, sobol, halton, lhs, tpe, gp, cmaes, genetic, halving, hyperband, asha
    /// or bohb; settings behind a colon, such as `bohb:eta=3`
    #[arg(long, value_name = "METHOD", default_value = "grid")]
    pub(crate) search: String,
    /// The most trials, at all budgets together
    #[arg(long, value_name = "N")]
    pub(crate) trials: Option<u64>,
    /// The most work, in whole runs: a trial of a third of the whole counts a third
    #[arg(long, value_name = "RUNS")]
    pub(crate) cost: Option<f64>,
    /// Trials asked for at a time; decides which trials a search asks for [default: by the search]
    #[arg(long, value_name = "N")]
    pub(crate) round: Option<usize>,
    /// What results must keep, such as `max_drawdown<=0.2` or `trades>=30`; may be repeated
    #[arg(long = "limit", value_name = "LIMIT")]
    pub(crate) limits: Vec<String>,
    /// What a budget below 1 runs on: stretches spread over the period; its first bars, where a trial that
    /// goes on runs the rest alone; or some of the assets over all of it
    #[arg(long, value_enum, default_value_t = PartOf::Spread)]
    pub(crate) part: PartOf,
    /// The most seconds that one trial may take; a slower one counts as failed
    #[arg(long, value_name = "SECONDS")]
    pub(crate) time_limit: Option<f64>,
    /// Run trials in processes of their own, which may crash, hang or be killed by `--time-limit` one by one
    #[arg(long)]
    pub(crate) isolate: bool,
    /// Mebibytes that a process of `--isolate` may allocate; mapped bundles do not count
    #[arg(long, value_name = "MIB", requires = "isolate", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) memory_limit: Option<u64>,
    /// Worker threads or processes, at most 1024; 0 is one a core
    #[arg(short = 'j', long, value_name = "N", default_value_t = 0,
        value_parser = threads())]
    pub(crate) workers: usize,
}

/// What a budget below 1 runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PartOf {
    /// Stretches spread over the whole period.
    Spread,
    /// The first bars; a trial that goes on runs the rest alone.
    First,
    /// Some of the assets.
    Assets,
}

impl From<PartOf> for Part {
    fn from(part: PartOf) -> Part {
        match part {
            PartOf::Spread => Part::Spread,
            PartOf::First => Part::First,
            PartOf::Assets => Part::Assets,
        }
    }
}

impl SearchArgs {
    /// The space of all flags together.
    ///
    /// # Errors
    /// When the file cannot be read or a text is not understood.
    pub(crate) fn space(&self) -> anyhow::Result<Space> {
        let space = match &self.space {
            None => Space::parse(self.params.iter().map(String::as_str))?,
            Some(path) => {
                if !self.params.is_empty() {
                    let said = "`--space` and `--param` both name parameters";
                    return Err(Complaint::new(said).hint("write all of them in the file").into());
                }
                let text = std::fs::read_to_string(path);
                let text = text.with_context(|| format!("cannot read `{}`", path.display()))?;
                let space = Space::from_toml(&text);
                space.with_context(|| format!("`{}` is no space", path.display()))?
            }
        };
        Ok(space.with_constraints(self.constraints.iter().map(String::as_str))?)
    }

    /// Whether every point of a grid is run, by the shortest way.
    pub(crate) fn is_plain_grid(&self) -> bool {
        let settings = (self.trials, self.round, self.time_limit);
        self.search == "grid"
            && self.limits.is_empty()
            && matches!(settings, (None, None, None))
            && self.cost.is_none()
            && !self.isolate
    }

    /// The search of the flags.
    ///
    /// # Errors
    /// For an unknown search, and one that would not end.
    pub(crate) fn plan(&self, seed: u64, objectives: &[Objective]) -> anyhow::Result<SearchPlan> {
        let text = match self.search.strip_prefix("genetic") {
            Some(settings) => format!("nsga2{settings}"),
            None => self.search.clone(),
        };
        let method: Method = text.parse()?;
        if self.trials.is_none() && self.cost.is_none() && method.name() != "grid" {
            let said = format!("`{}` does not end by itself", method.name());
            let hint = "say how far it shall go: `--trials 200`, or `--cost 50` in whole runs";
            return Err(Complaint::new(said).hint(hint).into());
        }
        if self.trials == Some(0) || self.cost.is_some_and(|cost| cost.is_nan() || cost <= 0.0) {
            let hint = "say how far it shall go: `--trials 200`, or `--cost 50` in whole runs";
            return Err(Complaint::new("a search of no trial finds nothing").hint(hint).into());
        }
        let directions = objectives.iter().map(|objective| objective.direction).collect();
        let mut plan = SearchPlan::new(method, seed, Goals::several(directions)?);
        (plan.trials_max, plan.cost_max) = (self.trials, self.cost);
        Ok(plan)
    }

    pub(crate) fn limits(&self) -> Result<Vec<Limit>, barrow_engine::Error> {
        self.limits.iter().map(|limit| limit.parse()).collect()
    }

    /// What holds for each trial of a search with this seed.
    ///
    /// # Errors
    /// Unless the time limit is above zero.
    pub(crate) fn terms(&self, seed: u64) -> anyhow::Result<Terms> {
        Ok(Terms { seed, time_max: self.time_max()?, part: self.part.into() })
    }

    /// The time limit of a trial.
    ///
    /// # Errors
    /// Unless it is above zero.
    fn time_max(&self) -> anyhow::Result<Option<Duration>> {
        let Some(seconds) = self.time_limit else { return Ok(None) };
        let limit = Duration::try_from_secs_f64(seconds).ok().filter(|limit| !limit.is_zero());
        let none = || {
            let said = format!("`--time-limit {seconds}` is no time to run in");
            Complaint::new(said).hint("seconds above zero, such as `--time-limit 0.5`")
        };
        Ok(Some(limit.ok_or_else(none)?))
    }

    /// Who runs the trials over a ground: threads, or processes of `--isolate`.
    ///
    /// # Errors
    /// For a time limit that is none; when the bundle's file or this program cannot be found.
    pub(crate) fn crews<'a>(
        &self,
        ground: &Ground<'a>,
        factory: &'a Factory<'a>,
        workers: &'a Workers,
    ) -> anyhow::Result<Box<dyn Crews + 'a>> {
        let terms = self.terms(ground.setting.seed)?;
        if self.isolate {
            let memory_max = self.memory_limit.map(|mebibytes| mebibytes.saturating_mul(1 << 20));
            return Ok(Box::new(ProcessCrews {
                program: std::env::current_exe()?,
                orders: ground.orders(terms, memory_max)?,
                hands: workers.threads(),
                terms,
                cancel: interrupt::flag(),
            }));
        }
        let cancel = Some(interrupt::flag());
        Ok(Box::new(ThreadCrews { factory, workers, terms, cancel }))
    }

    /// Runs the search over a ground and moves `bar` along.
    ///
    /// # Errors
    /// Those of the engine and of the journal.
    pub(crate) fn hunt(
        &self,
        ground: &Ground<'_>,
        objectives: &[Objective],
        study: Option<&PathBuf>,
        bar: &ProgressBar,
    ) -> anyhow::Result<SweepReport> {
        let space = Arc::new(self.space()?);
        let backtest = ground.setting.backtest()?;
        let plan = self.plan(ground.setting.seed, objectives)?;
        let mut study = match study {
            Some(path) => Some(Study::open(Journal::open(path)?)?),
            None => None,
        };
        let portal = Portal::new(ground.lease, ground.cache, &backtest.scope)?;
        let workers = Workers::shared(self.workers)?;
        let factory = |params: &Params| strategies::build(ground.strategy, params);
        let crews = self.crews(ground, &factory, &workers)?;
        let crew = crews.over(&backtest, std::slice::from_ref(&portal));
        let progress = moving(bar, objectives[0]);
        let hunt = Hunt {
            backtest: &backtest,
            objectives: objectives.to_vec(),
            limits: self.limits()?,
            plan,
            round: self.round,
            progress: Some(&progress),
            cancel: Some(interrupt::flag()),
        };
        Ok(hunt.run(&portal, &factory, &space, crew.as_ref(), study.as_mut())?)
    }
}

/// What trials run on: bars, a strategy and settings.
#[derive(Clone, Copy)]
pub(crate) struct Ground<'a> {
    pub(crate) lease: &'a Lease,
    pub(crate) cache: &'a SeriesCache,
    pub(crate) strategy: &'a str,
    pub(crate) setting: &'a SettingArgs,
    /// The catalog's directory.
    pub(crate) root: &'a Path,
    /// The bundle as it was typed, or the path of its file.
    pub(crate) bundle: &'a str,
}

impl Ground<'_> {
    /// What worker processes are told, but for stretches and assets.
    fn orders(&self, terms: Terms, memory_max: Option<u64>) -> anyhow::Result<Orders> {
        let is_file = self.bundle.contains('/') || self.bundle.ends_with(".barrow");
        let bundle = if is_file {
            std::fs::canonicalize(self.bundle)?.to_string_lossy().into_owned()
        } else {
            format!("{}@{}", self.lease.name(), self.lease.version())
        };
        Ok(Orders {
            root: self.root.to_owned(),
            bundle,
            version: self.lease.version().to_string(),
            strategy: self.strategy.to_owned(),
            cash: self.setting.cash,
            commission: self.setting.commission.clone(),
            slippage: self.setting.slippage.clone(),
            seed: self.setting.seed,
            search_seed: terms.seed,
            part: terms.part.name().to_owned(),
            stretches: Vec::new(),
            assets: None,
            memory_max,
        })
    }
}

/// Progress that moves a bar along and shows the fold at work and the best so far.
pub(crate) fn moving(bar: &ProgressBar, objective: Objective) -> impl Fn(Progress) + Sync + '_ {
    let shown = AtomicU64::new(f64::NAN.to_bits());
    let fold_shown = AtomicU64::new(0);
    move |progress: Progress| {
        if Some(progress.total) != bar.length() {
            bar.set_length(progress.total);
        }
        bar.set_position(progress.done);
        let bits = progress.best.unwrap_or(f64::NAN).to_bits();
        let fold = progress.folds.0 + 1;
        let changes = fold_shown.swap(fold, Ordering::Relaxed) != fold;
        if shown.swap(bits, Ordering::Relaxed) != bits || changes {
            let best = text(objective.metric, progress.best);
            bar.set_message(match progress.folds {
                (_, 1) => format!("best {best}"),
                (_, all) => format!("fold {fold} of {all}, best {best}"),
            });
        }
    }
}
