//! `barrow sql`: SQL over the bundles of a catalog.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use barrow_sql::{Answer, Database, Error, table_name};

use crate::hint::Complaint;
use crate::invocation::Invocation;
use crate::numbers::counted_len;
use crate::output::{Format, WholeFile, file_of};
use crate::printer::Tone;
use crate::status::ExitStatus;

/// Rows of a table unless told otherwise.
const TABLE_ROWS: usize = 100;

/// Answer SQL over bundles: each is a table
///
/// A bundle is a table under its name with `-` and `.` written as `_`, or in double quotes as it is; a
/// version is `"NAME@VERSION"`. Columns are `symbol`, `time` and those of the bundle; a missing value is
/// null. Nothing is copied: rows are read where they are mapped.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  barrow sql 'select symbol, avg(close) from us_daily where volume > 1e6 group by symbol'
  barrow sql 'select * from \"us-daily@3f2a\" where time >= timestamp '\\''2012-01-03'\\''' --out bars.parquet
  barrow sql --explain 'select close from us_daily where symbol = '\\''AAPL'\\'''")]
pub(crate) struct SqlArgs {
    /// The query
    #[arg(value_name = "QUERY")]
    query: String,
    /// Rows at most [default: 100 in a table, else all]
    #[arg(short = 'n', long, value_name = "N")]
    limit: Option<usize>,
    /// How to write them [default: by the name of --out, else table]
    #[arg(short = 'F', long, value_name = "FORMAT")]
    format: Option<Format>,
    /// Write to a file, which appears whole or not at all; - is stdout
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Show what is pushed down into the scans instead of running the query
    #[arg(long, conflicts_with_all = ["limit", "format", "out"])]
    explain: bool,
}

pub(crate) fn run(args: &SqlArgs, invocation: &Invocation) -> anyhow::Result<ExitStatus> {
    let printer = invocation.printer;
    let database = Database::new(invocation.catalog())?;
    if args.explain {
        let plan = database.explain(&args.query).map_err(|error| worded(error, invocation))?;
        write!(printer.stdout(), "{plan}")?;
        return Ok(ExitStatus::Done);
    }
    let out = file_of(args.out.as_deref());
    let format = Format::choose(args.format, out, printer)?;
    let answer = database.query(&args.query).map_err(|error| worded(error, invocation))?;
    let is_cut = format == Format::Table && args.limit.is_none();
    let limit = args.limit.or(is_cut.then_some(TABLE_ROWS));
    let rows = match out {
        Some(path) => {
            let file = WholeFile::begin(path)?;
            let rows = write(answer, format, limit, file.writer()?)?;
            file.publish()?;
            let rows_said = counted_len(rows, "row");
            printer.say(format_args!("{rows_said} to `{}`", path.display()));
            rows
        }
        None => write(answer, format, limit, std::io::stdout())?,
    };
    if rows == 0 {
        printer.say(printer.err("no rows", Tone::Faint));
    } else if is_cut && rows == TABLE_ROWS {
        let said = format!("at most {TABLE_ROWS} rows are shown; `--limit N` shows more");
        printer.say(printer.err(said, Tone::Faint));
    }
    Ok(ExitStatus::Done)
}

fn write(
    answer: Answer,
    format: Format,
    limit: Option<usize>,
    sink: impl Write + Send,
) -> anyhow::Result<usize> {
    let format = match format {
        Format::Table => barrow_sql::Format::Table,
        Format::Csv => barrow_sql::Format::Csv,
        Format::Json => barrow_sql::Format::Json,
        Format::Parquet => barrow_sql::Format::Parquet,
        Format::Arrow => barrow_sql::Format::Arrow,
    };
    let sink = std::io::BufWriter::with_capacity(1 << 16, sink);
    barrow_sql::write(answer, format, limit, sink).context("cannot answer")
}

/// Says which tables there are, where that may help.
fn worded(error: Error, invocation: &Invocation) -> anyhow::Error {
    let Error::Query(inner) = &error else { return error.into() };
    let names = invocation.catalog().names().unwrap_or_default();
    let tables: Vec<String> = names.iter().map(|name| format!("`{}`", table_name(name))).collect();
    let hint = match tables.as_slice() {
        [] => "there are no tables: `barrow ingest NAME FILES` makes one".to_owned(),
        tables => format!("the tables are {}", tables.join(", ")),
    };
    Complaint::new(format!("the query has no answer: {inner}")).hint(hint).into()
}
