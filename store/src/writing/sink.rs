//! The file that a new part is written to.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{Builder, JoinHandle};

use barrow_format::Sink;
use parking_lot::Mutex;

use crate::disk;
use crate::error::{Error, Result};

/// How much is written before the device is set to work on it.
const FLUSH_BYTES: u64 = 64 << 20;
/// How much that is whole is worth telling the device of.
const STORED_BYTES_MIN: u64 = 256 << 10;

/// Where a [`BundleWriter`](barrow_format::BundleWriter) puts the bytes of a part: a file written at positions.
///
/// Several threads may write at once. Each write is one positioned write of the operating system; nothing is buffered
/// here. Of a large part, what has been written is flushed to the device while the rest is being written, so that the
/// flush at the end has little left to wait for.
#[derive(Debug)]
pub struct FileSink {
    file: Arc<File>,
    path: PathBuf,
    written_bytes: AtomicU64,
    flusher: Mutex<Option<Flusher>>,
}

/// The thread that flushes early.
#[derive(Debug)]
struct Flusher {
    /// A message asks for a flush; hanging up ends the thread.
    wake: Sender<()>,
    thread: JoinHandle<io::Result<()>>,
}

impl FileSink {
    /// Creates (or empties) the file at `path`.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when it cannot be created.
    pub fn create(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let file = disk::create(path).map_err(Error::io("create", path))?;
        Ok(Self {
            file: Arc::new(file),
            path: path.to_owned(),
            written_bytes: AtomicU64::new(0),
            flusher: Mutex::new(None),
        })
    }

    /// Returns the file's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the file read-only for everyone and waits until it is on the device.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when the operating system refuses either.
    pub fn seal(&self) -> Result<()> {
        self.protect()?;
        disk::flush(&self.file).map_err(Error::io("flush", &self.path))
    }

    /// Makes the file read-only for everyone; it is to be flushed.
    pub(crate) fn protect(&self) -> Result<()> {
        if let Some(Flusher { wake, thread }) = self.flusher.lock().take() {
            drop(wake);
            // The operating system reports a failed write to one flush only, and that may have been an early one.
            let outcome = thread.join().unwrap_or_else(|_| Err(io::ErrorKind::Other.into()));
            outcome.map_err(Error::io("flush", &self.path))?;
        }
        disk::make_read_only(&self.file).map_err(Error::io("protect", &self.path))
    }

    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Has the device begin to store what has been written. That it could not be begun early is no error.
    fn flush_early(&self) {
        let mut flusher = self.flusher.lock();
        if flusher.is_none() {
            let (wake, requests) = channel();
            let file = Arc::clone(&self.file);
            let thread = Builder::new().name("barrow-flush".to_owned());
            let thread = thread.spawn(move || flush_on_request(&file, &requests));
            *flusher = thread.ok().map(|thread| Flusher { wake, thread });
        }
        if let Some(flusher) = &*flusher {
            let _ = flusher.wake.send(());
        }
    }

    /// Returns the length of what has been written, in bytes.
    pub(crate) fn len_bytes(&self) -> Result<u64> {
        Ok(self.file.metadata().map_err(Error::io("examine", &self.path))?.len())
    }
}

impl Sink for FileSink {
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        disk::write_at(&self.file, bytes, offset)?;
        let bytes = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let before = self.written_bytes.fetch_add(bytes, Ordering::Relaxed);
        if before / FLUSH_BYTES != before.saturating_add(bytes) / FLUSH_BYTES {
            self.flush_early();
        }
        Ok(())
    }

    fn begin_storing(&self, offset: u64, len: u64) {
        if len >= STORED_BYTES_MIN {
            disk::storing::begin_storing(&self.file, offset, len);
        }
    }
}

/// Flushes as often as it is asked to; requests that came during a flush are one.
fn flush_on_request(file: &File, requests: &Receiver<()>) -> io::Result<()> {
    while requests.recv().is_ok() {
        while requests.try_recv().is_ok() {}
        disk::flush_bytes(file)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn what_is_written_from_several_threads_is_in_the_sealed_file() {
        let dir = testing::dir();
        let path = dir.path().join("part");
        let sink = FileSink::create(&path).unwrap();
        // Enough for two early flushes.
        let (chunk, chunks) = (1 << 20, 140);
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let sink = &sink;
                scope.spawn(move || {
                    for index in (thread..chunks).step_by(4) {
                        let offset = u64::try_from(index * chunk).unwrap();
                        sink.write_at(offset, &vec![u8::try_from(index).unwrap(); chunk]).unwrap();
                    }
                });
            }
        });
        assert!(sink.flusher.lock().is_some());
        sink.seal().unwrap();
        assert_eq!(sink.len_bytes().unwrap(), u64::try_from(chunks * chunk).unwrap());
        let bytes = std::fs::read(&path).unwrap();
        let right = |(index, part): (usize, &[u8])| part.iter().all(|&b| usize::from(b) == index);
        assert!(bytes.chunks_exact(chunk).enumerate().all(right));
        assert!(std::fs::metadata(&path).unwrap().permissions().readonly());
        assert!(sink.path() == path);
    }

    #[test]
    fn a_file_that_cannot_be_created_is_named() {
        let dir = testing::dir();
        let path = dir.path().join("no/such/dir");
        let error = FileSink::create(&path).unwrap_err();
        assert_eq!(error.to_string(), format!("cannot create `{}`", path.display()));
    }
}
