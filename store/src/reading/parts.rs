//! The parts that the file at a version's head refers to.
//!
//! All parts are mapped when the version is opened, so that whatever is pruned later, the version stays readable; each is
//! checked when its first row is asked for. A part that is missing or is not the one that the head names is an error then,
//! which names the file: versions and assets that do not need it can still be read.

use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use barrow_format::record::PartRecord;
use barrow_format::{Bundle, Digest, PhysicalType};
use parking_lot::Mutex;

use crate::catalog::spec::FILE_SUFFIX;
use crate::disk::mapping::Mapping;
use crate::error::{Error, Result};
use crate::reading::options::{OpenMode, OpenOptions};
use crate::reading::snapshot::opened;

/// The other parts of a version, in the order of the head's list; none of a version of one part.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    /// Arrow keeps owners of memory across panics. A part is opened once and never changes after, so none sees it half
    /// done.
    parts: AssertUnwindSafe<Box<[Part]>>,
}

/// One of them.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) path: PathBuf,
    pub(super) record: PartRecord,
    options: OpenOptions,
    /// What became of mapping it, until it is opened.
    mapped: Mutex<Option<Result<Mapping>>>,
    opened: OnceLock<Result<OpenedPart>>,
}

/// A part that was found to be the one that the head names.
#[derive(Debug)]
pub(super) struct OpenedPart {
    pub(super) bundle: Bundle<Mapping>,
    /// For each column of the head, its place in the part.
    pub(super) columns: Box<[Option<usize>]>,
}

impl Parts {
    /// Maps the parts that the file at `path` refers to, which lie beside it.
    pub(crate) fn of(head: &Bundle<Mapping>, path: &Path, options: OpenOptions) -> Result<Self> {
        let folder = path.parent().unwrap_or_else(|| Path::new(""));
        let beside = |digest| folder.join(format!("{digest}{FILE_SUFFIX}"));
        Self::at(head, path, options, &beside)
    }

    /// Maps the parts that the file at `path` refers to, wherever they lie.
    pub(crate) fn at(
        head: &Bundle<Mapping>,
        path: &Path,
        options: OpenOptions,
        locate: &dyn Fn(Digest) -> PathBuf,
    ) -> Result<Self> {
        let part = |record: &PartRecord| {
            let path = locate(Digest::from_bytes(record.digest));
            let mapped = match options.mode {
                OpenMode::Map | OpenMode::Mount => Mapping::open(&path, options.paging),
                OpenMode::Read => Mapping::read(&path, options.paging),
            };
            let mapped = Mutex::new(Some(mapped.map(|(mapping, _)| mapping)));
            Part { path, record: *record, options, mapped, opened: OnceLock::new() }
        };
        let records = head.parts().map_err(Error::corrupt(path))?;
        Ok(Self { parts: AssertUnwindSafe(records.iter().map(part).collect()) })
    }

    /// Returns how many there are.
    pub(crate) fn count(&self) -> u32 {
        u32::try_from(self.parts.len()).unwrap_or(u32::MAX)
    }

    pub(super) fn get(&self, place: usize) -> Option<&Part> {
        self.parts.get(place)
    }
}

impl Part {
    /// Opens the part at its first use.
    pub(super) fn open(&self, head: &Bundle<Mapping>) -> Result<&OpenedPart> {
        let opened = self.opened.get_or_init(|| {
            let gone = Error::io("open", &self.path)(std::io::ErrorKind::NotFound.into());
            let mapping = self.mapped.lock().take().unwrap_or(Err(gone))?;
            self.check(head, mapping)
        });
        opened.as_ref().map_err(Clone::clone)
    }

    /// Checks that the file is the one that the head names, and has its columns.
    fn check(&self, head: &Bundle<Mapping>, mapping: Mapping) -> Result<OpenedPart> {
        let number = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let bytes = number(mapping.as_ref().len());
        let bundle = opened(mapping, self.options).map_err(Error::corrupt(&self.path))?;
        let differs = |what, expected: String, found: String| {
            if expected == found {
                return Ok(());
            }
            Err(Error::Mismatch { path: self.path.clone(), what, expected, found })
        };
        let record = &self.record;
        let digest = Digest::from_bytes(record.digest);
        differs("length", record.bytes.to_string(), bytes.to_string())?;
        differs("digest", digest.to_string(), bundle.digest().to_string())?;
        let rows = number(bundle.local_rows());
        differs("rows", record.rows.to_string(), rows.to_string())?;
        let mut columns = Vec::new();
        for column in head.schema().columns() {
            let place = bundle.schema().column_index(&column.name);
            let found = place.and_then(|place| bundle.schema().columns().get(place));
            let found = found.map(|found| found.physical);
            if found.is_some_and(|found| found != column.physical)
                || (found.is_none() && !column.physical.has_missing())
            {
                let name = |physical: PhysicalType| format!("`{}` of {physical}", column.name);
                let found = found.map_or_else(|| "none".to_owned(), name);
                differs("column", name(column.physical), found)?;
            }
            columns.push(place);
        }
        Ok(OpenedPart { bundle, columns: columns.into() })
    }
}
