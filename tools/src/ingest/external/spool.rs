//! [`Spool`]: one unnamed file a column, values in the order of the bundle.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use barrow_format::{BundleWriter, PhysicalType, Values};
use barrow_store::FileSink;
use rayon::prelude::*;

use super::super::context::Context;
use super::super::error::IngestError;
use super::super::memory::{Narrow, narrow};
use super::super::progress::Phase;
use super::super::rows::TakeAsset;
use super::super::source::io_error;
use super::SortedAsset;
use super::run::Record;

/// Values that are read at a time.
const PIECE: usize = 1 << 15;

/// The columns on disk, `time` first.
#[derive(Debug)]
pub(crate) struct Spool {
    folder: PathBuf,
    columns: Vec<BufWriter<File>>,
}

impl Spool {
    pub(crate) fn new(folder: &Path, columns: usize) -> Result<Self, IngestError> {
        let io = io_error("create a file in", folder);
        let file =
            |_| tempfile::tempfile_in(folder).map(|file| BufWriter::with_capacity(1 << 16, file));
        let columns: Result<Vec<_>, _> = (0..columns).map(file).collect();
        Ok(Self { folder: folder.to_owned(), columns: columns.map_err(io)? })
    }

    /// Appends a row.
    ///
    /// # Errors
    ///
    /// When a file cannot be written.
    pub(crate) fn push(&mut self, record: &Record<'_>) -> Result<(), IngestError> {
        let time = record.time().cast_unsigned();
        for (at, column) in self.columns.iter_mut().enumerate() {
            let word = at.checked_sub(1).map_or(time, |field| record.bits(field));
            column
                .write_all(&word.to_le_bytes())
                .map_err(io_error("write a file in", &self.folder))?;
        }
        Ok(())
    }

    /// Hands all series to the writer, columns in parallel, each in pieces of bounded size.
    ///
    /// # Errors
    ///
    /// When files cannot be read, the sink fails, or the run is interrupted.
    pub(crate) fn write(
        &self,
        context: &Context<'_>,
        assets: &[SortedAsset],
        writer: &BundleWriter<'_, FileSink>,
    ) -> Result<(), IngestError> {
        let io = io_error("read a file in", &self.folder);
        let series = assets.len() * self.columns.len();
        context.progress.begin(Phase::Writing, u64::try_from(series).unwrap_or(0));
        (0..self.columns.len()).into_par_iter().try_for_each(|column| {
            let physical = context.physical(column);
            // Each column is read by one worker, so moving the file's position disturbs nobody.
            let mut input = self.column(column, 1 << 18)?;
            let mut piece = Piece::default();
            for (place, asset) in assets.iter().enumerate() {
                if context.progress.interrupted() {
                    return Err(IngestError::Interrupted);
                }
                let mut series = writer.series(place, column)?;
                let mut left = usize::try_from(asset.rows).unwrap_or(usize::MAX);
                while left > 0 {
                    let count = left.min(PIECE);
                    series.push(piece.read(&mut input, count, physical).map_err(&io)?)?;
                    left -= count;
                }
                series.finish()?;
                context.progress.advance(1);
            }
            Ok(())
        })
    }

    /// Hands on asset after asset, each whole.
    ///
    /// # Errors
    ///
    /// When files cannot be read, what `take` fails with, or when the run is interrupted.
    pub(crate) fn each_asset(
        &self,
        context: &Context<'_>,
        assets: &[SortedAsset],
        take: &mut TakeAsset<'_>,
    ) -> Result<(), IngestError> {
        let io = io_error("read a file in", &self.folder);
        context.progress.begin(Phase::Writing, u64::try_from(assets.len()).unwrap_or(0));
        let columns = (0..self.columns.len()).map(|column| {
            Ok((context.physical(column), self.column(column, 1 << 16)?, Piece::default()))
        });
        let mut columns = columns.collect::<Result<Vec<_>, IngestError>>()?;
        for asset in assets {
            if context.progress.interrupted() {
                return Err(IngestError::Interrupted);
            }
            let rows = usize::try_from(asset.rows).unwrap_or(usize::MAX);
            let series = columns
                .iter_mut()
                .map(|(physical, input, piece)| piece.read(input, rows, *physical));
            let series = series.collect::<Result<Vec<_>, _>>().map_err(&io)?;
            take(&asset.symbol, &series)?;
            context.progress.advance(1);
        }
        Ok(())
    }

    /// Begins to read a column.
    fn column(&self, column: usize, buffer_bytes: usize) -> Result<BufReader<&File>, IngestError> {
        let mut file = self.columns[column].get_ref();
        file.seek(SeekFrom::Start(0)).map_err(io_error("read a file in", &self.folder))?;
        Ok(BufReader::with_capacity(buffer_bytes, file))
    }

    /// Ends the writing of columns.
    ///
    /// # Errors
    ///
    /// When the last values cannot be written.
    pub(crate) fn flush(&mut self) -> Result<(), IngestError> {
        let io = io_error("write a file in", &self.folder);
        self.columns.iter_mut().try_for_each(|column| column.flush().map_err(&io))
    }
}

/// Values of a column that are in memory.
#[derive(Default)]
struct Piece {
    bytes: Vec<u8>,
    floats: Vec<f64>,
    integers: Vec<i64>,
    narrow: Narrow,
}

impl Piece {
    fn read(
        &mut self,
        input: &mut impl Read,
        count: usize,
        physical: PhysicalType,
    ) -> std::io::Result<Values<'_>> {
        self.bytes.resize(count * 8, 0);
        input.read_exact(&mut self.bytes)?;
        let (words, _) = self.bytes.as_chunks::<8>();
        if physical == PhysicalType::F64 {
            self.floats.clear();
            self.floats.extend(words.iter().map(|word| f64::from_le_bytes(*word)));
            return Ok(Values::F64(&self.floats));
        }
        self.integers.clear();
        self.integers.extend(words.iter().map(|word| i64::from_le_bytes(*word)));
        Ok(narrow(&self.integers, physical, &mut self.narrow))
    }
}
