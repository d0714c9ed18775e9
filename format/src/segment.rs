//! Segmented files: the index of a whole bundle of which only some rows lie in the file itself. The others lie in the
//! parts that it names; where each asset's rows are is told by its segments.
//!
//! Parts are never followed: a part that is a segmented file itself stands for the rows that lie in it, whatever it
//! refers to. So no chain, and no cycle, has to be walked.

use std::ops::Range;

use crate::{
    Asset, Bundle, Digest, Error, SectionKind, SeriesSummary, Stats, Values,
    frozen::{PARTS_MAX, ZONE_ROWS},
    open::checked,
    record::{ColumnRecord, PartRecord, RAW, SEGMENTS, SegmentRecord},
};
use zerocopy::FromBytes;

impl<B: AsRef<[u8]>> Bundle<B> {
    /// Tells whether the file is segmented: it describes all rows of the bundle, but holds only some of them.
    #[inline]
    pub fn is_segmented(&self) -> bool {
        self.sections.len() > SectionKind::LISTED.len() + 1
    }

    /// Returns the rows that lie in this file: all of the bundle's, unless it is segmented.
    #[inline]
    pub fn local_rows(&self) -> usize {
        self.local_rows
    }

    /// Returns the other parts that the file refers to, ascending by digest; none of an ordinary file.
    ///
    /// # Errors
    ///
    /// [`Error::Alignment`] when the bytes do not lie at a multiple of 8.
    pub fn parts(&self) -> Result<&[PartRecord], Error> {
        self.records(SectionKind::Parts)
    }

    /// Returns where the rows of an asset lie, oldest first; none of an ordinary file. Costs a binary search, none where all
    /// assets have as many segments, and a check of each segment.
    ///
    /// # Errors
    ///
    /// [`Error::ForeignAsset`]; [`Error::Record`] when the segments are not possible.
    pub fn segments(&self, asset: Asset) -> Result<&[SegmentRecord], Error> {
        self.check_owned(asset)?;
        if !self.is_segmented() {
            return Ok(&[]);
        }
        let kind = SectionKind::Segments;
        self.touch(self.section(kind).range())?;
        let records = self.records::<SegmentRecord>(kind)?;
        let ordinal = asset.ordinal();
        let start = first_of(records, ordinal, self.assets);
        let rest = records.get(start..).unwrap_or_default();
        let count = rest.iter().take_while(|segment| segment.asset == ordinal).count();
        let segments = rest.get(..count).unwrap_or_default();
        let parts = self.parts()?;
        let mut rows = 0u64;
        for (place, segment) in segments.iter().enumerate() {
            if !self.holds(parts, segment) {
                return Err(self.damaged(kind, start + place, "its rows do not exist"));
            }
            rows = rows.saturating_add(segment.rows);
        }
        if rows == asset.rows() as u64 {
            return Ok(segments);
        }
        Err(self.damaged(kind, start, "the segments of its asset have other rows than the asset"))
    }

    /// Returns values that lie in this file, counted from its own first row, asset after asset. No copy. Of an ordinary
    /// file these are the rows of [`Bundle::column`].
    ///
    /// # Errors
    ///
    /// [`Error::NoColumn`], [`Error::NoRows`], [`Error::Encoding`] when the column does not lie in the file as it is,
    /// [`Error::Alignment`].
    pub fn local_values(&self, index: usize, rows: Range<usize>) -> Result<Values<'_>, Error> {
        let record = self.column_record(index)?;
        if record.encoding != RAW && record.encoding != SEGMENTS {
            return Err(self.compressed(index));
        }
        if rows.start > rows.end || rows.end > self.local_rows {
            let column = self.schema.columns().get(index).map(|column| column.name.clone());
            let (column, Range { start, end }) = (column.unwrap_or_default(), rows);
            return Err(Error::NoRows { column, start, end, rows: self.local_rows });
        }
        self.stored(index, record, rows.start, rows.len())
    }

    /// Returns the asset of an ordinary file that holds a row. Costs a binary search.
    ///
    /// # Errors
    ///
    /// [`Error::NoRows`] when there are not so many, [`Error::Record`] when the records are damaged.
    pub fn asset_of_row(&self, row: usize) -> Result<Asset, Error> {
        let (mut low, mut high) = (0, self.assets);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.asset_record(middle)?.row_start <= row as u64 {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        // Assets without rows share their first row with the one behind them, which is the one found.
        let found = low.checked_sub(1).map(|ordinal| self.asset_at(ordinal)).transpose()?;
        let holds = |asset: &Asset| asset.row_range().contains(&row);
        found.filter(holds).ok_or_else(|| Error::NoRows {
            column: crate::frozen::TIME.to_owned(),
            start: row,
            end: row,
            rows: self.rows,
        })
    }

    /// Returns what is stored of a series: digest, midstate, statistics. Nothing is read but its records.
    ///
    /// # Errors
    ///
    /// [`Error::NoColumn`], [`Error::ForeignAsset`] or [`Error::Record`].
    #[inline]
    pub fn series_summary(&self, index: usize, asset: Asset) -> Result<SeriesSummary, Error> {
        self.check_owned(asset)?;
        let record = self.series_record(index, asset.ordinal())?;
        let stats = self.stats_of(index, asset, record);
        let long = asset.rows() as u64 > ZONE_ROWS;
        let zones: Vec<Stats> = if long {
            self.series_zones(index, asset)?.map(|(_, stats)| stats).collect()
        } else {
            Vec::new()
        };
        let (digest, midstate) = (Digest::from_bytes(record.digest), record.midstate);
        Ok(SeriesSummary { digest, midstate, stats, zones, blocks: Vec::new() })
    }

    /// Checks the parts in constant time: there are not many.
    pub(crate) fn check_parts(&self) -> Result<(), Error> {
        if !self.is_segmented() {
            return Ok(());
        }
        let kind = SectionKind::Parts;
        let section = self.section(kind);
        let max = PARTS_MAX * kind.record_len();
        if section.len > max as u64 {
            return Err(Error::SectionTooLong { kind, len: section.len, max: max as u64 });
        }
        let bytes = checked(self.as_bytes(), section)?;
        let parts = <[PartRecord]>::ref_from_bytes(bytes).map_err(|_| Error::Alignment { kind })?;
        match part_fault(parts, self.digest()) {
            Some((index, what)) => Err(self.damaged(kind, index, what)),
            None => Ok(()),
        }
    }

    /// Counts the rows that lie in this file by its first column, which has eight bytes a row.
    pub(crate) fn count_local_rows(&self) -> usize {
        let time: Option<&ColumnRecord> = self.columns.first();
        let rows = time.filter(|_| self.is_segmented()).map(|time| time.len / 8);
        rows.and_then(|rows| usize::try_from(rows).ok()).unwrap_or(self.rows)
    }

    /// Checks that the segments cover the assets in order, that the rows of this file belong to one segment each, in
    /// order, that no two segments could be one, and that every part is referred to.
    pub(crate) fn segment_fault(&self) -> Result<Option<(usize, &'static str)>, Error> {
        let records = self.records::<SegmentRecord>(SectionKind::Segments)?;
        let assets = (0..self.assets)
            .map(|ordinal| self.asset_at(ordinal).map(|asset| asset.rows() as u64))
            .collect::<Result<Vec<_>, _>>()?;
        let fault = layout_fault(records, self.parts()?, &assets);
        Ok(match fault {
            Ok(local_rows) if local_rows == self.local_rows as u64 => None,
            Ok(_) => Some((records.len(), "rows of the file belong to no segment")),
            Err(fault) => Some(fault),
        })
    }

    fn holds(&self, parts: &[PartRecord], segment: &SegmentRecord) -> bool {
        let held = match segment.part.checked_sub(1) {
            None => Some(self.local_rows as u64),
            Some(place) => parts.get(place as usize).map(|part| part.rows),
        };
        let end = segment.row.checked_add(segment.rows);
        segment.rows > 0 && end.zip(held).is_some_and(|(end, held)| end <= held)
    }
}

/// Returns the place of the first segment of an asset, one of so many. The first look is at where it is if all have as many.
fn first_of(records: &[SegmentRecord], asset: u32, assets: u32) -> usize {
    let each = records.len() / (assets as usize).max(1);
    let guess = each * asset as usize;
    let is_before = |place: usize| records.get(place).is_some_and(|it| it.asset < asset);
    if !is_before(guess) && (guess == 0 || is_before(guess - 1)) {
        return guess;
    }
    records.partition_point(|segment| segment.asset < asset)
}

/// Returns what is wrong with the parts of the file called `own`, and with which.
pub(crate) fn part_fault(parts: &[PartRecord], own: Digest) -> Option<(usize, &'static str)> {
    let mut before: Option<&PartRecord> = None;
    for (index, part) in parts.iter().enumerate() {
        if before.is_some_and(|before| before.digest >= part.digest) {
            return Some((
                index,
                "it does not come after the one before: parts are sorted, each once",
            ));
        }
        if part.digest == *own.as_bytes() {
            return Some((index, "it is the file itself"));
        }
        if part.rows > i64::MAX.cast_unsigned() {
            return Some((index, "it has too many rows"));
        }
        before = Some(part);
    }
    None
}

/// Returns how many rows lie in the file that segments describe, or what is wrong with which segment.
pub(crate) fn layout_fault(
    segments: &[SegmentRecord],
    parts: &[PartRecord],
    assets: &[u64],
) -> Result<u64, (usize, &'static str)> {
    let mut local_rows = 0u64;
    let mut used = vec![false; parts.len()];
    let mut rows_left: Vec<u64> = assets.to_vec();
    let mut before: Option<&SegmentRecord> = None;
    for (index, segment) in segments.iter().enumerate() {
        let fault = |what| Err((index, what));
        let follows = before.is_some_and(|before| {
            let end = before.row.saturating_add(before.rows);
            before.asset == segment.asset && before.part == segment.part && end == segment.row
        });
        if before.is_some_and(|before| before.asset > segment.asset) || follows {
            return fault("it does not come after the one before, or is one with it");
        }
        let end = segment.row.checked_add(segment.rows).filter(|_| segment.rows > 0);
        let Some(end) = end else { return fault("its rows do not exist") };
        match segment.part.checked_sub(1).map(|place| place as usize) {
            None if segment.row == local_rows => local_rows = end,
            None => return fault("rows of the file itself do not follow one another"),
            Some(place) => match (parts.get(place), used.get_mut(place)) {
                (Some(part), Some(used)) if end <= part.rows => *used = true,
                _ => return fault("its part does not exist or is shorter"),
            },
        }
        let left = rows_left.get_mut(segment.asset as usize);
        match left.and_then(|left| left.checked_sub(segment.rows).map(|less| *left = less)) {
            Some(()) => before = Some(segment),
            None => return fault("its asset does not exist or has fewer rows"),
        }
    }
    if rows_left.iter().any(|&left| left > 0) {
        return Err((segments.len(), "an asset has more rows than its segments"));
    }
    if used.contains(&false) {
        return Err((segments.len(), "a part is not referred to"));
    }
    Ok(local_rows)
}
