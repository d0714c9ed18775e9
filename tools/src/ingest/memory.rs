//! Rows in memory: chunks as they were read, arranged by asset and time without being moved.

use std::sync::atomic::{AtomicU64, Ordering};

use barrow_format::{BundleWriter, PhysicalType, Values};
use barrow_store::FileSink;
use rayon::prelude::*;

use super::arrange::{Asset, Span, Twice, arrange_asset, gather, group, index};
use super::columns::{BadRow, Cells, Chunk};
use super::context::Context;
use super::error::IngestError;
use super::job::Job;
use super::problem::Problem;
use super::progress::Phase;
use super::read::{self, Ended, Places};
use super::rows::{AssetRows, Rows, TakeAsset};
use super::settle::{Fault, row_text, time_text};

/// All rows of a run.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) chunks: Vec<Chunk>,
    pub(crate) assets: Vec<Asset>,
}

/// Reads all sources into memory.
///
/// # Errors
///
/// [`Ended::OverBudget`] when rows take more than the memory allowed, else the first fault.
pub(crate) fn read(context: &Context<'_>, jobs: Vec<Job>) -> Result<(Places, Vec<Chunk>), Ended> {
    let used = AtomicU64::new(0);
    let budget = context.options.memory;
    let (places, chunks) =
        read::run(context, jobs, &Vec::new, &|chunks: &mut Vec<Chunk>, chunk| {
            let bytes = bytes(&chunk);
            if used.fetch_add(bytes, Ordering::Relaxed) + bytes > budget {
                return Err(Fault::OverBudget);
            }
            chunks.push(chunk);
            Ok(())
        })?;
    Ok((places, chunks.into_iter().flatten().collect()))
}

/// Memory that a chunk's rows take, here and in the arrangement.
fn bytes(chunk: &Chunk) -> u64 {
    let row = 8 * (chunk.cells.len() + 1);
    let run = size_of::<super::columns::Run>() + size_of::<Span>();
    let bytes = chunk.times.capacity() * row + chunk.runs.len() * run;
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

impl Table {
    /// Arranges rows by asset and time. In strict mode two rows of one time are an error; in lenient mode
    /// the first of them, by source and line, is kept, and the others go to the rejects of their chunks.
    ///
    /// # Errors
    ///
    /// The first row, by source and line, that comes twice.
    pub(crate) fn arrange(
        context: &Context<'_>,
        places: &Places,
        mut chunks: Vec<Chunk>,
    ) -> Result<Self, IngestError> {
        let grouped = group(&chunks);
        let sorts = context.options.sorts();
        let arranged: Vec<(Asset, Vec<Twice>)> = grouped
            .into_par_iter()
            .map(|(symbol, spans)| arrange_asset(symbol, spans, &chunks, sorts))
            .collect();
        let mut assets = Vec::with_capacity(arranged.len());
        let mut twice = Vec::new();
        for (asset, found) in arranged {
            assets.push(asset);
            twice.extend(found);
        }
        twice.sort_by_key(|row| (row.chunk, row.row));
        // Within a chunk lines ascend with rows, but for wide sources.
        let line = |row: &Twice| {
            let chunk = &chunks[index(row.chunk)];
            (row.chunk, chunk.lines.line(index(row.row)))
        };
        if !context.options.is_lenient() {
            let Some(first) = twice.iter().min_by_key(|row| line(row)) else {
                return Ok(Self { chunks, assets });
            };
            let chunk = &chunks[index(first.chunk)];
            let bad = bad_row(chunk, index(first.row));
            let job = index(chunk.job);
            return Err(places.row_error(context, job, chunk.member, bad));
        }
        if let Err(Fault::Other(error)) = context.settler.count_rejects(twice.len()) {
            return Err(error);
        }
        for row in twice {
            let chunk = &mut chunks[index(row.chunk)];
            let bad = bad_row(chunk, index(row.row));
            chunk.rejects.push(bad);
        }
        assets.retain(|asset| asset.rows > 0);
        Ok(Self { chunks, assets })
    }

    /// The values of a series: where they lie when they lie together, else put together in `buffers`.
    fn series<'b>(
        &'b self,
        asset: &Asset,
        column: usize,
        physical: PhysicalType,
        buffers: &'b mut Buffers,
    ) -> Values<'b> {
        let Some(field) = column.checked_sub(1) else {
            let times = gather(&asset.order, &mut buffers.integers, |chunk| {
                Some(self.chunks[chunk].times.as_slice())
            });
            return Values::I64(times);
        };
        if physical == PhysicalType::F64 {
            // Sources that disagree about a type meet in f64.
            self.widen(asset, field, buffers);
            if !buffers.widened {
                let floats = gather(&asset.order, &mut buffers.floats, |chunk| {
                    match &self.chunks[chunk].cells[field] {
                        Cells::F64(values) => Some(values.as_slice()),
                        Cells::I64(_) => None,
                    }
                });
                return Values::F64(floats);
            }
            return Values::F64(&buffers.floats);
        }
        let integers = gather(&asset.order, &mut buffers.integers, |chunk| {
            match &self.chunks[chunk].cells[field] {
                Cells::I64(values) => Some(values.as_slice()),
                Cells::F64(_) => None,
            }
        });
        narrow(integers, physical, &mut buffers.narrow)
    }

    /// Puts a series that has integers among its pieces together as floats.
    fn widen(&self, asset: &Asset, field: usize, buffers: &mut Buffers) {
        let mixed = asset
            .order
            .chunks()
            .any(|chunk| matches!(self.chunks[chunk].cells[field], Cells::I64(_)));
        buffers.widened = mixed;
        if !mixed {
            return;
        }
        buffers.floats.clear();
        asset.order.each(|chunk, row| {
            buffers.floats.push(match &self.chunks[chunk].cells[field] {
                Cells::F64(values) => values[row],
                Cells::I64(values) => super::number::decimal(values[row].into(), 0),
            });
        });
    }
}

impl Rows for Table {
    fn assets(&self) -> Vec<AssetRows<'_>> {
        let rows = |rows: usize| u64::try_from(rows).unwrap_or(u64::MAX);
        let assets = self.assets.iter();
        assets
            .map(|it| AssetRows { symbol: &it.symbol, rows: rows(it.rows), gaps: it.gaps })
            .collect()
    }

    fn write(
        &self,
        context: &Context<'_>,
        writer: &BundleWriter<'_, FileSink>,
    ) -> Result<(), IngestError> {
        let columns = context.fields.len() + 1;
        let tasks = self.assets.len() * columns;
        context.progress.begin(Phase::Writing, u64::try_from(tasks).unwrap_or(0));
        (0..tasks)
            .into_par_iter()
            .map_init(Buffers::default, |buffers, task| {
                if context.progress.interrupted() {
                    return Err(IngestError::Interrupted);
                }
                let (asset, column) = (task / columns, task % columns);
                let physical = context.physical(column);
                let values = self.series(&self.assets[asset], column, physical, buffers);
                writer.put(asset, column, values)?;
                context.progress.advance(1);
                Ok(())
            })
            .collect()
    }

    fn each_asset(
        &self,
        context: &Context<'_>,
        take: &mut TakeAsset<'_>,
    ) -> Result<(), IngestError> {
        let assets = u64::try_from(self.assets.len()).unwrap_or(0);
        context.progress.begin(Phase::Writing, assets);
        let mut buffers = Vec::new();
        buffers.resize_with(context.fields.len() + 1, Buffers::default);
        for asset in &self.assets {
            if context.progress.interrupted() {
                return Err(IngestError::Interrupted);
            }
            let series = buffers.iter_mut().enumerate().map(|(column, buffers)| {
                self.series(asset, column, context.physical(column), buffers)
            });
            take(&asset.symbol, &series.collect::<Vec<_>>())?;
            context.progress.advance(1);
        }
        Ok(())
    }
}

/// Memory that writers use again and again.
#[derive(Debug, Default)]
struct Buffers {
    floats: Vec<f64>,
    integers: Vec<i64>,
    narrow: Narrow,
    widened: bool,
}

/// Integers of a narrower type.
#[derive(Debug, Default)]
pub(crate) struct Narrow {
    i32s: Vec<i32>,
    u32s: Vec<u32>,
    u8s: Vec<u8>,
}

/// Integers in their stored type. They fit: the source's own type is the same.
pub(crate) fn narrow<'b>(
    integers: &'b [i64],
    physical: PhysicalType,
    narrow: &'b mut Narrow,
) -> Values<'b> {
    match physical {
        PhysicalType::I32 => {
            narrow.i32s.clear();
            narrow.i32s.extend(integers.iter().map(|&value| i32::try_from(value).unwrap_or(0)));
            Values::I32(&narrow.i32s)
        }
        PhysicalType::U32 => {
            narrow.u32s.clear();
            narrow.u32s.extend(integers.iter().map(|&value| u32::try_from(value).unwrap_or(0)));
            Values::U32(&narrow.u32s)
        }
        PhysicalType::U8 => {
            narrow.u8s.clear();
            narrow.u8s.extend(integers.iter().map(|&value| u8::try_from(value).unwrap_or(0)));
            Values::U8(&narrow.u8s)
        }
        _ => Values::I64(integers),
    }
}

/// A row that comes twice.
fn bad_row(chunk: &Chunk, row: usize) -> BadRow {
    BadRow {
        line: chunk.lines.line(row),
        column: "time".to_owned(),
        value: time_text(chunk.times[row]),
        problem: Problem::DuplicateTime,
        raw: row_text(chunk, row),
    }
}
