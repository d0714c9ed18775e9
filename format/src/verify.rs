//! Verification: every byte of a bundle is read and compared with what stands for it.

use std::ops::Range;

use crate::{
    Asset, Bundle, Defect, Digest, Encoding, Midstate, Problem, SectionKind, Stats, Values,
    Verification,
    calendar::{CalendarBuilder, contains_all},
    check::check_bytes,
    error::Error,
    frozen::PAGE,
    meter::{SeriesMeter, disorder},
    open::read_superblock,
    record::ZoneRecord,
    sealing::superblock_digest,
    section::page_up,
    series_table::zone_records,
    symbol,
    version::VersionBuilder,
};

/// Where verification takes the values of a series from, by column and asset: it hands them on in pieces, oldest first.
pub type SeriesSource<'r> =
    dyn Fn(usize, Asset, &mut dyn FnMut(Values<'_>)) -> Result<(), Error> + 'r;

impl<B: AsRef<[u8]>> Bundle<B> {
    /// Checks every byte, on this thread. To use more, run [`Bundle::verify_asset`] of each asset,
    /// [`Bundle::verify_sections`] and [`Bundle::verify_structure`] side by side.
    ///
    /// Of a segmented file, the values cannot be checked without the other parts: no series is counted then. Use
    /// [`Bundle::verify_asset_from`] and [`Bundle::verify_structure_from`] with the parts at hand.
    pub fn verify(&self) -> Verification {
        let mut bad = self.verify_sections();
        let bytes = self.as_bytes().len() as u64;
        if self.is_segmented() {
            bad.extend(self.verify_tables());
            if bad.is_empty() {
                bad.extend(self.verify_pages(0..self.pages()));
            }
            return Verification::new(0, bytes, bad);
        }
        bad.extend((0..self.asset_count()).flat_map(|ordinal| self.verify_asset(ordinal)));
        bad.extend(self.verify_structure());
        if bad.is_empty() {
            bad.extend(self.verify_pages(0..self.pages()));
        }
        let columns = self.schema().columns().len() as u64;
        Verification::new(u64::from(self.asset_count()) * columns, bytes, bad)
    }

    /// Recomputes the digests of the first page and of all sections but the data, and checks that all padding is zero.
    pub fn verify_sections(&self) -> Vec<Defect> {
        let mut bad = Vec::new();
        if let Err(problem) = self.verify_superblock() {
            bad.push(defect(SectionKind::Superblock, 0, problem));
        }
        for section in self.sections() {
            let bytes = self.range(section.range()).unwrap_or_default();
            if section.kind != SectionKind::Data {
                let (expected, found) = (section.digest, Digest::of(bytes));
                if expected != found {
                    let problem = Problem::Digest { expected, found };
                    bad.push(defect(section.kind, section.offset, problem));
                } else if check_bytes(bytes) != section.check {
                    bad.push(defect(section.kind, section.offset, Problem::Check));
                }
            }
            bad.extend(self.verify_padding(section.kind, section.offset + section.len));
        }
        for (index, column) in self.schema().columns().iter().enumerate() {
            let Ok(record) = self.column_record(index) else { continue };
            let end = record.offset + record.len;
            bad.extend(
                self.verify_padding(SectionKind::Data, end)
                    .map(|defect| Defect { column: Some(column.name.clone()), ..defect }),
            );
        }
        bad
    }

    /// Returns the number of pages of the file.
    pub fn pages(&self) -> u64 {
        self.as_bytes().len() as u64 / PAGE
    }

    /// Compares pages, by their number in the file, with their check words, and returns the first that differs: one that a
    /// reader who checks pages would refuse. Whether bytes are those that were written is told by their digests; so this
    /// is worth asking where those are right.
    pub fn verify_pages(&self, pages: Range<u64>) -> Option<Defect> {
        match self.check_pages(pages) {
            Err(Error::Page { kind, offset, .. }) => Some(defect(kind, offset, Problem::Check)),
            _ => None,
        }
    }

    fn verify_superblock(&self) -> Result<(), Problem> {
        let (expected, found) =
            (self.digest(), superblock_digest(read_superblock(self.as_bytes())?));
        if expected == found { Ok(()) } else { Err(Problem::Digest { expected, found }) }
    }

    fn verify_padding(&self, kind: SectionKind, end: u64) -> Option<Defect> {
        let padding = self.range(end..page_up(end)?)?;
        let at = padding.iter().position(|&byte| byte != 0)?;
        Some(defect(kind, end + at as u64, Problem::Padding))
    }

    /// Recomputes digests, midstates and statistics of all series of one asset, and checks its record and
    /// its timestamps. Reads each value once.
    pub fn verify_asset(&self, ordinal: u32) -> Vec<Defect> {
        self.verify_asset_from(ordinal, &|index, asset, take| self.hand_on(index, asset, take))
    }

    /// As [`Bundle::verify_asset`], with the values from elsewhere: those of a segmented file lie in several parts.
    pub fn verify_asset_from(&self, ordinal: u32, source: &SeriesSource<'_>) -> Vec<Defect> {
        let asset = match self.asset_at(ordinal) {
            Ok(asset) => asset,
            Err(error) => return vec![self.asset_defect(ordinal, error.into())],
        };
        let symbol = match self.symbol(asset) {
            Ok(symbol) => symbol,
            Err(error) => return vec![self.asset_defect(ordinal, error.into())],
        };
        let mut bad = Vec::new();
        for (index, column) in self.schema().columns().iter().enumerate() {
            if let Err(problem) = self.verify_series(index, asset, source) {
                bad.push(Defect {
                    section: SectionKind::Data,
                    column: Some(column.name.clone()),
                    symbol: Some(symbol.to_owned()),
                    offset: self.series_offset(index, asset),
                    problem,
                });
            }
        }
        if let Err(problem) = self.verify_record(asset, symbol, source) {
            bad.push(Defect {
                symbol: Some(symbol.to_owned()),
                ..self.asset_defect(ordinal, problem)
            });
        }
        bad
    }

    fn asset_defect(&self, ordinal: u32, problem: Problem) -> Defect {
        let kind = SectionKind::Assets;
        let record = u64::from(ordinal) * kind.record_len() as u64;
        defect(kind, self.section(kind).offset + record, problem)
    }

    /// Hands on the values of a series that lies in this file.
    fn hand_on(
        &self,
        index: usize,
        asset: Asset,
        take: &mut dyn FnMut(Values<'_>),
    ) -> Result<(), Error> {
        self.each_piece(index, asset, take)
    }

    fn verify_series(
        &self,
        index: usize,
        asset: Asset,
        source: &SeriesSource<'_>,
    ) -> Result<(), Problem> {
        let record = self.series_record(index, asset.ordinal())?;
        let mut meter = SeriesMeter::encoded(asset.rows() as u64, self.encoding(index));
        source(index, asset, &mut |values| meter.push(values))?;
        let summary = meter.finish();
        let expected = Digest::from_bytes(record.digest);
        if summary.digest != expected {
            return Err(Problem::Digest { expected, found: summary.digest });
        }
        let midstate: Midstate = record.midstate;
        if summary.midstate != midstate {
            return Err(Problem::Midstate);
        }
        let stored = Stats::to_stored;
        let same = stored(summary.stats) == (record.min, record.max, record.null_count)
            && self.same_zones(index, asset, &zone_records(&summary.zones, asset.rows() as u64))?;
        if same { Ok(()) } else { Err(Problem::Statistics) }
    }

    /// Checks an asset's record against its timestamps, the calendar and the symbol index.
    fn verify_record(
        &self,
        asset: Asset,
        symbol: &str,
        source: &SeriesSource<'_>,
    ) -> Result<(), Problem> {
        let times = &times_of(asset, source)?;
        if let Some((row, _, _)) = disorder(times) {
            return Err(Problem::TimeOrder { row });
        }
        let span = self.calendar()?.get(asset.calendar_span()).unwrap_or_default();
        let ends = |times: &[i64]| times.first().copied().zip(times.last().copied());
        let stored = asset.first_time().zip(asset.last_time());
        if ends(times) != stored || ends(span) != stored || !contains_all(span, times) {
            return Err(Problem::Span);
        }
        match self.asset(symbol) {
            Ok(Some(found)) if found == asset => Ok(()),
            _ => Err(Problem::Index),
        }
    }

    /// Checks what concerns the bundle as a whole: order of the assets, symbol index, calendar,
    /// adjustments, provenance, statistics of the columns, and the content version.
    pub fn verify_structure(&self) -> Vec<Defect> {
        self.verify_structure_from(&|index, asset, take| self.hand_on(index, asset, take))
    }

    /// As [`Bundle::verify_structure`], with the timestamps from elsewhere: those of a segmented file lie in several
    /// parts.
    pub fn verify_structure_from(&self, source: &SeriesSource<'_>) -> Vec<Defect> {
        let mut bad = self.verify_tables();
        if let Err(problem) = self.verify_calendar(source) {
            let kind = SectionKind::Calendar;
            bad.push(defect(kind, self.section(kind).offset, problem));
        }
        bad
    }

    /// Checks what [`Bundle::verify_structure`] checks, but for the calendar: no value is read.
    pub fn verify_tables(&self) -> Vec<Defect> {
        let mut bad = Vec::new();
        let mut check = |kind: SectionKind, outcome: Result<(), Problem>| {
            if let Err(problem) = outcome {
                bad.push(defect(kind, self.section(kind).offset, problem));
            }
        };
        check(SectionKind::Assets, self.verify_order());
        check(SectionKind::SymbolIndex, self.verify_index());
        check(SectionKind::Columns, self.verify_column_records());
        check(SectionKind::Provenance, self.provenance().map(drop).map_err(Problem::from));
        check(SectionKind::Adjustments, self.verify_adjustments());
        if self.is_segmented() {
            check(SectionKind::Segments, self.verify_segments());
        }
        if let Err(problem) = self.verify_version() {
            bad.push(defect(SectionKind::Superblock, 0, problem));
        }
        bad
    }

    fn verify_order(&self) -> Result<(), Problem> {
        let mut next_row = 0u64;
        let mut next_string = 0u64;
        let mut before: Option<&str> = None;
        for ordinal in 0..self.asset_count() {
            let record = self.asset_record(ordinal)?;
            let symbol = self.symbol_at(ordinal)?;
            let sorted = before.is_none_or(|before| before < symbol);
            if !sorted || record.row_start != next_row || record.symbol_at != next_string {
                return Err(Problem::Order);
            }
            next_row = next_row.saturating_add(record.rows);
            next_string += u64::from(record.symbol_len);
            before = Some(symbol);
        }
        for ordinal in 0..self.asset_count() {
            let record = self.asset_record(ordinal)?;
            if record.metadata_at != next_string {
                return Err(Problem::Order);
            }
            next_string += u64::from(record.metadata_len);
        }
        let whole =
            next_row == self.rows() as u64 && next_string == self.section(SectionKind::Strings).len;
        if whole { Ok(()) } else { Err(Problem::Order) }
    }

    fn verify_index(&self) -> Result<(), Problem> {
        let slots = self.records::<u32>(SectionKind::SymbolIndex)?;
        let symbols: Result<Vec<&str>, Error> =
            (0..self.asset_count()).map(|ordinal| self.symbol_at(ordinal)).collect();
        let expected = symbol::build(symbols?.into_iter(), slots.len());
        if slots == expected { Ok(()) } else { Err(Problem::Index) }
    }

    fn verify_segments(&self) -> Result<(), Problem> {
        let kind = SectionKind::Segments;
        match self.segment_fault()? {
            Some((index, what)) => Err(self.damaged(kind, index, what).into()),
            None => Ok(()),
        }
    }

    fn verify_calendar(&self, source: &SeriesSource<'_>) -> Result<(), Problem> {
        let mut union = CalendarBuilder::default();
        for ordinal in 0..self.asset_count() {
            union.add(&times_of(self.asset_at(ordinal)?, source)?);
        }
        if self.calendar()? == union.finish() { Ok(()) } else { Err(Problem::Calendar) }
    }

    /// Checks the statistics of the columns, that zone records follow one another as series do, and that the
    /// blocks of a compressed column fill it without gap or overlap.
    fn verify_column_records(&self) -> Result<(), Problem> {
        let zones = self.records::<ZoneRecord>(SectionKind::Zones)?;
        let mut next_zone = 0;
        for index in 0..self.schema().columns().len() {
            if self.column_record(index)?.zone_start != next_zone {
                return Err(Problem::Order);
            }
            let mut stats = Stats::EMPTY;
            let blocks = self.encoding(index) == Encoding::Blocks;
            let mut next_block = self.column_record(index)?.offset;
            for ordinal in 0..self.asset_count() {
                let asset = self.asset_at(ordinal)?;
                stats = stats.merge(self.series_stats(index, asset)?);
                if self.series_record(index, ordinal)?.zone_start != next_zone {
                    return Err(Problem::Order);
                }
                let zones = self.zone_records(index, asset)?;
                next_zone += zones.len() as u64;
                for (zone, record) in zones.iter().enumerate().filter(|_| blocks) {
                    let range = self.block_range(index, asset, zone, record)?;
                    if range.start != next_block {
                        return Err(Problem::Order);
                    }
                    next_block = range.end;
                }
            }
            let record = self.column_record(index)?;
            if blocks && next_block != record.offset + record.len {
                return Err(Problem::Order);
            }
            if stats != self.column_stats(index)? {
                return Err(Problem::Statistics);
            }
        }
        if next_zone == zones.len() as u64 { Ok(()) } else { Err(Problem::Order) }
    }

    fn verify_adjustments(&self) -> Result<(), Problem> {
        let adjustments = self.adjustments()?;
        let sorted = adjustments.is_sorted_by(|before, next| before.key() < next.key());
        if sorted { Ok(()) } else { Err(Problem::Order) }
    }

    fn verify_version(&self) -> Result<(), Problem> {
        let assets = self.asset_count();
        let mut version = VersionBuilder::new(&self.schema().to_bytes(), u64::from(assets));
        for ordinal in 0..assets {
            let asset = self.asset_at(ordinal)?;
            let digests = (0..self.schema().columns().len())
                .map(|index| self.series_digest(index, asset))
                .collect::<Result<Vec<_>, Error>>()?;
            version.asset(self.symbol(asset)?, asset.rows() as u64, digests.into_iter());
        }
        let mut adjustments = Vec::new();
        for adjustment in self.adjustments()? {
            adjustments.push((self.symbol_at(adjustment.asset)?, adjustment));
        }
        let (expected, found) =
            (self.version(), version.finish(self.calendar()?, adjustments.into_iter()));
        if expected == found { Ok(()) } else { Err(Problem::Version { expected, found }) }
    }
}

/// Gathers the timestamps of an asset.
fn times_of(asset: Asset, source: &SeriesSource<'_>) -> Result<Vec<i64>, Error> {
    let mut times = Vec::new();
    source(0, asset, &mut |values| times.extend(values.as_i64().unwrap_or_default()))?;
    Ok(times)
}

fn defect(section: SectionKind, offset: u64, problem: Problem) -> Defect {
    Defect { section, column: None, symbol: None, offset, problem }
}
