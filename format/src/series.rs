//! [`SeriesWriter`]: writes one series piece by piece.

use crate::{
    Compression, Encoding, PhysicalType, Values, ValuesBuf,
    block::encode_block,
    error::Error,
    frozen::ZONE_ROWS,
    meter::{SeriesMeter, disorder},
    sink::Sink,
    writer::BundleWriter,
};

/// Takes the values of one series in pieces, oldest first; made by [`BundleWriter::series`].
#[derive(Debug)]
pub struct SeriesWriter<'w, 's, S: Sink> {
    writer: &'w BundleWriter<'s, S>,
    asset: usize,
    column: usize,
    meter: SeriesMeter,
    /// Encodes the values of a compressed column.
    encoder: Option<SeriesEncoder>,
}

impl<'w, 's, S: Sink> SeriesWriter<'w, 's, S> {
    pub(crate) fn new(writer: &'w BundleWriter<'s, S>, asset: usize, column: usize) -> Self {
        let compression = writer.compression(column);
        let (encoder, encoding) = match compression {
            Compression::None => (None, Encoding::Raw),
            _ => (Some(SeriesEncoder::new(compression, writer.physical(column))), Encoding::Blocks),
        };
        let meter = SeriesMeter::encoded(writer.planned_rows(asset), encoding);
        Self { writer, asset, column, meter, encoder }
    }

    /// Appends values: hashes and measures them, and writes them or, in a compressed column, encodes them.
    /// One pass over raw values, one positioned write.
    ///
    /// # Errors
    ///
    /// [`Error::ValueType`] when the values are of another type than the column, [`Error::SeriesRows`]
    /// when there are more than planned, [`Error::TimeOrder`] when timestamps do not strictly ascend,
    /// [`Error::Write`] when the sink fails.
    pub fn push(&mut self, values: Values<'_>) -> Result<(), Error> {
        let expected = self.writer.physical(self.column);
        if values.physical() != expected {
            let column = self.writer.column_name(self.column);
            return Err(Error::ValueType { column, expected, found: values.physical() });
        }
        let row = self.meter.given;
        let given = row + values.len() as u64;
        if given > self.meter.planned {
            return Err(self.wrong_rows(given));
        }
        if let (0, Some(times)) = (self.column, values.as_i64()) {
            self.check_times(times)?;
            self.writer.add_times(times);
        }
        self.meter.push(values);
        match &mut self.encoder {
            None => self.writer.write_values(self.asset, self.column, row, values),
            Some(encoder) => {
                encoder.push(values);
                Ok(())
            }
        }
    }

    /// Ends the series.
    ///
    /// # Errors
    ///
    /// [`Error::SeriesRows`] when fewer rows were given than planned, or the series was already written.
    pub fn finish(self) -> Result<(), Error> {
        let SeriesMeter { planned, given, .. } = self.meter;
        if given != planned {
            return Err(self.wrong_rows(given));
        }
        let mut summary = self.meter.finish();
        summary.blocks = self.encoder.map_or_else(Vec::new, SeriesEncoder::finish);
        match self.writer.keep(self.asset, self.column, summary) {
            None => Ok(()),
            Some(_) => Err(self.writer.wrong_rows(self.asset, self.column, 2 * planned)),
        }
    }

    fn check_times(&self, times: &[i64]) -> Result<(), Error> {
        let found = match self.meter.summary.span().zip(times.first()) {
            Some(((_, before), first)) if before >= *first => Some((0, before, *first)),
            _ => disorder(times),
        };
        if let Some((row, before, time)) = found {
            let symbol = self.writer.symbol(self.asset);
            return Err(Error::TimeOrder { symbol, row: self.meter.given + row, before, time });
        }
        Ok(())
    }

    fn wrong_rows(&self, found: u64) -> Error {
        self.writer.wrong_rows(self.asset, self.column, found)
    }
}

/// Cuts values into blocks and encodes each when it is whole.
#[derive(Debug)]
struct SeriesEncoder {
    compression: Compression,
    physical: PhysicalType,
    /// Bytes of values that do not fill a block yet.
    pending: Vec<u8>,
    blocks: Vec<Box<[u8]>>,
}

impl SeriesEncoder {
    fn new(compression: Compression, physical: PhysicalType) -> Self {
        Self { compression, physical, pending: Vec::new(), blocks: Vec::new() }
    }

    fn push(&mut self, values: Values<'_>) {
        let width = self.physical.width();
        let block_rows = usize::try_from(ZONE_ROWS).unwrap_or(usize::MAX);
        let mut start = 0;
        while start < values.len() {
            let held = self.pending.len() / width;
            let end = values.len().min(start + block_rows - held);
            let piece = values.slice(start..end).unwrap_or(values);
            if held == 0 && piece.len() == block_rows {
                self.blocks.push(encode_block(piece, self.compression).into());
            } else {
                self.pending.extend_from_slice(piece.as_bytes());
                if self.pending.len() / width == block_rows {
                    self.encode_pending();
                }
            }
            start = end;
        }
    }

    fn encode_pending(&mut self) {
        let mut buf = ValuesBuf::zeroed(self.physical, self.pending.len() / self.physical.width());
        buf.as_bytes_mut().copy_from_slice(&self.pending);
        self.blocks.push(encode_block(buf.values(), self.compression).into());
        self.pending.clear();
    }

    fn finish(mut self) -> Vec<Box<[u8]>> {
        if !self.pending.is_empty() {
            self.encode_pending();
        }
        self.blocks
    }
}
