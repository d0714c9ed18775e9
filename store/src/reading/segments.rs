//! The files that a version lies in, to read rows from: the file at its head, and the parts that this refers to.

use std::borrow::Cow;
use std::ops::Range;
use std::path::Path;

use barrow_format::record::{PartRecord, SegmentRecord};
use barrow_format::{Asset, Bundle, Encoding, PhysicalType, SourceRecord, Values, ValuesBuf};

use crate::disk::mapping::Mapping;
use crate::error::{Error, Result};
use crate::reading::parts::{Part, Parts};

/// Some rows of one column of one file.
#[derive(Debug)]
pub(crate) enum Rows<'a> {
    /// They lie in the map.
    Mapped(Values<'a>),
    /// They were decoded, or the file has no such column and they are missing.
    Made(ValuesBuf),
}

impl Rows<'_> {
    pub(crate) fn values(&self) -> Values<'_> {
        match self {
            Self::Mapped(values) => *values,
            Self::Made(buffer) => buffer.values(),
        }
    }
}

/// The files of a version, to read its rows from. Cheap to copy.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Files<'a> {
    pub(crate) head: &'a Bundle<Mapping>,
    pub(crate) path: &'a Path,
    pub(crate) parts: &'a Parts,
}

impl<'a> Files<'a> {
    /// Returns where the rows of an asset lie, oldest first. Of a version of one part: in the head, as a whole.
    pub(crate) fn segments(self, asset: Asset) -> Result<Cow<'a, [SegmentRecord]>> {
        if self.head.is_segmented() {
            return self.head.segments(asset).map(Cow::Borrowed).map_err(Error::corrupt(self.path));
        }
        if asset.rows() == 0 {
            return Ok(Cow::Borrowed(&[]));
        }
        let rows = asset.row_range();
        let number = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let (row, rows) = (number(rows.start), number(rows.len()));
        Ok(Cow::Owned(vec![SegmentRecord { asset: asset.ordinal(), part: 0, row, rows }]))
    }

    /// Returns how a file is known: place 0 is the head, as in a segment.
    pub(crate) fn record(self, part: u32) -> Result<PartRecord> {
        match self.part(part)? {
            Some(part) => Ok(part.record),
            None => Ok(PartRecord {
                digest: *self.head.digest().as_bytes(),
                bytes: u64::try_from(self.head.as_bytes().len()).unwrap_or(u64::MAX),
                rows: u64::try_from(self.head.local_rows()).unwrap_or(u64::MAX),
            }),
        }
    }

    /// Returns a file, checked.
    pub(crate) fn bundle(self, part: u32) -> Result<&'a Bundle<Mapping>> {
        match self.part(part)? {
            Some(part) => Ok(&part.open(self.head)?.bundle),
            None => Ok(self.head),
        }
    }

    /// Returns some rows of a column of the head's schema, which lie in one file. A column that the file does not have is
    /// missing values; so is one that the head does not have either.
    pub(crate) fn rows(self, part: u32, column: usize, rows: Range<usize>) -> Result<Rows<'a>> {
        let (bundle, place, path) = self.column(part, column)?;
        let described = self.head.schema().columns().get(column);
        let physical = described.map_or(PhysicalType::F64, |column| column.physical);
        let Some(place) = place else {
            let mut buffer = ValuesBuf::new(physical);
            buffer.extend_missing(rows.len());
            return Ok(Rows::Made(buffer));
        };
        if bundle.encoding(place) == Encoding::Blocks {
            return decoded(bundle, place, rows).map(Rows::Made).map_err(Error::corrupt(path));
        }
        let checked = bundle.check_rows(place, rows.clone());
        let values = checked.and_then(|()| bundle.local_values(place, rows));
        values.map(Rows::Mapped).map_err(Error::corrupt(path))
    }

    /// Returns a file, its path, and the place in it of a column of the head's schema, if it has that.
    fn column(
        self,
        part: u32,
        column: usize,
    ) -> Result<(&'a Bundle<Mapping>, Option<usize>, &'a Path)> {
        Ok(match self.part(part)? {
            None => (self.head, Some(column), self.path),
            Some(part) => {
                let opened = part.open(self.head)?;
                let place = opened.columns.get(column).copied().flatten();
                (&opened.bundle, place, part.path.as_path())
            }
        })
    }

    /// Checks that the rows of an asset are there, so that no memory is taken by a number that nothing stands behind.
    pub(crate) fn check_rows(self, asset: Asset) -> Result<()> {
        self.segments(asset)?.iter().try_for_each(|segment| self.bundle(segment.part).map(drop))
    }

    /// Returns the bytes that a column of the head's schema takes in all files.
    pub(crate) fn stored_bytes(self, column: usize) -> Result<u64> {
        let of_part = |part| {
            let (bundle, place, path) = self.column(part, column)?;
            place.map_or(Ok(0), |place| bundle.stored_bytes(place).map_err(Error::corrupt(path)))
        };
        (0..=self.parts.count()).map(of_part).sum()
    }

    /// Returns the sources of all files, each once.
    pub(crate) fn sources(self) -> Result<Vec<SourceRecord>> {
        let mut sources = Vec::new();
        for part in 0..=self.parts.count() {
            let bundle = self.bundle(part)?;
            sources.extend(bundle.provenance().map_err(Error::corrupt(self.path))?.sources);
        }
        sources.sort();
        sources.dedup();
        Ok(sources)
    }

    /// Hands on rows of an asset (its first is 0), oldest first, file by file.
    pub(crate) fn each_piece(
        self,
        column: usize,
        asset: Asset,
        rows: Range<usize>,
        take: &mut dyn FnMut(Values<'_>),
    ) -> Result<()> {
        let mut first = 0;
        for segment in self.segments(asset)?.iter() {
            let held = span(segment);
            let from = rows.start.clamp(first, first + held.len());
            let to = rows.end.clamp(from, first + held.len());
            if from < to {
                let rows = held.start + (from - first)..held.start + (to - first);
                take(self.rows(segment.part, column, rows)?.values());
            }
            first += held.len();
        }
        Ok(())
    }

    /// Returns rows of an asset (its first is 0) in memory of its own.
    pub(crate) fn gather(
        self,
        column: usize,
        asset: Asset,
        rows: Range<usize>,
    ) -> Result<ValuesBuf> {
        let described = self.head.schema().columns().get(column);
        let physical = described.map_or(PhysicalType::F64, |column| column.physical);
        let mut buffer = ValuesBuf::new(physical);
        if described.is_none() {
            buffer.extend_missing(rows.len());
            return Ok(buffer);
        }
        self.each_piece(column, asset, rows, &mut |values| buffer.extend(values))?;
        Ok(buffer)
    }

    /// Writes the little-endian bytes of rows of an asset (its first is 0) to `out`, which has room for exactly those.
    pub(crate) fn read(
        self,
        column: usize,
        asset: Asset,
        rows: Range<usize>,
        out: &mut [u8],
    ) -> Result<()> {
        let mut at = 0;
        self.each_piece(column, asset, rows, &mut |values| {
            let bytes = values.as_bytes();
            let end = at + bytes.len();
            // A checked asset's segments have its number of rows.
            out[at..end].copy_from_slice(bytes);
            at = end;
        })
    }

    /// Returns rows of an asset (its first is 0) if one file holds them as they are: no copy.
    pub(crate) fn slice(
        self,
        column: usize,
        asset: Asset,
        rows: Range<usize>,
    ) -> Result<Option<Values<'a>>> {
        let mut first = 0;
        for segment in self.segments(asset)?.iter() {
            let held = span(segment);
            if rows.start < first + held.len() {
                if rows.end > first + held.len() {
                    return Ok(None);
                }
                let (bundle, place, _) = self.column(segment.part, column)?;
                if place.is_none_or(|place| bundle.encoding(place) == Encoding::Blocks) {
                    return Ok(None);
                }
                let start = held.start + (rows.start - first);
                let found = self.rows(segment.part, column, start..start + rows.len())?;
                return Ok(match found {
                    Rows::Mapped(values) => Some(values),
                    Rows::Made(_) => None,
                });
            }
            first += held.len();
        }
        Ok(None)
    }

    /// Returns all own rows of a file of a column of the head's schema, if they lie in the map as they are. Their pages are
    /// not checked: whoever uses some compares what they hash to.
    pub(crate) fn own_rows(self, part: u32, column: usize) -> Result<Option<Values<'a>>> {
        let (bundle, place, path) = self.column(part, column)?;
        let Some(place) = place.filter(|place| bundle.encoding(*place) != Encoding::Blocks) else {
            return Ok(None);
        };
        let values = bundle.local_values(place, 0..bundle.local_rows());
        values.map(Some).map_err(Error::corrupt(path))
    }

    /// Tells whether the first `rows` own rows of a file of a column of the head's schema are what the check words of their pages
    /// say, and there are such.
    pub(crate) fn are_sound(self, part: u32, column: usize, rows: usize) -> bool {
        let Ok((bundle, Some(place), _)) = self.column(part, column) else { return false };
        bundle.checks_pages() && bundle.check_rows(place, 0..rows).is_ok()
    }

    fn part(self, part: u32) -> Result<Option<&'a Part>> {
        let Some(place) = part.checked_sub(1) else { return Ok(None) };
        let place = usize::try_from(place).unwrap_or(usize::MAX);
        // A segment's part is checked with the segment; the table is that of the head, which is opened but once.
        let part = self.parts.get(place);
        let missing = || Error::Mismatch {
            path: self.path.to_owned(),
            what: "part",
            expected: place.to_string(),
            found: self.parts.count().to_string(),
        };
        part.map(Some).ok_or_else(missing)
    }
}

/// Decodes rows of a compressed column, which are those of one asset.
fn decoded(
    bundle: &Bundle<Mapping>,
    column: usize,
    rows: Range<usize>,
) -> Result<ValuesBuf, barrow_format::Error> {
    let asset = bundle.asset_of_row(rows.start)?;
    let first = asset.row_range().start;
    let physical = bundle.schema().columns().get(column).map_or(PhysicalType::U8, |it| it.physical);
    // The rows are checked against the asset's before memory is taken for them.
    bundle.series_zones(column, asset).map(drop)?;
    if rows.end > asset.row_range().end {
        let (start, end) = (rows.start - first, rows.end - first);
        return Err(barrow_format::Error::Rows { start, end, rows: asset.rows() });
    }
    let mut buffer = ValuesBuf::zeroed(physical, rows.len());
    bundle.read_rows(column, asset, rows.start - first..rows.end - first, buffer.as_bytes_mut())?;
    Ok(buffer)
}

/// Returns the rows of a segment, in its file.
pub(crate) fn span(segment: &SegmentRecord) -> Range<usize> {
    let start = usize::try_from(segment.row).unwrap_or(usize::MAX);
    start..start.saturating_add(usize::try_from(segment.rows).unwrap_or(usize::MAX))
}
