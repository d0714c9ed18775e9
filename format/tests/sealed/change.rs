//! A change of one place.

/// Flips bits of a byte, or puts a word in the place of the aligned one that the byte lies in.
pub(crate) fn change(bytes: &mut [u8], at: usize, mask: u8, word: Option<u64>) {
    match word {
        None => bytes[at] ^= mask,
        Some(word) => {
            let at = at / 8 * 8;
            bytes[at..at + 8].copy_from_slice(&word.to_le_bytes());
        }
    }
}
