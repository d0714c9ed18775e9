//! The Barrow store: named bundles of market data on disk, versioned by their content, mapped once a process and read
//! in place.
//!
//! ```no_run
//! use barrow_store::Catalog;
//!
//! let catalog = Catalog::at("/var/lib/bars");
//! let lease = catalog.lease("us-daily")?;         // or "us-daily@3f2a", or "./us.barrow"
//! let apple = lease.asset("AAPL")?;               // one hash; a miss names the nearest symbol
//! let bars = lease.bars(apple);                   // slices into the map, no copy
//! let (close, volume): (&[f64], &[f64]) = (bars.close(), bars.volume());
//! let turnover: f64 = close.iter().zip(volume).map(|(price, shares)| price * shares).sum();
//! let market: &[f64] = lease.f64("close")?;       // the whole column, all assets
//! let batch = lease.record_batch()?;              // the same bytes as an Arrow batch
//! # let _ = (turnover, market, batch);
//! # Ok::<(), barrow_store::Error>(())
//! ```
//!
//! # From a name to a slice
//!
//! A [`Catalog`] is a directory. Publishing goes through a [`Staging`]: it takes the bundle's writer lock, hands out a
//! [`FileSink`] to write a part to, and makes the result the newest version in one step. Reading goes through the
//! [`BundlePool`]: it maps a version once for the whole process and hands out [`Lease`]s. A lease pins its version: what
//! is published later is seen by the next lease. An [`Asset`] looked up in a lease gives [`Bars`], which are slices; all
//! assets at once give a [`Panel`], a cross-section or an Arrow batch. What is computed from bars can be kept in a
//! [`SeriesCache`]. A [`query::Query`] filters, computes, groups, ranks, resamples and joins.
//!
//! # What is promised
//!
//! Readers write nothing and never wait for a writer. A writer killed at any instant leaves the version that was the
//! newest. A version that some process has open is never pruned (see [`Catalog::prune`]) where its lock file can be
//! locked; elsewhere, on a read-only disk perhaps, the map keeps the bytes for as long as it lives. Bytes on disk are
//! checked before they become slices: a damaged file is an [`Error`] that names file, section and place, not a panic.
//! Opening takes the same time for fifty assets as for fifty thousand and does not read the data: a flipped bit in a
//! price is found when its page is used for the first time (see [`VerifyReads`]), or by [`Lease::verify`].
//!
//! What is not promised: a mapped part that a stranger truncates ends the process with `SIGBUS`, and one that a stranger
//! overwrites shows what was written. The catalog's own files are read-only and never change once they have their name.

mod cache;
mod catalog;
mod crew;
mod disk;
mod error;
mod instant;
mod mount;
mod nearest;
mod pool;
pub mod query;
mod reading;
mod remote;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod writing;

// What of the format is handed out or taken by a call here, so that a program needs this crate alone.
pub use barrow_format::{
    Adjustment, AdjustmentKind, Asset, AssetSpec, Bundle, BundleSpec, BundleWriter, Column,
    Compression, Defect, Digest, Encoding, Error as FormatError, Frequency, LogicalType,
    PhysicalType, Problem, Provenance, Schema, SchemaError, SectionKind, Sink, SourceRecord, Stamp,
    Stats, Values, ValuesBuf, Verification, Version, Written,
};

pub use cache::byte_cache::CacheStats;
pub use cache::decoded::DecodedCache;
pub use cache::{Derived, SeriesCache, SeriesKey};
pub use catalog::change::{Change, ChangeKind};
pub use catalog::diff::{AssetDifference, ColumnDifference, Difference};
pub use catalog::head::Head;
pub use catalog::pin::Pin;
pub use catalog::presence::Presence;
pub use catalog::problems::{HeadProblem, NameProblem};
pub use catalog::prune::{PruneMode, PrunePolicy, Pruned, Spared, SparedReason};
pub use catalog::record::{PartEntry, VersionEntry};
pub use catalog::timeline::Publication;
pub use catalog::usage::{Hold, Usage};
pub use catalog::{BundleEntry, Catalog};
pub use disk::journal::{Journal, Records};
pub use error::{ChangedSeries, Error, Result};
pub use instant::Instant;
pub use mount::Mount;
pub use mount::mounts::{MountEntry, MountError, Mounts};
pub use nearest::nearest;
pub use pool::{BundlePool, PoolStats};
pub use reading::bars::Bars;
pub use reading::lease::Lease;
pub use reading::options::{
    OpenMode, OpenOptions, Paging, UnknownOpenMode, UnknownVerifyReads, VerifyReads,
};
pub use reading::panel::Panel;
pub use reading::reader::Origin;
pub use remote::{
    DirectoryRemote, Fetched, Progress, Pushed, Remote, RemoteError, RemotePolicy, RemotePruned,
    TransferOptions, prune_remote,
};
pub use writing::batch::AssetBars;
pub use writing::publish::{Published, StageOptions, Staging};
pub use writing::revision::Revision;
pub use writing::revision_problem::RevisionProblem;
pub use writing::sink::FileSink;
