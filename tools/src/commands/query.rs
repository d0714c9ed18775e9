//! `barrow query`: rows of a bundle, and what is computed of them, to look at or to pipe on.

mod args;

use std::io::Write;

use barrow_store::query::{Plan, Query};

pub(crate) use self::args::QueryArgs;
use crate::interrupt;
use crate::invocation::Invocation;
use crate::numbers::counted_len;
use crate::output::{Format, Shape, WholeFile, file_of, output};
use crate::printer::Tone;
use crate::status::ExitStatus;

/// Rows of a table unless told otherwise.
const TABLE_ROWS: usize = 100;

pub(crate) fn run(args: &QueryArgs, invocation: &Invocation) -> anyhow::Result<ExitStatus> {
    let printer = invocation.printer;
    let lease = invocation.lease(&args.bundle)?;
    let query = args.query(invocation)?;
    if args.explain {
        return explain(&query.plan(&lease)?, invocation);
    }
    let out = file_of(args.out.as_deref());
    let format = Format::choose(args.format, out, invocation.printer)?;
    let is_cut = format == Format::Table && query.limit.is_none();
    let limit = query.limit.or(is_cut.then_some(TABLE_ROWS));
    let plan = Query { limit, ..query.clone() }.plan(&lease)?;
    let rows = match out {
        Some(path) => {
            let file = WholeFile::begin(path)?;
            let rows = write(&plan, format, file.writer()?, true, invocation)?;
            file.publish()?;
            let rows_said = counted_len(rows, "row");
            printer.say(format_args!("{rows_said} to `{}`", path.display()));
            rows
        }
        None => write(&plan, format, std::io::stdout(), false, invocation)?,
    };
    if rows == 0 {
        printer.say(printer.err("no rows", Tone::Faint));
    } else if is_cut && rows == TABLE_ROWS {
        // One row more than the table shows tells whether there are more.
        let more = Query { limit: Some(TABLE_ROWS + 1), ..query }.plan(&lease)?;
        if more.collect()?.rows > TABLE_ROWS {
            let said = format!("the first {TABLE_ROWS} rows; `--limit N` shows more");
            printer.say(printer.err(said, Tone::Faint));
        }
    }
    Ok(ExitStatus::Done)
}

fn write(
    plan: &Plan,
    format: Format,
    sink: impl Write + Send,
    is_file: bool,
    invocation: &Invocation,
) -> anyhow::Result<usize> {
    let mut output = output(format, Shape::of(plan), sink, invocation.printer)?;
    let mut rows = 0;
    for batch in plan.batches() {
        if is_file {
            interrupt::check()?;
        }
        let batch = batch?;
        rows += batch.rows;
        output.write(&batch)?;
    }
    output.finish()?;
    Ok(rows)
}

/// Says what the plan does instead of doing it.
fn explain(plan: &Plan, invocation: &Invocation) -> anyhow::Result<ExitStatus> {
    let explanation = plan.explain()?;
    if invocation.printer.json {
        let blocks = explanation.blocks;
        invocation.printer.json(&serde_json::json!({
            "bundle": plan.lease().name(),
            "version": plan.lease().version().to_string(),
            "steps": explanation.steps,
            "columns": explanation.columns,
            "series": { "read": explanation.series_read, "skipped": explanation.series_skipped },
            "blocks": {
                "read": blocks.read,
                "decoded": blocks.decoded,
                "outside_range": blocks.outside_range,
                "excluded_by_series": blocks.excluded_by_series,
                "excluded_by_block": blocks.excluded_by_block,
                "known_to_hold": blocks.known_to_hold,
            },
        }))?;
    } else {
        write!(std::io::stdout(), "{explanation}")?;
    }
    Ok(ExitStatus::Done)
}
