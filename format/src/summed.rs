//! [`Summed`]: a sink that computes the check words of the pages that are written to it.

use std::{
    collections::BTreeMap,
    io,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::{check::check_words_at, frozen::PAGE, sink::Sink};

/// Bytes of a word, and words of a page.
const WORD: usize = size_of::<u64>();
const PAGE_WORDS: u64 = PAGE / size_of::<u64>() as u64;

/// Hands on what is written, and adds up the check words of its pages: they are sums over words, so writes may come in any
/// order and from any thread. Takes eight bytes a page, and some fifty picoseconds a byte.
#[derive(Debug)]
pub(crate) struct Summed<'s, S> {
    sink: &'s S,
    sums: Mutex<Sums>,
}

#[derive(Debug, Default)]
struct Sums {
    /// Of each page, the first included; pages behind the last have the sum 0, as those that hold zeros.
    pages: Vec<u64>,
    /// Words that were given in pieces, by their place in the file.
    pieces: BTreeMap<u64, [u8; WORD]>,
}

impl<'s, S: Sink> Summed<'s, S> {
    pub(crate) fn new(sink: &'s S) -> Self {
        Self { sink, sums: Mutex::default() }
    }

    /// Returns the sink that is written to.
    pub(crate) fn inner(&self) -> &'s S {
        self.sink
    }

    /// Returns the check words of the pages before `end`, which begins a page, but for the first page.
    pub(crate) fn page_checks(&self, end: u64) -> Vec<u64> {
        let mut sums = self.lock();
        for (word, bytes) in std::mem::take(&mut sums.pieces) {
            sums.add(word, &[bytes]);
        }
        let mut checks = sums.pages.clone();
        checks.resize(usize::try_from(end / PAGE).unwrap_or(usize::MAX), 0);
        checks.drain(..1.min(checks.len()));
        checks
    }

    fn add(&self, offset: u64, bytes: &[u8]) {
        let into = usize::try_from(offset % WORD as u64).unwrap_or(0);
        let (head, rest) = bytes.split_at(bytes.len().min((WORD - into) % WORD));
        let (words, tail) = rest.as_chunks::<WORD>();
        let mut word = (offset + head.len() as u64) / WORD as u64;
        if !head.is_empty() {
            self.lock().piece(offset / WORD as u64, into, head);
        }
        let mut rest = words;
        while !rest.is_empty() {
            let left = usize::try_from(PAGE_WORDS - word % PAGE_WORDS).unwrap_or(usize::MAX);
            let (of_page, behind) = rest.split_at(rest.len().min(left));
            let sum = sum(word, of_page);
            self.lock().add_sum(word, sum);
            word += of_page.len() as u64;
            rest = behind;
        }
        if !tail.is_empty() {
            self.lock().piece(word, 0, tail);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Sums> {
        // Each change is one addition, so a panic elsewhere leaves the sums usable.
        self.sums.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Sink> Sink for Summed<'_, S> {
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.sink.write_at(offset, bytes)?;
        self.add(offset, bytes);
        Ok(())
    }

    fn begin_storing(&self, offset: u64, len: u64) {
        self.sink.begin_storing(offset, len);
    }
}

impl Sums {
    fn add(&mut self, word: u64, words: &[[u8; WORD]]) {
        self.add_sum(word, sum(word, words));
    }

    fn add_sum(&mut self, word: u64, sum: u64) {
        let page = usize::try_from(word / PAGE_WORDS).unwrap_or(usize::MAX);
        if self.pages.len() <= page {
            self.pages.resize(page + 1, 0);
        }
        if let Some(total) = self.pages.get_mut(page) {
            *total = total.wrapping_add(sum);
        }
    }

    fn piece(&mut self, word: u64, at: usize, bytes: &[u8]) {
        let whole = self.pieces.entry(word).or_default();
        if let Some(target) = whole.get_mut(at..at + bytes.len()) {
            target.copy_from_slice(bytes);
        }
    }
}

/// Returns what words of one page contribute to its check word.
fn sum(word: u64, words: &[[u8; WORD]]) -> u64 {
    check_words_at(word % PAGE_WORDS, words)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{check::check_words, sink::MemorySink};

    proptest! {
        #[test]
        fn pieces_in_any_order_add_up_to_the_check_words_of_whole_pages(
            bytes in prop::collection::vec(any::<u8>(), 0..20_000),
            cuts in prop::collection::vec(0..20_000usize, 0..12),
            seed in any::<u64>(),
        ) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let mut pieces: Vec<(usize, usize)> = cuts.windows(2).map(|it| (it[0], it[1])).collect();
            pieces.sort_by_key(|(start, _)| (*start as u64 ^ seed).wrapping_mul(seed | 1));
            let memory = MemorySink::new();
            let summed = Summed::new(&memory);
            for (start, end) in pieces {
                summed.write_at(start as u64, &bytes[start..end]).unwrap();
            }
            let end = 6 * PAGE;
            let found = summed.page_checks(end);
            let mut all = memory.into_bytes();
            all.resize(usize::try_from(end).unwrap(), 0);
            let pages = all.chunks(4096).map(|page| {
                let (words, _) = page.as_chunks::<8>();
                check_words(words.iter().map(|word| u64::from_le_bytes(*word)))
            });
            prop_assert_eq!(found, pages.skip(1).collect::<Vec<_>>());
        }
    }
}
