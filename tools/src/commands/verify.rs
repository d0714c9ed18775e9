//! `barrow verify`: every byte of a bundle against its digests.

use std::io::Write;
use std::time::Instant;

use barrow_engine::Workers;
use barrow_store::{Error, Lease, OpenMode, OpenOptions, Verification};
use serde::Serialize;

use crate::invocation::Invocation;
use crate::numbers::{bytes, count, counted_len, duration, float};
use crate::printer::{Printer, Tone};
use crate::status::ExitStatus;
use crate::threads::threads;

/// Check every byte of a bundle against its SHA-256 digests
///
/// Recomputes the digest of every series, the statistics and the content version, on all cores, and names
/// each damaged section, column and asset. Exit status 1 when anything is damaged. With `--open read` the file is copied
/// into memory rather than mapped, as is safe on network file systems; of a damaged one, the first place is named.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  barrow verify us-daily\n  barrow verify us-daily@3f2a --json\n  barrow verify ./us.barrow"
)]
pub(crate) struct VerifyArgs {
    /// Bundle: NAME, NAME@VERSION or a .barrow file
    #[arg(value_name = "BUNDLE")]
    bundle: String,
    /// Threads, at most 1024; 0 is one a core [default: 0]
    #[arg(long, value_name = "N", value_parser = threads())]
    threads: Option<usize>,
}

#[derive(Serialize)]
struct Answer {
    ok: bool,
    bundle: String,
    version: Option<String>,
    series: u64,
    bytes: u64,
    elapsed_seconds: f64,
    bad: Vec<Bad>,
}

#[derive(Serialize)]
struct Bad {
    section: Option<String>,
    column: Option<String>,
    symbol: Option<String>,
    offset: Option<u64>,
    problem: String,
}

pub(crate) fn run(args: &VerifyArgs, invocation: &Invocation) -> anyhow::Result<ExitStatus> {
    let printer = invocation.printer;
    // What is mounted is a copy, which tells nothing about the file.
    let opening = match invocation.opening.mode {
        OpenMode::Read => invocation.opening,
        _ => OpenOptions::default(),
    };
    let lease = match invocation.catalog().lease_with(&args.bundle, &opening) {
        Err(error @ (Error::Corrupt { .. } | Error::Mismatch { .. } | Error::Damaged { .. })) => {
            return unopenable(&args.bundle, &error, printer);
        }
        other => other?,
    };
    let threads = args.threads.unwrap_or_else(Workers::available).max(1);
    let started = Instant::now();
    let outcome = lease.verify(threads);
    let elapsed = started.elapsed();
    if printer.json {
        printer.json(&answer(&lease, &outcome, elapsed.as_secs_f64()))?;
    } else {
        let mut out = printer.stdout();
        let rate = bytes_rate(outcome.bytes, elapsed.as_secs_f64());
        let (word, tone) = if outcome.ok() { ("ok", Tone::Good) } else { ("DAMAGED", Tone::Bad) };
        writeln!(
            out,
            "{}  {} version {}: {} series, {} in {} ({rate})",
            printer.out(word, tone),
            lease.name(),
            lease.version().short(),
            count(outcome.series),
            bytes(outcome.bytes),
            duration(elapsed),
        )?;
        for defect in &outcome.bad {
            writeln!(out, "  {defect}")?;
        }
        out.flush()?;
        if !outcome.ok() {
            let damaged = counted_len(outcome.bad.len(), "damaged place");
            printer.complain(format_args!(
                "\n{} {damaged} in `{}`",
                printer.err("error:", Tone::Bad),
                lease.path().display()
            ));
        }
    }
    Ok(if outcome.ok() { ExitStatus::Done } else { ExitStatus::No })
}

/// Says that a bundle is damaged so badly that it cannot even be opened.
fn unopenable(bundle: &str, error: &Error, printer: Printer) -> anyhow::Result<ExitStatus> {
    let mut problem = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        problem = format!("{problem}: {next}");
        cause = next.source();
    }
    if printer.json {
        printer.json(&Answer {
            ok: false,
            bundle: bundle.to_owned(),
            version: None,
            series: 0,
            bytes: 0,
            elapsed_seconds: 0.0,
            bad: vec![Bad { section: None, column: None, symbol: None, offset: None, problem }],
        })?;
    } else {
        let mut out = printer.stdout();
        writeln!(out, "{}  {bundle} cannot be opened", printer.out("DAMAGED", Tone::Bad))?;
        writeln!(out, "  {problem}")?;
        out.flush()?;
    }
    Ok(ExitStatus::No)
}

/// A rate in decimal gigabytes, as disks and memory are rated.
pub(crate) fn bytes_rate(amount: u64, seconds: f64) -> String {
    format!("{:.2} GB/s", float(amount) / seconds.max(1e-9) / 1e9)
}

fn answer(lease: &Lease, outcome: &Verification, elapsed_seconds: f64) -> Answer {
    let bad = outcome.bad.iter().map(|defect| Bad {
        section: Some(defect.section.to_string()),
        column: defect.column.clone(),
        symbol: defect.symbol.clone(),
        offset: Some(defect.offset),
        problem: defect.problem.to_string(),
    });
    Answer {
        ok: outcome.ok(),
        bundle: lease.name().to_owned(),
        version: Some(lease.version().to_string()),
        series: outcome.series,
        bytes: outcome.bytes,
        elapsed_seconds,
        bad: bad.collect(),
    }
}
