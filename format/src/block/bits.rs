//! Packed bits: value `i` of `bits` bits each takes bits `i * bits` and on, lowest bit of the first byte
//! first. Eight values end on a whole byte.

/// Most bits of a packed value: one load of eight bytes holds any of them.
pub(super) const BITS_MAX: u8 = 56;

/// Returns the bytes of `count` values of `bits` bits.
pub(super) fn packed_len(count: usize, bits: u8) -> usize {
    (count * usize::from(bits)).div_ceil(8)
}

/// Appends the low `bits` bits of each value.
pub(super) fn pack(values: impl Iterator<Item = u64>, bits: u8, out: &mut Vec<u8>) {
    if bits == 0 {
        return;
    }
    let mask = (1u64 << bits) - 1;
    let (mut pending, mut pending_bits) = (0u64, 0u32);
    for value in values {
        // Fewer than 8 bits are pending, so at most 63 are then.
        pending |= (value & mask) << pending_bits;
        pending_bits += u32::from(bits);
        while pending_bits >= 8 {
            out.push(pending.to_le_bytes()[0]);
            pending >>= 8;
            pending_bits -= 8;
        }
    }
    if pending_bits > 0 {
        out.push(pending.to_le_bytes()[0]);
    }
}

/// Reads values of `bits` bits from the front of `packed`; bytes that are missing read as zero.
pub(super) fn unpack(packed: &[u8], bits: u8, out: &mut [u64]) {
    macro_rules! by_width {
        ($($width:literal)*) => {
            match bits {
                $($width => unpack_width::<$width>(packed, out),)*
                _ => out.fill(0),
            }
        };
    }
    by_width! {
        1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28
        29 30 31 32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56
    }
}

fn unpack_width<const BITS: usize>(packed: &[u8], out: &mut [u64]) {
    let mut left = packed;
    let (groups, rest) = out.as_chunks_mut::<8>();
    let mut spare: [u8; 64];
    for group in groups {
        if let Some(window) = left.first_chunk::<64>() {
            unpack_group::<BITS>(window, group);
        } else {
            spare = [0; 64];
            spare.iter_mut().zip(left).for_each(|(spare, &byte)| *spare = byte);
            unpack_group::<BITS>(&spare, group);
        }
        left = left.get(BITS..).unwrap_or_default();
    }
    if !rest.is_empty() {
        spare = [0; 64];
        spare.iter_mut().zip(left).for_each(|(spare, &byte)| *spare = byte);
        let mut group = [0; 8];
        unpack_group::<BITS>(&spare, &mut group);
        rest.iter_mut().zip(group).for_each(|(slot, value)| *slot = value);
    }
}

#[inline]
fn unpack_group<const BITS: usize>(window: &[u8; 64], group: &mut [u64; 8]) {
    let mask = (1u64 << BITS) - 1;
    for (place, slot) in group.iter_mut().enumerate() {
        let bit = place * BITS;
        // At most 7 * 56 / 8 + 8 = 57 bytes in, so the load always lies in the window.
        let load = window.get(bit / 8..).and_then(<[u8]>::first_chunk::<8>);
        *slot = u64::from_le_bytes(*load.unwrap_or(&[0; 8])) >> (bit % 8) & mask;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]
        #[test]
        fn packed_values_come_back(bits in 0..=BITS_MAX, values in prop::collection::vec(any::<u64>(), 0..200)) {
            let mask = (1u64 << bits) - 1;
            let mut packed = Vec::new();
            pack(values.iter().copied(), bits, &mut packed);
            prop_assert_eq!(packed.len(), packed_len(values.len(), bits));
            let mut found = vec![7; values.len()];
            unpack(&packed, bits, &mut found);
            let expected: Vec<u64> = values.iter().map(|value| value & mask).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
