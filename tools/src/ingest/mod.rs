//! Ingestion: vendor files into a published bundle.
//!
//! [`run`] finds the files, recognises what they are, reads and checks every row on all cores, and
//! publishes one version, or nothing at all. `docs/ingest.md` tells users what is recognised and how
//! to overrule it.
//!
//! The way of a row: `source` finds files, `recognise` makes a `layout`, a `job` reads a piece of
//! a file with `csv` or `typed` (`parquet`, `arrow`) into a `columns::Chunk`, `settle` checks it, `memory` (or
//! `external`, when memory does not suffice) arranges rows by asset and time, `build` publishes.

mod actions;
mod archive;
mod arrange;
mod arrow;
mod blocks;
mod build;
mod check;
mod columns;
mod compress;
mod context;
mod csv;
mod direct;
mod error;
mod exported;
mod external;
mod frequency;
mod hashing;
mod job;
mod layout;
mod memory;
mod number;
mod options;
mod order;
mod parquet;
mod pattern;
mod progress;
mod read;
mod recognise;
mod rejects;
mod revise;
mod settle;
mod source;
mod summary;
mod time;
mod typed;
mod wide;

use std::path::PathBuf;
use std::time::Instant;

use barrow_store::{Catalog, Lease};

use context::Context;
use exported::Export;
use external::Sorted;
use memory::Table;
use read::{Ended, Places};
use rejects::Reject;
use summary::Outcome;

#[cfg(test)]
mod tests;

pub use compress::CompressionOption;
pub use error::{IngestError, Problem};
pub use options::{
    Adjusted, FrequencyOption, IngestOptions, Mode, Purpose, SourceFormat, StampOption,
    parse_delimiter, parse_mapping, parse_size,
};
pub use progress::{Phase, Progress};
pub use summary::{ChangeSummary, IngestSummary};
pub use time::{EpochUnit, TimeFormat};

/// Ingests `sources` (files, and folders of files) into the bundle `name` of `catalog`.
///
/// The bundle's content depends on the content of the sources and on the options, not on the order of
/// `sources`, the number of threads or the memory. Without sources, splits and dividends alone are brought into a bundle that
/// is there. Rows are held in memory up to [`IngestOptions::memory`];
/// more are sorted on disk. Prices are stored as they are given, never adjusted.
///
/// # Errors
///
/// [`IngestError`]; nothing was published then and no file is left, except that a rejects file may
/// fail to be named after publication.
pub fn run(
    catalog: &Catalog,
    name: &str,
    sources: &[PathBuf],
    options: &IngestOptions,
    progress: &dyn Progress,
) -> Result<IngestSummary, IngestError> {
    let mut pool = rayon::ThreadPoolBuilder::new();
    if let Some(threads) = options.threads {
        pool = pool.num_threads(threads);
    }
    let pool = pool.build().map_err(|error| IngestError::Option {
        option: "--threads",
        value: options.threads.unwrap_or(0).to_string(),
        reason: error.to_string(),
    })?;
    let known = match options.purpose {
        Purpose::Replace => None,
        Purpose::Append if !sources.is_empty() => known(catalog, name)?,
        // That there is nothing to correct is said by whoever looks for the bundle.
        _ => Some(catalog.lease(name)?),
    };
    let derived = known.as_ref().map(|lease| revise::like(lease.schema(), options));
    let options = derived.as_ref().unwrap_or(options);
    pool.install(|| Ingestion { catalog, name, options, progress, known }.run(sources))
}

/// Leases the bundle to be continued, if it is there.
fn known(catalog: &Catalog, name: &str) -> Result<Option<Lease>, IngestError> {
    match catalog.lease(name) {
        Ok(lease) => Ok(Some(lease)),
        Err(barrow_store::Error::UnknownBundle { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// One run.
struct Ingestion<'a> {
    catalog: &'a Catalog,
    name: &'a str,
    options: &'a IngestOptions,
    progress: &'a dyn Progress,
    /// The bundle that is continued or corrected.
    known: Option<Lease>,
}

impl Ingestion<'_> {
    fn run(&self, sources: &[PathBuf]) -> Result<IngestSummary, IngestError> {
        let begun = Instant::now();
        if let Some(export) = Export::recognise(sources, self.options, self.progress)? {
            return export.publish(self.catalog, self.name, self.options, self.progress);
        }
        let actions = actions::of_files(self.options)?;
        if sources.is_empty() {
            let known = self.known.as_ref().ok_or(IngestError::NoSources)?;
            return revise::publish_actions(self, known, actions, begun);
        }
        let found = source::find(sources, self.options)?;
        let mut context = Context::new(found.sources, self.options, self.progress)?;
        context.revises = self.known.is_some();
        self.progress.note(&format!("recognised: {}", context.described));
        for skipped in &found.skipped {
            self.progress.note(&format!("passed over: {skipped}"));
        }
        let jobs = job::jobs(&context);
        let direct = if direct::is_open(&context, &jobs, !actions.is_empty()) {
            direct::publish(&context, self.catalog, self.name, jobs.clone())?
        } else {
            None
        };
        let outcome = match direct {
            Some(direct) => Outcome::of(&direct),
            None => self.through_memory(&context, jobs, actions)?,
        };
        Ok(summary::summarise(self.name, &context, found.skipped, outcome, begun.elapsed()))
    }

    /// Returns the symbols that a bundle has once it is continued, ascending; none where it is made anew.
    fn known_symbols(&self, new: &[&str]) -> Result<Vec<String>, IngestError> {
        let Some(known) = &self.known else { return Ok(Vec::new()) };
        let mut all: Vec<String> = new.iter().map(|symbol| (*symbol).to_owned()).collect();
        for asset in known.assets() {
            all.push(known.symbol(asset?).to_owned());
        }
        all.sort_unstable();
        all.dedup();
        Ok(all)
    }

    /// Reads all rows before the first is written: into memory, or sorted on disk.
    fn through_memory(
        &self,
        context: &Context<'_>,
        jobs: Vec<job::Job>,
        actions: Vec<actions::Action>,
    ) -> Result<Outcome, IngestError> {
        let total = context.sources.iter().map(|source| source.bytes).sum();
        self.progress.begin(Phase::Reading, total);
        // Rows take about the bytes of their text: what is far beyond the memory is not tried.
        let text = context.sources.iter().filter(|source| source.kind == source::Kind::Text);
        let hopeless = text.map(|source| source.bytes).sum::<u64>() / 2 > self.options.memory;
        if !hopeless {
            match memory::read(context, jobs.clone()) {
                Ok((places, chunks)) => {
                    let table = Table::arrange(context, &places, chunks)?;
                    return self.publish_table(context, &places, table, actions);
                }
                Err(Ended::Failed(error)) => return Err(error),
                Err(Ended::OverBudget) => {
                    context.settler.forget_rejects();
                    self.progress.begin(Phase::Reading, total);
                }
            }
        }
        self.progress.note("rows exceed the memory allowed: sorting them on disk");
        let (places, sorted) = external::read(context, self.catalog, jobs)?;
        self.publish_sorted(context, &places, sorted, actions)
    }

    fn publish_table(
        &self,
        context: &Context<'_>,
        places: &Places,
        mut table: Table,
        mut actions: Vec<actions::Action>,
    ) -> Result<Outcome, IngestError> {
        let mut rejects = Vec::new();
        let mut rows_of_job = vec![0; places.jobs.len()];
        let mut twice_of_job = vec![0u64; places.jobs.len()];
        for chunk in &mut table.chunks {
            let place = usize::try_from(chunk.job).unwrap_or(usize::MAX);
            rows_of_job[place] += u64::try_from(chunk.rows()).unwrap_or(0);
            actions.extend(actions::of_chunk(chunk));
            let (job, member) = (chunk.job, chunk.member);
            for bad in std::mem::take(&mut chunk.rejects) {
                // Rows that come twice are still counted among the rows of their chunk.
                twice_of_job[place] += u64::from(bad.problem == Problem::DuplicateTime);
                rejects.push(Reject { job, member, bad });
            }
        }
        for (rows, twice) in rows_of_job.iter_mut().zip(twice_of_job) {
            *rows -= twice;
        }
        let assets: Vec<_> = table
            .assets
            .iter()
            .map(|asset| (asset.symbol.as_str(), asset.rows as u64, asset.gaps))
            .collect();
        let draft = Drafting { context, places, actions, rejects, rows_of_job };
        draft.publish(self, &assets, &|writer| table.write(context, writer))
    }

    fn publish_sorted(
        &self,
        context: &Context<'_>,
        places: &Places,
        mut sorted: Sorted,
        mut actions: Vec<actions::Action>,
    ) -> Result<Outcome, IngestError> {
        sorted.spool.flush()?;
        actions.append(&mut sorted.actions);
        let Sorted { assets, spool, rejects, rows_of_job, .. } = sorted;
        let spans: Vec<_> =
            assets.iter().map(|asset| (asset.symbol.as_str(), asset.rows, asset.gaps)).collect();
        let draft = Drafting { context, places, actions, rejects, rows_of_job };
        draft.publish(self, &spans, &|writer| spool.write(context, &assets, writer))
    }
}

/// Everything about a bundle but its assets and values.
struct Drafting<'a, 'c> {
    context: &'a Context<'c>,
    places: &'a Places,
    actions: Vec<actions::Action>,
    rejects: Vec<Reject>,
    rows_of_job: Vec<u64>,
}

/// Writes all series.
type Write<'w> = dyn Fn(&barrow_format::BundleWriter<'_, barrow_store::FileSink>) -> Result<(), IngestError>
    + 'w;

impl Drafting<'_, '_> {
    /// Publishes the bundle, and the rejects beside it.
    fn publish(
        self,
        run: &Ingestion<'_>,
        assets: &[(&str, u64, frequency::Gaps)],
        write: &Write<'_>,
    ) -> Result<Outcome, IngestError> {
        let Self { context, places, actions, rejects, rows_of_job } = self;
        let rejected = u64::try_from(rejects.len()).unwrap_or(u64::MAX);
        let rows: u64 = assets.iter().map(|(_, rows, _)| rows).sum();
        if rows == 0 {
            return Err(IngestError::NothingLeft { rejected });
        }
        let gaps: Vec<_> = assets.iter().map(|(symbol, _, gaps)| (*symbol, *gaps)).collect();
        let frequency = frequency::resolve(&gaps, context.granularity, context.options.frequency)?;
        let symbols: Vec<&str> = assets.iter().map(|(symbol, ..)| *symbol).collect();
        let known = run.known_symbols(&symbols)?;
        let all: Vec<&str> = known.iter().map(String::as_str).collect();
        let all = if run.known.is_some() { &all } else { &symbols };
        let label = |(job, member, line): (u32, u32, u64)| {
            let place = usize::try_from(job).unwrap_or(usize::MAX);
            (places.label(context, place, member), places.line(place, line))
        };
        let (adjustments, unused_actions) =
            actions::resolve(context.options, actions, all, &label)?;
        let files = rejects::prepare(context, places, rejects, run.name, rows)?;
        let draft = build::Draft {
            assets: assets.iter().map(|(symbol, rows, _)| ((*symbol).to_owned(), *rows)).collect(),
            frequency,
            adjustments: if run.known.is_some() { Vec::new() } else { adjustments.clone() },
            actions: adjustments
                .iter()
                .map(|it| (all[usize::try_from(it.asset).unwrap_or(usize::MAX)].to_owned(), *it))
                .collect(),
            rows_of_job,
        };
        let published = build::publish(context, places, run.catalog, run.name, draft, write)?;
        let rejects_file = files.map(rejects::RejectsFiles::keep).transpose()?;
        Ok(Outcome {
            published,
            assets: assets.len() as u64,
            rows,
            rejected,
            frequency,
            adjustments: adjustments.len() as u64,
            unused_actions,
            rejects_file,
        })
    }
}
