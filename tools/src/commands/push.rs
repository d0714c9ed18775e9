//! `barrow push`: a version for others, in a remote.

use std::time::Duration;

use barrow_store::TransferOptions;
use serde::Serialize;

use crate::commands::remote::{RemoteArgs, TransferBar};
use crate::invocation::Invocation;
use crate::numbers::{bytes, counted_len};
use crate::status::ExitStatus;

/// Publish a version of a bundle to a remote, from which others fetch it
///
/// Every byte is verified first. Only what the remote does not have is sent: parts that are there are not,
/// and a push that was interrupted goes on where it stopped when it is run again. A NAME becomes the
/// remote's newest version; NAME@VERSION only where the remote has none.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  barrow push us-daily /mnt/share/bars\n  barrow push us-daily@3f2a s3://bars/daily"
)]
pub(crate) struct PushArgs {
    /// NAME, NAME@VERSION or NAME@DATE
    #[arg(value_name = "BUNDLE")]
    bundle: String,
    #[command(flatten)]
    remote: RemoteArgs,
    /// Read what the remote has of the version, and send again what of it is damaged
    #[arg(long)]
    check: bool,
}

#[derive(Serialize)]
struct Answer<'a> {
    bundle: &'a str,
    version: String,
    newest: bool,
    parts: usize,
    parts_sent: usize,
    bytes: u64,
    bytes_sent: u64,
    elapsed_seconds: f64,
}

pub(crate) fn run(args: &PushArgs, invocation: &Invocation) -> anyhow::Result<ExitStatus> {
    let (printer, catalog) = (invocation.printer, invocation.catalog());
    let remote = args.remote.open()?;
    let (name, version) = catalog.resolve(&args.bundle)?;
    let bar = TransferBar::new(printer);
    let watch = |progress| bar.show(progress);
    let options = TransferOptions {
        wait: Duration::ZERO,
        streams: args.remote.streams(),
        check: args.check,
        stop: None,
        watch: Some(&watch),
    };
    let pushed = catalog.push(&args.bundle, &*remote, &options)?;
    let moved = bar.done("sent", pushed.bytes_sent);
    if printer.json {
        printer.json(&Answer {
            bundle: name,
            version: version.to_string(),
            newest: pushed.newest,
            parts: pushed.parts,
            parts_sent: pushed.parts_sent,
            bytes: pushed.bytes,
            bytes_sent: pushed.bytes_sent,
            elapsed_seconds: bar.elapsed_seconds(),
        })?;
        return Ok(ExitStatus::Done);
    }
    let what = if pushed.newest { "is the newest version there" } else { "is there" };
    let parts = counted_len(pushed.parts, "part");
    let sent = match pushed.parts_sent {
        0 => format!("its {parts} of {} had been sent before", bytes(pushed.bytes)),
        sent => format!("{sent} of {parts}, {moved}"),
    };
    printer.say(format_args!("{name}@{} {what}: {sent}", version.short()));
    Ok(ExitStatus::Done)
}
