//! [`Pages`]: which pages of a file were found to be what their check words say.

use std::{
    ops::Range,
    sync::atomic::{AtomicU64, Ordering},
};

use crate::{Bundle, SectionKind, check::check_words, error::Error, frozen::PAGE};

/// One bit for each page, set once the page was compared with its check word.
#[derive(Debug)]
pub(crate) struct Pages {
    seen: Box<[AtomicU64]>,
}

impl Pages {
    fn new(pages: u64) -> Self {
        let words = usize::try_from(pages.div_ceil(64)).unwrap_or(0);
        Self { seen: (0..words).map(|_| AtomicU64::new(0)).collect() }
    }

    /// Tells whether all pages of a range of bytes were seen.
    #[inline]
    fn have(&self, bytes: &Range<u64>) -> bool {
        if bytes.start >= bytes.end {
            return true;
        }
        let (first, last) = (bytes.start / PAGE, (bytes.end - 1) / PAGE);
        (first / 64..=last / 64).all(|word| {
            let from = if word == first / 64 { first % 64 } else { 0 };
            let to = if word == last / 64 { last % 64 } else { 63 };
            let mask = (u64::MAX << from) & (u64::MAX >> (63 - to));
            let seen = usize::try_from(word).ok().and_then(|word| self.seen.get(word));
            // The bytes are not written by anyone, so what one thread has seen needs no order with what another sees.
            seen.is_some_and(|seen| seen.load(Ordering::Relaxed) & mask == mask)
        })
    }

    fn has(&self, page: u64) -> bool {
        let start = page * PAGE;
        self.have(&(start..start + 1))
    }

    fn set(&self, page: u64) {
        if let Some(seen) = usize::try_from(page / 64).ok().and_then(|word| self.seen.get(word)) {
            seen.fetch_or(1 << (page % 64), Ordering::Relaxed);
        }
    }
}

impl<B: AsRef<[u8]>> Bundle<B> {
    /// Returns the bundle with each page compared with its check word before anything in it is used for the first time:
    /// pages of tables by the bundle itself, those of values by [`Bundle::check_rows`]. A page takes 0.2 us, once. Blocks of
    /// compressed columns are compared with their own checksums all the same.
    ///
    /// Does nothing for a file of format 1.0 or 1.1, which has no such check words; see [`Bundle::checks_pages`].
    #[must_use]
    pub fn checking_pages(mut self) -> Self {
        let checks = self.section(SectionKind::PageChecks);
        self.pages = (checks.len > 0).then(|| Pages::new(checks.offset / PAGE));
        self
    }

    /// Tells whether pages are compared with their check words.
    #[inline]
    pub fn checks_pages(&self) -> bool {
        self.pages.is_some()
    }

    /// Compares the pages of some rows of a column with their check words, unless they were before or need not be. Rows are
    /// counted from the first that lies in this file, and the column must lie in it as it is.
    ///
    /// # Errors
    ///
    /// [`Error::NoColumn`]; [`Error::Page`] names the first page that is damaged.
    #[inline]
    pub fn check_rows(&self, index: usize, rows: Range<usize>) -> Result<(), Error> {
        if self.pages.is_none() {
            return Ok(());
        }
        let (start, width) = (self.column_record(index)?.offset, self.physical(index).width());
        let byte = |row: usize| start + row as u64 * width as u64;
        self.touch(byte(rows.start)..byte(rows.end))
    }

    /// Tells whether the pages of a range of bytes need no comparing with their check words, or not any more.
    #[inline]
    pub fn were_checked(&self, bytes: Range<usize>) -> bool {
        let bytes = bytes.start as u64..bytes.end as u64;
        self.pages.as_ref().is_none_or(|pages| pages.have(&bytes))
    }

    /// Compares the pages of a range of bytes with their check words, unless they were before or need not be.
    #[inline]
    pub(crate) fn touch(&self, bytes: Range<u64>) -> Result<(), Error> {
        match &self.pages {
            Some(pages) if !pages.have(&bytes) => self.compare(pages, &bytes),
            _ => Ok(()),
        }
    }

    #[cold]
    fn compare(&self, pages: &Pages, bytes: &Range<u64>) -> Result<(), Error> {
        let last = bytes.end.saturating_sub(1) / PAGE;
        for page in (bytes.start / PAGE..=last).filter(|&page| !pages.has(page)) {
            self.check_page(page)?;
            pages.set(page);
        }
        Ok(())
    }

    /// Returns how many pages the file must have check words for: all before them but the first, where it has any.
    pub(crate) fn checked_pages(&self) -> u64 {
        (self.section(SectionKind::PageChecks).offset / PAGE).saturating_sub(1)
    }

    /// Compares a page with its check word, if the file has one for it.
    pub(crate) fn check_page(&self, page: u64) -> Result<(), Error> {
        let Some(place) = page.checked_sub(1).filter(|&place| place < self.checked_pages()) else {
            return Ok(());
        };
        let checks = self.section(SectionKind::PageChecks);
        let at = checks.offset + place * size_of::<u64>() as u64;
        let word = |bytes: &[u8; 8]| u64::from_le_bytes(*bytes);
        let expected = self.range(at..at + 8).and_then(<[u8]>::first_chunk).map_or(0, word);
        let offset = page * PAGE;
        let (words, _) = self.range(offset..offset + PAGE).unwrap_or_default().as_chunks::<8>();
        let found = check_words(words.iter().map(word));
        if found == expected {
            return Ok(());
        }
        let covers = |section: &&crate::Section| section.offset <= offset;
        let kind = self.sections.iter().rfind(covers).map(|section| section.kind);
        Err(Error::Page { kind: kind.unwrap_or(SectionKind::Superblock), offset, expected, found })
    }
}
