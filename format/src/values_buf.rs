//! [`ValuesBuf`]: owned, typed values of one column, which grow at the end.

use zerocopy::IntoBytes;

use crate::{PhysicalType, Values};

/// Owned values of one column, oldest first.
#[derive(Debug, Clone, PartialEq)]
pub enum ValuesBuf {
    /// Values of type f64; missing is NaN.
    F64(Vec<f64>),
    /// Values of type f32; missing is NaN.
    F32(Vec<f32>),
    /// Values of type i64.
    I64(Vec<i64>),
    /// Values of type i32.
    I32(Vec<i32>),
    /// Values of type u32.
    U32(Vec<u32>),
    /// Values of type u8.
    U8(Vec<u8>),
}

/// Evaluates the same expression for the vector of whichever type the values are.
macro_rules! each {
    ($buf:expr, $values:ident => $body:expr) => {
        match $buf {
            ValuesBuf::F64($values) => $body,
            ValuesBuf::F32($values) => $body,
            ValuesBuf::I64($values) => $body,
            ValuesBuf::I32($values) => $body,
            ValuesBuf::U32($values) => $body,
            ValuesBuf::U8($values) => $body,
        }
    };
}

/// Makes a buffer of the same type from its vector.
macro_rules! map {
    ($buf:expr, $values:ident => $body:expr) => {
        match $buf {
            ValuesBuf::F64($values) => ValuesBuf::F64($body),
            ValuesBuf::F32($values) => ValuesBuf::F32($body),
            ValuesBuf::I64($values) => ValuesBuf::I64($body),
            ValuesBuf::I32($values) => ValuesBuf::I32($body),
            ValuesBuf::U32($values) => ValuesBuf::U32($body),
            ValuesBuf::U8($values) => ValuesBuf::U8($body),
        }
    };
}

/// Evaluates an expression for a buffer and values of its type, which the caller vouches for.
macro_rules! both {
    ($buf:expr, $values:expr, ($into:ident, $from:ident) => $body:expr) => {
        match ($buf, $values) {
            (ValuesBuf::F64($into), Values::F64($from)) => $body,
            (ValuesBuf::F32($into), Values::F32($from)) => $body,
            (ValuesBuf::I64($into), Values::I64($from)) => $body,
            (ValuesBuf::I32($into), Values::I32($from)) => $body,
            (ValuesBuf::U32($into), Values::U32($from)) => $body,
            (ValuesBuf::U8($into), Values::U8($from)) => $body,
            (buf, values) => {
                let (one, other) = (buf.physical(), values.physical());
                assert_eq!(one, other, "a column has values of one type");
            }
        }
    };
}

impl ValuesBuf {
    /// Makes a buffer without values; allocates nothing.
    pub fn new(physical: PhysicalType) -> Self {
        Self::zeroed(physical, 0)
    }

    /// Makes `rows` values whose bytes are zero.
    pub fn zeroed(physical: PhysicalType, rows: usize) -> Self {
        match physical {
            PhysicalType::F64 => Self::F64(vec![0.0; rows]),
            PhysicalType::F32 => Self::F32(vec![0.0; rows]),
            PhysicalType::I64 => Self::I64(vec![0; rows]),
            PhysicalType::I32 => Self::I32(vec![0; rows]),
            PhysicalType::U32 => Self::U32(vec![0; rows]),
            PhysicalType::U8 => Self::U8(vec![0; rows]),
        }
    }

    /// Returns the type of the values.
    pub fn physical(&self) -> PhysicalType {
        self.values().physical()
    }

    /// Returns the number of values.
    pub fn len(&self) -> usize {
        each!(self, values => values.len())
    }

    /// Tells whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the values.
    #[inline]
    pub fn values(&self) -> Values<'_> {
        each!(self, values => Values::from(values.as_slice()))
    }

    /// Returns the little-endian bytes of the values, to be filled.
    pub fn as_bytes_mut(&mut self) -> &mut [u8] {
        each!(self, values => values.as_mut_slice().as_mut_bytes())
    }

    /// Appends values.
    ///
    /// # Panics
    ///
    /// If they are of another type.
    pub fn extend(&mut self, values: Values<'_>) {
        both!(self, values, (into, from) => into.extend_from_slice(from));
    }

    /// Appends those values that are kept: one answer a value.
    ///
    /// # Panics
    ///
    /// If they are of another type.
    pub fn extend_kept(&mut self, values: Values<'_>, kept: &[bool]) {
        both!(self, values, (into, from) => {
            let pairs = from.iter().zip(kept);
            into.extend(pairs.filter(|(_, kept)| **kept).map(|(value, _)| *value));
        });
    }

    /// Appends missing values: NaN of the bits that `docs/format.md` names. Of integers, which have none, zeros: whoever
    /// fills them in makes sure that none is read as it is.
    pub fn extend_missing(&mut self, rows: usize) {
        let len = self.len() + rows;
        match self {
            Self::F64(values) => values.resize(len, f64::from_bits(0x7ff8_0000_0000_0000)),
            Self::F32(values) => values.resize(len, f32::from_bits(0x7fc0_0000)),
            Self::I64(values) => values.resize(len, 0),
            Self::I32(values) => values.resize(len, 0),
            Self::U32(values) => values.resize(len, 0),
            Self::U8(values) => values.resize(len, 0),
        }
    }

    /// Puts the first of some values in the place of the one at `row`; without a value, or without such a row, nothing
    /// happens.
    ///
    /// # Panics
    ///
    /// If it is of another type.
    pub fn set(&mut self, row: usize, value: Values<'_>) {
        both!(self, value, (into, from) => {
            if let (Some(place), Some(value)) = (into.get_mut(row), from.first()) {
                *place = *value;
            }
        });
    }

    /// Keeps the first `rows` values, or all if there are fewer.
    pub fn truncate(&mut self, rows: usize) {
        each!(self, values => values.truncate(rows));
    }

    /// Keeps the first `rows` values and returns those behind them, of which there may be none.
    #[must_use]
    pub fn split_off(&mut self, rows: usize) -> Self {
        let rows = rows.min(self.len());
        map!(self, values => values.split_off(rows))
    }

    /// Returns the values at `places`, in their order; places that do not exist are left out.
    #[must_use]
    pub fn gather(&self, places: &[usize]) -> Self {
        map!(self, values => places.iter().filter_map(|place| values.get(*place).copied()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes of values, counted by hand: `rows` values, each with its row in the lowest byte.
    fn counted(physical: PhysicalType, rows: &[u8]) -> Vec<u8> {
        let width = physical.width();
        rows.iter().flat_map(|row| [*row].into_iter().chain(vec![0; width - 1])).collect()
    }

    fn of(physical: PhysicalType, rows: &[u8]) -> ValuesBuf {
        let mut buf = ValuesBuf::zeroed(physical, rows.len());
        buf.as_bytes_mut().copy_from_slice(&counted(physical, rows));
        buf
    }

    #[test]
    fn every_type_grows_and_shrinks_alike() {
        for physical in PhysicalType::ALL {
            let bytes = |buf: &ValuesBuf| buf.values().as_bytes().to_vec();
            let mut buf = ValuesBuf::new(physical);
            assert!(buf.is_empty() && buf.physical() == physical);
            buf.extend(of(physical, &[1, 2, 3]).values());
            buf.extend_kept(of(physical, &[4, 5, 6]).values(), &[true, false, true]);
            assert_eq!(bytes(&buf), counted(physical, &[1, 2, 3, 4, 6]));
            assert_eq!(bytes(&buf.gather(&[4, 0, 0, 9])), counted(physical, &[6, 1, 1]));
            buf.set(1, of(physical, &[8]).values());
            buf.set(1, ValuesBuf::new(physical).values());
            buf.set(9, of(physical, &[8]).values());
            assert_eq!(bytes(&buf.split_off(3)), counted(physical, &[4, 6]));
            assert!(buf.split_off(7).is_empty());
            buf.truncate(2);
            assert_eq!(bytes(&buf), counted(physical, &[1, 8]));
        }
    }

    #[test]
    fn missing_values_have_the_bits_of_the_format() {
        let missing = |physical| {
            let mut buf = ValuesBuf::new(physical);
            buf.extend_missing(2);
            buf.values().as_bytes().to_vec()
        };
        assert_eq!(missing(PhysicalType::F64), [0, 0, 0, 0, 0, 0, 0xf8, 0x7f].repeat(2));
        assert_eq!(missing(PhysicalType::F32), [0, 0, 0xc0, 0x7f].repeat(2));
        assert_eq!(missing(PhysicalType::I32), [0; 8]);
    }
}
