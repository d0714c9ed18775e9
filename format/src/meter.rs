//! [`SeriesMeter`]: hashes and measures a series; the writer stores what it finds, verification compares.

use crate::{
    Encoding, Stats, Values,
    digest::{Digest, Midstate, SeriesHasher},
    frozen::ZONE_ROWS,
};

/// What is known of a finished series.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SeriesSummary {
    pub(crate) digest: Digest,
    pub(crate) midstate: Midstate,
    pub(crate) stats: Stats,
    /// One entry a zone; empty where the series is raw and not longer than a zone.
    pub(crate) zones: Vec<Stats>,
    /// First and last value of a time series.
    pub(crate) span: Option<(i64, i64)>,
    /// Stored blocks of a compressed series, one a zone.
    pub(crate) blocks: Vec<Box<[u8]>>,
}

/// Hashes and measures a series, zone by zone, so that the values are still in the cache for the second
/// look.
#[derive(Debug)]
pub(crate) struct SeriesMeter {
    pub(crate) planned: u64,
    pub(crate) given: u64,
    hasher: SeriesHasher,
    stats: Stats,
    zones: Vec<Stats>,
    zone: Stats,
    /// Whether there are zones: in long series, and in compressed ones of any length.
    zoned: bool,
    pub(crate) span: Option<(i64, i64)>,
}

impl SeriesMeter {
    pub(crate) fn new(planned: u64, encoding: Encoding) -> Self {
        Self {
            planned,
            given: 0,
            hasher: SeriesHasher::new(),
            stats: Stats::EMPTY,
            zones: Vec::new(),
            zone: Stats::EMPTY,
            zoned: planned > ZONE_ROWS || encoding == Encoding::Blocks,
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
        if self.zoned {
            self.zone = self.zone.merge(stats);
            if self.given.is_multiple_of(ZONE_ROWS) {
                self.zones.push(std::mem::replace(&mut self.zone, Stats::EMPTY));
            }
        }
    }

    pub(crate) fn finish(mut self) -> SeriesSummary {
        if self.zoned && !self.given.is_multiple_of(ZONE_ROWS) {
            self.zones.push(self.zone);
        }
        let (midstate, digest) = self.hasher.finish();
        let (stats, zones, span) = (self.stats, self.zones, self.span);
        SeriesSummary { digest, midstate, stats, zones, span, blocks: Vec::new() }
    }
}

/// Returns the first place at which timestamps do not ascend, with both timestamps.
pub(crate) fn disorder(times: &[i64]) -> Option<(u64, i64, i64)> {
    (1..).zip(times.windows(2)).find_map(|(row, pair)| match *pair {
        [before, time] if before >= time => Some((row, before, time)),
        _ => None,
    })
}
