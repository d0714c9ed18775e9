//! `barrow demo`: the whole way, from vendor file to report, on real prices.

mod story;

use std::path::PathBuf;
use std::time::Instant;

use barrow_engine::{Metrics, Params};
use barrow_store::{Catalog, SeriesCache};
use serde::Serialize;

use self::story::Story;
use crate::ingest::IngestSummary;
use crate::invocation::Invocation;
use crate::status::ExitStatus;

/// Name of the bundle that the demo makes.
const BUNDLE: &str = "demo";

/// Show everything on real prices: ingest, verify, query, backtest, sweep, report
///
/// Ingests five US shares (12,154 daily bars, public domain, shipped inside the command) and runs what the
/// other commands run. Works in a directory of its own below the system's temporary one, or in --root.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  barrow demo\n  barrow demo --root ./demo && barrow ls --root ./demo"
)]
pub(crate) struct DemoArgs {}

#[derive(Serialize)]
struct Answer<'a> {
    root: String,
    ingest: &'a IngestSummary,
    verify: Verified,
    pool: Pool,
    closes: &'a Closes,
    backtest: Ran<'a>,
    sweep: Swept<'a>,
    report: String,
    elapsed_seconds: f64,
}

#[derive(Clone, Copy, Serialize)]
struct Verified {
    ok: bool,
    series: u64,
    bytes: u64,
    elapsed_seconds: f64,
}

/// Seconds of each step.
#[derive(Clone, Copy, Serialize)]
struct Pool {
    #[serde(rename = "miss_seconds")]
    miss: f64,
    #[serde(rename = "hit_seconds")]
    hit: f64,
    #[serde(rename = "lookup_seconds")]
    lookup: f64,
}

#[derive(Serialize)]
struct Closes {
    symbol: &'static str,
    first: Vec<(String, f64)>,
}

#[derive(Serialize)]
struct Ran<'a> {
    strategy: &'a str,
    params: &'a Params,
    final_equity: f64,
    metrics: &'a Metrics,
    elapsed_seconds: f64,
}

#[derive(Serialize)]
struct Swept<'a> {
    trials: usize,
    best: Option<&'a Params>,
    elapsed_seconds: f64,
    workers: usize,
}

pub(crate) fn run(_args: &DemoArgs, invocation: &Invocation) -> anyhow::Result<ExitStatus> {
    let begun = Instant::now();
    let root = root(invocation);
    let mut story = Story::new(invocation);
    story.open()?;

    let catalog = Catalog::at(&root);
    let summary = story.ingest(&catalog, &root)?;
    let lease = catalog.lease(BUNDLE)?;
    let verified = story.verify(&lease)?;
    let pool = story.pool(&catalog)?;
    let closes = story.closes(&lease)?;
    let cache = SeriesCache::default();
    let (performance, ran_seconds) = story.backtest(&lease, &cache)?;
    let swept = story.sweep(&lease, &cache)?;
    let report = story.report(&performance, &swept, &lease, &root)?;
    story.close(begun.elapsed().as_secs_f64(), &root)?;

    if invocation.printer.json {
        let best = swept.best_trial().map(|trial| swept.params(trial));
        invocation.printer.json(&Answer {
            root: root.display().to_string(),
            ingest: &summary,
            verify: verified,
            pool,
            closes: &closes,
            backtest: Ran {
                strategy: &performance.strategy,
                params: &performance.params,
                final_equity: performance.final_equity,
                metrics: &performance.metrics,
                elapsed_seconds: ran_seconds,
            },
            sweep: Swept {
                trials: swept.trials.len(),
                best: best.as_ref(),
                elapsed_seconds: swept.elapsed_seconds,
                workers: swept.workers,
            },
            report: report.display().to_string(),
            elapsed_seconds: begun.elapsed().as_secs_f64(),
        })?;
    }
    Ok(if verified.ok { ExitStatus::Done } else { ExitStatus::No })
}

/// `--root` when given, else a directory of the user's own below the temporary one.
fn root(invocation: &Invocation) -> PathBuf {
    if invocation.root_is_given {
        return invocation.root.clone();
    }
    let user = std::env::var("USER").or_else(|_| std::env::var("USERNAME")).unwrap_or_default();
    let plain: String = user.chars().filter(char::is_ascii_alphanumeric).collect();
    let name =
        if plain.is_empty() { "barrow-demo".to_owned() } else { format!("barrow-demo-{plain}") };
    std::env::temp_dir().join(name)
}
