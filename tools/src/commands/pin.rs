//! `barrow pin` and `barrow unpin`: versions that pruning keeps.

use barrow_store::Version;
use serde::Serialize;

use crate::invocation::Invocation;
use crate::status::ExitStatus;

/// Keep a version of a bundle from being pruned
///
/// A pin stays until `barrow unpin` takes it away. `barrow history` shows pins and their notes.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  barrow pin us-daily@3f2a --note \"data of the 2026 paper\"\n  barrow pin us-daily"
)]
pub(crate) struct PinArgs {
    /// NAME@VERSION, or NAME for its newest version
    #[arg(value_name = "BUNDLE")]
    bundle: String,
    /// Why it is kept, for people [default: the note that it has]
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
}

/// Let a pinned version of a bundle be pruned again
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  barrow unpin us-daily@3f2a")]
pub(crate) struct UnpinArgs {
    /// NAME@VERSION, or NAME for its newest version
    #[arg(value_name = "BUNDLE")]
    bundle: String,
}

#[derive(Serialize)]
struct Answer<'a> {
    bundle: &'a str,
    version: String,
    pinned: bool,
    changed: bool,
}

pub(crate) fn run(args: &PinArgs, invocation: &Invocation) -> anyhow::Result<ExitStatus> {
    let (name, version) = resolve(&args.bundle, invocation)?;
    let catalog = invocation.catalog();
    let before = catalog.pins(name)?.into_iter().find(|pin| pin.version == version);
    let changed = before.is_none();
    let note = args.note.as_deref().map(str::trim);
    let kept = before.map(|pin| pin.note).unwrap_or_default();
    catalog.pin(name, version, note.unwrap_or(&kept))?;
    answer(name, version, true, changed, invocation)?;
    Ok(ExitStatus::Done)
}

pub(crate) fn run_unpin(args: &UnpinArgs, invocation: &Invocation) -> anyhow::Result<ExitStatus> {
    let (name, version) = resolve(&args.bundle, invocation)?;
    let was_pinned = invocation.catalog().unpin(name, version)?;
    answer(name, version, false, was_pinned, invocation)?;
    if !was_pinned {
        invocation.printer.say("the version was not pinned");
    }
    Ok(ExitStatus::Done)
}

fn resolve<'a>(bundle: &'a str, invocation: &Invocation) -> anyhow::Result<(&'a str, Version)> {
    Ok(invocation.catalog().resolve(bundle)?)
}

fn answer(
    name: &str,
    version: Version,
    pinned: bool,
    changed: bool,
    invocation: &Invocation,
) -> std::io::Result<()> {
    let printer = invocation.printer;
    if printer.json {
        return printer.json(&Answer {
            bundle: name,
            version: version.to_string(),
            pinned,
            changed,
        });
    }
    let what = if pinned { "pinned" } else { "not pinned" };
    printer.say(format_args!("{name}@{} is {what}", version.short()));
    Ok(())
}
