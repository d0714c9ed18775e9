//! How a column of an opened file is read: the one place that knows the encodings.

use barrow_format::{Asset, Bundle, Encoding, Error as FormatError};

use crate::error::Result;
use crate::snapshot::Snapshot;

/// Where the values of a column come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// One array in the file, read in place.
    Raw {
        /// Where it begins in the file.
        start: usize,
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
        Ok(Self::Raw { start })
    }
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

/// Writes the little-endian bytes of a series, oldest value first, to `out`, which has room for exactly those.
pub(crate) fn read_series(
    snapshot: &Snapshot,
    column: usize,
    asset: Asset,
    out: &mut [u8],
) -> Result<()> {
    if snapshot.layout(column)? == Layout::Segments {
        return snapshot.files().read(column, asset, out);
    }
    let read = snapshot.bundle().read_rows(column, asset, 0..asset.rows(), out);
    read.map_err(|error| snapshot.corrupt(error))
}
