//! How a column of an opened file is read: the one place that knows the encodings.

use std::ops::Range;

use barrow_format::{Asset, Bundle, Digest, Encoding, Error as FormatError};

use crate::cache::decoded::Decoded;
use crate::crew;
use crate::error::Result;
use crate::reading::snapshot::Snapshot;

/// Where the values of a column come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// One array in the file, read in place.
    Raw {
        /// Where it begins in the file.
        start: usize,
        /// Bytes of a value.
        width: usize,
    },
    /// Compressed blocks, each series decoded at its first touch.
    Blocks,
    /// Several files: in place where one of them holds what is asked for, otherwise put together at the first touch.
    Segments,
}

impl Layout {
    /// Returns how the column at `index` is read.
    pub(crate) fn of<B: AsRef<[u8]>>(
        bundle: &Bundle<B>,
        index: usize,
    ) -> Result<Self, FormatError> {
        match bundle.encoding(index) {
            Encoding::Blocks => return Ok(Self::Blocks),
            Encoding::Segments => return Ok(Self::Segments),
            _ => {}
        }
        let values = bundle.column(index)?;
        let start = values.as_bytes().as_ptr().addr() - bundle.as_bytes().as_ptr().addr();
        Ok(Self::Raw { start, width: values.physical().width() })
    }
}

/// Decodes some rows of a series, each block after comparing it with its checksum.
pub(crate) fn decode_rows(
    snapshot: &Snapshot,
    column: usize,
    asset: Asset,
    rows: Range<usize>,
) -> Result<Decoded> {
    check_rows(snapshot, column, asset)?;
    Decoded::fill(snapshot.physical(column)?, rows.len(), |out| {
        read_rows(snapshot, column, asset, rows, out)
    })
}

/// Decodes a series and checks that it is what its digest says.
pub(crate) fn decode_series(snapshot: &Snapshot, column: usize, asset: Asset) -> Result<Decoded> {
    let decoded = decode_rows(snapshot, column, asset, 0..asset.rows())?;
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
pub(crate) fn decode_column(snapshot: &Snapshot, column: usize) -> Result<Decoded> {
    let bundle = snapshot.bundle();
    let corrupt = |error| snapshot.corrupt(error);
    let mut assets = Vec::new();
    let mut next_row = 0;
    for ordinal in 0..bundle.asset_count() {
        let asset = bundle.asset_at(ordinal).map_err(corrupt)?;
        check_rows(snapshot, column, asset)?;
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
            read_rows(snapshot, column, asset, 0..asset.rows(), out)?;
            if snapshot.hashes() { check_digest(snapshot, column, asset, out) } else { Ok(()) }
        })
    })
}

/// Checks that the file has what an asset's rows in a column are decoded from, so that no memory is taken by a number that
/// nothing stands behind.
pub(crate) fn check_rows(snapshot: &Snapshot, column: usize, asset: Asset) -> Result<()> {
    if snapshot.layout(column)? == Layout::Segments {
        return snapshot.files().check_rows(asset);
    }
    let zones = snapshot.bundle().series_zones(column, asset);
    zones.map(drop).map_err(|error| snapshot.corrupt(error))
}

/// Writes the little-endian bytes of some rows of a series, of which the first is 0, to `out`, which has room for exactly
/// those. Only blocks that hold some of them are decoded.
fn read_rows(
    snapshot: &Snapshot,
    column: usize,
    asset: Asset,
    rows: Range<usize>,
    out: &mut [u8],
) -> Result<()> {
    if snapshot.layout(column)? == Layout::Segments {
        return snapshot.files().read(column, asset, rows, out);
    }
    let read = snapshot.bundle().read_rows(column, asset, rows, out);
    read.map_err(|error| snapshot.corrupt(error))
}
