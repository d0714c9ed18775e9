//! The tables behind the data: records of assets, columns and adjustments, symbol index and strings, made of finished series;
//! and the version.

use std::sync::OnceLock;

use crate::{
    Adjustment, BundleSpec, Column, Encoding, Error, Version,
    placement::Placement,
    record::{AdjustmentRecord, AssetRecord, ColumnRecord, GAP_FREE},
    sealing::Crew,
    series_table::{ColumnSeries, Settled},
    symbol,
    version::VersionBuilder,
};

/// Makes the tables that describe finished series.
#[derive(Debug)]
pub(crate) struct Tables<'a> {
    pub(crate) spec: &'a BundleSpec,
    pub(crate) placement: &'a Placement,
    pub(crate) series: &'a Settled,
}

/// The tables, as they are stored.
#[derive(Debug)]
pub(crate) struct EncodedTables {
    pub(crate) schema: Vec<u8>,
    pub(crate) columns: Vec<ColumnRecord>,
    pub(crate) symbol_index: Vec<u32>,
    pub(crate) strings: Vec<u8>,
    pub(crate) assets: Vec<AssetRecord>,
    pub(crate) adjustments: Vec<AdjustmentRecord>,
    pub(crate) provenance: Vec<u8>,
}

impl Tables<'_> {
    pub(crate) fn version(&self, calendar: &[i64]) -> Version {
        let spec = self.spec;
        let mut version = VersionBuilder::new(&spec.schema.to_bytes(), spec.assets.len() as u64);
        for (place, asset) in spec.assets.iter().enumerate() {
            version.asset(&asset.symbol, asset.rows, self.series.digests(place));
        }
        let adjustments = spec.adjustments.iter().filter_map(|adjustment| {
            let asset = spec.assets.get(adjustment.asset as usize)?;
            Some((asset.symbol.as_str(), *adjustment))
        });
        version.finish(calendar, adjustments)
    }

    /// Makes all of them by a crew, for columns that are encoded as `encodings` says, and computes the version.
    pub(crate) fn encode(
        &self,
        encodings: &[Encoding],
        calendar: &[i64],
        crew: &Crew<'_>,
    ) -> Result<(EncodedTables, Version), Error> {
        let spec = self.spec;
        let slots = symbol::slot_count(spec.assets.len() as u64);
        let slots = slots.and_then(|slots| usize::try_from(slots).ok());
        let slots = slots.ok_or(Error::TooLarge { what: "the symbol index" })?;
        let symbols = || spec.assets.iter().map(|asset| asset.symbol.as_str());
        let (version, assets, index) = (OnceLock::new(), OnceLock::new(), OnceLock::new());
        let make_version = || *version.get_or_init(|| self.version(calendar));
        let make = |piece: usize| match piece {
            0 => _ = make_version(),
            1 => _ = assets.get_or_init(|| self.assets(calendar)),
            _ => _ = index.get_or_init(|| symbol::build(symbols(), slots)),
        };
        crew(3, &make);
        // Whatever a crew left undone is done here.
        (0..3).for_each(make);
        let version = make_version();
        let (strings, assets) = assets.into_inner().unwrap_or_default();
        let symbol_index = index.into_inner().unwrap_or_default();
        let tables = EncodedTables {
            schema: spec.schema.to_bytes(),
            columns: self.columns(encodings),
            symbol_index,
            strings,
            assets,
            adjustments: self.adjustments(),
            provenance: spec.provenance.to_bytes(),
        };
        Ok((tables, version))
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
        let times = self.spec.assets.iter().enumerate();
        let times = times.map(|(place, asset)| self.series.span(place).filter(|_| asset.rows > 0));
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

    /// Returns the records of the columns, which are encoded as `encodings` says.
    fn columns(&self, encodings: &[Encoding]) -> Vec<ColumnRecord> {
        let Placement { row_starts, column_starts, column_lens, .. } = self.placement;
        let placed = column_starts.iter().zip(column_lens);
        let described = self.spec.schema.columns().iter().zip(encodings).zip(&self.series.columns);
        let record = |((&offset, &len), ((column, encoding), series)): (
            _,
            ((&Column, &Encoding), &ColumnSeries),
        )| {
            let (min, max, null_count) = series.stats.to_stored();
            ColumnRecord {
                offset,
                len,
                encoding: encoding.number(),
                physical: column.physical.tag(),
                rows: row_starts.last().copied().unwrap_or(0),
                min,
                max,
                null_count,
                zone_start: series.zone_start,
            }
        };
        placed.zip(described).map(record).collect()
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
