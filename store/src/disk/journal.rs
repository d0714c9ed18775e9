//! Append-only files of records that survive whatever ends their writer.
//!
//! A journal is 8 bytes of magic, then records: length `u32`, CRC-32 (IEEE) of length and payload `u32`, payload; all
//! little-endian. A record is in the journal once its last byte is: what a writer leaves half written when it is killed
//! is cut off by whoever opens the journal next, and nothing before it is touched. Several processes may append to one
//! journal: each takes the file's lock for the moment of reading what the others wrote and writing its own.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};

/// What a journal begins with.
pub(crate) const MAGIC: [u8; 8] = *b"BARROWJ\x01";
/// The largest payload of one record.
const PAYLOAD_BYTES_MAX: usize = 1 << 24;
/// Length and checksum.
const HEAD_BYTES: usize = 8;
/// How often what was written is flushed to the disk itself, which outlives a loss of power.
const SYNC_EVERY: Duration = Duration::from_secs(1);

/// An open journal, read up to some place.
#[derive(Debug)]
pub struct Journal {
    file: File,
    path: PathBuf,
    /// Where the next record that was not read begins.
    at: u64,
    synced: Instant,
    buffer: Vec<u8>,
}

impl Journal {
    /// Opens the journal at `path`, a new one when there is none. Reads nothing yet: see [`Journal::read`].
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; [`Error::BadJournal`] when the file is something else.
    pub fn open(path: &Path) -> Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        Ok(Self::with(options.open(path).map_err(Error::io("open", path))?, path))
    }

    /// Opens a journal that exists.
    ///
    /// # Errors
    ///
    /// As [`Journal::open`].
    pub fn existing(path: &Path) -> Result<Self> {
        let file = OpenOptions::new().read(true).write(true).open(path);
        Ok(Self::with(file.map_err(Error::io("open", path))?, path))
    }

    /// Tells whether the file at `path` begins as a journal does.
    pub fn is_one(path: &Path) -> bool {
        let mut magic = Vec::new();
        let read =
            File::open(path).and_then(|file| file.take(MAGIC.len() as u64).read_to_end(&mut magic));
        read.is_ok() && magic == MAGIC
    }

    fn with(file: File, path: &Path) -> Self {
        let path = path.to_owned();
        Self { file, path, at: 0, synced: Instant::now(), buffer: Vec::new() }
    }

    /// Returns the file's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Hands every record since the last call to `visit`, oldest first, and cuts off what was left half written.
    /// Waits while another process writes.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; [`Error::BadJournal`]; what `visit` fails with. Records before a failure count as read.
    pub fn read<E: From<Error>>(
        &mut self,
        mut visit: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        self.locked(|journal| journal.catch_up(&mut visit))
    }

    /// Reads what others wrote, as [`Journal::read`], then lets `write` add records of its own, all while nobody else
    /// writes. What is added is in the file when this returns.
    ///
    /// # Errors
    ///
    /// As [`Journal::read`].
    pub fn update<E: From<Error>, T>(
        &mut self,
        mut visit: impl FnMut(&[u8]) -> Result<(), E>,
        write: impl FnOnce(&mut Records<'_>) -> T,
    ) -> Result<T, E> {
        self.locked(|journal| {
            journal.catch_up(&mut visit)?;
            let mut buffer = std::mem::take(&mut journal.buffer);
            buffer.clear();
            if journal.at == 0 {
                buffer.extend_from_slice(&MAGIC);
            }
            let answer = write(&mut Records { buffer: &mut buffer });
            let written = journal.write(&buffer);
            journal.buffer = buffer;
            written?;
            Ok(answer)
        })
    }

    fn locked<E: From<Error>, T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        self.file.lock().map_err(Error::io("lock", &self.path))?;
        let answer = work(self);
        self.file.unlock().map_err(Error::io("unlock", &self.path))?;
        answer
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let write = |file: &mut File, at: u64| -> io::Result<()> {
            file.seek(SeekFrom::Start(at))?;
            file.write_all(bytes)
        };
        write(&mut self.file, self.at).map_err(Error::io("write", &self.path))?;
        self.at += bytes.len() as u64;
        if self.synced.elapsed() > SYNC_EVERY {
            self.sync()?;
        }
        Ok(())
    }

    /// Flushes what was written to the disk itself. A killed process loses nothing without it; a loss of power may.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn sync(&mut self) -> Result<()> {
        self.synced = Instant::now();
        self.file.sync_data().map_err(Error::io("flush", &self.path))
    }

    /// Reads the records between `at` and the end of the file. To be called under the lock.
    fn catch_up<E: From<Error>>(
        &mut self,
        visit: &mut dyn FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let len = self.file.metadata().map_err(Error::io("examine", &self.path))?.len();
        if len == self.at {
            return Ok(());
        }
        if self.at == 0 && !self.skip_magic(len)? {
            return Ok(());
        }
        // A window of the file that moves on; a record that it cuts is read again from its start.
        let mut window = Vec::new();
        while self.at < len {
            let rest = usize::try_from(len - self.at).unwrap_or(usize::MAX);
            window.resize(rest.min(PAYLOAD_BYTES_MAX + HEAD_BYTES), 0);
            let mut read = |file: &mut File| -> io::Result<()> {
                file.seek(SeekFrom::Start(self.at))?;
                file.read_exact(&mut window)
            };
            read(&mut self.file).map_err(Error::io("read", &self.path))?;
            let before = self.at;
            let mut left = window.as_slice();
            while let Some((payload, after)) = first_record(left) {
                visit(payload)?;
                self.at += (left.len() - after.len()) as u64;
                left = after;
            }
            if self.at == before {
                if is_followed(&window) {
                    let (path, at) = (self.path.clone(), self.at);
                    return Err(Error::BadJournal { path, at }.into());
                }
                // Nobody writes now, so this is what a killed writer left.
                tracing::warn!(path = %self.path.display(), at = self.at, "cut off a torn record");
                self.file.set_len(self.at).map_err(Error::io("cut", &self.path))?;
                break;
            }
        }
        Ok(())
    }

    /// Checks the magic; false where the file ends within it, which empties the file.
    fn skip_magic(&mut self, len: u64) -> Result<bool> {
        let mut magic = Vec::new();
        let mut read = || -> io::Result<()> {
            self.file.seek(SeekFrom::Start(0))?;
            (&self.file).take(MAGIC.len() as u64).read_to_end(&mut magic)?;
            Ok(())
        };
        read().map_err(Error::io("read", &self.path))?;
        if magic == MAGIC {
            self.at = MAGIC.len() as u64;
            return Ok(true);
        }
        if len < MAGIC.len() as u64 && MAGIC.starts_with(&magic) {
            self.file.set_len(0).map_err(Error::io("cut", &self.path))?;
            return Ok(false);
        }
        Err(Error::BadJournal { path: self.path.clone(), at: 0 })
    }
}

/// Records on their way into a journal.
#[derive(Debug)]
pub struct Records<'a> {
    buffer: &'a mut Vec<u8>,
}

impl Records<'_> {
    /// Adds a record whose payload `fill` appends to the buffer it is given.
    ///
    /// # Panics
    ///
    /// When the payload is larger than 16 MiB.
    pub fn add(&mut self, fill: impl FnOnce(&mut Vec<u8>)) {
        let start = self.buffer.len();
        self.buffer.extend_from_slice(&[0; HEAD_BYTES]);
        fill(self.buffer);
        let payload = self.buffer.len() - start - HEAD_BYTES;
        assert!(payload <= PAYLOAD_BYTES_MAX, "a record holds at most 16 MiB");
        let length = u32::try_from(payload).unwrap_or(0).to_le_bytes();
        let checksum = checksum(length, &self.buffer[start + HEAD_BYTES..]).to_le_bytes();
        self.buffer[start..start + 4].copy_from_slice(&length);
        self.buffer[start + 4..start + HEAD_BYTES].copy_from_slice(&checksum);
    }
}

fn checksum(length: [u8; 4], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&length);
    hasher.update(payload);
    hasher.finalize()
}

/// The payload of the first record and what follows it; `None` where there is no whole, sound one.
fn first_record(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (expected, rest) = rest.split_first_chunk::<4>()?;
    let payload = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    if payload > PAYLOAD_BYTES_MAX {
        return None;
    }
    let (payload, rest) = rest.split_at_checked(payload)?;
    (checksum(*length, payload) == u32::from_le_bytes(*expected)).then_some((payload, rest))
}

/// Tells whether a sound record follows a first one that is not: then it was not torn, but damaged.
fn is_followed(bytes: &[u8]) -> bool {
    let length = bytes.first_chunk::<4>().map(|length| u32::from_le_bytes(*length));
    let next = length.and_then(|length| usize::try_from(length).ok()?.checked_add(HEAD_BYTES));
    next.and_then(|next| bytes.get(next..)).is_some_and(|rest| first_record(rest).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(path: &Path) -> Vec<Vec<u8>> {
        let mut found = Vec::new();
        let mut journal = Journal::open(path).unwrap();
        journal
            .read(|record| {
                found.push(record.to_vec());
                Ok::<(), Error>(())
            })
            .unwrap();
        found
    }

    fn add(journal: &mut Journal, records: &[&[u8]]) -> Vec<Vec<u8>> {
        let mut seen = Vec::new();
        journal
            .update(
                |record| {
                    seen.push(record.to_vec());
                    Ok::<(), Error>(())
                },
                |to| records.iter().for_each(|record| to.add(|b| b.extend_from_slice(record))),
            )
            .unwrap();
        seen
    }

    #[test]
    fn cut_anywhere_a_journal_keeps_every_whole_record_and_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("study");
        let records: [&[u8]; 4] = [b"one", b"", b"a longer third record", b"4"];
        let mut journal = Journal::open(&path).unwrap();
        add(&mut journal, &records[..2]);
        add(&mut journal, &records[2..]);
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(all(&path), records);
        let ends: Vec<usize> = records
            .iter()
            .scan(8, |end, record| {
                *end += 8 + record.len();
                Some(*end)
            })
            .collect();
        for cut in 0..=bytes.len() {
            std::fs::write(&path, &bytes[..cut]).unwrap();
            let whole = ends.iter().filter(|end| **end <= cut).count();
            assert_eq!(all(&path), records[..whole], "cut at {cut}");
            // What follows a cut is found by the next reader.
            add(&mut Journal::open(&path).unwrap(), &[b"after"]);
            let mut expected: Vec<&[u8]> = records[..whole].to_vec();
            expected.push(b"after");
            assert_eq!(all(&path), expected, "cut at {cut}");
        }
    }

    #[test]
    fn a_flipped_bit_in_the_last_record_drops_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("study");
        add(&mut Journal::open(&path).unwrap(), &[b"first", b"second"]);
        let bytes = std::fs::read(&path).unwrap();
        let second = 8 + 8 + 5;
        for at in second..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 4;
            std::fs::write(&path, &damaged).unwrap();
            assert_eq!(all(&path), [b"first"], "byte {at}");
        }
    }

    #[test]
    fn damage_before_the_end_is_an_error_and_nothing_is_cut() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("study");
        add(&mut Journal::open(&path).unwrap(), &[b"first", b"second", b"third"]);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[8 + 8 + 2] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        let error = Journal::open(&path).unwrap().read(|_| Ok::<(), Error>(())).unwrap_err();
        assert!(matches!(error, Error::BadJournal { at: 8, .. }), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), bytes);
    }

    #[test]
    fn two_writers_see_each_others_records_in_one_order() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("study");
        let (mut one, mut two) = (Journal::open(&path).unwrap(), Journal::open(&path).unwrap());
        assert!(add(&mut one, &[b"1a"]).is_empty());
        assert_eq!(add(&mut two, &[b"2a", b"2b"]), [b"1a"]);
        assert_eq!(add(&mut one, &[b"1b"]), [b"2a", b"2b"]);
        assert_eq!(all(&path), [b"1a", b"2a", b"2b", b"1b"]);
    }

    #[test]
    fn other_files_are_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.txt");
        std::fs::write(&path, "do not touch").unwrap();
        let mut journal = Journal::open(&path).unwrap();
        let error = journal.read(|_| Ok::<(), Error>(())).unwrap_err();
        assert!(matches!(error, Error::BadJournal { at: 0, .. }), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), b"do not touch");
        assert!(Journal::existing(&folder.path().join("missing")).is_err());
    }
}
