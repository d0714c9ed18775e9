//! Opened snapshots as a pool holds them, and how to tell whether they are still what their names mean.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::mapping::HeadMap;
use crate::snapshot::Snapshot;

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
