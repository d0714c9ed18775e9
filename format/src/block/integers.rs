//! Integers: differences of no, first or second order; of those, a base and a step; the low bits of what
//! remains packed, the high ones entropy-coded as bytes; and outliers as exceptions.

use super::{
    BlockError,
    bits::{BITS_MAX, pack, packed_len, unpack},
    frame,
    plan::Plan,
    varint::{Input, put_i64, put_u64},
};
use crate::{PhysicalType, frozen::ZONE_ROWS};

/// Highest order of differences.
const ORDER_MAX: u8 = 2;
const ORDERS: usize = ORDER_MAX as usize + 1;
/// Values in the middle of a block by which the order is chosen.
const SAMPLE: usize = 512;
/// High bits: all zero, bytes as they are, or bytes in a zstd frame.
const HIGHS_ZERO: u8 = 0;
const HIGHS_RAW: u8 = 1;
const HIGHS_FRAME: u8 = 2;
/// Values that are decoded at a time, so that they stay in the nearest cache.
const STRIDE: usize = 512;
const BLOCK_ROWS: usize = 4096;
const _: () = assert!(BLOCK_ROWS as u64 == ZONE_ROWS);

/// Encodes a block of integers under the codec's number.
pub(super) fn encode(codec: u8, values: &[i64]) -> Vec<u8> {
    let mut out = vec![codec];
    append(values, &mut out);
    out
}

/// Appends the integers of at least one value.
pub(super) fn append(values: &[i64], out: &mut Vec<u8>) {
    let mut sorted = Vec::with_capacity(values.len());
    let middle = values.len().saturating_sub(SAMPLE) / 2;
    let sample = values.get(middle..values.len().min(middle + SAMPLE)).unwrap_or_default();
    let estimates = Differences::of(sample).map(|it| Plan::of(&it.residuals, &mut sorted).cost);
    let least = estimates.iter().min().copied().unwrap_or(0);
    // Orders that come close in the sample are compared over all values.
    let close = estimates.map(|estimate| estimate <= least + least / 16);
    let planned = Differences::of(values).into_iter().zip(close).filter(|(_, close)| *close);
    let planned = planned.map(|(it, _)| (Plan::of(&it.residuals, &mut sorted), it));
    let Some((plan, differences)) = planned.min_by_key(|(plan, _)| plan.cost) else { return };
    out.push(differences.order);
    for head in differences.heads {
        put_i64(out, head);
    }
    append_residuals(&differences.residuals, plan, out);
}

/// Differences of one order, and the values and differences of lower order that they begin from.
struct Differences {
    order: u8,
    heads: Vec<i64>,
    residuals: Vec<i64>,
}

impl Differences {
    /// Takes differences of all orders; those of an order that the values are too few for are left out by
    /// standing for the order below.
    fn of(values: &[i64]) -> [Self; ORDERS] {
        let zero = Self { order: 0, heads: Vec::new(), residuals: values.to_vec() };
        let one = zero.next();
        let two = one.next();
        [zero, one, two]
    }

    fn next(&self) -> Self {
        let mut heads = self.heads.clone();
        let Some(&head) = self.residuals.first() else {
            return Self { order: self.order, heads, residuals: Vec::new() };
        };
        heads.push(head);
        Self { order: self.order + 1, heads, residuals: differences(&self.residuals) }
    }
}

fn differences(values: &[i64]) -> Vec<i64> {
    values.iter().zip(values.iter().skip(1)).map(|(a, b)| b.wrapping_sub(*a)).collect()
}

fn append_residuals(residuals: &[i64], plan: Plan, out: &mut Vec<u8>) {
    put_i64(out, plan.base);
    put_u64(out, plan.step);
    out.push(plan.low_bits);
    let mut before = 0;
    let exceptions: Vec<(usize, i64)> =
        (0..).zip(residuals.iter().copied()).filter(|&(_, it)| plan.units(it).is_none()).collect();
    put_u64(out, exceptions.len() as u64);
    for (place, residual) in exceptions {
        put_u64(out, (place - before) as u64);
        put_i64(out, residual);
        before = place;
    }
    // An exception takes the code of the value before it, which costs the entropy coder least.
    let mut last = 0;
    let mut units = Vec::with_capacity(residuals.len());
    for &residual in residuals {
        last = plan.units(residual).unwrap_or(last);
        units.push(last);
    }
    let highs: Vec<u8> =
        units.iter().map(|unit| (unit >> plan.low_bits).to_le_bytes()[0]).collect();
    let packed = |out: &mut Vec<u8>| pack(units.iter().copied(), plan.low_bits, out);
    if highs.iter().all(|&high| high == 0) {
        out.push(HIGHS_ZERO);
        packed(out);
    } else if let Some(frame) = frame::compress_symbols(&highs) {
        out.push(HIGHS_FRAME);
        packed(out);
        out.extend_from_slice(&frame);
    } else {
        out.push(HIGHS_RAW);
        packed(out);
        out.extend_from_slice(&highs);
    }
}

/// What stands before the packed bits.
struct Head {
    order: u8,
    /// The first value, then the first difference.
    heads: [i64; ORDER_MAX as usize],
    base: i64,
    step: u64,
    low_bits: u8,
    /// Place and residual, ascending.
    exceptions: Vec<(usize, i64)>,
    highs: u8,
    /// Values that have no residual because they are in `heads`.
    given: usize,
}

impl Head {
    fn read(input: &mut Input<'_>, rows: usize) -> Result<Self, BlockError> {
        let order = input.u8()?;
        if order > ORDER_MAX || usize::from(order) > rows {
            return Err(BlockError::Field { field: "order of differences" });
        }
        let given = usize::from(order);
        let mut heads = [0; ORDER_MAX as usize];
        for head in heads.iter_mut().take(given) {
            *head = input.i64()?;
        }
        let (base, step, low_bits) = (input.i64()?, input.u64()?, input.u8()?);
        if low_bits > BITS_MAX {
            return Err(BlockError::Field { field: "number of low bits" });
        }
        let residuals = rows - given;
        let count = input.count(residuals, "number of exceptions")?;
        let mut exceptions = Vec::with_capacity(count);
        let mut place = 0;
        for index in 0..count {
            let gap = input.count(residuals, "place of an exception")?;
            place += gap;
            if place >= residuals || (gap == 0 && index > 0) {
                return Err(BlockError::Field { field: "place of an exception" });
            }
            exceptions.push((place, input.i64()?));
        }
        let highs = input.u8()?;
        Ok(Self { order, heads, base, step, low_bits, exceptions, highs, given })
    }
}

/// Decodes `rows` integers and hands them on in order, some at a time.
pub(super) fn decode(
    input: &mut Input<'_>,
    rows: usize,
    mut emit: impl FnMut(&[i64]),
) -> Result<(), BlockError> {
    let head = Head::read(input, rows)?;
    let residuals = rows - head.given;
    let mut packed = input.take(packed_len(residuals, head.low_bits))?;
    let mut highs = [0; BLOCK_ROWS];
    let highs = highs.get_mut(..residuals).ok_or(BlockError::Field { field: "number of rows" })?;
    match head.highs {
        HIGHS_ZERO => {}
        HIGHS_RAW => highs.copy_from_slice(input.take(residuals)?),
        HIGHS_FRAME => frame::decompress(input.rest(), highs)?,
        _ => return Err(BlockError::Field { field: "kind of high bits" }),
    }
    let [mut value, mut difference] = head.heads;
    match head.order {
        0 => {}
        1 => emit(&[value]),
        _ => {
            emit(&[value]);
            value = value.wrapping_add(difference);
            emit(&[value]);
        }
    }
    let mut exceptions = head.exceptions.as_slice();
    let (mut units, mut values) = ([0u64; STRIDE], [0i64; STRIDE]);
    let mut start = 0;
    for highs in highs.chunks(STRIDE) {
        let (Some(units), Some(values)) =
            (units.get_mut(..highs.len()), values.get_mut(..highs.len()))
        else {
            break;
        };
        unpack(packed, head.low_bits, units);
        packed = packed.get(packed_len(STRIDE, head.low_bits)..).unwrap_or_default();
        residuals_of(&head, units, highs, values);
        while let Some((&(place, residual), rest)) = exceptions.split_first()
            && let Some(slot) = values.get_mut(place - start)
        {
            *slot = residual;
            exceptions = rest;
        }
        start += STRIDE;
        match head.order {
            0 => {}
            1 => value = sum_up(values, value),
            _ => (value, difference) = sum_up_twice(values, value, difference),
        }
        emit(values);
    }
    Ok(())
}

/// Puts low and high bits together: base plus steps.
fn residuals_of(head: &Head, units: &[u64], highs: &[u8], values: &mut [i64]) {
    let (base, step, bits) = (head.base.cast_unsigned(), head.step, head.low_bits);
    let parts = values.iter_mut().zip(units.iter().zip(highs));
    if step == 1 {
        for (value, (&low, &high)) in parts {
            *value = base.wrapping_add(low | u64::from(high) << bits).cast_signed();
        }
    } else {
        for (value, (&low, &high)) in parts {
            let units = low | u64::from(high) << bits;
            *value = base.wrapping_add(units.wrapping_mul(step)).cast_signed();
        }
    }
}

fn sum_up(values: &mut [i64], mut sum: i64) -> i64 {
    for value in values {
        sum = sum.wrapping_add(*value);
        *value = sum;
    }
    sum
}

fn sum_up_twice(values: &mut [i64], mut sum: i64, mut difference: i64) -> (i64, i64) {
    for value in values {
        difference = difference.wrapping_add(*value);
        sum = sum.wrapping_add(difference);
        *value = sum;
    }
    (sum, difference)
}

/// Decodes integers of type `physical` to their little-endian bytes: the low bytes of each value.
pub(super) fn decode_values(
    body: &[u8],
    physical: PhysicalType,
    rows: usize,
    out: &mut [u8],
) -> Result<(), BlockError> {
    let mut input = Input(body);
    match physical.width() {
        8 => decode_width::<8>(&mut input, rows, out)?,
        4 => decode_width::<4>(&mut input, rows, out)?,
        _ => decode_width::<1>(&mut input, rows, out)?,
    }
    input.finish()
}

fn decode_width<const WIDTH: usize>(
    input: &mut Input<'_>,
    rows: usize,
    out: &mut [u8],
) -> Result<(), BlockError> {
    let (slots, _) = out.as_chunks_mut::<WIDTH>();
    let mut slots = slots.iter_mut();
    decode(input, rows, |values| {
        for (&value, slot) in values.iter().zip(&mut slots) {
            if let Some(low) = value.to_le_bytes().first_chunk::<WIDTH>() {
                *slot = *low;
            }
        }
    })
}
