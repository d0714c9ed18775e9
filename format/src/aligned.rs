//! [`AlignedBytes`]: an owned copy of bytes at an address that suits every section.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C, align(4096))]
struct Page([u8; 4096]);

/// Owned bytes that begin at a multiple of 4096, as a map does: for tests and for media that one does not
/// want to map.
#[derive(Clone)]
pub struct AlignedBytes {
    pages: Vec<Page>,
    len: usize,
}

impl AlignedBytes {
    /// Copies `bytes`.
    pub fn copy_of(bytes: &[u8]) -> Self {
        let mut this = Self::zeroed(bytes.len());
        this.as_mut().copy_from_slice(bytes);
        this
    }

    /// Makes `len` zero bytes, to be filled through `as_mut`.
    pub fn zeroed(len: usize) -> Self {
        Self { pages: vec![Page([0; 4096]); len.div_ceil(4096)], len }
    }
}

impl AsRef<[u8]> for AlignedBytes {
    fn as_ref(&self) -> &[u8] {
        self.pages.as_bytes().get(..self.len).unwrap_or_default()
    }
}

impl AsMut<[u8]> for AlignedBytes {
    fn as_mut(&mut self) -> &mut [u8] {
        self.pages.as_mut_bytes().get_mut(..self.len).unwrap_or_default()
    }
}

impl std::fmt::Debug for AlignedBytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AlignedBytes").field("len", &self.len).finish_non_exhaustive()
    }
}
