//! Blocks: at most 4096 values of one series, compressed on their own. The first byte of a block names its
//! codec; `docs/format.md` describes each byte for byte. Everything here is lossless bit for bit.

mod bits;
mod decimals;
mod frame;
mod integers;
mod monotone;
mod plan;
mod planes;
mod varint;

use std::{fmt, str::FromStr};

use thiserror::Error;

use crate::{PhysicalType, Values, frozen::ZONE_ROWS};

/// Values as they are.
const RAW: u8 = 0;
/// One value that all the others equal.
const CONSTANT: u8 = 1;
/// A zstd frame of the values' bytes.
const ZSTD: u8 = 2;
/// A zstd frame of the values' bytes, all first bytes before all second bytes.
const PLANES: u8 = 3;
/// Integers as differences, frame of reference and entropy-coded high bits.
const INTEGERS: u8 = 4;
/// Floats as decimal digits, coded as integers.
const DECIMALS: u8 = 5;
/// Floats as their bits in numerical order, coded as integers.
const MONOTONE: u8 = 6;

/// How a column is to be stored. All three are lossless bit for bit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Compression {
    /// As plain values, which are mapped and used in place.
    #[default]
    None,
    /// In blocks of zstd frames, of the values or of their byte planes, whichever is smaller.
    Zstd,
    /// In blocks, each by the codec that makes it smallest.
    Auto,
}

impl Compression {
    /// Returns the name: `none`, `zstd` or `auto`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Zstd => "zstd",
            Self::Auto => "auto",
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The text names no compression.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{name}` is not a compression: expected one of none, zstd, auto")]
pub struct UnknownCompression {
    /// What was given.
    pub name: String,
}

impl FromStr for Compression {
    type Err = UnknownCompression;

    fn from_str(name: &str) -> Result<Self, UnknownCompression> {
        let known = [Self::None, Self::Zstd, Self::Auto].into_iter().find(|it| it.name() == name);
        known.ok_or_else(|| UnknownCompression { name: name.to_owned() })
    }
}

/// Why the bytes of a block are not the values that it should hold.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BlockError {
    /// The stored bytes do not hash to the checksum of the block's zone record.
    #[error("its bytes do not have their checksum")]
    Checksum,
    /// The block's codec is not known, or not for values of this type.
    #[error("codec {codec} is not one that this build reads for {physical}")]
    Codec {
        /// What the first byte says.
        codec: u8,
        /// Type of the values.
        physical: PhysicalType,
    },
    /// The block ends before its values do, or goes on behind them.
    #[error("it has {found} bytes where {expected} were expected")]
    Length {
        /// Bytes that were expected.
        expected: usize,
        /// Bytes that there are.
        found: usize,
    },
    /// A field of the block holds what it cannot hold.
    #[error("its {field} is not possible")]
    Field {
        /// Which one.
        field: &'static str,
    },
    /// A zstd frame in the block cannot be decompressed to the bytes that it must hold.
    #[error("its zstd frame does not decompress to {expected} bytes")]
    Frame {
        /// Bytes that the frame must hold.
        expected: usize,
    },
}

/// Encodes at most 4096 values of one series. The same values and compression give the same bytes.
///
/// Takes the thread's zstd context, which the first call allocates (about 200 KiB for the lengths here).
///
/// # Panics
///
/// Not with at most 4096 values.
pub fn encode_block(values: Values<'_>, compression: Compression) -> Vec<u8> {
    assert!(values.len() as u64 <= ZONE_ROWS, "a block has at most 4096 values");
    let mut best = with_codec(RAW, values.as_bytes());
    if compression == Compression::None || values.is_empty() {
        return best;
    }
    let width = values.physical().width();
    if let Some(first) = constant(values.as_bytes(), width) {
        return with_codec(CONSTANT, first);
    }
    let raw_len = best.len();
    let mut consider = |candidate: Option<Vec<u8>>| {
        if let Some(candidate) = candidate
            && candidate.len() < best.len()
        {
            best = candidate;
        }
        best.len()
    };
    let mut len = raw_len;
    if compression == Compression::Auto {
        len = consider(numeric(values));
    }
    // General compression seldom beats a numeric code that halves the block, and costs most of the time.
    if len > raw_len / 2 {
        let bytes = values.as_bytes();
        consider(frame::compress(bytes).map(|frame| with_codec(ZSTD, &frame)));
        if width > 1 {
            let split = planes::split(bytes, width);
            consider(frame::compress(&split).map(|frame| with_codec(PLANES, &frame)));
        }
    }
    best
}

/// Decodes a block of `rows` values into `out`, their little-endian bytes: `rows` times the width.
///
/// Takes time and memory by `rows` and the length of the block alone, whatever its bytes are.
///
/// # Errors
///
/// [`BlockError`] when the bytes are not a block of so many values of that type, or `out` has another
/// length. `out` then holds anything.
pub fn decode_block(
    bytes: &[u8],
    physical: PhysicalType,
    rows: usize,
    out: &mut [u8],
) -> Result<(), BlockError> {
    let expected = rows * physical.width();
    if out.len() != expected || rows as u64 > ZONE_ROWS {
        return Err(BlockError::Length { expected, found: out.len() });
    }
    let Some((&codec, body)) = bytes.split_first() else {
        return Err(BlockError::Length { expected: 1, found: 0 });
    };
    let float = matches!(physical, PhysicalType::F64 | PhysicalType::F32);
    match codec {
        RAW => {
            let same = body.len() == out.len();
            same.then(|| out.copy_from_slice(body)).ok_or(too_long(expected, body))
        }
        CONSTANT => repeat(body, physical.width(), out),
        ZSTD => frame::decompress(body, out),
        PLANES => planes::decode(body, physical.width(), out),
        INTEGERS if !float => integers::decode_values(body, physical, rows, out),
        DECIMALS if float => decimals::decode(body, physical, rows, out),
        MONOTONE if float => monotone::decode(body, physical, rows, out),
        codec => Err(BlockError::Codec { codec, physical }),
    }
}

fn with_codec(codec: u8, body: &[u8]) -> Vec<u8> {
    let mut block = Vec::with_capacity(1 + body.len());
    block.push(codec);
    block.extend_from_slice(body);
    block
}

fn too_long(expected: usize, body: &[u8]) -> BlockError {
    BlockError::Length { expected, found: body.len() }
}

/// Returns the bytes of the first value where all values have the same bytes.
fn constant(bytes: &[u8], width: usize) -> Option<&[u8]> {
    let first = bytes.get(..width)?;
    bytes.chunks_exact(width).all(|value| value == first).then_some(first)
}

fn repeat(value: &[u8], width: usize, out: &mut [u8]) -> Result<(), BlockError> {
    if value.len() != width {
        return Err(too_long(width, value));
    }
    for target in out.chunks_exact_mut(width) {
        target.copy_from_slice(value);
    }
    Ok(())
}

/// Encodes by the codecs that know numbers; `None` where none of them fits.
fn numeric(values: Values<'_>) -> Option<Vec<u8>> {
    match values {
        Values::F64(_) | Values::F32(_) => {
            decimals::encode(values, DECIMALS).or_else(|| Some(monotone::encode(values, MONOTONE)))
        }
        Values::I64(slice) => Some(integers::encode(INTEGERS, slice)),
        Values::I32(slice) => Some(integers::encode(INTEGERS, &widened(slice))),
        Values::U32(slice) => Some(integers::encode(INTEGERS, &widened(slice))),
        Values::U8(slice) => Some(integers::encode(INTEGERS, &widened(slice))),
    }
}

fn widened<T: Copy + Into<i64>>(slice: &[T]) -> Vec<i64> {
    slice.iter().map(|&value| value.into()).collect()
}
