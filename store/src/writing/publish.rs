//! Publication: how a written part becomes the newest version, in one step.
//!
//! 1. The part and the version's record are written under temporary names in the bundle's directory and made read-only; the
//!    file that the version's readers will lock is created, `leases/<version>`.
//! 2. They are flushed, and renamed to `parts/<digest>.barrow` and `versions/<version>` (see `installation.rs`).
//! 3. `HEAD` is advanced (see `catalog/head.rs`): this is the step at which readers see the new version.
//!
//! A writer that dies before step 3 has published nothing. What it leaves behind (temporary files, parts that no record
//! names, a record one generation ahead of `HEAD`) is invisible to readers and is swept by the next writer, who can tell
//! it apart because it holds the lock (see `sweep.rs`).

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use barrow_format::{Bundle, Digest, Version, Written};

use crate::catalog::Catalog;
use crate::catalog::bundle_dir::{BundleDir, sync_dir};
use crate::catalog::change::{Change, ChangeKind};
use crate::catalog::head;
use crate::catalog::lock::{WriterLock, remove_quietly};
use crate::catalog::record::{self, PartEntry, VersionEntry};
use crate::catalog::returns::{self, Return};
use crate::catalog::sweep::{remove_unpublished, sweep, sweep_if_needed};
use crate::disk;
use crate::disk::mapping::Mapping;
use crate::error::{Error, Result};
use crate::reading::options::Paging;
use crate::writing::pack::Pack;
use crate::writing::republish::open_part;
use crate::writing::sink::FileSink;

/// A version in the making: the writer's lock and the file to write to.
///
/// Dropped without [`publish`](Staging::publish), it leaves nothing behind: not the file, and not the bundle's
/// directory if the bundle has never been published.
///
/// # Examples
///
/// ```
/// use barrow_format::{AssetSpec, BundleSpec, BundleWriter, Provenance, Schema, Values};
/// use barrow_store::Catalog;
///
/// let folder = tempfile::tempdir()?;
/// let catalog = Catalog::at(folder.path());
/// let spec = BundleSpec {
///     schema: Schema::daily(&[])?,
///     assets: vec![AssetSpec::new("AAPL", 2)],
///     adjustments: vec![],
///     provenance: Provenance::default(),
/// };
/// let staging = catalog.stage("example")?;
/// let writer = BundleWriter::new(spec, staging.sink())?;
/// writer.put(0, 0, Values::I64(&[0, 86_400_000_000_000]))?;
/// for column in 1..6 {
///     writer.put(0, column, Values::F64(&[1.5, 2.5]))?;
/// }
/// let written = writer.finish()?;
/// let published = staging.publish(written)?;
/// assert_eq!((published.generation, published.parent), (1, None));
///
/// let lease = catalog.lease("example")?;
/// assert_eq!(lease.version(), published.version);
/// assert_eq!(lease.bars(lease.asset("AAPL")?).close(), [1.5, 2.5]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Staging {
    pub(crate) catalog: Catalog,
    pub(crate) name: String,
    pub(crate) dir: BundleDir,
    pub(crate) lock: WriterLock,
    pub(super) sink: FileSink,
    /// Another new file that the part refers to.
    pub(super) pack: Option<Pack>,
    /// The catalog's directory, if this staging created it.
    made_root: Option<PathBuf>,
    /// The parts that a fetch has collected, read-only; they take the place of the sink.
    pub(crate) arrived: Option<Vec<(Digest, File)>>,
    pub(crate) done: bool,
}

/// How to begin a new version.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StageOptions {
    /// How long to wait for a writer that is at work on the bundle already; by default not at all. Who waits tries again
    /// every few milliseconds, so of several that wait the first to come is not always the first to go.
    pub wait: Duration,
}

/// What a publication did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Published {
    /// The version that is now the newest.
    pub version: Version,
    /// The version that was the newest before; `None` for the first.
    pub parent: Option<Version>,
    /// The generation of `HEAD` now.
    pub generation: u64,
    /// Size of the version's parts in bytes.
    pub bytes: u64,
    /// Whether the content was the newest version already, so that nothing was published.
    pub unchanged: bool,
    /// What changed; of unchanged content, nothing.
    pub change: Change,
}

impl Staging {
    pub(crate) fn begin(catalog: &Catalog, name: &str, options: &StageOptions) -> Result<Self> {
        let dir = catalog.dir(name);
        let made_root = (!catalog.root().exists()).then(|| catalog.root().to_owned());
        let lock = WriterLock::of_bundle(&dir, name, options.wait)?;
        let prepared =
            sweep_if_needed(&dir, &lock).and_then(|()| FileSink::create(dir.temporary("part")));
        match prepared {
            Ok(sink) => {
                let (catalog, name) = (catalog.clone(), name.to_owned());
                let (pack, arrived, done) = (None, None, false);
                Ok(Self { catalog, name, dir, lock, sink, pack, made_root, arrived, done })
            }
            Err(error) => {
                remove_unpublished(&dir, &lock);
                Err(error)
            }
        }
    }

    /// Returns the name of the bundle.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the path of another file to publish with the part.
    pub(crate) fn pack_path(&self) -> PathBuf {
        self.dir.temporary("pack")
    }

    /// Returns where to write the part; hand it to [`BundleWriter::new`](barrow_format::BundleWriter::new).
    pub fn sink(&self) -> &FileSink {
        &self.sink
    }

    /// Makes what was written to the sink the bundle's newest version.
    ///
    /// Content that is the newest version already is not published again, whatever its provenance says. Content of an
    /// older version makes that version the newest again; its record stays as it was, and the timeline tells of it. Costs the time that the device takes
    /// to store the part; the bytes are not read again.
    ///
    /// # Errors
    ///
    /// [`Error::Staging`] when `written` is not what the sink holds, [`Error::Corrupt`] when the sink holds no bundle,
    /// [`Error::Head`] when the bundle's page is beyond repair, [`Error::Io`]. After an error, the version that was the
    /// newest still is; unless it was the last flush that failed, after which readers see the new version already, but
    /// whether it survives a loss of power is not known. Publishing the same content again is right in either case.
    pub fn publish(self, written: Written) -> Result<Published> {
        let kind = ChangeKind::Ingest;
        let (rows_added, assets_added) = (written.rows, written.assets);
        let change = Change { rows_added, assets_added, ..Change::of(kind) };
        self.publish_change(written, None, change)
    }

    /// Publishes as [`Staging::publish`] does, with another file that the part refers to, and writes down what changed.
    pub(crate) fn publish_change(
        mut self,
        written: Written,
        pack: Option<Pack>,
        change: Change,
    ) -> Result<Published> {
        self.pack = pack;
        let new = self.examine(written, change)?;
        let published = self.advance(new)?;
        self.done = true;
        Ok(published)
    }

    pub(crate) fn advance(&self, new: VersionEntry) -> Result<Published> {
        let before = self.before()?;
        let change = new.change.unwrap_or(Change::of(ChangeKind::Ingest));
        let parent = before.and_then(|(_, version)| version);
        let sound = self.sound_entry(new.version);
        if let (Some((generation, Some(newest))), Some(entry)) = (before, &sound)
            && newest == new.version
        {
            // Whoever published it may have been told that the last flush failed, and tries again.
            head::settle(&self.dir.head())?;
            let parent = entry.parent;
            let bytes = entry.bytes();
            let (unchanged, change) = (true, Change::of(change.kind));
            return Ok(Published { version: newest, parent, generation, bytes, unchanged, change });
        }
        let generation = self.next_generation(before)?;
        let version = new.version;
        let published_ns = new.published_ns.max(self.latest_ns(before)?);
        let bytes = if let Some(entry) = sound {
            self.install_again(&Return { version, parent, generation, published_ns, change })?;
            entry.bytes()
        } else {
            self.install(
                VersionEntry { parent, generation, published_ns, ..new },
                Some(generation),
            )?
        };
        if before.is_none() {
            sync_dir(self.dir.path())?;
            sync_dir(self.catalog.root())?;
            if let Some(above) = self.made_root.as_deref().and_then(Path::parent) {
                sync_dir(above)?;
            }
        }
        Ok(Published { version, parent, generation, bytes, unchanged: false, change })
    }

    /// Opens what was written, in constant time, and compares it with what the caller says was written.
    pub(crate) fn examine(&self, written: Written, change: Change) -> Result<VersionEntry> {
        let check = |what, expected: String, found: String| {
            if expected == found {
                return Ok(());
            }
            Err(Error::Staging { bundle: self.name.clone(), what, expected, found })
        };
        let bytes = self.sink.len_bytes()?;
        check("length", written.file_len.to_string(), bytes.to_string())?;
        let path = self.sink.path();
        let (mapping, _) = Mapping::open(path, Paging::default())?;
        let bundle = Bundle::open(mapping).map_err(Error::corrupt(path))?;
        check("version", written.version.to_string(), bundle.version().to_string())?;
        check("digest", written.digest.to_string(), bundle.digest().to_string())?;
        Ok(VersionEntry { change: Some(change), ..describe(&bundle, path)? })
    }

    /// Returns the page's generation, and the newest version unless its slot is damaged, which publishing repairs.
    pub(crate) fn before(&self) -> Result<Option<(u64, Option<Version>)>> {
        let path = self.dir.head();
        let Some(generation) = head::read_generation(&path)? else { return Ok(None) };
        let version = head::read(&path).ok().flatten().map(|head| head.version);
        Ok(Some((generation, version)))
    }

    /// Returns the record of a version that is published already, if it and its parts can still be used.
    fn sound_entry(&self, version: Version) -> Option<VersionEntry> {
        let entry = self.catalog.entry(&self.name, version).ok()?;
        let whole = entry.parts.iter().all(|part| open_part(&self.dir, part).is_ok());
        whole.then_some(entry)
    }

    /// Returns when the newest version was published. A clock that went back since must not make the next one look older:
    /// times never fall along the history.
    fn latest_ns(&self, newest: Option<(u64, Option<Version>)>) -> Result<i64> {
        let Some((generation, version)) = newest else { return Ok(i64::MIN) };
        let back = returns::at(&self.dir, generation)?.map(|back| back.published_ns);
        let entry = version.and_then(|version| self.catalog.entry(&self.name, version).ok());
        Ok(back.max(entry.map(|entry| entry.published_ns)).unwrap_or(i64::MIN))
    }

    /// Returns the generation of this publication: one more than the page's. Without a page it is the first, unless
    /// records of later ones are there, which means that the page was lost.
    pub(crate) fn next_generation(&self, before: Option<(u64, Option<Version>)>) -> Result<u64> {
        if let Some((generation, _)) = before {
            return Ok(generation + 1);
        }
        let mut newest = 0;
        for version in self.dir.recorded_versions()? {
            newest = newest.max(record::read(&self.dir.record(version), version)?.generation);
        }
        Ok(newest + 1)
    }
}

/// Returns what a version's record says of the file at its head, as if it were published first and just now.
pub(crate) fn describe(head: &Bundle<Mapping>, path: &Path) -> Result<VersionEntry> {
    let number = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let (bytes, rows) = (number(head.as_bytes().len()), number(head.local_rows()));
    let mut parts = vec![PartEntry { digest: head.digest(), bytes, rows }];
    let others = head.parts().map_err(Error::corrupt(path))?.iter();
    parts.extend(others.map(|part| {
        let digest = Digest::from_bytes(part.digest);
        PartEntry { digest, bytes: part.bytes, rows: part.rows }
    }));
    Ok(VersionEntry {
        version: head.version(),
        parent: None,
        generation: 0,
        published_ns: now_ns(),
        parts,
        tool: head.provenance().map_err(Error::corrupt(path))?.tool,
        rows: number(head.rows()),
        assets: u64::from(head.asset_count()),
        change: None,
    })
}

impl Drop for Staging {
    fn drop(&mut self) {
        remove_quietly(self.sink.path());
        if let Some(pack) = &self.pack {
            remove_quietly(pack.sink.path());
        }
        if !self.done
            && let Err(error) = sweep(&self.dir, &self.lock)
        {
            tracing::warn!(bundle = self.name, %error, "cannot sweep");
        }
        remove_unpublished(&self.dir, &self.lock);
        if let Some(root) = &self.made_root {
            // Fails, as it should, when something was published below.
            let _ = disk::remove_dir(root);
        }
    }
}

/// Returns the time by this machine's clock, in nanoseconds since 1970; 0 if the clock is set before that.
pub(crate) fn now_ns() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}
