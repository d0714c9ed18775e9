//! [`SeriesTable`]: the records of all series of a file in the making, each written where it belongs.

use std::sync::{Mutex, PoisonError};

use zerocopy::FromZeros;

use crate::{
    Digest, Error, SectionKind, Stats,
    blocks::block_checksum,
    frozen::ZONE_ROWS,
    meter::SeriesSummary,
    record::{SeriesRecord, ZoneRecord},
    sealing::Crew,
};

/// The records of all series: of each column, those of all assets. They are most of a file that has few rows.
///
/// The assets are cut into stretches, the last of which may be shorter. Each column of each stretch is filled on its own,
/// from any thread.
#[derive(Debug)]
pub struct SeriesTable {
    assets: usize,
    records: Vec<SeriesRecord>,
    /// Of each column, those of all stretches.
    pieces: Vec<Piece>,
    columns: usize,
    /// Assets of a stretch.
    each: usize,
}

/// What is known of one column of a stretch, apart from its records.
#[derive(Debug)]
struct Piece {
    filled: usize,
    stats: Stats,
    zones: Vec<ZoneRecord>,
}

/// One column of a stretch of assets: takes the series of these assets, one after the other.
#[derive(Debug)]
pub struct SeriesColumn<'t> {
    records: &'t mut [SeriesRecord],
    piece: &'t mut Piece,
}

impl SeriesColumn<'_> {
    /// Adds the series of the stretch's next asset, which has `rows` rows. One too many, like one too few, is an error when the
    /// file is finished.
    pub fn push(&mut self, summary: &SeriesSummary, rows: u64) {
        let piece = &mut *self.piece;
        if let Some(record) = self.records.get_mut(piece.filled) {
            let (min, max, null_count) = summary.stats.to_stored();
            *record = SeriesRecord {
                digest: *summary.digest.as_bytes(),
                midstate: summary.midstate,
                min,
                max,
                null_count,
                zone_start: piece.zones.len() as u64,
            };
        }
        let first = piece.zones.len();
        piece.zones.extend(zone_records(&summary.zones, rows));
        for (zone, block) in piece.zones.iter_mut().skip(first).zip(&summary.blocks) {
            zone.stored_len = block.len() as u64;
            zone.checksum = block_checksum(block);
        }
        piece.stats = piece.stats.merge(summary.stats);
        piece.filled += 1;
    }
}

impl SeriesTable {
    /// Makes room for the series of so many assets and columns, in stretches of `each` assets.
    pub(crate) fn new(assets: usize, columns: usize, each: usize) -> Result<Self, Error> {
        let each = each.max(1);
        let too_large = |_| Error::TooLarge { what: "more series than memory holds" };
        let records = SeriesRecord::new_vec_zeroed(assets * columns).map_err(too_large)?;
        let piece = || Piece { filled: 0, stats: Stats::EMPTY, zones: Vec::new() };
        let pieces = (0..columns * assets.div_ceil(each)).map(|_| piece()).collect();
        Ok(Self { assets, records, pieces, columns, each })
    }

    /// Makes the table of summaries, by column and asset, with the help of a crew. `rows` are those of the assets.
    pub(crate) fn of(
        series: &[SeriesSummary],
        (rows, columns): (&[u64], usize),
        crew: &Crew<'_>,
    ) -> Result<Self, Error> {
        let mut table = Self::new(rows.len(), columns, rows.len())?;
        let places: Vec<Mutex<SeriesColumn<'_>>> =
            table.stretches().into_iter().flatten().map(Mutex::new).collect();
        let fill = |column: usize| {
            let Some(place) = places.get(column) else { return };
            let mut place = place.lock().unwrap_or_else(PoisonError::into_inner);
            if place.piece.filled == 0 {
                let series = series.iter().skip(column * rows.len());
                series.zip(rows).for_each(|(summary, rows)| place.push(summary, *rows));
            }
        };
        crew(places.len(), &fill);
        // Whatever a crew left undone is done here.
        (0..places.len()).for_each(fill);
        drop(places);
        Ok(table)
    }

    /// Returns what is to be filled: of each stretch of assets, its columns.
    pub fn stretches(&mut self) -> Vec<Vec<SeriesColumn<'_>>> {
        let stretches = self.assets.div_ceil(self.each);
        let mut all: Vec<Vec<_>> =
            (0..stretches).map(|_| Vec::with_capacity(self.columns)).collect();
        let of_columns = self.records.chunks_mut(self.assets.max(1));
        for (records, pieces) in of_columns.zip(self.pieces.chunks_mut(stretches.max(1))) {
            let of_stretches = records.chunks_mut(self.each).zip(pieces);
            for ((records, piece), stretch) in of_stretches.zip(&mut all) {
                stretch.push(SeriesColumn { records, piece });
            }
        }
        all
    }

    /// Checks that all is filled, and that it is all that a file of so many assets and columns has; counts on zones and blocks
    /// from column to column. The blocks of a column begin in the file where `block_starts` says.
    pub(crate) fn settle(
        mut self,
        dimensions: (usize, usize),
        block_starts: &[u64],
    ) -> Result<Settled, Error> {
        let (assets, each) = (self.assets, self.each);
        let stretches = assets.div_ceil(each);
        let held = |stretch: usize| each.min(assets - stretch * each);
        let mut pieces = (0..stretches).cycle().zip(&self.pieces);
        let whole = pieces.all(|(stretch, piece)| piece.filled == held(stretch));
        if !whole || dimensions != (assets, self.columns) {
            let expected = (dimensions.0 * dimensions.1) as u64;
            let found = self.pieces.iter().map(|piece| piece.filled as u64).sum();
            return Err(Error::RecordCount { kind: SectionKind::Series, expected, found });
        }
        let (mut zones, mut columns) = (Vec::new(), Vec::with_capacity(self.columns));
        let mut records = self.records.chunks_mut(assets.max(1));
        let mut pieces = self.pieces.chunks_mut(stretches.max(1));
        for column in 0..self.columns {
            let (first, mut stats) = (zones.len(), Stats::EMPTY);
            let of_stretches = records.next().unwrap_or_default().chunks_mut(each);
            for (records, piece) in of_stretches.zip(pieces.next().unwrap_or_default()) {
                let before = zones.len() as u64;
                if before > 0 {
                    for record in records {
                        record.zone_start += before;
                    }
                }
                zones.append(&mut piece.zones);
                stats = stats.merge(piece.stats);
            }
            let mut next = block_starts.get(column).copied().unwrap_or(0);
            for zone in zones.iter_mut().skip(first).filter(|zone| zone.stored_len > 0) {
                zone.offset = next;
                next += zone.stored_len;
            }
            columns.push(ColumnSeries { zone_start: first as u64, stats });
        }
        Ok(Settled { assets, records: self.records, zones, columns })
    }
}

/// The finished records of series and zones.
#[derive(Debug)]
pub(crate) struct Settled {
    assets: usize,
    pub(crate) records: Vec<SeriesRecord>,
    pub(crate) zones: Vec<ZoneRecord>,
    pub(crate) columns: Vec<ColumnSeries>,
}

/// What all series of a column are together.
#[derive(Debug)]
pub(crate) struct ColumnSeries {
    pub(crate) zone_start: u64,
    pub(crate) stats: Stats,
}

impl Settled {
    /// Returns the digests of an asset's series, by column.
    pub(crate) fn digests(&self, asset: usize) -> impl Iterator<Item = Digest> {
        let places = (0..self.columns.len()).map(move |column| column * self.assets + asset);
        places.filter_map(|place| Some(Digest::from_bytes(self.records.get(place)?.digest)))
    }

    /// Returns first and last timestamp of an asset that has rows: the least and the greatest, since they ascend.
    pub(crate) fn span(&self, asset: usize) -> Option<(i64, i64)> {
        let record = self.records.get(asset)?;
        Some((record.min.cast_signed(), record.max.cast_signed()))
    }
}

/// Returns the records of the zones of a series of `rows` rows, without their blocks.
pub(crate) fn zone_records(zones: &[Stats], rows: u64) -> Vec<ZoneRecord> {
    let record = |(stats, start): (&Stats, u64)| {
        let (min, max, null_count) = stats.to_stored();
        let rows = rows.saturating_sub(start).min(ZONE_ROWS);
        ZoneRecord { min, max, null_count, rows, offset: 0, stored_len: 0, checksum: [0; 16] }
    };
    zones.iter().zip((0..).map(|zone| zone * ZONE_ROWS)).map(record).collect()
}
