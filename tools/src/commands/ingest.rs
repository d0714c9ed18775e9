//! `barrow ingest`: vendor files into a published bundle.

use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::age::Wait;
use crate::ingest::{
    self, Adjusted, CompressionOption, FrequencyOption, IngestOptions, IngestSummary, Mode, Phase,
    Progress, Purpose, SourceFormat, StampOption, TimeFormat, parse_delimiter, parse_mapping,
    parse_size,
};
use crate::invocation::Invocation;
use crate::numbers::{bytes, count, counted, float, rate, seconds};
use crate::printer::{Printer, Tone};
use crate::status::ExitStatus;
use crate::threads::threads;

/// Read vendor files into a bundle and publish one new version, or nothing
///
/// Layouts are recognised from the content: CSV with an asset a file, with a symbol column or with one
/// column an asset, Yahoo's and LEAN's files, Parquet, Arrow, and gzip and zip of text. Every row is
/// checked.
/// Prices are stored as given, never adjusted.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  barrow ingest us-daily data/daily\n  barrow ingest fx eurusd.csv.gz --timezone America/New_York --timestamps end\n  barrow ingest us long.csv --lenient --rejects bad.csv\n  barrow ingest us-daily data/2026-11-25.csv --append\n  barrow ingest us-daily --append --splits splits.csv\n  barrow ingest us-daily bogus.csv --remove"
)]
pub(crate) struct IngestArgs {
    /// Name of the bundle
    #[arg(value_name = "NAME")]
    name: String,
    /// Files, and folders of files; none where splits or dividends alone are appended or corrected
    #[arg(value_name = "SOURCE", required_unless_present_any = ["splits", "dividends"])]
    sources: Vec<PathBuf>,
    #[command(flatten)]
    purpose: PurposeArgs,
    #[command(flatten)]
    layout: LayoutArgs,
    #[command(flatten)]
    rows: RowArgs,
    #[command(flatten)]
    work: WorkArgs,
}

#[derive(Debug, clap::Args)]
#[command(
    next_help_heading = "What becomes of the bundle that is there [default: the sources replace it]"
)]
struct PurposeArgs {
    /// Add later bars, new assets and new columns to it; bars that it has must be the same. Makes a bundle
    /// that is not there
    #[arg(long, conflicts_with_all = ["correct", "remove", "compression"])]
    append: bool,
    /// Replace its bars and actions by asset and time, and add others wherever they lie
    #[arg(long, conflicts_with_all = ["remove", "compression"])]
    correct: bool,
    /// Remove the bars that the sources name by asset and time; their other columns are passed over
    #[arg(long, conflicts_with_all = ["compression", "splits", "dividends"])]
    remove: bool,
}

impl PurposeArgs {
    fn chosen(&self) -> Purpose {
        match self {
            Self { append: true, .. } => Purpose::Append,
            Self { correct: true, .. } => Purpose::Correct,
            Self { remove: true, .. } => Purpose::Remove,
            _ => Purpose::Replace,
        }
    }
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "What the sources are [default: recognised from their content]")]
struct LayoutArgs {
    /// Layout: csv, long, wide, lean, parquet or arrow
    #[arg(long, value_name = "LAYOUT")]
    format: Option<SourceFormat>,
    /// Column that tells the asset
    #[arg(long, value_name = "COLUMN")]
    symbol_column: Option<String>,
    /// Column that tells the time
    #[arg(long, value_name = "COLUMN")]
    time_column: Option<String>,
    /// Layout of times: iso, ymd, mdy, dmy, epoch-s, epoch-ms, epoch-us, epoch-ns, ms-of-day, or a
    /// pattern such as `%d.%m.%Y %H:%M`
    #[arg(long, value_name = "FORMAT")]
    time_format: Option<TimeFormat>,
    /// IANA zone of times without one [default: UTC; `America/New_York` for LEAN's US equities]
    #[arg(long, value_name = "ZONE")]
    timezone: Option<String>,
    /// Take a field from a column of another name; may be repeated
    #[arg(long, value_name = "FIELD=COLUMN", value_parser = parse_mapping)]
    map: Vec<(String, String)>,
    /// Names of the columns of files without a header, in order
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    columns: Option<Vec<String>>,
    /// Leave a column out; may be repeated
    #[arg(long, value_name = "COLUMN")]
    drop: Vec<String>,
    /// Divide prices by this [default: 1; 10000 for LEAN's US equities]
    #[arg(long, value_name = "NUMBER", value_parser = positive)]
    price_scale: Option<f64>,
    /// Length of bars: daily, irregular, or as in 1m, 5m, 1h, 30s
    #[arg(long, value_name = "LENGTH")]
    frequency: Option<FrequencyOption>,
    /// What timestamps say: start, end or session [default: session for daily bars, else start]
    #[arg(long, value_name = "WHAT")]
    timestamps: Option<StampOption>,
    /// Symbol of all rows, for sources of one asset
    #[arg(long, value_name = "SYMBOL")]
    symbol: Option<String>,
    /// Where the symbol stands in file names, as in `{symbol}_*`; `*` is any text and `{date}` eight digits
    #[arg(long, value_name = "PATTERN", conflicts_with = "symbol")]
    symbol_from_file: Option<String>,
    /// Character between fields, or tab, comma, semicolon, pipe, space
    #[arg(long, value_name = "CHARACTER", value_parser = parse_delimiter)]
    delimiter: Option<u8>,
    /// Column that the values of a wide file go to
    #[arg(long, value_name = "COLUMN", default_value = "close")]
    wide_column: String,
    /// Only files whose name matches; `*` is any text; may be repeated
    #[arg(long, value_name = "PATTERN")]
    include: Vec<String>,
    /// No files whose name matches; may be repeated
    #[arg(long, value_name = "PATTERN")]
    exclude: Vec<String>,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "What happens to rows")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
struct RowArgs {
    /// Stop at the first bad row and publish nothing (the default)
    #[arg(long, conflicts_with = "lenient")]
    strict: bool,
    /// Set bad rows aside in a rejects file and publish the rest
    #[arg(long)]
    lenient: bool,
    /// The rejects file; its summary has the ending json [default: NAME.rejects.csv]
    #[arg(long, value_name = "FILE", requires = "lenient")]
    rejects: Option<PathBuf>,
    /// Rows to set aside at most
    #[arg(long, value_name = "N", default_value_t = 1_000_000, requires = "lenient")]
    rejects_max: u64,
    /// Sort each asset's rows by time, as for files with the newest first; lenient mode always does
    #[arg(long)]
    sort: bool,
    /// Take prices of zero and below
    #[arg(long)]
    allow_nonpositive_prices: bool,
    /// What happens to `Adj Close`: keep (as `adj_close`) or drop
    #[arg(long, value_name = "WHAT", default_value = "keep")]
    adjusted: Adjusted,
    /// CSV of splits: `symbol`, `ex_date`, `new_shares_per_old`
    #[arg(long, value_name = "FILE")]
    splits: Option<PathBuf>,
    /// CSV of cash dividends: `symbol`, `ex_date`, `amount`
    #[arg(long, value_name = "FILE")]
    dividends: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "How the work is done")]
struct WorkArgs {
    /// How columns are stored: none (plain arrays, used in place), zstd or auto (each block by the codec
    /// that makes it smallest); or by column, as in `close=auto,volume=zstd` or `auto,time=none`
    #[arg(long, value_name = "HOW", default_value = "none")]
    compression: CompressionOption,
    /// Memory for rows, as in 512MiB or 4GiB; more rows are sorted on disk
    #[arg(long, value_name = "SIZE", default_value = "1GiB", value_parser = parse_size)]
    memory: u64,
    /// Threads, at most 1024; 0 is one a core [default: 0]
    #[arg(long, value_name = "N", value_parser = threads())]
    threads: Option<usize>,
    /// Wait for another writer of the bundle, at most this long [default without SECONDS: for ever]
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    wait: Option<Wait>,
    /// Folder for sorting on disk [default: that of the bundles]
    #[arg(long, value_name = "DIR")]
    temp_dir: Option<PathBuf>,
}

/// Reads a positive number.
fn positive(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(value) if value > 0.0 && f64::is_finite(value) => Ok(value),
        _ => Err(format!("`{text}` is no positive number")),
    }
}

impl IngestArgs {
    fn options(&self) -> IngestOptions {
        let (layout, rows, work) = (&self.layout, &self.rows, &self.work);
        IngestOptions {
            format: layout.format,
            mode: if rows.lenient { Mode::Lenient } else { Mode::Strict },
            symbol_column: layout.symbol_column.clone(),
            time_column: layout.time_column.clone(),
            time_format: layout.time_format.clone(),
            timezone: layout.timezone.clone(),
            map: layout.map.clone(),
            drop: layout.drop.clone(),
            columns: layout.columns.clone(),
            price_scale: layout.price_scale,
            frequency: layout.frequency,
            timestamps: layout.timestamps,
            symbol: layout.symbol.clone(),
            symbol_from_file: layout.symbol_from_file.clone(),
            delimiter: layout.delimiter,
            include: layout.include.clone(),
            exclude: layout.exclude.clone(),
            wide_column: layout.wide_column.clone(),
            adjusted: rows.adjusted,
            sort: rows.sort,
            nonpositive_prices: rows.allow_nonpositive_prices,
            splits: rows.splits.clone(),
            dividends: rows.dividends.clone(),
            compression: work.compression.clone(),
            memory: work.memory,
            threads: work.threads,
            temp_dir: work.temp_dir.clone(),
            rejects: rows.rejects.clone(),
            rejects_max: rows.rejects_max,
            purpose: self.purpose.chosen(),
            wait: work.wait.map_or(Duration::ZERO, |wait| wait.most),
        }
    }
}

pub(crate) fn run(args: &IngestArgs, invocation: &Invocation) -> anyhow::Result<ExitStatus> {
    let printer = invocation.printer;
    let bar = Bar::new(printer);
    let interrupted = Arc::clone(&bar.interrupted);
    // A second handler cannot be set; then the first one, or the default action, ends the process.
    let _ = ctrlc::set_handler(move || interrupted.store(true, Ordering::Relaxed));
    let done = ingest::run(&invocation.catalog(), &args.name, &args.sources, &args.options(), &bar);
    bar.clear();
    let summary = done?;
    if printer.json {
        printer.json(&summary)?;
    } else {
        print(&summary, printer)?;
    }
    if let Some(rejects) = &summary.rejects {
        let rejected = count(summary.rejected);
        let rows = if summary.rejected == 1 { "row was" } else { "rows were" };
        printer.say(format_args!("{rejected} {rows} set aside in `{}`", rejects.display()));
    }
    if !printer.json && !summary.unchanged && summary.change.kind != "ingest" {
        printer.say(changes(&summary));
    }
    if summary.unchanged {
        printer.say("the content is that of the newest version: nothing was published");
        if args.work.compression != CompressionOption::default() {
            let name = &args.name;
            printer.say(format_args!(
                "how it is stored is as before: `barrow compact {name} --compression HOW` changes that"
            ));
        }
    }
    if !summary.skipped.is_empty() {
        printer.say(match summary.skipped.len() {
            1 => "1 file with another ending was passed over (see `-v`)".to_owned(),
            skipped => format!("{skipped} files with other endings were passed over (see `-v`)"),
        });
    }
    Ok(ExitStatus::Done)
}

/// Says what an append or a correction did to the bundle.
fn changes(summary: &IngestSummary) -> String {
    let change = summary.change;
    let parts = [
        (change.rows_added, "row", "added"),
        (change.rows_changed, "row", "changed"),
        (change.rows_removed, "row", "removed"),
        (change.assets_added, "asset", "added"),
        (change.assets_removed, "asset", "removed"),
        (change.adjustments_changed, "action", "added or changed"),
    ];
    let told: Vec<String> = parts
        .iter()
        .filter(|(number, ..)| *number > 0)
        .map(|(number, noun, what)| format!("{} {what}", counted(*number, noun)))
        .collect();
    if told.is_empty() { "no row was added".to_owned() } else { told.join(", ") }
}

fn print(summary: &IngestSummary, printer: Printer) -> std::io::Result<()> {
    let mut out = printer.stdout();
    writeln!(
        out,
        "{}@{}: {} of {}, {}, {} in {} ({})",
        printer.out(&summary.bundle, Tone::Strong),
        &summary.version[..12],
        counted(summary.rows, "row"),
        counted(summary.assets, "asset"),
        summary.frequency,
        bytes(summary.bytes),
        seconds(summary.elapsed_seconds),
        rate(float(summary.rows), summary.elapsed_seconds, "rows"),
    )?;
    writeln!(out, "columns  {}", summary.columns.join(", "))?;
    if summary.adjustments > 0 {
        writeln!(
            out,
            "actions  {} splits and dividends beside the bars",
            count(summary.adjustments)
        )?;
    }
    if !summary.dropped_columns.is_empty() {
        writeln!(out, "left out  {}", summary.dropped_columns.join(", "))?;
    }
    writeln!(out, "version  {}", summary.version)?;
    out.flush()
}

/// Shows the phases of an ingestion on a terminal, and knows when it is to stop.
struct Bar {
    printer: Printer,
    interrupted: Arc<AtomicBool>,
    shown: Mutex<ProgressBar>,
}

impl Bar {
    fn new(printer: Printer) -> Self {
        let interrupted = Arc::new(AtomicBool::new(false));
        Self { printer, interrupted, shown: Mutex::new(ProgressBar::hidden()) }
    }

    fn current(&self) -> ProgressBar {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn clear(&self) {
        self.current().finish_and_clear();
    }
}

impl Progress for Bar {
    fn begin(&self, phase: Phase, total: u64) {
        self.clear();
        let unit = match phase {
            Phase::Sorting => "rows",
            Phase::Writing => "series",
            Phase::Reading | Phase::Publishing => "",
        };
        let bar = self.printer.bar(total, unit);
        if phase == Phase::Reading {
            let template = "reading  {bar:32} {bytes}/{total_bytes}  {bytes_per_sec}  {eta} left";
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style.progress_chars("=> "));
            }
        }
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = bar;
    }

    fn advance(&self, units: u64) {
        self.current().inc(units);
    }

    fn note(&self, text: &str) {
        self.current().suspend(|| self.printer.detail(text));
    }

    fn interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }
}
