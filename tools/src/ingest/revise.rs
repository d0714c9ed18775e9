//! Rows that continue or correct a bundle that is there, instead of making one.
//!
//! The sources go the way of every ingestion, with the meaning of times taken from the bundle, into a file of their own
//! beside it. From there they are brought into the next version, and the file is removed.

use std::path::PathBuf;

use barrow_format::{Adjustment, BundleSpec, BundleWriter, Frequency, Schema, Stamp};
use barrow_store::{AssetBars, BundlePool, FileSink, Lease, Published, Revision};

use super::context::Context;
use super::error::IngestError;
use super::options::{FrequencyOption, IngestOptions, Purpose, StampOption};
use super::progress::Phase;

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
    options
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
    let corrects = context.options.purpose == Purpose::Correct;
    bring_in(&mut revision, &lease, corrects)?;
    for (symbol, action) in actions {
        let Adjustment { time, kind, value, .. } = *action;
        if corrects {
            revision.correct_adjustment(symbol, time, kind, value);
        } else {
            revision.append_adjustment(symbol, time, kind, value);
        }
    }
    revision.set_provenance(provenance);
    Ok(revision.publish()?)
}

fn bring_in(revision: &mut Revision, lease: &Lease, corrects: bool) -> Result<(), IngestError> {
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
        if corrects { revision.correct(&bars)? } else { revision.append(&bars)? }
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
