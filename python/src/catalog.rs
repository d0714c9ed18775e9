//! [`Catalog`]: a directory of named bundles: what there is, what was, and what may go.

use std::path::{Path, PathBuf};

use barrow_store::{
    BundleEntry, BundlePool, Change, Difference, Instant, Lease, PruneMode, PrunePolicy, Published,
    StageOptions, Version, VersionEntry,
};
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::error::Result;
use crate::interruptible::patiently;
use crate::opening::catalog_at;
use crate::records::Record;

/// A directory of named bundles and their versions. Reading needs no right to write, and waits for no writer.
#[pyclass(frozen, module = "barrow")]
#[derive(Debug)]
pub(crate) struct Catalog {
    catalog: barrow_store::Catalog,
}

#[pymethods]
impl Catalog {
    #[new]
    #[pyo3(signature = (root=None))]
    fn new(root: Option<PathBuf>) -> Self {
        Self { catalog: catalog_at(root) }
    }

    /// The directory.
    #[getter]
    fn root(&self) -> &Path {
        self.catalog.root()
    }

    /// The names of the published bundles, ascending.
    fn names(&self, py: Python<'_>) -> Result<Vec<String>> {
        Ok(py.detach(|| self.catalog.names())?)
    }

    /// Every bundle with its newest version, by name: a list of `barrow.records.BundleEntry`.
    fn bundles<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyList>> {
        let bundles = py.detach(|| self.catalog.bundles())?;
        let records = bundles.iter().map(|entry| bundle_record(py, entry));
        Ok(PyList::new(py, records.collect::<PyResult<Vec<_>>>()?)?)
    }

    /// A bundle's newest version and what the catalog knows of it: a `barrow.records.BundleEntry`.
    ///
    /// Raises `barrow.errors.UnknownBundleError` with the nearest name.
    fn bundle<'py>(&self, py: Python<'py>, name: &str) -> Result<Bound<'py, PyAny>> {
        let entry = py.detach(|| self.catalog.bundle(name))?;
        Ok(bundle_record(py, &entry)?)
    }

    /// A bundle's versions, newest first, each once: a list of `barrow.records.VersionEntry`.
    fn versions<'py>(&self, py: Python<'py>, name: &str) -> Result<Bound<'py, PyList>> {
        let history = py.detach(|| self.catalog.history(name))?;
        let records = history.iter().map(|entry| version_record(py, entry));
        Ok(PyList::new(py, records.collect::<PyResult<Vec<_>>>()?)?)
    }

    /// Every publication of a bundle, newest first; a version that became the newest again is there again: a list of
    /// `barrow.records.Publication`.
    fn history<'py>(&self, py: Python<'py>, name: &str) -> Result<Bound<'py, PyList>> {
        let timeline = py.detach(|| self.catalog.timeline(name))?;
        let records = timeline.iter().map(|it| {
            Record::new(py, "Publication")?
                .with("generation", it.generation)?
                .with_instant("published", it.published_ns)?
                .with("parent", it.parent.map(|parent| parent.to_string()))?
                .with("change", change_record(py, it.change)?)?
                .with("version", version_record(py, &it.version)?)?
                .made()
        });
        Ok(PyList::new(py, records.collect::<PyResult<Vec<_>>>()?)?)
    }

    /// What lies between two versions, each given as digits or as a moment; the second is the newest where it is not given: a
    /// `barrow.records.Difference`. Costs in proportion to what differs.
    #[pyo3(signature = (name, first, second=None))]
    fn diff<'py>(
        &self,
        py: Python<'py>,
        name: &str,
        first: &str,
        second: Option<&str>,
    ) -> Result<Bound<'py, PyAny>> {
        let lease = |version: Option<&str>| match version {
            Some(version) => self.lease(&format!("{name}@{version}")),
            None => self.lease(name),
        };
        let found = py.detach(|| Difference::between(&lease(Some(first))?, &lease(second)?))?;
        Ok(difference_record(py, &found)?)
    }

    /// Removes versions that nobody needs any more, and the files that no remaining version names: a `barrow.records.Pruned`.
    ///
    /// The `keep` newest stay, those published at or after `published_before`, pinned ones, and those that a process has open, this
    /// one included. `dry_run` only tells what would go. `wait` is how many seconds to wait for a writer.
    ///
    /// Raises `barrow.errors.LockedError` when a writer is at work.
    #[pyo3(signature = (name, *, keep, published_before=None, dry_run=false, wait=0.0))]
    fn prune<'py>(
        &self,
        py: Python<'py>,
        name: &str,
        keep: usize,
        published_before: Option<&Bound<'py, PyAny>>,
        dry_run: bool,
        wait: f64,
    ) -> Result<Bound<'py, PyAny>> {
        let before = published_before.map(crate::when::when).transpose()?;
        let mode = if dry_run { PruneMode::DryRun } else { PruneMode::Remove };
        let published_before_ns = before.map(|before| before.first_ns);
        let pruned = patiently(py, wait, |wait| {
            self.catalog.prune(name, &PrunePolicy { keep, published_before_ns, mode, wait })
        })?;
        let spared = pruned.spared.iter().map(|it| {
            let reason = format!("{:?}", it.reason).to_lowercase();
            (it.version.to_string(), reason)
        });
        let removed = pruned.removed.iter().map(|it| it.version.to_string());
        let record = Record::new(py, "Pruned")?
            .with("removed", removed.collect::<Vec<_>>())?
            .with("spared", spared.collect::<Vec<_>>())?
            .with("kept", pruned.kept)?
            .with("parts", pruned.parts)?
            .with("bytes", pruned.bytes)?;
        Ok(record.made()?)
    }

    /// Keeps a version from being pruned, until it is unpinned; `note` says why.
    #[pyo3(signature = (name, version, note=""))]
    fn pin(&self, py: Python<'_>, name: &str, version: &str, note: &str) -> Result<()> {
        Ok(py.detach(|| self.catalog.pin(name, self.resolve(name, version)?, note))?)
    }

    /// Lets a version be pruned again; tells whether it was pinned.
    fn unpin(&self, py: Python<'_>, name: &str, version: &str) -> Result<bool> {
        Ok(py.detach(|| self.catalog.unpin(name, self.resolve(name, version)?))?)
    }

    /// The pinned versions of a bundle and their notes.
    fn pins(&self, py: Python<'_>, name: &str) -> Result<Vec<(String, String)>> {
        let pins = py.detach(|| self.catalog.pins(name))?;
        Ok(pins.into_iter().map(|pin| (pin.version.to_string(), pin.note)).collect())
    }

    /// What a bundle takes on disk: a `barrow.records.Usage`.
    fn usage<'py>(&self, py: Python<'py>, name: &str) -> Result<Bound<'py, PyAny>> {
        let usage = py.detach(|| self.catalog.usage(name))?;
        let record = Record::new(py, "Usage")?
            .with("versions", usage.versions)?
            .with("pinned", usage.pinned)?
            .with("leased", usage.leased)?
            .with("newest_bytes", usage.newest_bytes)?
            .with("bytes", usage.bytes)?
            .with("reclaimable_bytes", usage.reclaimable_bytes)?;
        Ok(record.made()?)
    }

    /// Makes an older version the newest again, given as digits or as a moment: a `barrow.records.Published`.
    #[pyo3(signature = (name, version, *, wait=0.0))]
    fn restore<'py>(
        &self,
        py: Python<'py>,
        name: &str,
        version: &str,
        wait: f64,
    ) -> Result<Bound<'py, PyAny>> {
        let published = patiently(py, wait, |wait| {
            self.catalog.restore(name, self.resolve(name, version)?, &StageOptions { wait })
        })?;
        Ok(published_record(py, published)?)
    }

    /// Writes one file in the place of the many that appends and corrections left; the version stays: a
    /// `barrow.records.Published`.
    #[pyo3(signature = (name, *, wait=0.0))]
    fn compact<'py>(&self, py: Python<'py>, name: &str, wait: f64) -> Result<Bound<'py, PyAny>> {
        let published =
            patiently(py, wait, |wait| self.catalog.compact(name, &StageOptions { wait }))?;
        Ok(published_record(py, published)?)
    }

    fn __contains__(&self, py: Python<'_>, name: &str) -> bool {
        py.detach(|| self.catalog.head(name)).is_ok()
    }

    fn __len__(&self, py: Python<'_>) -> Result<usize> {
        Ok(self.names(py)?.len())
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>> {
        Ok(PyList::new(py, self.names(py)?)?.into_any().try_iter()?.into_any())
    }

    fn __repr__(&self) -> String {
        format!("<barrow.Catalog {}>", self.catalog.root().display())
    }

    fn _repr_html_<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("barrow._html")?.getattr("catalog")?.call1((slf,))
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> (Bound<'py, PyAny>, (String,)) {
        let root = slf.get().catalog.root().to_string_lossy().into_owned();
        (slf.get_type().into_any(), (root,))
    }
}

impl Catalog {
    fn lease(&self, spec: &str) -> barrow_store::Result<Lease> {
        BundlePool::global().lease(&self.catalog, spec)
    }

    /// Reads a version as it is written: digits, or a moment.
    fn resolve(&self, name: &str, text: &str) -> barrow_store::Result<Version> {
        match Instant::parse(text) {
            Some(moment) => self.catalog.version_at(name, moment),
            None => self.catalog.version(name, text),
        }
    }
}

fn bundle_record<'py>(py: Python<'py>, entry: &BundleEntry) -> PyResult<Bound<'py, PyAny>> {
    Record::new(py, "BundleEntry")?
        .with("name", &entry.name)?
        .with("version", entry.version.to_string())?
        .with("generation", entry.generation)?
        .with("rows", entry.rows)?
        .with("assets", entry.assets)?
        .with("bytes", entry.bytes)?
        .with_instant("published", entry.published_ns)?
        .with("tool", &entry.tool)?
        .made()
}

fn version_record<'py>(py: Python<'py>, entry: &VersionEntry) -> PyResult<Bound<'py, PyAny>> {
    let change = entry.change.map(|change| change_record(py, change)).transpose()?;
    Record::new(py, "VersionEntry")?
        .with("version", entry.version.to_string())?
        .with("parent", entry.parent.map(|parent| parent.to_string()))?
        .with("generation", entry.generation)?
        .with_instant("published", entry.published_ns)?
        .with("parts", entry.parts.len())?
        .with("bytes", entry.bytes())?
        .with("tool", &entry.tool)?
        .with("rows", entry.rows)?
        .with("assets", entry.assets)?
        .with("change", change)?
        .made()
}

fn change_record(py: Python<'_>, change: Change) -> PyResult<Bound<'_, PyAny>> {
    Record::new(py, "Change")?
        .with("kind", change.kind.name())?
        .with("rows_added", change.rows_added)?
        .with("rows_changed", change.rows_changed)?
        .with("rows_removed", change.rows_removed)?
        .with("assets_added", change.assets_added)?
        .with("assets_removed", change.assets_removed)?
        .with("adjustments_changed", change.adjustments_changed)?
        .made()
}

fn published_record(py: Python<'_>, published: Published) -> PyResult<Bound<'_, PyAny>> {
    Record::new(py, "Published")?
        .with("version", published.version.to_string())?
        .with("parent", published.parent.map(|parent| parent.to_string()))?
        .with("generation", published.generation)?
        .with("bytes", published.bytes)?
        .with("unchanged", published.unchanged)?
        .with("change", change_record(py, published.change)?)?
        .made()
}

fn difference_record<'py>(py: Python<'py>, found: &Difference) -> PyResult<Bound<'py, PyAny>> {
    let assets = found.assets_changed.iter().map(|it| {
        Record::new(py, "AssetDifference")?
            .with("symbol", &it.symbol)?
            .with("rows_added", it.rows_added)?
            .with("rows_removed", it.rows_removed)?
            .with("rows_changed", it.rows_changed)?
            .with_instant("first", it.first_time)?
            .with_instant("last", it.last_time)?
            .made()
    });
    let columns = found.columns.iter().map(|it| {
        Record::new(py, "ColumnDifference")?
            .with("name", &it.name)?
            .with("in_first", it.in_first)?
            .with("in_second", it.in_second)?
            .with("values_added", it.values_added)?
            .with("values_removed", it.values_removed)?
            .with("values_changed", it.values_changed)?
            .made()
    });
    Record::new(py, "Difference")?
        .with("assets_added", &found.assets_added)?
        .with("assets_removed", &found.assets_removed)?
        .with("assets_changed", assets.collect::<PyResult<Vec<_>>>()?)?
        .with("rows_added", found.rows_added)?
        .with("rows_removed", found.rows_removed)?
        .with("rows_changed", found.rows_changed)?
        .with("columns", columns.collect::<PyResult<Vec<_>>>()?)?
        .with("adjustments_added", found.adjustments_added)?
        .with("adjustments_removed", found.adjustments_removed)?
        .with("adjustments_changed", found.adjustments_changed)?
        .with("meaning_changed", found.meaning_changed)?
        .with("is_empty", found.is_empty())?
        .made()
}
