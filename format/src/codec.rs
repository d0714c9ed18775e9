//! The encoding of the two decoded sections, schema and provenance: bincode's fixed-int little-endian
//! layout. Integers have their width, lengths and counts are u64, tags of enums are u32 in the order of
//! declaration, strings are a length and UTF-8, there is no padding.
//!
//! A reader of a hostile file must not allocate by an unchecked number: every count is compared with the
//! bytes that are left before anything is reserved.

use thiserror::Error;

/// The bytes are not what the layout says.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CodecError {
    /// A value reaches past the end of the section.
    #[error("a value of {wanted} bytes at byte {at} reaches past the end ({len} bytes)")]
    Short {
        /// Where the value begins.
        at: usize,
        /// Bytes that the value takes.
        wanted: u64,
        /// Bytes that there are.
        len: usize,
    },
    /// A tag is not among those of the enum.
    #[error("tag {tag} at byte {at} is not a known {what}")]
    Tag {
        /// What the tag should name.
        what: &'static str,
        /// Where the tag stands.
        at: usize,
        /// The tag.
        tag: u32,
    },
    /// A string is not UTF-8.
    #[error("the string at byte {at} is not UTF-8")]
    Utf8 {
        /// Where the string stands.
        at: usize,
    },
    /// Bytes are left over behind the last value.
    #[error("{left} bytes are left over behind the last value")]
    Trailing {
        /// How many.
        left: usize,
    },
}

/// Appends values to a byte vector.
#[derive(Debug, Default)]
pub(crate) struct Encoder {
    bytes: Vec<u8>,
}

impl Encoder {
    pub(crate) fn u8(&mut self, value: u8) {
        self.bytes.push(value);
    }

    pub(crate) fn u32(&mut self, value: u32) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    pub(crate) fn u64(&mut self, value: u64) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    pub(crate) fn i64(&mut self, value: i64) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    pub(crate) fn string(&mut self, text: &str) {
        self.u64(text.len() as u64);
        self.raw(text.as_bytes());
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// Takes values off the front of some bytes.
#[derive(Debug)]
pub(crate) struct Decoder<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Decoder<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(crate) fn at(&self) -> usize {
        self.at
    }

    fn take(&mut self, wanted: u64) -> Result<&'a [u8], CodecError> {
        let short = CodecError::Short { at: self.at, wanted, len: self.bytes.len() };
        let end = usize::try_from(wanted).ok().and_then(|wanted| self.at.checked_add(wanted));
        let range = end.and_then(|end| self.bytes.get(self.at..end).map(|taken| (taken, end)));
        let (taken, end) = range.ok_or(short)?;
        self.at = end;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], CodecError> {
        let short = CodecError::Short { at: self.at, wanted: N as u64, len: self.bytes.len() };
        self.take(N as u64)?.try_into().map_err(|_| short)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, CodecError> {
        self.array().map(u8::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, CodecError> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, CodecError> {
        self.array().map(u64::from_le_bytes)
    }

    pub(crate) fn i64(&mut self) -> Result<i64, CodecError> {
        self.array().map(i64::from_le_bytes)
    }

    pub(crate) fn string(&mut self) -> Result<String, CodecError> {
        let len = self.u64()?;
        let at = self.at;
        let text = std::str::from_utf8(self.take(len)?).map_err(|_| CodecError::Utf8 { at })?;
        Ok(text.to_owned())
    }

    /// Reads a count of items that take `smallest` bytes or more each.
    pub(crate) fn count(&mut self, smallest: u64) -> Result<usize, CodecError> {
        let at = self.at;
        let count = self.u64()?;
        let left = (self.bytes.len() - self.at) as u64;
        let wanted = count.saturating_mul(smallest);
        let short = CodecError::Short { at, wanted, len: self.bytes.len() };
        if wanted > left {
            return Err(short);
        }
        usize::try_from(count).map_err(|_| short)
    }

    pub(crate) fn finish(self) -> Result<(), CodecError> {
        match self.bytes.len() - self.at {
            0 => Ok(()),
            left => Err(CodecError::Trailing { left }),
        }
    }
}
