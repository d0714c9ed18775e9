//! A stream of text in blocks of whole lines.

use std::io::{self, Read};

/// Bytes of a block. Lines that are longer make their block grow, up to [`LINE_MAX`].
pub(crate) const BLOCK: usize = 4 << 20;

/// Longest line that is taken for one.
const LINE_MAX: usize = 64 << 20;

/// Hands whole lines of a stream on, block by block; every block ends with a line's end, which is
/// added where the stream has none.
#[derive(Debug)]
pub(crate) struct Blocks<R> {
    stream: R,
    buffer: Vec<u8>,
    /// Bytes at the end of the buffer that begin a line whose end is still to come.
    open: usize,
    ended: bool,
}

impl<R: Read> Blocks<R> {
    pub(crate) fn new(stream: R) -> Self {
        Self { stream, buffer: Vec::new(), open: 0, ended: false }
    }

    /// The next block, or `None` at the end.
    ///
    /// # Errors
    ///
    /// What the stream says, or that a line is longer than 64 MiB.
    pub(crate) fn next(&mut self) -> io::Result<Option<&[u8]>> {
        let taken = self.buffer.len() - self.open;
        self.buffer.drain(..taken);
        while !self.ended {
            let want = BLOCK.max(self.buffer.len());
            if self.buffer.len() > LINE_MAX {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "a line is longer than 64 MiB",
                ));
            }
            let read = self.stream.by_ref().take(want as u64).read_to_end(&mut self.buffer)?;
            if read < want {
                self.ended = true;
                if self.buffer.last().is_some_and(|&byte| byte != b'\n') {
                    self.buffer.push(b'\n');
                }
            }
            if let Some(end) = memchr::memrchr(b'\n', &self.buffer) {
                self.open = self.buffer.len() - end - 1;
                return Ok(Some(&self.buffer[..=end]));
            }
        }
        self.open = 0;
        if self.buffer.is_empty() {
            return Ok(None);
        }
        let last = self.buffer.len();
        self.open = 0;
        Ok(Some(&self.buffer[..last]))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A stream that gives a few bytes at a time.
    struct Drip<'a>(&'a [u8], usize);

    impl Read for Drip<'_> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(out.len()).min(self.0.len());
            out[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    fn joined(text: &[u8], drip: usize) -> Vec<u8> {
        let mut blocks = Blocks::new(Drip(text, drip));
        let mut out = Vec::new();
        while let Some(block) = blocks.next().unwrap() {
            assert_eq!(block.last(), Some(&b'\n'));
            out.extend_from_slice(block);
        }
        out
    }

    #[test]
    fn long_streams_come_in_blocks_of_whole_lines() {
        let line = b"2012-01-03,1,2,3,4,5\n".repeat(500_000);
        let mut blocks = Blocks::new(&line[..]);
        let (mut count, mut bytes) = (0, 0);
        while let Some(block) = blocks.next().unwrap() {
            assert!(block.len() % 21 == 0);
            bytes += block.len();
            count += 1;
        }
        assert_eq!(bytes, line.len());
        assert!(count > 1);
    }

    proptest! {
        #[test]
        fn nothing_is_lost(text in "[a-c\n]{0,200}", drip in 1usize..9) {
            let mut expected = text.clone().into_bytes();
            if expected.last().is_some_and(|&byte| byte != b'\n') {
                expected.push(b'\n');
            }
            prop_assert_eq!(joined(text.as_bytes(), drip), expected);
        }
    }
}
