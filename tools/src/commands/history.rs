//! `barrow history`: the versions of a bundle.

use std::io::Write;

use barrow_store::{Hold, Publication};
use serde::Serialize;

use crate::ingest::ChangeSummary;
use crate::instant::{shown, to_the_second};
use crate::invocation::Invocation;
use crate::numbers::{bytes, count};
use crate::printer::Tone;
use crate::status::ExitStatus;
use crate::table::{Align, Sheet};

/// List the versions of a bundle, newest first
///
/// A version is the SHA-256 of the content: the same bars give the same version, whenever and in whatever
/// order they were ingested. Open an older one as NAME@VERSION; a few digits that are unique suffice.
/// A version that became the newest again is listed again. `+` are rows added, `~` rows changed.
/// Versions that are pinned, or leased by a process that has them open, are never pruned.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  barrow history us-daily\n  barrow query us-daily@3f2a --assets AAPL --limit 5\n  barrow query us-daily@2026-11-25 --assets AAPL --limit 5"
)]
pub(crate) struct HistoryArgs {
    /// Name of the bundle
    #[arg(value_name = "NAME")]
    bundle: String,
    /// Versions at most
    #[arg(short = 'n', long, value_name = "N")]
    limit: Option<usize>,
}

#[derive(Serialize)]
struct Answer<'a> {
    bundle: &'a str,
    versions: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    version: String,
    parent: Option<String>,
    generation: u64,
    published: String,
    assets: u64,
    rows: u64,
    bytes: u64,
    tool: String,
    parts: Vec<Part>,
    change: ChangeSummary,
    pin: Option<String>,
    leased: bool,
}

#[derive(Serialize)]
struct Part {
    digest: String,
    bytes: u64,
    rows: u64,
}

impl Row {
    /// Says how the version came to be, and how many rows came or changed with it.
    fn changed(&self) -> String {
        if self.generation == 0 {
            return "fetched beside".to_owned();
        }
        let ChangeSummary { kind, rows_added, rows_changed, rows_removed, .. } = self.change;
        let mut text = kind.to_owned();
        if matches!(kind, "ingest" | "fetch") {
            return text;
        }
        for (number, sign) in [(rows_added, " +"), (rows_changed, " ~"), (rows_removed, " -")] {
            if number > 0 {
                text.push_str(sign);
                text.push_str(&count(number));
            }
        }
        let rows = rows_added + rows_changed + rows_removed;
        if rows == 0 && self.change.adjustments_changed > 0 {
            text.push_str(" actions");
        }
        text
    }

    /// Says what keeps the version from being pruned.
    fn kept_by(&self) -> String {
        let pin = self.pin.as_ref().map(|note| match note.as_str() {
            "" => "pinned".to_owned(),
            note => format!("pinned: {note}"),
        });
        let leased = self.leased.then(|| "leased".to_owned());
        let all: Vec<String> = leased.into_iter().chain(pin).collect();
        if all.is_empty() { "-".to_owned() } else { all.join(", ") }
    }

    /// Says what is known of a publication and its version; `holds` is ascending.
    fn of(publication: &Publication, holds: &[Hold]) -> Self {
        let entry = &publication.version;
        let hold = holds.binary_search_by_key(&entry.version, |hold| hold.version).ok();
        let hold = hold.and_then(|at| holds.get(at));
        let parts = entry.parts.iter().map(|part| Part {
            digest: part.digest.to_string(),
            bytes: part.bytes,
            rows: part.rows,
        });
        Self {
            version: entry.version.to_string(),
            parent: publication.parent.map(|parent| parent.to_string()),
            generation: publication.generation,
            published: shown(publication.published_ns, false).to_string(),
            assets: entry.assets,
            rows: entry.rows,
            bytes: entry.bytes(),
            tool: entry.tool.clone(),
            parts: parts.collect(),
            change: ChangeSummary::of(publication.change),
            pin: hold.and_then(|hold| hold.pin.clone()),
            leased: hold.is_some_and(|hold| hold.leased),
        }
    }
}

pub(crate) fn run(args: &HistoryArgs, invocation: &Invocation) -> anyhow::Result<ExitStatus> {
    let printer = invocation.printer;
    let catalog = invocation.catalog();
    let mut entries = catalog.timeline(&args.bundle)?;
    let holds = catalog.holds(&args.bundle)?;
    let total = entries.len();
    entries.truncate(args.limit.unwrap_or(total));
    let versions: Vec<Row> = entries.iter().map(|entry| Row::of(entry, &holds)).collect();
    if printer.json {
        printer.json(&Answer { bundle: &args.bundle, versions })?;
        return Ok(ExitStatus::Done);
    }
    let mut sheet = Sheet::new([
        ("version", Align::Left),
        ("published (UTC)", Align::Left),
        ("assets", Align::Right),
        ("rows", Align::Right),
        ("change", Align::Left),
        ("size", Align::Right),
        ("parent", Align::Left),
        ("tool", Align::Left),
        ("kept by", Align::Left),
    ]);
    for row in &versions {
        sheet.row([
            row.version.clone(),
            to_the_second(&row.published),
            count(row.assets),
            count(row.rows),
            row.changed(),
            bytes(row.bytes),
            row.parent.as_ref().map_or("-".to_owned(), |parent| parent[..12].to_owned()),
            row.tool.clone(),
            row.kept_by(),
        ]);
    }
    let mut out = printer.stdout();
    sheet.print(&mut out, printer, "")?;
    out.flush()?;
    if versions.len() < total {
        printer.say(printer.err(format!("{} of {total} versions", versions.len()), Tone::Faint));
    }
    Ok(ExitStatus::Done)
}
