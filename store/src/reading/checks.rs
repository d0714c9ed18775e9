//! What is verified of a snapshot: at opening, before a series is handed out for the first time, and of its file later.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use barrow_format::{Digest, Error as FormatError};

use crate::error::{Error, Result};
use crate::pool::opened::FileStamp;
use crate::reading::layout::Layout;
use crate::reading::options::{OpenMode, VerifyReads};
use crate::reading::snapshot::Snapshot;
use crate::reading::verify;

/// One bit for each series, set once the series was found to hash to its digest.
#[derive(Debug)]
pub(crate) struct Checks {
    words: Box<[AtomicU64]>,
    assets: usize,
}

impl Checks {
    /// Returns checks for a bundle of so many columns and assets, none of which was made.
    pub(crate) fn new(columns: usize, assets: usize) -> Self {
        let words = columns.saturating_mul(assets).div_ceil(64);
        Self { words: (0..words).map(|_| AtomicU64::new(0)).collect(), assets }
    }

    /// Runs `check` on a series, unless it succeeded before. Threads that come at once may each run it.
    #[inline]
    pub(crate) fn once<E>(
        &self,
        column: usize,
        asset: usize,
        check: impl FnOnce() -> Result<(), E>,
    ) -> Result<(), E> {
        let place = column * self.assets + asset;
        let (word, bit) = (&self.words[place / 64], 1 << (place % 64));
        // The bytes are not written by anyone, so what one thread has seen needs no order with what another sees.
        if word.load(Ordering::Relaxed) & bit == 0 {
            check()?;
            word.fetch_or(bit, Ordering::Relaxed);
        }
        Ok(())
    }
}

impl Snapshot {
    /// Verifies as much as the options ask for before anything is handed out.
    pub(crate) fn verify_opening(&self) -> Result<()> {
        // A version that is not mapped as it is will be mounted, and is then.
        if self.options.zero_copy && self.options.mode != OpenMode::Mount {
            self.check_mapped()?;
        }
        let defects = match (self.options.mode, self.options.verify) {
            (OpenMode::Read, _) => verify::verify(self.files(), 0).bad,
            (_, VerifyReads::Digests) => self.bundle().verify_sections(),
            (_, VerifyReads::Never | VerifyReads::Pages) => return Ok(()),
        };
        let count = defects.len();
        match defects.into_iter().next() {
            None => Ok(()),
            Some(first) => {
                Err(Error::Damaged { path: self.path().to_owned(), count, first: Arc::new(first) })
            }
        }
    }

    /// Checks that nothing but slices of a map would be handed out.
    fn check_mapped(&self) -> Result<()> {
        let refused = |what: String| Err(Error::NotMapped { path: self.path().to_owned(), what });
        if self.options.mode == OpenMode::Read {
            return refused("the file, which is to be copied".to_owned());
        }
        let columns = self.bundle().schema().columns();
        match self.layouts.iter().position(|layout| !matches!(layout, Layout::Raw { .. })) {
            None => Ok(()),
            Some(index) => {
                let name = columns.get(index).map(|column| column.name.as_str());
                refused(format!("column `{}`, which is decoded", name.unwrap_or_default()))
            }
        }
    }

    /// Checks, with one system call, that the mapped file is as long and as old as it was when it was opened. A file that is
    /// gone, or another by now, is none that could be cut short under the map.
    pub(crate) fn check_file(&self) -> Result<()> {
        if self.options.mode == OpenMode::Read {
            return Ok(());
        }
        let Ok(metadata) = std::fs::metadata(self.path()) else { return Ok(()) };
        let (now, then) = (FileStamp::of(&metadata), self.stamp);
        if (now.device, now.inode) != (then.device, then.inode) || now == then {
            return Ok(());
        }
        let path = self.path().to_owned();
        let (what, expected, found) = if now.bytes == then.bytes {
            ("time of last change", format!("{:?}", then.modified), format!("{:?}", now.modified))
        } else {
            ("length", then.bytes.to_string(), now.bytes.to_string())
        };
        Err(Error::Mismatch { path, what, expected, found })
    }

    /// Checks that rows of a column that is read in place, which are among those of an asset, are what was written, if that
    /// is to be checked and was not yet: the pages that they lie in, or the digest of the series.
    #[inline]
    pub(crate) fn check_rows(&self, column: usize, ordinal: u32, rows: Range<usize>) -> Result<()> {
        if let Some(checks) = &self.checks {
            let place = usize::try_from(ordinal).unwrap_or(usize::MAX);
            return checks.once(column, place, || self.hash_series(column, ordinal));
        }
        match self.bundle().check_rows(column, rows) {
            Ok(()) => Ok(()),
            // The damage may be to what else lies on the page, and the digest is the judge of that.
            Err(FormatError::Page { .. }) => self.hash_series(column, ordinal),
            Err(error) => Err(self.corrupt(error)),
        }
    }

    /// Checks as [`Snapshot::check_rows`] does, of assets whose rows follow one another.
    pub(crate) fn check_stretch(
        &self,
        column: usize,
        assets: &[(u32, Range<usize>)],
    ) -> Result<()> {
        let ends = assets.first().zip(assets.last());
        let rows = ends.map(|((_, first), (_, last))| first.start..last.end);
        if !self.hashes() && rows.is_some_and(|it| self.bundle().check_rows(column, it).is_ok()) {
            return Ok(());
        }
        assets.iter().try_for_each(|(asset, rows)| self.check_rows(column, *asset, rows.clone()))
    }

    /// Tells whether rows of a column that is read in place need no checking, or not any more.
    #[inline]
    pub(crate) fn were_checked(&self, column: usize, rows: Range<usize>) -> bool {
        if self.hashes() {
            return false;
        }
        let Some(Layout::Raw { start, width }) = self.layouts.get(column) else { return true };
        self.bundle().were_checked(start + rows.start * width..start + rows.end * width)
    }

    #[cold]
    fn hash_series(&self, column: usize, ordinal: u32) -> Result<()> {
        let corrupt = |error| self.corrupt(error);
        let asset = self.bundle().asset_at(ordinal).map_err(corrupt)?;
        let expected = self.bundle().series_digest(column, asset).map_err(corrupt)?;
        let values = self.bundle().series(column, asset).map_err(corrupt)?;
        let found = Digest::of(values.as_bytes());
        if found == expected { Ok(()) } else { Err(self.changed(column, asset, expected, found)) }
    }

    /// Tells whether whole series are hashed before rows of them are handed out.
    #[inline]
    pub(crate) fn hashes(&self) -> bool {
        self.checks.is_some()
    }

    /// Tells whether anything is compared before values are handed out.
    #[inline]
    pub(crate) fn checks(&self) -> bool {
        self.hashes() || self.bundle().checks_pages()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_is_repeated_until_it_succeeds_and_never_after() {
        let checks = Checks::new(3, 50);
        for column in 0..3 {
            for asset in 0..50 {
                assert_eq!(checks.once(column, asset, || Err(asset)), Err(asset));
                assert_eq!(checks.once(column, asset, || Ok::<(), ()>(())), Ok(()));
                let not_again = || -> Result<(), ()> { unreachable!("it succeeded before") };
                assert_eq!(checks.once(column, asset, not_again), Ok(()));
            }
        }
    }
}
