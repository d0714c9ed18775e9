//! [`Sink`]: where a writer puts bytes.

use std::{
    io,
    sync::{Mutex, PoisonError},
};

/// A place for bytes at positions. Positions that are never written read as zero.
pub trait Sink: Sync {
    /// Writes all of `bytes` at `offset`; called from several threads, never twice for one position but
    /// for the first page, which is written last.
    ///
    /// # Errors
    ///
    /// Whatever keeps the bytes from being written.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Hears that `len` bytes from `offset` on, whole pages of the file, are written and stay as they are: a sink that stores
    /// bytes on a device may have it begin with these. Must not wait for that. Does nothing by default.
    fn begin_storing(&self, offset: u64, len: u64) {
        let _ = (offset, len);
    }
}

/// A sink in memory.
#[derive(Debug, Default)]
pub struct MemorySink {
    bytes: Mutex<Vec<u8>>,
}

impl MemorySink {
    /// Makes an empty sink.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the bytes written.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink for MemorySink {
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        let end = start.checked_add(bytes.len()).ok_or(io::ErrorKind::FileTooLarge)?;
        let mut all = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() < end {
            all.resize(end, 0);
        }
        if let Some(target) = all.get_mut(start..end) {
            target.copy_from_slice(bytes);
        }
        Ok(())
    }
}

impl<S: Sink + Send + ?Sized> Sink for std::sync::Arc<S> {
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        (**self).write_at(offset, bytes)
    }

    fn begin_storing(&self, offset: u64, len: u64) {
        (**self).begin_storing(offset, len);
    }
}
