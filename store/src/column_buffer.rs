//! Values of one column in memory of their own, which grow at the end.

use barrow_format::{PhysicalType, Values};

/// The growing values of one column.
#[derive(Debug, Clone)]
pub(crate) enum ColumnBuffer {
    F64(Vec<f64>),
    F32(Vec<f32>),
    I64(Vec<i64>),
    I32(Vec<i32>),
    U32(Vec<u32>),
    U8(Vec<u8>),
}

impl ColumnBuffer {
    /// Returns a buffer without values.
    pub(crate) fn new(physical: PhysicalType) -> Self {
        match physical {
            PhysicalType::F64 => Self::F64(Vec::new()),
            PhysicalType::F32 => Self::F32(Vec::new()),
            PhysicalType::I64 => Self::I64(Vec::new()),
            PhysicalType::I32 => Self::I32(Vec::new()),
            PhysicalType::U32 => Self::U32(Vec::new()),
            PhysicalType::U8 => Self::U8(Vec::new()),
        }
    }

    /// Returns the values.
    pub(crate) fn values(&self) -> Values<'_> {
        match self {
            Self::F64(values) => Values::F64(values),
            Self::F32(values) => Values::F32(values),
            Self::I64(values) => Values::I64(values),
            Self::I32(values) => Values::I32(values),
            Self::U32(values) => Values::U32(values),
            Self::U8(values) => Values::U8(values),
        }
    }

    /// Appends values of the buffer's type; others are an error of the caller and leave it as it is.
    pub(crate) fn extend(&mut self, values: Values<'_>) {
        match (self, values) {
            (Self::F64(buffer), Values::F64(values)) => buffer.extend_from_slice(values),
            (Self::F32(buffer), Values::F32(values)) => buffer.extend_from_slice(values),
            (Self::I64(buffer), Values::I64(values)) => buffer.extend_from_slice(values),
            (Self::I32(buffer), Values::I32(values)) => buffer.extend_from_slice(values),
            (Self::U32(buffer), Values::U32(values)) => buffer.extend_from_slice(values),
            (Self::U8(buffer), Values::U8(values)) => buffer.extend_from_slice(values),
            (buffer, values) => {
                debug_assert_eq!(
                    buffer.values().physical(),
                    values.physical(),
                    "one type a column"
                );
            }
        }
    }

    /// Appends missing values: NaN of the bits that the format names. Of integers, which have none, zeros: whoever fills
    /// them in makes sure that none is read as it is.
    pub(crate) fn extend_missing(&mut self, rows: usize) {
        let len = self.values().len() + rows;
        match self {
            Self::F64(values) => values.resize(len, f64::from_bits(NAN_F64)),
            Self::F32(values) => values.resize(len, f32::from_bits(NAN_F32)),
            Self::I64(values) => values.resize(len, 0),
            Self::I32(values) => values.resize(len, 0),
            Self::U32(values) => values.resize(len, 0),
            Self::U8(values) => values.resize(len, 0),
        }
    }

    /// Puts the first of some values in the place of the one at `row`.
    pub(crate) fn set(&mut self, row: usize, value: Values<'_>) {
        match (self, value) {
            (Self::F64(buffer), Values::F64([value, ..])) => buffer[row] = *value,
            (Self::F32(buffer), Values::F32([value, ..])) => buffer[row] = *value,
            (Self::I64(buffer), Values::I64([value, ..])) => buffer[row] = *value,
            (Self::I32(buffer), Values::I32([value, ..])) => buffer[row] = *value,
            (Self::U32(buffer), Values::U32([value, ..])) => buffer[row] = *value,
            (Self::U8(buffer), Values::U8([value, ..])) => buffer[row] = *value,
            (buffer, value) => {
                debug_assert_eq!(buffer.values().physical(), value.physical(), "one type a column");
            }
        }
    }

    /// Shortens the buffer to `rows` values.
    pub(crate) fn truncate(&mut self, rows: usize) {
        match self {
            Self::F64(values) => values.truncate(rows),
            Self::F32(values) => values.truncate(rows),
            Self::I64(values) => values.truncate(rows),
            Self::I32(values) => values.truncate(rows),
            Self::U32(values) => values.truncate(rows),
            Self::U8(values) => values.truncate(rows),
        }
    }
}

/// The bits of a missing f64.
pub(crate) const NAN_F64: u64 = 0x7ff8_0000_0000_0000;
/// The bits of a missing f32.
pub(crate) const NAN_F32: u32 = 0x7fc0_0000;

/// Returns whether a column can have missing values.
pub(crate) fn has_missing(physical: PhysicalType) -> bool {
    matches!(physical, PhysicalType::F64 | PhysicalType::F32)
}
