//! [`OwnRows`]: the rows of a column that lie in one file of a version.

use std::ops::Range;
use std::path::Path;

use barrow_format::{Bundle, Encoding, Values};

use crate::disk::mapping::Mapping;
use crate::error::{Error, Result};
use crate::reading::segments::Files;

/// The own rows of a file of one column, which lie in the map.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OwnRows<'a> {
    bundle: &'a Bundle<Mapping>,
    path: &'a Path,
    place: usize,
    values: Values<'a>,
}

impl<'a> OwnRows<'a> {
    /// Returns some of them, checked as the file is to be.
    pub(crate) fn get(&self, rows: Range<usize>) -> Result<Values<'a>> {
        let checked = self.bundle.check_rows(self.place, rows.clone());
        let values = checked.and_then(|()| match self.values.slice(rows.clone()) {
            Some(values) => Ok(values),
            // Tells what is wrong with them.
            None => self.bundle.local_values(self.place, rows),
        });
        values.map_err(Error::corrupt(self.path))
    }
}

impl<'a> Files<'a> {
    /// Returns the own rows of a file of a column of the head's schema, if they lie in the map as they are.
    pub(crate) fn own_rows(self, part: u32, column: usize) -> Result<Option<OwnRows<'a>>> {
        let (bundle, place, path) = self.column(part, column)?;
        let Some(place) = place.filter(|place| bundle.encoding(*place) != Encoding::Blocks) else {
            return Ok(None);
        };
        let values = bundle.local_values(place, 0..bundle.local_rows());
        let values = values.map_err(Error::corrupt(path))?;
        Ok(Some(OwnRows { bundle, path, place, values }))
    }
}
