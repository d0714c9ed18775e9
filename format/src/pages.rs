//! [`Pages`]: which pages of a file were found to be what their check words say.

use std::{
    ops::Range,
    sync::atomic::{AtomicU64, Ordering},
};

use zerocopy::FromZeros;

use crate::{Bundle, SectionKind, check::check_words_at, error::Error, frozen::PAGE};

/// One bit for each page, set once the page was compared with its check word.
#[derive(Debug)]
pub(crate) struct Pages {
    seen: Box<[AtomicU64]>,
}

impl Pages {
    fn new(pages: u64) -> Self {
        let words = usize::try_from(pages.div_ceil(64)).unwrap_or(0);
        // Memory that is zero anyhow is not touched before it is needed. What no memory is had for is never seen.
        Self { seen: <[AtomicU64]>::new_box_zeroed_with_elems(words).unwrap_or_default() }
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
        let byte = |row: usize| start.saturating_add((row as u64).saturating_mul(width as u64));
        self.touch(byte(rows.start)..byte(rows.end))
    }

    /// Compares the pages of a range of bytes with their check words, unless they were before or need not be.
    ///
    /// # Errors
    ///
    /// [`Error::Page`] names the first page that is damaged.
    #[inline]
    pub fn check_bytes(&self, bytes: Range<usize>) -> Result<(), Error> {
        self.touch(bytes.start as u64..bytes.end as u64)
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
        // Whoever asks for bytes that do not exist is told so when they are read.
        let end = bytes.end.min(self.as_bytes().len() as u64);
        let checked = self.checked();
        for page in (bytes.start / PAGE..end.div_ceil(PAGE)).filter(|&page| !pages.has(page)) {
            self.check_page(&checked, page)?;
            pages.set(page);
        }
        Ok(())
    }

    /// Returns the pages that have check words, from page 1 on, and those.
    fn checked(&self) -> Checked<'_> {
        let checks = self.section(SectionKind::PageChecks);
        let pages = self.range(PAGE.min(checks.offset)..checks.offset).unwrap_or_default();
        let words = self.range(checks.range()).unwrap_or_default();
        (pages.as_chunks().0, words.as_chunks().0)
    }

    /// Returns how many pages the file must have check words for: all before them but the first, where it has any.
    pub(crate) fn checked_pages(&self) -> u64 {
        (self.section(SectionKind::PageChecks).offset / PAGE).saturating_sub(1)
    }

    /// Compares some pages, by their number in the file, with their check words, as far as they have some.
    pub(crate) fn check_pages(&self, pages: Range<u64>) -> Result<(), Error> {
        let checked = self.checked();
        pages.into_iter().try_for_each(|page| self.check_page(&checked, page))
    }

    fn check_page(&self, (pages, checks): &Checked<'_>, page: u64) -> Result<(), Error> {
        let place = page.checked_sub(1).and_then(|place| usize::try_from(place).ok());
        let Some((bytes, check)) =
            place.and_then(|place| Some((pages.get(place)?, checks.get(place)?)))
        else {
            return Ok(());
        };
        let (expected, found) =
            (u64::from_le_bytes(*check), check_words_at(0, bytes.as_chunks().0));
        if found == expected {
            return Ok(());
        }
        let offset = page * PAGE;
        let covers = |section: &&crate::Section| section.offset <= offset;
        let kind = self.sections.iter().rfind(covers).map(|section| section.kind);
        Err(Error::Page { kind: kind.unwrap_or(SectionKind::Superblock), offset, expected, found })
    }
}

/// Pages, and the check word of each.
type Checked<'b> = (&'b [[u8; PAGE_BYTES]], &'b [[u8; 8]]);

const PAGE_BYTES: usize = 4096;
const _: () = assert!(PAGE_BYTES as u64 == PAGE);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        AlignedBytes, AssetSpec, BundleSpec, BundleWriter, MemorySink, Provenance, Schema, Values,
    };

    fn written() -> Vec<u8> {
        let spec = BundleSpec {
            schema: Schema::daily(&[]).unwrap(),
            assets: vec![AssetSpec::new("A", 2)],
            adjustments: Vec::new(),
            provenance: Provenance::default(),
        };
        let sink = MemorySink::new();
        let writer = BundleWriter::new(spec, &sink).unwrap();
        writer.put(0, 0, Values::I64(&[1, 2])).unwrap();
        for column in 1..6 {
            writer.put(0, column, Values::F64(&[1.0, 2.0])).unwrap();
        }
        writer.finish().unwrap();
        sink.into_bytes()
    }

    #[test]
    fn rows_that_do_not_exist_are_no_endless_work() {
        let bundle = Bundle::open(AlignedBytes::copy_of(&written())).unwrap().checking_pages();
        for rows in [0..usize::MAX, usize::MAX - 1..usize::MAX, 7..7] {
            bundle.check_rows(4, rows).unwrap();
        }
        bundle.check_bytes(0..usize::MAX).unwrap();
        assert!(bundle.were_checked(0..4096 * 2) && !bundle.were_checked(0..usize::MAX));
    }

    #[test]
    fn a_damaged_page_is_refused_each_time_and_the_others_are_not() {
        let mut bytes = written();
        let start = usize::try_from(
            Bundle::open(AlignedBytes::copy_of(&bytes)).unwrap().column_record(4).unwrap().offset,
        );
        let start = start.unwrap();
        bytes[start + 4000] ^= 1;
        let bundle = Bundle::open(AlignedBytes::copy_of(&bytes)).unwrap().checking_pages();
        for _ in 0..2 {
            let error = bundle.check_rows(4, 0..2).unwrap_err();
            assert!(matches!(error, Error::Page { offset, .. } if offset == start as u64));
            bundle.check_rows(3, 0..2).unwrap();
        }
    }
}
