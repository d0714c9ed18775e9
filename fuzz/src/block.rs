//! Compressed blocks from bytes.

use barrow_format::{Compression, PhysicalType, ValuesBuf, encode_block};

/// Type (u8), rows (u16), then a block: it is an error or so many values, and those values come back from
/// every way of encoding them.
pub fn decode_block(input: &[u8]) {
    let Some((head, block)) = input.split_first_chunk::<3>() else { return };
    let physical = PhysicalType::ALL[usize::from(head[0]) % 6];
    let rows = usize::from(u16::from_le_bytes([head[1], head[2]])) % 4_100;
    let mut first = ValuesBuf::zeroed(physical, rows);
    if barrow_format::decode_block(block, physical, rows, first.as_bytes_mut()).is_err() {
        return;
    }
    assert!(rows <= 4_096, "no block has more values");
    for compression in [Compression::None, Compression::Zstd, Compression::Auto] {
        let encoded = encode_block(first.values(), compression);
        assert!(encoded.len() <= 1 + first.values().as_bytes().len());
        let mut second = ValuesBuf::zeroed(physical, rows);
        barrow_format::decode_block(&encoded, physical, rows, second.as_bytes_mut())
            .expect("what was encoded decodes");
        assert!(first.values().as_bytes() == second.values().as_bytes(), "{compression}");
    }
}
