//! From arranged rows to a published version.

use std::time::{Duration, Instant};

use barrow_format::{
    Adjustment, AssetSpec, BundleSpec, BundleWriter, Column, Digest, Frequency, LogicalType,
    PhysicalType, Provenance, Schema, SourceRecord, Stamp,
};
use barrow_store::{Catalog, Error as StoreError, FileSink, Published, StageOptions, Staging};

use super::context::Context;
use super::error::IngestError;
use super::options::{IngestOptions, StampOption};
use super::progress::{Phase, Progress};
use super::read::Places;
use super::time::Granularity;

/// How long an interrupted wait goes on at most.
const INTERRUPTIBLE: Duration = Duration::from_millis(200);

/// The program that writes.
pub(crate) const TOOL: &str = concat!("barrow ", env!("CARGO_PKG_VERSION"));

/// What a bundle is to be, before its values.
#[derive(Debug)]
pub(crate) struct Draft {
    /// Symbols, ascending, with their rows.
    pub(crate) assets: Vec<(String, u64)>,
    pub(crate) frequency: Frequency,
    /// Of the assets.
    pub(crate) adjustments: Vec<Adjustment>,
    /// Rows taken from each job.
    pub(crate) rows_of_job: Vec<u64>,
}

/// Stages, writes by `write`, and publishes. Until the last step nothing can be seen, and when any step
/// fails nothing is left.
///
/// # Errors
///
/// When the bundle cannot be staged, written or published; [`IngestError::Interrupted`].
pub(crate) fn publish(
    context: &Context<'_>,
    places: &Places,
    catalog: &Catalog,
    name: &str,
    draft: Draft,
    write: &dyn Fn(&BundleWriter<'_, FileSink>) -> Result<(), IngestError>,
) -> Result<Published, IngestError> {
    let spec = spec(context, places, draft)?;
    let staging = stage(context.options, context.progress, catalog, name)?;
    let compression = context.options.compression.of(spec.schema.columns())?;
    let writer = BundleWriter::compressed(spec, staging.sink(), &compression)?;
    write(&writer)?;
    let written = writer.finish()?;
    if context.progress.interrupted() {
        return Err(IngestError::Interrupted);
    }
    context.progress.begin(Phase::Publishing, 0);
    Ok(staging.publish(written)?)
}

/// Stages as soon as no other writer is at work on the bundle, if that is soon enough.
///
/// # Errors
///
/// When another writer is still at work; [`IngestError::Interrupted`].
pub(crate) fn stage(
    options: &IngestOptions,
    progress: &dyn Progress,
    catalog: &Catalog,
    name: &str,
) -> Result<Staging, IngestError> {
    let begun = Instant::now();
    loop {
        let left = options.wait.saturating_sub(begun.elapsed());
        let staged = StageOptions { wait: left.min(INTERRUPTIBLE) };
        match catalog.stage_with(name, &staged) {
            Err(StoreError::Locked { .. }) if !left.is_zero() => {
                if progress.interrupted() {
                    return Err(IngestError::Interrupted);
                }
            }
            outcome => return Ok(outcome?),
        }
    }
}

fn spec(context: &Context<'_>, places: &Places, draft: Draft) -> Result<BundleSpec, IngestError> {
    let (schema, provenance) = of_all(context, places, draft.frequency, &draft.rows_of_job)?;
    let assets =
        draft.assets.into_iter().map(|(symbol, rows)| AssetSpec::new(symbol, rows)).collect();
    Ok(BundleSpec { schema, assets, adjustments: draft.adjustments, provenance })
}

/// Returns what does not depend on assets: what the columns and times of the sources mean, and what they are, with the rows
/// that were taken from each job.
///
/// # Errors
///
/// When the columns make no schema.
pub(crate) fn of_all(
    context: &Context<'_>,
    places: &Places,
    frequency: Frequency,
    rows_of_job: &[u64],
) -> Result<(Schema, Provenance), IngestError> {
    let time = Column::new("time", PhysicalType::I64, LogicalType::Timestamp);
    let columns = std::iter::once(time).chain(context.fields.iter().cloned()).collect();
    let stamp = match (context.options.timestamps, context.granularity) {
        (Some(StampOption::End), _) => Stamp::BarEnd,
        (Some(StampOption::Session), _) | (None, Granularity::Daily) => Stamp::Session,
        (Some(StampOption::Start), _) | (None, Granularity::Intraday) => Stamp::BarStart,
    };
    let schema = Schema::new(columns, frequency, context.time_zone.clone(), stamp, "")?;
    let sources = sources(context, places, rows_of_job);
    Ok((schema, Provenance { tool: TOOL.to_owned(), sources }))
}

/// The sources with their digests and the rows that were taken from each.
fn sources(context: &Context<'_>, places: &Places, rows_of_job: &[u64]) -> Vec<SourceRecord> {
    let mut records: Vec<SourceRecord> = context
        .sources
        .iter()
        .map(|source| SourceRecord {
            name: source.name.clone(),
            bytes: source.bytes,
            digest: Digest::from_bytes([0; 32]),
            rows: 0,
        })
        .collect();
    for ((job, report), rows) in places.jobs.iter().zip(&places.reports).zip(rows_of_job) {
        let record = &mut records[job.source];
        record.rows += rows;
        // Every source has one job that hashes it.
        if let Some(digest) = report.digest {
            record.digest = digest;
        }
    }
    records
}
