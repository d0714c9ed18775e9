//! [`SeriesWriter`]: writes one series piece by piece, hashing and measuring as it goes.

use crate::{
    Stats, Values,
    digest::{Digest, Midstate, SeriesHasher},
    error::Error,
    frozen::ZONE_ROWS,
    sink::Sink,
    writer::BundleWriter,
};

/// What is known of a finished series.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SeriesSummary {
    pub(crate) digest: Digest,
    pub(crate) midstate: Midstate,
    pub(crate) stats: Stats,
    /// One entry a zone; empty where the series is not longer than a zone.
    pub(crate) zones: Vec<Stats>,
    /// First and last value of a time series.
    pub(crate) span: Option<(i64, i64)>,
}

/// Hashes and measures a series, zone by zone, so that the values are still in the cache for the second
/// look.
#[derive(Debug)]
pub(crate) struct SeriesMeter {
    planned: u64,
    given: u64,
    hasher: SeriesHasher,
    stats: Stats,
    zones: Vec<Stats>,
    zone: Stats,
    span: Option<(i64, i64)>,
}

impl SeriesMeter {
    pub(crate) fn new(planned: u64) -> Self {
        Self {
            planned,
            given: 0,
            hasher: SeriesHasher::new(),
            stats: Stats::EMPTY,
            zones: Vec::new(),
            zone: Stats::EMPTY,
            span: None,
        }
    }

    pub(crate) fn push(&mut self, values: Values<'_>) {
        let mut start = 0;
        while start < values.len() {
            let left_in_zone = ZONE_ROWS - self.given % ZONE_ROWS;
            let left = values.len() - start;
            let take = usize::try_from(left_in_zone).map_or(left, |zone| zone.min(left));
            if let Some(piece) = values.slice(start..start + take) {
                self.measure(piece);
            }
            start += take;
        }
    }

    /// Takes values that lie in one zone.
    fn measure(&mut self, piece: Values<'_>) {
        self.hasher.update(piece.as_bytes());
        let stats = Stats::of(piece);
        self.stats = self.stats.merge(stats);
        self.given += piece.len() as u64;
        if self.planned > ZONE_ROWS {
            self.zone = self.zone.merge(stats);
            if self.given.is_multiple_of(ZONE_ROWS) {
                self.zones.push(std::mem::replace(&mut self.zone, Stats::EMPTY));
            }
        }
    }

    pub(crate) fn finish(mut self) -> SeriesSummary {
        if self.planned > ZONE_ROWS && !self.given.is_multiple_of(ZONE_ROWS) {
            self.zones.push(self.zone);
        }
        let (midstate, digest) = self.hasher.finish();
        let (stats, zones, span) = (self.stats, self.zones, self.span);
        SeriesSummary { digest, midstate, stats, zones, span }
    }
}

/// Returns the first place at which timestamps do not ascend, with both timestamps.
pub(crate) fn disorder(times: &[i64]) -> Option<(u64, i64, i64)> {
    (1..).zip(times.windows(2)).find_map(|(row, pair)| match *pair {
        [before, time] if before >= time => Some((row, before, time)),
        _ => None,
    })
}

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
