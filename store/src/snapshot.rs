//! Snapshots: one bundle version, mapped and opened, shared by everyone who leases it.

use std::fs::Metadata;
use std::ops::Range;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use barrow_format::{Bundle, PhysicalType, Values};
use zerocopy::{FromBytes, Immutable};

use crate::bars::Life;
use crate::bundle_dir::stem;
use crate::catalog::Located;
use crate::error::{Error, Result};
use crate::mapping::{HeadMap, Mapping};
use crate::version_lock::VersionLock;

/// The names of the float columns that bars have accessors for, in the order of [`Snapshot::standard`].
pub(crate) const STANDARD: [&str; 5] = ["open", "high", "low", "close", "volume"];

/// One bundle version, opened over its map. Immutable; unmapped when the last `Arc` goes.
#[derive(Debug)]
pub(crate) struct Snapshot {
    bundle: Bundle<Mapping>,
    name: String,
    path: PathBuf,
    /// Where the columns of [`STANDARD`] begin in the file, if they exist and hold raw f64.
    standard: [Option<usize>; STANDARD.len()],
    /// Where the timestamps begin in the file.
    time: usize,
    /// Of each asset; see [`Snapshot::lives`].
    lives: OnceLock<Box<[Life]>>,
    /// Keeps the version from being pruned; dropped last.
    _lock: Option<VersionLock>,
}

impl Snapshot {
    /// Opens a version's part and checks that it is the one the catalog names.
    pub(crate) fn open_part(name: &str, located: &Located) -> Result<Self> {
        let (mapping, _) = Mapping::open(&located.path)?;
        let found = u64::try_from(mapping.as_ref().len()).unwrap_or(u64::MAX);
        let check = |what, expected: String, found: String| {
            if expected == found {
                return Ok(());
            }
            Err(Error::Mismatch { path: located.path.clone(), what, expected, found })
        };
        // A truncated file says so itself when it is opened; this names the file that grew or was replaced.
        let snapshot = Self::over(mapping, name.to_owned(), &located.path)?;
        check("length", located.bytes.to_string(), found.to_string())?;
        let bundle = &snapshot.bundle;
        check("version", located.version.to_string(), bundle.version().to_string())?;
        check("digest", located.digest.to_string(), bundle.digest().to_string())?;
        Ok(snapshot)
    }

    /// Opens a bundle file that no catalog knows of; also returns what to recognise the file by.
    pub(crate) fn open_file(path: &Path) -> Result<(Self, FileStamp)> {
        let (mapping, metadata) = Mapping::open(path)?;
        Ok((Self::over(mapping, stem(path), path)?, FileStamp::of(&metadata)))
    }

    fn over(mapping: Mapping, name: String, path: &Path) -> Result<Self> {
        let bundle = Bundle::open(mapping).map_err(Error::corrupt(path))?;
        // What `time`, `calendar` and `floats` take for granted: all columns of a schema that opened can be read, and a
        // part's columns have as many rows as the part.
        bundle.calendar().map_err(Error::corrupt(path))?;
        let start = |index, physical| {
            let values = bundle.column(index)?;
            let offset = values.as_bytes().as_ptr().addr() - bundle.as_bytes().as_ptr().addr();
            Ok((values.physical() == physical).then_some(offset))
        };
        let time = start(0, PhysicalType::I64).map_err(Error::corrupt(path))?.unwrap_or(0);
        let mut standard = [None; STANDARD.len()];
        for (place, name) in standard.iter_mut().zip(STANDARD) {
            if let Some(index) = bundle.schema().column_index(name) {
                *place = start(index, PhysicalType::F64).map_err(Error::corrupt(path))?;
            }
        }
        Ok(Self {
            bundle,
            name,
            path: path.to_owned(),
            standard,
            time,
            lives: OnceLock::new(),
            _lock: None,
        })
    }

    /// Returns the snapshot with what keeps its version from being pruned.
    pub(crate) fn locked(self, lock: Option<VersionLock>) -> Self {
        Self { _lock: lock, ..self }
    }

    #[inline]
    pub(crate) fn bundle(&self) -> &Bundle<Mapping> {
        &self.bundle
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the whole column at `index`.
    #[inline]
    pub(crate) fn column_at(&self, index: usize) -> Result<Values<'_>> {
        self.bundle.column(index).map_err(|error| self.corrupt(error))
    }

    /// Returns the place of a column.
    pub(crate) fn column_index(&self, name: &str) -> Result<usize> {
        self.bundle.schema().column_index(name).ok_or_else(|| self.unknown_column(name))
    }

    /// Returns the timestamps of some rows.
    #[inline]
    pub(crate) fn time(&self, rows: Range<usize>) -> &[i64] {
        self.numbers(self.time, rows)
    }

    /// Returns all distinct timestamps, ascending.
    #[inline]
    pub(crate) fn calendar(&self) -> &[i64] {
        self.bundle.calendar().unwrap_or_default()
    }

    /// Returns how the rows of each asset lie on the calendar, in symbol order. The first call checks all records, which
    /// takes some ten nanoseconds an asset, and keeps 32 bytes for each; opening does neither.
    pub(crate) fn lives(&self) -> Result<&[Life]> {
        if let Some(lives) = self.lives.get() {
            return Ok(lives);
        }
        let life = |ordinal| self.bundle.asset_at(ordinal).map(Life::of);
        let lives = (0..self.bundle.asset_count()).map(life).collect::<Result<Box<[_]>, _>>();
        let lives = lives.map_err(|error| self.corrupt(error))?;
        Ok(self.lives.get_or_init(|| lives))
    }

    /// Returns some rows of the column of the standard name at `place` of [`STANDARD`].
    #[inline]
    pub(crate) fn floats(&self, place: usize, rows: Range<usize>) -> Option<&[f64]> {
        let start = (*self.standard.get(place)?)?;
        Some(self.numbers(start, rows))
    }

    /// Returns some rows of a column of eight-byte numbers that begins at byte `start`.
    ///
    /// Sees the bytes again instead of keeping a slice, which would borrow from `self`: a bounds and an alignment check,
    /// both of which opening has made certain.
    #[inline]
    fn numbers<T: FromBytes + Immutable>(&self, start: usize, rows: Range<usize>) -> &[T] {
        let (from, to) = (start + rows.start * size_of::<T>(), start + rows.end * size_of::<T>());
        <[T]>::ref_from_bytes(&self.bundle.as_bytes()[from..to]).unwrap_or_default()
    }

    #[cold]
    pub(crate) fn corrupt(&self, error: barrow_format::Error) -> Error {
        Error::corrupt(&self.path)(error)
    }

    #[cold]
    fn unknown_column(&self, name: &str) -> Error {
        let columns = self.bundle.schema().columns().iter();
        Error::UnknownColumn {
            column: name.to_owned(),
            bundle: self.name.clone(),
            available: columns.map(|column| column.name.clone()).collect(),
        }
    }
}

/// What a file is recognised by: whoever replaces or rewrites it changes one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileStamp {
    device: u64,
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
}

impl FileStamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            bytes: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}

/// How to tell, at each lease, whether a snapshot is still what its name means.
#[derive(Debug)]
pub(crate) enum Currency {
    /// A full version: it means the same for ever.
    Fixed,
    /// The newest version, or the one that starts with some digits: as of a generation of `HEAD`. One load to check.
    Generation { head: HeadMap, generation: u64 },
    /// A file outside the catalog: as long as the path leads to it. One system call to check.
    File { path: PathBuf, stamp: FileStamp },
}

impl Currency {
    #[inline]
    pub(crate) fn holds(&self) -> bool {
        match self {
            Self::Fixed => true,
            Self::Generation { head, generation } => head.generation() == *generation,
            Self::File { path, stamp } => {
                std::fs::metadata(path).is_ok_and(|now| FileStamp::of(&now) == *stamp)
            }
        }
    }
}

/// Keeps what is written often away from what is read often: two cache lines, which processors fetch in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Padded<T>(pub(crate) T);

/// A snapshot as the pool holds it: under one key, current as of some moment.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) currency: Currency,
    /// Whether the pool still holds it.
    pub(crate) held: AtomicBool,
    /// The pool's clock when it was last used.
    pub(crate) used: Padded<AtomicU64>,
}

impl Opened {
    pub(crate) fn new(snapshot: Arc<Snapshot>, currency: Currency) -> Self {
        let (held, used) = (AtomicBool::new(false), Padded::default());
        Self { snapshot, currency, held, used }
    }

    /// Tells whether a lease may be answered with this.
    #[inline]
    pub(crate) fn is_current(&self) -> bool {
        self.held.load(Ordering::Acquire) && self.currency.holds()
    }
}

/// One shard's share of an opened snapshot. Threads of different shards count their leases in different cache lines.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Pinned {
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) opened: Arc<Opened>,
}
