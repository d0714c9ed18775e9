//! `barrow fetch`: a version that somebody has pushed to a remote.

use std::time::Duration;

use barrow_store::TransferOptions;
use serde::Serialize;

use crate::age::Wait;
use crate::commands::remote::{RemoteArgs, TransferBar};
use crate::invocation::Invocation;
use crate::numbers::{bytes, counted_len};
use crate::status::ExitStatus;

/// Bring a version of a bundle here from a remote
///
/// Only what is not here is loaded, and a fetch that was interrupted goes on where it stopped when it is run
/// again. Every byte is verified before the version can be seen. A NAME becomes the newest version here, as
/// it is there; NAME@VERSION lies beside the newest one.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  barrow fetch us-daily /mnt/share/bars\n  barrow fetch us-daily@3f2a s3://bars/daily --wait"
)]
pub(crate) struct FetchArgs {
    /// NAME or NAME@VERSION
    #[arg(value_name = "BUNDLE")]
    bundle: String,
    #[command(flatten)]
    remote: RemoteArgs,
    /// Wait for another writer of the bundle, another fetch perhaps, at most this long [default without SECONDS:
    /// for ever]
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    wait: Option<Wait>,
}

#[derive(Serialize)]
struct Answer<'a> {
    bundle: &'a str,
    version: String,
    newest: bool,
    unchanged: bool,
    parts: usize,
    parts_fetched: usize,
    bytes: u64,
    bytes_fetched: u64,
    bytes_resumed: u64,
    elapsed_seconds: f64,
}

pub(crate) fn run(args: &FetchArgs, invocation: &Invocation) -> anyhow::Result<ExitStatus> {
    let (printer, catalog) = (invocation.printer, invocation.catalog());
    let remote = args.remote.open()?;
    let name = args.bundle.split_once('@').map_or(args.bundle.as_str(), |(name, _)| name);
    let bar = TransferBar::new(printer);
    let watch = |progress| bar.show(progress);
    let options = TransferOptions {
        wait: args.wait.map_or(Duration::ZERO, |wait| wait.most),
        streams: args.remote.streams(),
        check: false,
        stop: None,
        watch: Some(&watch),
    };
    let fetched = catalog.fetch(&args.bundle, &*remote, &options)?;
    let moved = bar.done("fetched", fetched.bytes_fetched);
    if printer.json {
        printer.json(&Answer {
            bundle: name,
            version: fetched.version.to_string(),
            newest: fetched.newest,
            unchanged: fetched.unchanged,
            parts: fetched.parts,
            parts_fetched: fetched.parts_fetched,
            bytes: fetched.bytes,
            bytes_fetched: fetched.bytes_fetched,
            bytes_resumed: fetched.bytes_resumed,
            elapsed_seconds: bar.elapsed_seconds(),
        })?;
        return Ok(ExitStatus::Done);
    }
    let version = fetched.version.short();
    if fetched.unchanged {
        let newest = if fetched.newest { ", and the newest version" } else { "" };
        printer.say(format_args!("{name}@{version} is here already{newest}"));
        return Ok(ExitStatus::Done);
    }
    let what = if fetched.newest { "is the newest version here" } else { "is here" };
    let parts = counted_len(fetched.parts, "part");
    let loaded = match fetched.parts_fetched {
        0 => format!("its {parts} of {} were here", bytes(fetched.bytes)),
        loaded => format!("{loaded} of {parts}, {moved}"),
    };
    let resumed = match fetched.bytes_resumed {
        0 => String::new(),
        resumed => format!("; {} had come before", bytes(resumed)),
    };
    printer.say(format_args!("{name}@{version} {what}: {loaded}{resumed}"));
    Ok(ExitStatus::Done)
}
