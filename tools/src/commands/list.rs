//! `barrow ls`: the bundles of a catalog.

use std::io::Write;

use barrow_store::BundleEntry;
use serde::Serialize;

use crate::instant::shown;
use crate::invocation::Invocation;
use crate::numbers::{bytes, count};
use crate::status::ExitStatus;
use crate::table::{Align, Sheet};

/// List the bundles of the catalog
///
/// Reads one small record a bundle; no bundle is opened.
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
}

impl From<BundleEntry> for Row {
    fn from(entry: BundleEntry) -> Self {
        Self {
            bundle: entry.name,
            version: entry.version.to_string(),
            generation: entry.generation,
            assets: entry.assets,
            rows: entry.rows,
            bytes: entry.bytes,
            published: shown(entry.published_ns, false).to_string(),
            tool: entry.tool,
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
        match catalog.bundle(&name) {
            Ok(entry) => rows.push(Row::from(entry)),
            Err(error) => {
                let context = format!("cannot list bundle `{name}`");
                failure = Some(anyhow::Error::new(error).context(context));
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
        ("published (UTC)", Align::Left),
    ]);
    for row in rows {
        sheet.row([
            row.bundle.clone(),
            row.version[..12].to_owned(),
            count(row.assets),
            count(row.rows),
            bytes(row.bytes),
            row.published[..19].replace('T', " "),
        ]);
    }
    let mut out = invocation.printer.stdout();
    sheet.print(&mut out, invocation.printer, "")?;
    Ok(out.flush()?)
}
