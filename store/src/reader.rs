//! Reading a lease's columns: in place where the map holds an array, otherwise decoded once and kept.

use std::ops::Range;
use std::sync::Arc;

use barrow_format::{Asset, Digest, PhysicalType, Values};

use crate::crew;
use crate::decoded::{Decoded, DecodedCache, DecodedKey};
use crate::error::Result;
use crate::kept::Kept;
use crate::layout::{self, Layout};
use crate::options::OpenMode;
use crate::snapshot::Snapshot;

/// Where the values of a column came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Origin {
    /// Slices of the mapped file: nothing was copied.
    Mapped,
    /// Slices of the copy of the file that [`OpenMode::Read`](crate::OpenMode::Read) made.
    Read,
    /// Slices of memory into which the column's series are decoded at their first touch, and which the leases of this
    /// process share.
    Decoded,
}

/// What a lease reads with: the opened version, and the keeper of what it decodes. Cheap to copy.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a> {
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) kept: Option<&'a Kept>,
}

impl<'a> Reader<'a> {
    /// Returns where the values of a column come from.
    pub(crate) fn origin(self, column: usize) -> Result<Origin> {
        Ok(match self.snapshot.layout(column)? {
            Layout::Raw { .. } if self.snapshot.options().mode == OpenMode::Read => Origin::Read,
            Layout::Raw { .. } => Origin::Mapped,
            Layout::Blocks | Layout::Segments => Origin::Decoded,
        })
    }

    /// Returns where the values of some rows of an asset (its first is 0) in a column come from.
    pub(crate) fn stretch_origin(
        self,
        column: usize,
        ordinal: u32,
        rows: Range<usize>,
    ) -> Result<Origin> {
        match self.in_one_file(column, ordinal, rows)? {
            Some(_) if self.snapshot.options().mode == OpenMode::Read => Ok(Origin::Read),
            Some(_) => Ok(Origin::Mapped),
            None => self.origin(column),
        }
    }

    /// Returns some rows of an asset (its first is 0) in a column that is not read in place as a whole. Where one file holds
    /// them as they are, they are read in place; otherwise the series is decoded.
    pub(crate) fn stretch(
        self,
        column: usize,
        ordinal: u32,
        rows: Range<usize>,
    ) -> Result<Values<'a>> {
        if let Some(values) = self.in_one_file(column, ordinal, rows.clone())? {
            return Ok(values);
        }
        let series = self.decoded_series(column, ordinal)?;
        // A stretch of bars is only ever made smaller.
        Ok(series.slice(rows).expect("a stretch lies within its asset's rows"))
    }

    /// Returns rows of a column of segments, if one file holds them and they need not be checked first.
    fn in_one_file(
        self,
        column: usize,
        ordinal: u32,
        rows: Range<usize>,
    ) -> Result<Option<Values<'a>>> {
        let decoded =
            || self.kept.is_some_and(|kept| kept.series(column, place(ordinal)).is_some());
        if self.snapshot.layout(column)? != Layout::Segments || self.snapshot.checks() || decoded()
        {
            return Ok(None);
        }
        let asset = self.snapshot.bundle().asset_at(ordinal);
        let asset = asset.map_err(|error| self.snapshot.corrupt(error))?;
        self.snapshot.files().slice(column, asset, rows)
    }

    /// Returns a whole column. One that is not read in place is decoded by all processors.
    pub(crate) fn column(self, column: usize) -> Result<Values<'a>> {
        if let Layout::Raw { .. } = self.snapshot.layout(column)? {
            if self.snapshot.checks() {
                self.touch(column, 0..self.snapshot.bundle().asset_count())?;
            }
            return self.snapshot.mapped_column(column);
        }
        Ok(self.decoded_column(column)?.values())
    }

    /// Returns the whole series of an asset in a column.
    pub(crate) fn series(self, column: usize, ordinal: u32) -> Result<Values<'a>> {
        if let Layout::Raw { .. } = self.snapshot.layout(column)? {
            self.snapshot.check_series(column, ordinal)?;
            let bundle = self.snapshot.bundle();
            let series = bundle.asset_at(ordinal).and_then(|asset| bundle.series(column, asset));
            return series.map_err(|error| self.snapshot.corrupt(error));
        }
        self.decoded_series(column, ordinal)
    }

    /// Returns the timestamps of an asset whose rows in the bundle's columns are `rows`.
    #[inline]
    pub(crate) fn times(self, ordinal: u32, rows: Range<usize>) -> Result<&'a [i64]> {
        match self.snapshot.mapped_time(rows) {
            Some(times) => Ok(times),
            None => self.decoded_times(ordinal),
        }
    }

    #[cold]
    fn decoded_times(self, ordinal: u32) -> Result<&'a [i64]> {
        Ok(self.series(0, ordinal)?.as_i64().unwrap_or_default())
    }

    /// Decodes, or checks, the series of some assets in a column on all processors, so that reading them next finds that
    /// done.
    pub(crate) fn touch(self, column: usize, ordinals: impl Iterator<Item = u32>) -> Result<()> {
        if let Layout::Raw { .. } = self.snapshot.layout(column)? {
            if !self.snapshot.checks() {
                return Ok(());
            }
            let check = |ordinal| self.snapshot.check_series(column, ordinal);
            return crew::each(ordinals.collect(), check);
        }
        let kept = self.keeper();
        let missing = |ordinal: &u32| kept.series(column, place(*ordinal)).is_none();
        if kept.column(column).is_some() {
            return Ok(());
        }
        let missing: Vec<u32> = ordinals.filter(missing).collect();
        crew::each(missing, |ordinal| self.decoded_series(column, ordinal).map(drop))
    }

    /// Returns the memory that holds a whole column; the lease keeps it.
    pub(crate) fn decoded_column(self, column: usize) -> Result<&'a Arc<Decoded>> {
        let kept = self.keeper();
        if let Some(known) = kept.column(column) {
            return Ok(known);
        }
        let key = DecodedKey::Column { snapshot: self.snapshot.id(), column };
        let decoded =
            DecodedCache::global().get_or_decode(&key, || decode_column(self.snapshot, column))?;
        Ok(kept.keep_column(column, decoded))
    }

    /// Returns the memory that holds a series; the lease keeps it. `None` for a series without rows, which needs none.
    pub(crate) fn decoded(self, column: usize, ordinal: u32) -> Result<Option<&'a Arc<Decoded>>> {
        let kept = self.keeper();
        if let Some(known) = kept.series(column, place(ordinal)) {
            return Ok(Some(known));
        }
        let bundle = self.snapshot.bundle();
        let corrupt = |error| self.snapshot.corrupt(error);
        let asset = bundle.asset_at(ordinal).map_err(corrupt)?;
        if asset.rows() == 0 {
            return Ok(None);
        }
        let digest = bundle.series_digest(column, asset).map_err(corrupt)?;
        let physical = self.snapshot.physical(column)?;
        let key = DecodedKey::Series { digest, physical };
        let decode = || decode_series(self.snapshot, column, asset);
        let decoded = DecodedCache::global().get_or_decode(&key, decode)?;
        // Another file's series of the same digest has as many values, since their bytes hash to the same.
        Ok(Some(kept.keep_series(column, place(ordinal), decoded)))
    }

    fn decoded_series(self, column: usize, ordinal: u32) -> Result<Values<'a>> {
        if let Some(whole) = self.keeper().column(column) {
            let bundle = self.snapshot.bundle();
            let asset = bundle.asset_at(ordinal).map_err(|error| self.snapshot.corrupt(error))?;
            let values = whole.values().slice(asset.row_range());
            return Ok(values.expect("a checked asset's rows lie in every column"));
        }
        match self.decoded(column, ordinal)? {
            Some(decoded) => Ok(decoded.values()),
            None => Ok(nothing(self.snapshot.physical(column)?)),
        }
    }

    fn keeper(self) -> &'a Kept {
        self.kept.expect("a lease of a version that decodes columns keeps them")
    }
}

/// Decodes a series and checks that it is what its digest says.
fn decode_series(snapshot: &Snapshot, column: usize, asset: Asset) -> Result<Decoded> {
    let physical = snapshot.physical(column)?;
    layout::check_rows(snapshot, column, asset)?;
    let decoded = Decoded::fill(physical, asset.rows(), |out| {
        layout::read_series(snapshot, column, asset, out)
    })?;
    check_digest(snapshot, column, asset, decoded.as_bytes())?;
    Ok(decoded)
}

/// Checks that the bytes of a series hash to what the file says of it.
fn check_digest(snapshot: &Snapshot, column: usize, asset: Asset, bytes: &[u8]) -> Result<()> {
    let expected = snapshot.bundle().series_digest(column, asset);
    let expected = expected.map_err(|error| snapshot.corrupt(error))?;
    let found = Digest::of(bytes);
    if found == expected { Ok(()) } else { Err(snapshot.changed(column, asset, expected, found)) }
}

/// Decodes a column on all processors.
fn decode_column(snapshot: &Snapshot, column: usize) -> Result<Decoded> {
    let bundle = snapshot.bundle();
    let corrupt = |error| snapshot.corrupt(error);
    let mut assets = Vec::new();
    let mut next_row = 0;
    for ordinal in 0..bundle.asset_count() {
        let asset = bundle.asset_at(ordinal).map_err(corrupt)?;
        layout::check_rows(snapshot, column, asset)?;
        if asset.row_range().start != next_row {
            return Err(snapshot.disordered(ordinal));
        }
        next_row = asset.row_range().end;
        assets.push(asset);
    }
    if next_row != bundle.rows() {
        return Err(snapshot.disordered(bundle.asset_count().saturating_sub(1)));
    }
    let physical = snapshot.physical(column)?;
    Decoded::fill(physical, bundle.rows(), |mut rest| {
        let mut jobs = Vec::with_capacity(assets.len());
        for asset in assets {
            let (out, behind) = rest.split_at_mut(asset.rows() * physical.width());
            rest = behind;
            if asset.rows() > 0 {
                jobs.push((asset, out));
            }
        }
        crew::each(jobs, |(asset, out)| {
            layout::read_series(snapshot, column, asset, out)?;
            if snapshot.checks() { check_digest(snapshot, column, asset, out) } else { Ok(()) }
        })
    })
}

fn place(ordinal: u32) -> usize {
    usize::try_from(ordinal).unwrap_or(usize::MAX)
}

/// Returns no values of a type.
fn nothing(physical: PhysicalType) -> Values<'static> {
    match physical {
        PhysicalType::F64 => Values::F64(&[]),
        PhysicalType::F32 => Values::F32(&[]),
        PhysicalType::I64 => Values::I64(&[]),
        PhysicalType::I32 => Values::I32(&[]),
        PhysicalType::U32 => Values::U32(&[]),
        PhysicalType::U8 => Values::U8(&[]),
    }
}
