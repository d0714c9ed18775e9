//! Reading files whole: for their digests, and with their progress told.

use std::fs::File;
use std::io::{self, Read};

use barrow_format::Digest;
use sha2::Digest as _;

use super::context::Context;
use super::error::IngestError;
use super::settle::Fault;
use super::source::{Source, io_error};

/// Bytes that are read at a time.
const PIECE: usize = 1 << 20;

/// A file that tells the progress of its reading.
pub(crate) struct Meter<'j, 'c> {
    file: File,
    context: &'j Context<'c>,
}

impl<'j, 'c> Meter<'j, 'c> {
    pub(crate) fn new(file: File, context: &'j Context<'c>) -> Self {
        Self { file, context }
    }
}

impl Read for Meter<'_, '_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(out)?;
        self.context.progress.advance(u64::try_from(read).unwrap_or(0));
        Ok(read)
    }
}

/// SHA-256 of a file; stops when the run is interrupted.
pub(crate) fn hash_file(context: &Context<'_>, source: &Source) -> Result<Digest, Fault> {
    hash(source, &|| context.progress.interrupted())
}

/// SHA-256 of a file that takes no long time.
pub(crate) fn hash_file_quietly(source: &Source) -> Result<Digest, Fault> {
    hash(source, &|| false)
}

fn hash(source: &Source, stop: &dyn Fn() -> bool) -> Result<Digest, Fault> {
    let path = &source.path;
    let mut file = File::open(path).map_err(io_error("open", path))?;
    let mut hasher = sha2::Sha256::new();
    let mut buffer = vec![0; usize::try_from(source.bytes).unwrap_or(PIECE).clamp(1, PIECE)];
    loop {
        if stop() {
            return Err(IngestError::Interrupted.into());
        }
        match file.read(&mut buffer).map_err(io_error("read", path))? {
            0 => return Ok(Digest::from_bytes(hasher.finalize().into())),
            read => hasher.update(&buffer[..read]),
        }
    }
}
