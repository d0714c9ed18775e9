//! Small numbers in few bytes: seven bits a byte, lowest first, the high bit saying that more follow; and
//! [`Input`], which takes fields off the front of a block.

use super::BlockError;

pub(super) fn put_u64(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

/// Signed numbers alternate with their sign: 0, -1, 1, -2 are 0, 1, 2, 3.
pub(super) fn put_i64(out: &mut Vec<u8>, value: i64) {
    put_u64(out, (value << 1 ^ value >> 63).cast_unsigned());
}

/// Bytes that [`put_u64`] takes.
pub(super) fn len_u64(value: u64) -> usize {
    1 + (63 - (value | 1).leading_zeros() as usize) / 7
}

/// Bytes that [`put_i64`] takes.
pub(super) fn len_i64(value: i64) -> usize {
    len_u64((value << 1 ^ value >> 63).cast_unsigned())
}

/// The bytes of a block that are still to be read.
#[derive(Debug)]
pub(super) struct Input<'a>(pub(super) &'a [u8]);

impl<'a> Input<'a> {
    pub(super) fn take(&mut self, len: usize) -> Result<&'a [u8], BlockError> {
        let short = BlockError::Length { expected: len, found: self.0.len() };
        let (taken, rest) = self.0.split_at_checked(len).ok_or(short)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    pub(super) fn u8(&mut self) -> Result<u8, BlockError> {
        Ok(self.take(1)?.first().copied().unwrap_or_default())
    }

    pub(super) fn u64(&mut self) -> Result<u64, BlockError> {
        let mut value = 0u64;
        for place in 0..10u32 {
            let byte = self.u8()?;
            let bits = u64::from(byte & 0x7f);
            let shifted = bits << (7 * place);
            if shifted >> (7 * place) != bits {
                return Err(BlockError::Field { field: "varint" });
            }
            value |= shifted;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(BlockError::Field { field: "varint" })
    }

    pub(super) fn i64(&mut self) -> Result<i64, BlockError> {
        let value = self.u64()?;
        Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    /// Reads a number of at most `max`.
    pub(super) fn count(&mut self, max: usize, field: &'static str) -> Result<usize, BlockError> {
        let value = usize::try_from(self.u64()?).ok();
        value.filter(|&value| value <= max).ok_or(BlockError::Field { field })
    }

    pub(super) fn finish(self) -> Result<(), BlockError> {
        match self.0.len() {
            0 => Ok(()),
            found => Err(BlockError::Length { expected: 0, found }),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]
        #[test]
        fn numbers_come_back(value in any::<i64>(), shift in 0u32..64) {
            let value = value >> shift;
            let mut bytes = Vec::new();
            put_i64(&mut bytes, value);
            prop_assert_eq!(bytes.len(), len_i64(value));
            let mut input = Input(&bytes);
            prop_assert_eq!(input.i64(), Ok(value));
            prop_assert_eq!(input.finish(), Ok(()));
        }

        #[test]
        fn any_bytes_are_a_number_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..12)) {
            let mut input = Input(&bytes);
            if let Ok(value) = input.u64() {
                prop_assert!(bytes.len() - input.0.len() >= len_u64(value));
            }
        }
    }
}
