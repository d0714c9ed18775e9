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
mod problem;
mod progress;
mod read;
mod recognise;
mod rejects;
mod revise;
mod rows;
mod settle;
mod source;
mod summary;
mod time;
mod typed;
mod wide;

use std::path::PathBuf;
use std::time::Instant;

use barrow_format::{Adjustment, BundleWriter};
use barrow_store::{Catalog, FileSink, Lease};

use context::Context;
use exported::Export;
use external::Sorted;
use memory::Table;
use read::{Ended, Places};
use rejects::Reject;
use rows::Rows;
use summary::Outcome;

#[cfg(test)]
mod tests;

pub use compress::CompressionOption;
pub use error::IngestError;
pub use options::{
    Adjusted, FrequencyOption, IngestOptions, Mode, Purpose, SourceFormat, StampOption,
    parse_delimiter, parse_mapping, parse_size,
};
pub use problem::Problem;
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
    Ingestion { catalog, name, options, progress, pool: &pool, known }.run(sources)
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
    /// The threads that read, and write a new bundle.
    pool: &'a rayon::ThreadPool,
    /// The bundle that is continued or corrected.
    known: Option<Lease>,
}

/// What came of reading the sources.
enum Read<'a> {
    Published(IngestSummary),
    Rows { context: Context<'a>, skipped: Vec<String>, gathered: Gathered },
}

/// All that was read of sources, by asset and time.
struct Gathered {
    places: Places,
    rows: Box<dyn Rows>,
    actions: Vec<actions::Action>,
    rejects: Vec<Reject>,
    /// Rows taken from each job.
    rows_of_job: Vec<u64>,
}

impl<'a> Ingestion<'a> {
    fn run(&self, sources: &[PathBuf]) -> Result<IngestSummary, IngestError> {
        let begun = Instant::now();
        match self.pool.install(|| self.read(sources, begun))? {
            Read::Published(summary) => Ok(summary),
            Read::Rows { context, skipped, gathered } => {
                let outcome = self.publish(&context, gathered)?;
                let (known, elapsed) = (self.known.as_ref(), begun.elapsed());
                Ok(summary::summarise(self.name, &context, known, skipped, outcome, elapsed))
            }
        }
    }

    /// Reads the sources; where rows need not be gathered first, publishes them too.
    fn read(&self, sources: &[PathBuf], begun: Instant) -> Result<Read<'a>, IngestError> {
        let Self { catalog, name, options, progress, .. } = *self;
        if let Some(export) = Export::recognise(sources, options, progress)? {
            return export.publish(catalog, name, options, progress).map(Read::Published);
        }
        let actions = actions::of_files(options)?;
        if sources.is_empty() {
            let known = self.known.as_ref().ok_or(IngestError::NoSources)?;
            return revise::publish_actions(self, known, actions, begun).map(Read::Published);
        }
        let found = source::find(sources, options)?;
        let context = Context::new(found.sources, options, progress)?;
        progress.note(&format!("recognised: {}", context.described));
        for skipped in &found.skipped {
            progress.note(&format!("passed over: {skipped}"));
        }
        let jobs = job::jobs(&context);
        // A bundle that is there is continued by what has been read whole.
        let is_new = self.known.is_none();
        if is_new
            && direct::is_open(&context, &jobs, !actions.is_empty())
            && let Some(direct) = direct::publish(&context, catalog, name, jobs.clone())?
        {
            let (outcome, elapsed) = (Outcome::of(&direct), begun.elapsed());
            let summary = summary::summarise(name, &context, None, found.skipped, outcome, elapsed);
            return Ok(Read::Published(summary));
        }
        let gathered = self.gather(&context, jobs, actions)?;
        Ok(Read::Rows { context, skipped: found.skipped, gathered })
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
    fn gather(
        &self,
        context: &Context<'_>,
        jobs: Vec<job::Job>,
        actions: Vec<actions::Action>,
    ) -> Result<Gathered, IngestError> {
        let total = context.sources.iter().map(|source| source.bytes).sum();
        self.progress.begin(Phase::Reading, total);
        // Rows take about the bytes of their text: what is far beyond the memory is not tried.
        let text = context.sources.iter().filter(|source| source.kind == source::Kind::Text);
        let hopeless = text.map(|source| source.bytes).sum::<u64>() / 2 > self.options.memory;
        if !hopeless {
            match memory::read(context, jobs.clone()) {
                Ok((places, chunks)) => {
                    let table = Table::arrange(context, &places, chunks)?;
                    return Ok(Gathered::of_table(places, table, actions));
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
        Ok(Gathered::of_sorted(places, sorted, actions))
    }

    /// Publishes the bundle, and the rejects beside it.
    fn publish(&self, context: &Context<'_>, gathered: Gathered) -> Result<Outcome, IngestError> {
        let Gathered { places, rows, actions, rejects, rows_of_job } = gathered;
        let (places, rows) = (&places, rows.as_ref());
        let assets = rows.assets();
        let rejected = u64::try_from(rejects.len()).unwrap_or(u64::MAX);
        let row_count: u64 = assets.iter().map(|asset| asset.rows).sum();
        if row_count == 0 {
            return Err(IngestError::NothingLeft { rejected });
        }
        let gaps: Vec<_> = assets.iter().map(|asset| (asset.symbol, asset.gaps)).collect();
        let frequency = frequency::resolve(&gaps, context.granularity, self.options.frequency)?;
        let symbols: Vec<&str> = assets.iter().map(|asset| asset.symbol).collect();
        let known = if actions.is_empty() { Vec::new() } else { self.known_symbols(&symbols)? };
        let all: Vec<&str> = known.iter().map(String::as_str).collect();
        let all = if self.known.is_some() { &all } else { &symbols };
        let label = |(job, member, line): (u32, u32, u64)| {
            let place = usize::try_from(job).unwrap_or(usize::MAX);
            (places.label(context, place, member), places.line(place, line))
        };
        let (adjustments, unused_actions) = actions::resolve(self.options, actions, all, &label)?;
        let files = rejects::prepare(context, places, rejects, self.name, row_count)?;
        let adjustment_count = adjustments.len() as u64;
        let published = if self.known.is_some() {
            let owner = |it: &Adjustment| usize::try_from(it.asset).unwrap_or(usize::MAX);
            let actions = adjustments.iter().map(|it| (all[owner(it)].to_owned(), *it));
            let of_all = build::of_all(context, places, frequency, &rows_of_job)?;
            // By this thread: the memory of the pool's threads grows page by page, which costs as much as the rows.
            revise::publish(self, context, of_all, &actions.collect::<Vec<_>>(), rows)?
        } else {
            let assets = assets.iter().map(|asset| (asset.symbol.to_owned(), asset.rows)).collect();
            let draft = build::Draft { assets, frequency, adjustments, rows_of_job };
            let write = |writer: &BundleWriter<'_, FileSink>| rows.write(context, writer);
            let (catalog, name) = (self.catalog, self.name);
            self.pool.install(|| build::publish(context, places, catalog, name, draft, &write))?
        };
        let rejects_file = files.map(rejects::RejectsFiles::keep).transpose()?;
        Ok(Outcome {
            published,
            assets: assets.len() as u64,
            rows: row_count,
            rejected,
            frequency,
            adjustments: adjustment_count,
            unused_actions,
            rejects_file,
        })
    }
}

impl Gathered {
    fn of_table(places: Places, mut table: Table, mut actions: Vec<actions::Action>) -> Self {
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
        Self { places, rows: Box::new(table), actions, rejects, rows_of_job }
    }

    fn of_sorted(places: Places, mut sorted: Sorted, mut actions: Vec<actions::Action>) -> Self {
        actions.append(&mut sorted.actions);
        let rejects = std::mem::take(&mut sorted.rejects);
        let rows_of_job = std::mem::take(&mut sorted.rows_of_job);
        Self { places, rows: Box::new(sorted), actions, rejects, rows_of_job }
    }
}
