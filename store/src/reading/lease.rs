//! Leases: the right to read one bundle version for as long as one likes.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use barrow_format::{Adjustment, Asset, Provenance, Schema, Values, Verification, Version};

use crate::error::{Error, Result};
use crate::nearest::nearest;
use crate::pool::opened::Pinned;
use crate::reading::bars::{Bars, unreadable};
use crate::reading::kept::Kept;
use crate::reading::options::OpenOptions;
use crate::reading::reader::{Origin, Reader};
use crate::reading::snapshot::Snapshot;
use crate::reading::verify;

/// One bundle version, pinned: it is mapped for as long as a lease of it (or an Arrow array made from one) lives.
///
/// A lease never changes version; the next [`lease`](crate::BundlePool::lease) of the same name sees what was published
/// meanwhile. Clone it freely: a clone costs an atomic addition or two. Every slice that is handed out borrows from the
/// lease. A column that the file holds as one array lies in the map, and nothing is copied; any other is decoded at its
/// first touch, series by series or, where few rows are wanted, block by block, into memory that the process shares ([`DecodedCache`](crate::DecodedCache)) and that
/// the lease and its clones keep. [`Lease::origin`] tells which.
///
/// ```no_run
/// use barrow_store::Catalog;
///
/// let catalog = Catalog::at("/var/lib/bars");
/// let lease = catalog.lease("us-daily")?;
/// for asset in lease.assets() {
///     let asset = asset?;
///     let bars = lease.bars(asset);
///     println!("{} {} bars, closed at {:?}", lease.symbol(asset), bars.len(), bars.close().last());
/// }
/// // A worker, on this thread or in another process, is told a name: it maps the same pages.
/// let spec = format!("{}@{}", lease.name(), lease.version());
/// assert_eq!(catalog.lease(&spec)?.version(), lease.version());
/// # Ok::<(), barrow_store::Error>(())
/// ```
#[derive(Clone)]
pub struct Lease {
    pinned: Arc<Pinned>,
    /// What this lease has decoded; `None` where everything is read in place.
    kept: Option<Arc<Kept>>,
}

impl Lease {
    #[inline]
    pub(crate) fn new(pinned: Arc<Pinned>) -> Self {
        let kept = pinned.snapshot.kept();
        Self { pinned, kept }
    }

    /// Returns a lease of the same version that keeps for itself what it decodes, so that it is let go with it.
    pub(crate) fn apart(&self) -> Self {
        Self { pinned: Arc::clone(&self.pinned), kept: self.snapshot().kept() }
    }

    #[inline]
    pub(crate) fn reader(&self) -> Reader<'_> {
        Reader { snapshot: &self.pinned.snapshot, kept: self.kept.as_deref() }
    }

    #[inline]
    pub(crate) fn snapshot(&self) -> &Arc<Snapshot> {
        &self.pinned.snapshot
    }

    /// Returns the bundle's name in its catalog, or of a bare file its name without the suffix.
    pub fn name(&self) -> &str {
        self.snapshot().name()
    }

    /// Returns the content version.
    pub fn version(&self) -> Version {
        self.snapshot().bundle().version()
    }

    /// Returns the path of the mapped file.
    pub fn path(&self) -> &Path {
        self.snapshot().path()
    }

    /// Returns columns, frequency, time zone and the meaning of the timestamps.
    pub fn schema(&self) -> &Schema {
        self.snapshot().bundle().schema()
    }

    /// Returns the number of bars of all assets together.
    pub fn rows(&self) -> usize {
        self.snapshot().bundle().rows()
    }

    /// Returns the number of assets.
    pub fn asset_count(&self) -> u32 {
        self.snapshot().bundle().asset_count()
    }

    /// Returns the size of the mapped file in bytes.
    pub fn bytes(&self) -> u64 {
        u64::try_from(self.snapshot().bundle().as_bytes().len()).unwrap_or(u64::MAX)
    }

    /// Returns how many files the version lies in: 1, or the mapped one and those that it refers to.
    pub fn part_count(&self) -> u32 {
        self.snapshot().files().parts.count() + 1
    }

    /// Returns the bytes that a column takes in all files of the version, those of rows that count no longer included.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownColumn`] with the columns there are; [`Error::Io`] or [`Error::Mismatch`] when one of the files is not
    /// there or is another.
    pub fn stored_bytes(&self, name: &str) -> Result<u64> {
        self.snapshot().files().stored_bytes(self.snapshot().column_index(name)?)
    }

    /// Returns the bundle as the format crate sees it: statistics, digests, sections. What is read through it is not
    /// decoded, nor checked as [`OpenOptions::verify`] says.
    pub fn bundle(&self) -> &barrow_format::Bundle<impl AsRef<[u8]> + use<>> {
        self.snapshot().bundle()
    }

    /// Finds an asset by its symbol: one hash and one or two comparisons, whatever the number of assets.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownSymbol`] with the nearest symbol, [`Error::Corrupt`] when the asset's record is damaged.
    #[inline]
    pub fn asset(&self, symbol: &str) -> Result<Asset> {
        match self.snapshot().bundle().asset(symbol) {
            Ok(Some(asset)) => Ok(asset),
            Ok(None) => Err(self.unknown_symbol(symbol)),
            Err(error) => Err(self.snapshot().corrupt(error)),
        }
    }

    /// Returns the asset at a place in symbol order, which is ascending by bytes.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] when there is no such place or its record is damaged.
    pub fn asset_at(&self, ordinal: u32) -> Result<Asset> {
        let bundle = self.snapshot().bundle();
        let readable = |asset| bundle.symbol(asset).map(|_| asset);
        bundle.asset_at(ordinal).and_then(readable).map_err(|error| self.snapshot().corrupt(error))
    }

    /// Returns all assets in symbol order; each is checked as it comes.
    pub fn assets(&self) -> impl ExactSizeIterator<Item = Result<Asset>> + '_ {
        let count = usize::try_from(self.asset_count()).unwrap_or(usize::MAX);
        Assets { lease: self, next: 0, left: count }
    }

    /// Returns the symbol of an asset.
    ///
    /// # Panics
    ///
    /// If the asset is of another bundle version.
    #[track_caller]
    pub fn symbol(&self, asset: Asset) -> &str {
        self.own(asset);
        // A handle is only handed out by this type after its symbol was read, and the bytes are immutable.
        self.snapshot().bundle().symbol(asset).expect("the symbol of a checked asset is readable")
    }

    /// Returns the metadata of an asset: by convention a JSON object, or empty.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] when the record is damaged.
    pub fn metadata(&self, asset: Asset) -> Result<&str> {
        let snapshot = self.snapshot();
        snapshot.bundle().metadata(asset).map_err(|error| snapshot.corrupt(error))
    }

    /// Returns all distinct timestamps of the bundle, ascending, in nanoseconds UTC: of daily bars, the sessions.
    ///
    /// # Panics
    ///
    /// If it is damaged, with the text of the error that [`Lease::timestamps`] returns.
    #[inline]
    #[track_caller]
    pub fn calendar(&self) -> &[i64] {
        self.timestamps().unwrap_or_else(|error| unreadable(&error))
    }

    /// Returns all distinct timestamps, as [`Lease::calendar`] does.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] when a page of them is damaged.
    #[inline]
    pub fn timestamps(&self) -> Result<&[i64]> {
        self.snapshot().calendar()
    }

    /// Returns the bars of an asset: its stretch of every column. Costs a few nanoseconds.
    ///
    /// # Panics
    ///
    /// If the asset is of another bundle version.
    #[inline]
    #[track_caller]
    pub fn bars(&self, asset: Asset) -> Bars<'_> {
        self.own(asset);
        Bars::new(self.reader(), asset)
    }

    /// Returns a whole column: the values of all assets, asset after asset. Shape `[rows]`; no copy. One that is not read
    /// in place is decoded by all processors and kept by the lease.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownColumn`] with the columns there are; [`Error::Corrupt`] or [`Error::SeriesDigest`] when part of it is
    /// damaged.
    pub fn column(&self, name: &str) -> Result<Values<'_>> {
        self.reader().column(self.snapshot().column_index(name)?)
    }

    /// Returns where the values of a column come from: the map, or memory into which they are decoded.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownColumn`] with the columns there are.
    pub fn origin(&self, name: &str) -> Result<Origin> {
        self.reader().origin(self.snapshot().column_index(name)?)
    }

    /// Returns a whole column of floats: the values of all assets, asset after asset, NaN where missing. Shape
    /// `[rows]`; no copy.
    ///
    /// # Errors
    ///
    /// As [`Lease::column`]; [`Error::WrongColumnType`] when the column does not hold f64.
    pub fn f64(&self, name: &str) -> Result<&[f64]> {
        floats(name, self.column(name)?)
    }

    /// Decodes the series of some assets in a column on all processors, so that their [`Bars`] find them; nothing where the
    /// column is read in place. Worth calling before a walk over many assets.
    ///
    /// # Errors
    ///
    /// As [`Lease::column`].
    ///
    /// # Panics
    ///
    /// If an asset is of another bundle version.
    #[track_caller]
    pub fn prepare(&self, name: &str, assets: impl IntoIterator<Item = Asset>) -> Result<()> {
        let column = self.snapshot().column_index(name)?;
        let ordinals = assets.into_iter().map(|asset| {
            self.own(asset);
            asset.ordinal()
        });
        self.reader().touch(column, ordinals)
    }

    /// Returns splits, cash dividends and mergers, by asset, time and kind. They are recorded, not applied.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] when one of them is damaged.
    pub fn adjustments(&self) -> Result<Vec<Adjustment>> {
        let snapshot = self.snapshot();
        snapshot.bundle().adjustments().map_err(|error| snapshot.corrupt(error))
    }

    /// Returns where the content came from: the sources of all files of the version.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] when the section is damaged; [`Error::Io`] or [`Error::Mismatch`] when a file is missing or
    /// another.
    pub fn provenance(&self) -> Result<Provenance> {
        let snapshot = self.snapshot();
        let own = snapshot.bundle().provenance().map_err(|error| snapshot.corrupt(error))?;
        Ok(Provenance { sources: snapshot.files().sources()?, ..own })
    }

    /// Returns how the version was opened.
    pub fn options(&self) -> OpenOptions {
        self.snapshot().options()
    }

    /// Checks that the mapped file still has the length and the time of last change that it had when it was opened. One
    /// system call. Nobody changes a published file; where a stranger might, this before a long walk turns what would
    /// be a `SIGBUS` or wrong bars into an error, unless it happens during the walk.
    ///
    /// # Errors
    ///
    /// [`Error::Mismatch`].
    pub fn check_file(&self) -> Result<()> {
        self.snapshot().check_file()
    }

    /// Reads the whole file and compares every byte with what stands for it: digests, statistics, order, the content
    /// version, padding. With `threads` 0 there is one for each processor. Takes about 0.8 ns a byte and processor.
    pub fn verify(&self, threads: usize) -> Verification {
        verify::verify(self.snapshot().files(), threads)
    }

    #[track_caller]
    #[inline]
    fn own(&self, asset: Asset) {
        assert!(
            self.snapshot().bundle().owns(asset),
            "an asset can only be used with the bundle version it was looked up in"
        );
    }

    #[cold]
    fn unknown_symbol(&self, symbol: &str) -> Error {
        let bundle = self.snapshot().bundle();
        let symbols = (0..self.asset_count()).filter_map(|ordinal| bundle.symbol_at(ordinal).ok());
        Error::UnknownSymbol {
            symbol: symbol.to_owned(),
            bundle: self.name().to_owned(),
            nearest: nearest(symbol, symbols).map(str::to_owned),
        }
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lease(`{}` at version {})", self.name(), self.version().short())
    }
}

/// Returns values as floats, or says that they are not.
#[inline]
pub(crate) fn floats<'a>(name: &str, values: Values<'a>) -> Result<&'a [f64]> {
    values.as_f64().ok_or_else(|| Error::WrongColumnType {
        column: name.to_owned(),
        expected: "f64",
        found: values.physical(),
    })
}

struct Assets<'a> {
    lease: &'a Lease,
    next: u32,
    left: usize,
}

impl Iterator for Assets<'_> {
    type Item = Result<Asset>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let asset = self.lease.asset_at(self.next);
        self.next += 1;
        Some(asset)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Assets<'_> {}
