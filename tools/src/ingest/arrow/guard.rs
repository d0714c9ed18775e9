//! What has to be checked of an Arrow file before its library may read it: that nothing in it asks for
//! more memory than it can be worth.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use arrow_ipc::{Block, BodyCompression, Buffer, MessageHeader, root_as_footer, root_as_message};
use arrow_schema::ArrowError;

/// Bytes behind the footer: its length and the magic.
const TRAILER: u64 = 10;

/// Bytes that the columns of one batch may take, or [`EXPANSION_MAX`] times those of the file where that
/// is more.
const BATCH_BYTES_MAX: u64 = 1 << 30;
const EXPANSION_MAX: u64 = 64;

/// Checks that the footer and every block lie within the file, and that no batch claims to decompress to
/// more than it may.
pub(super) fn check(mut file: &File) -> Result<(), ArrowError> {
    let len = file.seek(SeekFrom::End(0))?;
    let Some(behind) = len.checked_sub(TRAILER) else {
        return Err(cut("the file is too short for a footer"));
    };
    let trailer = bytes(file, behind, TRAILER)?;
    let footer_len = trailer.first_chunk().map_or(-1, |len: &[u8; 4]| i32::from_le_bytes(*len));
    let start = u64::try_from(footer_len).ok().and_then(|footer| behind.checked_sub(footer));
    let Some(start) = start.filter(|_| trailer.ends_with(b"ARROW1")) else {
        return Err(cut("the file does not end with a footer"));
    };
    let footer = bytes(file, start, behind - start)?;
    let footer =
        root_as_footer(&footer).map_err(|error| ArrowError::ParseError(error.to_string()))?;
    if footer.schema().is_none() {
        return Err(cut("the footer has no schema"));
    }
    let blocks = footer.dictionaries().into_iter().flatten();
    let most = BATCH_BYTES_MAX.max(len.saturating_mul(EXPANSION_MAX));
    for block in blocks.chain(footer.recordBatches().into_iter().flatten()) {
        check_block(file, block, start, most)?;
    }
    file.rewind()?;
    Ok(())
}

/// Checks a block that must end before byte `end` and take at most `most` bytes of memory.
fn check_block(file: &File, block: &Block, end: u64, most: u64) -> Result<(), ArrowError> {
    let parts = (
        u64::try_from(block.offset()),
        u64::try_from(block.metaDataLength()),
        u64::try_from(block.bodyLength()),
    );
    let (Ok(offset), Ok(head), Ok(body)) = parts else {
        return Err(cut("a block has a negative length"));
    };
    let body_at = offset.checked_add(head);
    let Some(body_at) = body_at.filter(|at| at.checked_add(body).is_some_and(|at| at <= end))
    else {
        return Err(cut("a block lies outside the file"));
    };
    let head = bytes(file, offset, head)?;
    // A message begins with its length, since 0.15 behind a mark of four bytes.
    let message = match head.strip_prefix(&[0xff; 4]).unwrap_or(&head).get(4..) {
        Some(message) => root_as_message(message),
        None => return Err(cut("a block is too short for a message")),
    };
    let message = message.map_err(|error| ArrowError::ParseError(error.to_string()))?;
    let batch = match message.header_type() {
        MessageHeader::RecordBatch => message.header_as_record_batch(),
        MessageHeader::DictionaryBatch => {
            message.header_as_dictionary_batch().and_then(|batch| batch.data())
        }
        _ => None,
    };
    let Some(batch) = batch else { return Err(cut("a block holds no batch")) };
    let mut claimed = 0u64;
    for buffer in batch.buffers().into_iter().flatten() {
        claimed = claimed.saturating_add(claim(file, batch.compression(), buffer, body_at, body)?);
    }
    if claimed > most {
        return Err(cut("a batch claims more bytes than a file of this length may hold"));
    }
    Ok(())
}

/// The bytes that a buffer claims to take in memory.
fn claim(
    file: &File,
    compression: Option<BodyCompression<'_>>,
    buffer: &Buffer,
    body_at: u64,
    body: u64,
) -> Result<u64, ArrowError> {
    let parts = (u64::try_from(buffer.offset()), u64::try_from(buffer.length()));
    let (Ok(offset), Ok(len)) = parts else {
        return Err(cut("a buffer has a negative length"));
    };
    if offset.checked_add(len).is_none_or(|end| end > body) {
        return Err(cut("a buffer lies outside its block"));
    }
    if compression.is_none() || len < 8 {
        return Ok(len);
    }
    let prefix = bytes(file, body_at + offset, 8)?;
    let claimed = prefix.first_chunk().map_or(0, |len: &[u8; 8]| i64::from_le_bytes(*len));
    // -1 stands for a buffer that is stored as it is.
    match u64::try_from(claimed) {
        Ok(claimed) => Ok(claimed),
        Err(_) if claimed == -1 => Ok(len),
        Err(_) => Err(cut("a compressed buffer has a negative length")),
    }
}

/// Reads some bytes, which lie within the file.
fn bytes(mut file: &File, at: u64, len: u64) -> Result<Vec<u8>, io::Error> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(at))?;
    file.take(len).read_to_end(&mut bytes)?;
    if bytes.len() as u64 == len { Ok(bytes) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

fn cut(reason: &str) -> ArrowError {
    ArrowError::IpcError(reason.to_owned())
}
