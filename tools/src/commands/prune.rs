//! `barrow prune`: versions that nobody needs any more.

use std::io::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use barrow_store::{PruneMode, PrunePolicy, Pruned, SparedReason};
use serde::Serialize;

use crate::age::{Age, Wait};
use crate::instant::{shown, to_the_second};
use crate::invocation::Invocation;
use crate::numbers::{bytes, count_len, counted_len};
use crate::printer::Tone;
use crate::status::ExitStatus;
use crate::table::{Align, Sheet};

/// Remove old versions of a bundle, and the parts that only they need
///
/// Never removed are the newest version, pinned versions (`barrow pin`) and versions that some process has
/// open. With both --keep and --older-than, a version goes only when both let it go.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  barrow prune us-daily --keep 30 --dry-run\n  barrow prune us-daily --older-than 90d\n  barrow prune us-daily --keep 30 --older-than 90d"
)]
#[command(group = clap::ArgGroup::new("policy").required(true).multiple(true).args(["keep", "older_than"]))]
pub(crate) struct PruneArgs {
    /// Name of the bundle
    #[arg(value_name = "NAME")]
    bundle: String,
    /// Keep this many versions, the newest
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    keep: Option<u32>,
    /// Keep versions that were published within this time: 90d, 12h, 2w
    #[arg(long, value_name = "AGE")]
    older_than: Option<Age>,
    /// Only show what would be removed
    #[arg(long)]
    dry_run: bool,
    /// Wait for a writer at work on the bundle, at most this long [default without SECONDS: for ever]
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    wait: Option<Wait>,
}

#[derive(Serialize)]
struct Answer<'a> {
    bundle: &'a str,
    dry_run: bool,
    removed: Vec<Row>,
    spared: Vec<SparedRow>,
    kept: usize,
    parts: usize,
    bytes: u64,
}

#[derive(Serialize)]
struct Row {
    version: String,
    published: String,
}

#[derive(Serialize)]
struct SparedRow {
    version: String,
    reason: &'static str,
}

pub(crate) fn run(args: &PruneArgs, invocation: &Invocation) -> anyhow::Result<ExitStatus> {
    let printer = invocation.printer;
    let policy = PrunePolicy {
        keep: args.keep.map_or(1, |keep| usize::try_from(keep).unwrap_or(usize::MAX)),
        published_before_ns: args.older_than.map(|age| now_ns().saturating_sub(age.nanos)),
        mode: if args.dry_run { PruneMode::DryRun } else { PruneMode::Remove },
        wait: args.wait.map_or(Duration::ZERO, |wait| wait.most),
    };
    let pruned = invocation.catalog().prune(&args.bundle, &policy)?;
    if printer.json {
        let removed = pruned.removed.iter().map(|entry| Row {
            version: entry.version.to_string(),
            published: shown(entry.published_ns, false).to_string(),
        });
        let spared = pruned.spared.iter().map(|spared| SparedRow {
            version: spared.version.to_string(),
            reason: reason(spared.reason),
        });
        printer.json(&Answer {
            bundle: &args.bundle,
            dry_run: args.dry_run,
            removed: removed.collect(),
            spared: spared.collect(),
            kept: pruned.kept,
            parts: pruned.parts,
            bytes: pruned.bytes,
        })?;
    } else {
        print(&pruned, args, invocation)?;
    }
    Ok(ExitStatus::Done)
}

fn print(pruned: &Pruned, args: &PruneArgs, invocation: &Invocation) -> anyhow::Result<()> {
    let printer = invocation.printer;
    let mut out = printer.stdout();
    let heads = [("version", Align::Left), ("published (UTC)", Align::Left), ("", Align::Left)];
    let mut sheet = Sheet::new(heads);
    let time = |ns: i64| to_the_second(&shown(ns, false).to_string());
    let gone = if args.dry_run { "would go" } else { "removed" };
    for entry in &pruned.removed {
        sheet.row([entry.version.to_string(), time(entry.published_ns), gone.to_owned()]);
    }
    for spared in &pruned.spared {
        let kept = format!("kept: {}", reason(spared.reason));
        sheet.row([spared.version.to_string(), time(spared.published_ns), kept]);
    }
    if !pruned.removed.is_empty() || !pruned.spared.is_empty() {
        sheet.print(&mut out, printer, "")?;
    }
    out.flush()?;
    let verb = if args.dry_run { "would be removed" } else { "removed" };
    printer.say(printer.err(
        format!(
            "{} and {} {verb}, {} freed; {} left",
            counted_len(pruned.removed.len(), "version"),
            counted_len(pruned.parts, "part"),
            bytes(pruned.bytes),
            count_len(pruned.kept),
        ),
        Tone::Faint,
    ));
    Ok(())
}

fn reason(reason: SparedReason) -> &'static str {
    match reason {
        SparedReason::Pinned => "pinned",
        SparedReason::Leased => "leased",
        _ => "needed",
    }
}

/// Returns the time by this machine's clock, in nanoseconds since 1970.
fn now_ns() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}
