//! SHA-256 values: the [`Digest`] of some bytes, the [`Version`] of a bundle's content, and the hasher
//! of a series, whose state can be stored and taken up again.

use std::{fmt, str::FromStr};

use sha2::{Digest as _, Sha256, block_api::compress256};
use thiserror::Error;

/// The text is not a SHA-256 value in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{text}` is not a SHA-256 value: expected 64 hexadecimal digits")]
pub struct ParseDigestError {
    /// What was given.
    pub text: String,
}

macro_rules! sha256_value {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 32]);

        impl $name {
            /// Wraps 32 bytes as they are.
            pub const fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// Returns the 32 bytes.
            #[inline]
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }

            /// Returns the first 12 hexadecimal digits: enough for people, not for identity.
            pub fn short(&self) -> String {
                let mut text = self.to_string();
                text.truncate(12);
                text
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }

        impl FromStr for $name {
            type Err = ParseDigestError;

            fn from_str(text: &str) -> Result<Self, ParseDigestError> {
                parse_hex(text).map(Self).ok_or_else(|| ParseDigestError { text: text.to_owned() })
            }
        }
    };
}

sha256_value! {
    /// SHA-256 of some bytes: of a series, a section, a source file, or (over the first page, which holds
    /// the digests of all the rest) of a whole part.
    Digest
}

sha256_value! {
    /// SHA-256 of a bundle's content: two bundles have the same version exactly when they hold the same
    /// schema, symbols, values, calendar and adjustments, however they were written.
    Version
}

impl Digest {
    /// Hashes `bytes`; about 1.5 GB/s where the processor has SHA instructions.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

fn parse_hex(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        for &digit in pair {
            let value = char::from(digit).to_digit(16)?;
            *byte = (*byte << 4) | u8::try_from(value).ok()?;
        }
    }
    Some(bytes)
}

/// State of SHA-256 after a whole number of 64-byte blocks (FIPS 180-4, section 6.2), as eight words.
pub type Midstate = [u32; 8];

const INITIAL: Midstate = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// SHA-256 over bytes given in pieces, which also tells its [`Midstate`], so that a later append
/// can continue the hash at the cost of the new bytes alone.
#[derive(Debug, Clone)]
pub(crate) struct SeriesHasher {
    state: Midstate,
    /// The bytes behind the last whole block, in front; the others are zero.
    pending: [u8; 64],
    len_bytes: u64,
}

impl SeriesHasher {
    pub(crate) fn new() -> Self {
        Self { state: INITIAL, pending: [0; 64], len_bytes: 0 }
    }

    /// Takes a hash up again: `state` is that after the last whole block of `len_bytes` bytes, `tail` are the bytes
    /// behind that block.
    pub(crate) fn resume(state: Midstate, len_bytes: u64, tail: &[u8]) -> Self {
        Self { state, pending: in_front(tail), len_bytes }
    }

    /// Returns how many bytes are pending.
    fn pending_len(&self) -> usize {
        usize::try_from(self.len_bytes % 64).unwrap_or(0)
    }

    pub(crate) fn update(&mut self, mut bytes: &[u8]) {
        let pending = self.pending_len();
        self.len_bytes += bytes.len() as u64;
        if pending > 0 {
            let free = self.pending.get_mut(pending..).unwrap_or_default();
            let (head, rest) = bytes.split_at(bytes.len().min(free.len()));
            if let Some(free) = free.get_mut(..head.len()) {
                free.copy_from_slice(head);
            }
            bytes = rest;
            if pending + head.len() < 64 {
                return;
            }
            compress256(&mut self.state, &[self.pending]);
        }
        let (blocks, rest) = bytes.as_chunks::<64>();
        compress256(&mut self.state, blocks);
        self.pending = in_front(rest);
    }

    /// Returns the state after the last whole block, and the digest of everything.
    #[expect(clippy::big_endian_bytes, reason = "FIPS 180-4 puts the most significant byte first")]
    pub(crate) fn finish(mut self) -> (Midstate, Digest) {
        let midstate = self.state;
        let pending = self.pending_len();
        let mut last = self.pending;
        if let Some(end) = last.get_mut(pending) {
            *end = 0x80;
        }
        // The length takes eight bytes at the end of a block.
        if pending >= 56 {
            compress256(&mut self.state, &[last]);
            last = [0; 64];
        }
        if let Some(length) = last.last_chunk_mut::<8>() {
            *length = (self.len_bytes * 8).to_be_bytes();
        }
        compress256(&mut self.state, &[last]);
        let mut digest = [0; 32];
        for (bytes, word) in digest.as_chunks_mut::<4>().0.iter_mut().zip(self.state) {
            *bytes = word.to_be_bytes();
        }
        (midstate, Digest(digest))
    }
}

/// Returns a block that begins with some bytes, fewer than it has, and is zero behind them.
fn in_front(bytes: &[u8]) -> [u8; 64] {
    let mut block = [0; 64];
    if let Some(front) = block.get_mut(..bytes.len()) {
        front.copy_from_slice(bytes);
    }
    block
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hexadecimal_in_and_out() {
        let digest = Digest::of(b"abc");
        assert_eq!(digest.short(), "ba7816bf8f01");
        assert_eq!(digest.to_string().parse(), Ok(digest));
        assert!("ba78".parse::<Version>().is_err());
        assert!("g".repeat(64).parse::<Version>().is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]
        #[test]
        fn pieces_hash_like_the_whole(bytes in prop::collection::vec(any::<u8>(), 0..400), cuts in prop::collection::vec(0usize..400, 0..6)) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let mut hasher = SeriesHasher::new();
            for pair in cuts.windows(2) {
                hasher.update(&bytes[pair[0]..pair[1]]);
            }
            let (midstate, digest) = hasher.finish();
            prop_assert_eq!(digest, Digest::of(&bytes));
            let mut state = INITIAL;
            compress256(&mut state, bytes.as_chunks::<64>().0);
            prop_assert_eq!(midstate, state);
        }
    }
}
