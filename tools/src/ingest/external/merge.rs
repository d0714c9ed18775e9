//! Merging sorted runs.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::super::error::IngestError;
use super::super::source::io_error;
use super::run::{Record, RunWriter, SortedRun};

/// Runs that are merged at a time.
const FAN_IN: usize = 64;

/// What records are sorted by, and the run that the record stands in.
type Key = (u32, i64, u64, u64, usize);

/// The records of several runs, sorted.
#[derive(Debug)]
pub(crate) struct Merge<'m> {
    readers: Vec<RunReader>,
    heap: BinaryHeap<Reverse<Key>>,
    ranks: &'m [u32],
    /// The run whose record was handed out last.
    lent: Option<usize>,
}

impl<'m> Merge<'m> {
    /// Begins to merge; more runs than can be merged at a time are first merged into fewer.
    ///
    /// # Errors
    ///
    /// When files cannot be read or written, or `stop` says so.
    pub(crate) fn new(
        mut runs: Vec<SortedRun>,
        width: usize,
        ranks: &'m [u32],
        folder: &Path,
        stop: &dyn Fn() -> bool,
    ) -> Result<Self, IngestError> {
        while runs.len() > FAN_IN {
            let rest = runs.split_off(FAN_IN);
            let mut merge = Self::of(runs, width, ranks, folder)?;
            let mut merged = RunWriter::new(folder)?;
            let mut count = 0u32;
            while let Some(record) = merge.next()? {
                count = count.wrapping_add(1);
                if count.is_multiple_of(1 << 16) && stop() {
                    return Err(IngestError::Interrupted);
                }
                merged.push(record.0)?;
            }
            runs = rest;
            runs.push(merged.finish()?);
        }
        Self::of(runs, width, ranks, folder)
    }

    fn of(
        runs: Vec<SortedRun>,
        width: usize,
        ranks: &'m [u32],
        folder: &Path,
    ) -> Result<Self, IngestError> {
        let mut merge = Self { readers: Vec::new(), heap: BinaryHeap::new(), ranks, lent: None };
        for run in runs {
            merge.readers.push(RunReader::new(run, width, folder)?);
            merge.advance(merge.readers.len() - 1)?;
        }
        Ok(merge)
    }

    /// The next record.
    ///
    /// # Errors
    ///
    /// When a file cannot be read.
    pub(crate) fn next(&mut self) -> Result<Option<Record<'_>>, IngestError> {
        if let Some(run) = self.lent.take() {
            self.advance(run)?;
        }
        let Some(Reverse((.., run))) = self.heap.pop() else {
            return Ok(None);
        };
        self.lent = Some(run);
        Ok(Some(Record(&self.readers[run].record)))
    }

    /// Reads the next record of a run and files it.
    fn advance(&mut self, run: usize) -> Result<(), IngestError> {
        if self.readers[run].advance()? {
            let (rank, time, place, line) = Record(&self.readers[run].record).key(self.ranks);
            self.heap.push(Reverse((rank, time, place, line, run)));
        }
        Ok(())
    }
}

/// Reads a run record by record.
#[derive(Debug)]
struct RunReader {
    folder: PathBuf,
    input: BufReader<File>,
    left: u64,
    record: Vec<u64>,
    bytes: Vec<u8>,
}

impl RunReader {
    fn new(run: SortedRun, width: usize, folder: &Path) -> Result<Self, IngestError> {
        let SortedRun { mut file, records } = run;
        file.seek(SeekFrom::Start(0)).map_err(io_error("read a file in", folder))?;
        let input = BufReader::with_capacity(1 << 16, file);
        let (record, bytes) = (vec![0; width], vec![0; width * 8]);
        Ok(Self { folder: folder.to_owned(), input, left: records, record, bytes })
    }

    fn advance(&mut self) -> Result<bool, IngestError> {
        if self.left == 0 {
            return Ok(false);
        }
        self.left -= 1;
        self.input.read_exact(&mut self.bytes).map_err(io_error("read a file in", &self.folder))?;
        let (words, _) = self.bytes.as_chunks::<8>();
        for (word, bytes) in self.record.iter_mut().zip(words) {
            *word = u64::from_le_bytes(*bytes);
        }
        Ok(true)
    }
}
