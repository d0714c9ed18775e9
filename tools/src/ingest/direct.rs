//! The direct road: files of one asset each are parsed and written by the same worker, while the values
//! are still in its cache, and rows are never held in memory.
//!
//! A writer has to know row counts and frequency before the first value. So lines are counted first, at
//! the speed of memory, and the frequency is guessed from one file. When a guess turns out wrong (a blank
//! line, another bar length), what was written is dropped and rows go through memory as usual.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::sync::{Mutex, PoisonError};

use barrow_format::{BundleWriter, Digest, Frequency};
use barrow_store::{Catalog, FileSink, Published};
use rayon::prelude::*;

use super::build::{self, Draft};
use super::columns::{Cells, Chunk};
use super::context::{Context, is_an_asset_a_file, whole_lines};
use super::csv::line_at;
use super::error::IngestError;
use super::frequency::{self, Gaps};
use super::job::{self, Job, Piece};
use super::options::{FrequencyOption, IngestOptions};
use super::progress::Phase;
use super::read::{self, Ended, Places};
use super::recognise::{Place, Subject};
use super::settle::Fault;
use super::source::{Kind, Source, io_error};

/// Rows of a small run go through memory all the same.
const SOURCES_MIN: usize = 8;

/// What was published by the direct road.
#[derive(Debug)]
pub(crate) struct Direct {
    pub(crate) published: Published,
    pub(crate) assets: u64,
    pub(crate) rows: u64,
    pub(crate) frequency: Frequency,
}

/// What is known of a source before it is parsed.
#[derive(Debug)]
struct Counted {
    symbol: String,
    rows: u64,
    digest: Digest,
}

/// Whether the road is open: one text file an asset, no action columns, nothing to sort or set aside.
pub(crate) fn is_open(context: &Context<'_>, jobs: &[Job], actions: bool) -> bool {
    let IngestOptions { symbol, .. } = context.options;
    let plain =
        |job: &Job| job.piece == Piece::Whole && context.sources[job.source].kind == Kind::Text;
    !actions
        && symbol.is_none()
        && !context.options.sorts()
        && jobs.len() >= SOURCES_MIN
        && jobs.iter().all(plain)
        && context.has_an_asset_a_file()
}

/// Counts, writes and publishes; `None` when a guess was wrong.
///
/// # Errors
///
/// As the road through memory: the first fault by source and line.
pub(crate) fn publish(
    context: &Context<'_>,
    catalog: &Catalog,
    name: &str,
    jobs: Vec<Job>,
) -> Result<Option<Direct>, IngestError> {
    let total: u64 = context.sources.iter().map(|source| source.bytes).sum();
    // Sources are read twice, to be counted and to be parsed; progress is that of the parsing.
    context.progress.begin(Phase::Reading, total);
    let jobs: Vec<Job> = jobs.into_iter().map(|job| Job { piece: Piece::Again, ..job }).collect();
    let counted: Vec<Option<Counted>> = context
        .sources
        .par_iter()
        .map_init(Vec::new, |scratch, source| count(context, source, scratch))
        .collect::<Result<_, _>>()?;
    let Some(counted) = counted.into_iter().collect::<Option<Vec<Counted>>>() else {
        return Ok(None);
    };
    let mut ordinals: BTreeMap<&str, usize> = BTreeMap::new();
    for (source, counted) in counted.iter().enumerate() {
        if ordinals.insert(&counted.symbol, source).is_some() {
            return Ok(None);
        }
    }
    let Some(frequency) = guess(context, &jobs)? else {
        return Ok(None);
    };
    // By source: the place of its asset among all.
    let mut places_of = vec![0; counted.len()];
    let mut assets = Vec::with_capacity(counted.len());
    for (place, (symbol, source)) in ordinals.into_iter().enumerate() {
        places_of[source] = place;
        assets.push((symbol.to_owned(), counted[source].rows));
    }
    let road = Road { context, frequency, counted: &counted, places_of: &places_of };
    road.travel(catalog, name, &jobs, assets)
}

/// A plan under way.
struct Road<'a, 'c> {
    context: &'a Context<'c>,
    frequency: Frequency,
    counted: &'a [Counted],
    places_of: &'a [usize],
}

impl Road<'_, '_> {
    fn travel(
        &self,
        catalog: &Catalog,
        name: &str,
        jobs: &[Job],
        assets: Vec<(String, u64)>,
    ) -> Result<Option<Direct>, IngestError> {
        let (count, rows) = (assets.len(), assets.iter().map(|(_, rows)| rows).sum());
        let symbols: Vec<String> = assets.iter().map(|(symbol, _)| symbol.clone()).collect();
        // Places name sources for the spec; what jobs report is not needed there.
        let places = Places::planned(jobs.to_vec(), self.counted.iter().map(|found| found.digest));
        let draft = Draft {
            assets,
            frequency: self.frequency,
            adjustments: Vec::new(),
            rows_of_job: self.counted.iter().map(|found| found.rows).collect(),
        };
        let wrong = Mutex::new(false);
        let write = |writer: &BundleWriter<'_, FileSink>| {
            let right = self.write(writer, jobs.to_vec(), &symbols)?;
            *wrong.lock().unwrap_or_else(PoisonError::into_inner) = !right;
            // Ending here drops what was staged.
            if right { Ok(()) } else { Err(IngestError::Interrupted) }
        };
        let published = build::publish(self.context, &places, catalog, name, draft, &write);
        if wrong.into_inner().unwrap_or_else(PoisonError::into_inner) {
            return Ok(None);
        }
        let published = published?;
        let assets = u64::try_from(count).unwrap_or(u64::MAX);
        Ok(Some(Direct { published, assets, rows, frequency: self.frequency }))
    }

    /// Parses and writes everything; `false` when a guess was wrong.
    fn write(
        &self,
        writer: &BundleWriter<'_, FileSink>,
        jobs: Vec<Job>,
        symbols: &[String],
    ) -> Result<bool, IngestError> {
        let take = |gaps: &mut Gaps, chunk: Chunk| {
            let job = usize::try_from(chunk.job).unwrap_or(usize::MAX);
            if chunk.rows() as u64 != self.counted[job].rows {
                return Err(Fault::OverBudget);
            }
            gaps.extend(chunk.times.iter().copied());
            let asset = self.places_of[job];
            let put = |column, values| writer.put(asset, column, values).map_err(IngestError::from);
            put(0, barrow_format::Values::I64(&chunk.times))?;
            for (field, cells) in chunk.cells.iter().enumerate() {
                match cells {
                    Cells::F64(values) => put(field + 1, barrow_format::Values::F64(values))?,
                    Cells::I64(_) => return Err(Fault::OverBudget),
                }
            }
            Ok(())
        };
        let (_, gaps) = match read::run(self.context, jobs, &Gaps::default, &take) {
            Ok(done) => done,
            Err(Ended::OverBudget) => return Ok(false),
            Err(Ended::Failed(error)) => return Err(error),
        };
        let mut of_assets = vec![("", Gaps::default()); gaps.len()];
        for (source, gaps) in gaps.into_iter().enumerate() {
            let place = self.places_of[source];
            of_assets[place] = (symbols[place].as_str(), gaps);
        }
        let options = self.context.options;
        let found = frequency::resolve(&of_assets, self.context.granularity, options.frequency)?;
        Ok(found == self.frequency)
    }
}

/// Reads a file for its digest, its symbol and the number of its lines; `None` when it needs a closer look.
fn count(
    context: &Context<'_>,
    source: &Source,
    scratch: &mut Vec<u8>,
) -> Result<Option<Counted>, IngestError> {
    if context.progress.interrupted() {
        return Err(IngestError::Interrupted);
    }
    let path = &source.path;
    scratch.clear();
    let mut file = File::open(path).map_err(io_error("open", path))?;
    file.read_to_end(scratch).map_err(io_error("read", path))?;
    let mut lines = memchr::memchr_iter(b'\n', scratch).count();
    lines += usize::from(scratch.last().is_some_and(|&byte| byte != b'\n'));
    let place = Place { path: &source.parts, member: None };
    let head = whole_lines(scratch);
    // What cannot be recognised is left to the usual road, which reports the first fault.
    let Ok(layout) = context.layout(&Subject { label: &source.name, place, head }) else {
        return Ok(None);
    };
    let Ok(symbol) = context.symbol(source, place, layout.lean, 1) else {
        return Ok(None);
    };
    let first_is_blank = line_at(head, 0).0.trim_ascii().is_empty();
    let header = usize::from(layout.header.is_some());
    let fits = is_an_asset_a_file(&layout) && !first_is_blank && lines > header;
    let rows = u64::try_from(lines.saturating_sub(header)).unwrap_or(0);
    Ok(fits.then(|| Counted { symbol, rows, digest: Digest::of(scratch) }))
}

/// The frequency by the gaps of the first source alone; `None` when it cannot be read.
fn guess(context: &Context<'_>, jobs: &[Job]) -> Result<Option<Frequency>, IngestError> {
    match context.options.frequency {
        None => {}
        Some(FrequencyOption::Daily) => return Ok(Some(Frequency::Daily)),
        Some(FrequencyOption::Irregular) => return Ok(Some(Frequency::Irregular)),
        Some(FrequencyOption::Step(step_ns)) => return Ok(Some(Frequency::Intraday { step_ns })),
    }
    let mut gaps = Gaps::default();
    let mut take = |chunk: Chunk| {
        gaps.extend(chunk.times.iter().copied());
        Ok(())
    };
    let Some(first) = jobs.first() else { return Ok(None) };
    match job::run(context, 0, *first, &mut Vec::new(), &mut take) {
        Ok(_) => Ok(frequency::resolve(&[("", gaps)], context.granularity, None).ok()),
        Err(Fault::Other(IngestError::Interrupted)) => Err(IngestError::Interrupted),
        // The usual road reports what is wrong.
        Err(_) => Ok(None),
    }
}
