//! Floats as integers in numerical order: the bits of a positive float are in order already, those of a
//! negative one are flipped but for the sign. Any bits at all come back as they were.

use super::{BlockError, integers, varint::Input};
use crate::{PhysicalType, Values};

pub(super) fn encode(values: Values<'_>, codec: u8) -> Vec<u8> {
    let integers: Vec<i64> = match values {
        Values::F64(slice) => {
            slice.iter().map(|value| flip(value.to_bits().cast_signed())).collect()
        }
        Values::F32(slice) => {
            slice.iter().map(|value| flip_narrow(value.to_bits().cast_signed()).into()).collect()
        }
        _ => Vec::new(),
    };
    integers::encode(codec, &integers)
}

pub(super) fn decode(
    body: &[u8],
    physical: PhysicalType,
    rows: usize,
    out: &mut [u8],
) -> Result<(), BlockError> {
    let mut input = Input(body);
    if physical == PhysicalType::F64 {
        let mut slots = out.as_chunks_mut::<8>().0.iter_mut();
        integers::decode(&mut input, rows, |values| {
            for (&value, slot) in values.iter().zip(&mut slots) {
                *slot = flip(value).to_le_bytes();
            }
        })?;
    } else {
        let mut slots = out.as_chunks_mut::<4>().0.iter_mut();
        integers::decode(&mut input, rows, |values| {
            for (&value, slot) in values.iter().zip(&mut slots) {
                let [a, b, c, d, ..] = value.to_le_bytes();
                *slot = flip_narrow(i32::from_le_bytes([a, b, c, d])).to_le_bytes();
            }
        })?;
    }
    input.finish()
}

/// Is its own inverse.
fn flip(bits: i64) -> i64 {
    bits ^ ((bits >> 63) & i64::MAX)
}

/// Is its own inverse.
fn flip_narrow(bits: i32) -> i32 {
    bits ^ ((bits >> 31) & i32::MAX)
}
