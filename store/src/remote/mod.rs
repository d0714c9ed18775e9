//! Remotes: places outside the catalog that versions are published to and fetched from.
//!
//! ```text
//! bundles/<bundle>/newest.json               which version is the newest
//! bundles/<bundle>/versions/<version>.json   the version's record, as the catalog of its publisher has it
//! parts/<digest>.json                        the part's inventory: its length, and its objects in order
//! objects/<two digits>/<SHA-256>             8 MiB of a part, or what is left at its end
//! ```
//!
//! Everything but `newest.json` is named by its content, so nothing is ever sent twice and nothing that is there is
//! written over with something else. What is sent last is what others find first: objects, then inventory, then
//! record, then `newest.json`. A publisher that is interrupted leaves objects that its next attempt does not send again.
//! `docs/remote.md` says all of it.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::error::Result;

pub(crate) mod arrival;
mod directory;
mod error;
mod fetch;
mod inventory;
mod place;
mod prune;
mod push;

pub use directory::DirectoryRemote;
pub use error::RemoteError;
pub use fetch::Fetched;
pub use prune::{RemotePolicy, RemotePruned, prune_remote};
pub use push::Pushed;

/// How many objects are under way at once unless the options say otherwise.
const STREAMS: usize = 4;

/// A place that holds objects by key, outside the catalog: a directory, a bucket, a web server.
///
/// Keys are relative paths of ASCII letters, digits, `.`, `_` and `-` with `/` between the folders; none of them starts
/// with a dot. Several threads call at once. What a call says with [`io::ErrorKind::NotFound`] is taken for "there is no
/// such object", every other error for a failure of the place.
pub trait Remote: fmt::Debug + Send + Sync {
    /// Returns what people know the place by: a path, a URL. It must not contain a password.
    fn describe(&self) -> String;

    /// Returns the length of an object in bytes; `None` when there is no such object.
    ///
    /// # Errors
    ///
    /// What the place answers.
    fn bytes_of(&self, key: &str) -> io::Result<Option<u64>>;

    /// Returns the names of the objects and folders directly in a folder, in any order; none when there is no such folder.
    /// Who names no folders is not pruned.
    ///
    /// # Errors
    ///
    /// What the place answers; [`io::ErrorKind::Unsupported`] of a place that cannot list.
    fn list(&self, folder: &str) -> io::Result<Vec<String>>;

    /// Returns an object, or if it is longer than `bytes_max`, its first `bytes_max` bytes.
    ///
    /// # Errors
    ///
    /// What the place answers.
    fn read(&self, key: &str, bytes_max: usize) -> io::Result<Vec<u8>>;

    /// Stores an object, whole or not at all; what had the key before is replaced.
    ///
    /// # Errors
    ///
    /// What the place answers; [`io::ErrorKind::Unsupported`] of a place that is only read from.
    fn write(&self, key: &str, bytes: &[u8]) -> io::Result<()>;

    /// Returns how long ago an object was written, by the place's own clock if it has one; `None` when there is no such
    /// object. Pruning goes by it, and so does a push beside it.
    ///
    /// # Errors
    ///
    /// What the place answers; [`io::ErrorKind::Unsupported`], as unless it is implemented, of a place that does not know.
    fn age_of(&self, key: &str) -> io::Result<Option<Duration>> {
        let _ = key;
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Removes an object; that there is none is no error.
    ///
    /// # Errors
    ///
    /// What the place answers; [`io::ErrorKind::Unsupported`], as unless it is implemented, of a place that is never pruned.
    fn remove(&self, key: &str) -> io::Result<()> {
        let _ = key;
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// How to push and fetch.
#[derive(Clone, Copy, Default)]
pub struct TransferOptions<'a> {
    /// Of a fetch: how long to wait for a writer that is at work on the bundle already, another fetch perhaps; by
    /// default not at all.
    pub wait: Duration,
    /// How many objects are under way at once, each 8 MiB of memory; 0 for the default, 4.
    pub streams: usize,
    /// Of a push: whether to read what the remote has of the version, and send again what of it is damaged.
    pub check: bool,
    /// Once true, no further object is moved, and the transfer ends with [`RemoteError::Stopped`].
    pub stop: Option<&'a AtomicBool>,
    /// Is told of each object that was moved, or need not be, on the thread that moved it.
    pub watch: Option<&'a (dyn Fn(Progress) + Sync)>,
}

impl fmt::Debug for TransferOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { wait, streams, check, stop, watch } = self;
        let watched = &watch.is_some();
        let mut shown = f.debug_struct("TransferOptions");
        shown.field("wait", wait).field("streams", streams).field("check", check);
        shown.field("stop", stop).field("watched", watched).finish()
    }
}

impl TransferOptions<'_> {
    /// Is asked before each object is moved.
    fn check_stop(&self) -> Result<()> {
        let stopped = self.stop.is_some_and(|stop| stop.load(Ordering::Relaxed));
        if stopped { Err(RemoteError::Stopped.boxed()) } else { Ok(()) }
    }

    fn streams(&self) -> usize {
        if self.streams == 0 { STREAMS } else { self.streams }
    }
}

/// How far a transfer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes that were moved or need not be.
    pub done_bytes: u64,
    /// Bytes of the parts that the other side did not have whole.
    pub total_bytes: u64,
}
