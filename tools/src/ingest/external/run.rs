//! Records, and the buffers that workers fill with them and write out as sorted runs.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use barrow_format::{Column, PhysicalType};

use super::super::columns::{Cells, Chunk};
use super::super::error::IngestError;
use super::super::number;
use super::super::source::io_error;

/// One row: its words.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record<'r>(pub(crate) &'r [u64]);

impl Record<'_> {
    /// Words before the values: symbol, time, job and member, line.
    pub(crate) const HEAD: usize = 4;

    pub(crate) fn symbol(&self) -> u32 {
        low(self.0[0])
    }

    pub(crate) fn time(&self) -> i64 {
        self.0[1].cast_signed()
    }

    /// Job, member and line.
    pub(crate) fn place(&self) -> (u32, u32, u64) {
        (low(self.0[2] >> 32), low(self.0[2]), self.0[3])
    }

    /// Bits of the value of a field.
    pub(crate) fn bits(&self, field: usize) -> u64 {
        self.0[Self::HEAD + field]
    }

    /// The value of a field as text.
    pub(crate) fn text(&self, field: usize, physical: PhysicalType) -> String {
        let cells = match physical {
            PhysicalType::F64 => Cells::F64(vec![f64::from_bits(self.bits(field))]),
            _ => Cells::I64(vec![self.bits(field).cast_signed()]),
        };
        cells.text(0)
    }

    /// What records are sorted by, symbols by their rank.
    pub(crate) fn key(&self, ranks: &[u32]) -> (u32, i64, u64, u64) {
        let symbol = usize::try_from(self.symbol()).unwrap_or(usize::MAX);
        (ranks[symbol], self.time(), self.0[2], self.0[3])
    }
}

/// The lower half of a word.
fn low(word: u64) -> u32 {
    u32::try_from(word & 0xffff_ffff).unwrap_or(0)
}

/// A sorted run in an unnamed file.
#[derive(Debug)]
pub(crate) struct SortedRun {
    pub(crate) file: File,
    pub(crate) records: u64,
}

/// Records of one worker that are still in memory.
#[derive(Debug)]
pub(crate) struct Spill {
    folder: PathBuf,
    width: usize,
    /// Words to hold at most; one in `width` of them is kept free for the order.
    capacity: usize,
    words: Vec<u64>,
    runs: Vec<SortedRun>,
}

impl Spill {
    /// A spill of records of `width` words that holds `words` at most.
    pub(crate) fn new(folder: PathBuf, width: usize, words: usize) -> Self {
        let capacity = (words / (width + 1)).max(1) * width;
        Self { folder, width, capacity, words: Vec::new(), runs: Vec::new() }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.words.len() >= self.capacity
    }

    /// Takes a row of a chunk.
    pub(crate) fn push(&mut self, symbol: u32, chunk: &Chunk, row: usize, fields: &[Column]) {
        self.words.push(symbol.into());
        self.words.push(chunk.times[row].cast_unsigned());
        self.words.push(u64::from(chunk.job) << 32 | u64::from(chunk.member));
        self.words.push(chunk.lines.line(row));
        for (cells, field) in chunk.cells.iter().zip(fields) {
            // Sources that disagree about a type meet in f64.
            let bits = match (cells, field.physical) {
                (Cells::I64(values), PhysicalType::F64) => {
                    number::decimal(values[row].into(), 0).to_bits()
                }
                _ => cells.bits(row),
            };
            self.words.push(bits);
        }
    }

    /// Sorts what is in memory and writes it out as a run.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub(crate) fn write_run(&mut self, ranks: &[u32]) -> Result<(), IngestError> {
        let count = self.words.len() / self.width;
        if count == 0 {
            return Ok(());
        }
        let record = |at: usize| Record(&self.words[at * self.width..(at + 1) * self.width]);
        let mut order: Vec<usize> = (0..count).collect();
        order.sort_unstable_by_key(|&at| record(at).key(ranks));
        let mut run = RunWriter::new(&self.folder)?;
        for at in order {
            run.push(record(at).0)?;
        }
        self.runs.push(run.finish()?);
        self.words.clear();
        Ok(())
    }

    pub(crate) fn into_runs(self) -> Vec<SortedRun> {
        self.runs
    }
}

/// Writes a run record by record.
#[derive(Debug)]
pub(crate) struct RunWriter {
    folder: PathBuf,
    out: BufWriter<File>,
    records: u64,
}

impl RunWriter {
    pub(crate) fn new(folder: &Path) -> Result<Self, IngestError> {
        let file = tempfile::tempfile_in(folder).map_err(io_error("create a file in", folder))?;
        let out = BufWriter::with_capacity(1 << 18, file);
        Ok(Self { folder: folder.to_owned(), out, records: 0 })
    }

    pub(crate) fn push(&mut self, record: &[u64]) -> Result<(), IngestError> {
        for word in record {
            self.out
                .write_all(&word.to_le_bytes())
                .map_err(io_error("write a file in", &self.folder))?;
        }
        self.records += 1;
        Ok(())
    }

    pub(crate) fn finish(self) -> Result<SortedRun, IngestError> {
        let Self { folder, out, records } = self;
        let file = out
            .into_inner()
            .map_err(|error| io_error("write a file in", &folder)(error.into_error()))?;
        Ok(SortedRun { file, records })
    }
}
