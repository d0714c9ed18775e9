//! Check words: what opening and lookups compare in nanoseconds. Verification compares SHA-256 as well.

use crate::frozen::CHECK_MULTIPLIER;

/// Sums, modulo 2^64, `(word ^ word >> 32) * (2 i + 1) * multiplier` over the words, `i` from 0.
///
/// Each step is a bijection of its word, so that any change within one word changes the sum. The shift keeps
/// changes of the same high bit in two words from cancelling.
#[inline]
pub(crate) fn check_words(words: impl IntoIterator<Item = u64>) -> u64 {
    check_words_at(0, words)
}

/// Returns what words contribute to a check word of which the first of them is the word at `place`, counted from 0.
#[inline]
pub(crate) fn check_words_at(place: u64, words: impl IntoIterator<Item = u64>) -> u64 {
    let mut factor = CHECK_MULTIPLIER.wrapping_mul(place.wrapping_mul(2).wrapping_add(1));
    words.into_iter().fold(0u64, |sum, word| {
        let term = (word ^ (word >> 32)).wrapping_mul(factor);
        factor = factor.wrapping_add(CHECK_MULTIPLIER.wrapping_mul(2));
        sum.wrapping_add(term)
    })
}

/// Returns the check word of bytes: of their little-endian words, the last one filled with zeros, and then
/// of their length.
pub(crate) fn check_bytes(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let mut last = [0; 8];
    last.iter_mut().zip(rest).for_each(|(last, byte)| *last = *byte);
    let last = (!rest.is_empty()).then_some(u64::from_le_bytes(last));
    let words = words.iter().map(|word| u64::from_le_bytes(*word));
    check_words(words.chain(last).chain([bytes.len() as u64]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_or_two_changed_bits_change_the_check_word() {
        let bytes: Vec<u8> = (0..45u8).map(|i| i.wrapping_mul(73)).collect();
        let good = check_bytes(&bytes);
        let flip = |bytes: &mut Vec<u8>, bit: usize| bytes[bit / 8] ^= 1 << (bit % 8);
        for first in 0..8 * bytes.len() {
            let mut bad = bytes.clone();
            flip(&mut bad, first);
            assert_ne!(check_bytes(&bad), good, "bit {first}");
            for second in first + 1..8 * bytes.len() {
                let mut worse = bad.clone();
                flip(&mut worse, second);
                assert_ne!(check_bytes(&worse), good, "bits {first} and {second}");
            }
        }
    }

    #[test]
    fn length_counts() {
        assert_ne!(check_bytes(&[]), check_bytes(&[0]));
        assert_ne!(check_bytes(&[0; 8]), check_bytes(&[0; 16]));
        assert_eq!(check_bytes(&[]), 0);
    }
}
