//! Opened snapshots as a pool holds them, and how to tell whether they are still what their names mean.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rustix::time::{ClockId, clock_gettime};

use crate::disk::mapping::HeadMap;
use crate::reading::snapshot::Snapshot;

/// How long a deleted or replaced `HEAD` page may go unnoticed, in milliseconds.
const LOOK_EVERY_MS: u64 = 100;
/// Read without a system call, and without asking the processor for its counter.
#[cfg(any(target_os = "linux", target_os = "android"))]
const CLOCK: ClockId = ClockId::MonotonicCoarse;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const CLOCK: ClockId = ClockId::Monotonic;

/// What a file is recognised by: whoever replaces or rewrites it changes one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileStamp {
    pub(crate) device: u64,
    pub(crate) inode: u64,
    pub(crate) bytes: u64,
    pub(crate) modified: (i64, i64),
}

impl FileStamp {
    pub(crate) fn of(metadata: &Metadata) -> Self {
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
    /// Now and then a system call tells whether the page is still the one that the path leads to.
    Generation { head: HeadMap, generation: u64, place: HeadPlace },
    /// A file outside the catalog: as long as the path leads to it. One system call to check.
    File { path: PathBuf, stamp: FileStamp },
}

impl Currency {
    #[inline]
    pub(crate) fn holds(&self) -> bool {
        match self {
            Self::Fixed => true,
            Self::Generation { head, generation, place } => {
                head.generation() == *generation && place.holds()
            }
            Self::File { path, stamp } => {
                std::fs::metadata(path).is_ok_and(|now| FileStamp::of(&now) == *stamp)
            }
        }
    }
}

/// Where a mapped `HEAD` page came from.
///
/// Whoever deletes a bundle's folder and ingests anew makes another page: the mapped one says for ever what it said. No
/// writer can mark it, for none knows it any more. So the path is looked at again, but not more often than every
/// [`LOOK_EVERY_MS`], by a clock that costs three nanoseconds to read.
#[derive(Debug)]
pub(crate) struct HeadPlace {
    path: PathBuf,
    /// Device and inode of the page.
    identity: (u64, u64),
    /// When it was last found at its path.
    looked_ms: AtomicU64,
}

impl HeadPlace {
    /// Remembers that this page was opened at this path, just now.
    pub(crate) fn of(head: &HeadMap, path: PathBuf) -> Self {
        Self { path, identity: head.identity(), looked_ms: AtomicU64::new(clock_ms()) }
    }

    #[inline]
    fn holds(&self) -> bool {
        let now = clock_ms();
        now.saturating_sub(self.looked_ms.load(Ordering::Relaxed)) < LOOK_EVERY_MS || self.look(now)
    }

    #[cold]
    fn look(&self, now: u64) -> bool {
        let holds = match std::fs::metadata(&self.path) {
            Ok(metadata) => (metadata.dev(), metadata.ino()) == self.identity,
            // What cannot be looked at is taken for what it was: a bundle stays readable when its folder is not.
            Err(error) => error.kind() != io::ErrorKind::NotFound,
        };
        if holds {
            self.looked_ms.store(now, Ordering::Relaxed);
        }
        holds
    }
}

/// Returns the time by a clock that only goes forward, to a few milliseconds.
#[inline]
fn clock_ms() -> u64 {
    let now = clock_gettime(CLOCK);
    let (seconds, nanos) = (u64::try_from(now.tv_sec), u64::try_from(now.tv_nsec));
    seconds.unwrap_or(0) * 1_000 + nanos.unwrap_or(0) / 1_000_000
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
