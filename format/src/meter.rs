//! [`SeriesMeter`]: hashes and measures a series; the writer stores what it finds, verification compares.

use crate::{
    Bound, Encoding, PhysicalType, Stats, Values,
    digest::{Digest, Midstate, SeriesHasher},
    frozen::ZONE_ROWS,
};

/// What is known of a finished series: digest, midstate and statistics of all its values.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesSummary {
    pub(crate) digest: Digest,
    pub(crate) midstate: Midstate,
    pub(crate) stats: Stats,
    /// One entry a zone; empty where the series is raw and not longer than a zone.
    pub(crate) zones: Vec<Stats>,
    /// Stored blocks of a compressed series, one a zone.
    pub(crate) blocks: Vec<Box<[u8]>>,
}

impl SeriesSummary {
    /// That of no values.
    const EMPTY: Self = Self {
        digest: Digest::from_bytes([0; 32]),
        midstate: [0; 8],
        stats: Stats::EMPTY,
        zones: Vec::new(),
        blocks: Vec::new(),
    };

    /// Returns the SHA-256 of the values' little-endian bytes, oldest first.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Returns smallest and largest value and missing values.
    pub fn stats(&self) -> Stats {
        self.stats
    }

    /// Returns first and last value of a series that ascends, as timestamps do; `None` when it has none.
    pub(crate) fn span(&self) -> Option<(i64, i64)> {
        match self.stats.bounds {
            Some((Bound::Int(first), Bound::Int(last))) => Some((first, last)),
            _ => None,
        }
    }

    /// Returns how many values at the end of a raw series of `rows` values lie behind the last whole block of its hash.
    pub const fn tail_rows(physical: PhysicalType, rows: u64) -> u64 {
        // Widths divide the 64 bytes of a block.
        rows % (64 / physical.width() as u64)
    }

    /// Checks that midstate and digest of this summary of a raw series belong together: the series has `rows` values of a type,
    /// and `tail` is the little-endian bytes of its last [`tail_rows`](SeriesSummary::tail_rows) values.
    ///
    /// # Errors
    ///
    /// What midstate and tail hash to, where that is not the digest: one of the three is damaged.
    pub fn check_tail(&self, physical: PhysicalType, rows: u64, tail: &[u8]) -> Result<(), Digest> {
        let bytes = rows * physical.width() as u64;
        let (_, found) = SeriesHasher::resume(self.midstate, bytes, tail).finish();
        if found == self.digest { Ok(()) } else { Err(found) }
    }

    /// Makes this summary of a raw series of `rows` values of a type that of the series with more values behind them, all that
    /// will come. `tail` is the little-endian bytes of its last [`tail_rows`](SeriesSummary::tail_rows) values: the only ones
    /// that are needed again. That tail and midstate are undamaged is for the caller to know, who may ask
    /// [`check_tail`](SeriesSummary::check_tail).
    pub fn extend(
        &mut self,
        (physical, rows): (PhysicalType, u64),
        tail: &[u8],
        values: Values<'_>,
    ) {
        let bytes = rows * physical.width() as u64;
        let mut hasher = SeriesHasher::resume(self.midstate, bytes, tail);
        let zoned = rows + values.len() as u64 > ZONE_ROWS;
        if zoned && rows > 0 && self.zones.is_empty() {
            // A series that is not longer than a zone has no zones: its own statistics say the same.
            self.zones.push(self.stats);
        }
        each_zone(rows, values, |row, piece| {
            hasher.update(piece.as_bytes());
            self.measure(row, piece, zoned);
        });
        (self.midstate, self.digest) = hasher.finish();
    }

    /// Counts values that begin at a row and lie in one zone.
    fn measure(&mut self, row: u64, piece: Values<'_>, zoned: bool) {
        let stats = Stats::of(piece);
        self.stats = self.stats.merge(stats);
        match self.zones.last_mut() {
            _ if !zoned => {}
            Some(zone) if !row.is_multiple_of(ZONE_ROWS) => *zone = zone.merge(stats),
            _ => self.zones.push(stats),
        }
    }
}

/// Cuts values that begin at a row into pieces that lie in one zone each.
fn each_zone(mut row: u64, values: Values<'_>, mut take: impl FnMut(u64, Values<'_>)) {
    let mut start = 0;
    while start < values.len() {
        let left_in_zone = ZONE_ROWS - row % ZONE_ROWS;
        let left = values.len() - start;
        let len = usize::try_from(left_in_zone).map_or(left, |zone| zone.min(left));
        if let Some(piece) = values.slice(start..start + len) {
            take(row, piece);
        }
        (start, row) = (start + len, row + len as u64);
    }
}

/// Hashes and measures a series, zone by zone, so that the values are still in the cache for the second
/// look. About 1.5 GB/s where the processor has SHA instructions.
///
/// # Examples
///
/// ```
/// use barrow_format::{Digest, PhysicalType, SeriesMeter, SeriesSummary, Values};
///
/// let mut whole = SeriesMeter::new(3);
/// whole.push(Values::F64(&[1.0, 2.0, 3.0]));
/// let mut early = SeriesMeter::new(2);
/// early.push(Values::F64(&[1.0, 2.0]));
/// // Sixteen bytes are no whole block of the hash, so both values are in the tail.
/// assert_eq!(SeriesSummary::tail_rows(PhysicalType::F64, 2), 2);
/// let tail = Values::F64(&[1.0, 2.0]).as_bytes();
/// let mut summary = early.finish();
/// summary.check_tail(PhysicalType::F64, 2, tail)?;
/// summary.extend((PhysicalType::F64, 2), tail, Values::F64(&[3.0]));
/// assert_eq!(summary, whole.finish());
/// # Ok::<(), Digest>(())
/// ```
#[derive(Debug, Clone)]
pub struct SeriesMeter {
    pub(crate) planned: u64,
    pub(crate) given: u64,
    hasher: SeriesHasher,
    /// Whether there are zones: in long series, and in compressed ones of any length.
    zoned: bool,
    /// Of what was given, without digest and midstate.
    pub(crate) summary: SeriesSummary,
}

impl SeriesMeter {
    /// Begins a series that will have `planned` values.
    pub fn new(planned: u64) -> Self {
        Self::encoded(planned, Encoding::Raw)
    }

    /// Begins a series that will be stored in some encoding.
    pub(crate) fn encoded(planned: u64, encoding: Encoding) -> Self {
        let zoned = planned > ZONE_ROWS || encoding == Encoding::Blocks;
        let (hasher, summary) = (SeriesHasher::new(), SeriesSummary::EMPTY);
        Self { planned, given: 0, hasher, zoned, summary }
    }

    /// Takes the next values.
    pub fn push(&mut self, values: Values<'_>) {
        let Self { hasher, zoned, summary, .. } = self;
        each_zone(self.given, values, |row, piece| {
            hasher.update(piece.as_bytes());
            summary.measure(row, piece, *zoned);
        });
        self.given += values.len() as u64;
    }

    /// Ends the series.
    pub fn finish(self) -> SeriesSummary {
        let (midstate, digest) = self.hasher.finish();
        SeriesSummary { digest, midstate, ..self.summary }
    }
}

/// Returns the first place at which timestamps do not ascend, with both timestamps.
pub(crate) fn disorder(times: &[i64]) -> Option<(u64, i64, i64)> {
    (1..).zip(times.windows(2)).find_map(|(row, pair)| match *pair {
        [before, time] if before >= time => Some((row, before, time)),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn a_series_taken_up_again_is_measured_like_the_whole(lens in prop::collection::vec(prop_oneof![0usize..40, 4000..4200usize, 8180..8200usize], 1..6), hole in any::<prop::sample::Index>()) {
            let total: usize = lens.iter().sum();
            let mut values: Vec<f32> = (0..total).map(|i| f32::from(u16::try_from(i * 7919 % 10_007).unwrap())).collect();
            if total > 0 {
                values[hole.index(total)] = f32::NAN;
            }
            let planned = total as u64;
            let mut whole = SeriesMeter::new(planned);
            whole.push(Values::F32(&values));
            let whole = whole.finish();
            let (mut at, mut summary) = (0, SeriesMeter::new(0).finish());
            for len in lens {
                let tail = usize::try_from(SeriesSummary::tail_rows(PhysicalType::F32, at as u64)).unwrap();
                let (end, tail) = (at + len, Values::F32(&values[at - tail..at]));
                let tail = tail.as_bytes();
                summary.check_tail(PhysicalType::F32, at as u64, tail).unwrap();
                summary.extend((PhysicalType::F32, at as u64), tail, Values::F32(&values[at..end]));
                at = end;
            }
            prop_assert_eq!(summary, whole);
        }
    }
}
