//! `barrow inspect`: what a bundle holds.

use std::io::Write;

use barrow_format::{Frequency, LogicalType, Schema, Stamp, Stats};
use barrow_store::{Asset, Lease};
use serde::Serialize;

use crate::instant::shown;
use crate::invocation::Invocation;
use crate::meaning;
use crate::numbers::{bytes, count, count_len, counted, float, shortest};
use crate::printer::Tone;
use crate::status::ExitStatus;
use crate::table::{Align, Sheet, print_facts};

/// Show what a bundle holds: columns, assets, first and last bars
///
/// Reads the tables of the file, not its prices.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  barrow inspect us-daily\n  barrow inspect us-daily --assets AAPL,MSFT\n  barrow inspect ./us.barrow --json | jq '.assets[].symbol'"
)]
pub(crate) struct InspectArgs {
    /// Bundle: NAME, NAME@VERSION or a .barrow file
    #[arg(value_name = "BUNDLE")]
    bundle: String,
    /// Symbols, separated by commas [default: all, the first 50 on a terminal]
    #[arg(short, long, value_delimiter = ',', value_name = "SYMBOLS")]
    assets: Vec<String>,
    /// List all assets, however many
    #[arg(long)]
    all: bool,
}

/// Assets shown unless told otherwise.
const ASSETS_SHOWN: usize = 50;

#[derive(Serialize)]
struct Answer {
    bundle: String,
    version: String,
    path: String,
    bytes: u64,
    part_count: u32,
    rows: usize,
    asset_count: u32,
    schema: SchemaAnswer,
    calendar: Calendar,
    assets: Vec<AssetRow>,
    adjustments: usize,
    provenance: ProvenanceRow,
}

#[derive(Serialize)]
struct SchemaAnswer {
    frequency: &'static str,
    step_seconds: Option<f64>,
    time_zone: String,
    stamp: &'static str,
    calendar_name: String,
    columns: Vec<ColumnRow>,
}

#[derive(Serialize)]
struct ColumnRow {
    name: String,
    r#type: &'static str,
    meaning: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    scale: Option<u8>,
    min: Option<f64>,
    max: Option<f64>,
    missing: u64,
    encoding: &'static str,
    stored_bytes: u64,
    /// Stored bytes to those of the plain values; nothing where there are no values.
    ratio: Option<f64>,
}

#[derive(Serialize)]
struct Calendar {
    bars: usize,
    first: Option<String>,
    last: Option<String>,
}

#[derive(Serialize)]
struct AssetRow {
    symbol: String,
    first: Option<String>,
    last: Option<String>,
    rows: usize,
    /// Bars of the calendar between first and last that the asset does not have.
    gaps: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<serde_json::Value>,
}

#[derive(Serialize)]
struct ProvenanceRow {
    tool: String,
    sources: Vec<SourceRow>,
}

#[derive(Serialize)]
struct SourceRow {
    name: String,
    bytes: u64,
    rows: u64,
    sha256: String,
}

pub(crate) fn run(args: &InspectArgs, invocation: &Invocation) -> anyhow::Result<ExitStatus> {
    let lease = invocation.lease(&args.bundle)?;
    let printer = invocation.printer;
    let answer = answer(&lease, args, !printer.json && !args.all)?;
    if printer.json {
        printer.json(&answer)?;
    } else {
        print(&answer, args, invocation)?;
    }
    Ok(ExitStatus::Done)
}

fn answer(lease: &Lease, args: &InspectArgs, cut: bool) -> anyhow::Result<Answer> {
    let schema = lease.schema();
    let by_date = schema.stamp() == Stamp::Session;
    let time = |ns: &i64| shown(*ns, by_date).to_string();
    let calendar = lease.timestamps()?;
    let limit = if cut { ASSETS_SHOWN } else { usize::MAX };
    let assets = if args.assets.is_empty() {
        lease.assets().take(limit).collect::<Result<Vec<_>, _>>()?
    } else {
        args.assets.iter().map(|symbol| lease.asset(symbol)).collect::<Result<_, _>>()?
    };
    let asset_row = |asset: Asset| -> anyhow::Result<AssetRow> {
        let bars = lease.bars(asset);
        let (first, last) = (asset.first_time(), asset.last_time());
        let metadata = lease.metadata(asset)?;
        let place = |ns: i64| calendar.partition_point(|bar| *bar < ns);
        let spanned = first.zip(last).map_or(0, |(first, last)| place(last) + 1 - place(first));
        Ok(AssetRow {
            symbol: lease.symbol(asset).to_owned(),
            first: first.as_ref().map(time),
            last: last.as_ref().map(time),
            rows: bars.len(),
            gaps: spanned.saturating_sub(bars.len()),
            metadata: (!metadata.is_empty())
                .then(|| serde_json::from_str(metadata).unwrap_or_else(|_| metadata.into())),
        })
    };
    let provenance = lease.provenance()?;
    let sources = provenance.sources.iter().map(|source| SourceRow {
        name: source.name.clone(),
        bytes: source.bytes,
        rows: source.rows,
        sha256: source.digest.to_string(),
    });
    Ok(Answer {
        bundle: lease.name().to_owned(),
        version: lease.version().to_string(),
        path: lease.path().display().to_string(),
        bytes: lease.bytes(),
        part_count: lease.part_count(),
        rows: lease.rows(),
        asset_count: lease.asset_count(),
        schema: schema_answer(lease, schema)?,
        calendar: Calendar {
            bars: calendar.len(),
            first: calendar.first().map(time),
            last: calendar.last().map(time),
        },
        assets: assets.into_iter().map(asset_row).collect::<Result<_, _>>()?,
        adjustments: lease.adjustments()?.len(),
        provenance: ProvenanceRow { tool: provenance.tool.clone(), sources: sources.collect() },
    })
}

fn schema_answer(lease: &Lease, schema: &Schema) -> anyhow::Result<SchemaAnswer> {
    let column = |(index, column): (usize, &barrow_format::Column)| -> anyhow::Result<ColumnRow> {
        let stats: Stats = lease.bundle().column_stats(index)?;
        let (meaning, scale) = match column.logical {
            LogicalType::Timestamp => ("timestamp", None),
            LogicalType::Price => ("price", None),
            LogicalType::Volume => ("volume", None),
            LogicalType::Decimal { scale } => ("decimal", Some(scale)),
            LogicalType::Plain => ("plain", None),
        };
        // First and last bar say it better of timestamps.
        let bounds = stats.bounds.filter(|_| meaning != "timestamp");
        let divisor = scale.map_or(1.0, |scale| 10f64.powi(i32::from(scale)));
        let plain = count_of(lease.rows()) * count_of(column.physical.width());
        let stored_bytes = lease.stored_bytes(&column.name)?;
        Ok(ColumnRow {
            encoding: lease.bundle().encoding(index).name(),
            stored_bytes,
            ratio: (plain > 0).then(|| float(stored_bytes) / float(plain)),
            name: column.name.clone(),
            r#type: column.physical.name(),
            meaning,
            scale,
            min: bounds.map(|(min, _)| min.to_f64() / divisor),
            max: bounds.map(|(_, max)| max.to_f64() / divisor),
            missing: stats.null_count,
        })
    };
    let (frequency, step_seconds) = match schema.frequency() {
        Frequency::Daily => ("daily", None),
        Frequency::Intraday { step_ns } => (
            "intraday",
            Some(std::time::Duration::from_nanos(step_ns.unsigned_abs()).as_secs_f64()),
        ),
        Frequency::Irregular => ("irregular", None),
    };
    Ok(SchemaAnswer {
        frequency,
        step_seconds,
        time_zone: schema.time_zone().to_owned(),
        stamp: meaning::stamp(schema),
        calendar_name: schema.calendar_name().to_owned(),
        columns: schema.columns().iter().enumerate().map(column).collect::<Result<_, _>>()?,
    })
}

fn count_of(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

fn print(answer: &Answer, args: &InspectArgs, invocation: &Invocation) -> anyhow::Result<()> {
    let printer = invocation.printer;
    let mut out = printer.stdout();
    print_facts(&mut out, printer, "", &facts(answer))?;
    writeln!(out)?;
    columns_sheet(&answer.schema).print(&mut out, printer, "")?;
    writeln!(out)?;
    assets_sheet(&answer.assets).print(&mut out, printer, "")?;
    out.flush()?;
    let total = usize::try_from(answer.asset_count)?;
    if args.assets.is_empty() && answer.assets.len() < total {
        let shown = answer.assets.len();
        let said = format!("{shown} of {} assets; `--all` lists all", count_len(total));
        printer.say(printer.err(said, Tone::Faint));
    }
    Ok(())
}

fn or_dash(text: Option<&String>) -> String {
    text.map_or_else(|| "-".to_owned(), Clone::clone)
}

fn facts(answer: &Answer) -> [(&'static str, String); 10] {
    let Answer { schema, calendar, provenance, .. } = answer;
    let step = schema.step_seconds.map_or(String::new(), |step| format!(", {} bars", length(step)));
    let tool = Some(&provenance.tool).filter(|tool| !tool.is_empty());
    let beside = match answer.part_count {
        1 => String::new(),
        parts => format!(", and {} beside it", counted(u64::from(parts - 1), "part")),
    };
    [
        ("bundle", answer.bundle.clone()),
        ("version", answer.version.clone()),
        ("file", format!("{} ({}{beside})", answer.path, bytes(answer.bytes))),
        (
            "bars",
            format!(
                "{} of {}",
                count_len(answer.rows),
                counted(answer.asset_count.into(), "asset")
            ),
        ),
        ("frequency", format!("{}{step}, stamped by {}", schema.frequency, schema.stamp)),
        ("time zone", schema.time_zone.clone()),
        (
            "calendar",
            format!(
                "{} distinct times, {} to {}",
                count_len(calendar.bars),
                or_dash(calendar.first.as_ref()),
                or_dash(calendar.last.as_ref())
            ),
        ),
        ("adjustments", count_len(answer.adjustments)),
        ("written by", or_dash(tool)),
        ("sources", sources(&provenance.sources)),
    ]
}

/// The length of a bar: `1m`, `4h`, `90s`.
fn length(seconds: f64) -> String {
    for (unit, name) in [(3600.0, "h"), (60.0, "m")] {
        if seconds >= unit && seconds % unit == 0.0 {
            return format!("{}{name}", seconds / unit);
        }
    }
    format!("{seconds}s")
}

fn columns_sheet(schema: &SchemaAnswer) -> Sheet {
    let mut sheet = Sheet::new([
        ("column", Align::Left),
        ("type", Align::Left),
        ("meaning", Align::Left),
        ("smallest", Align::Right),
        ("largest", Align::Right),
        ("missing", Align::Right),
        ("stored as", Align::Left),
        ("bytes", Align::Right),
        ("ratio", Align::Right),
    ]);
    let number = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), shortest);
    for column in &schema.columns {
        sheet.row([
            column.name.clone(),
            column.r#type.to_owned(),
            column.scale.map_or(column.meaning.to_owned(), |scale| format!("decimal({scale})")),
            number(column.min),
            number(column.max),
            count(column.missing),
            column.encoding.to_owned(),
            bytes(column.stored_bytes),
            column.ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.3}")),
        ]);
    }
    sheet
}

fn assets_sheet(assets: &[AssetRow]) -> Sheet {
    let mut sheet = Sheet::new([
        ("asset", Align::Left),
        ("first", Align::Left),
        ("last", Align::Left),
        ("bars", Align::Right),
        ("gaps", Align::Right),
    ]);
    for asset in assets {
        sheet.row([
            asset.symbol.clone(),
            or_dash(asset.first.as_ref()),
            or_dash(asset.last.as_ref()),
            count_len(asset.rows),
            count_len(asset.gaps),
        ]);
    }
    sheet
}

fn sources(sources: &[SourceRow]) -> String {
    match sources {
        [] => "-".to_owned(),
        [one] => format!("{} ({}, sha256 {})", one.name, bytes(one.bytes), &one.sha256[..12]),
        many => {
            let total = many.iter().map(|source| source.bytes).sum();
            format!("{} files, {}", count_len(many.len()), bytes(total))
        }
    }
}
