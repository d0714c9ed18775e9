//! zstd frames (RFC 8878) inside blocks. Each thread keeps one context for each direction.

use std::cell::RefCell;

use zstd::bulk::{Compressor, Decompressor};

use super::BlockError;

/// Level of all frames: at the lengths of a block, higher ones take far longer and save little.
const LEVEL: i32 = 1;

thread_local! {
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// Compresses `bytes` to one frame; `None` where that does not make them shorter.
pub(super) fn compress(bytes: &[u8]) -> Option<Vec<u8>> {
    COMPRESSOR.with_borrow_mut(|slot| {
        let compressor = match slot {
            Some(compressor) => compressor,
            None => slot.insert(Compressor::new(LEVEL).ok()?),
        };
        compressor.compress(bytes).ok().filter(|frame| frame.len() < bytes.len())
    })
}

/// Decompresses a frame that must fill `out`. Nothing is allocated by what the frame says.
pub(super) fn decompress(frame: &[u8], out: &mut [u8]) -> Result<(), BlockError> {
    let expected = out.len();
    DECOMPRESSOR.with_borrow_mut(|slot| {
        let wrong = BlockError::Frame { expected };
        let decompressor = match slot {
            Some(decompressor) => decompressor,
            None => slot.insert(Decompressor::new().map_err(|_| wrong.clone())?),
        };
        match decompressor.decompress_to_buffer(frame, out) {
            Ok(found) if found == expected => Ok(()),
            _ => Err(wrong),
        }
    })
}
