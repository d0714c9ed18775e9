//! Check words: what opening and lookups compare in nanoseconds. Verification compares SHA-256 as well.

use crate::frozen::CHECK_MULTIPLIER;

/// Sums, modulo 2^64, `(word ^ word >> 32) * (2 i + 1) * multiplier` over the words, `i` from 0.
///
/// Each step is a bijection of its word, so that any change within one word changes the sum. The shift keeps
/// changes of the same high bit in two words from cancelling.
#[inline]
pub(crate) fn check_words(words: impl IntoIterator<Item = u64>) -> u64 {
    let mut factor = CHECK_MULTIPLIER;
    words.into_iter().fold(0u64, |sum, word| {
        let term = mixed(word).wrapping_mul(factor);
        factor = factor.wrapping_add(CHECK_MULTIPLIER.wrapping_mul(2));
        sum.wrapping_add(term)
    })
}

#[inline]
fn mixed(word: u64) -> u64 {
    word ^ (word >> 32)
}

/// Words that are summed side by side, and how often in one step of the loop: so that compilers keep the sums in wide
/// registers.
const LANES: usize = 8;
const STEP: usize = 2 * LANES;

/// Returns what words, as they lie in a file, contribute to a check word in which the first of them has the place `place`,
/// counted from 0.
///
/// Only additions per word, some 45 GB/s out of the cache: the sum of the sums up to each word counts the `r`-th of `n` terms
/// `n - r` times, which tells the sum of `r` times the term.
pub(crate) fn check_words_at(place: u64, words: &[[u8; 8]]) -> u64 {
    let (steps, rest) = words.as_chunks::<STEP>();
    let (mut sums, mut sums_of_sums) = ([0u64; LANES], [0u64; LANES]);
    for step in steps {
        for row in step.as_chunks::<LANES>().0 {
            for ((sum, sum_of_sums), word) in sums.iter_mut().zip(&mut sums_of_sums).zip(row) {
                *sum = sum.wrapping_add(mixed(u64::from_le_bytes(*word)));
                *sum_of_sums = sum_of_sums.wrapping_add(*sum);
            }
        }
    }
    let rows = (steps.len() * STEP / LANES) as u64;
    let (mut by_row, mut by_lane, mut plain) = (0u64, 0u64, 0u64);
    for (lane, (&sum, &sum_of_sums)) in (0u64..).zip(sums.iter().zip(&sums_of_sums)) {
        by_row = by_row.wrapping_add(rows.wrapping_mul(sum)).wrapping_sub(sum_of_sums);
        by_lane = by_lane.wrapping_add(lane.wrapping_mul(sum));
        plain = plain.wrapping_add(sum);
    }
    // The sum of `i` times the `i`-th term, where `i` is `LANES r + lane`.
    let mut weighted = by_row.wrapping_mul(LANES as u64).wrapping_add(by_lane);
    for (i, word) in (rows * LANES as u64..).zip(rest) {
        let term = mixed(u64::from_le_bytes(*word));
        weighted = weighted.wrapping_add(term.wrapping_mul(i));
        plain = plain.wrapping_add(term);
    }
    weighted = weighted.wrapping_add(plain.wrapping_mul(place));
    weighted.wrapping_mul(2).wrapping_add(plain).wrapping_mul(CHECK_MULTIPLIER)
}

/// Returns the check word of bytes: of their little-endian words, the last one filled with zeros, and then
/// of their length.
pub(crate) fn check_bytes(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let mut last = [0; 8];
    last.iter_mut().zip(rest).for_each(|(last, byte)| *last = *byte);
    let end = [last, (bytes.len() as u64).to_le_bytes()];
    let end = if rest.is_empty() { &end[1..] } else { &end[..] };
    check_words_at(0, words).wrapping_add(check_words_at(words.len() as u64, end))
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
    fn however_it_is_computed_it_is_the_same() {
        let words: Vec<u64> = (1..600u64).map(|i| i.wrapping_mul(CHECK_MULTIPLIER)).collect();
        for (start, end) in
            [(0, 0), (0, 1), (3, 18), (0, 16), (5, 37), (7, 519), (0, 512), (87, 599)]
        {
            let bytes: Vec<[u8; 8]> = words[start..end].iter().map(|it| it.to_le_bytes()).collect();
            let before = words[..start].iter().map(|_| 0);
            let expected = check_words(before.chain(words[start..end].iter().copied()));
            assert_eq!(check_words_at(start as u64, &bytes), expected, "{start}..{end}");
        }
    }

    #[test]
    fn length_counts() {
        assert_ne!(check_bytes(&[]), check_bytes(&[0]));
        assert_ne!(check_bytes(&[0; 8]), check_bytes(&[0; 16]));
        assert_eq!(check_bytes(&[]), 0);
    }
}
