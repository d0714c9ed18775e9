//! Publishing a version to a remote.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::atomic::{AtomicU64, Ordering};

use barrow_format::{Digest, Version};
use parking_lot::Mutex;

use super::inventory::{Inventory, OBJECT_BYTES, stretches};
use super::place::Place;
use super::{Progress, Remote, TransferOptions};
use crate::catalog::Catalog;
use crate::catalog::record::PartEntry;
use crate::crew;
use crate::error::{Error, Result};
use crate::pool::BundlePool;

/// What a push did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pushed {
    /// The version that the remote has now.
    pub version: Version,
    /// Parts of the version.
    pub parts: usize,
    /// Parts of which something was sent.
    pub parts_sent: usize,
    /// Size of all parts in bytes.
    pub bytes: u64,
    /// Bytes of parts that were sent; objects that were there already are not sent again.
    pub bytes_sent: u64,
    /// Whether the version is the remote's newest now.
    pub newest: bool,
}

impl Catalog {
    /// Publishes a version of a bundle to a remote: `name` sends the newest version and makes it the remote's newest;
    /// `name@digits` or `name@date` sends an older one, which becomes the remote's newest only where it has none.
    ///
    /// Every byte of the version is verified first. Parts that the remote has are not sent; of a part that an interrupted
    /// push has sent some of, the rest is. What the remote has is taken for what it was, unless the options say that it be
    /// checked. Others see the version when its record is there, which comes last. Costs a
    /// read of the whole version, and the transfer of what is new.
    ///
    /// # Errors
    ///
    /// As [`Catalog::resolve`] and [`Catalog::lease`]; [`Error::Damaged`] when the version is not sound, of which nothing
    /// is sent then; [`Error::Remote`] when the remote cannot be read or written.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use barrow_store::{Catalog, DirectoryRemote, TransferOptions};
    ///
    /// let remote = DirectoryRemote::at("/mnt/share/bars");
    /// let pushed = Catalog::at("/var/lib/bars").push("us-daily", &remote, &TransferOptions::default())?;
    /// println!("{} of {} bytes sent", pushed.bytes_sent, pushed.bytes);
    /// # Ok::<(), barrow_store::Error>(())
    /// ```
    pub fn push(
        &self,
        spec: &str,
        remote: &dyn Remote,
        options: &TransferOptions<'_>,
    ) -> Result<Pushed> {
        let (name, version) = self.resolve(spec)?;
        let place = Place::new(remote);
        // Kept open until the end: so nobody prunes what is being sent.
        let lease = BundlePool::new(1).lease(self, &format!("{name}@{version}"))?;
        let found = lease.verify(0);
        let count = found.bad.len();
        if let Some(first) = found.bad.into_iter().next() {
            let path = lease.path().to_owned();
            return Err(Error::Damaged { path, count, first: first.into() });
        }
        let entry = self.entry(name, version)?;
        let mut missing = Vec::new();
        for part in &entry.parts {
            // An inventory that cannot be used is written anew.
            let there = match place.inventory(part.digest) {
                _ if options.check => false,
                Ok(inventory) => inventory.is_some_and(|it| it.bytes == part.bytes),
                Err(Error::Remote(error)) if error.is_document() => false,
                Err(error) => return Err(error),
            };
            if !there {
                missing.push(*part);
            }
        }
        let total_bytes = missing.iter().map(|part| part.bytes).sum();
        let sending = Sending { place, options, total_bytes, done_bytes: AtomicU64::new(0) };
        let (mut parts_sent, mut bytes_sent) = (0, 0);
        for part in &missing {
            let path = self.dir(name).part(part.digest);
            let file = File::open(&path).map_err(Error::io("open", &path))?;
            let sent = sending.send(part, &|buffer, offset| {
                file.read_exact_at(buffer, offset).map_err(Error::io("read", &path))
            })?;
            parts_sent += usize::from(sent > 0);
            bytes_sent += sent;
        }
        if place.record(name, version).ok().flatten().is_none_or(|there| there.parts != entry.parts)
        {
            place.set_record(name, &entry)?;
        }
        let newest = point(name, version, !spec.contains('@'), place)?;
        let (parts, bytes) = (entry.parts.len(), entry.bytes());
        Ok(Pushed { version, parts, parts_sent, bytes, bytes_sent, newest })
    }
}

/// Makes a version the remote's newest where it is to be; tells whether it is now.
fn point(name: &str, version: Version, always: bool, place: Place<'_>) -> Result<bool> {
    let before = place.newest(name);
    if matches!(before, Ok(Some(newest)) if newest == version) {
        return Ok(true);
    }
    // A pointer that cannot be read is no reason not to write a new one.
    if always || before?.is_none() {
        place.set_newest(name, version)?;
        return Ok(true);
    }
    Ok(false)
}

/// What is being sent.
struct Sending<'a> {
    place: Place<'a>,
    options: &'a TransferOptions<'a>,
    total_bytes: u64,
    done_bytes: AtomicU64,
}

impl Sending<'_> {
    /// Sends a part, objects first; returns how many bytes had to be sent.
    fn send(
        &self,
        part: &PartEntry,
        read: &(dyn Fn(&mut [u8], u64) -> Result<()> + Sync),
    ) -> Result<u64> {
        let stretches = stretches(part.bytes, OBJECT_BYTES);
        let digests = Mutex::new(vec![None; stretches.len()]);
        let sent_bytes = AtomicU64::new(0);
        let items: Vec<_> = stretches.into_iter().enumerate().collect();
        crew::each_of(self.options.streams(), items, |(index, stretch)| {
            self.options.check_stop()?;
            let mut buffer = vec![0; stretch.len];
            read(&mut buffer, stretch.offset)?;
            let digest = Digest::of(&buffer);
            let bytes = u64::try_from(buffer.len()).unwrap_or(u64::MAX);
            let check = self.options.check;
            let sent = !self.place.has_object(part.digest, digest, &buffer, check)?;
            if sent {
                self.place.set_object(digest, &buffer)?;
                sent_bytes.fetch_add(bytes, Ordering::Relaxed);
            }
            digests.lock()[index] = Some(digest);
            let done_bytes = self.done_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
            if let Some(watch) = self.options.watch {
                watch(Progress { done_bytes, total_bytes: self.total_bytes });
            }
            Ok::<_, Error>(())
        })?;
        let objects = digests.into_inner().into_iter().flatten().collect();
        let (digest, bytes) = (part.digest, part.bytes);
        self.place.set_inventory(&Inventory {
            digest,
            bytes,
            object_bytes: OBJECT_BYTES,
            objects,
        })?;
        Ok(sent_bytes.into_inner())
    }
}
