//! The tables behind the data: records of assets, columns, series and zones, made of finished series.

use std::sync::{Mutex, OnceLock};

use zerocopy::IntoBytes;

use crate::{
    Adjustment, BundleSpec, Encoding, Error, Stats, Version,
    blocks::block_checksum,
    frozen::ZONE_ROWS,
    meter::SeriesSummary,
    placement::Placement,
    record::{AdjustmentRecord, AssetRecord, ColumnRecord, GAP_FREE, SeriesRecord, ZoneRecord},
    sealing::Crew,
    symbol,
    version::VersionBuilder,
};

/// Makes the tables that describe finished series.
#[derive(Debug)]
pub(crate) struct Tables<'a> {
    pub(crate) spec: &'a BundleSpec,
    pub(crate) placement: &'a Placement,
    /// Stretches of assets, one behind the other; of each, by column, the series of its assets.
    pub(crate) series: Vec<Stretch<'a>>,
}

/// The series of some assets that stand one behind the other, by column.
pub(crate) type Stretch<'a> = Vec<&'a [SeriesSummary]>;

/// The bytes of the tables.
#[derive(Debug)]
pub(crate) struct EncodedTables {
    pub(crate) schema: Vec<u8>,
    pub(crate) columns: Vec<ColumnRecord>,
    pub(crate) symbol_index: Vec<u32>,
    pub(crate) strings: Vec<u8>,
    pub(crate) assets: Vec<AssetRecord>,
    /// The bytes of records.
    pub(crate) series: Vec<u8>,
    pub(crate) zones: Vec<ZoneRecord>,
    pub(crate) adjustments: Vec<AdjustmentRecord>,
    pub(crate) provenance: Vec<u8>,
}

impl Tables<'_> {
    /// Returns the series of all assets of a column.
    fn of_column(&self, column: usize) -> impl Iterator<Item = &SeriesSummary> {
        self.series.iter().filter_map(move |stretch| stretch.get(column)).copied().flatten()
    }

    /// Returns, for each asset, its series.
    fn of_assets(&self) -> impl Iterator<Item = impl Iterator<Item = &SeriesSummary>> {
        self.series.iter().flat_map(|stretch| {
            let assets = stretch.first().map_or(0, |times| times.len());
            (0..assets).map(move |place| stretch.iter().filter_map(move |it| it.get(place)))
        })
    }

    pub(crate) fn version(&self, calendar: &[i64]) -> Version {
        let spec = self.spec;
        let mut version = VersionBuilder::new(&spec.schema.to_bytes(), spec.assets.len() as u64);
        for (asset, series) in spec.assets.iter().zip(self.of_assets()) {
            version.asset(&asset.symbol, asset.rows, series.map(|summary| summary.digest));
        }
        let adjustments = spec.adjustments.iter().filter_map(|adjustment| {
            let asset = spec.assets.get(adjustment.asset as usize)?;
            Some((asset.symbol.as_str(), *adjustment))
        });
        version.finish(calendar, adjustments)
    }

    /// Makes all of them by a crew, for columns that are encoded as `encodings` says.
    pub(crate) fn encode(
        &self,
        encodings: &[Encoding],
        calendar: &[i64],
        crew: &Crew<'_>,
    ) -> Result<EncodedTables, Error> {
        let spec = self.spec;
        let slots = symbol::slot_count(spec.assets.len() as u64);
        let slots = slots.and_then(|slots| usize::try_from(slots).ok());
        let slots = slots.ok_or(Error::TooLarge { what: "the symbol index" })?;
        let symbols = spec.assets.iter().map(|asset| asset.symbol.as_str());
        let (strings, assets) = self.assets(calendar);
        let (columns, series, zones) = self.columns(encodings, crew);
        Ok(EncodedTables {
            schema: spec.schema.to_bytes(),
            columns,
            symbol_index: symbol::build(symbols, slots),
            strings,
            assets,
            series,
            zones,
            adjustments: self.adjustments(),
            provenance: spec.provenance.to_bytes(),
        })
    }

    fn adjustments(&self) -> Vec<AdjustmentRecord> {
        let record = |adjustment: &Adjustment| AdjustmentRecord {
            asset: adjustment.asset,
            kind: adjustment.kind.tag(),
            time: adjustment.time,
            value: adjustment.value.to_bits(),
        };
        self.spec.adjustments.iter().map(record).collect()
    }

    /// Returns the strings section and the asset records.
    fn assets(&self, calendar: &[i64]) -> (Vec<u8>, Vec<AssetRecord>) {
        let mut strings = Vec::new();
        let mut place = |text: &str| {
            let at = strings.len() as u64;
            strings.extend_from_slice(text.as_bytes());
            (at, u32::try_from(text.len()).unwrap_or(u32::MAX))
        };
        let symbols: Vec<_> = self.spec.assets.iter().map(|asset| place(&asset.symbol)).collect();
        let metadata: Vec<_> =
            self.spec.assets.iter().map(|asset| place(&asset.metadata)).collect();
        let mut first_places = Places::of(calendar);
        let mut last_places = Places::of(calendar);
        let times = self.of_column(0).map(|summary| summary.span);
        let assets = self.spec.assets.iter().zip(&self.placement.row_starts).zip(times);
        let records = (0u32..).zip(assets.zip(symbols.into_iter().zip(metadata))).map(
            |(ordinal, (((asset, &row_start), span), (symbol, metadata)))| {
                let (first_time, last_time) = span.unwrap_or((0, 0));
                let calendar_start = span.map_or(0, |(first, _)| first_places.place(first));
                let calendar_end = span.map_or(0, |(_, last)| last_places.place(last) + 1);
                let gap_free = calendar_end - calendar_start == asset.rows;
                let mut record = AssetRecord {
                    symbol_at: symbol.0,
                    metadata_at: metadata.0,
                    symbol_len: symbol.1,
                    metadata_len: metadata.1,
                    row_start,
                    rows: asset.rows,
                    first_time,
                    last_time,
                    calendar_start,
                    calendar_end,
                    flags: if gap_free { GAP_FREE } else { 0 },
                    check: 0,
                };
                record.check = record.check_word(ordinal);
                record
            },
        );
        let records = records.collect();
        (strings, records)
    }

    /// Returns the records of columns, which are encoded as `encodings` says, series and zones.
    fn columns(
        &self,
        encodings: &[Encoding],
        crew: &Crew<'_>,
    ) -> (Vec<ColumnRecord>, Vec<u8>, Vec<ZoneRecord>) {
        let made: Vec<OnceLock<_>> = encodings.iter().map(|_| OnceLock::new()).collect();
        // Each column writes its records where they belong: together they are most of a file that has few rows.
        let len_bytes = self.spec.assets.len() * size_of::<SeriesRecord>();
        let mut series = vec![0; len_bytes * made.len()];
        let places: Vec<Mutex<&mut [u8]>> =
            series.chunks_mut(len_bytes.max(1)).map(Mutex::new).collect();
        let mut zone_start = 0;
        let zone_starts: Vec<u64> = (0..made.len())
            .map(|column| {
                let zones: usize = self.of_column(column).map(|summary| summary.zones.len()).sum();
                zone_start += zones as u64;
                zone_start - zones as u64
            })
            .collect();
        let make = |index: usize| {
            let encoding = encodings.get(index).copied().unwrap_or(Encoding::Raw);
            if let Some((done, zone_start)) = made.get(index).zip(zone_starts.get(index)) {
                done.get_or_init(|| {
                    let mut place = places.get(index).and_then(|place| place.lock().ok());
                    let records = place.as_mut().map_or(&mut [][..], |records| &mut **records);
                    self.column((index, encoding), *zone_start, records)
                });
            }
        };
        crew(made.len(), &make);
        // Whatever a crew left undone is done here.
        (0..made.len()).for_each(make);
        let (mut columns, mut zones) = (Vec::new(), Vec::new());
        for (record, of_zones) in made.into_iter().filter_map(OnceLock::into_inner) {
            columns.push(record);
            zones.extend(of_zones);
        }
        (columns, series, zones)
    }

    /// Writes the records of a column's series, and returns that of the column and those of its zones, of which so many come
    /// before.
    fn column(
        &self,
        (index, encoding): (usize, Encoding),
        zone_start: u64,
        records: &mut [u8],
    ) -> (ColumnRecord, Vec<ZoneRecord>) {
        let Placement { row_starts, column_starts, column_lens, .. } = self.placement;
        let placed = |places: &[u64]| places.get(index).copied().unwrap_or(0);
        let (offset, len) = (placed(column_starts), placed(column_lens));
        let mut places = records.chunks_exact_mut(size_of::<SeriesRecord>());
        let mut zones = Vec::new();
        let mut block_start = offset;
        let mut stats = Stats::EMPTY;
        for (summary, asset) in self.of_column(index).zip(&self.spec.assets) {
            let (min, max, null_count) = summary.stats.to_stored();
            let first = zones.len();
            let zone_start = zone_start + first as u64;
            let digest = *summary.digest.as_bytes();
            let midstate = summary.midstate;
            let record = SeriesRecord { digest, midstate, min, max, null_count, zone_start };
            if let Some(place) = places.next() {
                place.copy_from_slice(record.as_bytes());
            }
            zones.extend(zone_records(&summary.zones, asset.rows));
            for (zone, block) in zones.iter_mut().skip(first).zip(&summary.blocks) {
                zone.offset = block_start;
                zone.stored_len = block.len() as u64;
                zone.checksum = block_checksum(block);
                block_start += zone.stored_len;
            }
            stats = stats.merge(summary.stats);
        }
        let (min, max, null_count) = stats.to_stored();
        let physical = self.spec.schema.columns().get(index).map_or(0, |it| it.physical.tag());
        let record = ColumnRecord {
            offset,
            len,
            encoding: encoding.number(),
            physical,
            rows: row_starts.last().copied().unwrap_or(0),
            min,
            max,
            null_count,
            zone_start,
        };
        (record, zones)
    }
}

/// Finds timestamps in a calendar. Many assets begin and end with the same ones: what was found last is known.
struct Places<'c> {
    calendar: &'c [i64],
    last: Option<(i64, u64)>,
}

impl<'c> Places<'c> {
    fn of(calendar: &'c [i64]) -> Self {
        Self { calendar, last: None }
    }

    fn place(&mut self, time: i64) -> u64 {
        match self.last {
            Some((last, place)) if last == time => place,
            _ => {
                let place = self.calendar.partition_point(|&other| other < time) as u64;
                self.last = Some((time, place));
                place
            }
        }
    }
}

/// Returns the records of the zones of a series of `rows` rows, without their blocks.
pub(crate) fn zone_records(zones: &[Stats], rows: u64) -> Vec<ZoneRecord> {
    let record = |(stats, start): (&Stats, u64)| {
        let (min, max, null_count) = stats.to_stored();
        let rows = (rows - start).min(ZONE_ROWS);
        ZoneRecord { min, max, null_count, rows, offset: 0, stored_len: 0, checksum: [0; 16] }
    };
    zones.iter().zip((0..).map(|zone| zone * ZONE_ROWS)).map(record).collect()
}
