//! Rows that continue or correct a bundle that is there, or name what is to go of it, instead of making one.
//!
//! The sources go the way of every ingestion, with the meaning of times taken from the bundle, into a file of their own
//! beside it. From there they are brought into the next version, and the file is removed.

use std::path::PathBuf;
use std::time::Instant;

use barrow_format::{Adjustment, BundleSpec, BundleWriter, Frequency, Provenance, Schema, Stamp};
use barrow_store::{AssetBars, BundlePool, FileSink, Lease, Published, Revision};

use super::actions::{self, Action};
use super::context::Context;
use super::error::IngestError;
use super::options::{FrequencyOption, IngestOptions, Purpose, StampOption};
use super::progress::Phase;
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

/// Writes all series.
type Write<'w> = dyn Fn(&BundleWriter<'_, FileSink>) -> Result<(), IngestError> + 'w;

/// Writes the rows by `write`, brings them into the revision and publishes it. `actions` are adjustments by
/// symbol.
pub(crate) fn publish(
    context: &Context<'_>,
    mut revision: Revision,
    spec: BundleSpec,
    actions: &[(String, Adjustment)],
    write: &Write<'_>,
) -> Result<Published, IngestError> {
    revision.check_meaning(&spec.schema)?;
    let provenance = spec.provenance.clone();
    let scratch = Scratch { path: revision.scratch_path() };
    let lease = {
        let sink = FileSink::create(&scratch.path)?;
        let writer = BundleWriter::new(spec, &sink)?;
        write(&writer)?;
        writer.finish()?;
        BundlePool::new(1).lease_file(&scratch.path)?
    };
    if context.progress.interrupted() {
        return Err(IngestError::Interrupted);
    }
    context.progress.begin(Phase::Publishing, 0);
    let purpose = context.options.purpose;
    if purpose == Purpose::Remove {
        take_away(&mut revision, &lease)?;
    } else {
        bring_in(&mut revision, &lease, purpose)?;
        adjust(&mut revision, actions, purpose);
    }
    revision.set_provenance(provenance);
    Ok(revision.publish()?)
}

/// Takes away the bars that a file names.
fn take_away(revision: &mut Revision, lease: &Lease) -> Result<(), IngestError> {
    for asset in lease.assets() {
        let asset = asset?;
        revision.remove(lease.symbol(asset), lease.bars(asset).time())?;
    }
    Ok(())
}

fn bring_in(revision: &mut Revision, lease: &Lease, purpose: Purpose) -> Result<(), IngestError> {
    for column in lease.schema().columns() {
        revision.add_column(column)?;
    }
    for asset in lease.assets() {
        let asset = asset?;
        let bars = lease.bars(asset);
        let columns = lease.schema().columns().iter();
        let columns = columns
            .enumerate()
            .map(|(index, column)| Ok((column.name.as_str(), bars.column_at(index)?)))
            .collect::<Result<Vec<_>, IngestError>>()?;
        let bars = AssetBars {
            symbol: lease.symbol(asset),
            metadata: lease.metadata(asset)?,
            columns: &columns,
        };
        if purpose == Purpose::Correct {
            revision.correct(&bars)?;
        } else {
            revision.append(&bars)?;
        }
    }
    Ok(())
}

/// A file that goes with its owner.
struct Scratch {
    path: PathBuf,
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Where it cannot be removed, the bundle's next writer sweeps it.
        let _ = std::fs::remove_file(&self.path);
    }
}
