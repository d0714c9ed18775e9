//! `barrow diff`: what lies between two versions.

use std::io::Write;

use barrow_format::Stamp;
use barrow_store::{Difference, Lease};
use serde::Serialize;

use crate::hint::Complaint;
use crate::instant::shown;
use crate::invocation::Invocation;
use crate::meaning::{self, MeaningChange};
use crate::numbers::{count, count_len};
use crate::printer::{Printer, Tone};
use crate::status::ExitStatus;
use crate::table::{Align, Sheet};

/// Tell what lies between two versions: assets, bars, values and actions added, removed and changed
///
/// With one bundle, against the version before it. What is the same is not read, so that it takes the time
/// of what differs. Exit status 0 whether or not there are differences.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  barrow diff us-daily\n  barrow diff us-daily@3f2a us-daily\n  barrow diff us-daily@2026-10-31 us-daily@2026-11-30\n  barrow diff vendor-a vendor-b --limit 100"
)]
pub(crate) struct DiffArgs {
    /// The first version, or the only bundle: NAME, NAME@VERSION, NAME@DATE, or a file
    #[arg(value_name = "BUNDLE")]
    first: String,
    /// The second version
    #[arg(value_name = "BUNDLE")]
    second: Option<String>,
    /// Changed assets to list at most
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
    limit: usize,
}

#[derive(Serialize)]
struct Answer {
    first: Place,
    second: Place,
    same: bool,
    assets_added: Vec<String>,
    assets_removed: Vec<String>,
    assets_changed: Vec<Asset>,
    rows_added: u64,
    rows_removed: u64,
    rows_changed: u64,
    columns: Vec<Column>,
    adjustments_added: u64,
    adjustments_removed: u64,
    adjustments_changed: u64,
    meaning_changed: bool,
    meaning: Vec<MeaningChange>,
}

#[derive(Serialize)]
struct Place {
    bundle: String,
    version: String,
}

#[derive(Serialize)]
struct Asset {
    symbol: String,
    rows_added: u64,
    rows_removed: u64,
    rows_changed: u64,
    first: String,
    last: String,
}

#[derive(Serialize)]
struct Column {
    #[serde(rename = "column")]
    name: String,
    in_first: bool,
    in_second: bool,
    values_added: u64,
    values_removed: u64,
    values_changed: u64,
}

pub(crate) fn run(args: &DiffArgs, invocation: &Invocation) -> anyhow::Result<ExitStatus> {
    let (printer, catalog) = (invocation.printer, invocation.catalog());
    let (first, second) = match &args.second {
        Some(second) => (catalog.lease(&args.first)?, catalog.lease(second)?),
        None => with_parent(args, invocation)?,
    };
    let answer = answer(&first, &second, Difference::between(&first, &second)?);
    if printer.json {
        printer.json(&answer)?;
    } else {
        print(&answer, printer, args.limit)?;
    }
    Ok(ExitStatus::Done)
}

/// Leases a version and the one that was the newest before it.
fn with_parent(args: &DiffArgs, invocation: &Invocation) -> anyhow::Result<(Lease, Lease)> {
    let catalog = invocation.catalog();
    let (name, version) = catalog.resolve(&args.first)?;
    let timeline = catalog.timeline(name)?;
    let publication = timeline.iter().find(|it| it.version.version == version);
    let Some(parent) = publication.and_then(|publication| publication.parent) else {
        let message = format!("{name}@{} is the first version", version.short());
        let hint = format!("name two versions: `barrow diff {name}@{} OTHER`", version.short());
        return Err(Complaint::new(message).hint(hint).into());
    };
    let lease = |version: barrow_store::Version| catalog.lease(&format!("{name}@{version}"));
    Ok((lease(parent)?, lease(version)?))
}

fn answer(first: &Lease, second: &Lease, found: Difference) -> Answer {
    let same = found.is_empty();
    let session = second.schema().stamp() == Stamp::Session;
    let place = |lease: &Lease| Place {
        bundle: lease.name().to_owned(),
        version: lease.version().to_string(),
    };
    let asset = |it: barrow_store::AssetDifference| Asset {
        first: shown(it.first_time, session).to_string(),
        last: shown(it.last_time, session).to_string(),
        symbol: it.symbol,
        rows_added: it.rows_added,
        rows_removed: it.rows_removed,
        rows_changed: it.rows_changed,
    };
    let column = |it: barrow_store::ColumnDifference| Column {
        name: it.name,
        in_first: it.in_first,
        in_second: it.in_second,
        values_added: it.values_added,
        values_removed: it.values_removed,
        values_changed: it.values_changed,
    };
    Answer {
        first: place(first),
        second: place(second),
        same,
        assets_added: found.assets_added,
        assets_removed: found.assets_removed,
        assets_changed: found.assets_changed.into_iter().map(asset).collect(),
        rows_added: found.rows_added,
        rows_removed: found.rows_removed,
        rows_changed: found.rows_changed,
        columns: found.columns.into_iter().map(column).collect(),
        adjustments_added: found.adjustments_added,
        adjustments_removed: found.adjustments_removed,
        adjustments_changed: found.adjustments_changed,
        meaning_changed: found.meaning_changed,
        meaning: meaning::changes(first.schema(), second.schema()),
    }
}

fn print(answer: &Answer, printer: Printer, limit: usize) -> std::io::Result<()> {
    let mut out = printer.stdout();
    let named = |place: &Place| {
        format!("{}@{}", printer.out(&place.bundle, Tone::Strong), &place.version[..12])
    };
    writeln!(out, "{} -> {}", named(&answer.first), named(&answer.second))?;
    if answer.same {
        writeln!(out, "the content is the same")?;
        return out.flush();
    }
    for change in &answer.meaning {
        writeln!(out, "{}", change.said())?;
    }
    let mut sheet = Sheet::new([
        ("", Align::Left),
        ("added", Align::Right),
        ("removed", Align::Right),
        ("changed", Align::Right),
    ]);
    let mut row = |name: &str, added: u64, removed: u64, changed: u64| {
        let shown = |number: u64| if number == 0 { "-".to_owned() } else { count(number) };
        sheet.row([name.to_owned(), shown(added), shown(removed), shown(changed)]);
    };
    let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let assets = [&answer.assets_added, &answer.assets_removed].map(|list| number(list.len()));
    row("assets", assets[0], assets[1], number(answer.assets_changed.len()));
    row("rows", answer.rows_added, answer.rows_removed, answer.rows_changed);
    let adjustments = [answer.adjustments_added, answer.adjustments_removed];
    row("actions", adjustments[0], adjustments[1], answer.adjustments_changed);
    for it in &answer.columns {
        let name = match (it.in_first, it.in_second) {
            (false, _) => format!("  {} (new)", it.name),
            (_, false) => format!("  {} (gone)", it.name),
            _ => format!("  {}", it.name),
        };
        row(&name, it.values_added, it.values_removed, it.values_changed);
    }
    sheet.print(&mut out, printer, "")?;
    for (what, list) in
        [("assets added", &answer.assets_added), ("assets removed", &answer.assets_removed)]
    {
        if !list.is_empty() {
            let more = list.len().saturating_sub(limit);
            let shown: Vec<&str> = list.iter().take(limit).map(String::as_str).collect();
            let more =
                if more > 0 { format!(" and {} more", count_len(more)) } else { String::new() };
            writeln!(out, "\n{what}  {}{more}", shown.join(", "))?;
        }
    }
    print_assets(&mut out, answer, printer, limit)?;
    out.flush()
}

fn print_assets(
    out: &mut impl Write,
    answer: &Answer,
    printer: Printer,
    limit: usize,
) -> std::io::Result<()> {
    if answer.assets_changed.is_empty() {
        return Ok(());
    }
    let mut sheet = Sheet::new([
        ("asset", Align::Left),
        ("rows added", Align::Right),
        ("removed", Align::Right),
        ("changed", Align::Right),
        ("from", Align::Left),
        ("to", Align::Left),
    ]);
    for it in answer.assets_changed.iter().take(limit) {
        let shown = |number: u64| if number == 0 { "-".to_owned() } else { count(number) };
        sheet.row([
            it.symbol.clone(),
            shown(it.rows_added),
            shown(it.rows_removed),
            shown(it.rows_changed),
            it.first.clone(),
            it.last.clone(),
        ]);
    }
    writeln!(out)?;
    sheet.print(out, printer, "")?;
    let more = answer.assets_changed.len().saturating_sub(limit);
    if more > 0 {
        let text = format!("and {} more assets: `--limit` shows more", count_len(more));
        printer.say(printer.err(text, Tone::Faint));
    }
    Ok(())
}
