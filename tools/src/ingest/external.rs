//! Rows that do not fit into memory: sorted runs on disk, merged into one file a column.
//!
//! A record is a fixed number of 64-bit words: symbol, time, job and member, line, then the values of the
//! fields. Runs are sorted by symbol, time and place, so that their merge is the same whatever the
//! threads did, and the same that the arrangement in memory gives. All files are unnamed: they are gone
//! when the process is, however it ends.

mod merge;
mod run;
mod spool;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use barrow_format::BundleWriter;
use barrow_store::{Catalog, FileSink};
use hashbrown::HashMap;

use super::actions::{Action, of_chunk};
use super::columns::{BadRow, Chunk};
use super::context::Context;
use super::error::IngestError;
use super::frequency::Gaps;
use super::job::Job;
use super::problem::Problem;
use super::progress::Phase;
use super::read::{self, Ended, Places};
use super::rejects::Reject;
use super::rows::{AssetRows, Rows, TakeAsset};
use super::settle::{Fault, time_text};

use merge::Merge;
use run::{Record, Spill};
use spool::Spool;

/// Rows sorted on disk.
#[derive(Debug)]
pub(crate) struct Sorted {
    assets: Vec<SortedAsset>,
    spool: Spool,
    pub(crate) rejects: Vec<Reject>,
    pub(crate) actions: Vec<Action>,
    pub(crate) rows_of_job: Vec<u64>,
}

impl Rows for Sorted {
    fn assets(&self) -> Vec<AssetRows<'_>> {
        let assets = self.assets.iter();
        assets.map(|it| AssetRows { symbol: &it.symbol, rows: it.rows, gaps: it.gaps }).collect()
    }

    fn write(
        &self,
        context: &Context<'_>,
        writer: &BundleWriter<'_, FileSink>,
    ) -> Result<(), IngestError> {
        self.spool.write(context, &self.assets, writer)
    }

    fn each_asset(
        &self,
        context: &Context<'_>,
        take: &mut TakeAsset<'_>,
    ) -> Result<(), IngestError> {
        self.spool.each_asset(context, &self.assets, take)
    }
}

#[derive(Debug)]
struct SortedAsset {
    symbol: String,
    rows: u64,
    gaps: Gaps,
}

/// What a job leaves beside its records.
#[derive(Debug, Default)]
struct Left {
    rows: u64,
    rejects: Vec<Reject>,
    actions: Vec<Action>,
}

/// Symbols by their number, in the order in which workers met them.
#[derive(Debug, Default)]
pub(crate) struct Symbols {
    numbers: HashMap<String, u32>,
    names: Vec<String>,
}

impl Symbols {
    fn number(&mut self, symbol: &str) -> u32 {
        let next = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        let number = *self.numbers.entry_ref(symbol).or_insert(next);
        if number == next {
            self.names.push(symbol.to_owned());
        }
        number
    }

    /// The place of each symbol among all, by its number.
    pub(crate) fn ranks(&self) -> Vec<u32> {
        let mut order: Vec<usize> = (0..self.names.len()).collect();
        order.sort_by(|a, b| self.names[*a].cmp(&self.names[*b]));
        let mut ranks = vec![0; order.len()];
        for (rank, number) in (0u32..).zip(order) {
            ranks[number] = rank;
        }
        ranks
    }
}

/// Reads all sources and sorts their rows on disk.
///
/// # Errors
///
/// The first fault, as in memory.
pub(crate) fn read(
    context: &Context<'_>,
    catalog: &Catalog,
    jobs: Vec<Job>,
) -> Result<(Places, Sorted), IngestError> {
    let folder = folder(context, catalog);
    let width = Record::HEAD + context.fields.len();
    let threads = u64::try_from(rayon::current_num_threads()).unwrap_or(1);
    let share = context.options.memory / threads.max(1);
    let words = usize::try_from(share / 8).unwrap_or(usize::MAX).max(width * 256);
    let symbols = Mutex::new(Symbols::default());
    let spills: Mutex<Vec<Spill>> = Mutex::new(Vec::new());
    let lock = || spills.lock().unwrap_or_else(PoisonError::into_inner);
    let take = |left: &mut Left, mut chunk: Chunk| {
        left.rows += u64::try_from(chunk.rows()).unwrap_or(0);
        left.actions.extend(of_chunk(&chunk));
        let (job, member) = (chunk.job, chunk.member);
        let rejects = std::mem::take(&mut chunk.rejects);
        left.rejects.extend(rejects.into_iter().map(|bad| Reject { job, member, bad }));
        // A spill is out of the pool while it is filled: there are as many as workers.
        let spill = lock().pop();
        let mut spill = spill.unwrap_or_else(|| Spill::new(folder.clone(), width, words));
        let filled = fill(&mut spill, &chunk, context, &symbols);
        lock().push(spill);
        filled.map_err(Fault::from)
    };
    let (places, left) = match read::run(context, jobs, &Left::default, &take) {
        Ok(done) => done,
        Err(Ended::Failed(error)) => return Err(error),
        // Only the reading into memory has a budget.
        Err(Ended::OverBudget) => return Err(IngestError::Interrupted),
    };
    let symbols = symbols.into_inner().unwrap_or_else(PoisonError::into_inner);
    let spills = spills.into_inner().unwrap_or_else(PoisonError::into_inner);
    let sorted = merge_all(context, &places, &folder, &symbols, spills, left)?;
    Ok((places, sorted))
}

/// Where the files lie: on the disk that the bundle will be on, unless told otherwise.
fn folder(context: &Context<'_>, catalog: &Catalog) -> PathBuf {
    if let Some(folder) = &context.options.temp_dir {
        return folder.clone();
    }
    let root = std::path::absolute(catalog.root()).unwrap_or_else(|_| catalog.root().to_owned());
    let existing = root.ancestors().find(|folder| folder.is_dir()).map(Path::to_owned);
    existing.unwrap_or_else(std::env::temp_dir)
}

/// Puts the rows of a chunk into a spill.
fn fill(
    spill: &mut Spill,
    chunk: &Chunk,
    context: &Context<'_>,
    symbols: &Mutex<Symbols>,
) -> Result<(), IngestError> {
    let lock = || symbols.lock().unwrap_or_else(PoisonError::into_inner);
    let numbers: Vec<u32> = {
        let mut symbols = lock();
        chunk.symbols.iter().map(|symbol| symbols.number(symbol)).collect()
    };
    for (symbol, rows) in chunk.spans() {
        let symbol = numbers[usize::try_from(symbol).unwrap_or(usize::MAX)];
        for row in rows {
            if spill.is_full() {
                let ranks = lock().ranks();
                spill.write_run(&ranks)?;
            }
            spill.push(symbol, chunk, row, &context.fields);
        }
    }
    Ok(())
}

/// Merges all runs into columns.
fn merge_all(
    context: &Context<'_>,
    places: &Places,
    folder: &Path,
    symbols: &Symbols,
    spills: Vec<Spill>,
    left: Vec<Left>,
) -> Result<Sorted, IngestError> {
    let ranks = symbols.ranks();
    let mut runs = Vec::new();
    for mut spill in spills {
        spill.write_run(&ranks)?;
        runs.extend(spill.into_runs());
    }
    let mut sorted = Sorted {
        assets: Vec::new(),
        spool: Spool::new(folder, context.fields.len() + 1)?,
        rejects: Vec::new(),
        actions: Vec::new(),
        rows_of_job: Vec::new(),
    };
    let mut total = 0;
    for left in left {
        total += left.rows;
        sorted.rows_of_job.push(left.rows);
        sorted.rejects.extend(left.rejects);
        sorted.actions.extend(left.actions);
    }
    context.progress.begin(Phase::Sorting, total);
    let width = Record::HEAD + context.fields.len();
    let mut merge = Merge::new(runs, width, &ranks, folder, &|| context.progress.interrupted())?;
    let mut first_twice: Option<((u32, u32, u64), IngestError)> = None;
    let (mut current, mut last, mut count) = (None, i64::MIN, 0u64);
    while let Some(record) = merge.next()? {
        count += 1;
        if count.is_multiple_of(1 << 16) {
            context.progress.advance(1 << 16);
            if context.progress.interrupted() {
                return Err(IngestError::Interrupted);
            }
        }
        let (symbol, time, place) = (record.symbol(), record.time(), record.place());
        let name = &symbols.names[usize::try_from(symbol).unwrap_or(usize::MAX)];
        if current != Some(symbol) {
            current = Some(symbol);
            sorted.assets.push(SortedAsset {
                symbol: name.clone(),
                rows: 0,
                gaps: Gaps::default(),
            });
        } else if time == last {
            let bad = twice(context, name, &record);
            let job = usize::try_from(place.0).unwrap_or(usize::MAX);
            sorted.rows_of_job[job] -= 1;
            if context.options.is_lenient() {
                if let Err(Fault::Other(error)) = context.settler.count_rejects(1) {
                    return Err(error);
                }
                sorted.rejects.push(Reject { job: place.0, member: place.1, bad });
            } else if first_twice.as_ref().is_none_or(|(first, _)| place < *first) {
                first_twice = Some((place, places.row_error(context, job, place.1, bad)));
            }
            continue;
        }
        last = time;
        sorted.spool.push(&record)?;
        if let Some(asset) = sorted.assets.last_mut() {
            asset.rows += 1;
            asset.gaps.extend([time]);
        }
    }
    if let Some((_, error)) = first_twice {
        return Err(error);
    }
    sorted.spool.flush()?;
    Ok(sorted)
}

/// A row that comes twice, worded as in memory.
fn twice(context: &Context<'_>, symbol: &str, record: &Record<'_>) -> BadRow {
    let mut raw = format!("{symbol},{}", time_text(record.time()));
    for (at, field) in context.fields.iter().enumerate() {
        raw.push(',');
        raw.push_str(&record.text(at, field.physical));
    }
    BadRow {
        line: record.place().2,
        column: "time".to_owned(),
        value: time_text(record.time()),
        problem: Problem::DuplicateTime,
        raw,
    }
}
