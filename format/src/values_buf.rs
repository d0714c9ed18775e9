//! [`ValuesBuf`]: owned, typed values, for what is decoded rather than mapped.

use zerocopy::IntoBytes;

use crate::{PhysicalType, Values};

/// Owned values of one type, oldest first, at an address that suits them.
#[derive(Debug, Clone)]
pub struct ValuesBuf {
    words: Vec<u64>,
    physical: PhysicalType,
    rows: usize,
}

impl ValuesBuf {
    /// Makes `rows` values whose bytes are zero.
    pub fn zeroed(physical: PhysicalType, rows: usize) -> Self {
        let words = vec![0; (rows * physical.width()).div_ceil(8)];
        Self { words, physical, rows }
    }

    /// Returns the values.
    pub fn values(&self) -> Values<'_> {
        let bytes = self.words.as_bytes().get(..self.rows * self.physical.width());
        let values = bytes.and_then(|bytes| Values::from_bytes(self.physical, bytes));
        // The address is a multiple of 8 and the length whole, so the bytes always are values.
        values.unwrap_or(Values::U8(&[]))
    }

    /// Returns the little-endian bytes of the values, to be filled.
    pub fn as_bytes_mut(&mut self) -> &mut [u8] {
        let len = self.rows * self.physical.width();
        self.words.as_mut_bytes().get_mut(..len).unwrap_or_default()
    }
}
