//! Rows that continue or correct a bundle that is there, or name what is to go of it, instead of making one.
//!
//! The sources go the way of every ingestion, with the meaning of times taken from the bundle. Once they are arranged, asset
//! after asset is brought into the next version.

use std::time::Instant;

use barrow_format::{Adjustment, Frequency, Provenance, Schema, Stamp, Values};
use barrow_store::{AssetBars, Lease, Published, Revision};

use super::actions::{self, Action};
use super::context::Context;
use super::error::IngestError;
use super::options::{FrequencyOption, IngestOptions, Purpose, StampOption};
use super::progress::Phase;
use super::rows::Rows;
use super::summary::{self, IngestSummary};
use super::{Ingestion, build};

/// Returns the options with everything that the bundle knows and the user has not said.
pub(crate) fn like(schema: &Schema, options: &IngestOptions) -> IngestOptions {
    let mut options = options.clone();
    options.frequency = options.frequency.or(Some(match schema.frequency() {
        Frequency::Daily => FrequencyOption::Daily,
        Frequency::Intraday { step_ns } => FrequencyOption::Step(step_ns),
        Frequency::Irregular => FrequencyOption::Irregular,
    }));
    options.timestamps = options.timestamps.or(Some(match schema.stamp() {
        Stamp::Session => StampOption::Session,
        Stamp::BarStart => StampOption::Start,
        Stamp::BarEnd => StampOption::End,
    }));
    options.timezone = options.timezone.or_else(|| Some(schema.time_zone().to_owned()));
    // In whatever order bars are named, they go.
    options.sort |= options.purpose == Purpose::Remove;
    options
}

/// Brings splits and dividends into a bundle, whose bars stay what they are.
pub(crate) fn publish_actions(
    run: &Ingestion<'_>,
    known: &Lease,
    actions: Vec<Action>,
    begun: Instant,
) -> Result<IngestSummary, IngestError> {
    let Ingestion { catalog, name, options, progress, .. } = *run;
    let mut revision = build::stage(options, progress, catalog, name)?.revise()?;
    let symbols = run.known_symbols(&[])?;
    let symbols: Vec<&str> = symbols.iter().map(String::as_str).collect();
    let nowhere = |_| (String::new(), 0);
    let (adjustments, unused) = actions::resolve(options, actions, &symbols, &nowhere)?;
    let owner = |action: &Adjustment| usize::try_from(action.asset).unwrap_or(usize::MAX);
    let named = adjustments.iter().map(|action| (symbols[owner(action)].to_owned(), *action));
    adjust(&mut revision, &named.collect::<Vec<_>>(), options.purpose);
    revision.set_provenance(Provenance { tool: build::TOOL.to_owned(), sources: Vec::new() });
    let published = revision.publish()?;
    Ok(summary::of_actions(known, &published, (adjustments.len(), unused), begun.elapsed()))
}

/// Brings in actions by symbol.
fn adjust(revision: &mut Revision, actions: &[(String, Adjustment)], purpose: Purpose) {
    for (symbol, action) in actions {
        let Adjustment { time, kind, value, .. } = *action;
        if purpose == Purpose::Correct {
            revision.correct_adjustment(symbol, time, kind, value);
        } else {
            revision.append_adjustment(symbol, time, kind, value);
        }
    }
}

/// Brings rows into the bundle, with adjustments by symbol, and publishes the next version. The schema is that of the rows.
///
/// # Errors
///
/// When the rows and the bundle do not go together, when the bundle cannot be staged, read or published;
/// [`IngestError::Interrupted`].
pub(crate) fn publish(
    run: &Ingestion<'_>,
    context: &Context<'_>,
    (schema, provenance): (Schema, Provenance),
    actions: &[(String, Adjustment)],
    rows: &dyn Rows,
) -> Result<Published, IngestError> {
    let Ingestion { catalog, name, options, progress, .. } = *run;
    let mut revision = build::stage(options, progress, catalog, name)?.revise()?;
    revision.check_meaning(&schema)?;
    let purpose = options.purpose;
    if purpose == Purpose::Remove {
        rows.each_asset(context, &mut |symbol, columns| {
            let times = columns.first().copied().and_then(Values::as_i64);
            Ok(revision.remove(symbol, times.unwrap_or_default())?)
        })?;
    } else {
        bring_in(context, &mut revision, &schema, rows)?;
        adjust(&mut revision, actions, purpose);
    }
    if progress.interrupted() {
        return Err(IngestError::Interrupted);
    }
    progress.begin(Phase::Publishing, 0);
    revision.set_provenance(provenance);
    Ok(revision.publish()?)
}

fn bring_in(
    context: &Context<'_>,
    revision: &mut Revision,
    schema: &Schema,
    rows: &dyn Rows,
) -> Result<(), IngestError> {
    for column in schema.columns() {
        revision.add_column(column)?;
    }
    let names: Vec<&str> = schema.columns().iter().map(|column| column.name.as_str()).collect();
    rows.each_asset(context, &mut |symbol, values| {
        let columns: Vec<_> = names.iter().copied().zip(values.iter().copied()).collect();
        let bars = AssetBars { symbol, metadata: "", columns: &columns };
        if context.options.purpose == Purpose::Correct {
            revision.correct(&bars)?;
        } else {
            revision.append(&bars)?;
        }
        Ok(())
    })
}
