//! `barrow query`: rows of a bundle, to look at or to pipe on.

use std::io::Write;
use std::path::PathBuf;

use crate::hint::Complaint;
use crate::interrupt;
use crate::invocation::Invocation;
use crate::numbers::count_len;
use crate::output::{Format, Shape, WholeFile, output};
use crate::printer::Tone;
use crate::selection::{Selection, SelectionArgs};
use crate::status::ExitStatus;

/// Rows of a table unless told otherwise.
const TABLE_ROWS: usize = 100;

/// Print rows of a bundle as a table, CSV, JSON, Parquet or Arrow
///
/// Rows come asset after asset, oldest first, and stream: memory does not grow with the answer. `symbol`
/// and `time` come first whatever the columns.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Conditions compare columns, numbers, dates and text, with + - * /, abs(x), missing(x), and, or, not:
  'close > 1.05 * open and volume >= 1e6'     'time >= 2012-01-03 and not missing(vwap)'
  'symbol != \"SPY\" and abs(close - open) > 5'  '[adj close] < close'

Examples:
  barrow query us-daily --assets AAPL,MSFT --from 2012-01 --to 2012-03 --columns close,volume
  barrow query us-daily --filter 'close > 100 and volume >= 1e6' --limit 20
  barrow query us-daily --assets AAPL --format csv > aapl.csv
  barrow query us-daily@3f2a --from 2010 --out bars.parquet")]
pub(crate) struct QueryArgs {
    /// Bundle: NAME, NAME@VERSION or a .barrow file
    #[arg(value_name = "BUNDLE")]
    bundle: String,
    #[command(flatten)]
    selection: SelectionArgs,
    /// Rows at most [default: 100 in a table, else all]
    #[arg(short = 'n', long, value_name = "N")]
    limit: Option<usize>,
    /// How to write them [default: by the name of --out, else table]
    #[arg(short = 'F', long, value_name = "FORMAT")]
    format: Option<Format>,
    /// Write to a file, which appears whole or not at all
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(crate) fn run(args: &QueryArgs, invocation: &Invocation) -> anyhow::Result<ExitStatus> {
    let printer = invocation.printer;
    let format = format(args, invocation)?;
    let lease = invocation.lease(&args.bundle)?;
    let mut selection = args.selection.select(&lease)?;
    let is_cut = format == Format::Table && args.limit.is_none();
    selection.limit = args.limit.or(is_cut.then_some(TABLE_ROWS));
    let rows = match &args.out {
        Some(path) => {
            let file = WholeFile::begin(path)?;
            let rows = write(&selection, format, file.writer()?, true, invocation)?;
            file.publish()?;
            printer.say(format_args!("{} rows to `{}`", count_len(rows), path.display()));
            rows
        }
        None => write(&selection, format, std::io::stdout(), false, invocation)?,
    };
    if rows == 0 {
        printer.say(printer.err("no rows", Tone::Faint));
    } else if is_cut && rows == TABLE_ROWS {
        // One row more than the table shows tells whether there are more.
        selection.limit = Some(TABLE_ROWS + 1);
        if rows_of(&selection)? > TABLE_ROWS {
            let said = format!("the first {TABLE_ROWS} rows; `--limit N` shows more");
            printer.say(printer.err(said, Tone::Faint));
        }
    }
    Ok(ExitStatus::Done)
}

fn format(args: &QueryArgs, invocation: &Invocation) -> anyhow::Result<Format> {
    let named = args.out.as_ref().and_then(|path| Format::of(path));
    let json = invocation.printer.json.then_some(Format::Json);
    let format = args.format.or(json).or(named).unwrap_or(Format::Table);
    if args.out.is_none() && format.is_binary() && invocation.printer.stdout_is_terminal() {
        return Err(Complaint::new("a terminal cannot show this format")
            .hint("write it to a file with `--out FILE`")
            .into());
    }
    Ok(format)
}

fn write(
    selection: &Selection<'_>,
    format: Format,
    sink: impl Write + Send,
    is_file: bool,
    invocation: &Invocation,
) -> anyhow::Result<usize> {
    let mut output = output(format, Shape::of(selection), sink, invocation.printer)?;
    let mut rows = 0;
    selection.stream(&mut |batch| {
        if is_file {
            interrupt::check()?;
        }
        rows += batch.time.len();
        output.write(batch)
    })?;
    output.finish()?;
    Ok(rows)
}

fn rows_of(selection: &Selection<'_>) -> anyhow::Result<usize> {
    let mut rows = 0;
    selection.stream(&mut |batch| {
        rows += batch.time.len();
        Ok(())
    })?;
    Ok(rows)
}
