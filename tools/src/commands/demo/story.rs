//! The demo's story on the terminal: one step after the other, by the code of the other commands.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context;
use barrow_engine::{
    Backtest, Commission, Metric, Objective, Params, Performance, Slippage, Space, SweepReport,
    Workers, strategies,
};
use barrow_store::{BundlePool, Catalog, Lease, SeriesCache};

use super::{BUNDLE, Closes, Pool, Verified};
use crate::commands::sweep::{Search, median_time};
use crate::commands::{backtest, sweep};
use crate::ingest::{self, IngestOptions, IngestSummary};
use crate::instant::{When, shown};
use crate::invocation::Invocation;
use crate::metrics::text_of;
use crate::numbers::{bytes, count, duration, fixed, float, rate, seconds};
use crate::output::write_text;
use crate::printer::Tone;
use crate::report::{Report, Section, SweepSection};

/// Five US shares, 2000 to 2013; see `tools/demo/README.md`.
const STOCKS: &[u8] = include_bytes!("../../../demo/stocks.csv.gz");
/// After the last split of the five shares: the prices are as they were traded, unadjusted.
const FROM: &str = "2005-03-01";
const SETTING: &str = "--from 2005-03-01 --commission per-share:0.001 --slippage bps:5";
const SYMBOL: &str = "AAPL";
const CLOSES: usize = 5;
const SPACE: [&str; 2] = ["fast=2..40", "slow=20..200:5"];
const TOP: usize = 5;

/// Does one step after the other and tells of each.
pub(super) struct Story<'a> {
    invocation: &'a Invocation,
    chapter: usize,
}

impl<'a> Story<'a> {
    pub(super) fn new(invocation: &'a Invocation) -> Self {
        Self { invocation, chapter: 0 }
    }

    /// Writes lines on stdout, unless the answer is JSON.
    fn tell(&self, lines: &[String]) -> anyhow::Result<()> {
        if self.invocation.printer.json {
            return Ok(());
        }
        let mut out = self.invocation.printer.stdout();
        for line in lines {
            writeln!(out, "{line}")?;
        }
        Ok(out.flush()?)
    }

    /// A heading, and the command that does the same.
    fn heading(&mut self, title: &str, command: &str) -> anyhow::Result<()> {
        self.chapter += 1;
        let printer = self.invocation.printer;
        let title = printer.out(format!("{}  {title}", self.chapter), Tone::Strong);
        // A long command goes on in the next line, as it would be typed.
        let mut lines = vec![String::new()];
        for (place, part) in command.split(" \\ ").enumerate() {
            let more = if place + 1 < command.split(" \\ ").count() { " \\" } else { "" };
            let prompt = if place == 0 { "$" } else { " " };
            let part = printer.out(format!("{prompt} {part}{more}"), Tone::Faint);
            lines.push(match place {
                0 => format!("{title:<14} {part}"),
                _ => format!("{:<14}   {part}", ""),
            });
        }
        self.tell(&lines)
    }

    fn fact(&self, name: &str, value: &str) -> anyhow::Result<()> {
        let name = self.invocation.printer.out(name, Tone::Faint);
        self.tell(&[format!("   {name:<12} {value}")])
    }

    pub(super) fn open(&self) -> anyhow::Result<()> {
        let printer = self.invocation.printer;
        let title = printer.out("barrow demo", Tone::Strong);
        let what = printer.out("five US shares, daily, 2000 to 2013, as traded", Tone::Faint);
        self.tell(&[format!("{title}   {what}")])
    }

    pub(super) fn ingest(
        &mut self,
        catalog: &Catalog,
        root: &Path,
    ) -> anyhow::Result<IngestSummary> {
        self.heading("ingest", &format!("barrow ingest {BUNDLE} stocks.csv.gz"))?;
        let say = || format!("cannot write to `{}`", root.display());
        fs::create_dir_all(root).with_context(say)?;
        let source = root.join("stocks.csv.gz");
        fs::write(&source, STOCKS).with_context(say)?;
        let options = IngestOptions::default();
        let summary = ingest::run(catalog, BUNDLE, &[source], &options, &())?;
        let again = if summary.unchanged { " (the same content as before)" } else { "" };
        self.fact(
            "rows",
            &format!(
                "{} of {} assets in {}: {}",
                count(summary.rows),
                count(summary.assets),
                seconds(summary.elapsed_seconds),
                rate(float(summary.rows), summary.elapsed_seconds, "rows")
            ),
        )?;
        self.fact("columns", &summary.columns.join(", "))?;
        self.fact("version", &format!("{}{again}", summary.version))?;
        self.fact("size", &bytes(summary.bytes))?;
        Ok(summary)
    }

    pub(super) fn verify(&mut self, lease: &Lease) -> anyhow::Result<Verified> {
        self.heading("verify", &format!("barrow verify {BUNDLE}"))?;
        let started = Instant::now();
        let outcome = lease.verify(Workers::available());
        let elapsed = started.elapsed();
        let verified = Verified {
            ok: outcome.ok(),
            series: outcome.series,
            bytes: outcome.bytes,
            elapsed_seconds: elapsed.as_secs_f64(),
        };
        let verdict = if verified.ok { "every byte is what was written" } else { "DAMAGED" };
        self.fact("result", verdict)?;
        self.fact(
            "read",
            &format!(
                "{} series, {} in {}",
                count(verified.series),
                bytes(verified.bytes),
                duration(elapsed)
            ),
        )?;
        Ok(verified)
    }

    /// Opens the bundle through a pool that has not seen it, then again and again.
    pub(super) fn pool(&mut self, catalog: &Catalog) -> anyhow::Result<Pool> {
        const HITS: u32 = 1000;
        self.heading("open", "let lease = catalog.lease(\"demo\")?;")?;
        let pool = BundlePool::new(1);
        let started = Instant::now();
        let lease = pool.lease(catalog, BUNDLE)?;
        let miss = started.elapsed();
        let mut failed = None;
        let hits = median_time(101, || {
            for _ in 0..HITS {
                failed = pool.lease(catalog, BUNDLE).err().or(failed.take());
            }
        });
        if let Some(error) = failed {
            return Err(error.into());
        }
        let mut seen = 0.0;
        let lookups = median_time(101, || {
            for _ in 0..HITS {
                let close = lease.asset(SYMBOL).map(|asset| lease.bars(asset).close());
                seen += close.map_or(0.0, |close| std::hint::black_box(close)[0]);
            }
        });
        std::hint::black_box(seen);
        let pool = Pool {
            miss: miss.as_secs_f64(),
            hit: hits.as_secs_f64() / f64::from(HITS),
            lookup: lookups.as_secs_f64() / f64::from(HITS),
        };
        self.fact("pool miss", &format!("{}: map the file, check its tables", seconds(pool.miss)))?;
        self.fact(
            "pool hit",
            &format!("{}: check that it is still the newest (median)", seconds(pool.hit)),
        )?;
        self.fact(
            "to a slice",
            &format!("{}: from a symbol to its closes, in place (median)", seconds(pool.lookup)),
        )?;
        Ok(pool)
    }

    pub(super) fn closes(&mut self, lease: &Lease) -> anyhow::Result<Closes> {
        let command =
            format!("barrow query {BUNDLE} --assets {SYMBOL} --columns close --limit {CLOSES}");
        self.heading("query", &command)?;
        let bars = lease.bars(lease.asset(SYMBOL)?).first(CLOSES);
        let first: Vec<(String, f64)> = bars
            .times()?
            .iter()
            .zip(bars.f64("close")?)
            .map(|(time, close)| (shown(*time, true).to_string(), *close))
            .collect();
        for (day, close) in &first {
            self.fact(day, &format!("{:>8}", fixed(*close, 2)))?;
        }
        Ok(Closes { symbol: SYMBOL, first })
    }

    pub(super) fn backtest(
        &mut self,
        lease: &Lease,
        cache: &SeriesCache,
    ) -> anyhow::Result<(Performance, f64)> {
        let command = format!(
            "barrow backtest {BUNDLE} --strategy sma-cross --param fast=10 --param slow=50 \\ {SETTING}"
        );
        self.heading("backtest", &command)?;
        let params = Params::parse(["fast=10", "slow=50"])?;
        let mut strategy = strategies::build("sma-cross", &params)?;
        let started = Instant::now();
        let performance = setting()?.run(lease, strategy.as_mut(), cache)?;
        let elapsed = started.elapsed();
        if !self.invocation.printer.json {
            let mut out = self.invocation.printer.stdout();
            backtest::print_summary(&mut out, self.invocation, &performance, "   ")?;
            out.flush()?;
        }
        let bars = rate(float(performance.asset_bars), elapsed.as_secs_f64(), "bars");
        self.fact("ran in", &format!("{} ({bars})", duration(elapsed)))?;
        Ok((performance, elapsed.as_secs_f64()))
    }

    pub(super) fn sweep(
        &mut self,
        lease: &Lease,
        cache: &SeriesCache,
    ) -> anyhow::Result<SweepReport> {
        let [fast, slow] = SPACE;
        let command = format!(
            "barrow sweep {BUNDLE} --strategy sma-cross --param {fast} --param {slow} \\ {SETTING}"
        );
        self.heading("sweep", &command)?;
        let space = Space::parse(SPACE)?;
        let search = Search {
            backtest: setting()?,
            objective: Objective::of(Metric::Sharpe),
            lease,
            strategy: "sma-cross",
            space: &space,
            cache,
            workers: 0,
        };
        let bar = self.invocation.printer.bar(space.len(), "trials");
        let report = search.run(&bar);
        bar.finish_and_clear();
        let report = report?;
        if !self.invocation.printer.json {
            let mut out = self.invocation.printer.stdout();
            sweep::print_summary(&mut out, self.invocation, &report, TOP, "   ")?;
            out.flush()?;
        }
        Ok(report)
    }

    pub(super) fn report(
        &mut self,
        performance: &Performance,
        swept: &SweepReport,
        lease: &Lease,
        root: &Path,
    ) -> anyhow::Result<PathBuf> {
        let mut page = Report::of_run(performance, lease)?;
        page.sections.push(Section::Sweep(Box::new(SweepSection::of(swept, 20))));
        let path = root.join("demo.html");
        write_text(&path, &page.render())?;
        self.heading("report", "open it in a browser; it needs no network")?;
        let sharpe = text_of(Metric::Sharpe, &performance.metrics, performance.final_equity);
        self.fact("page", &path.display().to_string())?;
        self.fact(
            "shows",
            &format!("equity, drawdown, months, trades (Sharpe {sharpe}) and the sweep's heat map"),
        )?;
        Ok(path)
    }

    pub(super) fn close(&self, elapsed: f64, root: &Path) -> anyhow::Result<()> {
        let printer = self.invocation.printer;
        let took = printer.out(format!("All of it took {}.", seconds(elapsed)), Tone::Good);
        let next = format!("Look around with `barrow ls --root {}`.", root.display());
        self.tell(&[String::new(), format!("{took} {next}")])
    }
}

/// How the backtest and every trial are run.
fn setting() -> anyhow::Result<Backtest> {
    let from: When = FROM.parse()?;
    let mut backtest = Backtest::with_cash(100_000.0);
    backtest.commission = Commission::PerShare(0.001);
    backtest.slippage = Slippage::Bps(5.0);
    backtest.scope.from = Some(from.first_ns);
    Ok(backtest)
}
