//! Where the rows of a revision lie once it is written, and which files of before it takes in.

use barrow_format::Compression;
use barrow_format::record::{PartRecord, SegmentRecord};

use crate::error::Result;
use crate::reading::segments::Files;
use crate::writing::entries::{Entries, FRESH};
use crate::writing::tiers;

/// Segments of an asset that are left at most: of more, all its rows are copied into the new file.
const SEGMENTS_MAX: usize = 64;
/// Rows an asset from which on rows are compressed: a series of fewer is not longer than what describes it. Tests, whose
/// series are short, compress nearly all.
const PACKED_ROWS_MIN: u64 = if cfg!(test) { 3 } else { 64 };

/// Where everything lies.
#[derive(Debug)]
pub(crate) struct Placed {
    /// Where the rows of each asset lie; [`FRESH`] stands for the file that copies go to.
    pub(crate) segments: Vec<SegmentRecord>,
    /// Where the rows that are written lie before, in the order in which they are written, by the asset's new place.
    pub(crate) copies: Vec<SegmentRecord>,
    /// The files, by their place in the version before, from which rows are copied.
    pub(crate) copied_from: Vec<u32>,
    /// How the columns of the version before are compressed, where the copies go to a compressed file of their own.
    pub(crate) compression: Option<Vec<Compression>>,
}

impl Placed {
    /// Places the rows of all assets.
    pub(crate) fn of(files: Files<'_>, entries: &Entries<'_>) -> Result<Self> {
        let Absorbed { parts: mut absorbed, compression } = Absorbed::of(files, entries)?;
        let mut segments = Vec::with_capacity(entries.each_sources().map(<[_]>::len).sum());
        let mut copies: Vec<SegmentRecord> = Vec::with_capacity(entries.all.len());
        let mut copied_from = PerPart::<bool>::of(files);
        let mut rows_copied = 0;
        for (asset, sources) in (0..).zip(entries.each_sources()) {
            let gathers = sources.len() > SEGMENTS_MAX
                && sources.iter().filter(|it| !*absorbed.of_part(it.part)).count() > SEGMENTS_MAX;
            for source in sources {
                let mut segment = SegmentRecord { asset, ..*source };
                if gathers || *absorbed.of_part(source.part) {
                    (segment.part, segment.row) = (FRESH, rows_copied);
                    rows_copied += source.rows;
                    copies.push(SegmentRecord { asset, ..*source });
                    *copied_from.of_part(source.part) = true;
                }
                push_segment(&mut segments, segment);
            }
        }
        let copied_from = copied_from.known().filter(|(_, copied)| **copied);
        let copied_from = copied_from.map(|(part, _)| part).collect();
        Ok(Self { segments, copies, copied_from, compression })
    }
}

/// Returns the tables of parts and segments. `pack` is the file that the copies lie in, if they do not lie in the new
/// head itself.
pub(crate) fn tables(
    mut segments: Vec<SegmentRecord>,
    files: Files<'_>,
    pack: Option<PartRecord>,
) -> Result<(Vec<PartRecord>, Vec<SegmentRecord>)> {
    let mut used = PerPart::<bool>::of(files);
    for segment in &segments {
        *used.of_part(segment.part) = true;
    }
    let mut parts = Vec::new();
    for (part, _) in used.iter().filter(|(_, used)| **used) {
        if part == FRESH {
            parts.extend(pack.map(|record| (record, part)));
        } else {
            parts.push((files.record(part)?, part));
        }
    }
    parts.sort_by_key(|(record, _)| record.digest);
    // Rows of the head itself are in no table.
    let mut places = PerPart::<u32>::of(files);
    for ((_, part), place) in parts.iter().zip(1..) {
        *places.of_part(*part) = place;
    }
    for segment in &mut segments {
        segment.part = *places.of_part(segment.part);
    }
    Ok((parts.into_iter().map(|(record, _)| record).collect(), segments))
}

/// Something of each file of the version before, and of the one to come: found in a few instructions, for each of many
/// segments.
#[derive(Debug)]
struct PerPart<T> {
    /// In the order of the files; that of [`FRESH`] is the last.
    all: Vec<T>,
}

impl<T: Clone + Default> PerPart<T> {
    fn of(files: Files<'_>) -> Self {
        let known = usize::try_from(files.parts.count()).unwrap_or(usize::MAX);
        Self { all: vec![T::default(); known.saturating_add(2)] }
    }

    /// Returns that of a file; no segment names one that the version before does not have.
    fn of_part(&mut self, part: u32) -> &mut T {
        let last = self.all.len() - 1;
        let place = usize::try_from(part).map_or(last, |place| place.min(last));
        &mut self.all[place]
    }

    /// Returns those of the files of the version before.
    fn known(&self) -> impl Iterator<Item = (u32, &T)> {
        (0..).zip(self.all.split_last().map_or(&[][..], |(_, known)| known))
    }

    fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        self.known().chain(self.all.last().map(|last| (FRESH, last)))
    }
}

/// Appends a segment, or makes the last one longer when this one follows it in the same file.
fn push_segment(segments: &mut Vec<SegmentRecord>, segment: SegmentRecord) {
    match segments.last_mut() {
        Some(last)
            if (last.asset, last.part) == (segment.asset, segment.part)
                && last.row + last.rows == segment.row =>
        {
            last.rows += segment.rows;
        }
        _ => segments.push(segment),
    }
}

/// The files whose rows are written anew.
#[derive(Debug)]
struct Absorbed {
    /// Those of the version before that are taken in, and [`FRESH`].
    parts: PerPart<bool>,
    compression: Option<Vec<Compression>>,
}

impl Absorbed {
    fn of(files: Files<'_>, entries: &Entries<'_>) -> Result<Self> {
        let mut rows = PerPart::<u64>::of(files);
        for source in entries.each_sources().flatten() {
            *rows.of_part(source.part) += source.rows;
        }
        let fresh = *rows.of_part(FRESH);
        let live: Vec<(u32, u64)> =
            rows.known().filter(|(_, rows)| **rows > 0).map(|(part, rows)| (part, *rows)).collect();
        let live_rows: Vec<u64> = live.iter().map(|(_, rows)| *rows).collect();
        let taken = |merges: &[bool]| {
            let mut parts = PerPart::<bool>::of(files);
            for ((part, _), taken) in live.iter().zip(tiers::absorbed(&live_rows, fresh, merges)) {
                *parts.of_part(*part) = taken;
            }
            *parts.of_part(FRESH) = true;
            parts
        };
        let mut parts = taken(&vec![true; live.len()]);
        let copied = parts.iter().zip(rows.iter()).filter(|((_, copied), _)| **copied);
        let rows_copied: u64 = copied.map(|(_, (_, rows))| *rows).sum();
        let mut is_copied =
            |sources: &&[SegmentRecord]| sources.iter().any(|source| *parts.of_part(source.part));
        let assets = entries.each_sources().filter(|it| is_copied(it)).count();
        let assets = u64::try_from(assets).unwrap_or(u64::MAX);
        // What the files are like is looked up only where it matters.
        if rows_copied > 0 && rows_copied >= PACKED_ROWS_MIN.saturating_mul(assets) {
            let compression = files.compression()?;
            if compression.iter().any(|it| *it != Compression::None) {
                return Ok(Self { parts, compression: Some(compression) });
            }
        }
        if !parts.known().any(|(_, taken)| *taken) {
            return Ok(Self { parts, compression: None });
        }
        // Compressed columns stay compressed: a file that has some is left alone.
        let plain = |(part, _): &(u32, u64)| Ok(!files.has_blocks(*part)?);
        let merges: Vec<bool> = live.iter().map(plain).collect::<Result<_>>()?;
        Ok(Self { parts: taken(&merges), compression: None })
    }
}
