//! Publishing a version to a remote.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::atomic::{AtomicU64, Ordering};

use barrow_format::{Digest, Version};
use parking_lot::Mutex;

use super::inventory::{Inventory, OBJECT_BYTES, stretches};
use super::place::{Doubt, Place};
use super::{Progress, Remote, TransferOptions};
use crate::catalog::Catalog;
use crate::catalog::bundle_dir::BundleDir;
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
    /// checked, or so old that who prunes may take it away: that is written again. Others see the version when its record is there, which comes last. Costs a
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
        let dir = self.dir(name);
        let mut sending = Sending { place, dir: &dir, options, parts_sent: 0, bytes_sent: 0 };
        let renewed = sending.send_missing(&entry.parts)?;
        let there = place.record(name, version).ok().flatten();
        let same = there.is_some_and(|there| there.parts == entry.parts);
        if !same || place.is_old_record(name, version)? {
            place.set_record(name, &entry)?;
        }
        let newest = point(name, version, !spec.contains('@'), place)?;
        sending.send_lost(renewed)?;
        let Sending { parts_sent, bytes_sent, .. } = sending;
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
    dir: &'a BundleDir,
    options: &'a TransferOptions<'a>,
    parts_sent: usize,
    bytes_sent: u64,
}

impl Sending<'_> {
    /// Sends the parts that are not there, all where they are to be checked. Returns the others whose inventories are written again,
    /// since they were old.
    fn send_missing(&mut self, parts: &[PartEntry]) -> Result<Vec<PartEntry>> {
        let (mut missing, mut renewed) = (Vec::new(), Vec::new());
        for part in parts {
            let Some(inventory) = self.inventory(part)? else {
                missing.push((*part, Doubt { age: true, bytes: self.options.check }));
                continue;
            };
            let was_old = self.place.renew_inventory(&inventory)?;
            if self.options.check {
                missing.push((*part, Doubt { age: false, bytes: true }));
            } else if was_old {
                renewed.push(*part);
            }
        }
        self.send(&missing)?;
        Ok(renewed)
    }

    /// Sends those of these parts that are not whole: who prunes at this moment may have looked before their inventories were
    /// written again.
    fn send_lost(&mut self, renewed: Vec<PartEntry>) -> Result<()> {
        let mut lost = Vec::new();
        for part in renewed {
            let inventory = self.inventory(&part)?;
            if !inventory.map_or(Ok(false), |inventory| self.place.has_objects(&inventory))? {
                lost.push((part, Doubt { age: true, bytes: false }));
            }
        }
        self.send(&lost)
    }

    /// Returns the inventory of a part; `None` where there is none, or one that is to be written anew.
    fn inventory(&self, part: &PartEntry) -> Result<Option<Inventory>> {
        match self.place.inventory(part.digest) {
            Ok(inventory) => Ok(inventory.filter(|it| it.bytes == part.bytes)),
            Err(Error::Remote(error)) if error.is_document() => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn send(&mut self, parts: &[(PartEntry, Doubt)]) -> Result<()> {
        let total_bytes = parts.iter().map(|(part, _)| part.bytes).sum();
        let done_bytes = AtomicU64::new(0);
        let told = |bytes: u64| {
            let done_bytes = done_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
            if let Some(watch) = self.options.watch {
                watch(Progress { done_bytes, total_bytes });
            }
        };
        let (mut parts_sent, mut bytes_sent) = (0, 0);
        for (part, doubt) in parts {
            let sent = self.send_part(part, *doubt, &told)?;
            parts_sent += usize::from(sent > 0);
            bytes_sent += sent;
        }
        self.parts_sent += parts_sent;
        self.bytes_sent += bytes_sent;
        Ok(())
    }

    /// Sends a part, objects first; returns how many bytes had to be sent.
    fn send_part(
        &self,
        part: &PartEntry,
        doubt: Doubt,
        told: &(dyn Fn(u64) + Sync),
    ) -> Result<u64> {
        let path = self.dir.part(part.digest);
        let file = File::open(&path).map_err(Error::io("open", &path))?;
        let stretches = stretches(part.bytes, OBJECT_BYTES);
        let digests = Mutex::new(vec![None; stretches.len()]);
        let sent_bytes = AtomicU64::new(0);
        let items: Vec<_> = stretches.into_iter().enumerate().collect();
        crew::each_of(self.options.streams(), items, |(index, stretch)| {
            self.options.check_stop()?;
            let mut buffer = vec![0; stretch.len];
            file.read_exact_at(&mut buffer, stretch.offset).map_err(Error::io("read", &path))?;
            let digest = Digest::of(&buffer);
            let bytes = u64::try_from(buffer.len()).unwrap_or(u64::MAX);
            if !self.place.has_object(part.digest, digest, &buffer, doubt)? {
                self.place.set_object(digest, &buffer)?;
                sent_bytes.fetch_add(bytes, Ordering::Relaxed);
            }
            digests.lock()[index] = Some(digest);
            told(bytes);
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
