//! Where the rows of a revision lie once it is written, and which files of before it takes in.

use std::collections::{BTreeMap, BTreeSet};

use barrow_format::Compression;
use barrow_format::record::{PartRecord, SegmentRecord};

use crate::error::Result;
use crate::reading::segments::Files;
use crate::writing::draft::{Entry, FRESH};
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
    pub(crate) copied_from: BTreeSet<u32>,
    /// How the columns of the version before are compressed, where the copies go to a compressed file of their own.
    pub(crate) compression: Option<Vec<Compression>>,
}

impl Placed {
    /// Places the rows of all assets.
    pub(crate) fn of(files: Files<'_>, entries: &[Entry<'_>]) -> Result<Self> {
        let Absorbed { parts: absorbed, compression } = Absorbed::of(files, entries)?;
        let sources = entries.iter().map(|entry| entry.sources.len()).sum();
        let mut segments = Vec::with_capacity(sources);
        let mut copies: Vec<SegmentRecord> = Vec::with_capacity(entries.len());
        let mut copied_from = BTreeSet::new();
        let mut rows_copied = 0;
        for (asset, entry) in (0..).zip(entries) {
            let stays =
                |source: &&SegmentRecord| source.part != FRESH && !absorbed.contains(&source.part);
            let gathers = entry.sources.iter().filter(stays).count() > SEGMENTS_MAX;
            for source in &entry.sources {
                let mut segment = SegmentRecord { asset, ..*source };
                if gathers || !stays(&source) {
                    (segment.part, segment.row) = (FRESH, rows_copied);
                    rows_copied += source.rows;
                    copies.push(SegmentRecord { asset, ..*source });
                    copied_from.extend((source.part != FRESH).then_some(source.part));
                }
                push_segment(&mut segments, segment);
            }
        }
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

    fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        let (last, known) = self.all.split_last().map_or((None, &[][..]), |(l, k)| (Some(l), k));
        (0..).zip(known).chain(last.map(|last| (FRESH, last)))
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

/// The files of the version before that are taken in.
#[derive(Debug, Default)]
struct Absorbed {
    parts: BTreeSet<u32>,
    compression: Option<Vec<Compression>>,
}

impl Absorbed {
    fn of(files: Files<'_>, entries: &[Entry<'_>]) -> Result<Self> {
        let mut rows = PerPart::<u64>::of(files);
        for source in entries.iter().flat_map(|entry| &entry.sources) {
            *rows.of_part(source.part) += source.rows;
        }
        let live = rows.iter().filter(|(_, rows)| **rows > 0);
        let mut live: BTreeMap<u32, u64> = live.map(|(part, rows)| (part, *rows)).collect();
        let fresh = live.remove(&FRESH).unwrap_or(0);
        let rows: Vec<u64> = live.values().copied().collect();
        let taken = |merges: &[bool]| -> BTreeSet<u32> {
            let taken = tiers::absorbed(&rows, fresh, merges);
            live.keys().zip(taken).filter(|(_, taken)| *taken).map(|(part, _)| *part).collect()
        };
        let parts = taken(&vec![true; rows.len()]);
        let copied = |source: &&SegmentRecord| source.part == FRESH || parts.contains(&source.part);
        let rows_copied: u64 =
            entries.iter().flat_map(|it| &it.sources).filter(copied).map(|it| it.rows).sum();
        let assets = entries.iter().filter(|entry| entry.sources.iter().any(|it| copied(&it)));
        let assets = u64::try_from(assets.count()).unwrap_or(u64::MAX);
        // What the files are like is looked up only where it matters.
        if rows_copied > 0 && rows_copied >= PACKED_ROWS_MIN.saturating_mul(assets) {
            let compression = files.compression()?;
            if compression.iter().any(|it| *it != Compression::None) {
                return Ok(Self { parts, compression: Some(compression) });
            }
        }
        if parts.is_empty() {
            return Ok(Self::default());
        }
        // Compressed columns stay compressed: a file that has some is left alone.
        let plain = |part: &u32| Ok(!files.has_blocks(*part)?);
        let merges: Vec<bool> = live.keys().map(plain).collect::<Result<_>>()?;
        Ok(Self { parts: taken(&merges), compression: None })
    }
}
