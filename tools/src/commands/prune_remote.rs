//! `barrow prune-remote`: what a remote holds that no version there needs.

use std::io::Write;
use std::time::Duration;

use barrow_store::{PruneMode, RemotePolicy, RemotePruned, prune_remote};
use serde::Serialize;

use crate::age::Age;
use crate::commands::remote::{directory_at, remote_at};
use crate::hint::Complaint;
use crate::invocation::Invocation;
use crate::numbers::{bytes, count_len, counted_len};
use crate::printer::Tone;
use crate::status::ExitStatus;
use crate::table::{Align, Sheet};

/// Remove from a remote what no version there needs, and with --keep older versions
///
/// What goes are parts of no version and objects of no part, such as interrupted pushes leave them. Never
/// removed are the newest version of a bundle, what another version needs, and what was written within
/// --older-than: others may push meanwhile.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  barrow prune-remote /mnt/share/bars --dry-run\n  barrow prune-remote /mnt/share/bars us-daily --keep 30"
)]
pub(crate) struct PruneRemoteArgs {
    /// Directory of the remote; in a build with the feature object-store also its URL: `s3://bucket/bars`
    #[arg(value_name = "REMOTE")]
    remote: String,
    /// Bundle whose versions may go [default: every bundle]
    #[arg(value_name = "NAME", requires = "keep")]
    bundle: Option<String>,
    /// Keep this many versions of a bundle, those published last [default: all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    keep: Option<u32>,
    /// Keep what was written within this time: 30d, 2w; at least 2d
    #[arg(long, value_name = "AGE", default_value = "7d")]
    older_than: Age,
    /// Only show what would be removed
    #[arg(long)]
    dry_run: bool,
}

#[derive(Serialize)]
struct Answer {
    dry_run: bool,
    removed: Vec<Row>,
    kept: usize,
    parts: usize,
    objects: usize,
    bytes: u64,
    young: usize,
}

#[derive(Serialize)]
struct Row {
    bundle: String,
    version: String,
}

pub(crate) fn run(args: &PruneRemoteArgs, invocation: &Invocation) -> anyhow::Result<ExitStatus> {
    let printer = invocation.printer;
    let policy = RemotePolicy {
        keep: args.keep.map(|keep| usize::try_from(keep).unwrap_or(usize::MAX)),
        bundle: args.bundle.as_deref(),
        older_than: Duration::from_nanos(args.older_than.nanos.unsigned_abs()),
        mode: if args.dry_run { PruneMode::DryRun } else { PruneMode::Remove },
        stop: None,
    };
    if let Some(directory) = directory_at(&args.remote)?
        && !directory.root().is_dir()
    {
        let said = format!("there is no directory `{}`", directory.root().display());
        return Err(Complaint::new(said).hint("the first `barrow push` to it makes it").into());
    }
    let pruned = prune_remote(&*remote_at(&args.remote)?, &policy)?;
    if printer.json {
        let RemotePruned { versions, kept, parts, objects, bytes, young } = pruned;
        let row = |(bundle, version): (String, _)| Row { bundle, version: format!("{version}") };
        let (dry_run, removed) = (args.dry_run, versions.into_iter().map(row).collect());
        printer.json(&Answer { dry_run, removed, kept, parts, objects, bytes, young })?;
        return Ok(ExitStatus::Done);
    }
    let mut out = printer.stdout();
    if !pruned.versions.is_empty() {
        let heads = [("bundle", Align::Left), ("version", Align::Left), ("", Align::Left)];
        let mut sheet = Sheet::new(heads);
        let gone = if args.dry_run { "would go" } else { "removed" };
        for (bundle, version) in &pruned.versions {
            sheet.row([bundle.clone(), version.to_string(), gone.to_owned()]);
        }
        sheet.print(&mut out, printer, "")?;
    }
    out.flush()?;
    let verb = if args.dry_run { "would be removed" } else { "removed" };
    let young = match pruned.young {
        0 => String::new(),
        young => format!(", {} unneeded but too young", count_len(young)),
    };
    printer.say(printer.err(
        format!(
            "{}, {} and {} {verb}, {} freed; {} left{young}",
            counted_len(pruned.versions.len(), "version"),
            counted_len(pruned.parts, "part"),
            counted_len(pruned.objects, "object"),
            bytes(pruned.bytes),
            counted_len(pruned.kept, "version"),
        ),
        Tone::Faint,
    ));
    Ok(ExitStatus::Done)
}
