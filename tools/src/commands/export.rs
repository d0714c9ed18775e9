//! `barrow export`: a bundle, or a part of it, as files for other programs.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context;
use barrow_store::query::{AssetChoice, Batch, Plan, Query};
use indicatif::ProgressBar;
use serde::Serialize;

use crate::hint::Complaint;
use crate::invocation::Invocation;
use crate::manifest::{self, Manifest, OddNans};
use crate::numbers::{bytes, count_len, counted, counted_len, duration};
use crate::output::{Format, Shape, WholeFile, is_stream, output, write_text};
use crate::selection::SelectionArgs;
use crate::status::ExitStatus;

/// Write a bundle, or a part of it, to files for other programs
///
/// A file name chooses the format: `.csv`, `.parquet`, `.arrow`; any other name becomes a folder with a CSV
/// file an asset. Ingesting an export again gives the same version: Parquet and Arrow carry a manifest of
/// all but the rows in their metadata, CSV has it in a JSON file beside it. Files appear whole or not at all.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  barrow export us-daily --out us.parquet
  barrow export us-daily --out csv/                       # csv/AAPL.csv, csv/MSFT.csv, ...
  barrow export us-daily --out tech.csv --assets AAPL,MSFT --from 2010
  barrow export us-daily@3f2a --out busy.arrow --filter 'volume >= 1e7'")]
pub(crate) struct ExportArgs {
    /// Bundle: NAME, NAME@VERSION or a .barrow file
    #[arg(value_name = "BUNDLE")]
    bundle: String,
    /// File or folder to write
    #[arg(short, long, value_name = "PATH")]
    out: PathBuf,
    #[command(flatten)]
    selection: SelectionArgs,
    /// How to write [default: by the name of --out]
    #[arg(short = 'F', long, value_name = "FORMAT")]
    format: Option<ExportFormat>,
    /// Write into a folder that holds files already, over those of the same name
    #[arg(long)]
    force: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
enum ExportFormat {
    /// A folder with a CSV file an asset.
    CsvDir,
    /// One CSV file with a symbol column.
    Csv,
    /// One Parquet file.
    Parquet,
    /// One Arrow IPC file.
    #[value(alias = "feather", alias = "ipc")]
    Arrow,
}

#[derive(Serialize)]
struct Answer<'a> {
    bundle: &'a str,
    version: String,
    path: String,
    format: &'static str,
    files: usize,
    assets: usize,
    rows: u64,
    bytes: u64,
    elapsed_seconds: f64,
}

/// What was written.
#[derive(Default)]
struct Tally {
    files: usize,
    rows: u64,
    bytes: u64,
}

pub(crate) fn run(args: &ExportArgs, invocation: &Invocation) -> anyhow::Result<ExitStatus> {
    let printer = invocation.printer;
    let format = chosen(args)?;
    let lease = invocation.lease(&args.bundle)?;
    let plan = args.selection.query()?.plan(&lease)?;
    let started = Instant::now();
    let bar = printer.bar(plan.rows_in_range(), "rows");
    let written = match format {
        ExportFormat::CsvDir => write_folder(&plan, args, invocation, &bar),
        ExportFormat::Csv => write_csv(&plan, &args.out, invocation, &bar),
        ExportFormat::Parquet => write_file(&plan, &args.out, Format::Parquet, invocation, &bar),
        ExportFormat::Arrow => write_file(&plan, &args.out, Format::Arrow, invocation, &bar),
    };
    bar.finish_and_clear();
    let tally = written?;
    let elapsed = started.elapsed();
    if printer.json {
        printer.json(&Answer {
            bundle: lease.name(),
            version: lease.version().to_string(),
            path: args.out.display().to_string(),
            format: format.name(),
            files: tally.files,
            assets: plan.assets().len(),
            rows: tally.rows,
            bytes: tally.bytes,
            elapsed_seconds: elapsed.as_secs_f64(),
        })?;
    } else {
        let files = match tally.files {
            1 => String::new(),
            many => format!("{} files, ", count_len(many)),
        };
        printer.say(format_args!(
            "{} of {} to `{}` ({files}{}) in {}",
            counted(tally.rows, "row"),
            counted_len(plan.assets().len(), "asset"),
            args.out.display(),
            bytes(tally.bytes),
            duration(elapsed)
        ));
    }
    Ok(ExitStatus::Done)
}

impl ExportFormat {
    fn name(self) -> &'static str {
        match self {
            Self::CsvDir => "csv-dir",
            Self::Csv => "csv",
            Self::Parquet => "parquet",
            Self::Arrow => "arrow",
        }
    }
}

fn chosen(args: &ExportArgs) -> anyhow::Result<ExportFormat> {
    if args.out == Path::new("-") || is_stream(&args.out) {
        let message = format!("`export` writes files, and `{}` is none", args.out.display());
        return Err(Complaint::new(message)
            .hint("`barrow query BUNDLE --format csv` writes rows to the standard output")
            .into());
    }
    if let Some(format) = args.format {
        return Ok(format);
    }
    match Format::of(&args.out) {
        Some(Format::Csv) => Ok(ExportFormat::Csv),
        Some(Format::Parquet) => Ok(ExportFormat::Parquet),
        Some(Format::Arrow) => Ok(ExportFormat::Arrow),
        None => Ok(ExportFormat::CsvDir),
        Some(Format::Json | Format::Table) => {
            let name = args.out.display();
            Err(Complaint::new(format!("`export` does not write files such as `{name}`"))
                .hint("`barrow query BUNDLE --out FILE.json` does; or choose with `--format`")
                .into())
        }
    }
}

fn write_file(
    plan: &Plan,
    path: &Path,
    format: Format,
    invocation: &Invocation,
    bar: &ProgressBar,
) -> anyhow::Result<Tally> {
    let file = WholeFile::begin(path)?;
    let manifest = Some(Manifest::of(plan)?.to_json()?);
    let shape = Shape { manifest, ..Shape::of(plan) };
    let rows = write(plan, shape, format, &file, invocation, bar, &mut |_| ())?;
    Ok(Tally { files: 1, rows, bytes: file.publish()? })
}

/// Writes a CSV file, and its manifest beside it.
fn write_csv(
    plan: &Plan,
    path: &Path,
    invocation: &Invocation,
    bar: &ProgressBar,
) -> anyhow::Result<Tally> {
    let file = WholeFile::begin(path)?;
    let mut manifest = Manifest::of(plan)?;
    let shape = Shape::of(plan);
    let (symbols, columns) = (shape.symbols.clone(), shape.columns.clone());
    let mut nans = OddNans::default();
    let mut look = |batch: &Batch| nans.note(batch, &symbols, &columns);
    let rows = write(plan, shape, Format::Csv, &file, invocation, bar, &mut look)?;
    manifest.nans = nans.into_entries();
    // An older manifest must not be taken for that of the new file, whenever this is interrupted.
    let beside = manifest::beside(path);
    forget(&beside)?;
    let bytes = file.publish()?;
    let manifest = write_text(&beside, &manifest.to_json()?)?;
    Ok(Tally { files: 2, rows, bytes: bytes + manifest })
}

fn forget(path: &Path) -> anyhow::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot replace `{}`", path.display()))
        }
        _ => Ok(()),
    }
}

/// Writes a file an asset, without the symbol column; assets without rows get none.
fn write_folder(
    plan: &Plan,
    args: &ExportArgs,
    invocation: &Invocation,
    bar: &ProgressBar,
) -> anyhow::Result<Tally> {
    let folder = &args.out;
    fs::create_dir_all(folder).with_context(|| format!("cannot create `{}`", folder.display()))?;
    let mut entries =
        fs::read_dir(folder).with_context(|| format!("cannot list `{}`", folder.display()))?;
    if !args.force && entries.next().is_some() {
        return Err(Complaint::new(format!("`{}` holds files already", folder.display()))
            .hint("choose a new folder, or pass `--force` to write into this one")
            .into());
    }
    let mut manifest = Manifest::of(plan)?;
    let beside = manifest::beside(folder);
    forget(&beside)?;
    let mut tally = Tally::default();
    for asset in plan.assets() {
        let symbol = plan.lease().symbol(*asset);
        let choice = AssetChoice { symbols: vec![symbol.to_owned()], metadata: Vec::new() };
        let query = Query { assets: choice, ..args.selection.query()? };
        let first = Query { limit: Some(1), threads: 1, ..query.clone() };
        if first.plan(plan.lease())?.batches().next().transpose()?.is_none() {
            continue;
        }
        let one = query.plan(plan.lease())?;
        let path = folder.join(file_name(symbol));
        let file = WholeFile::begin(&path)?;
        let shape = Shape { with_symbol: false, ..Shape::of(&one) };
        let (symbols, columns) = (shape.symbols.clone(), shape.columns.clone());
        let mut nans = OddNans::default();
        let mut look = |batch: &Batch| nans.note(batch, &symbols, &columns);
        tally.rows += write(&one, shape, Format::Csv, &file, invocation, bar, &mut look)?;
        manifest.nans.extend(nans.into_entries());
        tally.bytes += file.publish()?;
        tally.files += 1;
    }
    tally.bytes += write_text(&beside, &manifest.to_json()?)?;
    tally.files += 1;
    Ok(tally)
}

fn write(
    plan: &Plan,
    shape: Shape<'_>,
    format: Format,
    file: &WholeFile,
    invocation: &Invocation,
    bar: &ProgressBar,
    look: &mut dyn FnMut(&Batch),
) -> anyhow::Result<u64> {
    let mut output = output(format, shape, file.writer()?, invocation.printer)?;
    let mut rows = 0;
    for batch in plan.batches() {
        crate::interrupt::check()?;
        let batch = batch?;
        rows += batch.rows as u64;
        bar.set_position(bar.position() + batch.rows as u64);
        look(&batch);
        output.write(&batch)?;
    }
    output.finish()?;
    Ok(rows)
}

/// A symbol as a file name: what file systems do not take is written as `%` and two digits.
fn file_name(symbol: &str) -> String {
    let mut name = String::with_capacity(symbol.len() + 4);
    for (place, byte) in symbol.bytes().enumerate() {
        let plain = byte.is_ascii_alphanumeric() || b"-_+= ,~@^".contains(&byte);
        if plain || (byte == b'.' && place > 0) {
            name.push(char::from(byte));
        } else {
            // Writing to a `String` does not fail.
            let _ = write!(name, "%{byte:02X}");
        }
    }
    name.push_str(".csv");
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_make_file_names_that_stay_in_their_folder() {
        assert_eq!(file_name("BRK.B"), "BRK.B.csv");
        assert_eq!(file_name("BTC/USD"), "BTC%2FUSD.csv");
        assert_eq!(file_name("../x"), "%2E.%2Fx.csv");
        assert_eq!(file_name("^GSPC"), "^GSPC.csv");
    }
}
