//! Byte planes: the first bytes of all values, then the second ones, and so on, in one zstd frame.

use super::{BlockError, frame};

/// Sorts the bytes of values of `width` bytes by their place in the value.
pub(super) fn split(bytes: &[u8], width: usize) -> Vec<u8> {
    let plane = |place| bytes.iter().skip(place).step_by(width).copied();
    (0..width).flat_map(plane).collect()
}

pub(super) fn decode(body: &[u8], width: usize, out: &mut [u8]) -> Result<(), BlockError> {
    let mut planes = vec![0; out.len()];
    frame::decompress(body, &mut planes)?;
    let rows = out.len() / width;
    if rows == 0 {
        return Ok(());
    }
    match width {
        8 => join::<8>(&planes, rows, out),
        4 => join::<4>(&planes, rows, out),
        _ => out.copy_from_slice(&planes),
    }
    Ok(())
}

fn join<const WIDTH: usize>(planes: &[u8], rows: usize, out: &mut [u8]) {
    let (values, _) = out.as_chunks_mut::<WIDTH>();
    for (place, plane) in planes.chunks_exact(rows).enumerate() {
        for (value, &byte) in values.iter_mut().zip(plane) {
            if let Some(target) = value.get_mut(place) {
                *target = byte;
            }
        }
    }
}
