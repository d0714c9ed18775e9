//! `barrow restore`: an older version as the newest again.

use std::time::Duration;

use barrow_store::StageOptions;
use serde::Serialize;

use crate::age::Wait;
use crate::invocation::Invocation;
use crate::status::ExitStatus;

/// Make an older version of a bundle the newest again
///
/// Nothing is copied or removed: the version that was the newest stays in the history, which tells of the
/// restoration. A version is named by its hash or by a date, as of which it was the newest.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  barrow restore us-daily@3f2a\n  barrow restore us-daily@2026-11-25"
)]
pub(crate) struct RestoreArgs {
    /// NAME@VERSION or NAME@DATE
    #[arg(value_name = "BUNDLE")]
    bundle: String,
    /// Wait for another writer of the bundle, at most this long [default without SECONDS: for ever]
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    wait: Option<Wait>,
}

#[derive(Serialize)]
struct Answer<'a> {
    bundle: &'a str,
    version: String,
    parent: Option<String>,
    generation: u64,
    unchanged: bool,
}

pub(crate) fn run(args: &RestoreArgs, invocation: &Invocation) -> anyhow::Result<ExitStatus> {
    let (printer, catalog) = (invocation.printer, invocation.catalog());
    let (name, version) = catalog.resolve(&args.bundle)?;
    let wait = args.wait.map_or(Duration::ZERO, |wait| wait.most);
    let restored = catalog.restore(name, version, &StageOptions { wait })?;
    if printer.json {
        printer.json(&Answer {
            bundle: name,
            version: version.to_string(),
            parent: restored.parent.map(|parent| parent.to_string()),
            generation: restored.generation,
            unchanged: restored.unchanged,
        })?;
    } else if restored.unchanged {
        printer.say(format_args!("{name}@{} is the newest version already", version.short()));
    } else {
        let before = restored.parent.map_or_else(String::new, |parent| {
            format!("; {} stays in the history", parent.short())
        });
        printer.say(format_args!("{name}@{} is the newest version again{before}", version.short()));
    }
    Ok(ExitStatus::Done)
}
