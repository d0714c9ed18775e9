//! Snapshots: one bundle version, mapped and opened, shared by everyone who leases it.

use std::num::NonZeroUsize;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use barrow_format::{
    Asset, Bundle, Digest, Error as FormatError, PhysicalType, SectionKind, Values,
};
use zerocopy::{FromBytes, Immutable};

use crate::catalog::Located;
use crate::catalog::bundle_dir::stem;
use crate::catalog::version_lock::VersionLock;
use crate::disk::mapping::Mapping;
use crate::disk::network;
use crate::error::{ChangedSeries, Error, Result};
use crate::mount::Mount;
use crate::mount::mounts::Mounts;
use crate::pool::opened::FileStamp;
use crate::reading::checks::Checks;
use crate::reading::kept::Kept;
use crate::reading::layout::Layout;
use crate::reading::life::Life;
use crate::reading::options::{OpenMode, OpenOptions, VerifyReads};
use crate::reading::parts::Parts;
use crate::reading::segments::Files;

/// The names of the float columns that bars have accessors for, in the order of [`Snapshot::standard`].
pub(crate) const STANDARD: [&str; 5] = ["open", "high", "low", "close", "volume"];

/// One bundle version, opened over its map. Immutable; unmapped when the last `Arc` goes.
#[derive(Debug)]
pub(crate) struct Snapshot {
    bundle: Bundle<Mapping>,
    /// The files that hold the rows which the file itself does not.
    parts: Parts,
    name: String,
    path: PathBuf,
    /// Tells this opening from all others of the process.
    id: u64,
    pub(crate) options: OpenOptions,
    /// What the operating system said of the file when it was opened.
    pub(crate) stamp: FileStamp,
    /// Which series were hashed, where each is to be before it is handed out.
    pub(crate) checks: Option<Checks>,
    /// How each column is read.
    pub(crate) layouts: Box<[Layout]>,
    /// Whether some column is not read in place, so that leases keep memory.
    decodes: bool,
    /// Where the columns of [`STANDARD`] begin in the file, if they exist, hold f64 and are read in place and
    /// not hashed.
    standard: [Option<NonZeroUsize>; STANDARD.len()],
    /// Where the timestamps begin in the file, if they are read in place and not hashed.
    time: Option<NonZeroUsize>,
    /// Of each asset; see [`Snapshot::lives`].
    lives: OnceLock<Box<[Life]>>,
    /// What keeps the mounted file, if it is one; dropped after the map.
    _mount: Option<Mount>,
    /// The file that was asked for, where that is not the one that is mapped.
    source: Option<PathBuf>,
    /// Keeps the version from being pruned; dropped last.
    _lock: Option<VersionLock>,
}

impl Snapshot {
    /// Opens a version's part and checks that it is the one the catalog names.
    pub(crate) fn open_part(name: &str, located: &Located, options: OpenOptions) -> Result<Self> {
        let check = |what, expected: String, found: String| {
            if expected == found {
                return Ok(());
            }
            Err(Error::Mismatch { path: located.path.clone(), what, expected, found })
        };
        let snapshot = Self::open_at(name.to_owned(), &located.path, options)?;
        // A truncated file says so itself when it is opened; this names the file that grew or was replaced.
        check("length", located.bytes.to_string(), snapshot.stamp.bytes.to_string())?;
        let bundle = &snapshot.bundle;
        check("version", located.version.to_string(), bundle.version().to_string())?;
        check("digest", located.digest.to_string(), bundle.digest().to_string())?;
        Ok(snapshot)
    }

    /// Opens a bundle file that no catalog knows of; also returns what to recognise the file by.
    pub(crate) fn open_file(path: &Path, options: OpenOptions) -> Result<(Self, FileStamp)> {
        let snapshot = Self::open_at(stem(path), path, options)?;
        let stamp = snapshot.stamp;
        Ok((snapshot, stamp))
    }

    /// Returns the snapshot, or if it is to be mounted and its columns are not read in place, that of its mount.
    pub(crate) fn mounted(self) -> Result<Self> {
        if self.options.mode != OpenMode::Mount || !self.decodes {
            return Ok(self);
        }
        let mount = Mounts::shared().mount_snapshot(&self)?;
        let mounted = Self::open_at(self.name.clone(), mount.path(), self.options)?;
        let (expected, found) = (self.bundle.version(), mounted.bundle.version());
        if expected == found {
            return Ok(Self { _mount: Some(mount), source: Some(self.path), ..mounted });
        }
        Err(Error::Mismatch {
            path: mount.path().to_owned(),
            what: "version",
            expected: expected.to_string(),
            found: found.to_string(),
        })
    }

    fn open_at(name: String, path: &Path, options: OpenOptions) -> Result<Self> {
        let (mapping, metadata) = match options.mode {
            OpenMode::Map | OpenMode::Mount => Mapping::open(path, options.paging)?,
            OpenMode::Read => Mapping::read(path, options.paging)?,
        };
        let stamp = FileStamp::of(&metadata);
        if options.mode != OpenMode::Read {
            network::warn_once(stamp.device, path, network::Purpose::Map);
        }
        let snapshot = Self::over(mapping, name, path, options, stamp)?;
        snapshot.verify_opening()?;
        Ok(snapshot)
    }

    fn over(
        mapping: Mapping,
        name: String,
        path: &Path,
        options: OpenOptions,
        stamp: FileStamp,
    ) -> Result<Self> {
        static NEXT_ID: AtomicU64 = AtomicU64::new(0);
        let bundle = opened(mapping, options).map_err(Error::corrupt(path))?;
        let parts = Parts::of(&bundle, path, options)?;
        let columns = 0..bundle.schema().columns().len();
        let layouts: Box<[Layout]> = columns
            .map(|index| Layout::of(&bundle, index))
            .collect::<Result<_, _>>()
            .map_err(Error::corrupt(path))?;
        let assets = usize::try_from(bundle.asset_count()).unwrap_or(usize::MAX);
        // What is copied is verified as a whole before anyone reads it.
        let hashed = options.verify == VerifyReads::Digests && options.mode != OpenMode::Read;
        let checks = hashed.then(|| Checks::new(layouts.len(), assets));
        // What `mapped_time` and `mapped_floats` take for granted: all columns of a schema that opened can be read, and a
        // part's columns have as many rows as the part.
        let start = |index: usize, physical| {
            if hashed {
                return None;
            }
            let column = bundle.schema().columns().get(index)?;
            match layouts.get(index)? {
                // Page 0 is the superblock, so nothing begins at byte 0.
                Layout::Raw { start, .. } if column.physical == physical => {
                    NonZeroUsize::new(*start)
                }
                _ => None,
            }
        };
        let time = start(0, PhysicalType::I64);
        let standard = STANDARD.map(|name| {
            let index = bundle.schema().column_index(name)?;
            start(index, PhysicalType::F64)
        });
        let decodes = layouts.iter().any(|layout| !matches!(layout, Layout::Raw { .. }));
        let (id, path) = (NEXT_ID.fetch_add(1, Ordering::Relaxed), path.to_owned());
        let lives = OnceLock::new();
        Ok(Self {
            bundle,
            parts,
            name,
            path,
            id,
            options,
            stamp,
            checks,
            layouts,
            decodes,
            standard,
            time,
            lives,
            _mount: None,
            source: None,
            _lock: None,
        })
    }

    /// Returns the snapshot with the lock that keeps its version from being pruned.
    pub(crate) fn locked(self, lock: Option<VersionLock>) -> Self {
        Self { _lock: lock, ..self }
    }

    #[inline]
    pub(crate) fn bundle(&self) -> &Bundle<Mapping> {
        &self.bundle
    }

    /// Returns all files of the version, to read rows from.
    #[inline]
    pub(crate) fn files(&self) -> Files<'_> {
        Files { head: &self.bundle, path: &self.path, parts: &self.parts }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Returns the path of the file that is read.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the path of the file that was asked for: of a mount, that of the version.
    pub(crate) fn source(&self) -> &Path {
        self.source.as_deref().unwrap_or(&self.path)
    }

    /// Returns how it was opened.
    pub(crate) fn options(&self) -> OpenOptions {
        self.options
    }

    /// Returns a number that no other opening of this process has.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// Returns how the column at `index` is read.
    #[inline]
    pub(crate) fn layout(&self, index: usize) -> Result<Layout> {
        let columns = self.layouts.len();
        let missing = || self.corrupt(FormatError::NoColumn { index, columns });
        self.layouts.get(index).copied().ok_or_else(missing)
    }

    /// Tells whether the column at `index` is read in place.
    #[inline]
    pub(crate) fn reads_in_place(&self, index: usize) -> bool {
        matches!(self.layouts.get(index), Some(Layout::Raw { .. }))
    }

    /// Returns the whole column at `index`, which is read in place.
    #[inline]
    pub(crate) fn mapped_column(&self, index: usize) -> Result<Values<'_>> {
        self.bundle.column(index).map_err(|error| self.corrupt(error))
    }

    /// Returns the type of the values of the column at `index`.
    pub(crate) fn physical(&self, index: usize) -> Result<PhysicalType> {
        let columns = self.bundle.schema().columns();
        let missing = || self.corrupt(FormatError::NoColumn { index, columns: columns.len() });
        columns.get(index).map(|column| column.physical).ok_or_else(missing)
    }

    /// Returns what a lease keeps decoded series in, if some column needs that.
    #[inline]
    pub(crate) fn kept(&self) -> Option<Arc<Kept>> {
        self.decodes.then(|| {
            let assets = usize::try_from(self.bundle.asset_count()).unwrap_or(usize::MAX);
            Arc::new(Kept::new(self.layouts.len(), assets))
        })
    }

    /// Returns the place of a column.
    pub(crate) fn column_index(&self, name: &str) -> Result<usize> {
        self.bundle.schema().column_index(name).ok_or_else(|| self.unknown_column(name))
    }

    /// Returns the timestamps of some rows, if they are read in place and not damaged.
    #[inline]
    pub(crate) fn mapped_time(&self, rows: Range<usize>) -> Option<&[i64]> {
        self.numbers(self.time?.get(), rows)
    }

    /// Returns all distinct timestamps, ascending.
    #[inline]
    pub(crate) fn calendar(&self) -> Result<&[i64]> {
        self.bundle.calendar().map_err(|error| self.corrupt(error))
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

    /// Returns some rows of the column of the standard name at `place` of [`STANDARD`], if it holds f64, is read in place
    /// and not damaged.
    #[inline]
    pub(crate) fn mapped_floats(&self, place: usize, rows: Range<usize>) -> Option<&[f64]> {
        let start = (*self.standard.get(place)?)?;
        self.numbers(start.get(), rows)
    }

    /// Returns some rows of a column of eight-byte numbers that begins at byte `start`, if their pages are not
    /// damaged.
    ///
    /// Sees the bytes again instead of keeping a slice, which would borrow from `self`: a bounds and an alignment check,
    /// both of which opening has made certain.
    #[inline]
    fn numbers<T: FromBytes + Immutable>(&self, start: usize, rows: Range<usize>) -> Option<&[T]> {
        let (from, to) = (start + rows.start * size_of::<T>(), start + rows.end * size_of::<T>());
        self.bundle.check_bytes(from..to).ok()?;
        Some(<[T]>::ref_from_bytes(&self.bundle.as_bytes()[from..to]).unwrap_or_default())
    }

    #[cold]
    pub(crate) fn corrupt(&self, error: FormatError) -> Error {
        Error::corrupt(&self.path)(error)
    }

    /// Says that a series does not have the digest that the file names.
    #[cold]
    pub(crate) fn changed(
        &self,
        column: usize,
        asset: Asset,
        expected: Digest,
        found: Digest,
    ) -> Error {
        let column = self.bundle.schema().columns().get(column);
        Error::SeriesDigest(Box::new(ChangedSeries {
            path: self.path.clone(),
            column: column.map(|column| column.name.clone()).unwrap_or_default(),
            symbol: self.bundle.symbol(asset).unwrap_or_default().to_owned(),
            expected,
            found,
        }))
    }

    /// Says that the rows of an asset do not follow on those of the one before, or do not end with the columns.
    #[cold]
    pub(crate) fn disordered(&self, ordinal: u32) -> Error {
        let kind = SectionKind::Assets;
        let sections = self.bundle.sections().iter();
        let start = sections.filter(|section| section.kind == kind).map(|section| section.offset);
        let index = u64::from(ordinal);
        let offset = start.sum::<u64>() + index * kind.record_len() as u64;
        let what = "its rows do not follow on those of the asset before, or are not the last";
        self.corrupt(FormatError::Record { kind, index, offset, what })
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

/// Opens a file as the options say. What is copied is verified as a whole before anyone reads it.
pub(crate) fn opened(
    mapping: Mapping,
    options: OpenOptions,
) -> Result<Bundle<Mapping>, FormatError> {
    let bundle = Bundle::open(mapping)?;
    let is_paged = options.verify == VerifyReads::Pages && options.mode != OpenMode::Read;
    Ok(if is_paged { bundle.checking_pages() } else { bundle })
}
