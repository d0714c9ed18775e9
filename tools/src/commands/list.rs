//! `barrow ls`: the bundles of a catalog.

use std::io::Write;

use barrow_store::{BundleEntry, Error as StoreError, Usage};
use serde::Serialize;

use crate::instant::{shown, to_the_second};
use crate::invocation::Invocation;
use crate::numbers::{bytes, count, count_len};
use crate::status::ExitStatus;
use crate::table::{Align, Sheet};

/// List the bundles of the catalog
///
/// Reads one small record a version; no bundle is opened. A part that several versions share counts once.
/// What can be pruned is what `barrow prune NAME --keep 1` would free now.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  barrow ls\n  barrow ls --root /srv/bars --json")]
pub(crate) struct ListArgs {}

#[derive(Serialize)]
struct Answer {
    root: String,
    bundles: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    bundle: String,
    version: String,
    generation: u64,
    assets: u64,
    rows: u64,
    bytes: u64,
    published: String,
    tool: String,
    versions: usize,
    pinned: usize,
    leased: usize,
    versions_bytes: u64,
    reclaimable_bytes: u64,
}

impl Row {
    fn of(entry: BundleEntry, usage: Usage) -> Self {
        Self {
            bundle: entry.name,
            version: entry.version.to_string(),
            generation: entry.generation,
            assets: entry.assets,
            rows: entry.rows,
            bytes: entry.bytes,
            published: shown(entry.published_ns, false).to_string(),
            tool: entry.tool,
            versions: usage.versions,
            pinned: usage.pinned,
            leased: usage.leased,
            versions_bytes: usage.bytes,
            reclaimable_bytes: usage.reclaimable_bytes,
        }
    }
}

pub(crate) fn run(_args: &ListArgs, invocation: &Invocation) -> anyhow::Result<ExitStatus> {
    let catalog = invocation.catalog();
    let printer = invocation.printer;
    // One damaged bundle shall not hide the others.
    let mut rows = Vec::new();
    let mut failure = None;
    for name in catalog.names()? {
        let row = || Ok(Row::of(catalog.bundle(&name)?, catalog.usage(&name)?));
        match row() {
            Ok(row) => rows.push(row),
            Err(error) => {
                let context = format!("cannot list bundle `{name}`");
                failure = Some(anyhow::Error::new::<StoreError>(error).context(context));
            }
        }
    }
    if printer.json {
        let root = catalog.root().display().to_string();
        printer.json(&Answer { root, bundles: rows })?;
    } else if rows.is_empty() && failure.is_none() {
        printer.say(format_args!("no bundles in `{}`", catalog.root().display()));
        printer.say("`barrow ingest NAME FILES` makes one; `barrow demo` shows how it looks");
    } else {
        print(&rows, invocation)?;
    }
    failure.map_or(Ok(ExitStatus::Done), Err)
}

fn print(rows: &[Row], invocation: &Invocation) -> anyhow::Result<()> {
    let mut sheet = Sheet::new([
        ("bundle", Align::Left),
        ("version", Align::Left),
        ("assets", Align::Right),
        ("rows", Align::Right),
        ("size", Align::Right),
        ("versions", Align::Right),
        ("on disk", Align::Right),
        ("prunable", Align::Right),
        ("published (UTC)", Align::Left),
    ]);
    for row in rows {
        sheet.row([
            row.bundle.clone(),
            row.version[..12].to_owned(),
            count(row.assets),
            count(row.rows),
            bytes(row.bytes),
            count_len(row.versions),
            bytes(row.versions_bytes),
            bytes(row.reclaimable_bytes),
            to_the_second(&row.published),
        ]);
    }
    let mut out = invocation.printer.stdout();
    sheet.print(&mut out, invocation.printer, "")?;
    Ok(out.flush()?)
}
