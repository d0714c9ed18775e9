//! Where columns lie: raw ones at places known beforehand, compressed ones behind them at the end.

use crate::{
    BundleSpec, Compression, SectionKind, error::Error, frozen::PAGE, meter::SeriesSummary,
    section::page_up, sink::Sink,
};

/// Bytes that small writes are gathered to.
const GATHERED: usize = 1 << 20;

/// Where rows and columns begin.
#[derive(Debug)]
pub(crate) struct Placement {
    /// First row of each asset, then the number of all rows.
    pub(crate) row_starts: Vec<u64>,
    /// Where each column begins; zero for a compressed column until its blocks are placed.
    pub(crate) column_starts: Vec<u64>,
    /// Stored bytes of each column; likewise.
    pub(crate) column_lens: Vec<u64>,
    /// Where the data section ends; likewise.
    pub(crate) data_end: u64,
}

impl Placement {
    /// Places all raw columns.
    pub(crate) fn of(spec: &BundleSpec, compression: &[Compression]) -> Result<Self, Error> {
        Self::checked(Self::raw(spec, compression, None))
    }

    /// Places the columns of a file that holds only `local_rows` of the rows.
    pub(crate) fn segmented(spec: &BundleSpec, local_rows: u64) -> Result<Self, Error> {
        let compression = vec![Compression::None; spec.schema.columns().len()];
        Self::checked(Self::raw(spec, &compression, Some(local_rows)))
    }

    fn checked(placed: Option<Self>) -> Result<Self, Error> {
        let mut placement = placed.ok_or(TOO_LARGE)?;
        placement.check()?;
        placement.row_starts.shrink_to_fit();
        Ok(placement)
    }

    /// Returns `None` when a number overflows.
    fn raw(
        spec: &BundleSpec,
        compression: &[Compression],
        local_rows: Option<u64>,
    ) -> Option<Self> {
        let mut rows = 0u64;
        let mut row_starts = vec![0];
        for asset in &spec.assets {
            rows = rows.checked_add(asset.rows)?;
            row_starts.push(rows);
        }
        let stored_rows = local_rows.unwrap_or(rows);
        let schema = spec.schema.to_bytes().len() as u64;
        let columns = (spec.schema.columns().len() * SectionKind::Columns.record_len()) as u64;
        let mut next = PAGE.checked_add(page_up(schema)?)?.checked_add(page_up(columns)?)?;
        let (mut column_starts, mut column_lens) = (Vec::new(), Vec::new());
        for (column, &compression) in spec.schema.columns().iter().zip(compression) {
            let len = stored_rows.checked_mul(column.physical.width() as u64)?;
            if compression == Compression::None {
                column_starts.push(next);
                column_lens.push(len);
                next = page_up(next.checked_add(len)?)?;
            } else {
                column_starts.push(0);
                column_lens.push(0);
            }
        }
        Some(Self { row_starts, column_starts, column_lens, data_end: next })
    }

    fn check(&self) -> Result<(), Error> {
        i64::try_from(self.data_end).map(drop).map_err(|_| TOO_LARGE)
    }

    /// Places and writes the blocks of a compressed column, asset after asset.
    pub(crate) fn put_blocks<'a>(
        &mut self,
        column: usize,
        series: impl Iterator<Item = &'a SeriesSummary>,
        sink: &impl Sink,
    ) -> Result<(), Error> {
        let start = self.data_end;
        let mut next = start;
        let mut gathered = Vec::with_capacity(GATHERED);
        for block in series.flat_map(|summary| &summary.blocks) {
            if gathered.len() + block.len() > GATHERED {
                write(sink, next - gathered.len() as u64, &gathered)?;
                gathered.clear();
            }
            gathered.extend_from_slice(block);
            next += block.len() as u64;
        }
        if !gathered.is_empty() {
            write(sink, next - gathered.len() as u64, &gathered)?;
        }
        if let Some(slot) = self.column_starts.get_mut(column) {
            *slot = start;
        }
        if let Some(slot) = self.column_lens.get_mut(column) {
            *slot = next - start;
        }
        self.data_end = page_up(next).ok_or(TOO_LARGE)?;
        self.check()
    }
}

const TOO_LARGE: Error = Error::TooLarge { what: "more than 2^63 bytes" };

pub(crate) fn write(sink: &impl Sink, offset: u64, bytes: &[u8]) -> Result<(), Error> {
    let failed = |source| Error::Write { offset, len: bytes.len(), source };
    sink.write_at(offset, bytes).map_err(failed)
}
