//! [`SeriesWriter`]: writes one series piece by piece.

use crate::{
    Values,
    error::Error,
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
}

impl<'w, 's, S: Sink> SeriesWriter<'w, 's, S> {
    pub(crate) fn new(writer: &'w BundleWriter<'s, S>, asset: usize, column: usize) -> Self {
        let meter = SeriesMeter::new(writer.planned_rows(asset));
        Self { writer, asset, column, meter }
    }

    /// Appends values: hashes, measures and writes them. One pass over the values, one positioned write.
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
        self.writer.write_values(self.asset, self.column, row, values)
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
        match self.writer.keep(self.asset, self.column, self.meter.finish()) {
            None => Ok(()),
            Some(_) => Err(self.writer.wrong_rows(self.asset, self.column, 2 * planned)),
        }
    }

    fn check_times(&mut self, times: &[i64]) -> Result<(), Error> {
        let (Some(&first), Some(&last)) = (times.first(), times.last()) else { return Ok(()) };
        let found = match self.meter.span {
            Some((_, before)) if before >= first => Some((0, before, first)),
            _ => disorder(times),
        };
        if let Some((row, before, time)) = found {
            let symbol = self.writer.symbol(self.asset);
            return Err(Error::TimeOrder { symbol, row: self.meter.given + row, before, time });
        }
        self.meter.span = Some((self.meter.span.map_or(first, |(first, _)| first), last));
        Ok(())
    }

    fn wrong_rows(&self, found: u64) -> Error {
        self.writer.wrong_rows(self.asset, self.column, found)
    }
}
