//! Floats that were decimals: a float is `digits / 10^exponent`, rounded once as division does, which is
//! also what reading the decimal's text gives. What is no such float, bit for bit, is kept beside the digits
//! in runs of equal bits.

use super::{
    BlockError, integers,
    varint::{Input, put_u64},
};
use crate::{PhysicalType, Values};

/// Powers of ten that an f64 holds exactly.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];
/// Highest exponent that is tried.
const EXPONENT_MAX: usize = 15;
/// Digits are below this in size, so that the sum below is exact.
const DIGITS_MAX: i64 = 1 << 51;
/// 1.5 times 2^52. Added to a whole float below 2^51 in size, it leaves that number in the low bits; added
/// to any float so small, it also rounds it.
const SHIFT: f64 = 6_755_399_441_055_744.0;
const SHIFT_BITS: i64 = 0x4338_0000_0000_0000;
/// Values that are looked at to find the exponent.
const SAMPLE: usize = 64;

/// Encodes floats; `None` where too few of them are decimals.
pub(super) fn encode(values: Values<'_>, codec: u8) -> Option<Vec<u8>> {
    match values {
        Values::F64(slice) => encode_as(
            slice,
            codec,
            |value| value,
            |value| value,
            |value| value.to_bits().to_le_bytes(),
        ),
        Values::F32(slice) => {
            encode_as(slice, codec, f64::from, narrow, |value| value.to_bits().to_le_bytes())
        }
        _ => None,
    }
}

fn encode_as<T: Copy, const WIDTH: usize>(
    values: &[T],
    codec: u8,
    widen: impl Fn(T) -> f64,
    narrow: impl Fn(f64) -> T,
    bits: impl Fn(T) -> [u8; WIDTH],
) -> Option<Vec<u8>> {
    let digits_of = |value: T, power: f64| {
        let digits = nearest(widen(value) * power)?;
        (bits(narrow(to_float(digits) / power)) == bits(value)).then_some(digits)
    };
    let (exponent, power) = exponent(values, digits_of)?;
    let mut digits = Vec::with_capacity(values.len());
    let mut runs: Vec<(usize, usize, [u8; WIDTH])> = Vec::new();
    let mut last = 0;
    for (place, &value) in values.iter().enumerate() {
        if let Some(found) = digits_of(value, power) {
            last = found;
        } else {
            let value = bits(value);
            match runs.last_mut() {
                Some((start, len, same)) if *start + *len == place && *same == value => *len += 1,
                _ => runs.push((place, 1, value)),
            }
        }
        // An exception repeats the digits before it, which costs least.
        digits.push(last);
    }
    if runs.len() > values.len() / 4 {
        return None;
    }
    let mut out = vec![codec, exponent];
    put_u64(&mut out, runs.len() as u64);
    let mut end = 0;
    for (start, len, value) in runs {
        put_u64(&mut out, (start - end) as u64);
        put_u64(&mut out, len as u64);
        out.extend_from_slice(&value);
        end = start + len;
    }
    integers::append(&digits, &mut out);
    Some(out)
}

/// Finds the smallest exponent with which most of a sample are decimals.
fn exponent<T: Copy>(values: &[T], digits_of: impl Fn(T, f64) -> Option<i64>) -> Option<(u8, f64)> {
    let step = values.len().div_ceil(SAMPLE).max(1);
    let mut best = (0, None);
    for (exponent, &power) in (0u8..).zip(POWERS.iter().take(EXPONENT_MAX + 1)) {
        let sample = values.iter().step_by(step);
        let (mut seen, mut found) = (0usize, 0);
        for &value in sample {
            seen += 1;
            found += usize::from(digits_of(value, power).is_some());
        }
        if found > best.0 {
            best = (found, Some((exponent, power)));
        }
        if found == seen {
            break;
        }
    }
    best.1
}

/// Returns the nearest whole number, where it is small enough.
fn nearest(value: f64) -> Option<i64> {
    let shifted = (value + SHIFT).to_bits().cast_signed().wrapping_sub(SHIFT_BITS);
    // Not a number and numbers too large fail the first comparison.
    (value.abs() < 2_251_799_813_685_247.0 && shifted.abs() < DIGITS_MAX).then_some(shifted)
}

/// Returns digits as a float, exactly; they must be below 2^51 in size.
fn to_float(digits: i64) -> f64 {
    f64::from_bits(SHIFT_BITS.wrapping_add(digits).cast_unsigned()) - SHIFT
}

#[expect(clippy::cast_possible_truncation, reason = "rounding to f32 is what is meant")]
fn narrow(value: f64) -> f32 {
    value as f32
}

/// Decodes floats of type `physical` to their little-endian bytes.
pub(super) fn decode(
    body: &[u8],
    physical: PhysicalType,
    rows: usize,
    out: &mut [u8],
) -> Result<(), BlockError> {
    match physical.width() {
        8 => decode_as(body, rows, out, |value| value.to_bits().to_le_bytes()),
        _ => decode_as(body, rows, out, |value| narrow(value).to_bits().to_le_bytes()),
    }
}

fn decode_as<const WIDTH: usize>(
    body: &[u8],
    rows: usize,
    out: &mut [u8],
    bits: impl Fn(f64) -> [u8; WIDTH],
) -> Result<(), BlockError> {
    let mut input = Input(body);
    let exponent = usize::from(input.u8()?);
    let power = POWERS.get(exponent).copied().ok_or(BlockError::Field { field: "exponent" })?;
    let count = input.count(rows, "number of exceptions")?;
    let mut runs = Vec::with_capacity(count);
    let mut end = 0;
    for _ in 0..count {
        let start = end + input.count(rows - end, "place of an exception")?;
        end = start + input.count(rows - start, "length of an exception")?;
        let value = input.take(WIDTH)?.first_chunk::<WIDTH>().copied().unwrap_or([0; WIDTH]);
        runs.push((start..end, value));
    }
    let (slots, _) = out.as_chunks_mut::<WIDTH>();
    let mut left = slots.iter_mut();
    let mut outside = 0u64;
    integers::decode(&mut input, rows, |digits| {
        for (&digits, slot) in digits.iter().zip(&mut left) {
            // Sizes below 2^51 leave the high bits of this sum zero.
            outside |= digits.wrapping_add(DIGITS_MAX).cast_unsigned() >> 52;
            *slot = bits(to_float(digits) / power);
        }
    })?;
    if outside != 0 {
        return Err(BlockError::Field { field: "digits" });
    }
    for (range, value) in runs {
        slots.get_mut(range).unwrap_or_default().fill(value);
    }
    input.finish()
}
