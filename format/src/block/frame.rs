//! zstd frames (RFC 8878) inside blocks. Each thread keeps one context for each direction.

use std::{cell::RefCell, io};

use zstd::{
    bulk::{Compressor, Decompressor},
    zstd_safe::CParameter,
};

use super::BlockError;

/// Level of all frames: at the lengths of a block, higher ones take far longer and save little.
const LEVEL: i32 = 1;

/// Shortest repetition that is sought among symbols: most repetitions of noise are chance, and cost more
/// than the code of the symbols does. The table of places is as small as it can be for the same reason.
const NOISE_MATCH: u32 = 7;
const NOISE_HASH_LOG: u32 = 6;

thread_local! {
    static CODER: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
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

/// Compresses symbols whose order is noise as a rule, and repeats in some blocks: whichever way is shorter.
pub(super) fn compress_symbols(symbols: &[u8]) -> Option<Vec<u8>> {
    let coded = CODER.with_borrow_mut(|slot| {
        let coder = match slot {
            Some(coder) => coder,
            None => slot.insert(coder().ok()?),
        };
        coder.compress(symbols).ok().filter(|frame| frame.len() < symbols.len())
    });
    [coded, compress(symbols)].into_iter().flatten().min_by_key(Vec::len)
}

fn coder() -> io::Result<Compressor<'static>> {
    let mut coder = Compressor::new(LEVEL)?;
    coder.set_parameter(CParameter::MinMatch(NOISE_MATCH))?;
    coder.set_parameter(CParameter::HashLog(NOISE_HASH_LOG))?;
    Ok(coder)
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
