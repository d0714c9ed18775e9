//! Trials as bytes, for a crew outside of this process: what is to be run goes out, how it ended comes
//! back. The bytes are those of a study's records; through a pipe they go in frames of length (`u32`,
//! little-endian) and bytes.

use std::io::{self, Read, Write};

use crate::search::Ask;
use crate::study::record::{self, Record};
use crate::sweep::Ended;

/// Appends the bytes of an ask.
pub fn put_ask(to: &mut Vec<u8>, ask: &Ask) {
    record::put_ask(to, ask);
}

/// Reads an ask; `None` when the bytes are none.
pub fn read_ask(bytes: &[u8]) -> Option<Ask> {
    match record::read(bytes)? {
        Record::Ask(ask) => Some(ask),
        _ => None,
    }
}

/// Appends the bytes of how a trial ended.
pub fn put_end(to: &mut Vec<u8>, id: u64, end: &Ended) {
    record::put_end(to, id, end);
}

/// Reads how a trial ended, and its id; `None` when the bytes are none.
pub fn read_end(bytes: &[u8]) -> Option<(u64, Ended)> {
    match record::read(bytes)? {
        Record::End(id, end) => Some((id, end)),
        _ => None,
    }
}

/// The most bytes of a frame.
const FRAME_BYTES_MAX: usize = 1 << 24;

/// Writes a frame.
///
/// # Errors
/// When the pipe is closed.
pub fn write_frame(to: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
    let mut frame = Vec::with_capacity(bytes.len() + 4);
    frame.extend_from_slice(&length.to_le_bytes());
    frame.extend_from_slice(bytes);
    to.write_all(&frame)?;
    to.flush()
}

/// Reads a frame; `None` where the pipe ends before one.
///
/// # Errors
/// When the pipe ends within a frame, or the frame is too long to be one.
pub fn read_frame(from: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    let mut have = 0;
    while have < length.len() {
        match from.read(&mut length[have..])? {
            0 if have == 0 => return Ok(None),
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            more => have += more,
        }
    }
    let length = usize::try_from(u32::from_le_bytes(length)).map_err(io::Error::other)?;
    if length > FRAME_BYTES_MAX {
        return Err(io::Error::other("a frame is too long"));
    }
    let mut bytes = vec![0; length];
    from.read_exact(&mut bytes)?;
    Ok(Some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_read_back_and_torn_ones_are_errors() {
        let mut pipe = Vec::new();
        write_frame(&mut pipe, b"abc").unwrap();
        write_frame(&mut pipe, b"").unwrap();
        let mut from = pipe.as_slice();
        assert_eq!(read_frame(&mut from).unwrap().unwrap(), b"abc");
        assert_eq!(read_frame(&mut from).unwrap().unwrap(), b"");
        assert!(read_frame(&mut from).unwrap().is_none());
        for cut in 1..7 {
            assert!(read_frame(&mut &pipe[..cut]).is_err(), "{cut}");
        }
        assert!(read_frame(&mut &[255_u8, 255, 255, 255, 0][..]).is_err());
    }
}
