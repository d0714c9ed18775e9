//! `barrow compact`: a version of many parts, or one to be stored in another way, as one file.

use std::time::Duration;

use barrow_store::StageOptions;
use serde::Serialize;

use crate::age::Wait;
use crate::ingest::CompressionOption;
use crate::invocation::Invocation;
use crate::numbers::{bytes, counted_len};
use crate::status::ExitStatus;

/// Write the newest version of a bundle, of many parts after appends, as one file
///
/// The content and its version stay the same. Reading one part costs nothing that reading many does; the
/// files that no version needs any more are removed. Columns that are compressed stay compressed, unless
/// `--compression` says how columns are to be stored.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  barrow compact us-daily\n  barrow compact us-daily --compression auto"
)]
pub(crate) struct CompactArgs {
    /// Name of the bundle
    #[arg(value_name = "NAME")]
    bundle: String,
    /// How columns are stored from now on, as in `ingest`: none, zstd, auto, or by column
    #[arg(long, value_name = "HOW")]
    compression: Option<CompressionOption>,
    /// Wait for another writer of the bundle, at most this long [default without SECONDS: for ever]
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    wait: Option<Wait>,
}

#[derive(Serialize)]
struct Answer<'a> {
    bundle: &'a str,
    version: String,
    unchanged: bool,
    parts_before: usize,
    bytes_before: u64,
    bytes: u64,
}

pub(crate) fn run(args: &CompactArgs, invocation: &Invocation) -> anyhow::Result<ExitStatus> {
    let (printer, catalog) = (invocation.printer, invocation.catalog());
    let name = args.bundle.as_str();
    let before = catalog.entry(name, catalog.head(name)?.version)?;
    let wait = args.wait.map_or(Duration::ZERO, |wait| wait.most);
    let options = StageOptions { wait };
    let published = match &args.compression {
        None => catalog.compact(name, &options)?,
        Some(wanted) => {
            let lease = catalog.lease(name)?;
            catalog.recompress(name, &wanted.of(lease.schema().columns())?, &options)?
        }
    };
    let version = published.version;
    if printer.json {
        printer.json(&Answer {
            bundle: name,
            version: version.to_string(),
            unchanged: published.unchanged,
            parts_before: before.parts.len(),
            bytes_before: before.bytes(),
            bytes: published.bytes,
        })?;
    } else if published.unchanged {
        printer.say(format_args!("{name}@{} is stored like that already", version.short()));
    } else {
        printer.say(format_args!(
            "{name}@{}: {} of {} {} one of {} now",
            version.short(),
            counted_len(before.parts.len(), "part"),
            bytes(before.bytes()),
            if before.parts.len() == 1 { "is" } else { "are" },
            bytes(published.bytes),
        ));
    }
    Ok(ExitStatus::Done)
}
