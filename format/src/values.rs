//! [`Values`]: a borrowed, typed stretch of one column.

use std::{fmt, ops::Range, str::FromStr};

use thiserror::Error;
use zerocopy::{FromBytes, IntoBytes};

/// How a value is stored: fixed width, little-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PhysicalType {
    /// IEEE 754 binary64; missing is NaN.
    F64,
    /// IEEE 754 binary32; missing is NaN.
    F32,
    /// Signed 64-bit integer; has no missing value.
    I64,
    /// Signed 32-bit integer; has no missing value.
    I32,
    /// Unsigned 32-bit integer; has no missing value.
    U32,
    /// Unsigned 8-bit integer; has no missing value.
    U8,
}

/// The text names no physical type.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{name}` is not a physical type: expected one of f64, f32, i64, i32, u32, u8")]
pub struct UnknownPhysicalType {
    /// What was given.
    pub name: String,
}

impl PhysicalType {
    /// All types, in the order of their tags.
    pub const ALL: [Self; 6] = [Self::F64, Self::F32, Self::I64, Self::I32, Self::U32, Self::U8];

    /// Returns the bytes that one value takes.
    #[inline]
    pub const fn width(self) -> usize {
        match self {
            Self::F64 | Self::I64 => 8,
            Self::F32 | Self::I32 | Self::U32 => 4,
            Self::U8 => 1,
        }
    }

    /// Tells whether a value can be missing: integers cannot.
    #[inline]
    pub const fn has_missing(self) -> bool {
        matches!(self, Self::F64 | Self::F32)
    }

    /// Returns the name: `f64`, `f32`, `i64`, `i32`, `u32` or `u8`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::F64 => "f64",
            Self::F32 => "f32",
            Self::I64 => "i64",
            Self::I32 => "i32",
            Self::U32 => "u32",
            Self::U8 => "u8",
        }
    }

    pub(crate) fn tag(self) -> u32 {
        match self {
            Self::F64 => 0,
            Self::F32 => 1,
            Self::I64 => 2,
            Self::I32 => 3,
            Self::U32 => 4,
            Self::U8 => 5,
        }
    }

    pub(crate) fn from_tag(tag: u32) -> Option<Self> {
        Self::ALL.get(usize::try_from(tag).ok()?).copied()
    }
}

impl fmt::Display for PhysicalType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for PhysicalType {
    type Err = UnknownPhysicalType;

    fn from_str(name: &str) -> Result<Self, UnknownPhysicalType> {
        let known = Self::ALL.into_iter().find(|physical| physical.name() == name);
        known.ok_or_else(|| UnknownPhysicalType { name: name.to_owned() })
    }
}

/// A borrowed stretch of one column, oldest value first.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Values<'a> {
    /// Values of type f64; missing is NaN.
    F64(&'a [f64]),
    /// Values of type f32; missing is NaN.
    F32(&'a [f32]),
    /// Values of type i64.
    I64(&'a [i64]),
    /// Values of type i32.
    I32(&'a [i32]),
    /// Values of type u32.
    U32(&'a [u32]),
    /// Values of type u8.
    U8(&'a [u8]),
}

/// Runs the same expression for every type of values.
macro_rules! each {
    ($values:expr, $slice:ident => $body:expr) => {
        match $values {
            $crate::Values::F64($slice) => $body,
            $crate::Values::F32($slice) => $body,
            $crate::Values::I64($slice) => $body,
            $crate::Values::I32($slice) => $body,
            $crate::Values::U32($slice) => $body,
            $crate::Values::U8($slice) => $body,
        }
    };
}

impl<'a> Values<'a> {
    /// Sees little-endian bytes as values, without a copy; `None` when the address is not aligned or the
    /// length is not a whole number of values.
    #[inline]
    pub fn from_bytes(physical: PhysicalType, bytes: &'a [u8]) -> Option<Self> {
        Some(match physical {
            PhysicalType::F64 => Self::F64(FromBytes::ref_from_bytes(bytes).ok()?),
            PhysicalType::F32 => Self::F32(FromBytes::ref_from_bytes(bytes).ok()?),
            PhysicalType::I64 => Self::I64(FromBytes::ref_from_bytes(bytes).ok()?),
            PhysicalType::I32 => Self::I32(FromBytes::ref_from_bytes(bytes).ok()?),
            PhysicalType::U32 => Self::U32(FromBytes::ref_from_bytes(bytes).ok()?),
            PhysicalType::U8 => Self::U8(bytes),
        })
    }

    /// Returns no values of a type.
    pub const fn none(physical: PhysicalType) -> Self {
        match physical {
            PhysicalType::F64 => Self::F64(&[]),
            PhysicalType::F32 => Self::F32(&[]),
            PhysicalType::I64 => Self::I64(&[]),
            PhysicalType::I32 => Self::I32(&[]),
            PhysicalType::U32 => Self::U32(&[]),
            PhysicalType::U8 => Self::U8(&[]),
        }
    }

    /// Returns the number of values.
    #[inline]
    pub fn len(self) -> usize {
        each!(self, slice => slice.len())
    }

    /// Tells whether there are no values.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Returns the type of the values.
    pub fn physical(self) -> PhysicalType {
        match self {
            Self::F64(_) => PhysicalType::F64,
            Self::F32(_) => PhysicalType::F32,
            Self::I64(_) => PhysicalType::I64,
            Self::I32(_) => PhysicalType::I32,
            Self::U32(_) => PhysicalType::U32,
            Self::U8(_) => PhysicalType::U8,
        }
    }

    /// Returns the values in `range`, or `None` when it does not lie within them.
    #[inline]
    pub fn slice(self, range: Range<usize>) -> Option<Self> {
        Some(match self {
            Self::F64(slice) => Self::F64(slice.get(range)?),
            Self::F32(slice) => Self::F32(slice.get(range)?),
            Self::I64(slice) => Self::I64(slice.get(range)?),
            Self::I32(slice) => Self::I32(slice.get(range)?),
            Self::U32(slice) => Self::U32(slice.get(range)?),
            Self::U8(slice) => Self::U8(slice.get(range)?),
        })
    }

    /// Returns the little-endian bytes of the values, without a copy.
    pub fn as_bytes(self) -> &'a [u8] {
        each!(self, slice => slice.as_bytes())
    }
}

macro_rules! borrowed {
    ($($variant:ident($element:ty), $name:ident;)*) => {
        impl<'a> Values<'a> {$(
            #[doc = concat!("Returns the slice when the values are `", stringify!($element), "`, else `None`.")]
            #[inline]
            pub fn $name(self) -> Option<&'a [$element]> {
                match self {
                    Self::$variant(slice) => Some(slice),
                    _ => None,
                }
            }
        )*}
        $(impl<'a> From<&'a [$element]> for Values<'a> {
            fn from(slice: &'a [$element]) -> Self {
                Self::$variant(slice)
            }
        })*
    };
}

borrowed! {
    F64(f64), as_f64;
    F32(f32), as_f32;
    I64(i64), as_i64;
    I32(i32), as_i32;
    U32(u32), as_u32;
    U8(u8), as_u8;
}
